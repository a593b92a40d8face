// SPDX-License-Identifier: Apache-2.0
// Fills, lookups and flushes in one cycle; full and empty. The walker drops a fill that meets a flush itself:
// iommu_points has that.
module iommu_context_cache_points #(
    parameter int unsigned Entries = 2
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Entries-1:0] valid_q,
    input logic flush_valid_i,
    input logic [1:0] flush_g_i,
    input logic fill,
    input logic present,
    input logic rd_taken,
    input logic wr_taken,
    input logic wk_taken,
    input logic kept,
    input logic rd_hit_o,
    input logic wr_hit_o
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (valid_q == '1);
      c_empty: cover (valid_q == '0);
      c_replaces: cover (fill && valid_q == '1 && !present);
      c_fills_again: cover (fill && present);
      c_both_hit: cover (rd_hit_o && wr_hit_o);
      c_read_hit_and_flush: cover (flush_valid_i && rd_taken);
      c_write_hit_and_flush: cover (flush_valid_i && wr_taken);
      c_walk_hit_and_flush: cover (flush_valid_i && wk_taken);
      c_flush_leaves_others: cover (flush_valid_i && kept);
      c_flush_global: cover (flush_valid_i && flush_g_i == 2'd1);
      c_flush_domain: cover (flush_valid_i && flush_g_i == 2'd2);
      c_flush_device: cover (flush_valid_i && flush_g_i == 2'd3);
    end
  end
endmodule

bind iommu_context_cache iommu_context_cache_points #(.Entries(Entries)) i_points (
    .clk_i, .rst_ni, .valid_q, .flush_valid_i, .flush_g_i, .fill, .present(fill_match != '0),
    .rd_taken((rd_match & flush_match) != '0), .wr_taken((wr_match & flush_match) != '0),
    .wk_taken((wk_match & flush_match) != '0), .kept((valid_q & ~flush_match) != '0), .rd_hit_o, .wr_hit_o);
