// SPDX-License-Identifier: Apache-2.0
// Zero-length reads and the snoop attribute, as CAP.ZLR and ECAP.SC say.
#include <gtest/gtest.h>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kPool = 0x4000'0000;
constexpr std::uint64_t kIova = 0x10'0000'0000;
constexpr std::uint64_t kSnp = 1ULL << 11;
constexpr bool kZlr = GPUDMAR_ZLR != 0;
constexpr bool kSnoopControl = GPUDMAR_SNOOP_CONTROL != 0;

class Attributes : public ::testing::Test {
 protected:
  Attributes() : bench(10), table(bench.tables.page()) {
    bench.tables.context(kSid[0], 7, table);
    bench.tables.context(kSid[1], 0, 0, 2, 2);  // pass-through
    bench.tables.map(table, kIova, kPool);
  }
  ~Attributes() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  BurstPtr access(std::uint64_t address, bool is_write, std::uint32_t user = 0, unsigned port = 0) {
    auto b = is_write ? bench.write(port, 1, address, 1, 5, user) : bench.read(port, 1, address, 1, 5, user);
    EXPECT_TRUE(bench.settle());
    return b;
  }
  void passes(const BurstPtr& b, std::uint64_t to) {
    EXPECT_TRUE(b->out);
    EXPECT_EQ(b->out_address, to);
    EXPECT_EQ(b->resp, sim::AxiResp::kOkay);
  }
  void blocked(const BurstPtr& b, unsigned reason) {
    EXPECT_FALSE(b->out);
    EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr);
    ASSERT_FALSE(bench.faults.empty());
    EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, reason);
    bench.faults.clear();
  }
  void forget() {
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
  }

  IommuBench bench;
  std::uint64_t table;
};

TEST_F(Attributes, AreReportedTruthfully) {
  covers("vtd.cap.zlr", "vtd.cap.sc");
  EXPECT_EQ((bench.read_register(0x008, 8) >> 22) & 1, kZlr ? 1U : 0U);
  EXPECT_EQ((bench.read_register(0x010, 8) >> 7) & 1, kSnoopControl ? 1U : 0U);
}

TEST_F(Attributes, ZeroLengthReadsOfWriteOnlyPages) {
  covers("vtd.fault.06", "vtd.walk.zero-length");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t page = kIova + 4096;
  bench.tables.map(table, page, kPool + 4096, 2);
  for (const bool cached : {false, true}) {  // in the IOTLB, by a write
    SCOPED_TRACE(cached);
    if (cached) passes(access(page, true), kPool + 4096);
    const auto zero = access(page, false, kZeroLength);
    if (kZlr) {
      passes(zero, kPool + 4096);
    } else {
      blocked(zero, 6);
    }
    blocked(access(page, false), 6);
    // The same bit of a write says nothing.
    passes(access(page, true, kZeroLength), kPool + 4096);
    forget();
  }
  EXPECT_TRUE(bench.faults.empty());
}

TEST_F(Attributes, ZeroLengthReadsNeedOnePermissionOfAllLevelsTogether) {
  covers("vtd.fault.06", "vtd.walk.zero-length", "vtd.cache.paging");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t upper = bench.tables.entry(table, 4, kIova, 2);
  const std::uint64_t value = bench.memory.load64(upper);
  const std::uint64_t leaf = bench.tables.entry(table, 4, kIova);
  struct Case {
    unsigned upper, leaf;
    bool passes;
  };
  const Case cases[] = {{1, 1, true}, {3, 1, true}, {1, 2, false}, {2, 1, false}, {2, 2, kZlr},
                        {2, 3, kZlr}, {3, 2, kZlr}, {0, 3, false}, {3, 0, false}, {1, 3, true}};
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.upper << " " << c.leaf);
    bench.memory.store64(upper, (value & ~3ULL) | c.upper);
    bench.memory.store64(leaf, kPool | c.leaf);
    forget();
    for (const bool warm : {false, true}) {  // with the upper entry cached by a neighbour, if it can be
      if (warm) {
        forget();
        access(kIova + 8192, (c.upper & 1) == 0);
        bench.faults.clear();
      }
      const auto b = access(kIova, false, kZeroLength);
      if (c.passes) {
        passes(b, kPool);
      } else {
        blocked(b, 6);
      }
    }
  }
}

TEST_F(Attributes, ARequestBesideAZeroLengthReadIsJudgedByItself) {
  covers("vtd.walks.merge", "vtd.walk.zero-length");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t page = kIova + 4096;
  bench.tables.map(table, page, kPool + 4096, 2);
  for (unsigned offset = 0; offset < 60; offset += 3) {
    SCOPED_TRACE(offset);
    forget();
    bench.faults.clear();
    const auto zero = bench.read(0, 1, page, 1, 5, kZeroLength);
    bench.run(offset);
    const auto plain = bench.read(0, 2, page);
    const auto write = bench.write(0, 3, page);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(zero->out, kZlr);
    EXPECT_FALSE(plain->out);
    EXPECT_TRUE(write->out);
    EXPECT_EQ(bench.faults.size(), kZlr ? 1U : 2U);
  }
}

TEST_F(Attributes, TheRequestDecidesWhereNothingElseDoes) {
  covers("vtd.walk.snoop");
  for (const bool is_write : {false, true}) {  // translation off
    EXPECT_TRUE(access(kPool, is_write)->out_snoop);
    EXPECT_FALSE(access(kPool, is_write, kNoSnoop)->out_snoop);
  }
  ASSERT_TRUE(bench.bring_up());
  for (unsigned i = 0; i < 2; ++i) {  // misses, then hits
    for (const bool is_write : {false, true}) {
      EXPECT_TRUE(access(kIova, is_write)->out_snoop);
      EXPECT_FALSE(access(kIova, is_write, kNoSnoop)->out_snoop);
      EXPECT_TRUE(access(kPool, is_write, 0, 1)->out_snoop) << "pass-through";
      EXPECT_FALSE(access(kPool, is_write, kNoSnoop, 1)->out_snoop) << "pass-through";
    }
  }
}

TEST_F(Attributes, SnpInALeafForcesSnooping) {
  covers("vtd.walk.snoop", "vtd.fault.0C");
  ASSERT_TRUE(bench.bring_up());
  bench.tables.map(table, kIova + 4096, kPool + 4096, 3 | kSnp);
  bench.tables.map(table, kIova + (1ULL << 30), 0x100'0080'0000, 3 | kSnp, 4, 2);
  for (unsigned i = 0; i < 2; ++i) {
    for (const bool is_write : {false, true}) {
      const auto small = access(kIova + 4096, is_write, kNoSnoop);
      if (kSnoopControl) {
        passes(small, kPool + 4096);
        EXPECT_TRUE(small->out_snoop);
        EXPECT_TRUE(access(kIova + 4096, is_write)->out_snoop);
        const auto large = access(kIova + (1ULL << 30) + 0x5000, is_write, kNoSnoop);
        passes(large, 0x100'0080'5000);
        EXPECT_TRUE(large->out_snoop);
      } else {
        blocked(small, 0x0C);
        blocked(access(kIova + (1ULL << 30), is_write), 0x0C);
      }
      EXPECT_FALSE(access(kIova, is_write, kNoSnoop)->out_snoop) << "the page beside it";
    }
  }
}

TEST_F(Attributes, SnpAboveALeafIsReserved) {
  covers("vtd.fault.0C");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned level = 2; level <= 4; ++level) {
    const std::uint64_t entry = bench.tables.entry(table, 4, kIova, level);
    const std::uint64_t value = bench.memory.load64(entry);
    bench.memory.store64(entry, value | kSnp);
    forget();
    blocked(access(kIova, false), 0x0C);
    bench.memory.store64(entry, value);
  }
}

}  // namespace
}  // namespace gpudmar::test
