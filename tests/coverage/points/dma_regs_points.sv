// SPDX-License-Identifier: Apache-2.0
// Accesses in every order of their parts; causes beside what software clears, enables and turns off.
module dma_regs_points #(
    parameter int unsigned Channels = 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic awvalid,
    input logic wvalid,
    input logic bvalid,
    input logic bready,
    input logic arvalid,
    input logic rvalid,
    input logic rready,
    input logic write,
    input logic read,
    input logic [7:0] strb,
    input logic nowhere,
    input logic of_channel,
    input logic [Channels-1:0] ch_fence_i,
    input logic [Channels-1:0] ch_error_i,
    input logic [1:0] status,
    input logic [1:0] clear,
    input logic [1:0] enable,
    input logic [1:0] enable_d,
    input logic [1:0] new_seen,
    input logic write_int,
    input logic write_channels,
    input logic clear_of_cause,
    input logic read_of_status,
    input logic read_of_channels,
    input logic msi_on,
    input logic msi_on_q,
    input logic msi_rise_o,
    input logic bus_master_falls,
    input logic write_msi,
    input logic pause,
    input logic quiet_i,
    input logic write_quiesce,
    input logic request,
    input logic timeout_off
);
  logic fence, error;
  assign fence = ch_fence_i != '0;
  assign error = ch_error_i != '0;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // the bus
      c_address_before_data: cover (awvalid && !wvalid);
      c_data_before_address: cover (wvalid && !awvalid);
      c_write_waits_for_answer: cover (awvalid && wvalid && bvalid && !bready);
      c_write_behind_write: cover (write && bvalid);
      c_read_waits_for_answer: cover (arvalid && rvalid && !rready);
      c_read_behind_read: cover (read && rvalid);
      c_read_and_write: cover (read && write);
      c_bytes: cover (write && strb != 8'hff && strb != 8'h0f && strb != 8'hf0 && strb != 8'h00);
      c_no_bytes: cover (write && strb == 8'h00);
      c_nowhere: cover (write && nowhere);
      c_channel: cover (write && of_channel);
      // causes
      c_fence: cover (fence);
      c_error: cover (error);
      c_fence_and_error: cover (fence && error);
      c_fences_of_several: cover ((ch_fence_i & (ch_fence_i - 1'b1)) != '0);
      c_errors_of_several: cover ((ch_error_i & (ch_error_i - 1'b1)) != '0);
      c_fence_again: cover (fence && status[0]);
      c_error_again: cover (error && status[1]);
      c_fence_and_its_clear: cover (fence && clear[0]);
      c_error_and_its_clear: cover (error && clear[1]);
      c_fence_and_clear_of_error: cover (fence && clear == 2'b10);
      c_cause_and_clear_of_its_channel: cover (write_channels && clear_of_cause);
      c_cause_and_clear_of_another_channel: cover (write_channels && (fence || error) && !clear_of_cause);
      c_cause_as_status_is_read: cover ((fence || error) && read_of_status);
      c_cause_as_channels_are_read: cover ((fence || error) && read_of_channels);
      // enables
      c_enable_tells_of_an_old_cause: cover (msi_rise_o && write_int && !fence && !error);
      c_enable_and_cause: cover (fence && !enable[0] && enable_d[0]);
      c_disable_and_cause: cover (fence && enable[0] && !enable_d[0]);
      c_clear_and_enable: cover (write_int && clear != 2'b00 && enable_d != enable);
      c_disabled_cause: cover (fence && !enable_d[0]);
      // messages
      c_message_of_both: cover (new_seen == 2'b11);
      c_message_for_the_second: cover (msi_rise_o && status != 2'b00 && (fence || error));
      c_cause_while_messages_are_off: cover ((fence || error) && !msi_on);
      c_cause_as_messages_are_turned_on: cover ((fence || error) && msi_on && !msi_on_q);
      c_turning_on_tells_of_an_old_cause: cover (msi_rise_o && msi_on && !msi_on_q && !fence && !error);
      c_cause_as_messages_are_turned_off: cover ((fence || error) && msi_on_q && !msi_on);
      c_cause_as_their_place_changes: cover (msi_rise_o && write_msi);
      c_bus_master_falls: cover (bus_master_falls);
      // quiesce
      c_quiet: cover (pause && quiet_i);
      c_asked_again: cover (write_quiesce && request && pause && !quiet_i);
      c_given_up: cover (write_quiesce && !request && pause && !quiet_i);
      c_released: cover (write_quiesce && !request && pause && quiet_i);
      c_cause_meanwhile: cover ((fence || error) && pause);
      c_no_time_out: cover (timeout_off);
    end
  end
endmodule

bind dma_regs dma_regs_points #(.Channels(Channels)) i_points (
    .clk_i, .rst_ni, .awvalid(s_axil_awvalid_i), .wvalid(s_axil_wvalid_i), .bvalid(s_axil_bvalid_o),
    .bready(s_axil_bready_i), .arvalid(s_axil_arvalid_i), .rvalid(s_axil_rvalid_o), .rready(s_axil_rready_i), .write,
    .read, .strb(s_axil_wstrb_i), .nowhere(waddr[8:5] > 4'(Channels) && waddr[8:5] != 4'hf),
    .of_channel(ch_write_o != '0), .ch_fence_i, .ch_error_i, .status(status_q[1:0]), .clear, .enable(enable_q[1:0]),
    .enable_d, .new_seen(seen & ~seen_before), .write_int, .write_channels,
    .clear_of_cause((channels_set & wdata[31:0] & wmask[31:0]) != '0),
    .read_of_status(read && {raddr, 3'd0} == dma_pkg::INT_STATUS_OFFSET),
    .read_of_channels(read && {raddr, 3'd0} == dma_pkg::INT_CHANNELS_OFFSET), .msi_on(msi_on_d), .msi_on_q,
    .msi_rise_o,
    .bus_master_falls(write && {waddr, 3'd0} == dma_pkg::CFG_MSI_DATA_OFFSET && command_q.bus_master && !new_msi[32]),
    .write_msi(write && ({waddr, 3'd0} == dma_pkg::CFG_MSI_ADDR_OFFSET || {waddr, 3'd0} == dma_pkg::CFG_MSI_DATA_OFFSET)),
    .pause(quiesce_q), .quiet_i, .write_quiesce(write && {waddr, 3'd0} == dma_pkg::QUIESCE_OFFSET && wmask[0]),
    .request(new_quiesce[0]), .timeout_off(timeout_q == 32'd0));
