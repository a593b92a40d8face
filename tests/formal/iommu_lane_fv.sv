// SPDX-License-Identifier: Apache-2.0
// For iommu_fv: what a lane holds of the watched frame, in its parking slots and on its way out.
module iommu_lane_fv (
    input logic         clk_i,
    input logic         rst_ni,
    input logic         check_i,
    input logic [19:0]  frame_i,
    input logic         may_i,        // the mapping permits this direction
    input logic         flushed_i,    // it was unmapped and flushed
    input logic         settled_i,
    input logic         shown_i,      // what stands at the head is on the bus
    input logic         drained_i,    // a drain that was asked for behind the flush is over
    input logic         asked_i,      // such a drain is asked for
    input logic         watch_i,      // watch the request that gets the frame now
    input logic         ends_i,       // memory's last answer to a request ...
    input logic [1:0]   ends_id_i,    // ... of this port and id
    input logic         active_i,     // the queue's drain runs
    input logic [39:0]  counts_i,     // per port and id: requests under way,
    input logic [39:0]  owes_i,       // and owed to the drain
    input logic         push_i,       // a lookup gives an address:
    input logic [77:0]  push_data_i,
    output logic        seen_o,       // settled since
    input logic [3:0]   p_valid_i,
    input logic [11:0]  p_state_i,
    input logic [255:0] p_addr_i,
    input logic [79:0]  p_frame_i,
    input logic         a_busy_i,     // a request is in the lookup
    input logic [63:0]  a_addr_i,
    input logic         o_valid_i,
    input logic [77:0]  o_data_i,
    input logic [3:0]   credits_i,
    input logic         empty_i,
    input logic         pop_i,
    input logic [77:0]  head_i,
    input logic [3:0]   count_i,
    input logic [3:0]   owed_i,
    input logic [2:0]   wptr_i,
    input logic [2:0]   rptr_i,
    input logic [623:0] words_i
);
  function automatic logic ours(input logic [77:0] word, input logic [19:0] frame);
    ours = word[75:24] == {32'd0, frame};
  endfunction
  // The output, oldest first: the head, then the memory.
  logic [8:0] has;
  logic [7:0] word_has, upto;
  always_comb begin
    for (int unsigned i = 0; i < 8; i++) begin
      word_has[i] = ours(words_i[i*78+:78], frame_i);
      upto[i] = 4'(i) < count_i;
    end
  end
  assign has = {8'({word_has, word_has} >> rptr_i) & upto, ~empty_i & ours(head_i, frame_i)};
  logic [3:0] raw, out;
  always_comb begin
    for (int unsigned i = 0; i < 4; i++) begin
      raw[i] = p_valid_i[i] & (p_addr_i[i*64+12+:52] == {32'd0, frame_i});
      out[i] = p_valid_i[i] & (p_state_i[i*3+:3] == 3'd7) & (p_frame_i[i*20+:20] == frame_i);
    end
  end
  // A request that has got the frame, until it is performed.
  logic watched_q, gets0, gets1, begins, ends;
  logic [1:0] key_q, key;
  logic [9:0] before_q, count, owes, ends_count, next;  // requests of its port and id before it
  assign gets0 = o_valid_i & ours(o_data_i, frame_i);
  assign gets1 = push_i & ours(push_data_i, frame_i);
  assign begins = watch_i & ~watched_q & (gets0 | gets1);
  assign key = watched_q ? key_q : gets1 ? push_data_i[77:76] : o_data_i[77:76];
  assign count = (key == 2'd0) ? counts_i[9:0] : (key == 2'd1) ? counts_i[19:10] : (key == 2'd2) ? counts_i[29:20] : counts_i[39:30];
  assign owes = (key == 2'd0) ? owes_i[9:0] : (key == 2'd1) ? owes_i[19:10] : (key == 2'd2) ? owes_i[29:20] : owes_i[39:30];
  assign ends = ends_i & (ends_id_i == key);
  assign ends_count = counts_i[ends_id_i*10+:10];
  // The lookup's push stands behind that of a parked request.
  assign next = count - (ends ? 10'd1 : 10'd0) + ((gets1 & o_valid_i & o_data_i[77:76] == key) ? 10'd1 : 10'd0);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      watched_q <= 1'b0;
    end else if (begins) begin
      watched_q <= 1'b1;
      key_q <= key;
      before_q <= next;
    end else if (watched_q && ends) begin
      if (before_q == '0) watched_q <= 1'b0;
      else before_q <= before_q - 10'd1;
    end
  end
  logic seen_q, shown_q, popped_q;
  assign seen_o = seen_q;
  always_ff @(posedge clk_i) begin
    seen_q <= rst_ni & flushed_i & (seen_q | settled_i);
    shown_q <= rst_ni & shown_i;
    popped_q <= pop_i;
  end
  always_comb begin
    // Ports limit what is under way (ReadBeats, Responses).
    m_count: assume (counts_i[9:0] < 10'd1000 && counts_i[19:10] < 10'd1000 && counts_i[29:20] < 10'd1000
                     && counts_i[39:30] < 10'd1000);
    // Memory answers what it was asked for.
    m_ends: assume (!ends_i || ends_count != '0);
    if (check_i) begin
      // Performed behind a drain.
      a_under_way: assert (!watched_q || before_q < count);
      a_owed: assert (!(watched_q && flushed_i && active_i) || before_q < owes);
      a_asked: assert (!active_i || asked_i);
      a_performed: assert (!drained_i || !watched_q);
      // Nothing but the tables says the frame.
      a_raw_parked: assert (raw == '0);
      a_raw_lookup: assert (!a_busy_i || a_addr_i[63:12] != {32'd0, frame_i});
      // Only where it is permitted.
      a_may_parked: assert (may_i || out == '0);
      a_may_leaving: assert (may_i || !o_valid_i || !ours(o_data_i, frame_i));
      a_may_output: assert (may_i || has == '0);
      // Not behind the flush, but in the output in front of its mark.
      a_flushed_parked: assert (!flushed_i || out == '0);
      a_flushed_leaving: assert (!flushed_i || !o_valid_i || !ours(o_data_i, frame_i));
      a_flushed_output: assert (!flushed_i || (has >> owed_i) == '0);
      a_seen: assert (!seen_q || flushed_i);
      a_seen_output: assert (!seen_q || has[8:1] == '0);
      a_seen_head: assert (!seen_q || !has[0] || (shown_q && !popped_q));
      a_shown: assert (!seen_q || !has[0] || shown_i);
      // Room.
      a_pointers: assert (wptr_i == rptr_i + count_i[2:0] && count_i <= 4'd8 && (!empty_i || count_i == '0));
      a_marked: assert (owed_i <= count_i + 4'(!empty_i));
      a_room: assert (5'(credits_i) + 5'(count_i) + 5'(!empty_i) + 5'(o_valid_i) + 5'(a_busy_i) == 5'd8);
    end
  end
endmodule
