// SPDX-License-Identifier: Apache-2.0
// A small display miniport in the kit's style, render only: it copies three pages through the device's local
// memory each time it starts. docs/bring-your-driver.md walks through it.
#include <dispmprt.h>
#include <ntddk.h>

#define EXAMPLE_TAG 'lpxE'
#define HIGHEST_ADDRESS ((1ull << 40) - 1)  // the device drives 40 address bits
#define RING_ENTRIES_LOG2 6
#define RING_BYTES (64u << RING_ENTRIES_LOG2)
#define COPY_BYTES (3 * PAGE_SIZE)
#define COPY_TO_LOCAL (1 | 2 << 16)  // operation, spaces of source and target: 0 local, 2 memory
#define COPY_FROM_LOCAL (1 | 2 << 20)
#define FENCE (8 | 1 << 8 | 2 << 20)  // after everything before it: write a value, interrupt

// BAR 0, as docs/registers-dma.md describes it; plain volatile accesses, as drivers of many a device do.
typedef struct _EXAMPLE_REGISTERS {
  volatile ULONG Id, Version;
  volatile ULONG64 Caps;
  volatile ULONG IntStatus, IntEnable;
  UCHAR Reserved1[0x100 - 0x18];
  volatile ULONG Control, Status;
  volatile ULONG64 RingBase;
  volatile ULONG RingConfig, Reserved2, Head, Tail;
} EXAMPLE_REGISTERS;
C_ASSERT(FIELD_OFFSET(EXAMPLE_REGISTERS, Tail) == 0x11C);

typedef struct _EXAMPLE_MEMORY {
  HANDLE Object, AdapterObject;
  DXGK_ADL* Adl;
  PVOID Base;
  SIZE_T MappedSize;
  PUCHAR Data;
} EXAMPLE_MEMORY;

typedef struct _EXAMPLE_ADAPTER {
  DXGKRNL_INTERFACE Dxgk;
  EXAMPLE_REGISTERS* Registers;
  EXAMPLE_MEMORY Ring, Source, Target;
  ULONG Tail;
  KEVENT FenceSeen;
} EXAMPLE_ADAPTER;

_IRQL_requires_(PASSIVE_LEVEL) static VOID FreeMemory(EXAMPLE_ADAPTER* Adapter, EXAMPLE_MEMORY* Memory) {
  PAGED_CODE();
  if (Memory->Adl != NULL) {
    DXGKARGCB_FREE_ADL Free = {Memory->AdapterObject, Memory->Adl};
    Adapter->Dxgk.DxgkCbFreeAdl(&Free);
  }
  if (Memory->Base != NULL) {
    DXGKARGCB_UNMAP_PHYSICAL_MEMORY Unmap = {Memory->Object, Memory->Base, Memory->MappedSize};
    Adapter->Dxgk.DxgkCbUnmapPhysicalMemory(&Unmap);
  }
  if (Memory->Object != NULL) {
    DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT Destroy = {Memory->Object, Memory->AdapterObject};
    Adapter->Dxgk.DxgkCbDestroyPhysicalMemoryObject(&Destroy);
  }
  RtlZeroMemory(Memory, sizeof(*Memory));
}

// Physically contiguous, so that one address is enough for the device.
static NTSTATUS AllocateMemory(EXAMPLE_ADAPTER* Adapter, SIZE_T Size, EXAMPLE_MEMORY* Memory) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT Create = {};
  Create.hAdapter = Adapter->Dxgk.DeviceHandle;
  Create.Size = ROUND_TO_PAGES(Size);
  Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
  Create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  Create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Create);
  if (!NT_SUCCESS(Status)) return Status;
  Memory->Object = Create.hPhysicalMemoryObject;
  Memory->AdapterObject = Create.hAdapterMemoryObject;

  DXGKARGCB_MAP_PHYSICAL_MEMORY Map = {Memory->Object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, Create.Size};
  Status = Adapter->Dxgk.DxgkCbMapPhysicalMemory(&Map);
  if (!NT_SUCCESS(Status)) return Status;
  Memory->Base = Map.pMappedAddress;
  Memory->MappedSize = Map.Size;
  Memory->Data = (PUCHAR)Map.pMappedAddress + Map.Offset;

  DXGKARGCB_ALLOCATE_ADL Allocate = {};
  Allocate.hAdapterMemoryObject = Memory->AdapterObject;
  Allocate.Size = Create.Size;
  Allocate.Flags.RequireContiguous = 1;
  Status = Adapter->Dxgk.DxgkCbAllocateAdl(&Allocate);
  if (NT_SUCCESS(Status)) Memory->Adl = Allocate.pAdl;
  return Status;
}

static ULONG64 DeviceAddress(const EXAMPLE_MEMORY* Memory) {
  return (ULONG64)Memory->Adl->BasePageNumber << PAGE_SHIFT;
}

// A descriptor of 64 bytes into the ring.
static VOID Submit(EXAMPLE_ADAPTER* Adapter, ULONG64 Operation, ULONG64 From, ULONG64 To, ULONG64 Length,
                   ULONG64 Value) {
  const ULONG64 Words[8] = {Operation, From, To, Length, 0, Value};
  RtlCopyMemory(Adapter->Ring.Data + 64 * Adapter->Tail++, Words, sizeof(Words));
}

// Source to local memory, local memory to target; the fence's word is behind the target's data.
static NTSTATUS CopyOnce(EXAMPLE_ADAPTER* Adapter) {
  EXAMPLE_REGISTERS* Registers = Adapter->Registers;
  RtlFillMemory(Adapter->Source.Data, COPY_BYTES, 0xA5);
  Registers->RingBase = DeviceAddress(&Adapter->Ring);
  Registers->RingConfig = RING_ENTRIES_LOG2 | 2 << 8;
  Registers->IntEnable = 3;
  Registers->Control = 1;
  const ULONG64 Target = DeviceAddress(&Adapter->Target);
  Submit(Adapter, COPY_TO_LOCAL, DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);
  Submit(Adapter, FENCE, 0, Target + COPY_BYTES, 0, 1);  // a copy may overtake the one before it
  Submit(Adapter, COPY_FROM_LOCAL, 0, Target, COPY_BYTES - 1, 0);
  Submit(Adapter, FENCE, 0, Target + COPY_BYTES, 0, 2);
  KeMemoryBarrier();
  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);

  LARGE_INTEGER Timeout;
  Timeout.QuadPart = -20000;  // 2 ms
  volatile ULONG64* FenceWord = (volatile ULONG64*)(Adapter->Target.Data + COPY_BYTES);
  while (*FenceWord != 2) {
    if (KeWaitForSingleObject(&Adapter->FenceSeen, Executive, KernelMode, FALSE, &Timeout) != STATUS_SUCCESS)
      return STATUS_IO_TIMEOUT;
  }
  return RtlEqualMemory(Adapter->Source.Data, Adapter->Target.Data, COPY_BYTES) ? STATUS_SUCCESS
                                                                                : STATUS_DATA_ERROR;
}

// The device makes no request when this returns.
static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {
  Adapter->Registers->IntEnable = 0;
  Adapter->Registers->Control = 2;  // drain and reset
  while (Adapter->Registers->Control & 2) KeStallExecutionProcessor(1);
  Adapter->Tail = 0;
}

static NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT, OUT_PPVOID MiniportDeviceContext) {
  *MiniportDeviceContext = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(EXAMPLE_ADAPTER), EXAMPLE_TAG);
  return *MiniportDeviceContext != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {
  ExFreePoolWithTag(MiniportDeviceContext, EXAMPLE_TAG);
  return STATUS_SUCCESS;
}

static NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {
  EXAMPLE_ADAPTER* Adapter = (EXAMPLE_ADAPTER*)MiniportDeviceContext;
  if (Adapter->Registers != NULL) {
    Quiesce(Adapter);
    Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);
    Adapter->Registers = NULL;
  }
  FreeMemory(Adapter, &Adapter->Target);
  FreeMemory(Adapter, &Adapter->Source);
  FreeMemory(Adapter, &Adapter->Ring);
  return STATUS_SUCCESS;
}

static NTSTATUS StartDevice(IN_CONST_PVOID MiniportDeviceContext, IN_PDXGK_START_INFO,
                            IN_PDXGKRNL_INTERFACE DxgkInterface, OUT_PULONG NumberOfVideoPresentSources,
                            OUT_PULONG NumberOfChildren) {
  EXAMPLE_ADAPTER* Adapter = (EXAMPLE_ADAPTER*)MiniportDeviceContext;
  RtlCopyMemory(&Adapter->Dxgk, DxgkInterface, min(DxgkInterface->Size, sizeof(Adapter->Dxgk)));
  *NumberOfVideoPresentSources = *NumberOfChildren = 0;
  KeInitializeEvent(&Adapter->FenceSeen, SynchronizationEvent, FALSE);

  DXGK_DEVICE_INFO Info;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbGetDeviceInformation(Adapter->Dxgk.DeviceHandle, &Info);
  if (!NT_SUCCESS(Status)) return Status;
  PCM_PARTIAL_RESOURCE_DESCRIPTOR Bar =
      Info.TranslatedResourceList->List[0].PartialResourceList.PartialDescriptors;
  PVOID Registers = NULL;
  Status = Adapter->Dxgk.DxgkCbMapMemory(Adapter->Dxgk.DeviceHandle, Bar->u.Memory.Start,
                                         Bar->u.Memory.Length, FALSE, FALSE, MmNonCached, &Registers);
  Adapter->Registers = (EXAMPLE_REGISTERS*)Registers;
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, RING_BYTES, &Adapter->Ring);
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, COPY_BYTES, &Adapter->Source);
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, COPY_BYTES + PAGE_SIZE, &Adapter->Target);
  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);
  if (!NT_SUCCESS(Status)) StopDevice(MiniportDeviceContext);
  return Status;
}

static BOOLEAN InterruptRoutine(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG) {
  EXAMPLE_ADAPTER* Adapter = (EXAMPLE_ADAPTER*)MiniportDeviceContext;
  const ULONG Causes = Adapter->Registers != NULL ? Adapter->Registers->IntStatus : 0;
  if (Causes == 0) return FALSE;
  Adapter->Registers->IntStatus = Causes;  // written ones clear
  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);
  return TRUE;
}

static VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {
  KeSetEvent(&((EXAMPLE_ADAPTER*)MiniportDeviceContext)->FenceSeen, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS Answer(IN_CONST_PDXGKARG_QUERYADAPTERINFO Query, const VOID* Data, UINT Size) {
  if (Query->OutputDataSize < Size) return STATUS_BUFFER_TOO_SMALL;
  RtlCopyMemory(Query->pOutputData, Data, Size);
  return STATUS_SUCCESS;
}

static NTSTATUS QueryAdapterInfo(IN_CONST_HANDLE, IN_CONST_PDXGKARG_QUERYADAPTERINFO Query) {
  DXGK_DRIVERCAPS Caps = {};
  Caps.WDDMVersion = DXGKDDI_WDDMv2_9;
  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;
  Caps.MemoryManagementCaps.MapAperture2Supported = 1;
  DXGK_PHYSICAL_MEMORY_CAPS Memory = {};
  Memory.HighestVisibleAddress.QuadPart = HIGHEST_ADDRESS;
  DXGK_IOMMU_CAPS Iommu = {};
  Iommu.IommuIsolationSupported = Iommu.DmaRemappingSupported = 1;
  if (Query->Type == DXGKQAITYPE_DRIVERCAPS) return Answer(Query, &Caps, sizeof(Caps));
  if (Query->Type == DXGKQAITYPE_PHYSICAL_MEMORY_CAPS) return Answer(Query, &Memory, sizeof(Memory));
  if (Query->Type == DXGKQAITYPE_IOMMU_CAPS) return Answer(Query, &Iommu, sizeof(Iommu));
  return STATUS_NOT_SUPPORTED;
}

static VOID Unload(VOID) {}

extern "C" NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
  DRIVER_INITIALIZATION_DATA Data = {};
  Data.Version = DXGKDDI_INTERFACE_VERSION;
  Data.DxgkDdiAddDevice = AddDevice;
  Data.DxgkDdiStartDevice = StartDevice;
  Data.DxgkDdiStopDevice = StopDevice;
  Data.DxgkDdiRemoveDevice = RemoveDevice;
  Data.DxgkDdiInterruptRoutine = InterruptRoutine;
  Data.DxgkDdiDpcRoutine = DpcRoutine;
  Data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;
  Data.DxgkDdiUnload = Unload;
  return DxgkInitialize(DriverObject, RegistryPath, &Data);
}
