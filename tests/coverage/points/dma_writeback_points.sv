// SPDX-License-Identifier: Apache-2.0
// Rounds beside what changes meanwhile.
module dma_writeback_points (
    input logic clk_i,
    input logic rst_ni,
    input logic round_q,
    input logic second_q,
    input logic want_q,
    input logic wait_q,
    input logic start,
    input logic answer,
    input logic ok,
    input logic end_round,
    input logic hold_i,
    input logic enable_i,
    input logic able,
    input logic due_o,
    input logic irq_i,
    input logic failed_o,
    input logic held,
    input logic moved,
    input logic new_error,
    input logic new_fence
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_first_word: cover (wait_q && !second_q);
      c_second_word: cover (wait_q && second_q);
      c_head_moves_in_a_round: cover (round_q && moved);
      c_error_in_a_round: cover (round_q && new_error);
      c_fence_in_a_round: cover (round_q && new_fence);
      c_interrupt_in_a_round: cover (round_q && irq_i);
      c_interrupt_as_one_begins: cover (start && irq_i);
      c_interrupt_as_one_ends: cover (end_round && irq_i);
      c_interrupt_held: cover (held && due_o);
      c_begins_again: cover (end_round && due_o);
      c_held_back: cover (due_o && hold_i && !round_q);
      c_turned_off_in_a_round: cover (round_q && !enable_i);
      c_off_with_interrupt_held: cover (held && !able);
      c_first_failed: cover (answer && !ok && !second_q);
      c_second_failed: cover (answer && !ok && second_q);
      c_failed_and_interrupt: cover (failed_o && irq_i);
      c_not_taken: cover (want_q && hold_i);
    end
  end
endmodule

bind dma_writeback dma_writeback_points i_points (
    .clk_i, .rst_ni, .round_q, .second_q, .want_q, .wait_q, .start, .answer, .ok, .end_round, .hold_i, .enable_i,
    .able, .due_o, .irq_i, .failed_o, .held(held_q != 8'd0), .moved(head_i != head_q),
    .new_error(error_i != error_snap_q), .new_fence(fence_i != fence_q));
