// SPDX-License-Identifier: Apache-2.0
// One fence, signal or timestamp at a time: writes its value, waits for the answer, then reports it.
//
// Timing: started in t, offered to the write side in t+1; B in b, done_o in b+1. The decoder starts one only when
// everything before it has retired, and behind a fence decodes nothing before hold_o falls. With BUS_MASTER 0 a write
// to the host is not offered but fails.
module dma_fence (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 stop_i,  // forget one whose write has not gone out
    input  logic                 bus_master_i,

    input  logic                 start_i,
    input  logic                 fence_i,  // updates value_o, and nothing is decoded meanwhile
    input  logic                 host_i,
    input  logic                 pasid_valid_i,
    input  logic [19:0]          pasid_i,
    input  logic [63:0]          addr_i,  // 8-byte aligned
    input  logic [63:0]          value_i,
    input  logic                 interrupt_i,
    input  logic [15:0]          index_i,

    output logic                 write_valid_o,
    input  logic                 write_ready_i,
    output dma_job_pkg::single_t write_o,
    input  logic [1:0]           bvalid_i,  // answers to these writes only
    input  logic [3:0]           bresp_i,

    output logic                 busy_o,
    output logic                 hold_o,      // busy with a fence
    output logic                 idle_o,      // no write shown or unanswered
    output logic                 done_o,      // one cycle, the write was answered with OKAY
    output logic                 fail_o,      // one cycle, or with an error, or not sent
    output dma_job_pkg::fail_t   fail_data_o,
    output logic                 interrupt_o, // with done_o
    output logic [63:0]          value_o,     // of the last fence done
    output dma_job_pkg::fail_t   late_o       // what to report when no answer comes
);
  logic want_q, wait_q, host_q, interrupt_q, fence_q, pasid_valid_q, barred_q, answer, barred;
  logic [19:0] pasid_q;
  logic [63:0] addr_q, data_q;
  logic [15:0] index_q;
  logic [1:0] resp, resp_q;

  assign barred = want_q & host_q & ~bus_master_i & ~stop_i;
  assign write_valid_o = want_q & ~(host_q & ~bus_master_i);
  assign write_o = {pasid_valid_q, pasid_q, host_q, addr_q, data_q, 8'hff, 3'd3};
  assign answer = |bvalid_i;
  assign resp = bvalid_i[1] ? bresp_i[3:2] : bresp_i[1:0];
  assign busy_o = want_q | wait_q | done_o | fail_o;
  assign hold_o = busy_o & fence_q;
  assign idle_o = ~want_q & ~wait_q;
  assign interrupt_o = interrupt_q;
  assign fail_data_o = barred_q ? {index_q, dma_pkg::ERROR_BUS_MASTER, dma_job_pkg::OPERAND_DST, 2'b00, addr_q} :
      {index_q, dma_pkg::ERROR_WRITE, dma_job_pkg::OPERAND_DST, resp_q, addr_q};
  assign late_o = {index_q, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_DST, 2'b00, addr_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      want_q <= 1'b0;
      wait_q <= 1'b0;
      done_o <= 1'b0;
      fail_o <= 1'b0;
      value_o <= 64'd0;
    end else begin
      if (write_valid_o & write_ready_i) wait_q <= 1'b1;
      else if (answer) wait_q <= 1'b0;
      want_q <= start_i | (want_q & ~(write_valid_o & write_ready_i) & ~stop_i & ~barred);
      done_o <= answer & (resp == 2'b00);
      fail_o <= (answer & (resp != 2'b00)) | barred;
      if (answer & (resp == 2'b00) & fence_q) value_o <= data_q;
    end
    if (start_i) begin
      host_q <= host_i;
      pasid_valid_q <= pasid_valid_i;
      pasid_q <= pasid_i;
      addr_q <= addr_i;
      data_q <= value_i;
      interrupt_q <= interrupt_i;
      fence_q <= fence_i;
      index_q <= index_i;
    end
    resp_q <= resp;
    barred_q <= barred;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_one : assert (!start_i || !busy_o);
      assert_answer : assert (!answer || wait_q);
    end
  end
endmodule
