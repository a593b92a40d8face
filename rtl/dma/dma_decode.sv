// SPDX-License-Identifier: Apache-2.0
// Decode: checks a descriptor and hands it to the read, align, write and fence parts, all in the cycle it is at hand.
//
// Timing: one descriptor per cycle; combinational from descriptor to job. A fence waits until everything before it has
// retired, and holds back everything behind it until its write was answered. A refused descriptor goes to retirement in
// its turn and nothing behind it is decoded.
module dma_decode #(
    parameter int unsigned AddrBits = 40,
    parameter int unsigned VramBits = 28
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 run_i,    // enabled, no error, no reset
    input  logic                 flush_i,  // forget a refused descriptor
    input  logic                 home_i,   // the ring restarts at index 0
    input  logic                 bus_master_i,

    input  logic [57:0]          ring_base_i,  // address / 64
    input  logic [15:0]          ring_mask_i,  // descriptors - 1
    input  logic [2:0]           ring_space_i,
    input  logic [15:0]          ring_tail_i,
    input  logic                 ring_idle_i,
    output logic                 ring_ok_o,    // the ring may be fetched
    output logic [15:0]          index_o,      // of the next descriptor
    output logic                 pending_o,    // there is one

    input  logic                 valid_i,
    input  dma_pkg::descriptor_t desc_i,
    input  logic                 bad_i,
    input  logic [1:0]           bad_resp_i,
    input  logic [5:0]           bad_offset_i,
    output logic                 pop_o,

    input  logic                 jobs_full_i,
    input  logic                 retire_full_i,
    input  logic                 all_retired_i,
    input  logic                 fence_busy_i,
    output logic                 copy_o,
    output logic                 fence_o,
    output logic                 retire_push_o,
    output dma_job_pkg::retire_t retire_o,
    output logic [63:0]          src_o,
    output logic                 src_host_o,
    output logic [63:0]          dst_o,
    output logic                 dst_host_o,
    output logic [31:0]          length_o,  // bytes - 1
    output logic [63:0]          value_o,   // of the fence
    output logic                 interrupt_o,
    output logic                 no_snoop_o,  // of the copy's requests to the host
    output dma_job_pkg::fail_t   fail_o     // why the refused descriptor was
);
  localparam logic [63:0] AddrMask = 64'hffff_ffff_ffff_ffff >> (64 - AddrBits);
  localparam logic [63:0] VramMask = 64'hffff_ffff_ffff_ffff >> (64 - VramBits);

  // The ring itself.
  logic [64:0] ring_end;
  logic ring_space_bad, ring_addr_bad, ring_barred;
  logic [7:0] ring_code;
  assign ring_end = {1'b0, ring_base_i, 6'd0} + {43'd0, ring_mask_i, 6'd63};
  assign ring_space_bad = (ring_space_i != dma_pkg::SPACE_VRAM) & (ring_space_i != dma_pkg::SPACE_LOGICAL);
  assign ring_addr_bad = ring_end[64] |
      ((ring_end[63:0] & ~((ring_space_i == dma_pkg::SPACE_VRAM) ? VramMask : AddrMask)) != 64'd0);
  assign ring_barred = (ring_space_i == dma_pkg::SPACE_LOGICAL) & ~bus_master_i;
  assign ring_code = ring_space_bad ? dma_pkg::ERROR_BAD_SPACE :
      ring_addr_bad ? dma_pkg::ERROR_BAD_ADDRESS :
      ring_barred ? dma_pkg::ERROR_BUS_MASTER : dma_pkg::ERROR_NONE;
  assign ring_ok_o = ring_code == dma_pkg::ERROR_NONE;

  // The descriptor.
  logic is_copy, is_fence, is_nop;
  logic [64:0] src_end, dst_end;
  logic [31:0] dst_length;
  logic src_space_bad, dst_space_bad, src_addr_bad, dst_addr_bad, src_barred, dst_barred;
  logic [7:0] code;
  logic [1:0] operand;

  assign is_nop = desc_i.opcode == dma_pkg::OPCODE_NOP;
  assign is_copy = desc_i.opcode == dma_pkg::OPCODE_COPY;
  assign is_fence = desc_i.opcode == dma_pkg::OPCODE_FENCE;
  assign src_host_o = desc_i.src_space == dma_pkg::SPACE_LOGICAL;
  assign dst_host_o = desc_i.dst_space == dma_pkg::SPACE_LOGICAL;
  assign dst_length = is_fence ? 32'd7 : desc_i.length;
  assign src_end = {1'b0, desc_i.src} + {33'd0, desc_i.length};
  assign dst_end = {1'b0, desc_i.dst} + {33'd0, dst_length};
  assign src_space_bad = is_copy & ~src_host_o & (desc_i.src_space != dma_pkg::SPACE_VRAM);
  assign dst_space_bad = (is_copy | is_fence) & ~dst_host_o & (desc_i.dst_space != dma_pkg::SPACE_VRAM);
  assign src_addr_bad =
      is_copy & (src_end[64] | ((src_end[63:0] & ~(src_host_o ? AddrMask : VramMask)) != 64'd0));
  assign dst_addr_bad = ((is_copy | is_fence) &
      (dst_end[64] | ((dst_end[63:0] & ~(dst_host_o ? AddrMask : VramMask)) != 64'd0))) |
      (is_fence & (desc_i.dst[2:0] != 3'd0));
  assign src_barred = is_copy & src_host_o & ~bus_master_i;
  assign dst_barred = (is_copy | is_fence) & dst_host_o & ~bus_master_i;

  always_comb begin
    code = dma_pkg::ERROR_NONE;
    operand = dma_job_pkg::OPERAND_RING;
    if (bad_i) begin
      code = dma_pkg::ERROR_RING_READ;
    end else if (!is_nop && !is_copy && !is_fence) begin
      code = dma_pkg::ERROR_BAD_OPCODE;
    end else if (src_space_bad || dst_space_bad) begin
      code = dma_pkg::ERROR_BAD_SPACE;
      operand = src_space_bad ? dma_job_pkg::OPERAND_SRC : dma_job_pkg::OPERAND_DST;
    end else if (src_addr_bad || dst_addr_bad) begin
      code = dma_pkg::ERROR_BAD_ADDRESS;
      operand = src_addr_bad ? dma_job_pkg::OPERAND_SRC : dma_job_pkg::OPERAND_DST;
    end else if (src_barred || dst_barred) begin
      code = dma_pkg::ERROR_BUS_MASTER;
      operand = src_barred ? dma_job_pkg::OPERAND_SRC : dma_job_pkg::OPERAND_DST;
    end
  end

  logic refused_q, ready, accept, refuse, ring_refuse;
  logic [15:0] index_q;
  dma_job_pkg::fail_t fail_q;

  assign pending_o = ((ring_tail_i - index_q) & ring_mask_i) != 16'd0;
  assign ready = run_i & ~refused_q & ~retire_full_i & ~fence_busy_i;
  assign refuse = valid_i & ready & (code != dma_pkg::ERROR_NONE);
  assign ring_refuse = ready & ~valid_i & ring_idle_i & pending_o & ~ring_ok_o;
  assign accept = valid_i & ready & (code == dma_pkg::ERROR_NONE) &
      (is_nop | (is_copy & ~jobs_full_i) | (is_fence & all_retired_i));
  assign pop_o = accept | refuse;
  assign copy_o = accept & is_copy;
  assign fence_o = accept & is_fence;
  assign retire_push_o = accept | refuse | ring_refuse;
  assign retire_o.kind = ~accept ? dma_job_pkg::RETIRE_ERROR :
      is_copy ? dma_job_pkg::RETIRE_COPY : is_fence ? dma_job_pkg::RETIRE_FENCE : dma_job_pkg::RETIRE_NOP;
  assign retire_o.dst_host = dst_host_o;
  assign retire_o.length = desc_i.length;
  assign retire_o.tag = (ring_refuse | bad_i) ? 64'd0 : desc_i.tag;
  assign src_o = desc_i.src & (src_host_o ? AddrMask : VramMask);
  assign dst_o = desc_i.dst & (dst_host_o ? AddrMask : VramMask);
  assign length_o = desc_i.length;
  assign value_o = desc_i.src_slice;
  assign interrupt_o = desc_i.interrupt;
  assign no_snoop_o = desc_i.no_snoop;
  assign index_o = index_q;
  assign fail_o = fail_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      refused_q <= 1'b0;
      index_q <= 16'd0;
    end else begin
      if (flush_i) refused_q <= 1'b0;
      else if (refuse | ring_refuse) refused_q <= 1'b1;
      if (home_i) index_q <= 16'd0;
      else if (accept) index_q <= (index_q + 16'd1) & ring_mask_i;
    end
    if (refuse)
      fail_q <= {index_q, code, operand, bad_i ? bad_resp_i : 2'b00,
                 ring_base_i + {42'd0, index_q}, bad_i ? bad_offset_i : 6'd0};
    if (ring_refuse)
      fail_q <= {index_q, ring_code, dma_job_pkg::OPERAND_RING, 2'b00, ring_base_i + {42'd0, index_q}, 6'd0};
  end

  // Fields of later operations (rows, slices, pitches, PASID) are not looked at.
  logic unused;
  assign unused = ^{desc_i.rsvd_52, desc_i.pasid, desc_i.rsvd_23, desc_i.rsvd_19, desc_i.param, desc_i.rsvd_10, desc_i.dst_pitch,
                    desc_i.src_pitch, desc_i.slices, desc_i.rows, desc_i.dst_slice};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_one_kind : assert (!(copy_o && fence_o));
      assert_fence_alone : assert (!fence_o || (all_retired_i && !fence_busy_i));
    end
  end
endmodule
