// SPDX-License-Identifier: Apache-2.0
// What is shown, what waits behind it and for what; bursts, messages and a pause beside each other.
module dma_port_mux_points #(
    parameter int unsigned Channels = 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic pause_i,
    input logic quiet_o,
    input logic [Channels-1:0] arvalid_i,
    input logic [Channels-1:0] ar_req,
    input logic [Channels-1:0] awvalid_i,
    input logic [Channels-1:0] owed,
    input logic arvalid,
    input logic arready,
    input logic ar_lock_q,
    input logic ar_overtaken,
    input logic none_ahead,
    input logic behind_slack,
    input logic window_full,
    input logic beyond_window,
    input logic nothing_coming,
    input logic ar_taken,
    input logic rvalid,
    input logic rlast,
    input logic bvalid,
    input logic reader_of_pause,
    input logic reader_bursts_here,
    input logic active,
    input logic busy_q,
    input logic msi,
    input logic msi_q,
    input logic msi_want,
    input logic msi_valid_i,
    input logic msi_full,
    input logic msi_owed,
    input logic msi_taken,
    input logic msi_bvalid_o,
    input logic aw_done_q,
    input logic w_done_q,
    input logic aw_taken,
    input logic w_taken,
    input logic awvalid,
    input logic awready,
    input logic wvalid,
    input logic wready,
    input logic finish,
    input logic source_w,
    input logic same_channel_ends,
    input logic fields_of_others
);
  logic pause_q, begins, ends, last_finish_q, last_msi_q;
  always_ff @(posedge clk_i) begin
    pause_q <= pause_i;
    last_finish_q <= finish;
    last_msi_q <= finish & msi;
  end
  assign begins = pause_i & ~pause_q;
  assign ends = ~pause_i & pause_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // reads
      c_read_not_taken: cover (arvalid && !arready);
      c_other_would_go_first: cover (ar_lock_q && ar_overtaken);
      c_several_read: cover ((ar_req & (ar_req - 1'b1)) != '0);
      c_as_fast_as_the_bus: cover (!ar_lock_q && ar_req != '0 && none_ahead);
      c_burst_beyond_slack: cover (behind_slack);
      c_window_full: cover (!ar_lock_q && ar_req != '0 && window_full);
      c_burst_beyond_window: cover (beyond_window);
      c_asked_as_one_comes: cover (ar_taken && rvalid);
      c_last_of_all_comes: cover (rvalid && nothing_coming);
      c_taken_at_once: cover (ar_taken && !ar_lock_q);
      // writes
      c_single_beat_at_once: cover (finish && !busy_q);
      c_address_before_data: cover (busy_q && aw_done_q && !w_done_q);
      c_data_before_address: cover (busy_q && w_done_q && !aw_done_q);
      c_address_not_taken: cover (awvalid && !awready && wvalid && wready);
      c_data_not_taken: cover (awvalid && awready && wvalid && !wready);
      c_both_end_at_once: cover (aw_taken && w_taken && busy_q);
      c_burst_waits_for_data: cover (busy_q && !msi && !source_w && !w_done_q);
      c_burst_behind_burst: cover (last_finish_q && active && !busy_q && !msi);
      c_several_write: cover ((awvalid_i & (awvalid_i - 1'b1)) != '0 && !busy_q);
      c_others_wait_for_burst: cover (busy_q && fields_of_others);
      c_read_and_write: cover (ar_taken && aw_taken);
      // messages
      c_message: cover (finish && msi);
      c_message_before_a_channel: cover (msi_want && awvalid_i != '0 && !busy_q && !pause_i);
      c_message_waits_for_burst: cover (msi_want && busy_q && !msi_q);
      c_message_as_burst_ends: cover (msi_want && finish && !msi);
      c_burst_behind_message: cover (last_msi_q && active && !busy_q && !msi);
      c_message_not_taken: cover (busy_q && msi_q);
      c_message_address_first: cover (busy_q && msi_q && aw_done_q);
      c_message_data_first: cover (busy_q && msi_q && w_done_q);
      c_too_many_messages: cover (msi_valid_i && msi_full);
      c_message_as_one_is_answered: cover (msi_taken && msi_bvalid_o);
      // answers
      c_both_answer: cover (rvalid && bvalid);
      c_ends_as_one_is_taken: cover (same_channel_ends);
      c_several_owed: cover ((owed & (owed - 1'b1)) != '0);
      c_message_answer_and_read: cover (msi_bvalid_o && rvalid && rlast);
      // a pause
      c_quiet: cover (quiet_o);
      c_reads_wait: cover (pause_i && (arvalid_i & ~ar_req) != '0);
      c_writes_wait: cover (pause_i && awvalid_i != '0 && !busy_q);
      c_message_waits: cover (pause_i && msi_want && !busy_q);
      c_begins_with_read_shown: cover (begins && ar_lock_q);
      c_begins_within_burst: cover (begins && busy_q && !msi_q);
      c_begins_within_message: cover (begins && busy_q && msi_q);
      c_begins_with_nothing: cover (begins && quiet_o);
      c_begins_as_last_answer_comes: cover (begins && (rvalid || bvalid) && !busy_q && !ar_lock_q);
      c_read_for_a_burst_here: cover (reader_of_pause && reader_bursts_here);
      c_read_for_a_burst_of_the_other_port: cover (reader_of_pause && !reader_bursts_here);
      c_burst_ends_meanwhile: cover (pause_i && pause_q && finish);
      c_answers_owed: cover (pause_i && owed != '0 && !busy_q && !ar_lock_q);
      c_message_owed: cover (pause_i && msi_owed && owed == '0);
      c_ends_with_work: cover (ends && (arvalid_i != '0 || awvalid_i != '0));
      c_ends_with_message: cover (ends && msi_want);
      c_given_up: cover (ends && (owed != '0 || busy_q));
    end
  end
endmodule

bind dma_port_mux dma_port_mux_points #(.Channels(Channels)) i_points (
    .clk_i, .rst_ni, .pause_i, .quiet_o, .arvalid_i, .ar_req, .awvalid_i, .owed, .arvalid(m_axi_arvalid_o),
    .arready(m_axi_arready_i), .ar_lock_q, .ar_overtaken(ar_best != ar_q && ar_req != '0),
    .none_ahead(ahead_q[BeatsWidth-1] || ahead_q == '0), .behind_slack(ahead_q[BeatsWidth-1]),
    .window_full(coming_q >= BeatsWidth'(Window)), .beyond_window(coming_q > BeatsWidth'(Window)),
    .nothing_coming(coming_q == BeatsWidth'(1) && !ar_taken), .ar_taken, .rvalid(m_axi_rvalid_i),
    .rlast(m_axi_rlast_i), .bvalid(m_axi_bvalid_i),
    .reader_of_pause(pause_i && m_axi_arvalid_o && !ar_lock_q), .reader_bursts_here(burst_o[ar]), .active, .busy_q,
    .msi, .msi_q, .msi_want, .msi_valid_i, .msi_full(msi_owed_q == 4'd15), .msi_owed(msi_owed_q != 4'd0), .msi_taken,
    .msi_bvalid_o, .aw_done_q, .w_done_q, .aw_taken, .w_taken, .awvalid(m_axi_awvalid_o), .awready(m_axi_awready_i),
    .wvalid(m_axi_wvalid_o), .wready(m_axi_wready_i), .finish, .source_w,
    .same_channel_ends((arvalid_i & arready_o & rvalid_o) != '0 && m_axi_rlast_i),
    .fields_of_others((awvalid_i & ~(Channels'(1) << aw_q)) != '0));
