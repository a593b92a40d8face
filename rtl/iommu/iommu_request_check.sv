// SPDX-License-Identifier: Apache-2.0
// What a good context entry says to a request before any paging entry is read: address type, address width.
//
// Timing: combinational.
module iommu_request_check #(
    parameter int unsigned Haw  = 46,
    parameter int unsigned Mgaw = 48
) (
    input  logic        pass_i,    // the context says pass-through
    input  logic [2:0]  aw_i,      // its AW: 1 = 39, 2 = 48, 3 = 57 bits
    input  logic [51:0] page_i,
    input  logic [1:0]  at_i,
    output logic        fault_o,
    output logic [7:0]  reason_o   // FAULT_NONE without one
);
  localparam int unsigned Width3 = (Mgaw < 39) ? Mgaw : 39;
  localparam int unsigned Width4 = (Mgaw < 48) ? Mgaw : 48;
  localparam int unsigned Width5 = (Mgaw < 57) ? Mgaw : 57;

  logic beyond_host, beyond_guest;
  assign beyond_host = (page_i >> (Haw - 12)) != '0;
  assign beyond_guest = (aw_i == 3'd1) ? (page_i >> (Width3 - 12)) != '0
      : (aw_i == 3'd2) ? (page_i >> (Width4 - 12)) != '0 : (page_i >> (Width5 - 12)) != '0;
  always_comb begin
    reason_o = vtd_pkg::FAULT_NONE;
    if (at_i != 2'd0) reason_o = vtd_pkg::FAULT_TYPE_BLOCKED;
    else if (pass_i ? beyond_host : beyond_guest) reason_o = vtd_pkg::FAULT_ADDRESS_WIDTH;
  end
  assign fault_o = reason_o != vtd_pkg::FAULT_NONE;
endmodule
