// SPDX-License-Identifier: Apache-2.0
// One AXI port of the engine, shared by its channels: AR, and AW with W, go by weighted round-robin (dma_wrr); R and B
// find their channel by the id, {channel, kind}. The interrupt message is one more writer and goes first.
//
// Timing: combinational from request to bus and from bus to channel. A request that was shown stays until it is taken.
// The W beats of a burst follow their AW, nothing of another channel between them; no idle beat between bursts.
// Reads are asked for as fast as a bus can bring them and not faster (one beat a cycle, up to Slack beats ahead), and
// at most Window beats are on their way: so the queue that counts is here, where shares and classes rule, and not in
// the memory. While pause_i nothing new is shown but reads of a channel with a burst under way, at either port: the burst
// may need them to end. quiet_o when everything begun has been answered, too. A message is shown while fewer than 15
// are unanswered.
module dma_port_mux #(
    parameter int unsigned Channels  = 4,
    parameter int unsigned DataWidth = 256,
    parameter int unsigned IdWidth   = 4,
    parameter int unsigned MaxBurst  = 16,
    parameter int unsigned Window    = 512  // beats
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic                            pause_i,
    output logic                            quiet_o,
    output logic [Channels-1:0]             burst_o,    // who has a write burst under way here
    input  logic [Channels-1:0]             feed_i,     // whose reads are shown while pause_i, too
    input  logic [Channels-1:0]             high_i,
    input  logic [8*Channels-1:0]           weight_i,
    output logic [Channels-1:0]             pending_o,  // it has something shown, stuck behind that, or unanswered

    input  logic [Channels-1:0]             arvalid_i,
    output logic [Channels-1:0]             arready_o,
    input  logic [2*Channels-1:0]           arkind_i,
    input  logic [64*Channels-1:0]          araddr_i,
    input  logic [8*Channels-1:0]           arlen_i,
    input  logic [3*Channels-1:0]           arsize_i,
    input  logic [22*Channels-1:0]          aruser_i,  // dma_job_pkg::user_t
    output logic [Channels-1:0]             rvalid_o,
    input  logic [Channels-1:0]             awvalid_i,
    output logic [Channels-1:0]             awready_o,
    input  logic [2*Channels-1:0]           awkind_i,
    input  logic [64*Channels-1:0]          awaddr_i,
    input  logic [8*Channels-1:0]           awlen_i,
    input  logic [3*Channels-1:0]           awsize_i,
    input  logic [22*Channels-1:0]          awuser_i,
    input  logic [Channels-1:0]             wvalid_i,
    output logic [Channels-1:0]             wready_o,
    input  logic [DataWidth*Channels-1:0]   wdata_i,
    input  logic [DataWidth/8*Channels-1:0] wstrb_i,
    input  logic [Channels-1:0]             wlast_i,
    output logic [Channels-1:0]             bvalid_o,

    input  logic                            msi_valid_i,
    output logic                            msi_ready_o,
    input  dma_job_pkg::single_t            msi_i,
    output logic                            msi_bvalid_o,

    output logic                            m_axi_arvalid_o,
    input  logic                            m_axi_arready_i,
    output logic [IdWidth-1:0]              m_axi_arid_o,
    output logic [63:0]                     m_axi_araddr_o,
    output logic [7:0]                      m_axi_arlen_o,
    output logic [2:0]                      m_axi_arsize_o,
    output dma_job_pkg::user_t              m_axi_aruser_o,
    input  logic                            m_axi_rvalid_i,
    input  logic [IdWidth-1:0]              m_axi_rid_i,
    input  logic                            m_axi_rlast_i,
    output logic                            m_axi_awvalid_o,
    input  logic                            m_axi_awready_i,
    output logic [IdWidth-1:0]              m_axi_awid_o,
    output logic [63:0]                     m_axi_awaddr_o,
    output logic [7:0]                      m_axi_awlen_o,
    output logic [2:0]                      m_axi_awsize_o,
    output dma_job_pkg::user_t              m_axi_awuser_o,
    output logic                            m_axi_wvalid_o,
    input  logic                            m_axi_wready_i,
    output logic [DataWidth-1:0]            m_axi_wdata_o,
    output logic [DataWidth/8-1:0]          m_axi_wstrb_o,
    output logic                            m_axi_wlast_o,
    input  logic                            m_axi_bvalid_i,
    input  logic [IdWidth-1:0]              m_axi_bid_i
);
  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned IdxWidth = (Channels > 1) ? $clog2(Channels) : 1;
  localparam int unsigned CountWidth = 12;
  localparam int unsigned Slack = (MaxBurst > 32) ? 2 * MaxBurst : 64;  // beats
  localparam int unsigned BeatsWidth = $clog2(Window + Slack + 512) + 1;  // signed
  localparam logic [IdWidth-1:0] MsiId = dma_job_pkg::ID_MSI[IdWidth-1:0];

  // ---------------------------------------------------------------- AR
  logic [IdxWidth-1:0] ar_best, ar, ar_q;
  logic ar_lock_q;  // shown and not yet taken
  logic [Channels-1:0] ar_req;
  assign ar_req = arvalid_i & ({Channels{~pause_i}} | feed_i);

  dma_wrr #(.N(Channels), .MaxBurst(MaxBurst)) u_ar (
      .clk_i, .rst_ni, .high_i, .weight_i, .req_i(ar_req), .len_i(arlen_i),
      .take_i(m_axi_arvalid_o & ~ar_lock_q), .index_o(ar_best)
  );
  // A burst may go beyond either limit, and nothing follows until that is made good.
  logic [BeatsWidth-1:0] ahead_q, coming_q, asked;  // beats that may be asked for; asked for and not here
  logic ar_open, ar_taken;
  assign ar_open = (ar_req != '0) & ~ahead_q[BeatsWidth-1] & (ahead_q != '0) & (coming_q < BeatsWidth'(Window));
  assign ar_taken = m_axi_arvalid_o & m_axi_arready_i;
  assign asked = ar_taken ? BeatsWidth'(m_axi_arlen_o) + BeatsWidth'(1) : '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ahead_q <= BeatsWidth'(Slack);
      coming_q <= '0;
    end else begin
      ahead_q <= ahead_q - asked + BeatsWidth'(ahead_q != BeatsWidth'(Slack));
      coming_q <= coming_q + asked - BeatsWidth'(m_axi_rvalid_i);
    end
  end

  assign ar = ar_lock_q ? ar_q : ar_best;
  assign m_axi_arvalid_o = (ar_lock_q | ar_open) & arvalid_i[ar];
  assign m_axi_arid_o = IdWidth'({ar, arkind_i[ar*2+:2]});
  assign m_axi_araddr_o = araddr_i[ar*64+:64];
  assign m_axi_arlen_o = arlen_i[ar*8+:8];
  assign m_axi_arsize_o = arsize_i[ar*3+:3];
  assign m_axi_aruser_o = aruser_i[ar*22+:22];
  always_comb begin
    arready_o = '0;
    arready_o[ar] = m_axi_arready_i & (ar_lock_q | ar_open);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) ar_lock_q <= 1'b0;
    else ar_lock_q <= m_axi_arvalid_o & ~m_axi_arready_i;
    ar_q <= ar;
  end

  // ---------------------------------------------------------------- AW and W: one burst at a time
  logic [IdxWidth-1:0] aw_best, aw, aw_q;
  logic busy_q, msi_q, msi, aw_done_q, w_done_q;  // the burst under way, whose it is, what of it is through
  logic active, aw_taken, w_taken, finish, source_aw, source_w, msi_want, msi_taken, stall_q;
  logic [3:0] msi_owed_q;
  logic [Bytes-1:0] msi_strb;

  dma_wrr #(.N(Channels), .MaxBurst(MaxBurst)) u_aw (
      .clk_i, .rst_ni, .high_i, .weight_i, .req_i(awvalid_i), .len_i(awlen_i),
      .take_i(active & ~busy_q & ~msi), .index_o(aw_best)
  );
  assign aw = busy_q ? aw_q : aw_best;
  assign msi_want = msi_valid_i & (msi_owed_q != 4'd15);
  assign msi = busy_q ? msi_q : msi_want;
  assign active = busy_q | (~pause_i & (msi_want | (awvalid_i != '0)));
  assign source_aw = msi | awvalid_i[aw];
  assign source_w = msi | wvalid_i[aw];
  assign m_axi_awvalid_o = active & source_aw & ~aw_done_q;
  assign m_axi_wvalid_o = active & source_w & ~w_done_q;
  assign aw_taken = m_axi_awvalid_o & m_axi_awready_i;
  assign w_taken = m_axi_wvalid_o & m_axi_wready_i & m_axi_wlast_o;
  assign finish = active & (aw_done_q | aw_taken) & (w_done_q | w_taken);

  assign m_axi_awid_o = msi ? MsiId : IdWidth'({aw, awkind_i[aw*2+:2]});
  assign m_axi_awaddr_o = msi ? msi_i.addr : awaddr_i[aw*64+:64];
  assign m_axi_awlen_o = msi ? 8'd0 : awlen_i[aw*8+:8];
  assign m_axi_awsize_o = msi ? msi_i.size : awsize_i[aw*3+:3];
  assign m_axi_awuser_o = msi ? '0 : awuser_i[aw*22+:22];
  assign m_axi_wdata_o = msi ? {(Bytes / 8) {msi_i.data}} : wdata_i[aw*DataWidth+:DataWidth];
  assign m_axi_wstrb_o = msi ? msi_strb : wstrb_i[aw*Bytes+:Bytes];
  assign m_axi_wlast_o = msi | wlast_i[aw];
  if (Bytes == 8) begin : gen_narrow
    assign msi_strb = msi_i.strb;
  end else begin : gen_wide
    assign msi_strb = {{(Bytes - 8) {1'b0}}, msi_i.strb} << {msi_i.addr[$clog2(Bytes)-1:3], 3'b000};
  end
  assign msi_ready_o = finish & msi;
  assign msi_taken = msi & aw_taken;
  always_comb begin
    burst_o = '0;
    burst_o[aw_q] = busy_q & ~msi_q;
  end
  always_comb begin
    awready_o = '0;
    wready_o = '0;
    awready_o[aw] = active & ~msi & ~aw_done_q & m_axi_awready_i;
    wready_o[aw] = active & ~msi & ~w_done_q & m_axi_wready_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      aw_done_q <= 1'b0;
      w_done_q <= 1'b0;
    end else begin
      busy_q <= active & ~finish;
      aw_done_q <= (aw_done_q | aw_taken) & ~finish;
      w_done_q <= (w_done_q | w_taken) & ~finish;
    end
    stall_q <= (m_axi_awvalid_o & ~m_axi_awready_i) | (m_axi_wvalid_o & ~m_axi_wready_i);
    aw_q <= aw;
    msi_q <= msi;
  end

  // ---------------------------------------------------------------- answers, and what is owed
  logic [Channels-1:0] owed;
  assign msi_bvalid_o = m_axi_bvalid_i & (m_axi_bid_i == MsiId);
  for (genvar c = 0; c < Channels; c++) begin : gen_channel
    logic [CountWidth-1:0] reads_q, writes_q;
    logic read_taken, r_ended, burst_taken;
    assign read_taken = arvalid_i[c] & arready_o[c];
    assign r_ended = rvalid_o[c] & m_axi_rlast_i;
    assign burst_taken = awvalid_i[c] & awready_o[c];
    assign rvalid_o[c] = m_axi_rvalid_i & (m_axi_rid_i[IdWidth-1:2] == (IdWidth - 2)'(c));
    assign bvalid_o[c] = m_axi_bvalid_i & (m_axi_bid_i[IdWidth-1:2] == (IdWidth - 2)'(c)) & ~msi_bvalid_o;
    assign owed[c] = (reads_q != '0) | (writes_q != '0);
    // A slave that does not take what is shown keeps everybody waiting, not only its owner.
    assign pending_o[c] = owed[c] | (m_axi_arvalid_o & (ar == IdxWidth'(c))) | (active & ~msi & (aw == IdxWidth'(c))) |
        (arvalid_i[c] & ar_lock_q) | (awvalid_i[c] & busy_q & stall_q);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        reads_q <= '0;
        writes_q <= '0;
      end else begin
        reads_q <= reads_q + CountWidth'(read_taken) - CountWidth'(r_ended);
        writes_q <= writes_q + CountWidth'(burst_taken) - CountWidth'(bvalid_o[c]);
      end
    end
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert (!rvalid_o[c] || reads_q != '0);
        assert (!bvalid_o[c] || writes_q != '0);
      end
    end
  end
  assign quiet_o = pause_i & ~ar_lock_q & ~busy_q & (owed == '0) & (msi_owed_q == 4'd0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) msi_owed_q <= 4'd0;
    else msi_owed_q <= msi_owed_q + 4'(msi_taken) - 4'(msi_bvalid_o);
  end

  logic unused;
  assign unused = ^{msi_i.pasid, msi_i.pasid_valid, msi_i.host, m_axi_rid_i[1:0]};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_message : assert (!msi_bvalid_o || msi_owed_q != 4'd0);
      assert_coming : assert (!m_axi_rvalid_i || coming_q != '0);
      assert_ar_held : assert (!ar_lock_q || m_axi_arvalid_o);
      assert_whose : assert (!m_axi_rvalid_i || rvalid_o != '0);
      assert_with_data : assert (!(active && !busy_q) || source_w);
    end
  end
endmodule
