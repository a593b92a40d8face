// SPDX-License-Identifier: Apache-2.0
// The top: NumAdapters GPU DMA engines and the IOMMU between them and host memory. Wiring only; no timing of its own.
//
// Vectors of several adapters are flat: adapter n holds bits [n*W +: W].
module gpu_dmar #(
    parameter int unsigned NumAdapters   = 2,    // linked adapters, 1 to 4
    parameter int unsigned DataWidth     = 256,  // bits of every AXI4 data bus: 64, 128, 256 or 512
    parameter int unsigned Haw           = 46,   // host address width, bits
    parameter int unsigned Mgaw          = 48,   // guest address width, bits
    parameter int unsigned DmaAddrBits   = 40,   // logical address bits that a GPU drives
    parameter int unsigned VramBits      = 28,   // log2 of the VRAM bytes of an adapter
    parameter int unsigned VirtualBits   = 48,   // virtual address bits that a GPU drives
    parameter int unsigned DmaChannels   = 4,    // of an engine, 1 to 8
    parameter int unsigned DmaReads      = 64,   // reads in flight of one channel
    parameter int unsigned DmaMaxBurst   = 16,   // beats of a burst at most
    parameter int unsigned DmaBuffer     = 256,  // beats of each read buffer
    parameter int unsigned AperturePagesLog2 = 12,  // log2 of the 4 KiB pages of an adapter's aperture; 0: none
    parameter int unsigned HintAhead     = 8,    // source pages that a channel asks for ahead
    parameter int unsigned IotlbWays     = 0,    // 0: fully associative; else in block RAM
    parameter int unsigned IotlbEntries  = 64,
    parameter int unsigned NumWalks      = 16,   // walks in parallel
    parameter int unsigned HintWalks     = 16,   // beside them for hints
    parameter int unsigned Pipe          = 0,    // 0: shortest latency, 1: registers for an FPGA
    parameter bit          SnoopControl  = 1'b0, // as ECAP.SC: SNP of leaves is honoured
    parameter bit          Zlr           = 1'b0, // as CAP.ZLR: zero-length reads of write-only pages succeed
    // source-id of adapter n in bits [16n +: 16]; default 01:00.0, 02:00.0, 03:00.0, 04:00.0
    parameter logic [63:0] SourceIds     = 64'h0400_0300_0200_0100,
    // derived, not to be set
    parameter int unsigned IdWidth       = (DmaChannels > 4) ? 5 : 4,  // AXI id bits of one requester
    parameter int unsigned DataIdWidth   = IdWidth + 2,
    parameter int unsigned TableIdWidth  = 7
) (
    input  logic                               clk_i,
    input  logic                               rst_ni,  // everything but the IOMMU's sticky status
    input  logic                               por_ni,  // power good: that too; low only with rst_ni low
    input  logic [NumAdapters-1:0]             adapter_rst_ni,  // DMA engine n alone, under traffic
    output logic [NumAdapters-1:0]             adapter_busy_o,  // engine n is in reset, or what it had begun is ending
    output logic                               iommu_idle_o,  // the IOMMU has nothing under way at its masters
    input  logic                               iommu_rst_ni,  // the IOMMU alone, warm; only while iommu_quiesced_o
    input  logic                               iommu_quiesce_i,  // it takes nothing more, through the reset
    output logic                               iommu_quiesced_o,  // nothing is left in it

    // Register page of the IOMMU, AXI4-Lite.
    input  logic                               s_axil_iommu_awvalid_i,
    output logic                               s_axil_iommu_awready_o,
    input  logic [11:0]                        s_axil_iommu_awaddr_i,
    input  logic                               s_axil_iommu_wvalid_i,
    output logic                               s_axil_iommu_wready_o,
    input  logic [63:0]                        s_axil_iommu_wdata_i,
    input  logic [7:0]                         s_axil_iommu_wstrb_i,
    output logic                               s_axil_iommu_bvalid_o,
    input  logic                               s_axil_iommu_bready_i,
    output logic [1:0]                         s_axil_iommu_bresp_o,
    input  logic                               s_axil_iommu_arvalid_i,
    output logic                               s_axil_iommu_arready_o,
    input  logic [11:0]                        s_axil_iommu_araddr_i,
    output logic                               s_axil_iommu_rvalid_o,
    input  logic                               s_axil_iommu_rready_i,
    output logic [63:0]                        s_axil_iommu_rdata_o,
    output logic [1:0]                         s_axil_iommu_rresp_o,

    // BAR 0 of each adapter, AXI4-Lite.
    input  logic [NumAdapters-1:0]             s_axil_gpu_awvalid_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_awready_o,
    input  logic [NumAdapters*12-1:0]          s_axil_gpu_awaddr_i,
    input  logic [NumAdapters-1:0]             s_axil_gpu_wvalid_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_wready_o,
    input  logic [NumAdapters*64-1:0]          s_axil_gpu_wdata_i,
    input  logic [NumAdapters*8-1:0]           s_axil_gpu_wstrb_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_bvalid_o,
    input  logic [NumAdapters-1:0]             s_axil_gpu_bready_i,
    output logic [NumAdapters*2-1:0]           s_axil_gpu_bresp_o,
    input  logic [NumAdapters-1:0]             s_axil_gpu_arvalid_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_arready_o,
    input  logic [NumAdapters*12-1:0]          s_axil_gpu_araddr_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_rvalid_o,
    input  logic [NumAdapters-1:0]             s_axil_gpu_rready_i,
    output logic [NumAdapters*64-1:0]          s_axil_gpu_rdata_o,
    output logic [NumAdapters*2-1:0]           s_axil_gpu_rresp_o,

    // DMA traffic to host memory, AXI4, bursts INCR. RREADY is constantly 1.
    output logic                               m_axi_data_arvalid_o,
    input  logic                               m_axi_data_arready_i,
    output logic [DataIdWidth-1:0]             m_axi_data_arid_o,
    output logic [63:0]                        m_axi_data_araddr_o,
    output logic [7:0]                         m_axi_data_arlen_o,
    output logic [2:0]                         m_axi_data_arsize_o,
    output logic                               m_axi_data_arsnoop_o,  // must snoop
    input  logic                               m_axi_data_rvalid_i,
    output logic                               m_axi_data_rready_o,
    input  logic [DataIdWidth-1:0]             m_axi_data_rid_i,
    input  logic [DataWidth-1:0]               m_axi_data_rdata_i,
    input  logic [1:0]                         m_axi_data_rresp_i,
    input  logic                               m_axi_data_rlast_i,
    output logic                               m_axi_data_awvalid_o,
    input  logic                               m_axi_data_awready_i,
    output logic [DataIdWidth-1:0]             m_axi_data_awid_o,
    output logic [63:0]                        m_axi_data_awaddr_o,
    output logic [7:0]                         m_axi_data_awlen_o,
    output logic [2:0]                         m_axi_data_awsize_o,
    output logic                               m_axi_data_awsnoop_o,
    output logic                               m_axi_data_wvalid_o,
    input  logic                               m_axi_data_wready_i,
    output logic [DataWidth-1:0]               m_axi_data_wdata_o,
    output logic [DataWidth/8-1:0]             m_axi_data_wstrb_o,
    output logic                               m_axi_data_wlast_o,
    input  logic                               m_axi_data_bvalid_i,
    output logic                               m_axi_data_bready_o,
    input  logic [DataIdWidth-1:0]             m_axi_data_bid_i,
    input  logic [1:0]                         m_axi_data_bresp_i,

    // The IOMMU's own traffic (walks, queue, status writes, event messages), AXI4, bursts INCR. RREADY is constantly 1.
    output logic                               m_axi_table_arvalid_o,
    input  logic                               m_axi_table_arready_i,
    output logic [TableIdWidth-1:0]            m_axi_table_arid_o,
    output logic [63:0]                        m_axi_table_araddr_o,
    output logic [7:0]                         m_axi_table_arlen_o,
    output logic [2:0]                         m_axi_table_arsize_o,
    input  logic                               m_axi_table_rvalid_i,
    output logic                               m_axi_table_rready_o,
    input  logic [TableIdWidth-1:0]            m_axi_table_rid_i,
    input  logic [DataWidth-1:0]               m_axi_table_rdata_i,
    input  logic [1:0]                         m_axi_table_rresp_i,
    input  logic                               m_axi_table_rlast_i,
    output logic                               m_axi_table_awvalid_o,
    input  logic                               m_axi_table_awready_i,
    output logic [TableIdWidth-1:0]            m_axi_table_awid_o,
    output logic [63:0]                        m_axi_table_awaddr_o,
    output logic [7:0]                         m_axi_table_awlen_o,
    output logic [2:0]                         m_axi_table_awsize_o,
    output logic                               m_axi_table_wvalid_o,
    input  logic                               m_axi_table_wready_i,
    output logic [DataWidth-1:0]               m_axi_table_wdata_o,
    output logic [DataWidth/8-1:0]             m_axi_table_wstrb_o,
    output logic                               m_axi_table_wlast_o,
    input  logic                               m_axi_table_bvalid_i,
    output logic                               m_axi_table_bready_o,
    input  logic [TableIdWidth-1:0]            m_axi_table_bid_i,
    input  logic [1:0]                         m_axi_table_bresp_i,

    // VRAM of each adapter, AXI4, bursts INCR, addresses are byte offsets. RREADY is constantly 1.
    output logic [NumAdapters-1:0]             m_axi_vram_arvalid_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_arready_i,
    output logic [NumAdapters*IdWidth-1:0]     m_axi_vram_arid_o,
    output logic [NumAdapters*64-1:0]          m_axi_vram_araddr_o,
    output logic [NumAdapters*8-1:0]           m_axi_vram_arlen_o,
    output logic [NumAdapters*3-1:0]           m_axi_vram_arsize_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_rvalid_i,
    output logic [NumAdapters-1:0]             m_axi_vram_rready_o,
    input  logic [NumAdapters*IdWidth-1:0]     m_axi_vram_rid_i,
    input  logic [NumAdapters*DataWidth-1:0]   m_axi_vram_rdata_i,
    input  logic [NumAdapters*2-1:0]           m_axi_vram_rresp_i,
    input  logic [NumAdapters-1:0]             m_axi_vram_rlast_i,
    output logic [NumAdapters-1:0]             m_axi_vram_awvalid_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_awready_i,
    output logic [NumAdapters*IdWidth-1:0]     m_axi_vram_awid_o,
    output logic [NumAdapters*64-1:0]          m_axi_vram_awaddr_o,
    output logic [NumAdapters*8-1:0]           m_axi_vram_awlen_o,
    output logic [NumAdapters*3-1:0]           m_axi_vram_awsize_o,
    output logic [NumAdapters-1:0]             m_axi_vram_wvalid_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_wready_i,
    output logic [NumAdapters*DataWidth-1:0]   m_axi_vram_wdata_o,
    output logic [NumAdapters*DataWidth/8-1:0] m_axi_vram_wstrb_o,
    output logic [NumAdapters-1:0]             m_axi_vram_wlast_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_bvalid_i,
    output logic [NumAdapters-1:0]             m_axi_vram_bready_o,
    input  logic [NumAdapters*IdWidth-1:0]     m_axi_vram_bid_i,
    input  logic [NumAdapters*2-1:0]           m_axi_vram_bresp_i,

    // Probes for the bench, synthesised away when unconnected: the requester side of the IOMMU.
    output logic [NumAdapters-1:0]             probe_ar_o,      // AR handshake at requester port n in this cycle
    output logic [NumAdapters*IdWidth-1:0]     probe_arid_o,
    output logic [NumAdapters*64-1:0]          probe_araddr_o,
    output logic [NumAdapters*8-1:0]           probe_arlen_o,
    output logic [NumAdapters*27-1:0]          probe_aruser_o,  // vtd_pkg::axuser_t
    output logic [NumAdapters-1:0]             probe_aw_o,      // AW handshake
    output logic [NumAdapters*IdWidth-1:0]     probe_awid_o,
    output logic [NumAdapters*64-1:0]          probe_awaddr_o,
    output logic [NumAdapters*8-1:0]           probe_awlen_o,
    output logic [NumAdapters*3-1:0]           probe_awsize_o,
    output logic [NumAdapters*27-1:0]          probe_awuser_o,
    output logic [NumAdapters-1:0]             probe_wlast_o,   // W handshake with WLAST
    output logic [NumAdapters-1:0]             probe_r_o,       // R handshake
    output logic [NumAdapters*IdWidth-1:0]     probe_rid_o,
    output logic [NumAdapters*2-1:0]           probe_rresp_o,
    output logic [NumAdapters-1:0]             probe_rlast_o,
    output logic [NumAdapters-1:0]             probe_b_o,       // B handshake
    output logic [NumAdapters*IdWidth-1:0]     probe_bid_o,
    output logic [NumAdapters*2-1:0]           probe_bresp_o,
    // The fault record written in this cycle (recorded or dropped).
    output logic                               probe_fault_o,
    output logic                               probe_fault_recorded_o,
    output logic [127:0]                       probe_fault_record_o
);
  if (NumAdapters < 1 || NumAdapters > 4) begin : gen_adapters_check
    $error("gpu_dmar: NumAdapters must be 1 to 4");
  end
  if (DmaAddrBits > Mgaw) begin : gen_addr_check
    $error("gpu_dmar: DmaAddrBits must not exceed Mgaw");
  end

  logic [NumAdapters-1:0] req_arvalid;
  logic [NumAdapters-1:0] req_arready;
  logic [NumAdapters*IdWidth-1:0] req_arid;
  logic [NumAdapters*64-1:0] req_araddr;
  logic [NumAdapters*8-1:0] req_arlen;
  logic [NumAdapters*3-1:0] req_arsize;
  logic [NumAdapters-1:0] req_rvalid;
  logic [NumAdapters-1:0] req_rready;
  logic [NumAdapters*IdWidth-1:0] req_rid;
  logic [NumAdapters*DataWidth-1:0] req_rdata;
  logic [NumAdapters*2-1:0] req_rresp;
  logic [NumAdapters-1:0] req_rlast;
  logic [NumAdapters-1:0] req_awvalid;
  logic [NumAdapters-1:0] req_awready;
  logic [NumAdapters*IdWidth-1:0] req_awid;
  logic [NumAdapters*64-1:0] req_awaddr;
  logic [NumAdapters*8-1:0] req_awlen;
  logic [NumAdapters*3-1:0] req_awsize;
  logic [NumAdapters-1:0] req_wvalid;
  logic [NumAdapters-1:0] req_wready;
  logic [NumAdapters*DataWidth-1:0] req_wdata;
  logic [NumAdapters*DataWidth/8-1:0] req_wstrb;
  logic [NumAdapters-1:0] req_wlast;
  logic [NumAdapters-1:0] req_bvalid;
  logic [NumAdapters-1:0] req_bready;
  logic [NumAdapters*IdWidth-1:0] req_bid;
  logic [NumAdapters*2-1:0] req_bresp;
  logic [NumAdapters*27-1:0] req_aruser;
  logic [NumAdapters*27-1:0] req_awuser;
  logic [NumAdapters-1:0] hint_valid;
  logic [NumAdapters-1:0] hint_ready;
  logic [NumAdapters*52-1:0] hint_page;

  for (genvar g = 0; g < NumAdapters; g++) begin : gen_adapter
    dma_adapter #(
        .Channels(DmaChannels), .DataWidth(DataWidth), .AddrBits(DmaAddrBits), .VramBits(VramBits),
        .VirtualBits(VirtualBits), .AperturePagesLog2(AperturePagesLog2), .Reads(DmaReads), .IdWidth(IdWidth),
        .SourceId(SourceIds[g*16+:16]), .MaxBurst(DmaMaxBurst), .BufferBeats(DmaBuffer), .HintAhead(HintAhead),
        .Pipe(Pipe)
    ) i_dma (
        .clk_i, .rst_ni, .adapter_rst_ni(adapter_rst_ni[g]), .adapter_busy_o(adapter_busy_o[g]),
        .s_axil_awvalid_i(s_axil_gpu_awvalid_i[g]), .s_axil_awready_o(s_axil_gpu_awready_o[g]),
        .s_axil_awaddr_i(s_axil_gpu_awaddr_i[g*12+:12]), .s_axil_wvalid_i(s_axil_gpu_wvalid_i[g]),
        .s_axil_wready_o(s_axil_gpu_wready_o[g]), .s_axil_wdata_i(s_axil_gpu_wdata_i[g*64+:64]),
        .s_axil_wstrb_i(s_axil_gpu_wstrb_i[g*8+:8]), .s_axil_bvalid_o(s_axil_gpu_bvalid_o[g]),
        .s_axil_bready_i(s_axil_gpu_bready_i[g]), .s_axil_bresp_o(s_axil_gpu_bresp_o[g*2+:2]),
        .s_axil_arvalid_i(s_axil_gpu_arvalid_i[g]), .s_axil_arready_o(s_axil_gpu_arready_o[g]),
        .s_axil_araddr_i(s_axil_gpu_araddr_i[g*12+:12]), .s_axil_rvalid_o(s_axil_gpu_rvalid_o[g]),
        .s_axil_rready_i(s_axil_gpu_rready_i[g]), .s_axil_rdata_o(s_axil_gpu_rdata_o[g*64+:64]),
        .s_axil_rresp_o(s_axil_gpu_rresp_o[g*2+:2]), .m_axi_host_arvalid_o(req_arvalid[g]),
        .m_axi_host_arready_i(req_arready[g]), .m_axi_host_arid_o(req_arid[g*IdWidth+:IdWidth]),
        .m_axi_host_araddr_o(req_araddr[g*64+:64]), .m_axi_host_arlen_o(req_arlen[g*8+:8]),
        .m_axi_host_arsize_o(req_arsize[g*3+:3]), .m_axi_host_rvalid_i(req_rvalid[g]),
        .m_axi_host_rready_o(req_rready[g]), .m_axi_host_rid_i(req_rid[g*IdWidth+:IdWidth]),
        .m_axi_host_rdata_i(req_rdata[g*DataWidth+:DataWidth]), .m_axi_host_rresp_i(req_rresp[g*2+:2]),
        .m_axi_host_rlast_i(req_rlast[g]), .m_axi_host_awvalid_o(req_awvalid[g]),
        .m_axi_host_awready_i(req_awready[g]), .m_axi_host_awid_o(req_awid[g*IdWidth+:IdWidth]),
        .m_axi_host_awaddr_o(req_awaddr[g*64+:64]), .m_axi_host_awlen_o(req_awlen[g*8+:8]),
        .m_axi_host_awsize_o(req_awsize[g*3+:3]), .m_axi_host_wvalid_o(req_wvalid[g]),
        .m_axi_host_wready_i(req_wready[g]), .m_axi_host_wdata_o(req_wdata[g*DataWidth+:DataWidth]),
        .m_axi_host_wstrb_o(req_wstrb[g*DataWidth/8+:DataWidth/8]), .m_axi_host_wlast_o(req_wlast[g]),
        .m_axi_host_bvalid_i(req_bvalid[g]), .m_axi_host_bready_o(req_bready[g]),
        .m_axi_host_bid_i(req_bid[g*IdWidth+:IdWidth]), .m_axi_host_bresp_i(req_bresp[g*2+:2]),
        .m_axi_host_aruser_o(req_aruser[g*27+:27]), .m_axi_host_awuser_o(req_awuser[g*27+:27]),
        .hint_valid_o(hint_valid[g]), .hint_ready_i(hint_ready[g]), .hint_page_o(hint_page[g*52+:52]),
        .m_axi_vram_arvalid_o(m_axi_vram_arvalid_o[g]), .m_axi_vram_arready_i(m_axi_vram_arready_i[g]),
        .m_axi_vram_arid_o(m_axi_vram_arid_o[g*IdWidth+:IdWidth]),
        .m_axi_vram_araddr_o(m_axi_vram_araddr_o[g*64+:64]), .m_axi_vram_arlen_o(m_axi_vram_arlen_o[g*8+:8]),
        .m_axi_vram_arsize_o(m_axi_vram_arsize_o[g*3+:3]), .m_axi_vram_rvalid_i(m_axi_vram_rvalid_i[g]),
        .m_axi_vram_rready_o(m_axi_vram_rready_o[g]), .m_axi_vram_rid_i(m_axi_vram_rid_i[g*IdWidth+:IdWidth]),
        .m_axi_vram_rdata_i(m_axi_vram_rdata_i[g*DataWidth+:DataWidth]),
        .m_axi_vram_rresp_i(m_axi_vram_rresp_i[g*2+:2]), .m_axi_vram_rlast_i(m_axi_vram_rlast_i[g]),
        .m_axi_vram_awvalid_o(m_axi_vram_awvalid_o[g]), .m_axi_vram_awready_i(m_axi_vram_awready_i[g]),
        .m_axi_vram_awid_o(m_axi_vram_awid_o[g*IdWidth+:IdWidth]),
        .m_axi_vram_awaddr_o(m_axi_vram_awaddr_o[g*64+:64]), .m_axi_vram_awlen_o(m_axi_vram_awlen_o[g*8+:8]),
        .m_axi_vram_awsize_o(m_axi_vram_awsize_o[g*3+:3]), .m_axi_vram_wvalid_o(m_axi_vram_wvalid_o[g]),
        .m_axi_vram_wready_i(m_axi_vram_wready_i[g]),
        .m_axi_vram_wdata_o(m_axi_vram_wdata_o[g*DataWidth+:DataWidth]),
        .m_axi_vram_wstrb_o(m_axi_vram_wstrb_o[g*DataWidth/8+:DataWidth/8]),
        .m_axi_vram_wlast_o(m_axi_vram_wlast_o[g]), .m_axi_vram_bvalid_i(m_axi_vram_bvalid_i[g]),
        .m_axi_vram_bready_o(m_axi_vram_bready_o[g]), .m_axi_vram_bid_i(m_axi_vram_bid_i[g*IdWidth+:IdWidth]),
        .m_axi_vram_bresp_i(m_axi_vram_bresp_i[g*2+:2]));
  end

  // The answers to the unit's own writes need no look at id and response: one write at a time, errors change nothing.
  // verilator lint_off UNUSEDSIGNAL
  logic unused_table_b;
  assign unused_table_b = ^{m_axi_table_bid_i, m_axi_table_bresp_i};
  // verilator lint_on UNUSEDSIGNAL

  iommu #(
      .NumPorts(NumAdapters), .DataWidth(DataWidth), .IdWidth(IdWidth), .Haw(Haw), .Mgaw(Mgaw),
      .IotlbEntries(IotlbEntries), .IotlbWays(IotlbWays), .NumWalks(NumWalks), .HintWalks(HintWalks), .Pipe(Pipe), .SnoopControl(SnoopControl), .Zlr(Zlr)
  ) i_iommu (
      .clk_i, .rst_ni(rst_ni & iommu_rst_ni), .por_ni, .idle_o(iommu_idle_o), .quiesce_i(iommu_quiesce_i),
      .quiesced_o(iommu_quiesced_o), .source_id_i(SourceIds[NumAdapters*16-1:0]),
      .s_axil_awvalid_i(s_axil_iommu_awvalid_i), .s_axil_awready_o(s_axil_iommu_awready_o),
      .s_axil_awaddr_i(s_axil_iommu_awaddr_i), .s_axil_wvalid_i(s_axil_iommu_wvalid_i),
      .s_axil_wready_o(s_axil_iommu_wready_o), .s_axil_wdata_i(s_axil_iommu_wdata_i),
      .s_axil_wstrb_i(s_axil_iommu_wstrb_i), .s_axil_bvalid_o(s_axil_iommu_bvalid_o),
      .s_axil_bready_i(s_axil_iommu_bready_i), .s_axil_bresp_o(s_axil_iommu_bresp_o),
      .s_axil_arvalid_i(s_axil_iommu_arvalid_i), .s_axil_arready_o(s_axil_iommu_arready_o),
      .s_axil_araddr_i(s_axil_iommu_araddr_i), .s_axil_rvalid_o(s_axil_iommu_rvalid_o),
      .s_axil_rready_i(s_axil_iommu_rready_i), .s_axil_rdata_o(s_axil_iommu_rdata_o),
      .s_axil_rresp_o(s_axil_iommu_rresp_o), .s_axi_arvalid_i(req_arvalid), .s_axi_arready_o(req_arready),
      .s_axi_arid_i(req_arid), .s_axi_araddr_i(req_araddr), .s_axi_arlen_i(req_arlen), .s_axi_arsize_i(req_arsize),
      .s_axi_rvalid_o(req_rvalid), .s_axi_rready_i(req_rready), .s_axi_rid_o(req_rid), .s_axi_rdata_o(req_rdata),
      .s_axi_rresp_o(req_rresp), .s_axi_rlast_o(req_rlast), .s_axi_awvalid_i(req_awvalid),
      .s_axi_awready_o(req_awready), .s_axi_awid_i(req_awid), .s_axi_awaddr_i(req_awaddr), .s_axi_awlen_i(req_awlen),
      .s_axi_awsize_i(req_awsize), .s_axi_wvalid_i(req_wvalid), .s_axi_wready_o(req_wready),
      .s_axi_wdata_i(req_wdata), .s_axi_wstrb_i(req_wstrb), .s_axi_wlast_i(req_wlast), .s_axi_bvalid_o(req_bvalid),
      .s_axi_bready_i(req_bready), .s_axi_bid_o(req_bid), .s_axi_bresp_o(req_bresp), .s_axi_aruser_i(req_aruser),
      .s_axi_awuser_i(req_awuser), .hint_valid_i(hint_valid), .hint_ready_o(hint_ready), .hint_page_i(hint_page),
      .m_axi_data_arvalid_o, .m_axi_data_arready_i, .m_axi_data_arid_o, .m_axi_data_araddr_o, .m_axi_data_arlen_o,
      .m_axi_data_arsize_o, .m_axi_data_arsnoop_o, .m_axi_data_rvalid_i, .m_axi_data_rready_o, .m_axi_data_rid_i,
      .m_axi_data_rdata_i, .m_axi_data_rresp_i, .m_axi_data_rlast_i, .m_axi_data_awvalid_o, .m_axi_data_awready_i,
      .m_axi_data_awid_o, .m_axi_data_awaddr_o, .m_axi_data_awlen_o, .m_axi_data_awsize_o, .m_axi_data_awsnoop_o,
      .m_axi_data_wvalid_o, .m_axi_data_wready_i, .m_axi_data_wdata_o, .m_axi_data_wstrb_o, .m_axi_data_wlast_o,
      .m_axi_data_bvalid_i, .m_axi_data_bready_o, .m_axi_data_bid_i, .m_axi_data_bresp_i, .m_axi_table_arvalid_o,
      .m_axi_table_arready_i, .m_axi_table_arid_o,
      .m_axi_table_araddr_o, .m_axi_table_arlen_o, .m_axi_table_arsize_o, .m_axi_table_rvalid_i,
      .m_axi_table_rready_o, .m_axi_table_rid_i, .m_axi_table_rdata_i, .m_axi_table_rresp_i, .m_axi_table_rlast_i,
      .m_axi_table_awvalid_o, .m_axi_table_awready_i, .m_axi_table_awid_o, .m_axi_table_awaddr_o,
      .m_axi_table_awlen_o, .m_axi_table_awsize_o, .m_axi_table_wvalid_o, .m_axi_table_wready_i,
      .m_axi_table_wdata_o, .m_axi_table_wstrb_o, .m_axi_table_wlast_o, .m_axi_table_bvalid_i, .m_axi_table_bready_o,
      .probe_fault_o, .probe_fault_recorded_o, .probe_fault_record_o);

  assign probe_ar_o = req_arvalid & req_arready;
  assign probe_arid_o = req_arid;
  assign probe_araddr_o = req_araddr;
  assign probe_arlen_o = req_arlen;
  assign probe_aruser_o = req_aruser;
  assign probe_aw_o = req_awvalid & req_awready;
  assign probe_awid_o = req_awid;
  assign probe_awaddr_o = req_awaddr;
  assign probe_awlen_o = req_awlen;
  assign probe_awsize_o = req_awsize;
  assign probe_awuser_o = req_awuser;
  assign probe_wlast_o = req_wvalid & req_wready & req_wlast;
  assign probe_r_o = req_rvalid & req_rready;
  assign probe_rid_o = req_rid;
  assign probe_rresp_o = req_rresp;
  assign probe_rlast_o = req_rlast;
  assign probe_b_o = req_bvalid & req_bready;
  assign probe_bid_o = req_bid;
  assign probe_bresp_o = req_bresp;
endmodule
