// SPDX-License-Identifier: Apache-2.0
// Cuts an AXI4 master off its slave without breaking the bus: while isolate_i is 1 the master may be in reset, and
// this block ends what it had begun. Addresses and data that were offered stay until they are taken; W beats still
// owed are sent without strobes; R and B are taken and dropped. drained_o: nothing is left.
//
// Timing: transparent, no register in any path while isolate_i is 0. The master may be reset in the cycle in which
// isolate_i rises or later, and must drive no valid in the cycle after isolate_i falls; isolate_i may fall when
// drained_o is 1.
// W passes only with its address offered before or in the same cycle, so that none is owed without one.
module axi_isolate #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned IdWidth   = 4,
    parameter int unsigned UserWidth = 1,
    parameter int unsigned Bursts    = 4,   // writes without all their data; more addresses wait
    parameter int unsigned CountBits = 10   // reads, and writes, without their last answer: fewer than 2^CountBits
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   isolate_i,
    output logic                   drained_o,

    input  logic                   s_axi_arvalid_i,
    output logic                   s_axi_arready_o,
    input  logic [IdWidth-1:0]     s_axi_arid_i,
    input  logic [63:0]            s_axi_araddr_i,
    input  logic [7:0]             s_axi_arlen_i,
    input  logic [2:0]             s_axi_arsize_i,
    input  logic [UserWidth-1:0]   s_axi_aruser_i,
    output logic                   s_axi_rvalid_o,
    input  logic                   s_axi_rready_i,
    input  logic                   s_axi_awvalid_i,
    output logic                   s_axi_awready_o,
    input  logic [IdWidth-1:0]     s_axi_awid_i,
    input  logic [63:0]            s_axi_awaddr_i,
    input  logic [7:0]             s_axi_awlen_i,
    input  logic [2:0]             s_axi_awsize_i,
    input  logic [UserWidth-1:0]   s_axi_awuser_i,
    input  logic                   s_axi_wvalid_i,
    output logic                   s_axi_wready_o,
    input  logic [DataWidth-1:0]   s_axi_wdata_i,
    input  logic [DataWidth/8-1:0] s_axi_wstrb_i,
    input  logic                   s_axi_wlast_i,
    output logic                   s_axi_bvalid_o,
    input  logic                   s_axi_bready_i,

    // The payloads of R and B go around this block.
    output logic                   m_axi_arvalid_o,
    input  logic                   m_axi_arready_i,
    output logic [IdWidth-1:0]     m_axi_arid_o,
    output logic [63:0]            m_axi_araddr_o,
    output logic [7:0]             m_axi_arlen_o,
    output logic [2:0]             m_axi_arsize_o,
    output logic [UserWidth-1:0]   m_axi_aruser_o,
    input  logic                   m_axi_rvalid_i,
    output logic                   m_axi_rready_o,
    input  logic                   m_axi_rlast_i,
    output logic                   m_axi_awvalid_o,
    input  logic                   m_axi_awready_i,
    output logic [IdWidth-1:0]     m_axi_awid_o,
    output logic [63:0]            m_axi_awaddr_o,
    output logic [7:0]             m_axi_awlen_o,
    output logic [2:0]             m_axi_awsize_o,
    output logic [UserWidth-1:0]   m_axi_awuser_o,
    output logic                   m_axi_wvalid_o,
    input  logic                   m_axi_wready_i,
    output logic [DataWidth-1:0]   m_axi_wdata_o,
    output logic [DataWidth/8-1:0] m_axi_wstrb_o,
    output logic                   m_axi_wlast_o,
    input  logic                   m_axi_bvalid_i,
    output logic                   m_axi_bready_o
);
  localparam int unsigned AddrBits = IdWidth + 64 + 8 + 3 + UserWidth;

  // ------------------------------------------------------------------ addresses: what was offered stays
  logic ar_held_q, aw_held_q, aw_room, aw_begins;
  logic [AddrBits-1:0] ar_in, ar_q, ar_out, aw_in, aw_q, aw_out;
  assign ar_in = {s_axi_arid_i, s_axi_araddr_i, s_axi_arlen_i, s_axi_arsize_i, s_axi_aruser_i};
  assign aw_in = {s_axi_awid_i, s_axi_awaddr_i, s_axi_awlen_i, s_axi_awsize_i, s_axi_awuser_i};
  assign ar_out = isolate_i ? ar_q : ar_in;
  assign aw_out = isolate_i ? aw_q : aw_in;
  assign {m_axi_arid_o, m_axi_araddr_o, m_axi_arlen_o, m_axi_arsize_o, m_axi_aruser_o} = ar_out;
  assign {m_axi_awid_o, m_axi_awaddr_o, m_axi_awlen_o, m_axi_awsize_o, m_axi_awuser_o} = aw_out;
  assign m_axi_arvalid_o = isolate_i ? ar_held_q : s_axi_arvalid_i;
  assign m_axi_awvalid_o = isolate_i ? aw_held_q : s_axi_awvalid_i & (aw_held_q | aw_room);
  assign s_axi_arready_o = m_axi_arready_i & ~isolate_i;
  assign s_axi_awready_o = m_axi_awready_i & ~isolate_i & (aw_held_q | aw_room);
  assign aw_begins = m_axi_awvalid_o & ~aw_held_q;

  // ------------------------------------------------------------------ data: the lengths of bursts not yet sent
  logic w_held_q, w_done, order_empty, order_full;
  logic [7:0] head_len, sent_q;
  logic [DataWidth-1:0] w_data_q;
  logic [DataWidth/8-1:0] w_strb_q;
  logic w_last_q, w_allowed;
  fifo #(.Width(8), .Depth(Bursts)) i_order (
      .clk_i, .rst_ni, .flush_i(1'b0), .push_i(aw_begins & ~(w_done & order_empty)), .data_i(m_axi_awlen_o),
      .full_o(order_full), .pop_i(w_done & ~order_empty), .data_o(head_len), .empty_o(order_empty));
  assign aw_room = ~order_full;
  assign w_allowed = ~order_empty | aw_begins;
  assign w_done = m_axi_wvalid_o & m_axi_wready_i & m_axi_wlast_o;
  assign s_axi_wready_o = m_axi_wready_i & ~isolate_i & w_allowed;
  always_comb begin
    m_axi_wvalid_o = s_axi_wvalid_i & w_allowed;
    m_axi_wdata_o = s_axi_wdata_i;
    m_axi_wstrb_o = s_axi_wstrb_i;
    m_axi_wlast_o = s_axi_wlast_i;
    if (isolate_i) begin
      m_axi_wvalid_o = ~order_empty;
      m_axi_wdata_o = w_held_q ? w_data_q : '0;
      m_axi_wstrb_o = w_held_q ? w_strb_q : '0;
      m_axi_wlast_o = w_held_q ? w_last_q : (sent_q == head_len);
    end
  end

  // ------------------------------------------------------------------ answers
  logic [CountBits-1:0] reads_q, writes_q;
  logic ar_taken, r_done, b_done;
  assign ar_taken = m_axi_arvalid_o & m_axi_arready_i;
  assign s_axi_rvalid_o = m_axi_rvalid_i & ~isolate_i;
  assign s_axi_bvalid_o = m_axi_bvalid_i & ~isolate_i;
  assign m_axi_rready_o = s_axi_rready_i | isolate_i;
  assign m_axi_bready_o = s_axi_bready_i | isolate_i;
  assign r_done = m_axi_rvalid_i & m_axi_rready_o & m_axi_rlast_i;
  assign b_done = m_axi_bvalid_i & m_axi_bready_o;
  assign drained_o = ~ar_held_q & (reads_q == '0) & (writes_q == '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ar_held_q <= 1'b0;
      aw_held_q <= 1'b0;
      w_held_q <= 1'b0;
      sent_q <= '0;
      reads_q <= '0;
      writes_q <= '0;
    end else begin
      ar_held_q <= m_axi_arvalid_o & ~m_axi_arready_i;
      aw_held_q <= m_axi_awvalid_o & ~m_axi_awready_i;
      w_held_q <= m_axi_wvalid_o & ~m_axi_wready_i & (~isolate_i | w_held_q);
      if (m_axi_wvalid_o && m_axi_wready_i) sent_q <= m_axi_wlast_o ? 8'd0 : sent_q + 8'd1;
      reads_q <= reads_q + CountBits'(ar_taken) - CountBits'(r_done);
      // From the offer of the address to its answer; that includes all its data.
      writes_q <= writes_q + CountBits'(aw_begins) - CountBits'(b_done);
    end
    if (!isolate_i) begin
      ar_q <= ar_in;
      aw_q <= aw_in;
      w_data_q <= s_axi_wdata_i;
      w_strb_q <= s_axi_wstrb_i;
      w_last_q <= s_axi_wlast_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_last_where_the_address_says: assert (!w_done || order_empty || sent_q == head_len);
      a_answer_was_asked_for: assert (!(b_done && writes_q == '0) && !(r_done && reads_q == '0));
    end
  end
endmodule
