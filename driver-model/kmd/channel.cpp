// SPDX-License-Identifier: Apache-2.0
// The paging channel: submissions become descriptors of its ring, their fences interrupts and notifications.
// Everything that the interrupt routine shares with others is touched at the device's interrupt level.
#include "driver-model/kmd/hardware.h"

namespace {

constexpr ULONG kChannel = 1;
constexpr ULONG kDescriptorBytes = dma::descriptor::kWidth / 8;
constexpr ULONG kQuadwords = kDescriptorBytes / 8;
constexpr ULONG kFenceOffset = 64;   // of its fence word in GDM_ADAPTER::FenceMemory
constexpr ULONG kNeverOffset = 128;  // of a word there that nobody writes
constexpr ULONG kPollCycles = 64;    // of a semaphore
constexpr ULONG kPolls = 10000;      // of about a microsecond
constexpr ULONG kMaximumSizeLog2 = 16;

constexpr ULONG64 Register(ULONG64 Offset) { return GdmChannelRegister(kChannel, Offset); }
constexpr ULONG64 OpcodeBit(ULONG Opcode) { return ULONG64{1} << Opcode; }

constexpr ULONG64 kPagingOperations =
    OpcodeBit(dma::opcode::COPY) | OpcodeBit(dma::opcode::FILL) | OpcodeBit(dma::opcode::FENCE);
constexpr ULONG64 kApertureOperations = OpcodeBit(dma::opcode::MAP_APERTURE_LIST) |
                                        OpcodeBit(dma::opcode::MAP_APERTURE_RANGE) |
                                        OpcodeBit(dma::opcode::UNMAP_APERTURE);

ULONG RingMask(const GDM_PAGING& Paging) { return (1u << Paging.RingSizeLog2) - 1; }

// Room for every submission that may be queued, with a fence behind each of its records.
ULONG WantedSizeLog2() {
  const ULONG packet = 2 * GdmPagingBufferSize() / kDescriptorBytes + 1;
  const ULONG wanted = kGdmQueuedPackets * packet + kGdmPackets + 1;
  ULONG log2 = 1;
  while ((1u << log2) < wanted) ++log2;
  return log2;
}

ULONG FreeSlots(GDM_ADAPTER* Adapter) {
  const GDM_PAGING& paging = Adapter->Paging;
  const ULONG head = GdmRead32(Adapter, Register(dma::CH_HEAD::kOffset));
  return (head - paging.RingTail - 1) & RingMask(paging);
}

VOID Push(GDM_PAGING* Paging, const ULONG64 (&Descriptor)[kQuadwords]) {
  RtlCopyMemory(Paging->RingMemory.Data + SIZE_T{Paging->RingTail} * kDescriptorBytes, Descriptor,
                kDescriptorBytes);
  Paging->RingTail = (Paging->RingTail + 1) & RingMask(*Paging);
}

VOID PushFence(GDM_ADAPTER* Adapter, ULONG64 Tag, bool Interrupt) {
  GDM_PAGING& paging = Adapter->Paging;
  ULONGLONG run = 0;
  ULONG64 descriptor[kQuadwords] = {};
  dma::descriptor::OPCODE.set(descriptor, dma::opcode::FENCE);
  dma::descriptor::INTERRUPT.set(descriptor, Interrupt ? 1 : 0);
  dma::descriptor::DST_SPACE.set(descriptor, dma::space::LOGICAL);
  dma::descriptor::DST.set(descriptor, GdmAdlAddress(Adapter->FenceMemory.Adl, kFenceOffset, &run));
  dma::descriptor::SRC_SLICE.set(descriptor, ++paging.Sequence);
  dma::descriptor::TAG.set(descriptor, Tag);
  Push(&paging, descriptor);
}

// A wait without end: what a hung engine looks like (GDM_PARAMETERS::HangingSubmissions).
VOID PushHang(GDM_ADAPTER* Adapter) {
  ULONGLONG run = 0;
  ULONG64 descriptor[kQuadwords] = {};
  dma::descriptor::OPCODE.set(descriptor, dma::opcode::SEM_WAIT);
  dma::descriptor::SRC_SPACE.set(descriptor, dma::space::LOGICAL);
  dma::descriptor::SRC.set(descriptor, GdmAdlAddress(Adapter->FenceMemory.Adl, kNeverOffset, &run));
  dma::descriptor::PARAM.set(descriptor, dma::condition::NOT_EQUAL);  // to 0
  dma::descriptor::DST_SLICE.set(descriptor, MAXULONG64);
  dma::descriptor::SRC_PITCH.set(descriptor, kPollCycles);
  Push(&Adapter->Paging, descriptor);
}

VOID Doorbell(GDM_ADAPTER* Adapter) {
  KeMemoryBarrier();  // the descriptors before the doorbell
  GdmWrite32(Adapter, Register(dma::CH_TAIL::kOffset), dma::CH_TAIL::INDEX.put(Adapter->Paging.RingTail));
}

// ---- At the device's interrupt level

GDM_PACKET* OldestPacket(GDM_PAGING* Paging) {
  return Paging->PacketCount == 0 ? NULL : &Paging->Packets[Paging->FirstPacket];
}

VOID DropOldest(GDM_PAGING* Paging) {
  Paging->FirstPacket = (Paging->FirstPacket + 1) % kGdmPackets;
  --Paging->PacketCount;
}

VOID Append(GDM_PAGING* Paging, UINT FenceId, BOOLEAN Preemption) {
  Paging->Packets[(Paging->FirstPacket + Paging->PacketCount) % kGdmPackets] = {Paging->Sequence, FenceId,
                                                                                Preemption};
  ++Paging->PacketCount;
}

VOID Notify(GDM_ADAPTER* Adapter, DXGKARGCB_NOTIFY_INTERRUPT_DATA* Data) {
  Adapter->Dxgk.DxgkCbNotifyInterrupt(Adapter->Dxgk.DeviceHandle, Data);
  InterlockedExchange(&Adapter->Paging.Notified, 1);
}

VOID NotifyCompleted(GDM_ADAPTER* Adapter) {
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data = {};
  data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;
  data.DmaCompleted.SubmissionFenceId = Adapter->Paging.LastCompleted;
  data.DmaCompleted.NodeOrdinal = kGdmPagingNode;
  data.DmaCompleted.EngineOrdinal = Adapter->Index;
  Notify(Adapter, &data);
}

VOID NotifyPreempted(GDM_ADAPTER* Adapter, UINT PreemptionFenceId) {
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data = {};
  data.InterruptType = DXGK_INTERRUPT_DMA_PREEMPTED;
  data.DmaPreempted.PreemptionFenceId = PreemptionFenceId;
  data.DmaPreempted.LastCompletedFenceId = Adapter->Paging.LastCompleted;
  data.DmaPreempted.NodeOrdinal = kGdmPagingNode;
  data.DmaPreempted.EngineOrdinal = Adapter->Index;
  Notify(Adapter, &data);
}

// Take off the queue what the device has passed. One notification stands for all completions before it.
VOID Complete(GDM_ADAPTER* Adapter, bool Tell) {
  GDM_PAGING& paging = Adapter->Paging;
  const ULONG64 passed = GdmRead64(Adapter, Register(dma::CH_FENCE::kOffset));
  bool completed = false;
  for (GDM_PACKET* packet = OldestPacket(&paging); packet != NULL && packet->Sequence <= passed;
       packet = OldestPacket(&paging)) {
    const GDM_PACKET done = *packet;
    DropOldest(&paging);
    if (!done.Preemption) {
      paging.LastCompleted = done.FenceId;
      completed = true;
      continue;
    }
    if (completed && Tell) NotifyCompleted(Adapter);
    completed = false;
    if (Tell) NotifyPreempted(Adapter, done.FenceId);
  }
  if (completed && Tell) NotifyCompleted(Adapter);
}

// A failed access may have been a passing fault of memory; anything else would fail again.
bool WorthRetry(ULONG Code) {
  return Code == dma::error::READ || Code == dma::error::WRITE || Code == dma::error::TIMEOUT ||
         Code == dma::error::RING_READ;
}

VOID HandleError(GDM_ADAPTER* Adapter) {
  GDM_PAGING& paging = Adapter->Paging;
  const ULONG info = GdmRead32(Adapter, Register(dma::CH_ERR_INFO::kOffset));
  GdmChannelError& error = paging.LastError;
  error.code = static_cast<ULONG>(dma::CH_ERR_INFO::CODE.get(info));
  error.operand = static_cast<ULONG>(dma::CH_ERR_INFO::OPERAND.get(info));
  error.response = static_cast<ULONG>(dma::CH_ERR_INFO::RESP.get(info));
  error.index = static_cast<ULONG>(dma::CH_ERR_INFO::INDEX.get(info));
  error.address = GdmRead64(Adapter, Register(dma::CH_ERR_ADDR::kOffset));
  error.tag = GdmRead64(Adapter, Register(dma::CH_ERR_TAG::kOffset));
  const GDM_PACKET* packet = OldestPacket(&paging);
  if (packet == NULL) return;  // nobody's work: the next reset clears it
  if (WorthRetry(error.code) && paging.RetriedSequence != packet->Sequence) {
    paging.RetriedSequence = packet->Sequence;
    ++paging.Retries;
    GdmWrite32(Adapter, Register(dma::CH_CTRL::kOffset),
               dma::CH_CTRL::ENABLE.put(1) | dma::CH_CTRL::RESUME.put(1));
    return;
  }
  ++paging.Faults;
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data = {};
  data.InterruptType = DXGK_INTERRUPT_DMA_FAULTED;
  data.DmaFaulted.FaultedFenceId = packet->FenceId;
  data.DmaFaulted.Status = STATUS_DEVICE_DATA_ERROR;
  data.DmaFaulted.NodeOrdinal = kGdmPagingNode;
  data.DmaFaulted.EngineOrdinal = Adapter->Index;
  Notify(Adapter, &data);
}

bool Stopped(GDM_ADAPTER* Adapter) {
  return dma::CH_STATUS::ERROR.get(GdmRead32(Adapter, Register(dma::CH_STATUS::kOffset))) != 0;
}

// ---- Below it

struct REQUEST {
  GDM_ADAPTER* Adapter;
  UINT FenceId;
  UINT Result;
  NTSTATUS Status;
};

NTSTATUS Synchronize(REQUEST* Request, PKSYNCHRONIZE_ROUTINE Routine) {
  const DXGKRNL_INTERFACE& dxgk = Request->Adapter->Dxgk;
  BOOLEAN result = FALSE;
  const NTSTATUS status = dxgk.DxgkCbSynchronizeExecution(dxgk.DeviceHandle, Routine, Request, 0, &result);
  return NT_SUCCESS(status) ? Request->Status : status;
}

VOID QueueDpcIfNotified(GDM_ADAPTER* Adapter) {
  if (Adapter->Paging.Notified != 0) Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);
}

BOOLEAN SubmitLocked(PVOID Context) {
  auto* request = static_cast<REQUEST*>(Context);
  GDM_PAGING& paging = request->Adapter->Paging;
  Append(&paging, request->FenceId, FALSE);
  paging.LastSubmitted = request->FenceId;
  Doorbell(request->Adapter);
  return TRUE;
}

BOOLEAN PreemptLocked(PVOID Context) {
  auto* request = static_cast<REQUEST*>(Context);
  GDM_ADAPTER* adapter = request->Adapter;
  Complete(adapter, true);
  if (adapter->Paging.PacketCount == 0) {
    NotifyPreempted(adapter, request->FenceId);
  } else if (adapter->Paging.PacketCount == kGdmPackets || FreeSlots(adapter) == 0) {
    request->Status = STATUS_INSUFFICIENT_RESOURCES;
  } else {
    // Descriptors are short, so the request waits behind what is queued.
    PushFence(adapter, 0, true);
    Append(&adapter->Paging, request->FenceId, TRUE);
    Doorbell(adapter);
  }
  return TRUE;
}

BOOLEAN CurrentFenceLocked(PVOID Context) {
  auto* request = static_cast<REQUEST*>(Context);
  Complete(request->Adapter, true);
  if (Stopped(request->Adapter)) HandleError(request->Adapter);  // its interrupt was lost
  request->Result = request->Adapter->Paging.LastCompleted;
  return TRUE;
}

// The channel is idle: what it passed is complete, the oldest of the rest was under way.
BOOLEAN AbortLocked(PVOID Context) {
  auto* request = static_cast<REQUEST*>(Context);
  GDM_PAGING& paging = request->Adapter->Paging;
  Complete(request->Adapter, false);
  for (const GDM_PACKET* packet = OldestPacket(&paging); packet != NULL && packet->Preemption;
       packet = OldestPacket(&paging)) {
    DropOldest(&paging);
  }
  const GDM_PACKET* packet = OldestPacket(&paging);
  if (packet != NULL) paging.LastCompleted = packet->FenceId;
  request->Result = paging.LastCompleted;
  paging.PacketCount = 0;
  return TRUE;
}

BOOLEAN HaltLocked(PVOID Context) {
  GDM_PAGING& paging = static_cast<REQUEST*>(Context)->Adapter->Paging;
  paging.LastCompleted = paging.LastSubmitted;
  paging.PacketCount = 0;
  return TRUE;
}

// The records of a submission, checked: Slots receives what they take in the ring.
NTSTATUS CheckRecords(const GDM_PAGING_RECORD* Records, ULONG Count, ULONG Bytes, ULONG* Slots) {
  *Slots = 1;  // the submission's fence
  for (ULONG i = 0; i < Count; ++i) {
    const UCHAR* end = Records[i].First + SIZE_T{Records[i].Count} * kDescriptorBytes;
    if (Records[i].First < Records[0].First || end > Records[0].First + Bytes) {
      return STATUS_INVALID_PARAMETER;
    }
    *Slots += Records[i].Count + (i == 0 ? 0 : 1);
  }
  return STATUS_SUCCESS;
}

VOID PushRecord(GDM_PAGING* Paging, const GDM_PAGING_RECORD& Record, ULONGLONG DeviceAddress, ULONG64 Tag) {
  for (ULONG i = 0; i < Record.Count; ++i) {
    ULONG64 descriptor[kQuadwords];
    RtlCopyMemory(descriptor, Record.First + SIZE_T{i} * kDescriptorBytes, kDescriptorBytes);
    if (dma::descriptor::OPCODE.get(descriptor) == dma::opcode::MAP_APERTURE_LIST) {
      dma::descriptor::SRC.set(
          descriptor, DeviceAddress + SIZE_T{i} * kDescriptorBytes + dma::descriptor::SRC.get(descriptor));
    }
    dma::descriptor::TAG.set(descriptor, Tag);
    Push(Paging, descriptor);
  }
}

VOID StartRing(GDM_ADAPTER* Adapter) {
  ULONGLONG run = 0;
  GdmWrite64(Adapter, Register(dma::CH_RING_BASE::kOffset),
             GdmAdlAddress(Adapter->Paging.RingMemory.Adl, 0, &run));
  GdmWrite32(Adapter, Register(dma::CH_RING_CFG::kOffset),
             dma::CH_RING_CFG::SIZE_LOG2.put(Adapter->Paging.RingSizeLog2) |
                 dma::CH_RING_CFG::SPACE.put(dma::space::LOGICAL));
  GdmWrite32(Adapter, Register(dma::CH_CFG::kOffset), dma::CH_CFG::WEIGHT.put(1) | dma::CH_CFG::HIGH.put(1));
  Adapter->Paging.RingTail = 0;
  Adapter->Paging.Halted = FALSE;
  GdmWrite32(Adapter, Register(dma::CH_CTRL::kOffset), dma::CH_CTRL::ENABLE.put(1));
}

}  // namespace

NTSTATUS GdmPagingCreate(GDM_ADAPTER* Adapter) {
  GDM_PAGING& paging = Adapter->Paging;
  const ULONG64 sequence = paging.Sequence;  // fence values never repeat, whatever is stopped and started
  RtlZeroMemory(&paging, sizeof(paging));
  paging.Sequence = sequence;
  if (GdmParameters.NoPaging || Adapter->Channels <= kChannel) return STATUS_SUCCESS;
  const ULONG64 operations = GdmRead64(Adapter, dma::OPERATIONS::kOffset);
  if ((operations & kPagingOperations) != kPagingOperations) return STATUS_SUCCESS;

  paging.RingSizeLog2 = WantedSizeLog2();
  if (paging.RingSizeLog2 > kMaximumSizeLog2) return STATUS_INVALID_PARAMETER;
  NTSTATUS status =
      GdmMemoryCreate(Adapter, SIZE_T{kDescriptorBytes} << paging.RingSizeLog2, true, &paging.RingMemory);
  if (!NT_SUCCESS(status)) return status;
  const ULONG log2 =
      static_cast<ULONG>(dma::CAPS::APERTURE_PAGES_LOG2.get(GdmRead64(Adapter, dma::CAPS::kOffset)));
  if (log2 != 0 && (operations & kApertureOperations) == kApertureOperations) {
    paging.Coherent =
        static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, SIZE_T{1} << log2, kGdmPoolTag));
    if (paging.Coherent == NULL) status = STATUS_NO_MEMORY;
    paging.AperturePages = 1u << log2;
  }
  if (NT_SUCCESS(status)) {
    paging.Present = TRUE;
    status = GdmPagingQuiesce(Adapter);
    if (NT_SUCCESS(status)) StartRing(Adapter);
  }
  if (!NT_SUCCESS(status)) GdmPagingDestroy(Adapter);
  return status;
}

VOID GdmPagingDestroy(GDM_ADAPTER* Adapter) {
  GDM_PAGING& paging = Adapter->Paging;
  paging.Present = FALSE;
  GdmMemoryDestroy(Adapter, &paging.RingMemory);
  if (paging.Coherent != NULL) ExFreePoolWithTag(paging.Coherent, kGdmPoolTag);
  paging.Coherent = NULL;
  paging.AperturePages = 0;
}

NTSTATUS GdmPagingQuiesce(GDM_ADAPTER* Adapter) {
  if (!Adapter->Paging.Present) return STATUS_SUCCESS;
  Adapter->Paging.Halted = TRUE;
  GdmWrite32(Adapter, Register(dma::CH_CTRL::kOffset), dma::CH_CTRL::RESET.put(1));
  for (ULONG polls = 0; dma::CH_CTRL::RESET.get(GdmRead32(Adapter, Register(dma::CH_CTRL::kOffset))) != 0;
       ++polls) {
    if (polls == kGdmPollsUntilDoubt && GdmDeviceGone(Adapter)) return STATUS_DEVICE_REMOVED;
    if (polls == kPolls) {
      DbgPrint("gdmkmd: adapter %u: the paging channel does not finish its reset\n", Adapter->Index);
      return STATUS_IO_TIMEOUT;
    }
    KeStallExecutionProcessor(1);
  }
  return STATUS_SUCCESS;
}

VOID GdmPagingResume(GDM_ADAPTER* Adapter) {
  if (Adapter->Paging.Present) StartRing(Adapter);
}

VOID GdmPagingInterrupt(GDM_ADAPTER* Adapter, ULONG Causes) {
  if (!Adapter->Paging.Present || Adapter->Paging.Halted) return;
  Complete(Adapter, true);
  if (dma::INT_STATUS::ERROR.get(Causes) != 0 && Stopped(Adapter)) HandleError(Adapter);
}

VOID GdmPagingDpc(GDM_ADAPTER* Adapter) {
  if (InterlockedExchange(&Adapter->Paging.Notified, 0) == 0) return;
  Adapter->Dxgk.DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle);
}

NTSTATUS GdmPagingSubmit(GDM_ADAPTER* Adapter, const DXGKARG_SUBMITCOMMAND* Args) {
  GDM_PAGING& paging = Adapter->Paging;
  if (!paging.Present || paging.Halted) return STATUS_DEVICE_NOT_READY;
  if (!Args->Flags.Paging || Args->NodeOrdinal != kGdmPagingNode) return STATUS_NOT_SUPPORTED;
  const UINT first = Args->DmaBufferPrivateDataSubmissionStartOffset;
  const UINT end = Args->DmaBufferPrivateDataSubmissionEndOffset;
  if (Args->pDmaBufferPrivateData == NULL || first > end || end > Args->DmaBufferPrivateDataSize ||
      (end - first) % sizeof(GDM_PAGING_RECORD) != 0 ||
      Args->DmaBufferSubmissionStartOffset > Args->DmaBufferSubmissionEndOffset) {
    return STATUS_INVALID_PARAMETER;
  }
  const auto* records = reinterpret_cast<const GDM_PAGING_RECORD*>(
      static_cast<const UCHAR*>(Args->pDmaBufferPrivateData) + first);
  const ULONG count = (end - first) / sizeof(GDM_PAGING_RECORD);
  const bool hang = GdmParameters.HangingSubmissions != 0;
  ULONG slots = 0;
  const NTSTATUS status = CheckRecords(
      records, count, Args->DmaBufferSubmissionEndOffset - Args->DmaBufferSubmissionStartOffset, &slots);
  if (!NT_SUCCESS(status)) return status;
  if (slots + (hang ? 1 : 0) > FreeSlots(Adapter) || paging.PacketCount == kGdmPackets)
    return STATUS_INSUFFICIENT_RESOURCES;

  if (hang) {
    --GdmParameters.HangingSubmissions;
    PushHang(Adapter);
  }
  // The first record begins where the submission does: from there on both addresses run in parallel.
  const ULONGLONG base =
      static_cast<ULONGLONG>(Args->DmaBufferPhysicalAddress.QuadPart) + Args->DmaBufferSubmissionStartOffset;
  for (ULONG i = 0; i < count; ++i) {
    // Each operation finds done what the ones before it did.
    if (i != 0) PushFence(Adapter, Args->SubmissionFenceId, false);
    PushRecord(&paging, records[i], base + static_cast<ULONGLONG>(records[i].First - records[0].First),
               Args->SubmissionFenceId);
  }
  PushFence(Adapter, Args->SubmissionFenceId, true);
  REQUEST request = {Adapter, Args->SubmissionFenceId, 0, STATUS_SUCCESS};
  return Synchronize(&request, SubmitLocked);
}

NTSTATUS GdmPagingPreempt(GDM_ADAPTER* Adapter, UINT PreemptionFenceId) {
  if (!Adapter->Paging.Present || Adapter->Paging.Halted) return STATUS_DEVICE_NOT_READY;
  REQUEST request = {Adapter, PreemptionFenceId, 0, STATUS_SUCCESS};
  const NTSTATUS status = Synchronize(&request, PreemptLocked);
  QueueDpcIfNotified(Adapter);
  return status;
}

NTSTATUS GdmPagingCurrentFence(GDM_ADAPTER* Adapter, UINT* Fence) {
  if (!Adapter->Paging.Present) return STATUS_DEVICE_NOT_READY;
  REQUEST request = {Adapter, 0, 0, STATUS_SUCCESS};
  const NTSTATUS status = Synchronize(&request, CurrentFenceLocked);
  *Fence = request.Result;
  QueueDpcIfNotified(Adapter);
  return status;
}

NTSTATUS GdmPagingResetEngine(GDM_ADAPTER* Adapter, UINT* LastAborted) {
  if (!Adapter->Paging.Present) return STATUS_DEVICE_NOT_READY;
  NTSTATUS status = GdmPagingQuiesce(Adapter);
  if (!NT_SUCCESS(status)) return status;
  REQUEST request = {Adapter, 0, 0, STATUS_SUCCESS};
  status = Synchronize(&request, AbortLocked);
  *LastAborted = request.Result;
  if (NT_SUCCESS(status)) StartRing(Adapter);
  return status;
}

NTSTATUS GdmPagingHalt(GDM_ADAPTER* Adapter) {
  if (!Adapter->Paging.Present) return STATUS_SUCCESS;
  const NTSTATUS status = GdmPagingQuiesce(Adapter);
  if (!NT_SUCCESS(status)) return status;
  REQUEST request = {Adapter, 0, 0, STATUS_SUCCESS};
  return Synchronize(&request, HaltLocked);
}

// Idle, or further on after a while.
BOOLEAN GdmPagingResponsive(GDM_ADAPTER* Adapter) {
  constexpr ULONG kLooks = 10;
  if (!Adapter->Paging.Present) return FALSE;
  const ULONG head = GdmRead32(Adapter, Register(dma::CH_HEAD::kOffset));
  for (ULONG i = 0; i < kLooks; ++i) {
    const ULONG state = GdmRead32(Adapter, Register(dma::CH_STATUS::kOffset));
    if (dma::CH_STATUS::IDLE.get(state) != 0 && dma::CH_STATUS::ERROR.get(state) == 0) return TRUE;
    if (GdmRead32(Adapter, Register(dma::CH_HEAD::kOffset)) != head) return TRUE;
    KeStallExecutionProcessor(1);
  }
  return FALSE;
}
