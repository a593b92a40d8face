// SPDX-License-Identifier: Apache-2.0
// Part of dispmprt.h: the callbacks of the port and the table that a driver receives at StartDevice.
#pragma once

#include "dispmprt.h"

EXTERN_C_START

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
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_5)
  DXGKCB_UNTYPED DxgkCbSignalEvent;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6)
  DXGKCB_UNTYPED DxgkCbIsFeatureEnabled;
  DXGKCB_UNTYPED DxgkCbSaveMemoryForHotUpdate;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_8)
  DXGKCB_UNTYPED DxgkCbNotifyCursorSupportChange;
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9)
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
#endif
#if (DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1)
  DXGKCB_UNTYPED DxgkCbDisconnectDoorbell;
#endif
} DXGKRNL_INTERFACE, *PDXGKRNL_INTERFACE;
typedef _In_ PDXGKRNL_INTERFACE IN_PDXGKRNL_INTERFACE;

EXTERN_C_END
