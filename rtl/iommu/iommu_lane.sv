// SPDX-License-Identifier: Apache-2.0
// A lookup lane: takes the address requests of all requester ports of one direction (reads or writes), translates one
// a cycle, and parks those that miss, so that the others go on past them.
//
// Timing: address handshake in t -> lookup in t+1 (Pipe 1: context in t+1, IOTLB in t+2) -> out_valid_o in t+2
// (t+3). done_valid_i in t -> out_valid_o of a request that waited for it in t+3. The output address leaves a register
// together with its valid and holds under back-pressure. One request a cycle on hits and on misses.
//
// Order: requests with one key leave in the order they came; the key is {port, id} for reads and {port} for writes
// (AXI4 has no write id on the W channel). A parked request holds younger ones of its key back, nobody else.
// A parked request whose walk found its page goes out with what the walk brought, past the lookup. Priority into the
// lookup: parked requests that must be looked up again, then new ones (round-robin over ports), then hints. A hint that
// needs a walk and gets none in its lookup is given back (hint_lost_o).
//
// Room: a quarter of the parking slots is kept for each port, the rest is shared, so a port whose requests stay blocked
// (it takes no answers, or sends no data) never keeps another one out.
//
// Nothing outlives a flush in a parked request: an address that has not gone out and a verdict that has not been
// recorded when anything is flushed are forgotten, and the request is looked up again. So is one that joined a walk
// which does not permit its own access.
// A fault goes only to the request that started the walk: one that joined later may have come after software repaired
// the table, and walks again.
module iommu_lane #(
    parameter bit          IsWrite    = 1'b0,
    parameter int unsigned NumPorts   = 2,
    parameter int unsigned PortWidth  = 2,
    parameter int unsigned IdWidth    = 4,
    parameter int unsigned Haw        = 46,
    parameter int unsigned Mgaw       = 48,
    parameter int unsigned Parks      = 24,   // requests parked at most, 4 to 128
    parameter int unsigned WalkWidth  = 4,    // bits of a walk number
    parameter bit          Zlr        = 1'b0, // as CAP.ZLR
    parameter int unsigned Pipe       = 0,
    parameter int unsigned OutDepth   = 8,    // words of the output, a power of two, at least 4
    parameter int unsigned SlotWidth  = $clog2(Parks),  // derived
    parameter int unsigned PageWidth  = Mgaw - 12,      // derived
    parameter int unsigned FrameWidth = Haw - 12        // derived
) (
    input  logic                         clk_i,
    input  logic                         rst_ni,

    input  logic                         te_i,           // translation on
    input  logic                         flush_i,        // a cache is flushed, or the root table changes
    input  logic                         mode_ok_i,      // RTADDR.TTM is one this unit has
    input  logic [NumPorts*16-1:0]       source_id_i,    // tied

    // Address channel of every port.
    input  logic [NumPorts-1:0]          req_valid_i,
    output logic [NumPorts-1:0]          req_ready_o,
    input  logic [NumPorts-1:0]          req_allowed_i,  // the data path has room for this request
    input  logic [NumPorts*IdWidth-1:0]  req_id_i,
    input  logic [NumPorts*64-1:0]       req_addr_i,
    input  logic [NumPorts*8-1:0]        req_len_i,
    input  logic [NumPorts*3-1:0]        req_size_i,
    input  logic [NumPorts*27-1:0]       req_user_i,     // vtd_pkg::axuser_t

    // Pages wanted soon; taken only by otherwise idle lookups. Those that got no walk are told in their lookup.
    input  logic                         hint_valid_i,
    output logic                         hint_ready_o,
    input  logic [PortWidth-1:0]         hint_port_i,
    input  logic [51:0]                  hint_page_i,
    output logic                         hint_lost_o,
    output logic [PortWidth-1:0]         hint_lost_port_o,
    output logic [51:0]                  hint_lost_page_o,

    // Context cache and IOTLB, answers in the same cycle.
    output logic [15:0]                  ctx_sid_o,
    input  logic                         ctx_hit_i,
    input  logic [15:0]                  ctx_did_i,
    input  logic                         ctx_pass_i,
    output logic [PageWidth-1:0]         tlb_next_page_o, // looked up in the IOTLB 1 + Pipe cycles later
    output logic [15:0]                  tlb_did_o,
    output logic [PageWidth-1:0]         tlb_page_o,
    input  logic                         tlb_hit_i,
    input  logic [FrameWidth-1:0]        tlb_frame_i,
    input  logic                         tlb_allow_i,    // the entry permits this direction
    input  logic                         tlb_write_i,    // it permits writes
    input  logic                         tlb_snp_i,      // it asks for snooping

    // To the walkers: start a walk, or join one for the same page; walk_ready_i in the same cycle.
    output logic                         walk_valid_o,
    input  logic                         walk_ready_i,
    input  logic [WalkWidth-1:0]         walk_index_i,
    output logic                         walk_hint_o,
    output logic [15:0]                  walk_sid_o,
    output logic [51:0]                  walk_page_o,
    output logic [1:0]                   walk_at_o,
    output logic [SlotWidth-1:0]         walk_slot_o,
    output logic                         walk_zero_o,    // a zero-length read

    // A walk ended.
    input  logic                         done_valid_i,
    input  logic [WalkWidth-1:0]         done_index_i,
    input  logic                         done_owner_i,   // its owner is parked in this lane ...
    input  logic [SlotWidth-1:0]         done_slot_i,    // ... in this slot
    input  logic                         done_fault_i,
    input  logic [7:0]                   done_reason_i,
    input  logic                         done_fpd_i,     // blocked without a record
    input  logic                         done_page_i,    // it found a page, which ...
    input  logic [FrameWidth-1:0]        done_frame_i,   // ... stands here and ...
    input  logic                         done_r_i,       // ... permits reads,
    input  logic                         done_w_i,       // writes,
    input  logic                         done_snp_i,     // and asks for snooping

    // Faults to record.
    output logic                         fault_valid_o,
    input  logic                         fault_ready_i,
    output logic [15:0]                  fault_sid_o,
    output logic [51:0]                  fault_page_o,
    output logic [7:0]                   fault_reason_o,
    output logic [26:0]                  fault_user_o,
    output logic                         blocked_o,      // a request was blocked with a fault, recorded or not

    // Blocked requests, to be answered with an error; err_done_i[p] when port p's has been.
    output logic                         err_valid_o,
    output logic [PortWidth-1:0]         err_port_o,
    output logic [IdWidth-1:0]           err_id_o,
    output logic [7:0]                   err_len_o,
    output logic [NumPorts-1:0]          err_busy_o,     // port p has one under way
    input  logic [NumPorts-1:0]          err_done_i,

    // Translated requests.
    output logic                         out_valid_o,
    input  logic                         out_ready_i,
    input  logic                         out_shown_i,    // with out_valid_o: it is on the bus
    output logic [PortWidth-1:0]         out_port_o,
    output logic [IdWidth-1:0]           out_id_o,
    output logic [63:0]                  out_addr_o,
    output logic [7:0]                   out_len_o,
    output logic [2:0]                   out_size_o,
    output logic                         out_snoop_o,    // must snoop
    output logic                         settled_o,      // what had its address at the last flush is on the bus

    // Requests that were given their output address in this cycle, at most two (for draining).
    output logic [1:0]                   push_o,
    output logic [2*PortWidth-1:0]       push_port_o,
    output logic [2*IdWidth-1:0]         push_id_o,

    output logic                         count_hit_o,
    output logic                         count_miss_o
);
  if (NumPorts < 1 || NumPorts > (1 << PortWidth)) begin : gen_ports_check
    $error("iommu_lane: NumPorts must be 1 to 2^PortWidth");
  end
  if (Parks < 4 || Parks > 128) begin : gen_parks_check
    $error("iommu_lane: Parks must be 4 to 128");
  end
  if (Pipe > 1) begin : gen_pipe_check
    $error("iommu_lane: Pipe must be 0 or 1");
  end

  localparam int unsigned OutWidth = PortWidth + IdWidth + 64 + 8 + 3 + 1;
  localparam int unsigned ParkCount = $clog2(Parks + 1);
  localparam int unsigned OutCount = $clog2(OutDepth + 1);
  localparam int unsigned NumPortBits = (NumPorts > 1) ? $clog2(NumPorts) : 1;

  localparam logic [2:0] StReady = 3'd0;      // to be looked up again
  localparam logic [2:0] StInPipe = 3'd1;
  localparam logic [2:0] StWalkRequest = 3'd2;
  localparam logic [2:0] StWalk = 3'd3;
  localparam logic [2:0] StFault = 3'd4;      // to be recorded
  localparam logic [2:0] StError = 3'd5;      // to be answered
  localparam logic [2:0] StErrorWait = 3'd6;
  localparam logic [2:0] StOut = 3'd7;        // has its address

  localparam logic [1:0] KindOut = 2'd0;
  localparam logic [1:0] KindWalk = 2'd1;
  localparam logic [1:0] KindFault = 2'd2;
  localparam logic [1:0] KindAbort = 2'd3;

  // ------------------------------------------------------------------ parked requests
  logic [Parks-1:0]     p_valid_q, p_dep_q, p_followed_q, p_fpd_q, p_snp_q;
  logic [2:0]           p_state_q[Parks];
  logic [SlotWidth-1:0] p_dep_slot_q[Parks];   // the request that must leave first, while p_dep_q
  logic [WalkWidth-1:0] p_walk_q[Parks];
  logic [PortWidth-1:0] p_port_q[Parks];
  logic [IdWidth-1:0]   p_id_q[Parks];
  logic [63:0]          p_addr_q[Parks];
  logic [7:0]           p_len_q[Parks];
  logic [2:0]           p_size_q[Parks];
  logic [26:0]          p_user_q[Parks];
  logic [7:0]           p_reason_q[Parks];
  logic [FrameWidth-1:0] p_frame_q[Parks];     // of StOut

  // ------------------------------------------------------------------ what enters the lookup
  logic [Parks-1:0]     replay_req, replay_grant;
  logic [SlotWidth-1:0] replay_slot;
  logic [NumPorts-1:0]  new_req, new_grant;
  logic [NumPortBits-1:0] new_port;
  logic [NumPorts-1:0]  park_room;
  logic [OutCount-1:0]  out_credits_q;
  logic load_replay, load_new, load_out, out_room;
  logic [Parks-1:0]     out_req, out_grant;
  logic [SlotWidth-1:0] out_slot;

  always_comb begin
    for (int unsigned i = 0; i < Parks; i++) begin
      replay_req[i] = p_valid_q[i] & (p_state_q[i] == StReady) & ~p_dep_q[i];
      out_req[i] = p_valid_q[i] & (p_state_q[i] == StOut) & ~p_dep_q[i];
    end
  end
  // Parked requests that have their address take room at the output first.
  assign load_out = (out_req != '0) & (out_credits_q != '0) & ~flush_i;
  assign out_room = out_credits_q > OutCount'(load_out);
  assign new_req = req_valid_i & req_allowed_i & park_room & {NumPorts{out_room}};
  assign load_replay = (replay_req != '0) & out_room;
  assign load_new = ~load_replay & (new_req != '0);
  assign hint_ready_o = ~load_replay & ~load_new;

  rr_arbiter #(.N(Parks)) i_replay (
      .clk_i, .rst_ni, .req_i(replay_req), .accept_i(load_replay), .grant_o(replay_grant), .index_o(replay_slot));
  rr_arbiter #(.N(Parks)) i_out_of_parked (
      .clk_i, .rst_ni, .req_i(out_req), .accept_i(load_out), .grant_o(out_grant), .index_o(out_slot));
  rr_arbiter #(.N(NumPorts)) i_new (
      .clk_i, .rst_ni, .req_i(new_req), .accept_i(load_new), .grant_o(new_grant), .index_o(new_port));

  assign req_ready_o = load_new ? new_grant : '0;

  logic                 a_valid_q, a_replay_q, a_hint_q;
  logic [SlotWidth-1:0] a_slot_q;
  logic [PortWidth-1:0] a_port_q;
  logic [IdWidth-1:0]   a_id_q;
  logic [63:0]          a_addr_q;
  logic [7:0]           a_len_q;
  logic [2:0]           a_size_q;
  logic [26:0]          a_user_q;

  logic [63:0] next_addr;
  assign next_addr = load_replay ? p_addr_q[replay_slot] : load_new ? req_addr_i[new_port*64+:64]
      : {hint_page_i, 12'd0};
  assign tlb_next_page_o = next_addr[12+:PageWidth];

  always_ff @(posedge clk_i) begin
    a_valid_q <= rst_ni & (load_replay | load_new | hint_valid_i);
    a_replay_q <= load_replay;
    a_hint_q <= hint_ready_o;
    a_slot_q <= replay_slot;
    a_addr_q <= next_addr;
    if (load_replay) begin
      a_port_q <= p_port_q[replay_slot];
      a_id_q <= p_id_q[replay_slot];
      a_len_q <= p_len_q[replay_slot];
      a_size_q <= p_size_q[replay_slot];
      a_user_q <= p_user_q[replay_slot];
    end else if (load_new) begin
      a_port_q <= PortWidth'(new_port);
      a_id_q <= req_id_i[new_port*IdWidth+:IdWidth];
      a_len_q <= req_len_i[new_port*8+:8];
      a_size_q <= req_size_i[new_port*3+:3];
      a_user_q <= req_user_i[new_port*27+:27];
    end else begin
      a_port_q <= hint_port_i;
      a_user_q <= '0;
    end
  end

  // ------------------------------------------------------------------ parked requests on their way out
  logic                 o_valid_q;
  logic [OutWidth-1:0]  o_data_q;
  always_ff @(posedge clk_i) begin
    o_valid_q <= rst_ni & load_out;
    o_data_q <= {p_port_q[out_slot], p_id_q[out_slot], 64'({p_frame_q[out_slot], p_addr_q[out_slot][11:0]}),
                 p_len_q[out_slot], p_size_q[out_slot], p_snp_q[out_slot]};
  end

  // ------------------------------------------------------------------ lookup
  assign ctx_sid_o = source_id_i[NumPortBits'(a_port_q)*16+:16];

  logic                 b_valid, b_replay, b_hint, b_ctx_hit, b_ctx_pass;
  logic [15:0]          b_did;
  logic [SlotWidth-1:0] b_slot;
  logic [PortWidth-1:0] b_port;
  logic [IdWidth-1:0]   b_id;
  logic [63:0]          b_addr;
  logic [7:0]           b_len;
  logic [2:0]           b_size;
  vtd_pkg::axuser_t     b_user;

  if (Pipe == 0) begin : gen_one_stage
    assign b_valid = a_valid_q;
    assign b_replay = a_replay_q;
    assign b_hint = a_hint_q;
    assign b_slot = a_slot_q;
    assign b_port = a_port_q;
    assign b_id = a_id_q;
    assign b_addr = a_addr_q;
    assign b_len = a_len_q;
    assign b_size = a_size_q;
    assign b_user = a_user_q;
    assign b_ctx_hit = ctx_hit_i;
    assign b_ctx_pass = ctx_pass_i;
    assign b_did = ctx_did_i;
  end else begin : gen_two_stages
    logic                 valid_q, replay_q, hint_q, ctx_hit_q, ctx_pass_q;
    logic [15:0]          did_q;
    logic [SlotWidth-1:0] slot_q;
    logic [PortWidth-1:0] port_q;
    logic [IdWidth-1:0]   id_q;
    logic [63:0]          addr_q;
    logic [7:0]           len_q;
    logic [2:0]           size_q;
    logic [26:0]          user_q;
    always_ff @(posedge clk_i) begin
      valid_q <= rst_ni & a_valid_q;
      replay_q <= a_replay_q;
      hint_q <= a_hint_q;
      slot_q <= a_slot_q;
      port_q <= a_port_q;
      id_q <= a_id_q;
      addr_q <= a_addr_q;
      len_q <= a_len_q;
      size_q <= a_size_q;
      user_q <= a_user_q;
      ctx_hit_q <= ctx_hit_i;
      ctx_pass_q <= ctx_pass_i;
      did_q <= ctx_did_i;
    end
    assign b_valid = valid_q;
    assign b_replay = replay_q;
    assign b_hint = hint_q;
    assign b_slot = slot_q;
    assign b_port = port_q;
    assign b_id = id_q;
    assign b_addr = addr_q;
    assign b_len = len_q;
    assign b_size = size_q;
    assign b_user = user_q;
    assign b_ctx_hit = ctx_hit_q;
    assign b_ctx_pass = ctx_pass_q;
    assign b_did = did_q;
  end

  assign tlb_did_o = b_did;
  assign tlb_page_o = b_addr[12+:PageWidth];

  logic [1:0]  kind;
  logic [7:0]  direct_reason;
  logic [63:0] out_addr;
  logic in_window, is_message, within_haw, within_mgaw, tlb_grants, tlb_ok, remapped;
  logic out_snoop;
  // 2.5: without PASID, a 4-byte write to the window is an interrupt message; anything else there is aborted.
  assign in_window = (b_addr[63:20] == 44'h0000_0000_FEE) & ~b_user.pasid_valid;
  assign is_message = IsWrite & (b_len == 8'd0) & (b_size == 3'd2) & (b_addr[1:0] == 2'd0);
  assign within_haw = b_addr[63:Haw] == '0;
  assign within_mgaw = b_addr[63:Mgaw] == '0;
  assign tlb_grants = tlb_allow_i | (Zlr & ~IsWrite & b_user.zero_length & tlb_write_i);
  assign tlb_ok = b_ctx_hit & ~b_ctx_pass & tlb_hit_i & tlb_grants & within_mgaw & (b_user.at == 2'd0);
  always_comb begin
    kind = KindWalk;
    direct_reason = vtd_pkg::FAULT_NONE;
    out_addr = b_addr;
    out_snoop = ~b_user.no_snoop;  // 2.6: SNP of a leaf overrides the request
    remapped = 1'b0;
    if (!te_i) begin
      kind = KindOut;
    end else if (b_user.at == 2'd3) begin
      kind = KindAbort;  // reserved address type: malformed, never a request (6.3)
    end else if (in_window) begin
      kind = is_message ? KindOut : KindAbort;
    end else if (!mode_ok_i) begin
      kind = KindFault;
      direct_reason = vtd_pkg::FAULT_RTADDR_MODE;
    end else if (b_user.pasid_valid) begin
      kind = KindFault;
      direct_reason = vtd_pkg::FAULT_PASID_IN_LEGACY;
    end else if (b_ctx_hit && b_ctx_pass && within_haw && b_user.at == 2'd0) begin
      kind = KindOut;
    end else begin
      remapped = 1'b1;
      if (tlb_ok) begin
        kind = KindOut;
        out_addr = 64'({tlb_frame_i, b_addr[11:0]});
        if (tlb_snp_i) out_snoop = 1'b1;
      end
    end
  end

  // ------------------------------------------------------------------ order within a key
  logic [Parks-1:0]     tail;        // the youngest parked request of this key
  logic [SlotWidth-1:0] tail_slot;
  logic [SlotWidth-1:0] free_slot;
  always_comb begin
    tail_slot = '0;
    free_slot = '0;
    for (int unsigned i = 0; i < Parks; i++) begin
      tail[i] = p_valid_q[i] & ~p_followed_q[i] & (p_port_q[i] == b_port) & (IsWrite | (p_id_q[i] == b_id));
      if (tail[i]) tail_slot = SlotWidth'(i);
    end
    for (int unsigned i = Parks; i > 0; i--) begin
      if (!p_valid_q[i-1]) free_slot = SlotWidth'(i - 1);
    end
  end

  logic b_new, push, park;
  assign b_new = b_valid & ~b_replay & ~b_hint;
  assign push = b_valid & ~b_hint & (kind == KindOut) & (b_replay | (tail == '0));
  assign park = b_new & ~push;
  assign count_hit_o = b_new & remapped & (kind == KindOut);
  assign count_miss_o = b_new & remapped & (kind == KindWalk);

  // ------------------------------------------------------------------ walks: parked requests first, then the lookup's
  logic [Parks-1:0]     walk_req, walk_grant;
  logic [SlotWidth-1:0] walk_slot;
  logic parked_walk, lookup_walk, lookup_walk_granted;
  always_comb begin
    for (int unsigned i = 0; i < Parks; i++) walk_req[i] = p_valid_q[i] & (p_state_q[i] == StWalkRequest);
  end
  rr_arbiter #(.N(Parks)) i_walk (
      .clk_i, .rst_ni, .req_i(walk_req), .accept_i(parked_walk & walk_ready_i), .grant_o(walk_grant),
      .index_o(walk_slot));
  assign parked_walk = walk_req != '0;
  assign lookup_walk = b_valid & (kind == KindWalk) & ~parked_walk;
  assign lookup_walk_granted = lookup_walk & walk_ready_i;
  assign walk_valid_o = parked_walk | lookup_walk;
  assign walk_hint_o = ~parked_walk & b_hint;
  assign hint_lost_o = b_valid & b_hint & (kind == KindWalk) & ~lookup_walk_granted;
  assign {hint_lost_port_o, hint_lost_page_o} = {b_port, b_addr[63:12]};
  assign walk_page_o = parked_walk ? p_addr_q[walk_slot][63:12] : b_addr[63:12];
  assign walk_at_o = parked_walk ? p_user_q[walk_slot][1:0] : b_user.at;
  assign walk_zero_o = ~IsWrite & (parked_walk ? p_user_q[walk_slot][26] : b_user.zero_length);
  assign walk_slot_o = parked_walk ? walk_slot : (b_replay ? b_slot : free_slot);
  logic [NumPortBits-1:0] walk_port;
  assign walk_port = NumPortBits'(parked_walk ? p_port_q[walk_slot] : b_port);
  assign walk_sid_o = source_id_i[walk_port*16+:16];

  // ------------------------------------------------------------------ faults and errors
  logic [Parks-1:0]     fault_req, fault_grant, error_req, error_grant;
  logic [SlotWidth-1:0] fault_slot, error_slot;
  logic [NumPorts-1:0]  err_busy_q;
  logic [SlotWidth-1:0] err_slot_q[NumPorts];
  logic fault_done;
  always_comb begin
    for (int unsigned i = 0; i < Parks; i++) begin
      fault_req[i] = p_valid_q[i] & (p_state_q[i] == StFault) & ~p_dep_q[i];
      error_req[i] = p_valid_q[i] & (p_state_q[i] == StError) & ~p_dep_q[i]
          & ~err_busy_q[NumPortBits'(p_port_q[i])];
    end
  end
  rr_arbiter #(.N(Parks)) i_fault (
      .clk_i, .rst_ni, .req_i(fault_req), .accept_i(fault_done), .grant_o(fault_grant), .index_o(fault_slot));
  rr_arbiter #(.N(Parks)) i_error (
      .clk_i, .rst_ni, .req_i(error_req), .accept_i(err_valid_o), .grant_o(error_grant), .index_o(error_slot));
  assign fault_valid_o = (fault_req != '0) & ~p_fpd_q[fault_slot];
  assign fault_done = (fault_req != '0) & (p_fpd_q[fault_slot] | fault_ready_i);
  assign blocked_o = fault_done;
  assign fault_sid_o = source_id_i[NumPortBits'(p_port_q[fault_slot])*16+:16];
  assign fault_page_o = p_addr_q[fault_slot][63:12];
  assign fault_reason_o = p_reason_q[fault_slot];
  assign fault_user_o = p_user_q[fault_slot];
  assign err_valid_o = error_req != '0;
  assign err_port_o = p_port_q[error_slot];
  assign err_id_o = p_id_q[error_slot];
  assign err_len_o = p_len_q[error_slot];
  assign err_busy_o = err_busy_q;

  // ------------------------------------------------------------------ next state of the parked requests
  logic [Parks-1:0] freed;
  always_comb begin
    freed = load_out ? out_grant : '0;
    if (push && b_replay) freed[b_slot] = 1'b1;
    for (int unsigned p = 0; p < NumPorts; p++) begin
      if (err_done_i[p]) freed[err_slot_q[p]] = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      p_valid_q <= '0;
      err_busy_q <= '0;
    end else begin
      for (int unsigned i = 0; i < Parks; i++) begin
        if (p_dep_q[i] && freed[p_dep_slot_q[i]]) p_dep_q[i] <= 1'b0;
        if (done_valid_i && p_valid_q[i] && p_state_q[i] == StWalk && p_walk_q[i] == done_index_i) begin
          if (done_fault_i && done_owner_i && done_slot_i == SlotWidth'(i)) begin
            p_state_q[i] <= StFault;
            p_reason_q[i] <= done_reason_i;
            p_fpd_q[i] <= done_fpd_i;
          end else begin
            p_state_q[i] <= (done_page_i && !flush_i
                             && (IsWrite ? done_w_i : done_r_i | (Zlr & done_w_i & p_user_q[i][26]))) ? StOut : StReady;
            p_frame_q[i] <= done_frame_i;
            p_snp_q[i] <= done_snp_i | ~p_user_q[i][25];
          end
        end
        if (parked_walk && walk_ready_i && walk_grant[i]) begin
          p_state_q[i] <= StWalk;
          p_walk_q[i] <= walk_index_i;
        end
        if (load_replay && replay_grant[i]) p_state_q[i] <= StInPipe;
        if (flush_i && p_valid_q[i] && (p_state_q[i] == StFault || p_state_q[i] == StOut)) p_state_q[i] <= StReady;
        if (fault_done && fault_grant[i]) p_state_q[i] <= StError;
        if (err_valid_o && error_grant[i]) p_state_q[i] <= StErrorWait;
        if (freed[i]) p_valid_q[i] <= 1'b0;
      end

      // The lookup's verdict on a replayed or a newly parked request.
      if (b_valid && b_replay && !push) begin
        p_state_q[b_slot] <= (kind == KindFault) ? StFault
            : (kind == KindAbort) ? StError
            : lookup_walk_granted ? StWalk : StWalkRequest;
        p_walk_q[b_slot] <= walk_index_i;
        p_reason_q[b_slot] <= direct_reason;
        p_fpd_q[b_slot] <= 1'b0;
      end
      if (park) begin
        p_valid_q[free_slot] <= 1'b1;
        p_followed_q[free_slot] <= 1'b0;
        p_dep_q[free_slot] <= (tail != '0) & ~freed[tail_slot];
        p_dep_slot_q[free_slot] <= tail_slot;
        p_port_q[free_slot] <= b_port;
        p_id_q[free_slot] <= b_id;
        p_addr_q[free_slot] <= b_addr;
        p_len_q[free_slot] <= b_len;
        p_size_q[free_slot] <= b_size;
        p_user_q[free_slot] <= b_user;
        p_state_q[free_slot] <= (kind == KindOut) ? ((remapped && !flush_i) ? StOut : StReady)
            : (kind == KindFault) ? StFault
            : (kind == KindAbort) ? StError
            : lookup_walk_granted ? StWalk : StWalkRequest;
        p_walk_q[free_slot] <= walk_index_i;
        p_reason_q[free_slot] <= direct_reason;
        p_fpd_q[free_slot] <= 1'b0;
        p_frame_q[free_slot] <= tlb_frame_i;
        p_snp_q[free_slot] <= out_snoop;
        if (tail != '0) p_followed_q[tail_slot] <= 1'b1;
      end

      for (int unsigned p = 0; p < NumPorts; p++) begin
        if (err_valid_o && err_port_o == PortWidth'(p)) begin
          err_busy_q[p] <= 1'b1;
          err_slot_q[p] <= error_slot;
        end else if (err_done_i[p]) begin
          err_busy_q[p] <= 1'b0;
        end
      end
    end
  end

  // ------------------------------------------------------------------ credits
  // Slots of each port that are taken or spoken for. What a port has beyond its own share comes out of the pool.
  localparam int unsigned PoolSlots = Parks - NumPorts * (Parks / 4);
  logic [NumPorts*ParkCount-1:0] used_q;
  logic [ParkCount-1:0] pool_used;
  logic loaded, not_parked, not_pushed, popped;
  assign loaded = load_new | load_replay;
  assign not_parked = b_new & ~park;
  assign not_pushed = b_valid & ~b_hint & ~push;
  assign popped = out_valid_o & out_ready_i;
  always_comb begin
    pool_used = '0;
    for (int unsigned p = 0; p < NumPorts; p++) begin
      if (used_q[p*ParkCount+:ParkCount] > ParkCount'(Parks / 4))
        pool_used += used_q[p*ParkCount+:ParkCount] - ParkCount'(Parks / 4);
    end
    for (int unsigned p = 0; p < NumPorts; p++) begin
      park_room[p] = (used_q[p*ParkCount+:ParkCount] < ParkCount'(Parks / 4)) | (32'(pool_used) + 32'd1 <= PoolSlots);
    end
  end

  logic [NumPorts*ParkCount-1:0] used_d;
  always_comb begin
    used_d = used_q;
    if (load_new) used_d[new_port*ParkCount+:ParkCount] += ParkCount'(1);
    if (not_parked) used_d[NumPortBits'(b_port)*ParkCount+:ParkCount] -= ParkCount'(1);
    for (int unsigned i = 0; i < Parks; i++) begin
      if (freed[i]) used_d[NumPortBits'(p_port_q[i])*ParkCount+:ParkCount] -= ParkCount'(1);
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      used_q <= '0;
      out_credits_q <= OutCount'(OutDepth);
    end else begin
      used_q <= used_d;
      out_credits_q <= out_credits_q - OutCount'(loaded) - OutCount'(load_out) + OutCount'(not_pushed)
          + OutCount'(popped);
    end
  end

  // ------------------------------------------------------------------ output
  logic out_empty, unsettled;
  fifo_2in #(.Width(OutWidth), .Depth(OutDepth)) i_out (
      .clk_i, .rst_ni, .push_i({push, o_valid_q}), .data0_i(o_data_q),
      .data1_i({b_port, b_id, out_addr, b_len, b_size, out_snoop}), .pop_i(popped),
      .data_o({out_port_o, out_id_o, out_addr_o, out_len_o, out_size_o, out_snoop_o}), .empty_o(out_empty),
      .mark_i(flush_i), .shown_i(out_shown_i), .marked_o(unsettled));
  assign {settled_o, out_valid_o} = ~{unsettled, out_empty};
  assign push_o = {push, o_valid_q};
  assign push_port_o = {b_port, o_data_q[OutWidth-1-:PortWidth]};
  assign push_id_o = {b_id, o_data_q[OutWidth-PortWidth-1-:IdWidth]};

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_credits: assert (out_credits_q <= OutCount'(OutDepth));
      a_slot_for_parking: assert (!(park && p_valid_q[free_slot]));
      a_one_tail: assert ((tail & (tail - 1'b1)) == '0 || !b_new);
      a_error_done_was_asked_for: assert ((err_done_i & ~err_busy_q) == '0);
    end
  end
endmodule
