// SPDX-License-Identifier: Apache-2.0
// The page allocator: windows, runs, states, the event log.
#include "driver-model/mm/pages.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>

#include "tests/support/covers.h"
#include "tests/support/model_machine.h"

namespace gpudmar::mm {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t kMiB = 1ULL << 20;

struct Fixture {
  explicit Fixture(std::uint64_t seed = 1, Placement placement = Placement::kScattered)
      : pages(memory, time, {seed, placement, 1U << 16}) {}
  test::FakeInterrupts interrupts;
  test::FakeTime time{interrupts};
  sim::HostMemory memory{{{0, kMiB}, {4ULL << 30, kMiB}, {1ULL << 40, 4 * kMiB}}};
  PageAllocator pages;
};

std::uint64_t address(Pfn pfn) { return pfn << hw::kPageShift; }

TEST(Pages, CountsInstalledMemory) {
  Fixture f;
  EXPECT_EQ(f.pages.total_pages(), 6 * kMiB / hw::kPageSize);
  EXPECT_EQ(f.pages.free_pages(), f.pages.total_pages());
  EXPECT_EQ(f.pages.highest_address(), (1ULL << 40) + 4 * kMiB - 1);
  EXPECT_TRUE(f.pages.is_ram(255));
  EXPECT_FALSE(f.pages.is_ram(256));
}

TEST(Pages, WindowIsInclusiveAndUnsigned) {
  test::covers("R70", "R74", "E20");
  Fixture f;
  // The last byte decides whether a page belongs to the window.
  EXPECT_FALSE(f.pages.allocate(1, {0x1000, 0x1FFE}, false));
  const auto one = f.pages.allocate(1, {0x1000, 0x1FFF}, false);
  ASSERT_TRUE(one);
  EXPECT_THAT(*one, ElementsAre(1));
  EXPECT_FALSE(f.pages.allocate(1, {0x1000, 0x1FFF}, false)) << "the page is taken";
  const auto any = f.pages.allocate(4, {1ULL << 40, ~0ULL}, false);
  ASSERT_TRUE(any) << "all ones is no limit";
  for (const Pfn pfn : *any) EXPECT_GE(address(pfn), 1ULL << 40);
}

TEST(Pages, ScatteredPagesAreScatteredAndRepeatable) {
  Fixture a(7);
  Fixture b(7);
  const auto pa = a.pages.allocate(64, {1ULL << 40, ~0ULL}, false);
  const auto pb = b.pages.allocate(64, {1ULL << 40, ~0ULL}, false);
  ASSERT_TRUE(pa && pb);
  EXPECT_EQ(*pa, *pb);
  EXPECT_GT(to_runs(*pa).size(), 48U) << "most neighbours in the list are no neighbours in memory";
  EXPECT_EQ(std::set(pa->begin(), pa->end()).size(), 64U);
  Fixture c(8);
  EXPECT_NE(*c.pages.allocate(64, {1ULL << 40, ~0ULL}, false), *pa);
}

TEST(Pages, AllOrNothing) {
  test::covers("R44", "R64");
  Fixture f;
  const Window low{0, kMiB - 1};
  EXPECT_FALSE(f.pages.allocate(257, low, false));
  EXPECT_EQ(f.pages.free_pages(), f.pages.total_pages());
  const auto all = f.pages.allocate(256, low, false);
  ASSERT_TRUE(all);
  EXPECT_FALSE(f.pages.allocate(1, low, false));
  f.pages.free(*all);
  EXPECT_EQ(f.pages.free_pages(), f.pages.total_pages());
  EXPECT_TRUE(f.pages.allocate_contiguous(256, low, 0, false)) << "freed pages merge again";
}

TEST(Pages, ContiguousKeepsItsBoundary) {
  test::covers("R70", "R72");
  Fixture f;
  const auto first = f.pages.allocate_contiguous(3, {0, ~0ULL}, 0x4000, false);
  ASSERT_TRUE(first);
  EXPECT_THAT(*first, ElementsAre(0, 1, 2));
  const auto second = f.pages.allocate_contiguous(3, {0, ~0ULL}, 0x4000, false);
  ASSERT_TRUE(second);
  EXPECT_THAT(*second, ElementsAre(4, 5, 6)) << "3..5 would cross 4000h";
  EXPECT_FALSE(f.pages.allocate_contiguous(5, {0, ~0ULL}, 0x4000, false));
  EXPECT_FALSE(f.pages.allocate_contiguous(257, {0, kMiB * 3}, 0, false)) << "runs do not cross holes";
}

TEST(Pages, LockedPagesAreNeitherFreedNorForgotten) {
  test::covers("R136", "R145", "G6");
  Fixture f;
  const auto pages = *f.pages.allocate(4, {0, ~0ULL}, false);
  f.pages.lock(pages);
  f.pages.lock({pages[1]});
  EXPECT_EQ(f.pages.locked_pages(), 4U);
  EXPECT_THROW(f.pages.free(pages), PageStateError);
  f.pages.unlock(pages);
  EXPECT_EQ(f.pages.state(pages[1])->locks, 1U);
  EXPECT_THROW(f.pages.unlock(pages), PageStateError) << "only one of them still has a lock";
  EXPECT_EQ(f.pages.state(pages[1])->locks, 1U) << "a refused call changes nothing";
  EXPECT_THROW(f.pages.free(pages), PageStateError);
  f.pages.unlock({pages[1]});
  f.pages.free(pages);
  EXPECT_THROW(f.pages.free(pages), PageStateError);
  EXPECT_THROW(f.pages.lock(pages), PageStateError);
  EXPECT_FALSE(f.pages.state(pages[0]));
}

TEST(Pages, EventsTellTheStory) {
  Fixture f(1, Placement::kAscending);
  std::size_t told = 0;
  f.pages.observe([&](const PageEvent& event) { told += event.runs.size(); });
  const auto pages = *f.pages.allocate(2, {0, ~0ULL}, false);
  f.time.wait(10);
  f.pages.lock(pages);
  f.time.wait(10);
  f.pages.unlock(pages);
  f.pages.free(pages);
  const auto events = f.pages.events();
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(told, 4U);
  const PageEvent::Kind kinds[] = {PageEvent::Kind::kAllocate, PageEvent::Kind::kLock,
                                   PageEvent::Kind::kUnlock, PageEvent::Kind::kFree};
  const std::uint64_t cycles[] = {0, 10, 20, 20};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(events[i].kind, kinds[i]);
    EXPECT_EQ(events[i].cycle, cycles[i]);
    EXPECT_THAT(events[i].runs, ElementsAre(PageRun{0, 2}));
  }
}

TEST(Pages, ZeroedOnRequestOnly) {
  test::covers("R61");
  Fixture f(1, Placement::kAscending);
  f.memory.store64(0x1000, 0x1234);
  f.memory.store64(0x2000, 0x5678);
  const auto zeroed = *f.pages.allocate(1, {0x1000, 0x1FFF}, true);
  const auto raw = *f.pages.allocate(1, {0x2000, 0x2FFF}, false);
  EXPECT_EQ(f.memory.load64(address(zeroed[0])), 0U);
  EXPECT_EQ(f.memory.load64(address(raw[0])), 0x5678U);
}

TEST(Pages, RandomTrafficKeepsTheBooks) {
  std::mt19937_64 random(test::test_seed(20));
  Fixture f(random());
  std::vector<std::vector<Pfn>> held;
  std::set<Pfn> owned;
  for (int step = 0; step < 2000; ++step) {
    if (held.empty() || random() % 3 != 0) {
      const std::uint64_t count = 1 + random() % 32;
      const auto got = random() % 2 == 0 ? f.pages.allocate(count, {0, ~0ULL}, false)
                                         : f.pages.allocate_contiguous(count, {0, ~0ULL}, 0, false);
      if (!got) continue;
      for (const Pfn pfn : *got) {
        ASSERT_TRUE(owned.insert(pfn).second) << "page " << pfn << " given out twice";
        ASSERT_TRUE(f.pages.is_ram(pfn));
      }
      held.push_back(*got);
    } else {
      const std::size_t i = random() % held.size();
      f.pages.free(held[i]);
      for (const Pfn pfn : held[i]) owned.erase(pfn);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    }
    ASSERT_EQ(f.pages.free_pages(), f.pages.total_pages() - owned.size());
  }
}

}  // namespace
}  // namespace gpudmar::mm
