// SPDX-License-Identifier: Apache-2.0
// iommu_invalidation: descriptors are read from the right places, never past the tail, and executed once each, in order;
// what one descriptor (any) does is what its bits say; a wait is told only when the drains that were asked for before it are
// acknowledged and what hit before the last flush is on the bus; a bad one stops the queue with its code, and nothing
// happens until software clears IQE; the queue goes on as long as the others do.
module invalidation_fv #(
    parameter int unsigned DataWidth  = 128,
    parameter int unsigned BurstSlots = 2,
    parameter int unsigned Haw        = 20,
    parameter int unsigned Mgaw       = 14
) (
    input logic                 clk_i,
    input logic                 rst_ni,
    input logic                 enable_i,
    input logic                 mode_ok_i,
    input logic                 base_reset_i,
    input logic [Haw-13:0]      base_i,
    input logic                 large_i,        // a queue of 2^15 descriptors, else of 256
    input logic                 wide_i,
    input logic [14:0]          tail_i,
    input logic                 clear_i,        // software clears IQE
    input logic                 ar_ready_i,
    input logic                 r_valid_i,
    input logic [DataWidth-1:0] r_data_i,       // those bits of Free in each descriptor
    input logic                 r_error_i,
    input logic                 tlb_ready_i,
    input logic [1:0]           drain_ack_i,
    input logic                 settled_i,
    input logic                 status_ready_i,
    input logic                 status_done_i,
    input logic                 pick_i,         // watch a descriptor of the burst that is asked for now: ...
    input logic [3:0]           pick_at_i       // ... this one
);
  localparam int unsigned Lanes = DataWidth / 128;
  localparam int unsigned LaneBits = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam int unsigned PageWidth = Mgaw - 12;

  // A bit or two of every field, and of every field that must be zero.
  localparam logic [127:0] Free = 128'h80000000_000030d7_80070001_010113ff;
  logic [DataWidth-1:0] r_data;
  logic [2:0] size;
  assign r_data = r_data_i & {(DataWidth / 128) {Free}};
  assign size = {3{large_i}};

  logic iqe_q, idle, error, iwc, ar_valid, cc_flush, tlb_flush, flush_ih, status_valid, count;
  logic [14:0] head;
  logic [3:0] code;
  logic [Haw-1:0] ar_addr;
  logic [7:0] ar_len;
  logic [1:0] flush_g, drain_req;
  logic [15:0] flush_did, flush_sid;
  logic [2:0] flush_fm;
  logic [PageWidth-1:0] flush_page, flush_mask;
  logic [63:0] status_addr;
  logic [31:0] status_data;
  logic r_last;
  iommu_invalidation #(
      .DataWidth(DataWidth), .Haw(Haw), .Mgaw(Mgaw), .Mamv(18), .DidWidth(8), .Bursts(2), .BurstSlots(BurstSlots)
  ) dut (
      .clk_i, .rst_ni, .enable_i, .mode_ok_i, .base_reset_i, .base_i, .size_i(size), .wide_i, .tail_i, .iqe_i(iqe_q),
      .head_o(head), .idle_o(idle), .error_o(error), .error_code_o(code), .iwc_o(iwc), .ar_valid_o(ar_valid), .ar_ready_i,
      .ar_addr_o(ar_addr), .ar_len_o(ar_len), .r_valid_i, .r_data_i(r_data), .r_error_i, .r_last_i(r_last),
      .cc_flush_o(cc_flush), .flush_g_o(flush_g), .flush_did_o(flush_did), .flush_sid_o(flush_sid),
      .flush_fm_o(flush_fm), .tlb_flush_o(tlb_flush), .tlb_ready_i, .flush_page_o(flush_page),
      .flush_mask_o(flush_mask), .flush_ih_o(flush_ih), .drain_req_o(drain_req), .drain_ack_i, .settled_i,
      .status_valid_o(status_valid), .status_ready_i, .status_addr_o(status_addr), .status_data_o(status_data),
      .status_done_i, .count_o(count));

  // ------------------------------------------------------------------ the queue as software and memory see it
  logic started_q = 1'b0;
  logic enable_q, base_reset_q, idle_q, wide_q, taken, adv;
  logic [Haw-13:0] base_q;
  logic large_q;
  logic [14:0] head_q, fetch_q, next_fetch, start_at;
  logic [15:0] slots, fetch_sum, place_sum;
  logic [4:0] asked;           // descriptors of the burst that is asked for
  logic [14:0] left;           // from fetch_q to the tail or the end of the queue
  logic [3:0] start_lane;
  logic tail_bad;
  assign slots = 16'd256 << size;
  assign tail_bad = {1'b0, tail_i} >= slots;
  assign start_lane = 4'(fetch_q[3:0] & 4'(Lanes - 1));
  assign start_at = fetch_q - 15'(start_lane);
  assign left = (tail_i >= fetch_q) ? tail_i - fetch_q : 15'(slots - {1'b0, fetch_q});
  // Whole beats are asked for; those behind the tail in the last one are not descriptors.
  assign asked = (32'(left) < (32'(ar_len) + 1) * Lanes - 32'(start_lane)) ? left[4:0]
      : 5'((32'(ar_len) + 1) * Lanes - 32'(start_lane));
  assign fetch_sum = {1'b0, fetch_q} + 16'(asked);
  assign next_fetch = (fetch_sum == slots) ? 15'd0 : fetch_sum[14:0];
  assign taken = ar_valid & ar_ready_i;
  assign adv = started_q & (head != head_q) & enable_q & ~base_reset_q;

  // Beats that memory owes, per burst, the older burst first; of bursts from before an error nobody wants them.
  logic [1:0] bursts_q, bursts_d;
  logic [4:0] beats0_q, beats1_q, owed;
  logic stale_q, landed;
  assign r_last = beats0_q == 5'd1;
  assign landed = r_valid_i & r_last;
  assign bursts_d = bursts_q - 2'(landed);
  assign owed = (bursts_q == 2'd0 ? 5'd0 : beats0_q) + (bursts_q == 2'd2 ? beats1_q : 5'd0);
  logic [5:0] waiting_q, waiting_d;  // descriptors asked for and not executed
  assign waiting_d = waiting_q - 6'(adv);

  // ------------------------------------------------------------------ one descriptor
  logic watch_q, here_q, bad_q, pick, exec_q, exec, lands;
  logic [5:0] before_q;   // descriptors before it
  logic [4:0] beat_q;     // beats before its own
  logic [LaneBits-1:0] lane_q;
  logic [127:0] d_q, beat_d;
  logic [3:0] sum_lane;
  assign pick = taken & pick_i & ~watch_q & ~exec & (5'(pick_at_i) < asked);
  assign sum_lane = start_lane + pick_at_i;
  assign exec = adv ? (watch_q & before_q == 6'd0) : exec_q;
  assign lands = watch_q & ~here_q & r_valid_i & (beat_q == 5'd0);
  assign beat_d = r_data[(Lanes > 1 ? lane_q : 1'b0)*128+:128];

  // What its bits say.
  logic is_cc, is_tlb, is_wait, d_reserved;
  logic [3:0] d_code;
  assign is_cc = {d_q[11:9], d_q[3:0]} == 7'd1;
  assign is_tlb = {d_q[11:9], d_q[3:0]} == 7'd2;
  assign is_wait = {d_q[11:9], d_q[3:0]} == 7'd5;
  assign d_reserved = (is_cc & ((d_q[8:6] != '0) | (d_q[15:12] != '0) | (d_q[127:50] != '0) | (d_q[5:4] == 2'd0)))
      | (is_tlb & (d_q[8] | (d_q[15:12] != '0) | (d_q[63:32] != '0) | (d_q[75:71] != '0) | (d_q[5:4] == 2'd0)
                   | (d_q[5:4] == 2'd3 & d_q[69:64] > 6'd18)))
      | (is_wait & ((d_q[8:7] != '0) | (d_q[31:12] != '0) | (d_q[65:64] != '0)));
  assign d_code = bad_q ? 4'd2 : !(is_cc | is_tlb | is_wait) ? 4'd3 : d_reserved ? 4'd4 : 4'd0;

  // What it has done so far; what it still owes.
  logic flushed_q, sent_q, written_q, told_q, settled_q, work_q, open_q, stopped_q;
  logic [1:0] owes_q, drain_q, ack_q;
  logic [2:0] fm;
  logic after_q, status_waits_q;  // it was executed, and no other flush or wait completion since
  logic [63:0] status_addr_q;
  logic [31:0] status_data_q;
  assign fm = (d_q[49:48] == 2'd0) ? 3'b000 : (d_q[49:48] == 2'd1) ? 3'b100 : (d_q[49:48] == 2'd2) ? 3'b110 : 3'b111;

  // How long nothing has gone on although the others did what they were asked for.
  logic [2:0] stuck_q;
  logic generous, something, event_;
  assign generous = enable_i & ~iqe_q & ar_ready_i & tlb_ready_i & settled_i & status_ready_i
      & (drain_ack_i == drain_req) & (status_done_i | ~open_q) & (owed == 5'd0);
  assign something = (waiting_q != '0) | (fetch_q != tail_i);
  assign event_ = adv | taken | error | cc_flush | tlb_flush | iwc | (status_valid & status_ready_i) | status_done_i;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    enable_q <= enable_i & rst_ni;
    base_reset_q <= base_reset_i;
    base_q <= base_i;
    large_q <= large_i;
    wide_q <= wide_i;
    idle_q <= idle;
    head_q <= head;
    drain_q <= drain_req & {2{rst_ni}};
    ack_q <= drain_ack_i;
    status_waits_q <= rst_ni & status_valid & ~status_ready_i;
    status_addr_q <= status_addr;
    status_data_q <= status_data;
    if (lands) begin
      d_q <= beat_d;
      bad_q <= r_error_i;
    end
    // A warm reset does not clear IQE.
    if (started_q && error && rst_ni) iqe_q <= 1'b1;
    else if (clear_i) iqe_q <= 1'b0;
    if (!rst_ni) begin
      fetch_q <= '0;
      bursts_q <= '0;
      stale_q <= 1'b0;
      waiting_q <= '0;
      watch_q <= 1'b0;
      here_q <= 1'b0;
      exec_q <= 1'b0;
      owes_q <= '0;
      work_q <= 1'b0;
      open_q <= 1'b0;
      settled_q <= 1'b1;
      stopped_q <= 1'b0;
      stuck_q <= '0;
    end else begin
      bursts_q <= bursts_d + 2'(taken);
      if (landed) beats0_q <= beats1_q;
      else if (r_valid_i) beats0_q <= beats0_q - 5'd1;
      if (taken && bursts_d == 2'd0) beats0_q <= 5'(ar_len) + 5'd1;
      if (taken && bursts_d == 2'd1) beats1_q <= 5'(ar_len) + 5'd1;
      stale_q <= (stale_q | error) & (bursts_d != 2'd0);
      stopped_q <= error | (stopped_q & (iqe_q | bursts_q != 2'd0));
      if (error) begin
        waiting_q <= '0;
        watch_q <= 1'b0;
        here_q <= 1'b0;
      end else begin
        waiting_q <= waiting_d + (taken ? 6'(asked) : 6'd0);
        if (pick) begin
          watch_q <= 1'b1;
          here_q <= 1'b0;
          before_q <= waiting_d + 6'(pick_at_i);
          beat_q <= owed - 5'(r_valid_i) + 5'(32'(sum_lane) / Lanes);
          lane_q <= sum_lane[LaneBits-1:0] & LaneBits'(Lanes - 1);
        end else begin
          if (watch_q && adv) begin
            before_q <= before_q - 6'd1;
            if (before_q == 6'd0) watch_q <= 1'b0;
          end
          if (watch_q && !here_q && r_valid_i) beat_q <= beat_q - 5'd1;
          if (lands) here_q <= 1'b1;
        end
      end
      if (taken) fetch_q <= next_fetch;
      if (error) fetch_q <= head;
      if (base_reset_i || !enable_i) fetch_q <= '0;

      exec_q <= exec & ~error;
      if (adv) begin
        flushed_q <= cc_flush | tlb_flush;
        sent_q <= status_valid & status_ready_i;
        written_q <= 1'b0;
        told_q <= iwc;
      end else begin
        flushed_q <= flushed_q | cc_flush | tlb_flush;
        sent_q <= sent_q | (status_valid & status_ready_i);
        written_q <= written_q | status_done_i;
        told_q <= told_q | iwc;
      end
      // The drains that the watched flush asked for, until they are acknowledged.
      if (tlb_flush && exec) owes_q <= {d_q[6], d_q[7]};
      else owes_q <= owes_q & ~(drain_req & drain_ack_i);
      if (cc_flush || tlb_flush) settled_q <= 1'b0;
      else if (settled_i) settled_q <= 1'b1;
      // One effect for each step of the head.
      work_q <= (adv | work_q) & ~(cc_flush | tlb_flush | iwc | status_done_i);
      open_q <= (open_q | (status_valid & status_ready_i)) & ~status_done_i;
      stuck_q <= (generous && something && !event_) ? stuck_q + 3'(stuck_q != 3'd7) : 3'd0;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    m_r: assume (!r_valid_i || bursts_q != 2'd0);
    m_done: assume (!status_done_i || open_q);
    m_ack: assume ((drain_ack_i & ~drain_req) == 2'b00);
    // iommu_regs: the queue is turned off when it is idle, and moved when it is off or stopped.
    if (started_q && rst_ni) begin
      m_off: assume (!enable_q || enable_i || idle_q);
      m_move: assume (!base_reset_i || !enable_i || iqe_q);
      m_place: assume (base_reset_q || !enable_q || (base_i == base_q && large_i == large_q && wide_i == wide_q));
    end
    // The other way of the round: an error is reported to software before software can clear it.
    m_clear: assume (!(clear_i && error));
  end

  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      // Where it reads.
      a_address: assert (!ar_valid || ar_addr == {base_i, 12'd0} + Haw'({start_at, 4'd0}));
      a_not_past_tail: assert (!ar_valid || (left != 15'd0 && (32'(ar_len) * Lanes < 32'(left) + 32'(start_lane))));
      a_in_page: assert (!ar_valid || {1'b0, ar_addr[11:4]} + (9'(ar_len) + 9'd1) * 9'(Lanes) <= 9'd256);
      a_usable: assert (!ar_valid || (enable_i && !wide_i && !tail_bad && !iqe_q));
      a_no_stale: assert (!(ar_valid && stale_q));
      a_bursts: assert (!taken || bursts_q != 2'd2);
      // The head, one after the other.
      a_head: assert (!adv || head == ((16'(head_q) + 16'd1 == slots) ? 15'd0 : head_q + 15'd1));
      a_fetched: assert (!adv || waiting_q != '0);
      // What happens.
      a_once: assert (!(cc_flush || tlb_flush || iwc || status_valid) || adv || work_q || (iwc && open_q));
      a_one_kind: assert (32'(cc_flush) + 32'(tlb_flush) + 32'(status_valid) + 32'(iwc) <= 1);
      a_count: assert (count == (cc_flush || tlb_flush));
      a_good: assert (!(adv && exec) || (here_q && d_code == 4'd0));
      a_context: assert (!(exec && cc_flush) || (is_cc && flush_g == d_q[5:4] && flush_did == {8'd0, d_q[23:16]}
                                                 && flush_sid == d_q[47:32] && flush_fm == fm));
      a_iotlb: assert (!(exec && tlb_flush) || (is_tlb && flush_g == d_q[5:4] && flush_did == {8'd0, d_q[23:16]}
                                                && flush_page == d_q[76+:PageWidth]
                                                && flush_mask == ({PageWidth{1'b1}} << d_q[69:64])
                                                && flush_ih == (d_q[70] && d_q[5:4] == 2'd3)));
      a_status: assert (!(exec && status_valid) || (is_wait && d_q[5] && status_addr == {d_q[127:66], 2'b00}
                                                    && status_data == d_q[63:32] && (adv || !sent_q)));
      a_event: assert (!(exec && iwc) || (is_wait && d_q[4] && (!d_q[5] || status_done_i) && (adv || !told_q)));
      a_all_done: assert (!(exec_q && adv) || ((!(is_cc || is_tlb) || flushed_q) && (!(is_wait && d_q[5]) || written_q)
                                               && (!(is_wait && d_q[4]) || told_q)));
      // A wait comes after everything before it.
      a_drained: assert (!(status_valid || (iwc && !open_q)) || (owes_q & ~(drain_req & drain_ack_i)) == 2'b00);
      a_settled: assert (!(status_valid || (iwc && !open_q)) || settled_q || settled_i);
      a_drain_held: assert ((drain_q & ~ack_q & ~drain_req) == 2'b00);
      a_status_stays: assert (!status_waits_q || (status_valid && status_addr == status_addr_q
                                                  && status_data == status_data_q));
      // Errors.
      a_error: assert (!error || (enable_i && !iqe_q && waiting_q + 6'(something) != '0
                                  && ((code == 4'd5 && wide_i) || (code == 4'd1 && tail_bad) || (code == 4'd7 && !mode_ok_i)
                                      || (code >= 4'd2 && code <= 4'd4 && waiting_q != '0))));
      a_its_error: assert (!(error && code >= 4'd2 && code <= 4'd4 && watch_q && before_q == 6'd0)
                           || (here_q && code == d_code));
      a_stopped: assert (!(iqe_q || stopped_q) || (!ar_valid && !error && !cc_flush && !tlb_flush && !status_valid && !iwc
                                                   && !adv));
      a_goes_on: assert (stuck_q < 3'd4);
      c_wait: cover (exec && iwc && status_done_i && waiting_q != '0);
      c_drained: cover (exec_q && is_tlb && d_q[7:6] == 2'b11 && adv && owes_q != '0 && settled_q);
      c_error: cover (error && watch_q && here_q && before_q == 6'd0 && d_code == 4'd4);
      c_again: cover (stale_q && exec_q == 1'b0 && bursts_q == 2'd2);
    end
  end
endmodule
