// SPDX-License-Identifier: Apache-2.0
// Paging-structure cache of one level: non-leaf second-stage entries, each the way to one table of level Level, tagged
// by domain-id and the input-address bits above that table. Holds the table's frame and what R and W all levels down
// to it grant together. The walker fills it only with entries that were present and free of errors (CM = 0).
//
// Timing: the lookup answers in the same cycle. A fill or a flush given in cycle t shows in t+1, but what a flush takes
// does not hit in t either; a fill that meets a flush of its own range is dropped. A flush takes one cycle at every
// size. Replacement is round-robin; a tag that is there already is replaced in place, so no tag stands twice.
module iommu_paging_cache #(
    parameter int unsigned Level      = 1,   // of the tables pointed to, 1 to 3
    parameter int unsigned Entries    = 8,   // 0: no cache, never hits
    parameter int unsigned PageWidth  = 36,  // bits of an input page number
    parameter int unsigned FrameWidth = 34   // bits of a host page number
) (
    // Tables ignore the low bits of page numbers; without entries everything is ignored.
    // verilator lint_off UNUSEDSIGNAL
    input  logic                  clk_i,
    input  logic                  rst_ni,

    input  logic [15:0]           did_i,
    input  logic [PageWidth-1:0]  page_i,
    output logic                  hit_o,
    output logic [FrameWidth-1:0] frame_o,
    output logic                  r_o,
    output logic                  w_o,

    input  logic                  fill_valid_i,
    input  logic [15:0]           fill_did_i,
    input  logic [PageWidth-1:0]  fill_page_i,
    input  logic [FrameWidth-1:0] fill_frame_i,
    input  logic                  fill_r_i,
    input  logic                  fill_w_i,

    // As the IOTLB sees them.
    input  logic                  flush_valid_i,
    input  logic [1:0]            flush_g_i,      // 1 global, 2 domain, 3 page-in-domain
    input  logic [15:0]           flush_did_i,
    input  logic [PageWidth-1:0]  flush_page_i,
    input  logic [PageWidth-1:0]  flush_mask_i,   // page bits that count
    input  logic                  flush_ih_i      // page-in-domain: upper entries may stay
    // verilator lint_on UNUSEDSIGNAL
);
  if (Level < 1 || Level > 3) begin : gen_level_check
    $error("iommu_paging_cache: Level must be 1 to 3");
  end

  // Where one such table maps the whole input, the context entry is the way to it.
  if (Entries == 0 || PageWidth <= 9 * Level) begin : gen_none
    assign hit_o = 1'b0;
    assign frame_o = '0;
    assign r_o = 1'b0;
    assign w_o = 1'b0;
  end else begin : gen_cache
    localparam int unsigned TagWidth = PageWidth - 9 * Level;
    localparam int unsigned IdxWidth = (Entries > 1) ? $clog2(Entries) : 1;

    logic [Entries-1:0]    valid_q, r_q, w_q;
    logic [15:0]           did_q[Entries];
    logic [TagWidth-1:0]   tag_q[Entries];
    logic [FrameWidth-1:0] frame_q[Entries];
    logic [IdxWidth-1:0]   next_q;

    logic [TagWidth-1:0] tag, fill_tag, flush_tag, flush_mask;
    assign tag = page_i[PageWidth-1:9*Level];
    assign fill_tag = fill_page_i[PageWidth-1:9*Level];
    assign flush_tag = flush_page_i[PageWidth-1:9*Level];
    assign flush_mask = flush_mask_i[PageWidth-1:9*Level];

    // A range and a table overlap when they agree in the bits that count for both.
    logic flush_pages;
    assign flush_pages = (flush_g_i == 2'd3) & ~flush_ih_i;
    logic [Entries-1:0] match, fill_match, flush_match;
    always_comb begin
      for (int unsigned i = 0; i < Entries; i++) begin
        flush_match[i] = flush_valid_i
            & ((flush_g_i == 2'd1)
               | ((did_q[i] == flush_did_i)
                  & ((flush_g_i == 2'd2) | (flush_pages & (((tag_q[i] ^ flush_tag) & flush_mask) == '0)))));
        match[i] = valid_q[i] & ~flush_match[i] & (did_q[i] == did_i) & (tag_q[i] == tag);
        fill_match[i] = valid_q[i] & (did_q[i] == fill_did_i) & (tag_q[i] == fill_tag);
      end
    end

    always_comb begin
      frame_o = '0;
      for (int unsigned i = 0; i < Entries; i++) frame_o |= match[i] ? frame_q[i] : '0;
    end
    assign hit_o = |match;
    assign r_o = |(match & r_q);
    assign w_o = |(match & w_q);

    logic fill_flushed, fill;
    assign fill_flushed = flush_valid_i
        & ((flush_g_i == 2'd1)
           | ((fill_did_i == flush_did_i)
              & ((flush_g_i == 2'd2) | (flush_pages & (((fill_tag ^ flush_tag) & flush_mask) == '0)))));
    assign fill = fill_valid_i & ~fill_flushed;

    logic [IdxWidth-1:0] fill_index;
    always_comb begin
      fill_index = next_q;
      for (int unsigned i = 0; i < Entries; i++) begin
        if (fill_match[i]) fill_index = IdxWidth'(i);
      end
    end

    always_ff @(posedge clk_i) begin
      if (fill) begin
        did_q[fill_index] <= fill_did_i;
        tag_q[fill_index] <= fill_tag;
        frame_q[fill_index] <= fill_frame_i;
        r_q[fill_index] <= fill_r_i;
        w_q[fill_index] <= fill_w_i;
      end
      if (!rst_ni) begin
        valid_q <= '0;
        next_q <= '0;
      end else begin
        valid_q <= valid_q & ~flush_match;
        if (fill) begin
          valid_q[fill_index] <= 1'b1;
          if (fill_match == '0) next_q <= (next_q == IdxWidth'(Entries - 1)) ? '0 : next_q + 1'b1;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert ((match & (match - 1'b1)) == '0);
      end
    end
  end
endmodule
