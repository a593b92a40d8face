// SPDX-License-Identifier: Apache-2.0
// Paging-structure caches: what they save, what removes them, and that no walk comes through an entry that an
// invalidation has taken.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kOld = 0x4000'0000;
constexpr std::uint64_t kNew = 0x5000'0000;
constexpr std::uint64_t kFreed = 0x6000'0000;  // where the old tables lead once they are no tables any more
constexpr std::uint64_t kIova = 0x10'0000'0000;
constexpr std::uint64_t k2M = 1ULL << 21;
constexpr std::uint64_t k1G = 1ULL << 30;

class PagingCache : public ::testing::Test {
 protected:
  PagingCache() : bench(10), table(bench.tables.page()) {
    bench.tables.context(kSid[0], 7, table);
    bench.tables.context(kSid[1], 8, bench.tables.page());
    for (const std::uint64_t region : {0ULL, 1ULL, 2ULL, 511ULL}) {
      for (unsigned i = 0; i < 16; ++i)
        bench.tables.map(table, kIova + region * k2M + i * 4096ULL, kOld + i * 4096ULL);
    }
    EXPECT_TRUE(bench.bring_up());
  }
  ~PagingCache() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  /// Table entries that a read of `iova` by port 0 makes the walkers fetch; it must go to `to`.
  std::uint64_t fetches(std::uint64_t iova, std::uint64_t to) {
    const auto before = bench.walk_reads;
    const auto b = bench.read(0, 1, iova);
    EXPECT_TRUE(bench.settle());
    EXPECT_TRUE(b->out);
    EXPECT_EQ(b->out_address, to);
    return bench.walk_reads - before;
  }
  /// The next page of the mapped ones that nobody has read.
  std::uint64_t fresh() { return ++next_ * 4096ULL; }
  std::uint64_t fetches_of_a_fresh_page(std::uint64_t region = 0) {
    const std::uint64_t page = fresh();
    return fetches(kIova + region + page, kOld + page);
  }

  IommuBench bench;
  std::uint64_t table;
  std::uint64_t next_ = 0;
};

TEST_F(PagingCache, EveryLevelIsCached) {
  covers("vtd.cache.paging");
  EXPECT_EQ(fetches_of_a_fresh_page(), 6U);
  EXPECT_EQ(fetches_of_a_fresh_page(), 1U);
  EXPECT_EQ(fetches_of_a_fresh_page(k2M), 2U);
  EXPECT_EQ(fetches_of_a_fresh_page(k2M), 1U);
  EXPECT_EQ(fetches_of_a_fresh_page(), 1U);
  bench.tables.map(table, kIova + k1G, kOld);
  EXPECT_EQ(fetches(kIova + k1G, kOld), 3U);
  bench.tables.map(table, kIova + (1ULL << 39), kOld);
  EXPECT_EQ(fetches(kIova + (1ULL << 39), kOld), 4U);
}

TEST_F(PagingCache, LargePagesAreReadFromTheirOwnTable) {
  covers("vtd.cache.paging", "vtd.walk.page-2m");
  bench.tables.map(table, kIova + 8 * k2M, 0x8000'0000, 3, 4, 2);
  EXPECT_EQ(fetches(kIova + 8 * k2M, 0x8000'0000), 5U);
  EXPECT_EQ(fetches(kIova + 8 * k2M + 0x5000, 0x8000'5000), 0U) << "one entry of the IOTLB holds it all";
  EXPECT_EQ(fetches(kIova + 8 * k2M + 0x1F'F000, 0x801F'F000), 0U);
  bench.flush_pages(7, kIova + 8 * k2M + 0x7000);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(fetches(kIova + 8 * k2M + 0x5000, 0x8000'5000), 1U)
      << "a flush of any part of it takes all of it";
  EXPECT_EQ(fetches_of_a_fresh_page(), 2U) << "no table stands below a large page";
}

TEST_F(PagingCache, NarrowDomains) {
  covers("vtd.cache.paging");
  const std::uint64_t narrow = bench.tables.page();
  bench.tables.context(kSid[0], 9, narrow, 1);
  for (unsigned i = 0; i < 4; ++i)
    bench.tables.map(narrow, 0x40'0000'0000 + i * k1G, kOld + i * 4096ULL, 3, 3);
  EXPECT_EQ(fetches(0x40'0000'0000, kOld), 5U);
  EXPECT_EQ(fetches(0x40'0000'0000 + k1G, kOld + 4096), 3U) << "the way to the top table is the context";
  EXPECT_EQ(fetches(0x40'0000'0000 + 2 * k1G, kOld + 8192), 3U);
}

TEST_F(PagingCache, TheOldestEntryGoes) {
  covers("vtd.cache.paging");
  const std::uint64_t base = kIova + 16 * k2M;
  for (unsigned i = 0; i < 9; ++i)
    for (unsigned j = 0; j < 4; ++j)
      bench.tables.map(table, base + i * k2M + j * 4096ULL, kOld + j * 4096ULL);
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(fetches(base + i * k2M, kOld), i == 0 ? 6U : 2U);
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(fetches(base + i * k2M + 4096, kOld + 4096), 1U) << i;
  EXPECT_EQ(fetches(base + 8 * k2M, kOld), 2U) << "the ninth";
  EXPECT_EQ(fetches(base + 1 * k2M + 8192, kOld + 8192), 1U);
  EXPECT_EQ(fetches(base + 0 * k2M + 8192, kOld + 8192), 2U) << "took the place of the first";
}

TEST_F(PagingCache, WhatAnInvalidationTakes) {
  covers("vtd.invalidation.paging", "vtd.invalidation.page", "vtd.invalidation.domain");
  struct Case {
    const char* name;
    std::function<void()> flush;
    std::uint64_t fetches;  // of a new page in the first 2 MiB
  };
  const Case cases[] = {
      {"page, IH = 1", [&] { bench.flush_pages(7, kIova, 0, true); }, 1},
      {"page, IH = 0", [&] { bench.flush_pages(7, kIova, 0, false); }, 4},
      {"a page of the last 2 MiB of the table, IH = 0",
       [&] { bench.flush_pages(7, kIova + 511 * k2M, 0, false); }, 1},
      {"1 GiB beside it, IH = 0", [&] { bench.flush_pages(7, kIova + k1G, 18, false); }, 1},
      {"16 pages at the end of the same 2 MiB, IH = 0",
       [&] { bench.flush_pages(7, kIova + 496 * 4096, 4, false); }, 4},
      {"1 GiB, IH = 0", [&] { bench.flush_pages(7, kIova + 5 * k2M, 18, false); }, 4},
      {"1 GiB, IH = 1", [&] { bench.flush_pages(7, kIova + 5 * k2M, 18, true); }, 1},
      {"page of another domain, IH = 0", [&] { bench.flush_pages(8, kIova, 0, false); }, 1},
      {"another domain", [&] { bench.flush_domain(8); }, 1},
      {"domain", [&] { bench.flush_domain(7); }, 4},
      {"global", [&] { bench.flush_global(); }, 4},
      {"contexts", [&] { bench.flush_contexts(); }, 6},  // a walk that reads its context reads all
  };
  fetches_of_a_fresh_page();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    if (next_ >= 14) {  // new pages, with everything cached as before
      next_ = 0;
      bench.flush_global();
      ASSERT_TRUE(bench.invalidate());
      fetches_of_a_fresh_page();
    }
    c.flush();
    ASSERT_TRUE(bench.invalidate());
    EXPECT_EQ(fetches_of_a_fresh_page(), c.fetches);
  }
  // What was taken beside a kept way to a table is taken: its neighbours start at the top.
  bench.flush_pages(7, kIova + 511 * k2M, 0, false);
  ASSERT_TRUE(bench.invalidate());
  next_ = 0;
  EXPECT_EQ(fetches_of_a_fresh_page(2 * k2M), 4U);
}

TEST_F(PagingCache, HintsFillIt) {
  covers("vtd.hints");
  bench.hint(0, kIova + 5 * 4096);
  bench.run(200);
  EXPECT_EQ(fetches(kIova + 6 * 4096, kOld + 6 * 4096), 1U);
}

// An upper entry changes and is invalidated with IH = 0, while walks that found it in the cache are under
// way. The old table is no table any more once the wait has completed: whoever still goes through it is seen.
struct UpperRace {
  unsigned level;  // of the entry that changes
  enum class Flush { kSamePage, kOtherPage, kDomain, kGlobal } flush;
  bool is_write;
};
class UpperRaceSweep : public ::testing::TestWithParam<UpperRace> {};

TEST_P(UpperRaceSweep, NobodyComesThroughTheOldTable) {
  covers("vtd.race.paging-cache", "vtd.invalidation.paging", "G5");
  const auto [level, flush, is_write] = GetParam();
  constexpr int kFirst = -50, kLast = 50;
  for (int offset = kFirst; offset <= kLast; ++offset) {
    SCOPED_TRACE(offset);
    IommuBench bench(10, static_cast<std::uint64_t>(offset + 2000));
    const std::uint64_t table = bench.tables.page();
    const std::uint64_t other = bench.tables.page();
    bench.tables.context(kSid[0], 7, table);
    bench.tables.context(kSid[1], 7, table);
    for (unsigned i = 0; i < 16; ++i) {
      bench.tables.map(table, kIova + i * 4096ULL, kOld + i * 4096ULL);
      bench.tables.map(other, kIova + i * 4096ULL, kNew + i * 4096ULL);
    }
    const std::uint64_t leaf_table = bench.tables.entry(table, 4, kIova) & ~0xFFFULL;
    ASSERT_TRUE(bench.bring_up());
    bench.read(0, 0, kIova + 15 * 4096);
    bench.write(1, 0, kIova + 15 * 4096);
    ASSERT_TRUE(bench.settle());
    std::vector<BurstPtr> early;
    const auto request = [&] {
      for (unsigned i = 0; i < 4; ++i) {
        const std::uint64_t page = kIova + i * 4096ULL;
        early.push_back(is_write ? bench.write(i % 2, 3, page) : bench.read(i % 2, i, page));
      }
    };
    std::uint32_t wait = 0;
    const auto change = [&] {
      const std::uint64_t from = bench.tables.entry(other, 4, kIova, level);
      bench.memory.store64(bench.tables.entry(table, 4, kIova, level), bench.memory.load64(from));
      switch (flush) {
        case UpperRace::Flush::kSamePage:
          bench.flush_pages(7, kIova, 2, false);
          break;
        case UpperRace::Flush::kOtherPage:  // nothing of it is in the IOTLB
          bench.flush_pages(7, kIova + 100 * 4096, 0, false);
          break;
        case UpperRace::Flush::kDomain:
          bench.flush_domain(7);
          break;
        default:
          bench.flush_global();
      }
      wait = bench.push_wait();
      bench.ring();
    };
    bench.at_status = [&] {  // the old table is somebody else's now
      for (unsigned i = 0; i < 16; ++i) {
        const std::uint64_t at = leaf_table + (((kIova >> 12) & 511) + i) * 8;
        bench.memory.store64(at, (kFreed + i * 4096ULL) | 3);
      }
    };
    if (offset < 0) {
      request();
      bench.run(static_cast<std::uint64_t>(-offset));
      change();
    } else {
      change();
      bench.run(static_cast<std::uint64_t>(offset));
      request();
    }
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 3000)) << "the wait never completed";
    std::vector<BurstPtr> late;
    for (unsigned i = 8; i < 12; ++i) {
      const std::uint64_t page = kIova + i * 4096ULL;
      late.push_back(is_write ? bench.write(i % 2, 3, page) : bench.read(i % 2, i, page));
    }
    ASSERT_TRUE(bench.settle(3000)) << "a request was lost";
    for (unsigned i = 0; i < 4; ++i) {
      ASSERT_TRUE(early[i]->out);
      const std::uint64_t to = early[i]->out_address - i * 4096ULL;
      EXPECT_TRUE(to == kOld || to == kNew) << fmt::format("{:x}", to);
      if (to == kOld && flush != UpperRace::Flush::kOtherPage) {
        EXPECT_LT(early[i]->out_cycle, bench.status_cycle);
      }
      EXPECT_EQ(late[i]->out_address, kNew + (i + 8) * 4096ULL) << fmt::format("{:x}", late[i]->out_address);
    }
    EXPECT_TRUE(bench.faults.empty());
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
    if (HasFailure()) break;
  }
}

std::string upper_race_name(const ::testing::TestParamInfo<UpperRace>& info) {
  const char* const flushes[] = {"SamePage", "OtherPage", "Domain", "Global"};
  return fmt::format("Level{}{}{}", info.param.level, flushes[static_cast<unsigned>(info.param.flush)],
                     info.param.is_write ? "Write" : "Read");
}

INSTANTIATE_TEST_SUITE_P(All, UpperRaceSweep,
                         ::testing::Values(UpperRace{2, UpperRace::Flush::kSamePage, false},
                                           UpperRace{2, UpperRace::Flush::kSamePage, true},
                                           UpperRace{2, UpperRace::Flush::kOtherPage, false},
                                           UpperRace{2, UpperRace::Flush::kDomain, true},
                                           UpperRace{3, UpperRace::Flush::kSamePage, false},
                                           UpperRace{3, UpperRace::Flush::kOtherPage, true},
                                           UpperRace{4, UpperRace::Flush::kGlobal, false},
                                           UpperRace{4, UpperRace::Flush::kOtherPage, false}),
                         upper_race_name);

}  // namespace
}  // namespace gpudmar::test
