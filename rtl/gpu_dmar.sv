// SPDX-License-Identifier: Apache-2.0
// The top: NumAdapters GPU DMA engines and the IOMMU between them and host memory. Wiring only; no timing of its own.
//
// Vectors of several adapters are flat: adapter n holds bits [n*W +: W].
module gpu_dmar #(
    parameter int unsigned NumAdapters   = 2,    // linked adapters, 1 to 4
    parameter int unsigned DataWidth     = 256,  // bits of every AXI4 data bus: 128, 256 or 512
    parameter int unsigned Haw           = 46,   // host address width, bits
    parameter int unsigned Mgaw          = 48,   // guest address width, bits
    parameter int unsigned DmaAddrBits   = 40,   // logical address bits that a GPU drives
    parameter int unsigned VramBits      = 28,   // log2 of the VRAM bytes of an adapter
    parameter int unsigned DmaReads      = 64,   // reads in flight of one engine
    parameter int unsigned IotlbEntries  = 64,   // fully associative
    parameter int unsigned NumWalks      = 16,   // walks in parallel
    parameter int unsigned Pipe          = 0,    // 0: shortest latency, 1: registers for an FPGA
    // source-id of adapter n in bits [16n +: 16]; default 01:00.0, 02:00.0, 03:00.0, 04:00.0
    parameter logic [63:0] SourceIds     = 64'h0400_0300_0200_0100,
    // derived, not to be set
    parameter int unsigned IdWidth       = 4,    // AXI id bits of one requester
    parameter int unsigned DataIdWidth   = IdWidth + 2,
    parameter int unsigned TableIdWidth  = 6
) (
    input  logic                               clk_i,
    input  logic                               rst_ni,

    // Register page of the IOMMU, AXI4-Lite.
    input  logic                               s_axil_iommu_awvalid_i,
    output logic                               s_axil_iommu_awready_o,
    input  logic [11:0]                        s_axil_iommu_awaddr_i,
    input  logic                               s_axil_iommu_wvalid_i,
    output logic                               s_axil_iommu_wready_o,
    input  logic [63:0]                        s_axil_iommu_wdata_i,
    input  logic [7:0]                         s_axil_iommu_wstrb_i,
    output logic                               s_axil_iommu_bvalid_o,
    input  logic                               s_axil_iommu_bready_i,
    output logic [1:0]                         s_axil_iommu_bresp_o,
    input  logic                               s_axil_iommu_arvalid_i,
    output logic                               s_axil_iommu_arready_o,
    input  logic [11:0]                        s_axil_iommu_araddr_i,
    output logic                               s_axil_iommu_rvalid_o,
    input  logic                               s_axil_iommu_rready_i,
    output logic [63:0]                        s_axil_iommu_rdata_o,
    output logic [1:0]                         s_axil_iommu_rresp_o,

    // BAR 0 of each adapter, AXI4-Lite.
    input  logic [NumAdapters-1:0]             s_axil_gpu_awvalid_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_awready_o,
    input  logic [NumAdapters*12-1:0]          s_axil_gpu_awaddr_i,
    input  logic [NumAdapters-1:0]             s_axil_gpu_wvalid_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_wready_o,
    input  logic [NumAdapters*64-1:0]          s_axil_gpu_wdata_i,
    input  logic [NumAdapters*8-1:0]           s_axil_gpu_wstrb_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_bvalid_o,
    input  logic [NumAdapters-1:0]             s_axil_gpu_bready_i,
    output logic [NumAdapters*2-1:0]           s_axil_gpu_bresp_o,
    input  logic [NumAdapters-1:0]             s_axil_gpu_arvalid_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_arready_o,
    input  logic [NumAdapters*12-1:0]          s_axil_gpu_araddr_i,
    output logic [NumAdapters-1:0]             s_axil_gpu_rvalid_o,
    input  logic [NumAdapters-1:0]             s_axil_gpu_rready_i,
    output logic [NumAdapters*64-1:0]          s_axil_gpu_rdata_o,
    output logic [NumAdapters*2-1:0]           s_axil_gpu_rresp_o,

    // DMA traffic to host memory, AXI4, bursts INCR. RREADY is constantly 1.
    output logic                               m_axi_data_arvalid_o,
    input  logic                               m_axi_data_arready_i,
    output logic [DataIdWidth-1:0]             m_axi_data_arid_o,
    output logic [63:0]                        m_axi_data_araddr_o,
    output logic [7:0]                         m_axi_data_arlen_o,
    output logic [2:0]                         m_axi_data_arsize_o,
    input  logic                               m_axi_data_rvalid_i,
    output logic                               m_axi_data_rready_o,
    input  logic [DataIdWidth-1:0]             m_axi_data_rid_i,
    input  logic [DataWidth-1:0]               m_axi_data_rdata_i,
    input  logic [1:0]                         m_axi_data_rresp_i,
    input  logic                               m_axi_data_rlast_i,
    output logic                               m_axi_data_awvalid_o,
    input  logic                               m_axi_data_awready_i,
    output logic [DataIdWidth-1:0]             m_axi_data_awid_o,
    output logic [63:0]                        m_axi_data_awaddr_o,
    output logic [7:0]                         m_axi_data_awlen_o,
    output logic [2:0]                         m_axi_data_awsize_o,
    output logic                               m_axi_data_wvalid_o,
    input  logic                               m_axi_data_wready_i,
    output logic [DataWidth-1:0]               m_axi_data_wdata_o,
    output logic [DataWidth/8-1:0]             m_axi_data_wstrb_o,
    output logic                               m_axi_data_wlast_o,
    input  logic                               m_axi_data_bvalid_i,
    output logic                               m_axi_data_bready_o,
    input  logic [DataIdWidth-1:0]             m_axi_data_bid_i,
    input  logic [1:0]                         m_axi_data_bresp_i,

    // The IOMMU's own traffic (walks, queue, status writes, event messages), AXI4, bursts INCR. RREADY is constantly 1.
    output logic                               m_axi_table_arvalid_o,
    input  logic                               m_axi_table_arready_i,
    output logic [TableIdWidth-1:0]            m_axi_table_arid_o,
    output logic [63:0]                        m_axi_table_araddr_o,
    output logic [7:0]                         m_axi_table_arlen_o,
    output logic [2:0]                         m_axi_table_arsize_o,
    input  logic                               m_axi_table_rvalid_i,
    output logic                               m_axi_table_rready_o,
    input  logic [TableIdWidth-1:0]            m_axi_table_rid_i,
    input  logic [DataWidth-1:0]               m_axi_table_rdata_i,
    input  logic [1:0]                         m_axi_table_rresp_i,
    input  logic                               m_axi_table_rlast_i,
    output logic                               m_axi_table_awvalid_o,
    input  logic                               m_axi_table_awready_i,
    output logic [TableIdWidth-1:0]            m_axi_table_awid_o,
    output logic [63:0]                        m_axi_table_awaddr_o,
    output logic [7:0]                         m_axi_table_awlen_o,
    output logic [2:0]                         m_axi_table_awsize_o,
    output logic                               m_axi_table_wvalid_o,
    input  logic                               m_axi_table_wready_i,
    output logic [DataWidth-1:0]               m_axi_table_wdata_o,
    output logic [DataWidth/8-1:0]             m_axi_table_wstrb_o,
    output logic                               m_axi_table_wlast_o,
    input  logic                               m_axi_table_bvalid_i,
    output logic                               m_axi_table_bready_o,
    input  logic [TableIdWidth-1:0]            m_axi_table_bid_i,
    input  logic [1:0]                         m_axi_table_bresp_i,

    // VRAM of each adapter, AXI4, bursts INCR, addresses are byte offsets. RREADY is constantly 1.
    output logic [NumAdapters-1:0]             m_axi_vram_arvalid_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_arready_i,
    output logic [NumAdapters*IdWidth-1:0]     m_axi_vram_arid_o,
    output logic [NumAdapters*64-1:0]          m_axi_vram_araddr_o,
    output logic [NumAdapters*8-1:0]           m_axi_vram_arlen_o,
    output logic [NumAdapters*3-1:0]           m_axi_vram_arsize_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_rvalid_i,
    output logic [NumAdapters-1:0]             m_axi_vram_rready_o,
    input  logic [NumAdapters*IdWidth-1:0]     m_axi_vram_rid_i,
    input  logic [NumAdapters*DataWidth-1:0]   m_axi_vram_rdata_i,
    input  logic [NumAdapters*2-1:0]           m_axi_vram_rresp_i,
    input  logic [NumAdapters-1:0]             m_axi_vram_rlast_i,
    output logic [NumAdapters-1:0]             m_axi_vram_awvalid_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_awready_i,
    output logic [NumAdapters*IdWidth-1:0]     m_axi_vram_awid_o,
    output logic [NumAdapters*64-1:0]          m_axi_vram_awaddr_o,
    output logic [NumAdapters*8-1:0]           m_axi_vram_awlen_o,
    output logic [NumAdapters*3-1:0]           m_axi_vram_awsize_o,
    output logic [NumAdapters-1:0]             m_axi_vram_wvalid_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_wready_i,
    output logic [NumAdapters*DataWidth-1:0]   m_axi_vram_wdata_o,
    output logic [NumAdapters*DataWidth/8-1:0] m_axi_vram_wstrb_o,
    output logic [NumAdapters-1:0]             m_axi_vram_wlast_o,
    input  logic [NumAdapters-1:0]             m_axi_vram_bvalid_i,
    output logic [NumAdapters-1:0]             m_axi_vram_bready_o,
    input  logic [NumAdapters*IdWidth-1:0]     m_axi_vram_bid_i,
    input  logic [NumAdapters*2-1:0]           m_axi_vram_bresp_i,

    // Probes for the bench, synthesised away when unconnected: the requester side of the IOMMU.
    output logic [NumAdapters-1:0]             probe_ar_o,      // AR handshake at requester port n in this cycle
    output logic [NumAdapters*IdWidth-1:0]     probe_arid_o,
    output logic [NumAdapters*64-1:0]          probe_araddr_o,
    output logic [NumAdapters*8-1:0]           probe_arlen_o,
    output logic [NumAdapters*27-1:0]          probe_aruser_o,  // vtd_pkg::axuser_t
    output logic [NumAdapters-1:0]             probe_aw_o,      // AW handshake
    output logic [NumAdapters*IdWidth-1:0]     probe_awid_o,
    output logic [NumAdapters*64-1:0]          probe_awaddr_o,
    output logic [NumAdapters*8-1:0]           probe_awlen_o,
    output logic [NumAdapters*3-1:0]           probe_awsize_o,
    output logic [NumAdapters*27-1:0]          probe_awuser_o,
    output logic [NumAdapters-1:0]             probe_wlast_o,   // W handshake with WLAST
    output logic [NumAdapters-1:0]             probe_r_o,       // R handshake
    output logic [NumAdapters*IdWidth-1:0]     probe_rid_o,
    output logic [NumAdapters*2-1:0]           probe_rresp_o,
    output logic [NumAdapters-1:0]             probe_rlast_o,
    output logic [NumAdapters-1:0]             probe_b_o,       // B handshake
    output logic [NumAdapters*IdWidth-1:0]     probe_bid_o,
    output logic [NumAdapters*2-1:0]           probe_bresp_o,
    // The fault record written in this cycle (recorded or dropped).
    output logic                               probe_fault_o,
    output logic                               probe_fault_recorded_o,
    output logic [127:0]                       probe_fault_record_o
);
