// SPDX-License-Identifier: Apache-2.0
// Paging-structure caches: what they save and what removes them. That no walk comes through an entry that an
// invalidation has taken: race_sweep_test.cpp.
#include <gtest/gtest.h>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kOld = 0x4000'0000;
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

}  // namespace
}  // namespace gpudmar::test
