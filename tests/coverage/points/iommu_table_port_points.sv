// SPDX-License-Identifier: Apache-2.0
// Who asks at once, and what meets on the way back.
module iommu_table_port_points (
    input logic clk_i,
    input logic rst_ni,
    input logic walk_valid_i,
    input logic queue_valid_i,
    input logic pick_queue,
    input logic last_queue_q,
    input logic ar_free,
    input logic [2:0] msg,
    input logic busy_q,
    input logic aw_valid_q,
    input logic w_valid_q,
    input logic walk_r_valid_o,
    input logic queue_r_valid_o,
    input logic r_error_o,
    input logic bvalid,
    input logic narrow
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_both_ask_walk_first: cover (walk_valid_i && queue_valid_i && ar_free && !pick_queue);
      c_both_ask_queue_first: cover (walk_valid_i && queue_valid_i && ar_free && pick_queue);
      c_queue_twice: cover (queue_valid_i && ar_free && pick_queue && last_queue_q);
      c_bus_taken: cover (!ar_free && (walk_valid_i || queue_valid_i));
      c_message_0: cover (msg[0] && !busy_q);
      c_message_1: cover (msg[1] && !busy_q);
      c_message_2: cover (msg[2] && !busy_q);
      c_two_messages: cover ((msg & (msg - 1'b1)) != '0 && !busy_q);
      c_message_waits: cover (msg != '0 && busy_q);
      c_message_as_answer_comes: cover (msg != '0 && bvalid);
      c_address_before_data: cover (busy_q && !aw_valid_q && w_valid_q);
      c_data_before_address: cover (busy_q && aw_valid_q && !w_valid_q);
      c_walk_read: cover (walk_r_valid_o);
      c_queue_read: cover (queue_r_valid_o);
      c_read_error: cover ((walk_r_valid_o || queue_r_valid_o) && r_error_o);
      c_read_as_answer_comes: cover (bvalid && (walk_r_valid_o || queue_r_valid_o));
      c_halves: cover (narrow && walk_r_valid_o);
    end
  end
endmodule

bind iommu_table_port iommu_table_port_points i_points (
    .clk_i, .rst_ni, .walk_valid_i, .queue_valid_i, .pick_queue, .last_queue_q, .ar_free, .msg(3'(msg_valid_i)),
    .busy_q, .aw_valid_q, .w_valid_q, .walk_r_valid_o, .queue_r_valid_o, .r_error_o, .bvalid(m_axi_bvalid_i),
    .narrow(Narrow));
