// SPDX-License-Identifier: Apache-2.0
// SEM_WAIT: reads 8 bytes again and again until they meet the condition, or the time is over.
//
// Timing: started in t, first AR shown in t+1; R in r, done_o in r+1 when the condition is met, else the next AR in
// r+3 or interval cycles later. The time-out counts from t and is looked at between polls. After stop_i no poll starts.
// A wait that failed keeps busy_o and failed_o until flush_i. A poll that was shown stays until it is taken.
module dma_sem #(
    parameter int unsigned DataWidth = 256
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   stop_i,
    input  logic                   flush_i,
    input  logic                   bus_master_i,
    input  logic                   pause_i,  // QUIESCE: the time-out stands still

    input  logic                   start_i,
    input  logic                   host_i,
    input  logic                   pasid_valid_i,
    input  logic [19:0]            pasid_i,
    input  logic [63:0]            addr_i,  // 8-byte aligned
    input  logic [63:0]            value_i,
    input  logic [63:0]            mask_i,
    input  logic [3:0]             condition_i,
    input  logic [31:0]            timeout_i,  // cycles, 0: none
    input  logic [31:0]            interval_i,
    input  logic [15:0]            index_i,

    output logic [1:0]             arvalid_o,
    input  logic [1:0]             arready_i,
    output logic [63:0]            araddr_o,
    output dma_job_pkg::user_t     aruser_o,
    input  logic [1:0]             rvalid_i,  // answers to polls only
    input  logic [2*DataWidth-1:0] rdata_i,
    input  logic [3:0]             rresp_i,

    output logic                   busy_o,    // from start to done, or to flush
    output logic                   idle_o,    // no poll shown or unanswered
    output logic                   done_o,    // one cycle
    output logic                   failed_o,
    output dma_job_pkg::fail_t     fail_o,
    output dma_job_pkg::fail_t     late_o     // what to report when no answer comes
);
  localparam int unsigned LB = $clog2(DataWidth / 8);

  logic busy_q, show_q, wait_q, answered_q, failed_q, host_q, pasid_valid_q, met, over, ask;
  logic [19:0] pasid_q;
  logic [63:0] addr_q, value_q, mask_q, word_q, word, ahead;
  logic [3:0] condition_q;
  logic [31:0] timeout_q, interval_q, pause_q, elapsed_q;
  logic [15:0] index_q;
  logic [1:0] resp_q;
  logic [7:0] code_q;
  logic [DataWidth-1:0] data;
  logic unused;
  assign unused = ^ahead[62:0];

  assign data = rvalid_i[1] ? rdata_i[DataWidth+:DataWidth] : rdata_i[0+:DataWidth];
  if (LB == 3) begin : gen_narrow
    assign word = data;
  end else begin : gen_wide
    assign word = data[{addr_q[LB-1:3], 6'd0}+:64];
  end

  assign ahead = word_q - value_q;
  always_comb begin
    unique case (condition_q)
      dma_pkg::CONDITION_EQUAL: met = word_q == value_q;
      dma_pkg::CONDITION_NOT_EQUAL: met = word_q != value_q;
      dma_pkg::CONDITION_GREATER_EQUAL: met = word_q >= value_q;
      dma_pkg::CONDITION_LESS: met = word_q < value_q;
      default: met = ~ahead[63];  // REACHED
    endcase
  end

  assign over = (timeout_q != 32'd0) & (elapsed_q >= timeout_q);
  assign ask = busy_q & ~show_q & ~wait_q & ~answered_q & ~failed_q & ~stop_i & (pause_q == 32'd0);
  assign arvalid_o = {show_q & host_q, show_q & ~host_q};
  assign araddr_o = addr_q;
  assign aruser_o = {1'b0, pasid_valid_q, pasid_q};
  assign done_o = answered_q & (resp_q == 2'b00) & met & ~stop_i;
  assign busy_o = busy_q;
  assign idle_o = ~show_q & ~wait_q & ~answered_q;
  assign failed_o = failed_q;
  assign fail_o = {index_q, code_q, dma_job_pkg::OPERAND_SRC, resp_q, addr_q};
  assign late_o = {index_q, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_SRC, 2'b00, addr_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      show_q <= 1'b0;
      wait_q <= 1'b0;
      answered_q <= 1'b0;
      failed_q <= 1'b0;
    end else begin
      if (start_i) busy_q <= 1'b1;
      else if (done_o | flush_i) busy_q <= 1'b0;
      show_q <= (start_i & (~host_i | bus_master_i)) | (ask & ~over & (~host_q | bus_master_i)) |
          (show_q & ((arvalid_o & arready_i) == 2'b00));
      wait_q <= ((arvalid_o & arready_i) != 2'b00) | (wait_q & (rvalid_i == 2'b00));
      answered_q <= rvalid_i != 2'b00;
      if (flush_i) begin
        failed_q <= 1'b0;
      end else if (answered_q & (resp_q != 2'b00)) begin
        failed_q <= 1'b1;
      end else if (ask & (over | (host_q & ~bus_master_i))) begin
        failed_q <= 1'b1;
      end
    end
    if (start_i) begin
      host_q <= host_i;
      pasid_valid_q <= pasid_valid_i;
      pasid_q <= pasid_i;
      addr_q <= addr_i;
      value_q <= value_i;
      mask_q <= mask_i;
      condition_q <= condition_i;
      timeout_q <= timeout_i;
      interval_q <= interval_i;
      index_q <= index_i;
      pause_q <= 32'd0;
      elapsed_q <= 32'd0;
    end else begin
      // The pause ends early when the time is over.
      if (answered_q) pause_q <= interval_q;
      else if (over) pause_q <= 32'd0;
      else if (pause_q != 32'd0) pause_q <= pause_q - 32'd1;
      if (elapsed_q != 32'hffff_ffff && !pause_i) elapsed_q <= elapsed_q + 32'd1;
    end
    if (rvalid_i != 2'b00) begin
      word_q <= word & mask_q;
      resp_q <= rvalid_i[1] ? rresp_i[3:2] : rresp_i[1:0];
    end
    if (ask) resp_q <= 2'b00;
    if (answered_q) code_q <= dma_pkg::ERROR_READ;
    else if (ask) code_q <= over ? dma_pkg::ERROR_SEM_TIMEOUT : dma_pkg::ERROR_BUS_MASTER;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_one : assert (!start_i || !busy_q);
      assert_answer : assert (rvalid_i == 2'b00 || wait_q);
      assert_flush_idle : assert (!flush_i || idle_o);
    end
  end
endmodule
