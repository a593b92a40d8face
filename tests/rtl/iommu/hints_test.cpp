// SPDX-License-Identifier: Apache-2.0
// Hints that get no walk in their lookup: none is lost, and none is in the way.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kPool = 0x4000'0000;
constexpr std::uint64_t kIova = 0x10'0000'0000;
constexpr unsigned kHintWalks = 4;
constexpr bool kPipe = GPUDMAR_PIPE == 1;
constexpr unsigned kHit = kPipe ? 3 : 2;

class KeptHints : public ::testing::TestWithParam<unsigned> {
 protected:
  KeptHints() : bench(GetParam()) {
    const std::uint64_t table = bench.tables.page();
    for (unsigned port = 0; port < 2; ++port) bench.tables.context(kSid[port], 7, table);
    for (unsigned i = 0; i < 256; ++i) bench.tables.map(table, page(i), kPool + i * 4096ULL);
    EXPECT_TRUE(bench.bring_up());
    for (unsigned port = 0; port < 2; ++port) bench.read(port, 1, page(0));
    EXPECT_TRUE(bench.settle());  // contexts and upper levels are cached
  }
  ~KeptHints() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  static std::uint64_t page(unsigned i) { return kIova + i * 4096ULL; }
  static std::uint64_t latency(const BurstPtr& b) { return b->out_cycle - b->in_cycle; }
  unsigned L() const { return GetParam(); }
  std::uint64_t leaf_walk() const { return L() + (kPipe ? 8 : 7); }
  void expect_hit(unsigned port, unsigned i) {
    const auto b = bench.read(port, 1, page(i));
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(latency(b), kHit) << "page " << i << " was hinted by port " << port;
  }
  /// All hint walks are taken, and a hint more.
  void fill() {
    for (unsigned i = 0; i < 60; ++i) bench.hint(i % 2, page(64 + i));
    bench.run(kHintWalks + 4);
    ASSERT_GT(bench.hints_left(0) + bench.hints_left(1), 40U) << "hints wait at the ports";
  }

  IommuBench bench;
};

TEST_P(KeptHints, WalkAfterTheOtherLane) {
  covers("vtd.hints", "vtd.hints.kept");
  // A write that misses, and a hint: one of the offsets brings both before the walkers in one cycle.
  for (unsigned offset = 0; offset <= 6; ++offset) {
    SCOPED_TRACE(fmt::format("offset {}", offset));
    const unsigned at = 10 * (offset + 1);
    const std::uint64_t walks = bench.walk_reads;
    const unsigned early = offset > 3 ? offset - 3 : 0;
    if (early != 0) {
      bench.hint(0, page(at));
      bench.run(early);
    }
    const auto write = bench.write(1, 2, page(at + 1));
    if (early == 0) {
      bench.run(offset);
      bench.hint(0, page(at));
    }
    bench.run(2 * L() + 40);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(latency(write), leaf_walk());
    EXPECT_EQ(bench.walk_reads - walks, 2U);
    expect_hit(0, at);
    EXPECT_EQ(bench.walk_reads - walks, 2U);
  }
}

TEST_P(KeptHints, WalkWhenAWalkerIsFree) {
  covers("vtd.hints", "vtd.hints.kept");
  constexpr unsigned kHints = 40;  // fewer than the IOTLB holds
  const std::uint64_t walks = bench.walk_reads;
  for (unsigned i = 0; i < kHints; ++i) bench.hint(i % 2, page(1 + i));
  const std::uint64_t from = bench.cycle();
  ASSERT_TRUE(bench.run_until([&] { return bench.walk_reads - walks == kHints; }, kHints * (L() + 20)));
  // As many at a time as there are walks: a kept hint takes one as soon as it is free, up to a turn of the
  // lookup.
  EXPECT_LE(bench.cycle() - from, (kHints / kHintWalks) * (L() + (kPipe ? 16 : 12)));
  bench.run(L() + 20);
  for (unsigned i = 0; i < kHints; ++i) expect_hit(i % 2, 1 + i);
  EXPECT_EQ(bench.walk_reads - walks, kHints);
}

TEST_P(KeptHints, LetRequestsPass) {
  covers("vtd.hints.kept", "contract.iotlb_hit", "contract.hit_rate");
  std::vector<BurstPtr> hits;
  fill();
  for (unsigned i = 0; i < 16; ++i) hits.push_back(bench.read(0, i, page(0) + i * 64ULL));
  for (unsigned i = 0; i < 4; ++i) hits.push_back(bench.write(1, i, page(0) + i * 64ULL));
  bench.run(30);
  for (const auto& b : hits) {
    ASSERT_TRUE(b->out) << "it must not wait for the hints' walks";
    EXPECT_EQ(latency(b), kHit);
  }
  EXPECT_EQ(hits[15]->out_cycle - hits[0]->out_cycle, 15U) << "one a cycle";
}

TEST_P(KeptHints, DelayNoMiss) {
  covers("vtd.hints.kept", "contract.miss_leaf");
  fill();
  const auto miss = bench.read(0, 1, page(200));
  ASSERT_TRUE(bench.run_until([&] { return miss->out; }, 20 * L() + 200));
  EXPECT_LE(latency(miss), leaf_walk());
  // One that asks for the page of a kept hint walks for itself, and the hint is no walk of its own any more.
  const unsigned next = 64 + (60 - bench.hints_left(0) - bench.hints_left(1)) - 1;
  const auto same = bench.read(1, 2, page(next));
  ASSERT_TRUE(bench.run_until([&] { return same->out; }, 20 * L() + 200));
  EXPECT_LE(latency(same), leaf_walk());
  ASSERT_TRUE(bench.settle());
}

TEST_P(KeptHints, EndBeforeTheUnitRests) {
  covers("vtd.hints.kept", "vtd.hints.quiesce", "vtd.registers.quiesce");
  for (unsigned offset = 0; offset < 24; ++offset) {
    SCOPED_TRACE(fmt::format("offset {}", offset));
    ASSERT_TRUE(bench.bring_up());
    bench.read(0, 1, page(0));
    ASSERT_TRUE(bench.settle());
    const std::uint64_t walks = bench.walk_reads;
    for (unsigned i = 0; i < 16; ++i) bench.hint(0, page(1 + i));
    bench.run(offset);
    bench.quiesce(true);
    ASSERT_TRUE(bench.run_until([&] { return bench.quiesced(); }, 20 * L() + 200));
    const unsigned taken = 16 - bench.hints_left(0);
    EXPECT_EQ(bench.walk_reads - walks, taken) << "those that were taken have walked, and no other";
    EXPECT_TRUE(bench.unit_idle());
    bench.run(50);
    EXPECT_EQ(bench.walk_reads - walks, taken);
    bench.reset(true);
  }
}

INSTANTIATE_TEST_SUITE_P(Latency, KeptHints, ::testing::Values(6U, 20U, 100U),
                         [](const auto& info) { return "L" + std::to_string(info.param); });

}  // namespace
}  // namespace gpudmar::test
