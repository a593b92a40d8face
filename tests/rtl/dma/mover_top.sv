// SPDX-License-Identifier: Apache-2.0
// For the tests of the mover alone: dma_mover with its dma_aperture, one channel, all ports flat.
module mover_top #(
    parameter int unsigned DataWidth   = 256,
    parameter int unsigned AddrBits    = 40,
    parameter int unsigned VramBits    = 28,
    parameter int unsigned VirtualBits = 48,
    parameter int unsigned Reads       = 64,
    parameter int unsigned MaxBurst    = 16,
    parameter int unsigned BufferBeats = 256,
    parameter int unsigned PagesLog2   = 8,
    parameter int unsigned HintAhead   = 4,
    parameter int unsigned Pipe        = 0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   flush_i,
    input  logic                   stop_i,
    input  logic                   bus_master_i,
    input  logic                   op_push_i,
    input  logic [dma_job_pkg::OP_WIDTH-1:0] op_i,
    output logic                   op_full_o,
    input  logic [1:0]             single_valid_i,
    output logic [1:0]             single_ready_o,
    input  logic [2*dma_job_pkg::SINGLE_WIDTH-1:0] single_i,

    output logic [1:0]             arvalid_o,
    input  logic [1:0]             arready_i,
    output logic [63:0]            araddr_o,
    output logic [7:0]             arlen_o,
    output logic [21:0]            aruser_o,
    input  logic [1:0]             rvalid_i,
    input  logic [1:0]             rlast_i,
    input  logic [DataWidth-1:0]   rdata0_i,
    input  logic [DataWidth-1:0]   rdata1_i,
    input  logic [3:0]             rresp_i,
    output logic [1:0]             awvalid_o,
    input  logic [1:0]             awready_i,
    output logic [3:0]             awid_o,
    output logic [63:0]            awaddr_o,
    output logic [7:0]             awlen_o,
    output logic [2:0]             awsize_o,
    output logic [21:0]            awuser_o,
    output logic [1:0]             wvalid_o,
    input  logic [1:0]             wready_i,
    output logic [DataWidth-1:0]   wdata_o,
    output logic [DataWidth/8-1:0] wstrb_o,
    output logic                   wlast_o,
    input  logic [1:0]             bvalid_i,
    input  logic [3:0]             bresp_i,

    output logic                   hint_valid_o,
    input  logic                   hint_ready_i,
    output logic [51:0]            hint_page_o,
    output logic [1:0]             done_o,
    output logic                   map_done_o,
    output logic                   stream_fail_o,
    output logic [91:0]            stream_fail_data_o,
    output logic [1:0]             b_fail_o,
    output logic                   read_wait_o,
    output logic [91:0]            read_wait_data_o,
    output logic [1:0]             b_wait_o,
    output logic [91:0]            b_fail0_o,
    output logic [91:0]            b_fail1_o,
    output logic                   idle_o
);
  logic lookup_valid, lookup_ready, update_valid, update_ready;
  logic [PagesLog2-1:0] lookup_src, lookup_dst, update_page;
  logic [AddrBits-12:0] entry_src, entry_dst, update_entry;

  dma_mover #(
      .DataWidth(DataWidth), .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits), .Reads(Reads),
      .MaxBurst(MaxBurst), .BufferBeats(BufferBeats), .IdWidth(4), .Singles(2), .PagesLog2(PagesLog2),
      .HintAhead(HintAhead), .Pipe(Pipe)
  ) u_mover (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i, .op_push_i, .op_i, .op_full_o,
      .single_valid_i, .single_ready_o, .single_i,
      .arvalid_o, .arready_i, .araddr_o, .arlen_o, .aruser_o, .rvalid_i, .rlast_i,
      .rdata_i({rdata1_i, rdata0_i}), .rresp_i,
      .awvalid_o, .awready_i, .awid_o, .awaddr_o, .awlen_o, .awsize_o, .awuser_o,
      .wvalid_o, .wready_i, .wdata_o, .wstrb_o, .wlast_o, .bvalid_i, .bresp_i,
      .lookup_valid_o(lookup_valid), .lookup_ready_i(lookup_ready), .lookup_src_o(lookup_src),
      .lookup_dst_o(lookup_dst), .entry_src_i(entry_src), .entry_dst_i(entry_dst), .update_valid_o(update_valid),
      .update_ready_i(update_ready), .update_page_o(update_page), .update_entry_o(update_entry),
      .hint_valid_o, .hint_ready_i, .hint_page_o, .done_o, .map_done_o, .stream_fail_o, .stream_fail_data_o, .b_fail_o,
      .read_wait_o, .read_wait_data_o, .b_wait_o, .b_fail0_o, .b_fail1_o, .idle_o
  );

  dma_aperture #(.Channels(1), .PagesLog2(PagesLog2), .AddrBits(AddrBits), .Pipe(Pipe)) u_aperture (
      .clk_i, .rst_ni, .lookup_valid_i(lookup_valid), .lookup_ready_o(lookup_ready), .lookup_src_i(lookup_src),
      .lookup_dst_i(lookup_dst), .entry_src_o(entry_src), .entry_dst_o(entry_dst), .update_valid_i(update_valid),
      .update_ready_o(update_ready), .update_page_i(update_page), .update_entry_i(update_entry)
  );
endmodule
