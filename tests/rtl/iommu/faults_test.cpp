// SPDX-License-Identifier: Apache-2.0
// Every legacy fault reason, the order of the checks, the records, overflow, events.
#include <gtest/gtest.h>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kPool = 0x4000'0000;
constexpr std::uint64_t kIova = 0x12'3456'7000;
constexpr std::uint64_t kNoRam = 0x20'0000'0000;  // below the host address width, no memory there

class Faults : public ::testing::Test {
 protected:
  Faults() : bench(10), table(bench.tables.page()) {
    bench.tables.context(kSid[0], 3, table);
    bench.tables.map(table, kIova, kPool);
  }
  ~Faults() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  /// One access of port 0 that must be blocked with `reason`, recorded, answered with SLVERR, and never
  /// leave.
  void blocked(unsigned reason, std::uint64_t address, bool is_write, std::uint32_t user = 0) {
    const auto before = bench.faults.size();
    const auto b = is_write ? bench.write(0, 5, address, 1, kFullSize, user)
                            : bench.read(0, 5, address, 3, kFullSize, user);
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(b->out) << "left for " << std::hex << b->out_address;
    EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr);
    ASSERT_EQ(bench.faults.size(), before + 1) << "one record a request";
    const auto [low, high] = bench.faults.back();
    EXPECT_EQ(low, address & ~0xFFFULL) << std::hex << low;
    EXPECT_EQ(high & 0xFFFF, kSid[0]);
    EXPECT_EQ((high >> 32) & 0xFF, reason);
    EXPECT_EQ((high >> 62) & 1, is_write ? 0U : 1U);
    EXPECT_EQ(high >> 63, 1U);
    // The reference says the same.
    const auto expected = bench.expected(0, address, is_write, kBusBytes, user);
    const auto* fault = std::get_if<model::Fault>(&expected);
    ASSERT_NE(fault, nullptr) << model::describe(expected);
    EXPECT_TRUE(static_cast<unsigned>(fault->reason) == reason ||
                static_cast<unsigned>(fault->alternate) == reason)
        << model::describe(expected);
  }

  /// An access of port 0 that must go through.
  void passes(std::uint64_t address, bool is_write) {
    const auto b = is_write ? bench.write(0, 6, address) : bench.read(0, 6, address);
    ASSERT_TRUE(bench.settle());
    EXPECT_TRUE(b->out);
    EXPECT_EQ(b->resp, sim::AxiResp::kOkay);
  }
  /// Nothing of the tables stays cached.
  void forget() {
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
  }

  IommuBench bench;
  std::uint64_t table;
};

TEST_F(Faults, RootNotPresent) {
  covers("vtd.fault.01");
  bench.tables.set_root(kSid[0] >> 8, 0);
  ASSERT_TRUE(bench.bring_up());
  blocked(0x01, kIova, false);
  blocked(0x01, kIova, true);
}

TEST_F(Faults, ContextNotPresent) {
  covers("vtd.fault.02");
  bench.tables.set_context(kSid[0], 0, 0);
  ASSERT_TRUE(bench.bring_up());
  blocked(0x02, kIova, false);
}

TEST_F(Faults, ContextInvalid) {
  covers("vtd.fault.03");
  ASSERT_TRUE(bench.bring_up());
  bench.tables.set_context(kSid[0], context_low(table, 0), context_high(3, 3));  // 5 levels: not supported
  blocked(0x03, kIova, false);
  bench.tables.set_context(kSid[0], context_low(table, 1), context_high(3, 2));  // needs device-TLBs
  blocked(0x03, kIova, false);
  bench.tables.set_context(kSid[0], context_low(table, 3), context_high(3, 2));
  blocked(0x03, kIova, true);
  bench.tables.set_context(kSid[0], context_low(table, 2),
                           context_high(3, 1));  // pass-through: largest width
  blocked(0x03, kIova, true);
  bench.tables.set_context(kSid[0], context_low(1ULL << 46, 0), context_high(3, 2));  // beyond the host width
  blocked(0x03, kIova, false);
  bench.tables.set_context(kSid[0], context_low(kNoRam, 0), context_high(3, 2));  // top table unreachable
  blocked(0x03, kIova, false);
}

TEST_F(Faults, AddressBeyondTheWidth) {
  covers("vtd.fault.04");
  ASSERT_TRUE(bench.bring_up());
  blocked(0x04, 1ULL << 48, false);
  blocked(0x04, 1ULL << 63, true);
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  blocked(0x04, (1ULL << 48) | kIova, false);  // with the context and a page of the same low bits cached
  bench.tables.context(kSid[1], 4, table, 1);  // 39 bits
  const auto b = bench.read(1, 1, 1ULL << 39);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(b->out);
  EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, 0x04U);
}

TEST_F(Faults, PermissionsOfEveryLevel) {
  covers("vtd.fault.05", "vtd.fault.06");
  ASSERT_TRUE(bench.bring_up());
  blocked(0x06, kIova + 4096, false);  // leaf not present
  blocked(0x05, kIova + 4096, true);
  bench.tables.map(table, kIova + 4096, kPool + 4096, 1);
  blocked(0x05, kIova + 4096, true);
  const auto ok = bench.read(0, 1, kIova + 4096);
  ASSERT_TRUE(bench.settle());
  EXPECT_TRUE(ok->out);
  blocked(0x05, kIova + 4096, true);  // with the page cached for reads
  bench.tables.map(table, kIova + 8192, kPool + 8192, 2);
  blocked(0x06, kIova + 8192, false);
  for (unsigned level = 2; level <= 4; ++level) {
    const std::uint64_t entry = bench.tables.entry(table, 4, kIova, level);
    const std::uint64_t value = bench.memory.load64(entry);
    bench.memory.store64(entry, value & ~2ULL);
    forget();
    blocked(0x05, kIova, true);
    passes(kIova, false);
    blocked(0x05, kIova, true);  // with the entry cached for reads
    bench.memory.store64(entry, value & ~1ULL);
    forget();
    blocked(0x06, kIova, false);
    passes(kIova, true);
    blocked(0x06, kIova, false);
    bench.memory.store64(entry, value);
    forget();
  }
}

// A permission is missing in an upper entry of one page and in the leaf of another: each fault names what the
// walk finds first, whatever is cached of the levels above.
TEST_F(Faults, PermissionsAddUpThroughCachedEntries) {
  covers("vtd.fault.05", "vtd.fault.06", "vtd.cache.paging");
  ASSERT_TRUE(bench.bring_up());
  bench.tables.map(table, kIova + 4096, kPool + 4096);
  bench.tables.map(table, kIova + 8192, kPool + 8192, 2);
  for (unsigned level = 2; level <= 4; ++level) {
    SCOPED_TRACE(level);
    const std::uint64_t entry = bench.tables.entry(table, 4, kIova, level);
    const std::uint64_t value = bench.memory.load64(entry);
    bench.memory.store64(entry, value & ~2ULL);
    forget();
    passes(kIova, false);         // caches the way for reads
    passes(kIova + 4096, false);  // goes it
    blocked(0x05, kIova + 4096, true);
    blocked(0x06, kIova + 8192, false);
    blocked(0x05, kIova + 8192, true);
    // Not-present became present, as it were: what denies a permission is never believed from a cache.
    bench.memory.store64(entry, value);
    passes(kIova + 4096, true);
    passes(kIova + 8192, true);
  }
}

TEST_F(Faults, EntriesThatCannotBeFetched) {
  covers("vtd.fault.07", "vtd.fault.08", "vtd.fault.09");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t entry = bench.tables.entry(table, 4, kIova, 2);
  const std::uint64_t value = bench.memory.load64(entry);
  bench.memory.store64(entry, kNoRam | 3);
  blocked(0x07, kIova, false);
  bench.memory.store64(entry, value);
  const std::uint64_t root = bench.memory.load64(bench.tables.root() + (kSid[0] >> 8) * 16);
  bench.tables.set_root(kSid[0] >> 8, kNoRam | 1);
  ASSERT_TRUE((bench.flush_contexts(), bench.invalidate()));
  blocked(0x09, kIova, false);
  bench.tables.set_root(kSid[0] >> 8, root);
  bench.table_port().add_error({bench.tables.root(), 4096}, sim::AxiResp::kSlvErr);
  ASSERT_TRUE((bench.flush_contexts(), bench.invalidate()));
  const auto b = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(b->out);
  EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, 0x08U);
}

TEST_F(Faults, ReservedBits) {
  covers("vtd.fault.0A", "vtd.fault.0B", "vtd.fault.0C");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t root = bench.memory.load64(bench.tables.root() + (kSid[0] >> 8) * 16);
  for (const unsigned bit : {1U, 11U, 46U, 63U}) {
    bench.tables.set_root(kSid[0] >> 8, root | (1ULL << bit));
    blocked(0x0A, kIova, false);
  }
  bench.tables.set_root(kSid[0] >> 8, root, 1);
  blocked(0x0A, kIova, false);
  bench.tables.set_root(kSid[0] >> 8, root);
  for (const unsigned bit : {4U, 7U, 11U}) {
    bench.tables.set_context(kSid[0], context_low(table, 0) | (1ULL << bit), context_high(3, 2));
    blocked(0x0B, kIova, false);
  }
  for (const unsigned bit : {71U - 64, 88U - 64, 127U - 64}) {
    bench.tables.set_context(kSid[0], context_low(table, 0), context_high(3, 2) | (1ULL << bit));
    blocked(0x0B, kIova, true);
  }
  bench.tables.context(kSid[0], 3, table);
  for (unsigned level = 1; level <= 4; ++level) {
    const std::uint64_t entry = bench.tables.entry(table, 4, kIova, level);
    const std::uint64_t value = bench.memory.load64(entry);
    for (const unsigned bit : {11U, 46U, 51U, 62U}) {
      bench.memory.store64(entry, value | (1ULL << bit));
      forget();
      blocked(0x0C, kIova, false);
    }
    if (level == 4) {
      bench.memory.store64(entry, value | 0x80);
      blocked(0x0C, kIova, false);
    }
    const auto large_but = [&](unsigned bit) {  // a large page that is not aligned
      bench.memory.store64(entry, 0x4000'0083ULL | (1ULL << bit));
      forget();
      blocked(0x0C, kIova, false);
    };
    if (level == 2)
      for (const unsigned bit : {12U, 20U}) large_but(bit);
    if (level == 3)
      for (const unsigned bit : {12U, 20U, 21U, 29U}) large_but(bit);
    bench.memory.store64(entry, value);
    forget();
    passes(kIova, false);
  }
}

TEST_F(Faults, PermissionComesBeforeReservedBits) {
  covers("vtd.order");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t entry = bench.tables.entry(table, 4, kIova, 1);
  bench.memory.store64(entry, kPool | 1 | (1ULL << 62));
  blocked(0x05, kIova, true);
  blocked(0x0C, kIova, false);
}

TEST_F(Faults, TranslatedRequestsAndPasidsAreBlocked) {
  covers("vtd.fault.0D", "vtd.fault.31");
  ASSERT_TRUE(bench.bring_up());
  blocked(0x0D, kIova, false, 2);
  blocked(0x0D, kIova, false, 1);
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  blocked(0x0D, kIova, true, 2);  // with everything cached
  blocked(0x31, kIova, false, 4 | (0x123 << 3));
  EXPECT_EQ((bench.faults.back()[1] >> 40) & 0xFFFFF, 0x123U);
  EXPECT_EQ((bench.faults.back()[1] >> 31) & 1, 1U);
  bench.tables.context(kSid[0], 6, 0, 2, 2);  // pass-through
  ASSERT_TRUE((bench.flush_contexts(), bench.invalidate()));
  blocked(0x0D, kIova, false, 1);
  blocked(0x0D, kIova, true, 2);
  blocked(0x31, kIova, true, 4);
}

TEST_F(Faults, OutputInTheInterruptWindow) {
  covers("vtd.fault.0E");
  ASSERT_TRUE(bench.bring_up());
  bench.tables.map(table, kIova + 0x10000, 0xFEE0'0000);
  blocked(0x0E, kIova + 0x10000, true);
  bench.tables.map(table, kIova + 0x11000, 0xFEEF'F000);
  blocked(0x0E, kIova + 0x11000, false);
  bench.tables.map(table, 1ULL << 40, 0xFEE0'0000, 3, 4, 2);  // a large page that overlaps it
  blocked(0x0E, (1ULL << 40) + 0x10'0000, false);
  bench.tables.map(table, 2ULL << 40, 0xC000'0000, 3, 4, 3);
  blocked(0x0E, (2ULL << 40) + 0x1000, true);
}

TEST_F(Faults, ThreeLevels) {
  covers("vtd.context.aw", "vtd.fault.03", "vtd.fault.04", "vtd.fault.05", "vtd.fault.06", "vtd.fault.0C");
  const std::uint64_t small = bench.tables.page();
  bench.tables.map(small, kIova, kPool, 3, 3);
  bench.tables.map(small, 0x40'0000'0000, 0x4000'0000, 3, 3, 3);
  bench.tables.context(kSid[0], 5, small, 1);
  ASSERT_TRUE(bench.bring_up());
  passes(kIova, false);
  passes(0x40'1234'5000, true);
  blocked(0x04, 1ULL << 39, false);
  blocked(0x04, (1ULL << 39) | kIova, true);  // with a page of the same low bits cached
  for (unsigned level = 1; level <= 3; ++level) {
    SCOPED_TRACE(level);
    const std::uint64_t entry = bench.tables.entry(small, 3, kIova, level);
    const std::uint64_t value = bench.memory.load64(entry);
    const auto becomes = [&](std::uint64_t now) {
      bench.memory.store64(entry, now);
      forget();
    };
    becomes(value & ~2ULL);
    blocked(0x05, kIova, true);
    passes(kIova, false);
    becomes(value | (1ULL << 62));
    blocked(0x0C, kIova, false);
    becomes(0);
    blocked(0x06, kIova, false);
    becomes(value);
    passes(kIova, true);
  }
  bench.tables.set_context(kSid[0], context_low(kNoRam, 0), context_high(5, 1));
  ASSERT_TRUE((bench.flush_contexts(), bench.invalidate()));
  forget();
  blocked(0x03, kIova, false);
}

TEST_F(Faults, UnsupportedTableMode) {
  covers("vtd.fault.30");
  ASSERT_TRUE(bench.bring_up());
  bench.write_register(0x020, bench.tables.root() | (1ULL << 10), 8);
  bench.write_register(0x018, (1U << 31) | (1U << 30) | (1U << 26), 4);
  bench.run(100);
  const auto b = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(b->out);
  ASSERT_FALSE(bench.faults.empty());
  EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, 0x30U);
}

TEST_F(Faults, FpdBlocksWithoutARecord) {
  covers("vtd.fpd");
  ASSERT_TRUE(bench.bring_up());
  bench.tables.set_context(kSid[0], context_low(table, 0) | 2, context_high(3, 2));
  const auto miss = bench.read(0, 1, kIova + 4096);
  const auto not_present = bench.write(0, 1, kIova + 4096);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(miss->out);
  EXPECT_FALSE(not_present->out);
  EXPECT_EQ(miss->resp, sim::AxiResp::kSlvErr);
  const auto cached = bench.read(0, 1, kIova + 8192);  // now with the context cached
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(cached->out);
  EXPECT_TRUE(bench.faults.empty());
  EXPECT_EQ(bench.read_register(0x034, 4), 0U);
}

TEST_F(Faults, FpdQualifiesEveryFaultBehindTheContextEntry) {
  covers("vtd.fpd", "vtd.fault.31");
  ASSERT_TRUE(bench.bring_up());
  const auto silent = [&](std::uint64_t address, bool is_write, std::uint32_t user = 0) {
    const auto b = is_write ? bench.write(0, 5, address, 1, kFullSize, user)
                            : bench.read(0, 5, address, 3, kFullSize, user);
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(b->out);
    EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr);
    EXPECT_TRUE(bench.faults.empty());
    EXPECT_EQ(bench.read_register(0x034, 4), 0U);
  };
  constexpr std::uint64_t kFpd = 2;
  bench.tables.set_context(kSid[0], kFpd, 0);  // 02h: it counts in an entry that is not present
  silent(kIova, false);
  silent(kIova, true);
  bench.tables.set_context(kSid[0], context_low(table, 0) | kFpd, context_high(3, 3));  // 03h: AW
  silent(kIova, false);
  bench.tables.set_context(kSid[0], context_low(table, 3) | kFpd, context_high(3, 2));  // TT
  silent(kIova, false);
  bench.tables.set_context(kSid[0], context_low(table, 0) | kFpd | 0x10, context_high(3, 2));  // 0Bh
  silent(kIova, true);
  bench.tables.set_context(kSid[0], context_low(table, 0) | kFpd, context_high(3, 2));
  bench.tables.map(table, kIova + 0x1000, kPool, 1);
  bench.tables.map(table, kIova + 0x2000, 0xFEE0'0000);
  bench.memory.store64(bench.tables.entry(table, 4, kIova + 0x3000), kPool | 3 | (1ULL << 62));
  bench.memory.store64(bench.tables.entry(table, 4, kIova + 0x4000'0000, 2), kNoRam | 3);
  for (const bool cached : {false, true}) {  // the context entry
    SCOPED_TRACE(cached);
    silent(1ULL << 48, false);           // 04h
    silent(kIova + 0x1000, true);        // 05h
    silent(kIova + 0x2000, false);       // 0Eh
    silent(kIova + 0x3000, false);       // 0Ch
    silent(kIova + 0x4000'0000, false);  // 07h
    silent(kIova, false, 1);             // 0Dh
    silent(kIova, true, 2);
  }
  blocked(0x31, kIova, false, 4 | (0x123 << 3));  // but it says nothing of the mode
}

TEST_F(Faults, RecordsFillInOrderThenOverflow) {
  covers("vtd.records.overflow");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned i = 0; i < 10; ++i) blocked(0x06, kIova + (i + 1) * 4096ULL, false);
  std::uint64_t fsts = bench.read_register(0x034, 4);
  EXPECT_EQ(fsts & 1, 1U) << "PFO";
  EXPECT_EQ(fsts & 2, 2U) << "PPF";
  EXPECT_EQ((fsts >> 8) & 0xFF, 0U) << "FRI";
  for (unsigned i = 0; i < 8; ++i) {
    EXPECT_EQ(bench.read_register(0x400 + 16 * i, 8), kIova + (i + 1) * 4096ULL);
    EXPECT_EQ(bench.read_register(0x40C + 16 * i, 4) >> 31, 1U);
  }
  for (unsigned i = 0; i < 8; ++i) bench.write_register(0x40C + 16 * i, 1U << 31, 4);
  fsts = bench.read_register(0x034, 4);
  EXPECT_EQ(fsts & 3, 1U) << "PFO stays until it is cleared";
  bench.write_register(0x034, 1, 4);
  EXPECT_EQ(bench.read_register(0x034, 4), 0U);
  blocked(0x06, kIova + 0x100000, false);
  EXPECT_EQ((bench.read_register(0x034, 4) >> 8) & 0xFF, 0U) << "8 records were used, the next is 0 again";
}

TEST_F(Faults, EventMessageAndItsMask) {
  covers("vtd.event.fault");
  ASSERT_TRUE(bench.bring_up());
  bench.write_register(0x03C, 0x41, 4);
  bench.write_register(0x040, 0xFEE0'0000, 4);
  blocked(0x06, kIova + 4096, false);
  bench.run(100);
  EXPECT_TRUE(bench.messages.empty()) << "masked at reset";
  EXPECT_EQ(bench.read_register(0x038, 4), 0xC000'0000U);
  bench.write_register(0x038, 0, 4);
  bench.run(100);
  ASSERT_EQ(bench.messages.size(), 1U) << "unmasking sends what is pending, once";
  EXPECT_EQ(bench.messages[0].address, 0xFEE0'0000U);
  EXPECT_EQ(bench.messages[0].data, 0x41U);
  blocked(0x06, kIova + 4096, false);
  bench.run(100);
  EXPECT_EQ(bench.messages.size(), 1U) << "not new while PPF stands";
  bench.write_register(0x40C, 1U << 31, 4);
  bench.write_register(0x41C, 1U << 31, 4);
  blocked(0x06, kIova + 4096, false);
  bench.run(100);
  EXPECT_EQ(bench.messages.size(), 2U);
}

TEST_F(Faults, ABlockedWriteSwallowsItsDataAndNobodyElseStalls) {
  covers("G21");
  bench.tables.context(kSid[1], 3, table);
  ASSERT_TRUE(bench.bring_up());
  bench.read(1, 1, kIova);
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  bench.table_port().set_latency(60);
  const auto bad = bench.write(0, 1, kIova + 4096, 16);
  const auto after = bench.write(0, 1, kIova, 4);
  std::vector<BurstPtr> others;
  for (unsigned i = 0; i < 8; ++i)
    others.push_back(bench.write(1, i, kIova + i * 128, 2, kFullSize, 0, 0x20));
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(bad->out);
  EXPECT_EQ(bad->resp, sim::AxiResp::kSlvErr);
  EXPECT_TRUE(after->out);
  EXPECT_EQ(after->resp, sim::AxiResp::kOkay);
  for (const auto& o : others) {
    EXPECT_EQ(o->resp, sim::AxiResp::kOkay);
    EXPECT_LT(o->done_cycle, bad->done_cycle);
  }
}

TEST_F(Faults, ErrorsKeepTheOrderOfTheirId) {
  covers("G21");
  ASSERT_TRUE(bench.bring_up());
  bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.settle());
  const auto first = bench.read(0, 2, kIova, 8);
  const auto bad = bench.read(0, 2, kIova + 4096, 4);
  const auto last = bench.read(0, 2, kIova + 512, 8);
  ASSERT_TRUE(bench.settle());
  EXPECT_LT(first->done_cycle, bad->first_cycle);
  EXPECT_LT(bad->done_cycle, last->first_cycle);
  EXPECT_EQ(first->resp, sim::AxiResp::kOkay);
  EXPECT_EQ(last->resp, sim::AxiResp::kOkay);
}

}  // namespace
}  // namespace gpudmar::test
