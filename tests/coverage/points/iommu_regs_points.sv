// SPDX-License-Identifier: Apache-2.0
// Every step of GCMD, software beside events.
module iommu_regs_points (
    input logic clk_i,
    input logic rst_ni,
    input logic [1:0] g_state_q,
    input logic [1:0] g_drain_q,
    input logic g_start,
    input logic drained,
    input logic root_now,
    input logic want_te_q,
    input logic te_q,
    input logic want_qie_q,
    input logic qie_q,
    input logic iq_idle_i,
    input logic fault_event,
    input logic fe_sent,
    input logic fe_im_q,
    input logic fe_ip_q,
    input logic iwc_event,
    input logic ie_sent,
    input logic ie_im_q,
    input logic ie_ip_q,
    input logic iwc_i,
    input logic clears_iwc,
    input logic iq_error_i,
    input logic clear_iqe,
    input logic clear_pfo_o,
    input logic pfo_i,
    input logic ppf_rise_i,
    input logic doorbell,
    input logic moves_queue,
    input logic unmasks,
    input logic iqe_q,
    input logic wr,
    input logic rd,
    input logic cutoff,
    input logic cutoff_cleared,
    input logic both_hit,
    input logic both_miss,
    input logic clears_f
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // each step
      c_gcmd_idle: cover (g_state_q == 2'd0);
      c_gcmd_root: cover (g_state_q == 2'd1);
      c_gcmd_translation: cover (g_state_q == 2'd2);
      c_gcmd_queue: cover (g_state_q == 2'd3);
      c_gcmd_root_waits_for_drain: cover (g_state_q == 2'd1 && !root_now && !drained);
      c_gcmd_root_drain: cover (g_drain_q == 2'b11);
      c_gcmd_on: cover (g_state_q == 2'd2 && drained && want_te_q && !te_q);
      c_gcmd_off: cover (g_state_q == 2'd2 && drained && !want_te_q && te_q);
      c_gcmd_queue_off_waits: cover (g_state_q == 2'd3 && !want_qie_q && qie_q && !iq_idle_i);
      c_gcmd_again_in_root: cover (g_start && g_state_q == 2'd1);
      c_gcmd_again_in_translation: cover (g_start && g_state_q == 2'd2);
      c_gcmd_again_in_queue: cover (g_start && g_state_q == 2'd3);
      // events and software in one cycle
      c_fault_event: cover (fault_event);
      c_fault_event_masked: cover (fe_ip_q && fe_im_q);
      c_fault_event_and_unmask: cover (fe_ip_q && unmasks);
      c_fault_event_as_one_is_sent: cover (fault_event && fe_sent);
      c_both_events: cover (fault_event && iwc_event);
      c_wait_event_masked: cover (ie_ip_q && ie_im_q);
      c_wait_event_as_one_is_sent: cover (iwc_event && ie_sent);
      c_wait_and_clear: cover (iwc_i && clears_iwc);
      c_queue_error_and_clear: cover (iq_error_i && clear_iqe);
      c_queue_error_and_doorbell: cover (iq_error_i && doorbell);
      c_queue_error_and_fault: cover (iq_error_i && ppf_rise_i);
      c_doorbell_while_stopped: cover (iqe_q && doorbell);
      c_doorbell: cover (doorbell);
      c_queue_moved_while_stopped: cover (iqe_q && moves_queue);
      c_overflow_and_clear: cover (clear_pfo_o && pfo_i);
      c_fault_and_clear: cover (clears_f && ppf_rise_i);
      c_cut_off_and_clear: cover (cutoff && cutoff_cleared);
      c_write_and_read: cover (wr && rd);
      c_both_lanes_hit: cover (both_hit);
      c_both_lanes_miss: cover (both_miss);
    end
  end
endmodule

bind iommu_regs iommu_regs_points i_points (
    .clk_i, .rst_ni, .g_state_q, .g_drain_q, .g_start, .drained, .root_now, .want_te_q, .te_q, .want_qie_q, .qie_q,
    .iq_idle_i, .fault_event, .fe_sent, .fe_im_q, .fe_ip_q, .iwc_event, .ie_sent, .ie_im_q, .ie_ip_q, .iwc_i,
    .clears_iwc(clear_iwc), .iq_error_i, .clear_iqe, .clear_pfo_o,
    .pfo_i, .ppf_rise_i, .doorbell(wlo && wq == 9'(vtd_pkg::IQT_OFFSET >> 3)), .moves_queue(iq_base_reset_o),
    .unmasks(wlo && wq == 9'(vtd_pkg::FECTL_OFFSET >> 3) && !wdata[31]), .iqe_q, .wr,
    .rd(s_axil_arvalid_i && s_axil_arready_o), .cutoff(cutoff_i != '0), .cutoff_cleared(cutoff_clear_o != '0),
    .both_hit(count_hit_i == 2'b11), .both_miss(count_miss_i == 2'b11), .clears_f(clear_f_o != '0));
