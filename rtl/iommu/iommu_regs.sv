// SPDX-License-Identifier: Apache-2.0
// The register page: AXI4-Lite, 64 bit, aligned dword or qword accesses; GCMD handshakes; fault and invalidation events;
// counters. Reads of reserved space return 0, writes to it are ignored, all with OKAY.
// rst_ni keeps the status that VT-d calls sticky (ICS.IWC, FSTS.IQE, IQERCD; the rest is in iommu_faults); por_ni
// clears it.
//
// Timing: a write takes effect at the edge that ends its W handshake (AW and W are taken together); B follows in the
// next cycle. A read returns the values of its AR cycle in the next.
module iommu_regs #(
    parameter int unsigned NumPorts    = 2,
    parameter int unsigned Haw         = 46,
    parameter int unsigned Mgaw        = 48,
    parameter logic [4:0]  Sagaw       = 5'b00110,
    parameter logic [1:0]  Sllps       = 2'b11,
    parameter bit          PassThrough = 1'b1,
    parameter bit          SnoopControl = 1'b0,
    parameter bit          Zlr         = 1'b0,
    parameter int unsigned DidWidth    = 16,
    parameter int unsigned Mamv        = 18,
    parameter int unsigned Records     = 8
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   por_ni,

    input  logic                   s_axil_awvalid_i,
    output logic                   s_axil_awready_o,
    // The strobes say which dword; bits 2:0 of the addresses say nothing more.
    // verilator lint_off UNUSEDSIGNAL
    input  logic [11:0]            s_axil_awaddr_i,
    // verilator lint_on UNUSEDSIGNAL
    input  logic                   s_axil_wvalid_i,
    output logic                   s_axil_wready_o,
    input  logic [63:0]            s_axil_wdata_i,
    input  logic [7:0]             s_axil_wstrb_i,
    output logic                   s_axil_bvalid_o,
    input  logic                   s_axil_bready_i,
    output logic [1:0]             s_axil_bresp_o,
    input  logic                   s_axil_arvalid_i,
    output logic                   s_axil_arready_o,
    // As above: a read gives the whole quadword.
    // verilator lint_off UNUSEDSIGNAL
    input  logic [11:0]            s_axil_araddr_i,
    // verilator lint_on UNUSEDSIGNAL
    output logic                   s_axil_rvalid_o,
    input  logic                   s_axil_rready_i,
    output logic [63:0]            s_axil_rdata_o,
    output logic [1:0]             s_axil_rresp_o,

    output logic                   busy_o,          // a command or an answer is under way

    // Requesters held since a reset of the unit alone.
    input  logic                   held_i,
    output logic                   release_o,       // pulse: software lets them go

    // Translation.
    output logic                   te_o,
    output logic                   mode_ok_o,       // TTM of the root pointer in use is legacy
    output logic [Haw-13:0]        root_o,          // root table in use, page number
    output logic                   root_changed_o,  // pulse: walks start again

    // Draining for TE and SRTP: [0] reads, [1] writes; held until ack.
    output logic [1:0]             drain_req_o,
    input  logic [1:0]             drain_ack_i,

    // Queue.
    output logic                   iq_enable_o,
    output logic                   iq_base_reset_o,
    output logic [Haw-13:0]        iq_base_o,
    output logic [2:0]             iq_size_o,
    output logic                   iq_wide_o,
    output logic [14:0]            iq_tail_o,
    output logic                   iqe_o,
    input  logic [14:0]            iq_head_i,
    input  logic                   iq_idle_i,
    input  logic                   iq_error_i,
    input  logic [3:0]             iq_error_code_i,
    input  logic                   iwc_i,

    // Faults.
    input  logic [Records*128-1:0] records_i,
    input  logic                   pfo_i,
    input  logic                   ppf_i,
    input  logic [7:0]             fri_i,
    input  logic                   ppf_rise_i,
    output logic [Records-1:0]     clear_f_o,
    output logic                   clear_pfo_o,

    // Event messages: [0] faults, [1] invalidation.
    output logic [1:0]             msg_valid_o,
    input  logic [1:0]             msg_ready_i,
    output logic [127:0]           msg_addr_o,
    output logic [63:0]            msg_data_o,

    // Requesters that withhold data.
    output logic [31:0]            wlimit_o,
    input  logic [NumPorts-1:0]    cutoff_i,
    output logic [NumPorts-1:0]    cutoff_clear_o,

    // Counters.
    input  logic [1:0]             count_hit_i,
    input  logic [1:0]             count_miss_i,
    input  logic                   count_walk_i,
    input  logic                   count_invalidation_i,
    input  logic [1:0]             count_fault_i
);
  localparam logic [63:0] Cap = {
    8'b0000_0000,                       // ESRTPS .. FL1GP
    1'b1, 1'b1,                         // DRD, DWD
    6'(Mamv), 8'(Records - 1),
    1'b1, 1'b0,                         // PSI
    2'b00, Sllps,
    10'(vtd_pkg::FRCD_LO_OFFSET >> 4),
    1'b0, Zlr,
    6'(Mgaw - 1),
    3'b000, Sagaw,
    5'b00000,                           // CM, PHMR, PLMR, RWBF, AFL
    3'((DidWidth - 4) / 2)};
  localparam logic [63:0] Ecap = {46'd0, 10'h050, SnoopControl, PassThrough, 4'b0000, 1'b1, 1'b1};

  if (DidWidth < 4 || DidWidth > 16 || DidWidth % 2 != 0) begin : gen_did_check
    $error("iommu_regs: DidWidth must be even, 4 to 16");
  end
  if (Records > vtd_pkg::FRCD_LO_COUNT) begin : gen_records_check
    $error("iommu_regs: Records is larger than the register map has room for");
  end

  // ------------------------------------------------------------------ bus
  logic wr, b_valid_q, r_valid_q;
  logic [8:0] wq;        // quadword written
  logic [63:0] wdata;
  logic wlo, whi;        // low and high dword written; less than a dword is ignored
  assign wr = s_axil_awvalid_i & s_axil_wvalid_i & (~b_valid_q | s_axil_bready_i);
  assign s_axil_awready_o = wr;
  assign s_axil_wready_o = wr;
  assign s_axil_bvalid_o = b_valid_q;
  assign s_axil_bresp_o = 2'b00;
  assign s_axil_rresp_o = 2'b00;
  assign wq = s_axil_awaddr_i[11:3];
  assign wdata = s_axil_wdata_i;
  assign wlo = wr & (&s_axil_wstrb_i[3:0]);
  assign whi = wr & (&s_axil_wstrb_i[7:4]);
  assign s_axil_arready_o = ~r_valid_q | s_axil_rready_i;
  assign s_axil_rvalid_o = r_valid_q;

  // ------------------------------------------------------------------ registers
  vtd_pkg::rtaddr_t rtaddr_q;
  logic [Haw-13:0] root_active_q;
  logic [1:0] mode_active_q;
  vtd_pkg::iqa_t iqa_q;
  vtd_pkg::iqt_t iqt_q;
  logic [31:0] fedata_q, feaddr_q, iedata_q, ieaddr_q, wlimit_q;
  logic fe_im_q, fe_ip_q, ie_im_q, ie_ip_q, iwc_q, iqe_q;
  logic [3:0] iqei_q;
  logic [NumPorts-1:0] cutoff_q;
  logic te_q, tes_q, rtps_q, qie_q;
  logic [63:0] hits_q, misses_q, walks_q, invalidations_q, faults_q;

  // GCMD: a write may ask for several things; they are done in a fixed order, SRTP, TE, QIE (1.6.2).
  localparam logic [1:0] GIdle = 2'd0;
  localparam logic [1:0] GRoot = 2'd1;
  localparam logic [1:0] GTranslation = 2'd2;
  localparam logic [1:0] GQueue = 2'd3;
  logic [1:0] g_state_q, g_drain_q;
  logic want_root_q, want_te_q, want_qie_q, g_start, iqa_open;
  // Commands of features that this unit does not have are ignored.
  // verilator lint_off UNUSEDSIGNAL
  vtd_pkg::gcmd_t gcmd;
  // verilator lint_on UNUSEDSIGNAL
  assign gcmd = wdata[31:0];
  assign g_start = wlo & (wq == 9'(vtd_pkg::GCMD_OFFSET >> 3));

  assign te_o = te_q;
  assign root_o = root_active_q;
  assign mode_ok_o = mode_active_q == 2'b00;
  assign drain_req_o = g_drain_q;
  assign iq_enable_o = qie_q;
  assign iq_base_o = iqa_q.iqa[Haw-13:0];
  assign iq_size_o = iqa_q.qs;
  assign iq_wide_o = iqa_q.dw;
  assign iq_tail_o = iqt_q.qt;
  assign iqe_o = iqe_q;
  // Software may move the queue while it is off, or stopped by an error; anything else would tear what it is doing.
  assign iqa_open = ~qie_q | iqe_q;
  assign iq_base_reset_o = iqa_open & (wq == 9'(vtd_pkg::IQA_OFFSET >> 3)) & (wlo | whi);
  assign wlimit_o = wlimit_q;

  logic drained, root_now;
  assign drained = (g_drain_q & ~drain_ack_i) == 2'b00;
  assign root_now = (g_state_q == GRoot) & want_root_q & drained;
  assign root_changed_o = root_now;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      g_state_q <= GIdle;
      g_drain_q <= 2'b00;
      te_q <= 1'b0;
      tes_q <= 1'b0;
      rtps_q <= 1'b0;
      qie_q <= 1'b0;
      want_root_q <= 1'b0;
      want_te_q <= 1'b0;
      want_qie_q <= 1'b0;
      root_active_q <= '0;
      mode_active_q <= '0;
    end else begin
      g_drain_q <= g_drain_q & ~drain_ack_i;
      case (g_state_q)
        GRoot: begin
          if (root_now) begin
            // Walks start again with the new table; requests that have their address are waited for.
            want_root_q <= 1'b0;
            root_active_q <= rtaddr_q.rta[Haw-13:0];
            mode_active_q <= rtaddr_q.ttm;
            g_drain_q <= 2'b11;
          end else if (drained) begin
            rtps_q <= 1'b1;
            g_state_q <= GTranslation;
          end
        end
        GTranslation: begin
          // A drain that is under way covers only what was there when it began: one after the other.
          if (drained && te_q != want_te_q) begin
            te_q <= want_te_q;
            g_drain_q <= 2'b11;
          end else if (drained) begin
            tes_q <= te_q;
            g_state_q <= GQueue;
          end
        end
        GQueue: begin
          if (want_qie_q) qie_q <= 1'b1;
          else if (iq_idle_i || !qie_q) qie_q <= 1'b0;
          if (want_qie_q || iq_idle_i || !qie_q) g_state_q <= GIdle;
        end
        default: ;
      endcase
      // Software waits for the status before it writes again; a write in between is not lost, it starts over.
      if (g_start) begin
        want_root_q <= gcmd.srtp;
        want_te_q <= gcmd.te;
        want_qie_q <= gcmd.qie;
        if (gcmd.srtp) rtps_q <= 1'b0;
        // A root pointer that is adopted but whose RTPS is still owed stays in its step.
        g_state_q <= (gcmd.srtp || g_state_q == GRoot) ? GRoot : GTranslation;
        if (want_root_q && !root_now) want_root_q <= 1'b1;
      end
    end
  end

  assign busy_o = (g_state_q != GIdle) | b_valid_q | r_valid_q;
  assign release_o = wlo & (wq == 9'(vtd_pkg::IMPL_HELD_OFFSET >> 3)) & wdata[0];

  // ------------------------------------------------------------------ events (1.11)
  logic [31:0] fsts;
  logic fault_event, fault_status, iwc_event, clear_iqe, clear_iwc, fe_sent, ie_sent;
  assign fsts = {16'd0, ppf_i ? fri_i : 8'd0, 3'd0, iqe_q, 2'd0, ppf_i, pfo_i};
  assign fault_status = pfo_i | ppf_i | iqe_q;
  assign fault_event = (ppf_rise_i | iq_error_i) & ~fault_status;
  // One that comes in the cycle that clears IWC is new: it would stand without a message, and so would all behind it.
  assign clear_iwc = whi & (wq == 9'(vtd_pkg::ICS_OFFSET >> 3)) & wdata[32];
  assign iwc_event = iwc_i & (~iwc_q | clear_iwc);
  assign clear_iqe = whi & (wq == 9'(vtd_pkg::FSTS_OFFSET >> 3)) & wdata[32+4];
  assign clear_pfo_o = whi & (wq == 9'(vtd_pkg::FSTS_OFFSET >> 3)) & wdata[32+0];
  assign msg_valid_o = {ie_ip_q & ~ie_im_q, fe_ip_q & ~fe_im_q};
  assign msg_addr_o = {32'd0, ieaddr_q[31:2], 2'b00, 32'd0, feaddr_q[31:2], 2'b00};
  assign msg_data_o = {iedata_q, fedata_q};
  assign fe_sent = msg_valid_o[0] & msg_ready_i[0];
  assign ie_sent = msg_valid_o[1] & msg_ready_i[1];
  always_comb begin
    for (int unsigned i = 0; i < Records; i++) begin
      clear_f_o[i] = whi & (wq == 9'((32'(vtd_pkg::FRCD_HI_OFFSET) + 16 * i) >> 3)) & wdata[63];
    end
  end
  assign cutoff_clear_o = (whi && wq == 9'(vtd_pkg::IMPL_WLIMIT_OFFSET >> 3)) ? wdata[32+:NumPorts] : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fe_im_q <= 1'b1;
      fe_ip_q <= 1'b0;
      ie_im_q <= 1'b1;
      ie_ip_q <= 1'b0;
    end else begin
      if (fault_event) fe_ip_q <= 1'b1;
      else if (fe_sent || !fault_status) fe_ip_q <= 1'b0;
      if (iwc_event) ie_ip_q <= 1'b1;
      else if (ie_sent || !iwc_q) ie_ip_q <= 1'b0;
      if (wlo && wq == 9'(vtd_pkg::FECTL_OFFSET >> 3)) fe_im_q <= wdata[31];
      if (wlo && wq == 9'(vtd_pkg::IECTL_OFFSET >> 3)) ie_im_q <= wdata[31];
    end
    if (!por_ni) begin
      iwc_q <= 1'b0;
      iqe_q <= 1'b0;
      iqei_q <= '0;
    end else if (rst_ni) begin
      if (iwc_i) iwc_q <= 1'b1;
      else if (clear_iwc) iwc_q <= 1'b0;
      if (iq_error_i) begin
        iqe_q <= 1'b1;
        iqei_q <= iq_error_code_i;
      end else if (clear_iqe) begin
        iqe_q <= 1'b0;
      end
    end
  end

  // ------------------------------------------------------------------ plain registers and counters
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rtaddr_q <= '0;
      iqa_q <= '0;
      iqt_q <= '0;
      fedata_q <= '0;
      feaddr_q <= '0;
      iedata_q <= '0;
      ieaddr_q <= '0;
      wlimit_q <= vtd_pkg::IMPL_WLIMIT_RESET;
      cutoff_q <= '0;
      hits_q <= '0;
      misses_q <= '0;
      walks_q <= '0;
      invalidations_q <= '0;
      faults_q <= '0;
      b_valid_q <= 1'b0;
    end else begin
      b_valid_q <= wr | (b_valid_q & ~s_axil_bready_i);
      if (wlo && wq == 9'(vtd_pkg::RTADDR_OFFSET >> 3)) rtaddr_q[31:0] <= {wdata[31:10], 10'd0};
      if (whi && wq == 9'(vtd_pkg::RTADDR_OFFSET >> 3)) rtaddr_q[63:32] <= wdata[63:32];
      if (iqa_open && wlo && wq == 9'(vtd_pkg::IQA_OFFSET >> 3)) iqa_q[31:0] <= {wdata[31:11], 8'd0, wdata[2:0]};
      if (iqa_open && whi && wq == 9'(vtd_pkg::IQA_OFFSET >> 3)) iqa_q[63:32] <= wdata[63:32];
      if (wlo && wq == 9'(vtd_pkg::IQT_OFFSET >> 3)) iqt_q <= {45'd0, wdata[18:4], 4'd0};
      if (iq_base_reset_o) iqt_q <= '0;
      if (whi && wq == 9'(vtd_pkg::FEDATA_OFFSET >> 3)) fedata_q <= {16'd0, wdata[47:32]};
      if (wlo && wq == 9'(vtd_pkg::FEADDR_OFFSET >> 3)) feaddr_q <= {wdata[31:2], 2'b00};
      if (whi && wq == 9'(vtd_pkg::IEDATA_OFFSET >> 3)) iedata_q <= {16'd0, wdata[47:32]};
      if (wlo && wq == 9'(vtd_pkg::IEADDR_OFFSET >> 3)) ieaddr_q <= {wdata[31:2], 2'b00};
      if (wlo && wq == 9'(vtd_pkg::IMPL_WLIMIT_OFFSET >> 3)) wlimit_q <= wdata[31:0];
      cutoff_q <= (cutoff_q & ~cutoff_clear_o) | cutoff_i;
      hits_q <= hits_q + 64'(count_hit_i[0]) + 64'(count_hit_i[1]);
      misses_q <= misses_q + 64'(count_miss_i[0]) + 64'(count_miss_i[1]);
      walks_q <= walks_q + 64'(count_walk_i);
      invalidations_q <= invalidations_q + 64'(count_invalidation_i);
      faults_q <= faults_q + 64'(count_fault_i[0]) + 64'(count_fault_i[1]);
    end
  end

  // ------------------------------------------------------------------ reads
  logic [63:0] rdata, rdata_q;
  logic [8:0] rq;
  assign rq = s_axil_araddr_i[11:3];
  always_comb begin
    rdata = '0;
    case (rq)
      9'(vtd_pkg::VER_OFFSET >> 3): rdata[31:0] = vtd_pkg::VER_RESET;
      9'(vtd_pkg::CAP_OFFSET >> 3): rdata = Cap;
      9'(vtd_pkg::ECAP_OFFSET >> 3): rdata = Ecap;
      9'(vtd_pkg::GCMD_OFFSET >> 3): rdata[63:32] = {tes_q, rtps_q, 3'b000, qie_q, 26'd0};
      9'(vtd_pkg::RTADDR_OFFSET >> 3): rdata = rtaddr_q;
      9'(vtd_pkg::FSTS_OFFSET >> 3): rdata[63:32] = fsts;
      9'(vtd_pkg::FECTL_OFFSET >> 3): rdata = {fedata_q, fe_im_q, fe_ip_q, 30'd0};
      9'(vtd_pkg::FEADDR_OFFSET >> 3): rdata[31:0] = feaddr_q;
      9'(vtd_pkg::IQH_OFFSET >> 3): rdata = {45'd0, iq_head_i, 4'd0};
      9'(vtd_pkg::IQT_OFFSET >> 3): rdata = iqt_q;
      9'(vtd_pkg::IQA_OFFSET >> 3): rdata = iqa_q;
      9'(vtd_pkg::ICS_OFFSET >> 3): rdata[32] = iwc_q;
      9'(vtd_pkg::IECTL_OFFSET >> 3): rdata = {iedata_q, ie_im_q, ie_ip_q, 30'd0};
      9'(vtd_pkg::IEADDR_OFFSET >> 3): rdata[31:0] = ieaddr_q;
      9'(vtd_pkg::IQERCD_OFFSET >> 3): rdata[3:0] = iqei_q;
      9'(vtd_pkg::IMPL_ID_OFFSET >> 3): rdata = vtd_pkg::IMPL_ID_RESET;
      9'(vtd_pkg::IMPL_WLIMIT_OFFSET >> 3): rdata = {32'(cutoff_q), wlimit_q};
      9'(vtd_pkg::CNT_REQUESTS_OFFSET >> 3): rdata = hits_q + misses_q;
      9'(vtd_pkg::CNT_HITS_OFFSET >> 3): rdata = hits_q;
      9'(vtd_pkg::CNT_MISSES_OFFSET >> 3): rdata = misses_q;
      9'(vtd_pkg::CNT_WALKS_OFFSET >> 3): rdata = walks_q;
      9'(vtd_pkg::CNT_INVALIDATIONS_OFFSET >> 3): rdata = invalidations_q;
      9'(vtd_pkg::CNT_FAULTS_OFFSET >> 3): rdata = faults_q;
      9'(vtd_pkg::IMPL_HELD_OFFSET >> 3): rdata[0] = held_i;
      default: begin
        for (int unsigned i = 0; i < Records; i++) begin
          if (rq == 9'((32'(vtd_pkg::FRCD_LO_OFFSET) + 16 * i) >> 3)) rdata = records_i[i*128+:64];
          if (rq == 9'((32'(vtd_pkg::FRCD_HI_OFFSET) + 16 * i) >> 3)) rdata = records_i[i*128+64+:64];
        end
      end
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) r_valid_q <= 1'b0;
    else r_valid_q <= (s_axil_arvalid_i & s_axil_arready_o) | (r_valid_q & ~s_axil_rready_i);
    if (s_axil_arvalid_i && s_axil_arready_o) rdata_q <= rdata;
  end
  assign s_axil_rdata_o = rdata_q;
endmodule
