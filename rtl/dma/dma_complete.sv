// SPDX-License-Identifier: Apache-2.0
// Retirement in ring order, and what happens on an error or a reset: stop, drain, flush.
//
// Timing: last B of a copy in t, HEAD past it in t+2 when it is the oldest; one descriptor per cycle.
// stop_o rises in the cycle after the first failure was seen; from then on no burst starts. When nothing is in flight
// and everything older than the failure has retired, flush_o is 1 for one cycle and the error is latched. Of several
// failures the one of the oldest descriptor counts, and of one descriptor the first seen.
module dma_complete #(
    parameter int unsigned Depth = 128  // descriptors between decode and retirement
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 reset_i,   // CH_CTRL.RESET is set; held until home_o
    input  logic                 drained_i, // nothing in flight on any port; counts while stop_o
    input  logic [57:0]          ring_base_i,
    input  logic [15:0]          ring_mask_i,

    input  logic                 push_i,
    input  dma_job_pkg::retire_t push_data_i,
    output logic                 full_o,
    output logic                 empty_o,

    input  logic [1:0]           copy_done_i,  // per port
    input  logic                 fence_done_i,
    input  logic [1:0]           b_fail_i,
    input  dma_job_pkg::fail_t   b_fail0_i,
    input  dma_job_pkg::fail_t   b_fail1_i,
    input  logic                 fence_fail_i,
    input  dma_job_pkg::fail_t   fence_fail_data_i,
    input  logic                 stream_fail_i,
    input  dma_job_pkg::fail_t   stream_fail_data_i,
    input  dma_job_pkg::fail_t   decode_fail_i,

    output logic                 stop_o,
    output logic                 flush_o,
    output logic                 home_o,       // with flush_o: the reset is done
    output logic [15:0]          head_o,
    output logic                 retired_o,    // one descriptor, in this cycle
    output logic [32:0]          retired_bytes_o,
    output logic                 error_o,      // stopped on an error
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

  logic [CountWidth-1:0] done0_q, done1_q;  // copies answered and not yet retired, per port
  logic fence_done_q;
  logic [15:0] head_q;
  logic error_q, fail_q, refused, failing, copy_ready, finish;
  dma_job_pkg::fail_t fail_data_q, fail_data_d, error_data_q;
  logic fail_d;
  logic [1:0] copy_pop;
  logic [63:0] error_tag_q;

  // The oldest failure.
  function automatic logic [15:0] age(input logic [15:0] index, input logic [15:0] from, input logic [15:0] mask);
    age = (index - from) & mask;
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
    if (fence_fail_i && !fail_d) begin
      fail_d = 1'b1;
      fail_data_d = fence_fail_data_i;
    end
    if (stream_fail_i && !fail_d) begin
      fail_d = 1'b1;
      fail_data_d = stream_fail_data_i;
    end
  end

  assign refused = ~empty_o & (head.kind == dma_job_pkg::RETIRE_ERROR);
  assign failing = fail_q & ~empty_o & (fail_data_q.index == head_q);
  assign copy_ready = head.dst_host ? (done1_q != '0) : (done0_q != '0);
  assign pop = ~empty_o & ~failing & ~flush_o &
      ((head.kind == dma_job_pkg::RETIRE_NOP) |
       ((head.kind == dma_job_pkg::RETIRE_COPY) & copy_ready) |
       ((head.kind == dma_job_pkg::RETIRE_FENCE) & (fence_done_i | fence_done_q)));

  assign copy_pop = {2{pop & (head.kind == dma_job_pkg::RETIRE_COPY)}} & {head.dst_host, ~head.dst_host};

  assign stop_o = fail_q | refused | reset_i | error_q;
  assign finish = (fail_q | refused | reset_i) & drained_i & (reset_i | refused | failing);
  assign flush_o = finish;
  assign home_o = finish & reset_i;
  assign error_rise_o = finish & ~reset_i;
  assign retired_o = pop;
  assign retired_bytes_o = (head.kind == dma_job_pkg::RETIRE_COPY) ? {1'b0, head.length} + 33'd1 : 33'd0;
  assign head_o = head_q;
  assign error_o = error_q;
  assign error_data_o = error_data_q;
  assign error_tag_o = error_tag_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= 16'd0;
      error_q <= 1'b0;
      fail_q <= 1'b0;
      fence_done_q <= 1'b0;
      error_data_q <= '0;
      error_tag_q <= 64'd0;
      done0_q <= '0;
      done1_q <= '0;
    end else begin
      fail_q <= fail_d & ~flush_o;
      fence_done_q <= (fence_done_q | fence_done_i) & ~pop & ~flush_o;
      if (home_o) head_q <= 16'd0;
      else if (pop) head_q <= (head_q + 16'd1) & ring_mask_i;
      if (flush_o) begin
        done0_q <= '0;
        done1_q <= '0;
      end else begin
        done0_q <= done0_q + CountWidth'(copy_done_i[0]) - CountWidth'(copy_pop[0]);
        done1_q <= done1_q + CountWidth'(copy_done_i[1]) - CountWidth'(copy_pop[1]);
      end
      if (home_o) begin
        error_q <= 1'b0;
        error_data_q <= '0;
        error_tag_q <= 64'd0;
      end else if (error_rise_o) begin
        error_q <= 1'b1;
        error_data_q <= refused ? decode_fail_i : fail_data_q;
        // BUS_MASTER noticed on the way names the descriptor, as the decoder does.
        if (!refused && fail_data_q.code == dma_pkg::ERROR_BUS_MASTER)
          error_data_q.addr <= {ring_base_i + {42'd0, head_q}, 6'd0};
        error_tag_q <= head.tag;
      end
    end
    fail_data_q <= fail_data_d;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_not_after_error : assert (!error_q || !push_i);
      assert_fence_oldest : assert (!fence_done_i || head.kind == dma_job_pkg::RETIRE_FENCE);
    end
  end
endmodule
