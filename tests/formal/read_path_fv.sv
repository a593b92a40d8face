// SPDX-License-Identifier: Apache-2.0
// iommu_read_path: every read that was taken is answered once and in the order of its id, with its beats and the last one
// marked; a blocked one with errors, after the older ones of its id; a beat of memory comes out unchanged in its turn, and
// always finds room; what is offered stays until it is taken; the room comes back. One port (ports share nothing).
//
// Reads of id 0 have one beat, those of id 1 two; beats of different ids may alternate, as AXI4 allows. Memory answers OKAY or DECERR, so that SLVERR tells who was blocked.
module read_path_fv #(
    parameter int unsigned BufBeats = 3,
    parameter int unsigned Pipe     = 0
) (
    input logic clk_i,
    input logic rst_ni,
    input logic ar_i,         // a read is offered
    input logic ar_id_i,
    input logic r_ready_i,
    input logic out_i,        // the oldest read of out_id_i goes to memory
    input logic block_i,      // or is blocked
    input logic out_id_i,
    input logic r_valid_i,    // memory answers
    input logic r_id_i,
    input logic r_data_i,
    input logic r_bad_i,
    input logic watch_i       // with the watched beat
);
  logic allowed, taken, r_valid, r_id, r_last, err, err_done, last_in;
  logic [7:0] r_data;
  logic [1:0] r_resp, idle;
  assign taken = ar_i & allowed;
  iommu_read_path #(
      .NumPorts(1), .PortWidth(1), .IdWidth(1), .DataWidth(8), .MaxBurst(2), .BufBeats(BufBeats), .Pipe(Pipe)
  ) dut (
      .clk_i, .rst_ni, .ar_taken_i(taken), .ar_len_i({7'd0, ar_id_i}), .ar_allowed_o(allowed), .r_valid_o(r_valid),
      .r_ready_i, .r_id_o(r_id), .r_data_o(r_data), .r_resp_o(r_resp), .r_last_o(r_last), .r_valid_i, .r_port_i(1'b0),
      .r_id_i, .r_data_i({7'd0, r_data_i}), .r_resp_i({2{r_bad_i}}), .r_last_i(last_in), .id_idle_i(idle),
      .err_valid_i(err), .err_port_i(1'b0), .err_id_i(out_id_i), .err_len_i({7'd0, out_id_i}), .err_busy_i(busy_q),
      .err_done_o(err_done));

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  // Reads of each id: not yet sent; at memory; sent and not answered. The lane has one blocked read under way, and none
  // of its id leaves before it.
  logic [2:0] waits0_q, waits1_q, open0_q, open1_q, sent0_q, sent1_q, beats_q, before_q;
  logic busy_q, busy_id_q, second_in_q, second_out_q, sends, watched_q, data_q, bad_q, from_memory, ends, pop;
  assign sends = out_i & ~block_i & ((out_id_i ? waits1_q : waits0_q) != '0) & ~(busy_q & busy_id_q == out_id_i);
  assign err = block_i & ((out_id_i ? waits1_q : waits0_q) != '0) & ~busy_q;
  assign last_in = ~r_id_i | second_in_q;
  assign idle = {open1_q == '0, open0_q == '0};
  assign from_memory = r_resp != 2'b10;
  assign ends = r_valid & r_ready_i & r_last;
  assign pop = r_valid & r_ready_i & from_memory;
  logic begins, passes;
  assign passes = pop & (beats_q == '0);  // the beat of this very cycle
  assign begins = r_valid_i & watch_i & ~watched_q & ~passes;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      waits0_q <= '0;
      waits1_q <= '0;
      open0_q <= '0;
      open1_q <= '0;
      sent0_q <= '0;
      sent1_q <= '0;
      beats_q <= '0;
      busy_q <= 1'b0;
      second_in_q <= 1'b0;
      second_out_q <= 1'b0;
      watched_q <= 1'b0;
    end else begin
      waits0_q <= waits0_q + 3'(taken & ~ar_id_i) - 3'((sends | err) & ~out_id_i);
      waits1_q <= waits1_q + 3'(taken & ar_id_i) - 3'((sends | err) & out_id_i);
      open0_q <= open0_q + 3'(sends & ~out_id_i) - 3'(r_valid_i & last_in & ~r_id_i);
      open1_q <= open1_q + 3'(sends & out_id_i) - 3'(r_valid_i & last_in & r_id_i);
      sent0_q <= sent0_q + 3'(sends & ~out_id_i) - 3'(ends & from_memory & ~r_id);
      sent1_q <= sent1_q + 3'(sends & out_id_i) - 3'(ends & from_memory & r_id);
      beats_q <= beats_q + 3'(r_valid_i) - 3'(pop);
      if (err) busy_q <= 1'b1;
      else if (err_done) busy_q <= 1'b0;
      second_in_q <= second_in_q ^ (r_valid_i & r_id_i);
      second_out_q <= second_out_q ^ (r_valid & r_ready_i & r_id);
      if (begins) begin
        watched_q <= 1'b1;
        before_q <= beats_q - 3'(pop);
        data_q <= r_data_i;
        bad_q <= r_bad_i;
      end else if (watched_q && pop) begin
        before_q <= before_q - 3'd1;
        if (before_q == '0) watched_q <= 1'b0;
      end
    end
    if (err) busy_id_q <= out_id_i;
  end

  logic held_q, h_id_q, h_last_q, h_data_q;
  logic [1:0] h_resp_q;
  always_ff @(posedge clk_i) begin
    held_q <= rst_ni & r_valid & ~r_ready_i;
    h_id_q <= r_id;
    h_last_q <= r_last;
    h_data_q <= r_data[0];
    h_resp_q <= r_resp;
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    // Memory answers what it was asked.
    m_asked: assume (!r_valid_i || (r_id_i ? open1_q : open0_q) != '0);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_stays: assert (!held_q || (r_valid && r_id == h_id_q && r_last == h_last_q && r_data[0] == h_data_q
                                   && r_resp == h_resp_q));
      a_asked_for: assert (!(r_valid && from_memory) || (r_id ? sent1_q : sent0_q) != '0);
      a_blocked: assert (!(r_valid && !from_memory) || (busy_q && r_id == busy_id_q));
      a_order: assert (!(r_valid && !from_memory) || (r_id ? sent1_q : sent0_q) == '0);
      a_last: assert (!r_valid || r_last == (~r_id | second_out_q));
      a_beat: assert (!(r_valid && from_memory && watched_q && before_q == '0)
                      || (r_data == {7'd0, data_q} && r_resp == {2{bad_q}}));
      a_passes: assert (!(r_valid && from_memory && beats_q == '0)
                        || (Pipe == 0 && r_valid_i && r_id == r_id_i && r_data == {7'd0, r_data_i} && r_resp == {2{r_bad_i}}));
      a_done: assert (!err_done || busy_q);
      a_room: assert (allowed || ((waits0_q | waits1_q | sent0_q | sent1_q) != '0) || busy_q);
      c_full: cover (beats_q == 3'(BufBeats) && watched_q && before_q == 3'(BufBeats - 1));
      c_behind: cover (err_done && busy_id_q && waits0_q != '0);
      c_waits: cover (busy_q && sent1_q != '0 && busy_id_q && r_valid && !r_ready_i);
    end
  end
endmodule
