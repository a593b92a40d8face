// SPDX-License-Identifier: Apache-2.0
// The display port: entry points of a miniport, the callback table it receives, start information,
// initialisation.
#pragma once

#include "d3dkmddi.h"
#include "d3dkmdt.h"
#include "ntddk.h"

EXTERN_C_START

#define DISPLAY_ADAPTER_HW_ID 0xFFFFFFFF

typedef _In_ CONST PDEVICE_OBJECT IN_CONST_PDEVICE_OBJECT;
typedef _In_ DEVICE_POWER_STATE IN_DEVICE_POWER_STATE;
typedef _In_ POWER_ACTION IN_POWER_ACTION;

// ---- Start
// ---------------------------------------------------------------------------------------------------------

typedef struct _LINKED_DEVICE {
  ULONG ChainUid;
  ULONG NumberOfLinksInChain;
  BOOLEAN LeadLink;
} LINKED_DEVICE, *PLINKED_DEVICE;
typedef _Inout_ PLINKED_DEVICE INOUT_PLINKED_DEVICE;

typedef struct _DXGK_START_INFO {
  ULONG RequiredDmaQueueEntry;
  GUID AdapterGuid;
  LUID AdapterLuid;
} DXGK_START_INFO, *PDXGK_START_INFO;
typedef _In_ PDXGK_START_INFO IN_PDXGK_START_INFO;

typedef enum _DOCKING_STATE {
  DockStateUnsupported = 0,
  DockStateUnDocked,
  DockStateDocked,
  DockStateUnknown
} DOCKING_STATE;

typedef struct _DXGK_DEVICE_INFO {
  PVOID MiniportDeviceContext;
  PDEVICE_OBJECT PhysicalDeviceObject;
  UNICODE_STRING DeviceRegistryPath;
  PCM_RESOURCE_LIST TranslatedResourceList;
  LARGE_INTEGER SystemMemorySize;
  PHYSICAL_ADDRESS HighestPhysicalAddress;
  PHYSICAL_ADDRESS AgpApertureBase;
  SIZE_T AgpApertureSize;
  DOCKING_STATE DockingState;
} DXGK_DEVICE_INFO, *PDXGK_DEVICE_INFO;

typedef enum _DXGK_EVENT_TYPE {
  DxgkUndefinedEvent = 0,
  DxgkAcpiEvent,
  DxgkPowerStateEvent,
  DxgkDockingEvent,
  DxgkChainedAcpiEvent
} DXGK_EVENT_TYPE;
typedef _In_ DXGK_EVENT_TYPE IN_DXGK_EVENT_TYPE;

typedef enum _DXGK_SERVICES {
  DxgkServicesAgp = 0,
  DxgkServicesDebugReport,
  DxgkServicesTimedOperation,
  DxgkServicesSPB,
  DxgkServicesBDD,
  DxgkServicesFirmwareTable,
  DxgkServicesIDD
} DXGK_SERVICES;

#define DXGK_WHICHSPACE_CONFIG 0x0
#define DXGK_WHICHSPACE_ROM 0x52696350
#define DXGK_WHICHSPACE_MCH 0x80000000
#define DXGK_WHICHSPACE_BRIDGE 0x80000001

typedef struct _QUERY_INTERFACE {
  CONST GUID* InterfaceType;
  USHORT Size;
  USHORT Version;
  PINTERFACE Interface;
  PVOID InterfaceSpecificData;
  ULONG DeviceUid;
} QUERY_INTERFACE, *PQUERY_INTERFACE;
typedef _In_ PQUERY_INTERFACE IN_PQUERY_INTERFACE;

typedef struct _DXGK_PRE_START_INFO {
  union {
    UINT ReservedIn;
    UINT Input;
  };
  union {
    struct {
      UINT SupportPreserveBootDisplay : 1;
      UINT IsUEFIFrameBufferCpuAccessibleDuringStartup : 1;
      UINT ReservedOut : 30;
    };
    UINT Output;
  };
} DXGK_PRE_START_INFO, *PDXGK_PRE_START_INFO;
typedef _Inout_ PDXGK_PRE_START_INFO IN_OUT_PDXGK_PRE_START_INFO;

// ---- Children and display
// ------------------------------------------------------------------------------------------

typedef struct _DXGK_DISPLAY_INFORMATION {
  UINT Width;
  UINT Height;
  UINT Pitch;
  D3DDDIFORMAT ColorFormat;
  PHYSICAL_ADDRESS PhysicAddress;
  D3DDDI_VIDEO_PRESENT_TARGET_ID TargetId;
  ULONG AcpiId;
} DXGK_DISPLAY_INFORMATION, *PDXGK_DISPLAY_INFORMATION;

typedef enum _DXGK_CHILD_DEVICE_TYPE {
  TypeUninitialized = 0,
  TypeVideoOutput,
  TypeOther,
  TypeIntegratedDisplay
} DXGK_CHILD_DEVICE_TYPE;

typedef enum _DXGK_CHILD_DEVICE_HPD_AWARENESS {
  HpdAwarenessUninitialized = 0,
  HpdAwarenessAlwaysConnected = 1,
  HpdAwarenessNone = 2,
  HpdAwarenessPolled = 3,
  HpdAwarenessInterruptible = 4
} DXGK_CHILD_DEVICE_HPD_AWARENESS;

typedef struct _DXGK_VIDEO_OUTPUT_CAPABILITIES {
  D3DKMDT_VIDEO_OUTPUT_TECHNOLOGY InterfaceTechnology;
  D3DKMDT_MONITOR_ORIENTATION_AWARENESS MonitorOrientationAwareness;
  BOOLEAN SupportsSdtvModes;
} DXGK_VIDEO_OUTPUT_CAPABILITIES, *PDXGK_VIDEO_OUTPUT_CAPABILITIES;

typedef struct _DXGK_CHILD_CAPABILITIES {
  union {
    DXGK_VIDEO_OUTPUT_CAPABILITIES VideoOutput;
    struct {
      UINT MustBeZero;
    } Other;
  } Type;
  DXGK_CHILD_DEVICE_HPD_AWARENESS HpdAwareness;
} DXGK_CHILD_CAPABILITIES, *PDXGK_CHILD_CAPABILITIES;

typedef struct _DXGK_CHILD_DESCRIPTOR {
  DXGK_CHILD_DEVICE_TYPE ChildDeviceType;
  DXGK_CHILD_CAPABILITIES ChildCapabilities;
  ULONG AcpiUid;
  ULONG ChildUid;
} DXGK_CHILD_DESCRIPTOR, *PDXGK_CHILD_DESCRIPTOR;
typedef _Inout_ PDXGK_CHILD_DESCRIPTOR INOUT_PDXGK_CHILD_DESCRIPTOR;

typedef enum _DXGK_CHILD_STATUS_TYPE {
  StatusUninitialized = 0,
  StatusConnection,
  StatusRotation,
  StatusMiracastConnection
} DXGK_CHILD_STATUS_TYPE;

typedef struct _DXGK_CHILD_STATUS {
  DXGK_CHILD_STATUS_TYPE Type;
  ULONG ChildUid;
  union {
    struct {
      BOOLEAN Connected;
    } HotPlug;
    struct {
      UCHAR Angle;
    } Rotation;
    struct {
      BOOLEAN Connected;
      D3DKMDT_VIDEO_OUTPUT_TECHNOLOGY MiracastMonitorType;
    } Miracast;
  };
} DXGK_CHILD_STATUS, *PDXGK_CHILD_STATUS;
typedef _In_ PDXGK_CHILD_STATUS IN_PDXGK_CHILD_STATUS;
typedef _Inout_ PDXGK_CHILD_STATUS INOUT_PDXGK_CHILD_STATUS;

typedef struct _DXGK_DEVICE_DESCRIPTOR {
  ULONG DescriptorOffset;
  ULONG DescriptorLength;
  PVOID DescriptorBuffer;
} DXGK_DEVICE_DESCRIPTOR, *PDXGK_DEVICE_DESCRIPTOR;
typedef _Inout_ PDXGK_DEVICE_DESCRIPTOR INOUT_PDXGK_DEVICE_DESCRIPTOR;

typedef struct _DXGK_CHILD_CONTAINER_ID {
  GUID ContainerId;
  struct {
    ULONG64 PortId;
    USHORT ManufacturerName;
    USHORT ProductCode;
  } EldInfo;
} DXGK_CHILD_CONTAINER_ID, *PDXGK_CHILD_CONTAINER_ID;
typedef _Inout_ PDXGK_CHILD_CONTAINER_ID INOUT_PDXGK_CHILD_CONTAINER_ID;

typedef enum _DXGK_SURPRISE_REMOVAL_TYPE {
  DxgkRemovalHibernation = 0,
  DxgkRemovalPnPNotify = 1
} DXGK_SURPRISE_REMOVAL_TYPE;

#define ACPI_NOTIFY_DOCK_EVENT 0x77
#define ACPI_NOTIFY_PANEL_SWITCH 0x80
#define ACPI_NOTIFY_DEVICE_HOTPLUG 0x81
#define ACPI_NOTIFY_CYCLE_DISPLAY_HOTKEY 0x82
#define ACPI_NOTIFY_NEXT_DISPLAY_HOTKEY 0x83
#define ACPI_NOTIFY_PREV_DISPLAY_HOTKEY 0x84

typedef struct _STATUS_BLOCK* PSTATUS_BLOCK;  // by pointer only
typedef struct _VIDEO_REQUEST_PACKET {
  ULONG IoControlCode;
  PSTATUS_BLOCK StatusBlock;
  PVOID InputBuffer;
  ULONG InputBufferLength;
  PVOID OutputBuffer;
  ULONG OutputBufferLength;
} VIDEO_REQUEST_PACKET, *PVIDEO_REQUEST_PACKET;
typedef _In_ PVIDEO_REQUEST_PACKET IN_PVIDEO_REQUEST_PACKET;

#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6)
typedef enum _DXGK_DIAGNOSTICINFO_TYPE {
  DXGK_DI_ADDDEVICE = 0,
  DXGK_DI_STARTDEVICE = 1
} DXGK_DIAGNOSTICINFO_TYPE;

typedef struct _DXGKARG_COLLECTDIAGNOSTICINFO {
  HANDLE hAdapter;
  DXGK_DIAGNOSTICINFO_TYPE Type;
  CHAR BucketingString[64];
  CHAR DescriptionString[128];
  union {
    PVOID pReserved;
  };
  UINT BufferSizeIn;
  UINT BufferSizeOut;
  PVOID pBuffer;
} DXGKARG_COLLECTDIAGNOSTICINFO;
typedef _Inout_ DXGKARG_COLLECTDIAGNOSTICINFO* INOUT_PDXGKARG_COLLECTDIAGNOSTICINFO;
#endif

// Passed on by pointer only.
typedef struct _DXGKARG_SYSTEM_DISPLAY_ENABLE_FLAGS* PDXGKARG_SYSTEM_DISPLAY_ENABLE_FLAGS;
typedef struct _ACPI_EVAL_INPUT_BUFFER_COMPLEX* PACPI_EVAL_INPUT_BUFFER_COMPLEX;
typedef struct _ACPI_EVAL_OUTPUT_BUFFER* PACPI_EVAL_OUTPUT_BUFFER;
typedef struct _PCI_DEVICE_PRESENCE_PARAMETERS* PPCI_DEVICE_PRESENCE_PARAMETERS;

EXTERN_C_END

#include "dispmprt_interface.h"

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
  PVOID DxgkDdiGetStandardAllocationDriverData;
  PVOID DxgkDdiAcquireSwizzlingRange;
  PVOID DxgkDdiReleaseSwizzlingRange;
  PDXGKDDI_PATCH DxgkDdiPatch;
  PDXGKDDI_SUBMITCOMMAND DxgkDdiSubmitCommand;
  PDXGKDDI_PREEMPTCOMMAND DxgkDdiPreemptCommand;
  PDXGKDDI_BUILDPAGINGBUFFER DxgkDdiBuildPagingBuffer;
  PVOID DxgkDdiSetPalette;
  PVOID DxgkDdiSetPointerPosition;
  PVOID DxgkDdiSetPointerShape;
  PDXGKDDI_RESETFROMTIMEOUT DxgkDdiResetFromTimeout;
  PDXGKDDI_RESTARTFROMTIMEOUT DxgkDdiRestartFromTimeout;
  PDXGKDDI_ESCAPE DxgkDdiEscape;
  PDXGKDDI_COLLECTDBGINFO DxgkDdiCollectDbgInfo;
  PDXGKDDI_QUERYCURRENTFENCE DxgkDdiQueryCurrentFence;
  PVOID DxgkDdiIsSupportedVidPn;
  PVOID DxgkDdiRecommendFunctionalVidPn;
  PVOID DxgkDdiEnumVidPnCofuncModality;
  PVOID DxgkDdiSetVidPnSourceAddress;
  PVOID DxgkDdiSetVidPnSourceVisibility;
  PVOID DxgkDdiCommitVidPn;
  PVOID DxgkDdiUpdateActiveVidPnPresentPath;
  PVOID DxgkDdiRecommendMonitorModes;
  PVOID DxgkDdiRecommendVidPnTopology;
  PVOID DxgkDdiGetScanLine;
  PVOID DxgkDdiStopCapture;
  PDXGKDDI_CONTROLINTERRUPT DxgkDdiControlInterrupt;
  PVOID DxgkDdiCreateOverlay;
  PDXGKDDI_DESTROYDEVICE DxgkDdiDestroyDevice;
  PDXGKDDI_OPENALLOCATIONINFO DxgkDdiOpenAllocation;
  PDXGKDDI_CLOSEALLOCATION DxgkDdiCloseAllocation;
  PVOID DxgkDdiRender;
  PVOID DxgkDdiPresent;
  PVOID DxgkDdiUpdateOverlay;
  PVOID DxgkDdiFlipOverlay;
  PVOID DxgkDdiDestroyOverlay;
  PDXGKDDI_CREATECONTEXT DxgkDdiCreateContext;
  PDXGKDDI_DESTROYCONTEXT DxgkDdiDestroyContext;
  PDXGKDDI_LINK_DEVICE DxgkDdiLinkDevice;
  PVOID DxgkDdiSetDisplayPrivateDriverFormat;
  // WIN7
  PVOID DxgkDdiDescribePageTable;
  PVOID DxgkDdiUpdatePageTable;
  PVOID DxgkDdiUpdatePageDirectory;
  PVOID DxgkDdiMovePageDirectory;
  PVOID DxgkDdiSubmitRender;
  PVOID DxgkDdiCreateAllocation2;
  PVOID DxgkDdiRenderKm;
  PVOID Reserved;
  PVOID DxgkDdiQueryVidPnHWCapability;
  // WIN8
  PVOID DxgkDdiSetPowerComponentFState;
  PDXGKDDI_QUERYDEPENDENTENGINEGROUP DxgkDdiQueryDependentEngineGroup;
  PDXGKDDI_QUERYENGINESTATUS DxgkDdiQueryEngineStatus;
  PDXGKDDI_RESETENGINE DxgkDdiResetEngine;
  PDXGKDDI_STOP_DEVICE_AND_RELEASE_POST_DISPLAY_OWNERSHIP DxgkDdiStopDeviceAndReleasePostDisplayOwnership;
  PDXGKDDI_SYSTEM_DISPLAY_ENABLE DxgkDdiSystemDisplayEnable;
  PDXGKDDI_SYSTEM_DISPLAY_WRITE DxgkDdiSystemDisplayWrite;
  PDXGKDDI_CANCELCOMMAND DxgkDdiCancelCommand;
  PDXGKDDI_GET_CHILD_CONTAINER_ID DxgkDdiGetChildContainerId;
  PVOID DxgkDdiPowerRuntimeControlRequest;
  PVOID DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay;
  PDXGKDDI_NOTIFY_SURPRISE_REMOVAL DxgkDdiNotifySurpriseRemoval;
  // WDDM1_3
  PDXGKDDI_GETNODEMETADATA DxgkDdiGetNodeMetadata;
  PVOID DxgkDdiSetPowerPState;
  PVOID DxgkDdiControlInterrupt2;
  PVOID DxgkDdiCheckMultiPlaneOverlaySupport;
  PVOID DxgkDdiCalibrateGpuClock;
  PVOID DxgkDdiFormatHistoryBuffer;
  // WDDM2_0
  PVOID DxgkDdiRenderGdi;
  PDXGKDDI_SUBMITCOMMANDVIRTUAL DxgkDdiSubmitCommandVirtual;
  PVOID DxgkDdiSetRootPageTable;
  PVOID DxgkDdiGetRootPageTableSize;
  PVOID DxgkDdiMapCpuHostAperture;
  PVOID DxgkDdiUnmapCpuHostAperture;
  PVOID DxgkDdiCheckMultiPlaneOverlaySupport2;
  PVOID DxgkDdiCreateProcess;
  PVOID DxgkDdiDestroyProcess;
  PVOID DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay2;
  PVOID Reserved1;
  PVOID Reserved2;
  PVOID DxgkDdiPowerRuntimeSetDeviceHandle;
  PVOID DxgkDdiSetStablePowerState;
  PVOID DxgkDdiSetVideoProtectedRegion;
  // WDDM2_1
  PVOID DxgkDdiCheckMultiPlaneOverlaySupport3;
  PVOID DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay3;
  PVOID DxgkDdiPostMultiPlaneOverlayPresent;
  PVOID DxgkDdiValidateUpdateAllocationProperty;
  PVOID DxgkDdiControlModeBehavior;
  PVOID DxgkDdiUpdateMonitorLinkInfo;
  // WDDM2_2
  PVOID DxgkDdiCreateHwContext;
  PVOID DxgkDdiDestroyHwContext;
  PVOID DxgkDdiCreateHwQueue;
  PVOID DxgkDdiDestroyHwQueue;
  PVOID DxgkDdiSubmitCommandToHwQueue;
  PVOID DxgkDdiSwitchToHwContextList;
  PVOID DxgkDdiResetHwEngine;
  PVOID DxgkDdiCreatePeriodicFrameNotification;
  PVOID DxgkDdiDestroyPeriodicFrameNotification;
  PVOID DxgkDdiSetTimingsFromVidPn;
  PVOID DxgkDdiSetTargetGamma;
  PVOID DxgkDdiSetTargetContentType;
  PVOID DxgkDdiSetTargetAnalogCopyProtection;
  PVOID DxgkDdiSetTargetAdjustedColorimetry;
  PVOID DxgkDdiDisplayDetectControl;
  PVOID DxgkDdiQueryConnectionChange;
  PDXGKDDI_EXCHANGEPRESTARTINFO DxgkDdiExchangePreStartInfo;
  PVOID DxgkDdiGetMultiPlaneOverlayCaps;
  PVOID DxgkDdiGetPostCompositionCaps;
  // WDDM2_3
  PVOID DxgkDdiUpdateHwContextState;
  PVOID DxgkDdiCreateProtectedSession;
  PVOID DxgkDdiDestroyProtectedSession;
  // WDDM2_4
  PVOID DxgkDdiSetSchedulingLogBuffer;
  PVOID DxgkDdiSetupPriorityBands;
  PVOID DxgkDdiNotifyFocusPresent;
  PVOID DxgkDdiSetContextSchedulingProperties;
  PVOID DxgkDdiSuspendContext;
  PVOID DxgkDdiResumeContext;
  PVOID DxgkDdiSetVirtualMachineData;
  PDXGKDDI_BEGINEXCLUSIVEACCESS DxgkDdiBeginExclusiveAccess;
  PDXGKDDI_ENDEXCLUSIVEACCESS DxgkDdiEndExclusiveAccess;
  PVOID DxgkDdiQueryDiagnosticTypesSupport;
  PVOID DxgkDdiControlDiagnosticReporting;
  PVOID DxgkDdiResumeHwEngine;
  // WDDM2_5
  PVOID DxgkDdiSignalMonitoredFence;
  PVOID DxgkDdiPresentToHwQueue;
  PVOID DxgkDdiValidateSubmitCommand;
  PVOID DxgkDdiSetTargetAdjustedColorimetry2;
  PVOID DxgkDdiSetTrackedWorkloadPowerLevel;
  // WDDM2_6
  PVOID DxgkDdiSaveMemoryForHotUpdate;
  PVOID DxgkDdiRestoreMemoryForHotUpdate;
  PDXGKDDI_COLLECTDIAGNOSTICINFO DxgkDdiCollectDiagnosticInfo;
  PVOID Reserved3;
  // WDDM2_7
  PVOID DxgkDdiControlInterrupt3;
  // WDDM2_9
  PVOID DxgkDdiSetFlipQueueLogBuffer;
  PVOID DxgkDdiUpdateFlipQueueLog;
  PVOID DxgkDdiCancelQueuedFlips;
  PVOID DxgkDdiSetInterruptTargetPresentId;
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_0)
  PVOID DxgkDdiSetAllocationBackingStore;
  PVOID DxgkDdiCreateCpuEvent;
  PVOID DxgkDdiDestroyCpuEvent;
  PVOID DxgkDdiCancelFlips;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1)
  PVOID DxgkDdiCreateNativeFence;
  PVOID DxgkDdiDestroyNativeFence;
  PVOID DxgkDdiUpdateMonitoredValues;
  PVOID DxgkDdiNotifyCurrentValueUpdates;
  PVOID DxgkDdiCreateDoorbell;
  PVOID DxgkDdiConnectDoorbell;
  PVOID DxgkDdiDisconnectDoorbell;
  PVOID DxgkDdiDestroyDoorbell;
  PVOID DxgkDdiNotifyWorkSubmission;
  PVOID DxgkDdiFlushHwQueue;
#endif
} DRIVER_INITIALIZATION_DATA, *PDRIVER_INITIALIZATION_DATA;

NTSTATUS DxgkInitialize(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                        PDRIVER_INITIALIZATION_DATA DriverInitializationData);
NTSTATUS DxgkUnInitialize(PDRIVER_OBJECT DriverObject);

EXTERN_C_END
