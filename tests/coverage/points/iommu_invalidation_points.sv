// SPDX-License-Identifier: Apache-2.0
// Every state of the queue, its buffers full and empty, errors and stops beside what is under way. It is turned off only
// when nothing is: c_gcmd_queue_off_waits of the registers.
module iommu_invalidation_points (
    input logic clk_i,
    input logic rst_ni,
    input logic [2:0] state_q,
    input logic base_reset_i,
    input logic iqe_i,
    input logic info_full,
    input logic info_empty,
    input logic beat_full,
    input logic beat_empty,
    input logic bursts_full,
    input logic flying,
    input logic r_valid_i,
    input logic r_error_i,
    input logic ar_valid_o,
    input logic ar_ready_i,
    input logic ar_taken,
    input logic info_pop,
    input logic accept,
    input logic stop_now,
    input logic queue_bad,
    input logic at_hand,
    input logic is_cc,
    input logic is_tlb,
    input logic is_wait,
    input logic cc_q,
    input logic tlb_ready_i,
    input logic settled_i,
    input logic [1:0] drain_ack_i,
    input logic [1:0] drain_req_o,
    input logic [1:0] owed_drain_q,
    input logic [1:0] g_q,
    input logic head_wraps,
    input logic fetch_wraps,
    input logic sw_q,
    input logic if_q,
    input logic wait_over,
    input logic status_valid_o,
    input logic status_ready_i,
    input logic status_done_i,
    input logic wide_i,
    input logic tail_bad,
    input logic mode_ok_i,
    input logic [3:0] error_code_o,
    input logic partial
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // each state
      c_state_idle: cover (state_q == 3'd0);
      c_state_flush: cover (state_q == 3'd1);
      c_state_drain: cover (state_q == 3'd2);
      c_state_status: cover (state_q == 3'd3);
      c_state_answer: cover (state_q == 3'd4);
      c_state_stopped: cover (state_q == 3'd5);
      // queues
      c_info_full: cover (info_full);
      c_info_empty: cover (info_empty);
      c_beats_full: cover (beat_full);
      c_beats_empty: cover (beat_empty);
      c_bursts_full: cover (bursts_full);
      c_head_wraps: cover (accept && head_wraps);
      c_fetch_wraps: cover (ar_taken && fetch_wraps);
      c_fetch_begins_within_a_burst: cover (ar_taken && partial);
      // each flush
      c_context: cover (state_q == 3'd1 && cc_q);
      c_iotlb_global: cover (state_q == 3'd1 && !cc_q && g_q == 2'd1);
      c_iotlb_domain: cover (state_q == 3'd1 && !cc_q && g_q == 2'd2);
      c_iotlb_page: cover (state_q == 3'd1 && !cc_q && g_q == 2'd3);
      c_iotlb_works_on_the_last: cover (state_q == 3'd1 && !cc_q && !tlb_ready_i);
      // waits
      c_wait_with_drain: cover (accept && is_wait && owed_drain_q != 2'b00);
      c_wait_for_what_hit: cover (state_q == 3'd2 && drain_req_o == 2'b00 && !settled_i);
      c_wait_at_once: cover (accept && is_wait && owed_drain_q == 2'b00 && settled_i);
      c_drains_end_together: cover (state_q == 3'd2 && drain_ack_i == 2'b11);
      c_read_drain_first: cover (drain_req_o == 2'b11 && drain_ack_i == 2'b01);
      c_write_drain_first: cover (drain_req_o == 2'b11 && drain_ack_i == 2'b10);
      c_status_waits: cover (status_valid_o && !status_ready_i);
      c_interrupt_and_status: cover (wait_over && if_q && sw_q);
      c_interrupt_alone: cover (wait_over && if_q && !sw_q);
      c_neither: cover (wait_over && !if_q && !sw_q);
      c_answer_and_beat: cover (status_done_i && r_valid_i);
      // in one cycle
      c_fetch_and_pop: cover (ar_taken && info_pop);
      c_beat_and_accept: cover (r_valid_i && accept);
      c_bus_taken: cover (ar_valid_o && !ar_ready_i);
      c_ctx_while_fetching: cover (accept && is_cc && flying);
      c_tlb_while_fetching: cover (accept && is_tlb && flying);
      // errors
      c_error_fetch: cover (stop_now && error_code_o == 4'(vtd_pkg::IQEI_FETCH));
      c_error_type: cover (stop_now && error_code_o == 4'(vtd_pkg::IQEI_TYPE));
      c_error_reserved: cover (stop_now && error_code_o == 4'(vtd_pkg::IQEI_RESERVED));
      c_error_width: cover (stop_now && error_code_o == 4'(vtd_pkg::IQEI_WIDTH));
      c_error_tail: cover (stop_now && error_code_o == 4'(vtd_pkg::IQEI_TAIL));
      c_error_mode: cover (stop_now && error_code_o == 4'(vtd_pkg::IQEI_MODE));
      c_error_and_beat: cover (stop_now && r_valid_i);
      c_error_and_fetch: cover (stop_now && ar_taken);
      c_mode_bad_with_a_descriptor_at_hand: cover (at_hand && queue_bad);
      c_stopped_with_reads_under_way: cover (state_q == 3'd5 && flying);
      c_read_error: cover (r_valid_i && r_error_i);
      c_iqe_cleared_with_reads_under_way: cover (state_q == 3'd5 && !iqe_i && flying);
      c_base_moved_while_stopped: cover (state_q == 3'd5 && base_reset_i);
      c_wide_and_bad_tail: cover (queue_bad && wide_i && tail_bad);
      c_mode_bad: cover (queue_bad && !mode_ok_i);
    end
  end
endmodule

bind iommu_invalidation iommu_invalidation_points i_points (
    .clk_i, .rst_ni, .state_q, .base_reset_i, .iqe_i, .info_full, .info_empty, .beat_full, .beat_empty,
    .bursts_full(held_q == BurstBits'(Bursts)), .flying(flying_q != '0), .r_valid_i, .r_error_i, .ar_valid_o,
    .ar_ready_i, .ar_taken, .info_pop, .accept, .stop_now, .queue_bad, .at_hand, .is_cc, .is_tlb, .is_wait, .cc_q,
    .tlb_ready_i, .settled_i, .drain_ack_i, .drain_req_o, .owed_drain_q, .g_q, .head_wraps(head_next == '0),
    .fetch_wraps(16'(fetch_q) + 16'(count) == slots), .sw_q, .if_q, .wait_over, .status_valid_o, .status_ready_i,
    .status_done_i, .wide_i, .tail_bad, .mode_ok_i, .error_code_o, .partial(to_boundary != 5'(BurstSlots)));
