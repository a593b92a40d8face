// SPDX-License-Identifier: Apache-2.0
// The AR channel of one port between copy reads and descriptor reads: alternating when both ask, the copy first.
// Combinational from request to AR; a request that was shown stays until it is taken (AXI: VALID is held).
module dma_ar_mux #(
    parameter int unsigned IdWidth = 4
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               copy_valid_i,
    output logic               copy_ready_o,
    input  logic [63:0]        copy_addr_i,
    input  logic [7:0]         copy_len_i,
    input  logic               ring_valid_i,
    output logic               ring_ready_o,
    input  logic [63:0]        ring_addr_i,
    input  logic [7:0]         ring_len_i,
    output logic               arvalid_o,
    input  logic               arready_i,
    output logic [IdWidth-1:0] arid_o,
    output logic [63:0]        araddr_o,
    output logic [7:0]         arlen_o
);
  logic ring_q;  // the one shown last
  logic lock_q;  // shown and not yet taken
  logic ring;

  assign ring = lock_q ? ring_q : ring_valid_i & (~copy_valid_i | ~ring_q);
  assign arvalid_o = ring ? ring_valid_i : copy_valid_i;
  assign arid_o = ring ? dma_job_pkg::ID_RING[IdWidth-1:0] : dma_job_pkg::ID_DATA[IdWidth-1:0];
  assign araddr_o = ring ? ring_addr_i : copy_addr_i;
  assign arlen_o = ring ? ring_len_i : copy_len_i;
  assign copy_ready_o = arready_i & ~ring;
  assign ring_ready_o = arready_i & ring;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ring_q <= 1'b1;
      lock_q <= 1'b0;
    end else begin
      lock_q <= arvalid_o & ~arready_i;
      if (arvalid_o) ring_q <= ring;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && lock_q) assert_held : assert (arvalid_o);
  end
endmodule
