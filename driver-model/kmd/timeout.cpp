// SPDX-License-Identifier: Apache-2.0
// Time-outs: what the system asks before a reset, the reset of the whole adapter, and what it leaves for a
// crash report.
#include "driver-model/kmd/timeout.h"

#include "driver-model/kmd/hardware.h"

namespace {

/// The first bytes of a time-out's report; one for each member of the link.
struct REPORT {
  ULONG Channel[2];  // CH_STATUS
  ULONG Head[2];
  ULONG Tail[2];
  ULONG64 Fence[2];
  UINT LastSubmitted;
  UINT LastCompleted;
};

VOID Describe(GDM_ADAPTER* Adapter, REPORT* Report) {
  RtlZeroMemory(Report, sizeof(*Report));
  const ULONG channels = Adapter->Paging.Present ? 2 : 1;
  for (ULONG i = 0; i < channels; ++i) {
    Report->Channel[i] = GdmRead32(Adapter, GdmChannelRegister(i, dma::CH_STATUS::kOffset));
    Report->Head[i] = GdmRead32(Adapter, GdmChannelRegister(i, dma::CH_HEAD::kOffset));
    Report->Tail[i] = GdmRead32(Adapter, GdmChannelRegister(i, dma::CH_TAIL::kOffset));
    Report->Fence[i] = GdmRead64(Adapter, GdmChannelRegister(i, dma::CH_FENCE::kOffset));
  }
  Report->LastSubmitted = Adapter->Paging.LastSubmitted;
  Report->LastCompleted = Adapter->Paging.LastCompleted;
}

// A node of the system: its member of the link. NULL: there is none.
GDM_ADAPTER* NodeOwner(GDM_LINK* Link, UINT NodeOrdinal, UINT EngineOrdinal) {
  return NodeOrdinal == kGdmPagingNode ? GdmLinkMember(Link, EngineOrdinal) : NULL;
}

template <typename F>
NTSTATUS ForEachMember(GDM_LINK* Link, F Action) {
  NTSTATUS result = STATUS_SUCCESS;
  for (ULONG i = 0; i < Link->Members; ++i) {
    GDM_ADAPTER* adapter = GdmLinkMember(Link, i);
    const NTSTATUS status = adapter->Started ? Action(adapter) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) result = status;
  }
  return result;
}

}  // namespace

// Commands of user mode that are under way end first: their waits have a limit.
NTSTATUS GdmResetFromTimeout(GDM_LINK* Link) {
  GdmLinkLockChannels(Link);
  const NTSTATUS status = ForEachMember(Link, [](GDM_ADAPTER* Adapter) {
    Adapter->Halted = TRUE;
    const NTSTATUS quiet = GdmDeviceQuiesce(Adapter);
    return NT_SUCCESS(quiet) ? GdmPagingHalt(Adapter) : quiet;
  });
  GdmLinkUnlockChannels(Link);
  return status;
}

NTSTATUS GdmRestartFromTimeout(GDM_LINK* Link) {
  GdmLinkLockChannels(Link);
  const NTSTATUS status = ForEachMember(Link, [](GDM_ADAPTER* Adapter) {
    Adapter->Halted = FALSE;
    return GdmDeviceResume(Adapter);
  });
  GdmLinkUnlockChannels(Link);
  return status;
}

NTSTATUS GdmResetEngine(GDM_LINK* Link, DXGKARG_RESETENGINE* Args) {
  GDM_ADAPTER* adapter = NodeOwner(Link, Args->NodeOrdinal, Args->EngineOrdinal);
  return adapter == NULL ? STATUS_INVALID_PARAMETER
                         : GdmPagingResetEngine(adapter, &Args->LastAbortedFenceId);
}

NTSTATUS GdmQueryEngineStatus(GDM_LINK* Link, DXGKARG_QUERYENGINESTATUS* Args) {
  GDM_ADAPTER* adapter = NodeOwner(Link, Args->NodeOrdinal, Args->EngineOrdinal);
  if (adapter == NULL) return STATUS_INVALID_PARAMETER;
  Args->EngineStatus.Value = 0;
  Args->EngineStatus.Responsive = GdmPagingResponsive(adapter);
  return STATUS_SUCCESS;
}

// Channels are independent: a node's reset touches no other.
NTSTATUS GdmQueryDependentEngineGroup(GDM_LINK* Link, DXGKARG_QUERYDEPENDENTENGINEGROUP* Args) {
  if (NodeOwner(Link, Args->NodeOrdinal, Args->EngineOrdinal) == NULL) return STATUS_INVALID_PARAMETER;
  Args->DependentNodeOrdinalMask = 1ull << Args->NodeOrdinal;
  return STATUS_SUCCESS;
}

NTSTATUS GdmCollectDbgInfo(GDM_LINK* Link, const DXGKARG_COLLECTDBGINFO* Args) {
  if (Args->pBuffer == NULL) return STATUS_INVALID_PARAMETER;
  if (Args->Reason != VIDEO_TDR_TIMEOUT_DETECTED && Args->Reason != VIDEO_ENGINE_TIMEOUT_DETECTED) {
    return STATUS_NOT_SUPPORTED;
  }
  UCHAR* next = static_cast<UCHAR*>(Args->pBuffer);
  SIZE_T room = Args->BufferSize;
  return ForEachMember(Link, [&](GDM_ADAPTER* Adapter) {
    if (room < sizeof(REPORT)) return STATUS_SUCCESS;  // as much as fits
    REPORT report;
    Describe(Adapter, &report);
    RtlCopyMemory(next, &report, sizeof(report));
    next += sizeof(report);
    room -= sizeof(report);
    return STATUS_SUCCESS;
  });
}
