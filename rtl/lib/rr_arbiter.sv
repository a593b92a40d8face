// SPDX-License-Identifier: Apache-2.0
// Round-robin arbiter. Timing: grant_o is combinational from req_i; the turn moves past the winner of a cycle in
// which accept_i is 1.
module rr_arbiter #(
    parameter int unsigned N = 2,
    parameter int unsigned IdxWidth = (N > 1) ? $clog2(N) : 1  // derived
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [N-1:0]        req_i,
    input  logic                accept_i,
    output logic [N-1:0]        grant_o,  // one-hot, zero when nobody asks
    output logic [IdxWidth-1:0] index_o   // of the winner, 0 when nobody asks
);
  localparam int unsigned Steps = (N > 1) ? $clog2(N) : 1;

  // Those above the last winner go before the others; of each group the lowest wins. The last winner's own place is
  // not kept, only who stands above it. OR over all places below each one, in a tree: no chain of N steps.
  logic [N-1:0] above_q, first, first_upto, all_upto, upto;
  always_comb begin
    first = req_i & above_q;
    first_upto = first;
    all_upto = req_i;
    for (int unsigned s = 0; s < Steps; s++) begin
      first_upto = first_upto | (first_upto << (1 << s));
      all_upto = all_upto | (all_upto << (1 << s));
    end
    upto = first_upto[N-1] ? first_upto : all_upto;
    grant_o = upto & ~(upto << 1);
    index_o = '0;
    for (int unsigned i = 0; i < N; i++) begin
      if (grant_o[i]) index_o |= IdxWidth'(i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) above_q <= '0;
    else if (accept_i && req_i != '0) above_q <= upto << 1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_one_grant: assert ((grant_o & (grant_o - 1'b1)) == '0);
      a_only_requesters_win: assert ((grant_o & ~req_i) == '0);
    end
  end
endmodule
