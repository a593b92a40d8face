// SPDX-License-Identifier: Apache-2.0
// A word read in the cycle in which it is written: where nobody looks, and where the memory gives the new one.
module ram_1r1w_points (
    input logic clk_i,
    input logic clash,
    input logic bypass
);
  always_ff @(posedge clk_i) begin
    c_clash: cover (clash && !bypass);
    c_clash_bypassed: cover (clash && bypass);
  end
endmodule

bind ram_1r1w ram_1r1w_points i_points (
    .clk_i, .clash, .bypass(Bypass));
