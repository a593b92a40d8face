// SPDX-License-Identifier: Apache-2.0
// Read data of all requester ports: a buffer per port with credits, so that RREADY towards memory is constantly 1 and
// a requester that does not take its data holds up nobody; and the error beats of blocked reads.
//
// Timing: memory R beat in t -> requester RVALID in t when its buffer is empty (Pipe 1: in t+1). A blocked read's first error beat comes one cycle after the
// last beat of its port has left (at once when idle); new reads of that port wait meanwhile.
module iommu_read_path #(
    parameter int unsigned NumPorts  = 2,
    parameter int unsigned PortWidth = 2,
    parameter int unsigned IdWidth   = 4,
    parameter int unsigned DataWidth = 256,
    parameter int unsigned MaxBurst  = 256,  // beats of the longest burst; longer ones are never taken
    parameter int unsigned BufBeats  = 512,  // beats a port may have under way, at least MaxBurst
    parameter int unsigned Pipe      = 0,
    parameter int unsigned NumIds    = NumPorts << IdWidth  // derived
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,

    // Requester side.
    input  logic [NumPorts-1:0]           ar_taken_i,     // AR handshake
    input  logic [NumPorts*8-1:0]         ar_len_i,
    output logic [NumPorts-1:0]           ar_allowed_o,   // room for all beats of the request that asks
    output logic [NumPorts-1:0]           r_valid_o,
    input  logic [NumPorts-1:0]           r_ready_i,
    output logic [NumPorts*IdWidth-1:0]   r_id_o,
    output logic [NumPorts*DataWidth-1:0] r_data_o,
    output logic [NumPorts*2-1:0]         r_resp_o,
    output logic [NumPorts-1:0]           r_last_o,

    // Memory side.
    input  logic                          r_valid_i,
    input  logic [PortWidth-1:0]          r_port_i,
    input  logic [IdWidth-1:0]            r_id_i,
    input  logic [DataWidth-1:0]          r_data_i,
    input  logic [1:0]                    r_resp_i,
    input  logic                          r_last_i,
    input  logic [NumIds-1:0]             id_idle_i,      // nothing at memory for {port, id}

    // Blocked reads.
    input  logic                          err_valid_i,
    input  logic [PortWidth-1:0]          err_port_i,
    input  logic [IdWidth-1:0]            err_id_i,
    input  logic [7:0]                    err_len_i,
    input  logic [NumPorts-1:0]           err_busy_i,
    output logic [NumPorts-1:0]           err_done_o
);
  if (MaxBurst < 1 || MaxBurst > 256 || BufBeats < MaxBurst) begin : gen_buffer_check
    $error("iommu_read_path: MaxBurst must be 1 to 256 beats, and BufBeats hold them");
  end

  localparam int unsigned CreditBits = $clog2(BufBeats + 1);
  localparam logic [1:0] SlvErr = 2'b10;

  for (genvar p = 0; p < NumPorts; p++) begin : gen_port
    logic empty, full, pop, push, past, taken, ours;
    logic [IdWidth-1:0] head_id;
    logic [DataWidth-1:0] head_data;
    logic [1:0] head_resp;
    logic head_last;
    logic pending_q, active_q;
    logic [IdWidth-1:0] id_q;
    logic [7:0] left_q, len_q;
    logic [CreditBits-1:0] credits_q, returned;
    logic [8:0] wanted;

    assign ours = r_port_i == PortWidth'(p);
    assign push = r_valid_i & ours;
    assign past = (Pipe == 0) & push & empty & ~active_q;  // offered without waiting in the buffer
    fifo #(.Width(IdWidth + DataWidth + 3), .Depth(BufBeats)) i_buffer (
        .clk_i, .rst_ni, .flush_i(1'b0), .push_i(push & ~(taken & past)), .data_i({r_id_i, r_data_i, r_resp_i, r_last_i}),
        .full_o(full), .pop_i(pop), .data_o({head_id, head_data, head_resp, head_last}), .empty_o(empty));

    assign r_valid_o[p] = active_q | ~empty | past;
    assign r_id_o[p*IdWidth+:IdWidth] = active_q ? id_q : past ? r_id_i : head_id;
    assign r_data_o[p*DataWidth+:DataWidth] = active_q ? '0 : past ? r_data_i : head_data;
    assign r_resp_o[p*2+:2] = active_q ? SlvErr : past ? r_resp_i : head_resp;
    assign r_last_o[p] = active_q ? (left_q == 8'd0) : past ? r_last_i : head_last;
    assign pop = ~active_q & ~empty & r_ready_i[p];
    assign taken = ~active_q & (~empty | past) & r_ready_i[p];
    assign err_done_o[p] = active_q & r_ready_i[p] & (left_q == 8'd0);

    assign wanted = 9'(ar_len_i[p*8+:8]) + 9'd1;
    assign ar_allowed_o[p] = (32'(wanted) <= MaxBurst) & (32'(credits_q) >= 32'(wanted)) & ~err_busy_i[p] & ~pending_q;
    always_comb begin
      returned = CreditBits'(taken);
      if (err_done_o[p]) returned = CreditBits'(len_q) + CreditBits'(1);
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        pending_q <= 1'b0;
        active_q <= 1'b0;
        credits_q <= CreditBits'(BufBeats);
      end else begin
        credits_q <= credits_q + returned - (ar_taken_i[p] ? CreditBits'(wanted) : '0);
        if (err_valid_i && err_port_i == PortWidth'(p)) begin
          pending_q <= 1'b1;
          id_q <= err_id_i;
          len_q <= err_len_i;
        end else if (pending_q && empty && !push
                     && id_idle_i[(p<<IdWidth)+32'(id_q)]) begin
          pending_q <= 1'b0;
          active_q <= 1'b1;
          left_q <= len_q;
        end
        if (active_q && r_ready_i[p]) begin
          left_q <= left_q - 8'd1;
          if (left_q == 8'd0) active_q <= 1'b0;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert (!(push && full));
      end
    end
  end
endmodule
