// SPDX-License-Identifier: Apache-2.0
// The registers of one channel (docs/registers-dma.md, CH_*), at offset 0 here.
//
// Timing: a write takes effect in the cycle after write_i; rdata_o is combinational from raddr_i. Ring base, size,
// place and first segment are frozen while the channel is busy.
module dma_channel_regs (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               write_i,
    input  logic [4:0]         waddr_i,  // 8-byte words of the channel's 100h bytes
    input  logic [63:0]        wdata_i,
    input  logic [63:0]        wmask_i,
    input  logic [4:0]         raddr_i,
    output logic [63:0]        rdata_o,

    output logic               enable_o,
    output logic               reset_o,      // held until home_i
    output logic               resume_o,     // held until go_i
    output logic               skip_o,
    output logic [57:0]        ring_base_o,
    output logic [15:0]        ring_mask_o,
    output logic [2:0]         ring_space_o,
    output logic [16:0]        ring_count_o,
    output logic [15:0]        tail_o,
    output logic [7:0]         weight_o,
    output logic               high_o,
    output logic [7:0]         coalesce_count_o,
    output logic [23:0]        coalesce_cycles_o,
    output logic               wb_enable_o,
    output logic               wb_host_o,
    output logic [59:0]        wb_addr_o,    // address / 16

    input  logic               home_i,
    input  logic               go_i,
    input  logic               idle_i,
    input  logic               waiting_i,
    input  logic               hung_i,
    input  logic [15:0]        head_i,
    input  logic               error_i,
    input  dma_job_pkg::fail_t error_data_i,
    input  logic [63:0]        error_tag_i,
    input  logic [63:0]        fence_value_i,
    input  logic               wb_failed_i,
    input  logic               retired_i,
    input  logic [63:0]        retired_bytes_i,
    output logic [63:0]        bytes_o,
    output logic [63:0]        descriptors_o
);
  dma_pkg::ch_ring_base_t base_q;
  dma_pkg::ch_ring_cfg_t ring_q;
  dma_pkg::ch_cfg_t cfg_q;
  dma_pkg::ch_ring_seg_t seg_q;
  dma_pkg::ch_coalesce_t coalesce_q;
  dma_pkg::ch_wb_cfg_t wb_q;
  dma_pkg::ch_wb_addr_t wb_addr_q;
  dma_pkg::ch_ctrl_t ctrl;
  dma_pkg::ch_status_t status;
  dma_pkg::ch_err_info_t err_info;
  logic [15:0] tail_q;
  logic run_q, reset_q, resume_q, skip_q, wb_failed_q;
  logic [63:0] bytes_q, descriptors_q;

  // ---------------------------------------------------------------- reads
  assign ctrl = {28'd0, skip_q, resume_q, reset_q, run_q};
  assign status = {27'd0, wb_failed_q, hung_i, waiting_i, error_i, idle_i};
  assign err_info = {error_data_i.index, 4'd0, error_data_i.resp, error_data_i.operand, error_data_i.code};
  always_comb begin
    unique case ({4'd1, raddr_i, 3'd0})
      dma_pkg::CH_CTRL_OFFSET: rdata_o = {status, ctrl};
      dma_pkg::CH_RING_BASE_OFFSET: rdata_o = base_q;
      dma_pkg::CH_RING_CFG_OFFSET: rdata_o = {cfg_q, ring_q};
      dma_pkg::CH_HEAD_OFFSET: rdata_o = {16'd0, tail_q, 16'd0, head_i};
      dma_pkg::CH_ERR_INFO_OFFSET: rdata_o = {32'd0, err_info};
      dma_pkg::CH_ERR_ADDR_OFFSET: rdata_o = error_data_i.addr;
      dma_pkg::CH_ERR_TAG_OFFSET: rdata_o = error_tag_i;
      dma_pkg::CH_FENCE_OFFSET: rdata_o = fence_value_i;
      dma_pkg::CH_COALESCE_OFFSET: rdata_o = {wb_q, coalesce_q};
      dma_pkg::CH_WB_ADDR_OFFSET: rdata_o = wb_addr_q;
      dma_pkg::CH_RING_SEG_OFFSET: rdata_o = {32'd0, seg_q};
      dma_pkg::CH_CNT_BYTES_OFFSET: rdata_o = bytes_q;
      dma_pkg::CH_CNT_DESCRIPTORS_OFFSET: rdata_o = descriptors_q;
      default: rdata_o = 64'd0;
    endcase
  end

  // ---------------------------------------------------------------- writes: merged into the 64-bit word
  logic [63:0] new_base, new_ring, new_tail, new_coalesce, new_wb_addr, new_seg;
  logic [15:0] mask;
  assign new_base = (base_q & ~wmask_i) | (wdata_i & wmask_i);
  assign new_ring = ({cfg_q, ring_q} & ~wmask_i) | (wdata_i & wmask_i);
  assign new_tail = ({16'd0, tail_q, 32'd0} & ~wmask_i) | (wdata_i & wmask_i);
  assign new_coalesce = ({wb_q, coalesce_q} & ~wmask_i) | (wdata_i & wmask_i);
  assign new_wb_addr = (wb_addr_q & ~wmask_i) | (wdata_i & wmask_i);
  assign new_seg = ({32'd0, seg_q} & ~wmask_i) | (wdata_i & wmask_i);
  // Sizes beyond 2^16 act as 2^16.
  assign mask = (ring_q.size_log2 > 5'd16) ? 16'hffff : ~(16'hffff << ring_q.size_log2);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      base_q <= '0;
      ring_q <= '0;
      cfg_q <= '0;
      seg_q <= '0;
      coalesce_q <= '0;
      wb_q <= '0;
      wb_addr_q <= '0;
      tail_q <= 16'd0;
      run_q <= 1'b0;
      reset_q <= 1'b0;
      resume_q <= 1'b0;
      skip_q <= 1'b0;
      wb_failed_q <= 1'b0;
      bytes_q <= 64'd0;
      descriptors_q <= 64'd0;
    end else begin
      if (home_i) begin
        reset_q <= 1'b0;
        tail_q <= 16'd0;
      end
      if (home_i | go_i) begin
        resume_q <= 1'b0;
        skip_q <= 1'b0;
      end
      if (write_i) begin
        unique case ({4'd1, waddr_i, 3'd0})
          dma_pkg::CH_CTRL_OFFSET: begin
            if (wmask_i[0]) begin
              run_q <= wdata_i[0];
              if (wdata_i[1]) reset_q <= 1'b1;
              // Nothing is left to go on with when a command or the reset ends in this cycle.
              if (wdata_i[2] && error_i && !go_i && !home_i) resume_q <= 1'b1;
              if (wdata_i[3] && error_i && !go_i && !home_i) skip_q <= 1'b1;
            end
          end
          dma_pkg::CH_RING_BASE_OFFSET: if (idle_i) base_q <= {new_base[63:6], 6'd0};
          dma_pkg::CH_RING_CFG_OFFSET: begin
            if (idle_i) ring_q <= {21'd0, new_ring[10:8], 3'd0, new_ring[4:0]};
            cfg_q <= {23'd0, new_ring[40:32]};
          end
          dma_pkg::CH_HEAD_OFFSET: if (!reset_q) tail_q <= new_tail[47:32];
          dma_pkg::CH_COALESCE_OFFSET: begin
            coalesce_q <= new_coalesce[31:0];
            if (wmask_i[63:32] != 32'd0) begin
              wb_q <= {21'd0, new_coalesce[42:40], 7'd0, new_coalesce[32]};
              wb_failed_q <= 1'b0;
            end
          end
          dma_pkg::CH_WB_ADDR_OFFSET: if (!wb_q.enable) wb_addr_q <= {new_wb_addr[63:4], 4'd0};
          dma_pkg::CH_RING_SEG_OFFSET: if (idle_i) seg_q <= {15'd0, new_seg[16:0]};
          default: ;
        endcase
      end
      // The round that has failed is not repeated, so a write in the same cycle must not hide it.
      if (wb_failed_i) begin
        wb_failed_q <= 1'b1;
        wb_q.enable <= 1'b0;
      end
      bytes_q <= bytes_q + retired_bytes_i;
      if (retired_i) descriptors_q <= descriptors_q + 64'd1;
    end
  end

  assign enable_o = run_q;
  assign reset_o = reset_q;
  assign resume_o = resume_q;
  assign skip_o = skip_q;
  assign ring_base_o = base_q.base;
  assign ring_mask_o = mask;
  assign ring_space_o = ring_q.space;
  assign ring_count_o = seg_q.count;
  assign tail_o = tail_q & mask;
  assign weight_o = cfg_q.weight;
  assign high_o = cfg_q.high;
  assign coalesce_count_o = coalesce_q.count;
  assign coalesce_cycles_o = coalesce_q.cycles;
  assign wb_enable_o = wb_q.enable & (wb_q.space == dma_pkg::SPACE_VRAM | wb_q.space == dma_pkg::SPACE_LOGICAL);
  assign wb_host_o = wb_q.space == dma_pkg::SPACE_LOGICAL;
  assign wb_addr_o = wb_addr_q.addr;
  assign bytes_o = bytes_q;
  assign descriptors_o = descriptors_q;

  logic unused;
  assign unused = ^{new_base[5:0], new_ring[63:41], new_ring[31:11], new_ring[7:5], new_tail[63:48], new_tail[31:0],
                    new_coalesce[63:43], new_coalesce[39:33], new_wb_addr[3:0], new_seg[63:17]};
endmodule
