// SPDX-License-Identifier: Apache-2.0
// Entries of 16 bytes on a table bus of 64 bits: their two beats put together. Root and context entries and the queue's
// descriptors come as two beats; beats of different ids may be mixed, so every reader has a first half of its own.
//
// Timing: combinational. An entry of 16 bytes is there with its second beat, one of 8 bytes with its only beat, in both
// halves of data_o.
module iommu_table_halves #(
    parameter int unsigned Walks     = 20,            // readers of single entries; the queue is one more
    parameter int unsigned WalkWidth = $clog2(Walks)  // derived
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,

    // Beats of the bus.
    input  logic                 r_valid_i,
    input  logic                 r_queue_i,  // the queue's, else of walk r_walk_i
    input  logic [WalkWidth-1:0] r_walk_i,
    input  logic [63:0]          r_data_i,
    input  logic                 r_error_i,
    input  logic                 r_last_i,   // of its burst

    // Entries; r_queue_i and r_walk_i tell whose.
    output logic                 valid_o,
    output logic [127:0]         data_o,
    output logic                 error_o     // of any of its beats
);
  localparam int unsigned Readers = Walks + 1;
  localparam int unsigned ReaderBits = $clog2(Readers);

  logic [Readers-1:0]    second_q;         // the next beat is a second one
  logic [64:0]           half_q[Readers];  // {error, data}
  logic [64:0]           half;
  logic [ReaderBits-1:0] reader;
  logic                  first;
  assign reader = r_queue_i ? ReaderBits'(Walks) : ReaderBits'(r_walk_i);
  assign half = half_q[reader];
  // A walk's burst is one entry, so a beat that does not end it is its first. The queue's bursts are whole descriptors.
  assign first = r_valid_i & ~second_q[reader] & (r_queue_i | ~r_last_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) second_q <= '0;
    else if (r_valid_i) second_q[reader] <= first;
    if (first) half_q[reader] <= {r_error_i, r_data_i};
  end

  assign valid_o = r_valid_i & ~first;
  assign data_o = {r_data_i, second_q[reader] ? half[63:0] : r_data_i};
  assign error_o = r_error_i | (second_q[reader] & half[64]);

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      a_walk_burst_is_one_entry: assert (!(r_valid_i && !r_queue_i && second_q[reader]) || r_last_i);
      a_queue_burst_is_descriptors: assert (!(r_valid_i && r_queue_i && first) || !r_last_i);
    end
  end
endmodule
