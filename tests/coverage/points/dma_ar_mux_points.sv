// SPDX-License-Identifier: Apache-2.0
// Operations, descriptors and polls beside each other.
module dma_ar_mux_points (
    input logic clk_i,
    input logic rst_ni,
    input logic [2:0] valid_i,
    input logic lock_q,
    input logic other_turn,
    input logic taken
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_data_and_ring: cover (valid_i == 3'b011);
      c_data_and_poll: cover (valid_i == 3'b101);
      c_ring_and_poll: cover (valid_i == 3'b110);
      c_all_three: cover (valid_i == 3'b111);
      c_other_turn_while_shown: cover (lock_q && other_turn);
      c_taken_at_once: cover (taken && !lock_q);
      c_taken_later: cover (taken && lock_q);
    end
  end
endmodule

bind dma_ar_mux dma_ar_mux_points i_points (
    .clk_i, .rst_ni, .valid_i, .lock_q, .other_turn(best != kind_q), .taken(arvalid_o && arready_i));
