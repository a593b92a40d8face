// SPDX-License-Identifier: Apache-2.0
// dma_burst: no burst crosses 4 KiB or has more than MaxBurst beats; burst and rest are together exactly the range.
module burst_fv #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned MaxBurst  = 16
) (
    input logic        clk_i,
    input logic [63:0] addr_i,
    input logic [31:0] rem_i
);
  localparam int unsigned LB = $clog2(DataWidth / 8);
  localparam int unsigned Longest = (MaxBurst < 32768 / DataWidth) ? MaxBurst : 32768 / DataWidth;  // within 4 KiB
  logic [63:0] addr, next_addr;
  logic [7:0] len;
  logic last;
  logic [31:0] next_rem;
  dma_burst #(.DataWidth(DataWidth), .MaxBurst(MaxBurst)) dut (
      .addr_i, .rem_i, .addr_o(addr), .len_o(len), .last_o(last), .next_addr_o(next_addr), .next_rem_o(next_rem));

  logic [64:0] end_of_burst, end_of_range;  // the first bytes behind them
  assign end_of_burst = {1'b0, addr} + ((65'(len) + 65'd1) << LB);
  assign end_of_range = {1'b0, addr_i} + 65'(rem_i) + 65'd1;
  always_comb begin
    m_range: assume (!end_of_range[64]);
  end
  always_ff @(posedge clk_i) begin
    a_aligned: assert (addr[LB-1:0] == '0 && addr <= addr_i && addr_i - addr < 64'(DataWidth / 8));
    a_page: assert (addr[63:12] == 52'((end_of_burst - 65'd1) >> 12));
    a_beats: assert (32'(len) < MaxBurst);
    a_last: assert (last == (end_of_burst >= end_of_range));
    a_tight: assert (!last || end_of_burst - end_of_range < 65'(DataWidth / 8));
    a_rest: assert (last || ({1'b0, next_addr} == end_of_burst && {1'b0, next_addr} + 65'(next_rem) + 65'd1 == end_of_range));
    c_page: cover (!last && end_of_burst[11:0] == '0 && 32'(len) + 32'd1 < MaxBurst && addr_i[LB-1:0] != '0);
    c_whole: cover (last && 32'(len) + 32'd1 == Longest);
  end
endmodule
