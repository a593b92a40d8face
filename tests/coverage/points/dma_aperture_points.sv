// SPDX-License-Identifier: Apache-2.0
// Lookups beside updates.
module dma_aperture_points (
    input logic clk_i,
    input logic rst_ni,
    input logic ready,
    input logic looks,
    input logic updates,
    input logic many_look,
    input logic many_update,
    input logic same_src,
    input logic same_dst
);
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      c_clearing: cover (!ready);
      c_lookup_while_clearing: cover (!ready && looks);
      c_update_while_clearing: cover (!ready && updates);
      c_both: cover (ready && looks && updates);
      c_source_is_updated: cover (ready && looks && updates && same_src);
      c_destination_is_updated: cover (ready && looks && updates && same_dst);
      c_several_look: cover (ready && many_look);
      c_several_update: cover (ready && many_update);
    end
  end
endmodule

bind dma_aperture dma_aperture_points i_points (
    .clk_i, .rst_ni, .ready, .looks(lookup_valid_i != '0), .updates(update_valid_i != '0),
    .many_look((lookup_valid_i & (lookup_valid_i - 1'b1)) != '0),
    .many_update((update_valid_i & (update_valid_i - 1'b1)) != '0),
    .same_src(waddr == lookup_src_i[reader*PagesLog2+:PagesLog2]),
    .same_dst(waddr == lookup_dst_i[reader*PagesLog2+:PagesLog2]));
