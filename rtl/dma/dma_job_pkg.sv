// SPDX-License-Identifier: Apache-2.0
// What the parts of the DMA engine hand to each other: AXI ids, kinds of a retire entry, the record of a failure.
// Ports inside the engine are flat pairs: index 0 is VRAM, index 1 the host (IOMMU) port.
package dma_job_pkg;

  // AXI ids: {channel, kind}. One id per kind keeps every kind in order on its port; kinds overtake each other.
  localparam int unsigned KIND_WIDTH = 2;
  localparam int unsigned ID_DATA = 0;   // operations, reads and writes
  localparam int unsigned ID_RING = 1;   // reads: descriptors
  localparam int unsigned ID_SEM = 2;    // reads: polls of a semaphore
  localparam int unsigned ID_FENCE = 1;  // writes: fence, signal, timestamp
  localparam int unsigned ID_MSI = 2;    // writes: interrupt message; channel 0
  localparam int unsigned ID_WB = 3;     // writes: completion write-back

  // Operands as CH_ERR_INFO.OPERAND names them.
  localparam logic [1:0] OPERAND_RING = 2'd0;
  localparam logic [1:0] OPERAND_SRC = 2'd1;
  localparam logic [1:0] OPERAND_DST = 2'd2;

  // A descriptor between decode and retirement. Its ring index is implied: retirement is in order.
  localparam logic [2:0] RETIRE_NOP = 3'd0;
  localparam logic [2:0] RETIRE_OP = 3'd1;
  localparam logic [2:0] RETIRE_FENCE = 3'd2;  // signal and timestamp too
  localparam logic [2:0] RETIRE_ERROR = 3'd3;  // the decoder refused it and holds the reason
  localparam logic [2:0] RETIRE_WAIT = 3'd4;
  localparam logic [2:0] RETIRE_LINK = 3'd5;
  localparam logic [2:0] RETIRE_MAP = 3'd6;
  localparam int unsigned RETIRE_WIDTH = 133;
  typedef struct packed {
    logic [2:0] kind;
    logic dst_host;
    logic payload;        // its bytes count
    logic [31:0] length;  // bytes of a row - 1
    logic [15:0] rows;    // - 1
    logic [15:0] slices;  // - 1
    logic [63:0] tag;
  } retire_t;

  // Why a descriptor failed. docs/dma.md tells what addr is.
  typedef struct packed {
    logic [15:0] index;
    logic [7:0] code;
    logic [1:0] operand;
    logic [1:0] resp;
    logic [63:0] addr;
  } fail_t;

  // What the mover executes. Spaces are dma_pkg::SPACE_*; in space VIRTUAL the PASID goes with the requests.
  // COPY: rows of length + 1 bytes, row r of slice s at base + r * pitch + s * slice (modulo 2^64).
  // FILL: the same for the destination; the pattern is the first pattern_len + 1 bytes of {src_slice, src}, byte 0
  //       lowest, and begins anew with each row.
  // MAP_*: length + 1 aperture entries from the page of dst on, one row. PAGES: from a list of 64-bit page numbers at
  //        src (8-byte aligned); RANGE: the page of src and those after it; SAME: the page of src in all of them;
  //        INVALID: entries without a page.
  localparam logic [2:0] OP_COPY = 3'd0;
  localparam logic [2:0] OP_FILL = 3'd1;
  localparam logic [2:0] OP_MAP_PAGES = 3'd4;
  localparam logic [2:0] OP_MAP_RANGE = 3'd5;
  localparam logic [2:0] OP_MAP_SAME = 3'd6;
  localparam logic [2:0] OP_MAP_INVALID = 3'd7;
  localparam int unsigned OP_WIDTH = 434;
  typedef struct packed {
    logic [15:0] index;
    logic [2:0] kind;
    logic [2:0] src_space;
    logic [2:0] dst_space;
    logic no_snoop;
    logic [19:0] pasid;
    logic [63:0] src;
    logic [63:0] dst;
    logic [31:0] length;  // bytes of a row - 1; MAP_*: entries - 1
    logic [15:0] rows;    // - 1
    logic [15:0] slices;  // - 1
    logic [31:0] src_pitch;
    logic [31:0] dst_pitch;
    logic [63:0] src_slice;
    logic [63:0] dst_slice;
    logic [3:0] pattern_len;  // - 1
  } op_t;

  // What dma_check finds in a descriptor.
  localparam int unsigned CLASS_WIDTH = 15;
  typedef struct packed {
    logic nop;
    logic op;           // for the mover
    logic [2:0] kind;   // OP_*
    logic payload;      // its bytes count
    logic single;       // fence, signal, timestamp
    logic fence;
    logic stamp;
    logic wait_;
    logic link;
    logic src_host;     // the operand lies behind the host port
    logic dst_host;
    logic src_virtual;
    logic dst_virtual;
  } class_t;

  // Attributes of a request to the host port.
  localparam int unsigned USER_WIDTH = 22;
  typedef struct packed {
    logic no_snoop;
    logic pasid_valid;
    logic [19:0] pasid;
  } user_t;

  // A contiguous part of an operation, as dma_rows makes it for reads, aligner, writes and hints.
  localparam int unsigned PIECE_WIDTH = 298;
  typedef struct packed {
    logic [15:0] index;
    logic [2:0] kind;
    logic last;           // the operation ends with it
    logic cont;           // FILL: the pattern goes on from the piece before
    logic bad;            // fails with BAD_APERTURE or BAD_ADDRESS at address src
    logic bad_aperture;
    logic bad_dst;        // the operand
    logic src_host;
    logic dst_host;
    user_t src_user;
    user_t dst_user;
    logic [63:0] src;     // FILL: pattern bytes 0 to 7
    logic [63:0] dst;     // MAP_*: aperture address
    logic [31:0] length;  // bytes - 1; MAP_PAGES: of the list
    logic [63:0] aux;     // FILL: pattern bytes 8 to 15; MAP_*: entries - 1
    logic [3:0] pattern_len;
  } piece_t;

  // A write of one narrow beat: fence value or message.
  localparam int unsigned SINGLE_WIDTH = 161;
  typedef struct packed {
    logic pasid_valid;
    logic [19:0] pasid;
    logic host;
    logic [63:0] addr;
    logic [63:0] data;  // already on its byte lanes of an 8-byte word
    logic [7:0] strb;
    logic [2:0] size;
  } single_t;

endpackage
