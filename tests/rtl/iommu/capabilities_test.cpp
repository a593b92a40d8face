// SPDX-License-Identifier: Apache-2.0
// The unit with other capabilities than this project's machine: CAP and ECAP say what it has, and it has no
// more and no less. The variant's parameters come as definitions.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr unsigned kHaw = GPUDMAR_HAW, kMgaw = GPUDMAR_MGAW, kSagaw = GPUDMAR_SAGAW, kSllps = GPUDMAR_SLLPS;
constexpr unsigned kDidBits = GPUDMAR_DID_WIDTH, kMamv = GPUDMAR_MAMV, kRecords = GPUDMAR_RECORDS;
constexpr bool kPassThrough = GPUDMAR_PASS_THROUGH != 0;
constexpr unsigned kAw = (kSagaw & 4) != 0 ? 2 : 1;  // the widest that there is
constexpr unsigned kLevels = kAw + 2;
constexpr std::uint16_t kDid = 5;
constexpr std::uint64_t kPool = 0x4000'0000;
constexpr std::uint64_t kIova = 0x12'3456'7000;
constexpr std::uint32_t kFsts = 0x034, kIqercd = 0x0B0, kRecord = 0x400;

class Capabilities : public ::testing::Test {
 protected:
  Capabilities() : bench(10), table(bench.tables.page()) {
    bench.unit.haw = kHaw;
    bench.unit.mgaw = kMgaw;
    bench.unit.sagaw = kSagaw;
    bench.unit.sllps = kSllps;
    bench.unit.nd = (kDidBits - 4) / 2;
    bench.unit.pt = kPassThrough;
    bench.unit.mamv = kMamv;
    bench.unit.fault_records = kRecords;
    bench.tables.context(kSid[0], kDid, table, kAw);
    bench.tables.map(table, kIova, kPool, 3, kLevels);
  }
  ~Capabilities() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  void blocked(unsigned reason, std::uint64_t address, bool is_write = false) {
    const auto before = bench.faults.size();
    const auto b = is_write ? bench.write(0, 5, address) : bench.read(0, 5, address);
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(b->out) << "left for " << std::hex << b->out_address;
    EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr);
    ASSERT_EQ(bench.faults.size(), before + 1);
    EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, reason);
    const auto expected = bench.expected(0, address, is_write);
    const auto* fault = std::get_if<model::Fault>(&expected);
    ASSERT_NE(fault, nullptr) << model::describe(expected);
    EXPECT_TRUE(static_cast<unsigned>(fault->reason) == reason ||
                static_cast<unsigned>(fault->alternate) == reason)
        << model::describe(expected);
  }
  /// It leaves for `target`, whether or not memory is there.
  void leads_to(std::uint64_t target, std::uint64_t address, bool is_write = false) {
    const auto b = is_write ? bench.write(0, 6, address) : bench.read(0, 6, address);
    ASSERT_TRUE(bench.settle());
    EXPECT_TRUE(b->out);
    EXPECT_EQ(b->out_address, target) << std::hex << b->out_address;
    EXPECT_EQ(model::outgoing_address(bench.expected(0, address, is_write)), target);
  }
  void forget() {
    bench.flush_contexts();
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
  }

  IommuBench bench;
  std::uint64_t table;
};

TEST_F(Capabilities, AreWhatTheRegistersSay) {
  covers("vtd.registers.cap");
  const std::uint64_t cap = std::uint64_t{(kDidBits - 4) / 2} | std::uint64_t{kSagaw} << 8 |
                            std::uint64_t{kMgaw - 1} << 16 | std::uint64_t{kRecord / 16} << 24 |
                            std::uint64_t{kSllps} << 34 | 1ULL << 39 | std::uint64_t{kRecords - 1} << 40 |
                            std::uint64_t{kMamv} << 48 | 3ULL << 54;
  EXPECT_EQ(bench.read_register(0x008, 8), cap);
  EXPECT_EQ(bench.read_register(0x010, 8), 3ULL | (kPassThrough ? 1ULL << 6 : 0) | 0x50ULL << 8);
}

TEST_F(Capabilities, OnlyTheirWidthsAndTypesAreTaken) {
  covers("vtd.fault.03", "vtd.context.aw", "vtd.passthrough");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t address = 0x1234'5000;  // below every width
  for (unsigned aw = 0; aw < 8; ++aw) {
    SCOPED_TRACE(aw);
    const bool there = (kSagaw >> aw & 1) != 0;
    const std::uint64_t top = bench.tables.page();
    if (there) bench.tables.map(top, address, kPool + 0x1000, 3, aw + 2);
    bench.tables.context(kSid[0], kDid, top, aw);
    forget();
    if (there)
      leads_to(kPool + 0x1000, address);
    else
      blocked(0x03, address);
    bench.tables.context(kSid[0], kDid, top, aw, 2);  // pass-through, of the widest only
    forget();
    if (kPassThrough && aw == kAw) {
      leads_to(address, address, true);
      leads_to((1ULL << (kHaw - 1)) | address, (1ULL << (kHaw - 1)) | address);
      if (kHaw < 64) blocked(0x04, 1ULL << kHaw);
    } else {
      blocked(0x03, address, true);
    }
  }
}

TEST_F(Capabilities, GuestAddressesHaveTheirWidth) {
  covers("vtd.fault.04");
  ASSERT_TRUE(bench.bring_up());
  const unsigned width = std::min(kMgaw, 30 + 9 * kAw);
  const std::uint64_t last = (1ULL << width) - 0x1000;
  bench.tables.map(table, last, kPool + 0x2000, 3, kLevels);
  leads_to(kPool + 0x2FC0, last + 0xFC0);
  leads_to(kPool, kIova);
  for (unsigned bit = width; bit < 64; bit += 5) {
    blocked(0x04, (1ULL << bit) | kIova);  // cached without the bit
    blocked(0x04, (1ULL << bit) | kIova, true);
  }
}

TEST_F(Capabilities, HostAddressesHaveTheirWidth) {
  covers("vtd.fault.0A", "vtd.fault.03", "vtd.fault.07", "vtd.fault.0C");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t below = 1ULL << (kHaw - 1);
  for (unsigned level = 1; level <= kLevels; ++level) {
    SCOPED_TRACE(level);
    const std::uint64_t entry = bench.tables.entry(table, kLevels, kIova, level);
    const std::uint64_t value = bench.memory.load64(entry);
    for (unsigned bit = kHaw; bit < 52; ++bit) {
      bench.memory.store64(entry, value | (1ULL << bit));
      forget();
      blocked(0x0C, kIova);
    }
    bench.memory.store64(entry, value | below);
    forget();
    if (level == 1)
      leads_to(kPool | below, kIova);
    else
      blocked(0x07, kIova);  // a table where no memory is
    bench.memory.store64(entry, value);
  }
  const std::uint64_t root_at = bench.tables.root() + (kSid[0] >> 8) * 16;
  const std::uint64_t root = bench.memory.load64(root_at);
  for (unsigned bit = kHaw; bit < 64; ++bit) {
    bench.tables.set_root(kSid[0] >> 8, root | (1ULL << bit));
    forget();
    blocked(0x0A, kIova);
    bench.tables.set_root(kSid[0] >> 8, root);
    bench.tables.set_context(kSid[0], context_low(table | (1ULL << bit), 0), context_high(kDid, kAw));
    forget();
    blocked(0x03, kIova);
    bench.tables.context(kSid[0], kDid, table, kAw);
  }
  forget();
  leads_to(kPool, kIova);
}

TEST_F(Capabilities, OnlyTheirPageSizesAreTaken) {
  covers("vtd.fault.0C", "vtd.pages");
  ASSERT_TRUE(bench.bring_up());
  for (const unsigned level : {2U, 3U}) {
    SCOPED_TRACE(level);
    const std::uint64_t at = std::uint64_t{level} << 34;
    bench.tables.map(table, at, kPool, 3, kLevels, level);
    if ((kSllps >> (level - 2) & 1) != 0)
      leads_to(kPool + 0x12'3440, at + 0x12'3440);
    else
      blocked(0x0C, at + 0x12'3440);
  }
  if (kLevels == 4) {
    bench.tables.map(table, 1ULL << 46, 0, 3, kLevels, 4);
    blocked(0x0C, 1ULL << 46);
  }
}

TEST_F(Capabilities, DomainIdsHaveTheirWidth) {
  covers("vtd.fault.0B", "vtd.context");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned bit = 4; bit < 16; ++bit) {
    SCOPED_TRACE(bit);
    bench.tables.context(kSid[0], static_cast<std::uint16_t>(kDid | 1U << bit), table, kAw);
    forget();
    if (bit < kDidBits)
      leads_to(kPool, kIova);
    else
      blocked(0x0B, kIova);
  }
}

// Bits of a descriptor's domain-id that the unit does not have are no part of it.
TEST_F(Capabilities, DescriptorsNameDomainsOfTheirWidth) {
  covers("vtd.invalidation.domain", "vtd.invalidation.page", "vtd.cache.context");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t leaf = bench.tables.entry(table, kLevels, kIova);
  const std::uint64_t other = bench.tables.page();
  bench.tables.map(other, kIova, kPool + 0x8000, 3, kLevels);
  for (unsigned bit = 0; bit < 16; ++bit) {
    SCOPED_TRACE(bit);
    const bool same = bit >= kDidBits;  // else another domain's
    const auto did = static_cast<std::uint16_t>(kDid ^ 1U << bit);
    const auto then = [&](auto&& change, auto&& invalidate, std::uint64_t was, std::uint64_t becomes) {
      forget();
      bench.memory.store64(leaf, kPool | 3);
      bench.tables.context(kSid[0], kDid, table, kAw);
      leads_to(kPool, kIova);
      change();
      invalidate();
      ASSERT_TRUE(bench.invalidate());
      const auto b = bench.read(0, 6, kIova);
      ASSERT_TRUE(bench.settle());
      EXPECT_EQ(b->out_address, same ? becomes : was) << std::hex << b->out_address;
    };
    const auto moves = [&] { bench.memory.store64(leaf, (kPool + 0x4000) | 3); };
    then(
        moves, [&] { bench.flush_domain(did); }, kPool, kPool + 0x4000);
    then(
        moves, [&] { bench.flush_pages(did, kIova); }, kPool, kPool + 0x4000);
    const auto goes = [&] { bench.tables.context(kSid[0], kDid, other, kAw); };
    const auto contexts = [&](std::uint64_t g) {
      bench.push_descriptor(1 | g << 4 | std::uint64_t{did} << 16 | std::uint64_t{kSid[0]} << 32, 0);
      bench.flush_global();
    };
    then(
        goes, [&] { contexts(2); }, kPool, kPool + 0x8000);
    if (same)
      then(
          goes, [&] { contexts(3); }, kPool, kPool + 0x8000);  // else a wrong hint: either may happen
  }
}

TEST_F(Capabilities, ThereAreSoManyRecords) {
  covers("vtd.records.overflow");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned i = 0; i < kRecords; ++i) {
    EXPECT_EQ(bench.read_register(kFsts, 4) & 1, 0U) << i;
    blocked(0x06, kIova + (i + 1) * 0x1000);
  }
  blocked(0x06, kIova + 0x9000);
  EXPECT_EQ(bench.read_register(kFsts, 4), 3U) << "PFO, PPF, record 0 first";
  for (unsigned i = 0; i < 8; ++i) {
    const std::uint64_t page = bench.read_register(kRecord + 16 * i, 8);
    const std::uint64_t high = bench.read_register(kRecord + 16 * i + 8, 8);
    EXPECT_EQ(page, i < kRecords ? kIova + (i + 1) * 0x1000 : 0) << i;
    EXPECT_EQ(high >> 63, i < kRecords ? 1U : 0U) << i;
  }
}

TEST_F(Capabilities, AddressMasksEnd) {
  covers("vtd.iqe.4", "vtd.invalidation.page");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t all = ~((0x1000ULL << kMamv) - 1);
  leads_to(kPool, kIova);
  bench.memory.store64(bench.tables.entry(table, kLevels, kIova), (kPool + 0x4000) | 3);
  bench.flush_pages(kDid, kIova & all, kMamv);
  ASSERT_TRUE(bench.invalidate());
  leads_to(kPool + 0x4000, kIova);
  bench.flush_pages(kDid, 0, kMamv + 1);
  bench.ring();
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(kFsts, 4) & 0x10) != 0; }, 2000));
  EXPECT_EQ(bench.read_register(kIqercd, 8) & 0xF, 4U);
}

}  // namespace
}  // namespace gpudmar::test
