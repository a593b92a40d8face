// SPDX-License-Identifier: Apache-2.0
// The next AXI burst of a byte range: the one place of the burst arithmetic, for reads and writes.
// Combinational. A burst never crosses a 4 KiB boundary and has at most MaxBurst beats; its address is beat-aligned.
module dma_burst #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned MaxBurst  = 16
) (
    input  logic [63:0] addr_i,       // first byte
    input  logic [31:0] rem_i,        // bytes - 1
    output logic [63:0] addr_o,       // of the burst, beat-aligned
    output logic [7:0]  len_o,        // beats - 1
    output logic        last_o,       // the burst reaches the end of the range
    output logic [63:0] next_addr_o,  // of the rest; beat-aligned
    output logic [31:0] next_rem_o    // of the rest, bytes - 1; only when not last
);
  localparam int unsigned LB = $clog2(DataWidth / 8);
  localparam logic [8:0] MaxLen = 9'(MaxBurst - 1);

  logic [LB-1:0] offset;
  logic [32:0] reach;
  logic [11-LB:0] to_end;  // beats - 1, up to 511 in a page of 8-byte beats
  logic [8:0] page_len, limit;
  logic [8:0] beats;

  assign offset = addr_i[LB-1:0];
  assign reach = {1'b0, rem_i} + {{(33 - LB) {1'b0}}, offset};
  assign to_end = ~addr_i[11:LB];
  assign page_len = 9'(to_end);
  assign limit = (page_len > MaxLen) ? MaxLen : page_len;
  assign last_o = reach[32:LB] <= {{(24 - LB) {1'b0}}, limit};
  assign len_o = last_o ? reach[LB+7:LB] : limit[7:0];
  assign beats = {1'b0, len_o} + 9'd1;
  assign addr_o = {addr_i[63:LB], {LB{1'b0}}};
  assign next_addr_o = {addr_i[63:LB] + {{(55 - LB) {1'b0}}, beats}, {LB{1'b0}}};
  logic unused;
  assign unused = ^reach[LB-1:0] ^ limit[8];
  assign next_rem_o = rem_i - {{(23 - LB) {1'b0}}, beats, {LB{1'b0}}} + {{(32 - LB) {1'b0}}, offset};
endmodule
