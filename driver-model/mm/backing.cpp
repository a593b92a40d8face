// SPDX-License-Identifier: Apache-2.0
// Resident memory (MDL and CONTIGUOUS objects): pages are taken at creation and never move. And the choice of
// the kind of memory.
#include "driver-model/mm/backing.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "driver-model/mm/backings.h"

namespace gpudmar::mm {

void check_slice(std::uint64_t first, std::uint64_t count, std::uint64_t pages) {
  if (first > pages || count > pages - first)
    throw PageStateError(fmt::format("pages {}+{} are outside an object of {} pages", first, count, pages));
}

namespace {

class ResidentBacking final : public Backing {
 public:
  ResidentBacking(PageAllocator& allocator, BackingType type, std::vector<Pfn> pages)
      : allocator_(allocator), type_(type), pages_(std::move(pages)) {}
  ~ResidentBacking() override {
    try {
      release();
    } catch (const PageStateError&) {
      // Pages with locks left stay allocated: memory a device can still reach is never handed to a new owner.
    }
  }
  ResidentBacking(const ResidentBacking&) = delete;
  ResidentBacking& operator=(const ResidentBacking&) = delete;

  [[nodiscard]] BackingType type() const override { return type_; }
  [[nodiscard]] std::uint64_t page_count() const override { return pages_.size(); }
  [[nodiscard]] std::vector<Pfn> pages() const override { return pages_; }

  [[nodiscard]] std::optional<std::vector<Pfn>> lock(std::uint64_t first, std::uint64_t count) override {
    std::vector<Pfn> part = slice(first, count);
    allocator_.lock(part);
    return part;
  }
  void unlock(const std::vector<Pfn>& pages) override { allocator_.unlock(pages); }

  [[nodiscard]] std::unique_ptr<CpuMapping> map(std::uint64_t first, std::uint64_t count,
                                                AccessMode mode) override {
    return std::make_unique<CpuMapping>(allocator_.memory(), slice(first, count), mode, true);
  }

  void release() override {
    if (pages_.empty()) return;
    allocator_.free(pages_);
    allocator_.uncharge_commit(pages_.size());
    pages_.clear();
  }

 private:
  [[nodiscard]] std::vector<Pfn> slice(std::uint64_t first, std::uint64_t count) const {
    check_slice(first, count, pages_.size());
    const auto begin = pages_.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }

  PageAllocator& allocator_;
  BackingType type_;
  std::vector<Pfn> pages_;
};

/// Pages on their way to an owner; freed unless taken.
struct Held {
  explicit Held(PageAllocator& a) : allocator(a) {}
  ~Held() {
    if (!pages.empty()) allocator.free(pages);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void add(const std::vector<Pfn>& more) { pages.insert(pages.end(), more.begin(), more.end()); }
  [[nodiscard]] std::vector<Pfn> take() { return std::exchange(pages, {}); }

  PageAllocator& allocator;
  std::vector<Pfn> pages;
};

/// The pages of an MDL by the search of MmAllocatePagesForMdlEx: what a window lacks is looked for in the
/// next one, `skip_bytes` higher.
std::optional<std::vector<Pfn>> collect_mdl_pages(PageAllocator& allocator, const BackingRequest& request) {
  if (request.contiguous_chunks) {
    if (request.skip_bytes == 0)
      return allocator.allocate_contiguous(request.pages, request.window, 0, request.zero);
    // Chunks of skip_bytes, aligned to it: a run that crosses no multiple of its own length is aligned.
    Held held(allocator);
    const std::uint64_t chunk = request.skip_bytes >> hw::kPageShift;
    while (held.pages.size() < request.pages) {
      const auto run = allocator.allocate_contiguous(chunk, request.window, request.skip_bytes, request.zero);
      if (!run) return std::nullopt;
      held.add(*run);
    }
    return held.take();
  }

  const auto placement = request.prefer_contiguous ? std::optional(Placement::kAscending) : std::nullopt;
  const std::uint64_t top = allocator.highest_address();
  Held held(allocator);
  Window window = request.window;
  while (window.low <= window.high && window.low <= top) {
    const std::uint64_t missing = request.pages - held.pages.size();
    std::optional<std::vector<Pfn>> got = allocator.allocate(missing, window, request.zero, placement);
    if (got) {
      held.add(*got);
      return held.take();
    }
    if (request.skip_bytes == 0) return std::nullopt;
    // Take what this window has before moving on.
    while (held.pages.size() < request.pages &&
           (got = allocator.allocate(1, window, request.zero, placement)))
      held.add(*got);
    if (held.pages.size() == request.pages) return held.take();
    // Windows that end below the next free page are empty: there may be very many of them in a hole.
    const auto next = allocator.next_free(window.low >> hw::kPageShift);
    if (!next) return std::nullopt;
    const std::uint64_t end = (*next << hw::kPageShift) + hw::kPageSize - 1;
    const std::uint64_t steps = end > window.high ? (end - window.high - 1) / request.skip_bytes + 1 : 1;
    if (steps > (~0ULL - window.high) / request.skip_bytes) return std::nullopt;
    window.low += steps * request.skip_bytes;
    window.high += steps * request.skip_bytes;
  }
  return std::nullopt;
}

}  // namespace

CpuMapping::CpuMapping(hw::PhysicalMemory& memory, const std::vector<Pfn>& pages, AccessMode mode,
                       bool writable, std::function<void()> unmapped)
    : memory_(memory),
      pages_(pages.size()),
      mode_(mode),
      writable_(writable),
      unmapped_(std::move(unmapped)) {
  std::vector<hw::PhysAddr> addresses;
  addresses.reserve(pages.size());
  for (const Pfn pfn : pages) addresses.push_back(pfn << hw::kPageShift);
  base_ = memory.map(addresses, writable);
}

CpuMapping::~CpuMapping() {
  memory_.unmap(base_, pages_);
  if (unmapped_) unmapped_();
}

namespace {

BackingResult make_resident(Pager& pager, const BackingRequest& request) {
  PageAllocator& allocator = pager.pages();
  const bool mdl = request.type == BackingType::kMdl;
  const BackingError none = mdl ? BackingError::kNoMemory : BackingError::kInsufficientResources;
  if (request.pages == 0 || request.pages > allocator.total_pages()) return {nullptr, none};
  if (!allocator.charge_commit(request.pages)) return {nullptr, BackingError::kCommitmentLimit};
  try {
    const auto collect = [&] {
      return mdl ? collect_mdl_pages(allocator, request)
                 : allocator.allocate_contiguous(request.pages, request.window, request.boundary, false);
    };
    std::optional<std::vector<Pfn>> pages = collect();
    if (!pages && request.trim && pager.trim(request.pages) != 0) pages = collect();
    if (pages) {
      Held held(allocator);
      held.pages = std::move(*pages);
      // CONTIGUOUS memory is uninitialised by contract (R73): nobody shall rely on zeroes.
      if (!mdl) allocator.poison(held.pages);
      return {std::make_unique<ResidentBacking>(allocator, request.type, held.take()), BackingError::kNone};
    }
  } catch (...) {
    allocator.uncharge_commit(request.pages);
    throw;
  }
  allocator.uncharge_commit(request.pages);
  return {nullptr, none};
}

BackingResult make_io(Pager& pager, const BackingRequest& request) {
  PageAllocator& allocator = pager.pages();
  const Pfn first = request.io_base >> hw::kPageShift;
  const auto overlaps = [&](hw::PhysAddr base, hw::PhysAddr end) {
    return first < end >> hw::kPageShift && base >> hw::kPageShift < first + request.pages;
  };
  if (overlaps(hw::kInterruptWindowBase, hw::kInterruptWindowEnd)) return {nullptr, BackingError::kConflict};
  for (const hw::MemoryRange& ram : allocator.memory().ram())
    if (overlaps(ram.base, ram.end())) return {nullptr, BackingError::kConflict};
  return {make_io_space(allocator.memory(), request.io_base, request.pages), BackingError::kNone};
}

}  // namespace

BackingResult make_backing(Pager& pager, const BackingRequest& request) {
  switch (request.type) {
    case BackingType::kMdl:
    case BackingType::kContiguous:
      break;
    case BackingType::kSection:
      if (!pager.pages().charge_commit(request.pages)) return {nullptr, BackingError::kCommitmentLimit};
      return {make_section(pager, request.pages, request.writable), BackingError::kNone};
    case BackingType::kIoSpace:
      return make_io(pager, request);
  }
  return make_resident(pager, request);
}

}  // namespace gpudmar::mm
