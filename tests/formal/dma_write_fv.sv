// SPDX-License-Identifier: Apache-2.0
// dma_write: clean AXI at both ports: what is offered stays, a burst's data begins with its address and has its beats, no
// burst crosses 4 KiB, nothing comes between its beats; behind a failed beat no burst starts and no byte is written, nor
// after stop_i; no more bursts than Writes without an answer; idle_o only when nothing is under way.
// Ranges begin in the last 64 bytes of a page, so that most cross it. Copies only, no MAP_*.
module dma_write_fv (
    input logic       clk_i,
    input logic       rst_ni,
    input logic       flush_i,
    input logic       stop_i,
    input logic       bus_master_i,
    input logic       push_i,
    input logic       host_i,
    input logic       last_i,
    input logic [5:0] dst_i,
    input logic [5:0] length_i,
    input logic       in_valid_i,
    input logic       in_data_i,
    input logic [7:0] in_mask_i,
    input logic       in_bad_i,
    input logic       single_i,
    input logic       single_host_i,
    input logic [1:0] awready_i,
    input logic [1:0] wready_i,
    input logic [1:0] bvalid_i,
    input logic [1:0] bbad_i
);
  dma_job_pkg::piece_t job;
  dma_job_pkg::single_t one;
  logic full, in_ready, map_valid, single_ready, wlast, fill_part, stream_fail, idle;
  logic [1:0] awvalid, wvalid, awid, done, b_fail, b_wait;
  logic [63:0] awaddr, wdata;
  logic [7:0] awlen, wstrb;
  logic [2:0] awsize;
  dma_job_pkg::user_t awuser;
  dma_job_pkg::fail_t stream_fail_data, b_fail0, b_fail1;
  always_comb begin
    job = '0;
    job.last = last_i;
    job.dst = {52'd0, 6'h3F, dst_i};
    job.length = 32'(length_i);
    job.dst_host = host_i;
    one = '0;
    one.host = single_host_i;
    one.addr = 64'h3000;
    one.data = 64'd1;
    one.strb = 8'h0F;
    one.size = 3'd2;
  end
  dma_write #(.DataWidth(64), .MaxBurst(2), .Writes(2), .JobDepth(2), .IdWidth(2), .Singles(1)) dut (
      .clk_i, .rst_ni, .flush_i, .stop_i, .bus_master_i, .job_push_i(push_i), .job_i(job), .job_full_o(full),
      .in_valid_i, .in_ready_o(in_ready), .in_data_i({63'd0, in_data_i}), .in_mask_i, .in_bad_i, .in_fail_i('0),
      .map_valid_o(map_valid), .map_ready_i(1'b0), .map_done_i(1'b0), .map_fail_i(1'b0), .map_fail_data_i('0),
      .single_valid_i(single_i), .single_ready_o(single_ready), .single_i(one), .awvalid_o(awvalid), .awready_i,
      .awid_o(awid), .awaddr_o(awaddr), .awlen_o(awlen), .awsize_o(awsize), .awuser_o(awuser), .wvalid_o(wvalid),
      .wready_i, .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast), .bvalid_i,
      .bresp_i({bbad_i[1], 1'b0, bbad_i[0], 1'b0}), .fill_part_o(fill_part), .done_o(done), .stream_fail_o(stream_fail),
      .stream_fail_data_o(stream_fail_data), .b_fail_o(b_fail), .b_wait_o(b_wait), .b_fail0_o(b_fail0),
      .b_fail1_o(b_fail1), .idle_o(idle));

  logic started_q = 1'b0;
  logic rst_q, stop_q, failed_q, bad_q, shown_aw, shown_w, data_aw, data_w, wlast_q, master_q;
  logic [1:0] aw_waits_q, w_waits_q, open0_q, open1_q, data0_q, data1_q, id_q;
  logic [63:0] awaddr_q;
  logic [7:0] awlen_q, wstrb_q;
  logic wdata_q;
  logic [1:0] left_q, left;  // beats of the burst under way that have not been shown
  logic [1:0] at_q;          // its port
  assign shown_aw = (awvalid & ~aw_waits_q) != 2'b00;
  assign shown_w = (wvalid & ~w_waits_q) != 2'b00;
  assign data_aw = shown_aw & (awid == 2'd0);
  assign left = shown_aw ? awlen[1:0] + 2'd1 : left_q;
  assign data_w = shown_w & (shown_aw ? awid == 2'd0 : id_q == 2'd0);
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    rst_q <= rst_ni;
    stop_q <= rst_ni & stop_i;
    master_q <= bus_master_i;
    aw_waits_q <= awvalid & ~awready_i & {2{rst_ni}};
    w_waits_q <= wvalid & ~wready_i & {2{rst_ni}};
    awaddr_q <= awaddr;
    awlen_q <= awlen;
    wstrb_q <= wstrb;
    wdata_q <= wdata[0];
    wlast_q <= wlast;
    if (shown_aw) id_q <= awid;
    if (shown_aw) at_q <= awvalid;
    // A bad beat that was taken is itself on W in the next cycle; failed_q from the one after.
    if (!rst_ni || flush_i) failed_q <= 1'b0;
    else if (bad_q) failed_q <= 1'b1;
    bad_q <= rst_ni & ~flush_i & in_ready & in_valid_i & in_bad_i;
    if (!rst_ni) begin
      left_q <= '0;
      open0_q <= '0;
      open1_q <= '0;
      data0_q <= '0;
      data1_q <= '0;
    end else begin
      left_q <= left - 2'(shown_w);
      // Bursts of data whose address was taken, and whose last beat was.
      open0_q <= open0_q + 2'(awvalid[0] & awready_i[0] & awid == 2'd0) - 2'(bvalid_i[0]);
      open1_q <= open1_q + 2'(awvalid[1] & awready_i[1] & awid == 2'd0) - 2'(bvalid_i[1]);
      data0_q <= data0_q + 2'(wvalid[0] & wready_i[0] & wlast & (shown_aw ? awid == 2'd0 : id_q == 2'd0)) - 2'(bvalid_i[0]);
      data1_q <= data1_q + 2'(wvalid[1] & wready_i[1] & wlast & (shown_aw ? awid == 2'd0 : id_q == 2'd0)) - 2'(bvalid_i[1]);
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    m_push: assume (!push_i || !full);
    m_flush: assume (!flush_i || (idle && stop_i));  // the channel flushes when it has stopped
    // Memory answers a burst when it has address and data.
    m_b: assume (!(bvalid_i[0] && (open0_q == '0 || data0_q == '0)) && !(bvalid_i[1] && (open1_q == '0 || data1_q == '0)));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni && rst_q) begin
      a_aw_stays: assert ((aw_waits_q & ~awvalid) == '0 && (aw_waits_q == '0 || (awaddr == awaddr_q && awlen == awlen_q)));
      a_w_stays: assert ((w_waits_q & ~wvalid) == '0);
      a_w_same: assert (w_waits_q == '0 || (wstrb == wstrb_q && wdata[0] == wdata_q && wlast == wlast_q));
      a_begins_together: assert (!shown_aw || (left_q == '0 && shown_w && wvalid == awvalid));
      a_behind: assert (!shown_w || left != '0);
      a_port: assert (!shown_w || shown_aw || wvalid == at_q);
      a_last: assert (!shown_w || wlast == (left == 2'd1));
      a_page: assert (!shown_aw || {1'b0, awaddr[11:0]} + (13'(awlen) << 3) <= 13'hFFF);
      a_burst: assert (!shown_aw || awlen < 8'd2);
      a_no_byte_after_a_failure: assert (!(data_w && failed_q) || wstrb == '0);
      a_no_burst_after_a_failure: assert (!(data_aw && failed_q));
      a_stopped: assert (!(stop_q && data_aw) && !(stop_q && data_w && !data_aw && wstrb != '0));
      a_permitted: assert (!(data_aw && awvalid[1]) || master_q);
      a_unanswered: assert (open0_q <= 2'd2 && open1_q <= 2'd2);
      a_idle: assert (!idle || (open0_q == '0 && open1_q == '0 && left_q == '0 && awvalid == '0 && wvalid == '0));
      c_failed: cover (data_w && failed_q && wlast);
      c_crossed: cover (data_aw && awaddr[12] && awvalid[1]);
      c_two: cover (open0_q == 2'd2 && open1_q != '0);
    end
  end
endmodule
