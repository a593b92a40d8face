// SPDX-License-Identifier: Apache-2.0
// The unit's own AXI4 master: reads of the walkers and of the invalidation queue, 4-byte writes of wait status and
// event messages.
//
// Timing: a read granted in t has ARVALID in t+1. What was read is there in the cycle of its R beat; with 64 bits,
// 16 bytes are two beats and there in the cycle of the second. A write taken in t has AWVALID and WVALID in t+1; one
// write at a time, msg_done_o with its B. RREADY and BREADY are constantly 1: every reader has room for what it asked for.
module iommu_table_port #(
    parameter int unsigned DataWidth = 256, // 64, 128, 256 or 512
    parameter int unsigned Walks     = 16,
    parameter int unsigned IdWidth   = 7,   // walks use their number, the queue all ones
    parameter int unsigned Haw       = 46,
    parameter int unsigned Sources   = 3,   // writers, [0] first
    parameter int unsigned WalkWidth = $clog2(Walks),                      // derived
    parameter int unsigned ReadWidth = (DataWidth < 128) ? 128 : DataWidth // derived
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,

    input  logic                   walk_valid_i,
    output logic                   walk_ready_o,
    input  logic [WalkWidth-1:0]   walk_index_i,
    input  logic [Haw-1:0]         walk_addr_i,
    input  logic                   walk_wide_i,   // 16 bytes, else 8
    output logic                   walk_r_valid_o,
    output logic [WalkWidth-1:0]   walk_r_index_o,

    input  logic                   queue_valid_i,
    output logic                   queue_ready_o,
    input  logic [Haw-1:0]         queue_addr_i,
    input  logic [7:0]             queue_len_i,   // in ReadWidth bits, less one
    output logic                   queue_r_valid_o,

    // What was read stands where its address says; 8 bytes on 64 bits, in both halves.
    output logic [ReadWidth-1:0]   r_data_o,
    output logic                   r_error_o,
    output logic                   r_last_o,

    input  logic [Sources-1:0]     msg_valid_i,
    output logic [Sources-1:0]     msg_ready_o,   // taken in this cycle
    input  logic [Sources*64-1:0]  msg_addr_i,
    input  logic [Sources*32-1:0]  msg_data_i,
    output logic [Sources-1:0]     msg_done_o,    // answered in this cycle
    output logic                   busy_o,        // an address or a write is under way

    output logic                   m_axi_arvalid_o,
    input  logic                   m_axi_arready_i,
    output logic [IdWidth-1:0]     m_axi_arid_o,
    output logic [63:0]            m_axi_araddr_o,
    output logic [7:0]             m_axi_arlen_o,
    output logic [2:0]             m_axi_arsize_o,
    input  logic                   m_axi_rvalid_i,
    output logic                   m_axi_rready_o,
    input  logic [IdWidth-1:0]     m_axi_rid_i,
    input  logic [DataWidth-1:0]   m_axi_rdata_i,
    input  logic [1:0]             m_axi_rresp_i,
    input  logic                   m_axi_rlast_i,
    output logic                   m_axi_awvalid_o,
    input  logic                   m_axi_awready_i,
    output logic [IdWidth-1:0]     m_axi_awid_o,
    output logic [63:0]            m_axi_awaddr_o,
    output logic [7:0]             m_axi_awlen_o,
    output logic [2:0]             m_axi_awsize_o,
    output logic                   m_axi_wvalid_o,
    input  logic                   m_axi_wready_i,
    output logic [DataWidth-1:0]   m_axi_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_wstrb_o,
    output logic                   m_axi_wlast_o,
    input  logic                   m_axi_bvalid_i,
    output logic                   m_axi_bready_o
);
  if (IdWidth < WalkWidth) begin : gen_id_check
    $error("iommu_table_port: IdWidth must not be less than WalkWidth");
  end

  if (DataWidth != 64 && DataWidth != 128 && DataWidth != 256 && DataWidth != 512) begin : gen_width_check
    $error("iommu_table_port: DataWidth must be 64, 128, 256 or 512");
  end

  localparam bit Narrow = DataWidth == 64;
  localparam int unsigned DwordBits = $clog2(DataWidth / 32);
  localparam logic [IdWidth-1:0] QueueId = {IdWidth{1'b1}};
  localparam logic [2:0] FullSize = 3'($clog2(DataWidth / 8));

  // ------------------------------------------------------------------ reads: in turns when both ask
  logic               ar_valid_q, last_queue_q, ar_free, pick_queue, take;
  logic [IdWidth-1:0] ar_id_q;
  logic [Haw-1:0]     ar_addr_q;
  logic [7:0]         ar_len_q;
  logic [2:0]         ar_size_q;
  assign ar_free = ~ar_valid_q | m_axi_arready_i;
  assign pick_queue = queue_valid_i & (~walk_valid_i | ~last_queue_q);
  assign take = ar_free & (walk_valid_i | queue_valid_i);
  assign walk_ready_o = ar_free & walk_valid_i & ~pick_queue;
  assign queue_ready_o = ar_free & pick_queue;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ar_valid_q <= 1'b0;
      last_queue_q <= 1'b0;
    end else if (ar_free) begin
      ar_valid_q <= take;
      if (take) last_queue_q <= pick_queue;
    end
    if (take) begin
      ar_id_q <= pick_queue ? QueueId : IdWidth'(walk_index_i);
      ar_addr_q <= pick_queue ? queue_addr_i : walk_addr_i;
      ar_len_q <= pick_queue ? (Narrow ? 8'({queue_len_i, 1'b1}) : queue_len_i) : {7'd0, Narrow & walk_wide_i};
      ar_size_q <= pick_queue ? FullSize : (walk_wide_i & ~Narrow) ? 3'd4 : 3'd3;
    end
  end
  assign m_axi_arvalid_o = ar_valid_q;
  assign m_axi_arid_o = ar_id_q;
  assign m_axi_araddr_o = 64'(ar_addr_q);
  assign m_axi_arlen_o = ar_len_q;
  assign m_axi_arsize_o = ar_size_q;
  assign m_axi_rready_o = 1'b1;

  logic r_valid, r_queue, r_error;
  assign r_queue = m_axi_rid_i == QueueId;
  assign r_error = m_axi_rresp_i != 2'b00;
  if (Narrow) begin : gen_halves
    iommu_table_halves #(.Walks(Walks)) i_halves (
        .clk_i, .rst_ni, .r_valid_i(m_axi_rvalid_i), .r_queue_i(r_queue), .r_walk_i(walk_r_index_o),
        .r_data_i(m_axi_rdata_i), .r_error_i(r_error), .r_last_i(m_axi_rlast_i), .valid_o(r_valid),
        .data_o(r_data_o), .error_o(r_error_o));
  end else begin : gen_whole
    assign r_valid = m_axi_rvalid_i;
    assign r_data_o = m_axi_rdata_i;
    assign r_error_o = r_error;
  end
  assign queue_r_valid_o = r_valid & r_queue;
  assign walk_r_valid_o = r_valid & ~r_queue;
  assign walk_r_index_o = m_axi_rid_i[WalkWidth-1:0];
  assign r_last_o = m_axi_rlast_i;

  // ------------------------------------------------------------------ writes
  logic               busy_q, aw_valid_q, w_valid_q;
  logic [63:0]        aw_addr_q;
  logic [31:0]        w_data_q;
  logic [Sources-1:0] whose_q, winner;
  logic [63:0]        win_addr;
  logic [31:0]        win_data;
  logic [DwordBits-1:0] dword;
  assign winner = msg_valid_i & ~(msg_valid_i - 1'b1);
  always_comb begin
    win_addr = '0;
    win_data = '0;
    for (int unsigned i = 0; i < Sources; i++) begin
      win_addr |= winner[i] ? msg_addr_i[i*64+:64] : '0;
      win_data |= winner[i] ? msg_data_i[i*32+:32] : '0;
    end
  end
  assign msg_ready_o = busy_q ? '0 : winner;
  assign msg_done_o = m_axi_bvalid_i ? whose_q : '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      aw_valid_q <= 1'b0;
      w_valid_q <= 1'b0;
      whose_q <= '0;
    end else begin
      if (!busy_q && msg_valid_i != '0) begin
        busy_q <= 1'b1;
        aw_valid_q <= 1'b1;
        w_valid_q <= 1'b1;
        whose_q <= winner;
      end else begin
        if (m_axi_awready_i) aw_valid_q <= 1'b0;
        if (m_axi_wready_i) w_valid_q <= 1'b0;
        if (m_axi_bvalid_i) busy_q <= 1'b0;
      end
    end
    if (!busy_q) begin
      aw_addr_q <= win_addr;
      w_data_q <= win_data;
    end
  end
  assign busy_o = ar_valid_q | busy_q;
  assign dword = aw_addr_q[2+:DwordBits];
  assign m_axi_awvalid_o = aw_valid_q;
  assign m_axi_awid_o = QueueId;
  assign m_axi_awaddr_o = aw_addr_q;
  assign m_axi_awlen_o = 8'd0;
  assign m_axi_awsize_o = 3'd2;
  assign m_axi_wvalid_o = w_valid_q;
  assign m_axi_wdata_o = {(DataWidth / 32) {w_data_q}};
  assign m_axi_wstrb_o = (DataWidth / 8)'(4'hF) << {dword, 2'b00};
  assign m_axi_wlast_o = 1'b1;
  assign m_axi_bready_o = 1'b1;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_walk_read_is_one_entry: assert (!walk_r_valid_o || m_axi_rlast_i);
      a_walks_leave_the_queue_its_id: assert (!walk_valid_i || IdWidth'(walk_index_i) != QueueId);
      a_answer_to_a_write: assert (!m_axi_bvalid_i || busy_q);
    end
  end
endmodule
