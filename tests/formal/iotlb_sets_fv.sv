// SPDX-License-Identifier: Apache-2.0
// iommu_iotlb_sets: of one page of one domain, a lookup says only what a fill said after the last flush that covered it,
// with the permissions that such a fill gave, however often generations come again. Both lanes' lookups. A flush that
// waits for scrub passes gets its turn.
//
// The watched page is one of the set that is told, a task for each because a pass has an order. Its other bit, the domain
// and the frame are told too: they are only compared and copied, and nothing in the block knows one value from another.
// All bits of a domain-id are alike, so that what a clash in a RAM gives, each bit wrong, is a domain too.
// What stands in the memories at power-on is left out (they begin with 0).
module iotlb_sets_fv #(
    parameter int unsigned Ways       = 2,
    parameter int unsigned GenBits    = 1,
    parameter int unsigned ReadStages = 1,
    parameter int unsigned PageBits   = 3, // two of them choose the set
    parameter int unsigned WatchSet   = 0  // the watched page's
) (
    input logic                clk_i,
    input logic                rst_ni,
    input logic                rd_did_i,
    input logic [PageBits-1:0] rd_next_page_i,
    input logic                wr_did_i,
    input logic [PageBits-1:0] wr_next_page_i,
    input logic                fill_valid_i,
    input logic                fill_did_i,
    input logic [PageBits-1:0] fill_page_i,
    input logic                fill_frame_i,
    input logic                fill_r_i,
    input logic                fill_w_i,
    input logic                fill_snp_i,
    input logic                flush_valid_i,
    input logic [1:0]          flush_g_i,
    input logic                flush_did_i,
    input logic [PageBits-1:0] flush_page_i,
    input logic [PageBits-1:0] flush_mask_i
);
  localparam int unsigned Sets = 4;
  // The watched translation.
  localparam logic Did = 1'b0;
  localparam logic Frame = 1'b1;
  localparam logic [PageBits-1:0] Page = PageBits'(WatchSet);
  localparam int unsigned Pass = Sets + 3 + ReadStages;

  logic rd_hit, rd_frame, rd_r, rd_w, rd_snp, wr_hit, wr_frame, wr_w, wr_snp, flush_ready, flush_busy;
  logic [PageBits-1:0] rd_page_q, wr_page_q, rd_page1_q, wr_page1_q;
  iommu_iotlb_sets #(
      .Sets(Sets), .Ways(Ways), .GenBits(GenBits), .Buckets(2), .ReadStages(ReadStages), .PageWidth(PageBits),
      .FrameWidth(1)
  ) dut (
      .clk_i, .rst_ni, .rd_next_set_i(rd_next_page_i[1:0]), .rd_did_i({16{rd_did_i}}), .rd_page_i(rd_page_q),
      .rd_hit_o(rd_hit), .rd_frame_o(rd_frame), .rd_r_o(rd_r), .rd_w_o(rd_w), .rd_snp_o(rd_snp),
      .wr_next_set_i(wr_next_page_i[1:0]), .wr_did_i({16{wr_did_i}}), .wr_page_i(wr_page_q), .wr_hit_o(wr_hit),
      .wr_frame_o(wr_frame), .wr_w_o(wr_w), .wr_snp_o(wr_snp), .fill_valid_i, .fill_did_i({16{fill_did_i}}),
      .fill_page_i, .fill_frame_i, .fill_r_i, .fill_w_i, .fill_snp_i, .flush_valid_i, .flush_ready_o(flush_ready),
      .flush_busy_o(flush_busy), .flush_g_i, .flush_did_i({16{flush_did_i}}), .flush_page_i, .flush_mask_i);

  logic started_q = 1'b0;
  logic flush_did_q;
  logic [1:0] flush_g_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    rd_page1_q <= rd_next_page_i;
    wr_page1_q <= wr_next_page_i;
    rd_page_q <= (ReadStages == 1) ? rd_next_page_i : rd_page1_q;
    wr_page_q <= (ReadStages == 1) ? wr_next_page_i : wr_page1_q;
  end

  // What a fill, or a flush, of this cycle has to do with the watched translation.
  logic fills, moves, flushes, may_q, may_r_q, may_w_q, may_snp_q, flushed_q;
  logic [GenBits:0] moved_q;  // generations that the watched domain has left: with its highest bit all of them
  assign fills = fill_valid_i & (fill_did_i == Did) & (fill_page_i == Page) & (fill_frame_i == Frame);
  assign moves = flush_valid_i & ((flush_g_i == 2'd1) | (flush_g_i == 2'd2 & flush_did_i == Did));
  assign flushes = moves | (flush_valid_i & (flush_g_i == 2'd3) & (flush_did_i == Did)
                            & (((flush_page_i ^ Page) & flush_mask_i) == '0));
  // How long a flush that is wanted has been waiting, nothing else being flushed.
  logic [5:0] waits_q;
  logic same;
  assign same = (flush_g_i == flush_g_q) & (flush_did_i == flush_did_q);
  always_ff @(posedge clk_i) begin
    flush_g_q <= flush_g_i;
    flush_did_q <= flush_did_i;
    if (!rst_ni || flushes) begin
      may_q <= 1'b0;
      may_r_q <= 1'b0;
      may_w_q <= 1'b0;
      may_snp_q <= 1'b0;
    end else if (fills) begin
      may_q <= 1'b1;
      may_r_q <= may_r_q | fill_r_i;
      may_w_q <= may_w_q | fill_w_i;
      may_snp_q <= may_snp_q | fill_snp_i;
    end
    flushed_q <= rst_ni & (flushed_q | (flush_valid_i & ~flushes & may_q));
    if (!rst_ni) moved_q <= '0;
    else if (moves && !moved_q[GenBits]) moved_q <= moved_q + 1'b1;
    if (!rst_ni || flush_valid_i || (flush_ready && !flush_busy) || !same) waits_q <= '0;
    else waits_q <= waits_q + 6'(waits_q != '1);
  end

  logic read_watched, write_watched;
  assign read_watched = rd_hit & (rd_did_i == Did) & (rd_page_q == Page) & (rd_frame == Frame);
  assign write_watched = wr_hit & (wr_did_i == Did) & (wr_page_q == Page) & (wr_frame == Frame);

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    m_granularity: assume (flush_g_i != 2'd0);
    m_flush: assume (!flush_valid_i || (flush_ready && !flush_busy));
    // Of 2^AM pages: the bits that do not count are the lowest ones.
    m_mask: assume ((~flush_mask_i & (~flush_mask_i + 1'b1)) == '0);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_read: assert (!read_watched || may_q);
      a_read_rights: assert (!read_watched || ((!rd_r || may_r_q) && (!rd_w || may_w_q) && (!rd_snp || may_snp_q)));
      a_write: assert (!write_watched || may_q);
      a_write_rights: assert (!write_watched || ((!wr_w || may_w_q) && (!wr_snp || may_snp_q)));
      a_flush_waits: assert (32'(waits_q) <= 2 * Pass);
      c_kept: cover (read_watched && write_watched && flushed_q);
      c_wrapped: cover (read_watched && moved_q[GenBits]);
      c_waits: cover (32'(waits_q) > Pass && flush_g_i == 2'd2);
    end
  end
endmodule
