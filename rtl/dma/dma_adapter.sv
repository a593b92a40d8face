// SPDX-License-Identifier: Apache-2.0
// A DMA engine that can be reset under traffic: adapter_rst_ni resets the engine alone, while its buses are kept within
// their rules until nothing of it is left in the fabric.
//
// Timing: transparent (axi_isolate, axil_isolate). adapter_rst_ni low in t -> engine in reset from t+1 on, until
// adapter_rst_ni is high again and everything begun has been answered; adapter_busy_o meanwhile.
module dma_adapter #(
    parameter int unsigned Channels          = 4,    // 1 to 8
    parameter int unsigned DataWidth         = 256,  // bits of both AXI4 data buses: 64, 128, 256 or 512
    parameter int unsigned AddrBits          = 40,   // logical address bits driven, 13 to 64
    parameter int unsigned VramBits          = 28,   // log2 of the VRAM bytes, 13 to 64
    parameter int unsigned VirtualBits       = 48,   // virtual address bits driven, 13 to 64
    parameter int unsigned AperturePagesLog2 = 12,   // log2 of the aperture's 4 KiB pages; 0: none
    parameter int unsigned Reads             = 64,   // reads in flight at most, per channel, 1 to 256
    parameter int unsigned IdWidth           = 4,    // AXI id bits, 2 + log2(Channels) to 31
    parameter logic [15:0] SourceId          = 16'h0100,
    parameter int unsigned MaxBurst          = 16,   // beats of a burst at most, 512/DataWidth to 256
    parameter int unsigned BufferBeats       = 256,  // read buffer of each port of a channel, MaxBurst to 4096
    parameter int unsigned HintAhead         = 8,    // source pages that hints are ahead of the reads, 1 to 64
    parameter int unsigned Pipe              = 0     // 0: shortest latency, 1: registers for an FPGA
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   adapter_rst_ni,  // synchronous; one cycle is enough
    output logic                   adapter_busy_o,  // in reset, or draining

    // BAR 0.
    input  logic                   s_axil_awvalid_i,
    output logic                   s_axil_awready_o,
    input  logic [11:0]            s_axil_awaddr_i,
    input  logic                   s_axil_wvalid_i,
    output logic                   s_axil_wready_o,
    input  logic [63:0]            s_axil_wdata_i,
    input  logic [7:0]             s_axil_wstrb_i,
    output logic                   s_axil_bvalid_o,
    input  logic                   s_axil_bready_i,
    output logic [1:0]             s_axil_bresp_o,
    input  logic                   s_axil_arvalid_i,
    output logic                   s_axil_arready_o,
    input  logic [11:0]            s_axil_araddr_i,
    output logic                   s_axil_rvalid_o,
    input  logic                   s_axil_rready_i,
    output logic [63:0]            s_axil_rdata_o,
    output logic [1:0]             s_axil_rresp_o,

    // Logical memory, towards the IOMMU; bursts INCR.
    output logic                   m_axi_host_arvalid_o,
    input  logic                   m_axi_host_arready_i,
    output logic [IdWidth-1:0]     m_axi_host_arid_o,
    output logic [63:0]            m_axi_host_araddr_o,
    output logic [7:0]             m_axi_host_arlen_o,
    output logic [2:0]             m_axi_host_arsize_o,
    output logic [26:0]            m_axi_host_aruser_o,  // vtd_pkg::axuser_t
    input  logic                   m_axi_host_rvalid_i,
    output logic                   m_axi_host_rready_o,
    input  logic [IdWidth-1:0]     m_axi_host_rid_i,
    input  logic [DataWidth-1:0]   m_axi_host_rdata_i,
    input  logic [1:0]             m_axi_host_rresp_i,
    input  logic                   m_axi_host_rlast_i,
    output logic                   m_axi_host_awvalid_o,
    input  logic                   m_axi_host_awready_i,
    output logic [IdWidth-1:0]     m_axi_host_awid_o,
    output logic [63:0]            m_axi_host_awaddr_o,
    output logic [7:0]             m_axi_host_awlen_o,
    output logic [2:0]             m_axi_host_awsize_o,
    output logic [26:0]            m_axi_host_awuser_o,  // vtd_pkg::axuser_t
    output logic                   m_axi_host_wvalid_o,
    input  logic                   m_axi_host_wready_i,
    output logic [DataWidth-1:0]   m_axi_host_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_host_wstrb_o,
    output logic                   m_axi_host_wlast_o,
    input  logic                   m_axi_host_bvalid_i,
    output logic                   m_axi_host_bready_o,
    input  logic [IdWidth-1:0]     m_axi_host_bid_i,
    input  logic [1:0]             m_axi_host_bresp_i,
    // Pages that will be wanted there; a hint may be withdrawn.
    output logic                   hint_valid_o,
    input  logic                   hint_ready_i,
    output logic [51:0]            hint_page_o,

    // VRAM, addresses are byte offsets; bursts INCR.
    output logic                   m_axi_vram_arvalid_o,
    input  logic                   m_axi_vram_arready_i,
    output logic [IdWidth-1:0]     m_axi_vram_arid_o,
    output logic [63:0]            m_axi_vram_araddr_o,
    output logic [7:0]             m_axi_vram_arlen_o,
    output logic [2:0]             m_axi_vram_arsize_o,
    input  logic                   m_axi_vram_rvalid_i,
    output logic                   m_axi_vram_rready_o,
    input  logic [IdWidth-1:0]     m_axi_vram_rid_i,
    input  logic [DataWidth-1:0]   m_axi_vram_rdata_i,
    input  logic [1:0]             m_axi_vram_rresp_i,
    input  logic                   m_axi_vram_rlast_i,
    output logic                   m_axi_vram_awvalid_o,
    input  logic                   m_axi_vram_awready_i,
    output logic [IdWidth-1:0]     m_axi_vram_awid_o,
    output logic [63:0]            m_axi_vram_awaddr_o,
    output logic [7:0]             m_axi_vram_awlen_o,
    output logic [2:0]             m_axi_vram_awsize_o,
    output logic                   m_axi_vram_wvalid_o,
    input  logic                   m_axi_vram_wready_i,
    output logic [DataWidth-1:0]   m_axi_vram_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_vram_wstrb_o,
    output logic                   m_axi_vram_wlast_o,
    input  logic                   m_axi_vram_bvalid_i,
    output logic                   m_axi_vram_bready_o,
    input  logic [IdWidth-1:0]     m_axi_vram_bid_i,
    input  logic [1:0]             m_axi_vram_bresp_i
);

  // ------------------------------------------------------------------ control
  logic isolate_q, engine_rst_n, buses_drained, host_drained, vram_drained, lite_drained, closing;
  assign buses_drained = host_drained & vram_drained;
  assign closing = adapter_rst_ni & buses_drained;
  assign engine_rst_n = rst_ni & ~isolate_q;
  assign adapter_busy_o = isolate_q | ~adapter_rst_ni;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) isolate_q <= 1'b0;
    else isolate_q <= ~adapter_rst_ni | (isolate_q & ~(buses_drained & lite_drained));
  end

  // ------------------------------------------------------------------ the engine's side of the buses
  logic e_hint_valid;
  assign hint_valid_o = e_hint_valid & ~isolate_q;
  logic e_axil_awvalid;
  logic e_axil_awready;
  logic [11:0] e_axil_awaddr;
  logic e_axil_wvalid;
  logic e_axil_wready;
  logic [63:0] e_axil_wdata;
  logic [7:0] e_axil_wstrb;
  logic e_axil_bvalid;
  logic e_axil_bready;
  logic [1:0] e_axil_bresp;
  logic e_axil_arvalid;
  logic e_axil_arready;
  logic [11:0] e_axil_araddr;
  logic e_axil_rvalid;
  logic e_axil_rready;
  logic [63:0] e_axil_rdata;
  logic [1:0] e_axil_rresp;
  logic e_host_arvalid;
  logic e_host_arready;
  logic [IdWidth-1:0] e_host_arid;
  logic [63:0] e_host_araddr;
  logic [7:0] e_host_arlen;
  logic [2:0] e_host_arsize;
  logic [26:0] e_host_aruser;
  logic e_host_rvalid;
  logic e_host_rready;
  logic e_host_awvalid;
  logic e_host_awready;
  logic [IdWidth-1:0] e_host_awid;
  logic [63:0] e_host_awaddr;
  logic [7:0] e_host_awlen;
  logic [2:0] e_host_awsize;
  logic [26:0] e_host_awuser;
  logic e_host_wvalid;
  logic e_host_wready;
  logic [DataWidth-1:0] e_host_wdata;
  logic [DataWidth/8-1:0] e_host_wstrb;
  logic e_host_wlast;
  logic e_host_bvalid;
  logic e_host_bready;
  logic e_vram_arvalid;
  logic e_vram_arready;
  logic [IdWidth-1:0] e_vram_arid;
  logic [63:0] e_vram_araddr;
  logic [7:0] e_vram_arlen;
  logic [2:0] e_vram_arsize;
  logic e_vram_rvalid;
  logic e_vram_rready;
  logic e_vram_awvalid;
  logic e_vram_awready;
  logic [IdWidth-1:0] e_vram_awid;
  logic [63:0] e_vram_awaddr;
  logic [7:0] e_vram_awlen;
  logic [2:0] e_vram_awsize;
  logic e_vram_wvalid;
  logic e_vram_wready;
  logic [DataWidth-1:0] e_vram_wdata;
  logic [DataWidth/8-1:0] e_vram_wstrb;
  logic e_vram_wlast;
  logic e_vram_bvalid;
  logic e_vram_bready;

  dma_engine #(
      .Channels(Channels), .DataWidth(DataWidth), .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits),
      .AperturePagesLog2(AperturePagesLog2), .Reads(Reads), .IdWidth(IdWidth), .SourceId(SourceId), .MaxBurst(MaxBurst),
      .BufferBeats(BufferBeats), .HintAhead(HintAhead), .Pipe(Pipe)
  ) i_engine (
      .clk_i, .rst_ni(engine_rst_n), .s_axil_awvalid_i(e_axil_awvalid), .s_axil_awready_o(e_axil_awready),
      .s_axil_awaddr_i(e_axil_awaddr), .s_axil_wvalid_i(e_axil_wvalid), .s_axil_wready_o(e_axil_wready),
      .s_axil_wdata_i(e_axil_wdata), .s_axil_wstrb_i(e_axil_wstrb), .s_axil_bvalid_o(e_axil_bvalid),
      .s_axil_bready_i(e_axil_bready), .s_axil_bresp_o(e_axil_bresp), .s_axil_arvalid_i(e_axil_arvalid),
      .s_axil_arready_o(e_axil_arready), .s_axil_araddr_i(e_axil_araddr), .s_axil_rvalid_o(e_axil_rvalid),
      .s_axil_rready_i(e_axil_rready), .s_axil_rdata_o(e_axil_rdata), .s_axil_rresp_o(e_axil_rresp),
      .m_axi_host_arvalid_o(e_host_arvalid), .m_axi_host_arready_i(e_host_arready), .m_axi_host_arid_o(e_host_arid),
      .m_axi_host_araddr_o(e_host_araddr), .m_axi_host_arlen_o(e_host_arlen), .m_axi_host_arsize_o(e_host_arsize),
      .m_axi_host_aruser_o(e_host_aruser), .m_axi_host_rvalid_i(e_host_rvalid), .m_axi_host_rready_o(e_host_rready),
      .m_axi_host_rid_i, .m_axi_host_rdata_i, .m_axi_host_rresp_i, .m_axi_host_rlast_i,
      .m_axi_host_awvalid_o(e_host_awvalid), .m_axi_host_awready_i(e_host_awready), .m_axi_host_awid_o(e_host_awid),
      .m_axi_host_awaddr_o(e_host_awaddr), .m_axi_host_awlen_o(e_host_awlen), .m_axi_host_awsize_o(e_host_awsize),
      .m_axi_host_awuser_o(e_host_awuser), .m_axi_host_wvalid_o(e_host_wvalid), .m_axi_host_wready_i(e_host_wready),
      .m_axi_host_wdata_o(e_host_wdata), .m_axi_host_wstrb_o(e_host_wstrb), .m_axi_host_wlast_o(e_host_wlast),
      .m_axi_host_bvalid_i(e_host_bvalid), .m_axi_host_bready_o(e_host_bready), .m_axi_host_bid_i,
      .m_axi_host_bresp_i, .hint_valid_o(e_hint_valid), .hint_ready_i, .hint_page_o, .m_axi_vram_arvalid_o(e_vram_arvalid), .m_axi_vram_arready_i(e_vram_arready),
      .m_axi_vram_arid_o(e_vram_arid), .m_axi_vram_araddr_o(e_vram_araddr), .m_axi_vram_arlen_o(e_vram_arlen),
      .m_axi_vram_arsize_o(e_vram_arsize), .m_axi_vram_rvalid_i(e_vram_rvalid), .m_axi_vram_rready_o(e_vram_rready),
      .m_axi_vram_rid_i, .m_axi_vram_rdata_i, .m_axi_vram_rresp_i, .m_axi_vram_rlast_i,
      .m_axi_vram_awvalid_o(e_vram_awvalid), .m_axi_vram_awready_i(e_vram_awready), .m_axi_vram_awid_o(e_vram_awid),
      .m_axi_vram_awaddr_o(e_vram_awaddr), .m_axi_vram_awlen_o(e_vram_awlen), .m_axi_vram_awsize_o(e_vram_awsize),
      .m_axi_vram_wvalid_o(e_vram_wvalid), .m_axi_vram_wready_i(e_vram_wready), .m_axi_vram_wdata_o(e_vram_wdata),
      .m_axi_vram_wstrb_o(e_vram_wstrb), .m_axi_vram_wlast_o(e_vram_wlast), .m_axi_vram_bvalid_i(e_vram_bvalid),
      .m_axi_vram_bready_o(e_vram_bready), .m_axi_vram_bid_i, .m_axi_vram_bresp_i);

  axi_isolate #(.DataWidth(DataWidth), .IdWidth(IdWidth), .UserWidth(27)) i_host (
      .clk_i, .rst_ni, .isolate_i(isolate_q), .drained_o(host_drained), .s_axi_arvalid_i(e_host_arvalid),
      .s_axi_arready_o(e_host_arready), .s_axi_arid_i(e_host_arid), .s_axi_araddr_i(e_host_araddr),
      .s_axi_arlen_i(e_host_arlen), .s_axi_arsize_i(e_host_arsize), .s_axi_aruser_i(e_host_aruser),
      .s_axi_rvalid_o(e_host_rvalid), .s_axi_rready_i(e_host_rready), .s_axi_awvalid_i(e_host_awvalid),
      .s_axi_awready_o(e_host_awready), .s_axi_awid_i(e_host_awid), .s_axi_awaddr_i(e_host_awaddr),
      .s_axi_awlen_i(e_host_awlen), .s_axi_awsize_i(e_host_awsize), .s_axi_awuser_i(e_host_awuser),
      .s_axi_wvalid_i(e_host_wvalid), .s_axi_wready_o(e_host_wready), .s_axi_wdata_i(e_host_wdata),
      .s_axi_wstrb_i(e_host_wstrb), .s_axi_wlast_i(e_host_wlast), .s_axi_bvalid_o(e_host_bvalid),
      .s_axi_bready_i(e_host_bready), .m_axi_arvalid_o(m_axi_host_arvalid_o), .m_axi_arready_i(m_axi_host_arready_i),
      .m_axi_arid_o(m_axi_host_arid_o), .m_axi_araddr_o(m_axi_host_araddr_o), .m_axi_arlen_o(m_axi_host_arlen_o),
      .m_axi_arsize_o(m_axi_host_arsize_o), .m_axi_aruser_o(m_axi_host_aruser_o),
      .m_axi_rvalid_i(m_axi_host_rvalid_i), .m_axi_rready_o(m_axi_host_rready_o), .m_axi_rlast_i(m_axi_host_rlast_i),
      .m_axi_awvalid_o(m_axi_host_awvalid_o), .m_axi_awready_i(m_axi_host_awready_i),
      .m_axi_awid_o(m_axi_host_awid_o), .m_axi_awaddr_o(m_axi_host_awaddr_o), .m_axi_awlen_o(m_axi_host_awlen_o),
      .m_axi_awsize_o(m_axi_host_awsize_o), .m_axi_awuser_o(m_axi_host_awuser_o),
      .m_axi_wvalid_o(m_axi_host_wvalid_o), .m_axi_wready_i(m_axi_host_wready_i), .m_axi_wdata_o(m_axi_host_wdata_o),
      .m_axi_wstrb_o(m_axi_host_wstrb_o), .m_axi_wlast_o(m_axi_host_wlast_o), .m_axi_bvalid_i(m_axi_host_bvalid_i),
      .m_axi_bready_o(m_axi_host_bready_o));

  // VRAM has no AxUSER.
  // verilator lint_off UNUSEDSIGNAL
  logic unused_aruser, unused_awuser;
  // verilator lint_on UNUSEDSIGNAL

  axi_isolate #(.DataWidth(DataWidth), .IdWidth(IdWidth), .UserWidth(1)) i_vram (
      .clk_i, .rst_ni, .isolate_i(isolate_q), .drained_o(vram_drained), .s_axi_arvalid_i(e_vram_arvalid),
      .s_axi_arready_o(e_vram_arready), .s_axi_arid_i(e_vram_arid), .s_axi_araddr_i(e_vram_araddr),
      .s_axi_arlen_i(e_vram_arlen), .s_axi_arsize_i(e_vram_arsize), .s_axi_rvalid_o(e_vram_rvalid),
      .s_axi_rready_i(e_vram_rready), .s_axi_awvalid_i(e_vram_awvalid), .s_axi_awready_o(e_vram_awready),
      .s_axi_awid_i(e_vram_awid), .s_axi_awaddr_i(e_vram_awaddr), .s_axi_awlen_i(e_vram_awlen),
      .s_axi_awsize_i(e_vram_awsize), .s_axi_wvalid_i(e_vram_wvalid), .s_axi_wready_o(e_vram_wready),
      .s_axi_wdata_i(e_vram_wdata), .s_axi_wstrb_i(e_vram_wstrb), .s_axi_wlast_i(e_vram_wlast),
      .s_axi_bvalid_o(e_vram_bvalid), .s_axi_bready_i(e_vram_bready), .s_axi_aruser_i(1'b0), .s_axi_awuser_i(1'b0),
      .m_axi_arvalid_o(m_axi_vram_arvalid_o), .m_axi_arready_i(m_axi_vram_arready_i),
      .m_axi_arid_o(m_axi_vram_arid_o), .m_axi_araddr_o(m_axi_vram_araddr_o), .m_axi_arlen_o(m_axi_vram_arlen_o),
      .m_axi_arsize_o(m_axi_vram_arsize_o), .m_axi_rvalid_i(m_axi_vram_rvalid_i),
      .m_axi_rready_o(m_axi_vram_rready_o), .m_axi_rlast_i(m_axi_vram_rlast_i),
      .m_axi_awvalid_o(m_axi_vram_awvalid_o), .m_axi_awready_i(m_axi_vram_awready_i),
      .m_axi_awid_o(m_axi_vram_awid_o), .m_axi_awaddr_o(m_axi_vram_awaddr_o), .m_axi_awlen_o(m_axi_vram_awlen_o),
      .m_axi_awsize_o(m_axi_vram_awsize_o), .m_axi_wvalid_o(m_axi_vram_wvalid_o),
      .m_axi_wready_i(m_axi_vram_wready_i), .m_axi_wdata_o(m_axi_vram_wdata_o), .m_axi_wstrb_o(m_axi_vram_wstrb_o),
      .m_axi_wlast_o(m_axi_vram_wlast_o), .m_axi_bvalid_i(m_axi_vram_bvalid_i), .m_axi_bready_o(m_axi_vram_bready_o),
      .m_axi_aruser_o(unused_aruser), .m_axi_awuser_o(unused_awuser));

  axil_isolate i_lite (
      .clk_i, .rst_ni, .isolate_i(isolate_q), .closing_i(closing), .drained_o(lite_drained), .s_axil_awvalid_i,
      .s_axil_awready_o, .s_axil_awaddr_i, .s_axil_wvalid_i, .s_axil_wready_o, .s_axil_wdata_i, .s_axil_wstrb_i,
      .s_axil_bvalid_o, .s_axil_bready_i, .s_axil_bresp_o, .s_axil_arvalid_i, .s_axil_arready_o, .s_axil_araddr_i,
      .s_axil_rvalid_o, .s_axil_rready_i, .s_axil_rdata_o, .s_axil_rresp_o, .m_axil_awvalid_o(e_axil_awvalid),
      .m_axil_awready_i(e_axil_awready), .m_axil_awaddr_o(e_axil_awaddr), .m_axil_wvalid_o(e_axil_wvalid),
      .m_axil_wready_i(e_axil_wready), .m_axil_wdata_o(e_axil_wdata), .m_axil_wstrb_o(e_axil_wstrb),
      .m_axil_bvalid_i(e_axil_bvalid), .m_axil_bready_o(e_axil_bready), .m_axil_bresp_i(e_axil_bresp),
      .m_axil_arvalid_o(e_axil_arvalid), .m_axil_arready_i(e_axil_arready), .m_axil_araddr_o(e_axil_araddr),
      .m_axil_rvalid_i(e_axil_rvalid), .m_axil_rready_o(e_axil_rready), .m_axil_rdata_i(e_axil_rdata),
      .m_axil_rresp_i(e_axil_rresp));
endmodule
