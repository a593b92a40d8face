// SPDX-License-Identifier: Apache-2.0
// The interrupt message: one 4-byte write per rise of an enabled cause; a rise while one is under way sends another.
//
// Timing: a rise in t is offered in t+2 and stays, address and data too, until it is taken. The answer's response is not
// looked at, as with posted writes of PCI Express; it only ends the wait, and so does the time-out: a lost answer must
// not hold back the messages behind it.
module dma_msi (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 rise_i,
    input  logic                 on_i,  // MSI_ENABLE and BUS_MASTER
    input  logic [61:0]          addr_i,
    input  logic [31:0]          data_i,
    input  logic [31:0]          timeout_i,  // cycles without an answer, 0: never
    input  logic                 pause_i,    // QUIESCE: they do not count
    output logic                 write_valid_o,
    input  logic                 write_ready_i,
    output dma_job_pkg::single_t write_o,
    input  logic                 bvalid_i  // answers to messages only; late ones count for the next
);
  logic due_q, show_q, wait_q, show, over;
  logic [61:0] addr_q;
  logic [31:0] data_q, waited_q;

  assign over = (timeout_i != 32'd0) & ~pause_i & (waited_q >= timeout_i);
  assign show = due_q & on_i & ~show_q & ~wait_q;
  assign write_valid_o = show_q;
  assign write_o = {21'd0, 1'b1, addr_q, 2'b00, data_q, data_q, addr_q[0] ? 8'hf0 : 8'h0f, 3'd2};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      due_q <= 1'b0;
      show_q <= 1'b0;
      wait_q <= 1'b0;
    end else begin
      due_q <= rise_i | (due_q & on_i & ~show);
      show_q <= show | (show_q & ~write_ready_i);
      if (show_q & write_ready_i) wait_q <= 1'b1;
      else if (bvalid_i | over) wait_q <= 1'b0;
    end
    if (!wait_q) waited_q <= 32'd0;
    else if (!pause_i && waited_q != 32'hffff_ffff) waited_q <= waited_q + 32'd1;
    if (show) begin
      addr_q <= addr_i;
      data_q <= data_i;
    end
  end
endmodule
