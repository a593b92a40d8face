// SPDX-License-Identifier: Apache-2.0
// Write data and write responses of all requester ports.
//
// An address is taken only when the first beat of its data is here or comes in the same cycle. The addresses go to memory in the lane's order and
// their data follows in the same order. A requester that then withholds its data for limit_i cycles is cut off: the
// burst is filled up with beats without strobes, the late beats are dropped when they come, cutoff_o is raised, and
// the port's write responses are SLVERR until cutoff_clear_i.
// A blocked write is answered with SLVERR as soon as its WLAST is here and the older writes of its id have been
// answered; its data is swallowed a beat a cycle. New writes of that port wait meanwhile.
//
// Timing: AW passes in the cycle it is offered; its first W beat is offered with it when no older data is ahead (Pipe 1:
// one cycle after, by a register). B in t at memory -> requester BVALID in t+1. BREADY towards memory is
// constantly 1.
module iommu_write_path #(
    parameter int unsigned NumPorts   = 2,
    parameter int unsigned PortWidth  = 2,
    parameter int unsigned IdWidth    = 4,
    parameter int unsigned DataWidth  = 256,
    parameter int unsigned BufBeats   = 64,  // W beats buffered per port
    parameter int unsigned Responses  = 64,  // writes of a port without response at most
    parameter int unsigned Pipe       = 0,
    parameter int unsigned NumIds     = NumPorts << IdWidth  // derived
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic [31:0]                     limit_i,         // cycles, 0 = none
    output logic [NumPorts-1:0]             cutoff_o,        // pulse
    input  logic [NumPorts-1:0]             cutoff_clear_i,

    // Requester side.
    input  logic [NumPorts-1:0]             aw_taken_i,      // AW handshake
    input  logic [NumPorts*8-1:0]           aw_len_i,
    output logic [NumPorts-1:0]             aw_allowed_o,
    input  logic [NumPorts-1:0]             w_valid_i,
    output logic [NumPorts-1:0]             w_ready_o,
    input  logic [NumPorts*DataWidth-1:0]   w_data_i,
    input  logic [NumPorts*DataWidth/8-1:0] w_strb_i,
    input  logic [NumPorts-1:0]             w_last_i,
    output logic [NumPorts-1:0]             b_valid_o,
    input  logic [NumPorts-1:0]             b_ready_i,
    output logic [NumPorts*IdWidth-1:0]     b_id_o,
    output logic [NumPorts*2-1:0]           b_resp_o,

    // From the lane.
    input  logic [1:0]                      push_i,          // writes that got their address, of these ports
    input  logic [2*PortWidth-1:0]          push_port_i,
    input  logic                            out_valid_i,
    output logic                            out_ready_o,
    // A port number of a full width is one of NumPorts: the bits above say nothing.
    // verilator lint_off UNUSEDSIGNAL
    input  logic [PortWidth-1:0]            out_port_i,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [7:0]                      out_len_i,

    // Memory side.
    output logic                            aw_valid_o,
    input  logic                            aw_ready_i,
    output logic                            w_valid_o,
    input  logic                            w_ready_i,
    output logic [DataWidth-1:0]            w_data_o,
    output logic [DataWidth/8-1:0]          w_strb_o,
    output logic                            w_last_o,
    input  logic                            b_valid_i,
    input  logic [PortWidth-1:0]            b_port_i,
    input  logic [IdWidth-1:0]              b_id_i,
    input  logic [1:0]                      b_resp_i,
    input  logic [NumIds-1:0]               id_idle_i,

    // Blocked writes.
    input  logic                            err_valid_i,
    input  logic [PortWidth-1:0]            err_port_i,
    input  logic [IdWidth-1:0]              err_id_i,
    input  logic [7:0]                      err_len_i,
    input  logic [NumPorts-1:0]             err_busy_i,
    output logic [NumPorts-1:0]             err_done_o
);
  if (BufBeats < 4) begin : gen_buffer_check
    $error("iommu_write_path: BufBeats must be at least 4");
  end

  localparam int unsigned StrbWidth = DataWidth / 8;
  localparam int unsigned BeatWidth = DataWidth + StrbWidth + 1;
  localparam int unsigned RespBits = $clog2(Responses + 1);
  localparam int unsigned PortBits = (NumPorts > 1) ? $clog2(NumPorts) : 1;
  localparam logic [1:0] SlvErr = 2'b10;

  logic [NumPorts-1:0]           beat_empty, beat_pop, stream_pop, blocked_by_debt;
  logic [NumPorts*BeatWidth-1:0] beat_head;
  logic [NumPorts-1:0]           burst_sent, debt_add;
  logic [8:0]                    debt_beats;

  // ------------------------------------------------------------------ addresses: order of the data that follows
  logic order_full, order_empty, order_push, order_pop, told_q, at_once;
  logic [PortBits-1:0] first, cur;
  logic [7:0] first_len, cur_len;
  fifo #(.Width(PortBits + 8), .Depth(16)) i_order (
      .clk_i, .rst_ni, .flush_i(1'b0), .push_i(order_push & ~(at_once & order_pop)),
      .data_i({out_port_i[PortBits-1:0], out_len_i}), .full_o(order_full),
      .pop_i(order_pop & ~at_once), .data_o({first, first_len}), .empty_o(order_empty));
  assign at_once = order_push & order_empty;
  assign cur = at_once ? out_port_i[PortBits-1:0] : first;
  assign cur_len = at_once ? out_len_i : first_len;
  // The data may go ahead of its address: a memory may wait for it before it takes the address.
  assign aw_valid_o = out_valid_i & (told_q | ~order_full);
  assign order_push = aw_valid_o & ~told_q;
  assign out_ready_o = aw_valid_o & aw_ready_i;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) told_q <= 1'b0;
    else if (aw_valid_o) told_q <= ~aw_ready_i;
  end

  // ------------------------------------------------------------------ data towards memory
  logic                 cut_q, have_beat, load;
  logic [DataWidth-1:0] w_data;
  logic [StrbWidth-1:0] w_strb;
  logic [7:0]           sent_q;
  logic [31:0]          waited_q;
  logic                 expired, last_beat;
  assign have_beat = (~order_empty | at_once) & (cut_q | (~beat_empty[cur] & ~blocked_by_debt[cur]));
  assign w_data = cut_q ? '0 : beat_head[cur*BeatWidth+1+StrbWidth+:DataWidth];
  assign w_strb = cut_q ? '0 : beat_head[cur*BeatWidth+1+:StrbWidth];
  if (Pipe == 0) begin : gen_w
    assign load = have_beat & w_ready_i;
    assign w_valid_o = have_beat;
    assign w_data_o = w_data;
    assign w_strb_o = w_strb;
    assign w_last_o = last_beat;
  end else begin : gen_w_register
    logic                 valid_q, last_q;
    logic [DataWidth-1:0] data_q;
    logic [StrbWidth-1:0] strb_q;
    assign load = have_beat & (~valid_q | w_ready_i);
    always_ff @(posedge clk_i) begin
      if (load) begin
        data_q <= w_data;
        strb_q <= w_strb;
        last_q <= last_beat;
      end
      if (!rst_ni) valid_q <= 1'b0;
      else if (load) valid_q <= 1'b1;
      else if (w_ready_i) valid_q <= 1'b0;
    end
    assign w_valid_o = valid_q;
    assign w_data_o = data_q;
    assign w_strb_o = strb_q;
    assign w_last_o = last_q;
  end
  assign last_beat = sent_q == cur_len;
  assign order_pop = load & last_beat;
  assign expired = ~order_empty & ~have_beat & (limit_i != 32'd0) & (waited_q >= limit_i);
  assign debt_beats = 9'(cur_len) - 9'(sent_q) + 9'd1;
  always_comb begin
    stream_pop = '0;
    burst_sent = '0;
    debt_add = '0;
    cutoff_o = '0;
    if (load && !cut_q) stream_pop[cur] = 1'b1;
    if (order_pop) burst_sent[cur] = 1'b1;
    if (expired) begin
      debt_add[cur] = 1'b1;
      cutoff_o[cur] = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sent_q <= '0;
      cut_q <= 1'b0;
      waited_q <= '0;
    end else begin
      if (load) sent_q <= last_beat ? 8'd0 : sent_q + 8'd1;
      if (expired) cut_q <= 1'b1;
      else if (order_pop) cut_q <= 1'b0;
      waited_q <= (order_empty || have_beat) ? 32'd0 : waited_q + 32'd1;
    end
  end

  // ------------------------------------------------------------------ ports
  for (genvar p = 0; p < NumPorts; p++) begin : gen_port
    localparam int unsigned DebtBits = 12;
    logic full, swallow, drop;
    logic signed [12:0] unclaimed_q;      // beats here minus beats that taken addresses will need
    logic [DebtBits-1:0] debt_q;          // late beats of a cut burst
    logic [RespBits-1:0] resp_credits_q, bursts_q;
    logic active_q, swallowing_q, answer_q, answered_q, cut_off_q;  // of the blocked write
    logic [IdWidth-1:0] id_q;
    logic [7:0] left_q;
    logic b_empty, b_full, b_pop, w_take;
    logic [IdWidth-1:0] b_head_id;
    logic [1:0] b_head_resp;

    fifo #(.Width(BeatWidth), .Depth(BufBeats)) i_beats (
        .clk_i, .rst_ni, .flush_i(1'b0), .push_i(w_take),
        .data_i({w_data_i[p*DataWidth+:DataWidth], w_strb_i[p*StrbWidth+:StrbWidth], w_last_i[p]}), .full_o(full),
        .pop_i(beat_pop[p]), .data_o(beat_head[p*BeatWidth+:BeatWidth]), .empty_o(beat_empty[p]));
    assign w_ready_o[p] = ~full;
    assign w_take = w_valid_i[p] & ~full;

    assign blocked_by_debt[p] = debt_q != '0;
    assign drop = (debt_q != '0) & ~beat_empty[p];
    // The blocked write's data is at the head once all older bursts of the port have been sent.
    assign swallow = swallowing_q & (bursts_q == '0) & (debt_q == '0) & ~beat_empty[p];
    assign beat_pop[p] = stream_pop[p] | drop | swallow;

    fifo #(.Width(IdWidth + 2), .Depth(Responses)) i_responses (
        .clk_i, .rst_ni, .flush_i(1'b0), .push_i(b_valid_i & (b_port_i == PortWidth'(p))),
        .data_i({b_id_i, cut_off_q ? SlvErr : b_resp_i}), .full_o(b_full),
        .pop_i(b_pop), .data_o({b_head_id, b_head_resp}), .empty_o(b_empty));
    assign b_valid_o[p] = answer_q | ~b_empty;
    assign b_id_o[p*IdWidth+:IdWidth] = answer_q ? id_q : b_head_id;
    assign b_resp_o[p*2+:2] = answer_q ? SlvErr : b_head_resp;
    assign b_pop = ~answer_q & ~b_empty & b_ready_i[p];
    assign err_done_o[p] = active_q & answered_q & ~swallowing_q;

    // With none unclaimed the next beat begins a burst.
    assign aw_allowed_o[p] = ((unclaimed_q > 13'sd0) | ((unclaimed_q == 13'sd0) & w_take)) & (resp_credits_q != '0) & ~err_busy_i[p] & ~active_q;

    logic signed [12:0] claims;
    logic [DebtBits-1:0] debt_in;
    assign claims = aw_taken_i[p] ? $signed({5'd0, aw_len_i[p*8+:8]}) + 13'sd1 : 13'sd0;
    assign debt_in = debt_add[p] ? DebtBits'(debt_beats) : '0;

    logic error_taken, answered;
    logic [1:0] pushed;
    assign pushed = {1'b0, push_i[0] & (push_port_i[0+:PortWidth] == PortWidth'(p))}
        + {1'b0, push_i[1] & (push_port_i[PortWidth+:PortWidth] == PortWidth'(p))};
    assign error_taken = answer_q & b_ready_i[p];
    assign answered = b_pop | error_taken;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        unclaimed_q <= '0;
        debt_q <= '0;
        resp_credits_q <= RespBits'(Responses);
        bursts_q <= '0;
        active_q <= 1'b0;
        swallowing_q <= 1'b0;
        answer_q <= 1'b0;
        answered_q <= 1'b0;
        cut_off_q <= 1'b0;
      end else begin
        unclaimed_q <= unclaimed_q + $signed({12'd0, w_take}) - claims;
        debt_q <= debt_q + debt_in - DebtBits'(drop);
        resp_credits_q <= resp_credits_q + RespBits'(answered) - RespBits'(aw_taken_i[p]);
        bursts_q <= bursts_q + RespBits'(pushed) - RespBits'(burst_sent[p]);
        if (cutoff_o[p]) cut_off_q <= 1'b1;
        else if (cutoff_clear_i[p]) cut_off_q <= 1'b0;

        if (err_valid_i && err_port_i == PortWidth'(p)) begin
          active_q <= 1'b1;
          swallowing_q <= 1'b1;
          answered_q <= 1'b0;
          id_q <= err_id_i;
          left_q <= err_len_i;
        end else begin
          if (swallow) begin
            left_q <= left_q - 8'd1;
            if (left_q == 8'd0) swallowing_q <= 1'b0;
          end
          // WLAST has been here: its beat was swallowed, or no beat of any taken address is missing.
          if (error_taken) begin
            answer_q <= 1'b0;
            answered_q <= 1'b1;
          end else if (active_q && !answered_q && b_empty
                       && (!swallowing_q || (unclaimed_q >= 13'sd0 && debt_q == '0))
                       && id_idle_i[(p<<IdWidth)+32'(id_q)]) begin
            answer_q <= 1'b1;
          end
          if (err_done_o[p]) active_q <= 1'b0;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert (!(b_valid_i && b_port_i == PortWidth'(p) && b_full));
        assert (!stream_pop[p] || beat_head[p*BeatWidth] == last_beat);
        assert (!swallow || beat_head[p*BeatWidth] == (left_q == 8'd0));
        assert (!((stream_pop[p] && drop) || (stream_pop[p] && swallow)));
      end
    end
  end
endmodule
