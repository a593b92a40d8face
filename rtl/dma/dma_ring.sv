// SPDX-License-Identifier: Apache-2.0
// Ring fetch: reads descriptors ahead of the decoder, in bursts of up to four, as far as its buffer reaches.
//
// Timing: doorbell (tail_i changes) in t, AR in t+1; last beat of a descriptor in t, at hand for the decoder in t+1.
// A failed beat travels with its descriptor, so it counts only when the decoder comes to it. While run_i is 0, and
// behind a LINK that is not the last of its segment, no AR goes out (one already shown does), what was fetched is
// dropped, and fetching starts again at decode_index_i. Nothing outside the segment at hand is fetched.
module dma_ring #(
    parameter int unsigned DataWidth = 256,
    parameter int unsigned MaxBurst  = 16,
    parameter int unsigned Prefetch  = 64  // descriptors, fetched or asked for
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       run_i,
    input  logic [57:0]                base_i,  // address / 64
    input  logic [15:0]                mask_i,  // descriptors - 1
    input  logic                       host_i,
    input  logic [15:0]                tail_i,
    input  logic [15:0]                decode_index_i,  // of the descriptor that the decoder takes next
    input  logic [16:0]                end_i,    // first index behind the segment
    input  logic                       whole_i,  // the ring has one segment
    input  logic                       link_i,   // the descriptor that the decoder takes is a LINK

    output logic [1:0]                 arvalid_o,
    input  logic [1:0]                 arready_i,
    output logic [63:0]                araddr_o,
    output logic [7:0]                 arlen_o,
    input  logic [1:0]                 rvalid_i,  // beats of descriptors only
    input  logic [2*DataWidth-1:0]     rdata_i,
    input  logic [3:0]                 rresp_i,

    output logic                       valid_o,
    output dma_pkg::descriptor_t       desc_o,
    output logic                       bad_o,      // could not be read
    output logic [1:0]                 bad_resp_o,
    output logic [5:0]                 bad_offset_o,  // byte offset of the failed beat
    input  logic                       pop_i,
    output logic                       idle_o      // nothing in flight, nothing shown
);
  localparam int unsigned LB = $clog2(DataWidth / 8);
  localparam int unsigned Beats = 512 / DataWidth;  // of a descriptor: 4, 2, 1
  localparam int unsigned Group = (MaxBurst / Beats >= 4) ? 4 : (MaxBurst / Beats >= 2) ? 2 : 1;
  localparam int unsigned CountWidth = $clog2(Prefetch + 1);

  logic [15:0] fetch_q;  // next to ask for
  logic [CountWidth-1:0] owed_q;  // asked for and not yet taken by the decoder
  logic [CountWidth-1:0] flight_q;  // asked for and not yet received
  logic ar_q, ar_host_q, rewind_q, rewind, load, taken, received;
  logic [57:0] ar_addr_q, fetch_addr;
  logic [2:0] ar_count_q;

  // How many to ask for: to the tail, to the end of the ring, to the end of an aligned group (so never over 4 KiB).
  logic [15:0] avail, wrap;
  logic [16:0] room;  // in the segment
  logic [2:0] group_left, to_wrap, to_tail, count;
  assign fetch_addr = base_i + {42'd0, fetch_q};
  assign avail = (tail_i - fetch_q) & mask_i;
  assign wrap = mask_i - fetch_q;  // to the end of the ring - 1
  assign room = end_i - {1'b0, decode_index_i} - 17'(owed_q);
  assign group_left = 3'(Group) - (fetch_addr[2:0] & 3'(Group - 1));
  assign to_wrap = (wrap < {13'd0, group_left}) ? wrap[2:0] + 3'd1 : group_left;
  assign to_tail = (avail < {13'd0, to_wrap}) ? avail[2:0] : to_wrap;
  assign count = (~whole_i & (room < {14'd0, to_tail})) ? room[2:0] : to_tail;

  assign rewind = ~run_i | rewind_q;
  assign load = ~rewind & ~link_i & (~ar_q | taken) & (count != 3'd0) & (32'(owed_q) + 32'(count) <= Prefetch);
  assign arvalid_o = {ar_q & ar_host_q, ar_q & ~ar_host_q};
  assign taken = |(arvalid_o & arready_i);
  assign araddr_o = {ar_addr_q, 6'd0};
  assign arlen_o = 8'(32'(ar_count_q) * Beats - 1);
  assign idle_o = ~ar_q & (flight_q == '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fetch_q <= 16'd0;
      owed_q <= '0;
      flight_q <= '0;
      ar_q <= 1'b0;
      rewind_q <= 1'b0;
    end else begin
      rewind_q <= ~run_i | (link_i & (owed_q != CountWidth'(1))) | (rewind_q & ~idle_o);
      if (load) ar_q <= 1'b1;
      else if (taken) ar_q <= 1'b0;
      flight_q <= flight_q + (load ? CountWidth'(count) : '0) - CountWidth'(received);
      if (rewind) begin
        fetch_q <= decode_index_i;
        owed_q <= '0;
      end else begin
        if (load) fetch_q <= (fetch_q + 16'(count)) & mask_i;
        owed_q <= owed_q + (load ? CountWidth'(count) : '0) - CountWidth'(pop_i);
      end
    end
    if (load) begin
      ar_host_q <= host_i;
      ar_addr_q <= fetch_addr;
      ar_count_q <= count;
    end
  end

  // Beats to descriptors.
  logic [511:0] gathered;
  logic [5:0] offset_q;  // of the beat that comes next
  logic bad_q, bad, beat, empty, full;
  logic [1:0] bad_resp_q, bad_resp, resp;
  logic [5:0] bad_offset_q, bad_offset;
  logic [DataWidth-1:0] data;

  assign beat = |rvalid_i;
  assign data = rvalid_i[1] ? rdata_i[DataWidth+:DataWidth] : rdata_i[0+:DataWidth];
  assign resp = rvalid_i[1] ? rresp_i[3:2] : rresp_i[1:0];
  if (Beats == 1) begin : gen_whole
    assign gathered = data;
    assign received = beat;
  end else begin : gen_gather
    logic [511-DataWidth:0] gather_q;
    assign gathered = {data, gather_q};
    always_ff @(posedge clk_i) if (beat) gather_q <= gathered[511:DataWidth];
    assign received = beat & (&offset_q[5:LB]);
  end
  assign bad = bad_q | (resp != 2'b00);
  assign bad_resp = bad_q ? bad_resp_q : resp;
  assign bad_offset = bad_q ? bad_offset_q : offset_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      offset_q <= 6'd0;
      bad_q <= 1'b0;
    end else if (beat) begin
      offset_q <= offset_q + 6'(DataWidth / 8);
      bad_q <= bad & ~received;
    end
    if (beat) begin
      bad_resp_q <= bad_resp;
      bad_offset_q <= bad_offset;
    end
  end

  fifo #(.Width(521), .Depth(Prefetch)) u_descriptors (
      .clk_i, .rst_ni, .flush_i(rewind),
      .push_i(received & ~rewind), .data_i({bad, bad_resp, bad_offset, gathered}), .full_o(full),
      .pop_i, .data_o({bad_o, bad_resp_o, bad_offset_o, desc_o}), .empty_o(empty)
  );
  assign valid_o = ~empty & ~rewind;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_room : assert (!(received & ~rewind & full));
      assert_expected : assert (!beat || flight_q != '0);
      assert_one_port : assert (rvalid_i != 2'b11);
      assert_pop : assert (!pop_i || valid_o);
    end
  end
endmodule
