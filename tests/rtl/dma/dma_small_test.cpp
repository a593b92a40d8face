// SPDX-License-Identifier: Apache-2.0
// The smallest engine: one channel, four reads, bursts of 256 beats, no aperture. And the end of 4 GiB, of
// which it leaves out the middle.
#include <gtest/gtest.h>

#include <vector>

#include "Vdma_small.h"
#include "Vdma_small___024root.h"
#include "tests/rtl/dma/dma_bench.h"
#include "tests/rtl/dma/dma_observe.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
namespace d = dma::descriptor;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL, kAperture = dma::space::APERTURE;
constexpr std::uint64_t kRing = 0x1'0000;

class SmallBench : public DmaBench<Vdma_small, 16, 0, 1, 4, 256> {
 public:
  using DmaBench::DmaBench;
  /// The copy under way is `bytes` further than it is, on both sides: a multiple of 4 KiB, while it is quiet.
  void leave_out(std::uint64_t bytes) {
    auto* root = top().rootp;
#define GPUDMAR_MOVER(part, name) \
  root->dma_adapter__DOT__i_engine__DOT__gen_channel__BRA__0__KET____DOT__u_channel__DOT__u_mover__DOT__##part##__DOT__##name
    GPUDMAR_MOVER(u_read, rest_addr_q) += bytes;
    GPUDMAR_MOVER(u_read, rest_rem_q) -= static_cast<std::uint32_t>(bytes);
    GPUDMAR_MOVER(u_align, src_left_q) -= static_cast<std::uint32_t>(bytes / kBytes);
    GPUDMAR_MOVER(u_align, dst_left_q) -= static_cast<std::uint32_t>(bytes / kBytes);
    GPUDMAR_MOVER(u_align, beat_addr_q) += bytes;
    GPUDMAR_MOVER(u_write, addr_q) += bytes;
    GPUDMAR_MOVER(u_write, rem_q) -= static_cast<std::uint32_t>(bytes);
#undef GPUDMAR_MOVER
  }
};

TEST(DmaSmall, TellsWhatItHas) {
  covers("contract.dma.registers");
  SmallBench bench;
  const std::uint64_t caps = bench.read64(dma::CAPS::kOffset);
  EXPECT_EQ(dma::CAPS::CHANNELS.get(caps), 1U);
  EXPECT_EQ(dma::CAPS::READS.get(caps), 4U);
  EXPECT_EQ(dma::CAPS::APERTURE_PAGES_LOG2.get(caps), 0U);
  EXPECT_EQ(bench.read64(dma::OPERATIONS::kOffset), 0x1f0fU) << "without 4 to 6";
}

TEST(DmaSmall, WithoutApertureItsOperationsAndItsSpaceAreRefused) {
  covers("contract.dma.aperture");
  SmallBench bench;
  bench.start(kVram, kRing, 4);
  const auto verdict = [&](const Descriptor& descriptor) {
    bench.push(descriptor);
    bench.doorbell();
    EXPECT_TRUE(bench.wait_error());
    const std::uint32_t info = bench.read32(dma::CH_ERR_INFO::kOffset);
    EXPECT_TRUE(bench.reset_channel());
    return std::pair(static_cast<unsigned>(dma::CH_ERR_INFO::CODE.get(info)),
                     static_cast<unsigned>(dma::CH_ERR_INFO::OPERAND.get(info)));
  };
  for (const unsigned opcode :
       {dma::opcode::MAP_APERTURE_LIST, dma::opcode::MAP_APERTURE_RANGE, dma::opcode::UNMAP_APERTURE}) {
    const Descriptor map = Descriptor::nop().with(d::OPCODE, opcode).with(d::DST_SPACE, kAperture);
    EXPECT_EQ(verdict(map), std::pair(dma::error::BAD_OPCODE, 0U)) << opcode;
  }
  Descriptor rows, fill;
  rows.with(d::OPCODE, dma::opcode::COPY_3D).with(d::SRC_SPACE, kAperture).with(d::DST, 0x6000);
  fill.with(d::OPCODE, dma::opcode::FILL).with(d::DST_SPACE, kAperture);
  EXPECT_EQ(verdict(Descriptor::copy(kAperture, 0, kVram, 0, 8)), std::pair(dma::error::BAD_SPACE, 1U));
  EXPECT_EQ(verdict(Descriptor::copy(kVram, 0, kAperture, 0, 8)), std::pair(dma::error::BAD_SPACE, 2U));
  EXPECT_EQ(verdict(rows), std::pair(dma::error::BAD_SPACE, 1U));
  EXPECT_EQ(verdict(fill), std::pair(dma::error::BAD_SPACE, 2U));
}

TEST(DmaSmall, CopiesInBurstsOfAPage) {
  covers("contract.dma.copy");
  std::mt19937_64 random(3);
  SmallBench bench;
  bench.start(kLogical, kRing, 4);
  for (std::uint64_t i = 0; i < 0x8000; i += 8) bench.vram.memory.set64(0x10'0000 + i, random());
  bench.push(Descriptor::copy(kVram, 0x10'0007, kLogical, 0x20'0003, 0x7000));
  bench.push(Descriptor::fence(kLogical, 0x9000, 1, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  ASSERT_FALSE(bench.error());
  for (std::uint64_t i = 0; i < 0x7000; ++i)
    ASSERT_EQ(bench.host.memory.get(0x20'0003 + i), bench.vram.memory.get(0x10'0007 + i)) << i;
  unsigned longest = 0;
  for (const BusEvent& e : events(bench.vram, Kind::Ar, kIdData)) longest = std::max(longest, e.len);
  for (const BusEvent& e : events(bench.host, Kind::Aw, kIdData)) EXPECT_LE(e.len, longest);
  EXPECT_EQ(longest, 255U);
}

// Bursts of the destination begin where those of the source do not: with the first beats of one, the reads of
// its end may not have been asked for when QUIESCE comes. They still are, and nothing else.
TEST(DmaSmall, QuietComesInTheMiddleOfABurst) {
  covers("contract.dma.quiesce");
  constexpr std::uint64_t kFrom = 0x10'0ff9, kTo = 0x20'0ff3, kBytes = 0x5000;
  std::mt19937_64 random(4);
  unsigned late = 0;
  for (unsigned offset = 20; offset < 1400; offset += 37) {
    SCOPED_TRACE(offset);
    SmallBench bench;
    for (std::uint64_t i = 0; i < kBytes + 8; i += 8) bench.host.memory.set64(kFrom + i, random());
    bench.start(kVram, kRing, 4);
    bench.push(Descriptor::copy(kLogical, kFrom, kLogical, kTo, kBytes));
    bench.push(Descriptor::fence(kVram, 0x9000, 1, false));
    bench.doorbell();
    bench.run(offset);
    bench.write32(dma::QUIESCE::kOffset, 1);
    const std::uint64_t from = bench.cycle();
    ASSERT_TRUE(bench.wait(
        "QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }, 2000));
    for (const BusEvent& e : bench.host.log) late += e.kind == Kind::Ar && e.cycle > from + 2 ? 1 : 0;
    for (const BusEvent& e : bench.host.log) EXPECT_FALSE(e.kind == Kind::Aw && e.cycle > from + 2);
    const std::size_t before = bench.host.log.size();
    bench.run(300);
    EXPECT_EQ(bench.host.log.size(), before);
    bench.write32(dma::QUIESCE::kOffset, 0);
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), 2U);
    for (std::uint64_t i = 0; i < kBytes; ++i)
      ASSERT_EQ(bench.host.memory.get(kTo + i), bench.host.memory.get(kFrom + i)) << i;
  }
  EXPECT_GT(late, 0U) << "no burst needed a read";
}

// All but the ends of 4 GiB is left out, by moving what is left of the copy on while the engine is quiet (of
// the bursts between tests/formal/burst_fv.sv tells). The last bytes are right and nothing is behind them,
// the operation ends, and CNT_BYTES has a bit 32.
TEST(DmaSmall, EndOfFourGibibytes) {
  covers("contract.dma.copy");
  constexpr std::uint64_t k4G = 1ULL << 32, kKept = 0x2'0000;
  for (const auto& [src, dst] :
       {std::pair{0x10'0000'0000ULL, 0xff'0000'0000ULL}, std::pair{0x10'0000'0003ULL, 0x20'0000'0009ULL},
        std::pair{0x10'0000'0ff9ULL, 0x20'0000'0ff3ULL}}) {
    SCOPED_TRACE(fmt::format("{:#x} to {:#x}", src, dst));
    std::mt19937_64 random(5);
    SmallBench bench;
    SparseBytes& memory = bench.host.memory;
    for (std::uint64_t i = 0; i < kKept; i += 8) memory.set64(src + k4G - kKept + i, random());
    bench.start(kVram, kRing, 3);
    bench.push(Descriptor::copy(kLogical, src, kLogical, dst, k4G));
    bench.push(Descriptor::fence(kVram, 0x9000, 7, false));
    bench.doorbell();
    bench.run(500);
    bench.write32(dma::QUIESCE::kOffset, 1);
    ASSERT_TRUE(bench.wait(
        "QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }, 5000));
    bench.leave_out(k4G - kKept - 0x8000);
    bench.write32(dma::QUIESCE::kOffset, 0);
    ASSERT_TRUE(bench.wait_idle());
    ASSERT_FALSE(bench.error());
    EXPECT_EQ(bench.head(), 2U);
    EXPECT_EQ(bench.vram.memory.get64(0x9000), 7U);
    EXPECT_EQ(bench.read64(dma::CNT_BYTES::kOffset), k4G);
    EXPECT_EQ(bench.read64(dma::CH_CNT_BYTES::kOffset), k4G);
    for (std::uint64_t i = 0; i < kKept; ++i)
      ASSERT_EQ(memory.get(dst + k4G - kKept + i), memory.get(src + k4G - kKept + i)) << i;
    for (std::uint64_t i = 0; i < 64; ++i) ASSERT_EQ(memory.get(dst + k4G + i), 0U) << i;
    const auto reads = events(bench.host, Kind::Ar, kIdData), writes = events(bench.host, Kind::Aw, kIdData);
    const auto last_beat = [](const BusEvent& e) { return e.addr + e.len * 16ULL; };
    EXPECT_EQ(last_beat(reads.back()), (src + k4G - 1) / 16 * 16);
    EXPECT_EQ(last_beat(writes.back()), (dst + k4G - 1) / 16 * 16);
  }
}

}  // namespace
}  // namespace gpudmar::test
