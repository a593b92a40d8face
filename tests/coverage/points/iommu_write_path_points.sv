// SPDX-License-Identifier: Apache-2.0
// The queues of port 0, which stands for all, full and empty; cut-offs and blocked writes beside data.
module iommu_write_path_points (
    input logic clk_i,
    input logic rst_ni,
    input logic order_full,
    input logic order_empty,
    input logic beats_full,
    input logic beats_empty,
    input logic b_full,
    input logic b_empty,
    input logic no_response_credit,
    input logic at_once,
    input logic told_q,
    input logic have_beat,
    input logic load,
    input logic last_beat,
    input logic cut_q,
    input logic expired,
    input logic w_take,
    input logic cutoff,
    input logic cutoff_clear,
    input logic debt,
    input logic drop,
    input logic swallow,
    input logic active_q,
    input logic swallowing_q,
    input logic answer_q,
    input logic answered_q,
    input logic b_ready,
    input logic b_valid,
    input logic w_ready_i,
    input logic older,
    input logic aw_taken
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // queues
      c_order_full: cover (order_full);
      c_order_empty: cover (order_empty);
      c_beats_full: cover (beats_full);
      c_beats_empty: cover (beats_empty);
      c_responses_full: cover (b_full);
      c_responses_empty: cover (b_empty);
      c_no_response_credit: cover (no_response_credit);
      // data and address
      c_data_at_once: cover (at_once && load);
      c_data_before_address_is_taken: cover (told_q && load);
      c_one_beat_at_once: cover (at_once && load && last_beat);
      c_memory_not_ready: cover (have_beat && !w_ready_i);
      c_address_as_beat_comes: cover (aw_taken && w_take && beats_empty);
      // cut off
      c_cut_off: cover (expired);
      c_cut_off_as_beat_comes: cover (cutoff && w_take);
      c_cut_off_again: cover (cutoff && debt);
      c_cut_off_and_clear: cover (cutoff && cutoff_clear);
      c_filled_up: cover (cut_q && load);
      c_late_beat_dropped: cover (drop);
      c_answer_while_cut_off: cover (cut_q && b_valid);
      // a blocked write
      c_swallows: cover (swallow);
      c_waits_for_older_data: cover (swallowing_q && older);
      c_answered_before_swallowed: cover (answered_q && swallowing_q);
      c_swallowed_before_answered: cover (active_q && !swallowing_q && !answered_q);
      c_answer_not_taken: cover (answer_q && !b_ready);
      c_answer_and_response: cover (answer_q && b_valid);
      c_behind_debt: cover (swallowing_q && debt);
    end
  end
endmodule

bind iommu_write_path iommu_write_path_points i_points (
    .clk_i, .rst_ni, .order_full, .order_empty, .beats_full(gen_port[0].full), .beats_empty(beat_empty[0]),
    .b_full(gen_port[0].b_full), .b_empty(gen_port[0].b_empty),
    .no_response_credit(gen_port[0].resp_credits_q == '0), .at_once, .told_q, .have_beat, .load, .last_beat, .cut_q,
    .expired, .w_take(gen_port[0].w_take), .cutoff(cutoff_o[0]), .cutoff_clear(cutoff_clear_i[0]),
    .debt(gen_port[0].debt_q != '0), .drop(gen_port[0].drop), .swallow(gen_port[0].swallow),
    .active_q(gen_port[0].active_q), .swallowing_q(gen_port[0].swallowing_q), .answer_q(gen_port[0].answer_q),
    .answered_q(gen_port[0].answered_q), .b_ready(b_ready_i[0]), .b_valid(b_valid_i && b_port_i == '0), .w_ready_i,
    .older(gen_port[0].bursts_q != '0), .aw_taken(aw_taken_i[0]));
