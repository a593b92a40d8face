// SPDX-License-Identifier: Apache-2.0
// What one logical adapter's devices can address: the domain and its logical page numbers, or plain page
// frames.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "driver-model/dxgkrnl/start_decision.h"
#include "driver-model/mm/pages.h"
#include "driver-model/vtd/logical_allocator.h"
#include "driver-model/vtd/remapping_unit.h"

namespace gpudmar::dxgkrnl {

/// Device-visible page numbers that stand for a page list, in its order.
struct DeviceRange {
  bool contiguous = false;
  std::vector<std::uint64_t> pages;
};

/// How the numbers of a range have to be.
enum class Contiguity { kAny, kPrefer, kRequire };

/// The address space of a logical adapter. In physical mode numbers are page frame numbers and nothing is
/// mapped.
class DmaSpace {
 public:
  /// Physical mode.
  explicit DmaSpace(hw::Time& time) : time_(time) {}
  /// Logical mode: a new domain of `unit`, numbers within [0, highest_visible_address].
  DmaSpace(hw::Time& time, vtd::RemappingUnit& unit, std::uint64_t highest_visible_address,
           std::optional<std::uint64_t> shuffle_seed);
  /// Detaches what is attached and destroys the domain. Errors are swallowed; close() reports them.
  ~DmaSpace();
  DmaSpace(const DmaSpace&) = delete;
  DmaSpace& operator=(const DmaSpace&) = delete;

  [[nodiscard]] RemappingMode mode() const {
    return domain_ != nullptr ? RemappingMode::kLogical : RemappingMode::kPhysical;
  }
  /// Let a device use this space; in physical mode nothing is to do. Throws vtd::VtdError.
  void attach(std::uint16_t source_id);
  /// Detach all devices and destroy the domain. Throws BugCheck 0x1E4/0x8 when logical pages are still handed
  /// out, 0x1D9 when the unit fails.
  void close();

  /// Make the page frames reachable, as far as `access` goes, under numbers of their own; in physical mode
  /// nothing enforces `access`. nullopt = no numbers or no tables; nothing changed.
  [[nodiscard]] std::optional<DeviceRange> map(const std::vector<mm::Pfn>& pfns, Contiguity contiguity,
                                               const vtd::Access& access);

  /// When the parts of an unmap() happened, in cycles.
  struct UnmapTimes {
    std::uint64_t pte_write = 0;
    std::uint64_t invalidate_begin = 0;
    std::uint64_t invalidate_done = 0;
  };
  /// Take a range back: entries cleared, caches invalidated, invalidation complete; only then are the numbers
  /// free. Throws BugCheck 0x1D9/1 when that can not be done, and the numbers stay taken.
  UnmapTimes unmap(const DeviceRange& range);

  [[nodiscard]] const vtd::Domain* domain() const { return domain_; }
  [[nodiscard]] const vtd::LogicalAllocator* allocator() const { return allocator_.get(); }

 private:
  hw::Time& time_;
  vtd::RemappingUnit* unit_ = nullptr;
  vtd::Domain* domain_ = nullptr;
  std::unique_ptr<vtd::LogicalAllocator> allocator_;
};

}  // namespace gpudmar::dxgkrnl
