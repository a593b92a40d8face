// SPDX-License-Identifier: Apache-2.0
// Sections: absent pages, the page file, locks and views, what happens when page frames run out.
#include <gmock/gmock.h>

#include <cstring>
#include <random>
#include <set>

#include "driver-model/mm/backing.h"
#include "tests/support/covers.h"
#include "tests/support/model_machine.h"

namespace gpudmar::mm {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kFilePages = 64;

class SectionTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Backing> section(std::uint64_t pages, bool writable = true) {
    BackingRequest request;
    request.type = BackingType::kSection;
    request.pages = pages;
    request.writable = writable;
    return make_backing(pager_, request).backing;
  }
  /// A different word in every page.
  void fill(Backing& backing, std::uint64_t seed) {
    const auto view = backing.map(0, backing.page_count(), AccessMode::kKernel);
    ASSERT_NE(view, nullptr);
    for (std::uint64_t i = 0; i < backing.page_count(); ++i) {
      std::mt19937_64 words(seed + i);
      auto* page = static_cast<std::uint64_t*>(view->base()) + i * 512;
      for (int k = 0; k < 512; ++k) page[k] = words();
    }
  }
  void check(Backing& backing, std::uint64_t seed) {
    const auto view = backing.map(0, backing.page_count(), AccessMode::kKernel);
    ASSERT_NE(view, nullptr);
    for (std::uint64_t i = 0; i < backing.page_count(); ++i) {
      std::mt19937_64 words(seed + i);
      const auto* page = static_cast<const std::uint64_t*>(view->base()) + i * 512;
      for (int k = 0; k < 512; ++k) ASSERT_EQ(page[k], words()) << "page " << i << ", word " << k;
    }
  }
  [[nodiscard]] static std::size_t resident(const Backing& backing) {
    const auto pages = backing.pages();
    return pages.size() - static_cast<std::size_t>(std::count(pages.begin(), pages.end(), kNotResident));
  }

  test::FakeInterrupts interrupts_;
  test::FakeTime time_{interrupts_};
  sim::HostMemory memory_{{{0, kMiB}}};  // 256 pages
  PageAllocator pages_{memory_, time_};
  Pager pager_{pages_, kFilePages};
};

TEST_F(SectionTest, PagesComeWithTheirFirstUse) {
  test::covers("R53", "R56");
  const auto s = section(16);
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(pages_.committed_pages(), 16U) << "charged now";
  EXPECT_EQ(pages_.free_pages(), pages_.total_pages()) << "taken later";
  EXPECT_EQ(resident(*s), 0U);
  // What was in memory before does not show, wherever the pages come from.
  for (Pfn pfn = 0; pfn < pages_.total_pages(); ++pfn)
    memory_.store64((pfn << hw::kPageShift) + 8 * pfn, ~pfn);
  const auto locked = s->lock(4, 2);
  ASSERT_TRUE(locked);
  EXPECT_EQ(resident(*s), 2U);
  EXPECT_EQ(s->pages()[4], (*locked)[0]);
  for (const Pfn pfn : *locked) {
    EXPECT_EQ(pages_.state(pfn)->locks, 1U);
    for (std::uint64_t i = 0; i < hw::kPageSize; i += 8)
      ASSERT_EQ(memory_.load64((pfn << hw::kPageShift) + i), 0U);
  }
  s->unlock(*locked);
}

TEST_F(SectionTest, ContentSurvivesThePageFileBitForBit) {
  test::covers("R56", "R136", "R211");
  const auto s = section(32);
  fill(*s, 5);
  const auto before = s->pages();
  EXPECT_EQ(pager_.trim(~0ULL), 32U);
  EXPECT_EQ(resident(*s), 0U);
  EXPECT_EQ(pages_.free_pages(), pages_.total_pages());
  EXPECT_EQ(pager_.file_pages_used(), 32U);
  // Somebody else takes the old frames.
  for (const Pfn pfn : before) ASSERT_TRUE(pages_.allocate(1, {pfn << 12, (pfn << 12) + 0xFFF}, true));
  check(*s, 5);
  EXPECT_EQ(pager_.file_pages_used(), 0U);
  const auto after = s->pages();
  for (const Pfn pfn : after) EXPECT_EQ(std::count(before.begin(), before.end(), pfn), 0) << "it moved";
}

TEST_F(SectionTest, LockedAndViewedPagesStayWhereTheyAre) {
  test::covers("R136");
  const auto s = section(8);
  fill(*s, 9);
  const auto locked = s->lock(2, 1);
  const auto view = s->map(5, 1, AccessMode::kKernel);
  const auto before = s->pages();
  EXPECT_EQ(pager_.trim(~0ULL), 6U);
  const auto after = s->pages();
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_EQ(after[i], i == 2 || i == 5 ? before[i] : kNotResident) << "page " << i;
  std::mt19937_64 words(9 + 5);
  EXPECT_EQ(*static_cast<std::uint64_t*>(view->base()), words());
  s->unlock(*locked);
  EXPECT_EQ(pager_.trim(~0ULL), 1U) << "the viewed one is left";
  check(*s, 9);
}

TEST_F(SectionTest, WhatADeviceWroteIsPagedOutToo) {
  test::covers("R136");
  const auto s = section(2);
  const auto locked = s->lock(1, 1);
  const std::uint64_t value = 0x1122334455667788;
  ASSERT_TRUE(memory_.device().write((locked->front() << 12) + 0xFF8, &value, 8));
  s->unlock(*locked);
  ASSERT_EQ(pager_.trim(~0ULL), 1U);
  const auto again = s->lock(1, 1);
  EXPECT_EQ(memory_.load64((again->front() << 12) + 0xFF8), value);
  s->unlock(*again);
}

TEST_F(SectionTest, OthersGiveUpFramesWhenTheyRunShort) {
  test::covers("R56", "R137");
  const auto a = section(40);
  fill(*a, 100);
  const auto rest = pages_.allocate(pages_.free_pages(), {}, false);
  ASSERT_TRUE(rest);
  const auto b = section(20);
  fill(*b, 200);
  EXPECT_EQ(resident(*a), 20U);
  EXPECT_EQ(pager_.file_pages_used(), 20U);
  check(*b, 200);
  pages_.free(*rest);
  check(*a, 100);
}

TEST_F(SectionTest, WhenNothingCanBeFreedNothingChanges) {
  test::covers("R137", "G20");
  const auto s = section(8);
  fill(*s, 3);
  ASSERT_EQ(pager_.trim(4), 4U);
  const auto held = section(16);
  const auto pinned = held->lock(0, 16);
  ASSERT_TRUE(pinned);
  const auto rest = pages_.allocate(pages_.free_pages(), {}, false);
  ASSERT_TRUE(rest);
  const auto before = s->pages();
  const auto locked = pages_.locked_pages();
  // Its own resident pages are part of the range and can not make room for the absent ones.
  EXPECT_FALSE(s->lock(0, 8));
  EXPECT_EQ(s->map(0, 8, AccessMode::kKernel), nullptr);
  EXPECT_EQ(s->pages(), before);
  EXPECT_EQ(pages_.locked_pages(), locked);
  EXPECT_EQ(pages_.free_pages(), 0U);
  EXPECT_EQ(pager_.file_pages_used(), 4U);
  held->unlock(*pinned);
  check(*s, 3);
}

TEST_F(SectionTest, AFullPageFileBoundsWhatCanBeTrimmed) {
  test::covers("R55", "R137");
  EXPECT_EQ(pages_.commit_limit(), pages_.total_pages() + kFilePages);
  EXPECT_EQ(section(pages_.commit_limit() + 1), nullptr);
  const auto s = section(100);
  fill(*s, 7);
  EXPECT_EQ(pager_.trim(~0ULL), kFilePages);
  EXPECT_EQ(resident(*s), 100 - kFilePages);
  EXPECT_EQ(pager_.trim(~0ULL), 0U);
  check(*s, 7);
}

TEST_F(SectionTest, WhatThePageFileCanNotTakeIsNotTrimmedInVain) {
  test::covers("R137", "G20");
  const auto s = section(kFilePages + 8);
  fill(*s, 12);
  ASSERT_EQ(pager_.trim(kFilePages - 2), kFilePages - 2);  // room for two more
  const auto rest = pages_.allocate(pages_.free_pages(), {}, false);
  ASSERT_TRUE(rest);
  const auto other = section(3);
  const auto before = s->pages();
  EXPECT_FALSE(other->lock(0, 3)) << "two frames can be had, not three";
  EXPECT_EQ(s->pages(), before);
  EXPECT_EQ(pager_.file_pages_used(), kFilePages - 2);
  EXPECT_EQ(pages_.free_pages(), 0U);
  pages_.free(*rest);
  check(*s, 12);
}

TEST_F(SectionTest, EverythingGoesBack) {
  test::covers("R97");
  {
    const auto s = section(20);
    fill(*s, 1);
    ASSERT_EQ(pager_.trim(10), 10U);
  }
  EXPECT_EQ(pages_.free_pages(), pages_.total_pages());
  EXPECT_EQ(pages_.committed_pages(), 0U);
  EXPECT_EQ(pager_.file_pages_used(), 0U);
}

TEST_F(SectionTest, ReadOnlyViewsCanNotBeWritten) {
  test::covers("R114");
  const auto s = section(1, false);
  EXPECT_FALSE(s->device_writable());
  const auto view = s->map(0, 1, AccessMode::kKernel);
  EXPECT_FALSE(view->writable());
  EXPECT_EQ(*static_cast<volatile char*>(view->base()), 0);
  EXPECT_DEATH(*static_cast<volatile char*>(view->base()) = 1, "");
}

TEST_F(SectionTest, RandomPressureLosesNothing) {
  test::covers("R56", "R136");
  std::mt19937_64 random(test::test_seed(33));
  struct Live {
    std::unique_ptr<Backing> section;
    std::uint64_t seed;
  };
  std::vector<Live> live;
  for (int step = 0; step < 300; ++step) {
    const std::uint64_t what = random() % 5;
    if (what == 0 && live.size() < 8) {
      auto s = section(1 + random() % 40);
      if (s == nullptr) continue;
      live.push_back({std::move(s), random()});
      fill(*live.back().section, live.back().seed);
    } else if (what == 1) {
      (void)pager_.trim(random() % 64);
    } else if (!live.empty() && what == 2 && random() % 4 == 0) {
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(random() % live.size()));
    } else if (!live.empty()) {
      const Live& l = live[random() % live.size()];
      ASSERT_NO_FATAL_FAILURE(check(*l.section, l.seed));
    }
  }
}

}  // namespace
}  // namespace gpudmar::mm
