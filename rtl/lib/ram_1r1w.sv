// SPDX-License-Identifier: Apache-2.0
// A memory with one write and one read port, in the form that synthesis maps to block RAM.
//
// Timing: raddr_i in t -> rdata_o in t+1 (a register). A word that is written in the cycle it is read comes out new
// with Bypass. Without, it comes out as anything at all, as a block RAM gives it: the user must not look at it.
module ram_1r1w #(
    parameter int unsigned Width = 32,  // bits of a word
    parameter int unsigned Depth = 64,  // words, at least 2
    parameter bit          Bypass = 1'b0,
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

  // The attribute tells yosys that nobody looks: it would build the old word's way out of registers otherwise.
  (* no_rw_check *)
  logic [Width-1:0] mem_q[Depth];
  logic [Width-1:0] rdata_q;
  // In simulation and in proofs a clash gives neither the old word nor the new one, so that who relies on it is seen.
  logic clash;
`ifdef VERILATOR
  assign clash = we_i & (waddr_i == raddr_i);
`elsif FORMAL
  assign clash = we_i & (waddr_i == raddr_i);
`else
  assign clash = 1'b0;
`endif
  always_ff @(posedge clk_i) begin
    if (we_i) mem_q[waddr_i] <= wdata_i;
    rdata_q <= mem_q[raddr_i] ^ {Width{clash}};
  end

  if (Bypass) begin : gen_bypass
    logic             late_q;
    logic [Width-1:0] late_word_q;
    always_ff @(posedge clk_i) begin
      late_q <= we_i & (waddr_i == raddr_i);
      late_word_q <= wdata_i;
    end
    assign rdata_o = late_q ? late_word_q : rdata_q;
  end else begin : gen_plain
    assign rdata_o = rdata_q;
  end
endmodule
