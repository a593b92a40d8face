// SPDX-License-Identifier: Apache-2.0
// What the parts of the DMA engine hand to each other: AXI ids, kinds of a retire entry, the record of a failure.
// Ports inside the engine are flat pairs: index 0 is VRAM, index 1 the host (IOMMU) port.
package dma_job_pkg;

  // AXI ids. One id per kind keeps every kind in order on its port; kinds overtake each other.
  localparam int unsigned ID_DATA = 0;   // copies, reads and writes
  localparam int unsigned ID_RING = 1;   // reads: descriptors
  localparam int unsigned ID_FENCE = 1;  // writes: the fence value
  localparam int unsigned ID_MSI = 2;    // writes: interrupt message

  // Operands as CH_ERR_INFO.OPERAND names them.
  localparam logic [1:0] OPERAND_RING = 2'd0;
  localparam logic [1:0] OPERAND_SRC = 2'd1;
  localparam logic [1:0] OPERAND_DST = 2'd2;

  // A descriptor between decode and retirement. Its ring index is implied: retirement is in order.
  localparam logic [1:0] RETIRE_NOP = 2'd0;
  localparam logic [1:0] RETIRE_COPY = 2'd1;
  localparam logic [1:0] RETIRE_FENCE = 2'd2;
  localparam logic [1:0] RETIRE_ERROR = 2'd3;  // the decoder refused it and holds the reason
  localparam int unsigned RETIRE_WIDTH = 99;
  typedef struct packed {
    logic [1:0] kind;
    logic dst_host;
    logic [31:0] length;  // bytes - 1
    logic [63:0] tag;
  } retire_t;

  // Why a descriptor failed. addr counts for RING_READ, READ and WRITE only.
  typedef struct packed {
    logic [15:0] index;
    logic [7:0] code;
    logic [1:0] operand;
    logic [1:0] resp;
    logic [63:0] addr;
  } fail_t;

  // A write of one narrow beat: fence value or message.
  typedef struct packed {
    logic host;
    logic [63:0] addr;
    logic [63:0] data;  // already on its byte lanes of an 8-byte word
    logic [7:0] strb;
    logic [2:0] size;
  } single_t;

endpackage
