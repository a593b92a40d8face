// SPDX-License-Identifier: Apache-2.0
// Adapters beside each other and the IOMMU: what happens in one of them while another, or the IOMMU, is busy.
module gpu_dmar_points #(
    parameter int unsigned NumAdapters = 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic iommu_rst_ni,
    input logic iommu_quiesce_i,
    input logic iommu_quiesced_o,
    input logic iommu_idle_o,
    input logic [NumAdapters-1:0] adapter_rst_ni,
    input logic [NumAdapters-1:0] busy,  // adapters in reset
    input logic [NumAdapters-1:0] ar,
    input logic [NumAdapters-1:0] aw,
    input logic [NumAdapters-1:0] ar_taken,
    input logic [NumAdapters-1:0] r,
    input logic [NumAdapters-1:0] b,
    input logic [NumAdapters-1:0] hints,
    input logic iommu_write,
    input logic fault,
    input logic bad_answer,
    input logic virtual_request
);
  function automatic logic several(input logic [NumAdapters-1:0] set);
    several = (set & (set - 1'b1)) != '0;
  endfunction

  logic quiesce_q;
  logic [NumAdapters-1:0] busy_q;
  always_ff @(posedge clk_i) begin
    quiesce_q <= iommu_quiesce_i;
    busy_q <= busy;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // requests
      c_several_read: cover (several(ar));
      c_several_write: cover (several(aw));
      c_one_reads_another_writes: cover (ar != '0 && (aw & ~ar) != '0);
      c_several_answered: cover (several(r));
      c_several_writes_answered: cover (several(b));
      c_several_hints: cover (several(hints));
      c_hint_beside_request_of_another: cover ((hints & ~ar) != '0 && (ar & ~hints) != '0);
      c_virtual_request: cover (virtual_request);
      // the reset of an adapter
      c_reset_while_another_works: cover (busy != '0 && ((ar | aw) & ~busy) != '0);
      c_several_reset: cover (several(busy));
      c_fault_while_one_resets: cover (busy != '0 && fault);
      c_bad_answer_to_one_in_reset: cover (busy[0] && r[0] && bad_answer);
      c_reset_ends_while_another_resets: cover ((busy_q & ~busy) != '0 && (busy & busy_q) != '0);
      c_invalidated_while_one_resets: cover (busy != '0 && iommu_write);
      // the IOMMU comes to rest, and is reset
      c_quiesce_with_work: cover (iommu_quiesce_i && !quiesce_q && !iommu_idle_o);
      c_quiesce_while_one_resets: cover (iommu_quiesce_i && busy != '0);
      c_adapter_reset_while_quiesced: cover (iommu_quiesced_o && adapter_rst_ni != '1);
      c_read_waits_while_quiesced: cover (iommu_quiesced_o && ar != '0 && ar_taken == '0);
      c_write_waits_while_quiesced: cover (iommu_quiesced_o && aw != '0);
      c_iommu_reset_with_requests: cover (!iommu_rst_ni && (ar | aw) != '0);
      c_iommu_reset_while_one_resets: cover (!iommu_rst_ni && busy != '0);
    end
  end
endmodule

bind gpu_dmar gpu_dmar_points #(.NumAdapters(NumAdapters)) i_points (
    .clk_i, .rst_ni, .iommu_rst_ni, .iommu_quiesce_i, .iommu_quiesced_o, .iommu_idle_o, .adapter_rst_ni,
    .busy(adapter_busy_o), .ar(req_arvalid), .aw(req_awvalid), .ar_taken(req_arvalid & req_arready),
    .r(req_rvalid & req_rready), .b(req_bvalid & req_bready), .hints(hint_valid),
    .iommu_write(s_axil_iommu_awvalid_i), .fault(probe_fault_o), .bad_answer(req_rresp[1:0] != 2'b00), .virtual_request(req_arvalid[0] && req_aruser[2]));
