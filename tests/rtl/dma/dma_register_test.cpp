// SPDX-License-Identifier: Apache-2.0
// Registers: what they tell, when writes are taken, the sizes of a ring.
#include <gtest/gtest.h>

#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;
constexpr std::uint64_t kRing = 0x10'0000, kSem = 0x8000;

template <class Bench>
class DmaRegister : public ::testing::Test {};
TYPED_TEST_SUITE(DmaRegister, Widths);

TYPED_TEST(DmaRegister, RegistersReadAsDescribed) {
  covers("contract.dma.registers");
  TypeParam bench;
  EXPECT_EQ(bench.read32(dma::ID::kOffset), 0x414D4447U);
  EXPECT_EQ(bench.read32(dma::VERSION::kOffset), 0x20000U);
  const std::uint64_t caps = bench.read64(dma::CAPS::kOffset);
  EXPECT_EQ(dma::CAPS::ADDR_BITS.get(caps), kAddrBits);
  EXPECT_EQ(dma::CAPS::VRAM_BITS.get(caps), kVramBits);
  EXPECT_EQ(dma::CAPS::CHANNELS.get(caps), TypeParam::kChannels);
  EXPECT_EQ(dma::CAPS::BUS_BYTES.get(caps), TypeParam::kBytes);
  EXPECT_EQ(dma::CAPS::READS.get(caps), TypeParam::kReads);
  EXPECT_EQ(dma::CAPS::VIRTUAL_BITS.get(caps), 48U);
  EXPECT_EQ(dma::CAPS::APERTURE_PAGES_LOG2.get(caps), 12U);
  EXPECT_EQ(caps >> 62, 0U);
  EXPECT_EQ(bench.read64(dma::OPERATIONS::kOffset), 0x1f7fU);
  EXPECT_EQ(bench.read32(dma::TIMEOUT::kOffset), 0x100'0000U);
  EXPECT_EQ(bench.read32(dma::CFG_SID::kOffset), 0x100U);
  EXPECT_TRUE(bench.idle());
  // 32-bit halves do not touch each other; read-only and reserved bits stay.
  bench.write64(dma::CFG_MSI_ADDR::kOffset, 0xffff'ffff'ffff'ffff);
  bench.write32(dma::CFG_MSI_ADDR::kOffset + 4, 0x1111'2222);
  EXPECT_EQ(bench.read64(dma::CFG_MSI_ADDR::kOffset), 0x1111'2222'ffff'fffcULL);
  bench.write32(dma::CFG_MSI_DATA::kOffset, 0xcafe);
  bench.write32(dma::CFG_COMMAND::kOffset, 0xffff'ffff);
  EXPECT_EQ(bench.read64(dma::CFG_MSI_DATA::kOffset), 0x3'0000'cafeULL);
  bench.write64(dma::CH_RING_BASE::kOffset, 0x1234'5678'9abc'deff);
  EXPECT_EQ(bench.read64(dma::CH_RING_BASE::kOffset), 0x1234'5678'9abc'dec0ULL);
  // Behind the last channel's block, and a place without a register in one.
  for (const unsigned nothing : {0x100U * (TypeParam::kChannels + 1), 0x170U, 0x900U, 0xa00U, 0xf18U}) {
    bench.write64(nothing, ~0ULL);
    EXPECT_EQ(bench.read64(nothing), 0U) << nothing;
  }
}

// Single bytes, and a write of none.
TYPED_TEST(DmaRegister, BytesAreMerged) {
  covers("contract.dma.registers");
  TypeParam bench;
  bench.write64(dma::CFG_MSI_ADDR::kOffset, 0x1111'1111'1111'1110);
  bench.write(dma::CFG_MSI_ADDR::kOffset + 3, 0x77, 1);
  bench.write(dma::CFG_MSI_ADDR::kOffset + 6, 0xabcd, 2);
  EXPECT_EQ(bench.read64(dma::CFG_MSI_ADDR::kOffset), 0xabcd'1111'7711'1110U);
  bench.write(dma::CFG_MSI_ADDR::kOffset, ~0ULL, 0);
  EXPECT_EQ(bench.read64(dma::CFG_MSI_ADDR::kOffset), 0xabcd'1111'7711'1110U);
  // Half a command is none: bit 0 of CH_CTRL is not written.
  bench.write(dma::CH_CTRL::kOffset + 1, 0xff, 1);
  EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 0U);
}

// Reads one behind the other, answers taken when the bus likes: in order, none lost.
TYPED_TEST(DmaRegister, ReadsInARow) {
  covers("contract.dma.registers");
  for (const unsigned percent : {100U, 60U, 15U}) {
    SCOPED_TRACE(percent);
    TypeParam bench(9);
    bench.write64(dma::CFG_MSI_ADDR::kOffset, 0x12'3456'7890);
    std::vector<std::uint64_t> places;
    for (unsigned i = 0; i < 60; ++i) {
      places.push_back(i % 3 == 0   ? dma::ID::kOffset
                       : i % 3 == 1 ? dma::CFG_MSI_ADDR::kOffset
                                    : dma::OPERATIONS::kOffset);
    }
    const std::uint64_t from = bench.cycle();
    const auto answers = bench.read_all(places, percent);
    ASSERT_EQ(answers.size(), places.size());
    if (percent == 100) {
      EXPECT_EQ(bench.cycle() - from, places.size() + 1);
    }
    for (unsigned i = 0; i < places.size(); ++i) {
      EXPECT_EQ(answers[i].second, 0U);
      EXPECT_EQ(answers[i].first, i % 3 == 0   ? 0x2'0000'414D'4447ULL
                                  : i % 3 == 1 ? 0x12'3456'7890ULL
                                               : 0x1f7fULL)
          << i;
    }
  }
}

// A write is taken in every cycle, also in that in which the answer to the one before it is.
TYPED_TEST(DmaRegister, WritesInARow) {
  covers("contract.dma.registers");
  TypeParam bench;
  std::vector<LiteWrite> writes;
  for (unsigned i = 0; i < 40; ++i) writes.push_back({dma::CFG_MSI_DATA::kOffset, 0x100U + i});
  const std::uint64_t from = bench.cycle();
  EXPECT_EQ(bench.write_all(writes, 100, 100), writes.size());
  EXPECT_EQ(bench.cycle() - from, writes.size() + 1);
  EXPECT_EQ(bench.read32(dma::CFG_MSI_DATA::kOffset), 0x100U + 39);
}

// In the cycle of a write a read finds what was before it.
TYPED_TEST(DmaRegister, ReadBesideWrite) {
  covers("contract.dma.registers");
  TypeParam bench;
  bench.write32(dma::CFG_MSI_DATA::kOffset, 0x11);
  EXPECT_EQ(bench.write_and_read({dma::CFG_MSI_DATA::kOffset, 0x22}, dma::CFG_MSI_DATA::kOffset), 0x11U);
  EXPECT_EQ(bench.read32(dma::CFG_MSI_DATA::kOffset), 0x22U);
  EXPECT_EQ(bench.write_and_read({dma::CH_WB_ADDR::kOffset, 0x9000, 8}, dma::CH_WB_ADDR::kOffset), 0U);
  EXPECT_EQ(bench.read64(dma::CH_WB_ADDR::kOffset), 0x9000U);
  // A cause that is read as it is cleared was seen.
  bench.start(kVram, kRing, 4);
  bench.push(Descriptor::fence(kVram, kSem, 1, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  bench.run(10);
  EXPECT_EQ(bench.write_and_read({dma::INT_STATUS::kOffset, 3}, dma::INT_STATUS::kOffset) & 3, 1U);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 0U);
}

// Spaces that have no place for it: nothing is written back.
TYPED_TEST(DmaRegister, WriteBackToNoMemory) {
  covers("contract.dma.writeback");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  for (const unsigned space : {dma::space::APERTURE, dma::space::VIRTUAL, 5U}) {
    SCOPED_TRACE(space);
    bench.write32(dma::CH_WB_CFG::kOffset, 0);
    bench.write64(dma::CH_WB_ADDR::kOffset, 0x9000);
    bench.write32(dma::CH_WB_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_WB_CFG::ENABLE.put(1) |
                                                                      dma::CH_WB_CFG::SPACE.put(space)));
    bench.write32(dma::INT_STATUS::kOffset, 3);
    bench.push(Descriptor::fence(kVram, kSem, 1, true));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    bench.run(50);
    EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 1U) << "the fence tells at once";
  }
  for (const AxiMemory* port : {&bench.host, &bench.vram}) {
    EXPECT_TRUE(events(*port, Kind::Aw, kIdWb).empty());
    EXPECT_EQ(port->memory.get64(0x9000), 0U);
  }
}

// Place, size and first segment of a ring stay as they are while the channel is busy; its share does not.
TYPED_TEST(DmaRegister, RingIsFrozenWhileBusy) {
  covers("contract.dma.registers");
  for (const unsigned ch : {0U, TypeParam::kChannels - 1}) {
    TypeParam bench;
    const auto reg = [ch](std::uint64_t offset) { return TypeParam::reg(offset, ch); };
    bench.start(kVram, kRing, 4, 3, ch);
    bench.write32(reg(dma::CH_RING_SEG::kOffset), 16);
    const std::uint32_t cfg = bench.read32(reg(dma::CH_RING_CFG::kOffset));
    const auto overwrite = [&] {
      bench.write64(reg(dma::CH_RING_BASE::kOffset), 0x77'0000);
      bench.write64(reg(dma::CH_RING_CFG::kOffset), dma::CH_RING_CFG::SIZE_LOG2.put(7) |
                                                        dma::CH_RING_CFG::SPACE.put(kLogical) |
                                                        dma::CH_CFG::WEIGHT.put(9) << 32);
      bench.write32(reg(dma::CH_RING_SEG::kOffset), 5);
      EXPECT_EQ(dma::CH_CFG::WEIGHT.get(bench.read32(reg(dma::CH_CFG::kOffset))), 9U);
    };
    // Busy: under way, stopped by an error, disabled with a wait under way.
    bench.push(Descriptor::wait(kVram, kSem, dma::condition::EQUAL, 1), ch);
    bench.doorbell(ch);
    bench.run(30);
    for (const bool enabled : {true, false}) {
      bench.write32(reg(dma::CH_CTRL::kOffset), enabled ? 1 : 0);
      EXPECT_FALSE(bench.idle(ch));
      overwrite();
      EXPECT_EQ(bench.read64(reg(dma::CH_RING_BASE::kOffset)), kRing);
      EXPECT_EQ(bench.read32(reg(dma::CH_RING_CFG::kOffset)), cfg);
      EXPECT_EQ(bench.read32(reg(dma::CH_RING_SEG::kOffset)), 16U);
    }
    bench.vram.memory.set64(kSem, 1);
    ASSERT_TRUE(bench.wait_idle(1000, ch));
    overwrite();
    EXPECT_EQ(bench.read64(reg(dma::CH_RING_BASE::kOffset)), 0x77'0000U);
    EXPECT_EQ(bench.read32(reg(dma::CH_RING_CFG::kOffset)),
              dma::CH_RING_CFG::SIZE_LOG2.put(7) | dma::CH_RING_CFG::SPACE.put(kLogical));
    EXPECT_EQ(bench.read32(reg(dma::CH_RING_SEG::kOffset)), 5U);
  }
}

TYPED_TEST(DmaRegister, WriteBackStaysWhereItIsWhileEnabled) {
  covers("contract.dma.registers");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.write64(dma::CH_WB_ADDR::kOffset, 0x9018);
  EXPECT_EQ(bench.read64(dma::CH_WB_ADDR::kOffset), 0x9010U) << "16-byte aligned";
  bench.write32(dma::CH_WB_CFG::kOffset, 1);
  bench.write64(dma::CH_WB_ADDR::kOffset, 0xa000);
  EXPECT_EQ(bench.read64(dma::CH_WB_ADDR::kOffset), 0x9010U);
  bench.push(Descriptor::nop());
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.vram.memory.get64(0x9010), 1U);
  bench.write32(dma::CH_WB_CFG::kOffset, 0);
  bench.write64(dma::CH_WB_ADDR::kOffset, 0xa000);
  EXPECT_EQ(bench.read64(dma::CH_WB_ADDR::kOffset), 0xa000U);
  bench.push(Descriptor::nop());
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.vram.memory.get64(0x9010), 1U) << "off";
  EXPECT_EQ(bench.vram.memory.get64(0xa000), 0U);
}

// SIZE_LOG2 = 0 has no room for a descriptor: whatever the doorbell says, nothing is fetched.
TYPED_TEST(DmaRegister, RingOfOneIsAlwaysEmpty) {
  covers("contract.dma.registers");
  TypeParam bench;
  bench.start(kVram, kRing, 0);
  for (const std::uint32_t tail : {0U, 1U, 2U, 0xffffU}) {
    bench.write32(dma::CH_TAIL::kOffset, tail);
    bench.run(50);
    EXPECT_TRUE(bench.idle());
    EXPECT_EQ(bench.head(), 0U);
  }
  EXPECT_TRUE(bench.vram.log.empty());
}

// The largest ring, also by sizes beyond it: every index is run, and behind FFFFh comes 0, at the ring's
// base.
TYPED_TEST(DmaRegister, LargestRingWraps) {
  covers("contract.dma.registers");
  // Memory of zeros is a ring of NOPs. All of it takes long: one width, one size; the others show that a tail
  // behind HEAD is far away.
  constexpr bool kWhole = TypeParam::kBytes == 32;
  for (const unsigned log2 : {16U, 17U, 31U}) {
    SCOPED_TRACE(log2);
    TypeParam bench;
    bench.host.keep_log = bench.vram.keep_log = false;
    bench.start(kVram, kRing, log2);
    if (log2 != 16 || !kWhole) {
      bench.write32(dma::CH_TAIL::kOffset, 0x120);
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_EQ(bench.head(), 0x120U);
      bench.write32(dma::CH_TAIL::kOffset, 0x11f);
      bench.run(2000);
      EXPECT_GT(bench.head(), 0x1a0U);
      ASSERT_TRUE(bench.reset_channel());
      continue;
    }
    // An error at an index above 2^15 is named in full.
    const std::uint64_t bad = kRing + 0xfabcULL * 64;
    bench.place(kVram, bad, Descriptor::nop().with(dma::descriptor::OPCODE, 0x99));
    for (unsigned i = 0; i < 32; ++i) {
      bench.vram.memory.set64(0x8000 + 8ULL * i, 0x100 + i);
      bench.place(kVram, kRing + (0xfff0ULL + i) % 0x1'0000 * 64,
                  Descriptor::copy(kVram, 0x8000 + 8ULL * i, kVram, 0x9000 + 8ULL * i, 8));
    }
    // Nearly round in one go, then over the end.
    bench.write32(dma::CH_TAIL::kOffset, 0xfff0);
    ASSERT_TRUE(bench.wait_error(0, 400'000));
    EXPECT_EQ(bench.head(), 0xfabcU);
    EXPECT_EQ(dma::CH_ERR_INFO::INDEX.get(bench.read32(dma::CH_ERR_INFO::kOffset)), 0xfabcU);
    EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), bad);
    bench.place(kVram, bad, Descriptor::nop());
    ASSERT_TRUE(bench.command(4));
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), 0xfff0U);
    for (unsigned i = 0; i < 32; ++i) bench.vram.memory.set64(0x9000 + 8ULL * i, 0);
    bench.write32(dma::CH_TAIL::kOffset, 0x10);
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.head(), 0x10U);
    EXPECT_EQ(bench.read64(dma::CNT_DESCRIPTORS::kOffset), 0x1'0010U);
    for (unsigned i = 0; i < 32; ++i) EXPECT_EQ(bench.vram.memory.get64(0x9000 + 8ULL * i), 0x100U + i);
  }
}

// Doorbells that come before the reset of the channel is done are lost, and the next one is not.
TYPED_TEST(DmaRegister, DoorbellDuringResetIsLost) {
  covers("contract.dma.reset");
  TypeParam bench;
  bench.vram.timing.read_latency = 300;
  bench.start(kLogical, kRing, 4);
  bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 64));
  bench.doorbell();
  bench.run(50);  // the read is under way
  bench.write32(dma::CH_CTRL::kOffset, 3);
  bench.write32(dma::CH_TAIL::kOffset, 1);
  EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 3U) << "waits for the read";
  ASSERT_TRUE(bench.wait("the reset", [&] { return bench.read32(dma::CH_CTRL::kOffset) == 1; }));
  EXPECT_EQ(bench.read32(dma::CH_TAIL::kOffset), 0U);
  const std::size_t before = bench.host.log.size();
  bench.run(600);
  EXPECT_EQ(bench.host.log.size(), before);
  EXPECT_EQ(bench.head(), 0U);
  bench.vram.memory.set64(0x5000, 0x55);
  bench.write32(dma::CH_TAIL::kOffset, 1);
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 1U);
  EXPECT_EQ(bench.vram.memory.get64(0x6000), 0x55U);
}

}  // namespace
}  // namespace gpudmar::test
