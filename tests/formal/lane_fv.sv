// SPDX-License-Identifier: Apache-2.0
// iommu_lane, one request (any): it leaves once, in the turn of its key, with what it came with: to memory at an address
// that the IOTLB, its walk or its context gave for its page and source-id since the last flush, with a permission for what
// it does, or as it is where nothing is translated; or to its error, behind the record of a fault that it was given since
// the last flush. So what has an older address at a flush is counted for draining by then, and settled_o waits until it is
// on the bus. What is offered stays. Nothing waits but for the others.
//
// The watched request carries a bit in its address and one in its PASID that only it has: the lane does no more than copy
// them.
module lane_fv #(
    parameter bit          IsWrite = 1'b0,
    parameter bit          Zlr     = 1'b0,
    parameter int unsigned Pipe    = 0
) (
    input logic        clk_i,
    input logic        rst_ni,
    input logic        te_i,
    input logic        flush_i,
    input logic        mode_ok_i,
    input logic [1:0]  req_valid_i,
    input logic [1:0]  req_allowed_i,
    input logic [1:0]  req_id_i,
    input logic [9:0]  req_addr_i,     // of each: page, window, beyond the host, beyond the guest, low bit
    input logic [1:0]  req_len_i,
    input logic [1:0]  req_size_i,
    input logic [9:0]  req_user_i,     // of each: type, PASID, no snoop, zero length
    input logic [1:0]  req_watch_i,    // the watched one
    input logic        hint_valid_i,
    input logic        hint_port_i,
    input logic [3:0]  hint_page_i,
    input logic        ctx_hit_i,
    input logic        ctx_did_i,
    input logic        ctx_pass_i,
    input logic        tlb_hit_i,
    input logic [1:0]  tlb_frame_i,
    input logic        tlb_allow_i,
    input logic        tlb_write_i,
    input logic        tlb_snp_i,
    input logic        walk_ready_i,
    input logic        walk_index_i,
    input logic        walk_joins_i,   // a walk of somebody else
    input logic        done_valid_i,
    input logic        done_index_i,
    input logic [1:0]  done_slot_i,
    input logic        done_fault_i,
    input logic [1:0]  done_reason_i,
    input logic        done_fpd_i,
    input logic        done_page_i,
    input logic [1:0]  done_frame_i,
    input logic        done_r_i,
    input logic        done_w_i,
    input logic        done_snp_i,
    input logic        fault_ready_i,
    input logic [1:0]  err_done_i,
    input logic        out_ready_i,
    // Constant: key, page and type of the watched request, a frame, a verdict.
    input logic        key_port_i,
    input logic        key_id_i,
    input logic [3:0]  page_i,
    input logic [1:0]  at_i,
    input logic [1:0]  frame_i,
    input logic [1:0]  reason_i,
    input logic        fpd_i
);
  localparam int unsigned Haw = 32;
  localparam int unsigned Mgaw = 39;

  function automatic logic [51:0] page_of(input logic [3:0] bits);
    page_of = {23'd0, bits[3], 6'd0, bits[2], 1'b0, bits[1] ? 12'hFEE : 12'd0, 7'd0, bits[0]};
  endfunction
  function automatic logic [63:0] addr_of(input logic [4:0] bits, input logic watch);
    addr_of = {page_of(bits[3:0]), watch, 10'd0, bits[4]};
  endfunction
  function automatic logic [26:0] user_of(input logic [4:0] bits, input logic watch);
    user_of = {bits[4:3], 2'd0, 19'd0, watch, bits[2:0]};
  endfunction
  function automatic logic [19:0] frame_of(input logic [1:0] bits);
    frame_of = {bits[1], 18'd0, bits[0]};
  endfunction

  logic [1:0] req_ready, err_busy, push, push_port, push_id, walk_at, walk_slot;
  logic hint_ready, hint_lost, hint_lost_port, walk_valid, walk_hint, walk_zero, fault_valid, blocked, err_valid, err_port,
      err_id, out_valid, out_port, out_id, out_snoop, settled, count_hit, count_miss, done_owner;
  logic [51:0] hint_lost_page, walk_page, fault_page;
  logic [15:0] ctx_sid, tlb_did, walk_sid, fault_sid;
  logic [26:0] tlb_next_page, tlb_page, fault_user;
  logic [7:0] fault_reason, err_len, out_len;
  logic [63:0] out_addr;
  logic [2:0] out_size;
  logic [1:0] done_slot;
  iommu_lane #(
      .IsWrite(IsWrite), .NumPorts(2), .PortWidth(1), .IdWidth(1), .Haw(Haw), .Mgaw(Mgaw), .Parks(4), .WalkWidth(1),
      .Zlr(Zlr), .Pipe(Pipe), .OutDepth(4)
  ) dut (
      .clk_i, .rst_ni, .te_i, .flush_i, .mode_ok_i, .source_id_i({16'd1, 16'd0}), .req_valid_i, .req_ready_o(req_ready),
      .req_allowed_i, .req_id_i,
      .req_addr_i({addr_of(req_addr_i[9:5], req_watch_i[1]), addr_of(req_addr_i[4:0], req_watch_i[0])}),
      .req_len_i({7'd0, req_len_i[1], 7'd0, req_len_i[0]}), .req_size_i({2'b01, req_size_i[1], 2'b01, req_size_i[0]}),
      .req_user_i({user_of(req_user_i[9:5], req_watch_i[1]), user_of(req_user_i[4:0], req_watch_i[0])}),
      .hint_valid_i, .hint_ready_o(hint_ready), .hint_port_i, .hint_page_i(page_of(hint_page_i)), .hint_lost_o(hint_lost),
      .hint_lost_port_o(hint_lost_port), .hint_lost_page_o(hint_lost_page), .ctx_sid_o(ctx_sid), .ctx_hit_i,
      .ctx_did_i({15'd0, ctx_did_i}), .ctx_pass_i, .tlb_next_page_o(tlb_next_page), .tlb_did_o(tlb_did),
      .tlb_page_o(tlb_page), .tlb_hit_i, .tlb_frame_i(frame_of(tlb_frame_i)), .tlb_allow_i, .tlb_write_i, .tlb_snp_i,
      .walk_valid_o(walk_valid), .walk_ready_i, .walk_index_i, .walk_hint_o(walk_hint), .walk_sid_o(walk_sid),
      .walk_page_o(walk_page), .walk_at_o(walk_at), .walk_slot_o(walk_slot), .walk_zero_o(walk_zero), .done_valid_i,
      .done_index_i, .done_owner_i(done_owner), .done_slot_i(done_slot), .done_fault_i,
      .done_reason_i({6'd0, done_reason_i}), .done_fpd_i, .done_page_i, .done_frame_i(frame_of(done_frame_i)), .done_r_i,
      .done_w_i, .done_snp_i, .fault_valid_o(fault_valid), .fault_ready_i, .fault_sid_o(fault_sid),
      .fault_page_o(fault_page), .fault_reason_o(fault_reason), .fault_user_o(fault_user), .blocked_o(blocked),
      .err_valid_o(err_valid), .err_port_o(err_port), .err_id_o(err_id), .err_len_o(err_len), .err_busy_o(err_busy),
      .err_done_i, .out_valid_o(out_valid), .out_ready_i, .out_port_o(out_port), .out_id_o(out_id), .out_addr_o(out_addr),
      .out_len_o(out_len), .out_size_o(out_size), .out_snoop_o(out_snoop), .settled_o(settled), .push_o(push),
      .push_port_o(push_port), .push_id_o(push_id), .count_hit_o(count_hit), .count_miss_o(count_miss));

  // ------------------------------------------------------------------ what the watched request came with
  logic started_q = 1'b0;
  logic taken, taken_port, begins, seen_q;  // seen_q: it has come
  logic len_q, size_q, low_q;
  logic [2:0] user_q;
  logic [63:0] addr;
  logic [26:0] user;
  logic [51:0] page;
  logic window, message;
  assign taken_port = req_ready[1];
  assign taken = (req_ready & req_valid_i) != 2'b00;
  assign begins = taken & req_watch_i[taken_port];
  assign addr = addr_of({low_q, page_i}, 1'b1);
  assign user = user_of({user_q, at_i}, 1'b1);
  assign page = addr[63:12];
  assign window = (page[51:8] == 44'hFEE) & ~user[2];
  assign message = IsWrite & ~len_q & ~size_q & (addr[1:0] == 2'd0);

  // ------------------------------------------------------------------ walks that this lane waits for
  logic [1:0] open_q, mine_q;
  logic [6:0] of_q[2];        // what they are for: port, page, type
  logic [1:0] slot_q[2];
  logic [6:0] walk_of, watched_of;
  logic walk_taken, done_open;
  assign walk_of = {walk_sid[0], walk_page[28], walk_page[21], walk_page[9], walk_page[0], walk_at};
  assign watched_of = {key_port_i, page_i, at_i};
  assign walk_taken = walk_valid & walk_ready_i;
  assign done_open = done_valid_i & open_q[done_index_i];
  assign done_owner = open_q[done_index_i] & mine_q[done_index_i];
  assign done_slot = done_owner ? slot_q[done_index_i] : done_slot_i;

  // ------------------------------------------------------------------ what it may leave with
  // A lookup's answer in this cycle; the context's half of it in the cycle before with Pipe 1.
  logic hit, pass, ctx_hit_q, ctx_pass_q, grants, permits, untranslated, plain_now;
  logic [15:0] sid, ctx_sid_q;
  logic [1:0] now, told, may_q;  // [1] with snooping: the frame that is watched
  logic translates, ours;
  assign hit = (Pipe == 0) ? ctx_hit_i : ctx_hit_q;
  assign pass = (Pipe == 0) ? ctx_pass_i : ctx_pass_q;
  assign sid = (Pipe == 0) ? ctx_sid : ctx_sid_q;
  assign grants = tlb_allow_i | (Zlr & ~IsWrite & user[26] & tlb_write_i);
  assign permits = IsWrite ? done_w_i : done_r_i | (Zlr & user[26] & done_w_i);
  assign translates = te_i & mode_ok_i & ~window & (user[2:0] == 3'd0) & (addr[63:Mgaw] == '0);
  assign ours = (sid == {15'd0, key_port_i}) & (tlb_page == page[26:0]);
  assign now = (ours & translates & hit & ~pass & tlb_hit_i & grants & (tlb_frame_i == frame_i))
      ? (tlb_snp_i ? 2'b10 : 2'b01) : 2'b00;
  assign told = (done_open & done_page_i & permits & (of_q[done_index_i] == watched_of) & (done_frame_i == frame_i))
      ? (done_snp_i ? 2'b10 : 2'b01) : 2'b00;
  assign untranslated = ~te_i | (window & message & (user[1:0] != 2'd3))
      | (mode_ok_i & ~window & (user[2:0] == 3'd0) & hit & pass & (addr[63:Haw] == '0));
  assign plain_now = untranslated & (sid == {15'd0, key_port_i});

  // ------------------------------------------------------------------ its way
  logic lane_q, fifo_q, plain_q, recorded_q, malformed_q, old_q;
  logic [1:0] grant_q;
  logic [3:0] count_q, count_d, before_q, inside_q, ahead_q;  // requests of its key: parked or looked up, in the output
  logic p0, p1, err, w_p0, w_p1, w_err, w_fault, pop, head, key_pop;
  logic [1:0] leaves;
  assign p0 = push[0] & (push_port[0] == key_port_i) & (IsWrite | push_id[0] == key_id_i);
  assign p1 = push[1] & (push_port[1] == key_port_i) & (IsWrite | push_id[1] == key_id_i);
  assign err = err_valid & (err_port == key_port_i) & (IsWrite | err_id == key_id_i);
  assign leaves = {1'b0, p0} + {1'b0, p1} + {1'b0, err};
  assign count_d = count_q - 4'(leaves);
  assign w_p0 = lane_q & p0 & (before_q == 4'd0);
  assign w_p1 = lane_q & p1 & (before_q == 4'(p0));
  assign w_err = lane_q & err & (before_q == 4'(p0) + 4'(p1));
  assign w_fault = blocked & fault_user[3];
  assign head = out_valid & (out_port == key_port_i) & (IsWrite | out_id == key_id_i);
  assign pop = out_valid & out_ready_i;
  assign key_pop = head & out_ready_i;

  // Verdicts for what it asked: those of walks that this lane started, and those of the lookup.
  logic [2:0] verdicts_q, verdicts_d;
  logic verdict, verdict_used, mode_bad_q;
  assign verdict = done_open & done_fault_i & mine_q[done_index_i] & (of_q[done_index_i] == watched_of)
      & (done_reason_i == reason_i) & (done_fpd_i == fpd_i);
  assign verdict_used = blocked & (fault_sid == {15'd0, key_port_i}) & (fault_page == page)
      & (fault_user[1:0] == user[1:0]) & ~fault_user[2] & (fault_reason == {6'd0, reason_i}) & (fault_valid == ~fpd_i);
  assign verdicts_d = verdicts_q - 3'(verdict_used);

  // ------------------------------------------------------------------ hints, progress
  logic [Pipe:0] hinted_q;
  logic [4:0] hint_q[Pipe+1];
  logic [4:0] lost_of;
  logic hint_walks, hint_answered, hint_window;
  logic [2:0] stuck_q;
  logic generous, event_;
  assign lost_of = hint_q[Pipe];
  assign hint_walks = walk_taken & walk_hint & (walk_page == page_of(lost_of[3:0])) & (walk_sid == {15'd0, lost_of[4]})
      & (walk_at == 2'd0);
  assign hint_window = lost_of[3:1] == 3'b001;
  assign hint_answered = ~te_i | hint_window | ~mode_ok_i | (hit & pass & (lost_of[3:1] == 3'b000))
      | (hit & ~pass & tlb_hit_i & tlb_allow_i & ~lost_of[3]);
  assign generous = out_ready_i & walk_ready_i & fault_ready_i & (err_done_i == err_busy) & (open_q == 2'b00) & ~flush_i;
  assign event_ = pop | taken | (walk_taken & ~walk_hint) | blocked | err_valid | (push != 2'b00) | (err_done_i != 2'b00);

  logic fpd_q, out_waits_q, out_snoop_q;
  logic [1:0] frame_q, reason_q;
  logic [7:0] what_q;
  logic [76:0] out_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    what_q <= {key_port_i, key_id_i, page_i, at_i};
    frame_q <= frame_i;
    reason_q <= reason_i;
    fpd_q <= fpd_i;
    ctx_hit_q <= ctx_hit_i;
    ctx_pass_q <= ctx_pass_i;
    ctx_sid_q <= ctx_sid;
    out_waits_q <= rst_ni & out_valid & ~out_ready_i;
    out_q <= {out_port, out_id, out_addr, out_len, out_size};
    out_snoop_q <= out_snoop;
    hinted_q[0] <= rst_ni & hint_valid_i & hint_ready;
    hint_q[0] <= {hint_port_i, hint_page_i};
    if (Pipe == 1) begin
      hinted_q[Pipe] <= rst_ni & hinted_q[0];
      hint_q[Pipe] <= hint_q[0];
    end
    if (!rst_ni) begin
      seen_q <= 1'b0;
      lane_q <= 1'b0;
      fifo_q <= 1'b0;
      old_q <= 1'b0;
      recorded_q <= 1'b0;
      malformed_q <= 1'b0;
      may_q <= '0;
      count_q <= '0;
      inside_q <= '0;
      verdicts_q <= '0;
      mode_bad_q <= 1'b0;
      open_q <= '0;
      stuck_q <= '0;
    end else begin
      for (int unsigned i = 0; i < 2; i++) begin
        if (walk_taken && walk_index_i == 1'(i)) begin
          open_q[i] <= 1'b1;
          of_q[i] <= walk_of;
          if (!open_q[i] || (done_valid_i && done_index_i == 1'(i))) begin
            mine_q[i] <= ~walk_joins_i & ~walk_hint;
            slot_q[i] <= walk_slot;
          end
        end else if (done_valid_i && done_index_i == 1'(i)) begin
          open_q[i] <= 1'b0;
        end
      end
      count_q <= count_d + 4'(taken & taken_port == key_port_i & (IsWrite | req_id_i[taken_port] == key_id_i));
      inside_q <= inside_q + 4'(p0) + 4'(p1) - 4'(key_pop);
      if (begins) begin
        seen_q <= 1'b1;
        lane_q <= 1'b1;
        before_q <= count_d;
        len_q <= req_len_i[taken_port];
        size_q <= req_size_i[taken_port];
        low_q <= req_addr_i[taken_port*5+4];
        user_q <= req_user_i[taken_port*5+2+:3];
        may_q <= '0;
      end else begin
        if (w_p0 || w_p1 || w_err) lane_q <= 1'b0;
        before_q <= before_q - 4'(leaves);
        may_q <= flush_i ? 2'b00 : may_q | now | told;
      end
      if (w_p0 || w_p1) begin
        fifo_q <= 1'b1;
        ahead_q <= inside_q + 4'(w_p1 & p0) - 4'(key_pop);
        grant_q <= w_p0 ? may_q : now;
        plain_q <= w_p1 & plain_now;
      end else if (fifo_q && key_pop) begin
        if (ahead_q == 4'd0) fifo_q <= 1'b0;
        ahead_q <= ahead_q - 4'd1;
      end
      if (fifo_q && key_pop && ahead_q == 4'd0) old_q <= 1'b0;
      else if (flush_i) old_q <= fifo_q | w_p0 | w_p1;
      if (w_fault) recorded_q <= 1'b1;
      if (lane_q && te_i && (user[1:0] == 2'd3 || (window && !message))) malformed_q <= 1'b1;
      verdicts_q <= flush_i ? 3'd0 : verdicts_d + 3'(verdict);
      mode_bad_q <= (mode_bad_q & ~flush_i) | (te_i & ~mode_ok_i);
      stuck_q <= ((count_q != 4'd0 || inside_q != 4'd0) && generous && !event_) ? stuck_q + 3'(stuck_q != 3'd7) : 3'd0;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) m_constant: assume ({key_port_i, key_id_i, page_i, at_i} == what_q && frame_i == frame_q
                                       && reason_i == reason_q && fpd_i == fpd_q);
    // One request is watched; a bit more in its address is copied, one in its PASID too.
    m_watch: assume (((req_watch_i & {2{seen_q}}) == 2'b00) && (!begins || (taken_port == key_port_i
                     && (IsWrite || req_id_i[taken_port] == key_id_i) && req_addr_i[taken_port*5+:4] == page_i
                     && req_user_i[taken_port*5+:2] == at_i)));
    // iommu_walker: who joins asks for the same; a walk ends in a page, a fault or neither; a fault not in a flush.
    m_join: assume (!(walk_taken && open_q[walk_index_i] && !(done_valid_i && done_index_i == walk_index_i))
                    || walk_of == of_q[walk_index_i]);
    m_done: assume (!(done_fault_i && (done_page_i || flush_i)));
    // The data path gives the error that it was told of.
    m_error: assume ((err_done_i & ~err_busy) == 2'b00);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_taken: assert ((req_ready & ~(req_valid_i & req_allowed_i)) == 2'b00 && req_ready != 2'b11);
      // It leaves once, in its turn.
      a_leaves: assert (4'(leaves) <= count_q);
      a_counted: assert (!head || inside_q != 4'd0);
      a_turn: assert (!out_valid || out_addr[11] == (head && fifo_q && ahead_q == 4'd0));
      // As it came.
      a_same: assert (!(out_valid && out_addr[11]) || (out_port == key_port_i && (!seen_q || out_len == {7'd0, len_q})
                      && out_size == {2'b01, size_q} && out_addr[10:0] == addr[10:0]));
      // To where it was let.
      a_allowed: assert (!(out_valid && out_addr[11])
                         || (plain_q && out_addr == addr && out_snoop == ~user[25])
                         || (out_addr[63:Haw] == '0 && out_addr[30:13] == '0
                             && (out_addr[31:12] != frame_of(frame_i)
                                 || (out_snoop ? (grant_q[1] || (grant_q[0] && !user[25])) : (grant_q[0] && user[25])))));
      a_looked_up: assert (!w_p1 || (tlb_page == page[26:0] && sid == {15'd0, key_port_i}));
      a_domain: assert (!w_p1 || Pipe != 0 || tlb_did == {15'd0, ctx_did_i});
      a_not_blocked: assert (!(w_p0 || w_p1) || (!recorded_q && !w_fault));
      // To its error.
      a_fault: assert (!w_fault || (lane_q && before_q == 4'(p0) + 4'(p1) && !recorded_q && fault_page == page
                                    && fault_sid == {15'd0, key_port_i} && fault_user == user));
      a_verdict: assert (!verdict_used || verdicts_q != 3'd0);
      a_reason: assert (!w_fault || fault_reason[7:2] == '0
                        || (fault_reason == 8'h30 && fault_valid && mode_bad_q && !window && user[1:0] != 2'd3)
                        || (fault_reason == 8'h31 && fault_valid && user[2] && user[1:0] != 2'd3));
      a_recorded: assert (blocked == (fault_valid ? fault_ready_i : blocked));
      a_error: assert (!w_err || ((recorded_q || malformed_q) && err_len == {7'd0, len_q} && err_port == key_port_i));
      a_error_once: assert (!(err_valid && err_busy[err_port]));
      // A flush.
      a_settled: assert (!(settled && old_q) || (out_valid && out_addr[11]));
      // What is offered stays.
      a_stays: assert (!out_waits_q || (out_valid && out_snoop == out_snoop_q
                                        && {out_port, out_id, out_addr, out_len, out_size} == out_q));
      // Hints.
      a_lost: assert (!hint_lost || (hinted_q[Pipe] && hint_lost_port == lost_of[4]
                                     && hint_lost_page == page_of(lost_of[3:0]) && !hint_walks));
      a_hinted: assert (!hinted_q[Pipe] || hint_lost || hint_walks || hint_answered);
      a_hint_walk: assert (!(walk_taken && walk_hint) || hinted_q[Pipe]);
      a_goes_on: assert (stuck_q < 3'(3 + Pipe));
      c_hit: cover (out_valid && out_addr[11] && grant_q != 2'b00 && !plain_q);
      c_missed: cover (w_p0 && may_q != 2'b00 && open_q != 2'b00);
      c_behind: cover (fifo_q && ahead_q == 4'd1 && grant_q != 2'b00);
      c_fault: cover (w_err && recorded_q && !fpd_i && verdicts_q == 3'd0);
      c_flushed: cover (old_q && !settled && key_pop);
      c_again: cover (verdict && recorded_q == 1'b0 && before_q == 4'd1);
    end
  end
endmodule
