// SPDX-License-Identifier: Apache-2.0
// iommu_quiesce: quiesced_o only when nothing is owed to any port, and while it is asked for nothing new begins; a burst of
// whose data a beat is here gets its rest and its address; after a reset under quiesce with translation on, the ports
// stay closed until translation is on again or software releases them.
module quiesce_fv #(
    parameter int unsigned CountBits = 2
) (
    input logic       clk_i,
    input logic       rst_ni,
    input logic       por_ni,
    input logic       quiesce_i,
    input logic       te_i,
    input logic       release_i,
    input logic       busy_i,
    input logic [1:0] ar_i,       // handshakes, as far as the ports are open
    input logic [1:0] r_last_i,
    input logic [1:0] aw_i,
    input logic [1:0] w_i,
    input logic [1:0] w_last_i,
    input logic [1:0] b_i
);
  logic quiesced, held, ar_open, regs_open;
  logic [1:0] aw_open, w_open, ar, r, aw, w, b;
  iommu_quiesce #(.NumPorts(2), .CountBits(CountBits), .Settle(3)) dut (
      .clk_i, .rst_ni, .por_ni, .quiesce_i, .quiesced_o(quiesced), .te_i, .release_i, .held_o(held), .busy_i,
      .ar_open_o(ar_open), .aw_open_o(aw_open), .w_open_o(w_open), .regs_open_o(regs_open), .ar_i(ar), .r_last_i(r),
      .aw_i(aw), .w_i(w), .w_last_i, .b_i(b));

  logic started_q = 1'b0;
  logic rst_q, quiesce_q, was_on_q, locked_q;
  logic [1:0] rest_q;  // cycles without anything under way
  logic [2*CountBits-1:0] reads_q, writes_q, ahead_q;
  logic [1:0] within_q, owes;
  for (genvar p = 0; p < 2; p++) begin : gen_port
    logic more_reads, more_writes, more_data;
    assign more_reads = reads_q[p*CountBits+:CountBits] < CountBits'((1 << CountBits) - 2);
    assign more_writes = writes_q[p*CountBits+:CountBits] < CountBits'((1 << CountBits) - 2);
    assign more_data = ahead_q[p*CountBits+:CountBits] < CountBits'((1 << CountBits) - 2);
    assign ar[p] = ar_i[p] & ar_open & more_reads;
    assign r[p] = r_last_i[p] & (reads_q[p*CountBits+:CountBits] != '0);
    assign w[p] = w_i[p] & w_open[p] & (more_data | within_q[p]);
    // An address is taken in a cycle after its first beat.
    assign aw[p] = aw_i[p] & aw_open[p] & (ahead_q[p*CountBits+:CountBits] != '0) & more_writes;
    assign b[p] = b_i[p] & (writes_q[p*CountBits+:CountBits] != '0);
    assign owes[p] = (reads_q[p*CountBits+:CountBits] != '0) | (writes_q[p*CountBits+:CountBits] != '0)
        | (ahead_q[p*CountBits+:CountBits] != '0) | within_q[p];
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        reads_q[p*CountBits+:CountBits] <= '0;
        writes_q[p*CountBits+:CountBits] <= '0;
        ahead_q[p*CountBits+:CountBits] <= '0;
        within_q[p] <= 1'b0;
      end else begin
        reads_q[p*CountBits+:CountBits] <= reads_q[p*CountBits+:CountBits] + CountBits'(ar[p]) - CountBits'(r[p]);
        writes_q[p*CountBits+:CountBits] <= writes_q[p*CountBits+:CountBits] + CountBits'(aw[p]) - CountBits'(b[p]);
        ahead_q[p*CountBits+:CountBits] <= ahead_q[p*CountBits+:CountBits] + CountBits'(w[p] & ~within_q[p])
            - CountBits'(aw[p]);
        if (w[p]) within_q[p] <= ~w_last_i[p];
      end
    end
  end
  // locked_q: a unit that translated was reset under quiesce, and nobody has turned it on or released it.
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    rst_q <= rst_ni;
    quiesce_q <= quiesce_i & rst_ni;
    rest_q <= (!rst_ni || busy_i || owes != '0) ? 2'd0 : (rest_q == 2'd3) ? 2'd3 : rest_q + 2'd1;
    if (!por_ni) locked_q <= 1'b0;
    else if (!rst_ni) begin
      if (rst_q) locked_q <= quiesce_i & (te_i | locked_q);
    end else if (te_i || release_i) locked_q <= 1'b0;
  end

  always_comb begin
    if (!started_q) m_power: assume (!por_ni);
    m_por: assume (por_ni || !rst_ni);
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni && rst_q) begin
      a_nothing_owed: assert (!quiesced || (owes == '0 && rest_q == 2'd3 && !regs_open));
      a_asked_for: assert (!quiesced || quiesce_i);
      a_no_new_read: assert (!(quiesce_i || locked_q) || !ar_open);
      a_no_new_write: assert (!(quiesce_i || locked_q)
                              || ((!aw_open[0] || ahead_q[0+:CountBits] != '0)
                                  && (!aw_open[1] || ahead_q[CountBits+:CountBits] != '0)
                                  && (w_open & ~within_q) == '0));
      a_rest_comes: assert ((within_q & ~w_open) == '0);
      a_held: assert (held == locked_q);
      a_open: assert (quiesce_i || locked_q || (ar_open && aw_open == '1 && w_open == '1));
      c_quiesced: cover (quiesced && quiesce_q);
      c_held: cover (held && !quiesce_i);
      c_released: cover (locked_q && release_i && !te_i);
    end
  end
endmodule
