// SPDX-License-Identifier: Apache-2.0
// Latencies and rates of the IOMMU, to the cycle.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kPool = 0x4000'0000;  // pages that are mapped
constexpr std::uint64_t kIova = 0x10'0000'0000;

class Timing : public ::testing::TestWithParam<unsigned> {
 protected:
  Timing() : bench(GetParam()), table(bench.tables.page()) {
    bench.tables.context(kSid[0], 7, table);
    bench.tables.context(kSid[1], 7, table);
    for (unsigned i = 0; i < 256; ++i) bench.tables.map(table, kIova + i * 4096ULL, kPool + i * 8192ULL);
    EXPECT_TRUE(bench.bring_up());
  }
  ~Timing() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  std::uint64_t latency(const BurstPtr& b) const { return b->out_cycle - b->in_cycle; }
  unsigned L() const { return GetParam(); }
  /// A miss that reads n entries, from request in to request out; a fault takes one more with Pipe 1.
  std::uint64_t walk(unsigned n) const { return n * (L() + (kPipe ? 2 : 1)) + 6; }
  static constexpr bool kPipe = GPUDMAR_PIPE == 1;
  /// What root and context entry cost more than others: nothing, or their second beats.
  static constexpr unsigned kWide = 2 * (kEntryBeats - 1);

  IommuBench bench;
  std::uint64_t table;
};

TEST_P(Timing, HitTakesTwoCyclesAndOneMoreWithPipe) {
  covers("contract.iotlb_hit");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto r = bench.read(0, 1, kIova + 64);
  ASSERT_TRUE(bench.settle());
  const auto w = bench.write(1, 2, kIova + 128);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(r), kPipe ? 3U : 2U);
  EXPECT_EQ(r->out_address, kPool + 64);
  // The first write of port 1 misses in the context cache, not in the IOTLB; the second hits.
  const auto w2 = bench.write(1, 2, kIova + 256);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(w2), kPipe ? 3U : 2U);
  EXPECT_EQ(w2->out_address, kPool + 256);
  EXPECT_EQ(w->out_address, kPool + 128);
}

TEST_P(Timing, MissWithColdRootAndContext) {
  covers("contract.miss_all_cold");
  const auto r = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(r), (kPipe ? 6U * L() + 18 : 6U * L() + 12) + kWide);
  EXPECT_EQ(latency(r), walk(6) + kWide);
}

TEST_P(Timing, MissWithCachedContext) {
  covers("contract.miss_4_levels");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  for (const bool is_write : {false, true}) {
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
    const auto b = is_write ? bench.write(0, 1, kIova + 4096) : bench.read(0, 1, kIova + 4096);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(latency(b), kPipe ? 4U * L() + 14 : 4U * L() + 10);
  }
}

TEST_P(Timing, MissReadsOnlyWhatIsNotCached) {
  covers("contract.miss_leaf", "contract.miss_2_levels", "contract.miss_3_levels", "vtd.cache.paging");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto r = bench.read(0, 1, kIova + 4096);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(r), kPipe ? L() + 8 : L() + 7);
  const auto w = bench.write(0, 1, kIova + 8192);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(w), kPipe ? L() + 8 : L() + 7);
  // The other port has its own context entry, but the domain's tables.
  bench.read(1, 1, kIova + 8192);
  ASSERT_TRUE(bench.settle());
  const auto other = bench.read(1, 1, kIova + 12288);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(other), walk(1));
  // The neighbours of 2 MiB, 1 GiB and 512 GiB share what is above.
  for (unsigned n = 2; n <= 4; ++n) {
    const std::uint64_t far = kIova + (1ULL << (3 + 9 * n));
    bench.tables.map(table, far, kPool);
    bench.tables.map(table, far + 4096, kPool);
    const auto first = bench.read(0, 1, far);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(latency(first), walk(n)) << n;
    const auto second = bench.read(0, 1, far + 4096);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(latency(second), walk(1)) << n;
  }
}

TEST_P(Timing, AStreamOfMissesKeepsEveryWalkBusy) {
  covers("contract.miss_stream");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  std::vector<BurstPtr> reads;
  for (unsigned i = 0; i < 200; ++i) reads.push_back(bench.read(0, i % 16, kIova + (i + 1) * 4096ULL));
  ASSERT_TRUE(bench.settle());
  std::uint64_t first = ~0ULL, last = 0;
  for (unsigned i = 50; i < 150; ++i) {
    first = std::min(first, reads[i]->out_cycle);
    last = std::max(last, reads[i]->out_cycle);
  }
  // 16 walks: one page every (L + 8) / 16 cycles, but at most one a cycle. The window's ends may be off by
  // one turn of all walks.
  const double turn = L() + (kPipe ? 10.0 : 8.0);
  EXPECT_LE(static_cast<double>(last - first), 100 * std::max(1.0, turn / 16) + turn);
}

TEST_P(Timing, AStreamOfWriteMissesIsAsFastAsOneOfReads) {
  covers("contract.miss_stream");
  bench.write(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  std::vector<BurstPtr> writes;
  for (unsigned i = 0; i < 200; ++i) writes.push_back(bench.write(0, i % 16, kIova + (i + 1) * 4096ULL));
  ASSERT_TRUE(bench.settle());
  // All writes of a port have one order, and still their walks overlap and leave one a cycle.
  const double turn = L() + (kPipe ? 10.0 : 8.0);
  EXPECT_LE(static_cast<double>(writes[149]->out_cycle - writes[50]->out_cycle),
            99 * std::max(1.0, turn / 16) + turn);
}

TEST_P(Timing, OneReadAndOneWriteACycleOnHits) {
  covers("contract.hit_rate");
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  std::vector<BurstPtr> reads, writes;
  for (unsigned i = 0; i < 200; ++i) {
    reads.push_back(bench.read(0, i % 16, kIova + (i % 128) * 32));
    writes.push_back(bench.write(1, i % 16, kIova + (i % 128) * 32));
  }
  ASSERT_TRUE(bench.settle());
  // The first and last few are left out: the write buffer fills before, and credits run while answers come.
  const auto rate = [](const std::vector<BurstPtr>& bursts, unsigned from, unsigned to) {
    return bursts[to]->out_cycle - bursts[from]->out_cycle;
  };
  EXPECT_EQ(rate(reads, 4, 100), 96U);
  EXPECT_EQ(rate(writes, 4, 60), 56U);
}

TEST_P(Timing, DataPassesWithItsAddress) {
  covers("contract.data_path");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto r = bench.read(0, 1, kIova + 64);
  const auto w = bench.write(0, 2, kIova + 128, 4);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(w->in_cycle, r->in_cycle) << "an address is taken together with its first beat";
  EXPECT_EQ(r->done_cycle - r->performed_cycle, kPipe ? 1U : 0U) << "a beat passes an empty buffer";
  // Four beats, and B a cycle after the last.
  EXPECT_EQ(w->performed_cycle - w->out_cycle, kPipe ? 5U : 4U) << "the first beat goes with the address";
}

TEST_P(Timing, HitsPassAMissOfOthers) {
  covers("contract.hit_behind_miss");
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto miss = bench.read(0, 3, kIova + 5 * 4096);
  const auto other_id = bench.read(0, 4, kIova + 32);
  const auto other_port = bench.read(1, 3, kIova + 64);
  const auto same_id = bench.read(0, 3, kIova + 96);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(other_id), kPipe ? 3U : 2U);
  EXPECT_EQ(latency(other_port), kPipe ? 3U : 2U);
  EXPECT_GT(same_id->out_cycle, miss->out_cycle) << "reads of one id must leave in order";
}

TEST_P(Timing, WalksOfDifferentPagesOverlap) {
  covers("vtd.walks.parallel");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  std::vector<BurstPtr> reads;
  const std::uint64_t start = bench.cycle();
  for (unsigned i = 0; i < 16; ++i) reads.push_back(bench.read(0, i, kIova + (16 + i) * 4096ULL));
  ASSERT_TRUE(bench.settle());
  std::uint64_t last = 0;
  for (const auto& r : reads) last = std::max(last, r->out_cycle);
  EXPECT_LT(last - start, 4U * L() + 60) << "16 walks must run at the same time";
}

TEST_P(Timing, MissesToOnePageMerge) {
  covers("vtd.walks.merge");
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto before = bench.walk_reads;
  for (unsigned i = 0; i < 8; ++i) bench.read(0, i, kIova + 40 * 4096 + i * 64);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.walk_reads - before, 1U) << "one walk, of the leaf only";
}

TEST_P(Timing, ASecondRequestMayJoinAWalkInAnyOfItsCycles) {
  covers("vtd.walks.merge");
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const unsigned last = 4 * L() + 20;
  for (unsigned offset = 0; offset <= last; offset += offset + 40 < last ? 7 : 1) {
    SCOPED_TRACE(offset);
    const std::uint64_t page = kIova + (64 + offset % 128) * 4096ULL;
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
    const auto first = bench.read(0, 2, page);
    bench.run(offset);
    const auto second = bench.write(1, 2, page + 64);
    const auto third = bench.read(1, 3, page + 96);
    ASSERT_TRUE(bench.settle(10 * L() + 200));
    EXPECT_TRUE(first->out && second->out && third->out);
    EXPECT_LE(second->out_cycle - second->in_cycle, 4U * L() + 20);
  }
}

TEST_P(Timing, BlockedRequestsAreAnsweredWithinFourCyclesOfTheirWalk) {
  covers("contract.read_fault", "contract.write_fault");
  bench.read(0, 1, kIova);
  bench.tables.map(table, kIova + 0x100'0000, kPool,
                   0);  // every level there, the leaf not present; two are cached
  ASSERT_TRUE(bench.settle());
  const auto r = bench.read(0, 1, kIova + 0x100'0000, 4);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(r->out);
  EXPECT_LE(r->first_cycle - r->in_cycle, walk(2) + (kPipe ? 6 : 4));
  if (!kPipe) {
    EXPECT_EQ(r->first_cycle - r->in_cycle, walk(2) + 1) << "docs/cycle-contract.md says so";
  }
  for (const unsigned beats : {1U, 16U}) {
    const auto w = bench.write(0, 1, kIova + 0x100'0000, beats);
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(w->out);
    // The last beat of data follows the address by as many cycles as there are further beats.
    EXPECT_LE(w->done_cycle - w->in_cycle, std::max<std::uint64_t>(walk(1) + 4, beats + 1) + (kPipe ? 2 : 0))
        << beats << " beats";
    if (!kPipe && walk(1) > beats) {
      EXPECT_EQ(w->done_cycle - w->in_cycle, walk(1) + 1) << "docs/cycle-contract.md says so";
    }
  }
}

TEST_P(Timing, InvalidationAndWaitOnAnIdleUnit) {
  covers("contract.invalidation_pair");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  bench.flush_pages(7, kIova);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_LE(bench.status_cycle - bench.tail_cycle, L() + (kPipe ? 14U : 12U));
  EXPECT_GE(bench.status_cycle - bench.tail_cycle, L()) << "it cannot be faster than its own read";
}

TEST_P(Timing, EachFurtherInvalidationCostsTwoCycles) {
  covers("contract.invalidation_slope");
  const auto cost = [this](unsigned n) {
    // From the start of the ring, so that both queues are cut into bursts alike.
    while ((bench.read_register(0x088, 4) >> 4) % 16 != 0) {
      bench.flush_global(false);
      bench.ring();
      bench.run(L() + 30);
    }
    for (unsigned i = 0; i < n; ++i) bench.flush_pages(7, kIova + i * 4096ULL);
    EXPECT_TRUE(bench.invalidate());
    return bench.status_cycle - bench.tail_cycle;
  };
  const auto few = cost(1);
  const auto many = cost(65);
  EXPECT_LE(many - few, 64U * 2);
}

TEST_P(Timing, AHintWalksAheadAndTheRequestHits) {
  covers("vtd.hints");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  bench.hint(0, kIova + 77 * 4096);
  bench.run(4 * L() + 40);
  const auto r = bench.read(0, 1, kIova + 77 * 4096 + 8);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(latency(r), kPipe ? 3U : 2U);
}

class Hints : public ::testing::TestWithParam<unsigned> {};

TEST_P(Hints, DelayNoRequest) {
  covers("vtd.hints");
  const unsigned latency = GetParam();
  // The same requests, all of them misses at random distances, once alone and once under a flood of hints.
  std::vector<std::vector<std::uint64_t>> latencies;
  for (const bool hints : {false, true}) {
    IommuBench alone(latency);
    const std::uint64_t top = alone.tables.page();
    for (const unsigned port : {0U, 1U}) alone.tables.context(kSid[port], 7, top);
    for (unsigned i = 0; i < 4096; ++i) alone.tables.map(top, kIova + i * 4096ULL, kPool + i * 4096ULL);
    ASSERT_TRUE(alone.bring_up());
    alone.read(0, 1, kIova);
    alone.read(1, 1, kIova);
    ASSERT_TRUE(alone.settle());
    if (hints) {
      for (unsigned i = 0; i < 3000; ++i) alone.hint(i % 2, kIova + (1024 + i) * 4096ULL);
    }
    std::mt19937_64 random(7);
    std::vector<BurstPtr> bursts;
    for (unsigned i = 0; i < 100; ++i) {
      const std::uint64_t page = kIova + (1 + i) * 4096ULL;
      bursts.push_back(random() % 2 ? alone.read(i % 2, i % 16, page) : alone.write(i % 2, i % 16, page));
      alone.run(random() % 20);
    }
    const std::uint64_t reads = alone.walk_reads;
    ASSERT_TRUE(alone.settle());
    if (hints) {
      EXPECT_GT(reads, 120U) << "the hints must have walked meanwhile";
    }
    latencies.emplace_back();
    for (const auto& b : bursts) latencies.back().push_back(b->out_cycle - b->in_cycle);
    EXPECT_TRUE(alone.violations.empty());
  }
  for (std::size_t i = 0; i < latencies[0].size(); ++i)
    EXPECT_EQ(latencies[0][i], latencies[1][i]) << "request " << i;
}

TEST_P(Timing, ARequestGivesAHintsWalkItsPriority) {
  covers("vtd.hints");
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto before = bench.walk_reads;
  bench.hint(0, kIova + 78 * 4096);
  bench.run(4);
  const auto r = bench.read(0, 1, kIova + 78 * 4096);
  ASSERT_TRUE(bench.settle());
  EXPECT_LE(latency(r), walk(1)) << "no later than a walk of its own";
  EXPECT_EQ(bench.walk_reads - before, 1U);
}

INSTANTIATE_TEST_SUITE_P(Latency, Hints, ::testing::Values(6U, 20U, 100U),
                         [](const auto& info) { return "L" + std::to_string(info.param); });
INSTANTIATE_TEST_SUITE_P(Latency, Timing, ::testing::Values(6U, 20U, 100U),
                         [](const auto& info) { return "L" + std::to_string(info.param); });

}  // namespace
}  // namespace gpudmar::test
