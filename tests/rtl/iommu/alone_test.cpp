// SPDX-License-Identifier: Apache-2.0
// The unit at other sizes than this project's machine uses: 1, 3 and 4 ports, other bus and id widths.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kIova = 0x12'3456'7000;
constexpr unsigned kIds = 1U << kIdBits;

class Alone : public ::testing::Test {
 protected:
  Alone() : bench(10) {
    for (unsigned p = 0; p < kPorts; ++p) {
      const std::uint64_t table = bench.tables.page();
      tables.push_back(table);
      bench.tables.context(kSid[p], static_cast<std::uint16_t>(p + 1), table);
      for (unsigned i = 0; i < 8; ++i)
        bench.tables.map(table, kIova + i * 4096ULL, pool(p) + (7 - i) * 4096ULL);
    }
  }
  ~Alone() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  static std::uint64_t pool(unsigned port) { return 0x100'0000'0000 + port * 0x100'0000ULL; }
  static std::uint64_t where(unsigned port, std::uint64_t iova) {
    return pool(port) + (7 - ((iova - kIova) >> 12)) * 4096 + (iova & 0xFFF);
  }
  /// Every port reads and writes all its pages at once; everything arrives where that port's tables say.
  void all_at_once(unsigned rounds) {
    std::vector<BurstPtr> bursts;
    for (unsigned i = 0; i < rounds; ++i) {
      for (unsigned p = 0; p < kPorts; ++p) {
        const std::uint64_t at = kIova + (i % 8) * 4096ULL + (i / 8 % 8) * 256;
        bursts.push_back(
            bench.write(p, i % kIds, at, 2, kFullSize, 0, static_cast<std::uint8_t>(16 * p + i)));
        bursts.push_back(bench.read(p, (i + p) % kIds, at + 2048, 1 + i % 3));
      }
    }
    ASSERT_TRUE(bench.settle());
    for (const auto& b : bursts) {
      EXPECT_EQ(b->resp, sim::AxiResp::kOkay);
      EXPECT_EQ(b->out_address, where(b->port, b->address));
      if (!b->write) continue;
      std::uint8_t bytes[2 * 64];
      ASSERT_TRUE(bench.memory.device().read(b->out_address, bytes, 2 * kBusBytes));
      EXPECT_EQ(bytes[0], b->data[0][0]);
      EXPECT_EQ(bytes[2 * kBusBytes - 1], b->data[1][0]);
    }
  }

  IommuBench bench;
  std::vector<std::uint64_t> tables;
};

TEST_F(Alone, AllPortsTranslateAtOnce) {
  covers("vtd.isolation.ports", "G2");
  ASSERT_TRUE(bench.bring_up());
  all_at_once(64);
}

// More sources than context entries: each one's entry has gone when its turn comes again, and is read again.
TEST_F(Alone, SourcesTakeTurnsInTheContextCache) {
  covers("vtd.cache.context");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned p = 0; p < kPorts; ++p) {
      SCOPED_TRACE(testing::Message() << "round " << round << ", port " << p);
      const auto walks = bench.walk_reads;
      const auto b = bench.read(p, 0, kIova + p * 4096ULL);
      ASSERT_TRUE(bench.settle());
      EXPECT_EQ(b->out_address, where(p, kIova + p * 4096ULL));
      // Root, context, four levels; nothing while all entries fit.
      EXPECT_EQ(bench.walk_reads - walks, round == 0 || kPorts > GPUDMAR_CONTEXTS ? 6U : 0U);
    }
  }
}

TEST_F(Alone, ABlockedPortIsRecordedWithItsSourceAndTheOthersGoOn) {
  covers("vtd.isolation.blocked", "G21");
  ASSERT_TRUE(bench.bring_up());
  all_at_once(8);
  bench.faults.clear();
  for (unsigned bad = 0; bad < kPorts; ++bad) {
    SCOPED_TRACE(bad);
    const auto before = bench.faults.size();
    bench.r_ready[bad] = bench.b_ready[bad] = 0;
    std::vector<BurstPtr> blocked, others;
    for (unsigned i = 0; i < 30; ++i) {
      blocked.push_back(bench.read(bad, i % kIds, kIova + (16 + i) * 4096ULL));
      blocked.push_back(bench.write(bad, i % kIds, kIova + (16 + i) * 4096ULL, 3));
    }
    bench.run(300);
    for (unsigned p = 0; p < kPorts; ++p) {
      for (unsigned i = 0; p != bad && i < 20; ++i) {
        others.push_back(bench.read(p, i % kIds, kIova + (i % 8) * 4096ULL));
        others.push_back(bench.write(p, i % kIds, kIova + (i % 8) * 4096ULL));
      }
    }
    ASSERT_TRUE(bench.run_until(
        [&] { return std::all_of(others.begin(), others.end(), [](const auto& b) { return b->done; }); },
        2000));
    bench.r_ready[bad] = bench.b_ready[bad] = 1;
    ASSERT_TRUE(bench.settle());
    for (const auto& b : others) EXPECT_EQ(b->out_address, where(b->port, b->address));
    for (const auto& b : blocked) {
      EXPECT_FALSE(b->out);
      EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr);
    }
    ASSERT_EQ(bench.faults.size(), before + blocked.size());
    for (auto i = before; i < bench.faults.size(); ++i) EXPECT_EQ(bench.faults[i][1] & 0xFFFF, kSid[bad]);
  }
}

TEST_F(Alone, AnInvalidationOfOnePortsDomainLeavesTheOthers) {
  covers("vtd.invalidation.domain", "vtd.drain");
  ASSERT_TRUE(bench.bring_up());
  all_at_once(8);
  const unsigned port = kPorts - 1;
  bench.memory.store64(bench.tables.entry(tables[port], 4, kIova), 0);
  bench.flush_domain(static_cast<std::uint16_t>(port + 1));
  ASSERT_TRUE(bench.invalidate());
  const auto walks = bench.walk_reads;
  std::vector<BurstPtr> others;
  for (unsigned p = 0; p + 1 < kPorts; ++p) others.push_back(bench.read(p, 0, kIova));
  ASSERT_TRUE(bench.settle());
  for (const auto& b : others) EXPECT_EQ(b->out_address, where(b->port, b->address));
  if (kPorts <= GPUDMAR_CONTEXTS) {
    EXPECT_EQ(bench.walk_reads, walks) << "still cached";
  }
  const auto gone = bench.read(port, 0, kIova);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(gone->out);
}

// The requesters rest and idle_o says that the masters do: the unit is reset alone, at any moment after.
TEST_F(Alone, AtRestTheUnitCanBeResetAlone) {
  covers("vtd.registers.reset-alone");
  for (unsigned round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    ASSERT_TRUE(bench.bring_up());
    all_at_once(8 + round);
    bench.hint(0, kIova + 3 * 4096);
    for (unsigned i = 0; i < 4; ++i) bench.flush_pages(1, kIova);
    bench.push_wait(true);
    bench.ring();
    bench.run(10 + round * 3);
    bool was_busy = false;
    ASSERT_TRUE(bench.run_until([&] { return was_busy |= !bench.unit_idle(), bench.unit_idle(); }, 500));
    if (round == 0) {
      bench.run(1);
    }
    if (round < 3) {
      EXPECT_TRUE(was_busy) << "the queue was at work";
    }
    ASSERT_TRUE(bench.data_port().idle());
    ASSERT_TRUE(bench.table_port().idle());
    bench.reset_unit(1 + round % 2);
    EXPECT_EQ(bench.read_register(0x01C, 4), 0U);
  }
  ASSERT_TRUE(bench.bring_up());
  all_at_once(16);
}

}  // namespace
}  // namespace gpudmar::test
