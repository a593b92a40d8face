// SPDX-License-Identifier: Apache-2.0
// Decode: hands a checked descriptor to the mover, to dma_fence or to dma_sem in the cycle it is at hand, or refuses it.
//
// Timing: one descriptor per cycle; combinational from descriptor to operation. A fence, signal or timestamp waits until
// everything before it has retired; a fence and a semaphore wait hold back everything behind them until they are done.
// A refused descriptor goes to retirement in its turn and nothing behind it is decoded.
module dma_decode #(
    parameter int unsigned AddrBits    = 40,
    parameter int unsigned VramBits    = 28
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 run_i,    // enabled, no error, no reset
    input  logic                 flush_i,  // forget a refused descriptor
    input  logic                 rewind_i, // go on at rewind_index_i
    input  logic [15:0]          rewind_index_i,
    input  logic                 bus_master_i,

    input  logic [57:0]          ring_base_i,  // address / 64 of index 0
    input  logic [15:0]          ring_mask_i,  // descriptors - 1
    input  logic [16:0]          ring_count_i, // of the first segment
    input  logic [2:0]           ring_space_i,
    input  logic [15:0]          ring_tail_i,
    input  logic                 ring_idle_i,
    output logic                 ring_ok_o,    // the ring may be fetched
    output logic [15:0]          index_o,      // of the next descriptor
    output logic                 pending_o,    // there is one
    input  logic [57:0]          base_i,       // index i stands at base + i
    input  logic                 host_i,
    input  logic [16:0]          end_i,        // first index behind the segment
    input  logic                 link_busy_i,  // a LINK has not retired

    input  logic                 valid_i,
    input  dma_pkg::descriptor_t desc_i,
    input  dma_job_pkg::class_t  class_i,
    input  logic [7:0]           code_i,     // dma_check's verdict
    input  logic [1:0]           operand_i,
    input  logic                 bad_i,
    input  logic [1:0]           bad_resp_i,
    input  logic [5:0]           bad_offset_i,
    output logic                 pop_o,      // taken or refused

    input  logic                 op_full_i,
    input  logic                 retire_full_i,
    input  logic                 all_retired_i,
    input  logic                 single_busy_i,
    input  logic                 hold_i,     // a fence or a wait is under way
    output logic                 accept_o,
    output logic                 op_push_o,
    output dma_job_pkg::op_t     op_o,
    output logic                 single_o,   // start dma_fence
    output logic                 wait_o,     // start dma_sem
    output logic                 link_o,
    output logic                 retire_push_o,
    output dma_job_pkg::retire_t retire_o,
    output dma_job_pkg::fail_t   fail_o      // why the refused descriptor was
);
  localparam logic [63:0] AddrMask = 64'hffff_ffff_ffff_ffff >> (64 - AddrBits);
  localparam logic [63:0] VramMask = 64'hffff_ffff_ffff_ffff >> (64 - VramBits);

  // The ring itself: its first segment, the bus, and whether the segment goes on.
  logic [15:0] index_q;
  logic [64:0] ring_end;
  logic [15:0] last;
  logic ring_space_bad, ring_addr_bad, ring_barred, ring_over;
  logic [7:0] ring_code;
  assign last = (ring_count_i == 17'd0 || ring_count_i > {1'b0, ring_mask_i}) ? ring_mask_i : 16'(ring_count_i - 17'd1);
  assign ring_end = {1'b0, ring_base_i, 6'd0} + {43'd0, last, 6'd63};
  assign ring_space_bad = (ring_space_i != dma_pkg::SPACE_VRAM) & (ring_space_i != dma_pkg::SPACE_LOGICAL);
  assign ring_addr_bad = ring_end[64] |
      ((ring_end[63:0] & ~((ring_space_i == dma_pkg::SPACE_VRAM) ? VramMask : AddrMask)) != 64'd0);
  assign ring_barred = host_i & ~bus_master_i;
  assign ring_over = {1'b0, index_q} >= end_i;
  assign ring_code = ring_space_bad ? dma_pkg::ERROR_BAD_SPACE :
      ring_addr_bad ? dma_pkg::ERROR_BAD_ADDRESS :
      ring_barred ? dma_pkg::ERROR_BUS_MASTER :
      ring_over ? dma_pkg::ERROR_BAD_LINK : dma_pkg::ERROR_NONE;
  assign ring_ok_o = ~ring_space_bad & ~ring_addr_bad & ~ring_barred;

  // The descriptor.
  logic src_barred, dst_barred;
  logic [7:0] code;
  logic [1:0] operand;
  assign src_barred = class_i.src_host & ~bus_master_i;
  assign dst_barred = class_i.dst_host & ~bus_master_i;
  always_comb begin
    code = code_i;
    operand = operand_i;
    if (bad_i) begin
      code = dma_pkg::ERROR_RING_READ;
      operand = dma_job_pkg::OPERAND_RING;
    end else if (code_i == dma_pkg::ERROR_NONE && (src_barred || dst_barred)) begin
      code = dma_pkg::ERROR_BUS_MASTER;
      operand = src_barred ? dma_job_pkg::OPERAND_SRC : dma_job_pkg::OPERAND_DST;
    end
  end

  logic refused_q, ready, refuse, ring_refuse, can;
  logic [57:0] place;
  dma_job_pkg::fail_t fail_q;

  assign place = base_i + {42'd0, index_q};
  assign pending_o = ((ring_tail_i - index_q) & ring_mask_i) != 16'd0;
  assign ready = run_i & ~refused_q & ~retire_full_i & ~hold_i;
  assign refuse = valid_i & ready & (code != dma_pkg::ERROR_NONE);
  assign ring_refuse = ready & ~valid_i & ring_idle_i & pending_o & (ring_code != dma_pkg::ERROR_NONE);
  assign can = class_i.nop | (class_i.op & ~op_full_i) | (class_i.single & all_retired_i & ~single_busy_i) |
      class_i.wait_ | (class_i.link & ~link_busy_i);
  assign accept_o = valid_i & ready & (code == dma_pkg::ERROR_NONE) & can;
  assign pop_o = accept_o | refuse;
  assign op_push_o = accept_o & class_i.op;
  assign single_o = accept_o & class_i.single;
  assign wait_o = accept_o & class_i.wait_;
  assign link_o = accept_o & class_i.link;

  assign retire_push_o = accept_o | refuse | ring_refuse;
  assign retire_o.kind = ~accept_o ? dma_job_pkg::RETIRE_ERROR :
      class_i.op ? (class_i.payload ? dma_job_pkg::RETIRE_OP : dma_job_pkg::RETIRE_MAP) : class_i.single ? dma_job_pkg::RETIRE_FENCE :
      class_i.wait_ ? dma_job_pkg::RETIRE_WAIT : class_i.link ? dma_job_pkg::RETIRE_LINK : dma_job_pkg::RETIRE_NOP;
  assign retire_o.dst_host = class_i.dst_host;
  assign retire_o.payload = class_i.payload;
  assign retire_o.length = desc_i.length;
  assign retire_o.rows = desc_i.rows;
  assign retire_o.slices = desc_i.slices;
  assign retire_o.tag = (ring_refuse | bad_i) ? 64'd0 : desc_i.tag;

  assign op_o.index = index_q;
  assign op_o.kind = class_i.kind;
  assign op_o.src_space = desc_i.src_space;
  assign op_o.dst_space = desc_i.dst_space;
  assign op_o.no_snoop = desc_i.no_snoop;
  assign op_o.pasid = desc_i.pasid;
  assign op_o.src = desc_i.src;
  assign op_o.dst = desc_i.dst;
  assign op_o.length = desc_i.length;
  assign op_o.rows = desc_i.rows;
  assign op_o.slices = desc_i.slices;
  assign op_o.src_pitch = desc_i.src_pitch;
  assign op_o.dst_pitch = desc_i.dst_pitch;
  assign op_o.src_slice = desc_i.src_slice;
  assign op_o.dst_slice = desc_i.dst_slice;
  assign op_o.pattern_len = desc_i.param;
  assign index_o = index_q;
  assign fail_o = fail_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      refused_q <= 1'b0;
      index_q <= 16'd0;
    end else begin
      if (flush_i) refused_q <= 1'b0;
      else if (refuse | ring_refuse) refused_q <= 1'b1;
      if (rewind_i) index_q <= rewind_index_i;
      else if (accept_o) index_q <= (index_q + 16'd1) & ring_mask_i;
    end
    if (refuse)
      fail_q <= {index_q, code, operand, bad_resp_i, place, bad_i ? bad_offset_i : 6'd0};
    if (ring_refuse) fail_q <= {index_q, ring_code, dma_job_pkg::OPERAND_RING, 2'b00, place, 6'd0};
  end

  logic unused;
  assign unused = ^{desc_i.rsvd_52, desc_i.rsvd_23, desc_i.rsvd_19, desc_i.rsvd_10, desc_i.opcode, desc_i.interrupt,
                    class_i.stamp, class_i.fence, class_i.src_virtual, class_i.dst_virtual};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_resp : assert (!valid_i || bad_i || bad_resp_i == 2'b00);
      assert_one_kind : assert (!(op_push_o && single_o) && !(single_o && wait_o));
      assert_fence_alone : assert (!single_o || (all_retired_i && !single_busy_i));
    end
  end
endmodule
