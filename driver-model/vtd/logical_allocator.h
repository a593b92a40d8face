// SPDX-License-Identifier: Apache-2.0
// Logical (device-visible) page numbers of one domain: which are free, which are handed out, which never are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace gpudmar::vtd {

/// Allocates page numbers in [0, highest_address >> 12]. The interrupt window 0xFEE00...0xFEEFF is never
/// given out (R148), neither are the withheld ranges, nor page 0 (so that a forgotten address faults instead
/// of hitting). Not thread-safe.
class LogicalAllocator {
 public:
  /// Page numbers [first, first + count).
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
  };

  /// Which of the free pages come out.
  struct Order {
    std::optional<std::uint64_t> shuffle_seed;  ///< single pages in a pseudo-random order
    /// The search goes up from here, and each time from behind what came out last and one number more, so
    /// that a number that was given back, or lies behind another's end, stays unused as long as it can. None:
    /// always the lowest.
    std::optional<std::uint64_t> fresh_from;
  };

  /// `highest_address`: last byte address that the device drives. A page counts when all of it is reachable.
  LogicalAllocator(std::uint64_t highest_address, const std::vector<Range>& withheld,
                   const Order& order = {});

  /// The first free run, beginning at a page that is `phase` modulo `alignment`; nullopt = no free run of
  /// that length there.
  [[nodiscard]] std::optional<std::uint64_t> allocate_run(std::uint64_t count, std::uint64_t alignment = 1,
                                                          std::uint64_t phase = 0);
  /// `count` pages wherever they are free; nullopt = fewer are left, and nothing is taken.
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> allocate_pages(std::uint64_t count);
  /// Give pages back. The caller has invalidated them: from here on they may mean something else.
  /// Throws VtdError, with nothing changed, when one is not handed out.
  void free(const std::vector<std::uint64_t>& pages);

  [[nodiscard]] std::uint64_t free_pages() const { return free_pages_; }
  [[nodiscard]] std::uint64_t used_pages() const { return capacity_ - free_pages_; }
  [[nodiscard]] bool shuffles() const { return shuffle_.has_value(); }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

 private:
  using Extents = std::map<std::uint64_t, std::uint64_t>;  // first -> count, disjoint, never adjacent
  static void add(Extents& extents, std::uint64_t first, std::uint64_t count);
  static bool remove(Extents& extents, std::uint64_t first, std::uint64_t count);
  void hand_out(std::uint64_t first, std::uint64_t count);
  void leave_gap() { cursor_ += fresh_ ? 1 : 0; }
  /// The next free extent at or above `page`, cut off below it; count 0 = none.
  [[nodiscard]] Range free_from(std::uint64_t page) const;

  Extents free_;
  Extents used_;
  std::uint64_t capacity_ = 0;
  std::uint64_t free_pages_ = 0;
  std::optional<std::mt19937_64> shuffle_;
  bool fresh_ = false;
  std::uint64_t cursor_ = 0;  ///< where the search begins
};

}  // namespace gpudmar::vtd
