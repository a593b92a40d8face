// SPDX-License-Identifier: Apache-2.0
// Its queues full and empty; what goes first, and a stop or a failure beside a burst.
module dma_write_points (
    input logic clk_i,
    input logic rst_ni,
    input logic job_full_o,
    input logic job_empty,
    input logic [1:0] b_full,
    input logic [1:0] b_empty,
    input logic flush_i,
    input logic stop_i,
    input logic valid_q,
    input logic burst_q,
    input logic abort_q,
    input logic map_q,
    input logic fill_q,
    input logic single,
    input logic single_go,
    input logic start,
    input logic cont,
    input logic drop,
    input logic barred,
    input logic w_last,
    input logic job_end,
    input logic load,
    input logic slot,
    input logic go,
    input logic in_bad_i,
    input logic stream_fail_o,
    input logic answered_full,
    input logic [1:0] done_o,
    input logic [1:0] b_fail_o,
    input logic [1:0] bvalid_i,
    input logic many_singles,
    input logic w_before_aw,
    input logic aw_before_w
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_jobs_full: cover (job_full_o);
      c_jobs_empty: cover (job_empty);
      c_vram_unanswered_full: cover (b_full[0]);
      c_host_unanswered_full: cover (b_full[1]);
      c_vram_unanswered_empty: cover (b_empty[0]);
      c_host_unanswered_empty: cover (b_empty[1]);
      c_waits_for_an_answer: cover (go && !map_q && answered_full);
      c_one_beat: cover (start && w_last);
      c_many_beats: cover (start && !w_last);
      c_next_behind_last_beat: cover (load && job_end && (start || cont));
      c_single_before_burst: cover (single_go && go);
      c_single_waits_for_burst: cover (single && burst_q);
      c_two_singles: cover (many_singles && slot);
      c_data_before_address: cover (w_before_aw);
      c_address_before_data: cover (aw_before_w);
      c_answer_as_burst_begins: cover (start && bvalid_i != 2'b00);
      c_both_ports_answer: cover (bvalid_i == 2'b11);
      c_operation_ends: cover (done_o != 2'b00);
      c_fill: cover (start && fill_q);
      c_aperture: cover (go && map_q);
      c_failed_answer: cover (b_fail_o != 2'b00);
      c_failed_answer_and_burst: cover (b_fail_o != 2'b00 && start);
      c_bus_master_off: cover (barred);
      c_bad_beat_with_good_bytes: cover (start && in_bad_i);
      c_bad_beat_dropped: cover (drop);
      c_bad_beat_within_a_burst: cover (cont && in_bad_i && !stop_i && !abort_q);
      c_stop_within_a_burst: cover (stop_i && burst_q && cont);
      c_failure_within_a_burst: cover (abort_q && burst_q && cont && !stop_i);
      c_stop_with_answers_owed: cover (stop_i && b_empty != 2'b11);
      c_flush_with_jobs: cover (flush_i && !job_empty);
      c_flush_within_a_job: cover (flush_i && valid_q);
      c_fails_as_answer_fails: cover (stream_fail_o && b_fail_o != 2'b00);
    end
  end
endmodule

bind dma_write dma_write_points i_points (
    .clk_i, .rst_ni, .job_full_o, .job_empty, .b_full, .b_empty, .flush_i, .stop_i, .valid_q, .burst_q, .abort_q,
    .map_q, .fill_q, .single, .single_go, .start, .cont, .drop, .barred, .w_last, .job_end, .load, .slot, .go,
    .in_bad_i, .stream_fail_o, .answered_full, .done_o, .b_fail_o, .bvalid_i,
    .many_singles((single_valid_i & (single_valid_i - 1'b1)) != '0),
    .w_before_aw((awvalid_o & ~awready_i) != 2'b00 && (wvalid_o & wready_i) != 2'b00),
    .aw_before_w((awvalid_o & awready_i) != 2'b00 && (wvalid_o & ~wready_i) != 2'b00));
