// SPDX-License-Identifier: Apache-2.0
// Brings the unit to rest so that it can be reset alone while its requesters and memory go on.
//
// quiesce_i closes the requester ports: no address is taken but that of a burst whose first data beat is here, and no
// data but the rest of such a burst. What was taken ends as ever. When every port owes nothing, the register page closes
// too, the queue runs to its tail, and quiesced_o says that nothing is left: what a requester or software offers now
// waits at its port, through the reset.
// Was translation on when the unit was reset that way, then the ports stay closed (held_o) until software has turned it
// on again, or releases them: no request gets past a unit that has forgotten its tables.
//
// Timing: quiesce_i in t closes in t. quiesced_o not before busy_i has been 0 for Settle cycles, so that what sits in a
// pipe shows; it falls with quiesce_i.
module iommu_quiesce #(
    parameter int unsigned NumPorts  = 2,
    parameter int unsigned CountBits = 11,  // bursts of a port under way: fewer than 2^CountBits
    parameter int unsigned Settle    = 7    // cycles
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                por_ni,
    input  logic                quiesce_i,   // held through the reset
    output logic                quiesced_o,

    input  logic                te_i,        // translation is on
    input  logic                release_i,   // software: let requests pass untranslated
    output logic                held_o,
    input  logic                busy_i,      // something is under way in the unit

    // What may pass at each port.
    output logic                ar_open_o,   // reads and hints
    output logic [NumPorts-1:0] aw_open_o,
    output logic [NumPorts-1:0] w_open_o,
    output logic                regs_open_o,

    // Handshakes.
    input  logic [NumPorts-1:0] ar_i,
    input  logic [NumPorts-1:0] r_last_i,
    input  logic [NumPorts-1:0] aw_i,
    input  logic [NumPorts-1:0] w_i,
    input  logic [NumPorts-1:0] w_last_i,    // with w_i
    input  logic [NumPorts-1:0] b_i
);
  localparam int unsigned SettleBits = $clog2(Settle + 1);

  logic closed_q, was_up_q, held_q, stop;
  logic [NumPorts-1:0] clean;
  logic [SettleBits-1:0] rest_q;  // cycles without anything under way
  assign stop = quiesce_i | held_q;
  assign held_o = held_q;
  assign ar_open_o = ~stop;
  assign regs_open_o = ~closed_q;
  assign quiesced_o = quiesce_i & closed_q & (rest_q == SettleBits'(Settle));

  for (genvar p = 0; p < NumPorts; p++) begin : gen_port
    logic [CountBits-1:0] reads_q, writes_q;  // without their last answer
    logic [CountBits-1:0] ahead_q;            // bursts with data here whose address is not
    logic within_q, begins;                   // in the middle of a burst's data
    assign begins = w_i[p] & ~within_q;
    assign aw_open_o[p] = ~stop | (ahead_q != '0);
    assign w_open_o[p] = ~stop | within_q;
    assign clean[p] = (reads_q == '0) & (writes_q == '0) & (ahead_q == '0) & ~within_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        reads_q <= '0;
        writes_q <= '0;
        ahead_q <= '0;
        within_q <= 1'b0;
      end else begin
        reads_q <= reads_q + CountBits'(ar_i[p]) - CountBits'(r_last_i[p]);
        writes_q <= writes_q + CountBits'(aw_i[p]) - CountBits'(b_i[p]);
        ahead_q <= ahead_q + CountBits'(begins) - CountBits'(aw_i[p]);
        if (w_i[p]) within_q <= ~w_last_i[p];
      end
    end

    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert (!aw_i[p] || ahead_q != '0 || begins);
        assert (!(r_last_i[p] && reads_q == '0) && !(b_i[p] && writes_q == '0));
        assert (reads_q != '1 && writes_q != '1 && ahead_q != '1);
        assert (!quiesced_o || clean[p]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    was_up_q <= rst_ni;
    // Closed through the reset: a register access that comes in it is not lost.
    if (!por_ni || !quiesce_i) closed_q <= 1'b0;
    else if (&clean) closed_q <= 1'b1;
    if (!rst_ni || !closed_q || busy_i || clean != '1) rest_q <= '0;
    else if (rest_q != SettleBits'(Settle)) rest_q <= rest_q + SettleBits'(1);
    // Translation is still on in the first cycle of a reset.
    if (!por_ni) held_q <= 1'b0;
    else if (!rst_ni) held_q <= was_up_q ? quiesce_i & (held_q | te_i) : held_q;
    else if (te_i || release_i) held_q <= 1'b0;
  end
endmodule
