// SPDX-License-Identifier: Apache-2.0
// The datapath of one channel: executes operations (dma_job_pkg::op_t) between the VRAM and the host port.
//
// dma_rows (rows, slices, pages of the aperture) makes contiguous pieces; dma_read (bursts, buffers), dma_align (byte
// shift, dma_fill), dma_write (bursts, strobes, answers) execute them, dma_map the updates of the aperture's table, and
// dma_hint tells the IOMMU about pages ahead. Single writes of the channel (fence, message) enter between write bursts.
//
// Timing, cycles, Pipe 0 (1): op_push_i to the first AR of a plain copy 1 (2), with an operand in the aperture 3 (4),
// other operations 2 (2). R beat to W beat: 3. No idle write beat between queued operations.
// Reads and writes carry id ID_DATA, single i carries 1 + i; rvalid_i and bvalid_i are of ID_DATA only. RREADY and
// BREADY are constantly 1. Pairs: bit 0 is VRAM, bit 1 the host port.
//
// Operations are done in order, but done_o tells the ports apart: count it per port. After stop_i nothing new starts;
// flush_i, when idle_o, forgets everything that was queued.
module dma_mover #(
    parameter int unsigned DataWidth   = 256,  // 64, 128, 256 or 512
    parameter int unsigned AddrBits    = 40,   // of logical addresses, 13 to 64
    parameter int unsigned VramBits    = 28,   // 13 to 64
    parameter int unsigned VirtualBits = 48,   // 13 to 64
    parameter int unsigned Reads       = 64,   // in flight at most, 1 to 256
    parameter int unsigned MaxBurst    = 16,   // beats, 1 to 256
    parameter int unsigned BufferBeats = 256,  // read buffer of each port, MaxBurst to 4096
    parameter int unsigned IdWidth     = 4,
    parameter int unsigned Singles     = 2,    // sources of single writes
    parameter int unsigned PagesLog2   = 12,   // of the aperture, 1 to 20
    parameter int unsigned HintAhead   = 8,    // source pages that hints are ahead of the reads, 1 to 64
    parameter int unsigned Pipe        = 0
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

    // dma_aperture: entries are {valid, page}.
    output logic                      lookup_valid_o,
    input  logic                      lookup_ready_i,
    output logic [PagesLog2-1:0]      lookup_src_o,
    output logic [PagesLog2-1:0]      lookup_dst_o,
    input  logic [AddrBits-12:0]      entry_src_i,
    input  logic [AddrBits-12:0]      entry_dst_i,
    output logic                      update_valid_o,
    input  logic                      update_ready_i,
    output logic [PagesLog2-1:0]      update_page_o,
    output logic [AddrBits-12:0]      update_entry_o,

    output logic                      hint_valid_o,  // may be withdrawn
    input  logic                      hint_ready_i,
    output logic [51:0]               hint_page_o,

    output logic [1:0]                done_o,        // an operation was answered completely, by its destination port
    output logic                      map_done_o,    // MAP_*: the table is written
    output logic                      stream_fail_o, // an operation failed before its data was written
    output dma_job_pkg::fail_t        stream_fail_data_o,
    output logic [1:0]                b_fail_o,      // a burst was answered with an error, per port
    // What is waited for: a read beat; answers to bursts (of b_fail*_o the index and the address).
    output logic                      read_wait_o,
    output dma_job_pkg::fail_t        read_wait_data_o,
    output logic [1:0]                b_wait_o,
    output dma_job_pkg::fail_t        b_fail0_o,
    output dma_job_pkg::fail_t        b_fail1_o,
    output logic                      idle_o         // nothing shown, in flight or unanswered
);
  if (DataWidth != 64 && DataWidth != 128 && DataWidth != 256 && DataWidth != 512) begin : gen_check_width
    $error("dma_mover: DataWidth must be 64, 128, 256 or 512");
  end
  if (AddrBits < 13 || AddrBits > 64 || VramBits < 13 || VramBits > 64 || VirtualBits < 13 || VirtualBits > 64)
  begin : gen_check_addr
    $error("dma_mover: AddrBits, VramBits and VirtualBits must be 13 to 64");
  end
  if (Reads < 1 || Reads > 256) begin : gen_check_reads
    $error("dma_mover: Reads must be 1 to 256");
  end
  if (MaxBurst < 1 || MaxBurst > 256) begin : gen_check_burst
    $error("dma_mover: MaxBurst must be 1 to 256");
  end
  if (BufferBeats < MaxBurst || BufferBeats < 2 || BufferBeats > 4096) begin : gen_check_buffer
    $error("dma_mover: BufferBeats must be MaxBurst to 4096");
  end
  if (HintAhead < 1 || HintAhead > 64) begin : gen_check_hints
    $error("dma_mover: HintAhead must be 1 to 64");
  end
  if (PagesLog2 < 1 || PagesLog2 > 20) begin : gen_check_pages
    $error("dma_mover: PagesLog2 must be 1 to 20");
  end
  if (Pipe > 1) begin : gen_check_pipe
    $error("dma_mover: Pipe must be 0 or 1");
  end

  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned Jobs = (Reads > 64) ? Reads : 64;  // pieces between dma_rows and their last AW
  localparam int unsigned Maps = 4;

  logic push, push_read, push_write, read_full, align_full, write_full, hint_full;
  logic read_idle, write_idle, read_blocked, read_part, fill_part;
  dma_job_pkg::piece_t piece;

  dma_rows #(
      .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits), .PagesLog2(PagesLog2), .Maps(Maps), .Pipe(Pipe)
  ) u_rows (
      .clk_i, .rst_ni, .flush_i, .op_push_i, .op_i, .op_full_o, .map_done_i(map_done_o),
      .lookup_valid_o, .lookup_ready_i, .lookup_src_o, .lookup_dst_o, .entry_src_i, .entry_dst_i,
      .piece_push_o(push), .piece_o(piece), .jobs_full_i(read_full | align_full | write_full | hint_full)
  );
  assign push_write = push & ~piece.bad & ~piece.kind[2];
  assign push_read = push & ~piece.bad &
      ((piece.kind == dma_job_pkg::OP_COPY) | (piece.kind == dma_job_pkg::OP_MAP_PAGES));

  dma_hint #(.Ahead(HintAhead), .Passed(2 * BufferBeats), .JobDepth(Jobs)) u_hint (
      .clk_i, .rst_ni, .flush_i, .on_i(bus_master_i & ~stop_i),
      .job_push_i(push_read | push_write), .job_i(piece), .job_full_o(hint_full),
      .read_part_i(read_part), .fill_part_i(fill_part), .hint_valid_o, .hint_ready_i, .hint_page_o
  );

  logic [1:0] beat_valid, beat_pop;
  logic [2*DataWidth-1:0] beat_data;
  logic [3:0] beat_resp;

  dma_read #(
      .DataWidth(DataWidth), .MaxBurst(MaxBurst), .Reads(Reads), .BufferBeats(BufferBeats), .JobDepth(Jobs)
  ) u_read (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i,
      .job_push_i(push_read), .job_i(piece), .job_full_o(read_full),
      .arvalid_o, .arready_i, .araddr_o, .arlen_o, .aruser_o,
      .rvalid_i, .rlast_i, .rdata_i, .rresp_i,
      .beat_valid_o(beat_valid), .beat_data_o(beat_data), .beat_resp_o(beat_resp), .beat_pop_i(beat_pop),
      .part_o(read_part), .blocked_o(read_blocked), .idle_o(read_idle)
  );

  logic out_valid, out_ready, out_bad;
  logic [DataWidth-1:0] out_data;
  logic [Bytes-1:0] out_mask;
  dma_job_pkg::fail_t out_fail;

  dma_align #(.DataWidth(DataWidth), .JobDepth(Jobs)) u_align (
      .clk_i, .rst_ni, .flush_i,
      .job_push_i(push), .job_i(piece), .job_full_o(align_full),
      .beat_valid_i(beat_valid), .beat_data_i(beat_data), .beat_resp_i(beat_resp), .beat_pop_o(beat_pop),
      .read_blocked_i(read_blocked),
      .out_valid_o(out_valid), .out_ready_i(out_ready), .out_data_o(out_data), .out_mask_o(out_mask),
      .out_bad_o(out_bad), .out_fail_o(out_fail), .wait_o(read_wait_o), .wait_data_o(read_wait_data_o)
  );

  logic map_valid, map_ready, map_fail;
  dma_job_pkg::fail_t map_fail_data;

  dma_write #(
      .DataWidth(DataWidth), .MaxBurst(MaxBurst), .Writes(Jobs), .JobDepth(Jobs), .IdWidth(IdWidth), .Singles(Singles)
  ) u_write (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i,
      .job_push_i(push), .job_i(piece), .job_full_o(write_full),
      .in_valid_i(out_valid), .in_ready_o(out_ready), .in_data_i(out_data), .in_mask_i(out_mask),
      .in_bad_i(out_bad), .in_fail_i(out_fail),
      .map_valid_o(map_valid), .map_ready_i(map_ready), .map_done_i(map_done_o), .map_fail_i(map_fail),
      .map_fail_data_i(map_fail_data),
      .single_valid_i, .single_ready_o, .single_i,
      .awvalid_o, .awready_i, .awid_o, .awaddr_o, .awlen_o, .awsize_o, .awuser_o,
      .wvalid_o, .wready_i, .wdata_o, .wstrb_o, .wlast_o, .bvalid_i, .bresp_i,
      .fill_part_o(fill_part), .done_o, .stream_fail_o, .stream_fail_data_o, .b_fail_o, .b_wait_o, .b_fail0_o,
      .b_fail1_o, .idle_o(write_idle)
  );

  dma_map #(.DataWidth(DataWidth), .AddrBits(AddrBits), .PagesLog2(PagesLog2), .Depth(Maps)) u_map (
      .clk_i, .rst_ni, .flush_i,
      .job_push_i(push & piece.kind[2]), .job_i(piece),
      .beat_valid_i(map_valid), .beat_ready_o(map_ready), .beat_data_i(out_data), .beat_mask_i(out_mask),
      .update_valid_o, .update_ready_i, .update_page_o, .update_entry_o,
      .done_o(map_done_o), .fail_o(map_fail), .fail_data_o(map_fail_data)
  );

  assign idle_o = read_idle & write_idle;
endmodule
