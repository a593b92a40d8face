// SPDX-License-Identifier: Apache-2.0
// The datapath of one channel: executes operations (dma_job_pkg::op_t) between the VRAM and the host port.
//
// dma_read (bursts, buffers), dma_align (byte shift), dma_write (bursts, strobes, answers). Single writes of the
// channel (fence, message) enter between the write bursts.
//
// Timing, cycles: op_push_i to the first AR: 1. R beat to W beat: 3. No idle write beat between queued operations.
// Reads and writes carry id ID_DATA, single i carries 1 + i; rvalid_i and bvalid_i are of ID_DATA only. RREADY and
// BREADY are constantly 1. Pairs: bit 0 is VRAM, bit 1 the host port.
//
// After stop_i nothing new starts; flush_i, when idle_o, forgets everything that was queued.
module dma_mover #(
    parameter int unsigned DataWidth   = 256,
    parameter int unsigned Reads       = 64,   // in flight at most
    parameter int unsigned MaxBurst    = 16,   // beats
    parameter int unsigned BufferBeats = 256,  // read buffer of each port
    parameter int unsigned IdWidth     = 4,
    parameter int unsigned Singles     = 2     // sources of single writes
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      flush_i,
    input  logic                      stop_i,
    input  logic                      bus_master_i,  // 0: no burst starts on the host port

    input  logic                      op_push_i,
    input  dma_job_pkg::op_t          op_i,
    output logic                      op_full_o,

    input  logic [Singles-1:0]        single_valid_i,
    output logic [Singles-1:0]        single_ready_o,
    input  logic [Singles*dma_job_pkg::SINGLE_WIDTH-1:0] single_i,

    output logic [1:0]                arvalid_o,
    input  logic [1:0]                arready_i,
    output logic [63:0]               araddr_o,
    output logic [7:0]                arlen_o,
    output dma_job_pkg::user_t        aruser_o,
    input  logic [1:0]                rvalid_i,
    input  logic [1:0]                rlast_i,
    input  logic [2*DataWidth-1:0]    rdata_i,
    input  logic [3:0]                rresp_i,
    output logic [1:0]                awvalid_o,
    input  logic [1:0]                awready_i,
    output logic [IdWidth-1:0]        awid_o,
    output logic [63:0]               awaddr_o,
    output logic [7:0]                awlen_o,
    output logic [2:0]                awsize_o,
    output dma_job_pkg::user_t        awuser_o,
    output logic [1:0]                wvalid_o,
    input  logic [1:0]                wready_i,
    output logic [DataWidth-1:0]      wdata_o,
    output logic [DataWidth/8-1:0]    wstrb_o,
    output logic                      wlast_o,
    input  logic [1:0]                bvalid_i,
    input  logic [3:0]                bresp_i,

    output logic [1:0]                done_o,        // an operation was answered completely, by its destination port
    output logic                      stream_fail_o, // an operation failed before its data was written
    output dma_job_pkg::fail_t        stream_fail_data_o,
    output logic [1:0]                b_fail_o,      // a burst was answered with an error, per port
    output dma_job_pkg::fail_t        b_fail0_o,
    output dma_job_pkg::fail_t        b_fail1_o,
    output logic                      idle_o         // nothing shown, in flight or unanswered
);
  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned LB = $clog2(Bytes);
  localparam int unsigned Jobs = (Reads > 64) ? Reads : 64;  // between op_push_i and the last AW

  logic src_host, dst_host;
  logic read_full, align_full, write_full, read_idle, write_idle, read_blocked;
  dma_job_pkg::user_t user;
  assign src_host = op_i.src_space != dma_pkg::SPACE_VRAM;
  assign dst_host = op_i.dst_space != dma_pkg::SPACE_VRAM;
  assign user = {op_i.no_snoop, 21'd0};
  assign op_full_o = read_full | align_full | write_full;

  logic [1:0] beat_valid, beat_pop;
  logic [2*DataWidth-1:0] beat_data;
  logic [3:0] beat_resp;

  dma_read #(
      .DataWidth(DataWidth), .MaxBurst(MaxBurst), .Reads(Reads), .BufferBeats(BufferBeats), .JobDepth(Jobs)
  ) u_read (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i,
      .job_push_i(op_push_i), .job_src_i(op_i.src), .job_length_i(op_i.length), .job_host_i(src_host),
      .job_user_i(user), .job_full_o(read_full),
      .arvalid_o, .arready_i, .araddr_o, .arlen_o, .aruser_o,
      .rvalid_i, .rlast_i, .rdata_i, .rresp_i,
      .beat_valid_o(beat_valid), .beat_data_o(beat_data), .beat_resp_o(beat_resp), .beat_pop_i(beat_pop),
      .blocked_o(read_blocked), .idle_o(read_idle)
  );

  logic out_valid, out_ready, out_bad;
  logic [DataWidth-1:0] out_data;
  logic [Bytes-1:0] out_mask;
  dma_job_pkg::fail_t out_fail;

  dma_align #(.DataWidth(DataWidth), .JobDepth(Jobs)) u_align (
      .clk_i, .rst_ni, .flush_i,
      .job_push_i(op_push_i), .job_src_i(op_i.src), .job_dst_i(op_i.dst[LB-1:0]), .job_length_i(op_i.length),
      .job_host_i(src_host), .job_index_i(op_i.index), .job_full_o(align_full),
      .beat_valid_i(beat_valid), .beat_data_i(beat_data), .beat_resp_i(beat_resp), .beat_pop_o(beat_pop),
      .read_blocked_i(read_blocked),
      .out_valid_o(out_valid), .out_ready_i(out_ready), .out_data_o(out_data), .out_mask_o(out_mask),
      .out_bad_o(out_bad), .out_fail_o(out_fail)
  );

  dma_write #(
      .DataWidth(DataWidth), .MaxBurst(MaxBurst), .Writes(Jobs), .JobDepth(Jobs), .IdWidth(IdWidth), .Singles(Singles)
  ) u_write (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i,
      .job_push_i(op_push_i), .job_dst_i(op_i.dst), .job_length_i(op_i.length), .job_host_i(dst_host),
      .job_user_i(user), .job_index_i(op_i.index), .job_full_o(write_full),
      .in_valid_i(out_valid), .in_ready_o(out_ready), .in_data_i(out_data), .in_mask_i(out_mask),
      .in_bad_i(out_bad), .in_fail_i(out_fail),
      .single_valid_i, .single_ready_o, .single_i,
      .awvalid_o, .awready_i, .awid_o, .awaddr_o, .awlen_o, .awsize_o, .awuser_o,
      .wvalid_o, .wready_i, .wdata_o, .wstrb_o, .wlast_o, .bvalid_i, .bresp_i,
      .done_o, .stream_fail_o, .stream_fail_data_o, .b_fail_o, .b_fail0_o, .b_fail1_o, .idle_o(write_idle)
  );

  assign idle_o = read_idle & write_idle;

  // Rows, slices and patterns are not executed.
  logic unused;
  assign unused = ^{op_i.kind, op_i.pasid, op_i.rows, op_i.slices, op_i.src_pitch, op_i.dst_pitch, op_i.src_slice,
                    op_i.dst_slice, op_i.pattern_len};
endmodule
