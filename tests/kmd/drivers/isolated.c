// SPDX-License-Identifier: Apache-2.0
// A miniport of WDDM 2.4 in C: 1:1 isolation, memory of all three kinds that its callbacks know. The ring is
// contiguous, the source pages for an MDL, the target non-paged pool that the driver describes itself.
#include <dispmprt.h>
#include <initguid.h>
#include <ntddk.h>

#define ISOLATED_TAG 'losI'
#define PAGES 3
#define COPY_TO_LOCAL (1 | 2 << 16)
#define COPY_FROM_LOCAL (1 | 2 << 20)
#define FENCE (8 | 1 << 8 | 2 << 20)
#define CONTROL 0x100  // the channel's registers, as docs/registers-dma.md has them
#define RING_BASE (0x108 / 8)
#define RING_CONFIG (0x110 / 4)
#define HEAD_AND_TAIL 0x118

typedef struct _ISOLATED {
  DXGKRNL_INTERFACE Dxgk;
  volatile ULONG* Control;  // of the channel: a window into the BAR
  HANDLE RingHandle;
  PVOID Ring;
  HANDLE SourceHandle;
  PMDL Source;
  HANDLE TargetHandle;
  PMDL TargetMdl;
  PUCHAR Target;
  ULONG Tail;
} ISOLATED;

static ULONG64 PageOf(PMDL Mdl, ULONG Index) { return (ULONG64)MmGetMdlPfnArray(Mdl)[Index] << PAGE_SHIFT; }

static VOID Submit(ISOLATED* Device, ULONG64 Operation, ULONG64 From, ULONG64 To, ULONG64 Length,
                   ULONG64 Value) {
  const ULONG64 Words[8] = {Operation, From, To, Length, 0, Value, 0, 0};
  RtlCopyMemory((PUCHAR)Device->Ring + 64 * Device->Tail++, Words, sizeof(Words));
}

static NTSTATUS CopyOnce(ISOLATED* Device) {
  LARGE_INTEGER Step;
  ULONG Page, Tries;
  PUCHAR Source = (PUCHAR)MmGetSystemAddressForMdlSafe(Device->Source, NormalPagePriority);
  volatile ULONG64* FenceWord = (volatile ULONG64*)(Device->Target + PAGES * PAGE_SIZE);
  if (Source == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  RtlFillMemory(Source, PAGES * PAGE_SIZE, 0x3C);
  RtlZeroMemory(Device->Target, (PAGES + 1) * PAGE_SIZE);
  WRITE_REGISTER_ULONG64((volatile ULONG64*)Device->Control + (RING_BASE - CONTROL / 8),
                         (ULONG64)MmGetPhysicalAddress(Device->Ring).QuadPart);
  WRITE_REGISTER_ULONG(Device->Control + (RING_CONFIG - CONTROL / 4), 6 | 2 << 8);
  WRITE_REGISTER_ULONG(Device->Control, 1);
  for (Page = 0; Page < PAGES; ++Page)
    Submit(Device, COPY_TO_LOCAL, PageOf(Device->Source, Page), Page * PAGE_SIZE, PAGE_SIZE - 1, 0);
  Submit(Device, FENCE, 0, PageOf(Device->TargetMdl, PAGES), 0, 1);
  for (Page = 0; Page < PAGES; ++Page)
    Submit(Device, COPY_FROM_LOCAL, Page * PAGE_SIZE, PageOf(Device->TargetMdl, Page), PAGE_SIZE - 1, 0);
  Submit(Device, FENCE, 0, PageOf(Device->TargetMdl, PAGES), 0, 2);
  KeMemoryBarrier();
  WRITE_REGISTER_ULONG(Device->Control + (HEAD_AND_TAIL + 4 - CONTROL) / 4, Device->Tail);
  Step.QuadPart = -100;  // 10 us
  for (Tries = 0; *FenceWord != 2; ++Tries) {
    if (Tries == 200) return STATUS_IO_TIMEOUT;
    KeDelayExecutionThread(KernelMode, FALSE, &Step);
  }
  return RtlEqualMemory(Source, Device->Target, PAGES * PAGE_SIZE) ? STATUS_SUCCESS : STATUS_DATA_ERROR;
}

static NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {
  ISOLATED* Device = (ISOLATED*)MiniportDeviceContext;
  HANDLE Adapter = Device->Dxgk.DeviceHandle;
  if (Device->Control != NULL) {
    WRITE_REGISTER_ULONG(Device->Control, 2);  // drain and reset
    while (READ_REGISTER_ULONG(Device->Control) & 2) KeStallExecutionProcessor(1);
    Device->Dxgk.DxgkCbUnmapMemory(Adapter, (PVOID)Device->Control);
    Device->Control = NULL;
  }
  if (Device->TargetHandle != NULL) {
    DXGKARGCB_UNMAPMDLFROMIOMMU Unmap = {Device->TargetHandle};
    Device->Dxgk.DxgkCbUnmapMdlFromIoMmu(Adapter, &Unmap);
  }
  if (Device->TargetMdl != NULL) IoFreeMdl(Device->TargetMdl);
  if (Device->Target != NULL) ExFreePoolWithTag(Device->Target, ISOLATED_TAG);
  if (Device->SourceHandle != NULL) {
    DXGKARGCB_FREEPAGESFROMMDL Free = {Device->SourceHandle};
    if (Device->Source->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
      MmUnmapLockedPages(Device->Source->MappedSystemVa, Device->Source);
    Device->Dxgk.DxgkCbFreePagesFromMdl(Adapter, &Free);
  }
  if (Device->RingHandle != NULL) {
    DXGKARGCB_FREECONTIGUOUSMEMORY Free = {Device->RingHandle};
    Device->Dxgk.DxgkCbFreeContiguousMemory(Adapter, &Free);
  }
  RtlZeroMemory(Device, sizeof(*Device));
  return STATUS_SUCCESS;
}

static NTSTATUS AllocateAll(ISOLATED* Device) {
  HANDLE Adapter = Device->Dxgk.DeviceHandle;
  DXGKARGCB_ALLOCATECONTIGUOUSMEMORY Ring = {0};
  DXGKARGCB_ALLOCATEPAGESFORMDL Source = {0};
  DXGKARGCB_MAPMDLTOIOMMU Target = {0};
  NTSTATUS Status;
  Ring.NumberOfBytes = PAGE_SIZE;
  Ring.HighestAcceptableAddress.QuadPart = -1;
  Ring.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  Status = Device->Dxgk.DxgkCbAllocateContiguousMemory(Adapter, &Ring);
  if (!NT_SUCCESS(Status)) return Status;
  Device->RingHandle = Ring.hMemoryHandle;
  Device->Ring = Ring.pMemory;

  Source.HighAddress.QuadPart = -1;
  Source.TotalBytes = PAGES * PAGE_SIZE;
  Source.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  Status = Device->Dxgk.DxgkCbAllocatePagesForMdl(Adapter, &Source);
  if (!NT_SUCCESS(Status)) return Status;
  Device->SourceHandle = Source.hMemoryHandle;
  Device->Source = Source.pMdl;

  Device->Target = (PUCHAR)ExAllocatePool2(POOL_FLAG_NON_PAGED, (PAGES + 1) * PAGE_SIZE, ISOLATED_TAG);
  if (Device->Target == NULL) return STATUS_NO_MEMORY;
  Device->TargetMdl = IoAllocateMdl(Device->Target, (PAGES + 1) * PAGE_SIZE, FALSE, FALSE, NULL);
  if (Device->TargetMdl == NULL) return STATUS_NO_MEMORY;
  MmBuildMdlForNonPagedPool(Device->TargetMdl);
  Target.pMdl = Device->TargetMdl;
  Status = Device->Dxgk.DxgkCbMapMdlToIoMmu(Adapter, &Target);
  if (NT_SUCCESS(Status)) Device->TargetHandle = Target.hMemoryHandle;
  return Status;
}

static NTSTATUS StartDevice(IN_CONST_PVOID MiniportDeviceContext, IN_PDXGK_START_INFO DxgkStartInfo,
                            IN_PDXGKRNL_INTERFACE DxgkInterface, OUT_PULONG NumberOfVideoPresentSources,
                            OUT_PULONG NumberOfChildren) {
  ISOLATED* Device = (ISOLATED*)MiniportDeviceContext;
  DXGK_DEVICE_INFO Info;
  PCM_PARTIAL_RESOURCE_DESCRIPTOR Bar;
  PHYSICAL_ADDRESS Channel;
  PVOID Window = NULL;
  USHORT Ids[2] = {0, 0};
  ULONG BytesRead = 0;
  NTSTATUS Status;
  UNREFERENCED_PARAMETER(DxgkStartInfo);
  *NumberOfVideoPresentSources = *NumberOfChildren = 0;
  if (DxgkInterface->Size != sizeof(Device->Dxgk)) return STATUS_REVISION_MISMATCH;
  Device->Dxgk = *DxgkInterface;
  Status = Device->Dxgk.DxgkCbGetDeviceInformation(Device->Dxgk.DeviceHandle, &Info);
  if (!NT_SUCCESS(Status)) return Status;
  Status = Device->Dxgk.DxgkCbReadDeviceSpace(Device->Dxgk.DeviceHandle, DXGK_WHICHSPACE_CONFIG, Ids, 0,
                                              sizeof(Ids), &BytesRead);
  if (!NT_SUCCESS(Status) || BytesRead != sizeof(Ids)) return STATUS_DEVICE_CONFIGURATION_ERROR;
  DbgPrint("isolated: device %04x:%04x\n", Ids[0], Ids[1]);
  Bar = Info.TranslatedResourceList->List[0].PartialResourceList.PartialDescriptors;
  Channel = Bar->u.Memory.Start;
  Channel.QuadPart += CONTROL;
  Status = Device->Dxgk.DxgkCbMapMemory(Device->Dxgk.DeviceHandle, Channel, 0x100, FALSE, FALSE, MmNonCached,
                                        &Window);
  Device->Control = (volatile ULONG*)Window;
  if (NT_SUCCESS(Status)) Status = AllocateAll(Device);
  if (NT_SUCCESS(Status)) Status = CopyOnce(Device);
  if (!NT_SUCCESS(Status)) StopDevice(Device);
  return Status;
}

static NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject, OUT_PPVOID MiniportDeviceContext) {
  ULONG Bus, Length;
  if (!NT_SUCCESS(
          IoGetDeviceProperty(PhysicalDeviceObject, DevicePropertyBusNumber, sizeof(Bus), &Bus, &Length)))
    return STATUS_NO_SUCH_DEVICE;
  *MiniportDeviceContext = ExAllocatePoolZero(NonPagedPoolNx, sizeof(ISOLATED), ISOLATED_TAG);
  return *MiniportDeviceContext != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {
  ExFreePoolWithTag(MiniportDeviceContext, ISOLATED_TAG);
  return STATUS_SUCCESS;
}

static NTSTATUS QueryAdapterInfo(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_QUERYADAPTERINFO Query) {
  UNREFERENCED_PARAMETER(hAdapter);
  if (Query->Type != DXGKQAITYPE_DRIVERCAPS) return STATUS_NOT_SUPPORTED;
  if (Query->OutputDataSize < sizeof(DXGK_DRIVERCAPS)) return STATUS_BUFFER_TOO_SMALL;
  RtlZeroMemory(Query->pOutputData, Query->OutputDataSize);
  ((DXGK_DRIVERCAPS*)Query->pOutputData)->WDDMVersion = DXGKDDI_WDDM_LATEST;
  ((DXGK_DRIVERCAPS*)Query->pOutputData)->MemoryManagementCaps.IoMmuSecureModeSupported = 1;
  return STATUS_SUCCESS;
}

// Isolation begins after StartDevice: between the two the device is silent, as it is whenever the ring is
// empty.
static NTSTATUS BeginExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BEGINEXCLUSIVEACCESS Begin) {
  ISOLATED* Device = (ISOLATED*)hAdapter;
  UNREFERENCED_PARAMETER(Begin);
  WRITE_REGISTER_ULONG(Device->Control, 0);
  while (!(READ_REGISTER_ULONG(Device->Control + 1) & 1)) KeStallExecutionProcessor(1);
  return STATUS_SUCCESS;
}

static NTSTATUS EndExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_ENDEXCLUSIVEACCESS End) {
  UNREFERENCED_PARAMETER(End);
  WRITE_REGISTER_ULONG(((ISOLATED*)hAdapter)->Control, 1);
  return STATUS_SUCCESS;
}

// After EndExclusiveAccess, by an escape: the same copy once more, now translated.
static NTSTATUS Escape(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_ESCAPE Args) {
  UNREFERENCED_PARAMETER(Args);
  return CopyOnce((ISOLATED*)hAdapter);
}

static VOID Unload(VOID) {}
static NTSTATUS APIENTRY IsSupportedVidPn(IN_CONST_HANDLE hAdapter, PVOID Argument) {
  return hAdapter == Argument ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
  DRIVER_INITIALIZATION_DATA Data = {0};
  Data.Version = DXGKDDI_INTERFACE_VERSION;
  Data.DxgkDdiAddDevice = AddDevice;
  Data.DxgkDdiStartDevice = StartDevice;
  Data.DxgkDdiStopDevice = StopDevice;
  Data.DxgkDdiRemoveDevice = RemoveDevice;
  Data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;
  Data.DxgkDdiIsSupportedVidPn = IsSupportedVidPn;
  Data.DxgkDdiBeginExclusiveAccess = BeginExclusiveAccess;
  Data.DxgkDdiEndExclusiveAccess = EndExclusiveAccess;
  Data.DxgkDdiEscape = Escape;
  Data.DxgkDdiUnload = Unload;
  return DxgkInitialize(DriverObject, RegistryPath, &Data);
}
