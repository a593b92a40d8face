// SPDX-License-Identifier: Apache-2.0
// Sections: a page is absent until it is first used, may go to the page file while nobody has it locked, and
// may come back in another frame. CPU views lock their pages: a view shows frames, and can not follow a move.
#include <vector>

#include "driver-model/mm/backings.h"

namespace gpudmar::mm {
namespace {

constexpr std::uint64_t kGranularity = 0x1'0000;  // of views, as the system's allocation granularity

class SectionBacking final : public Backing, private Pageable {
 public:
  SectionBacking(Pager& pager, std::uint64_t pages, bool writable)
      : pager_(pager), pages_(pages), writable_(writable) {
    pager_.add(*this);
  }
  ~SectionBacking() override {
    pager_.remove(*this);
    try {
      release();
    } catch (const PageStateError&) {
      // Pages with locks left stay allocated: memory a device can still reach is never handed to a new owner.
    }
  }
  SectionBacking(const SectionBacking&) = delete;
  SectionBacking& operator=(const SectionBacking&) = delete;

  [[nodiscard]] BackingType type() const override { return BackingType::kSection; }
  [[nodiscard]] std::uint64_t page_count() const override { return pages_.size(); }
  [[nodiscard]] bool device_writable() const override { return writable_; }
  [[nodiscard]] std::uint64_t map_granularity() const override { return kGranularity; }

  [[nodiscard]] std::vector<Pfn> pages() const override {
    std::vector<Pfn> all;
    all.reserve(pages_.size());
    for (const Page& page : pages_) all.push_back(page.frame.value_or(kNotResident));
    return all;
  }

  [[nodiscard]] std::optional<std::vector<Pfn>> lock(std::uint64_t first, std::uint64_t count) override {
    check_slice(first, count, pages_.size());
    std::vector<Pfn> resident;
    std::vector<Page*> absent;
    for (std::uint64_t i = first; i < first + count; ++i) {
      if (pages_[i].frame)
        resident.push_back(*pages_[i].frame);
      else
        absent.push_back(&pages_[i]);
    }
    PageAllocator& allocator = pager_.pages();
    allocator.lock(resident);  // making room must not take these
    try {
      if (!absent.empty() && !bring_in(absent)) {
        allocator.unlock(resident);
        return std::nullopt;
      }
    } catch (...) {
      allocator.unlock(resident);
      throw;
    }
    std::vector<Pfn> all;
    all.reserve(count);
    for (std::uint64_t i = first; i < first + count; ++i) all.push_back(*pages_[i].frame);
    return all;
  }
  void unlock(const std::vector<Pfn>& pages) override { pager_.pages().unlock(pages); }

  [[nodiscard]] std::unique_ptr<CpuMapping> map(std::uint64_t first, std::uint64_t count,
                                                AccessMode mode) override {
    const auto locked = lock(first, count);
    if (!locked) return nullptr;
    try {
      return std::make_unique<CpuMapping>(pager_.pages().memory(), *locked, mode, writable_,
                                          [this, pages = *locked] { end_view(pages); });
    } catch (...) {
      unlock(*locked);
      throw;
    }
  }

  void release() override {
    std::vector<Pfn> frames;
    for (const Page& page : pages_)
      if (page.frame) frames.push_back(*page.frame);
    pager_.pages().free(frames);
    for (const Page& page : pages_)
      if (page.slot) pager_.forget(*page.slot);
    pager_.pages().uncharge_commit(pages_.size());
    pages_.clear();
  }

 private:
  struct Page {
    std::optional<Pfn> frame;
    std::optional<std::uint64_t> slot;  // in the page file; neither: never used, reads as zero
  };

  /// A destructor calls it: a lock that somebody else has taken away by mistake is reported where that shows.
  void end_view(const std::vector<Pfn>& pages) noexcept {
    try {
      unlock(pages);
    } catch (const PageStateError&) {
      return;
    }
  }

  /// Frames for the pages, filled and locked once; false, and nothing changed, when there are none.
  [[nodiscard]] bool bring_in(const std::vector<Page*>& absent) {
    PageAllocator& allocator = pager_.pages();
    const auto frames = pager_.frames(absent.size());
    if (!frames) return false;
    try {
      std::vector<Pfn> fresh;
      for (std::size_t i = 0; i < absent.size(); ++i) {
        if (absent[i]->slot)
          pager_.read_in(*absent[i]->slot, (*frames)[i]);
        else
          fresh.push_back((*frames)[i]);
      }
      allocator.zero(fresh);
    } catch (...) {
      allocator.free(*frames);
      throw;
    }
    for (std::size_t i = 0; i < absent.size(); ++i) {
      if (absent[i]->slot) pager_.forget(*absent[i]->slot);
      *absent[i] = {(*frames)[i], std::nullopt};
    }
    allocator.lock(*frames);
    return true;
  }

  [[nodiscard]] bool unlocked(const Page& page) const {
    if (!page.frame) return false;
    const auto state = pager_.pages().state(*page.frame);
    return state && state->locks == 0;
  }
  [[nodiscard]] std::uint64_t trimmable() const override {
    std::uint64_t count = 0;
    for (const Page& page : pages_) count += unlocked(page) ? 1 : 0;
    return count;
  }
  std::uint64_t trim(std::uint64_t limit) override {
    std::uint64_t trimmed = 0;
    for (Page& page : pages_) {
      if (trimmed == limit) break;
      if (!unlocked(page)) continue;
      const auto slot = pager_.write_out(*page.frame);
      if (!slot) break;
      pager_.pages().free({*page.frame});
      page = {std::nullopt, slot};
      ++trimmed;
    }
    return trimmed;
  }

  Pager& pager_;
  std::vector<Page> pages_;
  bool writable_;
};

}  // namespace

std::unique_ptr<Backing> make_section(Pager& pager, std::uint64_t pages, bool writable) {
  return std::make_unique<SectionBacking>(pager, pages, writable);
}

}  // namespace gpudmar::mm
