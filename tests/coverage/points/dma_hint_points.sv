// SPDX-License-Identifier: Apache-2.0
// Its jobs full and empty; hints ahead of the reads and behind them.
module dma_hint_points (
    input logic clk_i,
    input logic rst_ni,
    input logic job_full_o,
    input logic empty,
    input logic flush_i,
    input logic fill,
    input logic on_i,
    input logic behind,
    input logic may,
    input logic last,
    input logic part_end,
    input logic rest_q,
    input logic hint_valid_o,
    input logic hint_ready_i,
    input logic read_part_i,
    input logic fill_part_i,
    input logic [2:0] want,
    input logic any_ahead
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_jobs_full: cover (job_full_o);
      c_jobs_empty: cover (empty);
      c_as_far_ahead_as_may_be: cover (!empty && !may);
      c_behind_the_reads: cover (!empty && behind);
      c_source: cover (hint_valid_o && want[0]);
      c_destination: cover (hint_valid_o && want[1] && !want[0]);
      c_second_destination: cover (hint_valid_o && want == 3'b100);
      c_three_pages: cover (want == 3'b111 && hint_valid_o);
      c_not_taken: cover (hint_valid_o && !hint_ready_i);
      c_given_up_behind: cover (part_end && hint_valid_o && !hint_ready_i);
      c_off: cover (!empty && !on_i);
      c_part_as_read_ends: cover (part_end && read_part_i);
      c_part_as_fill_ends: cover (part_end && fill && fill_part_i);
      c_next_part: cover (part_end && rest_q);
      c_last_part: cover (part_end && last);
      c_flush_within_a_job: cover (flush_i && rest_q);
      c_flush_with_jobs: cover (flush_i && !empty);
      c_ahead: cover (any_ahead);
    end
  end
endmodule

bind dma_hint dma_hint_points i_points (
    .clk_i, .rst_ni, .job_full_o, .empty, .flush_i, .fill, .on_i, .behind, .may, .last, .part_end, .rest_q,
    .hint_valid_o, .hint_ready_i, .read_part_i, .fill_part_i, .want, .any_ahead(!behind && ahead != '0));
