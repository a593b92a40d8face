// SPDX-License-Identifier: Apache-2.0
// A miniport in C that takes part in paging: one memory segment, transfers and fills in a ring of its own.
// PAGER_SAVE: it keeps what it has in local memory through power states. PAGER_BLOCKS: it takes memory
// through the callbacks of 2.4. Escapes: 1 fills its own part of local memory, 2 compares that, 3 copies
// through the memory of 2.4.
#include <dispmprt.h>
#include <ntddk.h>

#define PAGER_TAG 'rgaP'
#define RING_ENTRIES_LOG2 7
#define RING_ENTRIES (1u << RING_ENTRIES_LOG2)
#define DESCRIPTOR_BYTES 64u
#define OWN_BYTES (2 * PAGE_SIZE)  // of local memory; the segment is behind them
#define SEGMENT_BASE 0x10000
#define SEGMENT_BYTES 0x100000
#define OWN_WORD 0xC3C3C3C3
#define FENCE_TIMEOUT_MS 2

enum { SPACE_VRAM = 0, SPACE_LOGICAL = 2, OP_COPY = 1, OP_FILL = 3, OP_FENCE = 8 };

typedef struct _PAGER_REGISTERS {  // docs/registers-dma.md
  volatile ULONG Id, Version;
  volatile ULONG64 Caps;
  volatile ULONG IntStatus, IntEnable;
  UCHAR Reserved1[0x100 - 0x18];
  volatile ULONG Control, Status;
  volatile ULONG64 RingBase;
  volatile ULONG RingConfig, Reserved2, Head, Tail;
} PAGER_REGISTERS;
C_ASSERT(FIELD_OFFSET(PAGER_REGISTERS, Tail) == 0x11C);

typedef struct _PAGER_MEMORY {
  HANDLE Object, AdapterObject;
  DXGK_ADL* Adl;
  PVOID Base;
  SIZE_T MappedSize;
} PAGER_MEMORY;

typedef struct _PAGER_RECORD {  // in the private data of a paging buffer
  const UCHAR* First;
  ULONG64 Count;
} PAGER_RECORD;

typedef struct _PAGER_ADAPTER {
  DXGKRNL_INTERFACE Dxgk;
  PAGER_REGISTERS* Registers;
  PAGER_MEMORY Ring, Fences, Scratch;
  KSPIN_LOCK RingLock;
  ULONG Tail;
  UINT Submitted, Completed;  // fences of the system
  ULONG64 OwnFence;
#ifdef PAGER_BLOCKS
  DXGKARGCB_ALLOCATECONTIGUOUSMEMORY Block;
  DXGKARGCB_ALLOCATEPAGESFORMDL Pages;
  DXGKARGCB_MAPMDLTOIOMMU Mapped;
#endif
} PAGER_ADAPTER;

typedef struct _PAGER_ALLOCATION {
  SIZE_T Size;
} PAGER_ALLOCATION;

// ---- Memory

static VOID FreeMemory(PAGER_ADAPTER* Adapter, PAGER_MEMORY* Memory) {
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

static NTSTATUS AllocateMemory(PAGER_ADAPTER* Adapter, SIZE_T Size, PAGER_MEMORY* Memory) {
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
  DXGKARGCB_MAP_PHYSICAL_MEMORY Map = {0};
  Map.hPhysicalMemoryObject = Memory->Object;
  Map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
  Map.Size = Create.Size;
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

static ULONG64 DeviceAddress(const PAGER_MEMORY* Memory) {
  return (ULONG64)Memory->Adl->BasePageNumber << PAGE_SHIFT;
}

static volatile ULONG64* FenceWords(const PAGER_ADAPTER* Adapter) {  // the system's, the driver's own
  return (volatile ULONG64*)Adapter->Fences.Base;
}

// ---- The ring

static VOID Describe(ULONG64* Words, ULONG64 Operation, ULONG64 FromSpace, ULONG64 From, ULONG64 ToSpace,
                     ULONG64 To, SIZE_T Bytes) {
  RtlZeroMemory(Words, DESCRIPTOR_BYTES);
  Words[0] = Operation | FromSpace << 16 | ToSpace << 20;
  Words[1] = From;
  Words[2] = To;
  Words[3] = Bytes - 1;
}

static VOID Push(PAGER_ADAPTER* Adapter, const VOID* Descriptor) {
  RtlCopyMemory((PUCHAR)Adapter->Ring.Base + DESCRIPTOR_BYTES * Adapter->Tail, Descriptor, DESCRIPTOR_BYTES);
  Adapter->Tail = (Adapter->Tail + 1) % RING_ENTRIES;
}

static VOID PushFence(PAGER_ADAPTER* Adapter, ULONG Word, ULONG64 Value) {
  const ULONG64 Words[8] = {
      OP_FENCE | 1 << 8 | SPACE_LOGICAL << 20, 0, DeviceAddress(&Adapter->Fences) + 8 * Word, 0, 0, Value};
  Push(Adapter, Words);
}

static VOID Doorbell(PAGER_ADAPTER* Adapter) {
  KeMemoryBarrier();
  WRITE_REGISTER_ULONG(&Adapter->Registers->Tail, Adapter->Tail);
}

static VOID Enable(PAGER_ADAPTER* Adapter) {
  Adapter->Tail = 0;
  Adapter->Registers->RingBase = DeviceAddress(&Adapter->Ring);
  Adapter->Registers->RingConfig = RING_ENTRIES_LOG2 | SPACE_LOGICAL << 8;
  Adapter->Registers->IntEnable = 3;
  Adapter->Registers->Control = 1;
}

// The device makes no request when this returns.
static VOID Quiesce(PAGER_ADAPTER* Adapter) {
  Adapter->Registers->IntEnable = 0;
  Adapter->Registers->Control = 2;
  while ((Adapter->Registers->Control & 2) != 0 && Adapter->Registers->Id != 0xFFFFFFFF)
    KeStallExecutionProcessor(1);
}

// Runs descriptors of the driver's own and waits for them.
static NTSTATUS RunOwn(PAGER_ADAPTER* Adapter, const ULONG64* Words, ULONG Count) {
  KIRQL Irql;
  KeAcquireSpinLock(&Adapter->RingLock, &Irql);
  for (ULONG i = 0; i < Count; ++i) {
    Push(Adapter, Words + 8 * i);
    PushFence(Adapter, 1, ++Adapter->OwnFence);  // the next one finds it done
  }
  Doorbell(Adapter);
  KeReleaseSpinLock(&Adapter->RingLock, Irql);
  LARGE_INTEGER Interval;
  Interval.QuadPart = -50;
  for (ULONG Waits = 0; FenceWords(Adapter)[1] != Adapter->OwnFence; ++Waits) {
    if (Waits == FENCE_TIMEOUT_MS * 200) return STATUS_IO_TIMEOUT;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
  }
  return STATUS_SUCCESS;
}

// ---- What the driver keeps in local memory

static NTSTATUS MoveOwn(PAGER_ADAPTER* Adapter, ULONG64 Address, BOOLEAN Out) {
  ULONG64 Words[8];
  if (Out)
    Describe(Words, OP_COPY, SPACE_VRAM, 0, SPACE_LOGICAL, Address, OWN_BYTES);
  else
    Describe(Words, OP_COPY, SPACE_LOGICAL, Address, SPACE_VRAM, 0, OWN_BYTES);
  return RunOwn(Adapter, Words, 1);
}

static VOID MoveThroughPower(PAGER_ADAPTER* Adapter, BOOLEAN Out) {
#ifdef PAGER_SAVE
  DXGKARGCB_PINFRAMEBUFFERFORSAVE2 Pin = {0};
  Pin.CommitSize = OWN_BYTES;
  Pin.Flags.PreferContiguous = 1;
  if (!NT_SUCCESS(Adapter->Dxgk.DxgkCbPinFrameBufferForSave2(Adapter->Dxgk.DeviceHandle, &Pin))) return;
  if (Pin.pAdl->Flags.Contiguous) MoveOwn(Adapter, (ULONG64)Pin.pAdl->BasePageNumber << PAGE_SHIFT, Out);
  DXGKARGCB_UNPINFRAMEBUFFERFORSAVE Unpin = {0};
  Adapter->Dxgk.DxgkCbUnpinFrameBufferForSave(Adapter->Dxgk.DeviceHandle, &Unpin);
#else
  UNREFERENCED_PARAMETER(Adapter);
  UNREFERENCED_PARAMETER(Out);
#endif
}

static NTSTATUS FillOwn(PAGER_ADAPTER* Adapter) {
  ULONG64 Words[8];
  Describe(Words, OP_FILL | 3 << 12, 0, OWN_WORD, SPACE_VRAM, 0, OWN_BYTES);
  return RunOwn(Adapter, Words, 1);
}

static NTSTATUS CheckOwn(PAGER_ADAPTER* Adapter) {
  const NTSTATUS Status = MoveOwn(Adapter, DeviceAddress(&Adapter->Scratch), TRUE);
  if (!NT_SUCCESS(Status)) return Status;
  for (ULONG i = 0; i < OWN_BYTES / sizeof(ULONG); ++i)
    if (((const ULONG*)Adapter->Scratch.Base)[i] != OWN_WORD) return STATUS_DEVICE_DATA_ERROR;
  return STATUS_SUCCESS;
}

// ---- Memory of 2.4

#ifdef PAGER_BLOCKS
static NTSTATUS AllocateBlocks(PAGER_ADAPTER* Adapter) {
  const HANDLE Lead = Adapter->Dxgk.DeviceHandle;
  Adapter->Block.NumberOfBytes = PAGE_SIZE;
  Adapter->Block.HighestAcceptableAddress.QuadPart = -1;
  Adapter->Block.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbAllocateContiguousMemory(Lead, &Adapter->Block);
  if (!NT_SUCCESS(Status)) return Status;
  Adapter->Pages.HighAddress.QuadPart = -1;
  Adapter->Pages.TotalBytes = 2 * PAGE_SIZE;
  Adapter->Pages.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  Status = Adapter->Dxgk.DxgkCbAllocatePagesForMdl(Lead, &Adapter->Pages);
  if (!NT_SUCCESS(Status)) return Status;
  Adapter->Mapped.pMdl = Adapter->Pages.pMdl;
  return Adapter->Dxgk.DxgkCbMapMdlToIoMmu(Lead, &Adapter->Mapped);
}

static VOID FreeBlocks(PAGER_ADAPTER* Adapter) {
  const HANDLE Lead = Adapter->Dxgk.DeviceHandle;
  const DXGKARGCB_UNMAPMDLFROMIOMMU Unmap = {Adapter->Mapped.hMemoryHandle};
  const DXGKARGCB_FREEPAGESFROMMDL Pages = {Adapter->Pages.hMemoryHandle};
  const DXGKARGCB_FREECONTIGUOUSMEMORY Block = {Adapter->Block.hMemoryHandle};
  if (Unmap.hMemoryHandle != NULL) Adapter->Dxgk.DxgkCbUnmapMdlFromIoMmu(Lead, &Unmap);
  if (Pages.hMemoryHandle != NULL) Adapter->Dxgk.DxgkCbFreePagesFromMdl(Lead, &Pages);
  if (Block.hMemoryHandle != NULL) Adapter->Dxgk.DxgkCbFreeContiguousMemory(Lead, &Block);
  RtlZeroMemory(&Adapter->Mapped, sizeof(Adapter->Mapped));
  RtlZeroMemory(&Adapter->Pages, sizeof(Adapter->Pages));
  RtlZeroMemory(&Adapter->Block, sizeof(Adapter->Block));
}

// The block, local memory, the second page of the MDL.
static NTSTATUS CopyBlocks(PAGER_ADAPTER* Adapter) {
  ULONG64 Words[16];
  RtlFillMemory(Adapter->Block.pMemory, PAGE_SIZE, 0x3C);
  Describe(Words, OP_COPY, SPACE_LOGICAL, (ULONG64)MmGetPhysicalAddress(Adapter->Block.pMemory).QuadPart,
           SPACE_VRAM, 0, PAGE_SIZE);
  Describe(Words + 8, OP_COPY, SPACE_VRAM, 0, SPACE_LOGICAL,
           (ULONG64)MmGetMdlPfnArray(Adapter->Pages.pMdl)[1] << PAGE_SHIFT, PAGE_SIZE);
  NTSTATUS Status = RunOwn(Adapter, Words, 2);
  if (!NT_SUCCESS(Status)) return Status;
  const PUCHAR View = (PUCHAR)MmMapLockedPagesSpecifyCache(Adapter->Pages.pMdl, KernelMode, MmCached, NULL,
                                                           FALSE, NormalPagePriority);
  if (View == NULL) return STATUS_NO_MEMORY;
  if (!RtlEqualMemory(View + PAGE_SIZE, Adapter->Block.pMemory, PAGE_SIZE)) Status = STATUS_DEVICE_DATA_ERROR;
  MmUnmapLockedPages(View, Adapter->Pages.pMdl);
  return Status;
}
#else
static NTSTATUS AllocateBlocks(PAGER_ADAPTER* Adapter) {
  return Adapter != NULL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
static VOID FreeBlocks(PAGER_ADAPTER* Adapter) { UNREFERENCED_PARAMETER(Adapter); }
static NTSTATUS CopyBlocks(PAGER_ADAPTER* Adapter) {
  return Adapter != NULL ? STATUS_NOT_SUPPORTED : STATUS_UNSUCCESSFUL;
}
#endif

// ---- Plug and play, power

static NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject, OUT_PPVOID MiniportDeviceContext) {
  UNREFERENCED_PARAMETER(PhysicalDeviceObject);
  *MiniportDeviceContext = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(PAGER_ADAPTER), PAGER_TAG);
  return *MiniportDeviceContext != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {
  ExFreePoolWithTag(MiniportDeviceContext, PAGER_TAG);
  return STATUS_SUCCESS;
}

static NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)MiniportDeviceContext;
  if (Adapter->Registers != NULL) {
    Quiesce(Adapter);
    Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);
    Adapter->Registers = NULL;
  }
  FreeBlocks(Adapter);
  FreeMemory(Adapter, &Adapter->Scratch);
  FreeMemory(Adapter, &Adapter->Fences);
  FreeMemory(Adapter, &Adapter->Ring);
  return STATUS_SUCCESS;
}

static NTSTATUS StartDevice(IN_CONST_PVOID MiniportDeviceContext, IN_PDXGK_START_INFO DxgkStartInfo,
                            IN_PDXGKRNL_INTERFACE DxgkInterface, OUT_PULONG NumberOfVideoPresentSources,
                            OUT_PULONG NumberOfChildren) {
  UNREFERENCED_PARAMETER(DxgkStartInfo);
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)MiniportDeviceContext;
  RtlCopyMemory(&Adapter->Dxgk, DxgkInterface, min(DxgkInterface->Size, sizeof(Adapter->Dxgk)));
  *NumberOfVideoPresentSources = *NumberOfChildren = 0;
  KeInitializeSpinLock(&Adapter->RingLock);
  DXGK_DEVICE_INFO Info;
  NTSTATUS Status = Adapter->Dxgk.DxgkCbGetDeviceInformation(Adapter->Dxgk.DeviceHandle, &Info);
  if (!NT_SUCCESS(Status)) return Status;
  PCM_PARTIAL_RESOURCE_DESCRIPTOR Bar =
      Info.TranslatedResourceList->List[0].PartialResourceList.PartialDescriptors;
  PVOID Registers = NULL;
  Status = Adapter->Dxgk.DxgkCbMapMemory(Adapter->Dxgk.DeviceHandle, Bar->u.Memory.Start,
                                         Bar->u.Memory.Length, FALSE, FALSE, MmNonCached, &Registers);
  Adapter->Registers = (PAGER_REGISTERS*)Registers;
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, RING_ENTRIES * DESCRIPTOR_BYTES, &Adapter->Ring);
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, PAGE_SIZE, &Adapter->Fences);
  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, OWN_BYTES, &Adapter->Scratch);
  if (NT_SUCCESS(Status)) Status = AllocateBlocks(Adapter);
  if (!NT_SUCCESS(Status)) {
    StopDevice(MiniportDeviceContext);
    return Status;
  }
  FenceWords(Adapter)[0] = FenceWords(Adapter)[1] = 0;
  Quiesce(Adapter);  // whatever it did before
  Enable(Adapter);
  return STATUS_SUCCESS;
}

static NTSTATUS SetPowerState(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG DeviceUid,
                              IN_DEVICE_POWER_STATE DevicePowerState, IN_POWER_ACTION ActionType) {
  UNREFERENCED_PARAMETER(ActionType);
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)MiniportDeviceContext;
  if (DeviceUid != DISPLAY_ADAPTER_HW_ID) return STATUS_SUCCESS;
  if (DevicePowerState == PowerDeviceD0) {
    Enable(Adapter);
    MoveThroughPower(Adapter, FALSE);
  } else {
    MoveThroughPower(Adapter, TRUE);
    Quiesce(Adapter);
  }
  return STATUS_SUCCESS;
}

static NTSTATUS NotifySurpriseRemoval(PVOID MiniportDeviceContext, DXGK_SURPRISE_REMOVAL_TYPE RemovalType) {
  return MiniportDeviceContext != NULL && RemovalType == DxgkRemovalPnPNotify ? STATUS_SUCCESS
                                                                              : STATUS_UNSUCCESSFUL;
}

static NTSTATUS BeginExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BEGINEXCLUSIVEACCESS Args) {
  UNREFERENCED_PARAMETER(Args);
  Quiesce((PAGER_ADAPTER*)hAdapter);
  return STATUS_SUCCESS;
}

static NTSTATUS EndExclusiveAccess(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_ENDEXCLUSIVEACCESS Args) {
  UNREFERENCED_PARAMETER(Args);
  Enable((PAGER_ADAPTER*)hAdapter);
  return STATUS_SUCCESS;
}

// ---- Interrupts

// At the device's level: what the fence word says, told to the system.
static VOID Report(PAGER_ADAPTER* Adapter) {
  DXGKARGCB_NOTIFY_INTERRUPT_DATA Data = {0};
  const UINT Seen = (UINT)FenceWords(Adapter)[0];
  if (Seen != Adapter->Completed) {
    Adapter->Completed = Seen;
    Data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;
    Data.DmaCompleted.SubmissionFenceId = Seen;
    Adapter->Dxgk.DxgkCbNotifyInterrupt(Adapter->Dxgk.DeviceHandle, &Data);
  }
}

static BOOLEAN InterruptRoutine(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG MessageNumber) {
  UNREFERENCED_PARAMETER(MessageNumber);
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)MiniportDeviceContext;
  const ULONG Causes = Adapter->Registers != NULL ? Adapter->Registers->IntStatus : 0;
  if (Causes == 0) return FALSE;
  Adapter->Registers->IntStatus = Causes;
  Report(Adapter);
  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);
  return TRUE;
}

static VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)MiniportDeviceContext;
  Adapter->Dxgk.DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle);
}

// ---- Allocations and paging

static NTSTATUS CreateAllocation(IN_CONST_HANDLE hAdapter, INOUT_PDXGKARG_CREATEALLOCATION Args) {
  UNREFERENCED_PARAMETER(hAdapter);
  DXGK_ALLOCATIONINFO* Info = Args->pAllocationInfo;
  if (Args->NumAllocations != 1 || Info->PrivateDriverDataSize < sizeof(PAGER_ALLOCATION))
    return STATUS_INVALID_PARAMETER;
  const SIZE_T Size = ((const PAGER_ALLOCATION*)Info->pPrivateDriverData)->Size;
  PAGER_ALLOCATION* Allocation = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Allocation), PAGER_TAG);
  if (Allocation == NULL) return STATUS_NO_MEMORY;
  Allocation->Size = Size;
  Info->Alignment = PAGE_SIZE;
  Info->Size = ROUND_TO_PAGES(Size);
  Info->PreferredSegment.Value = 0;
  Info->PreferredSegment.SegmentId0 = 1;
  Info->SupportedReadSegmentSet = Info->SupportedWriteSegmentSet = 1;
  Info->hAllocation = Allocation;
  return STATUS_SUCCESS;
}

static NTSTATUS DestroyAllocation(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_DESTROYALLOCATION Args) {
  UNREFERENCED_PARAMETER(hAdapter);
  for (UINT i = 0; i < Args->NumAllocations; ++i) ExFreePoolWithTag(Args->pAllocationList[i], PAGER_TAG);
  return STATUS_SUCCESS;
}

// A descriptor for each page; MultipassOffset counts pages.
static NTSTATUS BuildPagingBuffer(IN_CONST_HANDLE hAdapter, IN_PDXGKARG_BUILDPAGINGBUFFER Args) {
  UNREFERENCED_PARAMETER(hAdapter);
  const BOOLEAN Fill = Args->Operation == DXGK_OPERATION_FILL;
  if (!Fill && Args->Operation != DXGK_OPERATION_TRANSFER) return STATUS_SUCCESS;
  const SIZE_T Pages = (Fill ? Args->Fill.FillSize : Args->Transfer.TransferSize) / PAGE_SIZE;
  PUCHAR Next = (PUCHAR)Args->pDmaBuffer;
  PAGER_RECORD Record = {Next, 0};
  NTSTATUS Status = STATUS_SUCCESS;
  for (SIZE_T Page = Args->MultipassOffset; Page < Pages; ++Page) {
    if (Args->DmaSize < DESCRIPTOR_BYTES || Args->DmaBufferPrivateDataSize < sizeof(Record)) {
      Args->MultipassOffset = (UINT)Page;
      Status = STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
      break;
    }
    ULONG64* Words = (ULONG64*)Next;
    const SIZE_T Offset = Page * PAGE_SIZE;
    if (Fill) {
      Describe(Words, OP_FILL | 3 << 12, 0, Args->Fill.FillPattern, SPACE_VRAM,
               (ULONG64)Args->Fill.Destination.SegmentAddress.QuadPart + Offset, PAGE_SIZE);
    } else {
      const BOOLEAN In = Args->Transfer.Source.SegmentId == 0;
      PMDL Mdl = In ? Args->Transfer.Source.pMdl : Args->Transfer.Destination.pMdl;
      const ULONG64 System = (ULONG64)MmGetMdlPfnArray(Mdl)[Args->Transfer.MdlOffset + Page] << PAGE_SHIFT;
      const LARGE_INTEGER Place =
          In ? Args->Transfer.Destination.SegmentAddress : Args->Transfer.Source.SegmentAddress;
      const ULONG64 Local = (ULONG64)Place.QuadPart + Args->Transfer.TransferOffset + Offset;
      if (In)
        Describe(Words, OP_COPY, SPACE_LOGICAL, System, SPACE_VRAM, Local, PAGE_SIZE);
      else
        Describe(Words, OP_COPY, SPACE_VRAM, Local, SPACE_LOGICAL, System, PAGE_SIZE);
    }
    Next += DESCRIPTOR_BYTES;
    Args->DmaSize -= DESCRIPTOR_BYTES;
    ++Record.Count;
  }
  if (Record.Count == 0) return Status;
  RtlCopyMemory(Args->pDmaBufferPrivateData, &Record, sizeof(Record));
  Args->pDmaBufferPrivateData = (PUCHAR)Args->pDmaBufferPrivateData + sizeof(Record);
  Args->DmaBufferPrivateDataSize -= sizeof(Record);
  Args->pDmaBuffer = Next;
  return Status;
}

static NTSTATUS SubmitCommand(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_SUBMITCOMMAND Args) {
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)hAdapter;
  PAGER_RECORD Record;
  RtlCopyMemory(&Record,
                (PUCHAR)Args->pDmaBufferPrivateData + Args->DmaBufferPrivateDataSubmissionStartOffset,
                sizeof(Record));
  KeAcquireSpinLockAtDpcLevel(&Adapter->RingLock);
  for (ULONG64 i = 0; i < Record.Count; ++i) Push(Adapter, Record.First + DESCRIPTOR_BYTES * i);
  PushFence(Adapter, 0, Args->SubmissionFenceId);
  Adapter->Submitted = Args->SubmissionFenceId;
  Doorbell(Adapter);
  KeReleaseSpinLockFromDpcLevel(&Adapter->RingLock);
  return STATUS_SUCCESS;
}

static NTSTATUS ResetFromTimeout(IN_CONST_HANDLE hAdapter) {
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)hAdapter;
  Quiesce(Adapter);
  Adapter->Completed = Adapter->Submitted;
  FenceWords(Adapter)[0] = Adapter->Submitted;
  return STATUS_SUCCESS;
}

static NTSTATUS RestartFromTimeout(IN_CONST_HANDLE hAdapter) {
  Enable((PAGER_ADAPTER*)hAdapter);
  return STATUS_SUCCESS;
}

static NTSTATUS Escape(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_ESCAPE Args) {
  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)hAdapter;
  if (Args->PrivateDriverDataSize < sizeof(ULONG)) return STATUS_INVALID_PARAMETER;
  switch (*(const ULONG*)Args->pPrivateDriverData) {
    case 1:
      return FillOwn(Adapter);
    case 2:
      return CheckOwn(Adapter);
    case 3:
      return CopyBlocks(Adapter);
    default:
      return STATUS_NOT_SUPPORTED;
  }
}

// ---- What there is

static NTSTATUS QuerySegments(const DXGKARG_QUERYADAPTERINFO* Query) {
  DXGK_QUERYSEGMENTOUT4* Out = (DXGK_QUERYSEGMENTOUT4*)Query->pOutputData;
  if (Query->OutputDataSize < sizeof(*Out)) return STATUS_BUFFER_TOO_SMALL;
  if (Out->NbSegment == 0) {
    Out->NbSegment = 1;
    return STATUS_SUCCESS;
  }
  DXGK_SEGMENTDESCRIPTOR4 Segment = {0};
  Segment.BaseAddress.QuadPart = SEGMENT_BASE;
  Segment.Size = Segment.CommitLimit = SEGMENT_BYTES;
  RtlCopyMemory(Out->pSegmentDescriptor, &Segment, sizeof(Segment));
  Out->PagingBufferSegmentId = 0;
  Out->PagingBufferSize = PAGE_SIZE;  // 64 descriptors
  Out->PagingBufferPrivateDataSize = 256;
  return STATUS_SUCCESS;
}

static NTSTATUS QueryAdapterInfo(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_QUERYADAPTERINFO Query) {
  UNREFERENCED_PARAMETER(hAdapter);
  DXGK_DRIVERCAPS Caps = {0};
  DXGK_PHYSICAL_MEMORY_CAPS Memory = {0};
  DXGK_IOMMU_CAPS Iommu = {0};
  DXGK_FRAMEBUFFERSAVEAREA Save = {OWN_BYTES};
  const VOID* Answer = &Caps;
  UINT Size = sizeof(Caps);
  Caps.WDDMVersion = DXGKDDI_WDDMv2_9;
  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;
  Caps.MemoryManagementCaps.MapAperture2Supported = 1;
  Memory.HighestVisibleAddress.QuadPart = (1ll << 40) - 1;
  Iommu.IommuIsolationSupported = 1;
  Iommu.DmaRemappingSupported = 1;
  switch (Query->Type) {
    case DXGKQAITYPE_DRIVERCAPS:
      break;
    case DXGKQAITYPE_QUERYSEGMENT4:
      return QuerySegments(Query);
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
      Answer = &Memory;
      Size = sizeof(Memory);
      break;
    case DXGKQAITYPE_IOMMU_CAPS:
      Answer = &Iommu;
      Size = sizeof(Iommu);
      break;
#ifdef PAGER_SAVE
    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:
      Answer = &Save;
      Size = sizeof(Save);
      break;
#endif
    default:
      UNREFERENCED_PARAMETER(Save);
      return STATUS_NOT_SUPPORTED;
  }
  if (Query->OutputDataSize < Size) return STATUS_BUFFER_TOO_SMALL;
  RtlCopyMemory(Query->pOutputData, Answer, Size);
  return STATUS_SUCCESS;
}

static VOID Unload(VOID) {}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
  DRIVER_INITIALIZATION_DATA Data = {0};
  Data.Version = DXGKDDI_INTERFACE_VERSION;
  Data.DxgkDdiAddDevice = AddDevice;
  Data.DxgkDdiStartDevice = StartDevice;
  Data.DxgkDdiStopDevice = StopDevice;
  Data.DxgkDdiRemoveDevice = RemoveDevice;
  Data.DxgkDdiSetPowerState = SetPowerState;
  Data.DxgkDdiNotifySurpriseRemoval = NotifySurpriseRemoval;
  Data.DxgkDdiInterruptRoutine = InterruptRoutine;
  Data.DxgkDdiDpcRoutine = DpcRoutine;
  Data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;
  Data.DxgkDdiEscape = Escape;
  Data.DxgkDdiCreateAllocation = CreateAllocation;
  Data.DxgkDdiDestroyAllocation = DestroyAllocation;
  Data.DxgkDdiBuildPagingBuffer = BuildPagingBuffer;
  Data.DxgkDdiSubmitCommand = SubmitCommand;
  Data.DxgkDdiResetFromTimeout = ResetFromTimeout;
  Data.DxgkDdiRestartFromTimeout = RestartFromTimeout;
  Data.DxgkDdiBeginExclusiveAccess = BeginExclusiveAccess;
  Data.DxgkDdiEndExclusiveAccess = EndExclusiveAccess;
  Data.DxgkDdiUnload = Unload;
  return DxgkInitialize(DriverObject, RegistryPath, &Data);
}
