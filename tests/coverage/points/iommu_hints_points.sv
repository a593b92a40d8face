// SPDX-License-Identifier: Apache-2.0
// Kept hints, full and empty, beside new ones.
module iommu_hints_points (
    input logic clk_i,
    input logic rst_ni,
    input logic full,
    input logic none_kept,
    input logic any,
    input logic every,
    input logic out_ready_i,
    input logic lost_valid_i
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (full);
      c_empty: cover (none_kept);
      c_every_port_offers: cover (every && none_kept && out_ready_i);
      c_new_waits_for_kept: cover (any && !none_kept);
      c_lost_and_new: cover (lost_valid_i && any && none_kept && out_ready_i);
      c_lost_as_kept_goes: cover (lost_valid_i && !none_kept && out_ready_i);
      c_lane_takes_none: cover (any && !out_ready_i);
    end
  end
endmodule

bind iommu_hints iommu_hints_points i_points (
    .clk_i, .rst_ni, .full, .none_kept, .any(hint_valid_i != '0), .every(hint_valid_i == '1), .out_ready_i,
    .lost_valid_i);
