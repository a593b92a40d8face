// SPDX-License-Identifier: Apache-2.0
// Turns of both classes, credit that is left and owed.
module dma_wrr_points (
    input logic clk_i,
    input logic rst_ni,
    input logic high,
    input logic stay,
    input logic many,
    input logic any,
    input logic low_waits,
    input logic owed,
    input logic changes
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_stays: cover (any && stay);
      c_stays_before_others: cover (stay && many);
      c_changes: cover (any && changes);
      c_owed: cover (any && !stay && owed);
      c_high: cover (high);
      c_high_before_low: cover (low_waits);
      c_several: cover (many && !high);
      c_several_high: cover (many && high);
    end
  end
endmodule

bind dma_wrr dma_wrr_points i_points (
    .clk_i, .rst_ni, .high, .stay, .many((among & (among - 1'b1)) != '0), .any(req_i != '0),
    .low_waits(high && (req_i & ~high_i) != '0), .owed(old[CreditWidth-1]), .changes(index_o != turn));
