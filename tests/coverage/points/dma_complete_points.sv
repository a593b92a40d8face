// SPDX-License-Identifier: Apache-2.0
// What waits to retire, full and empty; answers, failures, resets and commands in one cycle.
module dma_complete_points (
    input logic clk_i,
    input logic rst_ni,
    input logic full_o,
    input logic empty_o,
    input logic push_i,
    input logic pop,
    input logic is_op,
    input logic refused,
    input logic wait_bad,
    input logic failing,
    input logic blame,
    input logic fail_q,
    input logic error_q,
    input logic hung_q,
    input logic reset_i,
    input logic resume_i,
    input logic skip_i,
    input logic drained_i,
    input logic late_i,
    input logic late,
    input logic latch,
    input logic flush_o,
    input logic home_o,
    input logic go_o,
    input logic fence_done_i,
    input logic fence_fail_i,
    input logic stream_fail_i,
    input logic [1:0] b_fail_i,
    input logic [1:0] op_done_i,
    input logic younger_waits,
    input logic younger_first,
    input logic wraps,
    input logic [2:0] kind
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (full_o);
      c_empty: cover (empty_o);
      c_push_and_pop: cover (push_i && pop);
      c_retires_nop: cover (pop && kind == 3'(dma_job_pkg::RETIRE_NOP));
      c_retires_op: cover (pop && kind == 3'(dma_job_pkg::RETIRE_OP));
      c_retires_fence: cover (pop && kind == 3'(dma_job_pkg::RETIRE_FENCE));
      c_retires_wait: cover (pop && kind == 3'(dma_job_pkg::RETIRE_WAIT));
      c_retires_map: cover (pop && kind == 3'(dma_job_pkg::RETIRE_MAP));
      c_retires_link: cover (pop && kind == 3'(dma_job_pkg::RETIRE_LINK));
      c_wraps: cover (pop && wraps);
      c_both_ports_end: cover (op_done_i == 2'b11);
      c_ends_as_one_retires: cover (op_done_i != 2'b00 && pop && is_op);
      c_fence_ends_late: cover (fence_done_i && pop);
      // failures
      c_refused: cover (refused && latch);
      c_wait_failed: cover (wait_bad && latch);
      c_write_or_read_failed: cover (failing && latch);
      c_fence_failed: cover (fence_fail_i);
      c_both_ports_fail: cover (b_fail_i == 2'b11);
      c_fails_behind_others: cover (younger_waits && pop);
      c_older_fails_later: cover (younger_first);
      c_stream_and_answer_fail: cover (stream_fail_i && b_fail_i != 2'b00);
      c_failure_waits_for_drain: cover (blame && !drained_i);
      c_error_and_retire: cover (stream_fail_i && pop);
      c_late: cover (late);
      c_late_and_failure: cover (late_i && blame);
      c_hung_and_drained: cover (hung_q && flush_o);
      // resets and commands
      c_reset_at_rest: cover (home_o && empty_o && !fail_q && !error_q);
      c_reset_with_work: cover (reset_i && !empty_o);
      c_reset_and_answer: cover (reset_i && op_done_i != 2'b00);
      c_reset_and_failed_answer: cover (reset_i && b_fail_i != 2'b00);
      c_reset_and_failure: cover (reset_i && blame);
      c_reset_after_error: cover (home_o && error_q);
      c_reset_while_hung: cover (reset_i && hung_q);
      c_reset_and_late: cover (reset_i && late_i);
      c_resume: cover (go_o && !skip_i);
      c_skip: cover (go_o && skip_i);
      c_resume_while_hung: cover (hung_q && resume_i);
      c_resume_and_reset: cover (error_q && resume_i && reset_i);
    end
  end
endmodule

bind dma_complete dma_complete_points i_points (
    .clk_i, .rst_ni, .full_o, .empty_o, .push_i, .pop, .is_op, .refused, .wait_bad, .failing, .blame, .fail_q,
    .error_q, .hung_q, .reset_i, .resume_i, .skip_i, .drained_i, .late_i, .late, .latch, .flush_o, .home_o, .go_o,
    .fence_done_i, .fence_fail_i, .stream_fail_i, .b_fail_i, .op_done_i,
    .younger_waits(fail_q && fail_data_q.index != head_q),
    .younger_first(fail_q && b_fail_i[0] && fail_data_d.index != fail_data_q.index), .wraps(head_q == ring_mask_i),
    .kind(3'(head.kind)));
