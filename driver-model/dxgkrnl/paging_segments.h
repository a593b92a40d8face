// SPDX-License-Identifier: Apache-2.0
// The memory segments of a physical adapter: what DXGKQAITYPE_QUERYSEGMENT4 reports, and which of their pages
// are in use.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dispmprt.h"

namespace gpudmar::dxgkrnl {

/// One segment. Its pages are given out in runs, lowest first.
class Segment {
 public:
  Segment(UINT id, const DXGK_SEGMENTDESCRIPTOR4& descriptor);

  [[nodiscard]] UINT id() const { return id_; }
  [[nodiscard]] bool aperture() const { return descriptor_.Flags.Aperture != 0; }
  [[nodiscard]] bool cache_coherent() const { return descriptor_.Flags.CacheCoherent != 0; }
  [[nodiscard]] std::uint64_t pages() const { return descriptor_.Size / 4096; }
  [[nodiscard]] std::uint64_t used_pages() const;
  /// BaseAddress + the page's offset: a SegmentAddress of the DDI.
  [[nodiscard]] std::uint64_t address(std::uint64_t page) const;

  /// nullopt: no such run is free.
  [[nodiscard]] std::optional<std::uint64_t> allocate(std::uint64_t pages);
  /// Raises BugCheck 0x10E/0x1B while a page of the run is mapped, 0x10E/0xD when it was not given out.
  void release(std::uint64_t first, std::uint64_t pages);

  // ---- Aperture: which pages the driver was told to map, and not to unmap yet.
  void note_mapped(std::uint64_t first, std::uint64_t pages) { mapped_[first] = pages; }
  void note_unmapped(std::uint64_t first) { mapped_.erase(first); }
  /// The runs within [first, first + pages) that are mapped.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> mapped(std::uint64_t first,
                                                                            std::uint64_t pages) const;
  [[nodiscard]] std::uint64_t mapped_pages() const;

 private:
  UINT id_;
  DXGK_SEGMENTDESCRIPTOR4 descriptor_;
  std::map<std::uint64_t, std::uint64_t> used_;    // first page -> pages
  std::map<std::uint64_t, std::uint64_t> mapped_;  // the same
};

/// The segments of one physical adapter.
struct SegmentTable {
  std::vector<Segment> segments;  ///< by id - 1
  UINT paging_buffer_segment = 0;
  UINT paging_buffer_size = 0;
  UINT paging_buffer_private_size = 0;

  [[nodiscard]] Segment* find(UINT id) {
    return id == 0 || id > segments.size() ? nullptr : &segments[id - 1];
  }
};

/// A QUERYSEGMENT4 call with input and output structure.
using SegmentQuery = std::function<NTSTATUS(DXGK_QUERYSEGMENTIN4&, DXGK_QUERYSEGMENTOUT4&)>;

/// Ask a driver for the segments of a member of the link, twice, as documented. A driver that reports none
/// has an empty table. `why` says what is wrong with an answer that is refused.
[[nodiscard]] NTSTATUS read_segments(const SegmentQuery& query, UINT physical_adapter, SegmentTable& table,
                                     std::string& why);

}  // namespace gpudmar::dxgkrnl
