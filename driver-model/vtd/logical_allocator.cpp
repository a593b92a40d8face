// SPDX-License-Identifier: Apache-2.0
// First fit or next fit over an extent map; a second map of what is handed out catches wrong frees.
#include "driver-model/vtd/logical_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "driver-model/hw/hw.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::vtd {

LogicalAllocator::LogicalAllocator(std::uint64_t highest_address, const std::vector<Range>& withheld,
                                   const Order& order)
    : fresh_(order.fresh_from.has_value()), cursor_(order.fresh_from.value_or(0)) {
  const bool whole = (highest_address & (hw::kPageSize - 1)) == hw::kPageSize - 1;
  const std::uint64_t end = (highest_address >> hw::kPageShift) + (whole ? 1 : 0);
  if (end > 1) add(free_, 1, end - 1);
  std::vector<Range> out = withheld;
  out.push_back({hw::kInterruptWindowBase >> hw::kPageShift,
                 (hw::kInterruptWindowEnd - hw::kInterruptWindowBase) >> hw::kPageShift});
  for (const Range& range : out) {
    // Cut the range out of every free extent that it touches.
    const std::uint64_t range_end = range.first + range.count;
    auto it = free_.upper_bound(range.first);
    if (it != free_.begin()) --it;
    while (it != free_.end() && it->first < range_end) {
      const std::uint64_t first = std::max(it->first, range.first);
      const std::uint64_t last = std::min(it->first + it->second, range_end);
      if (first < last) {
        remove(free_, first, last - first);
        it = free_.lower_bound(last);
      } else {
        ++it;
      }
    }
  }
  for (const auto& [first, count] : free_) capacity_ += count;
  free_pages_ = capacity_;
  if (order.shuffle_seed) shuffle_.emplace(*order.shuffle_seed);
}

std::optional<std::uint64_t> LogicalAllocator::allocate_run(std::uint64_t count, std::uint64_t alignment,
                                                            std::uint64_t phase) {
  if (count == 0 || alignment == 0) return std::nullopt;
  // From the cursor up, then everything: a run may lie across the cursor.
  for (const std::uint64_t begin : {cursor_, std::uint64_t{0}}) {
    for (Range free = free_from(begin); free.count != 0; free = free_from(free.first + free.count)) {
      const std::uint64_t skip = (phase % alignment + alignment - free.first % alignment) % alignment;
      if (free.count < skip || free.count - skip < count) continue;
      hand_out(free.first + skip, count);
      leave_gap();
      return free.first + skip;
    }
    if (cursor_ == 0) break;
  }
  return std::nullopt;
}

LogicalAllocator::Range LogicalAllocator::free_from(std::uint64_t page) const {
  auto it = free_.upper_bound(page);
  if (it != free_.begin() && page < std::prev(it)->first + std::prev(it)->second) --it;
  if (it == free_.end()) return {};
  const std::uint64_t first = std::max(it->first, page);
  return {first, it->first + it->second - first};
}

std::optional<std::vector<std::uint64_t>> LogicalAllocator::allocate_pages(std::uint64_t count) {
  if (count == 0 || count > free_pages_) return std::nullopt;
  std::vector<std::uint64_t> pages;
  pages.reserve(count);
  while (pages.size() < count) {
    Range free = free_from(cursor_);
    if (free.count == 0) free = free_from(0);
    free.count = std::min(free.count, count - pages.size());
    hand_out(free.first, free.count);
    for (std::uint64_t i = 0; i < free.count; ++i) pages.push_back(free.first + i);
  }
  leave_gap();
  if (shuffle_) std::shuffle(pages.begin(), pages.end(), *shuffle_);
  return pages;
}

void LogicalAllocator::hand_out(std::uint64_t first, std::uint64_t count) {
  remove(free_, first, count);
  add(used_, first, count);
  free_pages_ -= count;
  if (fresh_) cursor_ = first + count;
}

void LogicalAllocator::free(const std::vector<std::uint64_t>& pages) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t page : pages) {
    auto it = used_.upper_bound(page);
    const bool used = it != used_.begin() && (--it, page < it->first + it->second);
    if (!used || !seen.insert(page).second)
      throw VtdError(fmt::format("logical page {:#x} is given back but not handed out", page));
  }
  for (const std::uint64_t page : pages) {
    remove(used_, page, 1);
    add(free_, page, 1);
  }
  free_pages_ += pages.size();
}

void LogicalAllocator::add(Extents& extents, std::uint64_t first, std::uint64_t count) {
  const auto next = extents.lower_bound(first);
  if (next != extents.end() && first + count == next->first) {
    count += next->second;
    extents.erase(next);
  }
  const auto after = extents.lower_bound(first);
  if (after != extents.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == first) {
      before->second += count;
      return;
    }
  }
  extents.emplace(first, count);
}

bool LogicalAllocator::remove(Extents& extents, std::uint64_t first, std::uint64_t count) {
  auto it = extents.upper_bound(first);
  if (it == extents.begin()) return false;
  --it;
  const std::uint64_t base = it->first;
  const std::uint64_t end = base + it->second;
  if (first + count > end) return false;
  if (base == first)
    extents.erase(it);
  else
    it->second = first - base;
  if (first + count < end) extents.emplace(first + count, end - first - count);
  return true;
}

}  // namespace gpudmar::vtd
