// SPDX-License-Identifier: Apache-2.0
// iommu_write_path: data goes to memory behind its address, in the order of the addresses, WLAST in its place; no byte of a
// blocked write does, nor of a burst that was cut off from then on; every write is answered once, a blocked one with an
// error and after the older ones of its id; what is offered stays. One port, bursts of two beats.
//
// The harness knows of each burst from its first beat on whether it will be blocked, and sends that as its data.
module write_path_fv #(
    parameter int unsigned Limit = 2   // cycles until a requester is cut off; 0: never
) (
    input logic       clk_i,
    input logic       rst_ni,
    input logic       clear_i,
    input logic       aw_i,
    input logic       aw_id_i,
    input logic       w_i,
    input logic       doomed_i,    // the burst that begins with this beat will be blocked
    input logic       b_ready_i,
    input logic       go_i,        // the lane decides about the oldest write
    input logic       aw_ready_i,
    input logic       w_ready_i,
    input logic       b_i,
    input logic       b_id_i
);
  logic cutoff, allowed, aw_taken, w_ready, w_taken, b_valid, b_id, out_ready, aw_valid, w_valid, w_last, err_done;
  logic [1:0] b_resp, idle;
  logic [7:0] w_data;
  logic w_strb, push, err, out_q, second_q, busy_q, busy_id_q, last_doomed_q;

  // Bursts from their first beat, those whose address was taken first; [0] is the oldest of which nothing was decided.
  logic [3:0] bursts_q, taken_q;  // begun; of those: address taken
  logic [7:0] doomed_q;
  logic [3:0] id_q;               // of the taken ones
  logic doom;
  assign doom = second_q ? last_doomed_q : doomed_i;
  assign aw_taken = aw_i & allowed;
  assign w_taken = w_i & w_ready;
  assign push = go_i & (taken_q != '0) & ~doomed_q[0] & ~busy_q & ~out_q;
  assign err = go_i & (taken_q != '0) & doomed_q[0] & ~busy_q;
  logic decided, begins;
  logic [3:0] bursts_d, taken_d;
  assign decided = push | err;
  assign begins = w_taken & ~second_q;
  assign bursts_d = bursts_q - 4'(decided);
  assign taken_d = taken_q - 4'(decided);
  iommu_write_path #(
      .NumPorts(1), .PortWidth(1), .IdWidth(1), .DataWidth(8), .BufBeats(4), .Responses(2)
  ) dut (
      .clk_i, .rst_ni, .limit_i(Limit), .cutoff_o(cutoff), .cutoff_clear_i(clear_i), .aw_taken_i(aw_taken),
      .aw_len_i(8'd1), .aw_allowed_o(allowed), .w_valid_i(w_i), .w_ready_o(w_ready), .w_data_i({7'd0, doom}),
      .w_strb_i(1'b1), .w_last_i(second_q), .b_valid_o(b_valid), .b_ready_i, .b_id_o(b_id), .b_resp_o(b_resp),
      .push_i({1'b0, push}), .push_port_i(2'b00), .out_valid_i(out_q), .out_ready_o(out_ready), .out_port_i(1'b0),
      .out_len_i(8'd1), .aw_valid_o(aw_valid), .aw_ready_i, .w_valid_o(w_valid), .w_ready_i, .w_data_o(w_data),
      .w_strb_o(w_strb), .w_last_o(w_last), .b_valid_i(b_i), .b_port_i(1'b0), .b_id_i, .b_resp_i(2'b00),
      .id_idle_i(idle), .err_valid_i(err), .err_port_i(1'b0), .err_id_i(id_q[0]), .err_len_i(8'd1),
      .err_busy_i(busy_q), .err_done_o(err_done));

  logic started_q = 1'b0;
  logic out_id_q, aw_waits_q, w_waits_q, b_waits_q, w_second_q, cut_q, w_data_q, w_strb_q, w_last_q, b_id_q;
  logic [1:0] b_resp_q;
  logic [2:0] sent0_q, sent1_q, open0_q, open1_q, answered0_q, answered1_q, owed_q, complete_q;
  logic shown, w_shown, w_done, gone;
  assign shown = aw_valid & ~aw_waits_q;
  assign w_shown = w_valid & ~w_waits_q;
  assign w_done = w_valid & w_ready_i & w_last;
  assign gone = out_q & out_ready;
  assign idle = {sent1_q == '0, sent0_q == '0};
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    aw_waits_q <= rst_ni & aw_valid & ~aw_ready_i;
    w_waits_q <= rst_ni & w_valid & ~w_ready_i;
    b_waits_q <= rst_ni & b_valid & ~b_ready_i;
    w_data_q <= w_data[0];
    w_strb_q <= w_strb;
    w_last_q <= w_last;
    b_id_q <= b_id;
    b_resp_q <= b_resp;
    if (begins) last_doomed_q <= doomed_i;
    if (push) out_id_q <= id_q[0];
    if (err) busy_id_q <= id_q[0];
    if (!rst_ni) begin
      bursts_q <= '0;
      taken_q <= '0;
      second_q <= 1'b0;
      out_q <= 1'b0;
      busy_q <= 1'b0;
      sent0_q <= '0;
      sent1_q <= '0;
      open0_q <= '0;
      open1_q <= '0;
      answered0_q <= '0;
      answered1_q <= '0;
      owed_q <= '0;
      complete_q <= '0;
      w_second_q <= 1'b0;
      cut_q <= 1'b0;
    end else begin
      bursts_q <= bursts_d + 4'(begins);
      taken_q <= taken_d + 4'(aw_taken);
      if (decided) doomed_q <= doomed_q >> 1;
      if (begins) doomed_q[bursts_d[2:0]] <= doomed_i;
      if (decided) id_q <= id_q >> 1;
      if (aw_taken) id_q[taken_d[1:0]] <= aw_id_i;
      if (w_taken) second_q <= ~second_q;
      out_q <= push | (out_q & ~out_ready);
      if (err) busy_q <= 1'b1;
      else if (err_done) busy_q <= 1'b0;
      // With their address and without memory's answer; with the address at memory; answered and not yet told.
      sent0_q <= sent0_q + 3'(push & ~id_q[0]) - 3'(b_i & ~b_id_i);
      sent1_q <= sent1_q + 3'(push & id_q[0]) - 3'(b_i & b_id_i);
      open0_q <= open0_q + 3'(gone & ~out_id_q) - 3'(b_i & ~b_id_i);
      open1_q <= open1_q + 3'(gone & out_id_q) - 3'(b_i & b_id_i);
      answered0_q <= answered0_q + 3'(b_i & ~b_id_i) - 3'(b_valid & b_ready_i & ~b_id & answered0_q != '0);
      answered1_q <= answered1_q + 3'(b_i & b_id_i) - 3'(b_valid & b_ready_i & b_id & answered1_q != '0);
      owed_q <= owed_q + 3'(shown) - 3'(w_done);
      complete_q <= complete_q + 3'(w_done) - 3'(b_i);
      if (w_shown) w_second_q <= ~w_last;
      if (w_shown && w_last) cut_q <= 1'b0;
      else if (cutoff) cut_q <= 1'b1;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    // Memory answers the writes whose data it has, in any order of the ids.
    m_b: assume (!b_i || (complete_q != '0 && (b_id_i ? open1_q : open0_q) != '0));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_aw_stays: assert (!aw_waits_q || aw_valid);
      a_w_stays: assert (!w_waits_q || (w_valid && w_data[0] == w_data_q && w_strb == w_strb_q && w_last == w_last_q));
      a_b_stays: assert (!b_waits_q || (b_valid && b_id == b_id_q && b_resp == b_resp_q));
      a_behind: assert (!w_valid || owed_q != '0 || shown);
      a_last: assert (!w_shown || w_last == w_second_q);
      a_no_blocked_byte: assert (!(w_valid && w_strb) || w_data == 8'd0);
      a_cut: assert (!(w_shown && cut_q) || !w_strb);
      a_asked_for: assert (!b_valid || (b_id ? answered1_q : answered0_q) != '0 || (busy_q && b_id == busy_id_q));
      a_error: assert (!(b_valid && (b_id ? answered1_q : answered0_q) == '0) || b_resp == 2'b10);
      a_order: assert (!(b_valid && busy_q && b_id == busy_id_q && (b_id ? answered1_q : answered0_q) == '0)
                       || idle[b_id]);
      a_done: assert (!err_done || busy_q);
      c_blocked: cover (err_done && complete_q != '0);
      c_cut: cover (cut_q && w_shown && w_last);
      c_two: cover (complete_q == 3'd2);
    end
  end
endmodule
