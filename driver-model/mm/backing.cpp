// SPDX-License-Identifier: Apache-2.0
// Resident memory (MDL and CONTIGUOUS objects): pages are taken at creation and never move.
#include "driver-model/mm/backing.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace gpudmar::mm {
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

  [[nodiscard]] std::vector<Pfn> lock(std::uint64_t first, std::uint64_t count) override {
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
    if (first > pages_.size() || count > pages_.size() - first)
      throw PageStateError(
          fmt::format("pages {}+{} are outside an object of {} pages", first, count, pages_.size()));
    const auto begin = pages_.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }

  PageAllocator& allocator_;
  BackingType type_;
  std::vector<Pfn> pages_;
};

/// The pages of an MDL by the search of MmAllocatePagesForMdlEx: what a window lacks is looked for in the
/// next one, `skip_bytes` higher.
std::optional<std::vector<Pfn>> collect_mdl_pages(PageAllocator& allocator, const BackingRequest& request) {
  if (request.contiguous_chunks) {
    if (request.skip_bytes == 0)
      return allocator.allocate_contiguous(request.pages, request.window, 0, request.zero);
    // Chunks of skip_bytes, aligned to it: a run that crosses no multiple of its own length is aligned.
    std::vector<Pfn> pages;
    const std::uint64_t chunk = request.skip_bytes >> hw::kPageShift;
    while (pages.size() < request.pages) {
      const auto run = allocator.allocate_contiguous(chunk, request.window, request.skip_bytes, request.zero);
      if (!run) {
        if (!pages.empty()) allocator.free(pages);
        return std::nullopt;
      }
      pages.insert(pages.end(), run->begin(), run->end());
    }
    return pages;
  }

  const auto placement = request.prefer_contiguous ? std::optional(Placement::kAscending) : std::nullopt;
  const std::uint64_t top = allocator.highest_address();
  std::vector<Pfn> pages;
  Window window = request.window;
  while (true) {
    const std::uint64_t missing = request.pages - pages.size();
    std::optional<std::vector<Pfn>> got = allocator.allocate(missing, window, request.zero, placement);
    if (got) {
      pages.insert(pages.end(), got->begin(), got->end());
      return pages;
    }
    if (request.skip_bytes != 0) {
      // Take what this window has before moving on.
      while (pages.size() < request.pages) {
        got = allocator.allocate(1, window, request.zero, placement);
        if (!got) break;
        pages.push_back(got->front());
      }
    }
    const bool wraps = window.high > ~0ULL - request.skip_bytes;
    if (request.skip_bytes == 0 || wraps || window.low + request.skip_bytes > top) {
      if (!pages.empty()) allocator.free(pages);
      return std::nullopt;
    }
    window.low += request.skip_bytes;
    window.high += request.skip_bytes;
  }
}

}  // namespace

CpuMapping::CpuMapping(hw::PhysicalMemory& memory, const std::vector<Pfn>& pages, AccessMode mode,
                       bool writable)
    : memory_(memory), pages_(pages.size()), mode_(mode) {
  std::vector<hw::PhysAddr> addresses;
  addresses.reserve(pages.size());
  for (const Pfn pfn : pages) addresses.push_back(pfn << hw::kPageShift);
  base_ = memory.map(addresses, writable);
}

CpuMapping::~CpuMapping() { memory_.unmap(base_, pages_); }

BackingResult make_backing(PageAllocator& allocator, const BackingRequest& request) {
  switch (request.type) {
    case BackingType::kMdl:
    case BackingType::kContiguous:
      break;
    case BackingType::kSection:
    case BackingType::kIoSpace:
      return {nullptr, BackingError::kNotSupported};
  }
  const bool mdl = request.type == BackingType::kMdl;
  if (request.pages == 0 || request.pages > allocator.total_pages())
    return {nullptr, mdl ? BackingError::kNoMemory : BackingError::kInsufficientResources};
  if (!allocator.charge_commit(request.pages)) return {nullptr, BackingError::kCommitmentLimit};
  // CONTIGUOUS memory is uninitialised by contract; it is cleared all the same, so that it never shows
  // another owner's data (R73).
  std::optional<std::vector<Pfn>> pages =
      mdl ? collect_mdl_pages(allocator, request)
          : allocator.allocate_contiguous(request.pages, request.window, request.boundary, true);
  if (!pages) {
    allocator.uncharge_commit(request.pages);
    return {nullptr, mdl ? BackingError::kNoMemory : BackingError::kInsufficientResources};
  }
  return {std::make_unique<ResidentBacking>(allocator, request.type, std::move(*pages)), BackingError::kNone};
}

}  // namespace gpudmar::mm
