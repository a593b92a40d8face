// SPDX-License-Identifier: Apache-2.0
// Channels where they share something; channel 0 stands for each of them.
module dma_engine_points #(
    parameter int unsigned Channels = 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Channels-1:0] fences,
    input logic [Channels-1:0] errors,
    input logic [Channels-1:0] updates,
    input logic [Channels-1:0] lookups,
    input logic [Channels-1:0] hints,
    input logic [Channels-1:0] high,
    input logic [Channels-1:0] busy,
    input logic others_busy,
    input logic resets,
    input logic stopped,
    input logic hung,
    input logic waits,
    input logic written,
    input logic hint_taken,
    input logic pause,
    input logic vram_quiet,
    input logic host_quiet,
    input logic bus_master,
    input logic msi_valid,
    input logic vram_feeds,
    input logic host_feeds,
    input logic pending_work
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_all_busy: cover (busy == '1);
      c_both_classes: cover ((busy & high) != '0 && (busy & ~high) != '0);
      c_fence_of_one_and_error_of_another: cover (fences != '0 && (errors & ~fences) != '0);
      c_one_stopped: cover (stopped && others_busy);
      c_one_hung: cover (hung && others_busy);
      c_one_resets: cover (resets && others_busy);
      c_one_waits: cover (waits && others_busy);
      c_written_while_others_work: cover (written && others_busy);
      c_written_while_it_works: cover (written && busy[0]);
      c_several_updates: cover ((updates & (updates - 1'b1)) != '0);
      c_update_beside_lookup_of_another: cover ((lookups & ~updates) != '0 && updates != '0);
      c_hints_of_several: cover ((hints & (hints - 1'b1)) != '0);
      c_hint_withheld: cover (pause && hints != '0);
      c_hint_and_message: cover (hint_taken && msi_valid);
      c_bus_master_off_with_work: cover (!bus_master && busy != '0);
      // a pause
      c_vram_quiet_first: cover (vram_quiet && !host_quiet);
      c_host_quiet_first: cover (host_quiet && !vram_quiet);
      c_quiet_with_work: cover (vram_quiet && host_quiet && pending_work);
      c_quiet_with_reset: cover (vram_quiet && host_quiet && resets);
      c_quiet_with_one_stopped: cover (vram_quiet && host_quiet && stopped);
      c_vram_burst_feeds: cover (pause && vram_feeds && !host_feeds);
      c_host_burst_feeds: cover (pause && host_feeds && !vram_feeds);
      c_bursts_at_both_feed: cover (pause && host_feeds && vram_feeds);
    end
  end
endmodule

bind dma_engine dma_engine_points #(.Channels(Channels)) i_points (
    .clk_i, .rst_ni, .fences(ch_fence), .errors(ch_error), .updates(update_valid), .lookups(lookup_valid),
    .hints(hint_valid), .high, .busy(gen_port[0].p_pending | gen_port[1].p_pending),
    .others_busy((pending >> 2) != '0), .resets(gen_channel[0].u_channel.reset),
    .stopped(gen_channel[0].u_channel.error), .hung(gen_channel[0].u_channel.hung),
    .waits(gen_channel[0].u_channel.sem_busy), .written(ch_write[0]), .hint_taken(hint_valid_o && hint_ready_i),
    .pause, .vram_quiet(quiet[0]), .host_quiet(quiet[1]), .bus_master, .msi_valid,
    .vram_feeds(burst[0*Channels+:Channels] != '0), .host_feeds(burst[1*Channels+:Channels] != '0),
    .pending_work(gen_channel[0].u_channel.pending && gen_channel[0].u_channel.run));
