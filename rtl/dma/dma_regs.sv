// SPDX-License-Identifier: Apache-2.0
// BAR 0 (docs/registers-dma.md): AXI4-Lite slave, registers, interrupt causes, counters.
//
// Timing: a write takes effect in the cycle of its W handshake, B in the next; R in the cycle after AR. Always OKAY;
// places without a register read 0 and ignore writes. Ring base, size and place are frozen while the channel is busy.
module dma_regs #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned AddrBits  = 40,
    parameter int unsigned VramBits  = 28,
    parameter int unsigned Reads     = 64
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic [15:0]            source_id_i,

    input  logic                   s_axil_awvalid_i,
    output logic                   s_axil_awready_o,
    input  logic [11:0]            s_axil_awaddr_i,
    input  logic                   s_axil_wvalid_i,
    output logic                   s_axil_wready_o,
    input  logic [63:0]            s_axil_wdata_i,
    input  logic [7:0]             s_axil_wstrb_i,
    output logic                   s_axil_bvalid_o,
    input  logic                   s_axil_bready_i,
    output logic [1:0]             s_axil_bresp_o,
    input  logic                   s_axil_arvalid_i,
    output logic                   s_axil_arready_o,
    input  logic [11:0]            s_axil_araddr_i,
    output logic                   s_axil_rvalid_o,
    input  logic                   s_axil_rready_i,
    output logic [63:0]            s_axil_rdata_o,
    output logic [1:0]             s_axil_rresp_o,

    output logic                   enable_o,
    output logic                   reset_o,      // held until home_i
    output logic [57:0]            ring_base_o,
    output logic [15:0]            ring_mask_o,
    output logic [2:0]             ring_space_o,
    output logic [15:0]            tail_o,
    output logic                   bus_master_o,
    output logic                   msi_on_o,
    output logic [61:0]            msi_addr_o,
    output logic [31:0]            msi_data_o,
    output logic                   msi_rise_o,

    input  logic                   home_i,
    input  logic                   idle_i,
    input  logic [15:0]            head_i,
    input  logic                   error_i,
    input  logic                   error_rise_i,
    input  dma_job_pkg::fail_t     error_data_i,
    input  logic [63:0]            error_tag_i,
    input  logic [63:0]            fence_value_i,
    input  logic                   fence_interrupt_i,
    input  logic                   retired_i,
    input  logic [32:0]            retired_bytes_i
);
  dma_pkg::int_status_t status_q, clear, kept, status_d;
  dma_pkg::int_enable_t enable_q;
  dma_pkg::ch_ring_base_t base_q;
  dma_pkg::ch_ring_cfg_t cfg_q;
  dma_pkg::cfg_msi_addr_t msi_addr_q;
  dma_pkg::cfg_command_t command_q;
  logic [31:0] msi_data_q;
  logic [15:0] tail_q;
  logic run_q, reset_q, msi_on_q;
  logic [63:0] bytes_q, descriptors_q;

  // ---------------------------------------------------------------- AXI4-Lite
  logic write, read;
  logic [63:0] wmask, wdata;
  logic [8:0] waddr, raddr;  // 8-byte words
  assign write = s_axil_awvalid_i & s_axil_wvalid_i & (~s_axil_bvalid_o | s_axil_bready_i);
  assign s_axil_awready_o = write;
  assign s_axil_wready_o = write;
  assign read = s_axil_arvalid_i & (~s_axil_rvalid_o | s_axil_rready_i);
  assign s_axil_arready_o = read;
  assign s_axil_bresp_o = 2'b00;
  assign s_axil_rresp_o = 2'b00;
  assign wdata = s_axil_wdata_i;
  assign waddr = s_axil_awaddr_i[11:3];
  assign raddr = s_axil_araddr_i[11:3];
  always_comb begin
    for (int b = 0; b < 8; b++) wmask[8*b+:8] = {8{s_axil_wstrb_i[b]}};
  end

  // ---------------------------------------------------------------- reads
  dma_pkg::caps_t caps;
  dma_pkg::ch_err_info_t err_info;
  logic [63:0] rdata;
  assign caps = {16'd0, Reads[15:0], 8'(DataWidth / 8), 8'd1, VramBits[7:0], AddrBits[7:0]};
  assign err_info = {error_data_i.index, 4'd0, error_data_i.resp, error_data_i.operand, error_data_i.code};
  always_comb begin
    unique case ({raddr, 3'd0})
      dma_pkg::ID_OFFSET: rdata = {32'h0002_0000, 32'h414D_4447};
      dma_pkg::CAPS_OFFSET: rdata = caps;
      dma_pkg::INT_STATUS_OFFSET: rdata = {enable_q, status_q};
      dma_pkg::CNT_BYTES_OFFSET: rdata = bytes_q;
      dma_pkg::CNT_DESCRIPTORS_OFFSET: rdata = descriptors_q;
      dma_pkg::OPERATIONS_OFFSET: rdata = 64'h103;  // NOP, COPY, FENCE
      dma_pkg::CH_CTRL_OFFSET: rdata = {30'd0, error_i, idle_i, 30'd0, reset_q, run_q};
      dma_pkg::CH_RING_BASE_OFFSET: rdata = base_q;
      dma_pkg::CH_RING_CFG_OFFSET: rdata = {32'd0, cfg_q};
      dma_pkg::CH_HEAD_OFFSET: rdata = {16'd0, tail_q, 16'd0, head_i};
      dma_pkg::CH_ERR_INFO_OFFSET: rdata = {32'd0, err_info};
      dma_pkg::CH_ERR_ADDR_OFFSET: rdata = error_data_i.addr;
      dma_pkg::CH_ERR_TAG_OFFSET: rdata = error_tag_i;
      dma_pkg::CH_FENCE_OFFSET: rdata = fence_value_i;
      dma_pkg::CFG_MSI_ADDR_OFFSET: rdata = msi_addr_q;
      dma_pkg::CFG_MSI_DATA_OFFSET: rdata = {command_q, msi_data_q};
      dma_pkg::CFG_SID_OFFSET: rdata = {48'd0, source_id_i};
      default: rdata = 64'd0;
    endcase
  end

  // ---------------------------------------------------------------- interrupt causes
  // A message per cause that becomes visible: status, enable and message enable all 1 where they were not before. A
  // cause set in the cycle that clears it counts as new.
  logic write_int, msi_on_d;
  logic [1:0] enable_d, seen, seen_before;
  assign write_int = write & ({waddr, 3'd0} == dma_pkg::INT_STATUS_OFFSET);
  assign clear = write_int ? wdata[31:0] & wmask[31:0] & 32'd3 : 32'd0;
  assign kept = status_q & ~clear;
  assign status_d = kept | {30'd0, error_rise_i, fence_interrupt_i};
  assign enable_d =
      write_int ? (enable_q[1:0] & ~wmask[33:32]) | (wdata[33:32] & wmask[33:32]) : enable_q[1:0];
  assign msi_on_d = command_q.bus_master & command_q.msi_enable;
  assign seen = status_d[1:0] & enable_d & {2{msi_on_d}};
  assign seen_before = kept[1:0] & enable_q[1:0] & {2{msi_on_q}};
  assign msi_rise_o = (seen & ~seen_before) != 2'b00;

  // ---------------------------------------------------------------- state
  // Merge a write into a 64-bit word, or keep it.
  logic [63:0] new_base, new_cfg, new_tail, new_msi_addr, new_msi;
  logic [15:0] mask;
  assign new_base = (base_q & ~wmask) | (wdata & wmask);
  assign new_cfg = ({32'd0, cfg_q} & ~wmask) | (wdata & wmask);
  assign new_tail = ({16'd0, tail_q, 32'd0} & ~wmask) | (wdata & wmask);
  assign new_msi_addr = (msi_addr_q & ~wmask) | (wdata & wmask);
  assign new_msi = ({command_q, msi_data_q} & ~wmask) | (wdata & wmask);
  // Sizes beyond 2^16 act as 2^16.
  assign mask = (cfg_q.size_log2 > 5'd16) ? 16'hffff : ~(16'hffff << cfg_q.size_log2);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s_axil_bvalid_o <= 1'b0;
      s_axil_rvalid_o <= 1'b0;
      status_q <= '0;
      enable_q <= '0;
      base_q <= '0;
      cfg_q <= '0;
      msi_addr_q <= '0;
      command_q <= '0;
      msi_data_q <= 32'd0;
      tail_q <= 16'd0;
      run_q <= 1'b0;
      reset_q <= 1'b0;
      msi_on_q <= 1'b0;
      bytes_q <= 64'd0;
      descriptors_q <= 64'd0;
    end else begin
      s_axil_bvalid_o <= write | (s_axil_bvalid_o & ~s_axil_bready_i);
      s_axil_rvalid_o <= read | (s_axil_rvalid_o & ~s_axil_rready_i);
      status_q <= status_d;
      enable_q <= {30'd0, enable_d};
      msi_on_q <= msi_on_d;
      if (home_i) begin
        reset_q <= 1'b0;
        tail_q <= 16'd0;
      end
      if (write) begin
        unique case ({waddr, 3'd0})
          dma_pkg::CH_CTRL_OFFSET: begin
            if (s_axil_wstrb_i[0]) begin
              run_q <= wdata[0];
              if (wdata[1]) reset_q <= 1'b1;
            end
          end
          dma_pkg::CH_RING_BASE_OFFSET: if (idle_i) base_q <= {new_base[63:6], 6'd0};
          dma_pkg::CH_RING_CFG_OFFSET:
          if (idle_i) cfg_q <= {21'd0, new_cfg[10:8], 3'd0, new_cfg[4:0]};
          dma_pkg::CH_HEAD_OFFSET: if (!reset_q) tail_q <= new_tail[47:32];
          dma_pkg::CFG_MSI_ADDR_OFFSET: msi_addr_q <= {new_msi_addr[63:2], 2'd0};
          dma_pkg::CFG_MSI_DATA_OFFSET: begin
            msi_data_q <= new_msi[31:0];
            command_q <= {30'd0, new_msi[33:32]};
          end
          default: ;
        endcase
      end
      if (retired_i) begin
        bytes_q <= bytes_q + {31'd0, retired_bytes_i};
        descriptors_q <= descriptors_q + 64'd1;
      end
    end
    if (read) s_axil_rdata_o <= rdata;
  end

  assign enable_o = run_q;
  assign reset_o = reset_q;
  assign ring_base_o = base_q.base;
  assign ring_mask_o = mask;
  assign ring_space_o = cfg_q.space;
  assign tail_o = tail_q & mask;
  assign bus_master_o = command_q.bus_master;
  assign msi_on_o = msi_on_d;
  assign msi_addr_o = msi_addr_q.addr;
  assign msi_data_o = msi_data_q;

  logic unused;
  assign unused = ^{s_axil_awaddr_i[2:0], s_axil_araddr_i[2:0], error_data_i, new_base[5:0], new_cfg, new_tail,
                    new_msi_addr[1:0], new_msi[63:34]};
endmodule
