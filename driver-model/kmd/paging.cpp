// SPDX-License-Identifier: Apache-2.0
// BuildPagingBuffer: the system's memory operations in descriptors of the paging channel. A call writes whole
// descriptors; what does not fit comes with the next buffer, from MultipassOffset on (in pages).
#include "driver-model/kmd/hardware.h"

namespace {

constexpr ULONG kDescriptorBytes = dma::descriptor::kWidth / 8;
constexpr ULONG kQuadwords = kDescriptorBytes / 8;
constexpr ULONG kListEntryBytes = 8;
constexpr ULONGLONG kMaximumBytes = 1ull << 32;  // of one descriptor
constexpr ULONGLONG kMaximumPages = kMaximumBytes >> PAGE_SHIFT;

/// The rest of a paging buffer, and the record of this call's descriptors.
struct WRITER {
  DXGKARG_BUILDPAGINGBUFFER* Args;
  UCHAR* First;
  UCHAR* Next;
  UCHAR* End;
  ULONG Count;
};

WRITER Open(DXGKARG_BUILDPAGINGBUFFER* Args) {
  UCHAR* next = static_cast<UCHAR*>(Args->pDmaBuffer);
  const ULONG room = Args->DmaBufferPrivateDataSize < sizeof(GDM_PAGING_RECORD) ? 0 : Args->DmaSize;
  return {Args, next, next, next + room, 0};
}

bool Fits(const WRITER& Writer, ULONGLONG Bytes) {
  return static_cast<ULONGLONG>(Writer.End - Writer.Next) >= Bytes;
}

VOID Write(WRITER* Writer, const ULONG64 (&Descriptor)[kQuadwords]) {
  RtlCopyMemory(Writer->Next, Descriptor, kDescriptorBytes);
  Writer->Next += kDescriptorBytes;
  ++Writer->Count;
}

// Hands over what was written. Nothing written: the buffer stays as it is.
NTSTATUS Close(const WRITER& Writer, NTSTATUS Status) {
  if (Writer.Count == 0) return Status;
  DXGKARG_BUILDPAGINGBUFFER* args = Writer.Args;
  const GDM_PAGING_RECORD record = {Writer.First, Writer.Count};
  RtlCopyMemory(args->pDmaBufferPrivateData, &record, sizeof(record));
  args->pDmaBufferPrivateData = static_cast<UCHAR*>(args->pDmaBufferPrivateData) + sizeof(record);
  args->DmaBufferPrivateDataSize -= sizeof(record);
  args->pDmaBuffer = Writer.Next;
  args->DmaSize -= static_cast<UINT>(Writer.Next - Writer.First);
  return Status;
}

// ---- Places

/// One side of a transfer: a segment's bytes, or the pages of an MDL.
struct PLACE {
  ULONG Space;
  ULONGLONG Address;        // segment: of the operation's first byte
  const PFN_NUMBER* Pages;  // NULL: segment
  ULONGLONG PageCount;      // from the operation's first page on
};

NTSTATUS SegmentPlace(UINT SegmentId, LARGE_INTEGER Address, ULONGLONG Offset, PLACE* Place) {
  if (SegmentId != GDM_SEGMENT_VRAM && SegmentId != GDM_SEGMENT_APERTURE) return STATUS_INVALID_PARAMETER;
  Place->Space = SegmentId == GDM_SEGMENT_VRAM ? dma::space::VRAM : dma::space::APERTURE;
  Place->Address = static_cast<ULONGLONG>(Address.QuadPart) + Offset;
  Place->Pages = NULL;
  Place->PageCount = 0;
  return STATUS_SUCCESS;
}

// The page numbers of the list are what the device sees: page frames, or logical pages where requests are
// translated.
NTSTATUS MdlPlace(PMDL Mdl, ULONGLONG FirstPage, ULONGLONG Bytes, PLACE* Place) {
  if (Mdl == NULL) return STATUS_INVALID_PARAMETER;
  const ULONGLONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), MmGetMdlByteCount(Mdl));
  const ULONGLONG needed = (Bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
  if (FirstPage > pages || needed > pages - FirstPage) return STATUS_INVALID_PARAMETER;
  *Place = {dma::space::LOGICAL, 0, MmGetMdlPfnArray(Mdl) + FirstPage, needed};
  return STATUS_SUCCESS;
}

// Address of byte Done, which begins a page, and how many bytes from there on are consecutive.
ULONGLONG At(const PLACE& Place, ULONGLONG Done, ULONGLONG* Run) {
  if (Place.Pages == NULL) {
    *Run = kMaximumBytes;
    return Place.Address + Done;
  }
  const ULONGLONG page = Done >> PAGE_SHIFT;
  ULONGLONG pages = 1;
  while (page + pages < Place.PageCount && Place.Pages[page + pages] == Place.Pages[page] + pages) ++pages;
  *Run = pages << PAGE_SHIFT;
  return ULONGLONG{Place.Pages[page]} << PAGE_SHIFT;
}

ULONGLONG Minimum(ULONGLONG A, ULONGLONG B) { return A < B ? A : B; }

// ---- Operations

NTSTATUS CopyPlaces(DXGKARG_BUILDPAGINGBUFFER* Args, const PLACE& Source, const PLACE& Destination,
                    ULONGLONG Size) {
  WRITER writer = Open(Args);
  ULONGLONG done = ULONGLONG{Args->MultipassOffset} << PAGE_SHIFT;
  while (done < Size) {
    if (!Fits(writer, kDescriptorBytes)) {
      Args->MultipassOffset = static_cast<UINT>(done >> PAGE_SHIFT);
      return Close(writer, STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER);
    }
    ULONGLONG source_run = 0;
    ULONGLONG destination_run = 0;
    const ULONGLONG source = At(Source, done, &source_run);
    const ULONGLONG destination = At(Destination, done, &destination_run);
    const ULONGLONG length =
        Minimum(Minimum(Size - done, kMaximumBytes), Minimum(source_run, destination_run));
    ULONG64 descriptor[kQuadwords] = {};
    dma::descriptor::OPCODE.set(descriptor, dma::opcode::COPY);
    dma::descriptor::SRC_SPACE.set(descriptor, Source.Space);
    dma::descriptor::DST_SPACE.set(descriptor, Destination.Space);
    dma::descriptor::SRC.set(descriptor, source);
    dma::descriptor::DST.set(descriptor, destination);
    dma::descriptor::LENGTH.set(descriptor, length - 1);
    Write(&writer, descriptor);
    done += length;
  }
  return Close(writer, STATUS_SUCCESS);
}

// A member of the union, Transfer or SpecialLockTransfer: the places count from TransferOffset, the MDL from
// MdlPage. A size of 0 tells of an eviction whose content a reset has lost.
template <typename T>
NTSTATUS Transfer(DXGKARG_BUILDPAGINGBUFFER* Args, const T& Transfer, ULONGLONG MdlPage) {
  if (Transfer.TransferSize == 0) return STATUS_SUCCESS;
  const auto resolve = [&](const auto& Side, PLACE* Place) {
    return Side.SegmentId == 0
               ? MdlPlace(Side.pMdl, MdlPage, Transfer.TransferSize, Place)
               : SegmentPlace(Side.SegmentId, Side.SegmentAddress, Transfer.TransferOffset, Place);
  };
  PLACE source = {};
  PLACE destination = {};
  NTSTATUS status = resolve(Transfer.Source, &source);
  if (NT_SUCCESS(status)) status = resolve(Transfer.Destination, &destination);
  return NT_SUCCESS(status) ? CopyPlaces(Args, source, destination, Transfer.TransferSize) : status;
}

NTSTATUS Fill(DXGKARG_BUILDPAGINGBUFFER* Args) {
  const auto& fill = Args->Fill;
  PLACE destination = {};
  const NTSTATUS status =
      SegmentPlace(fill.Destination.SegmentId, fill.Destination.SegmentAddress, 0, &destination);
  if (!NT_SUCCESS(status)) return status;
  WRITER writer = Open(Args);
  ULONGLONG done = ULONGLONG{Args->MultipassOffset} << PAGE_SHIFT;
  while (done < fill.FillSize) {
    if (!Fits(writer, kDescriptorBytes)) {
      Args->MultipassOffset = static_cast<UINT>(done >> PAGE_SHIFT);
      return Close(writer, STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER);
    }
    const ULONGLONG length = Minimum(fill.FillSize - done, kMaximumBytes);
    ULONG64 descriptor[kQuadwords] = {};
    dma::descriptor::OPCODE.set(descriptor, dma::opcode::FILL);
    dma::descriptor::PARAM.set(descriptor, sizeof(fill.FillPattern) - 1);
    dma::descriptor::SRC.set(descriptor, fill.FillPattern);
    dma::descriptor::DST_SPACE.set(descriptor, destination.Space);
    dma::descriptor::DST.set(descriptor, destination.Address + done);
    dma::descriptor::LENGTH.set(descriptor, length - 1);
    Write(&writer, descriptor);
    done += length;
  }
  return Close(writer, STATUS_SUCCESS);
}

/// A range of aperture pages. The pages from First on were handled by earlier passes.
NTSTATUS CheckAperture(const GDM_LINK* Link, UINT SegmentId, SIZE_T Offset, SIZE_T Pages) {
  if (SegmentId != GDM_SEGMENT_APERTURE || Pages == 0) return STATUS_INVALID_PARAMETER;
  for (LIST_ENTRY* entry = Link->Adapters.Flink; entry != &Link->Adapters; entry = entry->Flink) {
    const ULONG size = CONTAINING_RECORD(entry, GDM_ADAPTER, LinkEntry)->Paging.AperturePages;
    if (size == 0) continue;  // it has none; the system does not use it there
    if (Offset > size || Pages > size - Offset) return STATUS_INVALID_PARAMETER;
  }
  return STATUS_SUCCESS;
}

// The operations do not say which member of a link they are for; the allocation does.
GDM_ADAPTER* OwnerOf(GDM_LINK* Link, HANDLE Allocation) {
  return Allocation == NULL
             ? NULL
             : GdmLinkMember(Link, static_cast<GDM_ALLOCATION*>(Allocation)->Data.adapter_index);
}

VOID NoteCoherence(GDM_LINK* Link, HANDLE Allocation, SIZE_T Offset, SIZE_T Pages, UCHAR Coherent) {
  GDM_ADAPTER* adapter = OwnerOf(Link, Allocation);
  if (adapter != NULL && adapter->Paging.Coherent != NULL) {
    RtlFillMemory(adapter->Paging.Coherent + Offset, Pages, Coherent);
  }
}

VOID BeginAperture(ULONG64 (&Descriptor)[kQuadwords], ULONG Opcode, ULONGLONG Page, ULONGLONG Pages) {
  dma::descriptor::OPCODE.set(Descriptor, Opcode);
  dma::descriptor::DST_SPACE.set(Descriptor, dma::space::APERTURE);
  dma::descriptor::DST.set(Descriptor, Page << PAGE_SHIFT);
  dma::descriptor::LENGTH.set(Descriptor, Pages - 1);
}

// Consecutive pages: one descriptor.
NTSTATUS MapRun(DXGKARG_BUILDPAGINGBUFFER* Args, ULONGLONG ApertureOffset, ULONGLONG FirstPage,
                ULONGLONG Pages) {
  WRITER writer = Open(Args);
  if (!Fits(writer, kDescriptorBytes)) return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
  ULONG64 descriptor[kQuadwords] = {};
  BeginAperture(descriptor, dma::opcode::MAP_APERTURE_RANGE, ApertureOffset, Pages);
  dma::descriptor::SRC.set(descriptor, FirstPage << PAGE_SHIFT);
  Write(&writer, descriptor);
  return Close(writer, STATUS_SUCCESS);
}

// A page list: it stands in the paging buffer, behind its descriptor, and the device reads it there. SRC is
// the distance from the descriptor; SubmitCommand knows the buffer's address.
NTSTATUS MapList(DXGKARG_BUILDPAGINGBUFFER* Args, ULONGLONG ApertureOffset, const ULONG_PTR* Numbers,
                 ULONGLONG Pages) {
  WRITER writer = Open(Args);
  const ULONGLONG done = Args->MultipassOffset;
  if (done > Pages) return STATUS_INVALID_PARAMETER;
  if (done == Pages) return STATUS_SUCCESS;
  if (!Fits(writer, kDescriptorBytes + kDescriptorBytes)) return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
  // The list is padded to whole descriptors.
  const ULONGLONG room = static_cast<ULONGLONG>(writer.End - writer.Next) / kDescriptorBytes - 1;
  const ULONGLONG count = Minimum(Minimum(Pages - done, kMaximumPages), room * kQuadwords);
  ULONG64 descriptor[kQuadwords] = {};
  BeginAperture(descriptor, dma::opcode::MAP_APERTURE_LIST, ApertureOffset + done, count);
  dma::descriptor::SRC_SPACE.set(descriptor, dma::space::LOGICAL);
  dma::descriptor::SRC.set(descriptor, kDescriptorBytes);
  Write(&writer, descriptor);
  auto* list = reinterpret_cast<ULONG64*>(writer.Next);
  for (ULONGLONG i = 0; i < count; ++i) list[i] = ULONG64{Numbers[done + i]} << PAGE_SHIFT;
  writer.Next += ALIGN_UP_BY(count * kListEntryBytes, kDescriptorBytes);
  Args->MultipassOffset = static_cast<UINT>(done + count);
  return Close(writer, done + count < Pages ? STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER : STATUS_SUCCESS);
}

NTSTATUS MapAperture2(GDM_LINK* Link, DXGKARG_BUILDPAGINGBUFFER* Args) {
  const auto& map = Args->MapApertureSegment2;
  const NTSTATUS status = CheckAperture(Link, map.SegmentId, map.OffsetInPages, map.NumberOfPages);
  if (!NT_SUCCESS(status)) return status;
  if (map.AdlOffset > map.Adl.PageCount || map.NumberOfPages > map.Adl.PageCount - map.AdlOffset) {
    return STATUS_INVALID_PARAMETER;
  }
  NoteCoherence(Link, map.hAllocation, map.OffsetInPages, map.NumberOfPages, map.Flags.CacheCoherent);
  return map.Adl.Flags.Contiguous
             ? MapRun(Args, map.OffsetInPages, ULONGLONG{map.Adl.BasePageNumber} + map.AdlOffset,
                      map.NumberOfPages)
             : MapList(Args, map.OffsetInPages, map.Adl.Pages + map.AdlOffset, map.NumberOfPages);
}

NTSTATUS MapAperture(GDM_LINK* Link, DXGKARG_BUILDPAGINGBUFFER* Args) {
  const auto& map = Args->MapApertureSegment;
  NTSTATUS status = CheckAperture(Link, map.SegmentId, map.OffsetInPages, map.NumberOfPages);
  PLACE pages = {};
  if (NT_SUCCESS(status)) {
    status = MdlPlace(map.pMdl, map.MdlOffset, ULONGLONG{map.NumberOfPages} << PAGE_SHIFT, &pages);
  }
  if (!NT_SUCCESS(status)) return status;
  NoteCoherence(Link, map.hAllocation, map.OffsetInPages, map.NumberOfPages, map.Flags.CacheCoherent);
  return MapList(Args, map.OffsetInPages, pages.Pages, map.NumberOfPages);
}

// The range stays accessible: whatever reaches it goes to the dummy page.
NTSTATUS UnmapAperture(GDM_LINK* Link, DXGKARG_BUILDPAGINGBUFFER* Args) {
  const auto& unmap = Args->UnmapApertureSegment;
  const NTSTATUS status = CheckAperture(Link, unmap.SegmentId, unmap.OffsetInPages, unmap.NumberOfPages);
  if (!NT_SUCCESS(status)) return status;
  WRITER writer = Open(Args);
  if (!Fits(writer, kDescriptorBytes)) return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
  NoteCoherence(Link, unmap.hAllocation, unmap.OffsetInPages, unmap.NumberOfPages, 0);
  ULONG64 descriptor[kQuadwords] = {};
  BeginAperture(descriptor, dma::opcode::UNMAP_APERTURE, unmap.OffsetInPages, unmap.NumberOfPages);
  dma::descriptor::SRC.set(descriptor, static_cast<ULONG64>(unmap.DummyPage.QuadPart));
  Write(&writer, descriptor);
  return Close(writer, STATUS_SUCCESS);
}

}  // namespace

UINT GdmPagingBufferSize(VOID) { return GdmParameters.PagingBufferSize; }

UINT GdmPagingPrivateSize(VOID) {
  return GdmParameters.PagingBufferSize / kDescriptorBytes * sizeof(GDM_PAGING_RECORD);
}

NTSTATUS GdmBuildPagingBuffer(GDM_ADAPTER* Lead, DXGKARG_BUILDPAGINGBUFFER* Args) {
  switch (Args->Operation) {
    case DXGK_OPERATION_TRANSFER:
      return Transfer(Args, Args->Transfer, Args->Transfer.MdlOffset);
    case DXGK_OPERATION_SPECIAL_LOCK_TRANSFER:  // nothing is swizzled here: a plain copy
      return Transfer(Args, Args->SpecialLockTransfer, 0);
    case DXGK_OPERATION_FILL:
      return Fill(Args);
    case DXGK_OPERATION_MAP_APERTURE_SEGMENT:
      return MapAperture(Lead->Link, Args);
    case DXGK_OPERATION_MAP_APERTURE_SEGMENT2:
      return MapAperture2(Lead->Link, Args);
    case DXGK_OPERATION_UNMAP_APERTURE_SEGMENT:
      return UnmapAperture(Lead->Link, Args);
    case DXGK_OPERATION_DISCARD_CONTENT:
    case DXGK_OPERATION_READ_PHYSICAL:
    case DXGK_OPERATION_WRITE_PHYSICAL:
    case DXGK_OPERATION_NOTIFY_RESIDENCY:
      return STATUS_SUCCESS;  // nothing that this device keeps depends on them
    default:
      return STATUS_NOT_SUPPORTED;  // page tables and monitored fences: it reports neither
  }
}
