// SPDX-License-Identifier: Apache-2.0
// The IOTLB, fully associative or in block RAM: of any one page of any one domain, a lookup says only what a fill said
// after the last flush that covered it, with the permissions that such a fill gave. Both lanes' lookups. The watched
// page, domain and frame are any.
//
// The bits of a domain-id are only compared, those of a page number compared or copied, all bits of a level alike: the
// lowest ones of each are free, the others 0.
module iotlb_fv #(
    parameter int unsigned Entries    = 3,
    parameter int unsigned Ways       = 0,
    parameter int unsigned Large      = 2,
    parameter int unsigned GenBits    = 2,
    parameter int unsigned ReadStages = 1,
    parameter int unsigned DidBits    = 1,             // of a domain-id, free
    parameter int unsigned LevelBits  = 1,             // of each level of a page number, free
    parameter int unsigned PageBits   = 3 * LevelBits  // derived
) (
    input logic                clk_i,
    input logic                rst_ni,
    input logic [DidBits-1:0]  rd_did_i,
    input logic [PageBits-1:0] rd_next_page_i,
    input logic [DidBits-1:0]  wr_did_i,
    input logic [PageBits-1:0] wr_next_page_i,
    input logic                fill_valid_i,
    input logic [1:0]          fill_size_i,
    input logic [DidBits-1:0]  fill_did_i,
    input logic [PageBits-1:0] fill_page_i,
    input logic [PageBits-1:0] fill_frame_i,
    input logic                fill_r_i,
    input logic                fill_w_i,
    input logic                fill_snp_i,
    input logic                flush_valid_i,
    input logic [1:0]          flush_g_i,
    input logic [DidBits-1:0]  flush_did_i,
    input logic [PageBits-1:0] flush_page_i,
    input logic [PageBits-1:0] flush_mask_i,
    // The watched translation, constant.
    input logic [DidBits-1:0]  did_i,
    input logic [PageBits-1:0] page_i,
    input logic [PageBits-1:0] frame_i
);
  localparam int unsigned L = LevelBits;
  localparam int unsigned Width = 18 + L;
  // The free bits at their places, the others as told.
  function automatic logic [Width-1:0] wide(input logic [PageBits-1:0] bits, input logic others);
    wide = {bits[2*L+:L], {(9 - L) {others}}, bits[L+:L], {(9 - L) {others}}, bits[0+:L]};
  endfunction
  function automatic logic [PageBits-1:0] narrow(input logic [Width-1:0] bits);
    narrow = {bits[18+:L], bits[9+:L], bits[0+:L]};
  endfunction

  logic rd_hit, rd_r, rd_w, rd_snp, wr_hit, wr_w, wr_snp, flush_ready;
  logic [Width-1:0] rd_frame, wr_frame;
  logic [PageBits-1:0] rd_page_q, wr_page_q, rd_page1_q, wr_page1_q;
  iommu_iotlb #(
      .Entries(Entries), .Ways(Ways), .LargeEntries(Large), .GenBits(GenBits), .Buckets(2), .ReadStages(ReadStages),
      .PageWidth(Width), .FrameWidth(Width)
  ) dut (
      .clk_i, .rst_ni, .rd_next_page_i(wide(rd_next_page_i, 1'b0)), .wr_next_page_i(wide(wr_next_page_i, 1'b0)),
      .rd_did_i(16'(rd_did_i)), .rd_page_i(wide(rd_page_q, 1'b0)), .rd_hit_o(rd_hit), .rd_frame_o(rd_frame),
      .rd_r_o(rd_r), .rd_w_o(rd_w), .rd_snp_o(rd_snp), .wr_did_i(16'(wr_did_i)), .wr_page_i(wide(wr_page_q, 1'b0)),
      .wr_hit_o(wr_hit), .wr_frame_o(wr_frame), .wr_w_o(wr_w), .wr_snp_o(wr_snp), .fill_valid_i, .fill_size_i,
      .fill_did_i(16'(fill_did_i)), .fill_page_i(wide(fill_page_i, 1'b0)), .fill_frame_i(wide(fill_frame_i, 1'b0)),
      .fill_r_i, .fill_w_i, .fill_snp_i, .flush_valid_i, .flush_ready_o(flush_ready), .flush_g_i,
      .flush_did_i(16'(flush_did_i)), .flush_page_i(wide(flush_page_i, 1'b0)),
      .flush_mask_i(wide(flush_mask_i, 1'b1)));

  logic started_q = 1'b0;
  logic [DidBits-1:0] did_q;
  logic [PageBits-1:0] page_q, frame_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    did_q <= did_i;
    page_q <= page_i;
    frame_q <= frame_i;
    rd_page1_q <= rd_next_page_i;
    wr_page1_q <= wr_next_page_i;
    rd_page_q <= (ReadStages == 1) ? rd_next_page_i : rd_page1_q;
    wr_page_q <= (ReadStages == 1) ? wr_next_page_i : wr_page1_q;
  end

  // What a fill, or a flush, of this cycle has to do with the watched translation.
  logic [PageBits-1:0] fill_bits, fill_says;
  logic fills, flushes, may_q, may_r_q, may_w_q, may_snp_q, flushed_q;
  assign fill_bits = {{L{1'b1}}, {L{~fill_size_i[1]}}, {L{fill_size_i == 2'd0}}};
  assign fill_says = (fill_frame_i & fill_bits) | (page_i & ~fill_bits);
  assign fills = fill_valid_i & (fill_did_i == did_i) & (((fill_page_i ^ page_i) & fill_bits) == '0)
      & (fill_says == frame_i);
  assign flushes = flush_valid_i
      & ((flush_g_i == 2'd1)
         | ((flush_did_i == did_i)
            & ((flush_g_i == 2'd2) | (((flush_page_i ^ page_i) & flush_mask_i) == '0))));
  always_ff @(posedge clk_i) begin
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
  end

  logic read_watched, write_watched;
  assign read_watched = rd_hit & (rd_did_i == did_i) & (rd_page_q == page_i) & (narrow(rd_frame) == frame_i);
  assign write_watched = wr_hit & (wr_did_i == did_i) & (wr_page_q == page_i) & (narrow(wr_frame) == frame_i);

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) m_constant: assume (did_i == did_q && page_i == page_q && frame_i == frame_q);
    m_size: assume (fill_size_i != 2'd3);
    m_granularity: assume (flush_g_i != 2'd0);
    m_flush: assume (!flush_valid_i || flush_ready);
    // Of 2^AM pages: the bits that do not count are the lowest ones.
    m_mask: assume ((~flush_mask_i & (~flush_mask_i + 1'b1)) == '0);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_read: assert (!read_watched || may_q);
      a_read_rights: assert (!read_watched || ((!rd_r || may_r_q) && (!rd_w || may_w_q) && (!rd_snp || may_snp_q)));
      a_write: assert (!write_watched || may_q);
      a_write_rights: assert (!write_watched || ((!wr_w || may_w_q) && (!wr_snp || may_snp_q)));
      c_kept: cover (read_watched && write_watched && flushed_q);
      c_missed: cover (!rd_hit && rd_did_i == did_i && rd_page_q == page_i && may_q == 1'b0 && flushed_q);
    end
  end
endmodule
