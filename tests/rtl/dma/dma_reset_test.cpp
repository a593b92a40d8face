// SPDX-License-Identifier: Apache-2.0
// Reset of the adapter in every phase of what it does: the buses stay within their rules, nothing of the old
// work is left, the registers answer meanwhile, and the engine works again.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

template <class Bench>
class DmaReset : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kRing = 0xab'cd00'0000, kHostSource = 0xab'cd10'0000,
                                 kHostTarget = 0xab'cd20'0000;
  static constexpr std::uint64_t kVramSource = 0x10'0000, kVramTarget = 0x20'0000;
  static constexpr unsigned kCopy = 1500;
  static constexpr std::uint64_t kOldWord =
      0xEEEE'EEEE'EEEE'EEEE;  ///< in the targets; no source has such a byte

  static void prepare(Bench& bench, unsigned latency, unsigned ready_percent) {
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->keep_log = false;
      port->timing.read_latency = latency;
      port->timing.write_latency = latency / 2 + 1;
      port->timing.ready_percent = ready_percent;
      port->timing.shuffle_ids = ready_percent != 100;
    }
    for (std::uint64_t i = 0; i < 0x1000; i += 8) {
      bench.host.memory.set64(kHostSource + i, 0x1111'0000'0000'0000 + i);
      bench.vram.memory.set64(kVramSource + i, 0x2222'0000'0000'0000 + i);
    }
  }
  static void clear_targets(Bench& bench) {
    for (std::uint64_t i = 0; i < kCopy + 128; i += 8) {
      bench.vram.memory.set64(kVramTarget - 64 + i, kOldWord);
      bench.host.memory.set64(kHostTarget - 64 + i, kOldWord);
    }
    bench.host.memory.set64(kHostTarget + 0x8000, 0);
  }
  /// Copies both ways and a fence with interrupt, at odd addresses.
  static void work(Bench& bench) {
    bench.start(dma::space::LOGICAL, kRing, 4);
    bench.push(
        Descriptor::copy(dma::space::LOGICAL, kHostSource + 3, dma::space::VRAM, kVramTarget + 5, kCopy));
    bench.push(
        Descriptor::copy(dma::space::VRAM, kVramSource + 9, dma::space::LOGICAL, kHostTarget + 1, kCopy));
    bench.push(Descriptor::fence(dma::space::LOGICAL, kHostTarget + 0x8000, 0xF00D, true));
    bench.doorbell();
  }
  static void expect_copied(Bench& bench) {
    for (unsigned i = 0; i < kCopy; ++i) {
      ASSERT_EQ(bench.vram.memory.get(kVramTarget + 5 + i), bench.host.memory.get(kHostSource + 3 + i)) << i;
      ASSERT_EQ(bench.host.memory.get(kHostTarget + 1 + i), bench.vram.memory.get(kVramSource + 9 + i)) << i;
    }
    EXPECT_EQ(bench.host.memory.get64(kHostTarget + 0x8000), 0xF00DU);
  }
  /// Each byte is as before or as copied; nothing beside.
  static void expect_old_or_new(Bench& bench) {
    for (unsigned i = 0; i < kCopy + 64; ++i) {
      const auto check = [&](AxiMemory& to, std::uint64_t target, AxiMemory& from, std::uint64_t source) {
        const unsigned value = to.memory.get(target + i - 32);
        const unsigned copied = i < 32 || i >= kCopy + 32 ? 0xEEU : from.memory.get(source + i - 32);
        ASSERT_TRUE(value == 0xEE || value == copied) << i;
      };
      check(bench.vram, kVramTarget + 5, bench.host, kHostSource + 3);
      check(bench.host, kHostTarget + 1, bench.vram, kVramSource + 9);
    }
  }
};
TYPED_TEST_SUITE(DmaReset, Widths);

TYPED_TEST(DmaReset, InEveryPhaseOfACopy) {
  covers("contract.dma.reset");
  struct Timing {
    unsigned latency, ready_percent, last;
  };
  constexpr unsigned kStep = TypeParam::kBytes == 64 ? 4 : 1;  // the largest engine is a slow one
  unsigned stuck_in_the_middle = 0;
  for (const Timing timing : {Timing{1, 100, 260}, Timing{40, 100, 420}, Timing{15, 40, 600}}) {
    TypeParam bench(timing.latency);
    TestFixture::prepare(bench, timing.latency, timing.ready_percent);
    for (unsigned offset = 0; offset <= timing.last; offset += timing.ready_percent == 100 ? kStep : 3) {
      SCOPED_TRACE(
          fmt::format("latency {} ready {} offset {}", timing.latency, timing.ready_percent, offset));
      TestFixture::clear_targets(bench);
      TestFixture::work(bench);
      bench.run(offset);
      stuck_in_the_middle += bench.host.quiet() && bench.vram.quiet() ? 0 : 1;
      bench.schedule_adapter_reset(0, 1 + offset % 4);
      bench.tick();
      ASSERT_TRUE(bench.wait(
          "the reset to end", [&] { return !bench.adapter_busy(); }, 3000));
      EXPECT_TRUE(bench.host.quiet());
      EXPECT_TRUE(bench.vram.quiet());
      bench.run(100);
      EXPECT_TRUE(bench.host.quiet()) << "it goes on";
      EXPECT_EQ(bench.read32(dma::CFG_COMMAND::kOffset), 0U);
      EXPECT_EQ(bench.read32(dma::INT_ENABLE::kOffset), 0U);
      EXPECT_EQ(bench.read64(dma::CH_RING_BASE::kOffset), 0U);
      EXPECT_EQ(bench.head(), 0U);
      EXPECT_TRUE(bench.idle());
      EXPECT_FALSE(bench.error());
      TestFixture::expect_old_or_new(bench);
      if (offset % 8 == 0) {  // it works again
        TestFixture::work(bench);
        ASSERT_TRUE(bench.wait_idle(5000));
        TestFixture::expect_copied(bench);
      }
      ASSERT_FALSE(this->HasFailure());
    }
  }
  EXPECT_GT(stuck_in_the_middle, 300 / kStep);
}

// The answer to a message comes while the engine is in reset: the next message does not wait for it.
TYPED_TEST(DmaReset, WhileAMessageIsNotAnswered) {
  covers("contract.dma.reset");
  TypeParam bench;
  const auto raise = [&bench] {
    bench.start(dma::space::VRAM, TestFixture::kVramSource, 4);
    bench.write32(dma::TIMEOUT::kOffset, 0);
    bench.push(Descriptor::fence(dma::space::VRAM, TestFixture::kVramTarget, 1, true));
    bench.doorbell();
  };
  const auto sent = [&bench] {
    return std::count_if(bench.host.log.begin(), bench.host.log.end(), [](const BusEvent& event) {
      return event.kind == BusEvent::Kind::Aw && event.id == kIdMsi;
    });
  };
  bench.host.silent = [](bool write, unsigned id, std::uint64_t) { return write && id == kIdMsi; };
  raise();
  ASSERT_TRUE(bench.wait(
      "the message", [&] { return sent() == 1; }, 1000));
  bench.schedule_adapter_reset(0, 2);
  bench.run(50);
  EXPECT_TRUE(bench.adapter_busy()) << "the answer is owed";
  bench.host.silent = nullptr;
  ASSERT_TRUE(bench.wait(
      "the reset to end", [&] { return !bench.adapter_busy(); }, 1000));
  raise();
  EXPECT_TRUE(bench.wait(
      "the next message", [&] { return sent() == 2; }, 1000));
}

TYPED_TEST(DmaReset, RegistersAnswerThroughout) {
  covers("contract.dma.reset");
  TypeParam bench(5);
  TestFixture::prepare(bench, 60, 100);
  for (unsigned offset = 0; offset <= 12; ++offset) {
    for (const bool write : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", write ? "write" : "read", offset));
      TestFixture::work(bench);
      bench.run(30);
      // The access and the reset meet at every distance; an access that gets no answer throws.
      bench.schedule_adapter_reset(offset, 200);
      unsigned errors = 0;
      for (unsigned i = 0; i < 20; ++i) {
        if (write) {
          bench.write64(dma::CH_RING_BASE::kOffset, 0x1000);
        } else {
          (void)bench.read64(dma::ID::kOffset);
        }
        errors += bench.lite_resp() == 2 ? 1 : 0;
      }
      EXPECT_TRUE(bench.adapter_busy());
      EXPECT_GT(errors, 10U);
      EXPECT_EQ(bench.read64(dma::ID::kOffset), 0U);
      EXPECT_EQ(bench.lite_resp(), 2U) << "SLVERR while in reset";
      ASSERT_TRUE(bench.wait(
          "the reset to end", [&] { return !bench.adapter_busy(); }, 1000));
      EXPECT_EQ(bench.read64(dma::CH_RING_BASE::kOffset), 0U) << "no write reached it";
      EXPECT_EQ(bench.lite_resp(), 0U);
    }
  }
}

// Software that polls all the time must not keep the reset from ending.
TYPED_TEST(DmaReset, EndsUnderPolling) {
  covers("contract.dma.reset");
  TypeParam bench(3);
  TestFixture::prepare(bench, 60, 100);
  TestFixture::work(bench);
  bench.run(50);
  bench.schedule_adapter_reset(0, 3);
  unsigned polls = 0;
  while (polls < 2000 && (bench.read32(dma::ID::kOffset) == 0 || bench.lite_resp() != 0)) ++polls;
  EXPECT_LT(polls, 200U);
  EXPECT_FALSE(bench.adapter_busy());
}

// The adapter is reset while a channel is hung, stopped, in its own reset, or all is quiet: that is over with
// it.
TYPED_TEST(DmaReset, WhileAChannelRests) {
  covers("contract.dma.reset");
  enum class State { kHung, kStopped, kResetting, kQuiet };
  for (const State state : {State::kHung, State::kStopped, State::kResetting, State::kQuiet}) {
    SCOPED_TRACE(static_cast<int>(state));
    TypeParam bench(3);
    TestFixture::prepare(bench, 5, 100);
    const bool silent = state == State::kHung || state == State::kResetting;
    bench.write32(dma::TIMEOUT::kOffset, 100);
    if (silent) bench.host.silent = [](bool write, unsigned id, std::uint64_t) { return !write && id == 0; };
    if (state == State::kStopped) bench.host.read_errors[TestFixture::kHostSource] = 2;
    TestFixture::work(bench);
    switch (state) {
      case State::kHung:
      case State::kStopped:
        ASSERT_TRUE(bench.wait_error(0, 1000));
        break;
      case State::kResetting:
        bench.run(40);
        bench.write32(dma::CH_CTRL::kOffset, 3);
        break;
      case State::kQuiet:
        bench.run(60);
        bench.write32(dma::QUIESCE::kOffset, 1);
        ASSERT_TRUE(bench.wait("QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }));
    }
    bench.schedule_adapter_reset(0, 1);
    bench.run(300);
    EXPECT_EQ(bench.adapter_busy(), silent) << "until everything was answered";
    bench.host.silent = nullptr;
    bench.host.read_errors.clear();
    ASSERT_TRUE(bench.wait(
        "the reset to end", [&] { return !bench.adapter_busy(); }, 300));
    EXPECT_TRUE(bench.idle());
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 0U);
    EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 0U);
    TestFixture::clear_targets(bench);
    TestFixture::work(bench);
    ASSERT_TRUE(bench.wait_idle(5000));
    TestFixture::expect_copied(bench);
  }
}

// It begins at every point of accesses that are under way, halves of writes and answers that wait among them:
// each is answered once, and what is written afterwards counts.
TYPED_TEST(DmaReset, AccessesOfEveryShape) {
  covers("contract.dma.reset");
  for (unsigned offset = 0; offset < 40; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench(offset + 2);
    bench.schedule_adapter_reset(offset, 1 + offset % 5);
    const std::vector<LiteWrite> writes(12, LiteWrite{dma::CFG_MSI_DATA::kOffset, 0x77});
    EXPECT_EQ(bench.write_all(writes, 25, 25), writes.size());
    bench.schedule_adapter_reset(offset, 1 + offset % 5);
    const auto answers = bench.read_all(std::vector<std::uint64_t>(20, dma::ID::kOffset), 30);
    ASSERT_EQ(answers.size(), 20U);
    for (const auto& [data, resp] : answers) {
      EXPECT_TRUE(resp == 0 ? data == 0x2'0000'414D'4447 : resp == 2 && data == 0)
          << fmt::format("{:#x} {}", data, resp);
    }
    ASSERT_TRUE(bench.wait(
        "the reset to end", [&] { return !bench.adapter_busy(); }, 100));
    bench.write32(dma::CFG_MSI_DATA::kOffset, 0x88);
    EXPECT_EQ(bench.read32(dma::CFG_MSI_DATA::kOffset), 0x88U);
  }
}

}  // namespace
}  // namespace gpudmar::test
