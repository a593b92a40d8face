// SPDX-License-Identifier: Apache-2.0
// The AR channel of one port of one channel: operations, descriptors and semaphore polls (kinds ID_DATA, ID_RING,
// ID_SEM), in turn when several ask.
// Combinational from request to AR; a request that was shown stays until it is taken (AXI: VALID is held).
module dma_ar_mux #(
    parameter int unsigned DataWidth = 256
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic [2:0]         valid_i,
    output logic [2:0]         ready_o,
    input  logic [63:0]        data_addr_i,
    input  logic [7:0]         data_len_i,
    input  dma_job_pkg::user_t data_user_i,
    input  logic [63:0]        ring_addr_i,
    input  logic [7:0]         ring_len_i,
    input  logic [63:0]        sem_addr_i,
    input  dma_job_pkg::user_t sem_user_i,
    output logic               arvalid_o,
    input  logic               arready_i,
    output logic [1:0]         arkind_o,
    output logic [63:0]        araddr_o,
    output logic [7:0]         arlen_o,
    output logic [2:0]         arsize_o,
    output dma_job_pkg::user_t aruser_o
);
  localparam int unsigned LB = $clog2(DataWidth / 8);

  logic [1:0] best, kind, kind_q;
  logic lock_q;  // shown and not yet taken
  // The arbiter offers it in two forms; the index is what is used.
  // verilator lint_off UNUSEDSIGNAL
  logic [2:0] grant;
  // verilator lint_on UNUSEDSIGNAL
  rr_arbiter #(.N(3)) u_turn (
      .clk_i, .rst_ni, .req_i(valid_i), .accept_i(~lock_q), .grant_o(grant), .index_o(best)
  );

  assign kind = lock_q ? kind_q : best;
  assign arvalid_o = valid_i[kind];
  assign arkind_o = kind;
  always_comb begin
    ready_o = 3'b000;
    ready_o[kind] = arready_i;
    araddr_o = data_addr_i;
    arlen_o = data_len_i;
    arsize_o = LB[2:0];
    aruser_o = data_user_i;
    if (kind == dma_job_pkg::ID_RING[1:0]) begin
      araddr_o = ring_addr_i;
      arlen_o = ring_len_i;
      aruser_o = '0;
    end
    if (kind == dma_job_pkg::ID_SEM[1:0]) begin
      araddr_o = sem_addr_i;
      arlen_o = 8'd0;
      arsize_o = 3'd3;
      aruser_o = sem_user_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) lock_q <= 1'b0;
    else lock_q <= arvalid_o & ~arready_i;
    kind_q <= kind;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && lock_q) assert_held : assert (arvalid_o);
  end
endmodule
