// SPDX-License-Identifier: Apache-2.0
// Queued invalidation, 128-bit descriptors: fetches descriptors ahead in bursts, executes them one after the other,
// writes wait status.
//
// Timing: a new tail asks for its first read in the cycle after tail_i shows it. A descriptor at hand is decoded in one
// cycle and flushes in the next: 2 cycles each, and those in which the IOTLB still works on the flush before. A wait drains when an IOTLB invalidation since the last wait asked
// for it, then writes its status. Everything before a wait has taken effect when its status is written: the flush is
// done in its cycle, walks that read before it start again (iommu_walker), requests that hit before it are on the bus,
// and drained ones have been performed.
// Drains of several invalidations before one wait are done once, by the wait.
module iommu_invalidation #(
    parameter int unsigned DataWidth = 256,        // bits that come at once: 128, 256 or 512
    parameter int unsigned Haw       = 46,
    parameter int unsigned Mgaw      = 48,
    parameter int unsigned Mamv      = 18,
    parameter int unsigned DidWidth  = 16,
    parameter int unsigned Bursts    = 8,    // fetched ahead: under way or waiting, at least 2
    parameter int unsigned BurstSlots = 16,  // descriptors in a burst: 2 to 16, a power of two, at least a beat
    parameter int unsigned PageWidth = Mgaw - 12  // derived
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,

    // Registers.
    input  logic                 enable_i,      // QIES
    input  logic                 mode_ok_i,     // the root pointer's TTM is one this unit has
    input  logic                 base_reset_i,  // IQA written: head := 0
    input  logic [Haw-13:0]      base_i,        // queue base, page number
    input  logic [2:0]           size_i,        // IQA.QS
    input  logic                 wide_i,        // IQA.DW
    input  logic [14:0]          tail_i,        // descriptors
    input  logic                 iqe_i,         // FSTS.IQE stands
    output logic [14:0]          head_o,
    output logic                 idle_o,        // nothing left to do, or stopped on an error
    output logic                 error_o,       // pulse: IQE with ...
    output logic [3:0]           error_code_o,
    output logic                 iwc_o,         // pulse: a wait with IF completed

    // Reads of the queue.
    output logic                 ar_valid_o,
    input  logic                 ar_ready_i,
    output logic [Haw-1:0]       ar_addr_o,
    output logic [7:0]           ar_len_o,
    input  logic                 r_valid_i,
    input  logic [DataWidth-1:0] r_data_i,
    input  logic                 r_error_i,
    input  logic                 r_last_i,

    // Flushes, one cycle each.
    output logic                 cc_flush_o,
    output logic [1:0]           flush_g_o,
    output logic [15:0]          flush_did_o,
    output logic [15:0]          flush_sid_o,
    output logic [2:0]           flush_fm_o,
    output logic                 tlb_flush_o,
    input  logic                 tlb_ready_i,   // the IOTLB takes the flush described below
    output logic [PageWidth-1:0] flush_page_o,
    output logic [PageWidth-1:0] flush_mask_o,
    output logic                 flush_ih_o,

    output logic [1:0]           drain_req_o,   // [0] reads, [1] writes; held until ack
    input  logic [1:0]           drain_ack_i,
    input  logic                 settled_i,     // what hit before the last flush is on the bus

    output logic                 status_valid_o,
    input  logic                 status_ready_i,
    output logic [63:0]          status_addr_o,
    output logic [31:0]          status_data_o,
    input  logic                 status_done_i,

    output logic                 count_o        // an invalidation was done
);
  if (BurstSlots < 2 || BurstSlots > 16 || (BurstSlots & (BurstSlots - 1)) != 0 || BurstSlots < DataWidth / 128
      || Bursts < 2) begin : gen_fetch_check
    $error("iommu_invalidation: BurstSlots must be 2, 4, 8 or 16 and fill a beat, Bursts at least 2");
  end

  localparam int unsigned Lanes = DataWidth / 128;       // descriptors in a beat
  localparam int unsigned LaneBits = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam int unsigned BurstBeats = BurstSlots / Lanes;  // aligned, so no burst crosses 4 KiB
  localparam int unsigned SlotBits = $clog2(BurstSlots);
  localparam int unsigned BurstBits = $clog2(Bursts + 1);
  localparam logic [15:0] DidMask = 16'((32'd1 << DidWidth) - 32'd1);  // 5.3, 5.4: more bits of a domain-id are ignored

  // ------------------------------------------------------------------ fetch
  logic [14:0] fetch_q, limit, available;
  logic [15:0] slots;
  logic [4:0]  to_boundary, count;
  logic [3:0]  start_lane;
  logic [BurstBits-1:0] flying_q, held_q;  // bursts without all their data; bursts not yet executed
  logic stopped_q, tail_bad, fetch_ok, ar_taken, landed, flush_all;
  assign slots = 16'd256 << size_i;
  assign tail_bad = {1'b0, tail_i} >= slots;
  assign limit = (tail_i >= fetch_q) ? tail_i : slots[14:0];  // 2^15 slots: 0, as the subtraction wants it
  assign available = limit - fetch_q;
  assign to_boundary = 5'(BurstSlots) - 5'(fetch_q[SlotBits-1:0]);
  assign count = (available >= 15'(to_boundary)) ? to_boundary : available[4:0];
  assign start_lane = fetch_q[3:0] & 4'(Lanes - 1);
  assign landed = r_valid_i & r_last_i;
  assign fetch_ok = enable_i & ~stopped_q & ~iqe_i & mode_ok_i & ~wide_i & ~tail_bad & (fetch_q != tail_i)
      & (held_q != BurstBits'(Bursts));
  assign ar_valid_o = fetch_ok;
  assign ar_taken = fetch_ok & ar_ready_i;
  assign ar_addr_o = {base_i, 12'd0} + Haw'({fetch_q - 15'(start_lane), 4'd0});
  assign ar_len_o = 8'(({4'd0, start_lane} + 8'(count) - 8'd1) / 8'(Lanes));

  logic info_empty, info_full, beat_empty, beat_full, info_pop, beat_pop, head_error;
  logic [DataWidth-1:0] head_data;
  logic [LaneBits-1:0] info_lane;
  logic [4:0] info_count;
  fifo #(.Width(LaneBits + 5), .Depth(Bursts)) i_info (
      .clk_i, .rst_ni, .flush_i(flush_all), .push_i(ar_taken), .data_i({start_lane[LaneBits-1:0], count}), .full_o(info_full),
      .pop_i(info_pop), .data_o({info_lane, info_count}), .empty_o(info_empty));
  fifo #(.Width(DataWidth + 1), .Depth(Bursts * BurstBeats)) i_beats (
      .clk_i, .rst_ni, .flush_i(flush_all), .push_i(r_valid_i & ~flush_all), .data_i({r_error_i, r_data_i}),
      .full_o(beat_full), .pop_i(beat_pop), .data_o({head_error, head_data}), .empty_o(beat_empty));

  // ------------------------------------------------------------------ the descriptor at hand
  localparam logic [2:0] SIdle = 3'd0;
  localparam logic [2:0] SFlush = 3'd1;
  localparam logic [2:0] SDrain = 3'd2;
  localparam logic [2:0] SStatus = 3'd3;
  localparam logic [2:0] SAnswer = 3'd4;
  localparam logic [2:0] SStopped = 3'd5;

  logic [2:0]  state_q;
  logic [4:0]  done_q;   // descriptors of the burst at hand that are done
  logic [14:0] head_q, head_next;
  logic        at_hand, last_of_burst, last_of_beat;
  // Not looked at when a beat holds one descriptor.
  // verilator lint_off UNUSEDSIGNAL
  logic [LaneBits-1:0] lane;
  // verilator lint_on UNUSEDSIGNAL
  logic [127:0] dsc;
  assign at_hand = ~info_empty & ~beat_empty & (state_q == SIdle);
  assign lane = info_lane + done_q[LaneBits-1:0];
  if (Lanes == 1) begin : gen_one_lane
    assign dsc = head_data;
    assign last_of_beat = 1'b1;
  end else begin : gen_lanes
    assign dsc = head_data[lane*128+:128];
    assign last_of_beat = lane == LaneBits'(Lanes - 1);
  end
  assign last_of_burst = done_q == info_count - 5'd1;
  assign head_next = (16'(head_q) + 16'd1 == slots) ? 15'd0 : head_q + 15'd1;

  // The three views share their type field; the fence flag needs nothing, execution is serial.
  // verilator lint_off UNUSEDSIGNAL
  vtd_pkg::cc_inv_dsc_t    cc;
  vtd_pkg::iotlb_inv_dsc_t tlb;
  vtd_pkg::wait_dsc_t      wait_dsc;
  // verilator lint_on UNUSEDSIGNAL
  assign cc = dsc;
  assign tlb = dsc;
  assign wait_dsc = dsc;

  logic [6:0] kind;
  logic is_cc, is_tlb, is_wait, cc_reserved, tlb_reserved, wait_reserved, bad;
  logic [3:0] bad_code;
  assign kind = {cc.type_hi, cc.type_};
  assign is_cc = kind == vtd_pkg::DSC_TYPE_CONTEXT;
  assign is_tlb = kind == vtd_pkg::DSC_TYPE_IOTLB;
  assign is_wait = kind == vtd_pkg::DSC_TYPE_WAIT;
  assign cc_reserved = (cc.rsvd_6 != '0) | (cc.rsvd_12 != '0) | (cc.rsvd_50 != '0) | (cc.g == 2'd0);
  assign tlb_reserved = tlb.rsvd_8 | (tlb.rsvd_12 != '0) | (tlb.rsvd_32 != '0) | (tlb.rsvd_71 != '0)
      | (tlb.g == 2'd0) | ((tlb.g == 2'd3) & (tlb.am > 6'(Mamv)));
  assign wait_reserved = wait_dsc.pd | wait_dsc.rsvd_8 | (wait_dsc.rsvd_12 != '0) | (wait_dsc.rsvd_64 != '0);
  always_comb begin
    bad = 1'b1;
    bad_code = vtd_pkg::IQEI_NONE;
    if (head_error) bad_code = vtd_pkg::IQEI_FETCH;
    else if (!(is_cc || is_tlb || is_wait)) bad_code = vtd_pkg::IQEI_TYPE;
    else if ((is_cc && cc_reserved) || (is_tlb && tlb_reserved) || (is_wait && wait_reserved))
      bad_code = vtd_pkg::IQEI_RESERVED;
    else bad = 1'b0;
  end

  logic accept, stop_now, queue_bad;
  // A tail, width or table mode that cannot be used is noticed when there is something to do. IQE survives a warm reset
  // and keeps the queue from starting then.
  assign queue_bad = enable_i & ~iqe_i & (state_q == SIdle) & (head_q != tail_i)
      & ((info_empty & (wide_i | tail_bad)) | ~mode_ok_i);
  assign accept = at_hand & ~bad & ~queue_bad;
  assign stop_now = (at_hand & bad) | queue_bad;
  assign beat_pop = accept & (last_of_beat | last_of_burst);
  assign info_pop = accept & last_of_burst;
  assign error_o = stop_now;
  assign error_code_o = !queue_bad ? bad_code
      : wide_i ? vtd_pkg::IQEI_WIDTH : tail_bad ? vtd_pkg::IQEI_TAIL : vtd_pkg::IQEI_MODE;
  assign flush_all = stopped_q | stop_now;

  // ------------------------------------------------------------------ execution
  logic [1:0]  owed_drain_q, drain_wait_q;
  logic        sw_q, if_q, cc_q;
  logic [63:0] staddr_q;
  logic [31:0] stdata_q;
  logic [1:0]  g_q;
  logic [15:0] did_q, sid_q;
  logic [2:0]  fm_q;
  logic [PageWidth-1:0] page_q, mask_q;
  logic        ih_q;

  assign cc_flush_o = (state_q == SFlush) & cc_q;
  assign tlb_flush_o = (state_q == SFlush) & ~cc_q & tlb_ready_i;
  assign flush_g_o = g_q;
  assign flush_did_o = did_q;
  assign flush_sid_o = sid_q;
  assign flush_fm_o = fm_q;
  assign flush_page_o = page_q;
  assign flush_mask_o = mask_q;
  assign flush_ih_o = ih_q;
  assign count_o = cc_flush_o | tlb_flush_o;
  assign drain_req_o = (state_q == SDrain) ? drain_wait_q : 2'b00;
  assign status_valid_o = (state_q == SStatus);
  assign status_addr_o = staddr_q;
  assign status_data_o = stdata_q;

  logic drain_over, wait_over;
  assign drain_over = ((drain_wait_q & ~drain_ack_i) == 2'b00) & settled_i;
  assign wait_over = ((state_q == SDrain) & drain_over & ~sw_q) | ((state_q == SAnswer) & status_done_i);
  assign iwc_o = wait_over & if_q;
  assign head_o = head_q;
  assign idle_o = ((state_q == SIdle) & (iqe_i | (head_q == tail_i)) & info_empty & (flying_q == '0))
      | ((state_q == SStopped) & (flying_q == '0));

  // Function-mask code to the bits that do not count.
  logic [2:0] fm_bits;
  always_comb begin
    case (cc.fm)
      2'd0: fm_bits = 3'b000;
      2'd1: fm_bits = 3'b100;
      2'd2: fm_bits = 3'b110;
      default: fm_bits = 3'b111;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= SIdle;
      stopped_q <= 1'b0;
      flying_q <= '0;
      held_q <= '0;
      owed_drain_q <= '0;
    end else begin
      flying_q <= flying_q + BurstBits'(ar_taken) - BurstBits'(landed);
      held_q <= flush_all ? '0 : held_q + BurstBits'(ar_taken) - BurstBits'(info_pop);
      if (ar_taken) fetch_q <= (16'(fetch_q) + 16'(count) == slots) ? 15'd0 : fetch_q + 15'(count);
      if (accept) begin
        head_q <= head_next;
        done_q <= last_of_burst ? 5'd0 : done_q + 5'd1;
      end

      case (state_q)
        SIdle: begin
          if (accept) begin
            cc_q <= is_cc;
            g_q <= is_cc ? cc.g : tlb.g;
            did_q <= cc.did & DidMask;
            sid_q <= cc.sid;
            fm_q <= fm_bits;
            page_q <= tlb.addr[PageWidth-1:0];
            mask_q <= {PageWidth{1'b1}} << tlb.am;
            ih_q <= tlb.ih & (tlb.g == 2'd3);
            sw_q <= wait_dsc.sw;
            if_q <= wait_dsc.if_;
            staddr_q <= {wait_dsc.staddr, 2'b00};
            stdata_q <= wait_dsc.stdata;
            if (is_wait) begin
              state_q <= (wait_dsc.sw && owed_drain_q == 2'b00 && settled_i) ? SStatus : SDrain;
              drain_wait_q <= owed_drain_q;
              owed_drain_q <= 2'b00;
            end else begin
              state_q <= SFlush;
              if (is_tlb) owed_drain_q <= owed_drain_q | {tlb.dw, tlb.dr};
            end
          end
          if (stop_now) begin
            state_q <= SStopped;
            stopped_q <= 1'b1;
          end
        end
        SFlush: if (cc_q || tlb_ready_i) state_q <= SIdle;
        SDrain: begin
          drain_wait_q <= drain_wait_q & ~drain_ack_i;
          if (drain_over) state_q <= sw_q ? SStatus : SIdle;
        end
        SStatus: if (status_ready_i) state_q <= SAnswer;
        SAnswer: if (status_done_i) state_q <= SIdle;
        default: begin
          // Stopped: what was fetched is dropped; go on at the head when software has cleared IQE.
          done_q <= '0;
          if (!iqe_i && !error_o && flying_q == '0) begin
            state_q <= SIdle;
            stopped_q <= 1'b0;
            fetch_q <= head_q;
          end
        end
      endcase

      if (!enable_i || base_reset_i) begin
        fetch_q <= '0;
        head_q <= '0;
        done_q <= '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_room_for_beats: assert (!(r_valid_i && !flush_all && beat_full));
      a_room_for_bursts: assert (!(ar_taken && info_full));
    end
  end
endmodule
