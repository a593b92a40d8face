// SPDX-License-Identifier: Apache-2.0
// Part of d3dkmddi.h: what passes between a running adapter and dxgkrnl: interrupts, escapes, exclusive
// access.
#pragma once

#include "d3dkmddi.h"

// ---- Interrupt notification
// ----------------------------------------------------------------------------------------

typedef enum _DXGK_INTERRUPT_TYPE {
  DXGK_INTERRUPT_DMA_COMPLETED = 1,
  DXGK_INTERRUPT_DMA_PREEMPTED = 2,
  DXGK_INTERRUPT_CRTC_VSYNC = 3,
  DXGK_INTERRUPT_DMA_FAULTED = 4,
  DXGK_INTERRUPT_DISPLAYONLY_VSYNC = 5,
  DXGK_INTERRUPT_DISPLAYONLY_PRESENT_PROGRESS = 6,
  DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY = 7,
  DXGK_INTERRUPT_MICACAST_CHUNK_PROCESSING_COMPLETE = 8,
  DXGK_INTERRUPT_DMA_PAGE_FAULTED = 9,
  DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY2 = 10,
  DXGK_INTERRUPT_MONITORED_FENCE_SIGNALED = 11,
  DXGK_INTERRUPT_HWQUEUE_PAGE_FAULTED = 12,
  DXGK_INTERRUPT_HWCONTEXTLIST_SWITCH_COMPLETED = 13,
  DXGK_INTERRUPT_PERIODIC_MONITORED_FENCE_SIGNALED = 14,
  DXGK_INTERRUPT_SCHEDULING_LOG_INTERRUPT = 15,
  DXGK_INTERRUPT_GPU_ENGINE_TIMEOUT = 16,
  DXGK_INTERRUPT_SUSPEND_CONTEXT_COMPLETED = 17,
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9)
  DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY3 = 18,
#endif
} DXGK_INTERRUPT_TYPE;

typedef enum _DXGK_RENDER_PIPELINE_STAGE {
  DXGK_RENDER_PIPELINE_STAGE_UNKNOWN = 0
} DXGK_RENDER_PIPELINE_STAGE;

typedef enum _DXGK_PAGE_FAULT_FLAGS {
  DXGK_PAGE_FAULT_WRITE = 0x1,
  DXGK_PAGE_FAULT_FENCE_INVALID = 0x2,
  DXGK_PAGE_FAULT_ADAPTER_RESET_REQUIRED = 0x4,
  DXGK_PAGE_FAULT_ENGINE_RESET_REQUIRED = 0x8,
  DXGK_PAGE_FAULT_FATAL_HARDWARE_ERROR = 0x10,
  DXGK_PAGE_FAULT_IOMMU = 0x20,
  DXGK_PAGE_FAULT_HW_CONTEXT_VALID = 0x40,
  DXGK_PAGE_FAULT_PROCESS_HANDLE_VALID = 0x80,
} DXGK_PAGE_FAULT_FLAGS;

typedef struct _DXGK_FAULT_ERROR_CODE {
  union {
    struct {
      UINT IsDeviceSpecificCode : 1;
      UINT GeneralErrorCode : 31;
    };
    struct {
      UINT IsDeviceSpecificCodeReserved : 1;
      UINT DeviceSpecificCode : 31;
    };
  };
} DXGK_FAULT_ERROR_CODE;

typedef struct _DXGKCB_NOTIFY_INTERRUPT_DATA_FLAGS {
  union {
    struct {
      UINT ValidPhysicalAdapterMask : 1;
      UINT HsyncFlipCompletion : 1;
      UINT Reserved : 30;
    };
    UINT Value;
  };
} DXGKCB_NOTIFY_INTERRUPT_DATA_FLAGS;

typedef enum _DXGK_PRESENT_DISPLAYONLY_PROGRESS_ID {
  DXGK_PRESENT_DISPLAYONLY_PROGRESS_ID_UNINITIALIZED = 0,
  DXGK_PRESENT_DISPLAYONLY_PROGRESS_ID_COMPLETE = 1,
  DXGK_PRESENT_DISPLAYONLY_PROGRESS_ID_FAILED = 2
} DXGK_PRESENT_DISPLAYONLY_PROGRESS_ID;

typedef struct _DXGKARGCB_PRESENT_DISPLAYONLY_PROGRESS {
  D3DDDI_VIDEO_PRESENT_SOURCE_ID VidPnSourceId;
  DXGK_PRESENT_DISPLAYONLY_PROGRESS_ID ProgressId;
} DXGKARGCB_PRESENT_DISPLAYONLY_PROGRESS;

// Passed on by pointer only.
typedef struct _DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO;
typedef struct _DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO2 DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO2;
typedef struct _DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO3 DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO3;

typedef struct _DXGKARGCB_NOTIFY_INTERRUPT_DATA {
  DXGK_INTERRUPT_TYPE InterruptType;
  union {
    struct {
      UINT SubmissionFenceId;
      UINT NodeOrdinal;
      UINT EngineOrdinal;
    } DmaCompleted;
    struct {
      UINT PreemptionFenceId;
      UINT LastCompletedFenceId;
      UINT NodeOrdinal;
      UINT EngineOrdinal;
    } DmaPreempted;
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
      PHYSICAL_ADDRESS PhysicalAddress;
      UINT PhysicalAdapterMask;
    } CrtcVsync;
    struct {
      UINT FaultedFenceId;
      NTSTATUS Status;
      UINT NodeOrdinal;
      UINT EngineOrdinal;
    } DmaFaulted;
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
    } DisplayOnlyVsync;
    DXGKARGCB_PRESENT_DISPLAYONLY_PROGRESS DisplayOnlyPresentProgress;
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
      UINT PhysicalAdapterMask;
      UINT MultiPlaneOverlayVsyncInfoCount;
      DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO* pMultiPlaneOverlayVsyncInfo;
    } CrtcVsyncWithMultiPlaneOverlay;
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
      DXGK_MIRACAST_CHUNK_INFO ChunkInfo;
      PVOID pPrivateDriverData;
      UINT PrivateDataDriverSize;
      NTSTATUS Status;
    } MiracastEncodeChunkCompleted;
    struct {
      UINT FaultedFenceId;
      UINT64 FaultedPrimitiveAPISequenceNumber;
      DXGK_RENDER_PIPELINE_STAGE FaultedPipelineStage;
      UINT FaultedBindTableEntry;
      DXGK_PAGE_FAULT_FLAGS PageFaultFlags;
      D3DGPU_VIRTUAL_ADDRESS FaultedVirtualAddress;
      UINT NodeOrdinal;
      UINT EngineOrdinal;
      UINT PageTableLevel;
      DXGK_FAULT_ERROR_CODE FaultErrorCode;
      HANDLE FaultedProcessHandle;
    } DmaPageFaulted;
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
      UINT PhysicalAdapterMask;
      UINT MultiPlaneOverlayVsyncInfoCount;
      _Field_size_(MultiPlaneOverlayVsyncInfoCount)
          DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO2* pMultiPlaneOverlayVsyncInfo;
      ULONGLONG GpuFrequency;
      ULONGLONG GpuClockCounter;
    } CrtcVsyncWithMultiPlaneOverlay2;
    struct {
      UINT NodeOrdinal;
      UINT EngineOrdinal;
    } MonitoredFenceSignaled;
    struct {
      UINT NodeOrdinal;
      UINT EngineOrdinal;
      UINT64 ContextSwitchFence;
    } HwContextListSwitchCompleted;
    struct {
      UINT64 FaultedFenceId;
      D3DGPU_VIRTUAL_ADDRESS FaultedVirtualAddress;
      UINT64 FaultedPrimitiveAPISequenceNumber;
      union {
        HANDLE FaultedHwQueue;
        HANDLE FaultedHwContext;
        HANDLE FaultedProcessHandle;
      };
      UINT NodeOrdinal;
      UINT EngineOrdinal;
      DXGK_RENDER_PIPELINE_STAGE FaultedPipelineStage;
      UINT FaultedBindTableEntry;
      DXGK_PAGE_FAULT_FLAGS PageFaultFlags;
      UINT PageTableLevel;
      DXGK_FAULT_ERROR_CODE FaultErrorCode;
    } HwQueuePageFaulted;
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
      UINT NotificationID;
    } PeriodicMonitoredFenceSignaled;
    struct {
      UINT NodeOrdinal;
      UINT EngineOrdinal;
    } SchedulingLogInterrupt;
    struct {
      UINT NodeOrdinal;
      UINT EngineOrdinal;
    } GpuEngineTimeout;
    struct {
      HANDLE hContext;
      UINT64 ContextSuspendFence;
    } SuspendContextCompleted;
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9)
    struct {
      D3DDDI_VIDEO_PRESENT_TARGET_ID VidPnTargetId;
      UINT PhysicalAdapterMask;
      UINT MultiPlaneOverlayVsyncInfoCount;
      _Field_size_(MultiPlaneOverlayVsyncInfoCount)
          DXGK_MULTIPLANE_OVERLAY_VSYNC_INFO3* pMultiPlaneOverlayVsyncInfo;
      ULONGLONG GpuFrequency;
      ULONGLONG GpuClockCounter;
    } CrtcVsyncWithMultiPlaneOverlay3;
#endif
    struct {
      UINT Reserved[16];
    } Reserved;
  };
  DXGKCB_NOTIFY_INTERRUPT_DATA_FLAGS Flags;
} DXGKARGCB_NOTIFY_INTERRUPT_DATA;
// A non-const pointer despite its name.
typedef _In_ DXGKARGCB_NOTIFY_INTERRUPT_DATA* IN_CONST_PDXGKARGCB_NOTIFY_INTERRUPT_DATA;

typedef VOID(APIENTRY CALLBACK* DXGKCB_NOTIFY_INTERRUPT)(IN_CONST_HANDLE hAdapter,
                                                         IN_CONST_PDXGKARGCB_NOTIFY_INTERRUPT_DATA);
typedef VOID(APIENTRY CALLBACK* DXGKCB_NOTIFY_DPC)(IN_CONST_HANDLE hAdapter);

// ---- Escape
// --------------------------------------------------------------------------------------------------------

/// User mode's private channel to its kernel driver. Unverified: the page's field order is taken on trust, no
/// compiled layout of the kit was compared.
typedef struct _DXGKARG_ESCAPE {
  HANDLE hDevice;
  D3DDDI_ESCAPEFLAGS Flags;
  VOID* pPrivateDriverData;
  UINT PrivateDriverDataSize;
  HANDLE hContext;
  HANDLE hKmdProcessHandle;
} DXGKARG_ESCAPE;
typedef _In_ CONST DXGKARG_ESCAPE* IN_CONST_PDXGKARG_ESCAPE;

typedef NTSTATUS APIENTRY DXGKDDI_ESCAPE(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_ESCAPE pEscape);
typedef DXGKDDI_ESCAPE* PDXGKDDI_ESCAPE;

// ---- Exclusive access
// ----------------------------------------------------------------------------------------------

typedef struct _DXGKARG_BEGINEXCLUSIVEACCESS {
  UINT Reserved;
} DXGKARG_BEGINEXCLUSIVEACCESS;
typedef _In_ DXGKARG_BEGINEXCLUSIVEACCESS* IN_PDXGKARG_BEGINEXCLUSIVEACCESS;

typedef struct _DXGKARG_ENDEXCLUSIVEACCESS {
  UINT Reserved;
} DXGKARG_ENDEXCLUSIVEACCESS;
typedef _In_ DXGKARG_ENDEXCLUSIVEACCESS* IN_PDXGKARG_ENDEXCLUSIVEACCESS;

typedef NTSTATUS APIENTRY DXGKDDI_BEGINEXCLUSIVEACCESS(
    IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BEGINEXCLUSIVEACCESS pBeginExclusiveAccess);
typedef DXGKDDI_BEGINEXCLUSIVEACCESS* PDXGKDDI_BEGINEXCLUSIVEACCESS;
typedef NTSTATUS APIENTRY DXGKDDI_ENDEXCLUSIVEACCESS(IN_CONST_HANDLE hAdapter,
                                                     IN_PDXGKARG_ENDEXCLUSIVEACCESS pEndExclusiveAccess);
typedef DXGKDDI_ENDEXCLUSIVEACCESS* PDXGKDDI_ENDEXCLUSIVEACCESS;
