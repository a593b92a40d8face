// SPDX-License-Identifier: Apache-2.0
// Logical page numbers: limits, holes, exhaustion, wrong frees.
#include "driver-model/vtd/logical_allocator.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "driver-model/vtd/error.h"
#include "tests/support/covers.h"
#include "tests/support/model_machine.h"

namespace gpudmar::vtd {
namespace {

TEST(LogicalAllocatorTest, StaysWithinTheVisibleAddresses) {
  test::covers("R6", "R134", "G7");
  LogicalAllocator allocator(0x3FFF, {});
  EXPECT_EQ(allocator.capacity(), 3U) << "pages 1 to 3; page 0 is withheld";
  EXPECT_EQ(LogicalAllocator(0x3FFE, {}).capacity(), 2U) << "the last page is not wholly visible";
  EXPECT_EQ(LogicalAllocator(0, {}).capacity(), 0U);
  EXPECT_EQ(*allocator.allocate_run(3), 1U);
  EXPECT_FALSE(allocator.allocate_run(1));
  EXPECT_FALSE(allocator.allocate_pages(1));
}

TEST(LogicalAllocatorTest, NeverHandsOutTheInterruptWindow) {
  test::covers("R148", "G23");
  // Exhaust everything up to 0xFF000 pages, in runs and single pages.
  LogicalAllocator allocator(0xFF'000'000ULL - 1, {});
  EXPECT_EQ(allocator.capacity(), 0xFF000U - 1 - 0x100);
  std::vector<bool> seen(0xFF000);
  while (const auto run = allocator.allocate_run(0x40))
    for (std::uint64_t i = 0; i < 0x40; ++i) seen[*run + i] = true;
  while (const auto page = allocator.allocate_pages(1)) seen[page->front()] = true;
  EXPECT_EQ(allocator.free_pages(), 0U);
  for (std::uint64_t page = 1; page < seen.size(); ++page)
    ASSERT_EQ(seen[page], page < 0xFEE00 || page > 0xFEEFF) << std::hex << page;
}

TEST(LogicalAllocatorTest, WithheldRangesOverlappingAnything) {
  LogicalAllocator allocator(0xFFFF, {{0, 2}, {4, 2}, {5, 3}, {15, 10}});
  const auto pages = allocator.allocate_pages(allocator.capacity());
  ASSERT_TRUE(pages);
  EXPECT_THAT(*pages, ::testing::ElementsAre(2, 3, 8, 9, 10, 11, 12, 13, 14));
}

TEST(LogicalAllocatorTest, WrongFreesAreRefusedAsAWhole) {
  LogicalAllocator allocator(0xFFFF, {});
  const auto pages = *allocator.allocate_pages(3);
  EXPECT_THROW(allocator.free({pages[0], 9}), VtdError);
  EXPECT_THROW(allocator.free({pages[0], pages[0]}), VtdError);
  EXPECT_EQ(allocator.used_pages(), 3U);
  allocator.free(pages);
  EXPECT_THROW(allocator.free(pages), VtdError);
  EXPECT_EQ(allocator.used_pages(), 0U);
}

TEST(LogicalAllocatorTest, ShuffledSinglePages) {
  LogicalAllocator allocator((1ULL << 40) - 1, {}, {3, {}});
  const auto pages = *allocator.allocate_pages(64);
  EXPECT_FALSE(std::is_sorted(pages.begin(), pages.end()));
  EXPECT_EQ(std::set(pages.begin(), pages.end()).size(), 64U);
}

TEST(LogicalAllocatorTest, FreshNumbersComeBackLast) {
  LogicalAllocator allocator(0xF'FFFF, {{0x90, 2}}, {{}, 0x80});  // pages 1 to 0xFF
  EXPECT_EQ(*allocator.allocate_run(4), 0x80U) << "from where it was told to begin";
  allocator.free({0x80, 0x81, 0x82, 0x83});
  EXPECT_EQ(*allocator.allocate_run(4), 0x85U) << "not what was freed a moment ago, nor what follows it";
  EXPECT_THAT(*allocator.allocate_pages(9),
              ::testing::ElementsAre(0x8A, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x92, 0x93, 0x94))
      << "on from there, around what is withheld";
  EXPECT_EQ(*allocator.allocate_run(0x6A), 0x96U) << "to the end";
  EXPECT_EQ(*allocator.allocate_run(0x7F), 1U) << "then from the lowest";
  EXPECT_THAT(*allocator.allocate_pages(4), ::testing::ElementsAre(0x81, 0x82, 0x83, 0x84));
  EXPECT_THAT(*allocator.allocate_pages(3), ::testing::ElementsAre(0x89, 0x95, 0x80))
      << "the gaps are not lost";
  EXPECT_EQ(allocator.free_pages(), 0U);
  EXPECT_FALSE(allocator.allocate_run(1));
}

TEST(LogicalAllocatorTest, FreshRunsMayLieAcrossTheBegin) {
  LogicalAllocator allocator(0xFFFF, {}, {{}, 8});  // pages 1 to 15
  EXPECT_EQ(*allocator.allocate_run(12), 1U) << "neither side of page 8 has twelve";
  EXPECT_EQ(*allocator.allocate_run(2, 2, 1), 13U);
}

// What makes the order worth its name: no number is used again before half of the others had their turn.
TEST(LogicalAllocatorTest, FreshOrderGoesAround) {
  LogicalAllocator allocator(0x3F'FFFF, {}, {{}, 0x155});
  std::map<std::uint64_t, std::uint64_t> last;
  for (std::uint64_t i = 0; i < 5 * allocator.capacity(); ++i) {
    const auto page = *allocator.allocate_pages(1);
    const auto before = last.find(page.front());
    if (before != last.end()) {
      ASSERT_GE(i - before->second, allocator.capacity() / 2) << page.front();
    }
    last[page.front()] = i;
    allocator.free(page);
  }
}

class LogicalTraffic : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Orders, LogicalTraffic, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Fresh" : "Lowest"; });

TEST_P(LogicalTraffic, AgreesWithASet) {
  std::mt19937_64 random(test::test_seed(11));
  LogicalAllocator::Order order;
  if (GetParam()) order.fresh_from = random() % 512;
  LogicalAllocator allocator((1ULL << 21) - 1, {{100, 20}}, order);
  std::set<std::uint64_t> owned;
  std::vector<std::vector<std::uint64_t>> held;
  for (int step = 0; step < 3000; ++step) {
    if (random() % 2 == 0) {
      const std::uint64_t count = 1 + random() % 24;
      std::vector<std::uint64_t> got;
      if (random() % 2 == 0) {
        const auto run = allocator.allocate_run(count);
        if (!run) continue;
        for (std::uint64_t i = 0; i < count; ++i) got.push_back(*run + i);
      } else {
        auto pages = allocator.allocate_pages(count);
        if (!pages) continue;
        got = *pages;
      }
      for (const std::uint64_t page : got) {
        ASSERT_TRUE(owned.insert(page).second) << page;
        ASSERT_TRUE(page >= 1 && page < 512 && (page < 100 || page >= 120)) << page;
      }
      held.push_back(got);
    } else if (!held.empty()) {
      const std::size_t i = random() % held.size();
      std::shuffle(held[i].begin(), held[i].end(), random);
      allocator.free(held[i]);
      for (const std::uint64_t page : held[i]) owned.erase(page);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    }
    ASSERT_EQ(allocator.used_pages(), owned.size());
  }
}

TEST(LogicalAllocator, RunsKeepAPhase) {
  LogicalAllocator allocator((1ULL << 32) - 1, {});
  EXPECT_EQ(allocator.allocate_run(3), 1U);
  EXPECT_EQ(allocator.allocate_run(600, 512, 512 * 7 + 5), 5U);
  EXPECT_EQ(allocator.allocate_run(600, 512, 5), 1024U + 5);
  EXPECT_EQ(allocator.allocate_run(10, 512, 0), 1024U + 1024);
  EXPECT_EQ(allocator.allocate_run(1), 4U) << "what an alignment skips is not lost";
  // No run of that length at that phase, though there is one.
  LogicalAllocator small(0x3FF'FFF, {});  // 1023 pages
  EXPECT_FALSE(small.allocate_run(512, 1024, 1023));
  EXPECT_TRUE(small.allocate_run(512, 1024, 100));
}

}  // namespace
}  // namespace gpudmar::vtd
