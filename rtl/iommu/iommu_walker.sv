// SPDX-License-Identifier: Apache-2.0
// The walkers: root entry, context entry and second-stage tables of up to NumWalks pages at once, legacy mode, and of
// HintWalks more that were only hinted at.
//
// Timing: a walk asked for in t stands in t+1 and asks for its first read in t+1; the read's address leaves the table
// port's register in t+2. From an entry read to the next read's address: 1 cycle (Pipe 1: 2). From the last entry to
// done_valid_o: 1 cycle, together with the fill of the IOTLB. The paging-structure caches are looked up in the cycle
// of the context cache, so a walk with both costs no cycle more than one that starts at the top.
//
// Hints have walkers of their own, ask for reads only when no request does, give way at the entrance, and do not move
// the lanes' turn; so they cost no request a cycle (but the end of a walk without reads, which waits for any beat). A
// request that joins a hint's walk gives it its own priority.
//
// A walk with a cached context starts at the deepest cached table on whose way its own permission was granted; where
// the permission is missing it reads the entries again, so no fault rests on a cached entry. A walk that had to read
// its context entry reads every level.
//
// Invalidation: a walk that has read anything that a flush covers starts again from the beginning, its read under way
// is received and dropped. So nothing that was read before a flush is cached or reported after it, and a flush never
// waits for a walk. Page-selective flushes with IH=1 restart only walks of those pages; with IH=0 every walk of the
// domain, because any of them may have come through a table that is going away, whether it read the entry or found it
// in a cache. A walk that goes on past a flush nearby may be about to find one large page with what was flushed: it
// fills 4 KiB only.
module iommu_walker #(
    parameter int unsigned NumWalks    = 16,        // 2 to 64
    parameter int unsigned HintWalks   = 4,         // 1 to 16
    parameter int unsigned DataWidth   = 256,       // bits that come with an entry: 128, 256 or 512
    parameter int unsigned Haw         = 46,
    parameter int unsigned Mgaw        = 48,
    parameter logic [4:0]  Sagaw       = 5'b00110,  // as CAP.SAGAW
    parameter logic [1:0]  Sllps       = 2'b11,     // as CAP.SLLPS: 2 MiB, 1 GiB
    parameter bit          PassThrough = 1'b1,      // as ECAP.PT
    parameter int unsigned DidWidth    = 16,        // bits of a domain-id
    parameter bit          SnoopControl = 1'b0,     // as ECAP.SC
    parameter bit          Zlr         = 1'b0,      // as CAP.ZLR
    parameter int unsigned SlotWidth   = 4,         // bits of a parked request's number
    parameter int unsigned Pipe        = 0,
    parameter int unsigned Slots       = NumWalks + HintWalks,  // derived
    parameter int unsigned WalkWidth   = $clog2(Slots),     // derived
    parameter int unsigned PageWidth   = Mgaw - 12,         // derived
    parameter int unsigned FrameWidth  = Haw - 12           // derived
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,

    input  logic [FrameWidth-1:0] root_i,          // root table in use, page number

    // Walks asked for; [0] read lane, [1] write lane. ready and index in the same cycle.
    input  logic [1:0]            req_valid_i,
    output logic [1:0]            req_ready_o,
    output logic [WalkWidth-1:0]  req_index_o,
    input  logic                  req_hint_i,      // read lane only
    input  logic [31:0]           req_sid_i,
    input  logic [103:0]          req_page_i,
    input  logic [3:0]            req_at_i,
    input  logic                  req_zero_i,      // read lane only: a zero-length read
    input  logic [2*SlotWidth-1:0] req_slot_i,

    // Context cache.
    output logic [15:0]           ctx_sid_o,
    input  logic                  ctx_hit_i,
    input  logic [15:0]           ctx_did_i,
    input  logic                  ctx_pass_i,
    input  logic                  ctx_fpd_i,
    input  logic [2:0]            ctx_aw_i,
    input  logic [FrameWidth-1:0] ctx_table_i,
    output logic                  ctx_fill_o,
    output logic [15:0]           ctx_fill_sid_o,
    output logic [15:0]           ctx_fill_did_o,
    output logic                  ctx_fill_pass_o,
    output logic                  ctx_fill_fpd_o,
    output logic [2:0]            ctx_fill_aw_o,
    output logic [FrameWidth-1:0] ctx_fill_table_o,

    // Paging-structure caches; [0] ways to tables of level 1, [1] of level 2, [2] of level 3. The domain is ctx_did_i.
    output logic [PageWidth-1:0]  pc_page_o,
    input  logic [2:0]            pc_hit_i,
    input  logic [3*FrameWidth-1:0] pc_frame_i,
    input  logic [2:0]            pc_r_i,
    input  logic [2:0]            pc_w_i,
    output logic [2:0]            pc_fill_o,       // one-hot
    output logic [15:0]           pc_fill_did_o,
    output logic [PageWidth-1:0]  pc_fill_page_o,
    output logic [FrameWidth-1:0] pc_fill_frame_o,
    output logic                  pc_fill_r_o,
    output logic                  pc_fill_w_o,

    // Reads of tables: 16 bytes of root and context entries, 8 of paging entries; never across DataWidth bits.
    output logic                  ar_valid_o,
    input  logic                  ar_ready_i,      // taken in this cycle
    output logic [WalkWidth-1:0]  ar_walk_o,
    output logic [Haw-1:0]        ar_addr_o,
    output logic                  ar_wide_o,       // 16 bytes
    input  logic                  r_valid_i,
    input  logic [WalkWidth-1:0]  r_walk_i,
    input  logic [DataWidth-1:0]  r_data_i,
    input  logic                  r_error_i,

    // Flushes, as the caches see them.
    input  logic                  cc_flush_i,      // context cache, any granularity, or a new root table
    input  logic                  tlb_flush_i,
    input  logic [1:0]            tlb_flush_g_i,
    input  logic [15:0]           tlb_flush_did_i,
    input  logic [PageWidth-1:0]  tlb_flush_page_i,
    input  logic [PageWidth-1:0]  tlb_flush_mask_i,
    input  logic                  tlb_flush_ih_i,

    output logic                  done_valid_o,
    output logic [WalkWidth-1:0]  done_index_o,
    output logic [1:0]            done_owner_o,    // owner's lane, one-hot; zero for hints
    output logic [SlotWidth-1:0]  done_slot_o,
    output logic                  done_fault_o,
    output logic [7:0]            done_reason_o,
    output logic                  done_fpd_o,
    output logic                  fill_valid_o,
    output logic [1:0]            fill_size_o,     // 0: 4 KiB, 1: 2 MiB, 2: 1 GiB
    output logic [15:0]           fill_did_o,
    output logic [PageWidth-1:0]  fill_page_o,
    output logic [FrameWidth-1:0] fill_frame_o,
    output logic                  fill_r_o,
    output logic                  fill_w_o,
    output logic                  fill_snp_o,

    output logic                  count_walk_o,    // a walk started (hints too)
    output logic                  idle_o
);
  if (NumWalks < 2 || NumWalks > 64) begin : gen_walks_check
    $error("iommu_walker: NumWalks must be 2 to 64");
  end
  if (HintWalks < 1 || HintWalks > 16) begin : gen_hints_check
    $error("iommu_walker: HintWalks must be 1 to 16");
  end
  if (DataWidth != 128 && DataWidth != 256 && DataWidth != 512) begin : gen_width_check
    $error("iommu_walker: DataWidth must be 128, 256 or 512");
  end
  if (Haw < 32 || Haw > 52) begin : gen_haw_check
    $error("iommu_walker: Haw must be 32 to 52");
  end
  if (Mgaw < 39 || Mgaw > 57) begin : gen_mgaw_check
    $error("iommu_walker: Mgaw must be 39 to 57");
  end
  if (Sagaw == 5'd0 || (Sagaw & 5'b10001) != 5'd0) begin : gen_sagaw_check
    $error("iommu_walker: Sagaw may have bits 1 to 3 only, and at least one");
  end
  if (DidWidth < 4 || DidWidth > 16) begin : gen_did_check
    $error("iommu_walker: DidWidth must be 4 to 16");
  end

  localparam logic [2:0] WStart = 3'd0;     // nothing read
  localparam logic [2:0] WRootRead = 3'd1;  // waits for the root entry
  localparam logic [2:0] WCtxAsk = 3'd2;    // wants to read the context entry
  localparam logic [2:0] WCtxRead = 3'd3;
  localparam logic [2:0] WPageAsk = 3'd4;
  localparam logic [2:0] WPageRead = 3'd5;

  localparam int unsigned LaneBits = $clog2(DataWidth / 64);

  // Slots from NumWalks up are for hints; hint_q: nobody but a hint wants it so far.
  logic [Slots-1:0]      valid_q, kill_q, small_q, hint_q, write_q, zero_q, fpd_q, accr_q, accw_q, top_q;
  logic [2:0]            state_q[Slots];
  logic [SlotWidth-1:0]  slot_q[Slots];
  logic [15:0]           sid_q[Slots];
  logic [51:0]           page_q[Slots];
  logic [1:0]            at_q[Slots];
  logic [15:0]           did_q[Slots];
  logic [2:0]            level_q[Slots];  // of the entry to read or under way: 1 = leaf table
  logic [Haw-1:0]        addr_q[Slots];   // of the read wanted or under way

  // ------------------------------------------------------------------ new walks
  logic [1:0] lane_grant;
  logic       lane, new_hint;
  rr_arbiter #(.N(2)) i_lane (
      .clk_i, .rst_ni, .req_i({req_valid_i[1], req_valid_i[0] & ~(req_hint_i & req_valid_i[1])}),
      .accept_i(((req_ready_o & lane_grant) != '0) & ~new_hint), .grant_o(lane_grant),
      .index_o(lane));

  logic [15:0]          new_sid;
  logic [51:0]          new_page;
  logic [1:0]           new_at;
  logic [SlotWidth-1:0] new_slot;
  assign new_sid = req_sid_i[lane*16+:16];
  assign new_page = req_page_i[lane*52+:52];
  assign new_at = req_at_i[lane*2+:2];
  assign new_slot = req_slot_i[lane*SlotWidth+:SlotWidth];
  assign new_hint = req_hint_i & ~lane;

  // With Pipe 1 the end of a walk is told in its last cycle: whoever joined in that cycle would miss it.
  logic [Slots-1:0]  told_now;
  logic                 joins, some_free;
  logic [WalkWidth-1:0] join_index, free_index;
  always_comb begin
    joins = 1'b0;
    join_index = '0;
    some_free = 1'b0;
    free_index = '0;
    for (int unsigned i = Slots; i > 0; i--) begin
      if (valid_q[i-1] && !told_now[i-1] && sid_q[i-1] == new_sid && page_q[i-1] == new_page
          && at_q[i-1] == new_at) begin
        joins = 1'b1;
        join_index = WalkWidth'(i - 1);
      end
      if (!valid_q[i-1] && (i > NumWalks) == new_hint) begin
        some_free = 1'b1;
        free_index = WalkWidth'(i - 1);
      end
    end
  end

  logic accepted, start;
  assign accepted = (req_valid_i != '0) & (joins | some_free);
  assign start = accepted & ~joins;
  assign req_ready_o = accepted ? lane_grant : '0;
  assign req_index_o = joins ? join_index : free_index;
  assign count_walk_o = start;

  // ------------------------------------------------------------------ flushes
  logic [Slots-1:0] paging, kill_now, near_now;  // paging: may have read second-stage entries of did_q
  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) begin
      paging[i] = state_q[i] == WPageAsk || state_q[i] == WPageRead;
      kill_now[i] = cc_flush_i
          | (tlb_flush_i & paging[i]
             & ((tlb_flush_g_i == 2'd1)
                | ((did_q[i] == tlb_flush_did_i)
                   & ((tlb_flush_g_i == 2'd2) | ~tlb_flush_ih_i
                      | (((page_q[i][PageWidth-1:0] ^ tlb_flush_page_i) & tlb_flush_mask_i) == '0)))));
      // Within the largest page. Whom other granularities concern, they restart.
      near_now[i] = tlb_flush_i & (tlb_flush_g_i == 2'd3) & paging[i] & (did_q[i] == tlb_flush_did_i)
          & (((page_q[i][PageWidth-1:18] ^ tlb_flush_page_i[PageWidth-1:18]) & tlb_flush_mask_i[PageWidth-1:18]) == '0);
    end
  end

  // ------------------------------------------------------------------ a read beat
  logic                 beat_valid, beat_error;
  logic [WalkWidth-1:0] bw;  // whose beat
  logic [DataWidth-1:0] beat_data;
  if (Pipe == 0) begin : gen_beat
    assign beat_valid = r_valid_i;
    assign bw = r_walk_i;
    assign beat_data = r_data_i;
    assign beat_error = r_error_i;
  end else begin : gen_beat_register
    logic                 valid_r_q, error_r_q;
    logic [WalkWidth-1:0] walk_r_q;
    logic [DataWidth-1:0] data_r_q;
    always_ff @(posedge clk_i) begin
      valid_r_q <= rst_ni & r_valid_i;
      walk_r_q <= r_walk_i;
      data_r_q <= r_data_i;
      error_r_q <= r_error_i;
    end
    assign beat_valid = valid_r_q;
    assign bw = walk_r_q;
    assign beat_data = data_r_q;
    assign beat_error = error_r_q;
  end

  logic [LaneBits-1:0] beat_lane;
  logic [127:0]        wide_entry;
  assign beat_lane = addr_q[bw][3+:LaneBits];
  if (LaneBits == 1) begin : gen_one_wide
    assign wide_entry = beat_data;
  end else begin : gen_wide
    assign wide_entry = beat_data[{beat_lane[LaneBits-1:1], 1'b0}*64+:128];
  end

  // Ignored bits of the entries have names but no use.
  // verilator lint_off UNUSEDSIGNAL
  vtd_pkg::context_entry_t ctx;
  vtd_pkg::ss_entry_t      pte;
  // verilator lint_on UNUSEDSIGNAL
  assign ctx = wide_entry;
  assign pte = beat_data[beat_lane*64+:64];

  // What the beat means.
  logic [1:0]            b_kind;
  logic [51:0]           b_page;
  logic [2:0]            b_level;
  logic                  step_fault, step_more, step_leaf, step_context_ok, step_fpd;
  logic [7:0]            step_reason;
  logic [2:0]            step_level;
  logic [FrameWidth-1:0] step_table, leaf_frame;
  logic [11:0]           step_offset;
  assign b_kind = (state_q[bw] == WRootRead) ? 2'd0 : (state_q[bw] == WCtxRead) ? 2'd1 : 2'd2;
  assign b_page = page_q[bw];
  assign b_level = level_q[bw];
  iommu_entry_check #(
      .Haw(Haw), .Mgaw(Mgaw), .Sagaw(Sagaw), .Sllps(Sllps), .PassThrough(PassThrough), .DidWidth(DidWidth),
      .SnoopControl(SnoopControl), .Zlr(Zlr)
  ) i_entry_check (
      .kind_i(b_kind), .error_i(beat_error), .root_i(wide_entry), .ctx_i(ctx), .pte_i(pte), .level_i(b_level),
      .top_i(top_q[bw]), .fpd_i(fpd_q[bw]), .write_i(write_q[bw]), .zero_i(zero_q[bw]),
      .acc_r_i(accr_q[bw]), .acc_w_i(accw_q[bw]), .page_i(b_page), .at_i(at_q[bw]),
      .fault_o(step_fault), .reason_o(step_reason), .fpd_o(step_fpd), .more_o(step_more), .leaf_o(step_leaf),
      .context_ok_o(step_context_ok), .table_o(step_table), .level_o(step_level), .frame_o(leaf_frame));

  // Index into the table of a level.
  function automatic logic [8:0] table_index(input logic [44:0] page, input logic [2:0] level);
    case (level)
      3'd1: table_index = page[8:0];
      3'd2: table_index = page[17:9];
      3'd3: table_index = page[26:18];
      3'd4: table_index = page[35:27];
      default: table_index = page[44:36];
    endcase
  endfunction
  assign step_offset = (b_kind == 2'd0) ? {sid_q[bw][7:0], 4'd0} : {table_index(b_page[44:0], step_level), 3'd0};

  logic beat_killed, beat_live;
  assign beat_killed = kill_q[bw] | kill_now[bw];
  assign beat_live = beat_valid & ~beat_killed;

  assign ctx_fill_o = beat_live & step_context_ok;
  assign ctx_fill_sid_o = sid_q[bw];
  assign ctx_fill_did_o = ctx.did;
  assign ctx_fill_pass_o = ctx.tt == vtd_pkg::TT_PASS_THROUGH;
  assign ctx_fill_fpd_o = ctx.fpd;
  assign ctx_fill_aw_o = ctx.aw;
  assign ctx_fill_table_o = ctx.ssptptr[FrameWidth-1:0];

  always_comb begin
    pc_fill_o = '0;
    for (int unsigned k = 0; k < 3; k++) begin
      pc_fill_o[k] = beat_live & step_more & (state_q[bw] == WPageRead) & (b_level == 3'(k + 2));
    end
  end
  assign pc_fill_did_o = did_q[bw];
  assign pc_fill_page_o = b_page[PageWidth-1:0];
  assign pc_fill_frame_o = pte.addr[FrameWidth-1:0];
  assign pc_fill_r_o = accr_q[bw] & pte.r;
  assign pc_fill_w_o = accw_q[bw] & pte.w;

  // ------------------------------------------------------------------ reads: a beat's successor first, then waiting walks
  logic [Slots-1:0]  ask;
  // Only the index matters.
  // verilator lint_off UNUSEDSIGNAL
  logic [Slots-1:0]  ask_grant;
  // verilator lint_on UNUSEDSIGNAL
  logic [WalkWidth-1:0] aw;  // the walk that asks
  logic                 beat_asks, ask_start, ask_from_start_done, ask_reads;
  logic [Slots-1:0]     wants;
  logic                 request_wants;  // a walk that is more than a hint
  logic [Haw-1:0]       beat_addr;
  assign request_wants = (wants & ~hint_q) != '0;
  assign beat_asks = beat_live & step_more & ~(hint_q[bw] & request_wants);
  assign beat_addr = {step_table, step_offset};
  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) begin
      wants[i] = valid_q[i] & ~kill_now[i]
          & (state_q[i] == WStart || state_q[i] == WCtxAsk || state_q[i] == WPageAsk);
    end
  end
  assign ask = request_wants ? wants & ~hint_q : wants;
  rr_arbiter #(.N(Slots)) i_ask (
      .clk_i, .rst_ni, .req_i(ask), .accept_i((ask_reads & ar_ready_i) | ask_from_start_done),
      .grant_o(ask_grant), .index_o(aw));
  assign ask_start = (ask != '0) & (state_q[aw] == WStart);
  assign ctx_sid_o = sid_q[aw];
  assign pc_page_o = page_q[aw][PageWidth-1:0];

  // Where a walk with a cached context starts.
  logic                  start_top, start_r, start_w;
  logic [2:0]            start_level;
  logic [FrameWidth-1:0] start_table;
  always_comb begin
    start_top = 1'b1;
    start_level = ctx_aw_i + 3'd2;
    start_table = ctx_table_i;
    start_r = 1'b1;
    start_w = 1'b1;
    for (int unsigned k = 3; k > 0; k--) begin
      if (pc_hit_i[k-1] && (write_q[aw] ? pc_w_i[k-1] : pc_r_i[k-1] | (Zlr & zero_q[aw]))) begin
        start_top = 1'b0;
        start_level = 3'(k);
        start_table = pc_frame_i[(k-1)*FrameWidth+:FrameWidth];
        start_r = pc_r_i[k-1];
        start_w = pc_w_i[k-1];
      end
    end
  end

  // A start that ends at once waits while a beat may end another walk.
  logic       start_fault;
  logic [7:0] start_reason;
  iommu_request_check #(.Haw(Haw), .Mgaw(Mgaw)) i_start_check (
      .pass_i(ctx_pass_i), .aw_i(ctx_aw_i), .page_i(page_q[aw]), .at_i(at_q[aw]), .fault_o(start_fault),
      .reason_o(start_reason));
  logic start_ends;
  assign start_ends = ask_start & ctx_hit_i & (start_fault | ctx_pass_i);
  assign ask_from_start_done = start_ends & ~beat_valid;
  assign ask_reads = (ask != '0) & ~start_ends & ~beat_asks;

  always_comb begin
    ar_valid_o = beat_asks | ask_reads;
    ar_walk_o = beat_asks ? bw : aw;
    ar_addr_o = addr_q[aw];
    ar_wide_o = 1'b0;
    if (beat_asks) begin
      ar_addr_o = beat_addr;
      ar_wide_o = b_kind == 2'd0;
    end else if (ask_start) begin
      ar_addr_o = ctx_hit_i ? {start_table, table_index(page_q[aw][44:0], start_level), 3'd0} : {root_i, sid_q[aw][15:8], 4'd0};
      ar_wide_o = ~ctx_hit_i;
    end else begin
      ar_wide_o = state_q[aw] == WCtxAsk;
    end
  end

  // ------------------------------------------------------------------ ends of walks
  logic                 end_valid, end_fault, end_fpd, end_fill;
  logic [WalkWidth-1:0] end_walk;
  logic [7:0]           end_reason;
  assign end_valid = (beat_live & ~step_more) | ask_from_start_done;
  assign end_walk = beat_valid ? bw : aw;
  always_comb begin
    told_now = '0;
    if (Pipe != 0 && end_valid) told_now[end_walk] = 1'b1;
  end
  assign end_fault = beat_valid ? step_fault : start_fault;
  assign end_reason = beat_valid ? step_reason : start_reason;
  assign end_fpd = beat_valid ? step_fpd : ctx_fpd_i;
  assign end_fill = beat_live & step_leaf;
  logic [1:0] end_size;
  assign end_size = (small_q[bw] | near_now[bw]) ? 2'd0 : b_level[1:0] - 2'd1;

  if (Pipe == 0) begin : gen_done_register
    logic                  valid_e_q, fault_e_q, fpd_e_q, fill_e_q, r_e_q, w_e_q, snp_e_q;
    logic [WalkWidth-1:0]  walk_e_q;
    logic [7:0]            reason_e_q;
    logic [1:0]            owner_e_q, size_e_q;
    logic [SlotWidth-1:0]  slot_e_q;
    logic [15:0]           did_e_q;
    logic [PageWidth-1:0]  page_e_q;
    logic [FrameWidth-1:0] frame_e_q;
    always_ff @(posedge clk_i) begin
      valid_e_q <= rst_ni & end_valid;
      fill_e_q <= rst_ni & end_fill;
      walk_e_q <= end_walk;
      fault_e_q <= end_fault;
      reason_e_q <= end_reason;
      fpd_e_q <= end_fpd;
      owner_e_q <= (end_walk >= WalkWidth'(NumWalks)) ? 2'b00 : write_q[end_walk] ? 2'b10 : 2'b01;
      slot_e_q <= slot_q[end_walk];
      did_e_q <= did_q[end_walk];
      page_e_q <= page_q[end_walk][PageWidth-1:0];
      frame_e_q <= leaf_frame;
      r_e_q <= accr_q[bw] & pte.r;
      w_e_q <= accw_q[bw] & pte.w;
      snp_e_q <= pte.snp;
      size_e_q <= end_size;
    end
    assign done_valid_o = valid_e_q;
    assign done_index_o = walk_e_q;
    assign done_owner_o = owner_e_q;
    assign done_slot_o = slot_e_q;
    // A verdict that meets a flush may be older than the repair: walk again.
    assign done_fault_o = fault_e_q & ~cc_flush_i & ~tlb_flush_i;
    assign done_reason_o = reason_e_q;
    assign done_fpd_o = fpd_e_q;
    assign fill_valid_o = fill_e_q & ~cc_flush_i;
    assign fill_did_o = did_e_q;
    assign fill_page_o = page_e_q;
    assign fill_frame_o = frame_e_q;
    assign fill_r_o = r_e_q;
    assign fill_w_o = w_e_q;
    assign fill_snp_o = snp_e_q;
    assign fill_size_o = size_e_q;
  end else begin : gen_done
    assign done_valid_o = end_valid;
    assign done_index_o = end_walk;
    assign done_owner_o = (end_walk >= WalkWidth'(NumWalks)) ? 2'b00 : write_q[end_walk] ? 2'b10 : 2'b01;
    assign done_slot_o = slot_q[end_walk];
    assign done_fault_o = end_fault & ~cc_flush_i & ~tlb_flush_i;
    assign done_reason_o = end_reason;
    assign done_fpd_o = end_fpd;
    assign fill_valid_o = end_fill;
    assign fill_did_o = did_q[end_walk];
    assign fill_page_o = page_q[end_walk][PageWidth-1:0];
    assign fill_frame_o = leaf_frame;
    assign fill_r_o = accr_q[bw] & pte.r;
    assign fill_w_o = accw_q[bw] & pte.w;
    assign fill_snp_o = pte.snp;
    assign fill_size_o = end_size;
  end

  // ------------------------------------------------------------------ state
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
    end else begin
      // Flushed walks start again; one with a read under way first receives it.
      for (int unsigned i = 0; i < Slots; i++) begin
        if (state_q[i] == WStart) small_q[i] <= 1'b0;
        else if (near_now[i]) small_q[i] <= 1'b1;
        if (valid_q[i] && kill_now[i]) begin
          if (state_q[i] == WRootRead || state_q[i] == WCtxRead || state_q[i] == WPageRead) kill_q[i] <= 1'b1;
          else state_q[i] <= WStart;
        end
      end

      if (ask_reads && ar_ready_i) begin
        if (ask_start) begin
          state_q[aw] <= ctx_hit_i ? WPageRead : WRootRead;
          did_q[aw] <= ctx_did_i;
          fpd_q[aw] <= ctx_hit_i & ctx_fpd_i;
          level_q[aw] <= start_level;
          accr_q[aw] <= start_r;
          accw_q[aw] <= start_w;
          top_q[aw] <= start_top;
          addr_q[aw] <= ar_addr_o;
        end else begin
          state_q[aw] <= (state_q[aw] == WCtxAsk) ? WCtxRead : WPageRead;
        end
      end

      if (beat_valid) begin
        if (beat_killed) begin
          state_q[bw] <= WStart;
          kill_q[bw] <= 1'b0;
        end else if (step_more) begin
          addr_q[bw] <= beat_addr;
          if (b_kind == 2'd0) begin
            state_q[bw] <= (beat_asks & ar_ready_i) ? WCtxRead : WCtxAsk;
          end else begin
            state_q[bw] <= (beat_asks & ar_ready_i) ? WPageRead : WPageAsk;
            level_q[bw] <= step_level;
            top_q[bw] <= b_kind == 2'd1;
            if (b_kind == 2'd1) begin
              did_q[bw] <= ctx.did;
              fpd_q[bw] <= ctx.fpd;
              accr_q[bw] <= 1'b1;
              accw_q[bw] <= 1'b1;
            end else begin
              accr_q[bw] <= accr_q[bw] & pte.r;
              accw_q[bw] <= accw_q[bw] & pte.w;
            end
          end
        end
      end
      if (end_valid) valid_q[end_walk] <= 1'b0;
      if (accepted && joins && !new_hint) hint_q[join_index] <= 1'b0;

      if (start) begin
        valid_q[free_index] <= 1'b1;
        state_q[free_index] <= WStart;
        kill_q[free_index] <= 1'b0;
        hint_q[free_index] <= new_hint;
        write_q[free_index] <= lane;
        zero_q[free_index] <= req_zero_i & ~lane & ~new_hint;
        slot_q[free_index] <= new_slot;
        sid_q[free_index] <= new_sid;
        page_q[free_index] <= new_page;
        at_q[free_index] <= new_at;
        fpd_q[free_index] <= 1'b0;
      end
    end
  end

  assign idle_o = valid_q == '0;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_beat_has_a_walk: assert (!beat_valid || (valid_q[bw] && (state_q[bw] == WRootRead || state_q[bw] == WCtxRead
                                                                 || state_q[bw] == WPageRead)));
      a_no_two_ends: assert (!(beat_live && !step_more && ask_from_start_done));
      a_join_is_live: assert (!(accepted && joins) || valid_q[join_index]);
    end
  end
endmodule
