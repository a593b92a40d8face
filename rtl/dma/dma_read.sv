// SPDX-License-Identifier: Apache-2.0
// Read side: splits the source of each piece into bursts and buffers the beats, one buffer per port.
//
// Timing: a job pushed in cycle t has its first AR in t+1; one AR per cycle; a beat received in t is offered in t+1.
// An AR goes out only with room for all its beats, so R is never held back. Runs ahead over jobs as far as the
// buffers and Reads allow. After stop_i only an AR that is already shown goes out; flush_i when idle_o.
module dma_read #(
    parameter int unsigned DataWidth   = 256,
    parameter int unsigned MaxBurst    = 16,
    parameter int unsigned Reads       = 64,
    parameter int unsigned BufferBeats = 256,  // per port
    parameter int unsigned JobDepth    = 64
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   flush_i,
    input  logic                   stop_i,
    input  logic                   bus_master_i,

    input  logic                   job_push_i,
    input  dma_job_pkg::piece_t    job_i,
    output logic                   job_full_o,

    output logic [1:0]             arvalid_o,
    input  logic [1:0]             arready_i,
    output logic [63:0]            araddr_o,
    output logic [7:0]             arlen_o,
    output dma_job_pkg::user_t     aruser_o,

    input  logic [1:0]             rvalid_i,  // beats of copies only
    input  logic [1:0]             rlast_i,
    input  logic [2*DataWidth-1:0] rdata_i,
    input  logic [3:0]             rresp_i,

    output logic [1:0]             beat_valid_o,
    output logic [2*DataWidth-1:0] beat_data_o,
    output logic [3:0]             beat_resp_o,
    input  logic [1:0]             beat_pop_i,

    output logic                   part_o,     // a read that reached the end of its page or job was taken
    output logic                   blocked_o,  // the next read waits for BUS_MASTER and none is in flight
    output logic                   idle_o      // nothing in flight, nothing shown
);
  localparam int unsigned CountWidth = $clog2(BufferBeats + 1);
  localparam int unsigned ReadsWidth = $clog2(Reads + 1);

  logic job_empty, job_pop, job_host;
  logic [63:0] job_src;
  logic [31:0] job_length;

  fifo #(.Width(97 + dma_job_pkg::USER_WIDTH), .Depth(JobDepth)) u_jobs (
      .clk_i, .rst_ni, .flush_i,
      .push_i(job_push_i), .data_i({job_i.src_user, job_i.src_host, job_i.length, job_i.src}), .full_o(job_full_o),
      .pop_i(job_pop), .data_o({aruser_o, job_host, job_length, job_src}), .empty_o(job_empty)
  );
  logic unused;
  assign unused = ^job_i;

  // The rest of the job at the head of the queue, once its first burst is out.
  logic rest_q;
  logic [63:0] rest_addr_q, next_addr;
  logic [31:0] rest_rem_q, next_rem;
  logic last;

  dma_burst #(.DataWidth(DataWidth), .MaxBurst(MaxBurst)) u_burst (
      .addr_i(rest_q ? rest_addr_q : job_src),
      .rem_i(rest_q ? rest_rem_q : job_length),
      .addr_o(araddr_o), .len_o(arlen_o), .last_o(last), .next_addr_o(next_addr), .next_rem_o(next_rem)
  );

  logic hold_q;  // shown and not yet taken
  logic [CountWidth-1:0] free;
  logic [ReadsWidth-1:0] reads_q;
  logic show, taken, room;
  logic [1:0] ended;

  assign free = job_host ? gen_port[1].free_q : gen_port[0].free_q;
  assign room = (32'(free) > 32'(arlen_o)) && (reads_q != Reads[ReadsWidth-1:0]);
  assign show = hold_q | (~job_empty & room & ~stop_i & (bus_master_i | ~job_host));
  assign arvalid_o = {show & job_host, show & ~job_host};
  assign taken = |(arvalid_o & arready_i);
  assign job_pop = taken & last;
  assign part_o = taken & (last | (next_addr[11:0] == 12'd0));
  assign blocked_o = ~job_empty & job_host & ~bus_master_i & ~hold_q & (reads_q == '0);
  assign ended = rvalid_i & rlast_i;
  assign idle_o = ~hold_q & (reads_q == '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rest_q <= 1'b0;
      hold_q <= 1'b0;
      reads_q <= '0;
    end else begin
      hold_q <= show & ~taken;
      reads_q <= reads_q + ReadsWidth'(taken) - ReadsWidth'(ended[0]) - ReadsWidth'(ended[1]);
      if (flush_i) rest_q <= 1'b0;
      else if (taken) rest_q <= ~last;
    end
    if (taken) begin
      rest_addr_q <= next_addr;
      rest_rem_q <= next_rem;
    end
  end

  logic [1:0] full, empty;
  for (genvar p = 0; p < 2; p++) begin : gen_port
    logic [CountWidth-1:0] want, free_q;
    assign want = (arvalid_o[p] & arready_i[p]) ? CountWidth'(arlen_o) + CountWidth'(1) : '0;

    fifo #(.Width(DataWidth + 2), .Depth(BufferBeats)) u_buffer (
        .clk_i, .rst_ni, .flush_i,
        .push_i(rvalid_i[p]), .data_i({rresp_i[2*p+:2], rdata_i[p*DataWidth+:DataWidth]}), .full_o(full[p]),
        .pop_i(beat_pop_i[p]), .data_o({beat_resp_o[2*p+:2], beat_data_o[p*DataWidth+:DataWidth]}),
        .empty_o(empty[p])
    );
    assign beat_valid_o[p] = ~empty[p];

    always_ff @(posedge clk_i) begin
      if (!rst_ni || flush_i) free_q <= BufferBeats[CountWidth-1:0];
      else free_q <= free_q - want + CountWidth'(beat_pop_i[p]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_room : assert ((rvalid_i & full) == 2'b00);
      assert_expected : assert (rvalid_i == 2'b00 || reads_q != '0);
      assert_page : assert (!show || {1'b0, araddr_o[11:0]} + 13'(arlen_o) * 13'(DataWidth / 8) <= 13'hfff);
      assert_flush_idle : assert (!flush_i || idle_o);
    end
  end
endmodule
