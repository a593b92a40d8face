// SPDX-License-Identifier: Apache-2.0
// Every way through the FIFO; that each one of the design was full and empty is said where it stands.
module fifo_points (
    input logic clk_i,
    input logic rst_ni,
    input logic flush_i,
    input logic push_i,
    input logic pop_i,
    input logic full_q,
    input logic empty_q,
    input logic to_head,
    input logic from_mem
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (full_q);
      c_through_empty: cover (push_i && empty_q);
      c_head_replaced: cover (to_head && pop_i);
      c_push_and_pop: cover (push_i && from_mem);
      c_pop_when_full: cover (pop_i && full_q);
      c_flush_and_push: cover (flush_i && push_i);
      c_flush_when_full: cover (flush_i && full_q);
    end
  end
endmodule

bind fifo fifo_points i_points (
    .clk_i, .rst_ni, .flush_i, .push_i, .pop_i, .full_q, .empty_q, .to_head, .from_mem);
