// SPDX-License-Identifier: Apache-2.0
// What one logical adapter's devices can address: the domain and its logical page numbers, page frames mapped
// 1:1, or plain page frames.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
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
  vtd::Access access;  ///< what was asked for
};

/// How the numbers of a range have to be.
enum class Contiguity { kAny, kPrefer, kRequire };

/// The address space of a logical adapter. In physical mode numbers are page frame numbers and nothing is
/// mapped; in isolation mode they are page frame numbers too, and a page is mapped as long as a range holds
/// it. What firmware reserves for the devices is an identity in every mode that translates, from before the
/// first device is attached to the end of the domain; ranges neither make nor end it.
class DmaSpace {
 public:
  /// Physical mode.
  explicit DmaSpace(hw::Time& time) : time_(time) {}
  /// Logical mode: a new domain of `unit`, numbers within [0, highest_visible_address] and outside of
  /// `reserved` (ascending, apart), in `order`. Throws vtd::VtdError when that can not be mapped.
  DmaSpace(hw::Time& time, vtd::RemappingUnit& unit, std::uint64_t highest_visible_address,
           const vtd::LogicalAllocator::Order& order, const std::vector<mm::PageRun>& reserved);
  /// Isolation mode: a new domain of `unit`. Throws vtd::VtdError when the unit can not translate memory up
  /// to `highest_ram`, or `reserved`.
  [[nodiscard]] static std::unique_ptr<DmaSpace> isolated(hw::Time& time, vtd::RemappingUnit& unit,
                                                          std::uint64_t highest_ram,
                                                          const std::vector<mm::PageRun>& reserved);
  /// Physical mode gets a domain, but nothing is mapped in it and nobody is to be attached. Throws
  /// vtd::VtdError.
  void open_domain(vtd::RemappingUnit& unit);
  /// Physical mode becomes isolation mode, in the domain there is or in a new one: what the live `ranges`
  /// hold is mapped, and `reserved`. Throws vtd::VtdError as isolated(); the mode is as before, without a
  /// domain.
  void isolate(vtd::RemappingUnit& unit, std::uint64_t highest_ram, const std::vector<mm::PageRun>& reserved,
               const std::vector<const DeviceRange*>& ranges);
  /// More page frames that stay identities, ascending and apart; in physical mode nothing is to do. Throws
  /// vtd::VtdError when one is mapped for something else.
  void reserve(const std::vector<mm::PageRun>& reserved);
  /// Detaches what is attached and destroys the domain. Errors are swallowed; close() reports them.
  ~DmaSpace();
  DmaSpace(const DmaSpace&) = delete;
  DmaSpace& operator=(const DmaSpace&) = delete;

  [[nodiscard]] RemappingMode mode() const { return mode_; }
  /// Let devices use this space, all or none; in physical mode nothing is to do. Throws vtd::VtdError, and
  /// every device has the path that it had; BugCheck 0x1D9/2 when the unit does not give that back.
  void attach(const std::vector<std::uint16_t>& source_ids);
  /// Isolation mode becomes physical mode: the numbers of live ranges stay valid, the domain is given up. No
  /// device may be attached.
  void leave_isolation();
  /// Take all devices out of the domain and put them back in. The caller has exclusive access to them.
  /// Numbers stay valid (R147). Throws BugCheck 0x1E4/0xA when that fails.
  void reattach();
  /// Take all devices out of the domain. Throws BugCheck 0x1D9/2 when the unit fails.
  void detach();
  /// Detach all devices and destroy the domain. Throws BugCheck 0x1E4/0x8 when pages are still handed out,
  /// 0x1E4/0x9 when pages translate that were not,
  /// 0x1D9 when the unit fails.
  void close();

  /// Lets so many page frames be free, or says false; then nothing changed.
  using MakeRoom = std::function<bool(std::uint64_t pages)>;
  /// Make the page frames reachable, as far as `access` goes, under numbers of their own; in physical mode
  /// nothing enforces `access`. `make_room` is asked when memory for tables is short. nullopt = no numbers or
  /// no tables; nothing changed.
  [[nodiscard]] std::optional<DeviceRange> map(const std::vector<mm::Pfn>& pfns, Contiguity contiguity,
                                               const vtd::Access& access, const MakeRoom& make_room = {});

  /// When the parts of an unmap() happened, in cycles.
  struct UnmapTimes {
    std::uint64_t pte_write = 0;
    std::uint64_t invalidate_begin = 0;
    std::uint64_t invalidate_done = 0;
  };
  /// Take a range back: entries cleared, caches invalidated, invalidation complete; only then are the numbers
  /// free. In isolation mode what other ranges hold stays. Throws BugCheck 0x1D9/1 when that can not be done,
  /// and the numbers stay taken.
  UnmapTimes unmap(const DeviceRange& range) { return unmap(std::vector<const DeviceRange*>{&range}); }
  /// Several ranges at the cost of one invalidation wait.
  UnmapTimes unmap(const std::vector<const DeviceRange*>& ranges);

  /// In physical mode null, but for open_domain().
  [[nodiscard]] const vtd::Domain* domain() const { return domain_; }
  /// Logical mode only, else null.
  [[nodiscard]] const vtd::LogicalAllocator* allocator() const { return allocator_.get(); }
  /// Page numbers that ranges hold in a translating mode, without what is reserved; 0 in physical mode.
  [[nodiscard]] std::uint64_t pages_used() const;

 private:
  // How many live ranges hold a page 1:1, and how many of them want what.
  struct PageUse {
    unsigned ranges = 0;
    unsigned read = 0;
    unsigned write = 0;
    unsigned snoop = 0;
    void add(const vtd::Access& access, unsigned sign);
    [[nodiscard]] vtd::Access access() const { return {read != 0, write != 0, snoop != 0}; }
  };
  using Uses = std::map<mm::Pfn, PageUse>;

  [[nodiscard]] std::optional<std::uint64_t> aligned_run(const std::vector<mm::Pfn>& pfns, bool only_aligned);
  [[nodiscard]] std::optional<DeviceRange> number(const std::vector<mm::Pfn>& pfns, Contiguity contiguity);
  void map_range(const DeviceRange& range, const std::vector<mm::Pfn>& pfns);
  [[nodiscard]] Uses changed_uses(const DeviceRange& range, unsigned sign, Uses changed) const;
  void grow(const Uses& changed);
  void shrink(const Uses& changed, vtd::InvalidationBatch& batch);
  [[nodiscard]] PageUse use_of(mm::Pfn pfn) const;

  hw::Time& time_;
  RemappingMode mode_ = RemappingMode::kPhysical;
  vtd::RemappingUnit* unit_ = nullptr;
  vtd::Domain* domain_ = nullptr;
  std::unique_ptr<vtd::LogicalAllocator> allocator_;
  std::unordered_map<mm::Pfn, PageUse> uses_;  // isolation mode
};

}  // namespace gpudmar::dxgkrnl
