// SPDX-License-Identifier: Apache-2.0
// Pages that somebody else allocated: what an MDL of the driver's own describes.
#include <fmt/format.h>

#include <utility>

#include "driver-model/mm/backings.h"

namespace gpudmar::mm {
namespace {

class WrappedBacking final : public Backing {
 public:
  WrappedBacking(PageAllocator& allocator, std::vector<Pfn> pages, bool io_space)
      : allocator_(allocator), pages_(std::move(pages)), io_space_(io_space) {}

  [[nodiscard]] BackingType type() const override {
    return io_space_ ? BackingType::kIoSpace : BackingType::kMdl;
  }
  [[nodiscard]] std::uint64_t page_count() const override { return pages_.size(); }
  [[nodiscard]] std::vector<Pfn> pages() const override { return pages_; }
  [[nodiscard]] std::optional<std::vector<Pfn>> lock(std::uint64_t first, std::uint64_t count) override {
    std::vector<Pfn> part = slice(first, count);
    if (!io_space_) allocator_.lock(part);
    return part;
  }
  void unlock(const std::vector<Pfn>& pages) override {
    if (!io_space_) allocator_.unlock(pages);
  }
  [[nodiscard]] std::unique_ptr<CpuMapping> map(std::uint64_t first, std::uint64_t count,
                                                AccessMode mode) override {
    return std::make_unique<CpuMapping>(allocator_.memory(), slice(first, count), mode, true);
  }
  void release() override { pages_.clear(); }

 private:
  [[nodiscard]] std::vector<Pfn> slice(std::uint64_t first, std::uint64_t count) const {
    check_slice(first, count, pages_.size());
    const auto begin = pages_.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }

  PageAllocator& allocator_;
  std::vector<Pfn> pages_;
  bool io_space_;
};

}  // namespace

std::unique_ptr<Backing> wrap_pages(PageAllocator& allocator, std::vector<Pfn> pages, bool io_space) {
  for (const Pfn pfn : pages) {
    if (io_space) continue;
    const auto state = allocator.state(pfn);
    if (!state || state->locks == 0)
      throw PageStateError(
          fmt::format("page {:#x} is {}", pfn << hw::kPageShift, state ? "not locked" : "nobody's memory"));
  }
  return std::make_unique<WrappedBacking>(allocator, std::move(pages), io_space);
}

}  // namespace gpudmar::mm
