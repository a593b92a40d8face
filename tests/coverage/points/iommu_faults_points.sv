// SPDX-License-Identifier: Apache-2.0
// Records full and empty, faults beside what software clears.
module iommu_faults_points #(
    parameter int unsigned Records = 2
) (
    input logic clk_i,
    input logic rst_ni,
    input logic por_ni,
    input logic [Records-1:0] f_q,
    input logic [Records-1:0] clear_f_i,
    input logic clear_pfo_i,
    input logic pfo_q,
    input logic taken,
    input logic recorded,
    input logic [1:0] fault_valid_i,
    input logic next_used,
    input logic next_cleared,
    input logic wraps,
    input logic ppf_rise_o
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_records_full: cover (f_q == '1);
      c_records_empty: cover (f_q == '0);
      c_overflow: cover (pfo_q);
      c_overflow_begins: cover (taken && !pfo_q && next_used);
      c_not_recorded: cover (taken && pfo_q);
      c_turn_comes_round: cover (recorded && wraps);
      c_first_fault: cover (ppf_rise_o);
      c_both_lanes: cover (fault_valid_i == 2'b11);
      // a fault and software in one cycle
      c_fault_and_clear_f: cover (recorded && clear_f_i != '0);
      c_fault_and_clear_of_its_record: cover (taken && !pfo_q && next_used && next_cleared);
      c_fault_and_last_clear: cover (recorded && f_q != '0 && (f_q & ~clear_f_i) == '0);
      c_overflow_and_clear_pfo: cover (taken && !pfo_q && next_used && clear_pfo_i);
      c_fault_and_clear_pfo: cover (taken && pfo_q && clear_pfo_i);
    end
  end
  always_ff @(posedge clk_i) begin
    c_warm_reset_keeps: cover (!rst_ni && por_ni && f_q != '0);
  end
endmodule

bind iommu_faults iommu_faults_points #(.Records(Records)) i_points (
    .clk_i, .rst_ni, .por_ni, .f_q, .clear_f_i, .clear_pfo_i, .pfo_q, .taken, .recorded, .fault_valid_i,
    .next_used(f_q[next_q]), .next_cleared(clear_f_i[next_q]), .wraps(next_q == IdxWidth'(Records - 1)), .ppf_rise_o);
