// SPDX-License-Identifier: Apache-2.0
// The pattern of a fill as beats: byte lane p carries pattern byte (phase + p) mod length.
// Timing: load_i in t, first beat in t+1; step_i moves on to the next beat. One beat per cycle.
module dma_fill #(
    parameter int unsigned DataWidth = 256
) (
    input  logic                           clk_i,
    input  logic                           load_i,     // a piece begins
    input  logic                           cont_i,     // with load_i: it goes on where the one before ended, at a beat
    input  logic [127:0]                   pattern_i,
    input  logic [3:0]                     len_i,      // bytes - 1
    input  logic [$clog2(DataWidth/8)-1:0] offset_i,   // of the first byte in its beat
    input  logic                           step_i,
    output logic [DataWidth-1:0]           data_o
);
  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned Lanes = Bytes + 15;

  logic [8*Lanes-1:0] lanes_q, lanes, shifted;  // the pattern again and again
  logic [3:0] phase_q, len_q, start, stride;
  logic [4:0] sum, wrapped;
  logic [64*Bytes-1:0] starts;  // by length and offset: nothing is divided in hardware

  for (genvar n = 0; n < 16; n++) begin : gen_length
    for (genvar o = 0; o < Bytes; o++) begin : gen_offset
      assign starts[4*(n*Bytes+o)+:4] = 4'((n + 1 - o % (n + 1)) % (n + 1));
    end
  end
  assign start = starts[{len_i, offset_i, 2'b00}+:4];

  always_comb begin
    lanes = '0;
    stride = 4'd0;
    for (int unsigned n = 1; n <= 16; n++) begin
      if (len_i == 4'(n - 1)) begin
        for (int unsigned i = 0; i < Lanes; i++) lanes[8*i+:8] = pattern_i[8*(i%n)+:8];
      end
      if (len_q == 4'(n - 1)) stride = 4'(Bytes % n);
    end
  end

  assign sum = {1'b0, phase_q} + {1'b0, stride};
  assign wrapped = (sum > {1'b0, len_q}) ? sum - {1'b0, len_q} - 5'd1 : sum;
  assign shifted = lanes_q >> {phase_q, 3'b000};
  assign data_o = shifted[DataWidth-1:0];
  logic unused;
  assign unused = ^shifted[8*Lanes-1:DataWidth] ^ wrapped[4];

  always_ff @(posedge clk_i) begin
    if (load_i && !cont_i) begin
      lanes_q <= lanes;
      len_q <= len_i;
      phase_q <= start;
    end else if (step_i) begin
      phase_q <= wrapped[3:0];
    end
  end
endmodule
