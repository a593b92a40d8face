// SPDX-License-Identifier: Apache-2.0
// Set-associative IOTLB in block RAM for pages of 4 KiB, indexed by the low bits of the page number.
//
// Timing: rd_next_set_i (wr_) in t -> the answer for the page and domain given in t+ReadStages, in t+ReadStages. A flush given in t shows in t+1, whatever its size. Domain and global flushes take one cycle. A page
// flush works through its min(2^AM, Sets) sets, one a cycle; meanwhile and until the last set's new words can be read,
// lookups that it matches miss. flush_busy_o: no flush may be given. A fill shows after at most a few cycles; when it
// finds the ports taken it may be dropped (a fill is a service, no duty), and what it would have replaced stays.
//
// Generations: domains fall into Buckets by their low bits. A bucket has a current generation, every entry carries the
// one it was filled in, and only entries of the current one hit. A flush of a domain or of all moves the generation on.
// A generation that was left is dirty until a scrub pass over all sets that began afterwards has ended; when a bucket
// has no clean generation left, flush_ready_o waits for the pass. With g bits 2^g - 1 flushes of a bucket go through
// without a wait. A flush waits for two passes at most, the one under way and the next, which take Sets + 4 cycles
// each: no fill is taken meanwhile.
//
// Replacement: the way that holds the page, else the first way without a live entry, else the ways in turn.
module iommu_iotlb_sets #(
    parameter int unsigned Sets       = 1024,  // a power of two, at least 4
    parameter int unsigned Ways       = 4,     // 1 to 16
    parameter int unsigned GenBits    = 4,     // bits of a generation, 1 to 8
    parameter int unsigned Buckets    = 16,    // a power of two, at least 2
    parameter int unsigned ReadStages = 1,     // 1, or 2 with a register behind the RAM
    parameter int unsigned PageWidth  = 36,
    parameter int unsigned FrameWidth = 34,
    parameter int unsigned SetBits    = $clog2(Sets)  // derived
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,

    // Read lane and write lane.
    input  logic [SetBits-1:0]    rd_next_set_i,   // looked up ReadStages cycles later
    input  logic [15:0]           rd_did_i,
    input  logic [PageWidth-1:0]  rd_page_i,
    output logic                  rd_hit_o,
    output logic [FrameWidth-1:0] rd_frame_o,
    output logic                  rd_r_o,
    output logic                  rd_w_o,
    output logic                  rd_snp_o,
    input  logic [SetBits-1:0]    wr_next_set_i,   // looked up ReadStages cycles later
    input  logic [15:0]           wr_did_i,
    input  logic [PageWidth-1:0]  wr_page_i,
    output logic                  wr_hit_o,
    output logic [FrameWidth-1:0] wr_frame_o,
    output logic                  wr_w_o,
    output logic                  wr_snp_o,

    input  logic                  fill_valid_i,
    input  logic [15:0]           fill_did_i,
    input  logic [PageWidth-1:0]  fill_page_i,
    input  logic [FrameWidth-1:0] fill_frame_i,
    input  logic                  fill_r_i,
    input  logic                  fill_w_i,
    input  logic                  fill_snp_i,

    input  logic                  flush_valid_i,  // only with flush_ready_o
    output logic                  flush_ready_o,  // for the flush that flush_g_i and flush_did_i describe
    output logic                  flush_busy_o,
    input  logic [1:0]            flush_g_i,      // 1 global, 2 domain, 3 page-in-domain
    input  logic [15:0]           flush_did_i,
    input  logic [PageWidth-1:0]  flush_page_i,
    input  logic [PageWidth-1:0]  flush_mask_i    // page bits that count
);
  if (Sets < 4 || (Sets & (Sets - 1)) != 0) begin : gen_sets_check
    $error("iommu_iotlb_sets: Sets must be a power of two, at least 4");
  end
  if (Ways < 1 || Ways > 16) begin : gen_ways_check
    $error("iommu_iotlb_sets: Ways must be 1 to 16");
  end
  if (GenBits < 1 || GenBits > 8) begin : gen_generation_check
    $error("iommu_iotlb_sets: GenBits must be 1 to 8");
  end
  if (Buckets < 2 || (Buckets & (Buckets - 1)) != 0) begin : gen_buckets_check
    $error("iommu_iotlb_sets: Buckets must be a power of two, at least 2");
  end
  if (ReadStages < 1 || ReadStages > 2) begin : gen_stages_check
    $error("iommu_iotlb_sets: ReadStages must be 1 or 2");
  end

  localparam int unsigned WayBits = (Ways > 1) ? $clog2(Ways) : 1;
  localparam int unsigned BucketBits = $clog2(Buckets);
  localparam int unsigned TagBits = PageWidth - SetBits;
  localparam int unsigned TagWidth = 1 + GenBits + 16 + TagBits;  // {valid, generation, domain, tag}
  localparam int unsigned DataWidth = FrameWidth + 3;             // {frame, r, w, snp}

  // ------------------------------------------------------------------ generations
  logic [Buckets*GenBits-1:0] gen_q, gen_d;
  logic [Buckets*GenBits-1:0] dirty_q;   // generations left since the last pass that covers them
  logic [Buckets*GenBits-1:0] covered_q; // how many of them the pass under way covers
  logic [Buckets-1:0]         full, moves;
  logic                       init_q, pass_q, pass_begins, pass_ends;
  logic [BucketBits-1:0]      flush_bucket;
  assign flush_bucket = flush_did_i[BucketBits-1:0];
  always_comb begin
    gen_d = gen_q;
    for (int unsigned b = 0; b < Buckets; b++) begin
      full[b] = &dirty_q[b*GenBits+:GenBits];
      moves[b] = flush_valid_i
          & ((flush_g_i == 2'd1) | ((flush_g_i == 2'd2) & (flush_bucket == BucketBits'(b))));
      if (moves[b]) gen_d[b*GenBits+:GenBits] = gen_q[b*GenBits+:GenBits] + 1'b1;
    end
  end
  assign flush_ready_o = ~init_q
      & ((flush_g_i == 2'd1) ? (full == '0) : (flush_g_i == 2'd2) ? ~full[flush_bucket] : 1'b1);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      gen_q <= '0;
      dirty_q <= '0;
    end else begin
      gen_q <= gen_d;
      for (int unsigned b = 0; b < Buckets; b++) begin
        dirty_q[b*GenBits+:GenBits] <= dirty_q[b*GenBits+:GenBits] + GenBits'(moves[b])
            - (pass_ends ? covered_q[b*GenBits+:GenBits] : '0);
      end
    end
    if (pass_begins) covered_q <= dirty_q;
  end

  // ------------------------------------------------------------------ the memories
  // Tags and data for each lane, and tags once more for maintenance: fills, page flushes, scrubbing.
  logic [Ways-1:0]              we;
  logic [SetBits-1:0]           wset, mset;   // written; read for maintenance
  logic [TagWidth-1:0]          wtag;
  logic [DataWidth-1:0]         wdata;
  logic [Ways*TagWidth-1:0]     rd_tag_ram, wr_tag_ram, m_ram, rd_tag, wr_tag, m_tag;
  logic [Ways*DataWidth-1:0]    rd_data_ram, wr_data_ram, rd_data, wr_data;
  // What a way's memory gives in the cycle after it was read and written at one place at once is nothing: such a way
  // misses. What was written is not missed, a fill stands among the recent ones, and the rest clears.
  logic [Ways*TagWidth-1:0]     rd_tag_sure, wr_tag_sure;
  logic [Ways-1:0]              rd_clash_q, wr_clash_q;
  always_ff @(posedge clk_i) begin
    rd_clash_q <= (wset == rd_next_set_i) ? we : '0;
    wr_clash_q <= (wset == wr_next_set_i) ? we : '0;
  end
  always_comb begin
    rd_tag_sure = rd_tag_ram;
    wr_tag_sure = wr_tag_ram;
    for (int unsigned w = 0; w < Ways; w++) begin
      if (rd_clash_q[w]) rd_tag_sure[w*TagWidth+TagWidth-1] = 1'b0;
      if (wr_clash_q[w]) wr_tag_sure[w*TagWidth+TagWidth-1] = 1'b0;
    end
  end
  for (genvar w = 0; w < Ways; w++) begin : gen_way
    ram_1r1w #(.Width(TagWidth), .Depth(Sets)) i_rd_tag (
        .clk_i, .we_i(we[w]), .waddr_i(wset), .wdata_i(wtag), .raddr_i(rd_next_set_i),
        .rdata_o(rd_tag_ram[w*TagWidth+:TagWidth]));
    ram_1r1w #(.Width(TagWidth), .Depth(Sets)) i_wr_tag (
        .clk_i, .we_i(we[w]), .waddr_i(wset), .wdata_i(wtag), .raddr_i(wr_next_set_i),
        .rdata_o(wr_tag_ram[w*TagWidth+:TagWidth]));
    ram_1r1w #(.Width(TagWidth), .Depth(Sets)) i_m_tag (
        .clk_i, .we_i(we[w]), .waddr_i(wset), .wdata_i(wtag), .raddr_i(mset), .rdata_o(m_ram[w*TagWidth+:TagWidth]));
    ram_1r1w #(.Width(DataWidth), .Depth(Sets)) i_rd_data (
        .clk_i, .we_i(we[w]), .waddr_i(wset), .wdata_i(wdata), .raddr_i(rd_next_set_i),
        .rdata_o(rd_data_ram[w*DataWidth+:DataWidth]));
    ram_1r1w #(.Width(DataWidth), .Depth(Sets)) i_wr_data (
        .clk_i, .we_i(we[w]), .waddr_i(wset), .wdata_i(wdata), .raddr_i(wr_next_set_i),
        .rdata_o(wr_data_ram[w*DataWidth+:DataWidth]));
  end
  if (ReadStages == 1) begin : gen_one_stage
    assign rd_tag = rd_tag_sure;
    assign wr_tag = wr_tag_sure;
    assign rd_data = rd_data_ram;
    assign wr_data = wr_data_ram;
  end else begin : gen_two_stages
    logic [Ways*TagWidth-1:0]  rd_tag_q, wr_tag_q;
    logic [Ways*DataWidth-1:0] rd_data_q, wr_data_q;
    always_ff @(posedge clk_i) begin
      rd_tag_q <= rd_tag_sure;
      wr_tag_q <= wr_tag_sure;
      rd_data_q <= rd_data_ram;
      wr_data_q <= wr_data_ram;
    end
    assign rd_tag = rd_tag_q;
    assign wr_tag = wr_tag_q;
    assign rd_data = rd_data_q;
    assign wr_data = wr_data_q;
  end

  // Maintenance sees what was written in the cycle in which it read.
  logic [Ways-1:0]     we_q;
  logic                same_set_q;
  logic [TagWidth-1:0] wtag_q;
  always_ff @(posedge clk_i) begin
    we_q <= we;
    wtag_q <= wtag;
    same_set_q <= wset == mset;
  end
  always_comb begin
    for (int unsigned w = 0; w < Ways; w++)
      m_tag[w*TagWidth+:TagWidth] = (we_q[w] & same_set_q) ? wtag_q : m_ram[w*TagWidth+:TagWidth];
  end

  // ------------------------------------------------------------------ page flushes
  // fread: a set is being read; fcheck_q: its words are here.
  logic               fread, fcheck_q;
  logic [SetBits-1:0] fread_set, fcheck_set_q, left_q, next_q;  // left_q: sets to read still
  logic [15:0]        fdid_q;
  logic [PageWidth-1:0] fpage_q, fmask_q;
  logic               page_flush;
  assign page_flush = flush_valid_i & (flush_g_i == 2'd3);
  assign fread = page_flush | (left_q != '0);
  assign fread_set = page_flush ? (flush_page_i[SetBits-1:0] & flush_mask_i[SetBits-1:0]) : next_q;
  assign flush_busy_o = init_q | (left_q != '0);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
      fcheck_q <= 1'b0;
    end else begin
      fcheck_q <= fread;
      if (page_flush) left_q <= ~flush_mask_i[SetBits-1:0];
      else if (left_q != '0) left_q <= left_q - 1'b1;
    end
    fcheck_set_q <= fread_set;
    next_q <= fread_set + 1'b1;
    if (page_flush) begin
      fdid_q <= flush_did_i;
      fpage_q <= flush_page_i;
      fmask_q <= flush_mask_i;
    end
  end

  // What lookups must not use any more although the RAM may still say so: [0] the flush at work, then those whose last
  // write is 1 and 2 cycles old.
  logic [ReadStages:0]               kill_valid;
  logic [(ReadStages+1)*16-1:0]      kill_did;
  logic [(ReadStages+1)*PageWidth-1:0] kill_page, kill_mask;
  logic [ReadStages-1:0]             killed_valid_q;
  logic [ReadStages*16-1:0]          killed_did_q;
  logic [ReadStages*PageWidth-1:0]   killed_page_q, killed_mask_q;
  assign kill_valid = {killed_valid_q, fcheck_q};
  assign kill_did = {killed_did_q, fdid_q};
  assign kill_page = {killed_page_q, fpage_q};
  assign kill_mask = {killed_mask_q, fmask_q};
  always_ff @(posedge clk_i) begin
    killed_valid_q <= rst_ni ? kill_valid[ReadStages-1:0] : '0;
    killed_did_q <= kill_did[ReadStages*16-1:0];
    killed_page_q <= kill_page[ReadStages*PageWidth-1:0];
    killed_mask_q <= kill_mask[ReadStages*PageWidth-1:0];
  end

  // ------------------------------------------------------------------ a fill: read its set, then write one way
  logic                  fill_flushed, held_flushed, take, fill_reads, fill_writes;
  logic                  fb_valid_q, fb_read_q;  // a fill is held; its set's words are here
  logic [15:0]           fb_did_q;
  logic [PageWidth-1:0]  fb_page_q;
  logic [DataWidth-1:0]  fb_data_q;
  assign fill_flushed = flush_valid_i
      & ((flush_g_i == 2'd1)
         | ((fill_did_i == flush_did_i)
            & ((flush_g_i == 2'd2) | (((fill_page_i ^ flush_page_i) & flush_mask_i) == '0))));
  assign held_flushed = flush_valid_i
      & ((flush_g_i == 2'd1)
         | ((fb_did_q == flush_did_i)
            & ((flush_g_i == 2'd2) | (((fb_page_q ^ flush_page_i) & flush_mask_i) == '0))));
  assign fill_writes = fb_valid_q & fb_read_q & ~fcheck_q & ~held_flushed;
  // Fills make way for a pass that is waited for.
  assign take = fill_valid_i & ~fill_flushed & ~init_q & (full == '0) & (~fb_valid_q | fill_writes | held_flushed);
  assign fill_reads = ~fread & (take | (fb_valid_q & ~fill_writes & ~held_flushed));
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fb_valid_q <= 1'b0;
    end else begin
      fb_valid_q <= take | (fb_valid_q & ~fill_writes & ~held_flushed);
    end
    fb_read_q <= fill_reads;
    if (take) begin
      fb_did_q <= fill_did_i;
      fb_page_q <= fill_page_i;
      fb_data_q <= {fill_frame_i, fill_r_i, fill_w_i, fill_snp_i};
    end
  end

  logic [Ways-1:0]    fill_same, fill_free, fill_way;
  logic [WayBits-1:0] turn_q;
  always_comb begin
    for (int unsigned w = 0; w < Ways; w++) begin
      fill_free[w] = ~m_tag[w*TagWidth+TagWidth-1]
          | (m_tag[w*TagWidth+16+TagBits+:GenBits]
             != gen_q[BucketBits'(m_tag[w*TagWidth+TagBits+:16])*GenBits+:GenBits]);
      fill_same[w] = ~fill_free[w] & (m_tag[w*TagWidth+:16+TagBits] == {fb_did_q, fb_page_q[PageWidth-1:SetBits]});
    end
    if (fill_same != '0) fill_way = fill_same & ~(fill_same - 1'b1);
    else if (fill_free != '0) fill_way = fill_free & ~(fill_free - 1'b1);
    else fill_way = Ways'(1) << turn_q;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) turn_q <= '0;
    else if (fill_writes && fill_same == '0 && fill_free == '0) turn_q <= (turn_q == WayBits'(Ways - 1)) ? '0 : turn_q + 1'b1;
  end

  // ------------------------------------------------------------------ scrubbing: the ports' spare cycles
  logic               sread, scheck_q, sretry, reading_q;
  logic [SetBits-1:0] sset_q, scheck_set_q;  // to read next; whose words are here
  assign sretry = scheck_q & (fcheck_q | fill_writes);  // the write port is taken
  assign sread = reading_q & ~sretry & ~fread & ~fill_reads;
  assign pass_begins = ~pass_q & ~init_q & (dirty_q != '0);
  // A pass has ended when no lookup can still hold words that it cleared.
  logic [ReadStages-1:0] ended_q;
  logic                  last_checked;
  assign last_checked = scheck_q & ~sretry & (scheck_set_q == SetBits'(Sets - 1));
  assign pass_ends = ended_q[ReadStages-1];
  always_ff @(posedge clk_i) ended_q <= rst_ni ? ReadStages'({ended_q, last_checked}) : '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      init_q <= 1'b1;
      pass_q <= 1'b0;
      reading_q <= 1'b0;
      scheck_q <= 1'b0;
      sset_q <= '0;
    end else begin
      if (init_q && sset_q == SetBits'(Sets - 1)) init_q <= 1'b0;
      if (pass_begins) pass_q <= 1'b1;
      else if (pass_ends) pass_q <= 1'b0;
      if (pass_begins || sretry) reading_q <= 1'b1;
      else if (sread && sset_q == SetBits'(Sets - 1)) reading_q <= 1'b0;
      scheck_q <= sread;
      if (sretry) sset_q <= scheck_set_q;
      else if (init_q || sread) sset_q <= sset_q + 1'b1;
    end
    scheck_set_q <= sset_q;
  end
  // What was read while the memories were being cleared.
  logic [ReadStages-1:0] cleared_late_q;
  always_ff @(posedge clk_i) cleared_late_q <= ReadStages'({cleared_late_q, init_q});

  // ------------------------------------------------------------------ the ports of maintenance
  assign mset = fread ? fread_set : fill_reads ? (take ? fill_page_i[SetBits-1:0] : fb_page_q[SetBits-1:0]) : sset_q;
  logic [PageWidth-1:0] m_page;
  always_comb begin
    we = '0;
    wset = fb_page_q[SetBits-1:0];
    wtag = {1'b1, gen_d[fb_did_q[BucketBits-1:0]*GenBits+:GenBits], fb_did_q, fb_page_q[PageWidth-1:SetBits]};
    wdata = fb_data_q;
    m_page = '0;
    if (init_q) begin
      we = '1;
      wset = sset_q;
      wtag = '0;
    end else if (fcheck_q) begin
      wset = fcheck_set_q;
      wtag = '0;
      for (int unsigned w = 0; w < Ways; w++) begin
        m_page = {m_tag[w*TagWidth+:TagBits], fcheck_set_q};
        we[w] = m_tag[w*TagWidth+TagWidth-1] & (m_tag[w*TagWidth+TagBits+:16] == fdid_q)
            & (((m_page ^ fpage_q) & fmask_q) == '0);
      end
    end else if (fill_writes) begin
      we = fill_way;
    end else if (scheck_q) begin
      wset = scheck_set_q;
      wtag = '0;
      we = fill_free;  // dead entries
    end
  end

  // ------------------------------------------------------------------ lookups: the first way that matches
  logic [Ways-1:0] rd_match, wr_match;
  logic            rd_killed, wr_killed;
  logic [DataWidth-1:0] rd_word;
  // Writes do not ask for R.
  // verilator lint_off UNUSEDSIGNAL
  logic [DataWidth-1:0] wr_word;
  // verilator lint_on UNUSEDSIGNAL
  always_comb begin
    rd_killed = init_q | (cleared_late_q != '0);
    wr_killed = init_q | (cleared_late_q != '0);
    for (int unsigned k = 0; k <= ReadStages; k++) begin
      if (kill_valid[k] && kill_did[k*16+:16] == rd_did_i
          && ((kill_page[k*PageWidth+:PageWidth] ^ rd_page_i) & kill_mask[k*PageWidth+:PageWidth]) == '0)
        rd_killed = 1'b1;
      if (kill_valid[k] && kill_did[k*16+:16] == wr_did_i
          && ((kill_page[k*PageWidth+:PageWidth] ^ wr_page_i) & kill_mask[k*PageWidth+:PageWidth]) == '0)
        wr_killed = 1'b1;
    end
    rd_word = '0;
    wr_word = '0;
    for (int unsigned w = Ways; w > 0; w--) begin
      rd_match[w-1] = rd_tag[(w-1)*TagWidth+:TagWidth]
          == {1'b1, gen_q[rd_did_i[BucketBits-1:0]*GenBits+:GenBits], rd_did_i, rd_page_i[PageWidth-1:SetBits]};
      wr_match[w-1] = wr_tag[(w-1)*TagWidth+:TagWidth]
          == {1'b1, gen_q[wr_did_i[BucketBits-1:0]*GenBits+:GenBits], wr_did_i, wr_page_i[PageWidth-1:SetBits]};
      if (rd_match[w-1]) rd_word = rd_data[(w-1)*DataWidth+:DataWidth];
      if (wr_match[w-1]) wr_word = wr_data[(w-1)*DataWidth+:DataWidth];
    end
  end
  assign rd_hit_o = (rd_match != '0) & ~rd_killed;
  assign {rd_frame_o, rd_r_o, rd_w_o, rd_snp_o} = rd_word;
  assign wr_hit_o = (wr_match != '0) & ~wr_killed;
  assign wr_frame_o = wr_word[3+:FrameWidth];
  assign wr_w_o = wr_word[1];
  assign wr_snp_o = wr_word[0];

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_flush_when_ready: assert (!flush_valid_i || (flush_ready_o && !flush_busy_o));
      a_clean_generation: assert ((moves & full) == '0);
      a_one_read_match: assert ((rd_match & (rd_match - 1'b1)) == '0 || rd_killed);
      a_one_write_match: assert ((wr_match & (wr_match - 1'b1)) == '0 || wr_killed);
    end
  end
endmodule
