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
  logic [IdxWidth-1:0] last_q;  // the last winner has the lowest priority

  always_comb begin
    grant_o = '0;
    index_o = '0;
    for (int unsigned i = 2 * N; i > 0; i--) begin
      // From the least to the most favoured: the assignment of the most favoured stays.
      if (((i - 1) <= 32'(last_q) + N) && ((i - 1) > 32'(last_q)) && req_i[IdxWidth'((i - 1) % N)]) begin
        grant_o = '0;
        grant_o[IdxWidth'((i - 1) % N)] = 1'b1;
        index_o = IdxWidth'((i - 1) % N);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) last_q <= IdxWidth'(N - 1);
    else if (accept_i && req_i != '0) last_q <= index_o;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_one_grant: assert ((grant_o & (grant_o - 1'b1)) == '0);
      a_only_requesters_win: assert ((grant_o & ~req_i) == '0);
    end
  end
endmodule
