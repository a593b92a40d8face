// SPDX-License-Identifier: Apache-2.0
// Completion write-back: writes CH_FENCE and then HEAD to memory when they have changed, one round at a time, and holds
// interrupts of fences back until the round that tells of them was answered.
//
// Timing: a change in t is offered to the write side in t+2; the second write is offered 1 cycle after the answer to
// the first. Without write-back interrupts pass at once. An answer with an error is reported by failed_o, one cycle.
module dma_writeback (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 enable_i,
    input  logic                 hold_i,  // start no round
    input  logic                 host_i,
    input  logic [59:0]          addr_i,  // address / 16
    input  logic                 bus_master_i,
    input  logic [15:0]          head_i,
    input  logic                 error_i,
    input  logic [63:0]          fence_i,
    input  logic                 irq_i,   // a write with INTERRUPT was answered; fence_i and, soon, head_i tell
    output logic [7:0]           irq_o,   // so many may be told now

    output logic                 write_valid_o,
    input  logic                 write_ready_i,
    output dma_job_pkg::single_t write_o,
    input  logic [1:0]           bvalid_i,  // answers to these writes only
    input  logic [3:0]           bresp_i,
    output logic                 idle_o,    // no round under way
    output logic                 due_o,     // one is wanted and may go
    output logic                 failed_o,
    output dma_job_pkg::fail_t   late_o     // what to report when no answer comes
);
  logic round_q, second_q, want_q, wait_q, fresh_q, error_q, error_snap_q, able, dirty, start, answer, ok, end_round;
  logic host_q;
  logic [15:0] head_q;   // as written, or being written
  logic [59:0] addr_q;
  logic [63:0] fence_q;
  logic [7:0] held_q, told_q;  // interrupts that wait for a round; that the round under way tells of

  assign able = enable_i & (~host_i | bus_master_i);
  assign dirty = ~fresh_q | (head_i != head_q) | (error_i != error_snap_q) | (fence_i != fence_q) | (held_q != 8'd0);
  assign due_o = able & dirty;
  assign start = due_o & ~round_q & ~hold_i;
  assign answer = wait_q & (bvalid_i != 2'b00);
  assign ok = (bvalid_i[1] ? bresp_i[3:2] : bresp_i[1:0]) == 2'b00;
  assign end_round = answer & (second_q | ~ok);
  assign failed_o = answer & ~ok;
  assign late_o = {head_i, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_DST, 2'b00, addr_q, second_q ? 4'd0 : 4'd8};
  assign idle_o = ~round_q;
  assign write_valid_o = want_q;
  assign write_o = {21'd0, host_q, addr_q, second_q ? 4'd0 : 4'd8, second_q ? {47'd0, error_q, head_q} : fence_q, 8'hff, 3'd3};
  assign irq_o = end_round ? told_q : able ? 8'd0 : held_q + 8'(irq_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      round_q <= 1'b0;
      want_q <= 1'b0;
      wait_q <= 1'b0;
      fresh_q <= 1'b0;
      held_q <= 8'd0;
      told_q <= 8'd0;
    end else begin
      round_q <= start | (round_q & ~end_round);
      want_q <= start | (answer & ~end_round) | (want_q & ~write_ready_i);
      wait_q <= (want_q & write_ready_i) | (wait_q & ~answer);
      if (!enable_i) fresh_q <= 1'b0;
      else if (start) fresh_q <= 1'b1;
      if (start) begin
        held_q <= 8'(irq_i);
        told_q <= held_q;
      end else if (!able && !end_round) begin
        held_q <= 8'd0;
      end else if (irq_i && held_q != 8'hff) begin
        held_q <= held_q + 8'd1;
      end
    end
    if (start) begin
      second_q <= 1'b0;
      host_q <= host_i;
      addr_q <= addr_i;
      head_q <= head_i;
      error_q <= error_i;
      error_snap_q <= error_i;
      fence_q <= fence_i;
    end else if (answer) begin
      second_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_answer : assert (bvalid_i == 2'b00 || wait_q);
      assert_round : assert (!(want_q | wait_q) || round_q);
    end
  end
endmodule
