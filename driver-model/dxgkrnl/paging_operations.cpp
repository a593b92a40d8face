// SPDX-License-Identifier: Apache-2.0
// The operations of BuildPagingBuffer: their arguments, and waiting for what they set off.
#include <algorithm>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/paging_allocation.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;

/// An MDL over an address list's numbers. A driver that takes it for page frames is right in every mode that
/// lets it see physical addresses; where requests are translated these are the numbers that devices use.
class NumberMdl {
 public:
  explicit NumberMdl(const DXGK_ADL& adl) : storage_((sizeof(MDL) + adl.PageCount * sizeof(PFN_NUMBER)) / 8) {
    auto* header = mdl();
    header->Size = static_cast<CSHORT>(std::min<std::size_t>(storage_.size() * 8, kMaxShort));
    header->MdlFlags = MDL_PAGES_LOCKED;
    header->ByteCount = static_cast<ULONG>(adl.PageCount * kPage);
    PFN_NUMBER* numbers = MmGetMdlPfnArray(header);
    for (std::uint64_t i = 0; i < adl.PageCount; ++i)
      numbers[i] = adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i];
  }
  [[nodiscard]] PMDL mdl() { return reinterpret_cast<PMDL>(storage_.data()); }

 private:
  static constexpr CSHORT kMaxShort = 0x7FFF;
  std::vector<std::uint64_t> storage_;
};

/// [0, pages) in pieces of at most `piece` pages, the first one of `first`; 0 = all, and as the others.
template <typename F>
void in_pieces(std::uint64_t pages, std::uint64_t first, std::uint64_t piece, F action) {
  std::uint64_t count = 0;
  for (std::uint64_t done = 0; done < pages; done += count) {
    count = pages - done;
    if (piece != 0) count = std::min(piece, count);
    if (done == 0 && first != 0) count = std::min(first, count);
    action(done, count);
  }
}

}  // namespace

void Paging::run(Allocation& a, DXGK_BUILDPAGINGBUFFER_OPERATION operation,
                 const PagingQueue::Describe& describe, std::uint64_t failure) {
  run(*a.adapter, operation, describe, failure);
}

void Paging::run(Adapter& adapter, DXGK_BUILDPAGINGBUFFER_OPERATION operation,
                 const PagingQueue::Describe& describe, std::uint64_t failure) {
  if (gone_) return;
  PagingQueue& queue = *adapter.queue;
  // What an operation needs stands until it is complete, and the next one may depend on it.
  if (const auto fence = queue.run(operation, describe, failure)) wait(queue, *fence);
}

void Paging::transfer(Allocation& a, bool in) {
  NumberMdl mdl(*a.adl);
  const auto segment_address = static_cast<LONGLONG>(a.segment->address(a.first_page));
  in_pieces(a.pages, config_.first_pages, config_.transfer_pages,
            [&](std::uint64_t first, std::uint64_t count) {
              run(
                  a, DXGK_OPERATION_TRANSFER,
                  [&](DXGKARG_BUILDPAGINGBUFFER& args) {
                    auto& transfer = args.Transfer;
                    transfer.hAllocation = a.info.hAllocation;
                    transfer.TransferOffset = static_cast<UINT>(first * kPage);  // of the segment's side only
                    transfer.TransferSize = count * kPage;
                    transfer.MdlOffset = static_cast<UINT>(first);
                    const auto local = [&](auto& side) {
                      side.SegmentId = a.segment->id();
                      side.SegmentAddress.QuadPart = segment_address;
                    };
                    const auto system = [&](auto& side) { side.pMdl = mdl.mdl(); };  // segment 0
                    if (in) {
                      system(transfer.Source);
                      local(transfer.Destination);
                    } else {
                      local(transfer.Source);
                      system(transfer.Destination);
                    }
                    transfer.Flags.AllocationIsIdle = 1;
                    transfer.Flags.TransferStart = first == 0 ? 1 : 0;
                    transfer.Flags.TransferEnd = first + count == a.pages ? 1 : 0;
                  },
                  bugcheck::kBadPagingStatus);
            });
}

void Paging::fill_segment(Allocation& a, UINT pattern) {
  run(
      a, DXGK_OPERATION_FILL,
      [&](DXGKARG_BUILDPAGINGBUFFER& args) {
        args.Fill.hAllocation = a.info.hAllocation;
        args.Fill.FillSize = a.pages * kPage;
        args.Fill.FillPattern = pattern;
        args.Fill.Destination.SegmentId = a.segment->id();
        args.Fill.Destination.SegmentAddress.QuadPart =
            static_cast<LONGLONG>(a.segment->address(a.first_page));
      },
      bugcheck::kBadPagingStatus);
}

void Paging::map_aperture(Allocation& a, Segment& segment) {
  NumberMdl mdl(*a.adl);
  const UINT coherent = segment.cache_coherent() && a.info.FlagsWddm2.Cached != 0 ? 1 : 0;
  in_pieces(a.pages, config_.first_pages, config_.map_pages, [&](std::uint64_t first, std::uint64_t count) {
    segment.note_mapped(a.first_page + first, count);
    if (!caps_.map_aperture2) {
      run(
          a, DXGK_OPERATION_MAP_APERTURE_SEGMENT,
          [&](DXGKARG_BUILDPAGINGBUFFER& args) {
            auto& map = args.MapApertureSegment;
            map.hAllocation = a.info.hAllocation;
            map.SegmentId = segment.id();
            map.OffsetInPages = a.first_page + first;
            map.NumberOfPages = count;
            map.pMdl = mdl.mdl();
            map.MdlOffset = static_cast<ULONG>(first);
            map.Flags.CacheCoherent = coherent;
          },
          bugcheck::kApertureMapFailed);
      return;
    }
    run(
        a, DXGK_OPERATION_MAP_APERTURE_SEGMENT2,
        [&](DXGKARG_BUILDPAGINGBUFFER& args) {
          auto& map = args.MapApertureSegment2;
          map.hAllocation = a.info.hAllocation;
          map.SegmentId = segment.id();
          map.OffsetInPages = a.first_page + first;
          map.NumberOfPages = count;
          map.Adl = *a.adl;
          map.AdlOffset = static_cast<ULONG>(first);
          map.Flags.CacheCoherent = coherent;
          map.CpuVisibleAddress = a.cpu_visible == nullptr ? nullptr : a.cpu_visible + first * kPage;
        },
        bugcheck::kApertureMapFailed);
  });
}

// Only what is mapped: a reset may have come in between.
void Paging::unmap_aperture(Allocation& a, Segment& segment) {
  LARGE_INTEGER dummy;
  dummy.QuadPart = static_cast<LONGLONG>(a.adapter->dummy->device_address());
  for (const auto& [first, count] : segment.mapped(a.first_page, a.pages)) {
    run(
        a, DXGK_OPERATION_UNMAP_APERTURE_SEGMENT,
        [&, first = first, count = count](DXGKARG_BUILDPAGINGBUFFER& args) {
          auto& unmap = args.UnmapApertureSegment;
          unmap.hAllocation = a.info.hAllocation;
          unmap.SegmentId = segment.id();
          unmap.OffsetInPages = first;
          unmap.NumberOfPages = count;
          unmap.DummyPage = dummy;
        },
        bugcheck::kApertureUnmapFailed);
    // What was only built may be lost with another reset.
    if (!a.adapter->queue->deferring()) segment.note_unmapped(first);
  }
}

void Paging::tell_discard(Allocation& a) {
  run(
      a, DXGK_OPERATION_DISCARD_CONTENT,
      [&](DXGKARG_BUILDPAGINGBUFFER& args) {
        args.DiscardContent.hAllocation = a.info.hAllocation;
        args.DiscardContent.Flags.AllocationIsIdle = 1;
        args.DiscardContent.SegmentId = a.segment->id();
        args.DiscardContent.SegmentAddress.QuadPart = static_cast<LONGLONG>(a.segment->address(a.first_page));
      },
      bugcheck::kBadPagingStatus);
}

// A reset took the content of local memory: an eviction without a transfer.
void Paging::tell_lost(Allocation& a) {
  run(
      a, DXGK_OPERATION_TRANSFER,
      [&](DXGKARG_BUILDPAGINGBUFFER& args) {
        args.Transfer.hAllocation = a.info.hAllocation;
        args.Transfer.TransferSize = 0;
        args.Transfer.Source.SegmentId = a.segment->id();
        args.Transfer.Source.SegmentAddress.QuadPart =
            static_cast<LONGLONG>(a.segment->address(a.first_page));
      },
      bugcheck::kBadPagingStatus);
}

}  // namespace gpudmar::dxgkrnl
