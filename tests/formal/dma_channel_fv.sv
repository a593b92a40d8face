// SPDX-License-Identifier: Apache-2.0
// The control of a DMA channel, dma_ring, dma_decode, dma_fence and dma_complete together: the decoder gets the descriptor of its
// index, every descriptor between HEAD and TAIL once and in order, none behind TAIL; one (any) retires once, when what it
// asked for was answered without error, or it stops the channel with its own error and HEAD on it; nothing is begun after
// stop; nothing waits but for the datapath and memory.
//
// The datapath is free, but executes operations in order, as dma_mover does, and answers each port in order. Semaphore
// waits last any time. The ring has one segment; LINK is simulated.
module dma_channel_fv (
    input logic        clk_i,
    input logic        rst_ni,
    input logic        enable_i,
    input logic        reset_i,
    input logic        resume_i,
    input logic        skip_i,
    input logic        bus_master_i,
    input logic [1:0]  size_i,         // constant: descriptors of the ring, 2, 4 or 8
    input logic [2:0]  tail_i,
    input logic        arready_i,
    input logic        rvalid_i,
    input logic        rbad_i,
    input logic [3:0]  ropcode_i,
    input logic        send_i,         // the oldest operation has all its bursts on the way, or its table written
    input logic [1:0]  done_i,         // the oldest operation at a port is answered
    input logic [1:0]  b_fail_i,       // one of its bursts, with an error
    input logic        stream_fail_i,  // the write stream fails: in the oldest operation that is not sent, ...
    input logic        stream_last_i,  // ... or in the last one that was, before its data is complete
    input logic        fence_taken_i,  // the write side takes a fence's write
    input logic        fence_b_i,      // it is answered, ...
    input logic        fence_bad_i,    // ... with an error
    input logic        wait_done_i,
    input logic        wait_fail_i,
    input logic        late_i,
    input logic        busy_i,         // something else keeps the channel from being drained
    input logic        pick_i          // watch the descriptor that is decoded now
);
  localparam int unsigned Entries = 4;

  logic [15:0] mask, index, tail, head, rewind_index;
  logic [16:0] size;
  assign mask = (size_i == 2'd0) ? 16'd1 : (size_i == 2'd1) ? 16'd3 : 16'd7;
  assign size = {1'b0, mask} + 17'd1;
  assign tail = {13'd0, tail_i} & mask;

  logic run, stop, flush, home, go, rewind, ring_ok, ring_idle, pending, desc_valid, desc_bad, desc_pop, accept, op_push,
      single, wait_, link, retire_push, retire_full, retire_empty, advance, retired, retired_link, error, hung, error_rise,
      drained;
  logic [1:0] arvalid, bad_resp;
  logic [63:0] araddr, error_tag;
  logic [7:0] arlen;
  logic [5:0] bad_offset;
  logic [65:0] bytes;
  dma_pkg::descriptor_t desc, sent;
  dma_job_pkg::class_t class_;
  dma_job_pkg::op_t op;
  dma_job_pkg::retire_t retire;
  dma_job_pkg::fail_t decode_fail, error_data;
  logic [511:0] beat_data;
  assign run = enable_i & ~stop;

  // What an operation code stands for here: 0 NOP, 1 to VRAM, 2 to the host, 3 aperture, 4 fence, 5 signal, 6 wait.
  logic [3:0] what;
  assign what = desc.opcode[3:0];
  always_comb begin
    class_ = '0;
    class_.nop = what == 4'd0;
    class_.op = (what == 4'd1) | (what == 4'd2) | (what == 4'd3);
    class_.kind = (what == 4'd3) ? dma_job_pkg::OP_MAP_RANGE : dma_job_pkg::OP_COPY;
    class_.payload = (what == 4'd1) | (what == 4'd2);
    class_.single = (what == 4'd4) | (what == 4'd5);
    class_.fence = what == 4'd4;
    class_.wait_ = what == 4'd6;
    class_.dst_host = what == 4'd2;
  end

  dma_ring #(.DataWidth(512), .MaxBurst(4), .Prefetch(4)) dut_ring (
      .clk_i, .rst_ni, .run_i(run & ring_ok), .base_i(58'd0), .mask_i(mask), .host_i(1'b0), .tail_i(tail),
      .decode_index_i(index), .end_i(size), .whole_i(1'b1), .link_i(1'b0), .arvalid_o(arvalid),
      .arready_i({1'b0, arready_i}), .araddr_o(araddr), .arlen_o(arlen), .rvalid_i({1'b0, rvalid_i}),
      .rdata_i({512'd0, beat_data}), .rresp_i({2'b00, rbad_i, 1'b0}), .valid_o(desc_valid), .desc_o(desc),
      .bad_o(desc_bad), .bad_resp_o(bad_resp), .bad_offset_o(bad_offset), .pop_i(desc_pop), .idle_o(ring_idle));

  logic op_full, fence_busy, fence_hold, fence_idle, wait_busy_q, wait_failed_q;
  dma_decode dut_decode (
      .clk_i, .rst_ni, .run_i(run), .flush_i(flush), .rewind_i(rewind), .rewind_index_i(rewind_index), .bus_master_i,
      .ring_base_i(58'd0), .ring_mask_i(mask), .ring_count_i(17'd0), .ring_space_i(3'd0), .ring_tail_i(tail),
      .ring_idle_i(ring_idle), .ring_ok_o(ring_ok), .index_o(index), .pending_o(pending), .base_i(58'd0), .host_i(1'b0),
      .end_i(size), .link_busy_i(1'b0), .valid_i(desc_valid), .desc_i(desc), .class_i(class_),
      .code_i((what > 4'd6) ? dma_pkg::ERROR_BAD_OPCODE : dma_pkg::ERROR_NONE),
      .operand_i(dma_job_pkg::OPERAND_RING), .bad_i(desc_bad), .bad_resp_i(bad_resp), .bad_offset_i(bad_offset),
      .pop_o(desc_pop), .op_full_i(op_full), .retire_full_i(retire_full), .all_retired_i(retire_empty),
      .single_busy_i(fence_busy), .hold_i(fence_hold | wait_busy_q), .accept_o(accept), .op_push_o(op_push), .op_o(op),
      .single_o(single), .wait_o(wait_), .link_o(link), .retire_push_o(retire_push), .retire_o(retire),
      .fail_o(decode_fail));

  // ------------------------------------------------------------------ the datapath
  // Operations, by slots in a ring: sent, kind, index.
  logic [3:0] open_q, sent_q, host_q, map_q;
  logic [11:0] index_q;      // 3 bits each
  logic [1:0] in_q, next_q;  // where the next one is put; the oldest that is not sent
  logic abort_q, quiet_q, quiet;
  logic unsent;
  logic [1:0] old0, old1, last_slot;
  logic some0, some1, sends, map_done, fails;
  logic [1:0] done, b_fail;
  logic fails_next, fails_last, next_begun, next_begun_q, last_failed_q;
  assign unsent = open_q[next_q] & ~sent_q[next_q];
  assign op_full = open_q[in_q];
  assign last_slot = next_q - 2'd1;
  always_comb begin
    some0 = 1'b0;
    some1 = 1'b0;
    old0 = '0;
    old1 = '0;
    for (int unsigned k = Entries; k > 0; k--) begin
      // The oldest one stands at in_q when all slots are taken.
      if (open_q[in_q + 2'(k - 1)] && !map_q[in_q + 2'(k - 1)]) begin
        if (host_q[in_q + 2'(k - 1)]) begin
          some1 = 1'b1;
          old1 = in_q + 2'(k - 1);
        end else begin
          some0 = 1'b1;
          old0 = in_q + 2'(k - 1);
        end
      end
    end
  end
  assign quiet = quiet_q | (stop & drained);
  assign sends = send_i & unsent & ~stop & ~abort_q;
  assign map_done = sends & map_q[next_q];
  assign done[0] = done_i[0] & some0 & sent_q[old0] & ~quiet_q;
  assign done[1] = done_i[1] & some1 & sent_q[old1] & ~quiet_q;
  // A burst of an operation that is not sent completely: nothing before it waits to be sent.
  assign b_fail[0] = b_fail_i[0] & some0 & (sent_q[old0] | (old0 == next_q & ~last_failed_q)) & ~quiet_q;
  assign b_fail[1] = b_fail_i[1] & some1 & (sent_q[old1] | (old1 == next_q & ~last_failed_q)) & ~quiet_q;
  assign next_begun = next_begun_q | (b_fail[0] & old0 == next_q) | (b_fail[1] & old1 == next_q);
  assign fails_next = stream_fail_i & ~stream_last_i & unsent & ~sends & ~stop & ~abort_q;
  assign fails_last = stream_fail_i & stream_last_i & open_q[last_slot] & sent_q[last_slot] & ~map_q[last_slot]
      & ~done[host_q[last_slot]] & ~next_begun & ~stop & ~abort_q & ~sends;
  assign fails = fails_next | fails_last;
  logic [15:0] index0, index1, fails_index;
  assign index0 = {13'd0, index_q[old0*3+:3]};
  assign index1 = {13'd0, index_q[old1*3+:3]};
  assign fails_index = {13'd0, index_q[(fails_next ? next_q : last_slot)*3+:3]};

  dma_job_pkg::fail_t fail0, fail1, stream, fence_fail, wait_fail, late_fail;
  assign fail0 = {index0, dma_pkg::ERROR_WRITE, 2'd2, 2'b10, 64'd0};
  assign fail1 = {index1, dma_pkg::ERROR_WRITE, 2'd2, 2'b11, 64'd0};
  assign stream = {fails_index, dma_pkg::ERROR_READ, 2'd1, 2'b10, 64'd0};
  logic [2:0] wait_index_q;
  assign wait_fail = {13'd0, wait_index_q, dma_pkg::ERROR_SEM_TIMEOUT, 2'd1, 2'b00, 64'd0};
  assign late_fail = {head, dma_pkg::ERROR_TIMEOUT, 2'd0, 2'b00, 64'd0};

  logic fence_done, fence_failed, wait_done, wait_fails;
  logic fence_valid, fence_sent_q, fence_interrupt;
  logic [63:0] fence_value;
  dma_job_pkg::single_t fence_write;
  dma_job_pkg::fail_t fence_late;
  dma_fence dut_fence (
      .clk_i, .rst_ni, .stop_i(reset_i | error), .bus_master_i, .start_i(single), .fence_i(what == 4'd4), .host_i(1'b0),
      .pasid_valid_i(1'b0), .pasid_i(20'd0), .addr_i(64'd0), .value_i(64'd0), .interrupt_i(1'b0), .index_i(index),
      .write_valid_o(fence_valid), .write_ready_i(fence_taken_i), .write_o(fence_write),
      .bvalid_i({1'b0, fence_b_i}), .bresp_i({2'b00, fence_bad_i, 1'b0}), .busy_o(fence_busy), .hold_o(fence_hold),
      .idle_o(fence_idle), .done_o(fence_done), .fail_o(fence_failed), .fail_data_o(fence_fail),
      .interrupt_o(fence_interrupt), .value_o(fence_value), .late_o(fence_late));
  assign wait_done = wait_done_i & wait_busy_q & ~wait_failed_q & ~stop & ~quiet_q;
  assign wait_fails = wait_busy_q & wait_fail_i & ~wait_done & ~wait_failed_q & ~stop;
  assign drained = ring_idle & ((open_q & sent_q & ~map_q) == '0) & fence_idle & ~busy_i;

  dma_complete #(.Depth(Entries)) dut (
      .clk_i, .rst_ni, .reset_i, .resume_i, .skip_i(skip_i & (tail != head)), .drained_i(drained), .head_base_i(58'd0),
      .ring_mask_i(mask), .push_i(retire_push), .push_data_i(retire), .full_o(retire_full), .empty_o(retire_empty),
      .op_done_i(done), .map_done_i(map_done), .fence_done_i(fence_done), .wait_done_i(wait_done), .b_fail_i(b_fail),
      .b_fail0_i(fail0), .b_fail1_i(fail1), .fence_fail_i(fence_failed), .fence_fail_data_i(fence_fail),
      .stream_fail_i(fails), .stream_fail_data_i(stream), .wait_failed_i(wait_failed_q), .wait_fail_i(wait_fail),
      .decode_fail_i(decode_fail), .late_i(late_i), .late_fail_i(late_fail), .stop_o(stop), .flush_o(flush),
      .home_o(home), .go_o(go), .rewind_o(rewind), .rewind_index_o(rewind_index), .head_o(head), .advance_o(advance),
      .retired_o(retired), .retired_link_o(retired_link), .retired_bytes_o(bytes), .error_o(error), .hung_o(hung),
      .error_rise_o(error_rise), .error_data_o(error_data), .error_tag_o(error_tag));

  // ------------------------------------------------------------------ memory
  logic started_q = 1'b0;
  // Descriptors that were asked for, the oldest lowest: their indices.
  logic [11:0] asked_q;
  logic [2:0] asked_count_q, asked_count_d;
  logic taken;
  assign taken = arvalid[0] & arready_i;
  assign asked_count_d = asked_count_q - 3'(rvalid_i);
  always_comb begin
    sent = '0;
    sent.opcode = {4'd0, ropcode_i};
    sent.tag = {61'd0, asked_q[2:0]};
    beat_data = sent;
  end

  // ------------------------------------------------------------------ one descriptor
  logic watch_q, finished_q, failed_q, refused_q, its_done, its_fail, pick;
  logic [2:0] before_q, watch_index_q;
  logic [3:0] what_q;
  logic [7:0] code_q;
  logic [2:0] waiting_q;     // accepted or refused, and not retired
  logic [2:0] port_before_q; // of those, of its own port or kind and not answered
  assign pick = retire_push & pick_i & ~watch_q;
  logic ends_kind;           // an answer that counts for its kind
  assign ends_kind = (what_q == 4'd1) ? done[0] : (what_q == 4'd2) ? done[1] : map_done;
  assign its_done = watch_q & ((what_q <= 4'd3 && what_q != 4'd0) ? ends_kind & (port_before_q == '0) & ~finished_q
      : (what_q == 4'd4 || what_q == 4'd5) ? fence_done : wait_done);
  logic its_burst, its_stream, its_fence, its_wait;
  assign its_burst = (b_fail[0] & index0 == {13'd0, watch_index_q}) | (b_fail[1] & index1 == {13'd0, watch_index_q});
  assign its_stream = fails & fails_index == {13'd0, watch_index_q};
  assign its_fence = fence_failed & fence_fail.index == {13'd0, watch_index_q};
  assign its_wait = wait_fails & wait_index_q == watch_index_q;
  assign its_fail = watch_q & (its_burst | its_stream | its_fence | its_wait);

  logic [2:0] same_open;     // unanswered operations of the kind that is decoded now
  always_comb begin
    same_open = '0;
    for (int unsigned i = 0; i < Entries; i++) begin
      if (open_q[i] && map_q[i] == (what == 4'd3) && host_q[i] == (what == 4'd2)) same_open = same_open + 3'd1;
    end
    if (what == 4'd3 ? map_done : what == 4'd2 ? done[1] : done[0]) same_open = same_open - 3'd1;
  end

  logic last_refused_q;      // the last one that was pushed; nothing comes behind it
  logic [2:0] stuck_q, stuck_stop_q;
  logic blamed_q;
  logic [1:0] size_q;
  logic [15:0] head_q, tail_q;
  logic reset_q, resume_q, skip_q, go_q, home_q, error_q, advance_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    size_q <= size_i;
    head_q <= rst_ni ? head : 16'd0;
    tail_q <= tail;
    reset_q <= rst_ni & reset_i & ~home;
    resume_q <= rst_ni & resume_i & ~go & ~home;
    skip_q <= skip_i;
    go_q <= go;
    home_q <= home & rst_ni;
    error_q <= rst_ni & error;
    advance_q <= advance;
    if (!rst_ni) begin
      open_q <= '0;
      sent_q <= '0;
      in_q <= '0;
      next_q <= '0;
      abort_q <= 1'b0;
      quiet_q <= 1'b0;
      fence_sent_q <= 1'b0;
      next_begun_q <= 1'b0;
      last_failed_q <= 1'b0;
      blamed_q <= 1'b0;
      wait_busy_q <= 1'b0;
      wait_failed_q <= 1'b0;
      asked_count_q <= '0;
      watch_q <= 1'b0;
      waiting_q <= '0;
      last_refused_q <= 1'b0;
      stuck_q <= '0;
      stuck_stop_q <= '0;
    end else begin
      asked_count_q <= asked_count_d + (taken ? 3'(arlen) + 3'd1 : 3'd0);
      if (rvalid_i) asked_q <= asked_q >> 3;
      if (taken) begin
        for (int unsigned i = 0; i < 4; i++) begin
          if (3'(i) >= asked_count_d) asked_q[i*3+:3] <= araddr[8:6] + 3'(i) - asked_count_d;
        end
      end

      if (op_push) begin
        open_q[in_q] <= 1'b1;
        sent_q[in_q] <= 1'b0;
        host_q[in_q] <= what == 4'd2;
        map_q[in_q] <= what == 4'd3;
        index_q[in_q*3+:3] <= index[2:0];
        in_q <= in_q + 2'd1;
      end
      if (sends) begin
        sent_q[next_q] <= 1'b1;
        if (map_q[next_q]) open_q[next_q] <= 1'b0;
        next_q <= next_q + 2'd1;
      end
      if (done[0]) open_q[old0] <= 1'b0;
      if (done[1]) open_q[old1] <= 1'b0;
      if (fails) abort_q <= 1'b1;
      quiet_q <= (quiet_q | (stop & drained)) & ~flush;

      fence_sent_q <= (fence_sent_q & ~fence_b_i) | (fence_valid & fence_taken_i);
      if (wait_) begin
        wait_busy_q <= 1'b1;
        wait_index_q <= index[2:0];
      end else if (wait_done || flush) begin
        wait_busy_q <= 1'b0;
      end
      wait_failed_q <= (wait_failed_q | wait_fails) & ~flush;
      next_begun_q <= next_begun & ~sends & ~flush;
      last_failed_q <= (last_failed_q | fails_last) & ~flush;
      blamed_q <= error_rise & watch_q & failed_q & (before_q == '0);
      if (flush) begin
        open_q <= '0;
        sent_q <= '0;
        in_q <= '0;
        next_q <= '0;
        abort_q <= 1'b0;
      end

      last_refused_q <= ~flush & (last_refused_q | (retire_push & ~accept));
      waiting_q <= flush ? 3'd0 : waiting_q + 3'(retire_push) - 3'(retired);
      if (pick) begin
        watch_q <= ~flush;
        watch_index_q <= index[2:0];
        what_q <= what;
        refused_q <= ~accept;
        finished_q <= 1'b0;
        failed_q <= 1'b0;
        before_q <= waiting_q - 3'(retired);
        port_before_q <= same_open;
      end else begin
        if (flush || (retired && before_q == '0)) watch_q <= 1'b0;
        if (retired) before_q <= before_q - 3'd1;
        if (ends_kind && port_before_q != '0) port_before_q <= port_before_q - 3'd1;
        if (its_done) finished_q <= 1'b1;
        if (its_fail && !failed_q) begin
          failed_q <= 1'b1;
          code_q <= (its_burst | its_fence) ? dma_pkg::ERROR_WRITE : its_stream ? dma_pkg::ERROR_READ
              : dma_pkg::ERROR_SEM_TIMEOUT;
        end
      end
      // Stopped by a failure with nothing under way: an error.
      stuck_stop_q <= (stop && drained && !error && !retired) ? stuck_stop_q + 3'(stuck_stop_q != 3'd7) : 3'd0;
      stuck_q <= (enable_i && bus_master_i && arready_i && (asked_count_q == '0) && (open_q == '0) && fence_idle && !wait_busy_q
                  && !stop && (tail != head || waiting_q != '0) && !retired && !retire_push && !taken)
          ? stuck_q + 3'(stuck_q != 3'd7) : 3'd0;
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    m_size: assume (size_i != 2'd3);
    if (started_q) m_constant: assume (size_i == size_q);
    m_r: assume (!rvalid_i || asked_count_q != '0);
    // dma_channel_regs: commands are held until they are done, RESUME and SKIP are taken when there is an error; software
    // moves TAIL forward, not over HEAD.
    if (started_q && rst_ni) begin
      m_reset_held: assume (!reset_q || reset_i);
      m_resume: assume ((!resume_q || resume_i) && (!resume_i || resume_q || (error_q && error && !go_q)));
      m_skip: assume (!resume_q || skip_i == skip_q);
      m_home: assume (!home_q || tail_i == '0);
      m_tail: assume (home_q || ((tail - head_q) & mask) >= ((tail_q - head_q) & mask));
      m_reset_once: assume (!(home_q && reset_i));
    end
    if (!started_q || !rst_ni) m_tail_0: assume (tail_i == '0);
    // The watch for answers that do not come looks at what is there.
    m_late: assume (!late_i || asked_count_q != '0 || open_q != '0 || !fence_idle || wait_busy_q);
    m_fence: assume (!fence_b_i || fence_sent_q);
  end

  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      // The ring.
      a_asked: assert (!taken || 32'(asked_count_q) + 32'(arlen) + 32'd1 <= 32'd4);
      a_in_ring: assert (!arvalid[0] || araddr[63:6] + 58'(arlen) <= 58'(mask));
      a_its_descriptor: assert (!desc_pop || (desc.tag == {48'd0, index}));
      a_not_past_tail: assert (!(accept || desc_pop) || ((tail - index) & mask) != 16'd0);
      a_place: assert (error || ((index - head) & mask) == 16'(waiting_q) - 16'(last_refused_q));
      a_head: assert (!advance || head != tail);
      a_by_one: assert (!advance || !home);
      a_still: assert (head == head_q || home_q || (advance_q && head == ((head_q + 16'd1) & mask)));
      // After stop.
      a_nothing_new: assert (!stop || !(accept || desc_pop || op_push || single || wait_));
      a_error_holds: assert (!(error && !home) || !retired);
      a_stays_stopped: assert (!error_q || error || go_q || home_q);
      // One descriptor.
      a_retires: assert (!(retired && watch_q && before_q == '0)
                         || (!refused_q && !failed_q && (what_q == 4'd0 || finished_q || its_done)));
      a_error_is_heads: assert (!(error && !error_q) || (error_data.index == head && error_data.code != dma_pkg::ERROR_NONE));
      a_its_error: assert (!blamed_q || error_data.code == code_q || error_data.code == dma_pkg::ERROR_TIMEOUT);
      a_stops: assert (!(watch_q && before_q == '0 && (failed_q || refused_q) && drained && !reset_i && !error) || error_rise);
      a_no_hang: assert (!(stop && drained && !(stuck_stop_q < 3'd4)));
      a_rise_once: assert (!(error_rise && error));
      a_flush: assert (!flush || (stop && drained));
      a_go: assert (!go || (rewind_index == head) || (skip_i && rewind_index == ((head + 16'd1) & mask)));
      a_goes_on: assert (stuck_q < 3'd4);
      c_error: cover (error && watch_index_q == 3'd1 && head == 16'd1);
      c_retired: cover (retired && watch_q && before_q == '0 && what_q == 4'd2 && waiting_q == 3'd4);
      c_again: cover (go_q && skip_q && head == 16'd2);
    end
  end
endmodule
