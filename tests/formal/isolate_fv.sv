// SPDX-License-Identifier: Apache-2.0
// axi_isolate: whatever the master does, isolated or reset at any time, its slave sees a clean bus: what is offered
// stays until it is taken, each address gets exactly its beats with WLAST on the last one and no beat comes without its
// address; drained_o only when nothing is owed; while isolated no data of the master is written.
module isolate_fv #(
    parameter int unsigned DataWidth = 8,
    parameter int unsigned MaxLen    = 3,   // AWLEN at most
    parameter int unsigned CountBits = 3
) (
    input logic                   clk_i,
    input logic                   rst_ni,
    input logic                   isolate_i,
    input logic                   arvalid_i,
    input logic [1:0]             araddr_i,
    input logic                   rready_i,
    input logic                   awvalid_i,
    input logic [1:0]             awaddr_i,
    input logic [1:0]             awlen_i,
    input logic                   wvalid_i,
    input logic [DataWidth-1:0]   wdata_i,
    input logic                   wstrb_i,
    input logic                   wlast_i,
    input logic                   bready_i,
    input logic                   arready_i,
    input logic                   rvalid_i,
    input logic                   rlast_i,
    input logic                   awready_i,
    input logic                   wready_i,
    input logic                   bvalid_i
);
  logic drained, s_arready, s_rvalid, s_awready, s_wready, s_bvalid;
  logic arvalid, rready, awvalid, wvalid, wlast, bready;
  logic arid, awid, aruser, awuser;
  logic [63:0] araddr, awaddr;
  logic [7:0] arlen, awlen;
  logic [2:0] arsize, awsize;
  logic [DataWidth-1:0] wdata;
  logic [DataWidth/8-1:0] wstrb;
  axi_isolate #(.DataWidth(DataWidth), .IdWidth(1), .UserWidth(1), .Bursts(2), .CountBits(CountBits)) dut (
      .clk_i, .rst_ni, .isolate_i, .drained_o(drained),
      .s_axi_arvalid_i(arvalid_i), .s_axi_arready_o(s_arready), .s_axi_arid_i(1'b0), .s_axi_araddr_i(64'(araddr_i)),
      .s_axi_arlen_i(8'd0), .s_axi_arsize_i(3'd0), .s_axi_aruser_i(1'b0), .s_axi_rvalid_o(s_rvalid),
      .s_axi_rready_i(rready_i), .s_axi_awvalid_i(awvalid_i), .s_axi_awready_o(s_awready), .s_axi_awid_i(1'b0),
      .s_axi_awaddr_i(64'(awaddr_i)), .s_axi_awlen_i(8'(awlen_i)), .s_axi_awsize_i(3'd0), .s_axi_awuser_i(1'b0),
      .s_axi_wvalid_i(wvalid_i), .s_axi_wready_o(s_wready), .s_axi_wdata_i(wdata_i), .s_axi_wstrb_i(wstrb_i),
      .s_axi_wlast_i(wlast_i), .s_axi_bvalid_o(s_bvalid), .s_axi_bready_i(bready_i),
      .m_axi_arvalid_o(arvalid), .m_axi_arready_i(arready_i), .m_axi_arid_o(arid), .m_axi_araddr_o(araddr),
      .m_axi_arlen_o(arlen), .m_axi_arsize_o(arsize), .m_axi_aruser_o(aruser), .m_axi_rvalid_i(rvalid_i),
      .m_axi_rready_o(rready), .m_axi_rlast_i(rlast_i), .m_axi_awvalid_o(awvalid), .m_axi_awready_i(awready_i),
      .m_axi_awid_o(awid), .m_axi_awaddr_o(awaddr), .m_axi_awlen_o(awlen), .m_axi_awsize_o(awsize),
      .m_axi_awuser_o(awuser), .m_axi_wvalid_o(wvalid), .m_axi_wready_i(wready_i), .m_axi_wdata_o(wdata),
      .m_axi_wstrb_o(wstrb), .m_axi_wlast_o(wlast), .m_axi_bvalid_i(bvalid_i), .m_axi_bready_o(bready));

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  // ------------------------------------------------------------------ the master: proper while it is connected
  logic isolate_q, drained_q, s_ar_q, s_aw_q, s_w_q;
  logic [1:0] s_araddr_q, s_awaddr_q, s_awlen_q;
  logic [DataWidth-1:0] s_wdata_q;
  logic s_wstrb_q, s_wlast_q;
  logic [1:0] s_len0_q, s_len1_q, s_len2_q;  // bursts whose data it owes: at most three, the oldest first
  logic [1:0] s_owed_q, s_owed_d, s_sent_q;
  logic s_offers, s_offered_q, s_done;
  assign s_offers = awvalid_i & ~s_offered_q;
  assign s_done = wvalid_i & s_wready & wlast_i;
  always_ff @(posedge clk_i) begin
    isolate_q <= isolate_i;
    drained_q <= drained;
    s_ar_q <= rst_ni & ~isolate_i & arvalid_i & ~s_arready;
    s_aw_q <= rst_ni & ~isolate_i & awvalid_i & ~s_awready;
    s_w_q <= rst_ni & ~isolate_i & wvalid_i & ~s_wready;
    s_araddr_q <= araddr_i;
    s_awaddr_q <= awaddr_i;
    s_awlen_q <= awlen_i;
    s_wdata_q <= wdata_i;
    s_wstrb_q <= wstrb_i;
    s_wlast_q <= wlast_i;
    if (!rst_ni || isolate_i) begin
      s_offered_q <= 1'b0;
      s_owed_q <= '0;
      s_sent_q <= '0;
    end else begin
      s_offered_q <= awvalid_i & ~s_awready;
      s_owed_q <= s_owed_d - 2'(s_done);
      if (s_done) begin
        s_len0_q <= (s_owed_q > 2'd1) ? s_len1_q : awlen_i;
        s_len1_q <= (s_owed_q > 2'd2) ? s_len2_q : awlen_i;
      end else if (s_offers) begin
        if (s_owed_q == 2'd0) s_len0_q <= awlen_i;
        if (s_owed_q == 2'd1) s_len1_q <= awlen_i;
        if (s_owed_q == 2'd2) s_len2_q <= awlen_i;
      end
      if (wvalid_i && s_wready) s_sent_q <= wlast_i ? 2'd0 : s_sent_q + 2'd1;
    end
  end
  assign s_owed_d = s_owed_q + 2'(s_offers);
  logic [1:0] s_head;
  assign s_head = (s_owed_q == 2'd0) ? awlen_i : s_len0_q;

  // ------------------------------------------------------------------ the slave, and what it has seen
  logic m_ar_q, m_aw_q, m_w_q, m_offers, w_done;
  logic [63:0] m_araddr_q, m_awaddr_q;
  logic [7:0] m_awlen_q;
  logic [DataWidth-1:0] m_wdata_q;
  logic m_wstrb_q, m_wlast_q;
  logic [2:0] beats_q;                     // of the burst under way
  logic [7:0] len0_q, len1_q, len2_q;      // addresses offered whose data is not complete
  logic [1:0] owed_q, owed_d;
  logic [CountBits-1:0] reads_q, answers_q, taken_q, complete_q;
  assign m_offers = awvalid & ~m_aw_q;
  assign w_done = wvalid & wready_i & wlast;
  assign owed_d = owed_q + 2'(m_offers);
  logic [7:0] head;
  assign head = (owed_q == 2'd0) ? awlen : len0_q;
  always_ff @(posedge clk_i) begin
    m_araddr_q <= araddr;
    m_awaddr_q <= awaddr;
    m_awlen_q <= awlen;
    m_wdata_q <= wdata;
    m_wstrb_q <= wstrb[0];
    m_wlast_q <= wlast;
    if (!rst_ni) begin
      m_ar_q <= 1'b0;
      m_aw_q <= 1'b0;
      m_w_q <= 1'b0;
      beats_q <= '0;
      owed_q <= '0;
      reads_q <= '0;
      answers_q <= '0;
      taken_q <= '0;
      complete_q <= '0;
    end else begin
      m_ar_q <= arvalid & ~arready_i;
      m_aw_q <= awvalid & ~awready_i;
      m_w_q <= wvalid & ~wready_i;
      owed_q <= owed_d - 2'(w_done);
      if (w_done) begin
        len0_q <= (owed_q > 2'd1) ? len1_q : awlen;
        len1_q <= (owed_q > 2'd2) ? len2_q : awlen;
      end else if (m_offers) begin
        if (owed_q == 2'd0) len0_q <= awlen;
        if (owed_q == 2'd1) len1_q <= awlen;
        if (owed_q == 2'd2) len2_q <= awlen;
      end
      if (wvalid && wready_i) beats_q <= wlast ? 3'd0 : beats_q + 3'd1;
      reads_q <= reads_q + CountBits'(arvalid & arready_i) - CountBits'(rvalid_i & rready & rlast_i);
      // Writes: addresses taken and data complete; B answers both.
      taken_q <= taken_q + CountBits'(awvalid & awready_i) - CountBits'(bvalid_i & bready);
      complete_q <= complete_q + CountBits'(w_done) - CountBits'(bvalid_i & bready);
    end
  end

  always_comb begin
    if (!started_q) begin
      m_reset: assume (!rst_ni);
    end else begin
      m_running: assume (rst_ni);
    end
    m_len: assume (32'(awlen_i) <= MaxLen);
    // The master holds what it offers, sends each burst's data with or after its address, WLAST where it belongs.
    if (s_ar_q) m_ar_holds: assume (arvalid_i && araddr_i == s_araddr_q || isolate_i);
    if (s_aw_q) m_aw_holds: assume (awvalid_i && awaddr_i == s_awaddr_q && awlen_i == s_awlen_q || isolate_i);
    if (s_w_q) begin
      m_w_holds: assume (wvalid_i && wdata_i == s_wdata_q && wstrb_i == s_wstrb_q && wlast_i == s_wlast_q || isolate_i);
    end
    m_w_behind: assume (!wvalid_i || isolate_i || s_owed_d != 2'd0);
    m_last: assume (!wvalid_i || isolate_i || wlast_i == (s_sent_q == s_head));

    // isolate_i falls when nothing is left, and the master is quiet then.
    if (isolate_q && !isolate_i) m_falls: assume (drained_q && !arvalid_i && !awvalid_i && !wvalid_i);
    // The slave answers what it was asked, and not without end.
    m_r: assume (!rvalid_i || reads_q != '0);
    m_b: assume (!bvalid_i || (taken_q != '0 && complete_q != '0));
    m_counts: assume (reads_q != '1 && taken_q < CountBits'(5) && complete_q < CountBits'(5));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_ar_stays: assert (!m_ar_q || (arvalid && araddr == m_araddr_q));
      a_aw_stays: assert (!m_aw_q || (awvalid && awaddr == m_awaddr_q && awlen == m_awlen_q));
      a_w_stays: assert (!m_w_q || (wvalid && wdata == m_wdata_q && wstrb[0] == m_wstrb_q && wlast == m_wlast_q));
      a_w_behind_its_address: assert (!wvalid || owed_d != 2'd0);
      a_last: assert (!wvalid || wlast == (8'(beats_q) == head));
      a_drained: assert (!(drained && isolate_i) || (owed_q == 2'd0 && !awvalid && !arvalid && reads_q == '0
                                                     && taken_q == '0 && complete_q == '0));
      a_nothing_new: assert (!isolate_i || isolate_q == 1'b0 || (!m_offers && (!arvalid || m_ar_q)));
      a_no_data: assert (!(isolate_i && wvalid && !m_w_q) || wstrb == '0);
      c_drains: cover (isolate_i && drained && taken_q == '0 && complete_q == '0 && isolate_q);
      c_ends: cover (isolate_i && w_done && beats_q == 3'd3);
    end
  end
endmodule
