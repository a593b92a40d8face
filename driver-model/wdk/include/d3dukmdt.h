// SPDX-License-Identifier: Apache-2.0
// Interface versions and the small types that user and kernel mode share.
#pragma once

#include "windef.h"

#define DXGKDDI_INTERFACE_VERSION_VISTA 0x1052
#define DXGKDDI_INTERFACE_VERSION_WIN8 0x300E
#define DXGKDDI_INTERFACE_VERSION_WDDM1_3 0x4002
#define DXGKDDI_INTERFACE_VERSION_WDDM2_0 0x5023
#define DXGKDDI_INTERFACE_VERSION_WDDM2_1 0x6003
#define DXGKDDI_INTERFACE_VERSION_WDDM2_2 0x700A
#define DXGKDDI_INTERFACE_VERSION_WDDM2_3 0x8001
#define DXGKDDI_INTERFACE_VERSION_WDDM2_4 0x9006
#define DXGKDDI_INTERFACE_VERSION_WDDM2_5 0xA00B
#define DXGKDDI_INTERFACE_VERSION_WDDM2_6 0xB004
#define DXGKDDI_INTERFACE_VERSION_WDDM2_7 0xC004
#define DXGKDDI_INTERFACE_VERSION_WDDM2_8 0xD001
#define DXGKDDI_INTERFACE_VERSION_WDDM2_9 0xE003
#define DXGKDDI_INTERFACE_VERSION_WDDM3_0 0xF003
#define DXGKDDI_INTERFACE_VERSION_WDDM3_1 0x10004

// The default is the newest version that the kit knows. Every gate compares with >=.
#ifndef DXGKDDI_INTERFACE_VERSION
#define DXGKDDI_INTERFACE_VERSION DXGKDDI_INTERFACE_VERSION_WDDM3_1
#endif
#if DXGKDDI_INTERFACE_VERSION < DXGKDDI_INTERFACE_VERSION_WDDM2_4
#error "this kit begins at WDDM 2.4, where isolation and its memory callbacks do"
#endif

typedef ULONGLONG D3DGPU_VIRTUAL_ADDRESS;
typedef UINT D3DKMT_HANDLE;
typedef UINT D3DDDI_VIDEO_PRESENT_TARGET_ID;
typedef UINT D3DDDI_VIDEO_PRESENT_SOURCE_ID;

#define D3DDDI_ID_UNINITIALIZED ((UINT)~0u)

typedef enum _D3DDDI_FLIPINTERVAL_TYPE {
  D3DDDI_FLIPINTERVAL_IMMEDIATE = 0,
  D3DDDI_FLIPINTERVAL_ONE = 1,
  D3DDDI_FLIPINTERVAL_TWO = 2,
  D3DDDI_FLIPINTERVAL_THREE = 3,
  D3DDDI_FLIPINTERVAL_FOUR = 4,
  D3DDDI_FLIPINTERVAL_IMMEDIATE_ALLOW_TEARING = 5
} D3DDDI_FLIPINTERVAL_TYPE;

/// The formats of a frame buffer; the others of the kit are not declared.
typedef enum _D3DDDIFORMAT {
  D3DDDIFMT_UNKNOWN = 0,
  D3DDDIFMT_R8G8B8 = 20,
  D3DDDIFMT_A8R8G8B8 = 21,
  D3DDDIFMT_X8R8G8B8 = 22,
  D3DDDIFMT_R5G6B5 = 23,
  D3DDDIFMT_A8B8G8R8 = 32
} D3DDDIFORMAT;

typedef struct _D3DDDI_SEGMENTPREFERENCE {
  union {
    struct {
      UINT SegmentId0 : 5;
      UINT Direction0 : 1;
      UINT SegmentId1 : 5;
      UINT Direction1 : 1;
      UINT SegmentId2 : 5;
      UINT Direction2 : 1;
      UINT SegmentId3 : 5;
      UINT Direction3 : 1;
      UINT SegmentId4 : 5;
      UINT Direction4 : 1;
      UINT Reserved : 2;
    };
    UINT Value;
  };
} D3DDDI_SEGMENTPREFERENCE;

// Passed on by pointer only.
typedef struct _D3DDDI_PATCHLOCATIONLIST D3DDDI_PATCHLOCATIONLIST;

typedef struct _D3DGPU_PHYSICAL_ADDRESS {
  UINT SegmentId;
  UINT64 SegmentOffset;
} D3DGPU_PHYSICAL_ADDRESS;

/// What the wireless display's encoder reports of a chunk. Unverified: documented fields, no compiled layout
/// of the kit was compared.
typedef enum _DXGK_MIRACAST_CHUNK_TYPE {
  DXGK_MIRACAST_CHUNK_TYPE_UNKNOWN = 0,
  DXGK_MIRACAST_CHUNK_TYPE_COLOR_CONVERT_COMPLETE = 1,
  DXGK_MIRACAST_CHUNK_TYPE_ENCODE_COMPLETE = 2,
  DXGK_MIRACAST_CHUNK_TYPE_FRAME_START = 3,
  DXGK_MIRACAST_CHUNK_TYPE_FRAME_DROPPED = 4
} DXGK_MIRACAST_CHUNK_TYPE;

typedef struct _DXGK_MIRACAST_CHUNK_ID {
  union {
    struct {
      UINT FrameNumber;
      UINT PartNumber;
    };
    UINT64 Value;
  };
} DXGK_MIRACAST_CHUNK_ID;

typedef struct _DXGK_MIRACAST_CHUNK_INFO {
  DXGK_MIRACAST_CHUNK_TYPE ChunkType;
  DXGK_MIRACAST_CHUNK_ID ChunkId;
  UINT ProcessingTime;  // microseconds
  UINT EncodeRate;      // kilobits per second
} DXGK_MIRACAST_CHUNK_INFO;

/// Bit 0 as documented for user mode's escape call; the rest is not used here.
typedef struct _D3DDDI_ESCAPEFLAGS {
  union {
    struct {
      UINT HardwareAccess : 1;
      UINT Reserved : 31;
    };
    UINT Value;
  };
} D3DDDI_ESCAPEFLAGS;
