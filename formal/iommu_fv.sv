// SPDX-License-Identifier: Apache-2.0
// The whole unit, small, between free requesters, a free memory and free tables. A fixed sequence after reset turns
// translation and queue on and, if Warm, walks once; then everything is free:
//  * software changes the tables at some time, so that nothing leads to frame F any more; what was asked for before may
//    still bring the old. Later it invalidates contexts and IOTLB globally, with any drains, and waits for the status.
//    From the status on no address in F is shown; with DR or DW nothing that was sent there is without its answer;
//  * a read (write) goes to a frame only if some entry with R (W) that was read says so;
//  * every request is answered once, with as many beats as it asked for, with an error if and only if it did not go out;
//    requests of a key leave in the order they came;
//  * AXI at both masters and towards the requesters.
// F, and one request of each direction, are any.
//
// What is narrower than in life: three free bits of a requester's page number and of a frame, one bit of data; bursts of
// port p have p + 1 beats of full width; no PASID, no address type, no hints, no register access but the queue's tail;
// table entries have the bits R or P, W, three of the address, one each of AW and domain; memory answers data without
// error, and no write while the data of an older one is missing.
module iommu_fv #(
    parameter int unsigned SetUp = 12,   // cycles after reset; with Warm a walk more
    parameter bit          Warm  = 1'b0,
    parameter int unsigned Pipe  = 0
) (
    input logic       clk_i,
    input logic [1:0] ar_valid_i,
    input logic [1:0] ar_id_i,
    input logic [5:0] ar_page_i,
    input logic [1:0] aw_valid_i,
    input logic [1:0] aw_id_i,
    input logic [5:0] aw_page_i,
    input logic [1:0] w_valid_i,
    input logic [1:0] w_data_i,
    input logic [1:0] r_ready_i,
    input logic [1:0] b_ready_i,
    input logic       d_ar_ready_i,
    input logic       d_aw_ready_i,
    input logic       d_w_ready_i,
    input logic       d_r_valid_i,
    input logic       d_r_port_i,
    input logic       d_r_id_i,
    input logic       d_r_data_i,
    input logic       d_b_valid_i,
    input logic       d_b_port_i,
    input logic       d_b_id_i,
    input logic       t_ar_ready_i,
    input logic       t_aw_ready_i,
    input logic       t_w_ready_i,
    input logic       t_b_valid_i,
    input logic       t_r_valid_i,
    input logic       t_r_queue_i,
    input logic [1:0] t_r_walk_i,
    input logic [4:0] t_r_lo_i,     // R or P, W or FPD, address
    input logic [6:0] t_r_hi_i,     // the same, domain, address width
    input logic       t_r_error_i,
    input logic       change_i,     // software changes the tables now
    input logic       tail_i,       // and hands its descriptors over now
    input logic [1:0] drain_i,      // constant: DR, DW
    input logic [2:0] frame_i,      // constant: F
    input logic [1:0] watch_i,      // the request offered now is the watched one, by direction
    input logic [1:0] port_i,       // constant: port and id of it, by direction
    input logic [1:0] id_i
);
  localparam int unsigned Walks = 3;  // with the hints' one
  localparam logic [6:0] QueueId = '1;

  // ------------------------------------------------------------------ time
  logic [6:0] time_q = 7'd0;
  logic rst_n, free, constants_ok;
  logic [2:0] frame_q;
  logic [1:0] drain_q, port_q, id_q;
  assign rst_n = time_q != 7'd0;
  assign free = 32'(time_q) > SetUp;
  always_ff @(posedge clk_i) begin
    if (!free) time_q <= time_q + 7'd1;
    frame_q <= frame_i;
    drain_q <= drain_i;
    port_q <= port_i;
    id_q <= id_i;
  end
  assign constants_ok = (frame_i == frame_q) & (drain_i == drain_q) & (port_i == port_q) & (id_i == id_q);

  // ------------------------------------------------------------------ registers: root, queue, command; then the tail
  logic changed_q, told_q, reg_valid, reg_ready, reg_w_ready, reg_b_valid;
  logic [11:0] reg_addr;
  logic [63:0] reg_data;
  always_comb begin
    reg_valid = 1'b0;
    reg_addr = vtd_pkg::IQT_OFFSET;
    reg_data = 64'd3 << 4;
    case (time_q)
      7'd1: begin
        reg_valid = 1'b1;
        reg_addr = vtd_pkg::RTADDR_OFFSET;
        reg_data = 64'h1000;
      end
      7'd2: begin
        reg_valid = 1'b1;
        reg_addr = vtd_pkg::IQA_OFFSET;
        reg_data = 64'h8000;
      end
      7'd3: begin
        reg_valid = 1'b1;
        reg_addr = vtd_pkg::GCMD_OFFSET;
        reg_data = 64'hC400_0000;  // TE, SRTP, QIE
      end
      default: reg_valid = free & changed_q & ~told_q & tail_i;
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      changed_q <= 1'b0;
      told_q <= 1'b0;
    end else if (free) begin
      changed_q <= changed_q | change_i;
      told_q <= told_q | reg_valid;
    end
  end

  // ------------------------------------------------------------------ the unit
  logic [1:0] s_ar_valid, s_ar_ready, s_r_valid, s_rid, s_r_last, s_aw_valid, s_aw_ready, s_w_valid, s_w_ready, s_w_last,
      s_b_valid, s_bid;
  logic [127:0] s_ar_addr, s_aw_addr;
  logic [255:0] s_r_data;
  logic [3:0] s_r_resp, s_b_resp;
  logic d_ar_valid, d_aw_valid, d_w_valid, d_w_last, d_r_valid, d_r_last, d_r_ready, d_b_valid, d_b_ready;
  logic [2:0] d_ar_id, d_aw_id, d_ar_size, d_aw_size, d_r_id, d_b_id;
  logic [63:0] d_ar_addr, d_aw_addr;
  logic [7:0] d_ar_len, d_aw_len;
  logic [127:0] d_w_data;
  logic [15:0] d_w_strb;
  logic t_ar_valid, t_ar_ready, t_r_valid, t_r_ready, t_r_last, t_r_error, t_aw_valid, t_w_valid, t_b_valid, t_b_ready, t_w_last;
  logic [6:0] t_ar_id, t_r_id, t_aw_id;
  logic [63:0] t_ar_addr, t_aw_addr;
  logic [7:0] t_ar_len, t_aw_len;
  logic [2:0] t_ar_size, t_aw_size;
  logic [127:0] t_r_data, t_w_data;
  logic [15:0] t_w_strb;
  iommu #(
      .NumPorts(2), .DataWidth(128), .IdWidth(1), .Haw(39), .Mgaw(39), .Sagaw(5'b00010), .Sllps(2'b00),
      .PassThrough(1'b0), .DidWidth(4), .Records(1), .IotlbEntries(2), .ContextEntries(2), .PagingEntries1(0),
      .PagingEntries2(0), .PagingEntries3(0), .NumWalks(2), .HintWalks(1), .Parks(4), .MaxBurst(2), .ReadBeats(4),
      .WriteBeats(4), .Responses(2), .QueueBursts(2), .QueueSlots(2), .Pipe(Pipe)
  ) dut (
      .clk_i, .rst_ni(rst_n), .por_ni(rst_n), .source_id_i({16'd1, 16'd0}), .idle_o(), .quiesce_i(1'b0), .quiesced_o(),
      .s_axil_awvalid_i(reg_valid), .s_axil_awready_o(reg_ready), .s_axil_awaddr_i(reg_addr), .s_axil_wvalid_i(reg_valid),
      .s_axil_wready_o(reg_w_ready), .s_axil_wdata_i(reg_data), .s_axil_wstrb_i(8'hFF), .s_axil_bvalid_o(reg_b_valid),
      .s_axil_bready_i(1'b1), .s_axil_bresp_o(), .s_axil_arvalid_i(1'b0), .s_axil_arready_o(), .s_axil_araddr_i(12'd0),
      .s_axil_rvalid_o(), .s_axil_rready_i(1'b1), .s_axil_rdata_o(), .s_axil_rresp_o(),
      .s_axi_arvalid_i(s_ar_valid), .s_axi_arready_o(s_ar_ready), .s_axi_arid_i(ar_id_i), .s_axi_araddr_i(s_ar_addr),
      .s_axi_arlen_i({8'd1, 8'd0}), .s_axi_arsize_i({3'd4, 3'd4}), .s_axi_aruser_i(54'd0), .s_axi_rvalid_o(s_r_valid),
      .s_axi_rready_i(r_ready_i), .s_axi_rid_o(s_rid), .s_axi_rdata_o(s_r_data), .s_axi_rresp_o(s_r_resp),
      .s_axi_rlast_o(s_r_last), .s_axi_awvalid_i(s_aw_valid), .s_axi_awready_o(s_aw_ready), .s_axi_awid_i(aw_id_i),
      .s_axi_awaddr_i(s_aw_addr), .s_axi_awlen_i({8'd1, 8'd0}), .s_axi_awsize_i({3'd4, 3'd4}), .s_axi_awuser_i(54'd0),
      .s_axi_wvalid_i(s_w_valid), .s_axi_wready_o(s_w_ready),
      .s_axi_wdata_i({127'd0, w_data_i[1], 127'd0, w_data_i[0]}), .s_axi_wstrb_i('1), .s_axi_wlast_i(s_w_last),
      .s_axi_bvalid_o(s_b_valid), .s_axi_bready_i(b_ready_i), .s_axi_bid_o(s_bid), .s_axi_bresp_o(s_b_resp),
      .hint_valid_i(2'd0), .hint_ready_o(), .hint_page_i(104'd0),
      .m_axi_data_arvalid_o(d_ar_valid), .m_axi_data_arready_i(d_ar_ready_i), .m_axi_data_arid_o(d_ar_id),
      .m_axi_data_araddr_o(d_ar_addr), .m_axi_data_arlen_o(d_ar_len), .m_axi_data_arsize_o(d_ar_size),
      .m_axi_data_arsnoop_o(), .m_axi_data_rvalid_i(d_r_valid), .m_axi_data_rready_o(d_r_ready),
      .m_axi_data_rid_i(d_r_id), .m_axi_data_rdata_i({127'd0, d_r_data_i}), .m_axi_data_rresp_i(2'b00),
      .m_axi_data_rlast_i(d_r_last), .m_axi_data_awvalid_o(d_aw_valid), .m_axi_data_awready_i(d_aw_ready_i),
      .m_axi_data_awid_o(d_aw_id), .m_axi_data_awaddr_o(d_aw_addr), .m_axi_data_awlen_o(d_aw_len),
      .m_axi_data_awsize_o(d_aw_size), .m_axi_data_awsnoop_o(), .m_axi_data_wvalid_o(d_w_valid),
      .m_axi_data_wready_i(d_w_ready_i), .m_axi_data_wdata_o(d_w_data), .m_axi_data_wstrb_o(d_w_strb),
      .m_axi_data_wlast_o(d_w_last), .m_axi_data_bvalid_i(d_b_valid), .m_axi_data_bready_o(d_b_ready),
      .m_axi_data_bid_i(d_b_id), .m_axi_data_bresp_i(2'b00),
      .m_axi_table_arvalid_o(t_ar_valid), .m_axi_table_arready_i(t_ar_ready), .m_axi_table_arid_o(t_ar_id),
      .m_axi_table_araddr_o(t_ar_addr), .m_axi_table_arlen_o(t_ar_len), .m_axi_table_arsize_o(t_ar_size),
      .m_axi_table_rvalid_i(t_r_valid), .m_axi_table_rready_o(t_r_ready), .m_axi_table_rid_i(t_r_id),
      .m_axi_table_rdata_i(t_r_data), .m_axi_table_rresp_i({t_r_error, 1'b0}), .m_axi_table_rlast_i(t_r_last),
      .m_axi_table_awvalid_o(t_aw_valid), .m_axi_table_awready_i(t_aw_ready_i), .m_axi_table_awid_o(t_aw_id),
      .m_axi_table_awaddr_o(t_aw_addr), .m_axi_table_awlen_o(t_aw_len), .m_axi_table_awsize_o(t_aw_size),
      .m_axi_table_wvalid_o(t_w_valid), .m_axi_table_wready_i(t_w_ready_i), .m_axi_table_wdata_o(t_w_data),
      .m_axi_table_wstrb_o(t_w_strb), .m_axi_table_wlast_o(t_w_last), .m_axi_table_bvalid_i(t_b_valid),
      .m_axi_table_bready_o(t_b_ready), .probe_fault_o(), .probe_fault_recorded_o(), .probe_fault_record_o());

  // ------------------------------------------------------------------ requesters
  // Port 0 reads page 0 once in the set-up, if Warm. An address carries in bits 5:4 whether its request is older than the
  // watched one of its key, the watched one, or younger.
  logic [1:0] s_ar_tag, s_aw_tag, ar_key, aw_key;
  logic       warm_valid, warmed_q;
  logic       r_watched_q, w_watched_q;  // there has been a watched one
  assign warm_valid = Warm & ~free & (time_q > 7'd10) & ~warmed_q;
  always_ff @(posedge clk_i) warmed_q <= rst_n & (warmed_q | (s_ar_valid[0] & s_ar_ready[0]));
  assign s_ar_valid = free ? ar_valid_i : {1'b0, warm_valid};
  assign s_aw_valid = free ? aw_valid_i : 2'b00;
  assign s_w_valid = free ? w_valid_i : 2'b00;
  for (genvar p = 0; p < 2; p++) begin : gen_requester
    logic [1:0] r_tag, w_tag;
    logic ar_waits_q, aw_waits_q, w_waits_q, ar_id_q, aw_id_q, w_data_q, second_q;
    logic [2:0] ar_page_q, aw_page_q;
    logic [1:0] ar_tag_q, aw_tag_q;
    assign ar_key[p] = (port_i[0] == 1'(p)) & (ar_id_i[p] == id_i[0]);
    assign aw_key[p] = port_i[1] == 1'(p);
    assign r_tag = ar_waits_q ? ar_tag_q : !ar_key[p] ? 2'd0 : r_watched_q ? 2'd2 : watch_i[0] ? 2'd1 : 2'd0;
    assign w_tag = aw_waits_q ? aw_tag_q : !aw_key[p] ? 2'd0 : w_watched_q ? 2'd2
        : (watch_i[1] && aw_id_i[p] == id_i[1]) ? 2'd1 : 2'd0;
    assign s_ar_tag[p] = r_tag == 2'd1;
    assign s_aw_tag[p] = w_tag == 2'd1;
    assign s_ar_addr[p*64+:64] = {33'd0, ar_page_i[p*3+2], 8'd0, ar_page_i[p*3+1], 8'd0, ar_page_i[p*3], 6'd0, r_tag, 4'd0};
    assign s_aw_addr[p*64+:64] = {33'd0, aw_page_i[p*3+2], 8'd0, aw_page_i[p*3+1], 8'd0, aw_page_i[p*3], 6'd0, w_tag, 4'd0};
    assign s_w_last[p] = (p == 0) | second_q;
    always_ff @(posedge clk_i) begin
      ar_waits_q <= rst_n & s_ar_valid[p] & ~s_ar_ready[p];
      aw_waits_q <= rst_n & s_aw_valid[p] & ~s_aw_ready[p];
      w_waits_q <= rst_n & s_w_valid[p] & ~s_w_ready[p];
      ar_id_q <= ar_id_i[p];
      aw_id_q <= aw_id_i[p];
      ar_page_q <= ar_page_i[p*3+:3];
      aw_page_q <= aw_page_i[p*3+:3];
      ar_tag_q <= r_tag;
      aw_tag_q <= w_tag;
      w_data_q <= w_data_i[p];
      second_q <= rst_n & (second_q ^ (s_w_valid[p] & s_w_ready[p]));
    end
    always_comb begin
      if (!free) assume (!ar_id_i[p] && ar_page_i[p*3+:3] == '0 && r_ready_i[p]);
      if (free && ar_waits_q) assume (ar_valid_i[p] && ar_id_i[p] == ar_id_q && ar_page_i[p*3+:3] == ar_page_q);
      if (free && aw_waits_q) assume (aw_valid_i[p] && aw_id_i[p] == aw_id_q && aw_page_i[p*3+:3] == aw_page_q);
      if (free && w_waits_q) assume (w_valid_i[p] && w_data_i[p] == w_data_q);
    end
  end
  logic r_begins, w_begins;
  assign r_begins = (s_ar_tag & s_ar_valid & s_ar_ready) != '0;
  assign w_begins = (s_aw_tag & s_aw_valid & s_aw_ready) != '0;

  // ------------------------------------------------------------------ answers, by {port, id}
  logic [1:0] r_answer, b_answer;
  assign r_answer = s_r_valid & r_ready_i & s_r_last;
  assign b_answer = s_b_valid & b_ready_i;
  logic [3:0] r_unasked, b_unasked;
  for (genvar k = 0; k < 4; k++) begin : gen_key
    localparam int unsigned P = k / 2;
    localparam bit Id = 1'(k % 2);
    logic [3:0] reads_q, writes_q;
    logic taken_r, taken_w, ends_r, ends_w;
    assign taken_r = s_ar_valid[P] & s_ar_ready[P] & (ar_id_i[P] == Id);
    assign taken_w = s_aw_valid[P] & s_aw_ready[P] & (aw_id_i[P] == Id);
    assign ends_r = r_answer[P] & (s_rid[P] == Id);
    assign ends_w = b_answer[P] & (s_bid[P] == Id);
    always_ff @(posedge clk_i) begin
      if (!rst_n) begin
        reads_q <= '0;
        writes_q <= '0;
      end else begin
        reads_q <= reads_q + 4'(taken_r) - 4'(ends_r);
        writes_q <= writes_q + 4'(taken_w) - 4'(ends_w);
      end
    end
    assign r_unasked[k] = s_r_valid[P] & (s_rid[P] == Id) & (reads_q == '0);
    assign b_unasked[k] = s_b_valid[P] & (s_bid[P] == Id) & (writes_q == '0);
  end
  // Port 1's bursts have two beats.
  logic [1:0] r_second_q;  // by id
  always_ff @(posedge clk_i) begin
    r_second_q[0] <= rst_n & (r_second_q[0] ^ (s_r_valid[1] & r_ready_i[1] & ~s_rid[1]));
    r_second_q[1] <= rst_n & (r_second_q[1] ^ (s_r_valid[1] & r_ready_i[1] & s_rid[1]));
  end

  // The watched ones: under way with so many of their {port, id} before them; gone out.
  logic [3:0] r_rank_q, w_rank_q;
  logic r_inside_q, w_inside_q, r_left_q, w_left_q, r_ends, w_ends;
  logic [3:0] r_before, w_before;
  assign r_before = port_i[0] ? (id_i[0] ? gen_key[3].reads_q : gen_key[2].reads_q)
      : (id_i[0] ? gen_key[1].reads_q : gen_key[0].reads_q);
  assign w_before = port_i[1] ? (id_i[1] ? gen_key[3].writes_q : gen_key[2].writes_q)
      : (id_i[1] ? gen_key[1].writes_q : gen_key[0].writes_q);
  assign r_ends = r_answer[port_i[0]] & (s_rid[port_i[0]] == id_i[0]);
  assign w_ends = b_answer[port_i[1]] & (s_bid[port_i[1]] == id_i[1]);
  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      r_watched_q <= 1'b0;
      w_watched_q <= 1'b0;
      r_inside_q <= 1'b0;
      w_inside_q <= 1'b0;
      r_left_q <= 1'b0;
      w_left_q <= 1'b0;
    end else begin
      if (r_begins) begin
        r_watched_q <= 1'b1;
        r_inside_q <= 1'b1;
        r_rank_q <= r_before - 4'(r_ends);
      end else if (r_inside_q && r_ends) begin
        r_rank_q <= r_rank_q - 4'd1;
        if (r_rank_q == '0) r_inside_q <= 1'b0;
      end
      if (w_begins) begin
        w_watched_q <= 1'b1;
        w_inside_q <= 1'b1;
        w_rank_q <= w_before - 4'(w_ends);
      end else if (w_inside_q && w_ends) begin
        w_rank_q <= w_rank_q - 4'd1;
        if (w_rank_q == '0) w_inside_q <= 1'b0;
      end
      if (d_ar_valid && d_ar_addr[5:4] == 2'd1) r_left_q <= 1'b1;
      if (d_aw_valid && d_aw_addr[5:4] == 2'd1) w_left_q <= 1'b1;
    end
  end

  // ------------------------------------------------------------------ data memory
  logic [3:0] d_r_open, d_b_open, d_f_read, d_f_written;  // by id: something to answer; something sent to F
  logic [1:0] d_second_q;                                  // by id of port 1
  logic       d_w_second_q;
  logic       ar_hits, aw_hits;
  assign ar_hits = d_ar_addr[14:12] == frame_i;
  assign aw_hits = d_aw_addr[14:12] == frame_i;
  assign d_r_valid = free ? d_r_valid_i : Warm & d_r_open[0];
  assign d_r_id = free ? {1'b0, d_r_port_i, d_r_id_i} : 3'd0;
  assign d_r_last = ~d_r_id[1] | d_second_q[d_r_id[0]];
  assign d_b_valid = free & d_b_valid_i;
  assign d_b_id = {1'b0, d_b_port_i, d_b_id_i};
  for (genvar k = 0; k < 4; k++) begin : gen_memory
    logic [3:0] reads_q, writes_q, f_read_q, f_written_q;  // f_: up to and with the last one to F
    logic asked_r, asked_w, done_r, done_w;
    assign asked_r = d_ar_valid & d_ar_ready_i & (d_ar_id == 3'(k));
    assign asked_w = d_aw_valid & d_aw_ready_i & (d_aw_id == 3'(k));
    assign done_r = d_r_valid & d_r_last & (d_r_id == 3'(k));
    assign done_w = d_b_valid & (d_b_id == 3'(k));
    always_ff @(posedge clk_i) begin
      if (!rst_n) begin
        reads_q <= '0;
        writes_q <= '0;
        f_read_q <= '0;
        f_written_q <= '0;
      end else begin
        reads_q <= reads_q + 4'(asked_r) - 4'(done_r);
        writes_q <= writes_q + 4'(asked_w) - 4'(done_w);
        if (asked_r && ar_hits) f_read_q <= reads_q + 4'd1 - 4'(done_r);
        else if (f_read_q != '0 && done_r) f_read_q <= f_read_q - 4'd1;
        if (asked_w && aw_hits) f_written_q <= writes_q + 4'd1 - 4'(done_w);
        else if (f_written_q != '0 && done_w) f_written_q <= f_written_q - 4'd1;
      end
    end
    assign d_r_open[k] = reads_q != '0;
    assign d_b_open[k] = writes_q != '0;
    assign d_f_read[k] = f_read_q != '0;
    assign d_f_written[k] = f_written_q != '0;
  end
  logic d_w_done, d_aw_done;
  logic [3:0] d_ahead_q;  // addresses taken whose data is not complete, + 8
  assign d_w_done = d_w_valid & d_w_ready_i & d_w_last;
  assign d_aw_done = d_aw_valid & d_aw_ready_i;
  always_ff @(posedge clk_i) begin
    d_second_q[0] <= rst_n & (d_second_q[0] ^ (d_r_valid & d_r_id[1] & ~d_r_id[0]));
    d_second_q[1] <= rst_n & (d_second_q[1] ^ (d_r_valid & d_r_id[1] & d_r_id[0]));
    d_w_second_q <= rst_n & d_w_valid & (d_w_ready_i ? ~d_w_last : d_w_second_q) | (rst_n & ~d_w_valid & d_w_second_q);
    d_ahead_q <= rst_n ? d_ahead_q + 4'(d_aw_done) - 4'(d_w_done) : 4'd8;
  end

  // ------------------------------------------------------------------ tables and the queue
  // In the set-up an entry is there for the page it is read from: root table 1, contexts 2, tables 3 to 5, page 6.
  logic       s_r_q;       // the set-up's answer is due
  logic [6:0] s_id_q;
  logic [2:0] s_page_q, s_next;
  logic       s_wide_q;
  assign s_next = s_page_q + 3'd1;
  always_ff @(posedge clk_i) begin
    s_r_q <= rst_n & ~free & t_ar_valid;
    s_id_q <= t_ar_id;
    s_page_q <= t_ar_addr[14:12];
  end
  logic [2:0] walk_open, walk_late, walk_lane;  // by walk: a read under way; asked for after the change; its lane
  logic [2:0] queue_beats_q;                    // beats asked for and not answered
  logic [1:0] slot_q;                           // the next beat of the queue is this descriptor
  logic       queue_second_q;
  logic [127:0] descriptor;
  assign t_ar_ready = free ? t_ar_ready_i : 1'b1;
  assign t_r_valid = free ? t_r_valid_i : s_r_q;
  assign t_r_id = !free ? s_id_q : t_r_queue_i ? QueueId : 7'(t_r_walk_i);
  assign t_r_error = free & t_r_error_i;
  // Bursts of the queue: slots 0 and 1, then 2.
  assign t_r_last = ~t_r_queue_i | ~free | (slot_q != 2'd0);
  assign descriptor = (slot_q == 2'd0) ? 128'h11                                    // contexts, global
      : (slot_q == 2'd1) ? {120'd0, drain_i, 6'h12}                                 // IOTLB, global
      : {64'h0000_7000, 32'd1, 32'h25};                                             // wait, status 1 to page 7
  assign t_r_data = (free && t_r_queue_i) ? descriptor
      : free ? {49'd0, t_r_hi_i[4:2], 3'd0, t_r_hi_i[5], 6'd0, t_r_hi_i[1], t_r_hi_i[0] | t_r_hi_i[6],
                49'd0, t_r_lo_i}
      : {54'd0, 2'b01, 8'd1, 49'd0, s_next, 10'd0, s_page_q > 3'd2, 1'b1};
  for (genvar i = 0; i < 3; i++) begin : gen_walk
    logic open_q, late_q, lane_q;
    always_ff @(posedge clk_i) begin
      if (!rst_n) open_q <= 1'b0;
      else if (t_ar_valid && t_ar_ready && t_ar_id == 7'(i)) open_q <= 1'b1;
      else if (t_r_valid && t_r_id == 7'(i)) open_q <= 1'b0;
      if (t_ar_valid && t_ar_ready && t_ar_id == 7'(i)) begin
        late_q <= changed_q;
        lane_q <= t_ar_addr[3];
      end
    end
    assign walk_open[i] = open_q;
    assign walk_late[i] = late_q;
    assign walk_lane[i] = lane_q;
  end
  logic queue_asked, queue_answered;
  assign queue_asked = t_ar_valid & t_ar_ready & (t_ar_id == QueueId);
  assign queue_answered = t_r_valid & (t_r_id == QueueId);
  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      queue_beats_q <= '0;
      slot_q <= '0;
    end else begin
      queue_beats_q <= queue_beats_q + (queue_asked ? 3'(t_ar_len[1:0]) + 3'd1 : 3'd0) - 3'(queue_answered);
      slot_q <= slot_q + 2'(queue_answered);
    end
  end

  // Permissions that were read for F; the page number of an entry in either half of the beat.
  logic r_f_lo, r_f_hi, r_lane, beat_ok, gave_r_q, gave_w_q;
  assign r_f_lo = t_r_data[14:12] == frame_i;
  assign r_f_hi = t_r_data[64+12+:3] == frame_i;
  assign r_lane = (t_r_id == 7'd0) ? walk_lane[0] : (t_r_id == 7'd1) ? walk_lane[1] : walk_lane[2];
  assign beat_ok = t_r_valid & (t_r_id != QueueId) & ~t_r_error;
  always_ff @(posedge clk_i) begin
    gave_r_q <= rst_n & (gave_r_q | (beat_ok & (r_lane ? r_f_hi & t_r_data[64] : r_f_lo & t_r_data[0])));
    gave_w_q <= rst_n & (gave_w_q | (beat_ok & (r_lane ? r_f_hi & t_r_data[65] : r_f_lo & t_r_data[1])));
  end

  // Writes of the unit: the status.
  logic status_q, t_w_open_q, t_aw_seen_q, t_w_seen_q;
  assign t_b_valid = free & t_b_valid_i;
  always_ff @(posedge clk_i) begin
    status_q <= rst_n & (status_q | t_aw_valid | t_w_valid);
    t_aw_seen_q <= rst_n & ~t_b_valid & (t_aw_seen_q | (t_aw_valid & t_aw_ready_i));
    t_w_seen_q <= rst_n & ~t_b_valid & (t_w_seen_q | (t_w_valid & t_w_ready_i));
  end

  // ------------------------------------------------------------------ what was offered in the cycle before
  logic d_ar_waits_q, d_aw_waits_q, d_w_waits_q, t_ar_waits_q, t_aw_waits_q, t_w_waits_q;
  logic [63+8+3+3:0] d_ar_q, d_aw_q;
  logic [17:0] d_w_q;
  logic [63+7+8+3:0] t_ar_q;
  logic [63:0] t_aw_q;
  logic [31:0] t_w_q;
  logic [1:0] s_r_waits_q, s_b_waits_q;
  logic [9:0] s_r_q2;
  logic [5:0] s_b_q2;
  always_ff @(posedge clk_i) begin
    d_ar_waits_q <= rst_n & d_ar_valid & ~d_ar_ready_i;
    d_aw_waits_q <= rst_n & d_aw_valid & ~d_aw_ready_i;
    d_w_waits_q <= rst_n & d_w_valid & ~d_w_ready_i;
    t_ar_waits_q <= rst_n & t_ar_valid & ~t_ar_ready;
    t_aw_waits_q <= rst_n & t_aw_valid & ~t_aw_ready_i;
    t_w_waits_q <= rst_n & t_w_valid & ~t_w_ready_i;
    s_r_waits_q <= s_r_valid & ~r_ready_i & {2{rst_n}};
    s_b_waits_q <= s_b_valid & ~b_ready_i & {2{rst_n}};
    d_ar_q <= {d_ar_id, d_ar_addr, d_ar_len, d_ar_size};
    d_aw_q <= {d_aw_id, d_aw_addr, d_aw_len, d_aw_size};
    d_w_q <= {d_w_data[0], d_w_strb, d_w_last};
    t_ar_q <= {t_ar_id, t_ar_addr, t_ar_len, t_ar_size};
    t_aw_q <= t_aw_addr;
    t_w_q <= t_w_data[31:0];
    s_r_q2 <= {s_rid, s_r_data[128], s_r_data[0], s_r_resp, s_r_last};
    s_b_q2 <= {s_bid, s_b_resp};
  end
  logic [9:0] s_r_now;
  logic [5:0] s_b_now;
  assign s_r_now = {s_rid, s_r_data[128], s_r_data[0], s_r_resp, s_r_last};
  assign s_b_now = {s_bid, s_b_resp};

  always_comb begin
    if (rst_n) m_constant: assume (constants_ok);
    m_ports: assume (t_r_walk_i != 2'd3);
    if (free) begin
      // Memory answers what it was asked.
      m_r: assume (!d_r_valid_i || d_r_open[{d_r_port_i, d_r_id_i}]);
      m_b: assume (!d_b_valid_i || (d_b_open[{d_b_port_i, d_b_id_i}] && d_ahead_q <= 4'd8));
      m_table: assume (!t_r_valid_i || (t_r_queue_i ? queue_beats_q != '0 : walk_open[t_r_walk_i]));
      // After the change no entry that is asked for leads to F.
      m_changed: assume (!t_r_valid_i || t_r_queue_i || !walk_late[t_r_walk_i] || (!r_f_lo && !r_f_hi));
      m_queue_good: assume (!(t_r_valid_i && t_r_queue_i && t_r_error_i));
      m_t_b: assume (!t_b_valid_i || (t_aw_seen_q && t_w_seen_q));
    end else begin
      m_quiet: assume (d_ar_ready_i && d_aw_ready_i && d_w_ready_i && t_aw_ready_i && t_w_ready_i);
    end
  end
  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      a_no_read_of_what_went_away: assert (!(status_q && d_ar_valid && !d_ar_waits_q && ar_hits));
      a_no_write_of_what_went_away: assert (!(status_q && d_aw_valid && !d_aw_waits_q && aw_hits));
      a_reads_drained: assert (!(t_aw_valid && !status_q && drain_i[1]) || d_f_read == '0);
      a_writes_drained: assert (!(t_aw_valid && !status_q && drain_i[0]) || d_f_written == '0);
      a_read_permitted: assert (!(d_ar_valid && ar_hits) || gave_r_q);
      a_write_permitted: assert (!(d_aw_valid && aw_hits) || gave_w_q);
      a_answer_asked_for: assert (r_unasked == '0 && b_unasked == '0);
      a_beats: assert (!s_r_valid[0] || s_r_last[0]);
      a_beats_two: assert (!s_r_valid[1] || s_r_last[1] == r_second_q[s_rid[1]]);
      a_read_order: assert (!(r_inside_q && !r_left_q && d_ar_valid && d_ar_addr[5:4] == 2'd2));
      a_write_order: assert (!(w_inside_q && !w_left_q && d_aw_valid && d_aw_addr[5:4] == 2'd2));
      a_read_answer: assert (!(r_inside_q && r_ends && r_rank_q == '0)
                             || (s_r_resp[port_i[0]*2+:2] == 2'b00) == r_left_q);
      a_write_answer: assert (!(w_inside_q && w_ends && w_rank_q == '0)
                              || (s_b_resp[port_i[1]*2+:2] == 2'b00) == w_left_q);
      a_d_ar_holds: assert (!d_ar_waits_q || (d_ar_valid && d_ar_q == {d_ar_id, d_ar_addr, d_ar_len, d_ar_size}));
      a_d_aw_holds: assert (!d_aw_waits_q || (d_aw_valid && d_aw_q == {d_aw_id, d_aw_addr, d_aw_len, d_aw_size}));
      a_d_w_holds: assert (!d_w_waits_q || (d_w_valid && d_w_q == {d_w_data[0], d_w_strb, d_w_last}));
      a_d_w_last: assert (!d_w_valid || d_w_second_q == 1'b0 || d_w_last);
      a_d_shape: assert ((!d_ar_valid || (d_ar_id[2] == 1'b0 && d_ar_len == 8'(d_ar_id[1]) && d_ar_size == 3'd4))
                         && (!d_aw_valid || (d_aw_id[2] == 1'b0 && d_aw_len == 8'(d_aw_id[1]) && d_aw_size == 3'd4)));
      a_d_ready: assert (d_r_ready && d_b_ready && t_r_ready && t_b_ready);
      a_t_ar_holds: assert (!t_ar_waits_q || (t_ar_valid && t_ar_q == {t_ar_id, t_ar_addr, t_ar_len, t_ar_size}));
      a_t_aw_holds: assert (!t_aw_waits_q || (t_aw_valid && t_aw_addr == t_aw_q));
      a_t_w_holds: assert (!t_w_waits_q || (t_w_valid && t_w_data[31:0] == t_w_q));
      a_t_one_read_each: assert (!(t_ar_valid && t_ar_id < 7'd3) || !walk_open[t_ar_id[1:0]]);
      a_t_id: assert (!t_ar_valid || t_ar_id < 7'd3 || t_ar_id == QueueId);
      a_status: assert (!t_aw_valid || (told_q && t_aw_addr == 64'h7000 && t_aw_len == 8'd0 && t_aw_size == 3'd2));
      a_status_data: assert (!t_w_valid || (t_w_last && t_w_strb == 16'hF && t_w_data[31:0] == 32'd1));
      a_s_r_holds0: assert (!s_r_waits_q[0] || (s_r_valid[0] && s_r_q2[8] == s_rid[0] && s_r_q2[6:5] == {s_r_data[0], s_r_q2[5]}));
      a_s_b_holds: assert ((s_b_waits_q & ~s_b_valid) == '0 && (s_r_waits_q & ~s_r_valid) == '0);
      c_old_read: cover (d_ar_valid && ar_hits && gave_r_q && changed_q);
      c_status: cover (status_q && told_q && drain_i == 2'b11);
      c_after: cover (status_q && d_ar_valid && !ar_hits && told_q);
      c_blocked: cover (s_r_valid[1] && s_r_resp[3:2] == 2'b10);
      c_answered: cover (r_inside_q && r_ends && r_rank_q == 4'd1 && r_left_q);
    end
  end
endmodule
