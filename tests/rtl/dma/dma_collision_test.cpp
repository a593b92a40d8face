// SPDX-License-Identifier: Apache-2.0
// What software writes in the very cycle in which the engine changes the same thing: interrupt causes,
// commands, doorbells, errors. Each test tries every distance, so one of them is that cycle.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;
constexpr std::uint32_t kReset = 2, kResume = 4, kSkip = 8;
constexpr std::uint64_t kRing = 0x1'0000, kFence = 0x8000;

template <class Bench>
class DmaCollision : public ::testing::Test {
 protected:
  static constexpr unsigned kOffsets = 26;  ///< From a doorbell to behind the interrupt of its fence.
  static Descriptor bad() { return Descriptor::nop().with(dma::descriptor::OPCODE, 0x99); }
  static std::size_t messages(const Bench& bench) { return events(bench.host, Kind::Aw, kIdMsi).size(); }
  static std::uint32_t status(Bench& bench) { return bench.read32(dma::INT_STATUS::kOffset); }
  /// A first cause of this kind stands and was told; its message is answered.
  static void first_cause(Bench& bench, bool error, std::uint32_t interrupts) {
    bench.start(kVram, kRing, 6, interrupts, 0);
    bench.start(kVram, kRing + 0x1000, 6, interrupts, 1);
    bench.push(error ? bad() : Descriptor::fence(kVram, kFence, 1, true), 1);
    bench.doorbell(1);
    ASSERT_TRUE(bench.wait_idle(1000, 1));
    bench.run(20);
    ASSERT_EQ(status(bench), error ? 2U : 1U);
  }
  /// The second one comes from channel 0.
  static void second_cause(Bench& bench, bool error) {
    bench.push(error ? bad() : Descriptor::fence(kVram, kFence + 8, 2, true));
    bench.doorbell();
  }
  static void settle(Bench& bench) {
    ASSERT_TRUE(bench.wait_idle(1000));
    bench.run(30);
  }
};
TYPED_TEST_SUITE(DmaCollision, Widths);

// Cleared as it is raised again: either it is new and tells so, or it had come before and was cleared.
TYPED_TEST(DmaCollision, CauseAndItsClear) {
  covers("contract.dma.fence");
  for (const bool error : {false, true}) {
    for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
      SCOPED_TRACE(fmt::format("error {} offset {}", error, offset));
      TypeParam bench;
      this->first_cause(bench, error, 3);
      this->second_cause(bench, error);
      bench.run(offset);
      bench.write32(dma::INT_STATUS::kOffset, 3);
      this->settle(bench);
      const bool set = this->status(bench) != 0;
      EXPECT_EQ(this->messages(bench), set ? 2U : 1U);
    }
  }
}

// The order that INT_CHANNELS asks for: clear the status, then the channels, then look. Nobody is forgotten.
TYPED_TEST(DmaCollision, ChannelsAreClearedAsOneRaises) {
  covers("contract.dma.fence");
  for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    this->first_cause(bench, false, 3);
    this->second_cause(bench, false);
    bench.run(offset);
    bench.write32(dma::INT_STATUS::kOffset, 1);
    bench.write32(dma::INT_CHANNELS::kOffset, 0xffff);
    const std::uint64_t seen = bench.read64(dma::CH_FENCE::kOffset);
    this->settle(bench);
    const bool told = this->status(bench) == 1;
    const bool named = bench.read32(dma::INT_CHANNELS::kOffset) == 1;
    EXPECT_TRUE(seen == 2 || (told && named)) << fmt::format("fence {} told {} named {}", seen, told, named);
  }
}

// Only the bits that are written are cleared.
TYPED_TEST(DmaCollision, OtherChannelsStayAsTheyRaise) {
  covers("contract.dma.fence");
  for (const bool channels : {false, true}) {
    for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
      SCOPED_TRACE(fmt::format("channels {} offset {}", channels, offset));
      TypeParam bench;
      this->first_cause(bench, false, 3);
      this->second_cause(bench, false);
      bench.run(offset);
      bench.write32(channels ? dma::INT_CHANNELS::kOffset : dma::INT_STATUS::kOffset, 2);
      this->settle(bench);
      EXPECT_EQ(bench.read32(dma::INT_CHANNELS::kOffset), channels ? 1U : 3U);
      EXPECT_EQ(this->status(bench), 1U);
      EXPECT_EQ(this->messages(bench), 1U);
    }
  }
}

TYPED_TEST(DmaCollision, StatusIsReadAsACauseComes) {
  covers("contract.dma.fence");
  for (const bool channels : {false, true}) {
    const std::uint64_t offset_of = channels ? dma::INT_CHANNELS::kOffset : dma::INT_STATUS::kOffset;
    for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
      SCOPED_TRACE(fmt::format("channels {} offset {}", channels, offset));
      TypeParam bench;
      bench.start(kVram, kRing, 4);
      this->second_cause(bench, false);
      bench.run(offset);
      EXPECT_LE(bench.read32(offset_of), 1U);
      this->settle(bench);
      EXPECT_EQ(bench.read32(offset_of), 1U);
      EXPECT_EQ(this->messages(bench), 1U);
    }
  }
}

// An enable, or messages as a whole, turned off as a cause comes: it is told once more when they are on
// again.
TYPED_TEST(DmaCollision, TurnedOffAsACauseComes) {
  covers("contract.dma.fence");
  struct Switch {
    std::uint64_t offset;
    std::uint32_t off;
  };
  for (const Switch& s : {Switch{dma::INT_ENABLE::kOffset, 0}, Switch{dma::CFG_COMMAND::kOffset, 1},
                          Switch{dma::CFG_COMMAND::kOffset, 0}}) {
    for (const bool error : {false, true}) {
      for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
        SCOPED_TRACE(fmt::format("{:#x} off {} error {} offset {}", s.offset, s.off, error, offset));
        TypeParam bench;
        bench.start(kVram, kRing, 4);
        this->second_cause(bench, error);
        bench.run(offset);
        bench.write32(s.offset, s.off);
        this->settle(bench);
        const std::size_t before = this->messages(bench);
        EXPECT_LE(before, 1U);
        EXPECT_EQ(this->status(bench), error ? 2U : 1U);
        bench.write32(s.offset, 3);
        bench.run(30);
        EXPECT_EQ(this->messages(bench), before + 1);
      }
    }
  }
}

TYPED_TEST(DmaCollision, TurnedOnAsACauseComes) {
  covers("contract.dma.fence");
  for (const std::uint64_t place : {dma::INT_ENABLE::kOffset, dma::CFG_COMMAND::kOffset}) {
    for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
      SCOPED_TRACE(fmt::format("{:#x} offset {}", place, offset));
      TypeParam bench;
      bench.start(kVram, kRing, 4);
      bench.write32(place, place == dma::INT_ENABLE::kOffset ? 0 : 1);
      this->second_cause(bench, false);
      bench.run(offset);
      bench.write32(place, 3);
      this->settle(bench);
      EXPECT_EQ(this->messages(bench), 1U);
      EXPECT_EQ(this->status(bench), 1U);
    }
  }
}

// One write clears a cause and enables it: it tells exactly of what is set afterwards.
TYPED_TEST(DmaCollision, ClearedAndEnabledInOneWrite) {
  covers("contract.dma.fence");
  for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    this->first_cause(bench, false, 2);
    ASSERT_EQ(this->messages(bench), 0U);
    this->second_cause(bench, false);
    bench.run(offset);
    bench.write64(dma::INT_STATUS::kOffset, 3ULL << 32 | 1);
    this->settle(bench);
    EXPECT_EQ(this->messages(bench), this->status(bench));
  }
}

// The message is moved as it is due: it arrives where it was, or where it is, and whole.
TYPED_TEST(DmaCollision, MessageIsMovedAsItIsDue) {
  covers("contract.dma.fence");
  constexpr std::uint64_t kElsewhere = 0xfee0'2008;
  for (const bool data : {false, true}) {
    for (unsigned offset = 0; offset < this->kOffsets; ++offset) {
      SCOPED_TRACE(fmt::format("data {} offset {}", data, offset));
      TypeParam bench;
      bench.start(kVram, kRing, 4);
      this->second_cause(bench, false);
      bench.run(offset);
      if (data) {
        bench.write32(dma::CFG_MSI_DATA::kOffset, 0x7777);
      } else {
        bench.write64(dma::CFG_MSI_ADDR::kOffset, kElsewhere);
      }
      this->settle(bench);
      ASSERT_EQ(this->messages(bench), 1U);
      const std::uint64_t at = events(bench.host, Kind::Aw, kIdMsi)[0].addr;
      const std::uint64_t word = bench.host.memory.get64(at & ~7ULL) >> (8 * (at % 8));
      if (data) {
        EXPECT_EQ(at, TypeParam::kMsiAddr);
        EXPECT_TRUE(word == TypeParam::kMsiData || word == 0x7777) << std::hex << word;
      } else {
        EXPECT_TRUE(at == TypeParam::kMsiAddr || at == kElsewhere) << std::hex << at;
        EXPECT_EQ(word, TypeParam::kMsiData);
      }
    }
  }
}

// Two channels raise in one cycle: both are named, and one message tells of it.
TYPED_TEST(DmaCollision, TwoChannelsRaiseAtOnce) {
  covers("contract.dma.fence");
  for (const unsigned errors : {0U, 1U, 2U, 3U}) {  // bit n: channel n stops on an error, else a fence
    for (unsigned latency = 1; latency < 40; ++latency) {
      SCOPED_TRACE(fmt::format("errors {} latency {}", errors, latency));
      TypeParam bench;
      bench.host.timing.read_latency = bench.host.timing.write_latency = latency;
      bench.vram.timing.read_latency = bench.vram.timing.write_latency = 12;
      bench.start(kVram, kRing, 4, 3, 0);
      bench.start(kLogical, kRing, 4, 3, 1);
      for (unsigned ch = 0; ch < 2; ++ch) {
        const unsigned space = ch == 0 ? kVram : kLogical;
        bench.push((errors >> ch & 1) != 0 ? this->bad() : Descriptor::fence(space, kFence, 1, true), ch);
      }
      bench.doorbell(0);
      bench.doorbell(1);
      ASSERT_TRUE(bench.wait_idle(1000, 0));
      ASSERT_TRUE(bench.wait_idle(1000, 1));
      bench.run(80);
      const auto bit = [errors](unsigned ch) { return 1U << ((errors >> ch & 1) != 0 ? 8 + ch : ch); };
      EXPECT_EQ(bench.read32(dma::INT_CHANNELS::kOffset), bit(0) | bit(1));
      EXPECT_EQ(this->status(bench), errors == 0 ? 1U : errors == 3 ? 2U : 3U);
      // A second kind of cause tells of itself unless the first one's message is still due.
      EXPECT_GE(this->messages(bench), 1U);
      EXPECT_LE(this->messages(bench), errors == 0 || errors == 3 ? 1U : 2U);
    }
  }
}

// A cause rises as the message of another is offered, and as its answer comes: one more message.
TYPED_TEST(DmaCollision, CauseRisesAtEveryPointOfAMessage) {
  covers("contract.dma.fence");
  for (const bool taken : {true, false}) {
    for (unsigned offset = 0; offset < 60; ++offset) {
      SCOPED_TRACE(fmt::format("taken {} offset {}", taken, offset));
      TypeParam bench;
      bench.host.timing.write_latency = 12;
      bench.start(kVram, kRing, 4, 3, 0);
      bench.start(kVram, kRing + 0x1000, 4, 3, 1);
      bench.host.refuse_aw = !taken;
      this->second_cause(bench, false);
      bench.run(offset);
      bench.push(this->bad(), 1);
      bench.doorbell(1);
      ASSERT_TRUE(bench.wait_idle(1000, 1));
      ASSERT_TRUE(bench.wait_idle(1000, 0));
      bench.run(20);
      bench.host.refuse_aw = false;
      bench.run(60);
      EXPECT_EQ(this->status(bench), 3U);
      const auto sent = events(bench.host, Kind::Aw, kIdMsi), answered = events(bench.host, Kind::B, kIdMsi);
      // Behind the first message the second cause has one of its own.
      const auto fences = events(bench.vram, Kind::B, kIdFence);
      ASSERT_EQ(fences.size(), 1U);
      ASSERT_GE(sent.size(), 1U);
      EXPECT_LE(sent.size(), 2U);
      if (offset >= 30) {
        EXPECT_EQ(sent.size(), 2U);
      }
      EXPECT_EQ(sent.size(), answered.size());
      EXPECT_GT(sent.back().cycle, fences[0].cycle);
    }
  }
}

// Messages are turned off while one waits for the answer to another: it is dropped, and told when they are on
// again.
TYPED_TEST(DmaCollision, TurnedOffWhileAMessageIsDue) {
  covers("contract.dma.fence");
  TypeParam bench;
  bench.host.timing.write_latency = 200;
  this->first_cause(bench, false, 3);
  this->second_cause(bench, true);
  ASSERT_TRUE(bench.wait_error(0, 100));
  ASSERT_EQ(this->messages(bench), 1U);
  bench.write32(dma::CFG_COMMAND::kOffset, 1);
  bench.run(400);
  EXPECT_EQ(this->messages(bench), 1U);
  bench.write32(dma::CFG_COMMAND::kOffset, 3);
  bench.run(400);
  EXPECT_EQ(this->messages(bench), 2U);
}

// The time of a held interrupt is over as another one is added: none is left behind untold.
TYPED_TEST(DmaCollision, InterruptIsAddedAsTheTimeIsOver) {
  covers("contract.dma.coalesce");
  constexpr unsigned kTime = 60;
  for (unsigned offset = 20; offset < 80; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    bench.start(kVram, kRing, 4);
    bench.write32(dma::CH_COALESCE::kOffset, static_cast<std::uint32_t>(dma::CH_COALESCE::COUNT.put(9) |
                                                                        dma::CH_COALESCE::CYCLES.put(kTime)));
    this->second_cause(bench, false);
    bench.run(offset);
    bench.push(Descriptor::fence(kVram, kFence, 3, true));
    bench.doorbell();
    // Cleared as soon as it is seen, so that the other one can be told as well.
    for (unsigned i = 0; i < 120; ++i) {
      if (this->status(bench) != 0) bench.write32(dma::INT_STATUS::kOffset, 1);
    }
    const auto sent = events(bench.host, Kind::Aw, kIdMsi);
    const auto fences = events(bench.vram, Kind::B, kIdFence);
    ASSERT_EQ(fences.size(), 2U);
    ASSERT_FALSE(sent.empty());
    EXPECT_GT(sent.back().cycle, fences[1].cycle);
    EXPECT_LT(sent.back().cycle, fences[1].cycle + kTime + 10);
  }
}

// ---------------------------------------------------------------- commands

// What is written around the end of a reset: it ends, and the channel works.
TYPED_TEST(DmaCollision, CommandsAroundTheEndOfAReset) {
  covers("contract.dma.reset");
  enum class What { kDoorbell, kReset, kDisable, kResume };
  for (const What what : {What::kDoorbell, What::kReset, What::kDisable, What::kResume}) {
    for (unsigned offset = 0; offset < 50; ++offset) {
      SCOPED_TRACE(fmt::format("command {} offset {}", static_cast<int>(what), offset));
      TypeParam bench;
      bench.vram.timing.read_latency = 40;
      bench.start(kLogical, kRing, 4);
      bench.vram.memory.set64(0x5000, 0x77);
      bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8));
      bench.doorbell();
      bench.run(15);
      bench.write32(dma::CH_CTRL::kOffset, 1 | kReset);
      bench.run(offset);
      switch (what) {
        case What::kDoorbell:
          bench.write32(dma::CH_TAIL::kOffset, 1);
          break;
        case What::kReset:
          bench.write32(dma::CH_CTRL::kOffset, 1 | kReset);
          break;
        case What::kDisable:
          bench.write32(dma::CH_CTRL::kOffset, 0);
          break;
        case What::kResume:
          bench.write32(dma::CH_CTRL::kOffset, 1 | kResume);
          break;
      }
      const std::uint32_t enable = what == What::kDisable ? 0 : 1;
      ASSERT_TRUE(bench.wait(
          "the reset", [&] { return bench.read32(dma::CH_CTRL::kOffset) == enable; }, 200));
      ASSERT_TRUE(bench.wait_idle(300));
      EXPECT_FALSE(bench.error());
      // A doorbell is lost, or it counts.
      const std::uint32_t tail = bench.read32(dma::CH_TAIL::kOffset);
      EXPECT_EQ(bench.head(), tail);
      EXPECT_LE(tail, what == What::kDoorbell ? 1U : 0U);
      bench.write32(dma::CH_CTRL::kOffset, 1);
      bench.vram.memory.set64(0x6000, 0);
      bench.place(kLogical, kRing + tail * 64, Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8));
      bench.write32(dma::CH_TAIL::kOffset, tail + 1);
      ASSERT_TRUE(bench.wait_idle(300));
      EXPECT_EQ(bench.head(), tail + 1);
      EXPECT_EQ(bench.vram.memory.get64(0x6000), 0x77U);
    }
  }
}

// What is written around an error: it is reported or was not come to, and the ring goes on behind it.
TYPED_TEST(DmaCollision, CommandsAroundAnError) {
  covers("contract.dma.commands");
  enum class What { kDoorbell, kDisable, kReset, kResume };
  for (const bool read : {false, true}) {  // the source of a copy, or the descriptor
    for (const What what : {What::kDoorbell, What::kDisable, What::kReset, What::kResume}) {
      for (unsigned offset = 0; offset < 30; ++offset) {
        SCOPED_TRACE(fmt::format("read {} command {} offset {}", read, static_cast<int>(what), offset));
        TypeParam bench;
        bench.start(kVram, kRing, 4);
        if (read) bench.vram.read_errors[0x5000] = 2;
        bench.push(read ? Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8) : this->bad());
        bench.push(Descriptor::fence(kVram, kFence, 5, false));
        bench.write32(dma::CH_TAIL::kOffset, 1);
        bench.run(offset);
        switch (what) {
          case What::kDoorbell:
            bench.doorbell();
            break;
          case What::kDisable:
            bench.write32(dma::CH_CTRL::kOffset, 0);
            break;
          case What::kReset:
            bench.write32(dma::CH_CTRL::kOffset, 1 | kReset);
            break;
          case What::kResume:  // ignored before the error; behind it the same error comes again
            bench.write32(dma::CH_CTRL::kOffset, 1 | kResume);
            break;
        }
        bench.run(60);
        ASSERT_TRUE(bench.wait_idle(300));
        EXPECT_EQ(bench.head(), 0U);
        if (what == What::kReset) {
          EXPECT_FALSE(bench.error());
        } else if (what == What::kDisable) {
          bench.write32(dma::CH_CTRL::kOffset, 1);
        }
        if (what != What::kReset) {
          ASSERT_TRUE(bench.wait_error(0, 300));
          EXPECT_EQ(error_code(bench), read ? dma::error::READ : dma::error::BAD_OPCODE);
          EXPECT_EQ(this->status(bench), 2U);
        }
        // Repaired, all of it runs.
        bench.vram.read_errors.clear();
        bench.place(kVram, kRing, Descriptor::nop());
        if (what != What::kReset) {
          ASSERT_TRUE(bench.command(kResume));
        }
        bench.doorbell();
        ASSERT_TRUE(bench.wait_idle(300));
        EXPECT_FALSE(bench.error());
        EXPECT_EQ(bench.head(), 2U);
        EXPECT_EQ(bench.vram.memory.get64(kFence), 5U);
      }
    }
  }
}

// Commands in consecutive cycles, and together.
TYPED_TEST(DmaCollision, CommandBehindCommand) {
  covers("contract.dma.commands");
  struct Case {
    const char* name;
    std::vector<std::uint32_t> commands;
    unsigned head;  // of three descriptors, of which the first was bad
    bool enabled = true;
  };
  for (const Case& c : {Case{"resume twice", {1 | kResume, 1 | kResume}, 3},
                        Case{"resume, then reset", {1 | kResume, 1 | kReset}, 0},
                        Case{"resume, then skip", {1 | kResume, 1 | kSkip}, 3},
                        Case{"skip, then resume", {1 | kSkip, 1 | kResume}, 3},
                        Case{"resume and skip", {1 | kResume | kSkip}, 3},
                        Case{"resume and reset", {1 | kReset | kResume}, 0},
                        Case{"resume, then disable", {1 | kResume, 0}, 3, false},
                        Case{"reset, then resume", {1 | kReset, 1 | kResume}, 0}}) {
    SCOPED_TRACE(c.name);
    TypeParam bench;
    bench.start(kVram, kRing, 4);
    bench.push(this->bad());
    bench.push(Descriptor::nop());
    bench.push(Descriptor::fence(kVram, kFence, 5, false));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_error());
    // What was skipped did not run; what is resumed does.
    bench.place(kVram, kRing, Descriptor::signal(kVram, kFence + 8, 6));
    std::vector<LiteWrite> list;
    for (const std::uint32_t command : c.commands) list.push_back({dma::CH_CTRL::kOffset, command});
    ASSERT_EQ(bench.write_all(list, 100, 100), list.size());
    ASSERT_TRUE(bench.wait(
        "the command", [&] { return bench.read32(dma::CH_CTRL::kOffset) == (c.enabled ? 1U : 0U); }, 300));
    ASSERT_TRUE(bench.wait_idle(300));
    EXPECT_FALSE(bench.error());
    bench.write32(dma::CH_CTRL::kOffset, 1);
    ASSERT_TRUE(bench.wait_idle(300));
    EXPECT_EQ(bench.head(), c.head);
    EXPECT_EQ(bench.vram.memory.get64(kFence), c.head == 3 ? 5U : 0U);
    const bool skips = (c.commands[0] & kSkip) != 0;
    EXPECT_EQ(bench.vram.memory.get64(kFence + 8), c.head == 3 && !skips ? 6U : 0U);
  }
}

// RESUME waits for a device; SKIP given meanwhile counts.
TYPED_TEST(DmaCollision, SkipWhileResumeWaits) {
  covers("contract.dma.commands");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.write32(dma::TIMEOUT::kOffset, 300);
  bench.host.silent = [](bool, unsigned, std::uint64_t) { return true; };
  bench.push(Descriptor::copy(kLogical, 0x5000, kVram, 0x6000, 8));
  bench.push(Descriptor::fence(kVram, kFence, 5, false));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error(0, 1000));
  bench.write32(dma::CH_CTRL::kOffset, 1 | kResume);
  bench.write32(dma::CH_CTRL::kOffset, 1 | kSkip);
  EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 1 | kResume | kSkip);
  const std::size_t before = events(bench.host, Kind::Ar, kIdData).size();
  bench.host.silent = nullptr;
  ASSERT_TRUE(bench.wait_idle(1000));
  EXPECT_EQ(bench.head(), 2U);
  EXPECT_EQ(events(bench.host, Kind::Ar, kIdData).size(), before) << "it ran again";
}

// A doorbell in the cycle in which a descriptor retires, and behind each other: none is lost.
TYPED_TEST(DmaCollision, DoorbellAsOneRetires) {
  covers("contract.dma.doorbell");
  for (unsigned offset = 0; offset < 20; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    bench.start(kVram, kRing, 4);
    for (unsigned i = 0; i < 6; ++i) bench.push(Descriptor::nop());
    bench.write32(dma::CH_TAIL::kOffset, 2);
    bench.run(offset);
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle(300));
    EXPECT_EQ(bench.head(), 6U);
    EXPECT_EQ(bench.read64(dma::CNT_DESCRIPTORS::kOffset), 6U);
  }
}

// Place and size of a ring, written right behind a doorbell: the ring is used as it was.
TYPED_TEST(DmaCollision, RingIsFrozenFromTheDoorbellOn) {
  covers("contract.dma.registers");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.push(Descriptor::fence(kVram, kFence, 5, false));
  ASSERT_EQ(bench.write_all({{dma::CH_TAIL::kOffset, 1},
                             {dma::CH_RING_BASE::kOffset, 0x77'0000, 8},
                             {dma::CH_RING_CFG::kOffset, 7},
                             {dma::CH_RING_SEG::kOffset, 3}},
                            100, 100),
            4U);
  ASSERT_TRUE(bench.wait_idle(300));
  EXPECT_EQ(bench.head(), 1U);
  EXPECT_EQ(bench.vram.memory.get64(kFence), 5U);
  EXPECT_EQ(bench.read64(dma::CH_RING_BASE::kOffset), kRing);
  EXPECT_EQ(dma::CH_RING_CFG::SIZE_LOG2.get(bench.read32(dma::CH_RING_CFG::kOffset)), 4U);
  EXPECT_EQ(bench.read32(dma::CH_RING_SEG::kOffset), 0U);
}

// RESUME, and a doorbell in the cycle in which it is done.
TYPED_TEST(DmaCollision, DoorbellBehindResume) {
  covers("contract.dma.doorbell");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.push(this->bad());
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  bench.place(kVram, kRing, Descriptor::nop());
  bench.push(Descriptor::fence(kVram, kFence, 5, false));
  ASSERT_EQ(bench.write_all({{dma::CH_CTRL::kOffset, 1 | kResume}, {dma::CH_TAIL::kOffset, 2}}, 100, 100),
            2U);
  ASSERT_TRUE(bench.wait_idle(300));
  EXPECT_EQ(bench.head(), 2U);
  EXPECT_EQ(bench.vram.memory.get64(kFence), 5U);
}

}  // namespace
}  // namespace gpudmar::test
