// SPDX-License-Identifier: Apache-2.0
// Its job queue and the buffers of both ports full and empty; bursts that wait, and a stop beside them.
module dma_read_points (
    input logic clk_i,
    input logic rst_ni,
    input logic job_full_o,
    input logic job_empty,
    input logic full0,
    input logic full1,
    input logic empty0,
    input logic empty1,
    input logic no_reads_left,
    input logic hold_q,
    input logic stop_i,
    input logic flush_i,
    input logic show,
    input logic taken,
    input logic last,
    input logic rest_q,
    input logic room,
    input logic bus_master_i,
    input logic job_host,
    input logic blocked_o,
    input logic [1:0] ended,
    input logic [1:0] beat_pop_i,
    input logic [1:0] rvalid_i,
    input logic under_way
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_jobs_full: cover (job_full_o);
      c_jobs_empty: cover (job_empty);
      c_vram_buffer_full: cover (full0);
      c_host_buffer_full: cover (full1);
      c_vram_buffer_empty: cover (empty0);
      c_host_buffer_empty: cover (empty1);
      c_all_reads_under_way: cover (no_reads_left);
      c_no_room_in_buffer: cover (!job_empty && !room && !no_reads_left);
      c_held_back: cover (show && !taken);
      c_second_burst: cover (taken && rest_q);
      c_one_burst: cover (taken && !rest_q && last);
      c_both_ports_end: cover (ended == 2'b11);
      c_begins_as_one_ends: cover (taken && ended != 2'b00);
      c_in_and_out: cover ((rvalid_i & beat_pop_i) != 2'b00);
      c_stop_while_shown: cover (stop_i && hold_q);
      c_stop_with_reads_under_way: cover (stop_i && under_way);
      c_stop_within_a_job: cover (stop_i && rest_q);
      c_flush_within_a_job: cover (flush_i && rest_q);
      c_bus_master_falls_while_shown: cover (hold_q && job_host && !bus_master_i);
      c_blocked: cover (blocked_o);
    end
  end
endmodule

bind dma_read dma_read_points i_points (
    .clk_i, .rst_ni, .job_full_o, .job_empty, .full0(full[0]), .full1(full[1]), .empty0(empty[0]), .empty1(empty[1]),
    .no_reads_left(reads_q == Reads[ReadsWidth-1:0]), .hold_q, .stop_i, .flush_i, .show, .taken, .last, .rest_q,
    .room, .bus_master_i, .job_host, .blocked_o, .ended, .beat_pop_i, .rvalid_i, .under_way(reads_q != '0));
