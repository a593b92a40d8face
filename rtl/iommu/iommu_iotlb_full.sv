// SPDX-License-Identifier: Apache-2.0
// Fully associative IOTLB in flip-flops: pages of 4 KiB, 2 MiB and 1 GiB, each in one entry, tagged by domain-id and
// input page.
//
// Timing: both lookups answer in the same cycle (combinational). A fill or a flush given in cycle t shows in t+1; a
// fill that meets a flush of its own page in the same cycle is dropped. Every flush takes one cycle at every size.
//
// A fill clears every entry that it overlaps, so no page is held twice, whatever sizes it had. It takes the place of
// one of them, else the lowest free entry, else the next in turn, so nothing is lost while there is room. With Fifo it
// always takes the next in turn, so the last Entries fills are there.
module iommu_iotlb_full #(
    parameter int unsigned Entries    = 64,  // at least 2
    parameter bit          Fifo       = 1'b0,
    parameter int unsigned PageWidth  = 36,  // bits of an input page number, more than 18
    parameter int unsigned FrameWidth = 34   // bits of an output page number
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,

    // Read lane and write lane. The frame is that of the 4 KiB page asked for.
    input  logic [15:0]           rd_did_i,
    input  logic [PageWidth-1:0]  rd_page_i,
    output logic                  rd_hit_o,
    output logic [FrameWidth-1:0] rd_frame_o,
    output logic                  rd_r_o,
    output logic                  rd_w_o,
    output logic                  rd_snp_o,
    input  logic [15:0]           wr_did_i,
    input  logic [PageWidth-1:0]  wr_page_i,
    output logic                  wr_hit_o,
    output logic [FrameWidth-1:0] wr_frame_o,
    output logic                  wr_w_o,
    output logic                  wr_snp_o,

    input  logic                  fill_valid_i,
    input  logic [1:0]            fill_size_i,    // 0: 4 KiB, 1: 2 MiB, 2: 1 GiB
    input  logic [15:0]           fill_did_i,
    input  logic [PageWidth-1:0]  fill_page_i,    // any 4 KiB page of it ...
    input  logic [FrameWidth-1:0] fill_frame_i,   // ... and that page's frame
    input  logic                  fill_r_i,
    input  logic                  fill_w_i,
    input  logic                  fill_snp_i,

    input  logic                  flush_valid_i,
    input  logic [1:0]            flush_g_i,      // 1 global, 2 domain, 3 page-in-domain
    input  logic [15:0]           flush_did_i,
    input  logic [PageWidth-1:0]  flush_page_i,
    input  logic [PageWidth-1:0]  flush_mask_i    // page bits that count
);
  if (Entries < 2) begin : gen_entries_check
    $error("iommu_iotlb_full: Entries must be at least 2");
  end
  if (PageWidth <= 18 || FrameWidth <= 18) begin : gen_width_check
    $error("iommu_iotlb_full: PageWidth and FrameWidth must be more than 18");
  end

  localparam int unsigned IdxWidth = $clog2(Entries);

  // Page bits that count for a page of a size: all, from bit 9, from bit 18.
  function automatic logic [PageWidth-1:0] tag_mask(input logic [1:0] size);
    tag_mask = {{(PageWidth - 18) {1'b1}}, {9{~size[1]}}, {9{size == 2'd0}}};
  endfunction

  logic [Entries-1:0]    valid_q, r_q, w_q, snp_q;
  logic [1:0]            size_q[Entries];
  logic [15:0]           did_q[Entries];
  logic [PageWidth-1:0]  page_q[Entries];
  logic [FrameWidth-1:0] frame_q[Entries];
  logic [IdxWidth-1:0]   next_q;

  logic [Entries-1:0] rd_match, wr_match, overlap, flush_match;
  logic [PageWidth-1:0] fill_mask;
  assign fill_mask = tag_mask(fill_size_i);
  always_comb begin
    for (int unsigned i = 0; i < Entries; i++) begin
      rd_match[i] = valid_q[i] & (did_q[i] == rd_did_i) & (((page_q[i] ^ rd_page_i) & tag_mask(size_q[i])) == '0);
      wr_match[i] = valid_q[i] & (did_q[i] == wr_did_i) & (((page_q[i] ^ wr_page_i) & tag_mask(size_q[i])) == '0);
      overlap[i] = valid_q[i] & (did_q[i] == fill_did_i)
          & (((page_q[i] ^ fill_page_i) & tag_mask(size_q[i]) & fill_mask) == '0);
      flush_match[i] = (flush_g_i == 2'd1)
          | ((did_q[i] == flush_did_i)
             & ((flush_g_i == 2'd2) | (((page_q[i] ^ flush_page_i) & flush_mask_i & tag_mask(size_q[i])) == '0)));
    end
  end

  // At most one entry matches, so OR selects. The low bits of a large page come from the page asked for.
  always_comb begin
    rd_frame_o = '0;
    wr_frame_o = '0;
    for (int unsigned i = 0; i < Entries; i++) begin
      rd_frame_o |= rd_match[i] ? {frame_q[i][FrameWidth-1:18],
                                   size_q[i][1] ? rd_page_i[17:9] : frame_q[i][17:9],
                                   size_q[i] == 2'd0 ? frame_q[i][8:0] : rd_page_i[8:0]} : '0;
      wr_frame_o |= wr_match[i] ? {frame_q[i][FrameWidth-1:18],
                                   size_q[i][1] ? wr_page_i[17:9] : frame_q[i][17:9],
                                   size_q[i] == 2'd0 ? frame_q[i][8:0] : wr_page_i[8:0]} : '0;
    end
  end
  assign rd_hit_o = |rd_match;
  assign rd_r_o = |(rd_match & r_q);
  assign rd_w_o = |(rd_match & w_q);
  assign rd_snp_o = |(rd_match & snp_q);
  assign wr_hit_o = |wr_match;
  assign wr_w_o = |(wr_match & w_q);
  assign wr_snp_o = |(wr_match & snp_q);

  logic fill_flushed, fill;
  assign fill_flushed = flush_valid_i
      & ((flush_g_i == 2'd1)
         | ((fill_did_i == flush_did_i)
            & ((flush_g_i == 2'd2) | (((fill_page_i ^ flush_page_i) & flush_mask_i & fill_mask) == '0))));
  assign fill = fill_valid_i & ~fill_flushed;

  logic [IdxWidth-1:0] fill_index;
  logic [Entries-1:0]  fill_at;
  always_comb begin
    fill_index = next_q;
    if (!Fifo) begin
      for (int unsigned i = Entries; i > 0; i--) if (!valid_q[i-1]) fill_index = IdxWidth'(i - 1);
      for (int unsigned i = Entries; i > 0; i--) if (overlap[i-1]) fill_index = IdxWidth'(i - 1);
    end
    fill_at = '0;
    fill_at[fill_index] = fill;
  end

  always_ff @(posedge clk_i) begin
    if (fill) begin
      size_q[fill_index] <= fill_size_i;
      did_q[fill_index] <= fill_did_i;
      page_q[fill_index] <= fill_page_i;
      frame_q[fill_index] <= fill_frame_i;
      r_q[fill_index] <= fill_r_i;
      w_q[fill_index] <= fill_w_i;
      snp_q[fill_index] <= fill_snp_i;
    end
    if (!rst_ni) begin
      valid_q <= '0;
      next_q <= '0;
    end else begin
      valid_q <= (valid_q & ~(flush_valid_i ? flush_match : '0) & ~(fill ? overlap : '0)) | fill_at;
      if (fill && fill_index == next_q) next_q <= (next_q == IdxWidth'(Entries - 1)) ? '0 : next_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_one_read_match: assert ((rd_match & (rd_match - 1'b1)) == '0);
      a_one_write_match: assert ((wr_match & (wr_match - 1'b1)) == '0);
      a_size: assert (!fill_valid_i || fill_size_i != 2'd3);
    end
  end
endmodule
