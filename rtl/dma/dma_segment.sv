// SPDX-License-Identifier: Apache-2.0
// Where descriptors of a chained ring stand: the segment of the next descriptor to decode, and the segment of HEAD, to
// which an error leads back. One LINK may be between decode and retirement.
//
// Timing: registers; they follow accept_i, retire_i and rewind_i in the next cycle.
module dma_segment (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [57:0] ring_base_i,   // address / 64
    input  logic        ring_host_i,
    input  logic [15:0] ring_mask_i,   // descriptors - 1
    input  logic [16:0] ring_count_i,  // CH_RING_SEG.COUNT

    input  logic        accept_i,      // a descriptor was decoded
    input  logic        link_i,        // it is a LINK to this place:
    input  logic [57:0] link_base_i,
    input  logic        link_host_i,
    input  logic [15:0] link_length_i, // descriptors - 1
    input  logic [15:0] index_i,       // its index
    input  logic        retire_i,      // the descriptor at HEAD retires, or is skipped
    input  logic        retire_link_i, // it is a LINK that was followed
    input  logic [15:0] head_i,
    input  logic        rewind_i,      // decode goes back to HEAD (after this cycle's retire_i)
    input  logic        home_i,        // both to index 0

    output logic [57:0] base_o,        // index i stands at base + i
    output logic        host_o,
    output logic [16:0] end_o,         // first index behind the segment
    output logic        whole_o,       // the ring has one segment
    output logic        link_busy_o,   // a LINK has not retired
    output logic [57:0] head_base_o
);
  logic linked_q, head_linked_q, head_linked_d, host_q, head_host_q, head_host_d, link_host_q, busy_q, plain;
  logic [57:0] base_q, head_base_q, head_base_d, link_base_q, biased;
  logic [16:0] end_q, head_end_q, head_end_d, link_end_q, size, link_end;
  logic [15:0] next, head_next;

  assign size = {1'b0, ring_mask_i} + 17'd1;
  assign plain = (ring_count_i == 17'd0) | (ring_count_i >= size);
  assign whole_o = ~linked_q & plain;
  assign base_o = linked_q ? base_q : ring_base_i;
  assign host_o = linked_q ? host_q : ring_host_i;
  assign end_o = linked_q ? end_q : plain ? size : ring_count_i;
  assign head_base_o = head_linked_q ? head_base_q : ring_base_i;
  assign link_busy_o = busy_q;

  // The segment behind a LINK at index i begins with i + 1.
  assign next = (index_i + 16'd1) & ring_mask_i;
  assign head_next = (head_i + 16'd1) & ring_mask_i;
  assign biased = link_base_i - {42'd0, index_i} - 58'd1;
  assign link_end = ({1'b0, index_i} + {1'b0, link_length_i} + 17'd2 > size) ?
      size : {1'b0, index_i} + {1'b0, link_length_i} + 17'd2;

  always_comb begin
    head_linked_d = head_linked_q;
    head_base_d = head_base_q;
    head_host_d = head_host_q;
    head_end_d = head_end_q;
    if (retire_i && retire_link_i) begin
      head_linked_d = 1'b1;
      head_base_d = link_base_q;
      head_host_d = link_host_q;
      head_end_d = link_end_q;
    end
    // Index 0 stands at the ring's base whatever came before it.
    if (home_i || (retire_i && head_next == 16'd0)) head_linked_d = 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      linked_q <= 1'b0;
      head_linked_q <= 1'b0;
      busy_q <= 1'b0;
    end else begin
      head_linked_q <= head_linked_d;
      if (rewind_i || home_i) begin
        linked_q <= head_linked_d;
        busy_q <= 1'b0;
      end else begin
        if (accept_i) linked_q <= (next != 16'd0) & (link_i | linked_q);
        busy_q <= (accept_i & link_i) | (busy_q & ~(retire_i & retire_link_i));
      end
    end
    head_base_q <= head_base_d;
    head_host_q <= head_host_d;
    head_end_q <= head_end_d;
    if (rewind_i) begin
      base_q <= head_base_d;
      host_q <= head_host_d;
      end_q <= head_end_d;
    end else if (accept_i && link_i) begin
      base_q <= biased;
      host_q <= link_host_i;
      end_q <= link_end;
      link_base_q <= biased;
      link_host_q <= link_host_i;
      link_end_q <= link_end;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert_one_link : assert (!(accept_i && link_i) || !busy_q);
      assert_followed : assert (!(retire_i && retire_link_i) || busy_q);
    end
  end
endmodule
