// SPDX-License-Identifier: Apache-2.0
// A reset beside what the engine does, and in what order its buses come to rest.
module dma_adapter_points (
    input logic clk_i,
    input logic rst_ni,
    input logic adapter_rst_ni,
    input logic isolate_q,
    input logic host_drained,
    input logic vram_drained,
    input logic lite_drained,
    input logic closing,
    input logic hint,
    input logic host_shown,
    input logic vram_shown,
    input logic accessed,
    input logic paused,
    input logic hung,
    input logic stopped,
    input logic resetting,
    input logic message
);
  logic begins;
  assign begins = ~adapter_rst_ni & ~isolate_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // in the cycle in which it begins
      c_at_rest: cover (begins && host_drained && vram_drained && lite_drained);
      c_within_an_access: cover (begins && !lite_drained);
      c_as_an_access_comes: cover (begins && accessed);
      c_host_request_shown: cover (begins && host_shown);
      c_vram_request_shown: cover (begins && vram_shown);
      c_message_shown: cover (begins && message);
      c_hint_shown: cover (begins && hint);
      c_hint_cut_off: cover (isolate_q && hint);
      c_paused: cover (begins && paused);
      c_hung: cover (begins && hung);
      c_stopped: cover (begins && stopped);
      c_channel_resets: cover (begins && resetting);
      // coming to rest
      c_host_first: cover (isolate_q && host_drained && !vram_drained);
      c_vram_first: cover (isolate_q && vram_drained && !host_drained);
      c_registers_last: cover (isolate_q && closing && !lite_drained);
      c_held: cover (isolate_q && !adapter_rst_ni && host_drained && vram_drained);
      c_again_before_rest: cover (isolate_q && !adapter_rst_ni && !(host_drained && vram_drained));
      c_accessed_meanwhile: cover (isolate_q && accessed);
      c_ends: cover (isolate_q && closing && lite_drained);
    end
  end
endmodule

bind dma_adapter dma_adapter_points i_points (
    .clk_i, .rst_ni, .adapter_rst_ni, .isolate_q, .host_drained, .vram_drained, .lite_drained, .closing,
    .hint(e_hint_valid), .host_shown(e_host_arvalid || e_host_awvalid), .vram_shown(e_vram_arvalid || e_vram_awvalid),
    .accessed(s_axil_awvalid_i || s_axil_arvalid_i), .paused(i_engine.pause),
    .hung(i_engine.gen_channel[0].u_channel.hung), .stopped(i_engine.gen_channel[0].u_channel.error),
    .resetting(i_engine.gen_channel[0].u_channel.reset), .message(i_engine.msi_valid));
