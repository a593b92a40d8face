// SPDX-License-Identifier: Apache-2.0
// Every condition; time, answers and stops in one cycle.
module dma_sem_points (
    input logic clk_i,
    input logic rst_ni,
    input logic busy_q,
    input logic show_q,
    input logic wait_q,
    input logic answered_q,
    input logic failed_q,
    input logic met,
    input logic over,
    input logic ask,
    input logic stop_i,
    input logic flush_i,
    input logic done_o,
    input logic pause_i,
    input logic [3:0] condition_q,
    input logic bad,
    input logic pausing,
    input logic read,
    input logic barred,
    input logic taken
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_asks: cover (show_q);
      c_waits: cover (wait_q);
      c_answered: cover (answered_q);
      c_pauses: cover (busy_q && pausing);
      c_failed: cover (failed_q);
      c_met_equal: cover (done_o && condition_q == 4'(dma_pkg::CONDITION_EQUAL));
      c_met_not_equal: cover (done_o && condition_q == 4'(dma_pkg::CONDITION_NOT_EQUAL));
      c_met_greater_equal: cover (done_o && condition_q == 4'(dma_pkg::CONDITION_GREATER_EQUAL));
      c_met_less: cover (done_o && condition_q == 4'(dma_pkg::CONDITION_LESS));
      c_met_reached: cover (done_o && condition_q == 4'(dma_pkg::CONDITION_REACHED));
      c_not_met: cover (answered_q && !bad && !met);
      c_met_at_once: cover (done_o && !over);
      c_met_as_time_is_over: cover (done_o && over);
      c_time_over: cover (ask && over);
      c_time_over_in_pause: cover (over && pausing);
      c_time_over_while_reading: cover (over && wait_q);
      c_read_failed: cover (answered_q && bad);
      c_stop_while_asking: cover (show_q && stop_i);
      c_stop_and_answer: cover (read && stop_i);
      c_met_and_stop: cover (answered_q && !bad && met && stop_i);
      c_bus_master_off: cover (ask && barred && !over);
      c_not_taken: cover (show_q && !taken);
      c_flush_while_waiting: cover (busy_q && flush_i);
      c_failed_and_flush: cover (failed_q && flush_i);
      c_time_stands: cover (busy_q && pause_i);
    end
  end
endmodule

bind dma_sem dma_sem_points i_points (
    .clk_i, .rst_ni, .busy_q, .show_q, .wait_q, .answered_q, .failed_q, .met, .over, .ask, .stop_i, .flush_i,
    .done_o, .pause_i, .condition_q, .bad(resp_q != 2'b00), .pausing(pause_q != 32'd0), .read(rvalid_i != 2'b00),
    .barred(host_q && !bus_master_i), .taken((arvalid_o & arready_i) != 2'b00));
