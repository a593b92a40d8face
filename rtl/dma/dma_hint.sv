// SPDX-License-Identifier: Apache-2.0
// Tells the IOMMU which pages a channel will need: for each piece the source page, and the page that its bytes will be
// written to, Ahead source pages before they are read (a fill: before they are written).
//
// Timing: one hint per cycle. A hint may be withdrawn. It walks the pieces by itself; of what the reads (fills: the
// writes) have passed it drops the source page, and the written page unless it is taken at once, so it keeps up and never
// holds anybody back. Only pages of requests without PASID are hinted.
module dma_hint #(
    parameter int unsigned Ahead     = 4,   // pages
    parameter int unsigned Passed    = 512, // parts that the reads can be ahead at most
    parameter int unsigned JobDepth  = 64
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                flush_i,
    input  logic                on_i,         // 0: no hints

    input  logic                job_push_i,
    input  dma_job_pkg::piece_t job_i,
    output logic                job_full_o,
    input  logic                read_part_i,  // a read reached the end of its page or piece
    input  logic                fill_part_i,  // a burst of a fill did

    output logic                hint_valid_o,
    input  logic                hint_ready_i,
    output logic [51:0]         hint_page_o
);
  localparam int unsigned CountWidth = $clog2(Passed + Ahead + 2) + 1;  // signed

  logic fill, src_hinted, dst_hinted, empty, pop;
  logic [63:0] job_src, job_dst;
  logic [31:0] job_length;
  fifo #(.Width(163), .Depth(JobDepth)) u_jobs (
      .clk_i, .rst_ni, .flush_i, .push_i(job_push_i),
      .data_i({job_i.kind == dma_job_pkg::OP_FILL,
               (job_i.kind != dma_job_pkg::OP_FILL) & job_i.src_host & ~job_i.src_user.pasid_valid,
               ~job_i.kind[2] & job_i.dst_host & ~job_i.dst_user.pasid_valid, job_i.src, job_i.dst, job_i.length}),
      .full_o(job_full_o), .pop_i(pop),
      .data_o({fill, src_hinted, dst_hinted, job_src, job_dst, job_length}), .empty_o(empty)
  );

  // The part under way: up to the end of the source page, for fills of the destination page.
  logic rest_q;
  logic [63:0] src_q, dst_q, src, dst, dst_end;
  logic [31:0] rem_q, rem, len, limit;
  logic last, part_end, read_end, fill_end;
  assign src = rest_q ? src_q : job_src;
  assign dst = rest_q ? dst_q : job_dst;
  assign rem = rest_q ? rem_q : job_length;
  assign limit = {20'd0, fill ? ~dst[11:0] : ~src[11:0]};
  assign last = rem <= limit;
  assign len = last ? rem : limit;
  assign dst_end = dst + {32'd0, len};
  assign pop = part_end & last;
  assign read_end = part_end & ~fill;
  assign fill_end = part_end & fill;

  // How many parts the hints are ahead of the reads and of the fills' bursts; negative: behind.
  logic [CountWidth-1:0] reads_q, fills_q, ahead, reads_bias, fills_bias;
  logic behind, may;
  assign ahead = fill ? fills_q : reads_q;
  assign behind = ahead[CountWidth-1];
  assign may = behind | (ahead < CountWidth'(Ahead));

  // Up to three pages a part; those that were hinted last are left out.
  logic [51:0] last_src_q, last_dst_q;
  logic [1:0] known_q;  // last_dst_q, last_src_q
  logic [2:0] want, done_q;
  assign want[0] = on_i & ~behind & src_hinted & ~done_q[0] & (~known_q[0] | (last_src_q != src[63:12]));
  assign want[1] = on_i & dst_hinted & ~done_q[1] & (~known_q[1] | (last_dst_q != dst[63:12]));
  assign want[2] = on_i & dst_hinted & ~done_q[2] & (dst_end[63:12] != dst[63:12]);
  assign hint_valid_o = ~empty & may & (want != 3'd0);
  assign hint_page_o = want[0] ? src[63:12] : want[1] ? dst[63:12] : dst_end[63:12];
  // Where the reads were faster the written page is told if it can be told at once.
  assign part_end = ~empty & may &
      ((want == 3'd0) | (hint_ready_i ? (want & (want - 3'd1)) == 3'd0 : behind));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      rest_q <= 1'b0;
      done_q <= 3'd0;
      known_q <= 2'd0;
      reads_q <= '0;
      fills_q <= '0;
    end else begin
      if (part_end) begin
        rest_q <= ~last;
        done_q <= 3'd0;
      end else if (hint_valid_o & hint_ready_i) begin
        done_q <= done_q | (want & (~want + 3'd1));
      end
      if (hint_valid_o & hint_ready_i) known_q <= known_q | {~want[0], want[0]};
      reads_q <= reads_q + CountWidth'(read_end) - CountWidth'(read_part_i);
      fills_q <= fills_q + CountWidth'(fill_end) - CountWidth'(fill_part_i);
    end
    if (part_end) begin
      src_q <= {src[63:12] + 52'd1, 12'd0};
      if (fill) src_q <= src;
      dst_q <= dst_end + 64'd1;
      rem_q <= rem - len - 32'd1;
    end
    if (hint_valid_o & hint_ready_i) begin
      if (want[0]) last_src_q <= src[63:12];
      else if (want[1]) last_dst_q <= dst[63:12];
      else last_dst_q <= dst_end[63:12];
    end
  end

  // Counted from the lowest value that can be.
  assign reads_bias = reads_q + CountWidth'(Passed);
  assign fills_bias = fills_q + CountWidth'(Passed);
  logic unused;
  assign unused = ^{job_i, dst_end[11:0]};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_room : assert (!job_push_i || !job_full_o);
      assert_bounded : assert (!reads_bias[CountWidth-1] && !fills_bias[CountWidth-1]);
    end
  end
endmodule
