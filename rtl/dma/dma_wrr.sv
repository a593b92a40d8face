// SPDX-License-Identifier: Apache-2.0
// Weighted round-robin between the channels of one bus, counted in beats, in two classes: a channel of the high class
// goes before every other. A channel's turn lasts until it has had weight x MaxBurst beats or asks no more; what a
// burst goes beyond that is taken off its next turn, so shares are exact in the long run.
//
// Timing: index_o is combinational from req_i; take_i says that the winner was shown in this cycle.
module dma_wrr #(
    parameter int unsigned N        = 4,
    parameter int unsigned MaxBurst = 16,
    parameter int unsigned IdxWidth = (N > 1) ? $clog2(N) : 1  // derived
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [N-1:0]        high_i,
    input  logic [8*N-1:0]      weight_i,  // 0 counts as 1
    input  logic [N-1:0]        req_i,
    input  logic [8*N-1:0]      len_i,     // beats - 1 of what is asked for
    input  logic                take_i,
    output logic [IdxWidth-1:0] index_o    // of the winner, when somebody asks
);
  localparam int unsigned CreditWidth = 18;  // signed; up to 256 x 256 beats

  logic [IdxWidth-1:0] turn_q, high_turn_q, turn;  // whose turn it is, in each class
  logic [N*CreditWidth-1:0] credit_q;  // beats left of the turn; negative: owed
  logic [N-1:0] rich;  // may go on
  logic [N-1:0] among;
  logic high, stay;
  logic [CreditWidth-1:0] quantum, left, old;
  logic [7:0] weight, len;

  assign high = (req_i & high_i) != '0;
  assign among = high ? req_i & high_i : req_i;
  assign turn = high ? high_turn_q : turn_q;
  for (genvar n = 0; n < N; n++) begin : gen_rich
    assign rich[n] = ~credit_q[n*CreditWidth+CreditWidth-1] & (credit_q[n*CreditWidth+:CreditWidth] != '0);
  end
  assign stay = among[turn] & rich[turn];

  // From the least to the most favoured: the assignment of the most favoured stays.
  always_comb begin
    index_o = turn;
    for (int unsigned i = 2 * N; i > 0; i--) begin
      if (((i - 1) <= 32'(turn) + N) && ((i - 1) > 32'(turn)) && among[IdxWidth'((i - 1) % N)])
        index_o = IdxWidth'((i - 1) % N);
    end
    if (stay) index_o = turn;
  end

  assign weight = weight_i[index_o*8+:8];
  assign len = len_i[index_o*8+:8];
  assign quantum = CreditWidth'(((weight == 8'd0) ? 32'd1 : 32'(weight)) * MaxBurst);
  assign old = credit_q[index_o*CreditWidth+:CreditWidth];
  // A new turn begins with what was owed.
  assign left = (stay ? old : old[CreditWidth-1] ? quantum + old : quantum) - CreditWidth'(len) - CreditWidth'(1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      turn_q <= IdxWidth'(N - 1);
      high_turn_q <= IdxWidth'(N - 1);
      credit_q <= '0;
    end else if (take_i) begin
      if (high) high_turn_q <= index_o;
      else turn_q <= index_o;
      credit_q[index_o*CreditWidth+:CreditWidth] <= left;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_asked : assert (!take_i || req_i[index_o]);
      assert_class : assert (!take_i || !high || high_i[index_o]);
      // One burst is at most MaxBurst beats, so a turn always begins with something left.
      assert_debt : assert (!take_i || !left[CreditWidth-1] || left + CreditWidth'(MaxBurst) < CreditWidth'(1 << (CreditWidth - 1)));
    end
  end
endmodule
