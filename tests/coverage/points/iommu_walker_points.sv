// SPDX-License-Identifier: Apache-2.0
// Every state of a walk, all slots taken, and walks that meet flushes, joins and each other.
module iommu_walker_points #(
    parameter int unsigned Slots = 2,
    parameter int unsigned NumWalks = 2
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Slots-1:0] valid_q,
    input logic [2:0] state_q[Slots],
    input logic [Slots-1:0] kill_now,
    input logic [Slots-1:0] near_now,
    input logic hint_waits,
    input logic request_wants,
    input logic beat_valid,
    input logic beat_killed,
    input logic kill_of_beat,
    input logic killed_before,
    input logic beat_asks,
    input logic asks,
    input logic step_more,
    input logic ar_valid_o,
    input logic ar_ready_i,
    input logic start_ends,
    input logic ask_from_start_done,
    input logic end_valid,
    input logic end_fault,
    input logic end_fill,
    input logic [1:0] end_size,
    input logic [2:0] b_level,
    input logic same,
    input logic accepted,
    input logic joins,
    input logic new_hint,
    input logic hint_joined,
    input logic some_free,
    input logic both_lanes,
    input logic asked,
    input logic cc_flush_i,
    input logic tlb_flush_i,
    input logic fill_valid_o,
    input logic fault_e,
    input logic start,
    input logic free_is_low,
    input logic beat_error,
    input logic ask_start,
    input logic ctx_hit_i,
    input logic start_top,
    input logic ctx_fill_o,
    input logic pc_fill,
    input logic fault_dropped
);
  logic [5:0] in, killed;  // somebody is in this state; and a flush takes what he has read
  always_comb begin
    in = '0;
    killed = '0;
    for (int unsigned i = 0; i < Slots; i++) begin
      for (int unsigned s = 0; s < 6; s++) begin
        if (valid_q[i] && state_q[i] == 3'(s)) begin
          in[s] = 1'b1;
          if (kill_now[i]) killed[s] = 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // each state
      c_state_start: cover (in[0]);
      c_state_root_read: cover (in[1]);
      c_state_ctx_ask: cover (in[2]);
      c_state_ctx_read: cover (in[3]);
      c_state_page_ask: cover (in[4]);
      c_state_page_read: cover (in[5]);
      // slots
      c_requests_full: cover (valid_q[NumWalks-1:0] == '1);
      c_hints_full: cover (valid_q[Slots-1:NumWalks] == '1);
      c_all_empty: cover (valid_q == '0);
      c_none_free: cover (asked && !joins && !some_free);
      // killed by a flush in each state
      c_killed_in_start: cover (killed[0]);
      c_killed_in_root_read: cover (killed[1]);
      c_killed_in_ctx_ask: cover (killed[2]);
      c_killed_in_ctx_read: cover (killed[3]);
      c_killed_in_page_ask: cover (killed[4]);
      c_killed_in_page_read: cover (killed[5]);
      c_page_flush_nearby: cover (near_now != '0);
      c_large_page_made_small: cover (end_fill && end_size == 2'd0 && b_level != 3'd1);
      // a beat and a flush
      c_beat_of_killed: cover (beat_valid && killed_before);
      c_beat_and_its_kill: cover (beat_valid && kill_of_beat && !killed_before);
      c_beat_and_other_flush: cover (beat_valid && !beat_killed && (cc_flush_i || tlb_flush_i));
      c_ctx_fill_and_tlb_flush: cover (ctx_fill_o && tlb_flush_i);
      c_pc_fill_and_tlb_flush: cover (pc_fill && tlb_flush_i);
      // an end and a flush, a join
      c_end_and_flush: cover (end_valid && (cc_flush_i || tlb_flush_i));
      c_told_and_flush: cover (fault_dropped);
      c_fill_and_tlb_flush: cover (fill_valid_o && tlb_flush_i);
      c_end_and_join: cover (end_valid && accepted && joins && same);
      c_end_and_start: cover (end_valid && start);
      c_end_with_fault: cover (end_valid && end_fault);
      c_fault_told: cover (fault_e);
      // who goes first
      c_both_lanes: cover (both_lanes);
      c_request_joins: cover (accepted && joins && !new_hint);
      c_hint_joins: cover (accepted && joins && new_hint);
      c_request_joins_hint: cover (accepted && joins && !new_hint && hint_joined);
      c_request_before_hint: cover (request_wants && hint_waits);
      c_beat_before_asker: cover (beat_asks && asks);
      c_beat_steps_while_bus_is_taken: cover (beat_asks && !ar_ready_i);
      c_bus_taken: cover (ar_valid_o && !ar_ready_i);
      c_start_ends_at_once: cover (ask_from_start_done);
      c_start_waits_for_a_beat: cover (start_ends && beat_valid);
      c_read_error: cover (beat_valid && beat_error);
      c_start_by_context: cover (ask_start && ctx_hit_i && start_top);
      c_start_by_table: cover (ask_start && ctx_hit_i && !start_top);
      c_start_at_root: cover (ask_start && !ctx_hit_i);
      c_steps: cover (beat_valid && step_more);
      c_lowest_slot_taken: cover (start && free_is_low);
    end
  end
endmodule

bind iommu_walker iommu_walker_points #(.Slots(Slots), .NumWalks(NumWalks)) i_points (
    .clk_i, .rst_ni, .valid_q, .state_q, .kill_now, .near_now, .hint_waits((wants & hint_q) != '0), .request_wants,
    .beat_valid, .beat_killed, .kill_of_beat(kill_now[bw]), .killed_before(kill_q[bw]), .beat_asks, .asks(ask != '0),
    .step_more, .ar_valid_o, .ar_ready_i, .start_ends, .ask_from_start_done, .end_valid, .end_fault, .end_fill,
    .end_size, .b_level, .same(join_index == end_walk), .accepted, .joins, .new_hint,
    .hint_joined(hint_q[join_index]), .some_free, .both_lanes(req_valid_i == 2'b11), .asked(req_valid_i != '0),
    .cc_flush_i, .tlb_flush_i, .fill_valid_o, .fault_e(done_valid_o && done_fault_o), .start,
    .free_is_low(free_index == '0), .beat_error, .ask_start, .ctx_hit_i, .start_top, .ctx_fill_o,
    .pc_fill(pc_fill_o != '0), .fault_dropped(done_valid_o && (cc_flush_i || tlb_flush_i)));
