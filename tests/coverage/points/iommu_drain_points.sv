// SPDX-License-Identifier: Apache-2.0
// Drains beside what begins and ends in their cycle.
module iommu_drain_points (
    input logic clk_i,
    input logic rst_ni,
    input logic [1:0] push_i,
    input logic done_i,
    input logic take,
    input logic active,
    input logic owes,
    input logic ack,
    input logic all_users,
    input logic one_user,
    input logic same_id,
    input logic push_done_same,
    input logic owed_done,
    input logic idle
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_nothing_under_way: cover (take && idle);
      c_waits: cover (active && owes);
      c_begins_as_one_is_pushed: cover (take && push_i != 2'b00);
      c_begins_as_one_ends: cover (take && done_i);
      c_later_ones_pass: cover (active && owes && push_i != 2'b00);
      c_ends_as_one_is_pushed: cover (ack && push_i != 2'b00);
      c_all_users: cover (take && all_users);
      c_one_user: cover (take && one_user);
      c_two_of_one_id: cover (same_id);
      c_push_and_done_of_one_id: cover (push_done_same);
      c_last_owed: cover (owed_done);
    end
  end
endmodule

bind iommu_drain iommu_drain_points i_points (
    .clk_i, .rst_ni, .push_i, .done_i, .take, .active(active_q != '0), .owes(owes != '0), .ack(ack_o != '0),
    .all_users(req_i == '1), .one_user((req_i & (req_i - 1'b1)) == '0), .same_id((push0 & push1) != '0),
    .push_done_same(((push0 | push1) & done) != '0), .owed_done((done & owes) != '0), .idle(idle_o == '1));
