// SPDX-License-Identifier: Apache-2.0
// For measurements: a mover whose host port and hints go to an IOMMU of its own.
module mover_iommu_top #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned HintAhead = 8,
    parameter int unsigned HintWalks = 16
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   hints_on_i,
    input  logic                   op_push_i,
    input  logic [dma_job_pkg::OP_WIDTH-1:0] op_i,
    output logic                   op_full_o,
    output logic                   done_o,
    output logic                   fail_o,

    input  logic                   s_axil_awvalid_i,
    output logic                   s_axil_awready_o,
    input  logic [11:0]            s_axil_awaddr_i,
    input  logic                   s_axil_wvalid_i,
    output logic                   s_axil_wready_o,
    input  logic [63:0]            s_axil_wdata_i,
    input  logic [7:0]             s_axil_wstrb_i,

    output logic                   m_axi_data_arvalid_o,
    input  logic                   m_axi_data_arready_i,
    output logic [5:0]             m_axi_data_arid_o,
    output logic [63:0]            m_axi_data_araddr_o,
    output logic [7:0]             m_axi_data_arlen_o,
    output logic [2:0]             m_axi_data_arsize_o,
    input  logic                   m_axi_data_rvalid_i,
    output logic                   m_axi_data_rready_o,
    input  logic [5:0]             m_axi_data_rid_i,
    input  logic [DataWidth-1:0]   m_axi_data_rdata_i,
    input  logic [1:0]             m_axi_data_rresp_i,
    input  logic                   m_axi_data_rlast_i,
    output logic                   m_axi_data_awvalid_o,
    input  logic                   m_axi_data_awready_i,
    output logic [5:0]             m_axi_data_awid_o,
    output logic [63:0]            m_axi_data_awaddr_o,
    output logic [7:0]             m_axi_data_awlen_o,
    output logic [2:0]             m_axi_data_awsize_o,
    output logic                   m_axi_data_wvalid_o,
    input  logic                   m_axi_data_wready_i,
    output logic [DataWidth-1:0]   m_axi_data_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_data_wstrb_o,
    output logic                   m_axi_data_wlast_o,
    input  logic                   m_axi_data_bvalid_i,
    output logic                   m_axi_data_bready_o,
    input  logic [5:0]             m_axi_data_bid_i,
    input  logic [1:0]             m_axi_data_bresp_i,

    output logic                   m_axi_table_arvalid_o,
    input  logic                   m_axi_table_arready_i,
    output logic [6:0]             m_axi_table_arid_o,
    output logic [63:0]            m_axi_table_araddr_o,
    output logic [7:0]             m_axi_table_arlen_o,
    output logic [2:0]             m_axi_table_arsize_o,
    input  logic                   m_axi_table_rvalid_i,
    output logic                   m_axi_table_rready_o,
    input  logic [6:0]             m_axi_table_rid_i,
    input  logic [DataWidth-1:0]   m_axi_table_rdata_i,
    input  logic [1:0]             m_axi_table_rresp_i,
    input  logic                   m_axi_table_rlast_i
);
  // Of the pairs this top connects one port; the rest of the mover's outputs has no reader here.
  // verilator lint_off UNUSEDSIGNAL
  logic [1:0] arvalid, awvalid, wvalid, done, b_fail, b_wait;
  logic [63:0] araddr, awaddr;
  logic [7:0] arlen, awlen;
  logic [2:0] awsize;
  dma_job_pkg::user_t aruser, awuser;
  logic [3:0] awid, rid, bid;
  logic [DataWidth-1:0] wdata, rdata;
  logic [DataWidth/8-1:0] wstrb;
  logic [1:0] rresp, bresp, single_ready;
  logic wlast, arready, awready, wready, rvalid, rlast, bvalid, stream_fail, read_wait, map_done, idle;
  logic hint_valid, hint_ready, lookup_valid, update_valid, lite_bvalid, lite_arready, lite_rvalid, iommu_idle, quiesced;
  logic [51:0] hint_page;
  logic [11:0] lookup_src, lookup_dst, update_page;
  logic [28:0] update_entry;
  logic [1:0] lite_bresp, lite_rresp;
  logic [63:0] lite_rdata;
  dma_job_pkg::fail_t stream_fail_data, read_wait_data, b_fail0, b_fail1;
  logic table_awvalid, table_wvalid, table_wlast, table_bready, arsnoop, awsnoop, probe_fault, probe_recorded;
  logic [6:0] table_awid;
  logic [63:0] table_awaddr;
  logic [7:0] table_awlen;
  logic [2:0] table_awsize;
  logic [DataWidth-1:0] table_wdata;
  logic [DataWidth/8-1:0] table_wstrb;
  logic [127:0] probe_record;
  // verilator lint_on UNUSEDSIGNAL

  assign done_o = done[1];
  assign fail_o = stream_fail | (b_fail != 2'b00);

  dma_mover #(.DataWidth(DataWidth), .HintAhead(HintAhead)) u_mover (
      .clk_i, .rst_ni, .flush_i(1'b0), .stop_i(1'b0), .bus_master_i(1'b1), .op_push_i, .op_i, .op_full_o,
      .single_valid_i(2'b00), .single_ready_o(single_ready), .single_i('0),
      .arvalid_o(arvalid), .arready_i({arready, 1'b0}), .araddr_o(araddr), .arlen_o(arlen), .aruser_o(aruser),
      .rvalid_i({rvalid, 1'b0}), .rlast_i({rlast, 1'b0}), .rdata_i({rdata, {DataWidth{1'b0}}}), .rresp_i({rresp, 2'b00}),
      .awvalid_o(awvalid), .awready_i({awready, 1'b0}), .awid_o(awid), .awaddr_o(awaddr), .awlen_o(awlen),
      .awsize_o(awsize), .awuser_o(awuser), .wvalid_o(wvalid), .wready_i({wready, 1'b0}), .wdata_o(wdata),
      .wstrb_o(wstrb), .wlast_o(wlast), .bvalid_i({bvalid, 1'b0}), .bresp_i({bresp, 2'b00}),
      .lookup_valid_o(lookup_valid), .lookup_ready_i(1'b0), .lookup_src_o(lookup_src), .lookup_dst_o(lookup_dst),
      .entry_src_i('0), .entry_dst_i('0), .update_valid_o(update_valid), .update_ready_i(1'b0),
      .update_page_o(update_page), .update_entry_o(update_entry),
      .hint_valid_o(hint_valid), .hint_ready_i(hint_ready & hints_on_i), .hint_page_o(hint_page),
      .done_o(done), .map_done_o(map_done), .stream_fail_o(stream_fail), .stream_fail_data_o(stream_fail_data),
      .b_fail_o(b_fail), .read_wait_o(read_wait), .read_wait_data_o(read_wait_data), .b_wait_o(b_wait),
      .b_fail0_o(b_fail0), .b_fail1_o(b_fail1), .idle_o(idle)
  );

  iommu #(.NumPorts(1), .DataWidth(DataWidth), .HintWalks(HintWalks)) u_iommu (
      .clk_i, .rst_ni, .por_ni(rst_ni), .source_id_i(16'h0100), .idle_o(iommu_idle), .quiesce_i(1'b0),
      .quiesced_o(quiesced),
      .s_axil_awvalid_i, .s_axil_awready_o, .s_axil_awaddr_i, .s_axil_wvalid_i, .s_axil_wready_o, .s_axil_wdata_i,
      .s_axil_wstrb_i, .s_axil_bvalid_o(lite_bvalid), .s_axil_bready_i(1'b1), .s_axil_bresp_o(lite_bresp),
      .s_axil_arvalid_i(1'b0), .s_axil_arready_o(lite_arready), .s_axil_araddr_i(12'd0),
      .s_axil_rvalid_o(lite_rvalid), .s_axil_rready_i(1'b1), .s_axil_rdata_o(lite_rdata), .s_axil_rresp_o(lite_rresp),
      .s_axi_arvalid_i(arvalid[1]), .s_axi_arready_o(arready), .s_axi_arid_i(4'd0), .s_axi_araddr_i(araddr),
      .s_axi_arlen_i(arlen), .s_axi_arsize_i(3'($clog2(DataWidth / 8))), .s_axi_aruser_i(27'd0),
      .s_axi_rvalid_o(rvalid), .s_axi_rready_i(1'b1), .s_axi_rid_o(rid), .s_axi_rdata_o(rdata), .s_axi_rresp_o(rresp),
      .s_axi_rlast_o(rlast),
      .s_axi_awvalid_i(awvalid[1]), .s_axi_awready_o(awready), .s_axi_awid_i(awid), .s_axi_awaddr_i(awaddr),
      .s_axi_awlen_i(awlen), .s_axi_awsize_i(awsize), .s_axi_awuser_i(27'd0), .s_axi_wvalid_i(wvalid[1]),
      .s_axi_wready_o(wready), .s_axi_wdata_i(wdata), .s_axi_wstrb_i(wstrb), .s_axi_wlast_i(wlast),
      .s_axi_bvalid_o(bvalid), .s_axi_bready_i(1'b1), .s_axi_bid_o(bid), .s_axi_bresp_o(bresp),
      .hint_valid_i(hint_valid & hints_on_i), .hint_ready_o(hint_ready), .hint_page_i(hint_page),
      .m_axi_data_arvalid_o, .m_axi_data_arready_i, .m_axi_data_arid_o, .m_axi_data_araddr_o, .m_axi_data_arlen_o,
      .m_axi_data_arsize_o, .m_axi_data_arsnoop_o(arsnoop), .m_axi_data_rvalid_i, .m_axi_data_rready_o,
      .m_axi_data_rid_i, .m_axi_data_rdata_i, .m_axi_data_rresp_i, .m_axi_data_rlast_i, .m_axi_data_awvalid_o,
      .m_axi_data_awready_i, .m_axi_data_awid_o, .m_axi_data_awaddr_o, .m_axi_data_awlen_o, .m_axi_data_awsize_o,
      .m_axi_data_awsnoop_o(awsnoop), .m_axi_data_wvalid_o, .m_axi_data_wready_i, .m_axi_data_wdata_o,
      .m_axi_data_wstrb_o, .m_axi_data_wlast_o, .m_axi_data_bvalid_i, .m_axi_data_bready_o, .m_axi_data_bid_i,
      .m_axi_data_bresp_i,
      .m_axi_table_arvalid_o, .m_axi_table_arready_i, .m_axi_table_arid_o, .m_axi_table_araddr_o,
      .m_axi_table_arlen_o, .m_axi_table_arsize_o, .m_axi_table_rvalid_i, .m_axi_table_rready_o, .m_axi_table_rid_i,
      .m_axi_table_rdata_i, .m_axi_table_rresp_i, .m_axi_table_rlast_i,
      // Nothing is written: no queue, no messages.
      .m_axi_table_awvalid_o(table_awvalid), .m_axi_table_awready_i(1'b0), .m_axi_table_awid_o(table_awid),
      .m_axi_table_awaddr_o(table_awaddr), .m_axi_table_awlen_o(table_awlen), .m_axi_table_awsize_o(table_awsize),
      .m_axi_table_wvalid_o(table_wvalid), .m_axi_table_wready_i(1'b0), .m_axi_table_wdata_o(table_wdata),
      .m_axi_table_wstrb_o(table_wstrb), .m_axi_table_wlast_o(table_wlast), .m_axi_table_bvalid_i(1'b0),
      .m_axi_table_bready_o(table_bready), .probe_fault_o(probe_fault), .probe_fault_recorded_o(probe_recorded),
      .probe_fault_record_o(probe_record)
  );
endmodule
