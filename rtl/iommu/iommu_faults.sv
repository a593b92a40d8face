// SPDX-License-Identifier: Apache-2.0
// Primary fault logging (6.2): the fault records, PFO, PPF, FRI. One record per blocked request, never collapsed.
//
// All of it is sticky: it survives rst_ni and is cleared by por_ni.
//
// Timing: a fault offered in t is taken in t and stands in its record in t+1, F together with the other fields.
module iommu_faults #(
    parameter int unsigned Records = 8,  // 1 to 256
    parameter int unsigned IdxWidth = (Records > 1) ? $clog2(Records) : 1  // derived
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                por_ni,

    // [0] reads, [1] writes.
    input  logic [1:0]          fault_valid_i,
    output logic [1:0]          fault_ready_o,
    input  logic [31:0]         fault_sid_i,
    input  logic [103:0]        fault_page_i,
    input  logic [15:0]         fault_reason_i,
    input  logic [53:0]         fault_user_i,

    input  logic [Records-1:0]  clear_f_i,      // software writes 1 to F
    input  logic                clear_pfo_i,
    output logic [Records*128-1:0] records_o,
    output logic                pfo_o,
    output logic                ppf_o,
    output logic [7:0]          fri_o,
    output logic                ppf_rise_o,     // PPF goes from 0 to 1 in this cycle

    output logic                probe_valid_o,  // a fault is taken in this cycle ...
    output logic                probe_recorded_o,
    output logic [127:0]        probe_record_o
);
  if (Records < 1 || Records > 256) begin : gen_records_check
    $error("iommu_faults: Records must be 1 to 256");
  end

  logic [Records-1:0]  f_q;
  logic [126:0]        record_q[Records];
  logic [IdxWidth-1:0] next_q;
  logic                pfo_q, ppf, index;
  logic [7:0]          fri_q;
  logic [1:0]          grant;

  rr_arbiter #(.N(2)) i_arbiter (
      .clk_i, .rst_ni, .req_i(fault_valid_i), .accept_i(1'b1), .grant_o(grant), .index_o(index));
  assign fault_ready_o = grant;

  logic taken, recorded;
  logic [127:0] record;
  // Only what a record shows of the request's attributes.
  // verilator lint_off UNUSEDSIGNAL
  vtd_pkg::axuser_t user;
  // verilator lint_on UNUSEDSIGNAL
  assign user = fault_user_i[index*27+:27];
  assign taken = fault_valid_i != '0;
  // While PFO stands nothing is recorded; a record that is still in use makes it stand.
  assign recorded = taken & ~pfo_q & ~f_q[next_q];
  assign record = {1'b1, ~index, user.at, user.pasid, fault_reason_i[index*8+:8], user.pasid_valid, user.exe, user.priv,
                   1'b0, 12'd0, fault_sid_i[index*16+:16], fault_page_i[index*52+:52], 12'd0};

  assign ppf = f_q != '0;
  assign ppf_rise_o = recorded & ~ppf;
  assign ppf_o = ppf;
  assign pfo_o = pfo_q;
  assign fri_o = fri_q;
  always_comb begin
    for (int unsigned i = 0; i < Records; i++) records_o[i*128+:128] = {f_q[i], record_q[i]};
  end
  assign probe_valid_o = taken;
  assign probe_recorded_o = recorded;
  assign probe_record_o = record;

  always_ff @(posedge clk_i) begin
    if (!por_ni) begin
      f_q <= '0;
      pfo_q <= 1'b0;
      next_q <= '0;
      fri_q <= '0;
      for (int unsigned i = 0; i < Records; i++) record_q[i] <= '0;
    end else if (rst_ni) begin
      f_q <= f_q & ~clear_f_i;
      if (recorded) begin
        f_q[next_q] <= 1'b1;
        record_q[next_q] <= record[126:0];
        next_q <= (next_q == IdxWidth'(Records - 1)) ? '0 : next_q + 1'b1;
        if (!ppf) fri_q <= 8'(next_q);
      end
      if (taken && !pfo_q && f_q[next_q]) pfo_q <= 1'b1;
      else if (clear_pfo_i) pfo_q <= 1'b0;
    end
  end
endmodule
