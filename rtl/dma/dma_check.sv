// SPDX-License-Identifier: Apache-2.0
// What a descriptor is and whether it is well formed: opcode, fields, spaces, addresses, in this order. Combinational.
//
// COPY_3D and FILL: only the spaces; the mover checks each row when its turn comes. APERTURE operands of COPY: the
// mover finds pages beyond the table.
module dma_check #(
    parameter int unsigned AddrBits          = 40,
    parameter int unsigned VramBits          = 28,
    parameter int unsigned VirtualBits       = 48,
    parameter int unsigned AperturePagesLog2 = 12
) (
    input  dma_pkg::descriptor_t desc_i,
    output dma_job_pkg::class_t  class_o,
    output logic [7:0]           code_o,      // dma_pkg::ERROR_*
    output logic [1:0]           operand_o
);
  localparam logic [63:0] AddrMask = 64'hffff_ffff_ffff_ffff >> (64 - AddrBits);
  localparam logic [63:0] VramMask = 64'hffff_ffff_ffff_ffff >> (64 - VramBits);
  localparam logic [63:0] VirtualMask = 64'hffff_ffff_ffff_ffff >> (64 - VirtualBits);
  localparam logic [63:0] ApertureMask = 64'hffff_ffff_ffff_ffff >> (52 - AperturePagesLog2);
  localparam bit Aperture = AperturePagesLog2 != 0;

  // ---------------------------------------------------------------- the operation
  logic nop, copy, copy3d, fill, list, range, unmap, fence, wait_, signal, stamp, link;
  logic rows, data, map, single, dummy, known;
  assign nop = desc_i.opcode == dma_pkg::OPCODE_NOP;
  assign copy = desc_i.opcode == dma_pkg::OPCODE_COPY;
  assign copy3d = desc_i.opcode == dma_pkg::OPCODE_COPY_3D;
  assign fill = desc_i.opcode == dma_pkg::OPCODE_FILL;
  assign list = Aperture & (desc_i.opcode == dma_pkg::OPCODE_MAP_APERTURE_LIST);
  assign range = Aperture & (desc_i.opcode == dma_pkg::OPCODE_MAP_APERTURE_RANGE);
  assign unmap = Aperture & (desc_i.opcode == dma_pkg::OPCODE_UNMAP_APERTURE);
  assign fence = desc_i.opcode == dma_pkg::OPCODE_FENCE;
  assign wait_ = desc_i.opcode == dma_pkg::OPCODE_SEM_WAIT;
  assign signal = desc_i.opcode == dma_pkg::OPCODE_SEM_SIGNAL;
  assign stamp = desc_i.opcode == dma_pkg::OPCODE_TIMESTAMP;
  assign link = desc_i.opcode == dma_pkg::OPCODE_LINK;
  assign rows = copy3d | fill;
  assign data = copy | rows;
  assign map = list | range | unmap;
  assign single = fence | signal | stamp;
  assign dummy = unmap & ~desc_i.param[0];
  assign known = nop | data | map | single | wait_ | link;

  // ---------------------------------------------------------------- its operands
  logic has_src, has_dst;  // in memory or in the aperture
  logic src_virtual, dst_virtual;
  assign has_src = copy | copy3d | list | wait_;
  assign has_dst = data | map | single | link;
  assign src_virtual = has_src & (desc_i.src_space == dma_pkg::SPACE_VIRTUAL);
  assign dst_virtual = has_dst & (desc_i.dst_space == dma_pkg::SPACE_VIRTUAL);

  assign class_o.nop = nop;
  assign class_o.op = data | map;
  assign class_o.kind = fill ? dma_job_pkg::OP_FILL : list ? dma_job_pkg::OP_MAP_PAGES :
      range ? dma_job_pkg::OP_MAP_RANGE : dummy ? dma_job_pkg::OP_MAP_SAME :
      unmap ? dma_job_pkg::OP_MAP_INVALID : dma_job_pkg::OP_COPY;
  assign class_o.payload = data;
  assign class_o.single = single;
  assign class_o.fence = fence;
  assign class_o.stamp = stamp;
  assign class_o.wait_ = wait_;
  assign class_o.link = link;
  assign class_o.src_host = has_src & (desc_i.src_space != dma_pkg::SPACE_VRAM);
  assign class_o.dst_host = has_dst & ~map & (desc_i.dst_space != dma_pkg::SPACE_VRAM);
  assign class_o.src_virtual = src_virtual;
  assign class_o.dst_virtual = dst_virtual;

  // ---------------------------------------------------------------- fields that it does not have, or not so
  logic field_bad;
  assign field_bad = (desc_i.rsvd_10 != '0) | desc_i.rsvd_19 | (desc_i.rsvd_23 != '0) | (desc_i.rsvd_52 != '0) |
      (desc_i.interrupt & ~single) | (desc_i.no_snoop & ~data) |
      ((desc_i.param != 4'd0) & ~fill & ~(wait_ & (desc_i.param <= dma_pkg::CONDITION_REACHED)) &
       ~(unmap & (desc_i.param == 4'd1))) |
      ((desc_i.src_space != 3'd0) & ~has_src) | ((desc_i.dst_space != 3'd0) & ~has_dst) |
      ((desc_i.pasid != 20'd0) & ~src_virtual & ~dst_virtual) |
      ((desc_i.src != 64'd0) & ~(has_src | fill | range | dummy)) | ((desc_i.dst != 64'd0) & ~has_dst) |
      ((desc_i.length != 32'd0) & ~(data | map | wait_ | link)) | (link & (desc_i.length[31:16] != 16'd0)) |
      (({desc_i.rows, desc_i.slices, desc_i.dst_pitch} != 64'd0) & ~rows) |
      ((desc_i.src_pitch != 32'd0) & ~(copy3d | wait_)) |
      ((desc_i.src_slice != 64'd0) & ~(rows | fence | signal | wait_)) |
      ((desc_i.dst_slice != 64'd0) & ~(rows | wait_));

  // ---------------------------------------------------------------- spaces
  logic src_space_bad, dst_space_bad;
  assign src_space_bad = has_src & (desc_i.src_space[2] |
      ((desc_i.src_space == dma_pkg::SPACE_APERTURE) & ~(Aperture & (copy | copy3d))));
  assign dst_space_bad = has_dst & (desc_i.dst_space[2] |
      ((desc_i.dst_space == dma_pkg::SPACE_APERTURE) ? ~(Aperture & (data | map)) : map) |
      (link & dst_virtual));

  // ---------------------------------------------------------------- addresses
  logic [63:0] src_span, dst_span, src_mask, dst_mask;
  logic [64:0] src_end, dst_end;
  logic src_checked, dst_checked, src_addr_bad, dst_addr_bad;
  assign src_checked = (copy & (desc_i.src_space != dma_pkg::SPACE_APERTURE)) | list | wait_ | range | dummy;
  assign dst_checked = (copy & (desc_i.dst_space != dma_pkg::SPACE_APERTURE)) | map | single | link;
  assign src_span = copy ? {32'd0, desc_i.length} : list ? {29'd0, desc_i.length, 3'd7} :
      range ? {20'd0, desc_i.length, 12'hfff} : dummy ? 64'hfff : 64'd7;
  assign dst_span = copy ? {32'd0, desc_i.length} : map ? {20'd0, desc_i.length, 12'hfff} :
      link ? {26'd0, desc_i.length, 6'd63} : 64'd7;
  assign src_end = {1'b0, desc_i.src} + {1'b0, src_span};
  assign dst_end = {1'b0, desc_i.dst} + {1'b0, dst_span};
  assign src_mask = (range | dummy | (desc_i.src_space == dma_pkg::SPACE_LOGICAL)) ? AddrMask :
      src_virtual ? VirtualMask : VramMask;
  assign dst_mask = map ? ApertureMask : (desc_i.dst_space == dma_pkg::SPACE_LOGICAL) ? AddrMask :
      dst_virtual ? VirtualMask : VramMask;
  assign src_addr_bad = src_checked & (src_end[64] | ((src_end[63:0] & ~src_mask) != 64'd0) |
      ((list | wait_) & (desc_i.src[2:0] != 3'd0)) | ((range | dummy) & (desc_i.src[11:0] != 12'd0)));
  assign dst_addr_bad = dst_checked & (dst_end[64] | ((dst_end[63:0] & ~dst_mask) != 64'd0) |
      (single & (desc_i.dst[2:0] != 3'd0)) | (link & (desc_i.dst[5:0] != 6'd0)) |
      (map & (desc_i.dst[11:0] != 12'd0)));

  always_comb begin
    code_o = dma_pkg::ERROR_NONE;
    operand_o = dma_job_pkg::OPERAND_RING;
    if (!known) begin
      code_o = dma_pkg::ERROR_BAD_OPCODE;
    end else if (field_bad) begin
      code_o = dma_pkg::ERROR_BAD_FIELD;
    end else if (src_space_bad || dst_space_bad) begin
      code_o = dma_pkg::ERROR_BAD_SPACE;
      operand_o = src_space_bad ? dma_job_pkg::OPERAND_SRC : dma_job_pkg::OPERAND_DST;
    end else if (src_addr_bad || dst_addr_bad) begin
      code_o = dma_pkg::ERROR_BAD_ADDRESS;
      operand_o = src_addr_bad ? dma_job_pkg::OPERAND_SRC : dma_job_pkg::OPERAND_DST;
    end
  end

  logic unused;
  assign unused = ^desc_i.tag;
endmodule
