// SPDX-License-Identifier: Apache-2.0
// Keeps an AXI4-Lite slave's bus alive while the slave is in reset: accesses that the slave had taken, and new ones,
// are answered here with SLVERR and zeros; an answer that was offered stays as it is.
//
// Timing: transparent while isolate_i is 0. isolate_i may fall when drained_o is 1; while closing_i is 1 no new access
// is begun, so that this comes.
module axil_isolate #(
    parameter int unsigned AddrWidth = 12,
    parameter int unsigned DataWidth = 64
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   isolate_i,
    input  logic                   closing_i,
    output logic                   drained_o,

    input  logic                   s_axil_awvalid_i,
    output logic                   s_axil_awready_o,
    input  logic [AddrWidth-1:0]   s_axil_awaddr_i,
    input  logic                   s_axil_wvalid_i,
    output logic                   s_axil_wready_o,
    input  logic [DataWidth-1:0]   s_axil_wdata_i,
    input  logic [DataWidth/8-1:0] s_axil_wstrb_i,
    output logic                   s_axil_bvalid_o,
    input  logic                   s_axil_bready_i,
    output logic [1:0]             s_axil_bresp_o,
    input  logic                   s_axil_arvalid_i,
    output logic                   s_axil_arready_o,
    input  logic [AddrWidth-1:0]   s_axil_araddr_i,
    output logic                   s_axil_rvalid_o,
    input  logic                   s_axil_rready_i,
    output logic [DataWidth-1:0]   s_axil_rdata_o,
    output logic [1:0]             s_axil_rresp_o,

    output logic                   m_axil_awvalid_o,
    input  logic                   m_axil_awready_i,
    output logic [AddrWidth-1:0]   m_axil_awaddr_o,
    output logic                   m_axil_wvalid_o,
    input  logic                   m_axil_wready_i,
    output logic [DataWidth-1:0]   m_axil_wdata_o,
    output logic [DataWidth/8-1:0] m_axil_wstrb_o,
    input  logic                   m_axil_bvalid_i,
    output logic                   m_axil_bready_o,
    input  logic [1:0]             m_axil_bresp_i,
    output logic                   m_axil_arvalid_o,
    input  logic                   m_axil_arready_i,
    output logic [AddrWidth-1:0]   m_axil_araddr_o,
    input  logic                   m_axil_rvalid_i,
    output logic                   m_axil_rready_o,
    input  logic [DataWidth-1:0]   m_axil_rdata_i,
    input  logic [1:0]             m_axil_rresp_i
);
  localparam logic [1:0] SlvErr = 2'b10;

  logic [2:0] aw_q, w_q, ar_q;  // taken and not answered
  logic b_held_q, r_held_q;
  logic [1:0] b_resp_q, r_resp_q;
  logic [DataWidth-1:0] r_data_q;

  assign m_axil_awvalid_o = s_axil_awvalid_i & ~isolate_i;
  assign m_axil_wvalid_o = s_axil_wvalid_i & ~isolate_i;
  assign m_axil_arvalid_o = s_axil_arvalid_i & ~isolate_i;
  assign m_axil_awaddr_o = s_axil_awaddr_i;
  assign m_axil_wdata_o = s_axil_wdata_i;
  assign m_axil_wstrb_o = s_axil_wstrb_i;
  assign m_axil_araddr_o = s_axil_araddr_i;
  assign m_axil_bready_o = s_axil_bready_i;
  assign m_axil_rready_o = s_axil_rready_i;

  always_comb begin
    s_axil_awready_o = m_axil_awready_i;
    s_axil_wready_o = m_axil_wready_i;
    s_axil_arready_o = m_axil_arready_i;
    s_axil_bvalid_o = m_axil_bvalid_i;
    s_axil_bresp_o = m_axil_bresp_i;
    s_axil_rvalid_o = m_axil_rvalid_i;
    s_axil_rresp_o = m_axil_rresp_i;
    s_axil_rdata_o = m_axil_rdata_i;
    if (isolate_i) begin
      // Half a write that is here already is completed even when closing.
      s_axil_awready_o = (aw_q == '0) & (~closing_i | (w_q != '0));
      s_axil_wready_o = (w_q == '0) & (~closing_i | (aw_q != '0));
      s_axil_arready_o = (ar_q == '0) & ~closing_i;
      s_axil_bvalid_o = b_held_q | ((aw_q != '0) & (w_q != '0));
      s_axil_bresp_o = b_held_q ? b_resp_q : SlvErr;
      s_axil_rvalid_o = r_held_q | (ar_q != '0);
      s_axil_rresp_o = r_held_q ? r_resp_q : SlvErr;
      s_axil_rdata_o = r_held_q ? r_data_q : '0;
    end
  end
  logic aw_taken, w_taken, ar_taken, b_done, r_done;
  assign aw_taken = s_axil_awvalid_i & s_axil_awready_o;
  assign w_taken = s_axil_wvalid_i & s_axil_wready_o;
  assign ar_taken = s_axil_arvalid_i & s_axil_arready_o;
  assign b_done = s_axil_bvalid_o & s_axil_bready_i;
  assign r_done = s_axil_rvalid_o & s_axil_rready_i;
  assign drained_o = (aw_q == '0) & (w_q == '0) & (ar_q == '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_q <= '0;
      w_q <= '0;
      ar_q <= '0;
      b_held_q <= 1'b0;
      r_held_q <= 1'b0;
    end else begin
      aw_q <= aw_q + 3'(aw_taken) - 3'(b_done);
      w_q <= w_q + 3'(w_taken) - 3'(b_done);
      ar_q <= ar_q + 3'(ar_taken) - 3'(r_done);
      b_held_q <= s_axil_bvalid_o & ~s_axil_bready_i & (~isolate_i | b_held_q);
      r_held_q <= s_axil_rvalid_o & ~s_axil_rready_i & (~isolate_i | r_held_q);
    end
    if (!isolate_i) begin
      b_resp_q <= m_axil_bresp_i;
      r_resp_q <= m_axil_rresp_i;
      r_data_q <= m_axil_rdata_i;
    end
  end
endmodule
