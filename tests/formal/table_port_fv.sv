// SPDX-License-Identifier: Apache-2.0
// iommu_table_port: what is offered stays until it is taken, an id's beat goes to its reader, every read and write that was
// accepted is sent once with its own address, a message is done when its own answer comes; nobody waits for two others.
module table_port_fv #(
    parameter int unsigned WalkWidth = 2,
    parameter int unsigned IdWidth   = 3,
    parameter int unsigned Haw       = 32
) (
    input logic                 clk_i,
    input logic                 rst_ni,
    input logic                 walk_valid_i,
    input logic [WalkWidth-1:0] walk_index_i,
    input logic [2:0]           walk_addr_i,
    input logic                 walk_wide_i,
    input logic                 queue_valid_i,
    input logic [2:0]           queue_addr_i,
    input logic                 queue_len_i,
    input logic [1:0]           msg_valid_i,
    input logic [3:0]           msg_addr_i,
    input logic [1:0]           msg_data_i,
    input logic                 ar_ready_i,
    input logic                 aw_ready_i,
    input logic                 w_ready_i,
    input logic                 r_valid_i,
    input logic [IdWidth-1:0]   r_id_i,
    input logic                 r_last_i,
    input logic                 b_valid_i
);
  localparam logic [IdWidth-1:0] QueueId = {IdWidth{1'b1}};
  logic walk_ready, queue_ready, walk_r, queue_r, r_error, r_last, busy, ar_valid, r_ready, aw_valid, w_valid, w_last,
      b_ready;
  logic [WalkWidth-1:0] walk_r_index;
  logic [127:0] r_data, w_data;
  logic [1:0] msg_ready, msg_done;
  logic [IdWidth-1:0] ar_id, aw_id;
  logic [63:0] ar_addr, aw_addr;
  logic [7:0] ar_len, aw_len;
  logic [2:0] ar_size, aw_size;
  logic [15:0] w_strb;
  iommu_table_port #(.DataWidth(128), .WalkWidth(WalkWidth), .IdWidth(IdWidth), .Haw(Haw), .Sources(2)) dut (
      .clk_i, .rst_ni, .walk_valid_i, .walk_ready_o(walk_ready), .walk_index_i, .walk_addr_i({25'd0, walk_addr_i, 4'd0}),
      .walk_wide_i, .walk_r_valid_o(walk_r), .walk_r_index_o(walk_r_index), .queue_valid_i, .queue_ready_o(queue_ready),
      .queue_addr_i({25'd0, queue_addr_i, 4'd0}), .queue_len_i({7'd0, queue_len_i}), .queue_r_valid_o(queue_r),
      .r_data_o(r_data), .r_error_o(r_error), .r_last_o(r_last), .msg_valid_i, .msg_ready_o(msg_ready),
      .msg_addr_i({60'd0, msg_addr_i[3:2], 2'd0, 60'd0, msg_addr_i[1:0], 2'd0}),
      .msg_data_i({31'd0, msg_data_i[1], 31'd0, msg_data_i[0]}), .msg_done_o(msg_done), .busy_o(busy),
      .m_axi_arvalid_o(ar_valid), .m_axi_arready_i(ar_ready_i), .m_axi_arid_o(ar_id), .m_axi_araddr_o(ar_addr),
      .m_axi_arlen_o(ar_len), .m_axi_arsize_o(ar_size), .m_axi_rvalid_i(r_valid_i), .m_axi_rready_o(r_ready),
      .m_axi_rid_i(r_id_i), .m_axi_rdata_i({125'd0, r_id_i}), .m_axi_rresp_i(2'b00), .m_axi_rlast_i(r_last_i),
      .m_axi_awvalid_o(aw_valid), .m_axi_awready_i(aw_ready_i), .m_axi_awid_o(aw_id), .m_axi_awaddr_o(aw_addr),
      .m_axi_awlen_o(aw_len), .m_axi_awsize_o(aw_size), .m_axi_wvalid_o(w_valid), .m_axi_wready_i(w_ready_i),
      .m_axi_wdata_o(w_data), .m_axi_wstrb_o(w_strb), .m_axi_wlast_o(w_last), .m_axi_bvalid_i(b_valid_i),
      .m_axi_bready_o(b_ready));

  logic started_q = 1'b0;
  logic ar_waits_q, aw_waits_q, w_waits_q, aw_sent_q, w_sent_q, open_q, whose_q, data_q, walk_waits_q;
  logic [1:0] addr_q;
  logic [63:0] ar_addr_q;
  logic [IdWidth-1:0] ar_id_q;
  logic [7:0] ar_len_q;
  logic [2:0] ar_size_q;
  // The read that was accepted last, until it is taken.
  logic due_q, taken;
  logic [IdWidth-1:0] due_id_q;
  logic [2:0] due_addr_q, due_size_q;
  logic due_len_q;
  assign taken = (walk_valid_i & walk_ready) | (queue_valid_i & queue_ready);
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    ar_waits_q <= rst_ni & ar_valid & ~ar_ready_i;
    aw_waits_q <= rst_ni & aw_valid & ~aw_ready_i;
    w_waits_q <= rst_ni & w_valid & ~w_ready_i;
    ar_addr_q <= ar_addr;
    ar_id_q <= ar_id;
    ar_len_q <= ar_len;
    ar_size_q <= ar_size;
    walk_waits_q <= rst_ni & walk_valid_i & queue_valid_i & queue_ready;
    if (taken) begin
      due_id_q <= (walk_valid_i & walk_ready) ? IdWidth'(walk_index_i) : QueueId;
      due_addr_q <= (walk_valid_i & walk_ready) ? walk_addr_i : queue_addr_i;
      due_len_q <= (walk_valid_i & walk_ready) ? 1'b0 : queue_len_i;
      due_size_q <= (walk_valid_i & walk_ready & ~walk_wide_i) ? 3'd3 : 3'd4;
    end
    if (!rst_ni) begin
      due_q <= 1'b0;
      open_q <= 1'b0;
      aw_sent_q <= 1'b0;
      w_sent_q <= 1'b0;
    end else begin
      due_q <= taken | (due_q & ~(ar_valid & ar_ready_i));
      if (msg_ready != '0) begin
        open_q <= 1'b1;
        aw_sent_q <= 1'b0;
        w_sent_q <= 1'b0;
        whose_q <= msg_ready[1];
        addr_q <= msg_ready[1] ? msg_addr_i[3:2] : msg_addr_i[1:0];
        data_q <= msg_ready[1] ? msg_data_i[1] : msg_data_i[0];
      end else begin
        if (b_valid_i) open_q <= 1'b0;
        aw_sent_q <= aw_sent_q | (aw_valid & aw_ready_i);
        w_sent_q <= w_sent_q | (w_valid & w_ready_i);
      end
    end
  end

  always_comb begin
    if (!started_q) m_reset: assume (!rst_ni);
    m_index: assume (IdWidth'(walk_index_i) != QueueId);
    // Memory answers a write when it has address and data; a walk's read has one beat.
    m_b: assume (!b_valid_i || (open_q && aw_sent_q && w_sent_q));
    m_r: assume (!r_valid_i || r_id_i == QueueId || (r_last_i && 32'(r_id_i) < (1 << WalkWidth)));
  end
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_ar_stays: assert (!ar_waits_q || (ar_valid && ar_addr == ar_addr_q && ar_id == ar_id_q && ar_len == ar_len_q
                                          && ar_size == ar_size_q));
      a_ar: assert (ar_valid == due_q);
      a_ar_is_it: assert (!due_q || (ar_id == due_id_q && ar_addr == {57'd0, due_addr_q, 4'd0} && ar_len == 8'(due_len_q)
                                     && ar_size == due_size_q));
      a_room: assert (!taken || !due_q || ar_ready_i);
      a_one: assert (!(walk_ready && queue_ready));
      a_turn: assert (!(walk_waits_q && walk_valid_i && queue_valid_i) || !queue_ready);
      a_reader: assert (walk_r == (r_valid_i && r_id_i != QueueId) && queue_r == (r_valid_i && r_id_i == QueueId)
                        && (!walk_r || IdWidth'(walk_r_index) == r_id_i) && r_ready && b_ready);
      a_aw_stays: assert (!aw_waits_q || aw_valid);
      a_w_stays: assert (!w_waits_q || w_valid);
      a_aw: assert (aw_valid == (open_q && !aw_sent_q));
      a_w: assert (w_valid == (open_q && !w_sent_q));
      a_aw_is_it: assert (!aw_valid || (aw_addr == {60'd0, addr_q, 2'd0} && aw_len == 8'd0 && aw_size == 3'd2));
      a_w_is_it: assert (!w_valid || (w_last && w_strb == (16'hF << {addr_q, 2'd0}) && w_data[{addr_q, 5'd0}+:32] == 32'(data_q)));
      a_one_message: assert ((msg_ready == '0 || !open_q) && msg_ready != 2'b11 && (msg_ready & ~msg_valid_i) == '0);
      a_done: assert (msg_done == (b_valid_i ? (2'b01 << whose_q) : 2'b00));
      c_message: cover (msg_done == 2'b10 && walk_r);
      c_both: cover (walk_waits_q && walk_ready && queue_valid_i);
    end
  end
endmodule
