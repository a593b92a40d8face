// SPDX-License-Identifier: Apache-2.0
// iommu_paging_cache: the way to a table that a lookup gives is one that a fill gave after the last flush that covered
// it; in the very cycle of such a flush it does not hit either.
module paging_cache_fv #(
    parameter int unsigned Level      = 1,
    parameter int unsigned Entries    = 3,
    parameter int unsigned PageWidth  = 12,
    parameter int unsigned FrameWidth = 3,
    parameter int unsigned DidBits    = 2   // of a domain-id that are free; the others are 0
) (
    input logic                  clk_i,
    input logic                  rst_ni,
    input logic [15:0]           did_i,
    input logic [PageWidth-1:0]  page_i,
    input logic                  fill_valid_i,
    input logic [15:0]           fill_did_i,
    input logic [PageWidth-1:0]  fill_page_i,
    input logic [FrameWidth-1:0] fill_frame_i,
    input logic                  fill_r_i,
    input logic                  fill_w_i,
    input logic                  flush_valid_i,
    input logic [1:0]            flush_g_i,
    input logic [15:0]           flush_did_i,
    input logic [PageWidth-1:0]  flush_page_i,
    input logic [PageWidth-1:0]  flush_mask_i,
    input logic                  flush_ih_i,
    // The watched way, constant.
    input logic [15:0]           its_did_i,
    input logic [PageWidth-1:0]  its_page_i,
    input logic [FrameWidth-1:0] its_frame_i
);
  logic hit, r, w;
  logic [FrameWidth-1:0] frame;
  iommu_paging_cache #(.Level(Level), .Entries(Entries), .PageWidth(PageWidth), .FrameWidth(FrameWidth)) dut (
      .clk_i, .rst_ni, .did_i, .page_i, .hit_o(hit), .frame_o(frame), .r_o(r), .w_o(w), .fill_valid_i, .fill_did_i,
      .fill_page_i, .fill_frame_i, .fill_r_i, .fill_w_i, .flush_valid_i, .flush_g_i, .flush_did_i, .flush_page_i,
      .flush_mask_i, .flush_ih_i);

  logic started_q = 1'b0;
  logic [15:0] its_did_q;
  logic [PageWidth-1:0] its_page_q;
  logic [FrameWidth-1:0] its_frame_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    its_did_q <= its_did_i;
    its_page_q <= its_page_i;
    its_frame_q <= its_frame_i;
  end

  localparam logic [PageWidth-1:0] Tag = {PageWidth{1'b1}} << (9 * Level);
  logic fills, flushes, may_q, may_r_q, may_w_q, flushed_q, watched;
  assign fills = fill_valid_i & (fill_did_i == its_did_i) & (((fill_page_i ^ its_page_i) & Tag) == '0)
      & (fill_frame_i == its_frame_i);
  assign flushes = flush_valid_i
      & ((flush_g_i == 2'd1)
         | ((flush_did_i == its_did_i)
            & ((flush_g_i == 2'd2)
               | ((flush_g_i == 2'd3) & ~flush_ih_i & (((flush_page_i ^ its_page_i) & flush_mask_i & Tag) == '0)))));
  assign watched = hit & (did_i == its_did_i) & (((page_i ^ its_page_i) & Tag) == '0) & (frame == its_frame_i);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || flushes) begin
      may_q <= 1'b0;
      may_r_q <= 1'b0;
      may_w_q <= 1'b0;
    end else if (fills) begin
      may_q <= 1'b1;
      may_r_q <= may_r_q | fill_r_i;
      may_w_q <= may_w_q | fill_w_i;
    end
    flushed_q <= rst_ni & (flushed_q | (flush_valid_i & ~flushes & may_q));
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) begin
      m_constant: assume (its_did_i == its_did_q && its_page_i == its_page_q && its_frame_i == its_frame_q);
    end
    m_dids: assume (((did_i | fill_did_i | flush_did_i | its_did_i) >> DidBits) == '0);
    m_granularity: assume (flush_g_i != 2'd0);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_way: assert (!watched || (may_q && !flushes));
      a_rights: assert (!watched || ((!r || may_r_q) && (!w || may_w_q)));
      c_kept: cover (watched && flushed_q && r && w);
      c_missed: cover (!hit && did_i == its_did_i && page_i == its_page_i && flushed_q && !flush_valid_i);
    end
  end
endmodule
