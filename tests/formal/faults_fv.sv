// SPDX-License-Identifier: Apache-2.0
// iommu_faults: every fault that is taken stands in a record or sets PFO; a record keeps its content until software
// clears F; nothing is recorded while PFO stands; PPF is the OR of all F; one lane's fault never waits for two of the
// other's.
module faults_fv #(
    parameter int unsigned Records = 3,
    parameter int unsigned IdxWidth = (Records > 1) ? $clog2(Records) : 1
) (
    input logic                clk_i,
    input logic                rst_ni,
    input logic                por_ni,
    input logic [1:0]          fault_valid_i,
    input logic [31:0]         fault_sid_i,
    input logic [103:0]        fault_page_i,
    input logic [15:0]         fault_reason_i,
    input logic [53:0]         fault_user_i,
    input logic [Records-1:0]  clear_f_i,
    input logic                clear_pfo_i,
    input logic [IdxWidth-1:0] which_i   // constant: the watched record
);
  logic [1:0] ready;
  logic [Records*128-1:0] records;
  logic pfo, ppf, ppf_rise, taken, recorded;
  logic [7:0] fri;
  logic [127:0] record;
  iommu_faults #(.Records(Records)) dut (
      .clk_i, .rst_ni, .por_ni, .fault_valid_i, .fault_ready_o(ready), .fault_sid_i, .fault_page_i, .fault_reason_i,
      .fault_user_i, .clear_f_i, .clear_pfo_i, .records_o(records), .pfo_o(pfo), .ppf_o(ppf), .fri_o(fri),
      .ppf_rise_o(ppf_rise), .probe_valid_o(taken), .probe_recorded_o(recorded), .probe_record_o(record));

  logic started_q = 1'b0;
  logic [IdxWidth-1:0] which_q;
  logic [127:0] was_q;
  logic taken_q, recorded_q, pfo_q, cleared_q, ppf_q, rise_q, waits_q, lost_q;
  logic [127:0] record_q;
  logic [Records-1:0] f, f_q;
  always_comb for (int unsigned i = 0; i < Records; i++) f[i] = records[i*128+127];
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    which_q <= which_i;
    was_q <= records[which_i*128+:128];
    taken_q <= rst_ni & taken;
    recorded_q <= rst_ni & recorded;
    record_q <= record;
    pfo_q <= pfo;
    f_q <= f;
    cleared_q <= clear_f_i[which_i] | ~por_ni;
    ppf_q <= ppf;
    rise_q <= rst_ni & ppf_rise;
    lost_q <= rst_ni & clear_pfo_i;
    waits_q <= rst_ni & fault_valid_i[0] & ~ready[0];
  end

  always_comb begin
    if (!started_q) m_reset: assume (!por_ni);
    m_por: assume (por_ni || !rst_ni);
    if (started_q) m_constant: assume (which_i == which_q);
    m_range: assume (32'(which_i) < Records);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && por_ni) begin
      a_ppf: assert (ppf == (f != '0));
      a_kept: assert (!was_q[127] || cleared_q || records[which_i*128+:128] == was_q);
      a_recorded: assert (!recorded_q || (f & ~f_q) != '0 || ppf);
      a_told: assert (!(taken_q && !recorded_q) || pfo || pfo_q);
      a_none_while_pfo: assert (!(pfo && recorded));
      a_content: assert (!(recorded_q && !was_q[127] && records[which_i*128+127]) || records[which_i*128+:128] == record_q);
      a_rise: assert (!rise_q || (ppf && !ppf_q));
      a_turn: assert (!(waits_q && fault_valid_i[0] && rst_ni) || ready[0]);
      a_fri: assert (32'(fri) < Records);
      c_full: cover (f == '1 && pfo);
      c_again: cover (recorded_q && f_q == 3'b110 && !pfo);
    end
  end
endmodule
