// SPDX-License-Identifier: Apache-2.0
// dma_read: its bursts are exactly the jobs' ranges, in order, none across 4 KiB, each at its job's port; what is shown stays;
// every beat finds room; after stop_i nothing new is shown; idle_o only when nothing is under way. Ranges of up to 32 bytes
// that begin in the last 16 bytes of a page, so that most cross it.
module dma_read_fv (
    input logic       clk_i,
    input logic       rst_ni,
    input logic       flush_i,
    input logic       stop_i,
    input logic       bus_master_i,
    input logic       push_i,
    input logic       host_i,
    input logic [3:0] src_i,
    input logic [4:0] length_i,
    input logic [1:0] arready_i,
    input logic [1:0] rvalid_i,
    input logic [1:0] pop_i,
    input logic       port_i     // constant: whose buffer is watched
);
  localparam int unsigned Beats = 4;  // of a port's buffer
  dma_job_pkg::piece_t job;
  logic full, part, blocked, idle;
  logic [1:0] arvalid, rlast, beat_valid;
  logic [63:0] araddr;
  logic [7:0] arlen;
  dma_job_pkg::user_t aruser;
  logic [127:0] beat_data;
  logic [3:0] beat_resp;
  always_comb begin
    job = '0;
    job.src = {52'd0, 8'hFF, src_i};
    job.length = 32'(length_i);
    job.src_host = host_i;
  end
  dma_read #(.DataWidth(64), .MaxBurst(2), .Reads(2), .BufferBeats(Beats), .JobDepth(2)) dut (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i, .job_push_i(push_i), .job_i(job), .job_full_o(full),
      .arvalid_o(arvalid), .arready_i, .araddr_o(araddr), .arlen_o(arlen), .aruser_o(aruser), .rvalid_i, .rlast_i(rlast),
      .rdata_i(128'd0), .rresp_i(4'd0),
      .beat_valid_o(beat_valid), .beat_data_o(beat_data), .beat_resp_o(beat_resp), .beat_pop_i(pop_i), .part_o(part),
      .blocked_o(blocked), .idle_o(idle));

  logic started_q = 1'b0;
  logic port_q, stopped_q;
  logic [1:0] ar_waits_q;
  logic [63:0] araddr_q;
  logic [7:0] arlen_q;
  logic rst_q;

  // The jobs that are not yet asked for completely: the oldest first, with the first byte that is left.
  logic [1:0] jobs_q, jobs_d;
  logic [12:0] at0_q, at1_q, end0_q, end1_q;  // first byte left, last byte
  logic host0_q, host1_q, taken, ends;
  logic [12:0] next_at;
  assign taken = (arvalid & arready_i) != 2'b00;
  assign next_at = araddr[12:0] + ((13'(arlen) + 13'd1) << 3);
  assign ends = taken & (next_at > end0_q);
  assign jobs_d = jobs_q - 2'(ends);
  // Bursts at each memory: one bit each, the oldest lowest, 1: two beats; at most two.
  logic [1:0] open0_q, open1_q, two0_q, two1_q, second_q;
  assign rlast[0] = second_q[0] | ~two0_q[0];
  assign rlast[1] = second_q[1] | ~two1_q[0];
  logic [2:0] in_q;  // beats of the watched port inside
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    port_q <= port_i;
    rst_q <= rst_ni;
    stopped_q <= rst_ni & stop_i;
    ar_waits_q <= arvalid & ~arready_i & {2{rst_ni}};
    araddr_q <= araddr;
    arlen_q <= arlen;
    if (!rst_ni || flush_i) begin
      jobs_q <= '0;
    end else begin
      jobs_q <= jobs_d + 2'(push_i);
      if (taken) at0_q <= next_at;
      if (ends) begin
        at0_q <= at1_q;
        end0_q <= end1_q;
        host0_q <= host1_q;
      end
      if (push_i && jobs_d == 2'd0) begin
        at0_q <= {1'b0, 8'hFF, src_i};
        end0_q <= {1'b0, 8'hFF, src_i} + 13'(length_i);
        host0_q <= host_i;
      end
      if (push_i && jobs_d != 2'd0) begin
        at1_q <= {1'b0, 8'hFF, src_i};
        end1_q <= {1'b0, 8'hFF, src_i} + 13'(length_i);
        host1_q <= host_i;
      end
    end
    if (!rst_ni) begin
      open0_q <= '0;
      open1_q <= '0;
      second_q <= '0;
    end else begin
      second_q <= second_q ^ (rvalid_i & {two1_q[0], two0_q[0]});
      open0_q <= open0_q + 2'(arvalid[0] & arready_i[0]) - 2'(rvalid_i[0] & rlast[0]);
      open1_q <= open1_q + 2'(arvalid[1] & arready_i[1]) - 2'(rvalid_i[1] & rlast[1]);
      if (rvalid_i[0] && rlast[0]) two0_q[0] <= two0_q[1];
      if (rvalid_i[1] && rlast[1]) two1_q[0] <= two1_q[1];
      if (arvalid[0] && arready_i[0]) begin
        if (open0_q - 2'(rvalid_i[0] & rlast[0]) == 2'd0) two0_q[0] <= arlen[0];
        else two0_q[1] <= arlen[0];
      end
      if (arvalid[1] && arready_i[1]) begin
        if (open1_q - 2'(rvalid_i[1] & rlast[1]) == 2'd0) two1_q[0] <= arlen[0];
        else two1_q[1] <= arlen[0];
      end
    end
    if (!rst_ni || flush_i) in_q <= '0;
    else in_q <= in_q + 3'(rvalid_i[port_i]) - 3'(pop_i[port_i]);
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) m_constant: assume (port_i == port_q);
    m_push: assume (!push_i || !full);
    m_pop: assume ((pop_i & ~beat_valid) == 2'b00);
    m_flush: assume (!flush_i || (idle && stop_i));  // the channel flushes when it has stopped
    // Memory answers what it was asked; each port in order.
    m_r: assume (!(rvalid_i[0] && open0_q == 2'd0) && !(rvalid_i[1] && open1_q == 2'd0));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni && rst_q) begin
      a_stays: assert (((ar_waits_q & ~arvalid) == 2'b00) && (ar_waits_q == 2'b00 || (araddr == araddr_q && arlen == arlen_q)));
      a_one_port: assert (arvalid != 2'b11);
      a_job: assert (arvalid == 2'b00 || (jobs_q != 2'd0 && arvalid[1] == host0_q));
      a_contiguous: assert (arvalid == 2'b00 || araddr == {51'd0, at0_q[12:3], 3'd0});
      a_no_more: assert (arvalid == 2'b00 || araddr[12:0] + (13'(arlen) << 3) <= end0_q);
      a_burst: assert (arvalid == 2'b00 || arlen < 8'd2);
      a_reads: assert (open0_q + open1_q <= 2'd2);
      a_stopped: assert (!(stop_i && arvalid != 2'b00) || ar_waits_q != 2'b00);
      a_permitted: assert (!(arvalid[1] && !bus_master_i) || ar_waits_q[1]);
      a_idle: assert (!idle || (open0_q == 2'd0 && open1_q == 2'd0 && ar_waits_q == 2'b00));
      a_inside: assert (beat_valid[port_i] == (in_q != '0));
      c_crosses: cover (taken && jobs_q == 2'd2 && at0_q[12] && !ends);
      c_full: cover (in_q == 3'(Beats));
      c_stopped: cover (stop_i && stopped_q && ar_waits_q[1] && arready_i[1]);
    end
  end
endmodule
