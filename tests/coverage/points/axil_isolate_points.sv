// SPDX-License-Identifier: Apache-2.0
// A slave that goes while accesses are under way.
module axil_isolate_points (
    input logic clk_i,
    input logic rst_ni,
    input logic isolate_i,
    input logic closing_i,
    input logic drained_o,
    input logic aw,
    input logic w,
    input logic ar,
    input logic b_held_q,
    input logic r_held_q,
    input logic aw_new,
    input logic ar_new
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_read_under_way: cover (isolate_i && ar);
      c_write_under_way: cover (isolate_i && aw && w);
      c_address_without_data: cover (isolate_i && aw && !w);
      c_data_without_address: cover (isolate_i && w && !aw);
      c_answer_offered: cover (isolate_i && b_held_q);
      c_data_offered: cover (isolate_i && r_held_q);
      c_read_meanwhile: cover (isolate_i && !closing_i && ar_new);
      c_write_meanwhile: cover (isolate_i && !closing_i && aw_new);
      c_waits_while_closing: cover (isolate_i && closing_i && (ar_new || aw_new));
      c_closing_not_drained: cover (isolate_i && closing_i && !drained_o);
    end
  end
endmodule

bind axil_isolate axil_isolate_points i_points (
    .clk_i, .rst_ni, .isolate_i, .closing_i, .drained_o, .aw(aw_q != '0), .w(w_q != '0), .ar(ar_q != '0), .b_held_q,
    .r_held_q, .aw_new(s_axil_awvalid_i), .ar_new(s_axil_arvalid_i));
