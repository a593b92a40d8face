// SPDX-License-Identifier: Apache-2.0
// Segments: the driver's answer is checked once, here.
#include "driver-model/dxgkrnl/paging_segments.h"

#include <fmt/format.h>

#include <algorithm>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/segment_query.h"
#include "driver-model/hw/hw.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr UINT kMaximumSegments = 31;  // a segment set has 32 bits, and id 0 is system memory

std::uint64_t sum(const std::map<std::uint64_t, std::uint64_t>& runs) {
  std::uint64_t pages = 0;
  for (const auto& [first, count] : runs) pages += count;
  return pages;
}

}  // namespace

Segment::Segment(UINT id, const DXGK_SEGMENTDESCRIPTOR4& descriptor) : id_(id), descriptor_(descriptor) {}

std::uint64_t Segment::used_pages() const { return sum(used_); }

std::uint64_t Segment::mapped_pages() const { return sum(mapped_); }

std::uint64_t Segment::address(std::uint64_t page) const {
  return static_cast<std::uint64_t>(descriptor_.BaseAddress.QuadPart) + page * hw::kPageSize;
}

std::optional<std::uint64_t> Segment::allocate(std::uint64_t pages) {
  std::uint64_t next = 0;
  for (const auto& [first, count] : used_) {
    if (first - next >= pages) break;
    next = first + count;
  }
  if (pages == 0 || next > this->pages() || pages > this->pages() - next) return std::nullopt;
  used_.emplace(next, pages);
  return next;
}

void Segment::release(std::uint64_t first, std::uint64_t pages) {
  const auto it = used_.find(first);
  if (it == used_.end() || it->second != pages)
    throw BugCheck(bugcheck::kVideoMemoryManagementInternal, {bugcheck::kSegmentMisuse, id_, first, pages},
                   fmt::format("pages {}+{} of segment {} are not one run", first, pages, id_));
  const auto mapped = mapped_.lower_bound(first);
  const bool below =
      mapped != mapped_.begin() && std::prev(mapped)->first + std::prev(mapped)->second > first;
  if (below || (mapped != mapped_.end() && mapped->first < first + pages))
    throw BugCheck(bugcheck::kVideoMemoryManagementInternal,
                   {bugcheck::kApertureReleasedInUse, id_, first, pages},
                   fmt::format("pages {}+{} of aperture segment {} are still mapped", first, pages, id_));
  used_.erase(it);
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Segment::mapped(std::uint64_t first,
                                                                     std::uint64_t pages) const {
  return {mapped_.lower_bound(first), mapped_.lower_bound(first + pages)};
}

NTSTATUS query_segments(const SegmentQuery& query, UINT physical_adapter,
                        std::vector<DXGK_SEGMENTDESCRIPTOR4>& segments, DXGK_QUERYSEGMENTOUT4& rest,
                        std::string& why) {
  segments.clear();
  DXGK_QUERYSEGMENTIN4 in{physical_adapter};
  DXGK_QUERYSEGMENTOUT4 out{};
  if (const NTSTATUS status = query(in, out); !NT_SUCCESS(status)) {
    why = fmt::format("QUERYSEGMENT4 of adapter {} failed: {:#x}", physical_adapter,
                      static_cast<std::uint32_t>(status));
    return status;
  }
  const UINT count = out.NbSegment;
  if (count == 0) return STATUS_SUCCESS;
  if (count > kMaximumSegments) {
    why = fmt::format("{} segments", count);
    return STATUS_INVALID_PARAMETER;
  }
  // Longer than the structure that the driver may know: it has to go by the stride.
  constexpr std::size_t kStride = sizeof(DXGK_SEGMENTDESCRIPTOR4) + 16;
  std::vector<BYTE> descriptors(count * kStride);
  out = {};
  out.NbSegment = count;
  out.pSegmentDescriptor = descriptors.data();
  out.SegmentDescriptorStride = kStride;
  if (const NTSTATUS status = query(in, out); !NT_SUCCESS(status)) {
    why = fmt::format("the second QUERYSEGMENT4 of adapter {} failed: {:#x}", physical_adapter,
                      static_cast<std::uint32_t>(status));
    return status;
  }
  for (UINT i = 0; i < count; ++i) {
    DXGK_SEGMENTDESCRIPTOR4 descriptor{};
    std::copy_n(descriptors.data() + i * kStride, sizeof(descriptor), reinterpret_cast<BYTE*>(&descriptor));
    segments.push_back(descriptor);
  }
  out.pSegmentDescriptor = nullptr;  // it was this function's
  rest = out;
  return STATUS_SUCCESS;
}

NTSTATUS read_segments(const SegmentQuery& query, UINT physical_adapter, SegmentTable& table,
                       std::string& why) {
  table = {};
  std::vector<DXGK_SEGMENTDESCRIPTOR4> descriptors;
  DXGK_QUERYSEGMENTOUT4 out{};
  if (const NTSTATUS status = query_segments(query, physical_adapter, descriptors, out, why);
      !NT_SUCCESS(status) || descriptors.empty())
    return status;
  for (UINT i = 0; i < descriptors.size(); ++i) {
    const DXGK_SEGMENTDESCRIPTOR4& descriptor = descriptors[i];
    if (descriptor.Size == 0 || descriptor.Size % hw::kPageSize != 0 ||
        static_cast<std::uint64_t>(descriptor.BaseAddress.QuadPart) % hw::kPageSize != 0) {
      why = fmt::format("segment {} of adapter {} does not consist of whole pages", i + 1, physical_adapter);
      return STATUS_INVALID_PARAMETER;
    }
    table.segments.emplace_back(i + 1, descriptor);
  }
  if (out.PagingBufferSize == 0 || out.PagingBufferSize % hw::kPageSize != 0) {
    why = fmt::format("a paging buffer of {} bytes", out.PagingBufferSize);
    return STATUS_INVALID_PARAMETER;
  }
  if (out.PagingBufferSegmentId != 0) {
    why = fmt::format("paging buffers in segment {}: this model has them in system memory",
                      out.PagingBufferSegmentId);
    return STATUS_NOT_SUPPORTED;
  }
  table.paging_buffer_segment = out.PagingBufferSegmentId;
  table.paging_buffer_size = out.PagingBufferSize;
  table.paging_buffer_private_size = out.PagingBufferPrivateDataSize;
  return STATUS_SUCCESS;
}

}  // namespace gpudmar::dxgkrnl
