// SPDX-License-Identifier: Apache-2.0
// The DMA engine of one adapter: Channels independent channels (dma_channel) behind one BAR 0 (dma_regs), sharing the
// VRAM and the host port (dma_port_mux), and the interrupt message (dma_msi).
//
// Order: operations of one channel may overlap each other unless a FENCE stands between; nothing behind a FENCE starts,
// reads included, before the answer to the fence's write, and that write starts after the answers to all writes before
// it. Channels are not ordered among each other.
//
// Timing, cycles: descriptor at hand (one after its last R beat) to first AR: 1 + Pipe. R beat to W beat: 3. No idle
// write beat between queued descriptors. An aligned copy of one burst: at hand to last B = L + beats + 4 + Pipe, where L is
// AR to first R and B follows WLAST by 1. RREADY and BREADY are constantly 1. docs/dma.md tells the rest.
module dma_engine #(
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
  if (Channels < 1 || Channels > 8) begin : gen_check_channels
    $error("dma_engine: Channels must be 1 to 8");
  end
  if (DataWidth != 64 && DataWidth != 128 && DataWidth != 256 && DataWidth != 512) begin : gen_check_width
    $error("dma_engine: DataWidth must be 64, 128, 256 or 512");
  end
  if (AddrBits < 13 || AddrBits > 64) begin : gen_check_addr
    $error("dma_engine: AddrBits must be 13 to 64");
  end
  if (VramBits < 13 || VramBits > 64) begin : gen_check_vram
    $error("dma_engine: VramBits must be 13 to 64");
  end
  if (VirtualBits < 13 || VirtualBits > 64) begin : gen_check_virtual
    $error("dma_engine: VirtualBits must be 13 to 64");
  end
  if (AperturePagesLog2 > 20) begin : gen_check_aperture
    $error("dma_engine: AperturePagesLog2 must be 0 to 20");
  end
  if (Reads < 1 || Reads > 256) begin : gen_check_reads
    $error("dma_engine: Reads must be 1 to 256");
  end
  if (IdWidth < 3 || IdWidth > 31 || (1 << (IdWidth - 2)) < Channels) begin : gen_check_id
    $error("dma_engine: IdWidth must be 3 to 31, and 2 + log2(Channels) at least");
  end
  if (MaxBurst < 512 / DataWidth || MaxBurst > 256) begin : gen_check_burst
    $error("dma_engine: MaxBurst must be 512/DataWidth (one descriptor) to 256");
  end
  if (BufferBeats < MaxBurst || BufferBeats < 2 || BufferBeats > 4096) begin : gen_check_buffer
    $error("dma_engine: BufferBeats must be MaxBurst to 4096");
  end
  if (HintAhead < 1 || HintAhead > 64) begin : gen_check_hints
    $error("dma_engine: HintAhead must be 1 to 64");
  end
  if (Pipe > 1) begin : gen_check_pipe
    $error("dma_engine: Pipe must be 0 or 1");
  end

  localparam int unsigned Bytes = DataWidth / 8;

  // ---------------------------------------------------------------- BAR 0
  logic [Channels-1:0] ch_write, ch_fence, ch_error, high;
  logic [64*Channels-1:0] ch_rdata, ch_bytes, ch_descriptors;
  logic [8*Channels-1:0] weight;
  logic [4:0] ch_waddr, ch_raddr;
  logic [63:0] ch_wdata, ch_wmask, timestamp;
  logic [31:0] timeout, msi_data;
  logic [61:0] msi_addr;
  logic bus_master, msi_on, msi_rise, pause;
  logic [1:0] quiet;

  dma_regs #(
      .Channels(Channels), .DataWidth(DataWidth), .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits),
      .AperturePagesLog2(AperturePagesLog2), .Reads(Reads)
  ) u_regs (
      .clk_i, .rst_ni, .source_id_i(SourceId),
      .s_axil_awvalid_i, .s_axil_awready_o, .s_axil_awaddr_i, .s_axil_wvalid_i, .s_axil_wready_o, .s_axil_wdata_i,
      .s_axil_wstrb_i, .s_axil_bvalid_o, .s_axil_bready_i, .s_axil_bresp_o, .s_axil_arvalid_i, .s_axil_arready_o,
      .s_axil_araddr_i, .s_axil_rvalid_o, .s_axil_rready_i, .s_axil_rdata_o, .s_axil_rresp_o,
      .ch_write_o(ch_write), .ch_waddr_o(ch_waddr), .ch_wdata_o(ch_wdata), .ch_wmask_o(ch_wmask),
      .ch_raddr_o(ch_raddr), .ch_rdata_i(ch_rdata), .ch_bytes_i(ch_bytes), .ch_descriptors_i(ch_descriptors),
      .ch_fence_i(ch_fence), .ch_error_i(ch_error),
      .bus_master_o(bus_master), .msi_on_o(msi_on), .msi_addr_o(msi_addr), .msi_data_o(msi_data),
      .msi_rise_o(msi_rise), .timestamp_o(timestamp), .timeout_o(timeout), .pause_o(pause), .quiet_i(quiet == 2'b11)
  );

  logic msi_valid, msi_ready, msi_b;
  dma_job_pkg::single_t msi;
  dma_msi u_msi (
      .clk_i, .rst_ni, .rise_i(msi_rise), .on_i(msi_on), .addr_i(msi_addr), .data_i(msi_data),
      .timeout_i(timeout), .pause_i(pause),
      .write_valid_o(msi_valid), .write_ready_i(msi_ready), .write_o(msi), .bvalid_i(msi_b)
  );

  // ---------------------------------------------------------------- ports as pairs: 0 VRAM, 1 host; a field each channel
  logic [2*Channels-1:0] arvalid, arready, rvalid, awvalid, awready, wvalid, wready, bvalid, pending;
  logic [4*Channels-1:0] arkind;
  logic [128*Channels-1:0] araddr;
  logic [16*Channels-1:0] arlen;
  logic [6*Channels-1:0] arsize;
  logic [44*Channels-1:0] aruser;
  logic [2*Channels-1:0] awkind;
  logic [64*Channels-1:0] awaddr;
  logic [8*Channels-1:0] awlen;
  logic [3*Channels-1:0] awsize;
  logic [22*Channels-1:0] awuser;
  logic [DataWidth*Channels-1:0] wdata;
  logic [Bytes*Channels-1:0] wstrb;
  logic [Channels-1:0] wlast;
  logic [2*DataWidth-1:0] rdata;
  logic [3:0] rresp, rkind, bresp, bkind;
  logic [1:0] rlast;
  dma_job_pkg::user_t host_aruser, host_awuser;

  assign rdata = {m_axi_host_rdata_i, m_axi_vram_rdata_i};
  assign rresp = {m_axi_host_rresp_i, m_axi_vram_rresp_i};
  assign rlast = {m_axi_host_rlast_i, m_axi_vram_rlast_i};
  assign rkind = {m_axi_host_rid_i[1:0], m_axi_vram_rid_i[1:0]};
  assign bresp = {m_axi_host_bresp_i, m_axi_vram_bresp_i};
  assign bkind = {m_axi_host_bid_i[1:0], m_axi_vram_bid_i[1:0]};
  assign m_axi_host_rready_o = 1'b1;
  assign m_axi_vram_rready_o = 1'b1;
  assign m_axi_host_bready_o = 1'b1;
  assign m_axi_vram_bready_o = 1'b1;
  // vtd_pkg::axuser_t: an untranslated request, with no-snoop and, from space VIRTUAL, a PASID.
  assign m_axi_host_aruser_o = {1'b0, host_aruser.no_snoop, 2'b00, host_aruser.pasid, host_aruser.pasid_valid, 2'b00};
  assign m_axi_host_awuser_o = {1'b0, host_awuser.no_snoop, 2'b00, host_awuser.pasid, host_awuser.pasid_valid, 2'b00};

  // ---------------------------------------------------------------- the aperture's table, hints
  localparam int unsigned PagesLog2 = (AperturePagesLog2 != 0) ? AperturePagesLog2 : 1;
  localparam int unsigned EntryWidth = AddrBits - 11;
  localparam int unsigned IdxWidth = (Channels > 1) ? $clog2(Channels) : 1;
  logic [Channels-1:0] lookup_valid, lookup_ready, update_valid, update_ready, hint_valid, hint_ready, hint_grant;
  logic [Channels*PagesLog2-1:0] lookup_src, lookup_dst, update_page;
  logic [Channels*EntryWidth-1:0] update_entry;
  logic [EntryWidth-1:0] entry_src, entry_dst;
  logic [52*Channels-1:0] hint_page;
  logic [IdxWidth-1:0] hint;

  if (AperturePagesLog2 != 0) begin : gen_aperture
    dma_aperture #(.Channels(Channels), .PagesLog2(PagesLog2), .AddrBits(AddrBits), .Pipe(Pipe)) u_aperture (
        .clk_i, .rst_ni, .lookup_valid_i(lookup_valid), .lookup_ready_o(lookup_ready), .lookup_src_i(lookup_src),
        .lookup_dst_i(lookup_dst), .entry_src_o(entry_src), .entry_dst_o(entry_dst), .update_valid_i(update_valid),
        .update_ready_o(update_ready), .update_page_i(update_page), .update_entry_i(update_entry)
    );
  end else begin : gen_no_aperture
    // The checks let no operation come that asks.
    assign lookup_ready = '0;
    assign update_ready = '0;
    assign entry_src = '0;
    assign entry_dst = '0;
    logic unused;
    assign unused = ^{lookup_valid, lookup_src, lookup_dst, update_valid, update_page, update_entry};
  end

  rr_arbiter #(.N(Channels)) u_hints (
      .clk_i, .rst_ni, .req_i(hint_valid), .accept_i(hint_ready_i), .grant_o(hint_grant), .index_o(hint)
  );
  assign hint_valid_o = (hint_valid != '0) & ~pause;
  assign hint_ready = hint_grant & {Channels{hint_ready_i & ~pause}};
  assign hint_page_o = hint_page[hint*52+:52];

  for (genvar c = 0; c < Channels; c++) begin : gen_channel
    dma_channel #(
        .DataWidth(DataWidth), .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits),
        .AperturePagesLog2(AperturePagesLog2), .Reads(Reads), .MaxBurst(MaxBurst), .BufferBeats(BufferBeats),
        .HintAhead(HintAhead), .Pipe(Pipe)
    ) u_channel (
        .clk_i, .rst_ni, .bus_master_i(bus_master), .timestamp_i(timestamp), .timeout_i(timeout), .pause_i(pause),
        .pending_i(pending[2*c+:2]),
        .reg_write_i(ch_write[c]), .reg_waddr_i(ch_waddr), .reg_wdata_i(ch_wdata), .reg_wmask_i(ch_wmask),
        .reg_raddr_i(ch_raddr), .reg_rdata_o(ch_rdata[64*c+:64]), .bytes_o(ch_bytes[64*c+:64]),
        .descriptors_o(ch_descriptors[64*c+:64]), .fence_o(ch_fence[c]), .error_o(ch_error[c]),
        .weight_o(weight[8*c+:8]), .high_o(high[c]),
        .lookup_valid_o(lookup_valid[c]), .lookup_ready_i(lookup_ready[c]),
        .lookup_src_o(lookup_src[PagesLog2*c+:PagesLog2]), .lookup_dst_o(lookup_dst[PagesLog2*c+:PagesLog2]),
        .entry_src_i(entry_src), .entry_dst_i(entry_dst), .update_valid_o(update_valid[c]),
        .update_ready_i(update_ready[c]), .update_page_o(update_page[PagesLog2*c+:PagesLog2]),
        .update_entry_o(update_entry[EntryWidth*c+:EntryWidth]), .hint_valid_o(hint_valid[c]),
        .hint_ready_i(hint_ready[c]), .hint_page_o(hint_page[52*c+:52]),
        .arvalid_o(arvalid[2*c+:2]), .arready_i(arready[2*c+:2]), .arkind_o(arkind[4*c+:4]),
        .araddr_o(araddr[128*c+:128]), .arlen_o(arlen[16*c+:16]), .arsize_o(arsize[6*c+:6]),
        .aruser_o(aruser[44*c+:44]), .rvalid_i(rvalid[2*c+:2]), .rkind_i(rkind), .rdata_i(rdata), .rresp_i(rresp),
        .rlast_i(rlast), .awvalid_o(awvalid[2*c+:2]), .awready_i(awready[2*c+:2]), .awkind_o(awkind[2*c+:2]),
        .awaddr_o(awaddr[64*c+:64]), .awlen_o(awlen[8*c+:8]), .awsize_o(awsize[3*c+:3]),
        .awuser_o(awuser[22*c+:22]), .wvalid_o(wvalid[2*c+:2]), .wready_i(wready[2*c+:2]),
        .wdata_o(wdata[DataWidth*c+:DataWidth]), .wstrb_o(wstrb[Bytes*c+:Bytes]), .wlast_o(wlast[c]),
        .bvalid_i(bvalid[2*c+:2]), .bkind_i(bkind), .bresp_i(bresp)
    );
  end

  // The channels' fields of one port, side by side.
  for (genvar p = 0; p < 2; p++) begin : gen_port
    logic [Channels-1:0] p_arvalid, p_arready, p_rvalid, p_awvalid, p_awready, p_wvalid, p_wready, p_bvalid, p_pending;
    logic [2*Channels-1:0] p_arkind;
    logic [64*Channels-1:0] p_araddr;
    logic [8*Channels-1:0] p_arlen;
    logic [3*Channels-1:0] p_arsize;
    logic [22*Channels-1:0] p_aruser;
    for (genvar c = 0; c < Channels; c++) begin : gen_lane
      assign p_arvalid[c] = arvalid[2*c+p];
      assign arready[2*c+p] = p_arready[c];
      assign p_arkind[2*c+:2] = arkind[4*c+2*p+:2];
      assign p_araddr[64*c+:64] = araddr[128*c+64*p+:64];
      assign p_arlen[8*c+:8] = arlen[16*c+8*p+:8];
      assign p_arsize[3*c+:3] = arsize[6*c+3*p+:3];
      assign p_aruser[22*c+:22] = aruser[44*c+22*p+:22];
      assign rvalid[2*c+p] = p_rvalid[c];
      assign p_awvalid[c] = awvalid[2*c+p];
      assign awready[2*c+p] = p_awready[c];
      assign p_wvalid[c] = wvalid[2*c+p];
      assign wready[2*c+p] = p_wready[c];
      assign bvalid[2*c+p] = p_bvalid[c];
      assign pending[2*c+p] = p_pending[c];
    end
  end

  logic [2*Channels-1:0] burst;
  logic [Channels-1:0] feed;
  assign feed = burst[0+:Channels] | burst[Channels+:Channels];

  // VRAM has no attributes and takes no message.
  // verilator lint_off UNUSEDSIGNAL
  dma_job_pkg::user_t vram_aruser, vram_awuser;
  logic vram_msi_ready, vram_msi_b;
  // verilator lint_on UNUSEDSIGNAL

  dma_port_mux #(.Channels(Channels), .DataWidth(DataWidth), .IdWidth(IdWidth), .MaxBurst(MaxBurst), .Window(2 * BufferBeats)) u_vram (
      .clk_i, .rst_ni, .pause_i(pause), .quiet_o(quiet[0]), .burst_o(burst[0*Channels+:Channels]), .feed_i(feed),
      .high_i(high), .weight_i(weight),
      .pending_o(gen_port[0].p_pending),
      .arvalid_i(gen_port[0].p_arvalid), .arready_o(gen_port[0].p_arready), .arkind_i(gen_port[0].p_arkind),
      .araddr_i(gen_port[0].p_araddr), .arlen_i(gen_port[0].p_arlen), .arsize_i(gen_port[0].p_arsize),
      .aruser_i(gen_port[0].p_aruser), .rvalid_o(gen_port[0].p_rvalid),
      .awvalid_i(gen_port[0].p_awvalid), .awready_o(gen_port[0].p_awready), .awkind_i(awkind), .awaddr_i(awaddr),
      .awlen_i(awlen), .awsize_i(awsize), .awuser_i(awuser), .wvalid_i(gen_port[0].p_wvalid),
      .wready_o(gen_port[0].p_wready), .wdata_i(wdata), .wstrb_i(wstrb), .wlast_i(wlast),
      .bvalid_o(gen_port[0].p_bvalid),
      .msi_valid_i(1'b0), .msi_ready_o(vram_msi_ready), .msi_i('0), .msi_bvalid_o(vram_msi_b),
      .m_axi_arvalid_o(m_axi_vram_arvalid_o), .m_axi_arready_i(m_axi_vram_arready_i),
      .m_axi_arid_o(m_axi_vram_arid_o), .m_axi_araddr_o(m_axi_vram_araddr_o), .m_axi_arlen_o(m_axi_vram_arlen_o),
      .m_axi_arsize_o(m_axi_vram_arsize_o), .m_axi_aruser_o(vram_aruser), .m_axi_rvalid_i(m_axi_vram_rvalid_i),
      .m_axi_rid_i(m_axi_vram_rid_i), .m_axi_rlast_i(m_axi_vram_rlast_i),
      .m_axi_awvalid_o(m_axi_vram_awvalid_o), .m_axi_awready_i(m_axi_vram_awready_i),
      .m_axi_awid_o(m_axi_vram_awid_o), .m_axi_awaddr_o(m_axi_vram_awaddr_o), .m_axi_awlen_o(m_axi_vram_awlen_o),
      .m_axi_awsize_o(m_axi_vram_awsize_o), .m_axi_awuser_o(vram_awuser),
      .m_axi_wvalid_o(m_axi_vram_wvalid_o), .m_axi_wready_i(m_axi_vram_wready_i),
      .m_axi_wdata_o(m_axi_vram_wdata_o), .m_axi_wstrb_o(m_axi_vram_wstrb_o), .m_axi_wlast_o(m_axi_vram_wlast_o),
      .m_axi_bvalid_i(m_axi_vram_bvalid_i), .m_axi_bid_i(m_axi_vram_bid_i)
  );

  dma_port_mux #(.Channels(Channels), .DataWidth(DataWidth), .IdWidth(IdWidth), .MaxBurst(MaxBurst), .Window(2 * BufferBeats)) u_host (
      .clk_i, .rst_ni, .pause_i(pause), .quiet_o(quiet[1]), .burst_o(burst[1*Channels+:Channels]), .feed_i(feed),
      .high_i(high), .weight_i(weight),
      .pending_o(gen_port[1].p_pending),
      .arvalid_i(gen_port[1].p_arvalid), .arready_o(gen_port[1].p_arready), .arkind_i(gen_port[1].p_arkind),
      .araddr_i(gen_port[1].p_araddr), .arlen_i(gen_port[1].p_arlen), .arsize_i(gen_port[1].p_arsize),
      .aruser_i(gen_port[1].p_aruser), .rvalid_o(gen_port[1].p_rvalid),
      .awvalid_i(gen_port[1].p_awvalid), .awready_o(gen_port[1].p_awready), .awkind_i(awkind), .awaddr_i(awaddr),
      .awlen_i(awlen), .awsize_i(awsize), .awuser_i(awuser), .wvalid_i(gen_port[1].p_wvalid),
      .wready_o(gen_port[1].p_wready), .wdata_i(wdata), .wstrb_i(wstrb), .wlast_i(wlast),
      .bvalid_o(gen_port[1].p_bvalid),
      .msi_valid_i(msi_valid), .msi_ready_o(msi_ready), .msi_i(msi), .msi_bvalid_o(msi_b),
      .m_axi_arvalid_o(m_axi_host_arvalid_o), .m_axi_arready_i(m_axi_host_arready_i),
      .m_axi_arid_o(m_axi_host_arid_o), .m_axi_araddr_o(m_axi_host_araddr_o), .m_axi_arlen_o(m_axi_host_arlen_o),
      .m_axi_arsize_o(m_axi_host_arsize_o), .m_axi_aruser_o(host_aruser), .m_axi_rvalid_i(m_axi_host_rvalid_i),
      .m_axi_rid_i(m_axi_host_rid_i), .m_axi_rlast_i(m_axi_host_rlast_i),
      .m_axi_awvalid_o(m_axi_host_awvalid_o), .m_axi_awready_i(m_axi_host_awready_i),
      .m_axi_awid_o(m_axi_host_awid_o), .m_axi_awaddr_o(m_axi_host_awaddr_o), .m_axi_awlen_o(m_axi_host_awlen_o),
      .m_axi_awsize_o(m_axi_host_awsize_o), .m_axi_awuser_o(host_awuser),
      .m_axi_wvalid_o(m_axi_host_wvalid_o), .m_axi_wready_i(m_axi_host_wready_i),
      .m_axi_wdata_o(m_axi_host_wdata_o), .m_axi_wstrb_o(m_axi_host_wstrb_o), .m_axi_wlast_o(m_axi_host_wlast_o),
      .m_axi_bvalid_i(m_axi_host_bvalid_i), .m_axi_bid_i(m_axi_host_bid_i)
  );

`ifdef VERILATOR
  localparam logic [63:0] AddrMask = 64'hffff_ffff_ffff_ffff >> (64 - AddrBits);
  localparam logic [63:0] VirtualMask = 64'hffff_ffff_ffff_ffff >> (64 - VirtualBits);
  localparam logic [IdWidth-1:0] IdMsi = dma_job_pkg::ID_MSI[IdWidth-1:0];
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_ar_bits : assert (!m_axi_host_arvalid_o ||
          (m_axi_host_araddr_o & ~(host_aruser.pasid_valid ? VirtualMask : AddrMask)) == 64'd0);
      assert_aw_bits : assert (!m_axi_host_awvalid_o || m_axi_host_awid_o == IdMsi ||
          (m_axi_host_awaddr_o & ~(host_awuser.pasid_valid ? VirtualMask : AddrMask)) == 64'd0);
    end
  end
`endif
endmodule
