// SPDX-License-Identifier: Apache-2.0
// iommu_drain: a drain is acknowledged only when every request that had its address when it was asked for has been
// performed. Any one request is watched.
module drain_fv #(
    parameter int unsigned NumPorts  = 2,
    parameter int unsigned PortWidth = 1,
    parameter int unsigned IdWidth   = 1,
    parameter int unsigned CountBits = 3,
    parameter int unsigned Users     = 2
) (
    input logic                   clk_i,
    input logic                   rst_ni,
    input logic [1:0]             push_i,
    input logic [2*PortWidth-1:0] push_port_i,
    input logic [2*IdWidth-1:0]   push_id_i,
    input logic                   done_i,
    input logic [PortWidth-1:0]   done_port_i,
    input logic [IdWidth-1:0]     done_id_i,
    input logic [Users-1:0]       req_i,
    input logic [PortWidth+IdWidth-1:0] who_i,     // constant: the watched {port, id}
    input logic                   watch_i,         // a request of this cycle is the watched one
    input logic                   user_i           // constant: the watched user
);
  localparam int unsigned NumIds = NumPorts << IdWidth;
  logic [Users-1:0] ack;
  logic [NumIds-1:0] idle;
  iommu_drain #(
      .NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth), .CountBits(CountBits), .Users(Users)
  ) dut (
      .clk_i, .rst_ni, .push_i, .push_port_i, .push_id_i, .done_i, .done_port_i, .done_id_i, .req_i, .ack_o(ack),
      .idle_o(idle));

  logic started_q = 1'b0;
  logic [PortWidth+IdWidth-1:0] who_q;
  logic user_q;
  logic [Users-1:0] req_q, ack_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    who_q <= who_i;
    user_q <= user_i;
    req_q <= rst_ni ? req_i : '0;
    ack_q <= rst_ni ? ack : '0;
  end

  // Requests of the watched {port, id}, their answers in order; how many are before the watched one.
  logic push0, push1, done;
  logic [CountBits-1:0] count_q, count_d, before_q;
  logic waits_q, owed_q, begins;   // under way; and it had its address when user_i asked
  assign push0 = push_i[0] & ({push_port_i[0+:PortWidth], push_id_i[0+:IdWidth]} == who_i);
  assign push1 = push_i[1] & ({push_port_i[PortWidth+:PortWidth], push_id_i[IdWidth+:IdWidth]} == who_i);
  assign done = done_i & ({done_port_i, done_id_i} == who_i);
  assign count_d = count_q + CountBits'(push0) + CountBits'(push1) - CountBits'(done);
  assign begins = watch_i & (push0 | push1) & ~waits_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      waits_q <= 1'b0;
      owed_q <= 1'b0;
    end else begin
      count_q <= count_d;
      if (begins) begin
        waits_q <= 1'b1;
        before_q <= count_d - CountBits'(1);  // the last of this cycle
      end else if (waits_q && done) begin
        if (before_q == '0) waits_q <= 1'b0;
        else before_q <= before_q - CountBits'(1);
      end
      // Asked for in this cycle for the first time: what had its address before it is owed.
      if (req_i[user_i] && (!req_q[user_i] || ack_q[user_i])) owed_q <= waits_q & ~(done & before_q == '0);
      else if (done && before_q == '0) owed_q <= 1'b0;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) m_constant: assume (who_i == who_q && user_i == user_q);
    m_ports: assume (32'(push_port_i[0+:PortWidth]) < NumPorts && 32'(push_port_i[PortWidth+:PortWidth]) < NumPorts
                     && 32'(done_port_i) < NumPorts);
    m_asked: assume (!(done_i && idle[{done_port_i, done_id_i}]));
    m_count: assume (32'(count_q) + 32'd2 < (1 << CountBits));
    // A request for a drain is held until it is acknowledged.
    m_held: assume ((req_q & ~ack_q & ~req_i) == '0);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_performed: assert (!(ack[user_i] && req_i[user_i] && req_q[user_i] && !ack_q[user_i] && owed_q && waits_q));
      a_idle: assert (idle[who_i] == (count_q == '0));
      a_acknowledges_who_asks: assert ((ack & ~req_i) == '0);
      c_after: cover (ack[user_i] && waits_q && !owed_q);
    end
  end
endmodule
