// SPDX-License-Identifier: Apache-2.0
// Answers beside a stop, a flush and a time-out; what hangs.
module dma_channel_points (
    input logic clk_i,
    input logic rst_ni,
    input logic enable,
    input logic reset,
    input logic stop,
    input logic flush,
    input logic error,
    input logic hung,
    input logic idle,
    input logic late,
    input logic run,
    input logic pending,
    input logic desc_valid,
    input logic desc_pop,
    input logic op_full,
    input logic retire_full,
    input logic retire_empty,
    input logic fence_busy,
    input logic sem_busy,
    input logic error_rise,
    input logic wb_failed,
    input logic mover_idle,
    input logic ring_idle,
    input logic fence_idle,
    input logic sem_idle,
    input logic wb_idle,
    input logic link,
    input logic accept,
    input logic read_wait,
    input logic burst_older,
    input logic pause_i,
    input logic doorbell,
    input logic turned_off,
    input logic resets,
    input logic command,
    input logic resumes,
    input logic any_r,
    input logic any_b,
    input logic answers
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // software and hardware in one cycle
      c_doorbell: cover (doorbell && idle);
      c_doorbell_at_work: cover (doorbell && !idle && !error);
      c_doorbell_and_error: cover (doorbell && error_rise);
      c_doorbell_after_error: cover (doorbell && error);
      c_doorbell_in_reset: cover (doorbell && reset);
      c_off_at_work: cover (command && turned_off && enable && !idle);
      c_off_and_error: cover (command && turned_off && error_rise);
      c_reset_at_work: cover (command && resets && !idle && !error);
      c_reset_and_error: cover (command && resets && error_rise);
      c_reset_and_answer: cover (command && resets && answers);
      c_resume_too_early: cover (command && resumes && !error);
      c_resume_while_hung: cover (command && resumes && hung);
      // a reset and what is under way
      c_reset_and_ring_read: cover (reset && !ring_idle);
      c_reset_and_data: cover (reset && !mover_idle);
      c_reset_and_fence: cover (reset && !fence_idle);
      c_reset_and_semaphore: cover (reset && !sem_idle);
      c_reset_and_write_back: cover (reset && !wb_idle);
      c_read_answer_in_reset: cover (reset && any_r);
      c_write_answer_in_reset: cover (reset && any_b);
      // an error and what is under way
      c_error_and_answer: cover (error_rise && (any_r || any_b));
      c_stop_and_ring_read: cover (stop && !reset && !ring_idle);
      c_stop_and_data: cover (stop && !reset && !mover_idle);
      c_stop_and_fence: cover (stop && !reset && !fence_idle);
      c_stop_and_semaphore: cover (stop && !reset && !sem_idle);
      c_stop_and_write_back: cover (stop && !reset && !wb_idle);
      c_flush: cover (flush && !reset);
      c_write_back_failed: cover (wb_failed);
      c_write_back_failed_and_error: cover (wb_failed && error);
      // no answer
      c_late_write: cover (late && burst_older);
      c_late_read: cover (late && !burst_older && read_wait);
      c_late_fence: cover (late && !burst_older && !read_wait && !fence_idle);
      c_late_write_back: cover (late && !burst_older && !read_wait && fence_idle && !wb_idle);
      c_late_semaphore: cover (late && !burst_older && !read_wait && fence_idle && wb_idle && !sem_idle);
      c_late_ring: cover (late && !burst_older && !read_wait && fence_idle && wb_idle && sem_idle);
      c_paused: cover (pause_i && !idle);
      // descriptors that wait
      c_for_the_datapath: cover (desc_valid && !desc_pop && op_full);
      c_for_retirement: cover (desc_valid && !desc_pop && retire_full);
      c_for_a_fence: cover (desc_valid && !desc_pop && fence_busy);
      c_for_a_semaphore: cover (desc_valid && !desc_pop && sem_busy);
      c_link: cover (accept && link);
      c_off_with_work: cover (!run && pending && !error);
      c_all_retired: cover (retire_empty && run && pending);
    end
  end
endmodule

bind dma_channel dma_channel_points i_points (
    .clk_i, .rst_ni, .enable, .reset, .stop, .flush, .error, .hung, .idle, .late, .run, .pending, .desc_valid,
    .desc_pop, .op_full, .retire_full, .retire_empty, .fence_busy, .sem_busy, .error_rise, .wb_failed, .mover_idle,
    .ring_idle, .fence_idle, .sem_idle, .wb_idle, .link, .accept, .read_wait, .burst_older, .pause_i,
    .doorbell(reg_write_i && reg_waddr_i == 5'(dma_pkg::CH_HEAD_OFFSET >> 3)), .turned_off(!reg_wdata_i[0]),
    .resets(reg_wdata_i[1]),
    .command(reg_write_i && reg_waddr_i == 5'(dma_pkg::CH_CTRL_OFFSET >> 3) && reg_wmask_i[0]),
    .resumes(reg_wdata_i[3:2] != 2'b00), .any_r(rvalid_i != 2'b00), .any_b(bvalid_i != 2'b00),
    .answers(data_r != 2'b00 || data_b != 2'b00));
