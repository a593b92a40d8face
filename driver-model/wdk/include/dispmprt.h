// SPDX-License-Identifier: Apache-2.0
// The display port: start information, children and display. The callback table that a miniport receives
// stands in dispmprt_interface.h, its entry points and their registration in dispmprt_entries.h.
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

#define DXGK_WHICHSPACE_CONFIG PCI_WHICHSPACE_CONFIG
#define DXGK_WHICHSPACE_ROM PCI_WHICHSPACE_ROM
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

typedef struct _DXGK_INTEGRATED_DISPLAY_CHILD {
  D3DKMDT_VIDEO_OUTPUT_TECHNOLOGY InterfaceTechnology;
  USHORT DescriptorLength;
} DXGK_INTEGRATED_DISPLAY_CHILD, *PDXGK_INTEGRATED_DISPLAY_CHILD;

typedef struct _DXGK_CHILD_CAPABILITIES {
  union {
    DXGK_VIDEO_OUTPUT_CAPABILITIES VideoOutput;
    struct {
      UINT MustBeZero;
    } Other;
    DXGK_INTEGRATED_DISPLAY_CHILD IntegratedDisplayChild;
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

EXTERN_C_END

#include "dispmprt_entries.h"
