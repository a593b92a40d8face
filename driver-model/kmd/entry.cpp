// SPDX-License-Identifier: Apache-2.0
// Entry points of the gdmkmd display miniport: a render-only driver, no video present sources, no children.
#include "driver-model/kmd/gdm.h"
#include "driver-model/kmd/timeout.h"

namespace {

constexpr GDM_PARAMETERS kDefaults = {
    {},      // HighestVisibleAddress: the ASIC's
    FALSE,   // Unlinked
    FALSE,   // NoMemoryCaps
    TRUE,    // IommuIsolationSupported
    FALSE,   // IommuIsolationRequired
    TRUE,    // DmaRemappingSupported
    TRUE,    // IoMmuSecureModeSupported
    FALSE,   // IoMmuSecureModeRequired
    TRUE,    // MapAperture2Supported
    100000,  // FenceTimeout: 10 ms
    8,       // RingSizeLog2
    FALSE,   // NoPaging
    TRUE,    // PerEngineTdr
    8192,    // PagingBufferSize
    0,       // FrameBufferSave
    0,       // HangingSubmissions
    FALSE,   // UnmarkedCopies
};
}  // namespace

extern "C" {
const GDM_PARAMETERS GdmDefaultParameters = kDefaults;
GDM_PARAMETERS GdmParameters = kDefaults;
}

namespace {

constexpr ULONGLONG kAsicHighestAddress = (1ull << kGdmAddressBits) - 1;

ULONG AddedDevices;

GDM_ADAPTER* AdapterOf(PVOID Context) { return static_cast<GDM_ADAPTER*>(Context); }

// ---- Plug and play

NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject, OUT_PPVOID MiniportDeviceContext) {
  auto* adapter =
      static_cast<GDM_ADAPTER*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(GDM_ADAPTER), kGdmPoolTag));
  if (adapter == NULL) return STATUS_NO_MEMORY;
  adapter->PhysicalDeviceObject = PhysicalDeviceObject;
  KeInitializeEvent(&adapter->ChannelLock, SynchronizationEvent, TRUE);
  // The registers cannot be read before StartDevice, so the limit is what the ASIC is known for.
  const ULONG index = AddedDevices++;
  const ULONGLONG given = index < GDM_MAX_ADAPTERS ? GdmParameters.HighestVisibleAddress[index] : 0;
  adapter->HighestVisibleAddress = given != 0 ? given : kAsicHighestAddress;
  *MiniportDeviceContext = adapter;
  return STATUS_SUCCESS;
}

NTSTATUS LinkDevice(IN_CONST_PDEVICE_OBJECT, IN_CONST_PVOID MiniportDeviceContext,
                    INOUT_PLINKED_DEVICE LinkedDevice) {
  return GdmLinkJoin(AdapterOf(MiniportDeviceContext), LinkedDevice);
}

NTSTATUS StartDevice(IN_CONST_PVOID MiniportDeviceContext, IN_PDXGK_START_INFO DxgkStartInfo,
                     IN_PDXGKRNL_INTERFACE DxgkInterface, OUT_PULONG NumberOfVideoPresentSources,
                     OUT_PULONG NumberOfChildren) {
  GDM_ADAPTER* adapter = AdapterOf(MiniportDeviceContext);
  // The pointer does not stay valid; what the driver calls must be in it.
  if (DxgkInterface->Size < RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbClosePhysicalMemoryObject)) {
    return STATUS_REVISION_MISMATCH;
  }
  if (adapter->Link == NULL) {
    LINKED_DEVICE alone = {};  // a system that calls no LinkDevice
    const NTSTATUS status = GdmLinkJoin(adapter, &alone);
    if (!NT_SUCCESS(status)) return status;
  }
  const SIZE_T size =
      DxgkInterface->Size < sizeof(DXGKRNL_INTERFACE) ? DxgkInterface->Size : sizeof(DXGKRNL_INTERFACE);
  RtlZeroMemory(&adapter->Dxgk, sizeof(adapter->Dxgk));
  RtlCopyMemory(&adapter->Dxgk, DxgkInterface, size);
  adapter->StartInfo = *DxgkStartInfo;
  *NumberOfVideoPresentSources = 0;
  *NumberOfChildren = 0;
  const NTSTATUS status = GdmDeviceStart(adapter);
  adapter->Started = NT_SUCCESS(status);
  return status;
}

NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {
  GDM_ADAPTER* adapter = AdapterOf(MiniportDeviceContext);
  if (!adapter->Started) return STATUS_SUCCESS;
  GDM_LINK* link = adapter->Link;
  if (adapter->Lead) {
    GdmLinkLockChannels(link);
  } else {
    GdmChannelLock(adapter);
  }
  GdmLinkLock(link);
  if (adapter->Lead) {
    // The lead stops first. What user mode left behind is the whole link's: no member may use it while it
    // goes.
    for (LIST_ENTRY* entry = link->Adapters.Flink; entry != &link->Adapters; entry = entry->Flink) {
      GdmDeviceQuiesce(CONTAINING_RECORD(entry, GDM_ADAPTER, LinkEntry));
    }
    GdmObjectDestroyAll(adapter);
  }
  adapter->Started = FALSE;
  adapter->Exclusive = FALSE;
  adapter->Halted = FALSE;
  GdmDeviceStop(adapter);
  GdmLinkUnlock(link);
  if (adapter->Lead) {
    GdmLinkUnlockChannels(link);
  } else {
    GdmChannelUnlock(adapter);
  }
  return STATUS_SUCCESS;
}

NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {
  GDM_ADAPTER* adapter = AdapterOf(MiniportDeviceContext);
  GdmLinkLeave(adapter);
  ExFreePoolWithTag(adapter, kGdmPoolTag);
  --AddedDevices;
  return STATUS_SUCCESS;
}

VOID ResetDevice(IN_CONST_PVOID MiniportDeviceContext) { GdmDeviceReset(AdapterOf(MiniportDeviceContext)); }

VOID Unload(VOID) { AddedDevices = 0; }

// E3: never fails. The channel loses its state in D1 to D3 and gets it back in D0, and so does local memory.
NTSTATUS SetPowerState(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG DeviceUid,
                       IN_DEVICE_POWER_STATE DevicePowerState, IN_POWER_ACTION) {
  GDM_ADAPTER* adapter = AdapterOf(MiniportDeviceContext);
  if (DeviceUid != DISPLAY_ADAPTER_HW_ID || !adapter->Started) return STATUS_SUCCESS;
  GdmChannelLock(adapter);
  if (DevicePowerState == PowerDeviceD0) {
    GdmPowerUp(adapter);
  } else {
    GdmPowerDown(adapter);
  }
  GdmChannelUnlock(adapter);
  return STATUS_SUCCESS;
}

// ---- Exclusive access: the system changes what the device's addresses mean. The channel's lock waits for
// the command under way, and then no command reaches the ring before the end.

NTSTATUS BeginExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BEGINEXCLUSIVEACCESS) {
  GDM_ADAPTER* adapter = AdapterOf(hAdapter);
  if (adapter == NULL || !adapter->Started || adapter->Exclusive) return STATUS_INVALID_DEVICE_STATE;
  GdmChannelLock(adapter);
  NTSTATUS status = GdmDeviceQuiesce(adapter);
  if (NT_SUCCESS(status)) {
    adapter->Exclusive = TRUE;
  } else {
    GdmDeviceResume(adapter);  // there is no End after a failed Begin
  }
  GdmChannelUnlock(adapter);
  return status;
}

NTSTATUS EndExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_ENDEXCLUSIVEACCESS) {
  GDM_ADAPTER* adapter = AdapterOf(hAdapter);
  if (adapter == NULL || !adapter->Exclusive) return STATUS_INVALID_DEVICE_STATE;
  GdmChannelLock(adapter);
  adapter->Exclusive = FALSE;
  const NTSTATUS status = GdmDeviceResume(adapter);
  GdmChannelUnlock(adapter);
  return status;
}

// ---- Interrupts

BOOLEAN InterruptRoutine(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG) {
  return GdmDeviceInterrupt(AdapterOf(MiniportDeviceContext));
}

VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) { GdmDeviceDpc(AdapterOf(MiniportDeviceContext)); }

// ---- Queries

template <typename T>
NTSTATUS Answer(const DXGKARG_QUERYADAPTERINFO* Query, const T& Value) {
  if (Query->pOutputData == NULL) return STATUS_INVALID_PARAMETER;
  if (Query->OutputDataSize < sizeof(T)) return STATUS_BUFFER_TOO_SMALL;
  RtlCopyMemory(Query->pOutputData, &Value, sizeof(T));
  return STATUS_SUCCESS;
}

NTSTATUS AnswerDriverCaps(const DXGKARG_QUERYADAPTERINFO* Query, ULONGLONG Highest) {
  DXGK_DRIVERCAPS caps;
  RtlZeroMemory(&caps, sizeof(caps));
  caps.HighestAcceptableAddress.QuadPart = static_cast<LONGLONG>(Highest);
  caps.WDDMVersion = DXGKDDI_WDDMv3_0;
  caps.MemoryManagementCaps.IoMmuSecureModeSupported = GdmParameters.IoMmuSecureModeSupported;
  caps.MemoryManagementCaps.IoMmuSecureModeRequired = GdmParameters.IoMmuSecureModeRequired;
  caps.MemoryManagementCaps.MapAperture2Supported = GdmParameters.MapAperture2Supported;
  caps.GpuEngineTopology.NbAsymetricProcessingNodes = 1;
  if (!GdmParameters.NoPaging) {
    caps.MemoryManagementCaps.DedicatedPagingEngine = 1;
    caps.MemoryManagementCaps.PagingNode = kGdmPagingNode;
    caps.SchedulingCaps.NoDmaPatching = 1;
    caps.SchedulingCaps.HwQueuePacketCap = kGdmQueuedPackets;
    caps.SupportPerEngineTDR = GdmParameters.PerEngineTdr;
  }
  caps.SupportNonVGA = TRUE;
  caps.MiscCaps.ComputeOnly = 1;
  return Answer(Query, caps);
}

NTSTATUS AnswerPhysicalAdapterCaps(const DXGKARG_QUERYADAPTERINFO* Query, GDM_LINK* Link) {
  if (Query->pInputData == NULL || Query->InputDataSize < sizeof(DXGK_QUERYPHYSICALADAPTERCAPSIN)) {
    return STATUS_INVALID_PARAMETER;
  }
  const auto* input = static_cast<const DXGK_QUERYPHYSICALADAPTERCAPSIN*>(Query->pInputData);
  const GDM_ADAPTER* member = GdmLinkMember(Link, input->PhysicalAdapterIndex);
  if (member == NULL) return STATUS_INVALID_PARAMETER;
  if (!member->Started) return STATUS_INVALID_DEVICE_STATE;
  DXGK_PHYSICALADAPTERCAPS caps;
  RtlZeroMemory(&caps, sizeof(caps));
  caps.NumExecutionNodes = 1;
  caps.PagingNodeIndex = kGdmPagingNode;
  caps.DxgkPhysicalAdapterHandle = member->Dxgk.DeviceHandle;
  return Answer(Query, caps);
}

NTSTATUS QueryAdapterInfo(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_QUERYADAPTERINFO Query) {
  GDM_ADAPTER* adapter = AdapterOf(hAdapter);
  if (adapter == NULL || Query == NULL) return STATUS_INVALID_PARAMETER;
  // One answer for the link: the limit that all of its members can live with.
  const ULONGLONG highest =
      adapter->Link != NULL ? GdmLinkHighestVisibleAddress(adapter->Link) : adapter->HighestVisibleAddress;
  switch (Query->Type) {
    case DXGKQAITYPE_DRIVERCAPS:
      return AnswerDriverCaps(Query, highest);
    case DXGKQAITYPE_QUERYSEGMENT4:
      return adapter->Link != NULL ? GdmQuerySegments(adapter->Link, Query) : STATUS_INVALID_DEVICE_STATE;
    case DXGKQAITYPE_PHYSICALADAPTERCAPS:
      return adapter->Link != NULL ? AnswerPhysicalAdapterCaps(Query, adapter->Link)
                                   : STATUS_INVALID_DEVICE_STATE;
    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE: {
      if (GdmParameters.FrameBufferSave == 0) return STATUS_NOT_SUPPORTED;
      DXGK_FRAMEBUFFERSAVEAREA area = {};
      area.MaximumSize = GdmParameters.FrameBufferSave;
      return Answer(Query, area);
    }
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS: {
      if (GdmParameters.NoMemoryCaps) return STATUS_NOT_SUPPORTED;
      DXGK_PHYSICAL_MEMORY_CAPS caps = {};
      caps.HighestVisibleAddress.QuadPart = static_cast<LONGLONG>(highest);
      return Answer(Query, caps);
    }
    case DXGKQAITYPE_IOMMU_CAPS: {
      if (GdmParameters.NoMemoryCaps) return STATUS_NOT_SUPPORTED;
      DXGK_IOMMU_CAPS caps = {};
      caps.IommuIsolationSupported = GdmParameters.IommuIsolationSupported;
      caps.IommuIsolationRequired = GdmParameters.IommuIsolationRequired;
      caps.DmaRemappingSupported = GdmParameters.DmaRemappingSupported;
      return Answer(Query, caps);
    }
    default:
      return STATUS_NOT_SUPPORTED;
  }
}

// ---- Memory and scheduling. The system's handle is the lead's; engines are members of its link.

GDM_LINK* LinkOf(HANDLE Adapter) {
  GDM_ADAPTER* adapter = AdapterOf(Adapter);
  return adapter == NULL ? NULL : adapter->Link;
}

// The member that a node of the system belongs to; NULL: there is none.
GDM_ADAPTER* EngineOf(HANDLE Adapter, UINT NodeOrdinal, UINT EngineOrdinal) {
  GDM_LINK* link = LinkOf(Adapter);
  return link == NULL || NodeOrdinal != kGdmPagingNode ? NULL : GdmLinkMember(link, EngineOrdinal);
}

NTSTATUS CreateAllocation(IN_CONST_HANDLE hAdapter, INOUT_PDXGKARG_CREATEALLOCATION pCreateAllocation) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmCreateAllocation(link, pCreateAllocation);
}

NTSTATUS DestroyAllocation(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_DESTROYALLOCATION pDestroyAllocation) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmDestroyAllocation(link, pDestroyAllocation);
}

NTSTATUS BuildPagingBuffer(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BUILDPAGINGBUFFER pBuildPagingBuffer) {
  return LinkOf(hAdapter) == NULL ? STATUS_INVALID_PARAMETER
                                  : GdmBuildPagingBuffer(AdapterOf(hAdapter), pBuildPagingBuffer);
}

NTSTATUS SubmitCommand(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_SUBMITCOMMAND pSubmitCommand) {
  GDM_ADAPTER* adapter = EngineOf(hAdapter, pSubmitCommand->NodeOrdinal, pSubmitCommand->EngineOrdinal);
  return adapter == NULL ? STATUS_INVALID_PARAMETER : GdmPagingSubmit(adapter, pSubmitCommand);
}

NTSTATUS PreemptCommand(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_PREEMPTCOMMAND pPreemptCommand) {
  GDM_ADAPTER* adapter = EngineOf(hAdapter, pPreemptCommand->NodeOrdinal, pPreemptCommand->EngineOrdinal);
  return adapter == NULL ? STATUS_INVALID_PARAMETER
                         : GdmPagingPreempt(adapter, pPreemptCommand->PreemptionFenceId);
}

NTSTATUS QueryCurrentFence(IN_CONST_HANDLE hAdapter, INOUT_PDXGKARG_QUERYCURRENTFENCE pCurrentFence) {
  GDM_ADAPTER* adapter = EngineOf(hAdapter, pCurrentFence->NodeOrdinal, pCurrentFence->EngineOrdinal);
  return adapter == NULL ? STATUS_INVALID_PARAMETER
                         : GdmPagingCurrentFence(adapter, &pCurrentFence->CurrentFence);
}

NTSTATUS ResetFromTimeout(IN_CONST_HANDLE hAdapter) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmResetFromTimeout(link);
}

NTSTATUS RestartFromTimeout(IN_CONST_HANDLE hAdapter) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmRestartFromTimeout(link);
}

NTSTATUS ResetEngine(IN_CONST_HANDLE hAdapter, INOUT_PDXGKARG_RESETENGINE pResetEngine) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmResetEngine(link, pResetEngine);
}

NTSTATUS QueryEngineStatus(IN_CONST_HANDLE hAdapter, INOUT_PDXGKARG_QUERYENGINESTATUS pQueryEngineStatus) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmQueryEngineStatus(link, pQueryEngineStatus);
}

NTSTATUS QueryDependentEngineGroup(IN_CONST_HANDLE hAdapter,
                                   INOUT_DXGKARG_QUERYDEPENDENTENGINEGROUP pQueryDependentEngineGroup) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER
                      : GdmQueryDependentEngineGroup(link, pQueryDependentEngineGroup);
}

NTSTATUS CollectDbgInfo(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_COLLECTDBGINFO pCollectDbgInfo) {
  GDM_LINK* link = LinkOf(hAdapter);
  return link == NULL ? STATUS_INVALID_PARAMETER : GdmCollectDbgInfo(link, pCollectDbgInfo);
}

NTSTATUS Escape(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_ESCAPE pEscape) {
  GDM_ADAPTER* adapter = AdapterOf(hAdapter);
  if (adapter == NULL || pEscape == NULL || adapter->Link == NULL) return STATUS_INVALID_PARAMETER;
  return GdmEscape(adapter, pEscape);
}

}  // namespace

extern "C" NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
  GdmLinkInitialize();
  AddedDevices = 0;
  DRIVER_INITIALIZATION_DATA data;
  RtlZeroMemory(&data, sizeof(data));
  data.Version = DXGKDDI_INTERFACE_VERSION;
  data.DxgkDdiAddDevice = AddDevice;
  data.DxgkDdiStartDevice = StartDevice;
  data.DxgkDdiStopDevice = StopDevice;
  data.DxgkDdiRemoveDevice = RemoveDevice;
  data.DxgkDdiInterruptRoutine = InterruptRoutine;
  data.DxgkDdiDpcRoutine = DpcRoutine;
  data.DxgkDdiSetPowerState = SetPowerState;
  data.DxgkDdiResetDevice = ResetDevice;
  data.DxgkDdiUnload = Unload;
  data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;
  data.DxgkDdiEscape = Escape;
  data.DxgkDdiLinkDevice = LinkDevice;
  data.DxgkDdiBeginExclusiveAccess = BeginExclusiveAccess;
  data.DxgkDdiEndExclusiveAccess = EndExclusiveAccess;
  if (!GdmParameters.NoPaging) {
    data.DxgkDdiCreateAllocation = CreateAllocation;
    data.DxgkDdiDestroyAllocation = DestroyAllocation;
    data.DxgkDdiBuildPagingBuffer = BuildPagingBuffer;
    data.DxgkDdiSubmitCommand = SubmitCommand;
    data.DxgkDdiPreemptCommand = PreemptCommand;
    data.DxgkDdiQueryCurrentFence = QueryCurrentFence;
    data.DxgkDdiResetFromTimeout = ResetFromTimeout;
    data.DxgkDdiRestartFromTimeout = RestartFromTimeout;
    data.DxgkDdiResetEngine = ResetEngine;
    data.DxgkDdiQueryEngineStatus = QueryEngineStatus;
    data.DxgkDdiQueryDependentEngineGroup = QueryDependentEngineGroup;
    data.DxgkDdiCollectDbgInfo = CollectDbgInfo;
  }
  return DxgkInitialize(DriverObject, RegistryPath, &data);
}
