// SPDX-License-Identifier: Apache-2.0
// Writes of software in the cycle in which the channel changes the same register, and writes that are ignored.
module dma_channel_regs_points (
    input logic clk_i,
    input logic rst_ni,
    input logic control,
    input logic doorbell,
    input logic base,
    input logic ring,
    input logic segment,
    input logic wb_cfg,
    input logic wb_addr,
    input logic resets,
    input logic enables,
    input logic resumes,
    input logic skips,
    input logic home_i,
    input logic go_i,
    input logic idle_i,
    input logic error_i,
    input logic reset_q,
    input logic resume_q,
    input logic skip_q,
    input logic run_q,
    input logic wb_failed_i,
    input logic wb_failed_q,
    input logic wb_enable,
    input logic wb_nowhere,
    input logic retired_i,
    input logic too_large,
    input logic smallest
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // commands
      c_reset: cover (reset_q);
      c_resume: cover (resume_q && !skip_q);
      c_skip: cover (skip_q && !resume_q);
      c_resume_and_skip: cover (resume_q && skip_q);
      c_reset_with_resume: cover (reset_q && (resume_q || skip_q));
      c_reset_as_one_ends: cover (control && resets && home_i);
      c_disable_as_reset_ends: cover (control && !enables && !resets && home_i);
      c_resume_as_reset_ends: cover (control && resumes && home_i);
      c_command_as_one_begins: cover (control && (resumes || skips) && go_i);
      c_reset_as_command_begins: cover (control && resets && go_i);
      c_disable_as_command_begins: cover (control && !enables && go_i);
      c_skip_behind_resume: cover (control && skips && error_i && resume_q && !go_i);
      c_command_without_error: cover (control && (resumes || skips) && !error_i);
      c_enable: cover (control && enables && !run_q);
      c_disable: cover (control && !enables && run_q);
      // the doorbell
      c_doorbell_as_reset_ends: cover (doorbell && home_i);
      c_doorbell_behind_reset: cover (doorbell && reset_q && !home_i);
      c_doorbell_as_one_retires: cover (doorbell && retired_i);
      c_doorbell_as_command_begins: cover (doorbell && go_i);
      // frozen
      c_base_while_busy: cover (base && !idle_i);
      c_ring_while_busy: cover (ring && !idle_i);
      c_segment_while_busy: cover (segment && !idle_i);
      c_place_while_written_back: cover (wb_addr && wb_enable);
      // the write-back
      c_write_back_fails: cover (wb_failed_i);
      c_write_back_set_as_it_fails: cover (wb_cfg && wb_failed_i);
      c_write_back_set_behind_failure: cover (wb_cfg && wb_failed_q);
      c_write_back_to_no_memory: cover (wb_nowhere);
      // sizes
      c_ring_too_large: cover (too_large);
      c_ring_of_one: cover (smallest);
    end
  end
endmodule

bind dma_channel_regs dma_channel_regs_points i_points (
    .clk_i, .rst_ni, .control(write_i && waddr_i == 5'(dma_pkg::CH_CTRL_OFFSET >> 3) && wmask_i[0]),
    .doorbell(write_i && waddr_i == 5'(dma_pkg::CH_HEAD_OFFSET >> 3) && wmask_i[32]),
    .base(write_i && waddr_i == 5'(dma_pkg::CH_RING_BASE_OFFSET >> 3)),
    .ring(write_i && waddr_i == 5'(dma_pkg::CH_RING_CFG_OFFSET >> 3) && wmask_i[0]),
    .segment(write_i && waddr_i == 5'(dma_pkg::CH_RING_SEG_OFFSET >> 3)),
    .wb_cfg(write_i && waddr_i == 5'(dma_pkg::CH_COALESCE_OFFSET >> 3) && wmask_i[32]),
    .wb_addr(write_i && waddr_i == 5'(dma_pkg::CH_WB_ADDR_OFFSET >> 3)), .resets(wdata_i[1]), .enables(wdata_i[0]),
    .resumes(wdata_i[2]), .skips(wdata_i[3]), .home_i, .go_i, .idle_i, .error_i, .reset_q, .resume_q, .skip_q, .run_q,
    .wb_failed_i, .wb_failed_q, .wb_enable(wb_q.enable), .wb_nowhere(wb_q.enable && !wb_enable_o), .retired_i,
    .too_large(ring_q.size_log2 > 5'd16), .smallest(ring_q.size_log2 == 5'd0 && run_q && tail_q != 16'd0));
