// SPDX-License-Identifier: Apache-2.0
// Its operations full and empty; rows, aperture pages and waits.
module dma_rows_points (
    input logic clk_i,
    input logic rst_ni,
    input logic ops_full,
    input logic ops_empty,
    input logic flush_i,
    input logic op_push_i,
    input logic bypass,
    input logic busy,
    input logic dead_q,
    input logic look,
    input logic wait_maps,
    input logic issue,
    input logic direct,
    input logic map_issue,
    input logic ops_pop,
    input logic op_end,
    input logic row_end,
    input logic is_map,
    input logic src_ap,
    input logic dst_ap,
    input logic src_out,
    input logic dst_out,
    input logic jobs_full_i,
    input logic lookup_valid_o,
    input logic lookup_ready_i,
    input logic first_q,
    input logic wait_push,
    input logic rows_left,
    input logic slices_left,
    input logic maps,
    input logic maps_full,
    input logic fill
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_ops_full: cover (ops_full);
      c_ops_empty: cover (ops_empty);
      c_past_the_queue: cover (bypass);
      c_queued_behind_piece: cover (op_push_i && busy);
      c_jobs_full: cover (!ops_empty && jobs_full_i);
      c_maps_full: cover (maps_full && is_map && !ops_empty);
      c_lookup_waits_for_maps: cover (!ops_empty && look && wait_maps);
      c_maps_with_others: cover (maps && direct && !is_map);
      c_next_row: cover (issue && row_end && rows_left);
      c_next_slice: cover (issue && row_end && !rows_left && slices_left);
      c_last_piece: cover (ops_pop && !first_q);
      c_whole_in_one: cover (ops_pop && first_q);
      c_end_of_page_within_a_row: cover (issue && look && !row_end);
      c_from_aperture: cover (issue && src_ap && !dst_ap);
      c_to_aperture: cover (issue && dst_ap && !src_ap);
      c_aperture_to_aperture: cover (issue && dst_ap && src_ap);
      c_fill_rows: cover (issue && fill && rows_left);
      c_lookup_not_taken: cover (lookup_valid_o && !lookup_ready_i);
      c_piece_and_next_lookup: cover (wait_push && issue);
      c_source_out_of_range: cover (issue && src_out);
      c_destination_out_of_range: cover (issue && dst_out && !src_out);
      c_both_out_of_range: cover (issue && src_out && dst_out);
      c_dead: cover (dead_q && !ops_empty);
      c_flush_with_operations: cover (flush_i && !ops_empty);
      c_flush_within_an_operation: cover (flush_i && !first_q);
      c_map: cover (map_issue);
      c_push_as_last_leaves: cover (op_push_i && ops_pop);
      c_last_of_several: cover (issue && op_end && !first_q);
    end
  end
endmodule

bind dma_rows dma_rows_points i_points (
    .clk_i, .rst_ni, .ops_full, .ops_empty, .flush_i, .op_push_i, .bypass, .busy, .dead_q, .look, .wait_maps, .issue,
    .direct, .map_issue, .ops_pop, .op_end, .row_end, .is_map, .src_ap, .dst_ap, .src_out, .dst_out, .jobs_full_i,
    .lookup_valid_o, .lookup_ready_i, .first_q, .wait_push, .rows_left(rows != 16'd0), .slices_left(slices != 16'd0),
    .maps(maps_q != '0), .maps_full(maps_q == Maps[MapsWidth-1:0]), .fill(head.kind == dma_job_pkg::OP_FILL));
