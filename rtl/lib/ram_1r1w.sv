// SPDX-License-Identifier: Apache-2.0
// A memory with one write and one read port, in the form that synthesis maps to block RAM.
//
// Timing: raddr_i in t -> rdata_o in t+1 (a register). A word that is written in the cycle it is read comes out old.
module ram_1r1w #(
    parameter int unsigned Width = 32,  // bits of a word
    parameter int unsigned Depth = 64,  // words, at least 2
    parameter int unsigned AddrWidth = $clog2(Depth)  // derived
) (
    input  logic                 clk_i,
    input  logic                 we_i,
    input  logic [AddrWidth-1:0] waddr_i,
    input  logic [Width-1:0]     wdata_i,
    input  logic [AddrWidth-1:0] raddr_i,
    output logic [Width-1:0]     rdata_o
);
  if (Depth < 2) begin : gen_depth_check
    $error("ram_1r1w: Depth must be at least 2");
  end

  logic [Width-1:0] mem_q[Depth];
  logic [Width-1:0] rdata_q;
  always_ff @(posedge clk_i) begin
    if (we_i) mem_q[waddr_i] <= wdata_i;
    rdata_q <= mem_q[raddr_i];
  end
  assign rdata_o = rdata_q;
endmodule
