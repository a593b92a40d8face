// SPDX-License-Identifier: Apache-2.0
// Links, ends of segments and rewinds in one cycle.
module dma_segment_points (
    input logic clk_i,
    input logic rst_ni,
    input logic linked_q,
    input logic head_linked_q,
    input logic busy_q,
    input logic accept_i,
    input logic link_i,
    input logic retire_i,
    input logic retire_link_i,
    input logic rewind_i,
    input logic home_i,
    input logic whole_o,
    input logic link_host_i,
    input logic to_zero
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_linked: cover (linked_q);
      c_head_linked: cover (head_linked_q);
      c_part_of_a_ring: cover (!whole_o && !linked_q);
      c_link_from_ring: cover (accept_i && link_i && !linked_q);
      c_link_from_link: cover (accept_i && link_i && linked_q);
      c_link_to_vram: cover (accept_i && link_i && !link_host_i);
      c_link_at_the_last_index: cover (accept_i && link_i && to_zero);
      c_back_at_zero: cover (accept_i && linked_q && to_zero && !link_i);
      c_retires_link: cover (retire_i && retire_link_i);
      c_rewind_while_linking: cover (rewind_i && busy_q);
      c_rewind_when_linked: cover (rewind_i && linked_q && !head_linked_q);
      c_home_when_linked: cover (home_i && linked_q);
    end
  end
endmodule

bind dma_segment dma_segment_points i_points (
    .clk_i, .rst_ni, .linked_q, .head_linked_q, .busy_q, .accept_i, .link_i, .retire_i, .retire_link_i, .rewind_i,
    .home_i, .whole_o, .link_host_i, .to_zero(next == 16'd0));
