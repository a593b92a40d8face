// SPDX-License-Identifier: Apache-2.0
// The remapping unit: NumPorts AXI4 requesters in front, host memory behind, a VT-d register page beside. Legacy mode.
// Stands alone; nothing here knows the DMA engine. docs/iommu.md describes the blocks and their order of events.
//
// Timing: see docs/cycle-contract.md. IOTLB hit: address handshake at a requester port -> ARVALID/AWVALID at m_axi_data
// two cycles later (Pipe 1: three), one read and one write a cycle.
//
// Vectors of several ports are flat: port p holds bits [p*W +: W]. Bursts are INCR and stay within 4 KiB.
module iommu #(
    parameter int unsigned NumPorts       = 2,         // requester ports, 1 to 4
    parameter int unsigned DataWidth      = 256,       // bits of every data bus: 64, 128, 256 or 512
    parameter int unsigned IdWidth        = 4,         // id bits of a requester port
    parameter int unsigned Haw            = 46,        // host address width
    parameter int unsigned Mgaw           = 48,        // guest address width
    parameter logic [4:0]  Sagaw          = 5'b00110,  // as CAP.SAGAW
    parameter logic [1:0]  Sllps          = 2'b11,     // as CAP.SLLPS
    parameter bit          PassThrough    = 1'b1,      // as ECAP.PT
    parameter bit          SnoopControl   = 1'b0,      // as ECAP.SC: SNP of leaves is honoured
    parameter bit          Zlr            = 1'b0,      // as CAP.ZLR: zero-length reads of write-only pages succeed
    parameter int unsigned DidWidth       = 16,        // bits of a domain-id
    parameter int unsigned Mamv           = 18,        // as CAP.MAMV
    parameter int unsigned Records        = 8,         // fault records
    parameter int unsigned IotlbEntries   = 64,        // 8 to 64 fully associative, 64 to 4096 with IotlbWays
    parameter int unsigned IotlbWays      = 0,         // 0: fully associative, in flip-flops; 4, 8: in block RAM
    parameter int unsigned IotlbLarge     = 16,        // with IotlbWays: entries for 2 MiB and 1 GiB pages
    parameter int unsigned IotlbGenBits   = 8,         // with IotlbWays: 2^n - 1 domain flushes in one scrub pass
    parameter int unsigned ContextEntries = 8,
    parameter int unsigned PagingEntries1 = 8,         // cached ways to tables of level 1; 0: none
    parameter int unsigned PagingEntries2 = 4,         // of level 2
    parameter int unsigned PagingEntries3 = 4,         // of level 3
    parameter int unsigned NumWalks       = 16,        // 2 to 64
    parameter int unsigned HintWalks      = 4,         // 1 to 16, beside NumWalks
    parameter int unsigned Parks          = 24,        // parked requests of a direction, 4 to 128; a quarter of them per port is its own
    parameter int unsigned MaxBurst       = 256,       // beats of the longest read; longer ones are never taken
    parameter int unsigned ReadBeats      = 512,       // read buffer of a port, beats, at least MaxBurst
    parameter int unsigned WriteBeats     = 64,        // write buffer of a port, beats
    parameter int unsigned Responses      = 64,        // writes of a port without answer at most
    parameter int unsigned QueueBursts    = 8,         // of descriptors, fetched ahead
    parameter int unsigned QueueSlots     = 16,        // descriptors in such a burst: 2 to 16, a power of two
    parameter int unsigned Pipe           = 0,
    parameter int unsigned PortWidth      = 2,         // derived
    parameter int unsigned DataIdWidth    = IdWidth + PortWidth,  // derived
    parameter int unsigned TableIdWidth   = 7          // derived
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,       // everything but the sticky status
    input  logic                            por_ni,       // power good: the sticky status too; low only with rst_ni low
    input  logic [NumPorts*16-1:0]          source_id_i,  // constant
    output logic                            idle_o,       // nothing is under way at either master, no hint waits for a walk
    // Before a reset of the unit alone: take nothing more, and tell when nothing is left (iommu_quiesce).
    input  logic                            quiesce_i,
    output logic                            quiesced_o,

    // Register page.
    input  logic                            s_axil_awvalid_i,
    output logic                            s_axil_awready_o,
    input  logic [11:0]                     s_axil_awaddr_i,
    input  logic                            s_axil_wvalid_i,
    output logic                            s_axil_wready_o,
    input  logic [63:0]                     s_axil_wdata_i,
    input  logic [7:0]                      s_axil_wstrb_i,
    output logic                            s_axil_bvalid_o,
    input  logic                            s_axil_bready_i,
    output logic [1:0]                      s_axil_bresp_o,
    input  logic                            s_axil_arvalid_i,
    output logic                            s_axil_arready_o,
    input  logic [11:0]                     s_axil_araddr_i,
    output logic                            s_axil_rvalid_o,
    input  logic                            s_axil_rready_i,
    output logic [63:0]                     s_axil_rdata_o,
    output logic [1:0]                      s_axil_rresp_o,

    // Requesters, AXI4; AxUSER is vtd_pkg::axuser_t.
    input  logic [NumPorts-1:0]             s_axi_arvalid_i,
    output logic [NumPorts-1:0]             s_axi_arready_o,
    input  logic [NumPorts*IdWidth-1:0]     s_axi_arid_i,
    input  logic [NumPorts*64-1:0]          s_axi_araddr_i,
    input  logic [NumPorts*8-1:0]           s_axi_arlen_i,
    input  logic [NumPorts*3-1:0]           s_axi_arsize_i,
    input  logic [NumPorts*27-1:0]          s_axi_aruser_i,
    output logic [NumPorts-1:0]             s_axi_rvalid_o,
    input  logic [NumPorts-1:0]             s_axi_rready_i,
    output logic [NumPorts*IdWidth-1:0]     s_axi_rid_o,
    output logic [NumPorts*DataWidth-1:0]   s_axi_rdata_o,
    output logic [NumPorts*2-1:0]           s_axi_rresp_o,
    output logic [NumPorts-1:0]             s_axi_rlast_o,
    input  logic [NumPorts-1:0]             s_axi_awvalid_i,
    output logic [NumPorts-1:0]             s_axi_awready_o,
    input  logic [NumPorts*IdWidth-1:0]     s_axi_awid_i,
    input  logic [NumPorts*64-1:0]          s_axi_awaddr_i,
    input  logic [NumPorts*8-1:0]           s_axi_awlen_i,
    input  logic [NumPorts*3-1:0]           s_axi_awsize_i,
    input  logic [NumPorts*27-1:0]          s_axi_awuser_i,
    input  logic [NumPorts-1:0]             s_axi_wvalid_i,
    output logic [NumPorts-1:0]             s_axi_wready_o,
    input  logic [NumPorts*DataWidth-1:0]   s_axi_wdata_i,
    input  logic [NumPorts*DataWidth/8-1:0] s_axi_wstrb_i,
    input  logic [NumPorts-1:0]             s_axi_wlast_i,
    output logic [NumPorts-1:0]             s_axi_bvalid_o,
    input  logic [NumPorts-1:0]             s_axi_bready_i,
    output logic [NumPorts*IdWidth-1:0]     s_axi_bid_o,
    output logic [NumPorts*2-1:0]           s_axi_bresp_o,

    // Pages wanted soon.
    input  logic [NumPorts-1:0]             hint_valid_i,
    output logic [NumPorts-1:0]             hint_ready_o,
    input  logic [NumPorts*52-1:0]          hint_page_i,

    // Requests after translation; the id is {port, requester's id}.
    output logic                            m_axi_data_arvalid_o,
    input  logic                            m_axi_data_arready_i,
    output logic [DataIdWidth-1:0]          m_axi_data_arid_o,
    output logic [63:0]                     m_axi_data_araddr_o,
    output logic [7:0]                      m_axi_data_arlen_o,
    output logic [2:0]                      m_axi_data_arsize_o,
    output logic                            m_axi_data_arsnoop_o,  // must snoop
    input  logic                            m_axi_data_rvalid_i,
    output logic                            m_axi_data_rready_o,
    input  logic [DataIdWidth-1:0]          m_axi_data_rid_i,
    input  logic [DataWidth-1:0]            m_axi_data_rdata_i,
    input  logic [1:0]                      m_axi_data_rresp_i,
    input  logic                            m_axi_data_rlast_i,
    output logic                            m_axi_data_awvalid_o,
    input  logic                            m_axi_data_awready_i,
    output logic [DataIdWidth-1:0]          m_axi_data_awid_o,
    output logic [63:0]                     m_axi_data_awaddr_o,
    output logic [7:0]                      m_axi_data_awlen_o,
    output logic [2:0]                      m_axi_data_awsize_o,
    output logic                            m_axi_data_awsnoop_o,
    output logic                            m_axi_data_wvalid_o,
    input  logic                            m_axi_data_wready_i,
    output logic [DataWidth-1:0]            m_axi_data_wdata_o,
    output logic [DataWidth/8-1:0]          m_axi_data_wstrb_o,
    output logic                            m_axi_data_wlast_o,
    input  logic                            m_axi_data_bvalid_i,
    output logic                            m_axi_data_bready_o,
    input  logic [DataIdWidth-1:0]          m_axi_data_bid_i,
    input  logic [1:0]                      m_axi_data_bresp_i,

    // The unit's own reads and writes.
    output logic                            m_axi_table_arvalid_o,
    input  logic                            m_axi_table_arready_i,
    output logic [TableIdWidth-1:0]         m_axi_table_arid_o,
    output logic [63:0]                     m_axi_table_araddr_o,
    output logic [7:0]                      m_axi_table_arlen_o,
    output logic [2:0]                      m_axi_table_arsize_o,
    input  logic                            m_axi_table_rvalid_i,
    output logic                            m_axi_table_rready_o,
    input  logic [TableIdWidth-1:0]         m_axi_table_rid_i,
    input  logic [DataWidth-1:0]            m_axi_table_rdata_i,
    input  logic [1:0]                      m_axi_table_rresp_i,
    input  logic                            m_axi_table_rlast_i,
    output logic                            m_axi_table_awvalid_o,
    input  logic                            m_axi_table_awready_i,
    output logic [TableIdWidth-1:0]         m_axi_table_awid_o,
    output logic [63:0]                     m_axi_table_awaddr_o,
    output logic [7:0]                      m_axi_table_awlen_o,
    output logic [2:0]                      m_axi_table_awsize_o,
    output logic                            m_axi_table_wvalid_o,
    input  logic                            m_axi_table_wready_i,
    output logic [DataWidth-1:0]            m_axi_table_wdata_o,
    output logic [DataWidth/8-1:0]          m_axi_table_wstrb_o,
    output logic                            m_axi_table_wlast_o,
    input  logic                            m_axi_table_bvalid_i,
    output logic                            m_axi_table_bready_o,

    // For checkers: the fault taken in this cycle, in the layout of a fault record.
    output logic                            probe_fault_o,
    output logic                            probe_fault_recorded_o,
    output logic [127:0]                    probe_fault_record_o
);
  if (NumPorts < 1 || NumPorts > 4) begin : gen_ports_check
    $error("iommu: NumPorts must be 1 to 4");
  end
  if (IdWidth < 1 || IdWidth > 8) begin : gen_id_check
    $error("iommu: IdWidth must be 1 to 8");
  end

  localparam int unsigned PageWidth = Mgaw - 12;
  localparam int unsigned FrameWidth = Haw - 12;
  localparam int unsigned WalkWidth = $clog2(NumWalks + HintWalks);
  localparam int unsigned SlotWidth = $clog2(Parks);
  localparam int unsigned NumIds = NumPorts << IdWidth;

  // ------------------------------------------------------------------ registers
  logic te, mode_ok, root_changed;
  logic [FrameWidth-1:0] root;
  logic [1:0] reg_drain_req, reg_drain_ack;
  logic iq_enable, iq_base_reset, iq_wide, iqe, iq_idle, iq_error, iwc;
  logic [FrameWidth-1:0] iq_base;
  logic [2:0] iq_size;
  logic [14:0] iq_tail, iq_head;
  logic [3:0] iq_error_code;
  logic [Records*128-1:0] records;
  logic pfo, ppf, ppf_rise, clear_pfo;
  logic [7:0] fri;
  logic [Records-1:0] clear_f;
  logic [2:0] msg_valid, msg_ready;
  // Event messages are done when they are taken.
  // verilator lint_off UNUSEDSIGNAL
  logic [2:0] msg_done;
  // verilator lint_on UNUSEDSIGNAL
  logic [3*64-1:0] msg_addr;
  logic [3*32-1:0] msg_data;
  logic [31:0] wlimit;
  logic [NumPorts-1:0] cutoff, cutoff_clear;
  logic [1:0] count_hit, count_miss, blocked;
  logic count_walk, count_invalidation;
  logic regs_open, regs_arready, regs_busy, held, release_held;
  assign s_axil_arready_o = regs_arready & regs_open;

  iommu_regs #(
      .NumPorts(NumPorts), .Haw(Haw), .Mgaw(Mgaw), .Sagaw(Sagaw), .Sllps(Sllps), .PassThrough(PassThrough),
      .SnoopControl(SnoopControl), .Zlr(Zlr), .DidWidth(DidWidth), .Mamv(Mamv), .Records(Records)
  ) i_regs (
      .clk_i, .rst_ni, .por_ni,
      .s_axil_awvalid_i(s_axil_awvalid_i & regs_open), .s_axil_awready_o, .s_axil_awaddr_i,
      .s_axil_wvalid_i(s_axil_wvalid_i & regs_open), .s_axil_wready_o, .s_axil_wdata_i,
      .s_axil_wstrb_i, .s_axil_bvalid_o, .s_axil_bready_i, .s_axil_bresp_o,
      .s_axil_arvalid_i(s_axil_arvalid_i & regs_open), .s_axil_arready_o(regs_arready),
      .s_axil_araddr_i, .s_axil_rvalid_o, .s_axil_rready_i, .s_axil_rdata_o, .s_axil_rresp_o,
      .busy_o(regs_busy), .held_i(held), .release_o(release_held), .te_o(te), .mode_ok_o(mode_ok), .root_o(root), .root_changed_o(root_changed),
      .drain_req_o(reg_drain_req), .drain_ack_i(reg_drain_ack),
      .iq_enable_o(iq_enable), .iq_base_reset_o(iq_base_reset), .iq_base_o(iq_base), .iq_size_o(iq_size),
      .iq_wide_o(iq_wide), .iq_tail_o(iq_tail), .iqe_o(iqe), .iq_head_i(iq_head), .iq_idle_i(iq_idle),
      .iq_error_i(iq_error), .iq_error_code_i(iq_error_code), .iwc_i(iwc),
      .records_i(records), .pfo_i(pfo), .ppf_i(ppf), .fri_i(fri), .ppf_rise_i(ppf_rise), .clear_f_o(clear_f),
      .clear_pfo_o(clear_pfo),
      .msg_valid_o(msg_valid[2:1]), .msg_ready_i(msg_ready[2:1]), .msg_addr_o(msg_addr[64+:128]),
      .msg_data_o(msg_data[32+:64]),
      .wlimit_o(wlimit), .cutoff_i(cutoff), .cutoff_clear_o(cutoff_clear),
      .count_hit_i(count_hit), .count_miss_i(count_miss), .count_walk_i(count_walk),
      .count_invalidation_i(count_invalidation), .count_fault_i(blocked));

  // ------------------------------------------------------------------ invalidation
  logic cc_flush, tlb_flush, tlb_ready, flush_ih;
  logic [1:0] settled;
  logic [1:0] flush_g, iq_drain_req, iq_drain_ack;
  logic [15:0] flush_did, flush_sid;
  logic [2:0] flush_fm;
  logic [PageWidth-1:0] flush_page, flush_mask;
  logic iq_ar_valid, iq_ar_ready, iq_r_valid, table_r_error, table_r_last;
  logic [Haw-1:0] iq_ar_addr;
  logic [7:0] iq_ar_len;
  localparam int unsigned TableReadWidth = (DataWidth < 128) ? 128 : DataWidth;  // a whole entry at least
  logic [TableReadWidth-1:0] table_r_data;

  iommu_invalidation #(
      .DataWidth(TableReadWidth), .Haw(Haw), .Mgaw(Mgaw), .Mamv(Mamv), .DidWidth(DidWidth), .Bursts(QueueBursts),
      .BurstSlots(QueueSlots)
  ) i_invalidation (
      .clk_i, .rst_ni, .enable_i(iq_enable), .mode_ok_i(mode_ok), .base_reset_i(iq_base_reset), .base_i(iq_base), .size_i(iq_size),
      .wide_i(iq_wide), .tail_i(iq_tail), .iqe_i(iqe), .head_o(iq_head), .idle_o(iq_idle), .error_o(iq_error),
      .error_code_o(iq_error_code), .iwc_o(iwc),
      .ar_valid_o(iq_ar_valid), .ar_ready_i(iq_ar_ready), .ar_addr_o(iq_ar_addr), .ar_len_o(iq_ar_len),
      .r_valid_i(iq_r_valid), .r_data_i(table_r_data), .r_error_i(table_r_error), .r_last_i(table_r_last),
      .cc_flush_o(cc_flush), .flush_g_o(flush_g), .flush_did_o(flush_did), .flush_sid_o(flush_sid),
      .flush_fm_o(flush_fm), .tlb_flush_o(tlb_flush), .flush_page_o(flush_page), .flush_mask_o(flush_mask),
      .flush_ih_o(flush_ih), .tlb_ready_i(tlb_ready), .drain_req_o(iq_drain_req), .drain_ack_i(iq_drain_ack),
      .settled_i(&settled),
      .status_valid_o(msg_valid[0]), .status_ready_i(msg_ready[0]), .status_addr_o(msg_addr[63:0]),
      .status_data_o(msg_data[31:0]), .status_done_i(msg_done[0]), .count_o(count_invalidation));

  // ------------------------------------------------------------------ caches
  logic [3*16-1:0] ctx_sid;
  logic [2:0]  ctx_hit, ctx_pass;
  logic [3*16-1:0] ctx_did;
  logic        ctx_fpd, ctx_fill, ctx_fill_pass, ctx_fill_fpd;
  logic [2:0]  ctx_aw, ctx_fill_aw;
  logic [FrameWidth-1:0] ctx_table, ctx_fill_table;
  logic [15:0] ctx_fill_sid, ctx_fill_did;

  iommu_context_cache #(.Entries(ContextEntries), .FrameWidth(FrameWidth)) i_context_cache (
      .clk_i, .rst_ni,
      .rd_sid_i(ctx_sid[0*16+:16]), .rd_hit_o(ctx_hit[0]), .rd_did_o(ctx_did[0*16+:16]), .rd_pass_o(ctx_pass[0]),
      .wr_sid_i(ctx_sid[1*16+:16]), .wr_hit_o(ctx_hit[1]), .wr_did_o(ctx_did[1*16+:16]), .wr_pass_o(ctx_pass[1]),
      .wk_sid_i(ctx_sid[2*16+:16]), .wk_hit_o(ctx_hit[2]), .wk_did_o(ctx_did[2*16+:16]), .wk_pass_o(ctx_pass[2]),
      .wk_fpd_o(ctx_fpd), .wk_aw_o(ctx_aw), .wk_table_o(ctx_table),
      .fill_valid_i(ctx_fill), .fill_sid_i(ctx_fill_sid), .fill_did_i(ctx_fill_did), .fill_pass_i(ctx_fill_pass),
      .fill_fpd_i(ctx_fill_fpd), .fill_aw_i(ctx_fill_aw), .fill_table_i(ctx_fill_table),
      .flush_valid_i(cc_flush), .flush_g_i(flush_g), .flush_did_i(flush_did), .flush_sid_i(flush_sid),
      .flush_fm_i(flush_fm));

  logic [2*16-1:0] tlb_did;
  logic [2*PageWidth-1:0] tlb_page, tlb_next_page;
  logic [1:0] tlb_hit, tlb_allow, tlb_snp;
  logic tlb_rd_w;
  logic [2*FrameWidth-1:0] tlb_frame;
  logic fill_valid, fill_r, fill_w, fill_snp;
  logic [1:0] fill_size;
  logic [15:0] fill_did;
  logic [PageWidth-1:0] fill_page;
  logic [FrameWidth-1:0] fill_frame;

  iommu_iotlb #(
      .Entries(IotlbEntries), .Ways(IotlbWays), .LargeEntries(IotlbLarge), .GenBits(IotlbGenBits),
      .ReadStages(1 + Pipe), .PageWidth(PageWidth), .FrameWidth(FrameWidth)
  ) i_iotlb (
      .clk_i, .rst_ni, .rd_next_page_i(tlb_next_page[0*PageWidth+:PageWidth]),
      .wr_next_page_i(tlb_next_page[1*PageWidth+:PageWidth]),
      .rd_did_i(tlb_did[0*16+:16]), .rd_page_i(tlb_page[0*PageWidth+:PageWidth]), .rd_hit_o(tlb_hit[0]), .rd_frame_o(tlb_frame[0*FrameWidth+:FrameWidth]),
      .rd_r_o(tlb_allow[0]), .rd_w_o(tlb_rd_w), .rd_snp_o(tlb_snp[0]),
      .wr_did_i(tlb_did[1*16+:16]), .wr_page_i(tlb_page[1*PageWidth+:PageWidth]), .wr_hit_o(tlb_hit[1]), .wr_frame_o(tlb_frame[1*FrameWidth+:FrameWidth]),
      .wr_w_o(tlb_allow[1]), .wr_snp_o(tlb_snp[1]),
      .fill_valid_i(fill_valid), .fill_size_i(fill_size), .fill_did_i(fill_did), .fill_page_i(fill_page),
      .fill_frame_i(fill_frame), .fill_r_i(fill_r), .fill_w_i(fill_w), .fill_snp_i(fill_snp),
      .flush_valid_i(tlb_flush), .flush_ready_o(tlb_ready), .flush_g_i(flush_g), .flush_did_i(flush_did), .flush_page_i(flush_page),
      .flush_mask_i(flush_mask));

  logic [PageWidth-1:0] pc_page, pc_fill_page;
  logic [2:0] pc_hit, pc_r, pc_w, pc_fill;
  logic [3*FrameWidth-1:0] pc_frame;
  logic [15:0] pc_fill_did;
  logic [FrameWidth-1:0] pc_fill_frame;
  logic pc_fill_r, pc_fill_w;
  for (genvar k = 1; k <= 3; k++) begin : gen_paging_cache
    iommu_paging_cache #(
        .Level(k), .Entries(k == 1 ? PagingEntries1 : k == 2 ? PagingEntries2 : PagingEntries3),
        .PageWidth(PageWidth), .FrameWidth(FrameWidth)
    ) i_paging_cache (
        .clk_i, .rst_ni, .did_i(ctx_did[2*16+:16]), .page_i(pc_page), .hit_o(pc_hit[k-1]),
        .frame_o(pc_frame[(k-1)*FrameWidth+:FrameWidth]), .r_o(pc_r[k-1]), .w_o(pc_w[k-1]),
        .fill_valid_i(pc_fill[k-1]), .fill_did_i(pc_fill_did), .fill_page_i(pc_fill_page),
        .fill_frame_i(pc_fill_frame), .fill_r_i(pc_fill_r), .fill_w_i(pc_fill_w),
        .flush_valid_i(tlb_flush), .flush_g_i(flush_g), .flush_did_i(flush_did), .flush_page_i(flush_page),
        .flush_mask_i(flush_mask), .flush_ih_i(flush_ih));
  end

  // ------------------------------------------------------------------ walkers
  logic [1:0] walk_valid, walk_ready, done_owner;
  logic walk_hint, walk_zero, done_valid, done_fault, done_fpd;
  // The write lane has neither hints nor zero-length requests.
  // verilator lint_off UNUSEDSIGNAL
  logic write_hint, write_zero;
  // verilator lint_on UNUSEDSIGNAL
  logic walks_idle, table_busy;
  logic [WalkWidth-1:0] walk_index, done_index;
  logic [31:0] walk_sid;
  logic [103:0] walk_page;
  logic [3:0] walk_at;
  logic [2*SlotWidth-1:0] walk_slot;
  logic [SlotWidth-1:0] done_slot;
  logic [7:0] done_reason;
  logic walk_ar_valid, walk_ar_ready, walk_ar_wide, walk_r_valid;
  logic [WalkWidth-1:0] walk_ar_index, walk_r_index;
  logic [Haw-1:0] walk_ar_addr;

  iommu_walker #(
      .NumWalks(NumWalks), .HintWalks(HintWalks), .DataWidth(TableReadWidth), .Haw(Haw), .Mgaw(Mgaw), .Sagaw(Sagaw), .Sllps(Sllps),
      .PassThrough(PassThrough), .DidWidth(DidWidth), .SnoopControl(SnoopControl), .Zlr(Zlr), .SlotWidth(SlotWidth),
      .Pipe(Pipe)
  ) i_walker (
      .clk_i, .rst_ni, .root_i(root),
      .req_valid_i(walk_valid), .req_ready_o(walk_ready), .req_index_o(walk_index), .req_hint_i(walk_hint),
      .req_sid_i(walk_sid), .req_page_i(walk_page), .req_at_i(walk_at), .req_zero_i(walk_zero), .req_slot_i(walk_slot),
      .ctx_sid_o(ctx_sid[2*16+:16]), .ctx_hit_i(ctx_hit[2]), .ctx_did_i(ctx_did[2*16+:16]), .ctx_pass_i(ctx_pass[2]),
      .ctx_fpd_i(ctx_fpd), .ctx_aw_i(ctx_aw), .ctx_table_i(ctx_table),
      .ctx_fill_o(ctx_fill), .ctx_fill_sid_o(ctx_fill_sid), .ctx_fill_did_o(ctx_fill_did),
      .ctx_fill_pass_o(ctx_fill_pass), .ctx_fill_fpd_o(ctx_fill_fpd), .ctx_fill_aw_o(ctx_fill_aw),
      .ctx_fill_table_o(ctx_fill_table),
      .pc_page_o(pc_page), .pc_hit_i(pc_hit), .pc_frame_i(pc_frame), .pc_r_i(pc_r), .pc_w_i(pc_w),
      .pc_fill_o(pc_fill), .pc_fill_did_o(pc_fill_did), .pc_fill_page_o(pc_fill_page),
      .pc_fill_frame_o(pc_fill_frame), .pc_fill_r_o(pc_fill_r), .pc_fill_w_o(pc_fill_w),
      .ar_valid_o(walk_ar_valid), .ar_ready_i(walk_ar_ready), .ar_walk_o(walk_ar_index), .ar_addr_o(walk_ar_addr),
      .ar_wide_o(walk_ar_wide), .r_valid_i(walk_r_valid), .r_walk_i(walk_r_index), .r_data_i(table_r_data),
      .r_error_i(table_r_error),
      .cc_flush_i(cc_flush | root_changed), .tlb_flush_i(tlb_flush), .tlb_flush_g_i(flush_g),
      .tlb_flush_did_i(flush_did), .tlb_flush_page_i(flush_page), .tlb_flush_mask_i(flush_mask),
      .tlb_flush_ih_i(flush_ih),
      .done_valid_o(done_valid), .done_index_o(done_index), .done_owner_o(done_owner), .done_slot_o(done_slot),
      .done_fault_o(done_fault), .done_reason_o(done_reason), .done_fpd_o(done_fpd),
      .fill_valid_o(fill_valid), .fill_size_o(fill_size), .fill_did_o(fill_did), .fill_page_o(fill_page), .fill_frame_o(fill_frame),
      .fill_r_o(fill_r), .fill_w_o(fill_w), .fill_snp_o(fill_snp), .count_walk_o(count_walk), .idle_o(walks_idle));

  // ------------------------------------------------------------------ lanes
  logic [NumPorts-1:0] ar_allowed, aw_allowed, ar_taken, aw_taken, aw_open, w_open, w_ready;
  logic ar_open;
  logic [1:0] fault_valid, fault_ready;
  logic [31:0] fault_sid;
  logic [103:0] fault_page;
  logic [15:0] fault_reason;
  logic [53:0] fault_user;
  logic [1:0] err_valid;
  logic [2*PortWidth-1:0] err_port;
  logic [2*IdWidth-1:0] err_id;
  logic [2*8-1:0] err_len;
  logic [2*NumPorts-1:0] err_busy;
  logic [2*NumPorts-1:0] err_done;
  logic rd_out_valid, wr_out_valid, wr_out_ready;
  logic [PortWidth-1:0] rd_out_port, wr_out_port;
  logic [IdWidth-1:0] rd_out_id, wr_out_id;
  logic [3:0] push;
  logic [4*PortWidth-1:0] push_port;
  logic [4*IdWidth-1:0] push_id;
  logic hint_valid, hint_ready, hint_lost, hint_kept;
  logic [PortWidth-1:0] hint_port, hint_lost_port;
  logic [51:0] hint_page, hint_lost_page;
  // Writes have no hints.
  // verilator lint_off UNUSEDSIGNAL
  logic write_hint_ready, write_hint_lost;
  logic [PortWidth-1:0] write_hint_port;
  logic [51:0] write_hint_page;
  // verilator lint_on UNUSEDSIGNAL

  iommu_hints #(.NumPorts(NumPorts), .PortWidth(PortWidth), .Pipe(Pipe)) i_hints (
      .clk_i, .rst_ni, .hint_valid_i(hint_valid_i & {NumPorts{ar_open}}), .hint_ready_o, .hint_page_i,
      .out_valid_o(hint_valid), .out_ready_i(hint_ready), .out_port_o(hint_port), .out_page_o(hint_page),
      .lost_valid_i(hint_lost), .lost_port_i(hint_lost_port), .lost_page_i(hint_lost_page), .kept_o(hint_kept));

  iommu_lane #(
      .IsWrite(1'b0), .NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth), .Haw(Haw), .Mgaw(Mgaw),
      .Parks(Parks), .WalkWidth(WalkWidth), .Zlr(Zlr), .Pipe(Pipe)
  ) i_read_lane (
      .clk_i, .rst_ni, .te_i(te), .flush_i(cc_flush | tlb_flush | root_changed), .mode_ok_i(mode_ok), .source_id_i,
      .req_valid_i(s_axi_arvalid_i & {NumPorts{ar_open}}), .req_ready_o(s_axi_arready_o), .req_allowed_i(ar_allowed),
      .req_id_i(s_axi_arid_i), .req_addr_i(s_axi_araddr_i), .req_len_i(s_axi_arlen_i), .req_size_i(s_axi_arsize_i),
      .req_user_i(s_axi_aruser_i), .hint_valid_i(hint_valid), .hint_ready_o(hint_ready), .hint_port_i(hint_port),
      .hint_page_i(hint_page), .hint_lost_o(hint_lost), .hint_lost_port_o(hint_lost_port), .hint_lost_page_o(hint_lost_page),
      .ctx_sid_o(ctx_sid[0*16+:16]), .ctx_hit_i(ctx_hit[0]), .ctx_did_i(ctx_did[0*16+:16]), .ctx_pass_i(ctx_pass[0]),
      .tlb_next_page_o(tlb_next_page[0*PageWidth+:PageWidth]), .tlb_did_o(tlb_did[0*16+:16]), .tlb_page_o(tlb_page[0*PageWidth+:PageWidth]), .tlb_hit_i(tlb_hit[0]), .tlb_frame_i(tlb_frame[0*FrameWidth+:FrameWidth]),
      .tlb_allow_i(tlb_allow[0]), .tlb_write_i(tlb_rd_w), .tlb_snp_i(tlb_snp[0]),
      .walk_valid_o(walk_valid[0]), .walk_ready_i(walk_ready[0]), .walk_index_i(walk_index),
      .walk_hint_o(walk_hint), .walk_sid_o(walk_sid[0+:16]), .walk_page_o(walk_page[0+:52]),
      .walk_at_o(walk_at[0+:2]), .walk_slot_o(walk_slot[0+:SlotWidth]), .walk_zero_o(walk_zero),
      .done_valid_i(done_valid), .done_index_i(done_index), .done_owner_i(done_owner[0]), .done_slot_i(done_slot),
      .done_fault_i(done_fault), .done_reason_i(done_reason), .done_fpd_i(done_fpd), .done_page_i(fill_valid), .done_frame_i(fill_frame), .done_r_i(fill_r),
      .done_w_i(fill_w), .done_snp_i(fill_snp),
      .fault_valid_o(fault_valid[0]), .fault_ready_i(fault_ready[0]), .fault_sid_o(fault_sid[0+:16]),
      .fault_page_o(fault_page[0+:52]), .fault_reason_o(fault_reason[0+:8]), .fault_user_o(fault_user[0+:27]),
      .blocked_o(blocked[0]),
      .err_valid_o(err_valid[0]), .err_port_o(err_port[0*PortWidth+:PortWidth]), .err_id_o(err_id[0*IdWidth+:IdWidth]), .err_len_o(err_len[0*8+:8]),
      .err_busy_o(err_busy[0*NumPorts+:NumPorts]), .err_done_i(err_done[0*NumPorts+:NumPorts]),
      .out_valid_o(rd_out_valid), .out_ready_i(m_axi_data_arready_i), .out_shown_i(1'b1), .out_port_o(rd_out_port),
      .out_id_o(rd_out_id), .out_addr_o(m_axi_data_araddr_o), .out_len_o(m_axi_data_arlen_o),
      .out_size_o(m_axi_data_arsize_o), .out_snoop_o(m_axi_data_arsnoop_o), .settled_o(settled[0]), .push_o(push[0*2+:2]),
      .push_port_o(push_port[0*2*PortWidth+:2*PortWidth]), .push_id_o(push_id[0*2*IdWidth+:2*IdWidth]),
      .count_hit_o(count_hit[0]), .count_miss_o(count_miss[0]));

  iommu_lane #(
      .IsWrite(1'b1), .NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth), .Haw(Haw), .Mgaw(Mgaw),
      .Parks(Parks), .WalkWidth(WalkWidth), .Zlr(Zlr), .Pipe(Pipe)
  ) i_write_lane (
      .clk_i, .rst_ni, .te_i(te), .flush_i(cc_flush | tlb_flush | root_changed), .mode_ok_i(mode_ok), .source_id_i,
      .req_valid_i(s_axi_awvalid_i & aw_open), .req_ready_o(s_axi_awready_o), .req_allowed_i(aw_allowed),
      .req_id_i(s_axi_awid_i), .req_addr_i(s_axi_awaddr_i), .req_len_i(s_axi_awlen_i), .req_size_i(s_axi_awsize_i),
      .req_user_i(s_axi_awuser_i), .hint_valid_i(1'b0), .hint_ready_o(write_hint_ready), .hint_port_i('0),
      .hint_page_i('0), .hint_lost_o(write_hint_lost), .hint_lost_port_o(write_hint_port), .hint_lost_page_o(write_hint_page),
      .ctx_sid_o(ctx_sid[1*16+:16]), .ctx_hit_i(ctx_hit[1]), .ctx_did_i(ctx_did[1*16+:16]), .ctx_pass_i(ctx_pass[1]),
      .tlb_next_page_o(tlb_next_page[1*PageWidth+:PageWidth]), .tlb_did_o(tlb_did[1*16+:16]), .tlb_page_o(tlb_page[1*PageWidth+:PageWidth]), .tlb_hit_i(tlb_hit[1]), .tlb_frame_i(tlb_frame[1*FrameWidth+:FrameWidth]),
      .tlb_allow_i(tlb_allow[1]), .tlb_write_i(tlb_allow[1]), .tlb_snp_i(tlb_snp[1]),
      .walk_valid_o(walk_valid[1]), .walk_ready_i(walk_ready[1]), .walk_index_i(walk_index),
      .walk_hint_o(write_hint), .walk_sid_o(walk_sid[16+:16]), .walk_page_o(walk_page[52+:52]),
      .walk_at_o(walk_at[2+:2]), .walk_slot_o(walk_slot[SlotWidth+:SlotWidth]), .walk_zero_o(write_zero),
      .done_valid_i(done_valid), .done_index_i(done_index), .done_owner_i(done_owner[1]), .done_slot_i(done_slot),
      .done_fault_i(done_fault), .done_reason_i(done_reason), .done_fpd_i(done_fpd), .done_page_i(fill_valid), .done_frame_i(fill_frame), .done_r_i(fill_r),
      .done_w_i(fill_w), .done_snp_i(fill_snp),
      .fault_valid_o(fault_valid[1]), .fault_ready_i(fault_ready[1]), .fault_sid_o(fault_sid[16+:16]),
      .fault_page_o(fault_page[52+:52]), .fault_reason_o(fault_reason[8+:8]), .fault_user_o(fault_user[27+:27]),
      .blocked_o(blocked[1]),
      .err_valid_o(err_valid[1]), .err_port_o(err_port[1*PortWidth+:PortWidth]), .err_id_o(err_id[1*IdWidth+:IdWidth]), .err_len_o(err_len[1*8+:8]),
      .err_busy_o(err_busy[1*NumPorts+:NumPorts]), .err_done_i(err_done[1*NumPorts+:NumPorts]),
      .out_valid_o(wr_out_valid), .out_ready_i(wr_out_ready), .out_shown_i(m_axi_data_awvalid_o), .out_port_o(wr_out_port),
      .out_id_o(wr_out_id), .out_addr_o(m_axi_data_awaddr_o), .out_len_o(m_axi_data_awlen_o),
      .out_size_o(m_axi_data_awsize_o), .out_snoop_o(m_axi_data_awsnoop_o), .settled_o(settled[1]), .push_o(push[1*2+:2]),
      .push_port_o(push_port[1*2*PortWidth+:2*PortWidth]), .push_id_o(push_id[1*2*IdWidth+:2*IdWidth]),
      .count_hit_o(count_hit[1]), .count_miss_o(count_miss[1]));

  assign m_axi_data_arvalid_o = rd_out_valid;
  assign m_axi_data_arid_o = {rd_out_port, rd_out_id};
  assign m_axi_data_awid_o = {wr_out_port, wr_out_id};
  assign m_axi_data_rready_o = 1'b1;
  assign m_axi_data_bready_o = 1'b1;
  assign ar_taken = s_axi_arvalid_i & s_axi_arready_o;
  assign aw_taken = s_axi_awvalid_i & s_axi_awready_o;

  // ------------------------------------------------------------------ draining
  logic [NumIds-1:0] rd_idle, wr_idle;
  logic [2*2-1:0] drain_req;
  logic [2*2-1:0] drain_ack;
  assign drain_req[0*2+:2] = {reg_drain_req[0], iq_drain_req[0]};
  assign drain_req[1*2+:2] = {reg_drain_req[1], iq_drain_req[1]};
  assign iq_drain_ack = {drain_ack[2], drain_ack[0]};
  assign reg_drain_ack = {drain_ack[3], drain_ack[1]};

  iommu_drain #(.NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth)) i_read_drain (
      .clk_i, .rst_ni, .push_i(push[0*2+:2]), .push_port_i(push_port[0*2*PortWidth+:2*PortWidth]),
      .push_id_i(push_id[0*2*IdWidth+:2*IdWidth]),
      .done_i(m_axi_data_rvalid_i & m_axi_data_rlast_i), .done_port_i(m_axi_data_rid_i[IdWidth+:PortWidth]),
      .done_id_i(m_axi_data_rid_i[IdWidth-1:0]), .req_i(drain_req[0*2+:2]), .ack_o(drain_ack[0*2+:2]), .idle_o(rd_idle));
  iommu_drain #(.NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth)) i_write_drain (
      .clk_i, .rst_ni, .push_i(push[1*2+:2]), .push_port_i(push_port[1*2*PortWidth+:2*PortWidth]),
      .push_id_i(push_id[1*2*IdWidth+:2*IdWidth]),
      .done_i(m_axi_data_bvalid_i), .done_port_i(m_axi_data_bid_i[IdWidth+:PortWidth]),
      .done_id_i(m_axi_data_bid_i[IdWidth-1:0]), .req_i(drain_req[1*2+:2]), .ack_o(drain_ack[1*2+:2]), .idle_o(wr_idle));

  // ------------------------------------------------------------------ data paths
  iommu_read_path #(
      .NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth), .DataWidth(DataWidth), .MaxBurst(MaxBurst),
      .BufBeats(ReadBeats), .Pipe(Pipe)
  ) i_read_path (
      .clk_i, .rst_ni, .ar_taken_i(ar_taken), .ar_len_i(s_axi_arlen_i), .ar_allowed_o(ar_allowed),
      .r_valid_o(s_axi_rvalid_o), .r_ready_i(s_axi_rready_i), .r_id_o(s_axi_rid_o), .r_data_o(s_axi_rdata_o),
      .r_resp_o(s_axi_rresp_o), .r_last_o(s_axi_rlast_o),
      .r_valid_i(m_axi_data_rvalid_i), .r_port_i(m_axi_data_rid_i[IdWidth+:PortWidth]),
      .r_id_i(m_axi_data_rid_i[IdWidth-1:0]), .r_data_i(m_axi_data_rdata_i), .r_resp_i(m_axi_data_rresp_i),
      .r_last_i(m_axi_data_rlast_i), .id_idle_i(rd_idle),
      .err_valid_i(err_valid[0]), .err_port_i(err_port[0*PortWidth+:PortWidth]), .err_id_i(err_id[0*IdWidth+:IdWidth]), .err_len_i(err_len[0*8+:8]),
      .err_busy_i(err_busy[0*NumPorts+:NumPorts]), .err_done_o(err_done[0*NumPorts+:NumPorts]));

  iommu_write_path #(
      .NumPorts(NumPorts), .PortWidth(PortWidth), .IdWidth(IdWidth), .DataWidth(DataWidth), .BufBeats(WriteBeats),
      .Responses(Responses), .Pipe(Pipe)
  ) i_write_path (
      .clk_i, .rst_ni, .limit_i(wlimit), .cutoff_o(cutoff), .cutoff_clear_i(cutoff_clear),
      .aw_taken_i(aw_taken), .aw_len_i(s_axi_awlen_i), .aw_allowed_o(aw_allowed),
      .w_valid_i(s_axi_wvalid_i & w_open), .w_ready_o(w_ready), .w_data_i(s_axi_wdata_i), .w_strb_i(s_axi_wstrb_i),
      .w_last_i(s_axi_wlast_i), .b_valid_o(s_axi_bvalid_o), .b_ready_i(s_axi_bready_i), .b_id_o(s_axi_bid_o),
      .b_resp_o(s_axi_bresp_o),
      .push_i(push[3:2]), .push_port_i(push_port[2*PortWidth+:2*PortWidth]), .out_valid_i(wr_out_valid), .out_ready_o(wr_out_ready),
      .out_port_i(wr_out_port), .out_len_i(m_axi_data_awlen_o),
      .aw_valid_o(m_axi_data_awvalid_o), .aw_ready_i(m_axi_data_awready_i),
      .w_valid_o(m_axi_data_wvalid_o), .w_ready_i(m_axi_data_wready_i), .w_data_o(m_axi_data_wdata_o),
      .w_strb_o(m_axi_data_wstrb_o), .w_last_o(m_axi_data_wlast_o),
      .b_valid_i(m_axi_data_bvalid_i), .b_port_i(m_axi_data_bid_i[IdWidth+:PortWidth]),
      .b_id_i(m_axi_data_bid_i[IdWidth-1:0]), .b_resp_i(m_axi_data_bresp_i), .id_idle_i(wr_idle),
      .err_valid_i(err_valid[1]), .err_port_i(err_port[1*PortWidth+:PortWidth]), .err_id_i(err_id[1*IdWidth+:IdWidth]), .err_len_i(err_len[1*8+:8]),
      .err_busy_i(err_busy[1*NumPorts+:NumPorts]), .err_done_o(err_done[1*NumPorts+:NumPorts]));

  // ------------------------------------------------------------------ faults
  iommu_faults #(.Records(Records)) i_faults (
      .clk_i, .rst_ni, .por_ni, .fault_valid_i(fault_valid), .fault_ready_o(fault_ready), .fault_sid_i(fault_sid),
      .fault_page_i(fault_page), .fault_reason_i(fault_reason), .fault_user_i(fault_user),
      .clear_f_i(clear_f), .clear_pfo_i(clear_pfo), .records_o(records), .pfo_o(pfo), .ppf_o(ppf), .fri_o(fri),
      .ppf_rise_o(ppf_rise), .probe_valid_o(probe_fault_o), .probe_recorded_o(probe_fault_recorded_o),
      .probe_record_o(probe_fault_record_o));

  // ------------------------------------------------------------------ the unit's own bus
  iommu_table_port #(
      .DataWidth(DataWidth), .Walks(NumWalks + HintWalks), .IdWidth(TableIdWidth), .Haw(Haw)
  ) i_table_port (
      .clk_i, .rst_ni,
      .walk_valid_i(walk_ar_valid), .walk_ready_o(walk_ar_ready), .walk_index_i(walk_ar_index),
      .walk_addr_i(walk_ar_addr), .walk_wide_i(walk_ar_wide), .walk_r_valid_o(walk_r_valid),
      .walk_r_index_o(walk_r_index),
      .queue_valid_i(iq_ar_valid), .queue_ready_o(iq_ar_ready), .queue_addr_i(iq_ar_addr), .queue_len_i(iq_ar_len),
      .queue_r_valid_o(iq_r_valid), .r_data_o(table_r_data), .r_error_o(table_r_error), .r_last_o(table_r_last),
      .msg_valid_i(msg_valid), .msg_ready_o(msg_ready), .msg_addr_i(msg_addr), .msg_data_i(msg_data),
      .msg_done_o(msg_done), .busy_o(table_busy),
      .m_axi_arvalid_o(m_axi_table_arvalid_o), .m_axi_arready_i(m_axi_table_arready_i),
      .m_axi_arid_o(m_axi_table_arid_o), .m_axi_araddr_o(m_axi_table_araddr_o), .m_axi_arlen_o(m_axi_table_arlen_o),
      .m_axi_arsize_o(m_axi_table_arsize_o), .m_axi_rvalid_i(m_axi_table_rvalid_i),
      .m_axi_rready_o(m_axi_table_rready_o), .m_axi_rid_i(m_axi_table_rid_i), .m_axi_rdata_i(m_axi_table_rdata_i),
      .m_axi_rresp_i(m_axi_table_rresp_i), .m_axi_rlast_i(m_axi_table_rlast_i),
      .m_axi_awvalid_o(m_axi_table_awvalid_o), .m_axi_awready_i(m_axi_table_awready_i),
      .m_axi_awid_o(m_axi_table_awid_o), .m_axi_awaddr_o(m_axi_table_awaddr_o), .m_axi_awlen_o(m_axi_table_awlen_o),
      .m_axi_awsize_o(m_axi_table_awsize_o), .m_axi_wvalid_o(m_axi_table_wvalid_o),
      .m_axi_wready_i(m_axi_table_wready_i), .m_axi_wdata_o(m_axi_table_wdata_o), .m_axi_wstrb_o(m_axi_table_wstrb_o),
      .m_axi_wlast_o(m_axi_table_wlast_o), .m_axi_bvalid_i(m_axi_table_bvalid_i),
      .m_axi_bready_o(m_axi_table_bready_o));

  // ------------------------------------------------------------------ coming to rest
  localparam int unsigned MostBeats = (ReadBeats > WriteBeats) ? ReadBeats : WriteBeats;
  localparam int unsigned MostBursts = (MostBeats > Responses) ? MostBeats : Responses;
  assign s_axi_wready_o = w_ready & w_open;
  iommu_quiesce #(.NumPorts(NumPorts), .CountBits($clog2(MostBursts + 1) + 1)) i_quiesce (
      .clk_i, .rst_ni, .por_ni, .quiesce_i, .quiesced_o, .te_i(te), .release_i(release_held), .held_o(held),
      .busy_i(~idle_o | regs_busy), .ar_open_o(ar_open), .aw_open_o(aw_open), .w_open_o(w_open),
      .regs_open_o(regs_open), .ar_i(ar_taken), .r_last_i(s_axi_rvalid_o & s_axi_rready_i & s_axi_rlast_o),
      .aw_i(aw_taken), .w_i(s_axi_wvalid_i & s_axi_wready_o), .w_last_i(s_axi_wlast_i),
      .b_i(s_axi_bvalid_o & s_axi_bready_i));

  assign idle_o = (&rd_idle) & (&wr_idle) & walks_idle & (iq_idle | ~iq_enable) & (msg_valid == '0) & ~table_busy
      & ~hint_kept;

  always_ff @(posedge clk_i) begin
    a_power_on_resets_all: assert (por_ni || !rst_ni);
  end

  // Requesters keep to AXI4 and to PCIe's page rule.
  for (genvar p = 0; p < NumPorts; p++) begin : gen_rules
    logic [12:0] ar_end, aw_end;
    assign ar_end = ({1'b0, s_axi_araddr_i[p*64+:12]} & (13'h1FFF << s_axi_arsize_i[p*3+:3]))
        + ((13'(s_axi_arlen_i[p*8+:8]) + 13'd1) << s_axi_arsize_i[p*3+:3]);
    assign aw_end = ({1'b0, s_axi_awaddr_i[p*64+:12]} & (13'h1FFF << s_axi_awsize_i[p*3+:3]))
        + ((13'(s_axi_awlen_i[p*8+:8]) + 13'd1) << s_axi_awsize_i[p*3+:3]);
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert (!s_axi_arvalid_i[p] || (ar_end <= 13'd4096 && 32'(s_axi_arlen_i[p*8+:8]) < MaxBurst));
        assert (!s_axi_awvalid_i[p] || aw_end <= 13'd4096);
      end
    end
  end
endmodule
