// SPDX-License-Identifier: Apache-2.0
// Every operation, and every way in which each can be wrong. Where the decoder takes or refuses the descriptor: the check
// has no clock of its own.
module dma_check_points (
    input logic clk_i,
    input logic rst_ni,
    input logic taken,  // a descriptor that could be read
    input logic good,
    input logic known,
    input logic aperture_opcode,
    input logic nop,
    input logic copy,
    input logic copy3d,
    input logic fill,
    input logic list,
    input logic range,
    input logic unmap,
    input logic dummy,
    input logic fence,
    input logic wait_,
    input logic signal,
    input logic stamp,
    input logic link,
    input logic data,
    input logic single,
    input logic field_bad,
    input logic reserved,
    input logic interrupt,
    input logic no_snoop,
    input logic param,
    input logic src_space,
    input logic dst_space,
    input logic pasid,
    input logic src,
    input logic dst,
    input logic length,
    input logic long_link,
    input logic rows,
    input logic src_pitch,
    input logic src_slice,
    input logic dst_slice,
    input logic src_space_bad,
    input logic dst_space_bad,
    input logic src_unknown,
    input logic dst_unknown,
    input logic dst_virtual,
    input logic src_virtual,
    input logic src_addr_bad,
    input logic dst_addr_bad,
    input logic src_wraps,
    input logic dst_wraps,
    input logic src_beyond,
    input logic dst_beyond,
    input logic src_crooked,
    input logic dst_crooked,
    input logic src_logical,
    input logic dst_logical,
    input logic src_vram,
    input logic dst_vram
);
  logic fields, spaces, from, to;  // taken, and the first thing that is wrong
  assign fields = taken & known & field_bad;
  assign spaces = taken & known & ~field_bad;
  assign from = spaces & ~src_space_bad & ~dst_space_bad & src_addr_bad;
  assign to = spaces & ~src_space_bad & ~dst_space_bad & dst_addr_bad;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // good ones
      c_nop: cover (taken && good && nop);
      c_copy: cover (taken && good && copy);
      c_copy_3d: cover (taken && good && copy3d);
      c_fill: cover (taken && good && fill);
      c_list: cover (taken && good && list);
      c_range: cover (taken && good && range);
      c_dummy_page: cover (taken && good && dummy);
      c_unmap: cover (taken && good && unmap && !dummy);
      c_fence: cover (taken && good && fence);
      c_wait: cover (taken && good && wait_);
      c_signal: cover (taken && good && signal);
      c_timestamp: cover (taken && good && stamp);
      c_link: cover (taken && good && link);
      // opcodes
      c_unknown: cover (taken && !known && !aperture_opcode);
      c_no_aperture: cover (taken && !known && aperture_opcode);
      // fields, by operation
      c_nop_field: cover (fields && nop);
      c_copy_field: cover (fields && copy);
      c_copy_3d_field: cover (fields && copy3d);
      c_fill_field: cover (fields && fill);
      c_list_field: cover (fields && list);
      c_range_field: cover (fields && range);
      c_unmap_field: cover (fields && unmap);
      c_fence_field: cover (fields && fence);
      c_wait_field: cover (fields && wait_);
      c_signal_field: cover (fields && signal);
      c_timestamp_field: cover (fields && stamp);
      c_link_field: cover (fields && link);
      // fields, by field
      c_reserved_bit: cover (fields && reserved);
      c_interrupt_of_another: cover (fields && interrupt && !single);
      c_no_snoop_of_another: cover (fields && no_snoop && !data);
      c_param_of_another: cover (fields && param && !fill && !wait_ && !unmap);
      c_unknown_condition: cover (fields && param && wait_);
      c_unknown_kind_of_unmap: cover (fields && param && unmap);
      c_source_space_without_source: cover (fields && src_space);
      c_destination_space_without_destination: cover (fields && dst_space);
      c_pasid_without_virtual: cover (fields && pasid && !src_virtual && !dst_virtual);
      c_source_of_another: cover (fields && src);
      c_destination_of_another: cover (fields && dst);
      c_length_of_another: cover (fields && length);
      c_long_link: cover (fields && long_link && link);
      c_rows_of_another: cover (fields && rows);
      c_source_pitch_of_another: cover (fields && src_pitch);
      c_source_slice_of_another: cover (fields && src_slice);
      c_destination_slice_of_another: cover (fields && dst_slice);
      c_field_and_space: cover (fields && (src_space_bad || dst_space_bad));
      // spaces
      c_copy_source_unknown: cover (spaces && copy && src_space_bad && src_unknown);
      c_copy_destination_unknown: cover (spaces && copy && dst_space_bad && dst_unknown);
      c_copy_3d_source_unknown: cover (spaces && copy3d && src_space_bad && src_unknown);
      c_copy_3d_destination_unknown: cover (spaces && copy3d && dst_space_bad && dst_unknown);
      c_fill_unknown: cover (spaces && fill && dst_space_bad && dst_unknown);
      c_list_source: cover (spaces && list && src_space_bad);
      c_list_not_to_aperture: cover (spaces && list && dst_space_bad && !src_space_bad);
      c_range_not_to_aperture: cover (spaces && range && dst_space_bad);
      c_unmap_not_of_aperture: cover (spaces && unmap && dst_space_bad);
      c_fence_space: cover (spaces && fence && dst_space_bad);
      c_wait_space: cover (spaces && wait_ && src_space_bad);
      c_signal_space: cover (spaces && signal && dst_space_bad);
      c_timestamp_space: cover (spaces && stamp && dst_space_bad);
      c_link_to_aperture: cover (spaces && link && dst_space_bad && !dst_virtual);
      c_link_to_virtual: cover (spaces && link && dst_space_bad && dst_virtual);
      c_no_aperture_to_read: cover (spaces && data && src_space_bad && !src_unknown);
      c_no_aperture_to_write: cover (spaces && data && dst_space_bad && !dst_unknown);
      c_both_spaces: cover (spaces && src_space_bad && dst_space_bad);
      c_space_and_address: cover (spaces && (src_space_bad || dst_space_bad) && (src_addr_bad || dst_addr_bad));
      // addresses of the source
      c_copy_from_behind_vram: cover (from && copy && src_beyond && !src_wraps && src_vram);
      c_copy_from_behind_logical: cover (from && copy && src_beyond && !src_wraps && src_logical);
      c_copy_from_behind_virtual: cover (from && copy && src_beyond && !src_wraps && src_virtual);
      c_copy_source_wraps: cover (from && copy && src_wraps);
      c_list_beyond: cover (from && list && src_beyond);
      c_list_crooked: cover (from && list && src_crooked);
      c_range_beyond: cover (from && range && src_beyond && !src_wraps);
      c_range_wraps: cover (from && range && src_wraps);
      c_range_crooked: cover (from && range && src_crooked);
      c_dummy_beyond: cover (from && dummy && src_beyond);
      c_dummy_crooked: cover (from && dummy && src_crooked);
      c_wait_beyond: cover (from && wait_ && src_beyond);
      c_wait_wraps: cover (from && wait_ && src_wraps);
      c_wait_crooked: cover (from && wait_ && src_crooked);
      // of the destination
      c_copy_behind_vram: cover (to && copy && dst_beyond && !dst_wraps && dst_vram);
      c_copy_behind_logical: cover (to && copy && dst_beyond && !dst_wraps && dst_logical);
      c_copy_behind_virtual: cover (to && copy && dst_beyond && !dst_wraps && dst_virtual);
      c_copy_destination_wraps: cover (to && copy && dst_wraps);
      c_list_behind_the_table: cover (to && list && dst_beyond);
      c_range_behind_the_table: cover (to && range && dst_beyond && !dst_wraps);
      c_range_destination_wraps: cover (to && range && dst_wraps);
      c_unmap_behind_the_table: cover (to && unmap && dst_beyond);
      c_map_crooked: cover (to && (list || range || unmap) && dst_crooked);
      c_fence_beyond: cover (to && fence && dst_beyond);
      c_fence_wraps: cover (to && fence && dst_wraps);
      c_fence_crooked: cover (to && fence && dst_crooked);
      c_signal_beyond: cover (to && signal && dst_beyond);
      c_signal_crooked: cover (to && signal && dst_crooked);
      c_timestamp_beyond: cover (to && stamp && dst_beyond);
      c_timestamp_crooked: cover (to && stamp && dst_crooked);
      c_link_beyond: cover (to && link && dst_beyond && !dst_wraps);
      c_link_wraps: cover (to && link && dst_wraps);
      c_link_crooked: cover (to && link && dst_crooked);
      c_both_addresses: cover (from && to);
    end
  end
endmodule

bind dma_channel dma_check_points i_check_points (
    .clk_i, .rst_ni, .taken(desc_pop & ~desc_bad), .good(code == dma_pkg::ERROR_NONE), .known(u_check.known),
    .aperture_opcode(desc.opcode >= 8'd4 && desc.opcode <= 8'd6), .nop(u_check.nop), .copy(u_check.copy),
    .copy3d(u_check.copy3d), .fill(u_check.fill), .list(u_check.list), .range(u_check.range), .unmap(u_check.unmap),
    .dummy(u_check.dummy), .fence(u_check.fence), .wait_(u_check.wait_), .signal(u_check.signal),
    .stamp(u_check.stamp), .link(u_check.link), .data(u_check.data), .single(u_check.single),
    .field_bad(u_check.field_bad),
    .reserved(desc.rsvd_10 != '0 || desc.rsvd_19 || desc.rsvd_23 != '0 || desc.rsvd_52 != '0),
    .interrupt(desc.interrupt), .no_snoop(desc.no_snoop), .param(desc.param != 4'd0),
    .src_space(desc.src_space != 3'd0 && !u_check.has_src), .dst_space(desc.dst_space != 3'd0 && !u_check.has_dst),
    .pasid(desc.pasid != 20'd0),
    .src(desc.src != 64'd0 && !(u_check.has_src || u_check.fill || u_check.range || u_check.dummy)),
    .dst(desc.dst != 64'd0 && !u_check.has_dst),
    .length(desc.length != 32'd0 && !(u_check.data || u_check.map || u_check.wait_ || u_check.link)),
    .long_link(desc.length[31:16] != 16'd0),
    .rows({desc.rows, desc.slices, desc.dst_pitch} != 64'd0 && !u_check.rows),
    .src_pitch(desc.src_pitch != 32'd0 && !(u_check.copy3d || u_check.wait_)),
    .src_slice(desc.src_slice != 64'd0 && !(u_check.rows || u_check.fence || u_check.signal || u_check.wait_)),
    .dst_slice(desc.dst_slice != 64'd0 && !(u_check.rows || u_check.wait_)),
    .src_space_bad(u_check.src_space_bad), .dst_space_bad(u_check.dst_space_bad), .src_unknown(desc.src_space[2]),
    .dst_unknown(desc.dst_space[2]), .dst_virtual(u_check.dst_virtual), .src_virtual(u_check.src_virtual),
    .src_addr_bad(u_check.src_addr_bad), .dst_addr_bad(u_check.dst_addr_bad), .src_wraps(u_check.src_end[64]),
    .dst_wraps(u_check.dst_end[64]), .src_beyond((u_check.src_end[63:0] & ~u_check.src_mask) != 64'd0),
    .dst_beyond((u_check.dst_end[63:0] & ~u_check.dst_mask) != 64'd0),
    .src_crooked((u_check.range || u_check.dummy) ? desc.src[11:0] != 12'd0 : desc.src[2:0] != 3'd0),
    .dst_crooked(u_check.map ? desc.dst[11:0] != 12'd0 : u_check.link ? desc.dst[5:0] != 6'd0 : desc.dst[2:0] != 3'd0),
    .src_logical(desc.src_space == dma_pkg::SPACE_LOGICAL), .dst_logical(desc.dst_space == dma_pkg::SPACE_LOGICAL),
    .src_vram(desc.src_space == dma_pkg::SPACE_VRAM), .dst_vram(desc.dst_space == dma_pkg::SPACE_VRAM));
