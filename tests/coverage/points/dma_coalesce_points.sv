// SPDX-License-Identifier: Apache-2.0
// Why an interrupt is raised.
module dma_coalesce_points (
    input logic clk_i,
    input logic rst_ni,
    input logic raise_o,
    input logic error_i,
    input logic waiting,
    input logic none,
    input logic enough,
    input logic time_over,
    input logic at_once,
    input logic adds,
    input logic several
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_at_once: cover (raise_o && at_once);
      c_by_count: cover (raise_o && !at_once && enough);
      c_by_time: cover (raise_o && !at_once && !enough && waiting && time_over && !error_i);
      c_by_error: cover (raise_o && !at_once && !enough && error_i);
      c_error_with_none: cover (error_i && none);
      c_adds_as_time_is_over: cover (raise_o && waiting && time_over && adds);
      c_several: cover (several);
    end
  end
endmodule

bind dma_coalesce dma_coalesce_points i_points (
    .clk_i, .rst_ni, .raise_o, .error_i, .waiting, .none(due == 16'd0), .enough(due >= {8'd0, count_i}),
    .time_over(left_q == 24'd0), .at_once(cycles_i == 24'd0), .adds(add_i != 8'd0), .several(add_i > 8'd1));
