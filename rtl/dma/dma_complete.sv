// SPDX-License-Identifier: Apache-2.0
// Retirement in ring order, and what happens on an error, a command or a reset: stop, drain, flush, go on.
//
// Timing: last B of an operation in t, HEAD past it in t+2 when it is the oldest; one descriptor per cycle.
// stop_o rises in the cycle after the first failure was seen; from then on no burst starts. When nothing is in flight
// and everything older than the failure has retired, flush_o is 1 for one cycle and the error is latched. Of several
// failures the one of the oldest descriptor counts, and of one descriptor the first seen. A time-out (late_i) latches
// at once, and the flush follows when the answers have come; RESUME, SKIP and RESET wait for that.
module dma_complete #(
    parameter int unsigned Depth = 128  // descriptors between decode and retirement
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 reset_i,   // CH_CTRL.RESET is set; held until home_o
    input  logic                 resume_i,  // CH_CTRL.RESUME or SKIP; held until go_o
    input  logic                 skip_i,    // with resume_i: go on behind HEAD
    input  logic                 drained_i, // nothing in flight on any port; counts while stop_o
    input  logic [57:0]          head_base_i, // descriptor i stands at this + i
    input  logic [15:0]          ring_mask_i,

    input  logic                 push_i,
    input  dma_job_pkg::retire_t push_data_i,
    output logic                 full_o,
    output logic                 empty_o,

    input  logic [1:0]           op_done_i,  // per destination port
    input  logic                 map_done_i,
    input  logic                 fence_done_i,
    input  logic                 wait_done_i,
    input  logic [1:0]           b_fail_i,
    input  dma_job_pkg::fail_t   b_fail0_i,
    input  dma_job_pkg::fail_t   b_fail1_i,
    input  logic                 fence_fail_i,
    input  dma_job_pkg::fail_t   fence_fail_data_i,
    input  logic                 stream_fail_i,
    input  dma_job_pkg::fail_t   stream_fail_data_i,
    input  logic                 wait_failed_i,  // held until flush_o
    input  dma_job_pkg::fail_t   wait_fail_i,
    input  dma_job_pkg::fail_t   decode_fail_i,
    input  logic                 late_i,
    input  dma_job_pkg::fail_t   late_fail_i,

    output logic                 stop_o,
    output logic                 flush_o,
    output logic                 home_o,       // with flush_o: the reset is done
    output logic                 go_o,         // RESUME or SKIP is done
    output logic                 rewind_o,     // decode goes on at rewind_index_o
    output logic [15:0]          rewind_index_o,
    output logic [15:0]          head_o,
    output logic                 advance_o,    // HEAD moves on, by one
    output logic                 retired_o,    // one descriptor, in this cycle
    output logic                 retired_link_o,
    output logic [65:0]          retired_bytes_o,  // of one retired two cycles before
    output logic                 error_o,      // stopped on an error
    output logic                 hung_o,       // and not everything has been answered
    output logic                 error_rise_o,
    output dma_job_pkg::fail_t   error_data_o,
    output logic [63:0]          error_tag_o
);
  localparam int unsigned CountWidth = $clog2(Depth + 1);

  dma_job_pkg::retire_t head;
  logic pop;
  fifo #(.Width(dma_job_pkg::RETIRE_WIDTH), .Depth(Depth)) u_retire (
      .clk_i, .rst_ni, .flush_i(flush_o),
      .push_i, .data_i(push_data_i), .full_o,
      .pop_i(pop), .data_o(head), .empty_o
  );

  logic [CountWidth-1:0] done0_q, done1_q;  // operations answered and not yet retired, per port
  logic [CountWidth-1:0] waits_q, maps_q;  // the same of semaphore waits, of aperture operations
  logic fence_done_q;
  logic [15:0] head_q, next;
  logic error_q, hung_q, fail_q, refused, wait_bad, failing, blame, op_ready, latch, late;
  dma_job_pkg::fail_t fail_data_q, fail_data_d, error_data_q;
  logic fail_d, is_op, is_wait, is_map, wait_pop, map_pop;
  logic [1:0] op_pop;
  logic [63:0] error_tag_q;

  // The oldest failure.
  function automatic logic [15:0] age(input logic [15:0] which, input logic [15:0] from, input logic [15:0] mask);
    age = (which - from) & mask;
  endfunction

  always_comb begin
    fail_d = fail_q;
    fail_data_d = fail_data_q;
    if (b_fail_i[0] && (!fail_d || age(b_fail0_i.index, head_q, ring_mask_i) <
                        age(fail_data_d.index, head_q, ring_mask_i))) begin
      fail_d = 1'b1;
      fail_data_d = b_fail0_i;
    end
    if (b_fail_i[1] && (!fail_d || age(b_fail1_i.index, head_q, ring_mask_i) <
                        age(fail_data_d.index, head_q, ring_mask_i))) begin
      fail_d = 1'b1;
      fail_data_d = b_fail1_i;
    end
    // A fence, signal or timestamp is begun when everything before it has retired: nothing that failed is older.
    if (fence_fail_i) begin
      fail_d = 1'b1;
      fail_data_d = fence_fail_data_i;
    end
    // The write stream is in order and behind all bursts that were answered.
    if (stream_fail_i && !fail_q && b_fail_i == 2'b00 && !fence_fail_i) begin
      fail_d = 1'b1;
      fail_data_d = stream_fail_data_i;
    end
  end

  assign is_op = head.kind == dma_job_pkg::RETIRE_OP;
  assign is_map = head.kind == dma_job_pkg::RETIRE_MAP;
  assign is_wait = head.kind == dma_job_pkg::RETIRE_WAIT;
  assign refused = ~empty_o & (head.kind == dma_job_pkg::RETIRE_ERROR);
  // Nothing is decoded behind a failed wait, so it is the last one that was pushed.
  assign wait_bad = ~empty_o & is_wait & wait_failed_i & (waits_q == '0);
  assign failing = fail_q & ~empty_o & (fail_data_q.index == head_q);
  assign blame = refused | wait_bad | failing;
  assign op_ready = head.dst_host ? (done1_q != '0) : (done0_q != '0);
  assign pop = ~empty_o & ~failing & ~flush_o & ~error_q &
      ((head.kind == dma_job_pkg::RETIRE_NOP) | (head.kind == dma_job_pkg::RETIRE_LINK) | (is_op & op_ready) |
       (is_wait & (waits_q != '0)) | (is_map & (maps_q != '0)) |
       ((head.kind == dma_job_pkg::RETIRE_FENCE) & (fence_done_i | fence_done_q)));
  assign op_pop = {2{pop & is_op}} & {head.dst_host, ~head.dst_host};
  assign wait_pop = pop & is_wait;
  assign map_pop = pop & is_map;

  assign stop_o = fail_q | refused | wait_bad | reset_i | error_q;
  assign latch = blame & drained_i & ~error_q & ~reset_i;
  // Not while HEAD moves: the error names the descriptor at HEAD.
  assign late = late_i & ~error_q & ~reset_i & ~latch & ~pop;
  assign flush_o = drained_i & (reset_i | latch | hung_q);
  assign home_o = flush_o & reset_i;
  assign go_o = error_q & ~hung_q & ~reset_i & resume_i;
  assign error_rise_o = latch | late;
  assign next = (head_q + 16'd1) & ring_mask_i;
  assign rewind_o = home_o | go_o;
  assign rewind_index_o = home_o ? 16'd0 : skip_i ? next : head_q;
  assign advance_o = pop | (go_o & skip_i);
  assign retired_o = pop;
  assign retired_link_o = pop & (head.kind == dma_job_pkg::RETIRE_LINK);
  assign head_o = head_q;
  assign error_o = error_q;
  assign hung_o = hung_q;
  assign error_data_o = error_data_q;
  assign error_tag_o = error_tag_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= 16'd0;
      error_q <= 1'b0;
      hung_q <= 1'b0;
      fail_q <= 1'b0;
      fence_done_q <= 1'b0;
      error_data_q <= '0;
      error_tag_q <= 64'd0;
      done0_q <= '0;
      done1_q <= '0;
      waits_q <= '0;
      maps_q <= '0;
    end else begin
      fail_q <= fail_d & ~flush_o;
      fence_done_q <= (fence_done_q | fence_done_i) & ~pop & ~flush_o;
      if (home_o) head_q <= 16'd0;
      else if (advance_o) head_q <= next;
      if (flush_o) begin
        done0_q <= '0;
        done1_q <= '0;
        waits_q <= '0;
        maps_q <= '0;
      end else begin
        done0_q <= done0_q + CountWidth'(op_done_i[0]) - CountWidth'(op_pop[0]);
        done1_q <= done1_q + CountWidth'(op_done_i[1]) - CountWidth'(op_pop[1]);
        maps_q <= maps_q + CountWidth'(map_done_i) - CountWidth'(map_pop);
        waits_q <= waits_q + CountWidth'(wait_done_i) - CountWidth'(wait_pop);
      end
      hung_q <= (late | hung_q) & ~flush_o;
      if (home_o) begin
        error_q <= 1'b0;
        error_data_q <= '0;
        error_tag_q <= 64'd0;
      end else if (error_rise_o) begin
        error_q <= 1'b1;
        error_data_q <= refused ? decode_fail_i : wait_bad ? wait_fail_i : failing ? fail_data_q : late_fail_i;
        if (!blame) error_data_q.index <= head_q;
        // BUS_MASTER noticed on the way names the descriptor, as the decoder does.
        if (failing && fail_data_q.code == dma_pkg::ERROR_BUS_MASTER ||
            wait_bad && wait_fail_i.code == dma_pkg::ERROR_BUS_MASTER)
          error_data_q.addr <= {head_base_i + {42'd0, head_q}, 6'd0};
        error_tag_q <= empty_o ? 64'd0 : head.tag;
      end else if (go_o) begin
        error_q <= 1'b0;
      end
    end
    fail_data_q <= fail_data_d;
  end

  // Bytes: two multiplications, a register behind each.
  logic payload_q;
  logic [32:0] row_q;
  logic [16:0] rows, slices;
  logic [33:0] rows_q;
  assign rows = {1'b0, head.rows} + 17'd1;
  assign slices = {1'b0, head.slices} + 17'd1;
  always_ff @(posedge clk_i) begin
    payload_q <= rst_ni & pop & is_op & head.payload;
    row_q <= {1'b0, head.length} + 33'd1;
    rows_q <= {17'd0, rows} * {17'd0, slices};
    retired_bytes_o <= payload_q ? {33'd0, row_q} * {32'd0, rows_q} : 66'd0;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_not_after_error : assert (!error_q || !push_i);
      assert_fence_oldest : assert (!fence_done_i || head.kind == dma_job_pkg::RETIRE_FENCE || error_q);
      assert_commands : assert (!go_o || empty_o);
    end
  end
endmodule
