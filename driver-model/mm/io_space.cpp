// SPDX-License-Identifier: Apache-2.0
// I/O space: bus addresses that exist without this system's doing. Nothing is allocated, cleared or locked.
#include <numeric>
#include <vector>

#include "driver-model/mm/backings.h"

namespace gpudmar::mm {
namespace {

constexpr std::uint64_t kMaxListPages = 1ULL << 24;  // a flat page list of more is no use to anybody

class IoSpaceBacking final : public Backing {
 public:
  IoSpaceBacking(hw::PhysicalMemory& memory, hw::PhysAddr base, std::uint64_t pages)
      : memory_(memory), first_(base >> hw::kPageShift), count_(pages) {}

  [[nodiscard]] BackingType type() const override { return BackingType::kIoSpace; }
  [[nodiscard]] std::uint64_t page_count() const override { return count_; }
  [[nodiscard]] std::vector<Pfn> pages() const override { return {}; }

  [[nodiscard]] std::optional<std::vector<Pfn>> lock(std::uint64_t first, std::uint64_t count) override {
    check_slice(first, count, count_);
    if (count > kMaxListPages) return std::nullopt;
    std::vector<Pfn> pages(count);
    std::iota(pages.begin(), pages.end(), first_ + first);
    return pages;
  }
  void unlock(const std::vector<Pfn>&) override {}

  [[nodiscard]] std::unique_ptr<CpuMapping> map(std::uint64_t first, std::uint64_t count,
                                                AccessMode mode) override {
    const auto pages = lock(first, count);
    return pages ? std::make_unique<CpuMapping>(memory_, *pages, mode, true) : nullptr;
  }
  void release() override { count_ = 0; }

 private:
  hw::PhysicalMemory& memory_;
  Pfn first_;
  std::uint64_t count_;
};

}  // namespace

std::unique_ptr<Backing> make_io_space(hw::PhysicalMemory& memory, hw::PhysAddr base, std::uint64_t pages) {
  return std::make_unique<IoSpaceBacking>(memory, base, pages);
}

}  // namespace gpudmar::mm
