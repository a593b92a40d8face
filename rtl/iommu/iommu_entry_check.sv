// SPDX-License-Identifier: Apache-2.0
// What a table entry that a walk has read means: a fault, the way to the next entry, or the end. The order of the
// checks is the specification's (permission before reserved bits at each level).
//
// Timing: combinational.
module iommu_entry_check #(
    parameter int unsigned Haw         = 46,
    parameter int unsigned Mgaw        = 48,
    parameter logic [4:0]  Sagaw       = 5'b00110,
    parameter logic [1:0]  Sllps       = 2'b11,
    parameter bit          PassThrough = 1'b1,
    parameter int unsigned DidWidth    = 16,
    parameter bit          SnoopControl = 1'b0,
    parameter bit          Zlr         = 1'b0,
    parameter int unsigned FrameWidth  = Haw - 12  // derived
) (
    input  logic [1:0]            kind_i,        // 0 root, 1 context, 2 paging
    input  logic                  error_i,       // the read was answered with an error
    // Ignored bits of the entries have names but no use.
    // verilator lint_off UNUSEDSIGNAL
    input  vtd_pkg::root_entry_t    root_i,
    input  vtd_pkg::context_entry_t ctx_i,
    input  vtd_pkg::ss_entry_t      pte_i,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [2:0]            level_i,       // of a paging entry, 1 = leaf table
    input  logic                  top_i,         // the paging entry is the first of the walk
    input  logic                  fpd_i,         // of the context the walk came through

    // The request.
    input  logic                  write_i,
    input  logic                  zero_i,        // a zero-length read
    input  logic                  acc_r_i,       // granted by all levels above
    input  logic                  acc_w_i,
    input  logic [51:0]           page_i,
    input  logic [1:0]            at_i,

    output logic                  fault_o,
    output logic [7:0]            reason_o,
    output logic                  fpd_o,
    output logic                  more_o,        // go on at table_o
    output logic                  leaf_o,        // a page: frame_o
    output logic                  context_ok_o,  // a context entry without error, whatever becomes of the request
    output logic [FrameWidth-1:0] table_o,
    output logic [2:0]            level_o,       // of table_o, if it holds paging entries
    output logic [FrameWidth-1:0] frame_o
);
  localparam logic [2:0] LargestAw = Sagaw[3] ? 3'd3 : Sagaw[2] ? 3'd2 : 3'd1;

  logic root_reserved, ctx_reserved, pte_reserved, superpage, last, lacks, in_window;
  assign root_reserved = (root_i.rsvd_1 != '0) | (root_i.rsvd_64 != '0) | (root_i.ctp[51:FrameWidth] != '0);
  assign ctx_reserved = (ctx_i.rsvd_4 != '0) | ctx_i.rsvd_71 | (ctx_i.rsvd_88 != '0)
      | ((ctx_i.did >> DidWidth) != '0);
  assign superpage = pte_i.ps & (level_i == 3'd2 || level_i == 3'd3);
  assign last = (level_i == 3'd1) | superpage;
  // A zero-length read needs either permission, but of all levels together.
  assign lacks = write_i ? ~pte_i.w
      : (Zlr & zero_i) ? ~((acc_r_i & pte_i.r) | (acc_w_i & pte_i.w)) : ~pte_i.r;
  // 2.3: HAW and above, bit 62 everywhere (no transient mappings), SNP but in leaves with snoop control.
  always_comb begin
    pte_reserved = (pte_i.snp & ~(SnoopControl & last)) | pte_i.rsvd62;
    if (Haw < 52) pte_reserved |= (pte_i.addr >> FrameWidth) != '0;
    if (level_i >= 3'd4) pte_reserved |= pte_i.ps;
    if (superpage && level_i == 3'd2) pte_reserved |= ~Sllps[0] | (pte_i.addr[8:0] != '0);
    if (superpage && level_i == 3'd3) pte_reserved |= ~Sllps[1] | (pte_i.addr[17:0] != '0);
  end
  always_comb begin
    frame_o = pte_i.addr[FrameWidth-1:0];
    if (level_i == 3'd2) frame_o[8:0] = page_i[8:0];
    if (level_i == 3'd3) frame_o[17:0] = page_i[17:0];
    // 2.4.7: the whole page counts, whatever its size.
    in_window = frame_o[FrameWidth-1:8] == (FrameWidth-8)'(24'h000FEE);
    if (level_i == 3'd2) in_window = pte_i.addr[FrameWidth-1:9] == (FrameWidth-9)'(24'h0007F7);
    if (level_i == 3'd3) in_window = pte_i.addr[FrameWidth-1:18] == (FrameWidth-18)'(24'h000003);
  end

  logic [7:0] request_reason;
  // The reason tells of a fault by itself.
  // verilator lint_off PINCONNECTEMPTY
  iommu_request_check #(.Haw(Haw), .Mgaw(Mgaw)) i_request_check (
      .pass_i(ctx_i.tt == vtd_pkg::TT_PASS_THROUGH), .aw_i(ctx_i.aw), .page_i, .at_i, .fault_o(),
      .reason_o(request_reason));
  // verilator lint_on PINCONNECTEMPTY

  // In every kind of entry the address stands in the same bits of the first quadword, which pte_i is.
  assign table_o = pte_i.addr[FrameWidth-1:0];

  always_comb begin
    more_o = 1'b0;
    leaf_o = 1'b0;
    context_ok_o = 1'b0;
    reason_o = vtd_pkg::FAULT_NONE;
    fpd_o = fpd_i;
    level_o = level_i - 3'd1;
    case (kind_i)
      2'd0: begin
        if (error_i) reason_o = vtd_pkg::FAULT_ROOT_FETCH;
        else if (!root_i.p) reason_o = vtd_pkg::FAULT_ROOT_NOT_PRESENT;
        else if (root_reserved) reason_o = vtd_pkg::FAULT_ROOT_RESERVED;
        more_o = reason_o == vtd_pkg::FAULT_NONE;
      end
      2'd1: begin
        fpd_o = ~error_i & ctx_i.fpd;
        if (error_i) reason_o = vtd_pkg::FAULT_CONTEXT_FETCH;
        else if (!ctx_i.p) reason_o = vtd_pkg::FAULT_CONTEXT_NOT_PRESENT;
        else if (ctx_reserved) reason_o = vtd_pkg::FAULT_CONTEXT_RESERVED;
        else if (ctx_i.tt == vtd_pkg::TT_RESERVED || ctx_i.tt == vtd_pkg::TT_DEVICE_TLB
                 || (ctx_i.tt == vtd_pkg::TT_PASS_THROUGH && (!PassThrough || ctx_i.aw != LargestAw))
                 || ctx_i.aw > 3'd4 || !Sagaw[ctx_i.aw]
                 || (ctx_i.tt == vtd_pkg::TT_SECOND_STAGE && ctx_i.ssptptr[51:FrameWidth] != '0))
          reason_o = vtd_pkg::FAULT_CONTEXT_INVALID;
        else begin
          context_ok_o = 1'b1;
          reason_o = request_reason;
        end
        more_o = (reason_o == vtd_pkg::FAULT_NONE) & (ctx_i.tt != vtd_pkg::TT_PASS_THROUGH);
        level_o = ctx_i.aw + 3'd2;
      end
      default: begin
        if (error_i) reason_o = top_i ? vtd_pkg::FAULT_CONTEXT_INVALID : vtd_pkg::FAULT_PAGING_FETCH;
        else if (lacks) reason_o = write_i ? vtd_pkg::FAULT_WRITE : vtd_pkg::FAULT_READ;
        else if (pte_reserved) reason_o = vtd_pkg::FAULT_PAGING_RESERVED;
        else if (last && in_window) reason_o = vtd_pkg::FAULT_INTERRUPT_RANGE;
        leaf_o = (reason_o == vtd_pkg::FAULT_NONE) & last;
        more_o = (reason_o == vtd_pkg::FAULT_NONE) & ~last;
      end
    endcase
  end
  assign fault_o = reason_o != vtd_pkg::FAULT_NONE;
endmodule
