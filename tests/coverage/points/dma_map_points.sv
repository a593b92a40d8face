// SPDX-License-Identifier: Apache-2.0
// Its jobs full and empty; every kind of entry, and a list that ends or fails within a beat.
module dma_map_points (
    input logic clk_i,
    input logic rst_ni,
    input logic full,
    input logic empty,
    input logic flush_i,
    input logic beat_valid_i,
    input logic list,
    input logic good,
    input logic take,
    input logic end_lane,
    input logic update_valid_o,
    input logic update_ready_i,
    input logic done_o,
    input logic fail_o,
    input logic job_push_i,
    input logic [1:0] kind,
    input logic first_entry
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_jobs_full: cover (full);
      c_jobs_empty: cover (empty);
      c_kind_pages: cover (done_o && kind == dma_job_pkg::OP_MAP_PAGES[1:0]);
      c_kind_range: cover (done_o && kind == dma_job_pkg::OP_MAP_RANGE[1:0]);
      c_kind_same: cover (done_o && kind == dma_job_pkg::OP_MAP_SAME[1:0]);
      c_kind_invalid: cover (done_o && kind == dma_job_pkg::OP_MAP_INVALID[1:0]);
      c_one_entry: cover (done_o && first_entry);
      c_ends_within_a_beat: cover (done_o && list && !end_lane);
      c_ends_with_a_beat: cover (done_o && list && end_lane);
      c_next_beat: cover (take && list && end_lane && !done_o);
      c_not_taken: cover (update_valid_o && !update_ready_i);
      c_entry_out_of_range: cover (fail_o);
      c_out_of_range_behind_good: cover (fail_o && !first_entry);
      c_failed_beat: cover (beat_valid_i && !empty && !good);
      c_flush_within_a_job: cover (flush_i && !first_entry);
      c_flush_with_jobs: cover (flush_i && !empty);
      c_push_as_one_ends: cover (job_push_i && done_o);
    end
  end
endmodule

bind dma_map dma_map_points i_points (
    .clk_i, .rst_ni, .full, .empty, .flush_i, .beat_valid_i, .list, .good, .take, .end_lane, .update_valid_o,
    .update_ready_i, .done_o, .fail_o, .job_push_i, .kind, .first_entry(count_q == '0));
