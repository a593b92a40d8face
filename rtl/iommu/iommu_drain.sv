// SPDX-License-Identifier: Apache-2.0
// Counts the requests that have an output address and have not been performed, per port and id, and tells when all
// that were under way at a certain cycle have been. Later requests do not hold a drain up: within an id the memory
// answers in order, so the first answers belong to the older requests.
//
// Timing: req_i in t -> snapshot at the end of t (requests pushed in t included) -> ack_o not before t+1.
module iommu_drain #(
    parameter int unsigned NumPorts  = 2,
    parameter int unsigned PortWidth = 2,
    parameter int unsigned IdWidth   = 4,
    parameter int unsigned CountBits = 10,  // requests of one id under way: fewer than 2^CountBits
    parameter int unsigned Users     = 2,
    parameter int unsigned NumIds    = NumPorts << IdWidth  // derived
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic [1:0]             push_i,  // up to two in a cycle
    input  logic [2*PortWidth-1:0] push_port_i,
    input  logic [2*IdWidth-1:0]   push_id_i,
    input  logic                 done_i,
    input  logic [PortWidth-1:0] done_port_i,
    input  logic [IdWidth-1:0]   done_id_i,
    input  logic [Users-1:0]     req_i,      // hold until ack_o
    output logic [Users-1:0]     ack_o,      // one cycle
    output logic [NumIds-1:0]    idle_o      // nothing under way for {port, id}
);
  localparam int unsigned IdxWidth = $clog2(NumIds);

  logic [NumIds-1:0] push0, push1, done, owes;
  logic [Users-1:0]  active_q;
  logic              take;

  always_comb begin
    push0 = '0;
    push1 = '0;
    done = '0;
    if (push_i[0]) push0[IdxWidth'({push_port_i[0+:PortWidth], push_id_i[0+:IdWidth]})] = 1'b1;
    if (push_i[1]) push1[IdxWidth'({push_port_i[PortWidth+:PortWidth], push_id_i[IdWidth+:IdWidth]})] = 1'b1;
    if (done_i) done[IdxWidth'({done_port_i, done_id_i})] = 1'b1;
  end
  assign take = (active_q == '0) & (req_i != '0);
  assign ack_o = (owes == '0) ? active_q : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) active_q <= '0;
    else if (take) active_q <= req_i;
    else if (owes == '0) active_q <= '0;
  end

  for (genvar i = 0; i < NumIds; i++) begin : gen_id
    logic [CountBits-1:0] count_q, owed_q, next;
    assign next = count_q + CountBits'(push0[i]) + CountBits'(push1[i]) - CountBits'(done[i]);
    assign idle_o[i] = count_q == '0;
    assign owes[i] = owed_q != '0;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        count_q <= '0;
        owed_q <= '0;
      end else begin
        count_q <= next;
        if (take) owed_q <= next;
        else if (done[i] && owes[i]) owed_q <= owed_q - 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_answer_was_asked_for: assert ((done & idle_o) == '0);
    end
  end
endmodule
