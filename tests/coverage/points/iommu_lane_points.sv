// SPDX-License-Identifier: Apache-2.0
// Every state of a parked request, its queues full and empty, and what meets a flush.
module iommu_lane_points #(
    parameter int unsigned Parks = 2
) (
    input logic clk_i,
    input logic rst_ni,
    input logic flush_i,
    input logic [Parks-1:0] p_valid_q,
    input logic [2:0] p_state_q[Parks],
    input logic [Parks-1:0] p_dep_q,
    input logic load_replay,
    input logic load_new,
    input logic load_out,
    input logic new_waits,
    input logic hint_valid_i,
    input logic hint_ready_o,
    input logic hint_lost_o,
    input logic out_full,
    input logic out_empty,
    input logic unsettled,
    input logic push,
    input logic park,
    input logic remapped,
    input logic b_valid,
    input logic b_replay,
    input logic [1:0] kind,
    input logic followed,
    input logic freed_tail,
    input logic o_valid_q,
    input logic parked_walk,
    input logic walk_valid_o,
    input logic walk_ready_i,
    input logic done_valid_i,
    input logic done_page_i,
    input logic done_fault_i,
    input logic fault_done,
    input logic fault_valid_o,
    input logic fault_ready_i,
    input logic err_valid_o,
    input logic err_all,
    input logic err_done,
    input logic port_out
);
  logic [7:0] in;  // somebody is in this state
  always_comb begin
    in = '0;
    for (int unsigned i = 0; i < Parks; i++) if (p_valid_q[i]) in[p_state_q[i]] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // each state
      c_state_ready: cover (in[0]);
      c_state_in_pipe: cover (in[1]);
      c_state_walk_request: cover (in[2]);
      c_state_walk: cover (in[3]);
      c_state_fault: cover (in[4]);
      c_state_error: cover (in[5]);
      c_state_error_wait: cover (in[6]);
      c_state_out: cover (in[7]);
      // parking slots, room at the output
      c_parks_full: cover (p_valid_q == '1);
      c_parks_empty: cover (p_valid_q == '0);
      c_out_full: cover (out_full);
      c_out_empty: cover (out_empty);
      c_one_port_has_no_room: cover (port_out);
      // beside a flush
      c_hit_and_flush: cover (push && remapped && flush_i);
      c_parked_hit_and_flush: cover (park && remapped && kind == 2'd0 && flush_i);
      c_miss_and_flush: cover (b_valid && kind == 2'd1 && flush_i);
      c_direct_fault_and_flush: cover (park && kind == 2'd2 && flush_i);
      c_walk_found_and_flush: cover (done_valid_i && done_page_i && flush_i);
      c_fault_waits_and_flush: cover (in[4] && !fault_done && flush_i);
      c_fault_recorded_and_flush: cover (fault_done && flush_i);
      c_out_waits_and_flush: cover (in[7] && flush_i);
      c_flush_before_settled: cover (unsettled && flush_i);
      // in one cycle
      c_two_pushes: cover (push && o_valid_q);
      c_replay_before_new: cover (load_replay && new_waits);
      c_new_before_hint: cover (load_new && hint_valid_i);
      c_hint: cover (hint_valid_i && hint_ready_o);
      c_hint_lost: cover (hint_lost_o);
      c_parked_walk_before_lookup: cover (parked_walk && b_valid && kind == 2'd1);
      c_no_walk_free: cover (walk_valid_o && !walk_ready_i);
      c_tail_leaves_as_next_parks: cover (park && followed && freed_tail);
      c_parks_behind: cover (park && followed && !freed_tail);
      c_out_and_lookup: cover (load_out && push);
      c_fault_waits_its_turn: cover (fault_valid_o && !fault_ready_i);
      c_fault_ends_a_walk: cover (done_valid_i && done_fault_i);
      c_every_port_has_an_error: cover (err_all);
      c_error_ends_as_next_begins: cover (err_done && err_valid_o);
      c_error_held_back: cover ((p_valid_q & p_dep_q) != '0 && in[5]);
      c_replay_still_misses: cover (b_replay && b_valid && kind == 2'd1);
      c_abort: cover (park && kind == 2'd3);
    end
  end
endmodule

bind iommu_lane iommu_lane_points #(.Parks(Parks)) i_points (
    .clk_i, .rst_ni, .flush_i, .p_valid_q, .p_state_q, .p_dep_q, .load_replay, .load_new, .load_out,
    .new_waits(new_req != '0), .hint_valid_i, .hint_ready_o, .hint_lost_o, .out_full(out_credits_q == '0),
    .out_empty, .unsettled, .push, .park, .remapped, .b_valid, .b_replay, .kind, .followed(tail != '0),
    .freed_tail(freed[tail_slot]), .o_valid_q, .parked_walk, .walk_valid_o, .walk_ready_i, .done_valid_i,
    .done_page_i, .done_fault_i, .fault_done, .fault_valid_o, .fault_ready_i, .err_valid_o,
    .err_all(err_busy_q == '1), .err_done(err_done_i != '0), .port_out((park_room != '1) && (park_room != '0)));
