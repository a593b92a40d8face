// SPDX-License-Identifier: Apache-2.0
// The aperture's page table, one for all channels of an engine: 2^PagesLog2 entries {valid, logical page} in block RAM,
// read at two places at a time (source and destination of a piece).
//
// Timing: a request is taken when ready; its entries are there 1 + Pipe cycles later, for one cycle. One request and one
// update per cycle, each round-robin among the channels. A request that is taken in the cycle of an update or later sees it.
// After reset nothing is taken for 2^PagesLog2 cycles, in which all entries become invalid.
module dma_aperture #(
    parameter int unsigned Channels  = 4,
    parameter int unsigned PagesLog2 = 12,
    parameter int unsigned AddrBits  = 40,  // of logical addresses
    parameter int unsigned Pipe      = 0
) (
    input  logic                                clk_i,
    input  logic                                rst_ni,

    input  logic [Channels-1:0]                 lookup_valid_i,
    output logic [Channels-1:0]                 lookup_ready_o,
    input  logic [Channels*PagesLog2-1:0]       lookup_src_i,
    input  logic [Channels*PagesLog2-1:0]       lookup_dst_i,
    output logic [AddrBits-12:0]                entry_src_o,  // {valid, page}
    output logic [AddrBits-12:0]                entry_dst_o,

    input  logic [Channels-1:0]                 update_valid_i,
    output logic [Channels-1:0]                 update_ready_o,
    input  logic [Channels*PagesLog2-1:0]       update_page_i,
    input  logic [Channels*(AddrBits-11)-1:0]   update_entry_i
);
  localparam int unsigned EntryWidth = AddrBits - 11;
  if (PagesLog2 < 1 || PagesLog2 > 20) begin : gen_pages_check
    $error("dma_aperture: PagesLog2 must be 1 to 20");
  end
  if (AddrBits < 13 || AddrBits > 64) begin : gen_addr_check
    $error("dma_aperture: AddrBits must be 13 to 64");
  end

  logic [PagesLog2:0] clear_q;  // the highest bit: done
  logic ready;
  assign ready = clear_q[PagesLog2];
  always_ff @(posedge clk_i) begin
    if (!rst_ni) clear_q <= '0;
    else if (!ready) clear_q <= clear_q + (PagesLog2 + 1)'(1);
  end

  localparam int unsigned IdxWidth = (Channels > 1) ? $clog2(Channels) : 1;
  logic [IdxWidth-1:0] reader, writer;
  logic [Channels-1:0] read_grant, write_grant;
  rr_arbiter #(.N(Channels)) u_readers (
      .clk_i, .rst_ni, .req_i(lookup_valid_i), .accept_i(ready), .grant_o(read_grant), .index_o(reader));
  rr_arbiter #(.N(Channels)) u_writers (
      .clk_i, .rst_ni, .req_i(update_valid_i), .accept_i(ready), .grant_o(write_grant), .index_o(writer));
  assign lookup_ready_o = ready ? read_grant : '0;
  assign update_ready_o = ready ? write_grant : '0;

  logic we;
  logic [PagesLog2-1:0] waddr;
  logic [EntryWidth-1:0] wdata;
  assign we = ~ready | (update_valid_i != '0);
  assign waddr = ready ? update_page_i[writer*PagesLog2+:PagesLog2] : clear_q[PagesLog2-1:0];
  assign wdata = ready ? update_entry_i[writer*EntryWidth+:EntryWidth] : '0;

  logic [EntryWidth-1:0] src, dst;
  ram_1r1w #(.Width(EntryWidth), .Depth(1 << PagesLog2), .Bypass(1'b1)) u_src (
      .clk_i, .we_i(we), .waddr_i(waddr), .wdata_i(wdata),
      .raddr_i(lookup_src_i[reader*PagesLog2+:PagesLog2]), .rdata_o(src));
  ram_1r1w #(.Width(EntryWidth), .Depth(1 << PagesLog2), .Bypass(1'b1)) u_dst (
      .clk_i, .we_i(we), .waddr_i(waddr), .wdata_i(wdata),
      .raddr_i(lookup_dst_i[reader*PagesLog2+:PagesLog2]), .rdata_o(dst));

  if (Pipe == 0) begin : gen_direct
    assign entry_src_o = src;
    assign entry_dst_o = dst;
  end else begin : gen_register
    always_ff @(posedge clk_i) begin
      entry_src_o <= src;
      entry_dst_o <= dst;
    end
  end
endmodule
