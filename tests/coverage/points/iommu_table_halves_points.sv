// SPDX-License-Identifier: Apache-2.0
// Halves of several readers mixed, and errors in either.
module iommu_table_halves_points (
    input logic clk_i,
    input logic rst_ni,
    input logic r_valid_i,
    input logic r_queue_i,
    input logic first,
    input logic second,
    input logic error_before,
    input logic r_error_i,
    input logic many,
    input logic none
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_none: cover (none);
      c_several: cover (many);
      c_walk_whole: cover (r_valid_i && !r_queue_i && second);
      c_queue_whole: cover (r_valid_i && r_queue_i && second);
      c_walk_half: cover (r_valid_i && !r_queue_i && !first && !second);
      c_error_in_first: cover (r_valid_i && second && error_before && !r_error_i);
      c_error_in_second: cover (r_valid_i && second && !error_before && r_error_i);
      c_second_while_others_wait: cover (r_valid_i && second && many);
    end
  end
endmodule

bind iommu_table_halves iommu_table_halves_points i_points (
    .clk_i, .rst_ni, .r_valid_i, .r_queue_i, .first, .second(second_q[reader]), .error_before(half[64]), .r_error_i,
    .many((second_q & (second_q - 1'b1)) != '0), .none(second_q == '0));
