// SPDX-License-Identifier: Apache-2.0
// Its descriptors full and empty; wraps, rewinds and links beside reads under way.
module dma_ring_points (
    input logic clk_i,
    input logic rst_ni,
    input logic full,
    input logic empty,
    input logic run_i,
    input logic link_i,
    input logic rewind,
    input logic rewind_q,
    input logic ar_q,
    input logic taken,
    input logic load,
    input logic pop_i,
    input logic received,
    input logic beat,
    input logic bad,
    input logic idle_o,
    input logic host_i,
    input logic bad_q,
    input logic under_way,
    input logic left,
    input logic prefetched,
    input logic wraps,
    input logic [2:0] count,
    input logic at_tail,
    input logic at_wrap,
    input logic at_end,
    input logic [2:0] group_left
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (full);
      c_empty: cover (empty);
      c_all_prefetched: cover (prefetched);
      c_nothing_to_fetch: cover (at_tail && run_i);
      c_one: cover (load && count == 3'd1);
      c_several: cover (load && count > 3'd1);
      c_up_to_the_wrap: cover (load && at_wrap);
      c_up_to_the_end_of_the_segment: cover (load && at_end);
      c_within_a_group: cover (load && group_left == 3'd1);
      c_bus_taken: cover (ar_q && !taken);
      c_fetch_behind_fetch: cover (load && taken);
      c_pop_and_receive: cover (pop_i && received && !rewind);
      c_fetch_and_receive: cover (load && received);
      c_from_host: cover (load && host_i);
      c_from_vram: cover (load && !host_i);
      c_stop_with_reads_under_way: cover (!run_i && under_way);
      c_stop_while_asking: cover (!run_i && ar_q && !taken);
      c_link_with_reads_under_way: cover (link_i && under_way);
      c_link_with_descriptors_left: cover (link_i && left);
      c_dropped: cover (received && rewind);
      c_runs_again_before_drained: cover (run_i && rewind_q && !idle_o);
      c_read_failed: cover (beat && bad);
      c_failed_in_first_half: cover (beat && bad_q);
      c_last_slot: cover (load && wraps);
    end
  end
endmodule

bind dma_ring dma_ring_points i_points (
    .clk_i, .rst_ni, .full, .empty, .run_i, .link_i, .rewind, .rewind_q, .ar_q, .taken, .load, .pop_i, .received,
    .beat, .bad, .idle_o, .host_i, .bad_q, .under_way(flight_q != '0),
    .left(owed_q - flight_q > CountWidth'(1)), .prefetched(32'(owed_q) == Prefetch),
    .wraps(fetch_q == mask_i), .count, .at_tail(avail == '0), .at_wrap(wrap < {13'd0, group_left}),
    .at_end(!whole_i && room < {14'd0, group_left}), .group_left);
