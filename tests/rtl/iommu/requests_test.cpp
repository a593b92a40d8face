// SPDX-License-Identifier: Apache-2.0
// What passes: data both ways, page sizes, pass-through, translation off, messages, and requesters that
// misbehave.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kPool = 0x100'0000'0000 + 0x1000'0000;  // above 1 TiB
constexpr std::uint64_t kIova = 0x12'3456'7000;

class Requests : public ::testing::Test {
 protected:
  Requests() : bench(10), table(bench.tables.page()) {
    bench.tables.context(kSid[0], 3, table);
    bench.tables.context(kSid[1], 3, table);
    for (unsigned i = 0; i < 8; ++i) bench.tables.map(table, kIova + i * 4096ULL, kPool + (7 - i) * 4096ULL);
  }
  ~Requests() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  IommuBench bench;
  std::uint64_t table;
};

TEST_F(Requests, DataGoesThroughToTheRightPages) {
  covers("G2");
  ASSERT_TRUE(bench.bring_up());
  constexpr unsigned kBeats = std::min(128U, 4096 / kBusBytes);
  for (unsigned i = 0; i < 8; ++i) {
    bench.write(0, i, kIova + i * 4096ULL, kBeats, kFullSize, 0, static_cast<std::uint8_t>(i * 16));
  }
  ASSERT_TRUE(bench.settle());
  for (unsigned i = 0; i < 8; ++i) {
    for (unsigned at = 0; at < kBeats * kBusBytes; at += kBusBytes) {
      std::uint8_t byte = 0;
      ASSERT_TRUE(bench.memory.device().read(kPool + (7 - i) * 4096ULL + at, &byte, 1));
      ASSERT_EQ(byte, static_cast<std::uint8_t>(i * 16 + at / kBusBytes));
    }
  }
  std::vector<BurstPtr> reads;
  for (unsigned i = 0; i < 8; ++i) reads.push_back(bench.read(1, i, kIova + i * 4096ULL, kBeats));
  bench.r_ready[1] = 0.3;
  ASSERT_TRUE(bench.settle());
  for (unsigned i = 0; i < 8; ++i) {
    for (unsigned n = 0; n < kBeats; ++n)
      ASSERT_EQ(reads[i]->data[n][5], static_cast<std::uint8_t>(i * 16 + n));
  }
}

TEST_F(Requests, LargePages) {
  covers("vtd.pages.large");
  ASSERT_TRUE(bench.bring_up());
  bench.tables.map(table, 0x80'0020'0000, 0x100'0080'0000, 3, 4, 2);
  bench.tables.map(table, 0x81'4000'0000, 0x4000'0000, 3, 4, 3);
  for (const std::uint64_t at : {0x80'0020'0000ULL, 0x80'0033'4560ULL, 0x80'003F'FFE0ULL}) {
    const auto b = bench.read(0, 1, at);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(b->out_address, at - 0x80'0020'0000 + 0x100'0080'0000);
  }
  for (const std::uint64_t at : {0x81'4000'0000ULL, 0x81'7654'3200ULL}) {
    const auto b = bench.write(0, 1, at);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(b->out_address, at - 0x81'4000'0000 + 0x4000'0000);
  }
}

TEST_F(Requests, ThreeLevelsAndPassThrough) {
  covers("vtd.context.aw", "vtd.context.tt");
  const std::uint64_t small = bench.tables.page();
  bench.tables.map(small, 0x12'3450'0000, kPool, 3, 3);
  bench.tables.context(kSid[0], 5, small, 1);
  bench.tables.context(kSid[1], 6, 0, 2, 2);
  ASSERT_TRUE(bench.bring_up());
  const auto r = bench.read(0, 1, 0x12'3450'0040);
  const auto w = bench.write(1, 1, kPool + 64);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(r->out_address, kPool + 0x40);
  EXPECT_EQ(w->out_address, kPool + 64);
  EXPECT_EQ(w->resp, sim::AxiResp::kOkay);
  const auto again = bench.read(1, 1, kPool + 96);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(again->out_cycle - again->in_cycle, GPUDMAR_PIPE == 1 ? 3U : 2U);
  const auto beyond = bench.read(1, 1, 1ULL << 46);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(beyond->out);
  EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, 0x04U);
}

TEST_F(Requests, OffMeansUntranslated) {
  covers("vtd.gcmd.te");
  const auto r = bench.read(0, 1, kPool + 32);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(r->out_address, kPool + 32);
  ASSERT_TRUE(bench.bring_up());
  const auto t = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(t->out_address, kPool + 7 * 4096);
  bench.write_register(0x018, 1U << 26, 4);
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(0x01C, 4) >> 31) == 0; }, 1000));
  const auto u = bench.read(0, 1, kPool + 64);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(u->out_address, kPool + 64);
}

TEST_F(Requests, ANewRootTableIsUsedAfterRtps) {
  covers("vtd.gcmd.srtp");
  ASSERT_TRUE(bench.bring_up());
  Tables second(bench.memory);
  // Pages of the second set lie elsewhere: the allocator of the first one has passed them.
  for (int i = 0; i < 64; ++i) second.page();
  const std::uint64_t root2 = second.page();
  const std::uint64_t context2 = second.page();
  const std::uint64_t table2 = second.page();
  bench.memory.store64(root2 + 16 * 1, context2 | 1);
  bench.memory.store64(context2 + 8, context_high(9, 2));
  bench.memory.store64(context2, context_low(table2, 0));
  second.map(table2, kIova, kPool + 0x10'0000);
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  bench.write_register(0x020, root2, 8);
  bench.write_register(0x018, (1U << 31) | (1U << 30) | (1U << 26), 4);
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(0x01C, 4) >> 30) == 3; }, 1000));
  bench.flush_contexts();
  bench.flush_global();
  ASSERT_TRUE(bench.invalidate());
  const auto r = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(r->out_address, kPool + 0x10'0000);
}

TEST_F(Requests, FourByteWritesToTheInterruptWindowAreMessages) {
  covers("G23", "vtd.interrupt_window");
  bench.tables.map(table, 0xFEE0'0000, kPool);  // even if software maps it
  ASSERT_TRUE(bench.bring_up());
  const auto message = bench.write(0, 1, 0xFEE0'0010, 1, 2, 0, 0x42);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(message->resp, sim::AxiResp::kOkay);
  ASSERT_EQ(bench.messages.size(), 1U);
  EXPECT_EQ(bench.messages[0].data, 0x42424242U);
  const auto read = bench.read(0, 1, 0xFEE0'0000);
  const auto wide = bench.write(0, 1, 0xFEE0'0000, 1, 3);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(read->out);
  EXPECT_FALSE(wide->out);
  EXPECT_EQ(read->resp, sim::AxiResp::kSlvErr);
  EXPECT_EQ(wide->resp, sim::AxiResp::kSlvErr);
  EXPECT_TRUE(bench.faults.empty()) << "aborted, not recorded";
}

TEST_F(Requests, ARequesterThatTakesNoDataHoldsUpNobody) {
  covers("vtd.isolation.read");
  ASSERT_TRUE(bench.bring_up());
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  bench.r_ready[0] = 0;
  for (unsigned i = 0; i < 12; ++i) bench.read(0, i, kIova, 128);  // three times its buffer
  bench.run(2000);
  const auto w = bench.write(1, 1, kIova);
  const auto r = bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.run_until([&] { return w->done && r->done; }, 200));
  bench.flush_pages(3, kIova);
  ASSERT_TRUE(bench.invalidate(1000)) << "the drain ends at the memory side";
  bench.r_ready[0] = 1;
  ASSERT_TRUE(bench.settle());
}

TEST_F(Requests, ARequesterWhoseRequestsStayBlockedHoldsUpNobody) {
  covers("G21", "vtd.isolation.blocked");
  ASSERT_TRUE(bench.bring_up());
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  // Port 0 asks for pages that are not there and takes no answer, or sends no data: more than there are
  // slots.
  bench.r_ready[0] = 0;
  bench.b_ready[0] = 0;
  for (unsigned i = 0; i < 40; ++i) {
    bench.read(0, i % 16, kIova + (16 + i) * 4096ULL);
    bench.write(0, i % 16, kIova + (16 + i) * 4096ULL);
  }
  bench.run(3000);
  for (unsigned i = 0; i < 8; ++i) {
    const auto hit = bench.read(1, i, kIova + i * 32);
    const auto miss = bench.read(1, 8, kIova + i * 4096ULL);
    const auto write = bench.write(1, i, kIova + i * 32);
    ASSERT_TRUE(bench.run_until([&] { return hit->done && miss->done && write->done; }, 500)) << i;
    EXPECT_EQ(hit->out_cycle - hit->in_cycle, GPUDMAR_PIPE == 1 ? 3U : 2U);
  }
  bench.r_ready[0] = 1;
  bench.b_ready[0] = 1;
  ASSERT_TRUE(bench.settle());
}

TEST_F(Requests, ARequesterThatWithholdsDataIsCutOff) {
  covers("vtd.isolation.write");
  ASSERT_TRUE(bench.bring_up());
  bench.write_register(0xF08, 100, 4);
  bench.read(0, 1, kIova);
  bench.read(1, 1, kIova);
  ASSERT_TRUE(bench.settle());
  bench.hold_w[0] = true;
  const auto held = bench.write(0, 1, kIova + 4096, 4, kFullSize, 0, 0x70);
  const auto other = bench.write(1, 1, kIova, 4);
  ASSERT_TRUE(bench.run_until([&] { return other->done; }, 400));
  ASSERT_TRUE(bench.run_until([&] { return held->done; }, 400));
  EXPECT_EQ(held->resp, sim::AxiResp::kSlvErr);
  EXPECT_EQ(bench.read_register(0xF0C, 4), 1U);
  bench.hold_w[0] = false;
  bench.run(50);
  bench.write_register(0xF0C, 1, 4);
  const auto later = bench.write(0, 1, kIova + 4096, 2, kFullSize, 0, 0x30);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(later->resp, sim::AxiResp::kOkay);
  std::uint8_t bytes[128];
  ASSERT_TRUE(bench.memory.device().read(kPool + 6 * 4096, bytes, 128));
  EXPECT_EQ(bytes[0], 0x30);
  EXPECT_EQ(bytes[kBusBytes], 0x31);
  EXPECT_EQ(bytes[2 * kBusBytes], 0) << "late data of the cut burst must not be written";
}

TEST_F(Requests, CapabilitiesSayWhatTheUnitHas) {
  covers("vtd.cap");
  EXPECT_EQ(bench.read_register(0x000, 4), 0x60U);
  const std::uint64_t cap = bench.read_register(0x008, 8);
  EXPECT_EQ(cap & 7, 6U);
  EXPECT_EQ((cap >> 8) & 0x1F, 0x06U);
  EXPECT_EQ((cap >> 16) & 0x3F, 47U);
  EXPECT_EQ((cap >> 24) & 0x3FF, 0x40U);
  EXPECT_EQ((cap >> 34) & 0xF, 3U);
  EXPECT_EQ((cap >> 39) & 1, 1U);
  EXPECT_EQ((cap >> 40) & 0xFF, 7U);
  EXPECT_EQ((cap >> 48) & 0x3F, 18U);
  EXPECT_EQ((cap >> 54) & 3, 3U);
  const std::uint64_t ecap = bench.read_register(0x010, 8);
  EXPECT_EQ(ecap & 0xFF, 0x43U);
  EXPECT_EQ(bench.read_register(0x018, 4), 0U) << "GCMD reads as zero";
  EXPECT_EQ(bench.read_register(0x100, 8), 0U) << "reserved";
}

TEST_F(Requests, CountersAddUp) {
  covers("vtd.counters");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned i = 0; i < 40; ++i) bench.read(i % 2, i % 16, kIova + (i % 8) * 4096ULL + i * 32);
  for (unsigned i = 0; i < 9; ++i) bench.write(i % 2, i % 16, kIova + 0x100'0000 + i * 4096ULL);
  ASSERT_TRUE(bench.settle());
  const auto requests = bench.read_register(0xF10, 8);
  const auto hits = bench.read_register(0xF18, 8);
  const auto misses = bench.read_register(0xF20, 8);
  const auto walks = bench.read_register(0xF28, 8);
  EXPECT_EQ(requests, 49U);
  EXPECT_EQ(hits + misses, 49U);
  EXPECT_LE(walks, misses + 9);
  EXPECT_GE(walks, 17U);
  EXPECT_EQ(bench.read_register(0xF38, 8), 9U);
}

}  // namespace
}  // namespace gpudmar::test
