// SPDX-License-Identifier: Apache-2.0
// The DMA engine of one adapter: a ring of descriptors, copies between VRAM and logical memory, fences, messages.
//
// Front end: dma_regs (BAR 0), dma_ring (fetch), dma_decode (checks). Mid end: dma_mover (bursts,
// buffers, byte shift, strobes, answers). Back end: dma_fence, dma_complete (retirement, errors, reset),
// dma_msi. Only the mid end knows bursts; only the front end knows descriptors.
//
// Order: copies may overlap each other unless a FENCE stands between; nothing behind a FENCE starts, reads included,
// before the answer to the fence's write, and that write starts after the answers to all writes before it.
//
// Timing, cycles: descriptor at hand (one after its last R beat) to first AR: 1. R beat to W beat: 3. No idle write
// beat between queued descriptors. An aligned copy of one burst: at hand to last B = L + beats + 4, where L is AR to
// first R and B follows WLAST by 1. RREADY and BREADY are constantly 1. docs/dma.md tells the rest.
module dma_engine #(
    parameter int unsigned DataWidth   = 256,  // bits of both AXI4 data buses: 128, 256 or 512
    parameter int unsigned AddrBits    = 40,   // logical address bits driven, 13 to 64
    parameter int unsigned VramBits    = 28,   // log2 of the VRAM bytes, 13 to 64
    parameter int unsigned Reads       = 64,   // copy reads in flight at most, 1 to 256
    parameter int unsigned IdWidth     = 4,    // AXI id bits, 2 to 31
    parameter logic [15:0] SourceId    = 16'h0100,
    parameter int unsigned MaxBurst    = 16,   // beats of a burst at most, 512/DataWidth to 256
    parameter int unsigned BufferBeats = 256   // read buffer of each port, MaxBurst to 4096
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
  if (DataWidth != 128 && DataWidth != 256 && DataWidth != 512) begin : gen_check_width
    $error("dma_engine: DataWidth must be 128, 256 or 512");
  end
  if (AddrBits < 13 || AddrBits > 64) begin : gen_check_addr
    $error("dma_engine: AddrBits must be 13 to 64");
  end
  if (VramBits < 13 || VramBits > 64) begin : gen_check_vram
    $error("dma_engine: VramBits must be 13 to 64");
  end
  if (Reads < 1 || Reads > 256) begin : gen_check_reads
    $error("dma_engine: Reads must be 1 to 256");
  end
  if (IdWidth < 2 || IdWidth > 31) begin : gen_check_id
    $error("dma_engine: IdWidth must be 2 to 31");
  end
  if (MaxBurst < 512 / DataWidth || MaxBurst > 256) begin : gen_check_burst
    $error("dma_engine: MaxBurst must be 512/DataWidth (one descriptor) to 256");
  end
  if (BufferBeats < MaxBurst || BufferBeats < 2 || BufferBeats > 4096) begin : gen_check_buffer
    $error("dma_engine: BufferBeats must be MaxBurst to 4096");
  end

  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned LB = $clog2(Bytes);
  localparam int unsigned Jobs = (Reads > 64) ? Reads : 64;  // copies between decode and their last AW, as dma_mover
  localparam logic [IdWidth-1:0] IdRing = dma_job_pkg::ID_RING[IdWidth-1:0];
  localparam logic [IdWidth-1:0] IdData = dma_job_pkg::ID_DATA[IdWidth-1:0];
  localparam logic [IdWidth-1:0] IdFence = dma_job_pkg::ID_FENCE[IdWidth-1:0];
  localparam logic [IdWidth-1:0] IdMsi = dma_job_pkg::ID_MSI[IdWidth-1:0];

  // ---------------------------------------------------------------- ports as pairs: 0 VRAM, 1 host
  logic [1:0] arready, rvalid, rlast, is_ring_r, awvalid, awready, wvalid, wready, bvalid, is_data_b, is_fence_b;
  logic [2*DataWidth-1:0] rdata;
  logic [3:0] rresp, bresp;
  logic [63:0] awaddr;
  logic [7:0] awlen;
  logic [2:0] awsize;
  logic [IdWidth-1:0] awid;
  logic [DataWidth-1:0] wdata;
  logic [Bytes-1:0] wstrb;
  logic wlast;

  assign arready = {m_axi_host_arready_i, m_axi_vram_arready_i};
  assign rvalid = {m_axi_host_rvalid_i, m_axi_vram_rvalid_i};
  assign rlast = {m_axi_host_rlast_i, m_axi_vram_rlast_i};
  assign rdata = {m_axi_host_rdata_i, m_axi_vram_rdata_i};
  assign rresp = {m_axi_host_rresp_i, m_axi_vram_rresp_i};
  assign is_ring_r = {m_axi_host_rid_i == IdRing, m_axi_vram_rid_i == IdRing};
  assign awready = {m_axi_host_awready_i, m_axi_vram_awready_i};
  assign wready = {m_axi_host_wready_i, m_axi_vram_wready_i};
  assign bvalid = {m_axi_host_bvalid_i, m_axi_vram_bvalid_i};
  assign bresp = {m_axi_host_bresp_i, m_axi_vram_bresp_i};
  assign is_data_b = {m_axi_host_bid_i == IdData, m_axi_vram_bid_i == IdData};
  assign is_fence_b = {m_axi_host_bid_i == IdFence, m_axi_vram_bid_i == IdFence};

  assign m_axi_host_rready_o = 1'b1;
  assign m_axi_vram_rready_o = 1'b1;
  assign m_axi_host_bready_o = 1'b1;
  assign m_axi_vram_bready_o = 1'b1;
  assign m_axi_host_arsize_o = LB[2:0];
  assign m_axi_vram_arsize_o = LB[2:0];
  // vtd_pkg::axuser_t, untranslated requests.
  dma_job_pkg::user_t aruser, awuser;
  assign m_axi_host_aruser_o = (m_axi_host_arid_o != IdData) ? 27'd0 :
      {1'b0, aruser.no_snoop, 2'b00, aruser.pasid, aruser.pasid_valid, 2'b00};
  assign m_axi_host_awuser_o = {1'b0, awuser.no_snoop, 2'b00, awuser.pasid, awuser.pasid_valid, 2'b00};

  assign m_axi_host_awvalid_o = awvalid[1];
  assign m_axi_host_awid_o = awid;
  assign m_axi_host_awaddr_o = awaddr;
  assign m_axi_host_awlen_o = awlen;
  assign m_axi_host_awsize_o = awsize;
  assign m_axi_host_wvalid_o = wvalid[1];
  assign m_axi_host_wdata_o = wdata;
  assign m_axi_host_wstrb_o = wstrb;
  assign m_axi_host_wlast_o = wlast;
  assign m_axi_vram_awvalid_o = awvalid[0];
  assign m_axi_vram_awid_o = awid;
  assign m_axi_vram_awaddr_o = awaddr;
  assign m_axi_vram_awlen_o = awlen;
  assign m_axi_vram_awsize_o = awsize;
  assign m_axi_vram_wvalid_o = wvalid[0];
  assign m_axi_vram_wdata_o = wdata;
  assign m_axi_vram_wstrb_o = wstrb;
  assign m_axi_vram_wlast_o = wlast;

  // ---------------------------------------------------------------- front end
  logic enable, reset, bus_master, msi_on, msi_rise, home, idle, stop, flush, run, drained;
  logic [57:0] ring_base;
  logic [15:0] ring_mask, tail, head, decode_index;
  logic [2:0] ring_space;
  logic [61:0] msi_addr;
  logic [31:0] msi_data;
  logic error, error_rise, retired, pending, ring_ok, ring_idle, mover_idle, fence_idle;
  logic [32:0] retired_bytes;
  logic [63:0] error_tag, fence_value;
  logic fence_done, fence_interrupt;
  dma_job_pkg::fail_t error_data, decode_fail;

  assign run = enable & ~stop;

  dma_regs #(.DataWidth(DataWidth), .AddrBits(AddrBits), .VramBits(VramBits), .Reads(Reads)) u_regs (
      .clk_i, .rst_ni, .source_id_i(SourceId),
      .s_axil_awvalid_i, .s_axil_awready_o, .s_axil_awaddr_i, .s_axil_wvalid_i, .s_axil_wready_o, .s_axil_wdata_i,
      .s_axil_wstrb_i, .s_axil_bvalid_o, .s_axil_bready_i, .s_axil_bresp_o, .s_axil_arvalid_i, .s_axil_arready_o,
      .s_axil_araddr_i, .s_axil_rvalid_o, .s_axil_rready_i, .s_axil_rdata_o, .s_axil_rresp_o,
      .enable_o(enable), .reset_o(reset), .ring_base_o(ring_base), .ring_mask_o(ring_mask),
      .ring_space_o(ring_space), .tail_o(tail), .bus_master_o(bus_master), .msi_on_o(msi_on), .msi_addr_o(msi_addr),
      .msi_data_o(msi_data), .msi_rise_o(msi_rise),
      .home_i(home), .idle_i(idle), .head_i(head), .error_i(error), .error_rise_i(error_rise),
      .error_data_i(error_data), .error_tag_i(error_tag), .fence_value_i(fence_value),
      .fence_interrupt_i(fence_done & fence_interrupt), .retired_i(retired), .retired_bytes_i(retired_bytes)
  );

  logic [1:0] ring_arvalid, ring_arready;
  logic [63:0] ring_araddr;
  logic [7:0] ring_arlen;
  logic desc_valid, desc_bad, desc_pop;
  logic [1:0] desc_bad_resp;
  logic [5:0] desc_bad_offset;
  dma_pkg::descriptor_t desc;

  dma_ring #(.DataWidth(DataWidth), .MaxBurst(MaxBurst), .Prefetch(64)) u_ring (
      .clk_i, .rst_ni, .run_i(run & ring_ok), .base_i(ring_base), .mask_i(ring_mask),
      .host_i(ring_space == dma_pkg::SPACE_LOGICAL), .tail_i(tail), .decode_index_i(decode_index),
      .arvalid_o(ring_arvalid), .arready_i(ring_arready), .araddr_o(ring_araddr), .arlen_o(ring_arlen),
      .rvalid_i(rvalid & is_ring_r), .rdata_i(rdata), .rresp_i(rresp),
      .valid_o(desc_valid), .desc_o(desc), .bad_o(desc_bad), .bad_resp_o(desc_bad_resp),
      .bad_offset_o(desc_bad_offset), .pop_i(desc_pop), .idle_o(ring_idle)
  );

  logic op_full, retire_full, retire_empty, retire_push, copy, fence_start, fence_busy;
  logic src_host, dst_host, fence_irq, no_snoop;
  logic [63:0] src, dst, value;
  logic [31:0] length;
  dma_job_pkg::retire_t retire_data;

  dma_decode #(.AddrBits(AddrBits), .VramBits(VramBits)) u_decode (
      .clk_i, .rst_ni, .run_i(run), .flush_i(flush), .home_i(home), .bus_master_i(bus_master),
      .ring_base_i(ring_base), .ring_mask_i(ring_mask), .ring_space_i(ring_space), .ring_tail_i(tail),
      .ring_idle_i(ring_idle), .ring_ok_o(ring_ok), .index_o(decode_index), .pending_o(pending),
      .valid_i(desc_valid), .desc_i(desc), .bad_i(desc_bad), .bad_resp_i(desc_bad_resp),
      .bad_offset_i(desc_bad_offset), .pop_o(desc_pop),
      .jobs_full_i(op_full), .retire_full_i(retire_full),
      .all_retired_i(retire_empty), .fence_busy_i(fence_busy), .copy_o(copy), .fence_o(fence_start),
      .retire_push_o(retire_push), .retire_o(retire_data), .src_o(src), .src_host_o(src_host), .dst_o(dst),
      .dst_host_o(dst_host), .length_o(length), .value_o(value), .interrupt_o(fence_irq), .no_snoop_o(no_snoop),
      .fail_o(decode_fail)
  );

  // ---------------------------------------------------------------- mid end
  logic [1:0] read_arvalid, read_arready, copy_done, b_fail;
  logic [63:0] read_araddr;
  logic [7:0] read_arlen;
  logic fence_write, fence_write_ready, msi_write, msi_write_ready, stream_fail;
  dma_job_pkg::single_t fence_single, msi_single;
  dma_job_pkg::fail_t stream_fail_data, b_fail0, b_fail1;
  dma_job_pkg::op_t op;
  localparam int unsigned PagesLog2 = 12;
  logic lookup_valid, lookup_ready, update_valid, update_ready;
  logic [PagesLog2-1:0] lookup_src, lookup_dst, update_page;
  logic [AddrBits-12:0] entry_src, entry_dst, update_entry;
  // verilator lint_off UNUSEDSIGNAL
  logic hint_valid, map_done, read_wait;
  logic [1:0] b_wait;
  logic [51:0] hint_page;
  dma_job_pkg::fail_t read_wait_data;
  // verilator lint_on UNUSEDSIGNAL

  dma_aperture #(.Channels(1), .PagesLog2(PagesLog2), .AddrBits(AddrBits)) u_aperture (
      .clk_i, .rst_ni, .lookup_valid_i(lookup_valid), .lookup_ready_o(lookup_ready), .lookup_src_i(lookup_src),
      .lookup_dst_i(lookup_dst), .entry_src_o(entry_src), .entry_dst_o(entry_dst), .update_valid_i(update_valid),
      .update_ready_o(update_ready), .update_page_i(update_page), .update_entry_i(update_entry)
  );

  always_comb begin
    op = '0;
    op.index = decode_index;
    op.kind = dma_job_pkg::OP_COPY;
    op.src_space = src_host ? dma_pkg::SPACE_LOGICAL : dma_pkg::SPACE_VRAM;
    op.dst_space = dst_host ? dma_pkg::SPACE_LOGICAL : dma_pkg::SPACE_VRAM;
    op.no_snoop = no_snoop;
    op.src = src;
    op.dst = dst;
    op.length = length;
  end

  dma_mover #(
      .DataWidth(DataWidth), .Reads(Reads), .MaxBurst(MaxBurst), .BufferBeats(BufferBeats), .IdWidth(IdWidth),
      .Singles(2), .AddrBits(AddrBits), .VramBits(VramBits), .PagesLog2(PagesLog2)
  ) u_mover (
      .clk_i, .rst_ni, .flush_i(flush), .stop_i(stop), .bus_master_i(bus_master),
      .op_push_i(copy), .op_i(op), .op_full_o(op_full),
      .single_valid_i({msi_write, fence_write}), .single_ready_o({msi_write_ready, fence_write_ready}),
      .single_i({msi_single, fence_single}),
      .arvalid_o(read_arvalid), .arready_i(read_arready), .araddr_o(read_araddr), .arlen_o(read_arlen),
      .aruser_o(aruser),
      .rvalid_i(rvalid & ~is_ring_r), .rlast_i(rlast), .rdata_i(rdata), .rresp_i(rresp),
      .awvalid_o(awvalid), .awready_i(awready), .awid_o(awid), .awaddr_o(awaddr), .awlen_o(awlen),
      .awsize_o(awsize), .awuser_o(awuser),
      .wvalid_o(wvalid), .wready_i(wready), .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast),
      .bvalid_i(bvalid & is_data_b), .bresp_i(bresp),
      .lookup_valid_o(lookup_valid), .lookup_ready_i(lookup_ready), .lookup_src_o(lookup_src),
      .lookup_dst_o(lookup_dst), .entry_src_i(entry_src), .entry_dst_i(entry_dst), .update_valid_o(update_valid),
      .update_ready_i(update_ready), .update_page_o(update_page), .update_entry_o(update_entry),
      .hint_valid_o(hint_valid), .hint_ready_i(1'b0), .hint_page_o(hint_page), .map_done_o(map_done),
      .read_wait_o(read_wait), .read_wait_data_o(read_wait_data), .b_wait_o(b_wait),
      .done_o(copy_done), .stream_fail_o(stream_fail), .stream_fail_data_o(stream_fail_data), .b_fail_o(b_fail),
      .b_fail0_o(b_fail0), .b_fail1_o(b_fail1), .idle_o(mover_idle)
  );

  dma_ar_mux #(.IdWidth(IdWidth)) u_vram_ar (
      .clk_i, .rst_ni,
      .copy_valid_i(read_arvalid[0]), .copy_ready_o(read_arready[0]), .copy_addr_i(read_araddr),
      .copy_len_i(read_arlen),
      .ring_valid_i(ring_arvalid[0]), .ring_ready_o(ring_arready[0]), .ring_addr_i(ring_araddr),
      .ring_len_i(ring_arlen),
      .arvalid_o(m_axi_vram_arvalid_o), .arready_i(arready[0]), .arid_o(m_axi_vram_arid_o),
      .araddr_o(m_axi_vram_araddr_o), .arlen_o(m_axi_vram_arlen_o)
  );
  dma_ar_mux #(.IdWidth(IdWidth)) u_host_ar (
      .clk_i, .rst_ni,
      .copy_valid_i(read_arvalid[1]), .copy_ready_o(read_arready[1]), .copy_addr_i(read_araddr),
      .copy_len_i(read_arlen),
      .ring_valid_i(ring_arvalid[1]), .ring_ready_o(ring_arready[1]), .ring_addr_i(ring_araddr),
      .ring_len_i(ring_arlen),
      .arvalid_o(m_axi_host_arvalid_o), .arready_i(arready[1]), .arid_o(m_axi_host_arid_o),
      .araddr_o(m_axi_host_araddr_o), .arlen_o(m_axi_host_arlen_o)
  );

  // ---------------------------------------------------------------- back end
  logic fence_fail;
  dma_job_pkg::fail_t fence_fail_data;

  dma_fence u_fence (
      .clk_i, .rst_ni, .stop_i(stop),
      .start_i(fence_start), .host_i(dst_host), .addr_i(dst), .value_i(value), .interrupt_i(fence_irq),
      .index_i(decode_index),
      .write_valid_o(fence_write), .write_ready_i(fence_write_ready), .write_o(fence_single),
      .bvalid_i(bvalid & is_fence_b), .bresp_i(bresp),
      .busy_o(fence_busy), .idle_o(fence_idle), .done_o(fence_done), .fail_o(fence_fail),
      .fail_data_o(fence_fail_data), .interrupt_o(fence_interrupt), .value_o(fence_value)
  );

  dma_msi u_msi (
      .clk_i, .rst_ni, .rise_i(msi_rise), .on_i(msi_on), .addr_i(msi_addr), .data_i(msi_data),
      .write_valid_o(msi_write), .write_ready_i(msi_write_ready), .write_o(msi_single),
      .bvalid_i(m_axi_host_bvalid_i & (m_axi_host_bid_i == IdMsi))
  );

  dma_complete #(.Depth(2 * Jobs)) u_complete (
      .clk_i, .rst_ni, .reset_i(reset), .drained_i(drained), .ring_base_i(ring_base), .ring_mask_i(ring_mask),
      .push_i(retire_push), .push_data_i(retire_data), .full_o(retire_full), .empty_o(retire_empty),
      .copy_done_i(copy_done), .fence_done_i(fence_done), .b_fail_i(b_fail), .b_fail0_i(b_fail0),
      .b_fail1_i(b_fail1), .fence_fail_i(fence_fail), .fence_fail_data_i(fence_fail_data),
      .stream_fail_i(stream_fail), .stream_fail_data_i(stream_fail_data), .decode_fail_i(decode_fail),
      .stop_o(stop), .flush_o(flush), .home_o(home), .head_o(head), .retired_o(retired),
      .retired_bytes_o(retired_bytes), .error_o(error), .error_rise_o(error_rise), .error_data_o(error_data),
      .error_tag_o(error_tag)
  );

  assign drained = ring_idle & mover_idle & fence_idle;
  assign idle = retire_empty & ring_idle & fence_idle & ~reset & ~(run & pending);

`ifdef VERILATOR
  localparam logic [63:0] AddrMask = 64'hffff_ffff_ffff_ffff >> (64 - AddrBits);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_ar_bits : assert (!m_axi_host_arvalid_o || (m_axi_host_araddr_o & ~AddrMask) == 64'd0);
      assert_aw_bits : assert (!m_axi_host_awvalid_o || awid == IdMsi || (awaddr & ~AddrMask) == 64'd0);
    end
  end
`endif
endmodule
