// SPDX-License-Identifier: Apache-2.0
// Free memory is a map of extents, so terabytes of address space cost nothing; only allocated pages have a
// record.
#include "driver-model/mm/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace gpudmar::mm {
namespace {

constexpr std::size_t kFillBatch = 512;  // pages mapped at once for clearing

/// The pages of which every byte lies in the window, as [first, end).
struct PageWindow {
  Pfn low;
  Pfn end;
};

PageWindow page_window(const Window& window) {
  const Pfn low = (window.low >> hw::kPageShift) + ((window.low & (hw::kPageSize - 1)) != 0 ? 1 : 0);
  // The last page counts only when its last byte is inside.
  const bool whole = (window.high & (hw::kPageSize - 1)) == hw::kPageSize - 1;
  const Pfn end = (window.high >> hw::kPageShift) + (whole ? 1 : 0);
  return {low, std::max(low, end)};
}

}  // namespace

std::vector<PageRun> to_runs(const std::vector<Pfn>& pages) {
  std::vector<PageRun> runs;
  for (const Pfn pfn : pages) {
    if (!runs.empty() && runs.back().first + runs.back().count == pfn)
      ++runs.back().count;
    else
      runs.push_back({pfn, 1});
  }
  return runs;
}

void FailurePoint::after(std::uint64_t allocations, bool sticky) {
  const std::lock_guard guard(mutex_);
  left_ = allocations;
  sticky_ = sticky;
  failed_ = false;
}

bool FailurePoint::disarm() {
  const std::lock_guard guard(mutex_);
  left_.reset();
  return failed_;
}

bool FailurePoint::failed() {
  const std::lock_guard guard(mutex_);
  return failed_;
}

bool FailurePoint::fails() {
  const std::lock_guard guard(mutex_);
  if (!left_) return false;
  if (*left_ != 0) {
    --*left_;
    return false;
  }
  if (!sticky_) left_.reset();
  failed_ = true;
  return true;
}

PageAllocator::PageAllocator(hw::PhysicalMemory& memory, hw::Time& time, const Config& config)
    : memory_(memory), time_(time), config_(config), random_(config.seed) {
  for (const hw::MemoryRange& range : memory.ram()) {
    if (range.base % hw::kPageSize != 0 || range.size % hw::kPageSize != 0)
      throw hw::HardwareError(
          fmt::format("memory map: range {:#x}+{:#x} is not page-aligned", range.base, range.size));
    give(range.base >> hw::kPageShift, range.size >> hw::kPageShift);
    total_ += range.size >> hw::kPageShift;
  }
  commit_limit_ = total_;
}

std::vector<PageRun> PageAllocator::ram_in(Pfn low, Pfn end) const {
  std::vector<PageRun> areas;
  for (const hw::MemoryRange& range : memory_.ram()) {
    const Pfn first = std::max(low, range.base >> hw::kPageShift);
    const Pfn last = std::min(end, range.end() >> hw::kPageShift);
    if (first < last) areas.push_back({first, last - first});
  }
  return areas;
}

std::optional<Pfn> PageAllocator::pick_ascending(Pfn low, Pfn end) const {
  auto it = free_.upper_bound(low);
  if (it != free_.begin()) {
    const auto before = std::prev(it);
    if (before->first + before->second > low) return low < end ? std::optional<Pfn>(low) : std::nullopt;
  }
  if (it != free_.end() && it->first < end) return it->first;
  return std::nullopt;
}

std::optional<Pfn> PageAllocator::next_free(Pfn from) const {
  const std::lock_guard guard(mutex_);
  return pick_ascending(from, ~Pfn{0});
}

std::optional<Pfn> PageAllocator::pick_scattered(const std::vector<PageRun>& areas,
                                                 std::uint64_t area_pages) {
  // A random page of the window, or the next free one after it, wrapping around. The lowest quarter is left
  // for the wrap, so that scattering does not cut up all of the room that contiguous runs need.
  std::uint64_t index = std::uniform_int_distribution<std::uint64_t>(area_pages / 4, area_pages - 1)(random_);
  std::size_t area = 0;
  while (index >= areas[area].count) index -= areas[area++].count;
  const Pfn wanted = areas[area].first + index;
  for (std::size_t i = 0; i <= areas.size(); ++i) {
    const PageRun& a = areas[(area + i) % areas.size()];
    const auto found = pick_ascending(i == 0 ? wanted : a.first, a.first + a.count);
    if (found) return found;
  }
  return std::nullopt;
}

std::optional<std::vector<Pfn>> PageAllocator::allocate(std::uint64_t count, const Window& window,
                                                        bool zero_them, std::optional<Placement> placement) {
  if (failures_.fails()) return std::nullopt;
  std::vector<Pfn> pages;
  {
    const std::lock_guard guard(mutex_);
    const PageWindow w = page_window(window);
    const std::vector<PageRun> areas = ram_in(w.low, w.end);
    std::uint64_t area_pages = 0;
    for (const PageRun& a : areas) area_pages += a.count;
    if (count == 0 || count > area_pages) return std::nullopt;
    pages.reserve(count);
    while (pages.size() < count) {
      const auto pfn = placement.value_or(config_.placement) == Placement::kScattered
                           ? pick_scattered(areas, area_pages)
                           : pick_ascending(pages.empty() ? w.low : pages.back() + 1, w.end);
      if (!pfn) {
        for (const Pfn p : pages) give(p, 1);
        return std::nullopt;
      }
      take(*pfn, 1);
      pages.push_back(*pfn);
    }
    for (const Pfn p : pages) allocated_.emplace(p, PageState{});
    log(PageEvent::Kind::kAllocate, pages);
  }
  prepare(pages, zero_them);
  return pages;
}

std::optional<std::vector<Pfn>> PageAllocator::allocate_contiguous(std::uint64_t count, const Window& window,
                                                                   std::uint64_t boundary, bool zero_them) {
  if (failures_.fails()) return std::nullopt;
  std::vector<Pfn> pages;
  {
    const std::lock_guard guard(mutex_);
    const PageWindow w = page_window(window);
    const std::uint64_t boundary_pages = boundary >> hw::kPageShift;
    if (count == 0 || (boundary != 0 && count > boundary_pages)) return std::nullopt;
    std::optional<Pfn> found;
    for (const auto& [extent, extent_pages] : free_) {
      const Pfn end = std::min(w.end, extent + extent_pages);
      Pfn first = std::max(w.low, extent);
      if (first >= end || end - first < count) continue;
      if (boundary_pages != 0 && first / boundary_pages != (first + count - 1) / boundary_pages)
        first = (first / boundary_pages + 1) * boundary_pages;
      if (first >= end || end - first < count) continue;
      found = first;
      break;
    }
    if (!found) return std::nullopt;
    take(*found, count);
    pages.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      pages.push_back(*found + i);
      allocated_.emplace(*found + i, PageState{});
    }
    log(PageEvent::Kind::kAllocate, pages);
  }
  prepare(pages, zero_them);
  return pages;
}

void PageAllocator::prepare(const std::vector<Pfn>& pages, bool zero_them) {
  try {
    if (zero_them) {
      zero(pages);
      return;
    }
    std::vector<Pfn> used;
    {
      const std::lock_guard guard(mutex_);
      for (const Pfn pfn : pages) {
        const auto next = used_.upper_bound(pfn);
        if (next == used_.begin()) continue;
        const auto& [first, count] = *std::prev(next);
        if (pfn < first + count) used.push_back(pfn);
      }
    }
    poison(used);
  } catch (...) {
    free(pages);
    throw;
  }
}

void PageAllocator::free(const std::vector<Pfn>& pages) {
  const std::lock_guard guard(mutex_);
  for (const Pfn pfn : pages) {
    const auto it = allocated_.find(pfn);
    if (it == allocated_.end())
      throw PageStateError(fmt::format("free: page {:#x} is not allocated", pfn << hw::kPageShift));
    if (it->second.locks != 0)
      throw PageStateError(
          fmt::format("free: page {:#x} is locked {} times", pfn << hw::kPageShift, it->second.locks));
  }
  for (const Pfn pfn : pages) {
    if (allocated_.erase(pfn) == 0)
      throw PageStateError(fmt::format("free: page {:#x} is in the list twice", pfn << hw::kPageShift));
    give(pfn, 1);
    merge(used_, pfn, 1);
  }
  log(PageEvent::Kind::kFree, pages);
}

void PageAllocator::lock(const std::vector<Pfn>& pages) {
  const std::lock_guard guard(mutex_);
  for (const Pfn pfn : pages)
    if (allocated_.find(pfn) == allocated_.end())
      throw PageStateError(fmt::format("lock: page {:#x} is not allocated", pfn << hw::kPageShift));
  for (const Pfn pfn : pages) ++allocated_[pfn].locks;
  log(PageEvent::Kind::kLock, pages);
}

void PageAllocator::unlock(const std::vector<Pfn>& pages) {
  const std::lock_guard guard(mutex_);
  for (const Pfn pfn : pages) {
    const auto it = allocated_.find(pfn);
    if (it == allocated_.end() || it->second.locks == 0)
      throw PageStateError(fmt::format("unlock: page {:#x} is not locked", pfn << hw::kPageShift));
    if (it->second.locks == 1 && it->second.devices != 0)
      throw PageStateError(fmt::format("unlock: {} device lists still rest on page {:#x}", it->second.devices,
                                       pfn << hw::kPageShift));
  }
  for (const Pfn pfn : pages) --allocated_[pfn].locks;
  log(PageEvent::Kind::kUnlock, pages);
}

void PageAllocator::begin_device_access(const std::vector<Pfn>& pages) {
  const std::lock_guard guard(mutex_);
  for (const Pfn pfn : pages) {
    const auto it = allocated_.find(pfn);
    if (it == allocated_.end() || it->second.locks == 0)
      throw PageStateError(fmt::format("device access: page {:#x} is not locked", pfn << hw::kPageShift));
  }
  for (const Pfn pfn : pages) ++allocated_[pfn].devices;
}

void PageAllocator::end_device_access(const std::vector<Pfn>& pages) {
  const std::lock_guard guard(mutex_);
  for (const Pfn pfn : pages) {
    const auto it = allocated_.find(pfn);
    if (it == allocated_.end() || it->second.devices == 0)
      throw PageStateError(
          fmt::format("device access: page {:#x} is in no device's list", pfn << hw::kPageShift));
  }
  for (const Pfn pfn : pages) --allocated_[pfn].devices;
}

std::optional<PageState> PageAllocator::state(Pfn pfn) const {
  const std::lock_guard guard(mutex_);
  const auto it = allocated_.find(pfn);
  if (it == allocated_.end()) return std::nullopt;
  return it->second;
}

void PageAllocator::fill(const std::vector<Pfn>& pages, std::uint8_t byte) {
  for (std::size_t at = 0; at < pages.size(); at += kFillBatch) {
    const std::size_t n = std::min(kFillBatch, pages.size() - at);
    std::vector<hw::PhysAddr> addresses(n);
    for (std::size_t i = 0; i < n; ++i) addresses[i] = pages[at + i] << hw::kPageShift;
    void* bytes = memory_.map(addresses, true);
    std::memset(bytes, byte, n * hw::kPageSize);
    memory_.unmap(bytes, n);
  }
  for (const PageRun& run : to_runs(pages))
    memory_.publish(run.first << hw::kPageShift, run.count << hw::kPageShift);
}

std::uint64_t PageAllocator::free_pages() const {
  const std::lock_guard guard(mutex_);
  return total_ - allocated_.size();
}

std::uint64_t PageAllocator::locked_pages() const {
  const std::lock_guard guard(mutex_);
  return static_cast<std::uint64_t>(
      std::count_if(allocated_.begin(), allocated_.end(), [](const auto& p) { return p.second.locks != 0; }));
}

std::uint64_t PageAllocator::highest_address() const {
  return memory_.ram().empty() ? 0 : memory_.ram().back().end() - 1;
}

bool PageAllocator::is_ram(Pfn pfn) const {
  const auto& ram = memory_.ram();
  return std::any_of(ram.begin(), ram.end(), [&](const hw::MemoryRange& r) {
    return pfn >= r.base >> hw::kPageShift && pfn < r.end() >> hw::kPageShift;
  });
}

std::uint64_t PageAllocator::commit_limit() const {
  const std::lock_guard guard(mutex_);
  return commit_limit_;
}

void PageAllocator::change_commit_limit(std::int64_t pages) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t limit = commit_limit_ + static_cast<std::uint64_t>(pages);
  if (limit < committed_)
    throw PageStateError(
        fmt::format("commit: {} pages are charged, {} would be the limit", committed_, limit));
  commit_limit_ = limit;
}

bool PageAllocator::charge_commit(std::uint64_t pages) {
  if (failures_.fails()) return false;
  const std::lock_guard guard(mutex_);
  if (pages > commit_limit_ - committed_) return false;
  committed_ += pages;
  return true;
}

void PageAllocator::uncharge_commit(std::uint64_t pages) {
  const std::lock_guard guard(mutex_);
  if (pages > committed_)
    throw PageStateError(fmt::format("commit: {} pages returned, {} charged", pages, committed_));
  committed_ -= pages;
}

std::uint64_t PageAllocator::committed_pages() const {
  const std::lock_guard guard(mutex_);
  return committed_;
}

std::vector<PageEvent> PageAllocator::events() const {
  const std::lock_guard guard(mutex_);
  return {events_.begin(), events_.end()};
}

void PageAllocator::take(Pfn first, std::uint64_t count) {
  auto it = std::prev(free_.upper_bound(first));
  const Pfn extent = it->first;
  const Pfn end = extent + it->second;
  if (extent == first)
    free_.erase(it);
  else
    it->second = first - extent;
  if (first + count < end) free_.emplace(first + count, end - first - count);
}

void PageAllocator::give(Pfn first, std::uint64_t count) { merge(free_, first, count); }

void PageAllocator::merge(Extents& extents, Pfn first, std::uint64_t count) {
  auto next = extents.upper_bound(first);
  if (next != extents.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second >= first + count) return;  // in it already
  }
  if (next != extents.end() && first + count == next->first) {
    count += next->second;
    extents.erase(next);
  }
  next = extents.lower_bound(first);
  if (next != extents.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      before->second += count;
      return;
    }
  }
  extents.emplace(first, count);
}

void PageAllocator::observe(Observer observer) {
  const std::lock_guard guard(mutex_);
  observer_ = std::move(observer);
}

void PageAllocator::log(PageEvent::Kind kind, const std::vector<Pfn>& pages) {
  if (pages.empty()) return;
  events_.push_back({kind, time_.now(), to_runs(pages)});
  if (observer_) observer_(events_.back());
  if (events_.size() > config_.max_events) events_.pop_front();
}

}  // namespace gpudmar::mm
