// SPDX-License-Identifier: Apache-2.0
// BAR 0 (docs/registers-dma.md): AXI4-Lite slave, the registers that all channels share, interrupt causes.
//
// Timing: a write takes effect in the cycle of its W handshake, B in the next; R in the cycle after AR. Always OKAY;
// places without a register read 0 and ignore writes.
module dma_regs #(
    parameter int unsigned Channels          = 4,
    parameter int unsigned DataWidth         = 256,
    parameter int unsigned AddrBits          = 40,
    parameter int unsigned VramBits          = 28,
    parameter int unsigned VirtualBits       = 48,
    parameter int unsigned AperturePagesLog2 = 12,
    parameter int unsigned Reads             = 64
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

    // The channels' blocks.
    output logic [Channels-1:0]    ch_write_o,
    output logic [4:0]             ch_waddr_o,
    output logic [63:0]            ch_wdata_o,
    output logic [63:0]            ch_wmask_o,
    output logic [4:0]             ch_raddr_o,
    input  logic [64*Channels-1:0] ch_rdata_i,
    input  logic [64*Channels-1:0] ch_bytes_i,
    input  logic [64*Channels-1:0] ch_descriptors_i,
    input  logic [Channels-1:0]    ch_fence_i,  // causes, one cycle
    input  logic [Channels-1:0]    ch_error_i,

    output logic                   bus_master_o,
    output logic                   msi_on_o,
    output logic [61:0]            msi_addr_o,
    output logic [31:0]            msi_data_o,
    output logic                   msi_rise_o,
    output logic [63:0]            timestamp_o,
    output logic [31:0]            timeout_o,
    output logic                   pause_o,
    input  logic                   quiet_i
);
  localparam logic [63:0] Operations = (AperturePagesLog2 != 0) ? 64'h1f7f : 64'h1f0f;

  dma_pkg::int_status_t status_q, status_d, kept;
  dma_pkg::int_enable_t enable_q;
  dma_pkg::int_channels_t channels_q, channels_set;
  dma_pkg::cfg_msi_addr_t msi_addr_q;
  dma_pkg::cfg_command_t command_q;
  logic [31:0] msi_data_q, timeout_q;
  logic msi_on_q, quiesce_q;
  logic [63:0] timestamp_q;

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

  // Channel n has 100h bytes at 100h * (n + 1).
  assign ch_waddr_o = waddr[4:0];
  assign ch_wdata_o = wdata;
  assign ch_wmask_o = wmask;
  assign ch_raddr_o = raddr[4:0];
  logic [63:0] ch_rdata, bytes, descriptors;
  always_comb begin
    ch_rdata = 64'd0;
    bytes = 64'd0;
    descriptors = 64'd0;
    for (int unsigned n = 0; n < Channels; n++) begin
      ch_write_o[n] = write & (waddr[8:5] == 4'(n + 1));
      if (raddr[8:5] == 4'(n + 1)) ch_rdata = ch_rdata_i[64*n+:64];
      bytes = bytes + ch_bytes_i[64*n+:64];
      descriptors = descriptors + ch_descriptors_i[64*n+:64];
    end
  end

  // ---------------------------------------------------------------- reads
  dma_pkg::caps_t caps;
  dma_pkg::quiesce_t quiesce;
  logic [63:0] rdata;
  assign caps = {2'd0, AperturePagesLog2[5:0], VirtualBits[7:0], Reads[15:0], 8'(DataWidth / 8), Channels[7:0],
                 VramBits[7:0], AddrBits[7:0]};
  assign quiesce = {30'd0, quiet_i & quiesce_q, quiesce_q};
  always_comb begin
    unique case ({raddr, 3'd0})
      dma_pkg::ID_OFFSET: rdata = {32'h0002_0000, 32'h414D_4447};
      dma_pkg::CAPS_OFFSET: rdata = caps;
      dma_pkg::INT_STATUS_OFFSET: rdata = {enable_q, status_q};
      dma_pkg::INT_CHANNELS_OFFSET: rdata = {32'd0, channels_q};
      dma_pkg::CNT_BYTES_OFFSET: rdata = bytes;
      dma_pkg::CNT_DESCRIPTORS_OFFSET: rdata = descriptors;
      dma_pkg::TIMESTAMP_OFFSET: rdata = timestamp_q;
      dma_pkg::QUIESCE_OFFSET: rdata = {timeout_q, quiesce};
      dma_pkg::OPERATIONS_OFFSET: rdata = Operations;
      dma_pkg::CFG_MSI_ADDR_OFFSET: rdata = msi_addr_q;
      dma_pkg::CFG_MSI_DATA_OFFSET: rdata = {command_q, msi_data_q};
      dma_pkg::CFG_SID_OFFSET: rdata = {48'd0, source_id_i};
      default: rdata = ch_rdata;
    endcase
  end

  // ---------------------------------------------------------------- interrupt causes
  // A message per cause that becomes visible: status, enable and message enable all 1 where they were not before. A
  // cause set in the cycle that clears it counts as new.
  logic write_int, write_channels, msi_on_d;
  logic [1:0] enable_d, seen, seen_before, clear;
  assign write_int = write & ({waddr, 3'd0} == dma_pkg::INT_STATUS_OFFSET);
  assign write_channels = write & ({waddr, 3'd0} == dma_pkg::INT_CHANNELS_OFFSET);
  assign clear = write_int ? wdata[1:0] & wmask[1:0] : 2'd0;
  assign kept = {30'd0, status_q[1:0] & ~clear};
  assign status_d = kept | {30'd0, ch_error_i != '0, ch_fence_i != '0};
  assign channels_set = {16'd0, 8'(ch_error_i), 8'(ch_fence_i)};
  assign enable_d =
      write_int ? (enable_q[1:0] & ~wmask[33:32]) | (wdata[33:32] & wmask[33:32]) : enable_q[1:0];
  assign msi_on_d = command_q.bus_master & command_q.msi_enable;
  assign seen = status_d[1:0] & enable_d & {2{msi_on_d}};
  assign seen_before = kept[1:0] & enable_q[1:0] & {2{msi_on_q}};
  assign msi_rise_o = (seen & ~seen_before) != 2'b00;

  // ---------------------------------------------------------------- state; writes are merged into the 64-bit word
  logic [63:0] new_msi_addr, new_msi, new_quiesce;
  assign new_msi_addr = (msi_addr_q & ~wmask) | (wdata & wmask);
  assign new_msi = ({command_q, msi_data_q} & ~wmask) | (wdata & wmask);
  assign new_quiesce = ({timeout_q, 31'd0, quiesce_q} & ~wmask) | (wdata & wmask);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s_axil_bvalid_o <= 1'b0;
      s_axil_rvalid_o <= 1'b0;
      status_q <= '0;
      enable_q <= '0;
      channels_q <= '0;
      msi_addr_q <= '0;
      command_q <= '0;
      msi_data_q <= 32'd0;
      msi_on_q <= 1'b0;
      quiesce_q <= 1'b0;
      timeout_q <= dma_pkg::TIMEOUT_RESET;
      timestamp_q <= 64'd0;
    end else begin
      s_axil_bvalid_o <= write | (s_axil_bvalid_o & ~s_axil_bready_i);
      s_axil_rvalid_o <= read | (s_axil_rvalid_o & ~s_axil_rready_i);
      status_q <= status_d;
      enable_q <= {30'd0, enable_d};
      channels_q <= (channels_q & ~(write_channels ? wdata[31:0] & wmask[31:0] : 32'd0)) | channels_set;
      msi_on_q <= msi_on_d;
      timestamp_q <= timestamp_q + 64'd1;
      if (write) begin
        unique case ({waddr, 3'd0})
          dma_pkg::QUIESCE_OFFSET: begin
            quiesce_q <= new_quiesce[0];
            timeout_q <= new_quiesce[63:32];
          end
          dma_pkg::CFG_MSI_ADDR_OFFSET: msi_addr_q <= {new_msi_addr[63:2], 2'd0};
          dma_pkg::CFG_MSI_DATA_OFFSET: begin
            msi_data_q <= new_msi[31:0];
            command_q <= {30'd0, new_msi[33:32]};
          end
          default: ;
        endcase
      end
    end
    if (read) s_axil_rdata_o <= rdata;
  end

  assign bus_master_o = command_q.bus_master;
  assign msi_on_o = msi_on_d;
  assign msi_addr_o = msi_addr_q.addr;
  assign msi_data_o = msi_data_q;
  assign timestamp_o = timestamp_q;
  assign timeout_o = timeout_q;
  assign pause_o = quiesce_q;

  logic unused;
  assign unused = ^{s_axil_awaddr_i[2:0], s_axil_araddr_i[2:0], new_msi_addr[1:0], new_msi[63:34], new_quiesce[31:1]};
endmodule
