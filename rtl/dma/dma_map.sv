// SPDX-License-Identifier: Apache-2.0
// Executes MAP_* at the end of the data path: turns list beats, or a range, into updates of the aperture's table.
//
// Timing: one entry per cycle. The write side offers a beat while the MAP_* operation is the oldest one; MAP_PAGES takes
// the beats of the list, the others one beat that only says that it is their turn. done_o in the cycle of the last
// update. An entry whose page has more than AddrBits fails with BAD_ADDRESS at the entry's address in the list; entries
// before it, and before a failed beat, have been written.
module dma_map #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned AddrBits  = 40,
    parameter int unsigned PagesLog2 = 12,
    parameter int unsigned Depth     = 4
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     flush_i,

    input  logic                     job_push_i,
    input  dma_job_pkg::piece_t      job_i,

    input  logic                     beat_valid_i,  // the oldest write job is MAP_*, and has a beat
    output logic                     beat_ready_o,
    input  logic [DataWidth-1:0]     beat_data_i,
    input  logic [DataWidth/8-1:0]   beat_mask_i,

    output logic                     update_valid_o,
    input  logic                     update_ready_i,
    output logic [PagesLog2-1:0]     update_page_o,
    output logic [AddrBits-12:0]     update_entry_o,  // {valid, page}

    output logic                     done_o,
    output logic                     fail_o,
    output dma_job_pkg::fail_t       fail_data_o
);
  localparam int unsigned Lanes = DataWidth / 64;
  localparam int unsigned LaneWidth = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam int unsigned PageBits = AddrBits - 12;

  logic [1:0] kind;
  logic [15:0] index;
  logic [63:0] src;
  logic [PagesLog2-1:0] first, last;
  logic empty, full;
  fifo #(.Width(82 + 2 * PagesLog2), .Depth(Depth)) u_jobs (
      .clk_i, .rst_ni, .flush_i, .push_i(job_push_i),
      .data_i({job_i.kind[1:0], job_i.index, job_i.src, job_i.dst[12+:PagesLog2], job_i.aux[PagesLog2-1:0]}),
      .full_o(full), .pop_i(done_o), .data_o({kind, index, src, first, last}), .empty_o(empty)
  );

  logic [PagesLog2-1:0] count_q;  // entries written
  logic [LaneWidth-1:0] lane_q;
  logic list, good, over, take, end_lane;
  logic [63:0] entry;

  assign list = kind == dma_job_pkg::OP_MAP_PAGES[1:0];
  assign entry = beat_data_i[lane_q*64+:64];
  assign good = ~list | beat_mask_i[lane_q*8];
  assign over = list & ((entry >> (AddrBits - 1)) >> 1 != 64'd0);
  assign end_lane = (Lanes == 1) | (lane_q == LaneWidth'(Lanes - 1));

  assign update_valid_o = beat_valid_i & ~empty & good & ~over;
  assign update_page_o = first + count_q;
  always_comb begin
    update_entry_o = {1'b1, src[AddrBits-1:12]};
    if (list) update_entry_o = {1'b1, entry[AddrBits-1:12]};
    if (kind == dma_job_pkg::OP_MAP_RANGE[1:0]) update_entry_o = {1'b1, src[AddrBits-1:12] + PageBits'(count_q)};
    if (kind == dma_job_pkg::OP_MAP_INVALID[1:0]) update_entry_o = '0;
  end
  assign take = update_valid_o & update_ready_i;
  assign done_o = take & (count_q == last);
  // A failed beat is taken when its good entries are written; the write side reports it.
  assign beat_ready_o = ~good | done_o | (take & list & end_lane);
  assign fail_o = beat_valid_i & ~empty & good & over;
  assign fail_data_o = {index, dma_pkg::ERROR_BAD_ADDRESS, dma_job_pkg::OPERAND_SRC, 2'b00, src + {{(61 - PagesLog2) {1'b0}}, count_q, 3'd0}};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i || done_o) begin
      count_q <= '0;
      lane_q <= '0;
    end else if (take) begin
      count_q <= count_q + PagesLog2'(1);
      if (list) lane_q <= end_lane ? '0 : lane_q + LaneWidth'(1);
    end
  end

  logic unused;
  assign unused = ^job_i;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_room : assert (!job_push_i || !full);
      assert_job : assert (!beat_valid_i || !empty);
    end
  end
endmodule
