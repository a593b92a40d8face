// SPDX-License-Identifier: Apache-2.0
// Closing at every point of a burst, and what comes meanwhile; port 0 stands for all. In the cycle of closing no read and
// no new burst's data is taken any more: iommu_points has those that are offered in it.
module iommu_quiesce_points (
    input logic clk_i,
    input logic rst_ni,
    input logic por_ni,
    input logic quiesce_i,
    input logic closed_q,
    input logic held_q,
    input logic quiesced_o,
    input logic te_i,
    input logic release_i,
    input logic busy_i,
    input logic reads,
    input logic writes,
    input logic ahead,
    input logic midway,
    input logic aw,
    input logic clean,
    input logic resting
);
  logic quiesce_q, quiesced_q, rises, falls;
  always_ff @(posedge clk_i) begin
    quiesce_q <= quiesce_i;
    quiesced_q <= quiesced_o;
  end
  assign rises = quiesce_i & ~quiesce_q;
  assign falls = ~quiesce_i & quiesce_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_closed: cover (closed_q);
      c_held: cover (held_q);
      c_quiesced: cover (quiesced_o);
      // quiesced while
      c_reads_under_way: cover (quiesce_i && reads);
      c_writes_under_way: cover (quiesce_i && writes && !ahead && !midway);
      c_data_without_address: cover (quiesce_i && ahead);
      c_within_a_burst: cover (quiesce_i && midway);
      c_queue_at_work: cover (closed_q && busy_i);
      // in one cycle
      c_begins_with_write: cover (rises && aw);
      c_begins_within_a_burst: cover (rises && midway);
      c_given_up: cover (falls && !quiesced_q);
      c_given_up_while_resting: cover (falls && resting);
      c_busy_while_resting: cover (resting && busy_i);
      c_released: cover (held_q && release_i && !te_i);
      c_translation_on_again: cover (held_q && te_i);
    end
  end
  always_ff @(posedge clk_i) begin
    c_reset_when_quiesced: cover (!rst_ni && por_ni && quiesce_i && clean);
    c_reset_while_held: cover (!rst_ni && por_ni && held_q);
  end
endmodule

bind iommu_quiesce iommu_quiesce_points i_points (
    .clk_i, .rst_ni, .por_ni, .quiesce_i, .closed_q, .held_q, .quiesced_o, .te_i, .release_i, .busy_i,
    .reads(gen_port[0].reads_q != '0), .writes(gen_port[0].writes_q != '0), .ahead(gen_port[0].ahead_q != '0),
    .midway(gen_port[0].within_q), .aw(aw_i[0]), .clean(clean == '1),
    .resting(rest_q != '0));
