// SPDX-License-Identifier: Apache-2.0
// The physical page allocator: who owns which page frame, how often it is locked, and when each of that
// changed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::mm {

/// Page frame number: physical address >> 12.
using Pfn = std::uint64_t;

/// Software broke a rule of page ownership: freed a locked page, unlocked an unlocked one or one that a
/// device can reach, freed twice.
class PageStateError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Consecutive page frames.
struct PageRun {
  Pfn first = 0;
  std::uint64_t count = 0;  ///< pages
  [[nodiscard]] bool operator==(const PageRun& o) const { return first == o.first && count == o.count; }
};

/// Merge a page list, in its order, into maximal ascending runs.
[[nodiscard]] std::vector<PageRun> to_runs(const std::vector<Pfn>& pages);

/// Physical byte addresses [low, high], both inclusive and compared unsigned, so all ones means "no limit"
/// (E20). A page belongs to the window when all of its bytes do.
struct Window {
  std::uint64_t low = 0;
  std::uint64_t high = ~0ULL;
};

/// How single pages are picked from what is free.
enum class Placement {
  kAscending,  ///< lowest free address first
  kScattered,  ///< pseudo-random over the whole window, so that neighbours in an object are not neighbours in
               ///< memory
};

/// One change of the state of some pages.
struct PageEvent {
  enum class Kind { kAllocate, kLock, kUnlock, kFree };
  Kind kind{};
  std::uint64_t cycle = 0;
  std::vector<PageRun> runs;  ///< in list order
};

/// State of one allocated page.
struct PageState {
  std::uint32_t locks = 0;    ///< a page with locks may neither move nor be freed
  std::uint32_t devices = 0;  ///< lists that let devices reach it: it stays locked as long
};

/// Memory that runs out when a test wants it to: allocations of page frames, of commit and of device-visible
/// numbers count together. Thread-safe.
class FailurePoint {
 public:
  /// `allocations` more succeed; then one fails, or with `sticky` every one until disarm().
  void after(std::uint64_t allocations, bool sticky = false);
  /// Nothing fails from here on. Did anything since after()?
  bool disarm();
  /// Did anything fail since after()?
  [[nodiscard]] bool failed();
  /// For whoever allocates: does this one fail?
  [[nodiscard]] bool fails();

 private:
  std::mutex mutex_;
  std::optional<std::uint64_t> left_;
  bool sticky_ = false;
  bool failed_ = false;
};

/// Physical page allocator over all installed RAM. All calls are thread-safe and take no hardware time. What
/// an owner leaves in a page is not shown to the next one: a page that had an owner is cleared or poisoned
/// before it is given out again (R73, G22).
class PageAllocator {
 public:
  struct Config {
    std::uint64_t seed = 1;
    Placement placement = Placement::kScattered;  ///< of pages that allocate() gives out
    std::size_t max_events = 1U << 16;            ///< older events are dropped beyond this
  };

  PageAllocator(hw::PhysicalMemory& memory, hw::Time& time, const Config& config);
  PageAllocator(hw::PhysicalMemory& memory, hw::Time& time) : PageAllocator(memory, time, Config{}) {}

  /// Take `count` pages from the window, all or none. `placement` overrides the configured one.
  /// Zeroed when `zero`; otherwise pages with an earlier owner are poisoned and the rest is as firmware left
  /// it. nullopt = not enough pages; nothing changed.
  [[nodiscard]] std::optional<std::vector<Pfn>> allocate(std::uint64_t count, const Window& window, bool zero,
                                                         std::optional<Placement> placement = {});

  /// Take `count` consecutive pages from the window that cross no multiple of `boundary` bytes (0 = no such
  /// limit; otherwise a power of two of at least a page), lowest address first. nullopt = no such run;
  /// nothing changed.
  [[nodiscard]] std::optional<std::vector<Pfn>> allocate_contiguous(std::uint64_t count, const Window& window,
                                                                    std::uint64_t boundary, bool zero);

  /// Return pages. Throws PageStateError if one is not allocated or is locked; nothing changed then.
  void free(const std::vector<Pfn>& pages);

  /// Add one lock to each page. Throws PageStateError if one is not allocated; nothing changed then.
  void lock(const std::vector<Pfn>& pages);
  /// Take one lock from each page. Throws PageStateError if one has none, or only that which a device's
  /// access rests on; nothing changed then.
  void unlock(const std::vector<Pfn>& pages);

  /// Note that a list lets devices reach each page. Throws PageStateError if one is not locked; nothing
  /// changed then.
  void begin_device_access(const std::vector<Pfn>& pages);
  /// Undo begin_device_access(). Throws PageStateError for a page without it; nothing changed then.
  void end_device_access(const std::vector<Pfn>& pages);

  /// State of an allocated page; nullopt = free or not RAM.
  [[nodiscard]] std::optional<PageState> state(Pfn pfn) const;

  /// Fill pages with zeroes and publish them.
  void zero(const std::vector<Pfn>& pages) { fill(pages, 0); }
  /// Fill pages with what no driver takes for data of its own, and publish them.
  void poison(const std::vector<Pfn>& pages) { fill(pages, kPoison); }
  static constexpr std::uint8_t kPoison = 0xA5;

  [[nodiscard]] std::uint64_t total_pages() const { return total_; }
  [[nodiscard]] std::uint64_t free_pages() const;
  /// The lowest free page that is not below `from`.
  [[nodiscard]] std::optional<Pfn> next_free(Pfn from) const;
  [[nodiscard]] std::uint64_t locked_pages() const;
  /// Highest byte of installed RAM, inclusive.
  [[nodiscard]] std::uint64_t highest_address() const;
  [[nodiscard]] bool is_ram(Pfn pfn) const;

  /// Pages that can be committed: the installed ones, and what a page file adds.
  [[nodiscard]] std::uint64_t commit_limit() const;
  /// Throws PageStateError when less would be left than is committed.
  void change_commit_limit(std::int64_t pages);
  /// Reserve commit for `pages`; false = the limit would be passed.
  [[nodiscard]] bool charge_commit(std::uint64_t pages);
  void uncharge_commit(std::uint64_t pages);
  [[nodiscard]] std::uint64_t committed_pages() const;

  /// Is told of each event, in order. It runs under the allocator's lock and must not call back.
  using Observer = std::function<void(const PageEvent&)>;
  void observe(Observer observer);
  /// The newest events, oldest first.
  [[nodiscard]] std::vector<PageEvent> events() const;

  [[nodiscard]] hw::PhysicalMemory& memory() { return memory_; }
  [[nodiscard]] FailurePoint& failures() { return failures_; }

 private:
  using Extents = std::map<Pfn, std::uint64_t>;  // first page -> pages, disjoint, never adjacent

  void take(Pfn first, std::uint64_t count);  // out of the extent that holds it
  void give(Pfn first, std::uint64_t count);  // merges with its neighbours
  static void merge(Extents& extents, Pfn first, std::uint64_t count);
  void fill(const std::vector<Pfn>& pages, std::uint8_t byte);
  /// Content of freshly taken pages; gives them back when that fails.
  void prepare(const std::vector<Pfn>& pages, bool zero);
  [[nodiscard]] std::optional<Pfn> pick_ascending(Pfn low, Pfn end) const;
  [[nodiscard]] std::optional<Pfn> pick_scattered(const std::vector<PageRun>& areas,
                                                  std::uint64_t area_pages);
  [[nodiscard]] std::vector<PageRun> ram_in(Pfn low, Pfn end) const;
  void log(PageEvent::Kind kind, const std::vector<Pfn>& pages);

  hw::PhysicalMemory& memory_;
  hw::Time& time_;
  Config config_;
  mutable std::mutex mutex_;  // held only where no hardware time can pass
  std::mt19937_64 random_;
  Extents free_;
  Extents used_;  // had an owner at some time; may overlap with `free_`
  std::unordered_map<Pfn, PageState> allocated_;
  std::uint64_t total_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t commit_limit_ = 0;
  std::deque<PageEvent> events_;
  Observer observer_;
  FailurePoint failures_;
};

}  // namespace gpudmar::mm
