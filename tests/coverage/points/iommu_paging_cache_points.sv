// SPDX-License-Identifier: Apache-2.0
// Fills, lookups and flushes in one cycle. A flush that may take tables of the walk's own domain restarts the walk, so
// that it fills nothing in its cycle (c_beat_and_its_kill of the walker).
module iommu_paging_cache_points (
    input logic clk_i,
    input logic rst_ni,
    input logic hit_o,
    input logic fill_valid_i,
    input logic flush_valid_i,
    input logic [1:0] flush_g_i,
    input logic flush_ih_i,
    input logic same_domain,
    input logic exists
);
  logic fill_flush;
  assign fill_flush = exists & fill_valid_i & flush_valid_i;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_hit: cover (hit_o);
      c_hit_and_flush_of_others: cover (hit_o && flush_valid_i);
      c_fill_and_flush: cover (fill_flush && same_domain);
      c_fill_and_flush_of_others: cover (fill_flush && !same_domain && flush_g_i != 2'd1);
      c_fill_and_leaf_flush: cover (fill_flush && same_domain && flush_g_i == 2'd3 && flush_ih_i);
      c_fill_and_hit: cover (hit_o && fill_valid_i);
    end
  end
endmodule

bind iommu_paging_cache iommu_paging_cache_points i_points (
    .clk_i, .rst_ni, .hit_o, .fill_valid_i, .flush_valid_i, .flush_g_i, .flush_ih_i,
    .same_domain(fill_did_i == flush_did_i), .exists(Entries > 1 && PageWidth > 9 * Level));
