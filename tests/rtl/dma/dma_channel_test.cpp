// SPDX-License-Identifier: Apache-2.0
// Channels beside each other: they do not disturb one another, and share the buses as CH_CFG says.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;

template <class Bench>
class DmaChannel : public ::testing::Test {
 protected:
  static std::uint64_t ring_of(unsigned ch) { return 0x1'0000 + ch * 0x1'0000ULL; }
  static std::uint64_t source_of(unsigned ch) { return 0x100'0000 + ch * 0x10'0000ULL; }
  static std::uint64_t target_of(unsigned ch) { return 0x200'0000 + ch * 0x10'0000ULL; }

  static void slow(Bench& bench, std::mt19937_64& random) {
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 30;
      port->timing.read_jitter = random() % 20;
      port->timing.write_latency = 1 + random() % 60;
      port->timing.write_jitter = random() % 60;
      port->timing.ready_percent = 30 + random() % 71;
      port->timing.shuffle_ids = random() % 2 == 0;
    }
  }
  /// `count` copies of random places within the channel's own source and target, then a fence.
  static unsigned work(Bench& bench, unsigned ch, unsigned count, std::mt19937_64& random, SparseBytes& host,
                       SparseBytes& vram) {
    for (unsigned i = 0; i < count; ++i) {
      const unsigned from = random() % 2 == 0 ? kVram : kLogical, to = random() % 2 == 0 ? kVram : kLogical;
      const std::uint64_t src = source_of(ch) + i * 0x1000 + random() % 64;
      const std::uint64_t dst = target_of(ch) + i * 0x1000 + random() % 64;
      const std::uint64_t bytes = 1 + random() % 1500;
      for (std::uint64_t a = 0; a < bytes; ++a) {
        const auto value = static_cast<std::uint8_t>(random());
        bench.memory(from).memory.set(src + a, value);
        (from == kVram ? vram : host).set(src + a, value);
        (to == kVram ? vram : host).set(dst + a, value);
      }
      bench.push(Descriptor::copy(from, src, to, dst, bytes, ch * 1000 + i), ch);
    }
    bench.push(Descriptor::fence(kLogical, target_of(ch) + 0xf'0000, 0x77 + ch, true), ch);
    return count + 1;
  }
};
TYPED_TEST_SUITE(DmaChannel, Widths);

TYPED_TEST(DmaChannel, AllAtOnceEveryByteRight) {
  covers("contract.dma.channels");
  const std::uint64_t seed = seed_of(31);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 6; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    this->slow(bench, random);
    SparseBytes host, vram;
    std::array<unsigned, TypeParam::kChannels> count{};
    for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
      bench.start(random() % 2 == 0 ? kVram : kLogical, this->ring_of(ch), 6, 3, ch);
      const std::uint64_t weight = random() % 4, high = random() % 2;
      bench.write32(
          bench.reg(dma::CH_CFG::kOffset, ch),
          static_cast<std::uint32_t>(dma::CH_CFG::WEIGHT.put(weight) | dma::CH_CFG::HIGH.put(high)));
      count[ch] = this->work(bench, ch, 20, random, host, vram);
    }
    for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) bench.doorbell(ch);
    for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
      ASSERT_TRUE(bench.wait_idle(400'000, ch)) << ch;
      ASSERT_FALSE(bench.error(ch)) << ch;
      EXPECT_EQ(bench.head(ch), count[ch]);
      EXPECT_EQ(bench.read64(bench.reg(dma::CH_FENCE::kOffset, ch)), 0x77U + ch);
      EXPECT_EQ(bench.read64(bench.reg(dma::CH_CNT_DESCRIPTORS::kOffset, ch)), count[ch]);
      for (unsigned i = 0; i < 20; ++i) {
        for (std::uint64_t a = 0; a < 0x1000; ++a) {
          const std::uint64_t at = this->target_of(ch) + i * 0x1000 + a;
          ASSERT_EQ(bench.host.memory.get(at), host.get(at)) << std::hex << at;
          ASSERT_EQ(bench.vram.memory.get(at), vram.get(at)) << std::hex << at;
        }
      }
    }
    EXPECT_EQ(bench.read64(dma::CNT_DESCRIPTORS::kOffset), TypeParam::kChannels * 21U);
    std::uint64_t bytes = 0;
    for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch)
      bytes += bench.read64(bench.reg(dma::CH_CNT_BYTES::kOffset, ch));
    EXPECT_EQ(bench.read64(dma::CNT_BYTES::kOffset), bytes);
    EXPECT_EQ(bench.read32(dma::INT_CHANNELS::kOffset), (1U << TypeParam::kChannels) - 1);
    bench.write32(dma::INT_CHANNELS::kOffset, 0x5);
    EXPECT_EQ(bench.read32(dma::INT_CHANNELS::kOffset), ((1U << TypeParam::kChannels) - 1) & ~5U);
  }
}

// One channel fails, is reset, is disabled or asks a dead device: the others finish, and finish right.
TYPED_TEST(DmaChannel, TroubleOfOneDoesNotReachTheOthers) {
  covers("contract.dma.channels");
  const std::uint64_t seed = seed_of(32);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  enum class Trouble { ReadError, WriteError, BadDescriptor, Resets, DeadRead, DeadWrite, DeadRing };
  for (const Trouble trouble : {Trouble::ReadError, Trouble::WriteError, Trouble::BadDescriptor,
                                Trouble::Resets, Trouble::DeadRead, Trouble::DeadWrite, Trouble::DeadRing}) {
    for (unsigned bad = 0; bad < TypeParam::kChannels; ++bad) {
      SCOPED_TRACE(fmt::format("trouble {} in channel {}", static_cast<int>(trouble), bad));
      TypeParam bench(random());
      this->slow(bench, random);
      for (AxiMemory* port : {&bench.host, &bench.vram}) port->timing.shuffle_ids = true;
      SparseBytes host, vram;
      for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
        bench.start(kLogical, this->ring_of(ch), 6, 3, ch);
        this->work(bench, ch, 12, random, host, vram);
      }
      const unsigned id = bad << 2;
      const auto dead_read = [id](bool write, unsigned of, std::uint64_t) { return !write && of == id; };
      const auto dead_write = [id](bool write, unsigned of, std::uint64_t) { return write && of == id; };
      const auto dead_ring = [id](bool write, unsigned of, std::uint64_t) {
        return !write && of == (id | 1);
      };
      switch (trouble) {
        case Trouble::ReadError:
          for (std::uint64_t a = 0; a < 0x2000; a += TypeParam::kBytes) {
            bench.host.read_errors[this->source_of(bad) + 0x3000 + a] = 2;
            bench.vram.read_errors[this->source_of(bad) + 0x3000 + a] = 3;
          }
          break;
        case Trouble::WriteError:
          for (std::uint64_t a = 0; a < 0x2000; a += TypeParam::kBytes) {
            bench.host.write_errors[this->target_of(bad) + 0x3000 + a] = 2;
            bench.vram.write_errors[this->target_of(bad) + 0x3000 + a] = 3;
          }
          break;
        case Trouble::BadDescriptor:
          bench.place(kLogical, this->ring_of(bad) + 5 * 64,
                      Descriptor::nop().with(dma::descriptor::OPCODE, 0x99));
          break;
        case Trouble::DeadRead:
          bench.host.silent = bench.vram.silent = dead_read;
          break;
        case Trouble::DeadWrite:
          bench.host.silent = bench.vram.silent = dead_write;
          break;
        case Trouble::DeadRing:
          bench.host.silent = dead_ring;
          break;
        case Trouble::Resets:
          break;
      }
      bench.write32(dma::TIMEOUT::kOffset, 2000);
      for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) bench.doorbell(ch);
      if (trouble == Trouble::Resets) {
        for (unsigned i = 0; i < 10; ++i) {
          bench.run(random() % 60);
          ASSERT_TRUE(bench.reset_channel(bad));
          for (unsigned k = 0; k < 13; ++k) bench.push(Descriptor::nop(), bad);
          this->work(bench, bad, 12, random, host, vram);
          bench.doorbell(bad);
        }
        ASSERT_TRUE(bench.wait_idle(400'000, bad));
      } else {
        ASSERT_TRUE(bench.wait_error(bad));
      }
      for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
        if (ch == bad) continue;
        ASSERT_TRUE(bench.wait_idle(400'000, ch)) << ch;
        EXPECT_FALSE(bench.error(ch)) << ch;
        EXPECT_EQ(bench.head(ch), 13U) << ch;
        EXPECT_EQ(bench.host.memory.get64(this->target_of(ch) + 0xf'0000), 0x77U + ch);
        for (unsigned i = 0; i < 12; ++i) {
          for (std::uint64_t a = 0; a < 0x700; ++a) {
            const std::uint64_t at = this->target_of(ch) + i * 0x1000 + a;
            ASSERT_EQ(bench.host.memory.get(at), host.get(at)) << std::hex << at;
            ASSERT_EQ(bench.vram.memory.get(at), vram.get(at)) << std::hex << at;
          }
        }
      }
      // The one in trouble works again once its device answers.
      bench.host.silent = bench.vram.silent = nullptr;
      bench.host.read_errors.clear();
      bench.vram.read_errors.clear();
      bench.host.write_errors.clear();
      bench.vram.write_errors.clear();
      ASSERT_TRUE(bench.reset_channel(bad));
      EXPECT_FALSE(bench.error(bad));
      this->work(bench, bad, 3, random, host, vram);
      bench.doorbell(bad);
      ASSERT_TRUE(bench.wait_idle(400'000, bad));
      EXPECT_EQ(bench.head(bad), 4U);
    }
  }
}

constexpr unsigned kFour = 4;  // channels that compete

/// Data beats of each channel on VRAM's W channel between two cycles; AW and W are in the same order.
template <class Bench>
std::array<double, kFour> shares(const Bench& bench, std::uint64_t from, std::uint64_t to) {
  std::vector<unsigned> owner;
  for (const BusEvent& e : bench.vram.log) {
    if (e.kind == Kind::Aw) owner.insert(owner.end(), e.len + 1, e.id >> 2);
  }
  std::array<double, kFour> beats{};
  std::size_t n = 0;
  double all = 0;
  for (const BusEvent& e : bench.vram.log) {
    if (e.kind != Kind::W) continue;
    const unsigned ch = owner[n++];
    if (e.cycle < from || e.cycle >= to) continue;
    beats[ch] += 1;
    all += 1;
  }
  for (double& b : beats) b *= 100 / all;
  return beats;
}

// Four channels copy without end, with different sizes: the bus is full, and divided by weight, not by burst.
TYPED_TEST(DmaChannel, WeightsDivideTheBus) {
  covers("contract.dma.channels");
  // Longer bursts take longer to come out even.
  constexpr unsigned kTurns = TypeParam::kMaxBurst / 16;
  struct Case {
    std::array<unsigned, kFour> weight;
    std::array<unsigned, kFour> bytes;
    std::array<double, kFour> share;
  };
  for (const Case& c : {Case{{1, 1, 1, 1}, {4096, 4096, 4096, 4096}, {25, 25, 25, 25}},
                        Case{{0, 1, 1, 1}, {256, 4096, 64, 1024}, {25, 25, 25, 25}},
                        Case{{1, 2, 3, 4}, {4096, 4096, 4096, 4096}, {10, 20, 30, 40}},
                        Case{{8, 1, 1, 2}, {1024, 1024, 4096, 256}, {66.7, 8.3, 8.3, 16.7}}}) {
    TypeParam bench;
    bench.host.keep_log = false;
    bench.vram.timing.read_latency = 20;
    for (unsigned ch = 0; ch < kFour; ++ch) {
      bench.start(kLogical, this->ring_of(ch) * 4, 12, 3, ch);
      bench.write32(bench.reg(dma::CH_CFG::kOffset, ch), c.weight[ch]);
      for (unsigned i = 0; i < 500 * kTurns; ++i) {
        bench.push(Descriptor::copy(kVram, this->source_of(ch) + i % 16 * 0x1000, kVram,
                                    this->target_of(ch) + i % 16 * 0x1000, c.bytes[ch]),
                   ch);
      }
    }
    for (unsigned ch = 0; ch < kFour; ++ch) bench.doorbell(ch);
    bench.run(1000 + 1600 * kTurns);  // no ring runs dry
    const std::uint64_t end = bench.cycle();
    const auto got = shares(bench, end - 1600 * kTurns, end);
    fmt::print("weights {} {} {} {}, {} {} {} {} B: shares {:.1f} {:.1f} {:.1f} {:.1f} %\n", c.weight[0],
               c.weight[1], c.weight[2], c.weight[3], c.bytes[0], c.bytes[1], c.bytes[2], c.bytes[3], got[0],
               got[1], got[2], got[3]);
    for (unsigned ch = 0; ch < kFour; ++ch) EXPECT_NEAR(got[ch], c.share[ch], 2.0) << ch;
    std::uint64_t beats = 0;
    for (const BusEvent& e : bench.vram.log)
      beats += e.kind == Kind::W && e.cycle >= end - 1600 * kTurns ? 1 : 0;
    EXPECT_GT(beats, 1570U * kTurns) << "the bus is full";
    for (unsigned ch = 0; ch < kFour; ++ch) bench.write32(bench.reg(dma::CH_CTRL::kOffset, ch), 2);
    for (unsigned ch = 0; ch < kFour; ++ch) ASSERT_TRUE(bench.wait_idle(400'000, ch));
  }
}

// A short copy of the high class, while three others fill the bus: its reads and writes go next.
TYPED_TEST(DmaChannel, HighClassGoesFirst) {
  covers("contract.dma.channels");
  std::array<std::uint64_t, 2> took{};
  for (const bool high : {false, true}) {
    TypeParam bench;
    for (unsigned ch = 0; ch < 3; ++ch) {
      bench.start(kLogical, this->ring_of(ch), 9, 3, ch);
      bench.write32(bench.reg(dma::CH_CFG::kOffset, ch), 15);
      for (unsigned i = 0; i < 400; ++i)
        bench.push(Descriptor::copy(kVram, this->source_of(ch), kVram, this->target_of(ch), 4096), ch);
      bench.doorbell(ch);
    }
    bench.start(kLogical, this->ring_of(3), 9, 3, 3);
    bench.write32(bench.reg(dma::CH_CFG::kOffset, 3),
                  static_cast<std::uint32_t>(dma::CH_CFG::HIGH.put(high ? 1 : 0)));
    bench.run(2000);
    for (unsigned i = 0; i < 50; ++i) {
      bench.push(Descriptor::copy(kVram, this->source_of(3), kVram, this->target_of(3), 64), 3);
      bench.push(Descriptor::fence(kLogical, 0x9000, i, false), 3);
    }
    const std::uint64_t from = bench.cycle();
    bench.doorbell(3);
    ASSERT_TRUE(bench.wait_idle(400'000, 3));
    took[high ? 1 : 0] = bench.cycle() - from;
    for (unsigned ch = 0; ch < 3; ++ch) bench.write32(bench.reg(dma::CH_CTRL::kOffset, ch), 2);
    for (unsigned ch = 0; ch < 3; ++ch) ASSERT_TRUE(bench.wait_idle(400'000, ch));
  }
  fmt::print("50 copies of 64 B with fences against three full channels: {} cycles, high class {}\n", took[0],
             took[1]);
  EXPECT_LT(took[1] * 3, took[0]);
}

}  // namespace
}  // namespace gpudmar::test
