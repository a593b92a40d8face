// SPDX-License-Identifier: Apache-2.0
// Context cache, legacy mode: source-id -> domain, translation type, width, table. Holds only entries that were
// present and free of errors (CM = 0).
//
// Timing: the three lookups answer in the same cycle. A fill or a flush given in cycle t shows in t+1; a fill that
// meets any flush is dropped. Replacement is round-robin.
module iommu_context_cache #(
    parameter int unsigned Entries    = 8,   // at least 2
    parameter int unsigned FrameWidth = 34   // bits of a host page number
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,

    // Lookups: read lane, write lane, walker.
    input  logic [15:0]           rd_sid_i,
    output logic                  rd_hit_o,
    output logic [15:0]           rd_did_o,
    output logic                  rd_pass_o,   // TT = pass-through
    input  logic [15:0]           wr_sid_i,
    output logic                  wr_hit_o,
    output logic [15:0]           wr_did_o,
    output logic                  wr_pass_o,
    input  logic [15:0]           wk_sid_i,
    output logic                  wk_hit_o,
    output logic [15:0]           wk_did_o,
    output logic                  wk_pass_o,
    output logic                  wk_fpd_o,
    output logic [2:0]            wk_aw_o,
    output logic [FrameWidth-1:0] wk_table_o,

    input  logic                  fill_valid_i,
    input  logic [15:0]           fill_sid_i,
    input  logic [15:0]           fill_did_i,
    input  logic                  fill_pass_i,
    input  logic                  fill_fpd_i,
    input  logic [2:0]            fill_aw_i,
    input  logic [FrameWidth-1:0] fill_table_i,

    input  logic                  flush_valid_i,
    input  logic [1:0]            flush_g_i,    // 1 global, 2 domain, 3 device
    input  logic [15:0]           flush_did_i,
    input  logic [15:0]           flush_sid_i,
    input  logic [2:0]            flush_fm_i    // function bits that do not count
);
  if (Entries < 2) begin : gen_entries_check
    $error("iommu_context_cache: Entries must be at least 2");
  end

  localparam int unsigned IdxWidth = $clog2(Entries);

  logic [Entries-1:0]    valid_q, pass_q, fpd_q;
  logic [15:0]           sid_q[Entries];
  logic [15:0]           did_q[Entries];
  logic [2:0]            aw_q[Entries];
  logic [FrameWidth-1:0] table_q[Entries];
  logic [IdxWidth-1:0]   next_q;

  logic [Entries-1:0] rd_match, wr_match, wk_match, fill_match, flush_match;
  always_comb begin
    for (int unsigned i = 0; i < Entries; i++) begin
      rd_match[i] = valid_q[i] & (sid_q[i] == rd_sid_i);
      wr_match[i] = valid_q[i] & (sid_q[i] == wr_sid_i);
      wk_match[i] = valid_q[i] & (sid_q[i] == wk_sid_i);
      fill_match[i] = valid_q[i] & (sid_q[i] == fill_sid_i);
      flush_match[i] = (flush_g_i == 2'd1)
          | ((flush_g_i == 2'd2) & (did_q[i] == flush_did_i))
          | ((flush_g_i == 2'd3) & (((sid_q[i] ^ flush_sid_i) & ~{13'd0, flush_fm_i}) == '0));
    end
  end

  always_comb begin
    rd_did_o = '0;
    wr_did_o = '0;
    wk_did_o = '0;
    wk_aw_o = '0;
    wk_table_o = '0;
    for (int unsigned i = 0; i < Entries; i++) begin
      rd_did_o |= rd_match[i] ? did_q[i] : '0;
      wr_did_o |= wr_match[i] ? did_q[i] : '0;
      wk_did_o |= wk_match[i] ? did_q[i] : '0;
      wk_aw_o |= wk_match[i] ? aw_q[i] : '0;
      wk_table_o |= wk_match[i] ? table_q[i] : '0;
    end
  end
  assign rd_hit_o = |rd_match;
  assign rd_pass_o = |(rd_match & pass_q);
  assign wr_hit_o = |wr_match;
  assign wr_pass_o = |(wr_match & pass_q);
  assign wk_hit_o = |wk_match;
  assign wk_pass_o = |(wk_match & pass_q);
  assign wk_fpd_o = |(wk_match & fpd_q);

  logic fill;
  assign fill = fill_valid_i & ~flush_valid_i;

  logic [IdxWidth-1:0] fill_index;
  always_comb begin
    fill_index = next_q;
    for (int unsigned i = 0; i < Entries; i++) begin
      if (fill_match[i]) fill_index = IdxWidth'(i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (fill) begin
      sid_q[fill_index] <= fill_sid_i;
      did_q[fill_index] <= fill_did_i;
      pass_q[fill_index] <= fill_pass_i;
      fpd_q[fill_index] <= fill_fpd_i;
      aw_q[fill_index] <= fill_aw_i;
      table_q[fill_index] <= fill_table_i;
    end
    if (!rst_ni) begin
      valid_q <= '0;
      next_q <= '0;
    end else begin
      if (flush_valid_i) valid_q <= valid_q & ~flush_match;
      if (fill) begin
        valid_q[fill_index] <= 1'b1;
        if (fill_match == '0) next_q <= (next_q == IdxWidth'(Entries - 1)) ? '0 : next_q + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_one_read_match: assert ((rd_match & (rd_match - 1'b1)) == '0);
      a_one_write_match: assert ((wr_match & (wr_match - 1'b1)) == '0);
    end
  end
endmodule
