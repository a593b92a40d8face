// SPDX-License-Identifier: Apache-2.0
// Two words a cycle, at an empty FIFO, a full one and one that is read; marks beside them. Full: as many words as its
// memory has; the place of the head makes one more, which the lane has no credit for.
module fifo_2in_points (
    input logic clk_i,
    input logic rst_ni,
    input logic [1:0] push_i,
    input logic pop_i,
    input logic mark_i,
    input logic marked_o,
    input logic empty_q,
    input logic full,
    input logic odd
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_full: cover (full);
      c_two_when_empty: cover (empty_q && push_i == 2'b11);
      c_two_and_pop: cover (pop_i && push_i == 2'b11);
      c_two_at_odd_place: cover (odd && push_i == 2'b11);
      c_first_alone: cover (push_i == 2'b01);
      c_second_alone: cover (push_i == 2'b10);
      c_mark_and_push: cover (mark_i && push_i != 2'b00);
      c_mark_and_pop: cover (mark_i && pop_i);
      c_mark_again: cover (mark_i && marked_o);
      c_mark_when_empty: cover (mark_i && empty_q);
    end
  end
endmodule

bind fifo_2in fifo_2in_points i_points (
    .clk_i, .rst_ni, .push_i, .pop_i, .mark_i, .marked_o, .empty_q, .full(!empty_q && count_q == (PtrWidth + 1)'(Depth - 1)),
    .odd(wptr_q[0]));
