// SPDX-License-Identifier: Apache-2.0
// The hints of all ports on their way to the read lane: one a cycle, in turns; and those that needed a walk and got
// none, kept until they get one.
//
// Timing: a port's hint is at the lane in its own cycle. A lost hint stands at the lane from the next cycle on, before
// the ports' hints, which wait meanwhile, and is looked up as if it were new: what is flushed or switched off does not
// concern it. Whether it enters is the lane's to say, which lets requests go first, so it never holds one up.
//
// Room: a port's hint is taken only when none is kept. Then no more than Pipe + 1 are in the lookup, and with the new
// one as many may come back as places are here.
module iommu_hints #(
    parameter int unsigned NumPorts  = 2,
    parameter int unsigned PortWidth = 2,
    parameter int unsigned Pipe      = 0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,

    input  logic [NumPorts-1:0]    hint_valid_i,  // may be withdrawn
    output logic [NumPorts-1:0]    hint_ready_o,
    input  logic [NumPorts*52-1:0] hint_page_i,

    // To the lookup; may be withdrawn.
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [PortWidth-1:0]   out_port_o,
    output logic [51:0]            out_page_o,

    // Back from the lookup, without a walk.
    input  logic                   lost_valid_i,
    input  logic [PortWidth-1:0]   lost_port_i,
    input  logic [51:0]            lost_page_i,

    output logic                   kept_o         // one is kept
);
  localparam int unsigned NumPortBits = (NumPorts > 1) ? $clog2(NumPorts) : 1;

  logic [NumPorts-1:0] grant;
  logic [NumPortBits-1:0] port;
  logic none_kept, full;
  logic [PortWidth-1:0] kept_port;
  logic [51:0] kept_page;
  rr_arbiter #(.N(NumPorts)) i_ports (
      .clk_i, .rst_ni, .req_i(hint_valid_i), .accept_i(none_kept & out_ready_i & (hint_valid_i != '0)),
      .grant_o(grant), .index_o(port));

  fifo #(.Width(PortWidth + 52), .Depth(Pipe + 2)) i_kept (
      .clk_i, .rst_ni, .flush_i(1'b0), .push_i(lost_valid_i), .data_i({lost_port_i, lost_page_i}), .full_o(full),
      .pop_i(~none_kept & out_ready_i), .data_o({kept_port, kept_page}), .empty_o(none_kept));

  assign kept_o = ~none_kept;
  assign hint_ready_o = (none_kept & out_ready_i) ? grant : '0;
  assign out_valid_o = kept_o | (hint_valid_i != '0);
  assign out_port_o = kept_o ? kept_port : PortWidth'(port);
  assign out_page_o = kept_o ? kept_page : hint_page_i[port*52+:52];

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_room: assert (!(lost_valid_i && full));
    end
  end
endmodule
