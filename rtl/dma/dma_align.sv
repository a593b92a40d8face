// SPDX-License-Identifier: Apache-2.0
// Turns source beats of each piece into destination beats: a byte shift over two neighbouring beats. Fills make their
// beats from the pattern, MAP_* without a list one empty beat; a bad piece one that has failed.
//
// Timing: a source beat offered in t leaves as a destination beat in t+1; one beat per cycle, none lost between jobs,
// except that a copy whose source offset is greater than its destination offset first loads one beat (hidden
// when the copy before it ends on a beat that needs no new source).
// A failed source beat marks the destination beat that it would have fed (out_bad_o) and masks its bytes; nothing
// follows it until flush_i.
module dma_align #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned JobDepth  = 64
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           flush_i,

    input  logic                           job_push_i,
    input  dma_job_pkg::piece_t            job_i,
    output logic                           job_full_o,

    input  logic [1:0]                     beat_valid_i,
    input  logic [2*DataWidth-1:0]         beat_data_i,
    input  logic [3:0]                     beat_resp_i,
    output logic [1:0]                     beat_pop_o,
    input  logic                           read_blocked_i,  // no beat is coming: BUS_MASTER = 0

    output logic                           out_valid_o,
    input  logic                           out_ready_i,
    output logic [DataWidth-1:0]           out_data_o,
    output logic [DataWidth/8-1:0]         out_mask_o,  // bytes that came from good beats
    output logic                           out_bad_o,   // last beat of a failed copy
    output dma_job_pkg::fail_t             out_fail_o,  // why, with out_bad_o
    output logic                           wait_o,      // for a source beat
    output dma_job_pkg::fail_t             wait_data_o  // for this one, as TIMEOUT reports it
);
  localparam int unsigned Bytes = DataWidth / 8;
  localparam int unsigned LB = $clog2(Bytes);
  localparam int unsigned CountWidth = 33 - LB;

  logic job_empty, job_host, job_reads, job_fill, job_cont, job_bad, job_bad_aperture, job_bad_dst;
  logic [63:0] job_src, job_aux;
  logic [LB-1:0] job_dst;
  logic [31:0] job_length;
  logic [15:0] job_index;
  logic [3:0] job_pattern_len;
  logic load;

  fifo #(.Width(187 + LB), .Depth(JobDepth)) u_jobs (
      .clk_i, .rst_ni, .flush_i,
      .push_i(job_push_i),
      .data_i({job_i.index, job_i.src_host, (job_i.kind == dma_job_pkg::OP_COPY) | (job_i.kind == dma_job_pkg::OP_MAP_PAGES),
               job_i.kind == dma_job_pkg::OP_FILL, job_i.cont, job_i.bad, job_i.bad_aperture, job_i.bad_dst,
               job_i.pattern_len, job_i.aux, job_i.length, job_i.kind[2] ? {LB{1'b0}} : job_i.dst[LB-1:0], job_i.src}),
      .full_o(job_full_o),
      .pop_i(load),
      .data_o({job_index, job_host, job_reads, job_fill, job_cont, job_bad, job_bad_aperture, job_bad_dst,
               job_pattern_len, job_aux, job_length, job_dst, job_src}), .empty_o(job_empty)
  );

  // The next job: shift, beats on either side.
  logic [LB-1:0] job_offset, job_shift;
  logic [32:0] src_reach, dst_reach;
  logic job_prime;
  assign job_offset = job_src[LB-1:0];
  assign job_shift = job_offset - job_dst;
  assign job_prime = job_reads & ~job_bad & (job_offset > job_dst);
  assign src_reach = {1'b0, job_length} + {{(33 - LB) {1'b0}}, job_offset};
  assign dst_reach = {1'b0, job_length} + {{(33 - LB) {1'b0}}, job_dst};

  // The job under way.
  logic valid_q, host_q, prime_q, bad_q, dead_q, fill_q;
  logic [LB:0] shift_q;  // 1 to Bytes
  logic [CountWidth-1:0] src_left_q;  // source beats not yet taken
  logic [CountWidth-1:0] dst_left_q;  // destination beats to come - 1
  logic [63:0] beat_addr_q;  // of the next source beat
  logic [15:0] index_q;
  logic [DataWidth-1:0] prev_q;
  dma_job_pkg::fail_t fail_q;

  logic out_free, avail, step_prime, emit, take, finish, prime_ahead, beat_bad, blocked;
  logic [1:0] resp, ahead_resp;
  logic [DataWidth-1:0] cur, ahead;
  dma_job_pkg::fail_t beat_fail, blocked_fail;

  assign avail = host_q ? beat_valid_i[1] : beat_valid_i[0];
  assign cur = host_q ? beat_data_i[DataWidth+:DataWidth] : beat_data_i[0+:DataWidth];
  assign resp = host_q ? beat_resp_i[3:2] : beat_resp_i[1:0];
  assign ahead = job_host ? beat_data_i[DataWidth+:DataWidth] : beat_data_i[0+:DataWidth];
  assign ahead_resp = job_host ? beat_resp_i[3:2] : beat_resp_i[1:0];

  assign out_free = ~out_valid_o | out_ready_i;
  assign step_prime = valid_q & prime_q & ~bad_q & avail;
  assign emit = valid_q & ~dead_q & out_free & (bad_q | (~prime_q & (avail | (src_left_q == '0))));
  assign take = step_prime | (emit & ~bad_q & (src_left_q != '0));
  assign beat_bad = take & (resp != 2'b00);
  assign finish = emit & ~bad_q & ~beat_bad & (dst_left_q == '0);
  assign load = ~job_empty & ~flush_i & (~valid_q | finish);
  // The first beat of the next job may come while the last of this one needs no source.
  assign prime_ahead = load & job_prime & ~take & (job_host ? beat_valid_i[1] : beat_valid_i[0]);
  assign beat_pop_o[0] = (take & ~host_q) | (prime_ahead & ~job_host);
  assign beat_pop_o[1] = (take & host_q) | (prime_ahead & job_host);
  // Reads are in order: when none is in flight and the buffer is empty, the one held back is the one wanted here.
  assign blocked = wait_o & host_q & read_blocked_i;

  assign wait_o = valid_q & ~bad_q & ~dead_q & ~avail & (prime_q | (src_left_q != '0));
  assign wait_data_o = {index_q, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_SRC, 2'b00, beat_addr_q};
  assign beat_fail = {index_q, dma_pkg::ERROR_READ, dma_job_pkg::OPERAND_SRC, resp, beat_addr_q};
  assign blocked_fail = {index_q, dma_pkg::ERROR_BUS_MASTER, dma_job_pkg::OPERAND_SRC, 2'b00, beat_addr_q};

  // Byte p comes from cur when p >= Bytes - shift, else from prev.
  logic [2*DataWidth-1:0] pair;
  logic [Bytes-1:0] from_prev;
  assign pair = {cur, prev_q} >> {shift_q, 3'b000};
  assign from_prev = {Bytes{1'b1}} >> shift_q;

  logic [DataWidth-1:0] fill_data;
  dma_fill #(.DataWidth(DataWidth)) u_fill (
      .clk_i, .load_i(load & job_fill), .cont_i(job_cont), .pattern_i({job_aux, job_src}), .len_i(job_pattern_len),
      .offset_i(job_dst), .step_i(emit & fill_q), .data_o(fill_data)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      valid_q <= 1'b0;
      bad_q <= 1'b0;
      dead_q <= 1'b0;
      out_valid_o <= 1'b0;
    end else begin
      if (out_free) out_valid_o <= emit;
      if (emit & (bad_q | beat_bad)) dead_q <= 1'b1;
      if (beat_bad | blocked) bad_q <= 1'b1;
      if (load) begin
        valid_q <= 1'b1;
        bad_q <= job_bad | (prime_ahead & (ahead_resp != 2'b00));
      end else if (finish) begin
        valid_q <= 1'b0;
      end
    end
    if (load) begin
      host_q <= job_host;
      index_q <= job_index;
      prime_q <= job_prime & ~prime_ahead;
      shift_q <= {job_shift == '0, job_shift};
      src_left_q <= job_reads ? src_reach[32:LB] + {{(CountWidth - 1) {1'b0}}, ~prime_ahead} : '0;
      fill_q <= job_fill;
      dst_left_q <= dst_reach[32:LB];
      beat_addr_q <= {job_src[63:LB] + {{(63 - LB) {1'b0}}, prime_ahead}, {LB{1'b0}}};
    end else begin
      if (step_prime) prime_q <= 1'b0;
      if (take) begin
        src_left_q <= src_left_q - CountWidth'(1);
        beat_addr_q <= {beat_addr_q[63:LB] + (64 - LB)'(1), {LB{1'b0}}};
      end
      if (emit) dst_left_q <= dst_left_q - CountWidth'(1);
    end
    if (prime_ahead) prev_q <= ahead;
    else if (take) prev_q <= cur;
    if (load && job_bad)
      fail_q <= {job_index, job_bad_aperture ? dma_pkg::ERROR_BAD_APERTURE : dma_pkg::ERROR_BAD_ADDRESS,
                 job_bad_dst ? dma_job_pkg::OPERAND_DST : dma_job_pkg::OPERAND_SRC, 2'b00, job_src};
    else if (prime_ahead && ahead_resp != 2'b00)
      fail_q <= {job_index, dma_pkg::ERROR_READ, dma_job_pkg::OPERAND_SRC, ahead_resp, job_src[63:LB], {LB{1'b0}}};
    else if (beat_bad) fail_q <= beat_fail;
    else if (blocked) fail_q <= blocked_fail;
    if (emit) begin
      out_data_o <= fill_q ? fill_data : pair[DataWidth-1:0];
      out_mask_o <= bad_q ? '0 : beat_bad ? from_prev : '1;
      out_bad_o <= bad_q | beat_bad;
    end
  end
  logic unused;
  assign unused = ^{job_i, src_reach[LB-1:0], dst_reach[LB-1:0], pair[2*DataWidth-1:DataWidth]};

  assign out_fail_o = fail_q;  // stable from the bad beat to flush_i: nothing follows it

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_pop : assert ((beat_pop_o & ~beat_valid_i) == 2'b00);
      assert_all_taken : assert (!finish || src_left_q == CountWidth'(take));
      assert_nothing_behind : assert (!(out_valid_o & out_bad_o & emit));
    end
  end
endmodule
