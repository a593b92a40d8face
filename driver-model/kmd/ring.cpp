// SPDX-License-Identifier: Apache-2.0
// Channel 0: the descriptor ring, copies, fences, waiting, and recovery from a stopped channel.
#include "driver-model/kmd/hardware.h"

namespace {

constexpr ULONG kDescriptorBytes = dma::descriptor::kWidth / 8;
constexpr ULONG kQuadwords = kDescriptorBytes / 8;
constexpr ULONG kMaximumSizeLog2 = 8;
constexpr ULONG kResetPolls = 10000;  // of about a microsecond
constexpr ULONGLONG kMaximumCopy = 1ull << 32;

static_assert(dma::opcode::COPY == 1 && dma::descriptor::LENGTH.width == 32, "copies are cut at 4 GiB");

ULONG RingMask(const GDM_ADAPTER* Adapter) { return (1u << Adapter->RingSizeLog2) - 1; }

volatile ULONG64* FenceWord(const GDM_ADAPTER* Adapter) {
  return reinterpret_cast<volatile ULONG64*>(Adapter->FenceMemory.Data);
}

bool ChannelStopped(GDM_ADAPTER* Adapter) {
  return dma::CH_STATUS::ERROR.get(GdmRead32(Adapter, dma::CH_STATUS::kOffset)) != 0;
}

// A slot to write the next descriptor to; waits while the ring is full.
NTSTATUS WaitForSlot(GDM_ADAPTER* Adapter) {
  const ULONGLONG start = KeQueryInterruptTime();
  for (;;) {
    const ULONG head = GdmRead32(Adapter, dma::CH_HEAD::kOffset) & RingMask(Adapter);
    if (((Adapter->RingTail + 1) & RingMask(Adapter)) != head) return STATUS_SUCCESS;
    if (ChannelStopped(Adapter)) return STATUS_DEVICE_DATA_ERROR;
    if (KeQueryInterruptTime() - start > static_cast<ULONGLONG>(GdmParameters.FenceTimeout)) {
      return STATUS_IO_TIMEOUT;
    }
    // The slots only become free when the device knows of the descriptors in them.
    GdmRingDoorbell(Adapter);
    LARGE_INTEGER interval;
    interval.QuadPart = -5;
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
  }
}

NTSTATUS Push(GDM_ADAPTER* Adapter, ULONG64 (&Descriptor)[kQuadwords]) {
  const NTSTATUS status = WaitForSlot(Adapter);
  if (!NT_SUCCESS(status)) return status;
  dma::descriptor::TAG.set(Descriptor, ++Adapter->NextTag);
  UCHAR* slot = Adapter->RingMemory.Data + SIZE_T{Adapter->RingTail} * kDescriptorBytes;
  RtlCopyMemory(slot, Descriptor, kDescriptorBytes);
  Adapter->RingTail = (Adapter->RingTail + 1) & RingMask(Adapter);
  return STATUS_SUCCESS;
}

ULONGLONG Resolve(const GDM_OPERAND* Operand, ULONGLONG Done, ULONGLONG* Run) {
  if (Operand->Adl != NULL) return GdmAdlAddress(Operand->Adl, Operand->Address + Done, Run);
  *Run = kMaximumCopy;
  return Operand->Address + Done;
}

VOID ReadError(GDM_ADAPTER* Adapter, GdmChannelError* Error) {
  const ULONG info = GdmRead32(Adapter, dma::CH_ERR_INFO::kOffset);
  Error->code = static_cast<ULONG>(dma::CH_ERR_INFO::CODE.get(info));
  Error->operand = static_cast<ULONG>(dma::CH_ERR_INFO::OPERAND.get(info));
  Error->response = static_cast<ULONG>(dma::CH_ERR_INFO::RESP.get(info));
  Error->index = static_cast<ULONG>(dma::CH_ERR_INFO::INDEX.get(info));
  Error->address = GdmRead64(Adapter, dma::CH_ERR_ADDR::kOffset);
  Error->tag = GdmRead64(Adapter, dma::CH_ERR_TAG::kOffset);
}

}  // namespace

NTSTATUS GdmRingCreate(GDM_ADAPTER* Adapter) {
  const ULONG wanted =
      GdmParameters.RingSizeLog2 < kMaximumSizeLog2 ? GdmParameters.RingSizeLog2 : kMaximumSizeLog2;
  NTSTATUS status = GdmMemoryCreate(Adapter, SIZE_T{kDescriptorBytes} << wanted, false, &Adapter->RingMemory);
  if (NT_SUCCESS(status)) status = GdmMemoryCreate(Adapter, PAGE_SIZE, false, &Adapter->FenceMemory);
  if (!NT_SUCCESS(status)) {
    GdmRingDestroy(Adapter);
    return status;
  }
  // The device takes one base address. A list of scattered pages serves as far as its first run of pages
  // reaches; one page holds 64 descriptors.
  ULONGLONG run = 0;
  GdmAdlAddress(Adapter->RingMemory.Adl, 0, &run);
  Adapter->RingSizeLog2 = wanted;
  while ((ULONGLONG{kDescriptorBytes} << Adapter->RingSizeLog2) > run) --Adapter->RingSizeLog2;
  *FenceWord(Adapter) = Adapter->LastFence;
  return GdmRingRestart(Adapter);
}

VOID GdmRingDestroy(GDM_ADAPTER* Adapter) {
  GdmMemoryDestroy(Adapter, &Adapter->FenceMemory);
  GdmMemoryDestroy(Adapter, &Adapter->RingMemory);
}

NTSTATUS GdmRingRestart(GDM_ADAPTER* Adapter) {
  GdmWrite32(Adapter, dma::CH_CTRL::kOffset, dma::CH_CTRL::RESET.put(1));
  ULONG polls = 0;
  while (dma::CH_CTRL::RESET.get(GdmRead32(Adapter, dma::CH_CTRL::kOffset)) != 0) {
    if (++polls == kGdmPollsUntilDoubt && GdmDeviceGone(Adapter)) return STATUS_DEVICE_REMOVED;
    if (polls == kResetPolls) {
      DbgPrint("gdmkmd: adapter %u: the channel does not finish its reset\n", Adapter->Index);
      return STATUS_IO_TIMEOUT;
    }
    KeStallExecutionProcessor(1);
  }
  ULONGLONG run = 0;
  GdmWrite64(Adapter, dma::CH_RING_BASE::kOffset, GdmAdlAddress(Adapter->RingMemory.Adl, 0, &run));
  GdmWrite32(Adapter, dma::CH_RING_CFG::kOffset,
             dma::CH_RING_CFG::SIZE_LOG2.put(Adapter->RingSizeLog2) |
                 dma::CH_RING_CFG::SPACE.put(dma::space::LOGICAL));
  Adapter->RingTail = 0;
  InterlockedExchange(&Adapter->ErrorSeen, 0);
  KeClearEvent(&Adapter->WorkEvent);
  GdmWrite32(Adapter, dma::CH_CTRL::kOffset, dma::CH_CTRL::ENABLE.put(1));
  return STATUS_SUCCESS;
}

NTSTATUS GdmRingCopy(GDM_ADAPTER* Adapter, const GDM_OPERAND* Source, const GDM_OPERAND* Destination,
                     ULONGLONG Size, bool NoSnoop, ULONG* Descriptors) {
  ULONGLONG done = 0;
  while (done < Size) {
    ULONGLONG source_run = 0;
    ULONGLONG destination_run = 0;
    const ULONGLONG source = Resolve(Source, done, &source_run);
    const ULONGLONG destination = Resolve(Destination, done, &destination_run);
    ULONGLONG length = Size - done;
    if (length > kMaximumCopy) length = kMaximumCopy;
    if (length > source_run) length = source_run;
    if (length > destination_run) length = destination_run;

    ULONG64 descriptor[kQuadwords] = {};
    dma::descriptor::OPCODE.set(descriptor, dma::opcode::COPY);
    dma::descriptor::NO_SNOOP.set(descriptor, NoSnoop ? 1 : 0);
    dma::descriptor::SRC_SPACE.set(descriptor, Source->Space);
    dma::descriptor::DST_SPACE.set(descriptor, Destination->Space);
    dma::descriptor::SRC.set(descriptor, source);
    dma::descriptor::DST.set(descriptor, destination);
    dma::descriptor::LENGTH.set(descriptor, length - 1);
    const NTSTATUS status = Push(Adapter, descriptor);
    if (!NT_SUCCESS(status)) return status;
    ++*Descriptors;
    done += length;
  }
  return STATUS_SUCCESS;
}

NTSTATUS GdmRingFence(GDM_ADAPTER* Adapter, ULONG64* Value) {
  ULONGLONG run = 0;
  ULONG64 descriptor[kQuadwords] = {};
  dma::descriptor::OPCODE.set(descriptor, dma::opcode::FENCE);
  dma::descriptor::INTERRUPT.set(descriptor, 1);
  dma::descriptor::DST_SPACE.set(descriptor, dma::space::LOGICAL);
  dma::descriptor::DST.set(descriptor, GdmAdlAddress(Adapter->FenceMemory.Adl, 0, &run));
  dma::descriptor::SRC_SLICE.set(descriptor, Adapter->LastFence + 1);
  const NTSTATUS status = Push(Adapter, descriptor);
  if (!NT_SUCCESS(status)) return status;
  *Value = ++Adapter->LastFence;
  return STATUS_SUCCESS;
}

VOID GdmRingDoorbell(GDM_ADAPTER* Adapter) {
  KeMemoryBarrier();  // the descriptors before the doorbell
  GdmWrite32(Adapter, dma::CH_TAIL::kOffset, dma::CH_TAIL::INDEX.put(Adapter->RingTail));
}

NTSTATUS GdmRingWait(GDM_ADAPTER* Adapter, ULONG64 Value, ULONGLONG Bytes, GdmChannelError* Error) {
  const ULONGLONG start = KeQueryInterruptTime();
  // Even a page walk of slow memory for every few bytes stays below a unit of 100 ns a byte.
  const ULONGLONG limit = static_cast<ULONGLONG>(GdmParameters.FenceTimeout) + Bytes;
  for (;;) {
    if (*FenceWord(Adapter) >= Value) return STATUS_SUCCESS;
    // The flag may be an older error's, seen and cleared before its DPC ran: the channel decides.
    if (InterlockedExchange(&Adapter->ErrorSeen, 0) != 0 && ChannelStopped(Adapter)) {
      return GdmRingRecover(Adapter, Error);
    }
    const ULONGLONG gone = KeQueryInterruptTime() - start;
    if (gone >= limit) break;
    LARGE_INTEGER timeout;
    timeout.QuadPart = -static_cast<LONGLONG>(limit - gone);
    KeWaitForSingleObject(&Adapter->WorkEvent, Executive, KernelMode, FALSE, &timeout);
  }
  // An interrupt may be lost where a status is not.
  if (ChannelStopped(Adapter)) return GdmRingRecover(Adapter, Error);
  DbgPrint("gdmkmd: adapter %u: fence %I64u did not come, the word holds %I64u, head %u, tail %u\n",
           Adapter->Index, Value, *FenceWord(Adapter), GdmRead32(Adapter, dma::CH_HEAD::kOffset),
           Adapter->RingTail);
  GdmRingRestart(Adapter);
  return STATUS_IO_TIMEOUT;
}

NTSTATUS GdmRingRecover(GDM_ADAPTER* Adapter, GdmChannelError* Error) {
  ReadError(Adapter, Error);
  DbgPrint("gdmkmd: adapter %u: channel stopped, error %u, operand %u, response %u at %I64x (tag %I64u)\n",
           Adapter->Index, Error->code, Error->operand, Error->response, Error->address, Error->tag);
  const NTSTATUS status = GdmRingRestart(Adapter);
  return NT_SUCCESS(status) ? STATUS_DEVICE_DATA_ERROR : status;
}
