// SPDX-License-Identifier: Apache-2.0
// Splits operations into contiguous pieces: rows, slices, and pages where an operand lies in the aperture, whose pages
// it looks up.
//
// Timing, cycles from op_push_i to piece_push_o: 0 for a plain copy or fill (one row, no aperture) that finds the unit
// empty (Pipe 1: 1); 1 for other operations without aperture; 2 with aperture (Pipe 1: 3). One piece per cycle (Pipe 1:
// with aperture one in two cycles).
//
// A row beyond its address space (BAD_ADDRESS) and a page that the aperture has not (BAD_APERTURE) give a bad piece,
// and nothing follows until flush_i. Source before destination. The decoder has checked plain operations and MAP_*.
// Operations with an aperture operand wait until all MAP_* before them are done.
module dma_rows #(
    parameter int unsigned AddrBits    = 40,  // of logical addresses
    parameter int unsigned VramBits    = 28,
    parameter int unsigned VirtualBits = 48,
    parameter int unsigned PagesLog2   = 12,  // of the aperture
    parameter int unsigned Maps        = 4,   // MAP_* operations under way at most
    parameter int unsigned Pipe        = 0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   flush_i,

    input  logic                   op_push_i,
    input  dma_job_pkg::op_t       op_i,
    output logic                   op_full_o,
    input  logic                   map_done_i,

    // dma_aperture; the entries come 1 + Pipe cycles after the request was taken.
    output logic                   lookup_valid_o,
    input  logic                   lookup_ready_i,
    output logic [PagesLog2-1:0]   lookup_src_o,
    output logic [PagesLog2-1:0]   lookup_dst_o,
    input  logic [AddrBits-12:0]   entry_src_i,  // {valid, page}
    input  logic [AddrBits-12:0]   entry_dst_i,

    output logic                   piece_push_o,
    output dma_job_pkg::piece_t    piece_o,
    input  logic                   jobs_full_i
);
  localparam logic [63:0] AddrMask = 64'hffff_ffff_ffff_ffff >> (64 - AddrBits);
  localparam logic [63:0] VramMask = 64'hffff_ffff_ffff_ffff >> (64 - VramBits);
  localparam logic [63:0] VirtualMask = 64'hffff_ffff_ffff_ffff >> (64 - VirtualBits);
  localparam logic [63:0] ApertureMask = 64'hffff_ffff_ffff_ffff >> (52 - PagesLog2);
  localparam int unsigned MapsWidth = $clog2(Maps + 1);

  function automatic logic [63:0] space_mask(input logic [2:0] space);
    case (space)
      dma_pkg::SPACE_VRAM: space_mask = VramMask;
      dma_pkg::SPACE_APERTURE: space_mask = ApertureMask;
      dma_pkg::SPACE_LOGICAL: space_mask = AddrMask;
      default: space_mask = VirtualMask;
    endcase
  endfunction

  // ---------------------------------------------------------------- operations that are not plain, or had to wait
  dma_job_pkg::op_t head, op;
  logic ops_push, ops_pop, ops_full, ops_empty, plain, bypass, busy, dead_q;

  fifo #(.Width(dma_job_pkg::OP_WIDTH), .Depth(2)) u_ops (
      .clk_i, .rst_ni, .flush_i, .push_i(ops_push), .data_i(op_i), .full_o(ops_full),
      .pop_i(ops_pop), .data_o(head), .empty_o(ops_empty)
  );
  assign plain = ~op_i.kind[2] & (op_i.rows == 16'd0) & (op_i.slices == 16'd0) &
      (op_i.dst_space != dma_pkg::SPACE_APERTURE) &
      ((op_i.kind == dma_job_pkg::OP_FILL) | (op_i.src_space != dma_pkg::SPACE_APERTURE));
  assign bypass = (Pipe == 0) & op_push_i & plain & ops_empty & ~busy & ~dead_q;
  assign ops_push = op_push_i & ~bypass;
  assign op_full_o = ops_full | jobs_full_i;
  assign op = bypass ? op_i : head;

  // ---------------------------------------------------------------- the next piece of the operation at the head
  logic first_q, row_start_q;  // of the operation, of the row
  logic [63:0] src_q, dst_q, row_src_q, row_dst_q, slice_src_q, slice_dst_q;
  logic [31:0] rem_q;
  logic [15:0] rows_q, slices_q;

  logic is_map, src_used, src_ap, dst_ap, row_start, row_end, op_end;
  logic [63:0] src, dst, row_src, row_dst, slice_src, slice_dst, src_base, dst_base, src_step, dst_step, next_src, next_dst;
  logic [31:0] rem, len, limit;
  logic [15:0] rows, slices;

  assign is_map = head.kind[2];
  assign src_used = head.kind == dma_job_pkg::OP_COPY;
  assign src_ap = src_used & (head.src_space == dma_pkg::SPACE_APERTURE);
  assign dst_ap = ~is_map & (head.dst_space == dma_pkg::SPACE_APERTURE);
  assign src = first_q ? head.src : src_q;
  assign dst = first_q ? head.dst : dst_q;
  assign row_src = first_q ? head.src : row_src_q;
  assign row_dst = first_q ? head.dst : row_dst_q;
  assign slice_src = first_q ? head.src : slice_src_q;
  assign slice_dst = first_q ? head.dst : slice_dst_q;
  assign rem = first_q ? head.length : rem_q;
  assign rows = first_q ? head.rows : rows_q;
  assign slices = first_q ? head.slices : slices_q;
  assign row_start = first_q | row_start_q;

  always_comb begin
    limit = 32'hffff_ffff;
    if (src_ap) limit = {20'd0, ~src[11:0]};
    if (dst_ap && {20'd0, ~dst[11:0]} < limit) limit = {20'd0, ~dst[11:0]};
  end
  assign row_end = rem <= limit;
  assign len = row_end ? rem : limit;
  assign op_end = is_map | (row_end & (rows == 16'd0) & (slices == 16'd0));

  assign src_base = ~row_end ? src : (rows != 16'd0) ? row_src : slice_src;
  assign dst_base = ~row_end ? dst : (rows != 16'd0) ? row_dst : slice_dst;
  assign src_step = ~row_end ? {32'd0, len} + 64'd1 : (rows != 16'd0) ? {32'd0, head.src_pitch} : head.src_slice;
  assign dst_step = ~row_end ? {32'd0, len} + 64'd1 : (rows != 16'd0) ? {32'd0, head.dst_pitch} : head.dst_slice;
  assign next_src = src_base + src_step;
  assign next_dst = dst_base + dst_step;

  // Range: the whole row, except in the aperture, where each page is looked at in its turn.
  logic [64:0] src_last, dst_last;
  logic src_out, dst_out;
  assign src_last = {1'b0, src} + {33'd0, src_ap ? 32'd0 : rem};
  assign dst_last = {1'b0, dst} + {33'd0, dst_ap ? 32'd0 : rem};
  assign src_out = src_used & (row_start | src_ap) &
      (src_last[64] | ((src_last[63:0] & ~space_mask(head.src_space)) != 64'd0));
  assign dst_out = ~is_map & (row_start | dst_ap) &
      (dst_last[64] | ((dst_last[63:0] & ~space_mask(head.dst_space)) != 64'd0));

  // ---------------------------------------------------------------- issue
  logic look, wait_maps, issue, direct, map_issue, waiting_free;
  logic [MapsWidth-1:0] maps_q;
  assign look = src_ap | dst_ap;
  assign wait_maps = look ? (maps_q != '0) : (is_map & (maps_q == Maps[MapsWidth-1:0]));
  assign lookup_valid_o = ~ops_empty & ~dead_q & look & ~wait_maps & waiting_free;
  assign lookup_src_o = src[12+:PagesLog2];
  assign lookup_dst_o = dst[12+:PagesLog2];
  assign direct = ~ops_empty & ~dead_q & ~look & ~wait_maps & ~busy & ~jobs_full_i;
  assign issue = (lookup_valid_o & lookup_ready_i) | direct;
  assign map_issue = direct & is_map;
  assign ops_pop = issue & op_end;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      first_q <= 1'b1;
      maps_q <= '0;
    end else begin
      if (issue) first_q <= op_end;
      maps_q <= maps_q + MapsWidth'(map_issue) - MapsWidth'(map_done_i);
    end
    if (issue) begin
      row_start_q <= row_end;
      src_q <= next_src;
      dst_q <= next_dst;
      row_src_q <= row_end ? next_src : row_src;
      row_dst_q <= row_end ? next_dst : row_dst;
      slice_src_q <= (row_end & (rows == 16'd0)) ? next_src : slice_src;
      slice_dst_q <= (row_end & (rows == 16'd0)) ? next_dst : slice_dst;
      rem_q <= row_end ? head.length : rem - len - 32'd1;
      rows_q <= ~row_end ? rows : (rows != 16'd0) ? rows - 16'd1 : head.rows;
      slices_q <= (row_end & (rows == 16'd0)) ? slices - 16'd1 : slices;
    end
  end

  logic unused;
  assign unused = ^op;

  // The piece as it is before the lookup, or without one.
  dma_job_pkg::piece_t now;
  always_comb begin
    now.index = op.index;
    now.kind = op.kind;
    now.last = bypass | op_end;
    now.cont = ~bypass & ~row_start;
    now.bad_aperture = 1'b0;
    now.bad = ~bypass & ((src_out & ~src_ap) | (dst_out & ~dst_ap));
    now.bad_dst = ~(src_out & ~src_ap);
    now.src_host = op.src_space != dma_pkg::SPACE_VRAM;
    now.dst_host = op.dst_space != dma_pkg::SPACE_VRAM;
    now.src_user = {op.no_snoop, op.src_space == dma_pkg::SPACE_VIRTUAL,
                    (op.src_space == dma_pkg::SPACE_VIRTUAL) ? op.pasid : 20'd0};
    now.dst_user = {op.no_snoop, op.dst_space == dma_pkg::SPACE_VIRTUAL,
                    (op.dst_space == dma_pkg::SPACE_VIRTUAL) ? op.pasid : 20'd0};
    now.src = (bypass | ~src_used) ? op.src : src;
    now.dst = bypass ? op_i.dst : dst;
    now.length = bypass ? op_i.length : (head.kind == dma_job_pkg::OP_MAP_PAGES) ? {head.length[28:0], 3'b111} :
        is_map ? 32'd0 : len;
    now.aux = op.kind[2] ? {32'd0, op.length} : op.src_slice;
    now.pattern_len = op.pattern_len;
  end

  // ---------------------------------------------------------------- pieces whose lookup is under way
  dma_job_pkg::piece_t wait_q;
  logic wait_valid_q, fresh_q;  // with its entries; they arrive in this cycle
  logic wait_src_ap_q, wait_dst_ap_q, wait_src_out_q, wait_dst_out_q;
  logic [AddrBits-12:0] held_src_q, held_dst_q, entry_src, entry_dst;
  logic src_miss, dst_miss, arrive, wait_push;

  if (Pipe == 0) begin : gen_one
    assign arrive = issue & look;
    assign waiting_free = ~wait_valid_q | wait_push;
    assign busy = wait_valid_q;
    always_ff @(posedge clk_i) begin
      if (arrive) begin
        wait_q <= now;
        wait_src_ap_q <= src_ap;
        wait_dst_ap_q <= dst_ap;
        wait_src_out_q <= src_out;
        wait_dst_out_q <= dst_out;
      end
    end
  end else begin : gen_two
    logic ram_q, ram_src_ap_q, ram_dst_ap_q, ram_src_out_q, ram_dst_out_q;
    dma_job_pkg::piece_t piece_q;
    assign arrive = ram_q;
    assign waiting_free = ~ram_q & (~wait_valid_q | wait_push);
    assign busy = wait_valid_q | ram_q;
    always_ff @(posedge clk_i) begin
      ram_q <= rst_ni & ~flush_i & issue & look;
      if (issue & look) begin
        piece_q <= now;
        ram_src_ap_q <= src_ap;
        ram_dst_ap_q <= dst_ap;
        ram_src_out_q <= src_out;
        ram_dst_out_q <= dst_out;
      end
      if (arrive) begin
        wait_q <= piece_q;
        wait_src_ap_q <= ram_src_ap_q;
        wait_dst_ap_q <= ram_dst_ap_q;
        wait_src_out_q <= ram_src_out_q;
        wait_dst_out_q <= ram_dst_out_q;
      end
    end
  end

  assign wait_push = wait_valid_q & ~jobs_full_i & ~dead_q;
  assign entry_src = fresh_q ? entry_src_i : held_src_q;
  assign entry_dst = fresh_q ? entry_dst_i : held_dst_q;
  assign src_miss = wait_src_ap_q & (wait_src_out_q | ~entry_src[AddrBits-12]);
  assign dst_miss = wait_dst_ap_q & (wait_dst_out_q | ~entry_dst[AddrBits-12]);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      wait_valid_q <= 1'b0;
      fresh_q <= 1'b0;
      dead_q <= 1'b0;
    end else begin
      wait_valid_q <= arrive | (wait_valid_q & ~wait_push);
      fresh_q <= arrive;
      if (piece_push_o & piece_o.bad) dead_q <= 1'b1;
    end
    if (fresh_q) begin
      held_src_q <= entry_src_i;
      held_dst_q <= entry_dst_i;
    end
  end

  // A bad piece names the address that was asked for; the source comes before the destination.
  always_comb begin
    piece_o = wait_valid_q ? wait_q : now;
    if (wait_valid_q && src_miss) begin
      piece_o.bad = 1'b1;
      piece_o.bad_aperture = 1'b1;
      piece_o.bad_dst = 1'b0;
    end else if (wait_valid_q && dst_miss && !wait_q.bad) begin
      piece_o.bad = 1'b1;
      piece_o.bad_aperture = 1'b1;
      piece_o.bad_dst = 1'b1;
    end
    if (piece_o.bad) begin
      if (piece_o.bad_dst) piece_o.src = piece_o.dst;
    end else if (wait_valid_q) begin
      if (wait_src_ap_q) piece_o.src = 64'({entry_src[AddrBits-13:0], wait_q.src[11:0]});
      if (wait_dst_ap_q) piece_o.dst = 64'({entry_dst[AddrBits-13:0], wait_q.dst[11:0]});
    end
  end
  assign piece_push_o = bypass | direct | wait_push;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_one_piece : assert (!(wait_push && (bypass || direct)));
      assert_room : assert (!piece_push_o || !jobs_full_i);
      assert_map_one_row : assert (!(direct && is_map) || (head.rows == 16'd0 && head.slices == 16'd0));
      assert_map_in_table : assert (!(direct && is_map) ||
          (({12'd0, head.dst[63:12]} + {32'd0, head.length}) >> PagesLog2) == 64'd0);
      assert_map_counted : assert (!map_done_i || maps_q != '0);
    end
  end
endmodule
