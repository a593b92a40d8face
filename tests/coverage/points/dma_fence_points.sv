// SPDX-License-Identifier: Apache-2.0
// A fence beside a stop and the bus master bit.
module dma_fence_points (
    input logic clk_i,
    input logic rst_ni,
    input logic want_q,
    input logic wait_q,
    input logic start_i,
    input logic stop_i,
    input logic answer,
    input logic barred,
    input logic write_valid_o,
    input logic write_ready_i,
    input logic fence_q,
    input logic interrupt_q,
    input logic host_q,
    input logic fail_o,
    input logic done_o,
    input logic bad
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_asks: cover (want_q);
      c_waits: cover (wait_q);
      c_not_taken: cover (write_valid_o && !write_ready_i);
      c_stop_while_asking: cover (want_q && stop_i && !write_ready_i);
      c_stop_as_taken: cover (want_q && stop_i && write_ready_i);
      c_stop_while_waiting: cover (wait_q && stop_i);
      c_answer_and_stop: cover (answer && stop_i);
      c_failed: cover (answer && bad);
      c_bus_master_off: cover (barred);
      c_fence: cover (done_o && fence_q);
      c_signal: cover (done_o && !fence_q);
      c_interrupt: cover (done_o && interrupt_q);
      c_vram: cover (answer && !host_q);
      c_begins_again: cover (start_i);
      c_fails: cover (fail_o);
    end
  end
endmodule

bind dma_fence dma_fence_points i_points (
    .clk_i, .rst_ni, .want_q, .wait_q, .start_i, .stop_i, .answer, .barred, .write_valid_o, .write_ready_i, .fence_q,
    .interrupt_q, .host_q, .fail_o, .done_o, .bad(resp != 2'b00));
