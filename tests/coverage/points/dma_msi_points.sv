// SPDX-License-Identifier: Apache-2.0
// Interrupts beside one that is under way.
module dma_msi_points (
    input logic clk_i,
    input logic rst_ni,
    input logic rise_i,
    input logic on_i,
    input logic due_q,
    input logic show_q,
    input logic wait_q,
    input logic over,
    input logic write_valid_o,
    input logic write_ready_i,
    input logic bvalid_i
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_rises: cover (rise_i && on_i);
      c_turned_off_when_due: cover (due_q && !on_i);
      c_not_taken: cover (write_valid_o && !write_ready_i);
      c_rises_as_one_is_sent: cover (rise_i && write_valid_o);
      c_shown: cover (show_q);
      c_unanswered: cover (wait_q);
      c_waits_for_the_one_before: cover (due_q && wait_q);
      c_given_up: cover (over && wait_q);
      c_given_up_as_answer_comes: cover (over && wait_q && bvalid_i);
      c_late_answer: cover (bvalid_i && !wait_q);
      c_rises_as_answer_comes: cover (rise_i && bvalid_i);
    end
  end
endmodule

bind dma_msi dma_msi_points i_points (
    .clk_i, .rst_ni, .rise_i, .on_i, .due_q, .show_q, .wait_q, .over, .write_valid_o, .write_ready_i, .bvalid_i);
