// SPDX-License-Identifier: Apache-2.0
// A miniport in C whose adapters keep what they have in local memory through power states, one or two in a
// link. The GPU copies it to the pinned save area at once, or a page at a time through a page of the driver's
// own where the area can not be pinned. Escapes: 1 fills local memory, 2 compares it, of all members.
#include <dispmprt.h>
#include <ntddk.h>

#define SAVER_TAG 'rvaS'
#define RING_ENTRIES_LOG2 6
#define RING_ENTRIES (1u << RING_ENTRIES_LOG2)
#define DESCRIPTOR_BYTES 64u
#define OWN_PAGES 2
#define OWN_BYTES (OWN_PAGES * PAGE_SIZE)
#define MOST_MEMBERS 2

enum { SPACE_VRAM = 0, SPACE_LOGICAL = 2, OP_COPY = 1, OP_FILL = 3, OP_FENCE = 8 };

typedef struct _SAVER_REGISTERS {  // docs/registers-dma.md
  volatile ULONG Id, Version;
  volatile ULONG64 Caps;
  volatile ULONG IntStatus, IntEnable;
  UCHAR Reserved1[0x100 - 0x18];
  volatile ULONG Control, Status;
  volatile ULONG64 RingBase;
  volatile ULONG RingConfig, Reserved2, Head, Tail;
} SAVER_REGISTERS;
C_ASSERT(FIELD_OFFSET(SAVER_REGISTERS, Tail) == 0x11C);

typedef struct _SAVER_MEMORY {
  HANDLE Object, AdapterObject;
  DXGK_ADL* Adl;
  PVOID Base;
  SIZE_T MappedSize;
} SAVER_MEMORY;

typedef struct _SAVER_ADAPTER {
  DXGKRNL_INTERFACE Dxgk;
  SAVER_REGISTERS* Registers;
  SAVER_MEMORY Ring, Buffer;  // the buffer: a page of data, a fence's word behind it
  UINT Index;
  BOOLEAN Saved;
  ULONG Tail;
  ULONG64 Fence;
} SAVER_ADAPTER;

static SAVER_ADAPTER* Members[MOST_MEMBERS];  // the lead first, as the bus enumerates them
static UINT MemberCount;

// The save area is the link's: its callbacks take the lead's handle.
static HANDLE LeadHandle(VOID) { return Members[0]->Dxgk.DeviceHandle; }

// ---- Memory and ring

static VOID FreeMemory(SAVER_ADAPTER* Adapter, SAVER_MEMORY* Memory) {
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

static NTSTATUS AllocateMemory(SAVER_ADAPTER* Adapter, SIZE_T Size, SAVER_MEMORY* Memory) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT Create = {0};
  Create.hAdapter = Adapter->Dxgk.DeviceHandle;
  Create.Size = ROUND_TO_PAGES(Size);
  Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
  Create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  Create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Create);
  if (!NT_SUCCESS(Status)) return Status;
  Memory->Object = Create.hPhysicalMemoryObject;
  Memory->AdapterObject = Create.hAdapterMemoryObject;
  DXGKARGCB_MAP_PHYSICAL_MEMORY Map = {Memory->Object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, Create.Size, NULL};
  Status = Adapter->Dxgk.DxgkCbMapPhysicalMemory(&Map);
  if (!NT_SUCCESS(Status)) return Status;
  Memory->Base = Map.pMappedAddress;
  Memory->MappedSize = Map.Size;
  DXGKARGCB_ALLOCATE_ADL Allocate = {0};
  Allocate.hAdapterMemoryObject = Memory->AdapterObject;
  Allocate.Size = Create.Size;
  Allocate.Flags.RequireContiguous = 1;
  Status = Adapter->Dxgk.DxgkCbAllocateAdl(&Allocate);
  if (NT_SUCCESS(Status)) Memory->Adl = Allocate.pAdl;
  return Status;
}

static ULONG64 DeviceAddress(const SAVER_MEMORY* Memory) {
  return (ULONG64)Memory->Adl->BasePageNumber << PAGE_SHIFT;
}

static VOID Push(SAVER_ADAPTER* Adapter, ULONG64 Operation, ULONG64 From, ULONG64 To, ULONG64 Length,
                 ULONG64 Value) {
  const ULONG64 Words[8] = {Operation, From, To, Length, 0, Value, 0, 0};
  RtlCopyMemory((PUCHAR)Adapter->Ring.Base + DESCRIPTOR_BYTES * Adapter->Tail, Words, DESCRIPTOR_BYTES);
  Adapter->Tail = (Adapter->Tail + 1) % RING_ENTRIES;
}

static VOID Enable(SAVER_ADAPTER* Adapter) {
  Adapter->Tail = 0;
  Adapter->Registers->RingBase = DeviceAddress(&Adapter->Ring);
  Adapter->Registers->RingConfig = RING_ENTRIES_LOG2 | SPACE_LOGICAL << 8;
  Adapter->Registers->IntEnable = 3;
  Adapter->Registers->Control = 1;
}

// The device makes no request when this returns.
static VOID Quiesce(SAVER_ADAPTER* Adapter) {
  Adapter->Registers->IntEnable = 0;
  Adapter->Registers->Control = 2;
  while ((Adapter->Registers->Control & 2) != 0) KeStallExecutionProcessor(1);
}

// Rings for what was pushed, and waits for it.
static NTSTATUS Run(SAVER_ADAPTER* Adapter) {
  volatile ULONG64* Word = (volatile ULONG64*)((PUCHAR)Adapter->Buffer.Base + PAGE_SIZE);
  LARGE_INTEGER Interval;
  Push(Adapter, OP_FENCE | 1 << 8 | SPACE_LOGICAL << 20, 0, DeviceAddress(&Adapter->Buffer) + PAGE_SIZE, 0,
       ++Adapter->Fence);
  KeMemoryBarrier();
  WRITE_REGISTER_ULONG(&Adapter->Registers->Tail, Adapter->Tail);
  Interval.QuadPart = -50;
  for (ULONG Waits = 0; *Word != Adapter->Fence; ++Waits) {
    if (Waits == 200) return STATUS_IO_TIMEOUT;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
  }
  return STATUS_SUCCESS;
}

static NTSTATUS Copy(SAVER_ADAPTER* Adapter, ULONG64 Local, ULONG64 System, ULONG64 Bytes, BOOLEAN Out) {
  if (Out)
    Push(Adapter, OP_COPY | SPACE_VRAM << 16 | SPACE_LOGICAL << 20, Local, System, Bytes - 1, 0);
  else
    Push(Adapter, OP_COPY | SPACE_LOGICAL << 16 | SPACE_VRAM << 20, System, Local, Bytes - 1, 0);
  return Run(Adapter);
}

// ---- Frame-buffer save

static NTSTATUS MovePinned(SAVER_ADAPTER* Adapter, const DXGK_ADL* Adl, BOOLEAN Out) {
  NTSTATUS Status = STATUS_SUCCESS;
  for (ULONG64 Page = 0; NT_SUCCESS(Status) && Page < Adl->PageCount; ++Page) {
    const ULONG64 Number = Adl->Flags.Contiguous ? Adl->BasePageNumber + Page : Adl->Pages[Page];
    Status = Copy(Adapter, Page * PAGE_SIZE, Number << PAGE_SHIFT, PAGE_SIZE, Out);
  }
  return Status;
}

static NTSTATUS MovePiece(SAVER_ADAPTER* Adapter, SIZE_T Offset, BOOLEAN Out) {
  const HANDLE Lead = LeadHandle();
  DXGKARGCB_MAPFRAMEBUFFERPOINTER Map = {Adapter->Index, PAGE_SIZE, Offset, NULL};
  NTSTATUS Status = Adapter->Dxgk.DxgkCbMapFrameBufferPointer(Lead, &Map);
  if (!NT_SUCCESS(Status)) return Status;
  const PUCHAR View = (PUCHAR)Map.pBaseAddress + Map.Offset;
  if (!Out) RtlCopyMemory(Adapter->Buffer.Base, View, PAGE_SIZE);
  Status = Copy(Adapter, Offset, DeviceAddress(&Adapter->Buffer), PAGE_SIZE, Out);
  if (Out) RtlCopyMemory(View, Adapter->Buffer.Base, PAGE_SIZE);
  const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER Unmap = {Adapter->Index, Map.pBaseAddress};
  Adapter->Dxgk.DxgkCbUnmapFrameBufferPointer(Lead, &Unmap);
  return Status;
}

static NTSTATUS MovePieces(SAVER_ADAPTER* Adapter, BOOLEAN Out) {
  NTSTATUS Status = STATUS_SUCCESS;
  for (SIZE_T Offset = 0; NT_SUCCESS(Status) && Offset < OWN_BYTES; Offset += PAGE_SIZE)
    Status = MovePiece(Adapter, Offset, Out);
  return Status;
}

static NTSTATUS MoveFrameBuffer(SAVER_ADAPTER* Adapter, BOOLEAN Out) {
  const HANDLE Lead = LeadHandle();
  DXGKARGCB_PINFRAMEBUFFERFORSAVE2 Pin = {0};
  Pin.PhysicalAdapterIndex = Adapter->Index;
  Pin.CommitSize = OWN_BYTES;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbPinFrameBufferForSave2(Lead, &Pin);
  if (!NT_SUCCESS(Status)) return MovePieces(Adapter, Out);
  Status = MovePinned(Adapter, Pin.pAdl, Out);
  const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE Unpin = {Adapter->Index};
  Adapter->Dxgk.DxgkCbUnpinFrameBufferForSave(Lead, &Unpin);
  return Status;
}

// Neither direction may fail: what could not be saved is lost, and the device is reset.
static NTSTATUS SetPowerState(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG DeviceUid,
                              IN_DEVICE_POWER_STATE DevicePowerState, IN_POWER_ACTION ActionType) {
  SAVER_ADAPTER* Adapter = (SAVER_ADAPTER*)MiniportDeviceContext;
  UNREFERENCED_PARAMETER(ActionType);
  if (DeviceUid != DISPLAY_ADAPTER_HW_ID) return STATUS_SUCCESS;
  if (DevicePowerState == PowerDeviceD0) {
    Enable(Adapter);
    if (Adapter->Saved) MoveFrameBuffer(Adapter, FALSE);
    Adapter->Saved = FALSE;
  } else {
    if (!Adapter->Saved) Adapter->Saved = NT_SUCCESS(MoveFrameBuffer(Adapter, TRUE));
    Quiesce(Adapter);
  }
  return STATUS_SUCCESS;
}

// ---- Escapes: each page of each member has a word of its own

static ULONG WordOf(const SAVER_ADAPTER* Adapter, ULONG Page) {
  return 0x01010101u * (16 * (Adapter->Index + 1) + Page);
}

static NTSTATUS FillOwn(SAVER_ADAPTER* Adapter) {
  for (ULONG Page = 0; Page < OWN_PAGES; ++Page)
    Push(Adapter, OP_FILL | 3 << 12 | SPACE_VRAM << 20, WordOf(Adapter, Page), Page * PAGE_SIZE,
         PAGE_SIZE - 1, 0);  // the source is the pattern
  return Run(Adapter);
}

static NTSTATUS CheckOwn(SAVER_ADAPTER* Adapter) {
  for (ULONG Page = 0; Page < OWN_PAGES; ++Page) {
    const NTSTATUS Status = Copy(Adapter, Page * PAGE_SIZE, DeviceAddress(&Adapter->Buffer), PAGE_SIZE, TRUE);
    if (!NT_SUCCESS(Status)) return Status;
    for (ULONG i = 0; i < PAGE_SIZE / sizeof(ULONG); ++i)
      if (((const ULONG*)Adapter->Buffer.Base)[i] != WordOf(Adapter, Page)) return STATUS_DEVICE_DATA_ERROR;
  }
  return STATUS_SUCCESS;
}

static NTSTATUS Escape(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_ESCAPE Args) {
  NTSTATUS Status = STATUS_SUCCESS;
  UNREFERENCED_PARAMETER(hAdapter);
  if (Args->PrivateDriverDataSize < sizeof(ULONG)) return STATUS_INVALID_PARAMETER;
  const BOOLEAN Fill = *(const ULONG*)Args->pPrivateDriverData == 1;
  for (UINT i = 0; NT_SUCCESS(Status) && i < MemberCount; ++i)
    Status = Fill ? FillOwn(Members[i]) : CheckOwn(Members[i]);
  return Status;
}

// ---- Interrupts

static BOOLEAN InterruptRoutine(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG MessageNumber) {
  SAVER_ADAPTER* Adapter = (SAVER_ADAPTER*)MiniportDeviceContext;
  const ULONG Causes = Adapter->Registers != NULL ? Adapter->Registers->IntStatus : 0;
  UNREFERENCED_PARAMETER(MessageNumber);
  if (Causes == 0) return FALSE;
  Adapter->Registers->IntStatus = Causes;
  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);
  return TRUE;
}

static VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {
  SAVER_ADAPTER* Adapter = (SAVER_ADAPTER*)MiniportDeviceContext;
  Adapter->Dxgk.DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle);
}

// ---- Plug and play

static NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject, OUT_PPVOID MiniportDeviceContext) {
  UNREFERENCED_PARAMETER(PhysicalDeviceObject);
  if (MemberCount == MOST_MEMBERS) return STATUS_NO_SUCH_DEVICE;
  SAVER_ADAPTER* Adapter = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(SAVER_ADAPTER), SAVER_TAG);
  if (Adapter == NULL) return STATUS_NO_MEMORY;
  Adapter->Index = MemberCount;
  Members[MemberCount++] = Adapter;
  *MiniportDeviceContext = Adapter;
  return STATUS_SUCCESS;
}

// As the bus has it: all in one link.
static NTSTATUS LinkDevice(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject, IN_CONST_PVOID MiniportDeviceContext,
                           INOUT_PLINKED_DEVICE LinkedDevice) {
  UNREFERENCED_PARAMETER(PhysicalDeviceObject);
  UNREFERENCED_PARAMETER(MiniportDeviceContext);
  return LinkedDevice->NumberOfLinksInChain <= MOST_MEMBERS ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

static NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {
  ExFreePoolWithTag(MiniportDeviceContext, SAVER_TAG);
  --MemberCount;
  return STATUS_SUCCESS;
}

static NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {
  SAVER_ADAPTER* Adapter = (SAVER_ADAPTER*)MiniportDeviceContext;
  if (Adapter->Registers != NULL) {
    Quiesce(Adapter);
    Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);
    Adapter->Registers = NULL;
  }
  FreeMemory(Adapter, &Adapter->Buffer);
  FreeMemory(Adapter, &Adapter->Ring);
  return STATUS_SUCCESS;
}

static NTSTATUS StartDevice(IN_CONST_PVOID MiniportDeviceContext, IN_PDXGK_START_INFO DxgkStartInfo,
                            IN_PDXGKRNL_INTERFACE DxgkInterface, OUT_PULONG NumberOfVideoPresentSources,
                            OUT_PULONG NumberOfChildren) {
  SAVER_ADAPTER* Adapter = (SAVER_ADAPTER*)MiniportDeviceContext;
  DXGK_DEVICE_INFO Info;
  PVOID Registers = NULL;
  UNREFERENCED_PARAMETER(DxgkStartInfo);
  RtlCopyMemory(&Adapter->Dxgk, DxgkInterface, min(DxgkInterface->Size, sizeof(Adapter->Dxgk)));
  *NumberOfVideoPresentSources = *NumberOfChildren = 0;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbGetDeviceInformation(Adapter->Dxgk.DeviceHandle, &Info);
  if (!NT_SUCCESS(Status)) return Status;
  PCM_PARTIAL_RESOURCE_DESCRIPTOR Bar =
      Info.TranslatedResourceList->List[0].PartialResourceList.PartialDescriptors;
  Status = Adapter->Dxgk.DxgkCbMapMemory(Adapter->Dxgk.DeviceHandle, Bar->u.Memory.Start,
                                         Bar->u.Memory.Length, FALSE, FALSE, MmNonCached, &Registers);
  Adapter->Registers = (SAVER_REGISTERS*)Registers;
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, RING_ENTRIES * DESCRIPTOR_BYTES, &Adapter->Ring);
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, 2 * PAGE_SIZE, &Adapter->Buffer);
  if (!NT_SUCCESS(Status)) {
    StopDevice(MiniportDeviceContext);
    return Status;
  }
  RtlZeroMemory(Adapter->Buffer.Base, 2 * PAGE_SIZE);
  Adapter->Fence = 0;
  Adapter->Saved = FALSE;
  Quiesce(Adapter);  // whatever it did before
  Enable(Adapter);
  return STATUS_SUCCESS;
}

static NTSTATUS QueryAdapterInfo(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_QUERYADAPTERINFO Query) {
  DXGK_DRIVERCAPS Caps = {0};
  DXGK_PHYSICAL_MEMORY_CAPS Memory = {0};
  DXGK_IOMMU_CAPS Iommu = {0};
  DXGK_FRAMEBUFFERSAVEAREA Save = {OWN_BYTES};
  const VOID* Answer = &Caps;
  UINT Size = sizeof(Caps);
  UNREFERENCED_PARAMETER(hAdapter);
  Caps.WDDMVersion = DXGKDDI_WDDMv2_9;
  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;
  Caps.MemoryManagementCaps.MapAperture2Supported = 1;
  Memory.HighestVisibleAddress.QuadPart = (1ll << 40) - 1;
  Iommu.IommuIsolationSupported = 1;
  Iommu.DmaRemappingSupported = 1;
  switch (Query->Type) {
    case DXGKQAITYPE_DRIVERCAPS:
      break;
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
      Answer = &Memory;
      Size = sizeof(Memory);
      break;
    case DXGKQAITYPE_IOMMU_CAPS:
      Answer = &Iommu;
      Size = sizeof(Iommu);
      break;
    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:
      Answer = &Save;
      Size = sizeof(Save);
      break;
    default:
      return STATUS_NOT_SUPPORTED;
  }
  if (Query->OutputDataSize < Size) return STATUS_BUFFER_TOO_SMALL;
  RtlCopyMemory(Query->pOutputData, Answer, Size);
  return STATUS_SUCCESS;
}

static NTSTATUS BeginExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BEGINEXCLUSIVEACCESS Args) {
  UNREFERENCED_PARAMETER(Args);
  Quiesce((SAVER_ADAPTER*)hAdapter);
  return STATUS_SUCCESS;
}

static NTSTATUS EndExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_ENDEXCLUSIVEACCESS Args) {
  UNREFERENCED_PARAMETER(Args);
  Enable((SAVER_ADAPTER*)hAdapter);
  return STATUS_SUCCESS;
}

static VOID Unload(VOID) {}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
  DRIVER_INITIALIZATION_DATA Data = {0};
  Data.Version = DXGKDDI_INTERFACE_VERSION;
  Data.DxgkDdiAddDevice = AddDevice;
  Data.DxgkDdiLinkDevice = LinkDevice;
  Data.DxgkDdiStartDevice = StartDevice;
  Data.DxgkDdiStopDevice = StopDevice;
  Data.DxgkDdiRemoveDevice = RemoveDevice;
  Data.DxgkDdiSetPowerState = SetPowerState;
  Data.DxgkDdiInterruptRoutine = InterruptRoutine;
  Data.DxgkDdiDpcRoutine = DpcRoutine;
  Data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;
  Data.DxgkDdiEscape = Escape;
  Data.DxgkDdiBeginExclusiveAccess = BeginExclusiveAccess;
  Data.DxgkDdiEndExclusiveAccess = EndExclusiveAccess;
  Data.DxgkDdiUnload = Unload;
  return DxgkInitialize(DriverObject, RegistryPath, &Data);
}
