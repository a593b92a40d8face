// SPDX-License-Identifier: Apache-2.0
// One channel: registers, ring, decoder, datapath (dma_mover), fences, semaphores, write-back, retirement and errors.
// Channels share nothing but the buses (dma_port_mux), so no error, reset or silence of one reaches another.
//
// Timing, cycles: descriptor at hand (one after its last R beat) to first AR: 1 + Pipe. RREADY and BREADY are
// constantly 1. Pairs: bit or field 0 is VRAM, 1 the host port.
module dma_channel #(
    parameter int unsigned DataWidth         = 256,
    parameter int unsigned AddrBits          = 40,
    parameter int unsigned VramBits          = 28,
    parameter int unsigned VirtualBits       = 48,
    parameter int unsigned AperturePagesLog2 = 12,
    parameter int unsigned Reads             = 64,
    parameter int unsigned MaxBurst          = 16,
    parameter int unsigned BufferBeats       = 256,
    parameter int unsigned HintAhead         = 8,
    parameter int unsigned Pipe              = 0,
    parameter int unsigned PagesLog2         = (AperturePagesLog2 != 0) ? AperturePagesLog2 : 1  // derived
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      bus_master_i,
    input  logic [63:0]               timestamp_i,
    input  logic [31:0]               timeout_i,  // cycles without an answer, 0: never
    input  logic                      pause_i,    // QUIESCE: no answer is missed
    input  logic [1:0]                pending_i,  // something of this channel is at the port

    input  logic                      reg_write_i,
    input  logic [4:0]                reg_waddr_i,
    input  logic [63:0]               reg_wdata_i,
    input  logic [63:0]               reg_wmask_i,
    input  logic [4:0]                reg_raddr_i,
    output logic [63:0]               reg_rdata_o,
    output logic [63:0]               bytes_o,
    output logic [63:0]               descriptors_o,
    output logic                      fence_o,    // interrupt causes, one cycle
    output logic                      error_o,
    output logic [7:0]                weight_o,
    output logic                      high_o,

    // dma_aperture and the IOMMU's hints.
    output logic                      lookup_valid_o,
    input  logic                      lookup_ready_i,
    output logic [PagesLog2-1:0]      lookup_src_o,
    output logic [PagesLog2-1:0]      lookup_dst_o,
    input  logic [AddrBits-12:0]      entry_src_i,
    input  logic [AddrBits-12:0]      entry_dst_i,
    output logic                      update_valid_o,
    input  logic                      update_ready_i,
    output logic [PagesLog2-1:0]      update_page_o,
    output logic [AddrBits-12:0]      update_entry_o,
    output logic                      hint_valid_o,
    input  logic                      hint_ready_i,
    output logic [51:0]               hint_page_o,

    output logic [1:0]                arvalid_o,
    input  logic [1:0]                arready_i,
    output logic [3:0]                arkind_o,
    output logic [127:0]              araddr_o,
    output logic [15:0]               arlen_o,
    output logic [5:0]                arsize_o,
    output logic [43:0]               aruser_o,   // dma_job_pkg::user_t
    input  logic [1:0]                rvalid_i,
    input  logic [3:0]                rkind_i,
    input  logic [2*DataWidth-1:0]    rdata_i,
    input  logic [3:0]                rresp_i,
    input  logic [1:0]                rlast_i,
    output logic [1:0]                awvalid_o,
    input  logic [1:0]                awready_i,
    output logic [1:0]                awkind_o,   // the rest of AW and W: of the port that is addressed
    output logic [63:0]               awaddr_o,
    output logic [7:0]                awlen_o,
    output logic [2:0]                awsize_o,
    output dma_job_pkg::user_t        awuser_o,
    output logic [1:0]                wvalid_o,
    input  logic [1:0]                wready_i,
    output logic [DataWidth-1:0]      wdata_o,
    output logic [DataWidth/8-1:0]    wstrb_o,
    output logic                      wlast_o,
    input  logic [1:0]                bvalid_i,
    input  logic [3:0]                bkind_i,
    input  logic [3:0]                bresp_i
);
  localparam int unsigned Jobs = (Reads > 64) ? Reads : 64;  // operations between decode and their last AW

  // ---------------------------------------------------------------- registers
  logic enable, reset, resume, skip, wb_enable, wb_host, wb_failed, home, go, idle, hung, error, error_rise;
  logic stop, flush, rewind, run, drained, retired, retired_link, advance, pending, sem_busy;
  logic [57:0] ring_base, base, head_base;
  logic [15:0] ring_mask, tail, head, index, rewind_index;
  logic [16:0] ring_count, seg_end;
  logic [2:0] ring_space;
  logic [7:0] coalesce_count;
  logic [23:0] coalesce_cycles;
  logic [59:0] wb_addr;
  logic [63:0] error_tag, fence_value;
  // An operation may retire more bytes than the counter, modulo 2^64, has bits for.
  // verilator lint_off UNUSEDSIGNAL
  logic [65:0] retired_bytes;
  // verilator lint_on UNUSEDSIGNAL
  dma_job_pkg::fail_t error_data;

  dma_channel_regs u_regs (
      .clk_i, .rst_ni, .write_i(reg_write_i), .waddr_i(reg_waddr_i), .wdata_i(reg_wdata_i), .wmask_i(reg_wmask_i),
      .raddr_i(reg_raddr_i), .rdata_o(reg_rdata_o),
      .enable_o(enable), .reset_o(reset), .resume_o(resume), .skip_o(skip), .ring_base_o(ring_base),
      .ring_mask_o(ring_mask), .ring_space_o(ring_space), .ring_count_o(ring_count), .tail_o(tail),
      .weight_o, .high_o, .coalesce_count_o(coalesce_count), .coalesce_cycles_o(coalesce_cycles),
      .wb_enable_o(wb_enable), .wb_host_o(wb_host), .wb_addr_o(wb_addr),
      .home_i(home), .go_i(go), .idle_i(idle), .waiting_i(sem_busy), .hung_i(hung), .head_i(head), .error_i(error),
      .error_data_i(error_data), .error_tag_i(error_tag), .fence_value_i(fence_value), .wb_failed_i(wb_failed),
      .retired_i(retired), .retired_bytes_i(retired_bytes[63:0]), .bytes_o, .descriptors_o
  );
  assign run = enable & ~stop;

  // ---------------------------------------------------------------- answers by kind
  logic [1:0] data_r, ring_r, sem_r, data_b, fence_b, wb_b;
  for (genvar p = 0; p < 2; p++) begin : gen_kind
    assign data_r[p] = rvalid_i[p] & (rkind_i[2*p+:2] == dma_job_pkg::ID_DATA[1:0]);
    assign ring_r[p] = rvalid_i[p] & (rkind_i[2*p+:2] == dma_job_pkg::ID_RING[1:0]);
    assign sem_r[p] = rvalid_i[p] & (rkind_i[2*p+:2] == dma_job_pkg::ID_SEM[1:0]);
    assign data_b[p] = bvalid_i[p] & (bkind_i[2*p+:2] == dma_job_pkg::ID_DATA[1:0]);
    assign fence_b[p] = bvalid_i[p] & (bkind_i[2*p+:2] == dma_job_pkg::ID_FENCE[1:0]);
    assign wb_b[p] = bvalid_i[p] & (bkind_i[2*p+:2] == dma_job_pkg::ID_WB[1:0]);
  end

  // ---------------------------------------------------------------- ring, checks
  logic seg_host, whole, link_busy, link, accept;
  logic [1:0] ring_arvalid, ring_arready;
  logic [63:0] ring_araddr;
  logic [7:0] ring_arlen;
  logic ring_ok, ring_idle;
  dma_pkg::descriptor_t desc;
  dma_job_pkg::class_t class_;
  logic [7:0] code;
  logic [1:0] operand, desc_resp;
  logic desc_valid, desc_bad, desc_pop;
  logic [5:0] desc_offset;

  dma_segment u_segment (
      .clk_i, .rst_ni, .ring_base_i(ring_base), .ring_host_i(ring_space == dma_pkg::SPACE_LOGICAL),
      .ring_mask_i(ring_mask), .ring_count_i(ring_count),
      .accept_i(accept), .link_i(link), .link_base_i(desc.dst[63:6]), .link_host_i(class_.dst_host),
      .link_length_i(desc.length[15:0]), .index_i(index), .retire_i(advance), .retire_link_i(retired_link),
      .head_i(head), .rewind_i(rewind), .home_i(home),
      .base_o(base), .host_o(seg_host), .end_o(seg_end), .whole_o(whole), .link_busy_o(link_busy),
      .head_base_o(head_base)
  );

  dma_ring #(.DataWidth(DataWidth), .MaxBurst(MaxBurst), .Prefetch(64)) u_ring (
      .clk_i, .rst_ni, .run_i(run & ring_ok), .base_i(base), .mask_i(ring_mask), .host_i(seg_host), .tail_i(tail),
      .decode_index_i(index), .end_i(seg_end), .whole_i(whole), .link_i(link),
      .arvalid_o(ring_arvalid), .arready_i(ring_arready), .araddr_o(ring_araddr), .arlen_o(ring_arlen),
      .rvalid_i(ring_r), .rdata_i, .rresp_i,
      .valid_o(desc_valid), .desc_o(desc), .bad_o(desc_bad), .bad_resp_o(desc_resp), .bad_offset_o(desc_offset),
      .pop_i(desc_pop), .idle_o(ring_idle)
  );

  dma_check #(
      .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits), .AperturePagesLog2(AperturePagesLog2)
  ) u_check (
      .desc_i(desc), .class_o(class_), .code_o(code), .operand_o(operand)
  );

  // ---------------------------------------------------------------- decode
  logic op_full, op_push, retire_full, retire_empty, retire_push, single_start, wait_start, fence_busy, fence_hold;
  dma_job_pkg::op_t op;
  dma_job_pkg::retire_t retire_data;
  dma_job_pkg::fail_t decode_fail;

  dma_decode #(.AddrBits(AddrBits), .VramBits(VramBits)) u_decode (
      .clk_i, .rst_ni, .run_i(run), .flush_i(flush), .rewind_i(rewind), .rewind_index_i(rewind_index), .bus_master_i,
      .ring_base_i(ring_base), .ring_mask_i(ring_mask), .ring_count_i(ring_count), .ring_space_i(ring_space),
      .ring_tail_i(tail), .ring_idle_i(ring_idle), .ring_ok_o(ring_ok), .index_o(index), .pending_o(pending),
      .base_i(base), .host_i(seg_host), .end_i(seg_end), .link_busy_i(link_busy),
      .valid_i(desc_valid), .desc_i(desc), .class_i(class_), .code_i(code), .operand_i(operand), .bad_i(desc_bad),
      .bad_resp_i(desc_resp), .bad_offset_i(desc_offset), .pop_o(desc_pop),
      .op_full_i(op_full), .retire_full_i(retire_full), .all_retired_i(retire_empty), .single_busy_i(fence_busy),
      .hold_i(fence_hold | sem_busy), .accept_o(accept), .op_push_o(op_push), .op_o(op), .single_o(single_start),
      .wait_o(wait_start), .link_o(link), .retire_push_o(retire_push), .retire_o(retire_data), .fail_o(decode_fail)
  );

  // ---------------------------------------------------------------- datapath
  logic [1:0] data_arvalid, data_arready, op_done, b_fail, sem_arvalid, sem_arready, mover_awid;
  logic [63:0] data_araddr, sem_araddr;
  logic [7:0] data_arlen;
  dma_job_pkg::user_t data_aruser, sem_aruser;
  logic map_done, read_wait, stream_fail, mover_idle, fence_valid, fence_ready, wb_valid, wb_ready;
  logic [1:0] b_wait;
  dma_job_pkg::fail_t stream_fail_data, b_fail0, b_fail1, read_wait_data;
  dma_job_pkg::single_t fence_single, wb_single;

  dma_mover #(
      .DataWidth(DataWidth), .AddrBits(AddrBits), .VramBits(VramBits), .VirtualBits(VirtualBits), .Reads(Reads),
      .MaxBurst(MaxBurst), .BufferBeats(BufferBeats), .IdWidth(2), .Singles(2), .PagesLog2(PagesLog2),
      .HintAhead(HintAhead), .Pipe(Pipe)
  ) u_mover (
      .clk_i, .rst_ni, .flush_i(flush), .stop_i(stop), .bus_master_i,
      .op_push_i(op_push), .op_i(op), .op_full_o(op_full),
      .single_valid_i({wb_valid, fence_valid}), .single_ready_o({wb_ready, fence_ready}),
      .single_i({wb_single, fence_single}),
      .arvalid_o(data_arvalid), .arready_i(data_arready), .araddr_o(data_araddr), .arlen_o(data_arlen),
      .aruser_o(data_aruser), .rvalid_i(data_r), .rlast_i, .rdata_i, .rresp_i,
      .awvalid_o, .awready_i, .awid_o(mover_awid), .awaddr_o, .awlen_o, .awsize_o, .awuser_o,
      .wvalid_o, .wready_i, .wdata_o, .wstrb_o, .wlast_o, .bvalid_i(data_b), .bresp_i,
      .lookup_valid_o, .lookup_ready_i, .lookup_src_o, .lookup_dst_o, .entry_src_i, .entry_dst_i, .update_valid_o,
      .update_ready_i, .update_page_o, .update_entry_o, .hint_valid_o, .hint_ready_i, .hint_page_o,
      .done_o(op_done), .map_done_o(map_done), .read_wait_o(read_wait), .read_wait_data_o(read_wait_data),
      .b_wait_o(b_wait), .stream_fail_o(stream_fail), .stream_fail_data_o(stream_fail_data), .b_fail_o(b_fail),
      .b_fail0_o(b_fail0), .b_fail1_o(b_fail1), .idle_o(mover_idle)
  );
  // The mover numbers its single writes 1, 2; the second is the write-back.
  assign awkind_o = (mover_awid == 2'd2) ? dma_job_pkg::ID_WB[1:0] : mover_awid;

  for (genvar p = 0; p < 2; p++) begin : gen_ar
    dma_ar_mux #(.DataWidth(DataWidth)) u_ar (
        .clk_i, .rst_ni, .valid_i({sem_arvalid[p], ring_arvalid[p], data_arvalid[p]}),
        .ready_o({sem_arready[p], ring_arready[p], data_arready[p]}),
        .data_addr_i(data_araddr), .data_len_i(data_arlen), .data_user_i(data_aruser), .ring_addr_i(ring_araddr),
        .ring_len_i(ring_arlen), .sem_addr_i(sem_araddr), .sem_user_i(sem_aruser),
        .arvalid_o(arvalid_o[p]), .arready_i(arready_i[p]), .arkind_o(arkind_o[2*p+:2]),
        .araddr_o(araddr_o[64*p+:64]), .arlen_o(arlen_o[8*p+:8]), .arsize_o(arsize_o[3*p+:3]),
        .aruser_o(aruser_o[22*p+:22])
    );
  end

  // ---------------------------------------------------------------- fences, semaphores, write-back
  logic fence_idle, fence_done, fence_fail, fence_interrupt, sem_idle, sem_done, sem_failed, wb_idle, wb_due;
  logic [7:0] irq;
  dma_job_pkg::fail_t fence_fail_data, sem_fail, fence_late, sem_late, wb_late, late_fail;

  // What stops the channel without an error yet is younger than a signal under way: that one still goes out.
  dma_fence u_fence (
      .clk_i, .rst_ni, .stop_i(reset | error), .bus_master_i,
      .start_i(single_start), .fence_i(class_.fence), .host_i(class_.dst_host), .pasid_valid_i(class_.dst_virtual),
      .pasid_i(desc.pasid), .addr_i(desc.dst), .value_i(class_.stamp ? timestamp_i : desc.src_slice),
      .interrupt_i(desc.interrupt), .index_i(index),
      .write_valid_o(fence_valid), .write_ready_i(fence_ready), .write_o(fence_single),
      .bvalid_i(fence_b), .bresp_i,
      .busy_o(fence_busy), .hold_o(fence_hold), .idle_o(fence_idle), .done_o(fence_done), .fail_o(fence_fail),
      .fail_data_o(fence_fail_data), .interrupt_o(fence_interrupt), .value_o(fence_value), .late_o(fence_late)
  );

  dma_sem #(.DataWidth(DataWidth)) u_sem (
      .clk_i, .rst_ni, .stop_i(stop), .flush_i(flush), .bus_master_i, .pause_i,
      .start_i(wait_start), .host_i(class_.src_host), .pasid_valid_i(class_.src_virtual), .pasid_i(desc.pasid),
      .addr_i(desc.src), .value_i(desc.src_slice), .mask_i(desc.dst_slice), .condition_i(desc.param),
      .timeout_i(desc.length), .interval_i(desc.src_pitch), .index_i(index),
      .arvalid_o(sem_arvalid), .arready_i(sem_arready), .araddr_o(sem_araddr), .aruser_o(sem_aruser),
      .rvalid_i(sem_r), .rdata_i, .rresp_i,
      .busy_o(sem_busy), .idle_o(sem_idle), .done_o(sem_done), .failed_o(sem_failed), .fail_o(sem_fail),
      .late_o(sem_late)
  );

  dma_writeback u_writeback (
      .clk_i, .rst_ni, .enable_i(wb_enable), .hold_i(stop & ~(error & ~hung & ~reset)), .host_i(wb_host),
      .addr_i(wb_addr), .bus_master_i, .head_i(head), .error_i(error), .fence_i(fence_value),
      .irq_i(fence_done & fence_interrupt), .irq_o(irq),
      .write_valid_o(wb_valid), .write_ready_i(wb_ready), .write_o(wb_single), .bvalid_i(wb_b), .bresp_i,
      .idle_o(wb_idle), .due_o(wb_due), .failed_o(wb_failed), .late_o(wb_late)
  );

  dma_coalesce u_coalesce (
      .clk_i, .rst_ni, .count_i(coalesce_count), .cycles_i(coalesce_cycles), .add_i(irq), .error_i(error_o),
      .raise_o(fence_o)
  );
  assign error_o = error_rise | wb_failed;

  // ---------------------------------------------------------------- retirement
  dma_complete #(.Depth(2 * Jobs)) u_complete (
      .clk_i, .rst_ni, .reset_i(reset), .resume_i(resume | skip), .skip_i(skip & (tail != head)), .drained_i(drained),
      .head_base_i(head_base), .ring_mask_i(ring_mask),
      .push_i(retire_push), .push_data_i(retire_data), .full_o(retire_full), .empty_o(retire_empty),
      .op_done_i(op_done), .map_done_i(map_done), .fence_done_i(fence_done), .wait_done_i(sem_done), .b_fail_i(b_fail), .b_fail0_i(b_fail0),
      .b_fail1_i(b_fail1), .fence_fail_i(fence_fail), .fence_fail_data_i(fence_fail_data),
      .stream_fail_i(stream_fail), .stream_fail_data_i(stream_fail_data), .wait_failed_i(sem_failed),
      .wait_fail_i(sem_fail), .decode_fail_i(decode_fail), .late_i(late), .late_fail_i(late_fail),
      .stop_o(stop), .flush_o(flush), .home_o(home), .go_o(go), .rewind_o(rewind), .rewind_index_o(rewind_index),
      .head_o(head), .advance_o(advance), .retired_o(retired), .retired_link_o(retired_link),
      .retired_bytes_o(retired_bytes), .error_o(error), .hung_o(hung), .error_rise_o(error_rise),
      .error_data_o(error_data), .error_tag_o(error_tag)
  );
  assign drained = ring_idle & mover_idle & fence_idle & sem_idle & wb_idle;
  // A poll under way is in the list of what has not retired.
  assign idle = retire_empty & ring_idle & fence_idle & wb_idle & ~wb_due & ~reset & ~resume & ~skip & ~hung &
      ~(run & pending);

  // ---------------------------------------------------------------- no answer
  // What the oldest unanswered request belongs to is reported. Polls of a semaphore do not hide that a write hangs.
  logic late, progress;
  logic [1:0] polls;
  logic [31:0] waited_q;
  assign polls = (mover_idle & fence_idle & wb_idle) ? (sem_arvalid & sem_arready) | sem_r : 2'b00;
  assign progress = ((data_arvalid & data_arready) | (ring_arvalid & ring_arready) | (awvalid_o & awready_i) |
      (wvalid_o & wready_i) | data_r | ring_r | bvalid_i | polls) != 2'b00;
  assign late = (timeout_i != 32'd0) & (pending_i != 2'b00) & ~progress & ~pause_i & (waited_q >= timeout_i) & ~error;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) waited_q <= 32'd0;
    else if (pending_i == 2'b00 || progress || pause_i) waited_q <= 32'd0;
    else if (waited_q != 32'hffff_ffff) waited_q <= waited_q + 32'd1;
  end
  dma_job_pkg::fail_t burst_late;
  logic burst_older, unused_wait;
  assign unused_wait = ^{read_wait_data.code, read_wait_data.operand, read_wait_data.resp};
  assign burst_late = {b_wait[0] ? b_fail0.index : b_fail1.index, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_DST,
                       2'b00, b_wait[0] ? b_fail0.addr : b_fail1.addr};
  // Of one operation the read: its burst may be under way and wait for it.
  assign burst_older = (b_wait != 2'b00) & (~read_wait | (((burst_late.index - head) & ring_mask) <
      ((read_wait_data.index - head) & ring_mask)));
  assign late_fail = burst_older ? burst_late :
      read_wait ? {read_wait_data.index, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_SRC, 2'b00, read_wait_data.addr} :
      ~fence_idle ? fence_late : ~wb_idle ? wb_late : ~sem_idle ? sem_late :
      {index, dma_pkg::ERROR_TIMEOUT, dma_job_pkg::OPERAND_RING, 2'b00, base + {42'd0, index}, 6'd0};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_kind_r : assert ((rvalid_i & ~data_r & ~ring_r & ~sem_r) == 2'b00);
      assert_kind_b : assert ((bvalid_i & ~data_b & ~fence_b & ~wb_b) == 2'b00);
      assert_flush_idle : assert (!flush || wb_idle);
      assert_idle_polls : assert (!idle || sem_idle);
    end
  end
endmodule
