// SPDX-License-Identifier: Apache-2.0
// The IOTLB, in one of two forms. Ways = 0: fully associative in flip-flops, all page sizes in its Entries. Otherwise
// Entries of 4 KiB pages in block RAM, Ways to a set; beside it, in flip-flops, LargeEntries for 2 MiB and 1 GiB pages,
// and the last RecentEntries fills of 4 KiB pages, which bridge the cycles until the RAM has them.
//
// Timing, both forms: a fill or a flush given in t shows in t+1. The answer is combinational from the domain and, for
// the RAM, from the page given ReadStages cycles before. flush_valid_i only with flush_ready_o.
module iommu_iotlb #(
    parameter int unsigned Entries       = 64,
    parameter int unsigned Ways          = 0,   // 0: fully associative
    parameter int unsigned LargeEntries  = 16,  // with Ways > 0
    parameter int unsigned RecentEntries = 8,   // with Ways > 0, at least 8
    parameter int unsigned GenBits       = 4,   // with Ways > 0: bits of a generation
    parameter int unsigned Buckets       = 16,  // with Ways > 0: generations, by domain
    parameter int unsigned ReadStages    = 1,
    parameter int unsigned PageWidth     = 36,
    parameter int unsigned FrameWidth    = 34
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,

    // Read lane and write lane; next_page: what is looked up ReadStages cycles later (not looked at by flip-flops).
    // verilator lint_off UNUSEDSIGNAL
    input  logic [PageWidth-1:0]  rd_next_page_i,
    input  logic [PageWidth-1:0]  wr_next_page_i,
    // verilator lint_on UNUSEDSIGNAL
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
    input  logic [PageWidth-1:0]  fill_page_i,
    input  logic [FrameWidth-1:0] fill_frame_i,
    input  logic                  fill_r_i,
    input  logic                  fill_w_i,
    input  logic                  fill_snp_i,

    input  logic                  flush_valid_i,
    output logic                  flush_ready_o,  // for the flush that flush_g_i and flush_did_i describe
    input  logic [1:0]            flush_g_i,      // 1 global, 2 domain, 3 page-in-domain
    input  logic [15:0]           flush_did_i,
    input  logic [PageWidth-1:0]  flush_page_i,
    input  logic [PageWidth-1:0]  flush_mask_i    // page bits that count
);
  if (Ways == 0) begin : gen_full
    iommu_iotlb_full #(.Entries(Entries), .PageWidth(PageWidth), .FrameWidth(FrameWidth)) i_full (
        .clk_i, .rst_ni, .rd_did_i, .rd_page_i, .rd_hit_o, .rd_frame_o, .rd_r_o, .rd_w_o, .rd_snp_o, .wr_did_i,
        .wr_page_i, .wr_hit_o, .wr_frame_o, .wr_w_o, .wr_snp_o, .fill_valid_i, .fill_size_i, .fill_did_i,
        .fill_page_i, .fill_frame_i, .fill_r_i, .fill_w_i, .fill_snp_i, .flush_valid_i, .flush_g_i, .flush_did_i,
        .flush_page_i, .flush_mask_i);
    assign flush_ready_o = 1'b1;
  end else begin : gen_sets
    if (Entries % Ways != 0) begin : gen_entries_check
      $error("iommu_iotlb: Entries must be a multiple of Ways");
    end
    // A fill is in the RAM after at most five cycles without page flushes.
    if (RecentEntries < 8) begin : gen_recent_check
      $error("iommu_iotlb: RecentEntries must be at least 8");
    end

    // [0] recent fills, [1] RAM, [2] large pages. Where more than one answers, the first counts: between a change of
    // a page's size and its invalidation either is right.
    logic [2:0] rd_hit, rd_r, rd_w, rd_snp, wr_hit, wr_w, wr_snp;
    logic [FrameWidth-1:0] rd_frame0, rd_frame1, rd_frame2, wr_frame0, wr_frame1, wr_frame2;
    logic fill_small, fill_large, sets_ready, sets_busy;
    assign fill_small = fill_valid_i & (fill_size_i == 2'd0);
    assign fill_large = fill_valid_i & (fill_size_i != 2'd0);
    iommu_iotlb_full #(
        .Entries(RecentEntries), .Fifo(1'b1), .PageWidth(PageWidth), .FrameWidth(FrameWidth)
    ) i_recent (
        .clk_i, .rst_ni, .rd_did_i, .rd_page_i, .rd_hit_o(rd_hit[0]), .rd_frame_o(rd_frame0), .rd_r_o(rd_r[0]),
        .rd_w_o(rd_w[0]), .rd_snp_o(rd_snp[0]), .wr_did_i, .wr_page_i, .wr_hit_o(wr_hit[0]), .wr_frame_o(wr_frame0),
        .wr_w_o(wr_w[0]), .wr_snp_o(wr_snp[0]), .fill_valid_i(fill_small), .fill_size_i(2'd0), .fill_did_i, .fill_page_i,
        .fill_frame_i, .fill_r_i, .fill_w_i, .fill_snp_i, .flush_valid_i, .flush_g_i, .flush_did_i, .flush_page_i,
        .flush_mask_i);
    iommu_iotlb_sets #(
        .Sets(Entries / Ways), .Ways(Ways), .GenBits(GenBits), .Buckets(Buckets), .ReadStages(ReadStages),
        .PageWidth(PageWidth), .FrameWidth(FrameWidth)
    ) i_sets (
        .clk_i, .rst_ni, .rd_next_set_i(rd_next_page_i[$clog2(Entries/Ways)-1:0]), .rd_did_i, .rd_page_i, .rd_hit_o(rd_hit[1]), .rd_frame_o(rd_frame1),
        .rd_r_o(rd_r[1]), .rd_w_o(rd_w[1]), .rd_snp_o(rd_snp[1]), .wr_next_set_i(wr_next_page_i[$clog2(Entries/Ways)-1:0]), .wr_did_i, .wr_page_i,
        .wr_hit_o(wr_hit[1]), .wr_frame_o(wr_frame1), .wr_w_o(wr_w[1]), .wr_snp_o(wr_snp[1]), .fill_valid_i(fill_small),
        .fill_did_i, .fill_page_i, .fill_frame_i, .fill_r_i, .fill_w_i, .fill_snp_i, .flush_valid_i,
        .flush_ready_o(sets_ready), .flush_busy_o(sets_busy), .flush_g_i, .flush_did_i, .flush_page_i, .flush_mask_i);
    iommu_iotlb_full #(.Entries(LargeEntries), .PageWidth(PageWidth), .FrameWidth(FrameWidth)) i_large (
        .clk_i, .rst_ni, .rd_did_i, .rd_page_i, .rd_hit_o(rd_hit[2]), .rd_frame_o(rd_frame2), .rd_r_o(rd_r[2]),
        .rd_w_o(rd_w[2]), .rd_snp_o(rd_snp[2]), .wr_did_i, .wr_page_i, .wr_hit_o(wr_hit[2]), .wr_frame_o(wr_frame2),
        .wr_w_o(wr_w[2]), .wr_snp_o(wr_snp[2]), .fill_valid_i(fill_large), .fill_size_i, .fill_did_i, .fill_page_i,
        .fill_frame_i, .fill_r_i, .fill_w_i, .fill_snp_i, .flush_valid_i, .flush_g_i, .flush_did_i, .flush_page_i,
        .flush_mask_i);
    assign flush_ready_o = sets_ready & ~sets_busy;

    assign rd_hit_o = rd_hit != '0;
    assign rd_frame_o = rd_hit[0] ? rd_frame0 : rd_hit[1] ? rd_frame1 : rd_frame2;
    assign rd_r_o = rd_hit[0] ? rd_r[0] : rd_hit[1] ? rd_r[1] : rd_r[2];
    assign rd_w_o = rd_hit[0] ? rd_w[0] : rd_hit[1] ? rd_w[1] : rd_w[2];
    assign rd_snp_o = rd_hit[0] ? rd_snp[0] : rd_hit[1] ? rd_snp[1] : rd_snp[2];
    assign wr_hit_o = wr_hit != '0;
    assign wr_frame_o = wr_hit[0] ? wr_frame0 : wr_hit[1] ? wr_frame1 : wr_frame2;
    assign wr_w_o = wr_hit[0] ? wr_w[0] : wr_hit[1] ? wr_w[1] : wr_w[2];
    assign wr_snp_o = wr_hit[0] ? wr_snp[0] : wr_hit[1] ? wr_snp[1] : wr_snp[2];
  end
endmodule
