// SPDX-License-Identifier: Apache-2.0
// The escape commands: user mode's buffer is checked here, once, and copied before use.
#include "driver-model/kmd/hardware.h"

namespace {

NTSTATUS FindMember(GDM_LINK* Link, ULONG Index, GDM_ADAPTER** Adapter) {
  *Adapter = GdmLinkMember(Link, Index);
  if (*Adapter != NULL && (*Adapter)->Exclusive) return STATUS_DEVICE_BUSY;
  return *Adapter != NULL && (*Adapter)->Started ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

// User mode's operand as the ring takes it; [address, address + size) lies inside its ADL.
NTSTATUS MakeOperand(GDM_LINK* Link, const GdmOperand& From, ULONGLONG Size, GDM_OPERAND* To) {
  *To = {dma::space::LOGICAL, NULL, From.address};
  if (From.address + Size < From.address) return STATUS_INTEGER_OVERFLOW;
  switch (From.kind) {
    case GDM_OPERAND_VRAM:
      To->Space = dma::space::VRAM;
      return STATUS_SUCCESS;
    case GDM_OPERAND_LOGICAL:
      return STATUS_SUCCESS;
    case GDM_OPERAND_ADL: {
      const GDM_USER_ADL* adl = GdmObjectFindAdl(Link, From.adl);
      if (adl == NULL) return STATUS_INVALID_HANDLE;
      if (From.address + Size > (ULONGLONG{adl->Adl->PageCount} << PAGE_SHIFT))
        return STATUS_INVALID_PARAMETER;
      To->Adl = adl->Adl;
      return STATUS_SUCCESS;
    }
    default:
      return STATUS_INVALID_PARAMETER;
  }
}

// After a failed push: the ring holds half a command, so it starts again, empty.
NTSTATUS AbandonRing(GDM_ADAPTER* Adapter, NTSTATUS Status, GdmChannelError* Error) {
  if (Status == STATUS_DEVICE_DATA_ERROR) return GdmRingRecover(Adapter, Error);
  GdmRingRestart(Adapter);
  return Status;
}

NTSTATUS Copy(GDM_ADAPTER* Lead, GdmCopy* Args) {
  GDM_ADAPTER* adapter = NULL;
  GDM_OPERAND source;
  GDM_OPERAND destination;
  Args->error = {};
  Args->descriptors = 0;
  NTSTATUS status = FindMember(Lead->Link, Args->adapter_index, &adapter);
  if (NT_SUCCESS(status) && Args->size == 0) status = STATUS_INVALID_PARAMETER;
  if (NT_SUCCESS(status)) status = MakeOperand(Lead->Link, Args->source, Args->size, &source);
  if (NT_SUCCESS(status)) status = MakeOperand(Lead->Link, Args->destination, Args->size, &destination);
  if (!NT_SUCCESS(status)) return status;

  ULONG descriptors = 0;
  ULONG64 fence = 0;
  const bool no_snoop = (Args->flags & GDM_COPY_NO_SNOOP) != 0;
  status = GdmRingCopy(adapter, &source, &destination, Args->size, no_snoop, &descriptors);
  if (NT_SUCCESS(status)) status = GdmRingFence(adapter, &fence);
  Args->descriptors = descriptors;
  if (!NT_SUCCESS(status)) return AbandonRing(adapter, status, &Args->error);
  Args->fence = fence;
  GdmRingDoorbell(adapter);
  return GdmRingWait(adapter, fence, Args->size, &Args->error);
}

// One access of FreeAdlAndTouch: a copy between VRAM and the old address, and a fence that tells if it went
// through.
NTSTATUS PrepareTouch(GDM_ADAPTER* Adapter, const GdmFreeAdlAndTouch* Args, bool Write, ULONG64* Fence) {
  const GDM_OPERAND memory = {dma::space::LOGICAL, NULL, Args->address};
  const GDM_OPERAND vram = {dma::space::VRAM, NULL, Args->vram_scratch};
  ULONG descriptors = 0;
  const NTSTATUS status = GdmRingCopy(Adapter, Write ? &vram : &memory, Write ? &memory : &vram, Args->bytes,
                                      false, &descriptors);
  return NT_SUCCESS(status) ? GdmRingFence(Adapter, Fence) : status;
}

// All doorbells first, then all waits, so that the GPUs act at the same time.
VOID RingAllAndWait(GDM_LINK* Link, GdmFreeAdlAndTouch* Args, bool Write,
                    const NTSTATUS (&Prepared)[GDM_MAX_ADAPTERS], const ULONG64 (&Fences)[GDM_MAX_ADAPTERS]) {
  for (ULONG i = 0; i < Args->adapters; ++i) {
    if (NT_SUCCESS(Prepared[i])) GdmRingDoorbell(GdmLinkMember(Link, i));
  }
  for (ULONG i = 0; i < Args->adapters; ++i) {
    GdmTouchResult& result = Args->result[i];
    GdmChannelError& error = Write ? result.write_error : result.read_error;
    GDM_ADAPTER* adapter = GdmLinkMember(Link, i);
    const NTSTATUS status = NT_SUCCESS(Prepared[i]) ? GdmRingWait(adapter, Fences[i], Args->bytes, &error)
                                                    : AbandonRing(adapter, Prepared[i], &error);
    (Write ? result.write_status : result.read_status) = status;
  }
}

NTSTATUS FreeAdlAndTouch(GDM_ADAPTER* Lead, GdmFreeAdlAndTouch* Args) {
  GDM_LINK* link = Lead->Link;
  GDM_USER_ADL* adl = GdmObjectFindAdl(link, Args->adl);
  if (adl == NULL) return STATUS_INVALID_HANDLE;
  const ULONGLONG end = Args->offset + Args->bytes;
  if (Args->bytes == 0 || end < Args->offset || end > (ULONGLONG{adl->Adl->PageCount} << PAGE_SHIFT) ||
      (Args->offset >> PAGE_SHIFT) != ((end - 1) >> PAGE_SHIFT)) {
    return STATUS_INVALID_PARAMETER;
  }
  for (ULONG i = 0; i < link->Members; ++i) {
    GDM_ADAPTER* adapter = NULL;
    if (!NT_SUCCESS(FindMember(link, i, &adapter))) return STATUS_INVALID_DEVICE_STATE;
  }
  ULONGLONG run = 0;
  Args->address = GdmAdlAddress(adl->Adl, Args->offset, &run);
  Args->adapters = link->Members;
  RtlZeroMemory(Args->result, sizeof(Args->result));

  const bool first_writes = Args->write_first != 0;
  NTSTATUS prepared[GDM_MAX_ADAPTERS] = {};
  ULONG64 fences[GDM_MAX_ADAPTERS] = {};
  // Once while the ADL lives: the translation is cached, so that it is the invalidation that takes it away.
  for (ULONG i = 0; i < Args->adapters; ++i) {
    prepared[i] = PrepareTouch(GdmLinkMember(link, i), Args, false, &fences[i]);
  }
  RingAllAndWait(link, Args, false, prepared, fences);
  for (ULONG i = 0; i < Args->adapters; ++i) {
    Args->result[i].live_status = Args->result[i].read_status;
    if (!NT_SUCCESS(Args->result[i].live_status)) return Args->result[i].live_status;
  }

  for (ULONG i = 0; i < Args->adapters; ++i) {
    prepared[i] = PrepareTouch(GdmLinkMember(link, i), Args, first_writes, &fences[i]);
  }
  GdmObjectFreeAdl(Lead, adl);
  RingAllAndWait(link, Args, first_writes, prepared, fences);

  for (ULONG i = 0; i < Args->adapters; ++i) {
    prepared[i] = PrepareTouch(GdmLinkMember(link, i), Args, !first_writes, &fences[i]);
  }
  RingAllAndWait(link, Args, !first_writes, prepared, fences);
  return STATUS_SUCCESS;
}

NTSTATUS ReadAdl(GDM_ADAPTER* Lead, GdmReadAdl* Args) {
  const GDM_USER_ADL* adl = GdmObjectFindAdl(Lead->Link, Args->adl);
  if (adl == NULL) return STATUS_INVALID_HANDLE;
  if (Args->page >= adl->Adl->PageCount) return STATUS_INVALID_PARAMETER;
  ULONGLONG run = 0;
  Args->address = GdmAdlAddress(adl->Adl, ULONGLONG{Args->page} << PAGE_SHIFT, &run);
  return STATUS_SUCCESS;
}

NTSTATUS FreeAdl(GDM_ADAPTER* Lead, const GdmFreeAdl* Args) {
  GDM_USER_ADL* adl = GdmObjectFindAdl(Lead->Link, Args->adl);
  if (adl == NULL) return STATUS_INVALID_HANDLE;
  GdmObjectFreeAdl(Lead, adl);
  return STATUS_SUCCESS;
}

union Command {
  GdmEscapeHeader header;
  GdmCreateObject create;
  GdmObjectCommand object;
  GdmDestroyObject destroy;
  GdmMapObject map;
  GdmAllocateAdl allocate_adl;
  GdmReadAdl read_adl;
  GdmFreeAdl free_adl;
  GdmFreeAdlAndTouch touch;
  GdmCopy copy;
};

ULONG SizeOf(ULONG Code) {
  switch (Code) {
    case GDM_ESCAPE_CREATE_OBJECT:
      return sizeof(GdmCreateObject);
    case GDM_ESCAPE_OPEN_OBJECT:
    case GDM_ESCAPE_CLOSE_OBJECT:
      return sizeof(GdmObjectCommand);
    case GDM_ESCAPE_DESTROY_OBJECT:
      return sizeof(GdmDestroyObject);
    case GDM_ESCAPE_MAP_OBJECT:
    case GDM_ESCAPE_UNMAP_OBJECT:
      return sizeof(GdmMapObject);
    case GDM_ESCAPE_ALLOCATE_ADL:
      return sizeof(GdmAllocateAdl);
    case GDM_ESCAPE_READ_ADL:
      return sizeof(GdmReadAdl);
    case GDM_ESCAPE_FREE_ADL:
      return sizeof(GdmFreeAdl);
    case GDM_ESCAPE_FREE_ADL_AND_TOUCH:
      return sizeof(GdmFreeAdlAndTouch);
    case GDM_ESCAPE_COPY:
      return sizeof(GdmCopy);
    default:
      return 0;
  }
}

NTSTATUS Dispatch(GDM_ADAPTER* Lead, Command* Args) {
  switch (Args->header.command) {
    case GDM_ESCAPE_CREATE_OBJECT:
      return GdmObjectCreate(Lead, &Args->create);
    case GDM_ESCAPE_OPEN_OBJECT:
      return GdmObjectOpen(Lead, &Args->object);
    case GDM_ESCAPE_CLOSE_OBJECT:
      return GdmObjectClose(Lead, &Args->object);
    case GDM_ESCAPE_DESTROY_OBJECT:
      return GdmObjectDestroy(Lead, &Args->destroy);
    case GDM_ESCAPE_MAP_OBJECT:
      return GdmObjectMap(Lead, &Args->map);
    case GDM_ESCAPE_UNMAP_OBJECT:
      return GdmObjectUnmap(Lead, &Args->map);
    case GDM_ESCAPE_ALLOCATE_ADL:
      return GdmObjectAllocateAdl(Lead, &Args->allocate_adl);
    case GDM_ESCAPE_READ_ADL:
      return ReadAdl(Lead, &Args->read_adl);
    case GDM_ESCAPE_FREE_ADL:
      return FreeAdl(Lead, &Args->free_adl);
    case GDM_ESCAPE_FREE_ADL_AND_TOUCH:
      return FreeAdlAndTouch(Lead, &Args->touch);
    default:
      return Copy(Lead, &Args->copy);
  }
}

}  // namespace

NTSTATUS GdmEscape(GDM_ADAPTER* Lead, const DXGKARG_ESCAPE* Escape) {
  if (Escape->pPrivateDriverData == NULL || Escape->PrivateDriverDataSize < sizeof(GdmEscapeHeader)) {
    return STATUS_INVALID_PARAMETER;
  }
  // Work on a copy: user mode may change its buffer while the command runs.
  Command command;
  RtlCopyMemory(&command.header, Escape->pPrivateDriverData, sizeof(command.header));
  const ULONG size = SizeOf(command.header.command);
  if (command.header.magic != GDM_ESCAPE_MAGIC || size == 0) return STATUS_INVALID_PARAMETER;
  if (command.header.size != size || Escape->PrivateDriverDataSize < size) return STATUS_INVALID_BUFFER_SIZE;
  const ULONG code = command.header.command;
  RtlCopyMemory(&command, Escape->pPrivateDriverData, size);
  command.header.command = code;

  GdmLinkLock(Lead->Link);
  command.header.status = Lead->Started ? Dispatch(Lead, &command) : STATUS_INVALID_DEVICE_STATE;
  GdmLinkUnlock(Lead->Link);
  RtlCopyMemory(Escape->pPrivateDriverData, &command, size);
  return STATUS_SUCCESS;
}
