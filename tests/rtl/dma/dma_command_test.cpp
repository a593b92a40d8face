// SPDX-License-Identifier: Apache-2.0
// What a driver does besides submitting: resume, skip, time-outs, quiesce, write-back, coalescing.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;
constexpr std::uint32_t kResume = 4, kSkip = 8;

/// Completion write-back to A010h.
template <class Bench>
void write_back_to(Bench& bench, unsigned space) {
  bench.write64(dma::CH_WB_ADDR::kOffset, 0xa010);
  bench.write32(dma::CH_WB_CFG::kOffset,
                static_cast<std::uint32_t>(dma::CH_WB_CFG::ENABLE.put(1) | dma::CH_WB_CFG::SPACE.put(space)));
}

template <class Bench>
class DmaCommand : public ::testing::Test {
 protected:
  static unsigned operand(Bench& bench) {
    return static_cast<unsigned>(dma::CH_ERR_INFO::OPERAND.get(bench.read32(dma::CH_ERR_INFO::kOffset)));
  }
};
TYPED_TEST_SUITE(DmaCommand, Widths);

// Random work with failing beats: each error is resumed after its cause was removed, or skipped; all else is
// copied.
TYPED_TEST(DmaCommand, ResumeAndSkip) {
  covers("contract.dma.commands");
  const std::uint64_t seed = seed_of(51);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 25; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 30;
      port->timing.write_latency = 1 + random() % 60;
      port->timing.ready_percent = 40 + random() % 61;
      port->timing.shuffle_ids = true;
    }
    bench.start(random() % 2 == 0 ? kVram : kLogical, 0x1000, 5);
    constexpr unsigned kCount = 24;
    std::vector<bool> skipped(kCount, false);
    constexpr std::uint64_t kFrom = 0x10'0000, kTo = 0x40'0000;
    for (unsigned i = 0; i < kCount; ++i) {
      for (unsigned a = 0; a < 700; ++a)
        bench.host.memory.set(kFrom + i * 0x1000 + a, static_cast<std::uint8_t>(1 + random() % 255));
      bench.push(Descriptor::copy(kLogical, kFrom + i * 0x1000, kVram, kTo + i * 0x1000, 700, 0x50 + i));
      const std::uint64_t at = i * 0x1000 + 64 * (random() % 10);
      if (random() % 4 == 0) bench.host.read_errors[kFrom + at] = 2;
      if (random() % 6 == 0) bench.vram.write_errors[kTo + i * 0x1000] = 3;
    }
    bench.doorbell();
    unsigned errors = 0;
    while (errors < 40) {
      ASSERT_TRUE(bench.wait_idle());
      if (!bench.error()) break;
      ++errors;
      const unsigned at = bench.head();
      ASSERT_LT(at, kCount);
      EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), 0x50 + at);
      const std::uint64_t where = bench.read64(dma::CH_ERR_ADDR::kOffset);
      const bool read = error_code(bench) == dma::error::READ;
      EXPECT_EQ((read ? bench.host.read_errors : bench.vram.write_errors).count(where), 1U)
          << std::hex << where;
      bench.write32(dma::INT_STATUS::kOffset, 3);
      if (random() % 3 == 0) {
        skipped[at] = true;
        ASSERT_TRUE(bench.command(kSkip));
      } else {
        (read ? bench.host.read_errors : bench.vram.write_errors).erase(where);
        ASSERT_TRUE(bench.command(kResume));
      }
    }
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.head(), kCount);
    for (unsigned i = 0; i < kCount; ++i) {
      if (skipped[i]) continue;
      for (unsigned a = 0; a < 700; ++a) {
        ASSERT_EQ(bench.vram.memory.get(kTo + i * 0x1000 + a), bench.host.memory.get(kFrom + i * 0x1000 + a))
            << fmt::format("copy {} byte {}", i, a);
      }
    }
  }
}

TYPED_TEST(DmaCommand, CommandsWithoutAnErrorDoNothing) {
  covers("contract.dma.commands");
  TypeParam bench;
  bench.start(kVram, 0x1000, 4);
  bench.write32(dma::CH_CTRL::kOffset, 1 | kResume | kSkip);
  EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 1U);
  bench.push(Descriptor::nop());
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 1U);
}

// A device goes silent for one kind of request: reported with the address waited for, nothing hangs, and when
// the answers come after all, RESUME runs the descriptor again.
TYPED_TEST(DmaCommand, SilentDevices) {
  covers("contract.dma.timeout");
  struct Case {
    const char* name;
    bool write;
    unsigned id;
    std::uint64_t addr;  // silent from this address on
    unsigned head, operand;
  };
  constexpr std::uint64_t kFrom = 0x5000, kTo = 0x6000, kFence = 0x9000, kSem = 0x8000, kRing = 0x1'0000;
  const std::uint64_t beat = TypeParam::kBytes;
  for (const Case& c : {Case{"first read", false, kIdData, kFrom, 1, 1},
                        Case{"later beat", false, kIdData, kFrom + 5 * beat, 1, 1},
                        Case{"write", true, kIdData, kTo, 1, 2}, Case{"fence", true, kIdFence, kFence, 2, 2},
                        Case{"poll", false, kIdSem, kSem, 3, 1}, Case{"ring", false, kIdRing, kRing, 0, 0}}) {
    for (const unsigned space : {kLogical, kVram}) {
      SCOPED_TRACE(fmt::format("{}, space {}", c.name, space));
      TypeParam bench;
      AxiMemory& port = bench.memory(space);
      bench.start(space, kRing, 4);
      bench.write32(dma::TIMEOUT::kOffset, 500);
      for (unsigned i = 0; i < 1024; i += 8) port.memory.set64(kFrom + i, 0x1111 + i);
      port.memory.set64(kSem, 1);
      bench.push(Descriptor::nop(0x50));
      bench.push(Descriptor::copy(space, kFrom, space, kTo, 1024, 0x51));
      bench.push(Descriptor::fence(space, kFence, 7, false, 0x52));
      bench.push(Descriptor::wait(space, kSem, dma::condition::EQUAL, 1).with(dma::descriptor::TAG, 0x53));
      bench.push(Descriptor::fence(space, kFence + 64, 8, false, 0x54));
      port.silent = [&c](bool write, unsigned id, std::uint64_t addr) {
        return write == c.write && id == c.id && addr >= c.addr;
      };
      bench.doorbell();
      ASSERT_TRUE(bench.wait_error());
      EXPECT_EQ(error_code(bench), dma::error::TIMEOUT);
      EXPECT_EQ(this->operand(bench), c.operand);
      EXPECT_EQ(bench.head(), c.head);
      EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), c.addr);
      EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), c.id == kIdRing && !c.write ? 0 : 0x50 + c.head);
      EXPECT_EQ(dma::CH_STATUS::HUNG.get(bench.status()), 1U);
      EXPECT_FALSE(bench.idle());
      EXPECT_NE(bench.read32(dma::INT_STATUS::kOffset) & 2, 0U);
      // A command waits for the answers.
      bench.write32(dma::CH_CTRL::kOffset, 1 | kResume);
      bench.run(700);
      EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 1 | kResume);
      port.silent = nullptr;
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), 5U);
      EXPECT_EQ(port.memory.get64(kFence + 64), 8U);
      for (unsigned i = 0; i < 1024; i += 8) ASSERT_EQ(port.memory.get64(kTo + i), 0x1111 + i);
    }
  }
}

// 0 is never, and slow answers within the limit are no error.
TYPED_TEST(DmaCommand, TimeoutCountsSilenceOnly) {
  covers("contract.dma.timeout");
  for (const std::uint32_t cycles : {0U, 450U}) {
    TypeParam bench;
    bench.vram.timing.read_latency = bench.vram.timing.write_latency = 400;
    bench.start(kLogical, 0x1'0000, 4);
    bench.write32(dma::TIMEOUT::kOffset, cycles);
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 20'000));
    bench.push(Descriptor::fence(kVram, 0x9000, 7, false));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.vram.memory.get64(0x9000), 7U);
  }
}

// Silence at any moment: QUIET comes, then no request of any kind starts until it is released, and nothing is
// lost.
TYPED_TEST(DmaCommand, Quiesce) {
  covers("contract.dma.quiesce");
  const std::uint64_t seed = seed_of(52);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  // A slow memory has the beats of all channels to bring before those of one.
  constexpr bool kLarge = TypeParam::kChannels > 4;
  constexpr unsigned kTimeout = kLarge ? 4000 : 2000;
  for (unsigned round = 0; round < (kLarge ? 8 : 30); ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 40;
      port->timing.write_latency = 1 + random() % 40;
      port->timing.ready_percent = 30 + random() % 71;
    }
    for (unsigned i = 0; i < 6008; i += 8) bench.vram.memory.set64(0x10'0000 + i, random());
    // At odd places a write burst may have begun when the reads of its end have not.
    const std::uint64_t from = 0x10'0000 + random() % 8, mid = 0x20'0000 + random() % 64,
                        to = 0x30'0000 + random() % 64;
    bench.write32(dma::TIMEOUT::kOffset, kTimeout);
    for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
      bench.start(random() % 2 == 0 ? kVram : kLogical, 0x1'0000 + ch * 0x1000, 4, 3, ch);
      bench.push(Descriptor::copy(kVram, from, kLogical, mid + ch * 0x1'0000, 6000), ch);
      bench.push(Descriptor::wait(kLogical, 0x8000, dma::condition::EQUAL, 0), ch);
      bench.push(Descriptor::fence(kLogical, 0x9000 + 8 * ch, 7, true), ch);
      bench.push(Descriptor::copy(kLogical, mid + ch * 0x1'0000, kVram, to + ch * 0x1'0000, 6000), ch);
      bench.doorbell(ch);
    }
    bench.run(random() % 1500);
    bench.write32(dma::QUIESCE::kOffset, 1);
    ASSERT_TRUE(bench.wait(
        "QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }, 5000));
    EXPECT_TRUE(bench.host.quiet() && bench.vram.quiet());
    const std::size_t before = bench.host.log.size() + bench.vram.log.size();
    bench.run(kTimeout + 100);
    EXPECT_EQ(bench.host.log.size() + bench.vram.log.size(), before);
    EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 3U);
    bench.write32(dma::QUIESCE::kOffset, 0);
    EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 0U);
    for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
      ASSERT_TRUE(bench.wait_idle(400'000, ch));
      EXPECT_FALSE(bench.error(ch)) << fmt::format("channel {} {:#x} at {:#x}", ch,
                                                   bench.read32(bench.reg(dma::CH_ERR_INFO::kOffset, ch)),
                                                   bench.read64(bench.reg(dma::CH_ERR_ADDR::kOffset, ch)));
      EXPECT_EQ(bench.head(ch), 4U);
      for (unsigned i = 0; i < 6000; i += 8) {
        ASSERT_EQ(bench.vram.memory.get64(to + ch * 0x1'0000 + i), bench.vram.memory.get64(from + i));
      }
    }
  }
}

// In memory HEAD never tells more than is done, is never ahead of FENCE, ends where CH_HEAD ends; the message
// comes after the write-back that tells of its fence.
TYPED_TEST(DmaCommand, WriteBack) {
  covers("contract.dma.writeback");
  for (const unsigned space : {kVram, kLogical}) {
    for (const unsigned b_latency : {1U, 25U, 200U}) {
      SCOPED_TRACE(fmt::format("space {} B {}", space, b_latency));
      TypeParam bench;
      bench.host.timing.write_latency = bench.vram.timing.write_latency = b_latency;
      constexpr std::uint64_t kAt = 0xa010;
      bench.start(kVram, 0x1'0000, 6);
      bench.write64(dma::CH_WB_ADDR::kOffset, kAt);
      bench.write32(dma::CH_WB_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_WB_CFG::ENABLE.put(1) |
                                                                        dma::CH_WB_CFG::SPACE.put(space)));
      for (unsigned i = 0; i < 30; ++i) {
        if (i % 3 == 2) {
          bench.push(Descriptor::fence(kVram, 0x9000, 100 + i, i % 2 == 0));
        } else {
          bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 200));
        }
      }
      bench.doorbell();
      unsigned last = 0, steps = 0, fences_seen = 0;
      ASSERT_TRUE(bench.wait("the end", [&] {
        const std::uint64_t word = bench.memory(space).memory.get64(kAt);
        const std::uint64_t fence = bench.memory(space).memory.get64(kAt + 8);
        const auto head = static_cast<unsigned>(word & 0xffff);
        EXPECT_GE(head, last);
        if (head != last) ++steps;
        last = head;
        if (fence != 0) fences_seen = static_cast<unsigned>(fence) - 100 + 1;
        EXPECT_GE(fences_seen, head / 3 * 3) << "HEAD is ahead of FENCE";
        return head == 30;
      }));
      EXPECT_GT(steps, 1U);
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_EQ(bench.memory(space).memory.get64(kAt + 8), 129U);
      bench.run(2 * b_latency + 20);
      const auto messages = events(bench.host, Kind::Aw, kIdMsi);
      ASSERT_FALSE(messages.empty());
      const auto rounds = events(bench.memory(space), Kind::B, kIdWb);
      const auto first_fence = events(bench.vram, Kind::B, kIdFence);
      EXPECT_TRUE(std::any_of(rounds.begin(), rounds.end(), [&](const BusEvent& b) {
        return b.addr == kAt && b.cycle > first_fence[0].cycle && b.cycle < messages[0].cycle;
      })) << "a message before the write-back";
      // An error is told too.
      bench.push(Descriptor::nop().with(dma::descriptor::OPCODE, 0x99));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_EQ(bench.memory(space).memory.get64(kAt), 30U | 1U << 16);
    }
  }
}

TYPED_TEST(DmaCommand, FailedWriteBackTurnsItOff) {
  covers("contract.dma.writeback");
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 6);
  bench.write64(dma::CH_WB_ADDR::kOffset, 0xa010);
  bench.write32(dma::CH_WB_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_WB_CFG::ENABLE.put(1) |
                                                                    dma::CH_WB_CFG::SPACE.put(kLogical)));
  ASSERT_TRUE(bench.wait_idle());
  bench.host.write_errors[0xa018] = 2;
  bench.push(Descriptor::fence(kVram, 0x9000, 5, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_FALSE(bench.error()) << "the channel goes on";
  EXPECT_EQ(dma::CH_STATUS::WB_FAILED.get(bench.status()), 1U);
  EXPECT_EQ(dma::CH_WB_CFG::ENABLE.get(bench.read32(dma::CH_WB_CFG::kOffset)), 0U);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 3U) << "the fence's cause is not lost";
  EXPECT_EQ(bench.head(), 1U);
}

TYPED_TEST(DmaCommand, Coalescing) {
  covers("contract.dma.coalesce");
  const auto raised = [](TypeParam& bench) { return (bench.read32(dma::INT_STATUS::kOffset) & 1) != 0; };
  const auto fences = [](TypeParam& bench, unsigned n) {
    for (unsigned i = 0; i < n; ++i) bench.push(Descriptor::fence(kVram, 0x9000, 1, true));
    bench.doorbell();
    EXPECT_TRUE(bench.wait_idle());
    bench.run(5);
  };
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 7);
  bench.write32(dma::CH_COALESCE::kOffset, static_cast<std::uint32_t>(dma::CH_COALESCE::COUNT.put(4) |
                                                                      dma::CH_COALESCE::CYCLES.put(2000)));
  fences(bench, 3);
  EXPECT_FALSE(raised(bench));
  fences(bench, 1);
  EXPECT_TRUE(raised(bench)) << "the fourth";
  bench.write32(dma::INT_STATUS::kOffset, 1);
  fences(bench, 1);
  const std::uint64_t from = bench.cycle();
  EXPECT_FALSE(raised(bench));
  ASSERT_TRUE(bench.wait(
      "the time", [&] { return raised(bench); }, 3000));
  EXPECT_NEAR(static_cast<double>(bench.cycle() - from), 2000, 60);
  bench.write32(dma::INT_STATUS::kOffset, 1);
  // An error takes the held one along.
  bench.push(Descriptor::fence(kVram, 0x9000, 1, true));
  bench.push(Descriptor::nop().with(dma::descriptor::OPCODE, 0x99));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 3U);
}

// Either of its two writes fails, while fences are answered at every distance: no cause is lost.
TYPED_TEST(DmaCommand, WriteBackFailsBesideFences) {
  covers("contract.dma.writeback");
  for (const bool second : {false, true}) {
    for (unsigned latency = 1; latency < 30; ++latency) {
      SCOPED_TRACE(fmt::format("second {} latency {}", second, latency));
      TypeParam bench;
      bench.host.timing.write_latency = 12;
      bench.vram.timing.write_latency = latency;
      bench.start(kVram, 0x1'0000, 6);
      write_back_to(bench, kLogical);
      ASSERT_TRUE(bench.wait_idle());
      bench.host.write_errors[0xa010 + (second ? 0 : 8)] = 2;
      bench.push(Descriptor::fence(kVram, 0x9000, 5, true));
      bench.push(Descriptor::fence(kVram, 0x9000, 6, true));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_idle());
      bench.run(30);
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(dma::CH_STATUS::WB_FAILED.get(bench.status()), 1U);
      EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 3U);
      EXPECT_EQ(bench.head(), 2U);
      EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), 6U);
    }
  }
}

// It is set up anew at every distance from a failure: either that came later and it is off, or it works.
TYPED_TEST(DmaCommand, WriteBackIsSetAsItFails) {
  covers("contract.dma.writeback");
  unsigned off = 0, on = 0;
  for (unsigned offset = 0; offset < 40; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    bench.host.timing.write_latency = 12;
    bench.start(kVram, 0x1'0000, 6);
    write_back_to(bench, kLogical);
    ASSERT_TRUE(bench.wait_idle());
    bench.host.write_errors[0xa018] = 2;
    bench.push(Descriptor::nop());
    bench.doorbell();
    bench.run(offset);
    bench.write32(dma::CH_WB_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_WB_CFG::ENABLE.put(1) |
                                                                      dma::CH_WB_CFG::SPACE.put(kLogical)));
    ASSERT_TRUE(bench.wait(
        "the failure", [&] { return (bench.read32(dma::INT_STATUS::kOffset) & 2) != 0; }, 200));
    bench.host.write_errors.clear();
    ASSERT_TRUE(bench.wait_idle());
    const bool failed = dma::CH_STATUS::WB_FAILED.get(bench.status()) != 0;
    EXPECT_EQ(dma::CH_WB_CFG::ENABLE.get(bench.read32(dma::CH_WB_CFG::kOffset)), failed ? 0U : 1U);
    (failed ? off : on) += 1;
    if (!failed) {
      EXPECT_EQ(bench.host.memory.get64(0xa010), 1U);
    }
  }
  EXPECT_GT(off, 0U);
  EXPECT_GT(on, 0U);
}

// It is turned off at every point of its rounds: held interrupts go out, the channel does not wait for it.
TYPED_TEST(DmaCommand, WriteBackIsTurnedOffAtWork) {
  covers("contract.dma.writeback");
  for (const std::uint32_t command : {0U, 2U}) {  // of CH_CTRL besides ENABLE: nothing, RESET
    for (unsigned offset = 0; offset < 60; ++offset) {
      SCOPED_TRACE(fmt::format("command {} offset {}", command, offset));
      TypeParam bench(offset + 2);
      bench.host.timing.write_latency = 15;
      bench.host.timing.ready_percent = offset % 2 == 0 ? 100 : 30;
      bench.start(kVram, 0x1'0000, 6);
      write_back_to(bench, kLogical);
      ASSERT_TRUE(bench.wait_idle());
      for (unsigned i = 0; i < 3; ++i) bench.push(Descriptor::fence(kVram, 0x9000, 5 + i, true));
      bench.doorbell();
      bench.run(offset);
      if (command != 0) {
        bench.write32(dma::CH_CTRL::kOffset, 1 | command);
        ASSERT_TRUE(bench.wait("the reset", [&] { return bench.read32(dma::CH_CTRL::kOffset) == 1; }));
      }
      bench.write32(dma::CH_WB_CFG::kOffset, 0);
      ASSERT_TRUE(bench.wait_idle(500));
      bench.run(60);
      EXPECT_FALSE(bench.error());
      if (command == 0) {
        EXPECT_EQ(bench.head(), 3U);
      }
      // As many as were answered, all were told.
      if (bench.read64(dma::CH_FENCE::kOffset) != 0) {
        EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 1U);
      }
      EXPECT_TRUE(bench.host.quiet());
    }
  }
}

// Fences are answered faster than they are written back: one round tells of several, and their count is
// right.
TYPED_TEST(DmaCommand, WriteBackTellsOfSeveral) {
  covers("contract.dma.writeback", "contract.dma.coalesce");
  TypeParam bench;
  bench.host.timing.write_latency = 300;
  bench.start(kVram, 0x1'0000, 6);
  bench.write32(
      dma::CH_COALESCE::kOffset,
      static_cast<std::uint32_t>(dma::CH_COALESCE::COUNT.put(8) | dma::CH_COALESCE::CYCLES.put(0xff'ffff)));
  write_back_to(bench, kLogical);
  ASSERT_TRUE(bench.wait_idle());
  for (unsigned i = 0; i < 7; ++i) bench.push(Descriptor::fence(kVram, 0x9000, 5 + i, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  bench.run(20);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 0U) << "seven are not eight";
  EXPECT_LT(events(bench.host, Kind::B, kIdWb).size(), 9U) << "a round each";
  bench.push(Descriptor::fence(kVram, 0x9000, 50, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  bench.run(20);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 1U);
}

// An error is written back, and that fails: both are told.
TYPED_TEST(DmaCommand, WriteBackOfAnErrorFails) {
  covers("contract.dma.writeback");
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 6);
  write_back_to(bench, kLogical);
  ASSERT_TRUE(bench.wait_idle());
  bench.host.write_errors[0xa010] = 2;
  bench.push(Descriptor::nop().with(dma::descriptor::OPCODE, 0x99));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_TRUE(bench.error());
  EXPECT_EQ(error_code(bench), dma::error::BAD_OPCODE);
  EXPECT_EQ(dma::CH_STATUS::WB_FAILED.get(bench.status()), 1U);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 2U);
}

// More descriptors than can wait to retire, behind a copy that takes long; a wrong one among them waits, too.
TYPED_TEST(DmaCommand, MoreThanCanWaitToRetire) {
  covers("contract.dma.queued");
  constexpr unsigned kMost = 2 * (TypeParam::kReads > 64 ? TypeParam::kReads : 64);
  enum class End { kDescriptor, kSegment, kReset };  // what comes behind as many as can wait
  for (const End end : {End::kDescriptor, End::kSegment, End::kReset}) {
    SCOPED_TRACE(static_cast<int>(end));
    TypeParam bench;
    bench.host.silent = [](bool write, unsigned, std::uint64_t) { return !write; };
    bench.start(kVram, 0x10'0000, 11);
    if (end == End::kSegment) bench.write32(dma::CH_RING_SEG::kOffset, kMost);
    bench.push(Descriptor::copy(kLogical, 0x5000, kVram, 0x6000, 8));
    for (unsigned i = 1; i < kMost; ++i) bench.push(Descriptor::nop());
    bench.push(Descriptor::nop().with(dma::descriptor::OPCODE, 0x99).with(dma::descriptor::TAG, 0x77));
    bench.push(Descriptor::nop());
    bench.doorbell();
    bench.run(10 * kMost);
    EXPECT_EQ(bench.head(), 0U);
    EXPECT_FALSE(bench.error());
    if (end == End::kReset) {
      bench.write32(dma::CH_CTRL::kOffset, 3);
      bench.host.silent = nullptr;
      ASSERT_TRUE(bench.wait("the reset", [&] { return bench.read32(dma::CH_CTRL::kOffset) == 1; }));
      EXPECT_EQ(bench.head(), 0U);
      EXPECT_FALSE(bench.error());
      continue;
    }
    bench.host.silent = nullptr;
    ASSERT_TRUE(bench.wait_error());
    EXPECT_EQ(bench.head(), kMost);
    if (end == End::kSegment) {
      EXPECT_EQ(error_code(bench), dma::error::BAD_LINK);
      continue;
    }
    EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), 0x77U);
    ASSERT_TRUE(bench.command(kSkip));
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), kMost + 2);
  }
}

// The last index of the ring is refused, and skipped: the ring goes on at its beginning.
TYPED_TEST(DmaCommand, SkipAtTheEndOfTheRing) {
  covers("contract.dma.commands");
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 2);
  for (unsigned i = 0; i < 3; ++i) bench.push(Descriptor::nop());
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  bench.push(Descriptor::nop().with(dma::descriptor::OPCODE, 0x99));
  bench.push(Descriptor::fence(kVram, 0x9000, 4, false));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.head(), 3U);
  ASSERT_TRUE(bench.command(kSkip));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 1U);
  EXPECT_EQ(bench.vram.memory.get64(0x9000), 4U);
}

}  // namespace
}  // namespace gpudmar::test
