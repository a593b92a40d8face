// SPDX-License-Identifier: Apache-2.0
// rr_arbiter: somebody wins whenever somebody asks, and who keeps asking wins before anybody else wins twice.
module rr_arbiter_fv #(
    parameter int unsigned N = 5,
    parameter int unsigned IdxWidth = (N > 1) ? $clog2(N) : 1
) (
    input logic                clk_i,
    input logic                rst_ni,
    input logic [N-1:0]        req_i,
    input logic                accept_i,
    input logic [IdxWidth-1:0] who_i    // constant
);
  logic [N-1:0] grant;
  logic [IdxWidth-1:0] index;
  rr_arbiter #(.N(N)) dut (.clk_i, .rst_ni, .req_i, .accept_i, .grant_o(grant), .index_o(index));

  logic started_q = 1'b0;
  logic [IdxWidth-1:0] who_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    who_q <= who_i;
  end

  logic waits_q;            // who_i asks, and has not been served since it began
  logic [N-1:0] served_q;   // who won meanwhile
  always_ff @(posedge clk_i) begin
    if (!rst_ni || !req_i[who_i] || (accept_i && grant[who_i])) begin
      waits_q <= 1'b0;
      served_q <= '0;
    end else begin
      waits_q <= 1'b1;
      if (accept_i) served_q <= served_q | grant;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) m_who: assume (who_i == who_q);
    m_range: assume (32'(who_i) < N);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_somebody: assert ((grant != '0) == (req_i != '0));
      a_index: assert (req_i == '0 || grant == (N'(1) << index));
      a_turn: assert (!(waits_q && req_i[who_i] && accept_i) || (grant & served_q) == '0);
      c_last: cover (waits_q && req_i[who_i] && grant[who_i] && $countones(served_q) == N - 1);
    end
  end
endmodule
