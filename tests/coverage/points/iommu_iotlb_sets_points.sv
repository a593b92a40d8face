// SPDX-License-Identifier: Apache-2.0
// Clearing, scrubbing, generations and page flushes beside fills and lookups.
module iommu_iotlb_sets_points (
    input logic clk_i,
    input logic rst_ni,
    input logic init_q,
    input logic pass_q,
    input logic pass_begins,
    input logic pass_ends,
    input logic gen_full,
    input logic moves,
    input logic flush_valid_i,
    input logic flush_ready_o,
    input logic [1:0] flush_g_i,
    input logic fread,
    input logic fcheck_q,
    input logic many,
    input logic page_flush,
    input logic fill_valid_i,
    input logic fill_flushed,
    input logic held_flushed,
    input logic take,
    input logic fill_writes,
    input logic fb_valid_q,
    input logic same,
    input logic free,
    input logic sread,
    input logic scheck_q,
    input logic rd_match,
    input logic wr_match,
    input logic rd_killed,
    input logic wr_killed,
    input logic rd_clash,
    input logic wr_clash,
    input logic we
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_clearing: cover (init_q);
      c_scrubbing: cover (pass_q);
      c_generations_used_up: cover (gen_full);
      c_flush_waits_for_a_pass: cover (gen_full && !flush_ready_o && !init_q);
      c_pass_ends_as_generation_moves: cover (pass_ends && moves);
      c_pass_begins_as_generation_moves: cover (pass_begins && moves);
      c_scrub_clears: cover (scheck_q && we);
      c_scrub_reads: cover (sread);
      c_page_flush_of_one_set: cover (page_flush && !many);
      c_page_flush_of_many_sets: cover (fread && many);
      c_page_flush_takes: cover (fcheck_q && we);
      c_flush_while_one_works: cover (flush_valid_i && fcheck_q);
      c_fill_and_its_flush: cover (fill_valid_i && fill_flushed);
      c_held_fill_and_its_flush: cover (fb_valid_q && held_flushed);
      c_fill_and_page_flush: cover (take && page_flush);
      c_fill_dropped: cover (fill_valid_i && !fill_flushed && !take && !init_q);
      c_fill_not_during_waited_pass: cover (fill_valid_i && gen_full);
      c_fill_behind_fill: cover (take && fill_writes);
      c_fill_in_its_place: cover (fill_writes && same);
      c_fill_in_a_free_way: cover (fill_writes && !same && free);
      c_fill_replaces: cover (fill_writes && !same && !free);
      c_read_hit: cover (rd_match && !rd_killed);
      c_write_hit: cover (wr_match && !wr_killed);
      c_read_hit_taken_by_flush: cover (rd_match && rd_killed);
      c_write_hit_taken_by_flush: cover (wr_match && wr_killed);
      c_read_clash: cover (rd_clash);
      c_write_clash: cover (wr_clash);
      c_read_hit_and_flush: cover (rd_match && !rd_killed && flush_valid_i);
      c_flush_global: cover (flush_valid_i && flush_g_i == 2'd1);
      c_flush_domain: cover (flush_valid_i && flush_g_i == 2'd2);
    end
  end
endmodule

bind iommu_iotlb_sets iommu_iotlb_sets_points i_points (
    .clk_i, .rst_ni, .init_q, .pass_q, .pass_begins, .pass_ends, .gen_full(full != '0), .moves(moves != '0),
    .flush_valid_i, .flush_ready_o, .flush_g_i, .fread, .fcheck_q, .many(left_q != '0), .page_flush, .fill_valid_i,
    .fill_flushed, .held_flushed, .take, .fill_writes, .fb_valid_q, .same(fill_same != '0),
    .free(fill_free != '0), .sread, .scheck_q, .rd_match(rd_match != '0), .wr_match(wr_match != '0),
    .rd_killed, .wr_killed, .rd_clash(rd_clash_q != '0), .wr_clash(wr_clash_q != '0), .we(we != '0));
