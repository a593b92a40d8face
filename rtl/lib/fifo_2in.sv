// SPDX-License-Identifier: Apache-2.0
// First-word-fall-through FIFO that takes up to two words a cycle: word 0 stands before word 1 of the same cycle.
//
// Timing: a word pushed in cycle t is at data_o in t+1 when nothing is before it; data_o and empty_o are registers.
// mark_i in t remembers what is inside at the end of t; marked_o from t+1 while more of that is left than a head that is
// shown outside.
// The user counts the room; pushing without room and popping when empty are errors (asserted).
module fifo_2in #(
    parameter int unsigned Width = 32,  // bits of a word
    parameter int unsigned Depth = 8    // words in the memory behind the head, a power of two, at least 4
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [1:0]       push_i,
    input  logic [Width-1:0] data0_i,
    input  logic [Width-1:0] data1_i,
    input  logic             pop_i,
    output logic [Width-1:0] data_o,
    output logic             empty_o,
    input  logic             mark_i,
    input  logic             shown_i,   // the head, if there is one, is shown outside
    output logic             marked_o
);
  if (Depth < 4 || (Depth & (Depth - 1)) != 0) begin : gen_depth_check
    $error("fifo_2in: Depth must be a power of two, at least 4");
  end

  localparam int unsigned PtrWidth = $clog2(Depth);
  localparam int unsigned BankWidth = PtrWidth - 1;

  // Word n of the memory stands in bank n % 2, so each bank takes one word a cycle.
  logic [Width-1:0] even_q[Depth/2];
  logic [Width-1:0] odd_q[Depth/2];
  logic [Width-1:0] head_q, first, second, word0, word1, next_word;
  logic             empty_q, empty_d, head_free, from_mem;
  logic [PtrWidth-1:0] wptr_q, rptr_q;
  logic [PtrWidth:0]   count_q, count_d;  // words in the memory
  logic [PtrWidth:0]   owed_q;            // of those marked, what is left
  logic [1:0]          pushed, to_mem;    // numbers of words
  logic                head_takes;

  assign pushed = {1'b0, push_i[0]} + {1'b0, push_i[1]};
  assign first = push_i[0] ? data0_i : data1_i;
  assign second = data1_i;
  assign head_free = empty_q | pop_i;
  assign from_mem = head_free & (count_q != '0);
  assign head_takes = head_free & (count_q == '0) & (pushed != 2'd0);
  assign to_mem = pushed - {1'b0, head_takes};
  assign word0 = head_takes ? second : first;  // to wptr_q
  assign word1 = second;                       // to the place after it
  assign next_word = rptr_q[0] ? odd_q[rptr_q[PtrWidth-1:1]] : even_q[rptr_q[PtrWidth-1:1]];
  assign count_d = count_q + (PtrWidth + 1)'(to_mem) - (PtrWidth + 1)'(from_mem);

  assign empty_d = head_free & ~from_mem & ~head_takes;
  assign marked_o = (owed_q > (PtrWidth + 1)'(1)) | ((owed_q != '0) & ~shown_i);

  logic even_write, odd_write;
  logic [BankWidth-1:0] even_index, odd_index;
  assign even_write = wptr_q[0] ? (to_mem == 2'd2) : (to_mem != 2'd0);
  assign odd_write = wptr_q[0] ? (to_mem != 2'd0) : (to_mem == 2'd2);
  assign even_index = wptr_q[PtrWidth-1:1] + BankWidth'(wptr_q[0]);
  assign odd_index = wptr_q[PtrWidth-1:1];

  always_ff @(posedge clk_i) begin
    if (even_write) even_q[even_index] <= wptr_q[0] ? word1 : word0;
    if (odd_write) odd_q[odd_index] <= wptr_q[0] ? word0 : word1;
    if (from_mem) head_q <= next_word;
    else if (head_takes) head_q <= first;
    if (!rst_ni) begin
      wptr_q <= '0;
      rptr_q <= '0;
      count_q <= '0;
      empty_q <= 1'b1;
      owed_q <= '0;
    end else begin
      wptr_q <= wptr_q + PtrWidth'(to_mem);
      rptr_q <= rptr_q + PtrWidth'(from_mem);
      count_q <= count_d;
      empty_q <= empty_d;
      if (mark_i) owed_q <= count_d + (PtrWidth + 1)'(!empty_d);
      else if (pop_i && owed_q != '0) owed_q <= owed_q - 1'b1;
    end
  end

  assign data_o = head_q;
  assign empty_o = empty_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_room: assert (count_d <= (PtrWidth + 1)'(Depth));
      a_no_pop_when_empty: assert (!(pop_i && empty_q));
    end
  end
endmodule
