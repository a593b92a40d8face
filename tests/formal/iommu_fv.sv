// SPDX-License-Identifier: Apache-2.0
// The whole unit, with every input free: a page that the tables have taken back and that was flushed is out of reach when the
// wait behind the flush tells its status, by reads and writes alike, and what had left for it is performed when the flush
// asked for a drain; nothing leaves for a page in a direction that the tables do not permit; what the unit offers to memory
// stays until it is taken.
//
// Any one mapping is watched: page_i of domain did_i stands at frame_i, in a leaf of any size. Nothing else says that frame,
// neither another leaf nor a request that passes untranslated: the unit only copies frames, so one that two pages share
// behaves like two frames. From unmap_i on, a walk that has read nothing of its page's tables before does not find it; one that
// began earlier still may, whether it finds the old leaf or comes through an old table. That the entries a walk reads are
// those of its own page and domain is proved in walker_fv (a_root, a_context, a_paging, a_cached), that a flush and a wait are
// what their descriptors say in invalidation_fv, so the flush is watched behind the queue.
//
// Every assertion is kept by every cycle (one step of induction), so most of them say where in the unit the frame may stand
// and when. Left out: the paging-structure caches (paging_cache_fv), and with them flushes that leave old ways in them; the IOTLB
// in block RAM; Pipe 1; 64 bits.
module iommu_fv #(
    parameter bit Narrow = 1'b0  // for the covers: few bits free
) (
    input logic         clk_i,
    input logic         rst_ni,
    input logic         por_ni,
    input logic [31:0]  source_id_i,
    input logic         quiesce_i,
    input logic         axil_awvalid_i,
    input logic [11:0]  axil_awaddr_i,
    input logic         axil_wvalid_i,
    input logic [63:0]  axil_wdata_i,
    input logic [7:0]   axil_wstrb_i,
    input logic         axil_bready_i,
    input logic         axil_arvalid_i,
    input logic [11:0]  axil_araddr_i,
    input logic         axil_rready_i,
    input logic [1:0]   arvalid_i,
    input logic [1:0]   arid_i,
    input logic [127:0] araddr_i,
    input logic [15:0]  arlen_i,
    input logic [5:0]   arsize_i,
    input logic [53:0]  aruser_i,
    input logic [1:0]   rready_i,
    input logic [1:0]   awvalid_i,
    input logic [1:0]   awid_i,
    input logic [127:0] awaddr_i,
    input logic [15:0]  awlen_i,
    input logic [5:0]   awsize_i,
    input logic [53:0]  awuser_i,
    input logic [1:0]   wvalid_i,
    input logic [255:0] wdata_i,
    input logic [31:0]  wstrb_i,
    input logic [1:0]   wlast_i,
    input logic [1:0]   bready_i,
    input logic [1:0]   hint_valid_i,
    input logic [103:0] hint_page_i,
    input logic         m_arready_i,
    input logic         m_rvalid_i,
    input logic [1:0]   m_rid_i,
    input logic [127:0] m_rdata_i,
    input logic [1:0]   m_rresp_i,
    input logic         m_rlast_i,
    input logic         m_awready_i,
    input logic         m_wready_i,
    input logic         m_bvalid_i,
    input logic [1:0]   m_bid_i,
    input logic [1:0]   m_bresp_i,
    input logic         t_arready_i,
    input logic         t_rvalid_i,
    input logic [2:0]   t_rid_i,
    input logic [127:0] t_rdata_i,
    input logic [1:0]   t_rresp_i,
    input logic         t_rlast_i,
    input logic         t_awready_i,
    input logic         t_wready_i,
    input logic         t_bvalid_i,
    // The watched mapping, constant: page_i of domain did_i stands at frame_i, with these permissions.
    input logic [26:0]  page_i,
    input logic [15:0]  did_i,
    input logic [19:0]  frame_i,
    input logic         may_read_i,
    input logic         may_write_i,
    input logic [1:0]   watch_i,           // watch a request that gets the frame: [0] a read, [1] a write
    input logic         unmap_i            // from this cycle on the tables do not say so any more
);
  // GCMD with TE and QIE, IQT; pages that differ in two bits; entries and descriptors with a bit or two of what matters.
  logic [11:0] axil_awaddr;
  logic [63:0] axil_wdata;
  logic [7:0] axil_wstrb;
  logic [31:0] source_id;
  logic [127:0] araddr, awaddr, t_rdata;
  logic [15:0] arlen, awlen;
  logic [5:0] arsize, awsize;
  logic [53:0] aruser, awuser;
  logic [1:0] hint_valid;
  assign axil_awaddr = Narrow ? axil_awaddr_i & 12'h098 : axil_awaddr_i;
  assign axil_wdata = Narrow ? axil_wdata_i & 64'h84000030 : axil_wdata_i;
  assign axil_wstrb = Narrow ? 8'hFF : axil_wstrb_i;
  assign source_id = Narrow ? '0 : source_id_i;
  assign araddr = Narrow ? araddr_i & {2{64'h3000}} : araddr_i;
  assign awaddr = Narrow ? awaddr_i & {2{64'h3000}} : awaddr_i;
  assign {arlen, arsize, aruser} = Narrow ? '0 : {arlen_i, arsize_i, aruser_i};
  assign {awlen, awsize, awuser} = Narrow ? '0 : {awlen_i, awsize_i, awuser_i};
  assign hint_valid = Narrow ? '0 : hint_valid_i;
  assign t_rdata = Narrow ? t_rdata_i & 128'h1_00000000_400000F7 : t_rdata_i;

  logic [1:0] arready, awready, wready, rvalid, rlast, bvalid, hint_ready, rid, bid;
  logic [3:0] rresp, bresp;
  logic [255:0] rdata;
  logic m_arvalid, m_awvalid, m_wvalid, m_wlast, m_rready, m_bready, m_arsnoop, m_awsnoop;
  logic [1:0] m_arid, m_awid;
  logic [63:0] m_araddr, m_awaddr, t_araddr, t_awaddr, axil_rdata;
  logic [7:0] m_arlen, m_awlen, t_arlen, t_awlen;
  logic [2:0] m_arsize, m_awsize, t_arid, t_awid, t_arsize, t_awsize;
  logic [127:0] m_wdata, t_wdata, probe_record;
  logic [15:0] m_wstrb, t_wstrb;
  logic t_arvalid, t_awvalid, t_wvalid, t_wlast, t_rready, t_bready, idle, quiesced, probe, recorded, axil_awready,
      axil_wready, axil_bvalid, axil_arready, axil_rvalid;
  logic [1:0] axil_bresp, axil_rresp;
  iommu #(
      .NumPorts(2), .DataWidth(128), .IdWidth(1), .Haw(32), .Mgaw(39), .Sagaw(5'b00010), .Records(1), .IotlbEntries(4),
      .ContextEntries(2), .PagingEntries1(0), .PagingEntries2(0), .PagingEntries3(0), .NumWalks(2), .HintWalks(1),
      .Parks(4), .MaxBurst(2), .ReadBeats(2), .WriteBeats(4), .Responses(4), .QueueBursts(2), .QueueSlots(2),
      .PortWidth(1), .TableIdWidth(3)
  ) dut (
      .clk_i, .rst_ni, .por_ni, .source_id_i(source_id), .idle_o(idle), .quiesce_i, .quiesced_o(quiesced),
      .s_axil_awvalid_i(axil_awvalid_i), .s_axil_awready_o(axil_awready), .s_axil_awaddr_i(axil_awaddr),
      .s_axil_wvalid_i(axil_wvalid_i), .s_axil_wready_o(axil_wready), .s_axil_wdata_i(axil_wdata),
      .s_axil_wstrb_i(axil_wstrb), .s_axil_bvalid_o(axil_bvalid), .s_axil_bready_i(axil_bready_i),
      .s_axil_bresp_o(axil_bresp), .s_axil_arvalid_i(axil_arvalid_i), .s_axil_arready_o(axil_arready),
      .s_axil_araddr_i(axil_araddr_i), .s_axil_rvalid_o(axil_rvalid), .s_axil_rready_i(axil_rready_i),
      .s_axil_rdata_o(axil_rdata), .s_axil_rresp_o(axil_rresp),
      .s_axi_arvalid_i(arvalid_i), .s_axi_arready_o(arready), .s_axi_arid_i(arid_i), .s_axi_araddr_i(araddr),
      .s_axi_arlen_i(arlen), .s_axi_arsize_i(arsize), .s_axi_aruser_i(aruser), .s_axi_rvalid_o(rvalid),
      .s_axi_rready_i(rready_i), .s_axi_rid_o(rid), .s_axi_rdata_o(rdata), .s_axi_rresp_o(rresp), .s_axi_rlast_o(rlast),
      .s_axi_awvalid_i(awvalid_i), .s_axi_awready_o(awready), .s_axi_awid_i(awid_i), .s_axi_awaddr_i(awaddr),
      .s_axi_awlen_i(awlen), .s_axi_awsize_i(awsize), .s_axi_awuser_i(awuser), .s_axi_wvalid_i(wvalid_i),
      .s_axi_wready_o(wready), .s_axi_wdata_i(wdata_i), .s_axi_wstrb_i(wstrb_i), .s_axi_wlast_i(wlast_i),
      .s_axi_bvalid_o(bvalid), .s_axi_bready_i(bready_i), .s_axi_bid_o(bid), .s_axi_bresp_o(bresp),
      .hint_valid_i(hint_valid), .hint_ready_o(hint_ready), .hint_page_i,
      .m_axi_data_arvalid_o(m_arvalid), .m_axi_data_arready_i(m_arready_i), .m_axi_data_arid_o(m_arid),
      .m_axi_data_araddr_o(m_araddr), .m_axi_data_arlen_o(m_arlen), .m_axi_data_arsize_o(m_arsize),
      .m_axi_data_arsnoop_o(m_arsnoop), .m_axi_data_rvalid_i(m_rvalid_i), .m_axi_data_rready_o(m_rready),
      .m_axi_data_rid_i(m_rid_i), .m_axi_data_rdata_i(m_rdata_i), .m_axi_data_rresp_i(m_rresp_i),
      .m_axi_data_rlast_i(m_rlast_i), .m_axi_data_awvalid_o(m_awvalid), .m_axi_data_awready_i(m_awready_i),
      .m_axi_data_awid_o(m_awid), .m_axi_data_awaddr_o(m_awaddr), .m_axi_data_awlen_o(m_awlen),
      .m_axi_data_awsize_o(m_awsize), .m_axi_data_awsnoop_o(m_awsnoop), .m_axi_data_wvalid_o(m_wvalid),
      .m_axi_data_wready_i(m_wready_i), .m_axi_data_wdata_o(m_wdata), .m_axi_data_wstrb_o(m_wstrb),
      .m_axi_data_wlast_o(m_wlast), .m_axi_data_bvalid_i(m_bvalid_i), .m_axi_data_bready_o(m_bready),
      .m_axi_data_bid_i(m_bid_i), .m_axi_data_bresp_i(m_bresp_i),
      .m_axi_table_arvalid_o(t_arvalid), .m_axi_table_arready_i(t_arready_i), .m_axi_table_arid_o(t_arid),
      .m_axi_table_araddr_o(t_araddr), .m_axi_table_arlen_o(t_arlen), .m_axi_table_arsize_o(t_arsize),
      .m_axi_table_rvalid_i(t_rvalid_i), .m_axi_table_rready_o(t_rready), .m_axi_table_rid_i(t_rid_i),
      .m_axi_table_rdata_i(t_rdata), .m_axi_table_rresp_i(t_rresp_i), .m_axi_table_rlast_i(t_rlast_i),
      .m_axi_table_awvalid_o(t_awvalid), .m_axi_table_awready_i(t_awready_i), .m_axi_table_awid_o(t_awid),
      .m_axi_table_awaddr_o(t_awaddr), .m_axi_table_awlen_o(t_awlen), .m_axi_table_awsize_o(t_awsize),
      .m_axi_table_wvalid_o(t_wvalid), .m_axi_table_wready_i(t_wready_i), .m_axi_table_wdata_o(t_wdata),
      .m_axi_table_wstrb_o(t_wstrb), .m_axi_table_wlast_o(t_wlast), .m_axi_table_bvalid_i(t_bvalid_i),
      .m_axi_table_bready_o(t_bready), .probe_fault_o(probe), .probe_fault_recorded_o(recorded),
      .probe_fault_record_o(probe_record));

  // ------------------------------------------------------------------ inside
  (* hierconn *) wire         \dut.tlb_flush ;
  (* hierconn *) wire [1:0]   \dut.flush_g ;
  (* hierconn *) wire [15:0]  \dut.flush_did ;
  (* hierconn *) wire [26:0]  \dut.flush_page ;
  (* hierconn *) wire [26:0]  \dut.flush_mask ;
  (* hierconn *) wire [1:0]   \dut.settled ;
  (* hierconn *) wire         \dut.i_table_port.busy_q ;
  (* hierconn *) wire [2:0]   \dut.msg_valid ;
  (* hierconn *) wire         \dut.iwc ;
  (* hierconn *) wire [3:0]   \dut.i_iotlb.gen_full.i_full.valid_q ;
  (* hierconn *) wire [3:0]   \dut.i_iotlb.gen_full.i_full.r_q ;
  (* hierconn *) wire [3:0]   \dut.i_iotlb.gen_full.i_full.w_q ;
  (* hierconn *) wire [1:0] \dut.i_iotlb.gen_full.i_full.size_q[0] ;
  (* hierconn *) wire [1:0] \dut.i_iotlb.gen_full.i_full.size_q[1] ;
  (* hierconn *) wire [1:0] \dut.i_iotlb.gen_full.i_full.size_q[2] ;
  (* hierconn *) wire [1:0] \dut.i_iotlb.gen_full.i_full.size_q[3] ;
  (* hierconn *) wire [15:0] \dut.i_iotlb.gen_full.i_full.did_q[0] ;
  (* hierconn *) wire [15:0] \dut.i_iotlb.gen_full.i_full.did_q[1] ;
  (* hierconn *) wire [15:0] \dut.i_iotlb.gen_full.i_full.did_q[2] ;
  (* hierconn *) wire [15:0] \dut.i_iotlb.gen_full.i_full.did_q[3] ;
  (* hierconn *) wire [26:0] \dut.i_iotlb.gen_full.i_full.page_q[0] ;
  (* hierconn *) wire [26:0] \dut.i_iotlb.gen_full.i_full.page_q[1] ;
  (* hierconn *) wire [26:0] \dut.i_iotlb.gen_full.i_full.page_q[2] ;
  (* hierconn *) wire [26:0] \dut.i_iotlb.gen_full.i_full.page_q[3] ;
  (* hierconn *) wire [19:0] \dut.i_iotlb.gen_full.i_full.frame_q[0] ;
  (* hierconn *) wire [19:0] \dut.i_iotlb.gen_full.i_full.frame_q[1] ;
  (* hierconn *) wire [19:0] \dut.i_iotlb.gen_full.i_full.frame_q[2] ;
  (* hierconn *) wire [19:0] \dut.i_iotlb.gen_full.i_full.frame_q[3] ;
  (* hierconn *) wire [0:0] \dut.i_walker.beat_live ;
  (* hierconn *) wire [1:0] \dut.i_walker.bw ;
  (* hierconn *) wire [19:0] \dut.i_walker.leaf_frame ;
  (* hierconn *) wire [63:0] \dut.i_walker.pte ;
  (* hierconn *) wire [0:0] \dut.i_walker.end_fill ;
  (* hierconn *) wire [2:0] \dut.i_walker.valid_q ;
  (* hierconn *) wire [2:0] \dut.i_walker.kill_q ;
  (* hierconn *) wire [2:0] \dut.i_walker.small_q ;
  (* hierconn *) wire [2:0] \dut.i_walker.accr_q ;
  (* hierconn *) wire [2:0] \dut.i_walker.accw_q ;
  (* hierconn *) wire [2:0] \dut.i_walker.state_q[0] ;
  (* hierconn *) wire [2:0] \dut.i_walker.state_q[1] ;
  (* hierconn *) wire [2:0] \dut.i_walker.state_q[2] ;
  (* hierconn *) wire [51:0] \dut.i_walker.page_q[0] ;
  (* hierconn *) wire [51:0] \dut.i_walker.page_q[1] ;
  (* hierconn *) wire [51:0] \dut.i_walker.page_q[2] ;
  (* hierconn *) wire [15:0] \dut.i_walker.did_q[0] ;
  (* hierconn *) wire [15:0] \dut.i_walker.did_q[1] ;
  (* hierconn *) wire [15:0] \dut.i_walker.did_q[2] ;
  (* hierconn *) wire [2:0] \dut.i_walker.level_q[0] ;
  (* hierconn *) wire [2:0] \dut.i_walker.level_q[1] ;
  (* hierconn *) wire [2:0] \dut.i_walker.level_q[2] ;
  (* hierconn *) wire [0:0] \dut.i_walker.gen_done_register.fill_e_q ;
  (* hierconn *) wire [1:0] \dut.i_walker.gen_done_register.size_e_q ;
  (* hierconn *) wire [15:0] \dut.i_walker.gen_done_register.did_e_q ;
  (* hierconn *) wire [26:0] \dut.i_walker.gen_done_register.page_e_q ;
  (* hierconn *) wire [19:0] \dut.i_walker.gen_done_register.frame_e_q ;
  (* hierconn *) wire [0:0] \dut.i_walker.gen_done_register.r_e_q ;
  (* hierconn *) wire [0:0] \dut.i_walker.gen_done_register.w_e_q ;
  (* hierconn *) wire [2:0] \dut.i_invalidation.state_q ;
  (* hierconn *) wire [3:0] \dut.i_read_lane.p_valid_q ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.a_valid_q ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.a_hint_q ;
  (* hierconn *) wire [63:0] \dut.i_read_lane.a_addr_q ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.o_valid_q ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.o_data_q ;
  (* hierconn *) wire [3:0] \dut.i_read_lane.out_credits_q ;
  (* hierconn *) wire [2:0] \dut.i_read_lane.p_state_q[0] ;
  (* hierconn *) wire [2:0] \dut.i_read_lane.p_state_q[1] ;
  (* hierconn *) wire [2:0] \dut.i_read_lane.p_state_q[2] ;
  (* hierconn *) wire [2:0] \dut.i_read_lane.p_state_q[3] ;
  (* hierconn *) wire [63:0] \dut.i_read_lane.p_addr_q[0] ;
  (* hierconn *) wire [63:0] \dut.i_read_lane.p_addr_q[1] ;
  (* hierconn *) wire [63:0] \dut.i_read_lane.p_addr_q[2] ;
  (* hierconn *) wire [63:0] \dut.i_read_lane.p_addr_q[3] ;
  (* hierconn *) wire [19:0] \dut.i_read_lane.p_frame_q[0] ;
  (* hierconn *) wire [19:0] \dut.i_read_lane.p_frame_q[1] ;
  (* hierconn *) wire [19:0] \dut.i_read_lane.p_frame_q[2] ;
  (* hierconn *) wire [19:0] \dut.i_read_lane.p_frame_q[3] ;
  (* hierconn *) wire [3:0] \dut.i_read_lane.i_out.count_q ;
  (* hierconn *) wire [3:0] \dut.i_read_lane.i_out.owed_q ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.i_out.empty_q ;
  (* hierconn *) wire [2:0] \dut.i_read_lane.i_out.wptr_q ;
  (* hierconn *) wire [2:0] \dut.i_read_lane.i_out.rptr_q ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.head_q ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.even_q[0] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.even_q[1] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.even_q[2] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.even_q[3] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.odd_q[0] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.odd_q[1] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.odd_q[2] ;
  (* hierconn *) wire [77:0] \dut.i_read_lane.i_out.odd_q[3] ;
  (* hierconn *) wire [3:0] \dut.i_write_lane.p_valid_q ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.a_valid_q ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.a_hint_q ;
  (* hierconn *) wire [63:0] \dut.i_write_lane.a_addr_q ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.o_valid_q ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.o_data_q ;
  (* hierconn *) wire [3:0] \dut.i_write_lane.out_credits_q ;
  (* hierconn *) wire [2:0] \dut.i_write_lane.p_state_q[0] ;
  (* hierconn *) wire [2:0] \dut.i_write_lane.p_state_q[1] ;
  (* hierconn *) wire [2:0] \dut.i_write_lane.p_state_q[2] ;
  (* hierconn *) wire [2:0] \dut.i_write_lane.p_state_q[3] ;
  (* hierconn *) wire [63:0] \dut.i_write_lane.p_addr_q[0] ;
  (* hierconn *) wire [63:0] \dut.i_write_lane.p_addr_q[1] ;
  (* hierconn *) wire [63:0] \dut.i_write_lane.p_addr_q[2] ;
  (* hierconn *) wire [63:0] \dut.i_write_lane.p_addr_q[3] ;
  (* hierconn *) wire [19:0] \dut.i_write_lane.p_frame_q[0] ;
  (* hierconn *) wire [19:0] \dut.i_write_lane.p_frame_q[1] ;
  (* hierconn *) wire [19:0] \dut.i_write_lane.p_frame_q[2] ;
  (* hierconn *) wire [19:0] \dut.i_write_lane.p_frame_q[3] ;
  (* hierconn *) wire [3:0] \dut.i_write_lane.i_out.count_q ;
  (* hierconn *) wire [3:0] \dut.i_write_lane.i_out.owed_q ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.i_out.empty_q ;
  (* hierconn *) wire [2:0] \dut.i_write_lane.i_out.wptr_q ;
  (* hierconn *) wire [2:0] \dut.i_write_lane.i_out.rptr_q ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.head_q ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.even_q[0] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.even_q[1] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.even_q[2] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.even_q[3] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.odd_q[0] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.odd_q[1] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.odd_q[2] ;
  (* hierconn *) wire [77:0] \dut.i_write_lane.i_out.odd_q[3] ;
  (* hierconn *) wire [1:0] \dut.i_invalidation.owed_drain_q ;
  (* hierconn *) wire [1:0] \dut.i_invalidation.drain_wait_q ;
  (* hierconn *) wire [1:0] \dut.iq_drain_ack ;
  (* hierconn *) wire [1:0] \dut.i_read_drain.active_q ;
  (* hierconn *) wire [1:0] \dut.i_write_drain.active_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[0].count_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[1].count_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[2].count_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[3].count_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[0].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[1].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[2].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_read_drain.gen_id[3].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[0].count_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[1].count_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[2].count_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[3].count_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[0].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[1].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[2].owed_q ;
  (* hierconn *) wire [9:0] \dut.i_write_drain.gen_id[3].owed_q ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.push ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.b_port ;
  (* hierconn *) wire [0:0] \dut.i_read_lane.b_id ;
  (* hierconn *) wire [63:0] \dut.i_read_lane.out_addr ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.push ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.b_port ;
  (* hierconn *) wire [0:0] \dut.i_write_lane.b_id ;
  (* hierconn *) wire [63:0] \dut.i_write_lane.out_addr ;

  // ------------------------------------------------------------------ the watched mapping
  // Page bits that count for a page of a size.
  function automatic logic [26:0] bits_of(input logic [1:0] size);
    bits_of = {9'h1FF, {9{~size[1]}}, {9{size == 2'd0}}};
  endfunction
  // A mapping of this size gives the watched frame to some page.
  function automatic logic says(input logic [1:0] size, input logic [19:0] frame);
    says = (({7'd0, frame ^ frame_i}) & bits_of(size)) == '0;
  endfunction
  // That page is the watched one.
  function automatic logic there(input logic [1:0] size, input logic [15:0] did, input logic [26:0] page);
    there = (did == did_i) & (((page ^ page_i) & bits_of(size)) == '0)
        & ((({7'd0, frame_i} ^ page_i) & ~bits_of(size)) == '0);
  endfunction
  logic started_q = 1'b0;
  logic unmapped, unmapped_q, covers, flushed_q, told, told_q, may_read_q, may_write_q;
  logic [2:0] stale_q, paging;
  logic [26:0] page_q;
  logic [15:0] did_q;
  logic [19:0] frame_q;
  logic [1:0] seen, drain_q, drained_q, asks;
  // What the queue owes or waits for, per direction.
  assign asks = (\dut.i_invalidation.state_q == 3'd2) ? \dut.i_invalidation.drain_wait_q : 2'b00;
  assign unmapped = unmapped_q | unmap_i;
  assign covers = \dut.tlb_flush & ((\dut.flush_g == 2'd1) | ((\dut.flush_did == did_i)
      & ((\dut.flush_g == 2'd2) | (((\dut.flush_page ^ page_i) & \dut.flush_mask ) == '0))));
  assign told = \dut.msg_valid [0] | \dut.iwc ;

  logic [8:0] w_state, w_level;
  logic [47:0] w_did;
  logic [155:0] w_page;
  assign w_state = {\dut.i_walker.state_q[2] , \dut.i_walker.state_q[1] , \dut.i_walker.state_q[0] };
  assign w_level = {\dut.i_walker.level_q[2] , \dut.i_walker.level_q[1] , \dut.i_walker.level_q[0] };
  assign w_did = {\dut.i_walker.did_q[2] , \dut.i_walker.did_q[1] , \dut.i_walker.did_q[0] };
  assign w_page = {\dut.i_walker.page_q[2] , \dut.i_walker.page_q[1] , \dut.i_walker.page_q[0] };
  always_comb begin
    for (int unsigned i = 0; i < 3; i++) paging[i] = (w_state[i*3+:3] == 3'd4) | (w_state[i*3+:3] == 3'd5);
  end
  // Reads of walks that memory has taken and not answered.
  logic [2:0] open_q, reading, asked;
  always_comb begin
    for (int unsigned i = 0; i < 3; i++) begin
      reading[i] = \dut.i_walker.valid_q [i]
          & ((w_state[i*3+:3] == 3'd1) | (w_state[i*3+:3] == 3'd3) | (w_state[i*3+:3] == 3'd5));
      asked[i] = t_arvalid & (t_arid == 3'(i));
    end
  end
  logic [1:0] bw, leaf_size;
  logic leaf_says, leaf_there;
  assign bw = \dut.i_walker.bw ;
  assign leaf_size = w_level[bw*3+:2] - 2'd1;
  assign leaf_says = \dut.i_walker.end_fill & says(leaf_size, \dut.i_walker.leaf_frame );
  assign leaf_there = there(leaf_size, w_did[bw*16+:16], w_page[bw*52+:27]);

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    page_q <= page_i;
    did_q <= did_i;
    frame_q <= frame_i;
    may_read_q <= may_read_i;
    may_write_q <= may_write_i;
    unmapped_q <= rst_ni & unmapped;
    flushed_q <= rst_ni & (flushed_q | (unmapped & covers));
    if (!rst_ni) begin
      drain_q <= 2'b00;
      drained_q <= 2'b00;
    end else begin
      if (unmapped && covers && !flushed_q) drain_q <= \dut.i_invalidation.owed_drain_q ;
      if (flushed_q) drained_q <= drained_q | (asks & \dut.iq_drain_ack );
    end
    told_q <= rst_ni & (told_q | (told & flushed_q));
    for (int unsigned i = 0; i < 3; i++) begin
      open_q[i] <= rst_ni & ((open_q[i] & ~(t_rvalid_i & t_rid_i == 3'(i))) | (asked[i] & t_arready_i));
    end
    for (int unsigned i = 0; i < 3; i++) stale_q[i] <= ~unmapped | (stale_q[i] & paging[i]);
  end

  // What is offered and not taken stays.
  logic [5:0] waits_q;
  logic [77:0] ar_q, aw_q;
  logic [77:0] t_ar_q, t_aw_q;
  logic [31:0] t_w_q;
  always_ff @(posedge clk_i) begin
    waits_q <= {6{rst_ni}} & {axil_bvalid & ~axil_bready_i, t_wvalid & ~t_wready_i, t_awvalid & ~t_awready_i,
                              t_arvalid & ~t_arready_i, m_awvalid & ~m_awready_i, m_arvalid & ~m_arready_i};
    ar_q <= {m_arid, m_arsnoop, m_arsize, m_arlen, m_araddr};
    aw_q <= {m_awid, m_awsnoop, m_awsize, m_awlen, m_awaddr};
    t_ar_q <= {t_arid, t_arsize, t_arlen, t_araddr};
    t_aw_q <= {t_awid, t_awsize, t_awlen, t_awaddr};
    t_w_q <= t_wdata[31:0];
  end

  // An address that stood on the bus in the cycle before does not start in this one.
  logic [1:0] stood_q, starts;
  assign starts = {m_awvalid, m_arvalid} & ~stood_q;
  always_ff @(posedge clk_i) stood_q <= {2{rst_ni}} & {m_awvalid & ~m_awready_i, m_arvalid & ~m_arready_i};

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni && !por_ni);
    if (started_q) m_constant: assume (page_i == page_q && did_i == did_q && frame_i == frame_q
                                       && may_read_i == may_read_q && may_write_i == may_write_q);
    m_raw: assume (araddr[63:12] != {32'd0, frame_i} && araddr[127:76] != {32'd0, frame_i}
                   && awaddr[63:12] != {32'd0, frame_i} && awaddr[127:76] != {32'd0, frame_i});
    // Memory answers what it was asked for.
    m_answer: assume (!t_rvalid_i || t_rid_i == 3'd7 || (t_rid_i < 3'd3 && open_q[t_rid_i[1:0]]));
    m_written: assume (!t_bvalid_i || (\dut.i_table_port.busy_q && !t_awvalid && !t_wvalid));
    // The tables.
    m_there: assume (!leaf_says || leaf_there);
    m_unmapped: assume (!leaf_says || !unmapped || stale_q[bw]);
    m_may: assume (!leaf_says || ((may_read_i || !(\dut.i_walker.accr_q [bw] && \dut.i_walker.pte [0]))
                                  && (may_write_i || !(\dut.i_walker.accw_q [bw] && \dut.i_walker.pte [1]))));
  end

  // ------------------------------------------------------------------ where it may stand
  logic [3:0] t_valid, t_r, t_w, t_says, t_there;
  logic [7:0] t_size;
  logic [63:0] t_did;
  logic [107:0] t_page;
  logic [79:0] t_frame;
  logic overlap;
  assign t_valid = \dut.i_iotlb.gen_full.i_full.valid_q ;
  assign t_r = \dut.i_iotlb.gen_full.i_full.r_q ;
  assign t_w = \dut.i_iotlb.gen_full.i_full.w_q ;
  assign t_size = {\dut.i_iotlb.gen_full.i_full.size_q[3] , \dut.i_iotlb.gen_full.i_full.size_q[2] ,
      \dut.i_iotlb.gen_full.i_full.size_q[1] , \dut.i_iotlb.gen_full.i_full.size_q[0] };
  assign t_did = {\dut.i_iotlb.gen_full.i_full.did_q[3] , \dut.i_iotlb.gen_full.i_full.did_q[2] ,
      \dut.i_iotlb.gen_full.i_full.did_q[1] , \dut.i_iotlb.gen_full.i_full.did_q[0] };
  assign t_page = {\dut.i_iotlb.gen_full.i_full.page_q[3] , \dut.i_iotlb.gen_full.i_full.page_q[2] ,
      \dut.i_iotlb.gen_full.i_full.page_q[1] , \dut.i_iotlb.gen_full.i_full.page_q[0] };
  assign t_frame = {\dut.i_iotlb.gen_full.i_full.frame_q[3] , \dut.i_iotlb.gen_full.i_full.frame_q[2] ,
      \dut.i_iotlb.gen_full.i_full.frame_q[1] , \dut.i_iotlb.gen_full.i_full.frame_q[0] };
  always_comb begin
    overlap = 1'b0;
    for (int unsigned i = 0; i < 4; i++) begin
      t_says[i] = t_valid[i] & says(t_size[i*2+:2], t_frame[i*20+:20]);
      t_there[i] = there(t_size[i*2+:2], t_did[i*16+:16], t_page[i*27+:27]);
      for (int unsigned j = 0; j < i; j++) begin
        if (t_valid[i] && t_valid[j] && t_did[i*16+:16] == t_did[j*16+:16]
            && ((t_page[i*27+:27] ^ t_page[j*27+:27]) & bits_of(t_size[i*2+:2]) & bits_of(t_size[j*2+:2])) == '0)
          overlap = 1'b1;
      end
    end
  end
  logic e_says;
  assign e_says = \dut.i_walker.gen_done_register.fill_e_q & says(\dut.i_walker.gen_done_register.size_e_q ,
      \dut.i_walker.gen_done_register.frame_e_q );
  logic [2:0] old;  // walks that may yet come with it
  always_comb begin
    for (int unsigned i = 0; i < 3; i++) begin
      old[i] = \dut.i_walker.valid_q [i] & paging[i] & ~\dut.i_walker.kill_q [i] & stale_q[i] & (w_did[i*16+:16] == did_i)
          & (w_page[i*52+18+:9] == page_i[26:18]) & ~(\dut.i_walker.small_q [i] & (w_page[i*52+:27] != page_i));
    end
  end
  always_comb begin
    if (started_q) begin
      a_reads: assert (reading == (open_q | asked) && (open_q & asked) == '0);
      a_reader: assert (!t_arvalid || t_arid == 3'd7 || t_arid < 3'd3);
      a_sizes: assert (!(t_valid[0] && t_size[1:0] == 2'd3) && !(t_valid[1] && t_size[3:2] == 2'd3)
                       && !(t_valid[2] && t_size[5:4] == 2'd3) && !(t_valid[3] && t_size[7:6] == 2'd3));
      a_one_entry: assert (!overlap);
      a_entry_there: assert ((t_says & ~t_there) == '0);
      a_entry_read: assert (may_read_i || (t_says & t_r) == '0);
      a_entry_write: assert (may_write_i || (t_says & t_w) == '0);
      a_entry_flushed: assert (!flushed_q || t_says == '0);
      a_fill_size: assert (!\dut.i_walker.gen_done_register.fill_e_q || \dut.i_walker.gen_done_register.size_e_q != 2'd3);
      a_fill_there: assert (!e_says || there(\dut.i_walker.gen_done_register.size_e_q ,
          \dut.i_walker.gen_done_register.did_e_q , \dut.i_walker.gen_done_register.page_e_q ));
      a_fill_read: assert (may_read_i || !e_says || !\dut.i_walker.gen_done_register.r_e_q );
      a_fill_write: assert (may_write_i || !e_says || !\dut.i_walker.gen_done_register.w_e_q );
      a_fill_flushed: assert (!flushed_q || !e_says);
      a_walk_flushed: assert (!flushed_q || old == '0);
      a_unmapped: assert (!flushed_q || unmapped_q);
      a_granularity: assert (\dut.i_invalidation.state_q != 3'd1 || \dut.flush_g != 2'd0);
      a_waited: assert (!flushed_q || (\dut.i_invalidation.state_q != 3'd3 && \dut.i_invalidation.state_q != 3'd4)
                        || seen == 2'b11);
      a_owed: assert (!flushed_q || (drain_q & ~drained_q & ~asks & ~\dut.i_invalidation.owed_drain_q ) == 2'b00);
      a_owes_nothing: assert ((\dut.i_invalidation.state_q != 3'd2 && \dut.i_invalidation.state_q != 3'd3
                               && \dut.i_invalidation.state_q != 3'd4) || \dut.i_invalidation.owed_drain_q == 2'b00);
      a_flushed: assert (flushed_q || (!told_q && drained_q == 2'b00));
      a_drained: assert (!told_q || (drain_q & ~drained_q) == 2'b00);
      a_hold_ar: assert (!waits_q[0] || (m_arvalid && {m_arid, m_arsnoop, m_arsize, m_arlen, m_araddr} == ar_q));
      a_hold_aw: assert (!waits_q[1] || (m_awvalid && {m_awid, m_awsnoop, m_awsize, m_awlen, m_awaddr} == aw_q));
      a_hold_table_ar: assert (!waits_q[2] || (t_arvalid && {t_arid, t_arsize, t_arlen, t_araddr} == t_ar_q));
      a_hold_table_aw: assert (!waits_q[3] || (t_awvalid && {t_awid, t_awsize, t_awlen, t_awaddr} == t_aw_q));
      a_hold_table_w: assert (!waits_q[4] || (t_wvalid && t_wdata[31:0] == t_w_q));
      a_hold_register_b: assert (!waits_q[5] || axil_bvalid);
      a_table_write: assert (!(t_awvalid || t_wvalid) || \dut.i_table_port.busy_q );
      // What it is about.
      a_isolated_read: assert (!(told_q && starts[0] && m_araddr[63:12] == {32'd0, frame_i}));
      a_isolated_write: assert (!(told_q && starts[1] && m_awaddr[63:12] == {32'd0, frame_i}));
      a_may_read: assert (may_read_i || !m_arvalid || m_araddr[63:12] != {32'd0, frame_i});
      a_may_write: assert (may_write_i || !m_awvalid || m_awaddr[63:12] != {32'd0, frame_i});
      a_told: assert (!told_q || seen == 2'b11);
    end
  end
  logic read_q, old_q;
  always_ff @(posedge clk_i) begin
    read_q <= rst_ni & (read_q | (m_arvalid & m_arready_i & m_araddr[63:12] == {32'd0, frame_i}));
    old_q <= rst_ni & (old_q | (leaf_says & unmapped & \dut.i_walker.beat_live ));
    if (started_q && rst_ni) begin
      c_read: cover (read_q);
      c_write: cover (m_awvalid && m_awaddr[63:12] == {32'd0, frame_i});
      c_told: cover (told_q && read_q);
      c_drained: cover (told_q && drain_q[0] && read_q);
      c_old_walk: cover (old_q);
    end
  end

  iommu_lane_fv read (
      .clk_i, .rst_ni, .check_i(started_q), .frame_i, .may_i(may_read_i), .flushed_i(flushed_q), .settled_i(\dut.settled [0]),
      .shown_i(m_arvalid), .seen_o(seen[0]), .drained_i(drained_q[0]), .asked_i(asks[0]), .watch_i(watch_i[0]),
      .ends_i(m_rvalid_i & m_rlast_i), .ends_id_i(m_rid_i), .active_i(\dut.i_read_drain.active_q [0]),
      .counts_i({\dut.i_read_drain.gen_id[3].count_q , \dut.i_read_drain.gen_id[2].count_q ,
      \dut.i_read_drain.gen_id[1].count_q , \dut.i_read_drain.gen_id[0].count_q }),
      .owes_i({\dut.i_read_drain.gen_id[3].owed_q , \dut.i_read_drain.gen_id[2].owed_q , \dut.i_read_drain.gen_id[1].owed_q ,
      \dut.i_read_drain.gen_id[0].owed_q }),
      .push_i(\dut.i_read_lane.push ), .push_data_i({\dut.i_read_lane.b_port , \dut.i_read_lane.b_id ,
      \dut.i_read_lane.out_addr , 12'd0}), .p_valid_i(\dut.i_read_lane.p_valid_q ),
      .p_state_i({\dut.i_read_lane.p_state_q[3] , \dut.i_read_lane.p_state_q[2] , \dut.i_read_lane.p_state_q[1] ,
      \dut.i_read_lane.p_state_q[0] }), .p_addr_i({\dut.i_read_lane.p_addr_q[3] , \dut.i_read_lane.p_addr_q[2] ,
      \dut.i_read_lane.p_addr_q[1] , \dut.i_read_lane.p_addr_q[0] }), .p_frame_i({\dut.i_read_lane.p_frame_q[3] ,
      \dut.i_read_lane.p_frame_q[2] , \dut.i_read_lane.p_frame_q[1] , \dut.i_read_lane.p_frame_q[0] }),
      .a_busy_i(\dut.i_read_lane.a_valid_q & ~\dut.i_read_lane.a_hint_q ), .a_addr_i(\dut.i_read_lane.a_addr_q ),
      .o_valid_i(\dut.i_read_lane.o_valid_q ), .o_data_i(\dut.i_read_lane.o_data_q ),
      .credits_i(\dut.i_read_lane.out_credits_q ), .empty_i(\dut.i_read_lane.i_out.empty_q ), .pop_i(m_arvalid & m_arready_i),
      .head_i(\dut.i_read_lane.i_out.head_q ),
      .count_i(\dut.i_read_lane.i_out.count_q ), .owed_i(\dut.i_read_lane.i_out.owed_q ),
      .wptr_i(\dut.i_read_lane.i_out.wptr_q ), .rptr_i(\dut.i_read_lane.i_out.rptr_q ),
      .words_i({\dut.i_read_lane.i_out.odd_q[3] , \dut.i_read_lane.i_out.even_q[3] , \dut.i_read_lane.i_out.odd_q[2] ,
      \dut.i_read_lane.i_out.even_q[2] , \dut.i_read_lane.i_out.odd_q[1] , \dut.i_read_lane.i_out.even_q[1] ,
      \dut.i_read_lane.i_out.odd_q[0] , \dut.i_read_lane.i_out.even_q[0] }));

  iommu_lane_fv write (
      .clk_i, .rst_ni, .check_i(started_q), .frame_i, .may_i(may_write_i), .flushed_i(flushed_q), .settled_i(\dut.settled [1]),
      .shown_i(m_awvalid), .seen_o(seen[1]), .drained_i(drained_q[1]), .asked_i(asks[1]), .watch_i(watch_i[1]),
      .ends_i(m_bvalid_i), .ends_id_i(m_bid_i), .active_i(\dut.i_write_drain.active_q [0]),
      .counts_i({\dut.i_write_drain.gen_id[3].count_q , \dut.i_write_drain.gen_id[2].count_q ,
      \dut.i_write_drain.gen_id[1].count_q , \dut.i_write_drain.gen_id[0].count_q }),
      .owes_i({\dut.i_write_drain.gen_id[3].owed_q , \dut.i_write_drain.gen_id[2].owed_q ,
      \dut.i_write_drain.gen_id[1].owed_q , \dut.i_write_drain.gen_id[0].owed_q }),
      .push_i(\dut.i_write_lane.push ), .push_data_i({\dut.i_write_lane.b_port , \dut.i_write_lane.b_id ,
      \dut.i_write_lane.out_addr , 12'd0}), .p_valid_i(\dut.i_write_lane.p_valid_q ),
      .p_state_i({\dut.i_write_lane.p_state_q[3] , \dut.i_write_lane.p_state_q[2] , \dut.i_write_lane.p_state_q[1] ,
      \dut.i_write_lane.p_state_q[0] }), .p_addr_i({\dut.i_write_lane.p_addr_q[3] , \dut.i_write_lane.p_addr_q[2] ,
      \dut.i_write_lane.p_addr_q[1] , \dut.i_write_lane.p_addr_q[0] }), .p_frame_i({\dut.i_write_lane.p_frame_q[3] ,
      \dut.i_write_lane.p_frame_q[2] , \dut.i_write_lane.p_frame_q[1] , \dut.i_write_lane.p_frame_q[0] }),
      .a_busy_i(\dut.i_write_lane.a_valid_q & ~\dut.i_write_lane.a_hint_q ), .a_addr_i(\dut.i_write_lane.a_addr_q ),
      .o_valid_i(\dut.i_write_lane.o_valid_q ), .o_data_i(\dut.i_write_lane.o_data_q ),
      .credits_i(\dut.i_write_lane.out_credits_q ), .empty_i(\dut.i_write_lane.i_out.empty_q ),
      .pop_i(m_awvalid & m_awready_i), .head_i(\dut.i_write_lane.i_out.head_q ),
      .count_i(\dut.i_write_lane.i_out.count_q ), .owed_i(\dut.i_write_lane.i_out.owed_q ),
      .wptr_i(\dut.i_write_lane.i_out.wptr_q ), .rptr_i(\dut.i_write_lane.i_out.rptr_q ),
      .words_i({\dut.i_write_lane.i_out.odd_q[3] , \dut.i_write_lane.i_out.even_q[3] , \dut.i_write_lane.i_out.odd_q[2] ,
      \dut.i_write_lane.i_out.even_q[2] , \dut.i_write_lane.i_out.odd_q[1] , \dut.i_write_lane.i_out.even_q[1] ,
      \dut.i_write_lane.i_out.odd_q[0] , \dut.i_write_lane.i_out.even_q[0] }));
endmodule
