// SPDX-License-Identifier: Apache-2.0
// fifo_2in: any one word comes out once, in its turn and unchanged, whether it came alone or with another;
// the mark covers exactly what was inside.
module fifo_2in_fv #(
    parameter int unsigned Width = 2,
    parameter int unsigned Depth = 4
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic [1:0]       push_i,
    input logic [Width-1:0] data0_i,
    input logic [Width-1:0] data1_i,
    input logic             pop_i,
    input logic             mark_i,
    input logic             shown_i,
    input logic [1:0]       watch_i   // which word of this cycle is the watched one, one-hot or none
);
  localparam int unsigned Room = Depth + 1;  // with the head
  localparam int unsigned CountWidth = $clog2(Room + 3);
  logic empty, marked;
  logic [Width-1:0] head;
  fifo_2in #(.Width(Width), .Depth(Depth)) dut (
      .clk_i, .rst_ni, .push_i, .data0_i, .data1_i, .pop_i, .data_o(head), .empty_o(empty), .mark_i,
      .shown_i, .marked_o(marked));

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  logic watched_q, begins0, begins1;
  logic [Width-1:0] word_q;
  logic [CountWidth-1:0] count_q, count_d, before_q, owed_q;
  assign begins0 = push_i[0] & watch_i[0] & ~watched_q;
  assign begins1 = push_i[1] & watch_i[1] & ~watched_q & ~begins0;
  assign count_d = count_q + CountWidth'(push_i[0]) + CountWidth'(push_i[1]) - CountWidth'(pop_i);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      watched_q <= 1'b0;
      owed_q <= '0;
    end else begin
      count_q <= count_d;
      if (mark_i) owed_q <= count_d;
      else if (pop_i && owed_q != '0) owed_q <= owed_q - CountWidth'(1);
      if (begins0 || begins1) begin
        watched_q <= 1'b1;
        word_q <= begins0 ? data0_i : data1_i;
        before_q <= count_q - CountWidth'(pop_i) + CountWidth'(begins1 & push_i[0]);
      end else if (watched_q && pop_i) begin
        if (before_q == '0) watched_q <= 1'b0;
        else before_q <= before_q - CountWidth'(1);
      end
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    // The user counts Depth words, whether the head is free or not.
    m_push: assume (count_d <= CountWidth'(Depth));
    m_pop: assume (!(pop_i && empty));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_word: assert (!(watched_q && before_q == '0) || (!empty && head == word_q));
      a_empty: assert (empty == (count_q == '0));
      a_marked: assert (marked == (owed_q > CountWidth'(1) || (owed_q != '0 && !shown_i)));
      c_second: cover (watched_q && begins1 == 1'b0 && before_q == CountWidth'(Depth - 1));
      c_leaves: cover (watched_q && before_q == '0 && pop_i && word_q == '1);
      c_marked: cover (marked && mark_i);
    end
  end
endmodule
