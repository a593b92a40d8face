// SPDX-License-Identifier: Apache-2.0
// The buffer of port 0, which stands for all, full and empty, and its blocked reads beside data. New reads wait until a
// blocked one has ended, its last cycle included.
module iommu_read_path_points (
    input logic clk_i,
    input logic rst_ni,
    input logic full,
    input logic empty,
    input logic push,
    input logic past,
    input logic taken,
    input logic pending_q,
    input logic active_q,
    input logic left,
    input logic no_credit,
    input logic ar_taken,
    input logic err_done,
    input logic err,
    input logic r_ready,
    input logic pipe
);
  logic ended_q;
  always_ff @(posedge clk_i) begin
    ended_q <= err_done;
    if (rst_ni) begin
      c_full: cover (full);
      c_empty: cover (empty);
      c_no_credit: cover (no_credit);
      c_past_the_buffer: cover (past && taken);
      c_past_not_taken: cover (past && !taken);
      c_registered: cover (pipe && push);
      c_error_pending: cover (pending_q);
      c_error_under_way: cover (active_q);
      c_error_of_many_beats: cover (active_q && left && r_ready);
      c_error_not_taken: cover (active_q && !r_ready);
      c_error_behind_data: cover (pending_q && !empty);
      c_error_and_beat: cover (pending_q && push);
      c_beat_during_error: cover (active_q && push);
      c_error_comes_with_beat: cover (err && push);
      c_read_is_taken_behind_error: cover (ended_q && ar_taken);
      c_push_and_take: cover (push && taken && !past);
    end
  end
endmodule

bind iommu_read_path iommu_read_path_points i_points (
    .clk_i, .rst_ni, .full(gen_port[0].full), .empty(gen_port[0].empty), .push(gen_port[0].push),
    .past(gen_port[0].past), .taken(gen_port[0].taken), .pending_q(gen_port[0].pending_q),
    .active_q(gen_port[0].active_q), .left(gen_port[0].left_q != '0), .no_credit(gen_port[0].credits_q == '0),
    .ar_taken(ar_taken_i[0]), .err_done(err_done_o[0]), .err(err_valid_i && err_port_i == '0),
    .r_ready(r_ready_i[0]), .pipe(Pipe != 0));
