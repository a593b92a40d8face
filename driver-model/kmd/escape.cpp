// SPDX-License-Identifier: Apache-2.0
// The escape commands: user mode's buffer is checked here, once, and copied before use.
#include "driver-model/kmd/hardware.h"

namespace {

NTSTATUS FindMember(GDM_LINK* Link, ULONG Index, GDM_ADAPTER** Adapter) {
  *Adapter = GdmLinkMember(Link, Index);
  if (*Adapter != NULL && ((*Adapter)->Exclusive || (*Adapter)->Halted)) return STATUS_DEVICE_BUSY;
  return *Adapter != NULL && (*Adapter)->Started ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

// User mode's operand as the ring takes it; [address, address + size) lies inside its ADL, which is Used
// then.
NTSTATUS MakeOperand(GDM_LINK* Link, const GdmOperand& From, ULONGLONG Size, GDM_OPERAND* To,
                     GDM_USER_ADL** Used) {
  *To = {dma::space::LOGICAL, NULL, From.address};
  *Used = NULL;
  if (From.address + Size < From.address) return STATUS_INTEGER_OVERFLOW;
  switch (From.kind) {
    case GDM_OPERAND_VRAM:
      To->Space = dma::space::VRAM;
      return STATUS_SUCCESS;
    case GDM_OPERAND_APERTURE:
      To->Space = dma::space::APERTURE;
      return STATUS_SUCCESS;
    case GDM_OPERAND_LOGICAL:
      return STATUS_SUCCESS;
    case GDM_OPERAND_ADL: {
      GDM_USER_ADL* adl = GdmObjectFindAdl(Link, From.adl, FALSE);
      if (adl == NULL) return STATUS_INVALID_HANDLE;
      if (From.address + Size > (ULONGLONG{adl->Adl->PageCount} << PAGE_SHIFT))
        return STATUS_INVALID_PARAMETER;
      To->Adl = adl->Adl;
      *Used = adl;
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

// What a copy works on, while its channel does.
struct COPY_OPERANDS {
  GDM_OPERAND Source;
  GDM_OPERAND Destination;
  GDM_USER_ADL* Used[2];
};

NTSTATUS BeginCopy(GDM_ADAPTER* Lead, const GdmCopy* Args, COPY_OPERANDS* Operands) {
  GDM_ADAPTER* adapter = NULL;
  if (!Lead->Started) return STATUS_INVALID_DEVICE_STATE;
  NTSTATUS status = FindMember(Lead->Link, Args->adapter_index, &adapter);
  if (NT_SUCCESS(status) && Args->size == 0) status = STATUS_INVALID_PARAMETER;
  if (NT_SUCCESS(status)) {
    status = MakeOperand(Lead->Link, Args->source, Args->size, &Operands->Source, &Operands->Used[0]);
  }
  if (NT_SUCCESS(status)) {
    status =
        MakeOperand(Lead->Link, Args->destination, Args->size, &Operands->Destination, &Operands->Used[1]);
  }
  if (!NT_SUCCESS(status)) return status;
  if (GdmParameters.UnmarkedCopies) Operands->Used[0] = Operands->Used[1] = NULL;
  for (GDM_USER_ADL* adl : Operands->Used) {
    if (adl != NULL) adl->Users |= 1u << adapter->Index;
  }
  return STATUS_SUCCESS;
}

// R170: a page that the system mapped cache-coherently is snooped, whatever user mode asks for.
bool TouchesCoherentPages(const GDM_ADAPTER* Adapter, const GDM_OPERAND& Operand, ULONGLONG Size) {
  if (Operand.Space != dma::space::APERTURE) return false;
  const ULONGLONG last = (Operand.Address + Size - 1) >> PAGE_SHIFT;
  for (ULONGLONG page = Operand.Address >> PAGE_SHIFT; page <= last && page < Adapter->Paging.AperturePages;
       ++page) {
    if (Adapter->Paging.Coherent[page] != 0) return true;
  }
  return false;
}

NTSTATUS RunCopy(GDM_ADAPTER* Adapter, const COPY_OPERANDS* Operands, GdmCopy* Args) {
  ULONG descriptors = 0;
  ULONG64 fence = 0;
  const bool no_snoop = (Args->flags & GDM_COPY_NO_SNOOP) != 0 &&
                        !TouchesCoherentPages(Adapter, Operands->Source, Args->size) &&
                        !TouchesCoherentPages(Adapter, Operands->Destination, Args->size);
  NTSTATUS status =
      GdmRingCopy(Adapter, &Operands->Source, &Operands->Destination, Args->size, no_snoop, &descriptors);
  if (NT_SUCCESS(status)) status = GdmRingFence(Adapter, &fence);
  Args->descriptors = descriptors;
  if (!NT_SUCCESS(status)) return AbandonRing(Adapter, status, &Args->error);
  Args->fence = fence;
  GdmRingDoorbell(Adapter);
  return GdmRingWait(Adapter, fence, Args->size, &Args->error);
}

NTSTATUS Copy(GDM_ADAPTER* Lead, GdmCopy* Args) {
  GDM_LINK* link = Lead->Link;
  Args->error = {};
  Args->descriptors = 0;
  GDM_ADAPTER* adapter = GdmLinkMember(link, Args->adapter_index);
  if (adapter == NULL) return Lead->Started ? STATUS_INVALID_PARAMETER : STATUS_INVALID_DEVICE_STATE;
  COPY_OPERANDS operands = {};
  GdmChannelLock(adapter);
  GdmLinkLock(link);
  NTSTATUS status = BeginCopy(Lead, Args, &operands);
  GdmLinkUnlock(link);
  if (NT_SUCCESS(status)) {
    status = RunCopy(adapter, &operands, Args);
    GdmLinkLock(link);
    for (GDM_USER_ADL* adl : operands.Used) {
      if (adl != NULL) adl->Users &= ~(1u << adapter->Index);
    }
    GdmLinkUnlock(link);
  }
  GdmChannelUnlock(adapter);
  return status;
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

// The ADL that FreeAdlAndTouch will free, claimed for it. The caller holds all channels, so nobody uses it.
NTSTATUS BeginTouch(GDM_ADAPTER* Lead, GdmFreeAdlAndTouch* Args, GDM_USER_ADL** Claimed) {
  GDM_LINK* link = Lead->Link;
  if (!Lead->Started) return STATUS_INVALID_DEVICE_STATE;
  GDM_USER_ADL* adl = GdmObjectFindAdl(link, Args->adl, FALSE);
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
  adl->Going = TRUE;
  *Claimed = adl;
  return STATUS_SUCCESS;
}

NTSTATUS TouchAndFree(GDM_ADAPTER* Lead, GdmFreeAdlAndTouch* Args, GDM_USER_ADL* Adl) {
  GDM_LINK* link = Lead->Link;
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
    if (!NT_SUCCESS(Args->result[i].live_status)) {
      GdmLinkLock(link);
      Adl->Going = FALSE;
      GdmLinkUnlock(link);
      return Args->result[i].live_status;
    }
  }

  for (ULONG i = 0; i < Args->adapters; ++i) {
    prepared[i] = PrepareTouch(GdmLinkMember(link, i), Args, first_writes, &fences[i]);
  }
  GdmLinkLock(link);
  GdmObjectFreeAdl(Lead, Adl);
  GdmLinkUnlock(link);
  RingAllAndWait(link, Args, first_writes, prepared, fences);

  for (ULONG i = 0; i < Args->adapters; ++i) {
    prepared[i] = PrepareTouch(GdmLinkMember(link, i), Args, !first_writes, &fences[i]);
  }
  RingAllAndWait(link, Args, !first_writes, prepared, fences);
  return STATUS_SUCCESS;
}

NTSTATUS FreeAdlAndTouch(GDM_ADAPTER* Lead, GdmFreeAdlAndTouch* Args) {
  GDM_LINK* link = Lead->Link;
  GDM_USER_ADL* adl = NULL;
  GdmLinkLockChannels(link);
  GdmLinkLock(link);
  NTSTATUS status = BeginTouch(Lead, Args, &adl);
  GdmLinkUnlock(link);
  if (NT_SUCCESS(status)) status = TouchAndFree(Lead, Args, adl);
  GdmLinkUnlockChannels(link);
  return status;
}

NTSTATUS ReadAdl(GDM_ADAPTER* Lead, GdmReadAdl* Args) {
  const GDM_USER_ADL* adl = GdmObjectFindAdl(Lead->Link, Args->adl, FALSE);
  if (adl == NULL) return STATUS_INVALID_HANDLE;
  if (Args->page >= adl->Adl->PageCount) return STATUS_INVALID_PARAMETER;
  ULONGLONG run = 0;
  Args->address = GdmAdlAddress(adl->Adl, ULONGLONG{Args->page} << PAGE_SHIFT, &run);
  return STATUS_SUCCESS;
}

// New copies do not find the ADL any more; those under way end first. Channels are waited for without the
// link's lock, so the ADL is looked up again: the lead's StopDevice may have freed it.
NTSTATUS FreeAdl(GDM_ADAPTER* Lead, const GdmFreeAdl* Args) {
  GDM_LINK* link = Lead->Link;
  GdmLinkLock(link);
  GDM_USER_ADL* adl = Lead->Started ? GdmObjectFindAdl(link, Args->adl, FALSE) : NULL;
  if (adl == NULL) {
    const NTSTATUS status = Lead->Started ? STATUS_INVALID_HANDLE : STATUS_INVALID_DEVICE_STATE;
    GdmLinkUnlock(link);
    return status;
  }
  adl->Going = TRUE;
  const ULONG users = adl->Users;
  GdmLinkUnlock(link);
  for (ULONG i = 0; i < link->Members; ++i) {
    if ((users >> i & 1) == 0) continue;
    GdmChannelLock(GdmLinkMember(link, i));
    GdmChannelUnlock(GdmLinkMember(link, i));
  }
  GdmLinkLock(link);
  adl = GdmObjectFindAdl(link, Args->adl, TRUE);
  if (adl != NULL) GdmObjectFreeAdl(Lead, adl);
  GdmLinkUnlock(link);
  return adl != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
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

// The commands that need the link's objects and no device.
NTSTATUS DispatchLocked(GDM_ADAPTER* Lead, Command* Args) {
  if (!Lead->Started) return STATUS_INVALID_DEVICE_STATE;
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
    default:
      return ReadAdl(Lead, &Args->read_adl);
  }
}

NTSTATUS Dispatch(GDM_ADAPTER* Lead, Command* Args) {
  switch (Args->header.command) {
    case GDM_ESCAPE_FREE_ADL:
      return FreeAdl(Lead, &Args->free_adl);
    case GDM_ESCAPE_FREE_ADL_AND_TOUCH:
      return FreeAdlAndTouch(Lead, &Args->touch);
    case GDM_ESCAPE_COPY:
      return Copy(Lead, &Args->copy);
    default: {
      GdmLinkLock(Lead->Link);
      const NTSTATUS status = DispatchLocked(Lead, Args);
      GdmLinkUnlock(Lead->Link);
      return status;
    }
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

  command.header.status = Dispatch(Lead, &command);
  RtlCopyMemory(Escape->pPrivateDriverData, &command, size);
  return STATUS_SUCCESS;
}
