// SPDX-License-Identifier: Apache-2.0
// Part of d3dkmddi.h: submission, preemption, reset. SubmitCommand and PreemptCommand come at DISPATCH_LEVEL,
// the others at PASSIVE_LEVEL.
#pragma once

#include "d3dkmddi.h"

typedef struct _DXGK_SUBMITCOMMANDFLAGS {
  union {
    struct {
      UINT Paging : 1;
      UINT Present : 1;
      UINT RedirectedPresent : 1;
      UINT NullRendering : 1;
      UINT Flip : 1;
      UINT FlipWithNoWait : 1;
      UINT ContextSwitch : 1;
      UINT Resubmission : 1;
      UINT VirtualMachineData : 1;
      UINT Reserved : 23;
    };
    UINT Value;
  };
} DXGK_SUBMITCOMMANDFLAGS;

typedef struct _DXGKARG_SUBMITCOMMAND {
  union {
    HANDLE hDevice;
    HANDLE hContext;
  };
  UINT DmaBufferSegmentId;
  PHYSICAL_ADDRESS DmaBufferPhysicalAddress;
  UINT DmaBufferSize;
  UINT DmaBufferSubmissionStartOffset;
  UINT DmaBufferSubmissionEndOffset;
  VOID* pDmaBufferPrivateData;
  UINT DmaBufferPrivateDataSize;
  UINT DmaBufferPrivateDataSubmissionStartOffset;
  UINT DmaBufferPrivateDataSubmissionEndOffset;
  UINT SubmissionFenceId;
  D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
  D3DDDI_FLIPINTERVAL_TYPE FlipInterval;
  DXGK_SUBMITCOMMANDFLAGS Flags;
  UINT EngineOrdinal;
  D3DGPU_VIRTUAL_ADDRESS DmaBufferVirtualAddress;
  UINT NodeOrdinal;
} DXGKARG_SUBMITCOMMAND;
typedef _In_ CONST DXGKARG_SUBMITCOMMAND* IN_CONST_PDXGKARG_SUBMITCOMMAND;

typedef struct _DXGKARG_SUBMITCOMMANDVIRTUAL {
  HANDLE hContext;
  D3DGPU_VIRTUAL_ADDRESS DmaBufferVirtualAddress;
  UINT DmaBufferSize;
  VOID* pDmaBufferPrivateData;
  UINT DmaBufferPrivateDataSize;
  UINT DmaBufferUmdPrivateDataSize;
  UINT SubmissionFenceId;
  D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
  D3DDDI_FLIPINTERVAL_TYPE FlipInterval;
  DXGK_SUBMITCOMMANDFLAGS Flags;
  UINT EngineOrdinal;
  UINT NodeOrdinal;
} DXGKARG_SUBMITCOMMANDVIRTUAL;
typedef _In_ CONST DXGKARG_SUBMITCOMMANDVIRTUAL* IN_CONST_PDXGKARG_SUBMITCOMMANDVIRTUAL;

typedef struct _DXGK_PREEMPTCOMMANDFLAGS {
  union {
    struct {
      UINT Reserved : 32;
    };
    UINT Value;
  };
} DXGK_PREEMPTCOMMANDFLAGS;

typedef struct _DXGKARG_PREEMPTCOMMAND {
  UINT PreemptionFenceId;
  UINT NodeOrdinal;
  UINT EngineOrdinal;
  DXGK_PREEMPTCOMMANDFLAGS Flags;
} DXGKARG_PREEMPTCOMMAND;
typedef _In_ CONST DXGKARG_PREEMPTCOMMAND* IN_CONST_PDXGKARG_PREEMPTCOMMAND;

typedef struct _DXGKARG_RESETENGINE {
  UINT NodeOrdinal;
  UINT EngineOrdinal;
  UINT LastAbortedFenceId;
} DXGKARG_RESETENGINE;
typedef _Inout_ DXGKARG_RESETENGINE* INOUT_PDXGKARG_RESETENGINE;

typedef struct _DXGKARG_QUERYCURRENTFENCE {
  UINT CurrentFence;
  UINT NodeOrdinal;
  UINT EngineOrdinal;
} DXGKARG_QUERYCURRENTFENCE;
typedef _Inout_ DXGKARG_QUERYCURRENTFENCE* INOUT_PDXGKARG_QUERYCURRENTFENCE;

typedef struct _DXGK_ENGINESTATUS {
  union {
    struct {
      UINT Responsive : 1;
      UINT Reserved : 31;
    };
    UINT Value;
  };
} DXGK_ENGINESTATUS;

typedef struct _DXGKARG_QUERYENGINESTATUS {
  UINT NodeOrdinal;
  UINT EngineOrdinal;
  DXGK_ENGINESTATUS EngineStatus;
} DXGKARG_QUERYENGINESTATUS;
typedef _Inout_ DXGKARG_QUERYENGINESTATUS* INOUT_PDXGKARG_QUERYENGINESTATUS;

typedef struct _DXGKARG_QUERYDEPENDENTENGINEGROUP {
  UINT NodeOrdinal;
  UINT EngineOrdinal;
  ULONGLONG DependentNodeOrdinalMask;
} DXGKARG_QUERYDEPENDENTENGINEGROUP;
// The kit's name has no P.
typedef _Inout_ DXGKARG_QUERYDEPENDENTENGINEGROUP* INOUT_DXGKARG_QUERYDEPENDENTENGINEGROUP;

typedef struct _DXGK_ALLOCATIONLIST DXGK_ALLOCATIONLIST;  // by pointer only

/// From a command buffer to a DMA buffer. Unverified: the page's field order is taken on trust.
typedef struct _DXGKARG_RENDER {
  CONST VOID* pCommand;
  UINT CommandLength;
  VOID* pDmaBuffer;
  UINT DmaSize;
  VOID* pDmaBufferPrivateData;
  UINT DmaBufferPrivateDataSize;
  DXGK_ALLOCATIONLIST* pAllocationList;
  UINT AllocationListSize;
  D3DDDI_PATCHLOCATIONLIST* pPatchLocationListIn;
  UINT PatchLocationListInSize;
  D3DDDI_PATCHLOCATIONLIST* pPatchLocationListOut;
  UINT PatchLocationListOutSize;
  UINT MultipassOffset;
  UINT DmaBufferSegmentId;
  PHYSICAL_ADDRESS DmaBufferPhysicalAddress;
} DXGKARG_RENDER;
typedef _Inout_ DXGKARG_RENDER* INOUT_PDXGKARG_RENDER;

typedef struct _DXGKARG_CANCELCOMMAND {
  HANDLE hContext;
  VOID* pDmaBuffer;
  UINT DmaBufferSize;
  UINT DmaBufferSubmissionStartOffset;
  UINT DmaBufferSubmissionEndOffset;
  VOID* pDmaBufferPrivateData;
  UINT DmaBufferPrivateDataSize;
  UINT DmaBufferPrivateDataSubmissionStartOffset;
  UINT DmaBufferPrivateDataSubmissionEndOffset;
  CONST DXGK_ALLOCATIONLIST* pAllocationList;
  UINT AllocationListSize;
  CONST D3DDDI_PATCHLOCATIONLIST* pPatchLocationList;
  UINT PatchLocationListSize;
  UINT PatchLocationListSubmissionStart;
  UINT PatchLocationListSubmissionLength;
  D3DGPU_VIRTUAL_ADDRESS DmaBufferVirtualAddress;
  UINT DmaBufferUmdPrivateDataSize;
} DXGKARG_CANCELCOMMAND;
typedef _In_ CONST DXGKARG_CANCELCOMMAND* IN_CONST_PDXGKARG_CANCELCOMMAND;

typedef struct _DXGK_PATCHFLAGS {
  union {
    struct {
      UINT Paging : 1;
      UINT Present : 1;
      UINT RedirectedPresent : 1;
      UINT NullRendering : 1;
      UINT Reserved : 28;
    };
    UINT Value;
  };
} DXGK_PATCHFLAGS;

typedef struct _DXGKARG_PATCH {
  union {
    HANDLE hDevice;
    HANDLE hContext;
  };
  UINT DmaBufferSegmentId;
  PHYSICAL_ADDRESS DmaBufferPhysicalAddress;
  VOID* pDmaBuffer;
  UINT DmaBufferSize;
  UINT DmaBufferSubmissionStartOffset;
  UINT DmaBufferSubmissionEndOffset;
  VOID* pDmaBufferPrivateData;
  UINT DmaBufferPrivateDataSize;
  UINT DmaBufferPrivateDataSubmissionStartOffset;
  UINT DmaBufferPrivateDataSubmissionEndOffset;
  CONST DXGK_ALLOCATIONLIST* pAllocationList;
  UINT AllocationListSize;
  CONST D3DDDI_PATCHLOCATIONLIST* pPatchLocationList;
  UINT PatchLocationListSize;
  UINT PatchLocationListSubmissionStart;
  UINT PatchLocationListSubmissionLength;
  UINT SubmissionFenceId;
  DXGK_PATCHFLAGS Flags;
  UINT EngineOrdinal;
} DXGKARG_PATCH;
typedef _In_ CONST DXGKARG_PATCH* IN_CONST_PDXGKARG_PATCH;

typedef struct _DXGKARG_COLLECTDBGINFO_EXT DXGKARG_COLLECTDBGINFO_EXT;  // by pointer only
#define VIDEO_TDR_TIMEOUT_DETECTED 0x117
#define VIDEO_ENGINE_TIMEOUT_DETECTED 0x141

typedef struct _DXGKARG_COLLECTDBGINFO {
  UINT Reason;
  VOID* pBuffer;
  SIZE_T BufferSize;
  DXGKARG_COLLECTDBGINFO_EXT* pExtension;
} DXGKARG_COLLECTDBGINFO;
typedef _In_ CONST DXGKARG_COLLECTDBGINFO* IN_CONST_PDXGKARG_COLLECTDBGINFO;

typedef _In_ CONST DXGK_INTERRUPT_TYPE IN_CONST_DXGK_INTERRUPT_TYPE;

typedef NTSTATUS APIENTRY DXGKDDI_SUBMITCOMMAND(IN_CONST_HANDLE hAdapter,
                                                IN_CONST_PDXGKARG_SUBMITCOMMAND pSubmitCommand);
typedef NTSTATUS APIENTRY DXGKDDI_SUBMITCOMMANDVIRTUAL(IN_CONST_HANDLE hAdapter,
                                                       IN_CONST_PDXGKARG_SUBMITCOMMANDVIRTUAL pSubmitCommand);
typedef NTSTATUS APIENTRY DXGKDDI_PREEMPTCOMMAND(IN_CONST_HANDLE hAdapter,
                                                 IN_CONST_PDXGKARG_PREEMPTCOMMAND pPreemptCommand);
typedef NTSTATUS APIENTRY DXGKDDI_CANCELCOMMAND(IN_CONST_HANDLE hAdapter,
                                                IN_CONST_PDXGKARG_CANCELCOMMAND pCancelCommand);
typedef NTSTATUS APIENTRY DXGKDDI_PATCH(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_PATCH pPatch);
/// Of Render and RenderKm.
typedef NTSTATUS APIENTRY DXGKDDI_RENDER(IN_CONST_HANDLE hContext, INOUT_PDXGKARG_RENDER pRender);
typedef NTSTATUS APIENTRY DXGKDDI_QUERYCURRENTFENCE(IN_CONST_HANDLE hAdapter,
                                                    INOUT_PDXGKARG_QUERYCURRENTFENCE pCurrentFence);
typedef NTSTATUS APIENTRY CALLBACK DXGKDDI_RESETFROMTIMEOUT(IN_CONST_HANDLE hAdapter);
typedef NTSTATUS APIENTRY CALLBACK DXGKDDI_RESTARTFROMTIMEOUT(IN_CONST_HANDLE hAdapter);
typedef NTSTATUS APIENTRY DXGKDDI_RESETENGINE(IN_CONST_HANDLE hAdapter,
                                              INOUT_PDXGKARG_RESETENGINE pResetEngine);
typedef NTSTATUS APIENTRY DXGKDDI_QUERYENGINESTATUS(IN_CONST_HANDLE hAdapter,
                                                    INOUT_PDXGKARG_QUERYENGINESTATUS pQueryEngineStatus);
typedef NTSTATUS APIENTRY DXGKDDI_QUERYDEPENDENTENGINEGROUP(
    IN_CONST_HANDLE hAdapter, INOUT_DXGKARG_QUERYDEPENDENTENGINEGROUP pQueryDependentEngineGroup);
typedef NTSTATUS APIENTRY DXGKDDI_COLLECTDBGINFO(IN_CONST_HANDLE hAdapter,
                                                 IN_CONST_PDXGKARG_COLLECTDBGINFO pCollectDbgInfo);
typedef NTSTATUS APIENTRY DXGKDDI_CONTROLINTERRUPT(IN_CONST_HANDLE hAdapter,
                                                   IN_CONST_DXGK_INTERRUPT_TYPE InterruptType,
                                                   IN_BOOLEAN EnableInterrupt);

typedef DXGKDDI_SUBMITCOMMAND* PDXGKDDI_SUBMITCOMMAND;
typedef DXGKDDI_SUBMITCOMMANDVIRTUAL* PDXGKDDI_SUBMITCOMMANDVIRTUAL;
typedef DXGKDDI_PREEMPTCOMMAND* PDXGKDDI_PREEMPTCOMMAND;
typedef DXGKDDI_CANCELCOMMAND* PDXGKDDI_CANCELCOMMAND;
typedef DXGKDDI_PATCH* PDXGKDDI_PATCH;
typedef DXGKDDI_RENDER* PDXGKDDI_RENDER;
typedef DXGKDDI_QUERYCURRENTFENCE* PDXGKDDI_QUERYCURRENTFENCE;
typedef DXGKDDI_RESETFROMTIMEOUT* PDXGKDDI_RESETFROMTIMEOUT;
typedef DXGKDDI_RESTARTFROMTIMEOUT* PDXGKDDI_RESTARTFROMTIMEOUT;
typedef DXGKDDI_RESETENGINE* PDXGKDDI_RESETENGINE;
typedef DXGKDDI_QUERYENGINESTATUS* PDXGKDDI_QUERYENGINESTATUS;
typedef DXGKDDI_QUERYDEPENDENTENGINEGROUP* PDXGKDDI_QUERYDEPENDENTENGINEGROUP;
typedef DXGKDDI_COLLECTDBGINFO* PDXGKDDI_COLLECTDBGINFO;
typedef DXGKDDI_CONTROLINTERRUPT* PDXGKDDI_CONTROLINTERRUPT;
