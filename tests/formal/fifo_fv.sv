// SPDX-License-Identifier: Apache-2.0
// fifo: any one word comes out once, in its turn and unchanged; the flags say how many are inside.
module fifo_fv #(
    parameter int unsigned Width = 2,
    parameter int unsigned Depth = 4,
    parameter int unsigned BlockBits = 16384
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             flush_i,
    input logic             push_i,
    input logic [Width-1:0] data_i,
    input logic             pop_i,
    input logic             watch_i   // the word of this cycle is the watched one
);
  localparam int unsigned CountWidth = $clog2(Depth + 1);
  logic full, empty;
  logic [Width-1:0] head;
  fifo #(.Width(Width), .Depth(Depth), .BlockBits(BlockBits)) dut (
      .clk_i, .rst_ni, .flush_i, .push_i, .data_i, .full_o(full), .pop_i, .data_o(head), .empty_o(empty));

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  logic watched_q, begins;
  logic [Width-1:0] word_q;
  logic [CountWidth-1:0] count_q, before_q;  // words inside; before the watched one
  assign begins = push_i & watch_i & ~watched_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      count_q <= '0;
      watched_q <= 1'b0;
    end else begin
      count_q <= count_q + CountWidth'(push_i) - CountWidth'(pop_i);
      if (begins) begin
        watched_q <= 1'b1;
        word_q <= data_i;
        before_q <= count_q - CountWidth'(pop_i);
      end else if (watched_q && pop_i) begin
        if (before_q == '0) watched_q <= 1'b0;
        else before_q <= before_q - CountWidth'(1);
      end
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    m_push: assume (!(push_i && full));
    m_pop: assume (!(pop_i && empty));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_word: assert (!(watched_q && before_q == '0) || (!empty && head == word_q));
      a_empty: assert (empty == (count_q == '0));
      a_full: assert (full == (count_q == CountWidth'(Depth)));
      c_full: cover (full && watched_q && before_q == CountWidth'(Depth - 1));
      c_leaves: cover (watched_q && before_q == '0 && pop_i && word_q == '1);
    end
  end
endmodule
