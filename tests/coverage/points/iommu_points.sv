// SPDX-License-Identifier: Apache-2.0
// Blocks beside each other: both lanes, walks and flushes, the users of the unit's own bus, both kinds of drains, and
// a rest that comes meanwhile. Port 0 stands for all.
module iommu_points #(
    parameter int unsigned NumPorts = 1,
    parameter int unsigned Parks = 1,
    parameter int unsigned WalkWidth = 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [NumPorts-1:0] ar,
    input logic [NumPorts-1:0] aw,
    input logic ar_allowed,
    input logic aw_allowed,
    input logic [NumPorts-1:0] hints,
    input logic cutoff,
    input logic quiesce_i,
    input logic data_offered,
    input logic idle_o,
    input logic te,
    input logic mode_ok,
    input logic root_changed,
    input logic cc_flush,
    input logic tlb_flush,
    input logic [1:0] tlb_hit,
    input logic [1:0] walk_valid,
    input logic walk_hint,
    input logic walks_idle,
    input logic done_valid,
    input logic [1:0] done_owner,
    input logic [WalkWidth-1:0] done_index,
    input logic [Parks-1:0] rd_parked,
    input logic [2:0] rd_state[Parks],
    input logic [WalkWidth-1:0] rd_walk[Parks],
    input logic [Parks-1:0] wr_parked,
    input logic [2:0] wr_state[Parks],
    input logic [WalkWidth-1:0] wr_walk[Parks],
    input logic done_fault,
    input logic beat,
    input logic brings_context,
    input logic brings_page,
    input logic tlb_fill,
    input logic pc_fill,
    input logic [1:0] fault_valid,
    input logic [1:0] err_valid,
    input logic pfo,
    input logic rd_push,
    input logic wr_push,
    input logic walk_asks,
    input logic queue_asks,
    input logic [2:0] msg_valid,
    input logic table_busy,
    input logic iq_idle,
    input logic iq_error,
    input logic [1:0] iq_drain,
    input logic [1:0] reg_drain,
    input logic hint_valid,
    input logic hint_ready,
    input logic hint_lost,
    input logic hint_kept,
    input logic rd_idle,
    input logic wr_idle,
    input logic count_walk,
    input logic [1:0] counts
);
  // Each lane has a request that waits for the walk that ends.
  logic rd_waits, wr_waits, quiesce_q, rest_begins;
  always_comb begin
    rd_waits = 1'b0;
    wr_waits = 1'b0;
    for (int unsigned i = 0; i < Parks; i++) begin
      if (rd_parked[i] && rd_state[i] == 3'd3 && rd_walk[i] == done_index) rd_waits = 1'b1;
      if (wr_parked[i] && wr_state[i] == 3'd3 && wr_walk[i] == done_index) wr_waits = 1'b1;
    end
  end
  always_ff @(posedge clk_i) quiesce_q <= quiesce_i;
  assign rest_begins = quiesce_i & ~quiesce_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // requesters
      c_several_read: cover ((ar & (ar - 1'b1)) != '0);
      c_several_write: cover ((aw & (aw - 1'b1)) != '0);
      c_read_and_write: cover (ar != '0 && aw != '0);
      c_read_of_one_has_no_room: cover (ar[0] && !ar_allowed);
      c_write_of_one_has_no_room: cover (aw[0] && !aw_allowed);
      c_cut_off: cover (cutoff && aw[0]);
      // both lanes in one cycle
      c_both_hit: cover (tlb_hit == 2'b11 && counts == 2'b11);
      c_both_ask_for_a_walk: cover (walk_valid == 2'b11);
      c_hint_and_write_ask_for_a_walk: cover (walk_valid == 2'b11 && walk_hint);
      c_both_wait_for_one_walk: cover (done_valid && rd_waits && wr_waits);
      c_both_wait_and_fault: cover (done_valid && rd_waits && wr_waits && done_fault);
      c_nobody_waits_for_a_walk: cover (done_valid && done_owner == 2'b00);
      c_both_fault: cover (fault_valid == 2'b11);
      c_both_blocked: cover (err_valid == 2'b11);
      c_blocked_without_a_record: cover (err_valid != 2'b00 && pfo);
      c_both_go_out: cover (rd_push && wr_push);
      // what a walk fills, and flushes; a flush of contexts or a new root in that cycle lets it start again
      c_context_and_its_flush: cover (beat && brings_context && cc_flush);
      c_context_and_new_root: cover (beat && brings_context && root_changed);
      c_page_and_context_flush: cover (beat && brings_page && cc_flush);
      c_page_and_new_root: cover (beat && brings_page && root_changed);
      c_page_and_flush: cover (tlb_fill && tlb_flush);
      c_table_and_flush: cover (pc_fill && tlb_flush);
      c_fault_and_flush: cover (fault_valid != 2'b00 && (cc_flush || tlb_flush));
      c_walk_begins_in_flush: cover (count_walk && (cc_flush || tlb_flush));
      c_flush_with_nothing_under_way: cover (tlb_flush && walks_idle && rd_idle && wr_idle);
      c_hit_in_flush: cover (tlb_hit != 2'b00 && counts != 2'b00 && tlb_flush);
      // the unit's own bus
      c_walk_and_queue_read: cover (walk_asks && queue_asks);
      c_walk_and_message: cover (walk_asks && msg_valid != 3'd0);
      c_queue_and_message: cover (queue_asks && msg_valid != 3'd0);
      c_status_and_fault_event: cover (msg_valid[0] && (msg_valid[1] || msg_valid[2]));
      c_both_events: cover (msg_valid[2:1] == 2'b11);
      c_all_messages: cover (msg_valid == 3'b111);
      c_all_users: cover (walk_asks && queue_asks && msg_valid != 3'd0);
      // drains
      c_both_directions: cover (iq_drain == 2'b11);
      c_queue_and_command_drain: cover ((iq_drain & reg_drain) != 2'b00);
      c_drain_with_walks: cover (iq_drain != 2'b00 && !walks_idle);
      c_new_requests_in_drain: cover (iq_drain[0] && ar != '0 && aw != '0);
      // hints
      c_hint_and_request: cover (hint_valid && ar != '0);
      c_hint_not_taken: cover (hint_valid && !hint_ready);
      c_hint_lost_as_another_comes: cover (hint_lost && hints != '0);
      c_only_a_hint_is_left: cover (hint_kept && walks_idle && rd_idle && wr_idle && iq_idle);
      c_hint_in_flush: cover (hint_valid && tlb_flush);
      // translation changes with work under way
      c_off_with_walks: cover (!te && !walks_idle);
      c_off_with_requests: cover (!te && ar != '0);
      c_new_root_with_walks: cover (root_changed && !walks_idle);
      c_wrong_mode_with_requests: cover (te && !mode_ok && ar != '0);
      c_queue_error_with_walks: cover (iq_error && !walks_idle);
      // rest
      c_rest_begins_as_read_is_offered: cover (rest_begins && ar[0]);
      c_rest_begins_as_data_is_offered: cover (rest_begins && data_offered);
      c_rest_with_walks: cover (quiesce_i && !walks_idle);
      c_rest_with_queue: cover (quiesce_i && !iq_idle);
      c_rest_with_message: cover (quiesce_i && msg_valid != 3'd0);
      c_rest_with_table_reads: cover (quiesce_i && table_busy);
      c_rest_with_hints: cover (quiesce_i && hints != '0);
      c_rest_with_fault: cover (quiesce_i && fault_valid != 2'b00);
      c_rest_with_drain: cover (quiesce_i && (iq_drain | reg_drain) != 2'b00);
      c_idle: cover (idle_o);
    end
  end
endmodule

bind iommu iommu_points #(.NumPorts(NumPorts), .Parks(Parks), .WalkWidth(WalkWidth)) i_points (
    .clk_i, .rst_ni, .ar(s_axi_arvalid_i), .aw(s_axi_awvalid_i), .ar_allowed(ar_allowed[0]),
    .aw_allowed(aw_allowed[0]), .hints(hint_valid_i), .cutoff(cutoff[0]),
    .quiesce_i, .idle_o, .te, .mode_ok, .root_changed, .cc_flush, .tlb_flush, .tlb_hit, .walk_valid,
    .walk_hint, .walks_idle, .done_valid, .done_owner, .done_index, .rd_parked(i_read_lane.p_valid_q),
    .rd_state(i_read_lane.p_state_q), .rd_walk(i_read_lane.p_walk_q), .wr_parked(i_write_lane.p_valid_q),
    .wr_state(i_write_lane.p_state_q), .wr_walk(i_write_lane.p_walk_q), .done_fault,
    .beat(i_walker.beat_valid && !i_walker.kill_q[i_walker.bw]), .brings_context(i_walker.step_context_ok),
    .brings_page(i_walker.step_leaf), .tlb_fill(fill_valid), .data_offered(s_axi_wvalid_i[0] && !w_open[0]),
    .pc_fill(pc_fill != '0), .fault_valid, .err_valid, .pfo, .rd_push(push[1:0] != 2'b00), .wr_push(push[3:2] != 2'b00),
    .walk_asks(walk_ar_valid), .queue_asks(iq_ar_valid), .msg_valid, .table_busy, .iq_idle, .iq_error,
    .iq_drain(iq_drain_req), .reg_drain(reg_drain_req), .hint_valid, .hint_ready, .hint_lost, .hint_kept,
    .rd_idle(&rd_idle), .wr_idle(&wr_idle), .count_walk, .counts(count_hit));
