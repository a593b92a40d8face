// SPDX-License-Identifier: Apache-2.0
// Who asks and who has his turn.
module rr_arbiter_points (
    input logic clk_i,
    input logic rst_ni,
    input logic accept_i,
    input logic none,
    input logic all,
    input logic one,
    input logic below
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_none: cover (none && accept_i);
      c_one_alone: cover (one && accept_i);
      c_everybody: cover (all && accept_i);
      c_turn_comes_round: cover (below && accept_i);
      c_not_accepted: cover (!none && !accept_i);
    end
  end
endmodule

bind rr_arbiter rr_arbiter_points i_points (
    .clk_i, .rst_ni, .accept_i, .none(req_i == '0), .all(req_i == '1),
    .one(req_i != '0 && (req_i & (req_i - 1'b1)) == '0), .below(req_i != '0 && first == '0 && above_q != '0));
