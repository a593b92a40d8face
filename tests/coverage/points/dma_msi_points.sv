// SPDX-License-Identifier: Apache-2.0
// Interrupts beside one that is under way.
module dma_msi_points (
    input logic clk_i,
    input logic rst_ni,
    input logic rise_i,
    input logic on_i,
    input logic write_valid_o,
    input logic write_ready_i,
    input logic bvalid_i
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_rises: cover (rise_i && on_i);
      c_rises_masked: cover (rise_i && !on_i);
      c_not_taken: cover (write_valid_o && !write_ready_i);
      c_rises_as_one_is_sent: cover (rise_i && write_valid_o);
      c_rises_as_answer_comes: cover (rise_i && bvalid_i);
    end
  end
endmodule

bind dma_msi dma_msi_points i_points (
    .clk_i, .rst_ni, .rise_i, .on_i, .write_valid_o, .write_ready_i, .bvalid_i);
