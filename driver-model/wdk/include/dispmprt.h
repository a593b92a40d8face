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

// Passed on by pointer only.
typedef struct _VIDEO_REQUEST_PACKET* PVIDEO_REQUEST_PACKET;
typedef _In_ PVIDEO_REQUEST_PACKET IN_PVIDEO_REQUEST_PACKET;
typedef struct _DXGK_CHILD_DESCRIPTOR* PDXGK_CHILD_DESCRIPTOR;
typedef _Inout_ PDXGK_CHILD_DESCRIPTOR INOUT_PDXGK_CHILD_DESCRIPTOR;
typedef struct _DXGK_CHILD_STATUS* PDXGK_CHILD_STATUS;
typedef _Inout_ PDXGK_CHILD_STATUS INOUT_PDXGK_CHILD_STATUS;
typedef struct _DXGK_DEVICE_DESCRIPTOR* PDXGK_DEVICE_DESCRIPTOR;
typedef _Inout_ PDXGK_DEVICE_DESCRIPTOR INOUT_PDXGK_DEVICE_DESCRIPTOR;
typedef struct _DXGK_DISPLAY_INFORMATION* PDXGK_DISPLAY_INFORMATION;
typedef struct _ACPI_EVAL_INPUT_BUFFER_COMPLEX* PACPI_EVAL_INPUT_BUFFER_COMPLEX;
typedef struct _ACPI_EVAL_OUTPUT_BUFFER* PACPI_EVAL_OUTPUT_BUFFER;
typedef struct _PCI_DEVICE_PRESENCE_PARAMETERS* PPCI_DEVICE_PRESENCE_PARAMETERS;

// ---- Callbacks of the port; those of memory objects stand in d3dkmddi_memory.h
// ---------------------------------------

typedef VOID DXGKDDI_PROTECTED_CALLBACK(IN_CONST_PVOID MiniportDeviceContext, PVOID ProtectedCallbackContext,
                                        NTSTATUS ProtectionStatus);
typedef DXGKDDI_PROTECTED_CALLBACK* PDXGKDDI_PROTECTED_CALLBACK;

typedef NTSTATUS(APIENTRY* DXGKCB_EVAL_ACPI_METHOD)(HANDLE DeviceHandle, ULONG DeviceUid,
                                                    PACPI_EVAL_INPUT_BUFFER_COMPLEX AcpiInputBuffer,
                                                    ULONG AcpiInputSize,
                                                    PACPI_EVAL_OUTPUT_BUFFER AcpiOutputBuffer,
                                                    ULONG AcpiOutputSize);
typedef NTSTATUS(APIENTRY* DXGKCB_GET_DEVICE_INFORMATION)(HANDLE DeviceHandle, PDXGK_DEVICE_INFO DeviceInfo);
typedef NTSTATUS(APIENTRY* DXGKCB_INDICATE_CHILD_STATUS)(HANDLE DeviceHandle, PDXGK_CHILD_STATUS ChildStatus);
typedef NTSTATUS(APIENTRY* DXGKCB_MAP_MEMORY)(HANDLE DeviceHandle, PHYSICAL_ADDRESS TranslatedAddress,
                                              ULONG Length, BOOLEAN InIoSpace, BOOLEAN MapToUserMode,
                                              MEMORY_CACHING_TYPE CacheType, PVOID* VirtualAddress);
/// TRUE = queued, FALSE = one is pending already. Any IRQL, also from the interrupt routine.
typedef BOOLEAN(APIENTRY* DXGKCB_QUEUE_DPC)(HANDLE DeviceHandle);
typedef NTSTATUS(APIENTRY* DXGKCB_QUERY_SERVICES)(HANDLE DeviceHandle, DXGK_SERVICES ServicesType,
                                                  PINTERFACE Interface);
typedef NTSTATUS(APIENTRY* DXGKCB_READ_DEVICE_SPACE)(HANDLE DeviceHandle, ULONG DataType, PVOID Buffer,
                                                     ULONG Offset, ULONG Length, PULONG BytesRead);
/// The routine runs at the device's interrupt level.
typedef NTSTATUS(APIENTRY* DXGKCB_SYNCHRONIZE_EXECUTION)(HANDLE DeviceHandle,
                                                         PKSYNCHRONIZE_ROUTINE SynchronizeRoutine,
                                                         PVOID Context, ULONG MessageNumber,
                                                         PBOOLEAN ReturnValue);
typedef NTSTATUS(APIENTRY* DXGKCB_UNMAP_MEMORY)(HANDLE DeviceHandle, PVOID VirtualAddress);
typedef NTSTATUS(APIENTRY* DXGKCB_WRITE_DEVICE_SPACE)(HANDLE DeviceHandle, ULONG DataType, PVOID Buffer,
                                                      ULONG Offset, ULONG Length, PULONG BytesWritten);
typedef NTSTATUS(APIENTRY* DXGKCB_IS_DEVICE_PRESENT)(HANDLE DeviceHandle,
                                                     PPCI_DEVICE_PRESENCE_PARAMETERS DevicePresenceParameters,
                                                     PBOOLEAN DevicePresent);
typedef VOID(APIENTRY* DXGKCB_LOG_ETW_EVENT)(CONST LPCGUID EventGuid, UCHAR Type, USHORT EventBufferSize,
                                             PVOID EventBuffer);
typedef NTSTATUS(APIENTRY* DXGKCB_EXCLUDE_ADAPTER_ACCESS)(HANDLE DeviceHandle, ULONG Attributes,
                                                          PDXGKDDI_PROTECTED_CALLBACK DxgkProtectedCallback,
                                                          PVOID ProtectedCallbackContext);
typedef NTSTATUS(APIENTRY* DXGKCB_ACQUIRE_POST_DISPLAY_OWNERSHIP)(HANDLE DeviceHandle,
                                                                  PDXGK_DISPLAY_INFORMATION DisplayInfo);
// Members whose arguments no driver here needs: a function pointer in the right place, under its right name.
typedef VOID(APIENTRY* DXGKCB_UNTYPED)(VOID);

/// What StartDevice receives and the driver copies: Size bytes of it.
typedef struct _DXGKRNL_INTERFACE {
  ULONG Size;
  ULONG Version;
  HANDLE DeviceHandle;
  DXGKCB_EVAL_ACPI_METHOD DxgkCbEvalAcpiMethod;
  DXGKCB_GET_DEVICE_INFORMATION DxgkCbGetDeviceInformation;
  DXGKCB_INDICATE_CHILD_STATUS DxgkCbIndicateChildStatus;
  DXGKCB_MAP_MEMORY DxgkCbMapMemory;
  DXGKCB_QUEUE_DPC DxgkCbQueueDpc;
  DXGKCB_QUERY_SERVICES DxgkCbQueryServices;
  DXGKCB_READ_DEVICE_SPACE DxgkCbReadDeviceSpace;
  DXGKCB_SYNCHRONIZE_EXECUTION DxgkCbSynchronizeExecution;
  DXGKCB_UNMAP_MEMORY DxgkCbUnmapMemory;
  DXGKCB_WRITE_DEVICE_SPACE DxgkCbWriteDeviceSpace;
  DXGKCB_IS_DEVICE_PRESENT DxgkCbIsDevicePresent;
  DXGKCB_UNTYPED DxgkCbGetHandleData;
  DXGKCB_UNTYPED DxgkCbGetHandleParent;
  DXGKCB_UNTYPED DxgkCbEnumHandleChildren;
  DXGKCB_NOTIFY_INTERRUPT DxgkCbNotifyInterrupt;
  DXGKCB_NOTIFY_DPC DxgkCbNotifyDpc;
  DXGKCB_UNTYPED DxgkCbQueryVidPnInterface;
  DXGKCB_UNTYPED DxgkCbQueryMonitorInterface;
  DXGKCB_UNTYPED DxgkCbGetCaptureAddress;
  DXGKCB_LOG_ETW_EVENT DxgkCbLogEtwEvent;
  DXGKCB_EXCLUDE_ADAPTER_ACCESS DxgkCbExcludeAdapterAccess;
  DXGKCB_UNTYPED DxgkCbCreateContextAllocation;
  DXGKCB_UNTYPED DxgkCbDestroyContextAllocation;
  DXGKCB_UNTYPED DxgkCbSetPowerComponentActive;
  DXGKCB_UNTYPED DxgkCbSetPowerComponentIdle;
  DXGKCB_ACQUIRE_POST_DISPLAY_OWNERSHIP DxgkCbAcquirePostDisplayOwnership;
  DXGKCB_UNTYPED DxgkCbPowerRuntimeControlRequest;
  DXGKCB_UNTYPED DxgkCbSetPowerComponentLatency;
  DXGKCB_UNTYPED DxgkCbSetPowerComponentResidency;
  DXGKCB_UNTYPED DxgkCbCompleteFStateTransition;
  DXGKCB_UNTYPED DxgkCbCompletePStateTransition;
  DXGKCB_UNTYPED DxgkCbMapContextAllocation;
  DXGKCB_UNTYPED DxgkCbUpdateContextAllocation;
  DXGKCB_UNTYPED DxgkCbReserveGpuVirtualAddressRange;
  DXGKCB_UNTYPED DxgkCbAcquireHandleData;
  DXGKCB_UNTYPED DxgkCbReleaseHandleData;
  DXGKCB_UNTYPED DxgkCbHardwareContentProtectionTeardown;
  DXGKCB_UNTYPED DxgkCbMultiPlaneOverlayDisabled;
  DXGKCB_UNTYPED DxgkCbMitigatedRangeUpdate;
  DXGKCB_UNTYPED DxgkCbInvalidateHwContext;
  DXGKCB_UNTYPED DxgkCbIndicateConnectorChange;
  DXGKCB_UNTYPED DxgkCbUnblockUEFIFrameBufferRanges;
  DXGKCB_UNTYPED DxgkCbAcquirePostDisplayOwnership2;
  DXGKCB_UNTYPED DxgkCbSetProtectedSessionStatus;
  DXGKCB_ALLOCATECONTIGUOUSMEMORY DxgkCbAllocateContiguousMemory;
  DXGKCB_FREECONTIGUOUSMEMORY DxgkCbFreeContiguousMemory;
  DXGKCB_ALLOCATEPAGESFORMDL DxgkCbAllocatePagesForMdl;
  DXGKCB_FREEPAGESFROMMDL DxgkCbFreePagesFromMdl;
  DXGKCB_PINFRAMEBUFFERFORSAVE DxgkCbPinFrameBufferForSave;
  DXGKCB_UNPINFRAMEBUFFERFORSAVE DxgkCbUnpinFrameBufferForSave;
  DXGKCB_MAPFRAMEBUFFERPOINTER DxgkCbMapFrameBufferPointer;
  DXGKCB_UNMAPFRAMEBUFFERPOINTER DxgkCbUnmapFrameBufferPointer;
  DXGKCB_MAPMDLTOIOMMU DxgkCbMapMdlToIoMmu;
  DXGKCB_UNMAPMDLFROMIOMMU DxgkCbUnmapMdlFromIoMmu;
  DXGKCB_UNTYPED DxgkCbReportDiagnostic;
  DXGKCB_UNTYPED DxgkCbSignalEvent;
  DXGKCB_UNTYPED DxgkCbIsFeatureEnabled;
  DXGKCB_UNTYPED DxgkCbSaveMemoryForHotUpdate;
  DXGKCB_UNTYPED DxgkCbNotifyCursorSupportChange;
  DXGKCB_UNTYPED DxgkCbQueryFeatureSupport;
  DXGKCB_CREATEPHYSICALMEMORYOBJECT DxgkCbCreatePhysicalMemoryObject;
  DXGKCB_DESTROYPHYSICALMEMORYOBJECT DxgkCbDestroyPhysicalMemoryObject;
  DXGKCB_MAPPHYSICALMEMORY DxgkCbMapPhysicalMemory;
  DXGKCB_UNMAPPHYSICALMEMORY DxgkCbUnmapPhysicalMemory;
  DXGKCB_ALLOCATEADL DxgkCbAllocateAdl;
  DXGKCB_FREEADL DxgkCbFreeAdl;
  DXGKCB_OPENPHYSICALMEMORYOBJECT DxgkCbOpenPhysicalMemoryObject;
  DXGKCB_CLOSEPHYSICALMEMORYOBJECT DxgkCbClosePhysicalMemoryObject;
  DXGKCB_PINFRAMEBUFFERFORSAVE2 DxgkCbPinFrameBufferForSave2;
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1)
  DXGKCB_UNTYPED DxgkCbDisconnectDoorbell;
#endif
} DXGKRNL_INTERFACE, *PDXGKRNL_INTERFACE;
typedef _In_ PDXGKRNL_INTERFACE IN_PDXGKRNL_INTERFACE;

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
  PVOID DxgkDdiCreateDevice;
  PVOID DxgkDdiCreateAllocation;
  PVOID DxgkDdiDestroyAllocation;
  PVOID DxgkDdiDescribeAllocation;
  PVOID DxgkDdiGetStandardAllocationDriverData;
  PVOID DxgkDdiAcquireSwizzlingRange;
  PVOID DxgkDdiReleaseSwizzlingRange;
  PVOID DxgkDdiPatch;
  PVOID DxgkDdiSubmitCommand;
  PVOID DxgkDdiPreemptCommand;
  PDXGKDDI_BUILDPAGINGBUFFER DxgkDdiBuildPagingBuffer;
  PVOID DxgkDdiSetPalette;
  PVOID DxgkDdiSetPointerPosition;
  PVOID DxgkDdiSetPointerShape;
  PVOID DxgkDdiResetFromTimeout;
  PVOID DxgkDdiRestartFromTimeout;
  PDXGKDDI_ESCAPE DxgkDdiEscape;
  PVOID DxgkDdiCollectDbgInfo;
  PVOID DxgkDdiQueryCurrentFence;
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
  PVOID DxgkDdiControlInterrupt;
  PVOID DxgkDdiCreateOverlay;
  PVOID DxgkDdiDestroyDevice;
  PVOID DxgkDdiOpenAllocation;
  PVOID DxgkDdiCloseAllocation;
  PVOID DxgkDdiRender;
  PVOID DxgkDdiPresent;
  PVOID DxgkDdiUpdateOverlay;
  PVOID DxgkDdiFlipOverlay;
  PVOID DxgkDdiDestroyOverlay;
  PVOID DxgkDdiCreateContext;
  PVOID DxgkDdiDestroyContext;
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
  PVOID DxgkDdiQueryDependentEngineGroup;
  PVOID DxgkDdiQueryEngineStatus;
  PVOID DxgkDdiResetEngine;
  PVOID DxgkDdiStopDeviceAndReleasePostDisplayOwnership;
  PVOID DxgkDdiSystemDisplayEnable;
  PVOID DxgkDdiSystemDisplayWrite;
  PVOID DxgkDdiCancelCommand;
  PVOID DxgkDdiGetChildContainerId;
  PVOID DxgkDdiPowerRuntimeControlRequest;
  PVOID DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay;
  PVOID DxgkDdiNotifySurpriseRemoval;
  // WDDM1_3
  PVOID DxgkDdiGetNodeMetadata;
  PVOID DxgkDdiSetPowerPState;
  PVOID DxgkDdiControlInterrupt2;
  PVOID DxgkDdiCheckMultiPlaneOverlaySupport;
  PVOID DxgkDdiCalibrateGpuClock;
  PVOID DxgkDdiFormatHistoryBuffer;
  // WDDM2_0
  PVOID DxgkDdiRenderGdi;
  PVOID DxgkDdiSubmitCommandVirtual;
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
  PVOID DxgkDdiExchangePreStartInfo;
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
  PVOID DxgkDdiCollectDiagnosticInfo;
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
