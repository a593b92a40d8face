// SPDX-License-Identifier: Apache-2.0
// Segments and allocations, as the system's memory manager asks for them.
#include "driver-model/kmd/hardware.h"

namespace {

constexpr UINT SegmentBit(UINT Id) { return 1u << (Id - 1); }
constexpr UINT kVramSet = SegmentBit(GDM_SEGMENT_VRAM);
constexpr UINT kApertureSet = SegmentBit(GDM_SEGMENT_APERTURE);

UINT SegmentsOf(const GDM_ADAPTER* Adapter) {
  if (!Adapter->Paging.Present) return 0;
  return Adapter->Paging.AperturePages == 0 ? kVramSet : kVramSet | kApertureSet;
}

VOID DescribeVram(const GDM_ADAPTER* Adapter, DXGK_SEGMENTDESCRIPTOR4* Segment) {
  const ULONGLONG base = GdmVramSegmentBase(Adapter);
  Segment->BaseAddress.QuadPart = static_cast<LONGLONG>(base);
  Segment->Size = Adapter->VramSize - base;
  Segment->CommitLimit = Segment->Size;
}

VOID DescribeAperture(const GDM_ADAPTER* Adapter, DXGK_SEGMENTDESCRIPTOR4* Segment) {
  Segment->Flags.Aperture = 1;
  Segment->Flags.CacheCoherent = 1;
  Segment->Size = SIZE_T{Adapter->Paging.AperturePages} << PAGE_SHIFT;
  Segment->CommitLimit = Segment->Size;
}

NTSTATUS CreateOne(GDM_LINK* Link, DXGK_ALLOCATIONINFO* Info) {
  GdmAllocationData data;
  if (Info->pPrivateDriverData == NULL || Info->PrivateDriverDataSize < sizeof(data)) {
    return STATUS_INVALID_PARAMETER;
  }
  RtlCopyMemory(&data, Info->pPrivateDriverData, sizeof(data));
  const GDM_ADAPTER* adapter = GdmLinkMember(Link, data.adapter_index);
  if (data.magic != GDM_ALLOCATION_MAGIC || data.size == 0 || adapter == NULL || !adapter->Started) {
    return STATUS_INVALID_PARAMETER;
  }
  const UINT segments = data.segments == 0 ? SegmentsOf(adapter) : data.segments & SegmentsOf(adapter);
  if (segments == 0) return STATUS_INVALID_PARAMETER;
  auto* allocation =
      static_cast<GDM_ALLOCATION*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(GDM_ALLOCATION), kGdmPoolTag));
  if (allocation == NULL) return STATUS_NO_MEMORY;
  allocation->Data = data;
  InsertTailList(&Link->Allocations, &allocation->Entry);

  Info->Alignment = PAGE_SIZE;
  Info->Size = ROUND_TO_PAGES(data.size);
  Info->PitchAlignedSize = 0;
  Info->HintedBank.Value = 0;
  Info->PreferredSegment.Value = 0;
  Info->PreferredSegment.SegmentId0 =
      (segments & kVramSet) != 0 ? UINT{GDM_SEGMENT_VRAM} : UINT{GDM_SEGMENT_APERTURE};
  Info->SupportedReadSegmentSet = segments;
  Info->SupportedWriteSegmentSet = segments;
  Info->EvictionSegmentSet = 0;  // to system memory
  Info->PhysicalAdapterIndex = data.adapter_index;
  Info->FlagsWddm2.Value = 0;
  Info->FlagsWddm2.AccessedPhysically = (data.flags & GDM_ALLOCATION_ACCESSED_PHYSICALLY) != 0;
  Info->FlagsWddm2.MapApertureCpuVisible = (data.flags & GDM_ALLOCATION_CPU_VISIBLE_MAPPED) != 0;
  Info->FlagsWddm2.Cached = (data.flags & GDM_ALLOCATION_CACHED) != 0;
  Info->FlagsWddm2.CpuVisible = (data.flags & GDM_ALLOCATION_CPU_VISIBLE) != 0;
  Info->pAllocationUsageHint = NULL;
  Info->AllocationPriority = 0;
  Info->hAllocation = allocation;
  return STATUS_SUCCESS;
}

VOID DestroyOne(HANDLE Allocation) {
  auto* allocation = static_cast<GDM_ALLOCATION*>(Allocation);
  RemoveEntryList(&allocation->Entry);
  ExFreePoolWithTag(allocation, kGdmPoolTag);
}

}  // namespace

ULONGLONG GdmVramSegmentBase(const GDM_ADAPTER* Adapter) { return Adapter->VramSize / 2; }

NTSTATUS GdmQuerySegments(GDM_LINK* Link, const DXGKARG_QUERYADAPTERINFO* Query) {
  if (Query->pInputData == NULL || Query->InputDataSize < sizeof(DXGK_QUERYSEGMENTIN4) ||
      Query->pOutputData == NULL) {
    return STATUS_INVALID_PARAMETER;
  }
  if (Query->OutputDataSize < sizeof(DXGK_QUERYSEGMENTOUT4)) return STATUS_BUFFER_TOO_SMALL;
  const GDM_ADAPTER* adapter =
      GdmLinkMember(Link, static_cast<const DXGK_QUERYSEGMENTIN4*>(Query->pInputData)->PhysicalAdapterIndex);
  if (adapter == NULL) return STATUS_INVALID_PARAMETER;
  if (!adapter->Started) return STATUS_INVALID_DEVICE_STATE;
  auto* out = static_cast<DXGK_QUERYSEGMENTOUT4*>(Query->pOutputData);
  const UINT segments = SegmentsOf(adapter);
  const UINT count = (segments & kApertureSet) != 0 ? 2 : (segments & kVramSet) != 0 ? 1 : 0;
  if (out->NbSegment == 0) {  // the first of two calls: how many
    out->NbSegment = count;
    return STATUS_SUCCESS;
  }
  if (out->NbSegment != count || out->pSegmentDescriptor == NULL ||
      out->SegmentDescriptorStride < sizeof(DXGK_SEGMENTDESCRIPTOR4)) {
    return STATUS_INVALID_PARAMETER;
  }
  // The system's descriptors may be longer than those this driver knows.
  for (UINT i = 0; i < count; ++i) {
    DXGK_SEGMENTDESCRIPTOR4 segment;
    RtlZeroMemory(&segment, sizeof(segment));
    if (i + 1 == GDM_SEGMENT_VRAM) {
      DescribeVram(adapter, &segment);
    } else {
      DescribeAperture(adapter, &segment);
    }
    RtlCopyMemory(out->pSegmentDescriptor + i * out->SegmentDescriptorStride, &segment, sizeof(segment));
  }
  out->PagingBufferSegmentId = 0;  // in system memory
  out->PagingBufferSize = GdmPagingBufferSize();
  out->PagingBufferPrivateDataSize = GdmPagingPrivateSize();
  return STATUS_SUCCESS;
}

NTSTATUS GdmCreateAllocation(GDM_LINK* Link, DXGKARG_CREATEALLOCATION* Args) {
  GdmLinkLock(Link);
  NTSTATUS status = STATUS_SUCCESS;
  UINT made = 0;
  for (; made < Args->NumAllocations && NT_SUCCESS(status); ++made) {
    status = CreateOne(Link, &Args->pAllocationInfo[made]);
    if (!NT_SUCCESS(status)) break;
  }
  if (!NT_SUCCESS(status)) {
    while (made-- > 0) DestroyOne(Args->pAllocationInfo[made].hAllocation);
  }
  GdmLinkUnlock(Link);
  return status;
}

NTSTATUS GdmDestroyAllocation(GDM_LINK* Link, const DXGKARG_DESTROYALLOCATION* Args) {
  GdmLinkLock(Link);
  for (UINT i = 0; i < Args->NumAllocations; ++i) DestroyOne(Args->pAllocationList[i]);
  GdmLinkUnlock(Link);
  return STATUS_SUCCESS;
}
