// SPDX-License-Identifier: Apache-2.0
// Fills, lookups and flushes in one cycle; full and empty; pages of every size.
module iommu_iotlb_full_points #(
    parameter int unsigned Entries = 2
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Entries-1:0] valid_q,
    input logic fill_valid_i,
    input logic fill_flushed,
    input logic fill,
    input logic [1:0] fill_size_i,
    input logic overlaps,
    input logic overlaps_many,
    input logic flush_valid_i,
    input logic [1:0] flush_g_i,
    input logic rd_taken,
    input logic wr_taken,
    input logic rd_filled,
    input logic wr_filled,
    input logic rd_hit_o,
    input logic wr_hit_o,
    input logic kept,
    input logic wraps
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (valid_q == '1);
      c_empty: cover (valid_q == '0);
      c_replaces: cover (fill && valid_q == '1 && !overlaps);
      c_turn_comes_round: cover (fill && valid_q == '1 && !overlaps && wraps);
      c_fills_again: cover (fill && overlaps);
      c_one_takes_several: cover (fill && overlaps_many);
      c_both_hit: cover (rd_hit_o && wr_hit_o);
      c_size_4k: cover (fill && fill_size_i == 2'd0);
      c_size_2m: cover (fill && fill_size_i == 2'd1);
      c_size_1g: cover (fill && fill_size_i == 2'd2);
      c_fill_and_its_flush: cover (fill_valid_i && fill_flushed);
      c_fill_and_other_flush: cover (fill && flush_valid_i);
      c_read_hit_and_flush: cover (flush_valid_i && rd_taken);
      c_write_hit_and_flush: cover (flush_valid_i && wr_taken);
      c_read_hit_and_other_flush: cover (flush_valid_i && rd_hit_o && !rd_taken);
      c_read_hit_and_fill: cover (fill && rd_filled);
      c_write_hit_and_fill: cover (fill && wr_filled);
      c_flush_leaves_others: cover (flush_valid_i && kept);
      c_flush_global: cover (flush_valid_i && flush_g_i == 2'd1);
      c_flush_domain: cover (flush_valid_i && flush_g_i == 2'd2);
      c_flush_page: cover (flush_valid_i && flush_g_i == 2'd3);
    end
  end
endmodule

bind iommu_iotlb_full iommu_iotlb_full_points #(.Entries(Entries)) i_points (
    .clk_i, .rst_ni, .valid_q, .fill_valid_i, .fill_flushed, .fill, .fill_size_i, .overlaps(overlap != '0),
    .overlaps_many((overlap & (overlap - 1'b1)) != '0), .flush_valid_i, .flush_g_i,
    .rd_taken((rd_match & flush_match) != '0), .wr_taken((wr_match & flush_match) != '0),
    .rd_filled((rd_match & overlap) != '0), .wr_filled((wr_match & overlap) != '0), .rd_hit_o, .wr_hit_o,
    .kept((valid_q & ~flush_match) != '0), .wraps(next_q == IdxWidth'(Entries - 1)));
