// SPDX-License-Identifier: Apache-2.0
// Part of dispmprt.h: entry points of a miniport and how it registers them.
#pragma once

#include "dispmprt.h"
#include "dispmprt_interface.h"

/// An entry point of a part that this kit does not declare: takes any function.
#ifdef __cplusplus
struct DXGKDDI_UNTYPED {
  PVOID Address;
  DXGKDDI_UNTYPED& operator=(PVOID NewAddress) {
    Address = NewAddress;
    return *this;
  }
  template <typename Result, typename... Arguments>
  DXGKDDI_UNTYPED& operator=(Result (*Function)(Arguments...)) {
    Address = reinterpret_cast<PVOID>(Function);
    return *this;
  }
  operator PVOID() const { return Address; }
};
#else
typedef PVOID DXGKDDI_UNTYPED;
#endif

EXTERN_C_START

// ---- Entry points
// --------------------------------------------------------------------------------------------------

#define MP IN_CONST_PVOID MiniportDeviceContext
typedef NTSTATUS DXGKDDI_ADD_DEVICE(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject,
                                    OUT_PPVOID MiniportDeviceContext);
typedef NTSTATUS DXGKDDI_START_DEVICE(MP, IN_PDXGK_START_INFO DxgkStartInfo,
                                      IN_PDXGKRNL_INTERFACE DxgkInterface,
                                      OUT_PULONG NumberOfVideoPresentSources, OUT_PULONG NumberOfChildren);
typedef NTSTATUS DXGKDDI_STOP_DEVICE(MP);
typedef NTSTATUS DXGKDDI_REMOVE_DEVICE(MP);
typedef NTSTATUS DXGKDDI_DISPATCH_IO_REQUEST(MP, IN_ULONG VidPnSourceId,
                                             IN_PVIDEO_REQUEST_PACKET VideoRequestPacket);
typedef NTSTATUS DXGKDDI_QUERY_CHILD_RELATIONS(MP, PDXGK_CHILD_DESCRIPTOR ChildRelations,
                                               ULONG ChildRelationsSize);
typedef NTSTATUS DXGKDDI_QUERY_CHILD_STATUS(MP, INOUT_PDXGK_CHILD_STATUS ChildStatus,
                                            IN_BOOLEAN NonDestructiveOnly);
typedef NTSTATUS DXGKDDI_QUERY_DEVICE_DESCRIPTOR(MP, IN_ULONG ChildUid,
                                                 INOUT_PDXGK_DEVICE_DESCRIPTOR DeviceDescriptor);
typedef NTSTATUS DXGKDDI_SET_POWER_STATE(MP, IN_ULONG DeviceUid, IN_DEVICE_POWER_STATE DevicePowerState,
                                         IN_POWER_ACTION ActionType);
typedef NTSTATUS DXGKDDI_NOTIFY_ACPI_EVENT(MP, IN_DXGK_EVENT_TYPE EventType, IN_ULONG Event,
                                           IN_PVOID Argument, OUT_PULONG AcpiFlags);
/// At the device's interrupt level; may call only DxgkCbNotifyInterrupt and DxgkCbQueueDpc.
typedef BOOLEAN DXGKDDI_INTERRUPT_ROUTINE(MP, IN_ULONG MessageNumber);
/// At DISPATCH_LEVEL.
typedef VOID DXGKDDI_DPC_ROUTINE(MP);
typedef VOID DXGKDDI_RESET_DEVICE(MP);
typedef VOID DXGKDDI_UNLOAD(VOID);
typedef NTSTATUS DXGKDDI_QUERY_INTERFACE(MP, IN_PQUERY_INTERFACE QueryInterface);
typedef VOID DXGKDDI_CONTROL_ETW_LOGGING(IN_BOOLEAN Enable, IN_ULONG Flags, IN_UCHAR Level);
/// Called for each device right after its AddDevice.
typedef NTSTATUS DXGKDDI_LINK_DEVICE(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject,
                                     IN_CONST_PVOID MiniportDeviceContext, INOUT_PLINKED_DEVICE LinkedDevice);
#undef MP
typedef NTSTATUS DXGKDDI_EXCHANGEPRESTARTINFO(IN_CONST_HANDLE hAdapter,
                                              IN_OUT_PDXGK_PRE_START_INFO pPreStartInfo);
typedef NTSTATUS DXGKDDI_STOP_DEVICE_AND_RELEASE_POST_DISPLAY_OWNERSHIP(
    PVOID MiniportDeviceContext, D3DDDI_VIDEO_PRESENT_TARGET_ID TargetId,
    PDXGK_DISPLAY_INFORMATION DisplayInfo);
typedef NTSTATUS DXGKDDI_NOTIFY_SURPRISE_REMOVAL(PVOID MiniportDeviceContext,
                                                 DXGK_SURPRISE_REMOVAL_TYPE RemovalType);
typedef NTSTATUS DXGKDDI_GET_CHILD_CONTAINER_ID(PVOID MiniportDeviceContext, ULONG ChildUid,
                                                PDXGK_CHILD_CONTAINER_ID ContainerId);
/// Any IRQL: the system may be going down.
typedef NTSTATUS DXGKDDI_SYSTEM_DISPLAY_ENABLE(PVOID MiniportDeviceContext,
                                               D3DDDI_VIDEO_PRESENT_TARGET_ID TargetId,
                                               PDXGKARG_SYSTEM_DISPLAY_ENABLE_FLAGS Flags, UINT* Width,
                                               UINT* Height, D3DDDIFORMAT* ColorFormat);
typedef VOID DXGKDDI_SYSTEM_DISPLAY_WRITE(PVOID MiniportDeviceContext, PVOID Source, UINT SourceWidth,
                                          UINT SourceHeight, UINT SourceStride, UINT PositionX,
                                          UINT PositionY);
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6)
typedef NTSTATUS APIENTRY
DXGKDDI_COLLECTDIAGNOSTICINFO(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject,
                              INOUT_PDXGKARG_COLLECTDIAGNOSTICINFO pCollectDiagnosticInfo);
typedef DXGKDDI_COLLECTDIAGNOSTICINFO* PDXGKDDI_COLLECTDIAGNOSTICINFO;
#endif
typedef NTSTATUS APIENTRY DXGKDDISETPOWERCOMPONENTFSTATE(IN_CONST_HANDLE DriverContext, UINT ComponentIndex,
                                                         UINT FState);
typedef NTSTATUS APIENTRY DXGKDDISETPOWERPSTATE(IN_CONST_HANDLE DriverContext, UINT ComponentIndex,
                                                UINT RequestedComponentPState);
typedef NTSTATUS APIENTRY DXGKDDIPOWERRUNTIMECONTROLREQUEST(IN_CONST_HANDLE DriverContext,
                                                            LPCGUID PowerControlCode, PVOID InBuffer,
                                                            SIZE_T InBufferSize, PVOID OutBuffer,
                                                            SIZE_T OutBufferSize, PSIZE_T BytesReturned);
typedef DXGKDDISETPOWERCOMPONENTFSTATE* PDXGKDDISETPOWERCOMPONENTFSTATE;
typedef DXGKDDISETPOWERPSTATE* PDXGKDDISETPOWERPSTATE;
typedef DXGKDDIPOWERRUNTIMECONTROLREQUEST* PDXGKDDIPOWERRUNTIMECONTROLREQUEST;
typedef DXGKDDI_EXCHANGEPRESTARTINFO* PDXGKDDI_EXCHANGEPRESTARTINFO;
typedef DXGKDDI_STOP_DEVICE_AND_RELEASE_POST_DISPLAY_OWNERSHIP*
    PDXGKDDI_STOP_DEVICE_AND_RELEASE_POST_DISPLAY_OWNERSHIP;
typedef DXGKDDI_NOTIFY_SURPRISE_REMOVAL* PDXGKDDI_NOTIFY_SURPRISE_REMOVAL;
typedef DXGKDDI_GET_CHILD_CONTAINER_ID* PDXGKDDI_GET_CHILD_CONTAINER_ID;
typedef DXGKDDI_SYSTEM_DISPLAY_ENABLE* PDXGKDDI_SYSTEM_DISPLAY_ENABLE;
typedef DXGKDDI_SYSTEM_DISPLAY_WRITE* PDXGKDDI_SYSTEM_DISPLAY_WRITE;

typedef DXGKDDI_ADD_DEVICE* PDXGKDDI_ADD_DEVICE;
typedef DXGKDDI_START_DEVICE* PDXGKDDI_START_DEVICE;
typedef DXGKDDI_STOP_DEVICE* PDXGKDDI_STOP_DEVICE;
typedef DXGKDDI_REMOVE_DEVICE* PDXGKDDI_REMOVE_DEVICE;
typedef DXGKDDI_DISPATCH_IO_REQUEST* PDXGKDDI_DISPATCH_IO_REQUEST;
typedef DXGKDDI_QUERY_CHILD_RELATIONS* PDXGKDDI_QUERY_CHILD_RELATIONS;
typedef DXGKDDI_QUERY_CHILD_STATUS* PDXGKDDI_QUERY_CHILD_STATUS;
typedef DXGKDDI_QUERY_DEVICE_DESCRIPTOR* PDXGKDDI_QUERY_DEVICE_DESCRIPTOR;
typedef DXGKDDI_SET_POWER_STATE* PDXGKDDI_SET_POWER_STATE;
typedef DXGKDDI_NOTIFY_ACPI_EVENT* PDXGKDDI_NOTIFY_ACPI_EVENT;
typedef DXGKDDI_INTERRUPT_ROUTINE* PDXGKDDI_INTERRUPT_ROUTINE;
typedef DXGKDDI_DPC_ROUTINE* PDXGKDDI_DPC_ROUTINE;
typedef DXGKDDI_RESET_DEVICE* PDXGKDDI_RESET_DEVICE;
typedef DXGKDDI_UNLOAD* PDXGKDDI_UNLOAD;
typedef DXGKDDI_QUERY_INTERFACE* PDXGKDDI_QUERY_INTERFACE;
typedef DXGKDDI_CONTROL_ETW_LOGGING* PDXGKDDI_CONTROL_ETW_LOGGING;
typedef DXGKDDI_LINK_DEVICE* PDXGKDDI_LINK_DEVICE;

// ---- Initialisation
// ------------------------------------------------------------------------------------------------

/// Version holds DXGKDDI_INTERFACE_VERSION; entries that the driver lacks stay NULL. Entry points of parts
/// this kit does not declare are untyped.
typedef struct _DRIVER_INITIALIZATION_DATA {
  // Vista
  ULONG Version;
  PDXGKDDI_ADD_DEVICE DxgkDdiAddDevice;
  PDXGKDDI_START_DEVICE DxgkDdiStartDevice;
  PDXGKDDI_STOP_DEVICE DxgkDdiStopDevice;
  PDXGKDDI_REMOVE_DEVICE DxgkDdiRemoveDevice;
  PDXGKDDI_DISPATCH_IO_REQUEST DxgkDdiDispatchIoRequest;
  PDXGKDDI_INTERRUPT_ROUTINE DxgkDdiInterruptRoutine;
  PDXGKDDI_DPC_ROUTINE DxgkDdiDpcRoutine;
  PDXGKDDI_QUERY_CHILD_RELATIONS DxgkDdiQueryChildRelations;
  PDXGKDDI_QUERY_CHILD_STATUS DxgkDdiQueryChildStatus;
  PDXGKDDI_QUERY_DEVICE_DESCRIPTOR DxgkDdiQueryDeviceDescriptor;
  PDXGKDDI_SET_POWER_STATE DxgkDdiSetPowerState;
  PDXGKDDI_NOTIFY_ACPI_EVENT DxgkDdiNotifyAcpiEvent;
  PDXGKDDI_RESET_DEVICE DxgkDdiResetDevice;
  PDXGKDDI_UNLOAD DxgkDdiUnload;
  PDXGKDDI_QUERY_INTERFACE DxgkDdiQueryInterface;
  PDXGKDDI_CONTROL_ETW_LOGGING DxgkDdiControlEtwLogging;
  PDXGKDDI_QUERYADAPTERINFO DxgkDdiQueryAdapterInfo;
  PDXGKDDI_CREATEDEVICE DxgkDdiCreateDevice;
  PDXGKDDI_CREATEALLOCATION DxgkDdiCreateAllocation;
  PDXGKDDI_DESTROYALLOCATION DxgkDdiDestroyAllocation;
  PDXGKDDI_DESCRIBEALLOCATION DxgkDdiDescribeAllocation;
  DXGKDDI_UNTYPED DxgkDdiGetStandardAllocationDriverData;
  DXGKDDI_UNTYPED DxgkDdiAcquireSwizzlingRange;
  DXGKDDI_UNTYPED DxgkDdiReleaseSwizzlingRange;
  PDXGKDDI_PATCH DxgkDdiPatch;
  PDXGKDDI_SUBMITCOMMAND DxgkDdiSubmitCommand;
  PDXGKDDI_PREEMPTCOMMAND DxgkDdiPreemptCommand;
  PDXGKDDI_BUILDPAGINGBUFFER DxgkDdiBuildPagingBuffer;
  DXGKDDI_UNTYPED DxgkDdiSetPalette;
  DXGKDDI_UNTYPED DxgkDdiSetPointerPosition;
  DXGKDDI_UNTYPED DxgkDdiSetPointerShape;
  PDXGKDDI_RESETFROMTIMEOUT DxgkDdiResetFromTimeout;
  PDXGKDDI_RESTARTFROMTIMEOUT DxgkDdiRestartFromTimeout;
  PDXGKDDI_ESCAPE DxgkDdiEscape;
  PDXGKDDI_COLLECTDBGINFO DxgkDdiCollectDbgInfo;
  PDXGKDDI_QUERYCURRENTFENCE DxgkDdiQueryCurrentFence;
  DXGKDDI_UNTYPED DxgkDdiIsSupportedVidPn;
  DXGKDDI_UNTYPED DxgkDdiRecommendFunctionalVidPn;
  DXGKDDI_UNTYPED DxgkDdiEnumVidPnCofuncModality;
  DXGKDDI_UNTYPED DxgkDdiSetVidPnSourceAddress;
  DXGKDDI_UNTYPED DxgkDdiSetVidPnSourceVisibility;
  DXGKDDI_UNTYPED DxgkDdiCommitVidPn;
  DXGKDDI_UNTYPED DxgkDdiUpdateActiveVidPnPresentPath;
  DXGKDDI_UNTYPED DxgkDdiRecommendMonitorModes;
  DXGKDDI_UNTYPED DxgkDdiRecommendVidPnTopology;
  DXGKDDI_UNTYPED DxgkDdiGetScanLine;
  DXGKDDI_UNTYPED DxgkDdiStopCapture;
  PDXGKDDI_CONTROLINTERRUPT DxgkDdiControlInterrupt;
  DXGKDDI_UNTYPED DxgkDdiCreateOverlay;
  PDXGKDDI_DESTROYDEVICE DxgkDdiDestroyDevice;
  PDXGKDDI_OPENALLOCATIONINFO DxgkDdiOpenAllocation;
  PDXGKDDI_CLOSEALLOCATION DxgkDdiCloseAllocation;
  PDXGKDDI_RENDER DxgkDdiRender;
  DXGKDDI_UNTYPED DxgkDdiPresent;
  DXGKDDI_UNTYPED DxgkDdiUpdateOverlay;
  DXGKDDI_UNTYPED DxgkDdiFlipOverlay;
  DXGKDDI_UNTYPED DxgkDdiDestroyOverlay;
  PDXGKDDI_CREATECONTEXT DxgkDdiCreateContext;
  PDXGKDDI_DESTROYCONTEXT DxgkDdiDestroyContext;
  PDXGKDDI_LINK_DEVICE DxgkDdiLinkDevice;
  DXGKDDI_UNTYPED DxgkDdiSetDisplayPrivateDriverFormat;
  // WIN7
  PVOID DxgkDdiDescribePageTable;
  PVOID DxgkDdiUpdatePageTable;
  PVOID DxgkDdiUpdatePageDirectory;
  PVOID DxgkDdiMovePageDirectory;
  PVOID DxgkDdiSubmitRender;
  PVOID DxgkDdiCreateAllocation2;
  PDXGKDDI_RENDER DxgkDdiRenderKm;
  PVOID Reserved;
  DXGKDDI_UNTYPED DxgkDdiQueryVidPnHWCapability;
  // WIN8
  PDXGKDDISETPOWERCOMPONENTFSTATE DxgkDdiSetPowerComponentFState;
  PDXGKDDI_QUERYDEPENDENTENGINEGROUP DxgkDdiQueryDependentEngineGroup;
  PDXGKDDI_QUERYENGINESTATUS DxgkDdiQueryEngineStatus;
  PDXGKDDI_RESETENGINE DxgkDdiResetEngine;
  PDXGKDDI_STOP_DEVICE_AND_RELEASE_POST_DISPLAY_OWNERSHIP DxgkDdiStopDeviceAndReleasePostDisplayOwnership;
  PDXGKDDI_SYSTEM_DISPLAY_ENABLE DxgkDdiSystemDisplayEnable;
  PDXGKDDI_SYSTEM_DISPLAY_WRITE DxgkDdiSystemDisplayWrite;
  PDXGKDDI_CANCELCOMMAND DxgkDdiCancelCommand;
  PDXGKDDI_GET_CHILD_CONTAINER_ID DxgkDdiGetChildContainerId;
  PDXGKDDIPOWERRUNTIMECONTROLREQUEST DxgkDdiPowerRuntimeControlRequest;
  DXGKDDI_UNTYPED DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay;
  PDXGKDDI_NOTIFY_SURPRISE_REMOVAL DxgkDdiNotifySurpriseRemoval;
  // WDDM1_3
  PDXGKDDI_GETNODEMETADATA DxgkDdiGetNodeMetadata;
  PDXGKDDISETPOWERPSTATE DxgkDdiSetPowerPState;
  DXGKDDI_UNTYPED DxgkDdiControlInterrupt2;
  DXGKDDI_UNTYPED DxgkDdiCheckMultiPlaneOverlaySupport;
  DXGKDDI_UNTYPED DxgkDdiCalibrateGpuClock;
  DXGKDDI_UNTYPED DxgkDdiFormatHistoryBuffer;
  // WDDM2_0
  DXGKDDI_UNTYPED DxgkDdiRenderGdi;
  PDXGKDDI_SUBMITCOMMANDVIRTUAL DxgkDdiSubmitCommandVirtual;
  DXGKDDI_UNTYPED DxgkDdiSetRootPageTable;
  DXGKDDI_UNTYPED DxgkDdiGetRootPageTableSize;
  DXGKDDI_UNTYPED DxgkDdiMapCpuHostAperture;
  DXGKDDI_UNTYPED DxgkDdiUnmapCpuHostAperture;
  DXGKDDI_UNTYPED DxgkDdiCheckMultiPlaneOverlaySupport2;
  DXGKDDI_UNTYPED DxgkDdiCreateProcess;
  DXGKDDI_UNTYPED DxgkDdiDestroyProcess;
  DXGKDDI_UNTYPED DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay2;
  PVOID Reserved1;
  PVOID Reserved2;
  DXGKDDI_UNTYPED DxgkDdiPowerRuntimeSetDeviceHandle;
  DXGKDDI_UNTYPED DxgkDdiSetStablePowerState;
  DXGKDDI_UNTYPED DxgkDdiSetVideoProtectedRegion;
  // WDDM2_1
  DXGKDDI_UNTYPED DxgkDdiCheckMultiPlaneOverlaySupport3;
  DXGKDDI_UNTYPED DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay3;
  DXGKDDI_UNTYPED DxgkDdiPostMultiPlaneOverlayPresent;
  DXGKDDI_UNTYPED DxgkDdiValidateUpdateAllocationProperty;
  DXGKDDI_UNTYPED DxgkDdiControlModeBehavior;
  DXGKDDI_UNTYPED DxgkDdiUpdateMonitorLinkInfo;
  // WDDM2_2
  DXGKDDI_UNTYPED DxgkDdiCreateHwContext;
  DXGKDDI_UNTYPED DxgkDdiDestroyHwContext;
  DXGKDDI_UNTYPED DxgkDdiCreateHwQueue;
  DXGKDDI_UNTYPED DxgkDdiDestroyHwQueue;
  DXGKDDI_UNTYPED DxgkDdiSubmitCommandToHwQueue;
  DXGKDDI_UNTYPED DxgkDdiSwitchToHwContextList;
  DXGKDDI_UNTYPED DxgkDdiResetHwEngine;
  DXGKDDI_UNTYPED DxgkDdiCreatePeriodicFrameNotification;
  DXGKDDI_UNTYPED DxgkDdiDestroyPeriodicFrameNotification;
  DXGKDDI_UNTYPED DxgkDdiSetTimingsFromVidPn;
  DXGKDDI_UNTYPED DxgkDdiSetTargetGamma;
  DXGKDDI_UNTYPED DxgkDdiSetTargetContentType;
  DXGKDDI_UNTYPED DxgkDdiSetTargetAnalogCopyProtection;
  DXGKDDI_UNTYPED DxgkDdiSetTargetAdjustedColorimetry;
  DXGKDDI_UNTYPED DxgkDdiDisplayDetectControl;
  DXGKDDI_UNTYPED DxgkDdiQueryConnectionChange;
  PDXGKDDI_EXCHANGEPRESTARTINFO DxgkDdiExchangePreStartInfo;
  DXGKDDI_UNTYPED DxgkDdiGetMultiPlaneOverlayCaps;
  DXGKDDI_UNTYPED DxgkDdiGetPostCompositionCaps;
  // WDDM2_3
  DXGKDDI_UNTYPED DxgkDdiUpdateHwContextState;
  DXGKDDI_UNTYPED DxgkDdiCreateProtectedSession;
  DXGKDDI_UNTYPED DxgkDdiDestroyProtectedSession;
  // WDDM2_4
  DXGKDDI_UNTYPED DxgkDdiSetSchedulingLogBuffer;
  DXGKDDI_UNTYPED DxgkDdiSetupPriorityBands;
  DXGKDDI_UNTYPED DxgkDdiNotifyFocusPresent;
  DXGKDDI_UNTYPED DxgkDdiSetContextSchedulingProperties;
  DXGKDDI_UNTYPED DxgkDdiSuspendContext;
  DXGKDDI_UNTYPED DxgkDdiResumeContext;
  DXGKDDI_UNTYPED DxgkDdiSetVirtualMachineData;
  PDXGKDDI_BEGINEXCLUSIVEACCESS DxgkDdiBeginExclusiveAccess;
  PDXGKDDI_ENDEXCLUSIVEACCESS DxgkDdiEndExclusiveAccess;
  DXGKDDI_UNTYPED DxgkDdiQueryDiagnosticTypesSupport;
  DXGKDDI_UNTYPED DxgkDdiControlDiagnosticReporting;
  DXGKDDI_UNTYPED DxgkDdiResumeHwEngine;
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_5)
  DXGKDDI_UNTYPED DxgkDdiSignalMonitoredFence;
  DXGKDDI_UNTYPED DxgkDdiPresentToHwQueue;
  DXGKDDI_UNTYPED DxgkDdiValidateSubmitCommand;
  DXGKDDI_UNTYPED DxgkDdiSetTargetAdjustedColorimetry2;
  DXGKDDI_UNTYPED DxgkDdiSetTrackedWorkloadPowerLevel;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6)
  DXGKDDI_UNTYPED DxgkDdiSaveMemoryForHotUpdate;
  DXGKDDI_UNTYPED DxgkDdiRestoreMemoryForHotUpdate;
  PDXGKDDI_COLLECTDIAGNOSTICINFO DxgkDdiCollectDiagnosticInfo;
  PVOID Reserved3;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_7)
  DXGKDDI_UNTYPED DxgkDdiControlInterrupt3;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9)
  DXGKDDI_UNTYPED DxgkDdiSetFlipQueueLogBuffer;
  DXGKDDI_UNTYPED DxgkDdiUpdateFlipQueueLog;
  DXGKDDI_UNTYPED DxgkDdiCancelQueuedFlips;
  DXGKDDI_UNTYPED DxgkDdiSetInterruptTargetPresentId;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_0)
  DXGKDDI_UNTYPED DxgkDdiSetAllocationBackingStore;
  DXGKDDI_UNTYPED DxgkDdiCreateCpuEvent;
  DXGKDDI_UNTYPED DxgkDdiDestroyCpuEvent;
  DXGKDDI_UNTYPED DxgkDdiCancelFlips;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1)
  DXGKDDI_UNTYPED DxgkDdiCreateNativeFence;
  DXGKDDI_UNTYPED DxgkDdiDestroyNativeFence;
  DXGKDDI_UNTYPED DxgkDdiUpdateMonitoredValues;
  DXGKDDI_UNTYPED DxgkDdiNotifyCurrentValueUpdates;
  DXGKDDI_UNTYPED DxgkDdiCreateDoorbell;
  DXGKDDI_UNTYPED DxgkDdiConnectDoorbell;
  DXGKDDI_UNTYPED DxgkDdiDisconnectDoorbell;
  DXGKDDI_UNTYPED DxgkDdiDestroyDoorbell;
  DXGKDDI_UNTYPED DxgkDdiNotifyWorkSubmission;
  DXGKDDI_UNTYPED DxgkDdiFlushHwQueue;
#endif
} DRIVER_INITIALIZATION_DATA, *PDRIVER_INITIALIZATION_DATA;

/// The table of a driver that only displays.
typedef struct _KMDDOD_INITIALIZATION_DATA {
  ULONG Version;
  PDXGKDDI_ADD_DEVICE DxgkDdiAddDevice;
  PDXGKDDI_START_DEVICE DxgkDdiStartDevice;
  PDXGKDDI_STOP_DEVICE DxgkDdiStopDevice;
  PDXGKDDI_REMOVE_DEVICE DxgkDdiRemoveDevice;
  PDXGKDDI_DISPATCH_IO_REQUEST DxgkDdiDispatchIoRequest;
  PDXGKDDI_INTERRUPT_ROUTINE DxgkDdiInterruptRoutine;
  PDXGKDDI_DPC_ROUTINE DxgkDdiDpcRoutine;
  PDXGKDDI_QUERY_CHILD_RELATIONS DxgkDdiQueryChildRelations;
  PDXGKDDI_QUERY_CHILD_STATUS DxgkDdiQueryChildStatus;
  PDXGKDDI_QUERY_DEVICE_DESCRIPTOR DxgkDdiQueryDeviceDescriptor;
  PDXGKDDI_SET_POWER_STATE DxgkDdiSetPowerState;
  PDXGKDDI_NOTIFY_ACPI_EVENT DxgkDdiNotifyAcpiEvent;
  PDXGKDDI_RESET_DEVICE DxgkDdiResetDevice;
  PDXGKDDI_UNLOAD DxgkDdiUnload;
  PDXGKDDI_QUERY_INTERFACE DxgkDdiQueryInterface;
  PDXGKDDI_CONTROL_ETW_LOGGING DxgkDdiControlEtwLogging;
  PDXGKDDI_QUERYADAPTERINFO DxgkDdiQueryAdapterInfo;
  DXGKDDI_UNTYPED DxgkDdiSetPalette;
  DXGKDDI_UNTYPED DxgkDdiSetPointerPosition;
  DXGKDDI_UNTYPED DxgkDdiSetPointerShape;
  PDXGKDDI_ESCAPE DxgkDdiEscape;
  PDXGKDDI_COLLECTDBGINFO DxgkDdiCollectDbgInfo;
  DXGKDDI_UNTYPED DxgkDdiIsSupportedVidPn;
  DXGKDDI_UNTYPED DxgkDdiRecommendFunctionalVidPn;
  DXGKDDI_UNTYPED DxgkDdiEnumVidPnCofuncModality;
  DXGKDDI_UNTYPED DxgkDdiSetVidPnSourceVisibility;
  DXGKDDI_UNTYPED DxgkDdiCommitVidPn;
  DXGKDDI_UNTYPED DxgkDdiUpdateActiveVidPnPresentPath;
  DXGKDDI_UNTYPED DxgkDdiRecommendMonitorModes;
  DXGKDDI_UNTYPED DxgkDdiGetScanLine;
  DXGKDDI_UNTYPED DxgkDdiQueryVidPnHWCapability;
  DXGKDDI_UNTYPED DxgkDdiPresentDisplayOnly;
  PDXGKDDI_STOP_DEVICE_AND_RELEASE_POST_DISPLAY_OWNERSHIP DxgkDdiStopDeviceAndReleasePostDisplayOwnership;
  PDXGKDDI_SYSTEM_DISPLAY_ENABLE DxgkDdiSystemDisplayEnable;
  PDXGKDDI_SYSTEM_DISPLAY_WRITE DxgkDdiSystemDisplayWrite;
  PDXGKDDI_GET_CHILD_CONTAINER_ID DxgkDdiGetChildContainerId;
  PDXGKDDI_CONTROLINTERRUPT DxgkDdiControlInterrupt;
  PDXGKDDISETPOWERCOMPONENTFSTATE DxgkDdiSetPowerComponentFState;
  PDXGKDDIPOWERRUNTIMECONTROLREQUEST DxgkDdiPowerRuntimeControlRequest;
  PDXGKDDI_NOTIFY_SURPRISE_REMOVAL DxgkDdiNotifySurpriseRemoval;
  DXGKDDI_UNTYPED DxgkDdiPowerRuntimeSetDeviceHandle;
} KMDDOD_INITIALIZATION_DATA, *PKMDDOD_INITIALIZATION_DATA;

NTSTATUS DxgkInitialize(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                        PDRIVER_INITIALIZATION_DATA DriverInitializationData);
NTSTATUS DxgkInitializeDisplayOnlyDriver(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                                         PKMDDOD_INITIALIZATION_DATA KmdDodInitializationData);
NTSTATUS DxgkUnInitialize(PDRIVER_OBJECT DriverObject);

EXTERN_C_END
