// SPDX-License-Identifier: Apache-2.0
// iommu_context_cache: of any one source-id, a lookup says only what a fill said after the last flush that covered it.
module context_cache_fv #(
    parameter int unsigned Entries    = 2,
    parameter int unsigned FrameWidth = 1,
    parameter int unsigned IdBits     = 2   // of source-ids and domain-ids that are free; the others are 0
) (
    input logic                  clk_i,
    input logic                  rst_ni,
    input logic [15:0]           rd_sid_i,
    input logic [15:0]           wr_sid_i,
    input logic [15:0]           wk_sid_i,
    input logic                  fill_valid_i,
    input logic [15:0]           fill_sid_i,
    input logic [15:0]           fill_did_i,
    input logic                  fill_pass_i,
    input logic                  fill_fpd_i,
    input logic [2:0]            fill_aw_i,
    input logic [FrameWidth-1:0] fill_table_i,
    input logic                  flush_valid_i,
    input logic [1:0]            flush_g_i,
    input logic [15:0]           flush_did_i,
    input logic [15:0]           flush_sid_i,
    input logic [2:0]            flush_fm_i,
    // The watched entry, constant.
    input logic [15:0]           sid_i,
    input logic [15:0]           did_i,
    input logic                  pass_i,
    input logic [2:0]            aw_i,
    input logic [FrameWidth-1:0] table_i
);
  logic rd_hit, rd_pass, wr_hit, wr_pass, wk_hit, wk_pass, wk_fpd;
  logic [15:0] rd_did, wr_did, wk_did;
  logic [2:0] wk_aw;
  logic [FrameWidth-1:0] wk_table;
  iommu_context_cache #(.Entries(Entries), .FrameWidth(FrameWidth)) dut (
      .clk_i, .rst_ni, .rd_sid_i, .rd_hit_o(rd_hit), .rd_did_o(rd_did), .rd_pass_o(rd_pass), .wr_sid_i,
      .wr_hit_o(wr_hit), .wr_did_o(wr_did), .wr_pass_o(wr_pass), .wk_sid_i, .wk_hit_o(wk_hit), .wk_did_o(wk_did),
      .wk_pass_o(wk_pass), .wk_fpd_o(wk_fpd), .wk_aw_o(wk_aw), .wk_table_o(wk_table), .fill_valid_i, .fill_sid_i,
      .fill_did_i, .fill_pass_i, .fill_fpd_i, .fill_aw_i, .fill_table_i, .flush_valid_i, .flush_g_i, .flush_did_i,
      .flush_sid_i, .flush_fm_i);

  logic started_q = 1'b0;
  logic [15:0] sid_q, did_q;
  logic pass_q;
  logic [2:0] aw_q;
  logic [FrameWidth-1:0] table_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    sid_q <= sid_i;
    did_q <= did_i;
    pass_q <= pass_i;
    aw_q <= aw_i;
    table_q <= table_i;
  end

  logic fills, flushes, may_q, may_way_q, flushed_q;  // may_way_q: the whole entry, may_q: what the lanes see of it
  assign fills = fill_valid_i & (fill_sid_i == sid_i) & (fill_did_i == did_i) & (fill_pass_i == pass_i);
  assign flushes = flush_valid_i
      & ((flush_g_i == 2'd1) | ((flush_g_i == 2'd2) & (flush_did_i == did_i))
         | ((flush_g_i == 2'd3) & (((flush_sid_i ^ sid_i) & ~{13'd0, flush_fm_i}) == '0)));
  always_ff @(posedge clk_i) begin
    if (!rst_ni || flushes) begin
      may_q <= 1'b0;
      may_way_q <= 1'b0;
    end else if (fills) begin
      may_q <= 1'b1;
      if (fill_aw_i == aw_i && fill_table_i == table_i) may_way_q <= 1'b1;
    end
    flushed_q <= rst_ni & (flushed_q | (flush_valid_i & ~flushes & may_way_q));
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    if (started_q) begin
      m_constant: assume (sid_i == sid_q && did_i == did_q && pass_i == pass_q && aw_i == aw_q && table_i == table_q);
    end
    m_ids: assume (((sid_i | did_i | rd_sid_i | wr_sid_i | wk_sid_i | fill_sid_i | fill_did_i | flush_did_i | flush_sid_i)
                    >> IdBits) == '0);
    m_granularity: assume (flush_g_i != 2'd0);
  end
  logic walker;
  assign walker = wk_hit & (wk_sid_i == sid_i) & (wk_did == did_i) & (wk_pass == pass_i);
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_read: assert (!(rd_hit && rd_sid_i == sid_i && rd_did == did_i && rd_pass == pass_i) || may_q);
      a_write: assert (!(wr_hit && wr_sid_i == sid_i && wr_did == did_i && wr_pass == pass_i) || may_q);
      a_walker: assert (!(walker && wk_aw == aw_i && wk_table == table_i) || may_way_q);
      c_kept: cover (walker && wk_aw == aw_i && wk_table == table_i && flushed_q);
      c_missed: cover (!wk_hit && wk_sid_i == sid_i && flushed_q);
    end
  end
endmodule
