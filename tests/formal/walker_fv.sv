// SPDX-License-Identifier: Apache-2.0
// iommu_walker, one walk (any): its reads are the entries on the way of its page, each at most once between flushes that
// concern it, so never more than two and one a level; what it fills and reports is what the entries it read say, with no
// permission that one of them lacks, and a fault when one is absent, malformed or could not be read; what was read before a
// flush that covers it is not used behind it; it is told once, to its owner; nothing waits but for memory.
module walker_fv #(
    parameter int unsigned Pipe = 0
) (
    input logic         clk_i,
    input logic         rst_ni,
    input logic [3:0]   root_i,
    input logic [1:0]   req_valid_i,
    input logic         req_hint_i,
    input logic [1:0]   req_sid_i,
    input logic [7:0]   req_page_i,
    input logic [3:0]   req_at_i,
    input logic         req_zero_i,
    input logic [3:0]   req_slot_i,
    input logic         ctx_hit_i,
    input logic [3:0]   ctx_did_i,
    input logic         ctx_pass_i,
    input logic         ctx_fpd_i,
    input logic [3:0]   ctx_table_i,
    input logic [2:0]   pc_hit_i,
    input logic [11:0]  pc_frame_i,
    input logic [2:0]   pc_r_i,
    input logic [2:0]   pc_w_i,
    input logic         ar_ready_i,
    input logic         r_valid_i,
    input logic [1:0]   r_walk_i,
    input logic [127:0] r_data_i,
    input logic         r_error_i,
    input logic         cc_flush_i,
    input logic         tlb_flush_i,
    input logic [1:0]   tlb_flush_g_i,
    input logic [3:0]   tlb_flush_did_i,
    input logic [26:0]  tlb_flush_page_i,
    input logic [26:0]  tlb_flush_mask_i,
    input logic         tlb_flush_ih_i,
    input logic [1:0]   who_i            // constant: the walk that is watched
);
  localparam int unsigned Walks = 3;  // the last one for hints
  // Pages differ in a bit of each table's index, one beyond the host's addresses and one beyond the guest's.
  function automatic logic [51:0] page_of(input logic [3:0] bits);
    page_of = {24'd0, bits[3], 6'd0, bits[2], 10'd0, bits[1], 8'd0, bits[0]};
  endfunction
  function automatic logic [15:0] sid_of(input logic bit_);
    sid_of = {7'd0, bit_, 7'd0, bit_};
  endfunction
  function automatic logic [8:0] index_of(input logic [51:0] page, input logic [2:0] level);
    index_of = (level == 3'd1) ? page[8:0] : (level == 3'd2) ? page[17:9] : page[26:18];
  endfunction

  logic [1:0] req_ready, req_index, ar_walk, done_index, done_owner, done_slot, fill_size;
  logic [15:0] ctx_sid, ctx_fill_sid, ctx_fill_did, pc_fill_did, fill_did;
  logic ctx_fill, ctx_fill_pass, ctx_fill_fpd, pc_fill_r, pc_fill_w, ar_valid, ar_wide, done_valid, done_fault, done_fpd,
      fill_valid, fill_r, fill_w, fill_snp, count_walk, idle;
  logic [2:0] ctx_fill_aw, pc_fill;
  logic [19:0] ctx_fill_table, pc_fill_frame, fill_frame;
  logic [26:0] pc_page, pc_fill_page, fill_page;
  logic [31:0] ar_addr;
  logic [7:0] done_reason;
  iommu_walker #(
      .NumWalks(2), .HintWalks(1), .DataWidth(128), .Haw(32), .Mgaw(39), .Sagaw(5'b00010), .DidWidth(4), .SlotWidth(2),
      .Pipe(Pipe)
  ) dut (
      .clk_i, .rst_ni, .root_i({16'd0, root_i}), .req_valid_i, .req_ready_o(req_ready), .req_index_o(req_index),
      .req_hint_i, .req_sid_i({sid_of(req_sid_i[1]), sid_of(req_sid_i[0])}),
      .req_page_i({page_of(req_page_i[7:4]), page_of(req_page_i[3:0])}), .req_at_i, .req_zero_i, .req_slot_i,
      .ctx_sid_o(ctx_sid), .ctx_hit_i, .ctx_did_i({12'd0, ctx_did_i}), .ctx_pass_i, .ctx_fpd_i, .ctx_aw_i(3'd1),
      .ctx_table_i({16'd0, ctx_table_i}), .ctx_fill_o(ctx_fill), .ctx_fill_sid_o(ctx_fill_sid),
      .ctx_fill_did_o(ctx_fill_did), .ctx_fill_pass_o(ctx_fill_pass), .ctx_fill_fpd_o(ctx_fill_fpd),
      .ctx_fill_aw_o(ctx_fill_aw), .ctx_fill_table_o(ctx_fill_table), .pc_page_o(pc_page), .pc_hit_i,
      .pc_frame_i({16'd0, pc_frame_i[11:8], 16'd0, pc_frame_i[7:4], 16'd0, pc_frame_i[3:0]}), .pc_r_i, .pc_w_i,
      .pc_fill_o(pc_fill), .pc_fill_did_o(pc_fill_did), .pc_fill_page_o(pc_fill_page), .pc_fill_frame_o(pc_fill_frame),
      .pc_fill_r_o(pc_fill_r), .pc_fill_w_o(pc_fill_w), .ar_valid_o(ar_valid), .ar_ready_i, .ar_walk_o(ar_walk),
      .ar_addr_o(ar_addr), .ar_wide_o(ar_wide), .r_valid_i, .r_walk_i, .r_data_i, .r_error_i, .cc_flush_i, .tlb_flush_i,
      .tlb_flush_g_i, .tlb_flush_did_i({12'd0, tlb_flush_did_i}), .tlb_flush_page_i, .tlb_flush_mask_i, .tlb_flush_ih_i,
      .done_valid_o(done_valid), .done_index_o(done_index), .done_owner_o(done_owner), .done_slot_o(done_slot),
      .done_fault_o(done_fault), .done_reason_o(done_reason), .done_fpd_o(done_fpd), .fill_valid_o(fill_valid),
      .fill_size_o(fill_size), .fill_did_o(fill_did), .fill_page_o(fill_page), .fill_frame_o(fill_frame),
      .fill_r_o(fill_r), .fill_w_o(fill_w), .fill_snp_o(fill_snp), .count_walk_o(count_walk), .idle_o(idle));

  // ------------------------------------------------------------------ beats when the walker looks at them
  logic started_q = 1'b0;
  logic r_q, r_error_q, beat, beat_error;
  logic [1:0] r_walk_q;
  logic [127:0] r_data_q, entry;
  if (Pipe == 0) begin : gen_now
    assign beat = r_valid_i & (r_walk_i == who_i);
      assign entry = r_data_i;
    assign beat_error = r_error_i;
  end else begin : gen_later
    assign beat = r_q & (r_walk_q == who_i);
      assign entry = r_data_q;
    assign beat_error = r_error_q;
  end

  // ------------------------------------------------------------------ the watched walk
  localparam logic [1:0] Start = 2'd0;    // nothing read
  localparam logic [1:0] Context = 2'd1;  // has the root entry
  localparam logic [1:0] Paging = 2'd2;   // has the context
  logic [Walks-1:0] open_q;               // reads under way
  logic [1:0] who_q, step_q, step_d, slot_q, at_q;
  logic active_q, reads_q, killed_q, write_q, zero_q, hint_q, r_ok_q, w_ok_q, top_q, fpd_q, near_q;
  logic r_ok_d, w_ok_d, top_d;
  logic [15:0] sid_q, did_q, did_d;
  logic [51:0] page_q;
  logic [2:0] level_q, level_d, asks_q;
  logic [19:0] table_q, table_d;
  logic begins, asks, covered, near, dead;
  logic [1:0] lane;
  assign lane = req_valid_i & req_ready;
  assign begins = count_walk & (req_index == who_i);
  assign asks = ar_valid & ar_ready_i & (ar_walk == who_i);
  assign covered = active_q & (cc_flush_i | (tlb_flush_i & (step_q == Paging)
      & (tlb_flush_g_i == 2'd1 | (did_q == {12'd0, tlb_flush_did_i}
         & (tlb_flush_g_i == 2'd2 | ~tlb_flush_ih_i | ((page_q[26:0] ^ tlb_flush_page_i) & tlb_flush_mask_i) == '0)))));
  assign near = active_q & tlb_flush_i & (tlb_flush_g_i == 2'd3) & (step_q == Paging)
      & (did_q == {12'd0, tlb_flush_did_i}) & (((page_q[26:18] ^ tlb_flush_page_i[26:18]) & tlb_flush_mask_i[26:18]) == '0);
  assign dead = killed_q | covered;

  // What the entry says.
  logic [63:0] pte;
  logic [7:0] reason;
  logic more, leaf, large, pte_bad, lacks, passes, context_good, beyond_guest, beyond_host;
  logic [19:0] frame;
  logic [8:0] pte_index;
  assign pte_index = index_of(page_q, level_q);
  assign pte = pte_index[0] ? entry[127:64] : entry[63:0];
  assign beyond_guest = page_q[51:27] != '0;
  assign beyond_host = page_q[51:20] != '0;
  assign large = pte[7] & (level_q != 3'd1);
  assign lacks = write_q ? ~pte[1] : ~pte[0];
  assign pte_bad = pte[62] | pte[11] | (pte[51:32] != '0) | (large & level_q == 3'd2 & pte[20:12] != '0)
      | (large & level_q == 3'd3 & pte[29:12] != '0);
  assign context_good = entry[0] & (entry[11:4] == '0) & ~entry[71] & (entry[127:88] == '0) & (entry[87:76] == '0)
      & (entry[66:64] == 3'd1) & (entry[3:2] == 2'd2 | (entry[3:2] == 2'd0 & entry[63:32] == '0));
  assign passes = entry[3:2] == 2'd2;
  always_comb begin
    frame = pte[31:12];
    if (level_q == 3'd2) frame[8:0] = page_q[8:0];
    if (level_q == 3'd3) frame[17:0] = page_q[17:0];
    reason = 8'd0;
    more = 1'b0;
    leaf = 1'b0;
    if (step_q == Start) begin
      if (beat_error) reason = 8'h8;
      else if (!entry[0]) reason = 8'h1;
      else if (entry[11:1] != '0 || entry[127:32] != '0) reason = 8'hA;
      else more = 1'b1;
    end else if (step_q == Context) begin
      if (beat_error) reason = 8'h9;
      else if (!entry[0]) reason = 8'h2;
      else if (entry[11:4] != '0 || entry[71] || entry[127:88] != '0 || entry[87:76] != '0) reason = 8'hB;
      else if (!context_good) reason = 8'h3;
      else if (at_q != 2'd0) reason = 8'hD;
      else if (passes ? beyond_host : beyond_guest) reason = 8'h4;
      else more = ~passes;
    end else begin
      if (beat_error) reason = top_q ? 8'h3 : 8'h7;
      else if (lacks) reason = write_q ? 8'h5 : 8'h6;
      else if (pte_bad) reason = 8'hC;
      else if (level_q != 3'd1 && !large) more = 1'b1;
      // The interrupt window is nobody's page, and neither is a larger page around it.
      else if (level_q == 3'd1 ? frame[19:8] == 12'hFEE : level_q == 3'd2 ? frame[19:9] == 11'h7F7
               : frame[19:18] == 2'd3) reason = 8'hE;
      else leaf = 1'b1;
    end
  end

  // Behind the beat.
  always_comb begin
    step_d = step_q;
    level_d = level_q;
    table_d = table_q;
    did_d = did_q;
    r_ok_d = r_ok_q;
    w_ok_d = w_ok_q;
    top_d = top_q;
    if (beat && dead) begin
      step_d = Start;
    end else if (beat && more) begin
      if (step_q == Start) begin
        step_d = Context;
        table_d = entry[31:12];
      end else if (step_q == Context) begin
        step_d = Paging;
        table_d = entry[31:12];
        level_d = 3'd3;
        did_d = entry[87:72];
        r_ok_d = 1'b1;
        w_ok_d = 1'b1;
        top_d = 1'b1;
      end else begin
        table_d = pte[31:12];
        level_d = level_q - 3'd1;
        r_ok_d = r_ok_q & pte[0];
        w_ok_d = w_ok_q & pte[1];
        top_d = 1'b0;
      end
    end else if (!beat && covered && !reads_q) begin
      step_d = Start;
    end
  end
  logic ends, start_ends;
  assign ends = beat & ~dead & ~more;
  // A cached context may end a walk that has read nothing.
  assign start_ends = active_q & (step_q == Start) & ~reads_q & ctx_hit_i & (ctx_sid == sid_q)
      & (ctx_pass_i | at_q != 2'd0 | beyond_guest);

  // The start that a cached context and cached ways to tables allow.
  logic [2:0] from_level;
  logic [19:0] from_table;
  logic from_r, from_w, from_top;
  always_comb begin
    from_level = 3'd3;
    from_table = {16'd0, ctx_table_i};
    from_r = 1'b1;
    from_w = 1'b1;
    from_top = 1'b1;
    for (int unsigned k = 3; k > 0; k--) begin
      if (pc_hit_i[k-1] && (write_q ? pc_w_i[k-1] : pc_r_i[k-1])) begin
        from_level = 3'(k);
        from_table = {16'd0, pc_frame_i[(k-1)*4+:4]};
        from_r = pc_r_i[k-1];
        from_w = pc_w_i[k-1];
        from_top = 1'b0;
      end
    end
  end

  // What has to be told about it, and when.
  logic told, told_fault, told_fill, told_fpd, told_r, told_w, told_snp, told_by_start;
  logic [7:0] told_reason;
  logic [15:0] told_did;
  logic [19:0] told_frame;
  logic [1:0] told_size, owner, now_owner, now_slot;
  logic [51:0] told_page;
  assign owner = hint_q ? 2'b00 : write_q ? 2'b10 : 2'b01;
  logic [1:0] size;
  assign size = (near_q | near) ? 2'd0 : level_q[1:0] - 2'd1;
  if (Pipe == 0) begin : gen_told_later
    always_ff @(posedge clk_i) begin
      told <= rst_ni & ends;
      told_by_start <= rst_ni & start_ends;
      told_fault <= reason != 8'd0;
      told_fill <= leaf;
      told_fpd <= (step_q == Paging) ? fpd_q : (step_q == Context) & ~beat_error & entry[1];
      told_r <= r_ok_q & pte[0];
      told_w <= w_ok_q & pte[1];
      told_snp <= pte[11];
      told_reason <= reason;
      told_did <= did_q;
      told_frame <= frame;
      told_size <= size;
      told_page <= page_q;
      now_owner <= owner;
      now_slot <= slot_q;
    end
  end else begin : gen_told_now
    assign told = ends;
    assign told_by_start = start_ends & ~covered;
    assign told_fault = reason != 8'd0;
    assign told_fill = leaf;
    assign told_fpd = (step_q == Paging) ? fpd_q : (step_q == Context) & ~beat_error & entry[1];
    assign told_r = r_ok_q & pte[0];
    assign told_w = w_ok_q & pte[1];
    assign told_snp = pte[11];
    assign told_reason = reason;
    assign told_did = did_q;
    assign told_frame = frame;
    assign told_size = size;
    assign told_page = page_q;
    assign now_owner = owner;
    assign now_slot = slot_q;
  end

  logic [2:0] stuck_q;
  logic done;
  assign done = done_valid & (done_index == who_i);

  logic [3:0] root_q;
  logic cc_flush_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    who_q <= who_i;
    root_q <= root_i;
    cc_flush_q <= cc_flush_i;
    r_q <= rst_ni & r_valid_i;
    r_walk_q <= r_walk_i;
    r_data_q <= r_data_i;
    r_error_q <= r_error_i;
    if (!rst_ni) begin
      open_q <= '0;
      active_q <= 1'b0;
      reads_q <= 1'b0;
      stuck_q <= '0;
    end else begin
      for (int unsigned i = 0; i < Walks; i++) begin
        open_q[i] <= (open_q[i] & ~(r_valid_i & r_walk_i == 2'(i))) | (ar_valid & ar_ready_i & ar_walk == 2'(i));
      end
      if (begins) begin
        active_q <= 1'b1;
        step_q <= Start;
        reads_q <= 1'b0;
        killed_q <= 1'b0;
        near_q <= 1'b0;
        asks_q <= '0;
        write_q <= lane[1];
        hint_q <= who_i == 2'd2;
        slot_q <= lane[1] ? req_slot_i[3:2] : req_slot_i[1:0];
        sid_q <= sid_of(lane[1] ? req_sid_i[1] : req_sid_i[0]);
        page_q <= page_of(lane[1] ? req_page_i[7:4] : req_page_i[3:0]);
        at_q <= lane[1] ? req_at_i[3:2] : req_at_i[1:0];
      end else begin
        if (ends || (Pipe != 0 && done)) active_q <= 1'b0;
        reads_q <= (reads_q & ~beat) | asks;
        killed_q <= dead & reads_q & ~beat;
        near_q <= (near_q | near) & (step_q != Start);
        step_q <= step_d;
        level_q <= level_d;
        table_q <= table_d;
        did_q <= did_d;
        r_ok_q <= r_ok_d;
        w_ok_q <= w_ok_d;
        top_q <= top_d;
        if (beat && !dead && more && step_q == Context) fpd_q <= entry[1];
        if (asks) asks_q <= (step_d == Start) ? 3'd1 : asks_q + 3'd1;
        // The first read of a walk with a cached context.
        if (asks && step_d == Start && ctx_hit_i) begin
          step_q <= Paging;
          level_q <= from_level;
          table_q <= from_table;
          did_q <= {12'd0, ctx_did_i};
          r_ok_q <= from_r;
          w_ok_q <= from_w;
          top_q <= from_top;
          fpd_q <= ctx_fpd_i;
        end
      end
      // With Pipe 0 its end by a cached context is seen when it is told.
      if (Pipe == 0 && done && !told && !begins) active_q <= 1'b0;
      stuck_q <= (active_q && ar_ready_i && open_q == '0 && !r_valid_i && !(Pipe != 0 && r_q) && !cc_flush_i
                  && !tlb_flush_i && !(ar_valid && ar_ready_i) && !done_valid) ? stuck_q + 3'(stuck_q != 3'd7) : 3'd0;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) m_constant: assume (who_i == who_q);
    m_who: assume (who_i < 2'(Walks));
    // Memory answers what it was asked.
    m_r: assume (!r_valid_i || (r_walk_i < 2'(Walks) && open_q[r_walk_i]));
    // A new root table comes with a flush of everything.
    if (started_q && rst_ni) m_root: assume (root_i == root_q || cc_flush_q);
    // iommu_paging_cache: no way to a table of level 3 where the tables of level 3 are the first ones.
    m_levels: assume (!pc_hit_i[2]);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_free: assert (!begins || !active_q || (Pipe == 0 && done));
      a_joins: assert (!(lane != 2'b00 && !count_walk && req_index == who_i)
                       || (active_q && sid_q == sid_of(lane[1] ? req_sid_i[1] : req_sid_i[0])
                           && page_q == page_of(lane[1] ? req_page_i[7:4] : req_page_i[3:0])
                           && at_q == (lane[1] ? req_at_i[3:2] : req_at_i[1:0])));
      a_idle: assert (!idle || !active_q || (Pipe == 0 && (told_by_start || told)));
      // Reads.
      a_one_read: assert (!asks || (active_q && !(reads_q && !beat) && !covered));
      a_reads: assert (!asks || step_d == Start || asks_q < 3'd5);
      a_root: assert (!(asks && step_d == Start && !ctx_hit_i) || (ar_wide && ar_addr == {16'd0, root_i, sid_q[15:8], 4'd0}));
      a_context: assert (!(asks && step_d == Context) || (ar_wide && ar_addr == {table_d, sid_q[7:0], 4'd0}));
      a_paging: assert (!(asks && step_d == Paging)
                        || (!ar_wide && ar_addr == {table_d, index_of(page_q, level_d), 3'd0}));
      a_cached: assert (!(asks && step_d == Start && ctx_hit_i)
                        || (!ar_wide && ctx_sid == sid_q && pc_page == page_q[26:0] && !ctx_pass_i && at_q == 2'd0
                            && !beyond_guest && ar_addr == {from_table, index_of(page_q, from_level), 3'd0}));
      // What it tells.
      a_told: assert (!told || done);
      a_only_told: assert (!done || told || told_by_start);
      a_fault: assert (!(done && told) || (done_fault == (told_fault && !cc_flush_i && !tlb_flush_i)
                                           && (!done_fault || (done_reason == told_reason && done_fpd == told_fpd))));
      a_fill: assert (!(done && told) || fill_valid == (told_fill && !(Pipe == 0 && cc_flush_i)));
      a_page: assert (!(done && told && fill_valid)
                      || (fill_did == told_did && fill_page == told_page[26:0] && fill_frame == told_frame
                          && fill_r == told_r && fill_w == told_w && fill_snp == told_snp && fill_size == told_size));
      a_owner: assert (!(done && told) || (done_owner == now_owner && (now_owner == 2'b00 || done_slot == now_slot)));
      a_no_read: assert (!(done && !told) || !fill_valid);
      a_fill_is_an_end: assert (!fill_valid || done_valid);
      a_no_entry: assert (!(beat && dead) || (!ctx_fill && pc_fill == 3'd0));
      a_context_fill: assert (!(beat && ctx_fill)
                              || (step_q == Context && !beat_error && context_good && ctx_fill_sid == sid_q
                                  && ctx_fill_did == entry[87:72] && ctx_fill_pass == passes && ctx_fill_fpd == entry[1]
                                  && ctx_fill_aw == 3'd1 && ctx_fill_table == entry[31:12]));
      a_paging_fill: assert (!(beat && pc_fill != 3'd0)
                             || (step_q == Paging && more && pc_fill == (3'd1 << (level_q - 3'd2))
                                 && pc_fill_did == did_q && pc_fill_page == page_q[26:0] && pc_fill_frame == pte[31:12]
                                 && pc_fill_r == (r_ok_q && pte[0]) && pc_fill_w == (w_ok_q && pte[1])));
      a_goes_on: assert (stuck_q < 3'd3);
      c_page: cover (done && told && fill_valid && asks_q == 3'd5);
      c_restarted: cover (killed_q && beat && asks_q == 3'd3);
      c_large: cover (done && told && fill_valid && fill_size == 2'd1 && fill_r && !fill_w);
      c_small: cover (done && told && fill_valid && fill_size == 2'd0 && level_q == 3'd2);
      c_fault: cover (done && told && done_fault && done_reason == 8'hC);
    end
  end
endmodule
