// SPDX-License-Identifier: Apache-2.0
// First-word-fall-through FIFO. Timing: a word pushed in cycle t is at data_o in t+1; data_o, empty_o and full_o
// are registers. Pushing when full and popping when empty are errors of the user (asserted).
//
// What would fill more than one block RAM is read a cycle ahead, so that it fits block RAM; the rest is read where it
// stands. Outside nobody sees which.
module fifo #(
    parameter int unsigned Width = 32,  // bits of a word
    parameter int unsigned Depth = 4,   // words, at least 2
    parameter int unsigned BlockBits = 16384  // from this size on in block RAM
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             flush_i,  // drop everything
    input  logic             push_i,
    input  logic [Width-1:0] data_i,
    output logic             full_o,
    input  logic             pop_i,
    output logic [Width-1:0] data_o,
    output logic             empty_o
);
  if (Depth < 2) begin : gen_depth_check
    $error("fifo: Depth must be at least 2");
  end

  // The head word stands in its own register; the memory holds the rest.
  localparam int unsigned MemDepth = Depth - 1;
  localparam int unsigned PtrWidth = (MemDepth > 1) ? $clog2(MemDepth) : 1;
  localparam int unsigned CountWidth = $clog2(Depth + 1);
  localparam logic [PtrWidth-1:0] LastPtr = PtrWidth'(MemDepth - 1);

  logic [Width-1:0] head_q, next_word;  // next_word: at rptr_q, when the memory has a word
  logic [PtrWidth-1:0] wptr_q, rptr_q, rptr_d;
  logic [CountWidth-1:0] count_q, count_d;
  logic empty_q, full_q;

  logic push, pop, to_head, to_mem, from_mem;
  assign push = push_i & ~full_q;
  assign pop = pop_i & ~empty_q;
  // A word goes straight to the head when nothing else would be there after this cycle's pop.
  assign to_head = push & (empty_q | (pop & (count_q == CountWidth'(1))));
  assign to_mem = push & ~to_head;
  assign from_mem = pop & (count_q > CountWidth'(1));
  assign rptr_d = flush_i ? '0 : !from_mem ? rptr_q : (rptr_q == LastPtr) ? '0 : rptr_q + 1'b1;
  assign count_d = flush_i ? '0 : count_q + CountWidth'(push) - CountWidth'(pop);

  if (MemDepth > 1 && Width * MemDepth >= BlockBits) begin : gen_block
    ram_1r1w #(.Width(Width), .Depth(MemDepth), .Bypass(1'b1)) i_ram (
        .clk_i, .we_i(to_mem), .waddr_i(wptr_q), .wdata_i(data_i), .raddr_i(rptr_d), .rdata_o(next_word));
  end else begin : gen_distributed
    logic [Width-1:0] mem_q[MemDepth];
    always_ff @(posedge clk_i) begin
      if (to_mem) mem_q[wptr_q] <= data_i;
    end
    assign next_word = mem_q[rptr_q];
  end

  always_ff @(posedge clk_i) begin
    if (to_head) head_q <= data_i;
    else if (from_mem) head_q <= next_word;
    if (!rst_ni) begin
      wptr_q <= '0;
      rptr_q <= '0;
      count_q <= '0;
      empty_q <= 1'b1;
      full_q <= 1'b0;
    end else begin
      if (to_mem) wptr_q <= (wptr_q == LastPtr) ? '0 : wptr_q + 1'b1;
      rptr_q <= rptr_d;
      if (flush_i) wptr_q <= '0;
      count_q <= count_d;
      empty_q <= count_d == '0;
      full_q <= count_d == CountWidth'(Depth);
    end
  end

  assign data_o = head_q;
  assign empty_o = empty_q;
  assign full_o = full_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni && !flush_i) begin
      a_no_push_when_full: assert (!(push_i && full_q));
      a_no_pop_when_empty: assert (!(pop_i && empty_q));
    end
  end
endmodule
