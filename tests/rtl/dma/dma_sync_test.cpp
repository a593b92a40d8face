// SPDX-License-Identifier: Apache-2.0
// Semaphores, signals, timestamps and chained rings.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;
constexpr std::uint64_t kSem = 0x9018, kRing = 0x1'0000;

template <class Bench>
class DmaSync : public ::testing::Test {
 protected:
  static std::uint64_t word(Bench& bench, std::uint64_t offset) { return bench.read64(offset); }
};
TYPED_TEST_SUITE(DmaSync, Widths);

TYPED_TEST(DmaSync, WaitHoldsBackUntilEachConditionIsMet) {
  covers("contract.dma.sem");
  struct Case {
    unsigned condition;
    std::uint64_t value, mask, before, met;
  };
  namespace c = dma::condition;
  for (const Case& k : {Case{c::EQUAL, 5, ~0ULL, 4, 5}, Case{c::EQUAL, 0x50, 0xf0, 0x4f, 0xabc'0000'0050},
                        Case{c::NOT_EQUAL, 7, ~0ULL, 7, 8}, Case{c::NOT_EQUAL, 0, 1, 2, 3},
                        Case{c::GREATER_EQUAL, 1ULL << 63, ~0ULL, (1ULL << 63) - 1, 1ULL << 63},
                        Case{c::LESS, 10, 0xff, 0x0a, 0xff09}, Case{c::REACHED, 2, ~0ULL, ~0ULL, 2},
                        Case{c::REACHED, ~0ULL, ~0ULL, ~0ULL - 1, 3}}) {
    for (const unsigned space : {kVram, kLogical}) {
      SCOPED_TRACE(fmt::format("condition {} value {:#x} space {}", k.condition, k.value, space));
      TypeParam bench;
      bench.host.timing.read_latency = bench.vram.timing.read_latency = 7;
      bench.start(kVram, kRing, 4);
      bench.memory(space).memory.set64(kSem, k.before);
      bench.vram.memory.set64(0x5000, 0x1111);
      bench.push(Descriptor::wait(space, kSem, k.condition, k.value, k.mask));
      bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8));
      bench.doorbell();
      bench.run(300);
      EXPECT_EQ(bench.head(), 0U);
      EXPECT_EQ(dma::CH_STATUS::WAITING.get(bench.status()), 1U);
      EXPECT_EQ(bench.vram.memory.get64(0x6000), 0U);
      EXPECT_TRUE(events(bench.vram, Kind::Ar, kIdData).empty());
      EXPECT_GT(events(bench.memory(space), Kind::Ar, kIdSem).size(), 10U) << "it polls";
      bench.memory(space).memory.set64(kSem, k.met);
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), 2U);
      EXPECT_EQ(dma::CH_STATUS::WAITING.get(bench.status()), 0U);
      EXPECT_EQ(bench.vram.memory.get64(0x6000), 0x1111U);
    }
  }
}

TYPED_TEST(DmaSync, PollsKeepTheirInterval) {
  covers("contract.dma.sem");
  for (const unsigned interval : {0U, 1U, 50U}) {
    TypeParam bench;
    bench.host.timing.read_latency = 10;
    bench.start(kVram, kRing, 4);
    bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1, ~0ULL, 0, interval));
    bench.doorbell();
    bench.run(600);
    const auto ars = events(bench.host, Kind::Ar, kIdSem);
    ASSERT_GT(ars.size(), 5U);
    for (std::size_t i = 1; i < ars.size(); ++i) EXPECT_EQ(ars[i].cycle - ars[i - 1].cycle, 13 + interval);
    bench.host.memory.set64(kSem, 1);
    ASSERT_TRUE(bench.wait_idle());
  }
}

// Behind copies whose answers are slow: what was before the wait completes, the time-out is reported in its
// turn, and RESUME waits anew.
TYPED_TEST(DmaSync, WaitTimesOutAndResumes) {
  covers("contract.dma.sem");
  for (const unsigned slow : {1U, 700U}) {
    TypeParam bench;
    bench.vram.timing.write_latency = slow;
    bench.start(kVram, kRing, 4);
    for (unsigned i = 0; i < 4; ++i) {
      bench.vram.memory.set64(0x5000 + 8 * i, 0x100 + i);
      bench.push(Descriptor::copy(kVram, 0x5000 + 8 * i, kVram, 0x6000 + 8 * i, 8));
    }
    bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1, ~0ULL, 400)
                   .with(dma::descriptor::TAG, 0xabc));
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x7000, 8));
    bench.doorbell();
    const std::uint64_t from = bench.cycle();
    ASSERT_TRUE(bench.wait_error());
    EXPECT_GT(bench.cycle() - from, 400U);
    EXPECT_LT(bench.cycle() - from, std::max(400U, slow) + 100);
    EXPECT_EQ(bench.head(), 4U);
    EXPECT_EQ(error_code(bench), dma::error::SEM_TIMEOUT);
    EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), kSem);
    EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), 0xabcU);
    for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(bench.vram.memory.get64(0x6000 + 8 * i), 0x100 + i);
    EXPECT_EQ(bench.vram.memory.get64(0x7000), 0U);
    ASSERT_TRUE(bench.command(4));
    bench.run(100);
    EXPECT_FALSE(bench.error());
    bench.host.memory.set64(kSem, 1);
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), 6U);
    EXPECT_EQ(bench.vram.memory.get64(0x7000), 0x100U);
  }
}

TYPED_TEST(DmaSync, WaitReportsAFailedPollAndLostBusMastering) {
  covers("contract.dma.sem");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.host.read_errors[kSem] = 3;
  bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(error_code(bench), dma::error::READ);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), kSem);
  EXPECT_EQ(dma::CH_ERR_INFO::RESP.get(bench.read32(dma::CH_ERR_INFO::kOffset)), 3U);
  bench.host.read_errors.clear();
  ASSERT_TRUE(bench.command(4));
  bench.run(60);
  EXPECT_FALSE(bench.error());
  bench.write32(dma::CFG_COMMAND::kOffset, 2);
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(error_code(bench), dma::error::BUS_MASTER);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), kRing);
  bench.write32(dma::CFG_COMMAND::kOffset, 3);
  ASSERT_TRUE(bench.command(8));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 1U) << "skipped";
}

// Bus mastering is lost in every cycle around the start of a wait, behind one whose poll was answered with an
// error: what that one was answered is not told of this one.
TYPED_TEST(DmaSync, BusMasteringIsLostAsAWaitBegins) {
  covers("contract.dma.sem");
  for (unsigned offset = 0; offset < 40; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    bench.start(kVram, kRing, 4);
    bench.host.read_errors[kSem] = 3;
    bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1));
    bench.push(Descriptor::wait(kLogical, kSem + 8, dma::condition::EQUAL, 1));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_error());
    ASSERT_EQ(error_code(bench), dma::error::READ);
    bench.write32(dma::CH_CTRL::kOffset, 9);  // SKIP
    bench.run(offset);
    bench.write32(dma::CFG_COMMAND::kOffset, 2);
    ASSERT_TRUE(bench.wait(
        "the second error",
        [&] { return bench.error() && bench.head() == 1 && error_code(bench) == dma::error::BUS_MASTER; },
        1000));
    EXPECT_EQ(dma::CH_ERR_INFO::RESP.get(bench.read32(dma::CH_ERR_INFO::kOffset)), 0U);
  }
}

// Producer and consumer in two channels, through two semaphores, with random answers: each block is read only
// after it was written, and written again only after it was read.
TYPED_TEST(DmaSync, ChannelsHandShake) {
  covers("contract.dma.sem");
  const std::uint64_t seed = seed_of(41);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 5; ++round) {
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 30;
      port->timing.write_latency = 1 + random() % 90;
      port->timing.write_jitter = random() % 90;
      port->timing.ready_percent = 40 + random() % 61;
      port->timing.shuffle_ids = true;
    }
    constexpr unsigned kBlocks = 12, kBytes = 300;
    constexpr std::uint64_t kMail = 0x5'0000, kFull = 0x8000, kFree = 0x8008;
    bench.start(kVram, kRing, 7, 0, 0);
    bench.start(kLogical, kRing, 7, 0, 2);
    for (unsigned n = 0; n < kBlocks; ++n) {
      for (unsigned a = 0; a < kBytes; ++a)
        bench.vram.memory.set(0x10'0000 + n * 0x1000 + a, static_cast<std::uint8_t>(random()));
      bench.push(Descriptor::wait(kLogical, kFree, dma::condition::GREATER_EQUAL, n), 0);
      bench.push(Descriptor::copy(kVram, 0x10'0000 + n * 0x1000, kLogical, kMail, kBytes), 0);
      bench.push(Descriptor::signal(kVram, kFull, n + 1), 0);
      bench.push(Descriptor::wait(kVram, kFull, dma::condition::REACHED, n + 1), 2);
      bench.push(Descriptor::copy(kLogical, kMail, kVram, 0x20'0000 + n * 0x1000, kBytes), 2);
      bench.push(Descriptor::signal(kLogical, kFree, n + 1), 2);
    }
    bench.doorbell(0);
    bench.doorbell(2);
    ASSERT_TRUE(bench.wait_idle(400'000, 0));
    ASSERT_TRUE(bench.wait_idle(400'000, 2));
    for (unsigned n = 0; n < kBlocks; ++n) {
      for (unsigned a = 0; a < kBytes; ++a) {
        ASSERT_EQ(bench.vram.memory.get(0x20'0000 + n * 0x1000 + a),
                  bench.vram.memory.get(0x10'0000 + n * 0x1000 + a))
            << n << " " << a;
      }
    }
    EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), 0U) << "a signal is no fence";
  }
}

// A signal's write starts after every B of what was before it; what is behind it need not wait.
TYPED_TEST(DmaSync, SignalAndTimestampComeAfterTheAnswersBeforeThem) {
  covers("contract.dma.sem");
  for (const unsigned b_latency : {1U, 40U, 300U}) {
    TypeParam bench;
    bench.vram.timing.write_latency = b_latency;
    bench.start(kVram, kRing, 4);
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 4000));
    bench.push(Descriptor::signal(kLogical, kSem, 77, true));
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x7000, 64));
    bench.push(Descriptor::timestamp(kLogical, 0x9100));
    bench.push(Descriptor::timestamp(kLogical, 0x9108));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    bench.run(20);
    EXPECT_EQ(bench.host.memory.get64(kSem), 77U);
    EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 1U);
    const auto signals = events(bench.host, Kind::Aw, kIdFence);
    const auto bs = events(bench.vram, Kind::B, kIdData);
    ASSERT_EQ(signals.size(), 3U);
    std::size_t before = 0;
    for (const BusEvent& b : bs) before += b.cycle < signals[0].cycle ? 1 : 0;
    EXPECT_EQ(before, bs.size() - 1) << "all of the first copy, not the second";
    EXPECT_LT(bs.back().cycle, signals[1].cycle);
    // Counters a few cycles before the writes, and in order.
    const std::uint64_t first = bench.host.memory.get64(0x9100), second = bench.host.memory.get64(0x9108);
    EXPECT_EQ(second - first, signals[2].cycle - signals[1].cycle);
    const std::uint64_t now = bench.read64(dma::TIMESTAMP::kOffset);
    EXPECT_NEAR(static_cast<double>(now - second), static_cast<double>(bench.cycle() - signals[2].cycle), 4);
  }
}

// Random chains of segments in both memories, run several times round; nothing outside the segments is read.
TYPED_TEST(DmaSync, ChainedRings) {
  covers("contract.dma.link");
  const std::uint64_t seed = seed_of(42);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 25; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 40;
      port->timing.write_latency = 1 + random() % 40;
      port->timing.ready_percent = 50 + random() % 51;
    }
    const unsigned log2 = 3 + static_cast<unsigned>(random() % 4), size = 1U << log2;
    struct Segment {
      unsigned space;
      std::uint64_t base;
      unsigned first, count;
    };
    std::vector<Segment> chain;
    for (unsigned at = 0, n = 0; at < size; ++n) {
      const unsigned left = size - at;
      unsigned count = 2 + static_cast<unsigned>(random() % 12);
      if (count > left) count = left;
      chain.push_back(
          {random() % 2 == 0 ? kVram : kLogical, 0x40'0000 + n * 0x1'0000 + random() % 64 * 64, at, count});
      at += count;
    }
    chain[0].space = kVram;
    const auto place_of = [&](unsigned index) {
      for (const Segment& s : chain) {
        if (index >= s.first && index < s.first + s.count)
          return std::tuple(s.space, s.base + (index - s.first) * 64ULL);
      }
      throw std::logic_error("no such index");
    };
    const auto link_at = [&](unsigned index) -> const Segment* {
      for (std::size_t s = 0; s + 1 < chain.size(); ++s) {
        if (index == chain[s].first + chain[s].count - 1) return &chain[s + 1];
      }
      return nullptr;
    };
    bench.start(kVram, chain[0].base, log2);
    bench.write32(dma::CH_RING_SEG::kOffset, chain[0].count);
    unsigned tail = 0, done = 0;
    for (unsigned pass = 0; pass < 6; ++pass) {
      const unsigned n = 1 + static_cast<unsigned>(random() % (size - 1));
      for (unsigned i = 0; i < n; ++i) {
        const auto [space, addr] = place_of(tail);
        if (const Segment* next = link_at(tail)) {
          bench.place(space, addr, Descriptor::link(next->space, next->base, next->count));
        } else {
          bench.vram.memory.set64(0x100'0000 + done * 8ULL, 0x5a5a'0000 + done);
          bench.place(space, addr,
                      Descriptor::copy(kVram, 0x100'0000 + done * 8ULL, kVram, 0x200'0000 + done * 8ULL, 8));
          ++done;
        }
        tail = (tail + 1) % size;
      }
      bench.write32(dma::CH_TAIL::kOffset, tail);
      ASSERT_TRUE(bench.wait_idle());
      ASSERT_FALSE(bench.error()) << error_code(bench) << " at " << bench.head();
      ASSERT_EQ(bench.head(), tail);
    }
    for (unsigned i = 0; i < done; ++i)
      ASSERT_EQ(bench.vram.memory.get64(0x200'0000 + i * 8ULL), 0x5a5a'0000 + i);
    for (const bool host : {false, true}) {
      for (const BusEvent& e : events(host ? bench.host : bench.vram, Kind::R, kIdRing)) {
        const bool inside = std::any_of(chain.begin(), chain.end(), [&](const Segment& s) {
          return s.space == (host ? kLogical : kVram) && e.addr >= s.base &&
                 e.addr < s.base + s.count * 64ULL;
        });
        ASSERT_TRUE(inside) << fmt::format("read of {:#x} in {}", e.addr, host ? "host" : "vram");
      }
    }
  }
}

TYPED_TEST(DmaSync, ChainErrors) {
  covers("contract.dma.link");
  // A segment that ends without a LINK: the error stands at the index behind it.
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.write32(dma::CH_RING_SEG::kOffset, 3);
  for (unsigned i = 0; i < 6; ++i) bench.push(Descriptor::nop(i));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.head(), 3U);
  EXPECT_EQ(error_code(bench), dma::error::BAD_LINK);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), kRing + 3 * 64);
  // The driver puts a LINK where it was missing? It cannot: index 2 has gone by. A reset is the way out.
  ASSERT_TRUE(bench.reset_channel());
  // An error in the second segment, resumed: the descriptor is read again from there.
  bench.push(Descriptor::nop());
  bench.push(Descriptor::nop());
  bench.push(Descriptor::link(kLogical, 0x7000, 5));
  bench.place(kLogical, 0x7000, Descriptor::nop());
  bench.place(kLogical, 0x7040, Descriptor::nop().with(dma::descriptor::OPCODE, 0x66));
  bench.place(kLogical, 0x7080, Descriptor::fence(kVram, 0x8000, 5, false));
  bench.write32(dma::CH_TAIL::kOffset, 6);
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.head(), 4U);
  EXPECT_EQ(error_code(bench), dma::error::BAD_OPCODE);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), 0x7040U);
  bench.place(kLogical, 0x7040, Descriptor::nop());
  ASSERT_TRUE(bench.command(4));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 6U);
  EXPECT_EQ(bench.vram.memory.get64(0x8000), 5U);
  // An error in front of a LINK that was decoded already leads back to the first segment.
  ASSERT_TRUE(bench.reset_channel());
  bench.vram.timing.read_latency = 200;
  bench.vram.read_errors[0x5000] = 2;
  bench.push(Descriptor::nop());
  bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8));
  bench.push(Descriptor::link(kLogical, 0x7000, 5));
  bench.write32(dma::CH_TAIL::kOffset, 6);
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.head(), 1U);
  bench.vram.read_errors.clear();
  bench.vram.memory.set64(0x5000, 0x77);
  ASSERT_TRUE(bench.command(4));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 6U);
  EXPECT_EQ(bench.vram.memory.get64(0x6000), 0x77U);
}

// The time is over while a poll is under way, or in the pause between two: what the last poll finds counts,
// and a pause does not make the time longer.
TYPED_TEST(DmaSync, TimeIsOverWithinAPollAndAPause) {
  covers("contract.dma.sem");
  for (const bool met : {false, true}) {
    SCOPED_TRACE(met);
    TypeParam bench;
    bench.host.timing.read_latency = 200;
    bench.start(kVram, kRing, 4);
    bench.host.memory.set64(kSem, met ? 1 : 0);
    bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1, ~0ULL, 100));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle(1000));
    EXPECT_EQ(bench.error(), !met);
    EXPECT_EQ(bench.head(), met ? 1U : 0U);
    EXPECT_EQ(events(bench.host, Kind::Ar, kIdSem).size(), 1U);
    if (!met) {
      EXPECT_EQ(error_code(bench), dma::error::SEM_TIMEOUT);
    }
  }
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1, ~0ULL, 300, 10'000));
  bench.doorbell();
  const std::uint64_t from = bench.cycle();
  ASSERT_TRUE(bench.wait_error(0, 1000));
  EXPECT_GE(bench.cycle() - from, 300U);
  EXPECT_EQ(error_code(bench), dma::error::SEM_TIMEOUT);
  EXPECT_EQ(events(bench.host, Kind::Ar, kIdSem).size(), 1U);
}

// A wait is given up at every point of its polls, as its condition is met too.
TYPED_TEST(DmaSync, WaitIsResetAtEveryPoint) {
  covers("contract.dma.sem", "contract.dma.reset");
  for (const bool meets : {false, true}) {
    for (unsigned offset = 0; offset < 50; ++offset) {
      SCOPED_TRACE(fmt::format("meets {} offset {}", meets, offset));
      TypeParam bench(offset + 2);
      bench.host.timing.read_latency = 5;
      bench.host.timing.ready_percent = 40;
      bench.start(kVram, kRing, 4);
      bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1));
      bench.push(Descriptor::fence(kVram, 0x8000, 5, false));
      bench.doorbell();
      bench.run(offset);
      if (meets) bench.host.memory.set64(kSem, 1);
      bench.run(offset % 9);
      ASSERT_TRUE(bench.reset_channel());
      ASSERT_TRUE(bench.wait_idle(100));
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), 0U);
      EXPECT_EQ(dma::CH_STATUS::WAITING.get(bench.status()), 0U);
      const std::size_t before = bench.host.log.size();
      bench.run(100);
      EXPECT_EQ(bench.host.log.size(), before) << "it polls on";
      bench.host.memory.set64(kSem, 1);
      bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1));
      bench.push(Descriptor::fence(kVram, 0x8008, 6, false));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_idle(1000));
      EXPECT_EQ(bench.head(), 2U);
      EXPECT_EQ(bench.vram.memory.get64(0x8008), 6U);
    }
  }
}

// A LINK before the end of its segment, while what stands behind it is being fetched: that is not run.
TYPED_TEST(DmaSync, LinkBeforeTheEndOfItsSegment) {
  covers("contract.dma.link");
  for (unsigned before = 0; before < 6; ++before) {
    for (const unsigned latency : {1U, 6U, 40U}) {
      SCOPED_TRACE(fmt::format("{} before, latency {}", before, latency));
      TypeParam bench;
      bench.vram.timing.read_latency = bench.host.timing.read_latency = latency;
      bench.start(kVram, kRing, 5);
      bench.write32(dma::CH_RING_SEG::kOffset, 24);
      // A fence before it holds it back until what is behind it has come.
      if (before % 2 == 1) bench.vram.timing.write_latency = 50;
      for (unsigned i = 0; i < before; ++i)
        bench.push(before % 2 == 1 ? Descriptor::fence(kVram, 0x8010, i, false) : Descriptor::nop());
      bench.push(Descriptor::link(kLogical, 0x7000, 20));
      for (unsigned i = before + 1; i < 24; ++i)
        bench.push(Descriptor::fence(kVram, 0x8000, 0xbad, true));  // never
      for (unsigned i = 0; i < 4; ++i)
        bench.place(kLogical, 0x7000 + 64ULL * i, Descriptor::signal(kVram, 0x9000 + 8 * i, i + 1));
      bench.write32(dma::CH_TAIL::kOffset, before + 5);
      ASSERT_TRUE(bench.wait_idle(2000));
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), before + 5);
      for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(bench.vram.memory.get64(0x9000 + 8 * i), i + 1);
      EXPECT_EQ(bench.vram.memory.get64(0x8000), 0U);
    }
  }
}

// A LINK at the last index of the ring: index 0 stands at the ring's base all the same.
TYPED_TEST(DmaSync, LinkAtTheEndOfTheRing) {
  covers("contract.dma.link");
  TypeParam bench;
  bench.start(kVram, kRing, 2);
  for (unsigned i = 0; i < 3; ++i) bench.push(Descriptor::nop());
  bench.place(kVram, kRing + 3 * 64, Descriptor::link(kLogical, 0x7000, 4));
  bench.place(kLogical, 0x7000, Descriptor::signal(kVram, 0x8000, 0xbad));
  bench.write32(dma::CH_TAIL::kOffset, 3);
  ASSERT_TRUE(bench.wait_idle(1000));
  bench.place(kVram, kRing, Descriptor::signal(kVram, 0x8008, 7));
  bench.write32(dma::CH_TAIL::kOffset, 1);
  ASSERT_TRUE(bench.wait_idle(1000));
  EXPECT_FALSE(bench.error());
  EXPECT_EQ(bench.head(), 1U);
  EXPECT_EQ(bench.vram.memory.get64(0x8000), 0U);
  EXPECT_EQ(bench.vram.memory.get64(0x8008), 7U);
  EXPECT_TRUE(bench.host.log.empty()) << "outside the ring";
}

// The first descriptor of the ring is a LINK, and the one behind it fails: it is fetched again from its
// segment.
TYPED_TEST(DmaSync, ResumesBehindALinkAtIndex0) {
  covers("contract.dma.link");
  TypeParam bench;
  bench.start(kVram, kRing, 3);
  bench.write32(dma::CH_RING_SEG::kOffset, 1);
  bench.place(kVram, kRing, Descriptor::link(kVram, 0x7000, 3));
  bench.place(kVram, kRing + 64, Descriptor::signal(kVram, 0x8000, 0xbad));
  bench.place(kVram, 0x7000, Descriptor::copy(kLogical, 0x9000, kVram, 0xa000, 64));
  bench.place(kVram, 0x7040, Descriptor::signal(kVram, 0x8008, 7));
  bench.host.read_errors[0x9000] = 2;
  bench.write32(dma::CH_TAIL::kOffset, 3);
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.head(), 1U);
  EXPECT_EQ(error_code(bench), dma::error::READ);
  bench.host.read_errors.clear();
  ASSERT_TRUE(bench.command(4));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_FALSE(bench.error());
  EXPECT_EQ(bench.head(), 3U);
  EXPECT_EQ(bench.vram.memory.get64(0x8000), 0U);
  EXPECT_EQ(bench.vram.memory.get64(0x8008), 7U);
}

// The second segment ends without a LINK: the error names the place behind it.
TYPED_TEST(DmaSync, LaterSegmentEndsWithoutALink) {
  covers("contract.dma.link");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.write32(dma::CH_RING_SEG::kOffset, 2);
  bench.push(Descriptor::nop());
  bench.push(Descriptor::link(kLogical, 0x7000, 2));
  bench.place(kLogical, 0x7000, Descriptor::nop());
  bench.vram.timing.write_latency = 60;
  bench.place(kLogical, 0x7040, Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8));
  bench.write32(dma::CH_TAIL::kOffset, 8);
  ASSERT_TRUE(bench.wait_error(0, 1000));
  EXPECT_EQ(bench.head(), 4U);
  EXPECT_EQ(error_code(bench), dma::error::BAD_LINK);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), 0x7080U);
}

// Operations, descriptors and polls want the same port, which takes few requests: all of them get on.
TYPED_TEST(DmaSync, PollsBesideReadsAndDescriptors) {
  covers("contract.dma.sem");
  {  // no copy first
    TypeParam bench(6);
    bench.host.timing.ready_percent = 15;
    bench.start(kLogical, kRing, 6);
    bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1));
    for (unsigned i = 0; i < 60; ++i) bench.push(Descriptor::nop());
    bench.doorbell();
    bench.run(600);
    EXPECT_EQ(bench.head(), 0U);
    bench.host.memory.set64(kSem, 1);
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), 61U);
  }
  TypeParam bench(5);
  bench.host.timing.ready_percent = 15;
  bench.start(kLogical, kRing, 6);
  for (unsigned i = 0; i < 8192; i += 8) bench.host.memory.set64(0x10'0000 + i, 0x100 + i);
  bench.push(Descriptor::copy(kLogical, 0x10'0000, kVram, 0x20'0000, 8192));
  bench.push(Descriptor::wait(kLogical, kSem, dma::condition::EQUAL, 1));
  for (unsigned i = 0; i < 50; ++i) bench.push(Descriptor::nop());
  bench.doorbell();
  ASSERT_TRUE(bench.wait(
      "the copy", [&] { return bench.head() == 1; }, 20'000));
  EXPECT_GT(events(bench.host, Kind::Ar, kIdSem).size(), 1U) << "polls wait for the copy";
  EXPECT_EQ(dma::CH_STATUS::WAITING.get(bench.status()), 1U);
  bench.host.memory.set64(kSem, 1);
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 52U);
  for (unsigned i = 0; i < 8192; i += 8) ASSERT_EQ(bench.vram.memory.get64(0x20'0000 + i), 0x100 + i);
}

}  // namespace
}  // namespace gpudmar::test
