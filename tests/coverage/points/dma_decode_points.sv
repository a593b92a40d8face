// SPDX-License-Identifier: Apache-2.0
// What is taken, what is refused and why, what holds a descriptor back; rings that cannot be fetched.
module dma_decode_points (
    input logic clk_i,
    input logic rst_ni,
    input logic run_i,
    input logic flush_i,
    input logic valid_i,
    input logic ready,
    input logic accept_o,
    input logic refuse,
    input logic ring_refuse,
    input logic refused_q,
    input logic bad_i,
    input logic wrong,
    input logic wrong_itself,
    input logic src_barred,
    input logic dst_barred,
    input logic bus_master_i,
    input logic ring_space_bad,
    input logic ring_addr_bad,
    input logic ring_wraps,
    input logic ring_barred,
    input logic ring_over,
    input logic ring_vram,
    input logic ring_idle_i,
    input logic pending_o,
    input logic first_segment,
    input logic single,
    input logic wait_,
    input logic link,
    input logic op,
    input logic nop,
    input logic payload,
    input logic fence,
    input logic op_full_i,
    input logic retire_full_i,
    input logic all_retired_i,
    input logic hold_i,
    input logic link_busy_i,
    input logic rewind_i,
    input logic rewinds,
    input logic to_zero,
    input logic wraps,
    input logic late_half
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // taken
      c_nop: cover (accept_o && nop);
      c_copy_or_fill: cover (accept_o && op && payload);
      c_map: cover (accept_o && op && !payload);
      c_fence: cover (accept_o && single && fence);
      c_signal_or_timestamp: cover (accept_o && single && !fence);
      c_wait: cover (accept_o && wait_);
      c_link: cover (accept_o && link);
      c_at_the_last_index: cover (accept_o && wraps);
      // held back
      c_fence_for_what_is_before: cover (valid_i && ready && !wrong && single && !all_retired_i);
      c_link_for_a_link: cover (valid_i && ready && !wrong && link && link_busy_i);
      c_nop_passes_full_datapath: cover (accept_o && nop && op_full_i);
      c_held_by_fence_or_wait: cover (valid_i && run_i && hold_i);
      c_refusal_held_back: cover (valid_i && run_i && wrong && hold_i);
      c_refusal_waits_for_retirement: cover (valid_i && run_i && wrong && !refused_q && !hold_i && retire_full_i);
      c_one_behind_a_refused: cover (refused_q && valid_i);
      // refused
      c_wrong: cover (refuse && wrong_itself && !bad_i);
      c_could_not_be_read: cover (refuse && bad_i);
      c_second_beat_could_not: cover (refuse && bad_i && late_half);
      c_unreadable_and_wrong: cover (refuse && bad_i && wrong_itself);
      c_source_barred: cover (refuse && !wrong_itself && !bad_i && src_barred && !dst_barred);
      c_destination_barred: cover (refuse && !wrong_itself && !bad_i && dst_barred && !src_barred);
      c_both_barred: cover (refuse && !wrong_itself && !bad_i && src_barred && dst_barred);
      c_wrong_and_barred: cover (refuse && wrong_itself && !bad_i && (src_barred || dst_barred));
      c_barred_for_vram_only: cover (accept_o && op && !bus_master_i);
      c_refused_with_work_before: cover (refuse && !all_retired_i);
      c_refused_at_the_last_index: cover (refuse && wraps);
      // the ring
      c_ring_in_no_memory: cover (ring_refuse && ring_space_bad);
      c_ring_behind_vram: cover (ring_refuse && !ring_space_bad && ring_addr_bad && ring_vram);
      c_ring_behind_logical: cover (ring_refuse && !ring_space_bad && ring_addr_bad && !ring_vram);
      c_ring_wraps: cover (ring_refuse && !ring_space_bad && ring_wraps);
      c_ring_barred: cover (ring_refuse && !ring_space_bad && !ring_addr_bad && ring_barred);
      c_ring_barred_while_fetching: cover (run_i && ring_barred && !ring_idle_i && pending_o);
      c_segment_ends: cover (ring_refuse && !ring_space_bad && !ring_addr_bad && !ring_barred && ring_over);
      c_later_segment_ends: cover (ring_refuse && ring_over && !first_segment);
      c_segment_ends_with_work_before: cover (ring_refuse && ring_over && !all_retired_i);
      c_ring_waits_for_retirement: cover (run_i && pending_o && ring_over && retire_full_i);
      // going on
      c_flush_forgets_a_refused: cover (flush_i && refused_q);
      c_rewind: cover (rewind_i && rewinds && !to_zero);
      c_rewind_to_zero: cover (rewind_i && rewinds && to_zero);
    end
  end
endmodule

bind dma_decode dma_decode_points i_points (
    .clk_i, .rst_ni, .run_i, .flush_i, .valid_i, .ready, .accept_o, .refuse, .ring_refuse, .refused_q, .bad_i,
    .wrong(code != dma_pkg::ERROR_NONE), .wrong_itself(code_i != dma_pkg::ERROR_NONE), .src_barred, .dst_barred,
    .bus_master_i, .ring_space_bad, .ring_addr_bad, .ring_wraps(ring_end[64]), .ring_barred, .ring_over,
    .ring_vram(ring_space_i == dma_pkg::SPACE_VRAM), .ring_idle_i, .pending_o,
    .first_segment(base_i == ring_base_i), .single(class_i.single), .wait_(class_i.wait_), .link(class_i.link),
    .op(class_i.op), .nop(class_i.nop), .payload(class_i.payload), .fence(class_i.fence), .op_full_i, .retire_full_i,
    .all_retired_i, .hold_i, .link_busy_i, .rewind_i, .rewinds(rewind_index_i != index_q),
    .to_zero(rewind_index_i == 16'd0), .wraps(index_q == ring_mask_i), .late_half(bad_offset_i != 6'd0));
