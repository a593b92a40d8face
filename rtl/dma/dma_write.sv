// SPDX-License-Identifier: Apache-2.0
// Write side: splits the destination of each piece into bursts, sends AW with the first beat, counts the answers.
//
// Timing: a destination beat offered in t is on W in t+1, its AW in the same cycle; one beat per cycle, no idle beat
// between bursts or jobs. Single writes (fence, message) go between bursts, before the next one; source i has id 1 + i.
// After stop_i, or behind a failed beat, no burst starts and the one under way ends with strobes 0.
// BREADY is constantly 1. AW and W never wait for each other once a burst has started.
module dma_write #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned MaxBurst  = 16,
    parameter int unsigned Writes    = 64,  // bursts without an answer, per port
    parameter int unsigned JobDepth  = 64,
    parameter int unsigned IdWidth   = 4,
    parameter int unsigned Singles   = 2    // sources of single writes, the lowest goes first
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     flush_i,
    input  logic                     stop_i,
    input  logic                     bus_master_i,

    input  logic                     job_push_i,
    input  dma_job_pkg::piece_t      job_i,
    output logic                     job_full_o,

    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic [DataWidth-1:0]     in_data_i,
    input  logic [DataWidth/8-1:0]   in_mask_i,
    input  logic                     in_bad_i,
    input  dma_job_pkg::fail_t       in_fail_i,

    // The beats of MAP_* go to dma_map, in their turn.
    output logic                     map_valid_o,
    input  logic                     map_ready_i,
    input  logic                     map_done_i,
    input  logic                     map_fail_i,
    input  dma_job_pkg::fail_t       map_fail_data_i,

    input  logic [Singles-1:0]       single_valid_i,  // id 1 + i
    output logic [Singles-1:0]       single_ready_o,
    input  logic [Singles*dma_job_pkg::SINGLE_WIDTH-1:0] single_i,

    output logic [1:0]               awvalid_o,
    input  logic [1:0]               awready_i,
    output logic [IdWidth-1:0]       awid_o,
    output logic [63:0]              awaddr_o,
    output logic [7:0]               awlen_o,
    output logic [2:0]               awsize_o,
    output dma_job_pkg::user_t       awuser_o,
    output logic [1:0]               wvalid_o,
    input  logic [1:0]               wready_i,
    output logic [DataWidth-1:0]     wdata_o,
    output logic [DataWidth/8-1:0]   wstrb_o,
    output logic                     wlast_o,
    input  logic [1:0]               bvalid_i,  // answers to copies only
    input  logic [3:0]               bresp_i,

    output logic                     fill_part_o,     // a fill's burst that reaches the end of its page or piece began
    output logic [1:0]               done_o,          // the last burst of an operation was answered, per port
    output logic                     stream_fail_o,   // an operation failed before its data was written
    output dma_job_pkg::fail_t       stream_fail_data_o,
    output logic [1:0]               b_fail_o,        // a burst was answered with an error, per port
    output logic [1:0]               b_wait_o,        // a burst waits for its answer, per port
    output dma_job_pkg::fail_t       b_fail0_o,       // of the oldest burst that waits
    output dma_job_pkg::fail_t       b_fail1_o,
    output logic                     idle_o           // no burst under way or unanswered
);
  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned LB = $clog2(Bytes);
  localparam logic [2:0] FullSize = LB[2:0];

  logic job_empty, job_host, job_last, job_map, job_fill, load;
  dma_job_pkg::user_t job_user;
  logic [63:0] job_dst;
  logic [31:0] job_length;
  logic [15:0] job_index;

  fifo #(.Width(116 + dma_job_pkg::USER_WIDTH), .Depth(JobDepth)) u_jobs (
      .clk_i, .rst_ni, .flush_i,
      .push_i(job_push_i),
      .data_i({job_i.last, job_i.kind[2], job_i.kind == dma_job_pkg::OP_FILL, job_i.dst_user, job_i.index, job_i.dst_host,
               job_i.length, job_i.dst}), .full_o(job_full_o),
      .pop_i(load), .data_o({job_last, job_map, job_fill, job_user, job_index, job_host, job_length, job_dst}),
      .empty_o(job_empty)
  );

  // The job under way: what is left of it, from the next burst on.
  logic valid_q, host_q, first_q, last_q, map_q, fill_q;
  dma_job_pkg::user_t user_q;
  logic [63:0] addr_q;
  logic [31:0] rem_q;
  logic [LB-1:0] end_q;  // offset of the last byte in its beat
  logic [15:0] index_q;
  // The burst under way.
  logic burst_q, burst_last_q, abort_q;
  logic [7:0] left_q;

  logic [63:0] burst_addr, next_addr;
  logic [31:0] next_rem;
  logic [7:0] burst_len;
  logic burst_last;
  dma_burst #(.DataWidth(DataWidth), .MaxBurst(MaxBurst)) u_burst (
      .addr_i(addr_q), .rem_i(rem_q), .addr_o(burst_addr), .len_o(burst_len), .last_o(burst_last),
      .next_addr_o(next_addr), .next_rem_o(next_rem)
  );

  logic aw_free, w_free, slot, go, single, single_go, start, cont, drop, barred, w_last, job_end, job_done, answered_full;
  logic [1:0] b_full;
  logic [Bytes-1:0] head_mask, tail_mask, strb;
  dma_job_pkg::single_t one;
  logic [IdWidth-1:0] one_id;

  assign aw_free = (awvalid_o & ~awready_i) == 2'b00;
  assign w_free = (wvalid_o & ~wready_i) == 2'b00;
  assign slot = aw_free & w_free & ~burst_q;

  assign single = single_valid_i != '0;
  assign single_go = slot & single;
  always_comb begin
    one = single_i[0+:dma_job_pkg::SINGLE_WIDTH];
    one_id = IdWidth'(1);
    single_ready_o = '0;
    single_ready_o[0] = slot;
    for (int i = Singles - 1; i >= 0; i--) begin
      if (single_valid_i[i]) begin
        one = single_i[i*dma_job_pkg::SINGLE_WIDTH+:dma_job_pkg::SINGLE_WIDTH];
        one_id = IdWidth'(i + 1);
        single_ready_o = '0;
        single_ready_o[i] = slot;
      end
    end
  end

  assign w_last = burst_q ? (left_q == 8'd1) : (burst_len == 8'd0);
  assign job_end = w_last & (burst_q ? burst_last_q : burst_last);
  assign head_mask = first_q ? {Bytes{1'b1}} << addr_q[LB-1:0] : {Bytes{1'b1}};
  assign tail_mask = job_end ? {Bytes{1'b1}} >> ~end_q : {Bytes{1'b1}};
  assign strb = in_mask_i & head_mask & tail_mask;

  assign answered_full = host_q ? b_full[1] : b_full[0];
  assign go = valid_q & in_valid_i & ~burst_q & ~stop_i & ~abort_q;
  assign map_valid_o = go & map_q;
  assign barred = go & ~map_q & host_q & ~bus_master_i;
  assign drop = go & ~map_q & in_bad_i & (strb == '0);
  assign start = go & ~map_q & ~barred & ~drop & slot & ~single & ~answered_full;
  assign cont = burst_q & w_free & (stop_i | abort_q | in_valid_i);
  assign in_ready_o = start | drop | (cont & ~stop_i & ~abort_q) | (map_valid_o & map_ready_i);
  assign job_done = ((start | cont) & job_end) | map_done_i;
  assign load = ~job_empty & ~flush_i & (~valid_q | job_done);

  assign stream_fail_o = barred | map_fail_i | (in_bad_i & in_ready_o);
  assign stream_fail_data_o = map_fail_i ? map_fail_data_i :
      barred ? {index_q, dma_pkg::ERROR_BUS_MASTER, dma_job_pkg::OPERAND_DST, 2'b00, burst_addr} : in_fail_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      burst_q <= 1'b0;
      abort_q <= 1'b0;
      awvalid_o <= 2'b00;
      wvalid_o <= 2'b00;
    end else begin
      if (flush_i) begin
        valid_q <= 1'b0;
        abort_q <= 1'b0;
      end else begin
        if (load) valid_q <= 1'b1;
        else if (job_done) valid_q <= 1'b0;
        if (stream_fail_o) abort_q <= 1'b1;
      end
      if (start | cont) burst_q <= ~w_last;
      awvalid_o <= awvalid_o & ~awready_i;
      if (start) awvalid_o <= {host_q, ~host_q};
      if (single_go) awvalid_o <= {one.host, ~one.host};
      wvalid_o <= wvalid_o & ~wready_i;
      if (start | cont) wvalid_o <= {host_q, ~host_q};
      if (single_go) wvalid_o <= {one.host, ~one.host};
    end
    if (load) begin
      host_q <= job_host;
      user_q <= job_user;
      index_q <= job_index;
      last_q <= job_last;
      map_q <= job_map;
      fill_q <= job_fill;
      addr_q <= job_dst;
      rem_q <= job_length;
      end_q <= job_dst[LB-1:0] + job_length[LB-1:0];
      first_q <= 1'b1;
    end else if (start) begin
      addr_q <= next_addr;
      rem_q <= next_rem;
      first_q <= 1'b0;
    end
    if (start) begin
      burst_last_q <= burst_last;
      left_q <= burst_len;
      awaddr_o <= burst_addr;
      awlen_o <= burst_len;
      awsize_o <= FullSize;
      awuser_o <= user_q;
      awid_o <= dma_job_pkg::ID_DATA[IdWidth-1:0];
    end
    if (cont) left_q <= left_q - 8'd1;
    if (start | cont) begin
      wdata_o <= in_data_i;
      wstrb_o <= (burst_q & (stop_i | abort_q)) ? {Bytes{1'b0}} : strb;
      wlast_o <= w_last;
    end
    if (single_go) begin
      awaddr_o <= one.addr;
      awlen_o <= 8'd0;
      awsize_o <= one.size;
      awuser_o <= {1'b0, one.pasid_valid, one.pasid};
      awid_o <= one_id;
      wdata_o <= {(Bytes / 8) {one.data}};
      wstrb_o <= Bytes'(one.strb) << (one.addr[LB-1:0] & ~LB'(7));
      wlast_o <= 1'b1;
    end
  end

  assign fill_part_o = start & fill_q & (burst_last | (next_addr[11:0] == 12'd0));
  logic unused;
  assign unused = ^job_i;

  // Bursts without an answer: address, ring index, whether the operation ends with it.
  logic [1:0] b_empty, b_last;
  logic [127:0] b_addr;
  logic [31:0] b_index;
  for (genvar p = 0; p < 2; p++) begin : gen_port
    fifo #(.Width(81), .Depth(Writes)) u_unanswered (
        .clk_i, .rst_ni, .flush_i,
        .push_i(start & (host_q == (p == 1))), .data_i({burst_last & last_q, index_q, burst_addr}), .full_o(b_full[p]),
        .pop_i(bvalid_i[p]), .data_o({b_last[p], b_index[16*p+:16], b_addr[64*p+:64]}), .empty_o(b_empty[p])
    );
    assign b_wait_o[p] = ~b_empty[p];
    assign done_o[p] = bvalid_i[p] & b_last[p];
    assign b_fail_o[p] = bvalid_i[p] & (bresp_i[2*p+:2] != 2'b00);
  end
  assign b_fail0_o = {b_index[15:0], dma_pkg::ERROR_WRITE, dma_job_pkg::OPERAND_DST, bresp_i[1:0], b_addr[63:0]};
  assign b_fail1_o = {b_index[31:16], dma_pkg::ERROR_WRITE, dma_job_pkg::OPERAND_DST, bresp_i[3:2], b_addr[127:64]};
  assign idle_o = ~burst_q & (b_empty == 2'b11) & (awvalid_o == 2'b00) & (wvalid_o == 2'b00);

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_answer_expected : assert ((bvalid_i & b_empty) == 2'b00);
      assert_one_port : assert (awvalid_o != 2'b11 && wvalid_o != 2'b11);
      assert_page : assert (!start || {1'b0, burst_addr[11:0]} + 13'(burst_len) * 13'(Bytes) <= 13'hfff);
      assert_flush_idle : assert (!flush_i || idle_o);
    end
  end
endmodule
