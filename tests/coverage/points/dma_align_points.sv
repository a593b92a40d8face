// SPDX-License-Identifier: Apache-2.0
// Its job queue full and empty; beats, failures and the next job in one cycle.
module dma_align_points (
    input logic clk_i,
    input logic rst_ni,
    input logic full,
    input logic job_empty,
    input logic flush_i,
    input logic valid_q,
    input logic bad_q,
    input logic dead_q,
    input logic fill_q,
    input logic host_q,
    input logic avail,
    input logic emit,
    input logic take,
    input logic finish,
    input logic load,
    input logic prime_ahead,
    input logic step_prime,
    input logic beat_bad,
    input logic blocked,
    input logic out_free,
    input logic needs_source,
    input logic ahead_bad,
    input logic job_bad
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_jobs_full: cover (full);
      c_jobs_empty: cover (job_empty);
      c_primes: cover (step_prime);
      c_primes_next_ahead: cover (prime_ahead);
      c_next_behind_last_beat: cover (load && finish);
      c_last_beat_needs_no_source: cover (emit && !needs_source && !fill_q && !bad_q);
      c_waits_for_a_beat: cover (valid_q && !avail && needs_source && !bad_q);
      c_write_side_full: cover (valid_q && avail && !out_free);
      c_fill: cover (emit && fill_q);
      c_read_failed: cover (beat_bad);
      c_read_failed_in_last_beat: cover (beat_bad && needs_source && emit);
      c_prime_failed: cover (step_prime && beat_bad);
      c_next_prime_failed: cover (prime_ahead && ahead_bad);
      c_bus_master_off: cover (blocked);
      c_refused_job: cover (load && job_bad);
      c_bad_beat_goes_on: cover (emit && bad_q);
      c_dead: cover (dead_q);
      c_flush_with_jobs: cover (flush_i && !job_empty);
      c_flush_within_a_job: cover (flush_i && valid_q && !dead_q);
      c_take_from_host: cover (take && host_q);
      c_take_from_vram: cover (take && !host_q);
    end
  end
endmodule

bind dma_align dma_align_points i_points (
    .clk_i, .rst_ni, .full(job_full_o), .job_empty, .flush_i, .valid_q, .bad_q, .dead_q, .fill_q, .host_q, .avail,
    .emit, .take, .finish, .load, .prime_ahead, .step_prime, .beat_bad, .blocked, .out_free,
    .needs_source(src_left_q != '0), .ahead_bad(ahead_resp != 2'b00), .job_bad);
