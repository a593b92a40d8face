// SPDX-License-Identifier: Apache-2.0
// A master cut off at every point of its bursts.
module axi_isolate_points (
    input logic clk_i,
    input logic rst_ni,
    input logic isolate_i,
    input logic drained_o,
    input logic ar_held_q,
    input logic aw_held_q,
    input logic w_held_q,
    input logic order_empty,
    input logic order_full,
    input logic reads,
    input logic writes,
    input logic midway,
    input logic r_done,
    input logic b_done,
    input logic w_done,
    input logic aw_begins,
    input logic ar_taken
);
  logic isolate_q, isolated, begins, aw_begins_q;
  always_ff @(posedge clk_i) begin
    isolate_q <= isolate_i;
    aw_begins_q <= aw_begins;
  end
  assign begins = isolate_i & ~isolate_q;
  assign isolated = isolate_i;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_order_full: cover (order_full);
      c_order_empty: cover (order_empty && !isolate_i);
      c_w_before_its_room: cover (aw_begins && w_done && order_empty);
      // isolated while
      c_read_under_way: cover (isolated && reads);
      c_write_under_way: cover (isolated && writes && order_empty);
      c_within_a_burst: cover (isolated && midway);
      c_ar_offered: cover (isolated && ar_held_q);
      c_aw_offered: cover (isolated && aw_held_q);
      c_w_offered: cover (isolated && w_held_q);
      c_data_owed: cover (isolated && !order_empty && !midway);
      c_nothing_under_way: cover (isolated && drained_o);
      // in the cycle in which it begins
      c_begins_at_ar: cover (begins && ar_taken);
      c_begins_behind_aw: cover (begins && aw_begins_q);
      c_begins_at_w_last: cover (begins && w_done);
      c_begins_at_r_last: cover (begins && r_done);
      c_begins_at_b: cover (begins && b_done);
    end
  end
endmodule

bind axi_isolate axi_isolate_points i_points (
    .clk_i, .rst_ni, .isolate_i, .drained_o, .ar_held_q, .aw_held_q, .w_held_q, .order_empty, .order_full,
    .reads(reads_q != '0), .writes(writes_q != '0), .midway(sent_q != '0), .r_done, .b_done, .w_done, .aw_begins,
    .ar_taken);
