// SPDX-License-Identifier: Apache-2.0
// Interrupt coalescing of one channel's fences: raises when enough are due, or some time after the first of them.
//
// Timing: combinational when cycles_i is 0 or the count is reached; else cycles_i cycles after the first was added.
module dma_coalesce (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [7:0]  count_i,   // 0 counts as 1
    input  logic [23:0] cycles_i,
    input  logic [7:0]  add_i,     // so many more are due
    input  logic        error_i,   // raise what is due now
    output logic        raise_o
);
  logic [15:0] due_q, due;
  logic [23:0] left_q;
  logic waiting;

  assign due = due_q + {8'd0, add_i};
  assign waiting = due_q != 16'd0;
  assign raise_o = (due != 16'd0) &
      ((cycles_i == 24'd0) | (due >= {8'd0, count_i}) | error_i | (waiting & (left_q == 24'd0)));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      due_q <= 16'd0;
      left_q <= 24'd0;
    end else begin
      due_q <= raise_o ? 16'd0 : due;
      if (!waiting) left_q <= cycles_i - 24'd1;
      else if (left_q != 24'd0) left_q <= left_q - 24'd1;
    end
  end
endmodule
