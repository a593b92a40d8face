// SPDX-License-Identifier: Apache-2.0
// Example: the IOMMU in front of one requester of another make. Linted with the project, so that it stays true.
// docs/iommu-integration.md explains the choices.
module iommu_example #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned IdWidth   = 4
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,  // warm reset of the requester, the unit and both paths to memory together
    input  logic                   por_ni,  // power good
    // The unit alone, while the requester goes on: quiesce_i to 1, wait for quiesced_o, unit_rst_ni to 0 for a cycle or
    // more, then quiesce_i to 0. With a reset of everything quiesce_i is 0.
    input  logic                   unit_rst_ni,
    input  logic                   quiesce_i,
    output logic                   quiesced_o,

    // Register page, AXI4-Lite.
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

    // The requester: logical addresses.
    input  logic                   s_axi_arvalid_i,
    output logic                   s_axi_arready_o,
    input  logic [IdWidth-1:0]     s_axi_arid_i,
    input  logic [63:0]            s_axi_araddr_i,
    input  logic [7:0]             s_axi_arlen_i,
    input  logic [2:0]             s_axi_arsize_i,
    output logic                   s_axi_rvalid_o,
    input  logic                   s_axi_rready_i,
    output logic [IdWidth-1:0]     s_axi_rid_o,
    output logic [DataWidth-1:0]   s_axi_rdata_o,
    output logic [1:0]             s_axi_rresp_o,
    output logic                   s_axi_rlast_o,
    input  logic                   s_axi_awvalid_i,
    output logic                   s_axi_awready_o,
    input  logic [IdWidth-1:0]     s_axi_awid_i,
    input  logic [63:0]            s_axi_awaddr_i,
    input  logic [7:0]             s_axi_awlen_i,
    input  logic [2:0]             s_axi_awsize_i,
    input  logic                   s_axi_wvalid_i,
    output logic                   s_axi_wready_o,
    input  logic [DataWidth-1:0]   s_axi_wdata_i,
    input  logic [DataWidth/8-1:0] s_axi_wstrb_i,
    input  logic                   s_axi_wlast_i,
    output logic                   s_axi_bvalid_o,
    input  logic                   s_axi_bready_i,
    output logic [IdWidth-1:0]     s_axi_bid_o,
    output logic [1:0]             s_axi_bresp_o,

    // To memory: the requester's traffic, host addresses; two id bits more.
    output logic                   m_axi_data_arvalid_o,
    input  logic                   m_axi_data_arready_i,
    output logic [IdWidth+1:0]     m_axi_data_arid_o,
    output logic [63:0]            m_axi_data_araddr_o,
    output logic [7:0]             m_axi_data_arlen_o,
    output logic [2:0]             m_axi_data_arsize_o,
    output logic                   m_axi_data_arsnoop_o,
    input  logic                   m_axi_data_rvalid_i,
    output logic                   m_axi_data_rready_o,
    input  logic [IdWidth+1:0]     m_axi_data_rid_i,
    input  logic [DataWidth-1:0]   m_axi_data_rdata_i,
    input  logic [1:0]             m_axi_data_rresp_i,
    input  logic                   m_axi_data_rlast_i,
    output logic                   m_axi_data_awvalid_o,
    input  logic                   m_axi_data_awready_i,
    output logic [IdWidth+1:0]     m_axi_data_awid_o,
    output logic [63:0]            m_axi_data_awaddr_o,
    output logic [7:0]             m_axi_data_awlen_o,
    output logic [2:0]             m_axi_data_awsize_o,
    output logic                   m_axi_data_awsnoop_o,
    output logic                   m_axi_data_wvalid_o,
    input  logic                   m_axi_data_wready_i,
    output logic [DataWidth-1:0]   m_axi_data_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_data_wstrb_o,
    output logic                   m_axi_data_wlast_o,
    input  logic                   m_axi_data_bvalid_i,
    output logic                   m_axi_data_bready_o,
    input  logic [IdWidth+1:0]     m_axi_data_bid_i,
    input  logic [1:0]             m_axi_data_bresp_i,

    // To memory: tables, queue, status and event messages.
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
    input  logic                   m_axi_table_rlast_i,
    output logic                   m_axi_table_awvalid_o,
    input  logic                   m_axi_table_awready_i,
    output logic [6:0]             m_axi_table_awid_o,
    output logic [63:0]            m_axi_table_awaddr_o,
    output logic [7:0]             m_axi_table_awlen_o,
    output logic [2:0]             m_axi_table_awsize_o,
    output logic                   m_axi_table_wvalid_o,
    input  logic                   m_axi_table_wready_i,
    output logic [DataWidth-1:0]   m_axi_table_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_table_wstrb_o,
    output logic                   m_axi_table_wlast_o,
    input  logic                   m_axi_table_bvalid_i,
    output logic                   m_axi_table_bready_o
);
  // Ordinary requests: untranslated, no PASID, snooped.
  localparam vtd_pkg::axuser_t Plain = '0;

  // Not needed here: hints, rest, and the probes that only a bench reads.
  // verilator lint_off UNUSEDSIGNAL
  logic hint_ready, idle, probe_fault, probe_fault_recorded;
  logic [127:0] probe_fault_record;
  // verilator lint_on UNUSEDSIGNAL

  iommu #(
      .NumPorts(1), .DataWidth(DataWidth), .IdWidth(IdWidth), .Haw(40), .Mgaw(39), .Sagaw(5'b00010), .IotlbEntries(32)
  ) i_iommu (
      .clk_i, .rst_ni(rst_ni & unit_rst_ni), .por_ni, .quiesce_i, .quiesced_o, .source_id_i(16'h0010),  // bus 0, device 2, function 0: what the context table knows
      .idle_o(idle),
      .s_axil_awvalid_i, .s_axil_awready_o, .s_axil_awaddr_i, .s_axil_wvalid_i, .s_axil_wready_o, .s_axil_wdata_i,
      .s_axil_wstrb_i, .s_axil_bvalid_o, .s_axil_bready_i, .s_axil_bresp_o, .s_axil_arvalid_i, .s_axil_arready_o,
      .s_axil_araddr_i, .s_axil_rvalid_o, .s_axil_rready_i, .s_axil_rdata_o, .s_axil_rresp_o,
      .s_axi_arvalid_i, .s_axi_arready_o, .s_axi_arid_i, .s_axi_araddr_i, .s_axi_arlen_i, .s_axi_arsize_i,
      .s_axi_aruser_i(Plain), .s_axi_rvalid_o, .s_axi_rready_i, .s_axi_rid_o, .s_axi_rdata_o, .s_axi_rresp_o,
      .s_axi_rlast_o, .s_axi_awvalid_i, .s_axi_awready_o, .s_axi_awid_i, .s_axi_awaddr_i, .s_axi_awlen_i,
      .s_axi_awsize_i, .s_axi_awuser_i(Plain), .s_axi_wvalid_i, .s_axi_wready_o, .s_axi_wdata_i, .s_axi_wstrb_i,
      .s_axi_wlast_i, .s_axi_bvalid_o, .s_axi_bready_i, .s_axi_bid_o, .s_axi_bresp_o,
      .hint_valid_i(1'b0), .hint_ready_o(hint_ready), .hint_page_i('0),
      .m_axi_data_arvalid_o, .m_axi_data_arready_i, .m_axi_data_arid_o, .m_axi_data_araddr_o, .m_axi_data_arlen_o,
      .m_axi_data_arsize_o, .m_axi_data_arsnoop_o, .m_axi_data_rvalid_i, .m_axi_data_rready_o, .m_axi_data_rid_i,
      .m_axi_data_rdata_i, .m_axi_data_rresp_i, .m_axi_data_rlast_i, .m_axi_data_awvalid_o, .m_axi_data_awready_i,
      .m_axi_data_awid_o, .m_axi_data_awaddr_o, .m_axi_data_awlen_o, .m_axi_data_awsize_o, .m_axi_data_awsnoop_o,
      .m_axi_data_wvalid_o, .m_axi_data_wready_i, .m_axi_data_wdata_o, .m_axi_data_wstrb_o, .m_axi_data_wlast_o,
      .m_axi_data_bvalid_i, .m_axi_data_bready_o, .m_axi_data_bid_i, .m_axi_data_bresp_i,
      .m_axi_table_arvalid_o, .m_axi_table_arready_i, .m_axi_table_arid_o, .m_axi_table_araddr_o,
      .m_axi_table_arlen_o, .m_axi_table_arsize_o, .m_axi_table_rvalid_i, .m_axi_table_rready_o, .m_axi_table_rid_i,
      .m_axi_table_rdata_i, .m_axi_table_rresp_i, .m_axi_table_rlast_i, .m_axi_table_awvalid_o,
      .m_axi_table_awready_i, .m_axi_table_awid_o, .m_axi_table_awaddr_o, .m_axi_table_awlen_o,
      .m_axi_table_awsize_o, .m_axi_table_wvalid_o, .m_axi_table_wready_i, .m_axi_table_wdata_o,
      .m_axi_table_wstrb_o, .m_axi_table_wlast_o, .m_axi_table_bvalid_i, .m_axi_table_bready_o,
      .probe_fault_o(probe_fault), .probe_fault_recorded_o(probe_fault_recorded),
      .probe_fault_record_o(probe_fault_record));
endmodule
