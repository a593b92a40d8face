// SPDX-License-Identifier: Apache-2.0
// Devices that do not answer, or take nothing, for the requests besides copies; and commands under QUIESCE.
#include <gtest/gtest.h>

#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;
constexpr std::uint32_t kReset = 2, kResume = 4, kSkip = 8;
constexpr std::uint64_t kRing = 0x1'0000, kPlace = 0x9000, kTimeout = 500;

template <class Bench>
class DmaSilence : public ::testing::Test {
 protected:
  static void expect_late(Bench& bench, unsigned ch, unsigned operand, std::uint64_t addr, unsigned head) {
    const std::uint32_t info = bench.read32(Bench::reg(dma::CH_ERR_INFO::kOffset, ch));
    EXPECT_EQ(dma::CH_ERR_INFO::CODE.get(info), dma::error::TIMEOUT);
    EXPECT_EQ(dma::CH_ERR_INFO::OPERAND.get(info), operand);
    EXPECT_EQ(dma::CH_ERR_INFO::INDEX.get(info), head);
    EXPECT_EQ(bench.read64(Bench::reg(dma::CH_ERR_ADDR::kOffset, ch)), addr);
    EXPECT_EQ(bench.head(ch), head);
    EXPECT_EQ(dma::CH_STATUS::HUNG.get(bench.status(ch)), 1U);
  }
  static void write_back_to(Bench& bench, unsigned space) {
    bench.write64(dma::CH_WB_ADDR::kOffset, kPlace);
    bench.write32(dma::CH_WB_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_WB_CFG::ENABLE.put(1) |
                                                                      dma::CH_WB_CFG::SPACE.put(space)));
  }
};
TYPED_TEST_SUITE(DmaSilence, Widths);

// A signal, a timestamp, the list of an aperture operation, in both memories. A SEM_WAIT that polls behind
// them does not hide their silence.
TYPED_TEST(DmaSilence, OtherOperations) {
  covers("contract.dma.timeout");
  struct Case {
    const char* name;
    Descriptor descriptor;
    bool write;
    unsigned id;
    std::uint64_t addr;
    unsigned operand;
  };
  // The second entry of the list stands in another beat, whatever the width.
  constexpr std::uint64_t kList = 0xa000;
  for (const unsigned space : {kLogical, kVram}) {
    Descriptor list;
    list.with(dma::descriptor::OPCODE, dma::opcode::MAP_APERTURE_LIST)
        .with(dma::descriptor::SRC_SPACE, space)
        .with(dma::descriptor::SRC, kList + 56)
        .with(dma::descriptor::DST_SPACE, dma::space::APERTURE)
        .with(dma::descriptor::LENGTH, 1);
    for (const Case& c : {Case{"signal", Descriptor::signal(space, kPlace, 7), true, kIdFence, kPlace, 2},
                          Case{"timestamp", Descriptor::timestamp(space, kPlace), true, kIdFence, kPlace, 2},
                          Case{"list", list, false, kIdData, kList + 64, 1}}) {
      SCOPED_TRACE(fmt::format("{}, space {}", c.name, space));
      TypeParam bench;
      AxiMemory& port = bench.memory(space);
      port.timing.shuffle_ids = true;  // a silent beat does not hold back other ids
      bench.start(kVram, kRing, 4);
      bench.write32(dma::TIMEOUT::kOffset, kTimeout);
      bench.push(Descriptor::nop());
      bench.push(Descriptor(c.descriptor).with(dma::descriptor::TAG, 0x77));
      bench.push(Descriptor::wait(kLogical, 0xb000, dma::condition::EQUAL, 1));
      port.silent = [&c](bool write, unsigned id, std::uint64_t addr) {
        return write == c.write && id == c.id && addr >= c.addr;
      };
      bench.doorbell();
      ASSERT_TRUE(bench.wait_error(0, 2 * kTimeout));
      this->expect_late(bench, 0, c.operand, c.addr, 1);
      EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), 0x77U);
      EXPECT_FALSE(events(bench.host, Kind::R, kIdSem).empty()) << "nothing polled";
      port.silent = nullptr;
      bench.host.memory.set64(0xb000, 1);
      ASSERT_TRUE(bench.command(kResume));
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), 3U);
    }
  }
}

// A burst that is not answered is told by its own index, whatever the other port has answered before.
TYPED_TEST(DmaSilence, BurstBehindThoseOfTheOtherPort) {
  covers("contract.dma.timeout");
  for (const unsigned space : {kLogical, kVram}) {
    SCOPED_TRACE(space);
    const unsigned other = space == kVram ? kLogical : kVram;
    TypeParam bench;
    bench.start(kVram, kRing, 4);
    bench.write32(dma::TIMEOUT::kOffset, kTimeout);
    bench.push(Descriptor::copy(kVram, 0x9000, other, 0xc000, 64));
    bench.push(Descriptor::nop());
    bench.push(Descriptor::copy(kVram, 0x9000, space, kPlace, 64));
    bench.push(Descriptor::copy(other, 0xe000, kVram, 0xf000, 64));  // younger, and as silent
    bench.memory(space).silent = [](bool write, unsigned id, std::uint64_t addr) {
      return write && id == kIdData && addr >= kPlace && addr < kPlace + 64;
    };
    bench.memory(other).silent = [](bool write, unsigned id, std::uint64_t addr) {
      return !write && id == kIdData && addr >= 0xe000 && addr < 0xe040;
    };
    bench.doorbell();
    ASSERT_TRUE(bench.wait_error(0, 2 * kTimeout));
    this->expect_late(bench, 0, 2, kPlace, 2);
    bench.memory(space).silent = bench.memory(other).silent = nullptr;
    ASSERT_TRUE(bench.command(kResume));
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_FALSE(bench.error());
  }
}

// Either of the write-back's two writes, with work behind it, under a polling SEM_WAIT and with none.
TYPED_TEST(DmaSilence, WriteBack) {
  covers("contract.dma.timeout");
  for (const unsigned space : {kLogical, kVram}) {
    for (const bool second : {false, true}) {
      for (const bool waits : {false, true}) {
        SCOPED_TRACE(fmt::format("space {}, second {}, waits {}", space, second, waits));
        TypeParam bench;
        AxiMemory& port = bench.memory(space);
        bench.start(kVram, kRing, 4);
        bench.write32(dma::TIMEOUT::kOffset, kTimeout);
        this->write_back_to(bench, space);
        ASSERT_TRUE(bench.wait_idle(1000));
        const std::uint64_t silent = kPlace + (second ? 0 : 8);
        port.silent = [silent](bool write, unsigned id, std::uint64_t addr) {
          return write && id == kIdWb && addr == silent;
        };
        bench.push(Descriptor::nop());
        if (waits)
          bench.push(
              Descriptor::wait(kLogical, 0xb000, dma::condition::EQUAL, 1).with(dma::descriptor::TAG, 0x78));
        bench.doorbell();
        ASSERT_TRUE(bench.wait_error(0, 2 * kTimeout));
        this->expect_late(bench, 0, 2, silent, 1);
        EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), waits ? 0x78U : 0U);
        // SKIP leaves out the descriptor at HEAD; where there is none it only goes on.
        bench.write32(dma::CH_CTRL::kOffset, 1 | kSkip);
        bench.run(100);
        EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 1 | kSkip);
        port.silent = nullptr;
        ASSERT_TRUE(bench.wait_idle());
        EXPECT_FALSE(bench.error());
        EXPECT_EQ(bench.head(), waits ? 2U : 1U);
        EXPECT_EQ(port.memory.get64(kPlace), waits ? 2U : 1U);
        bench.push(Descriptor::fence(kVram, 0x8000, 9, false));
        bench.doorbell();
        ASSERT_TRUE(bench.wait_idle());
        EXPECT_EQ(port.memory.get64(kPlace), waits ? 3U : 2U);
        EXPECT_EQ(port.memory.get64(kPlace + 8), 9U);
      }
    }
  }
}

// A device takes no request of a kind, or no data. Who has one to make at that port reports TIMEOUT, also
// behind somebody else's; who has none works on; once it is taken everything goes on.
TYPED_TEST(DmaSilence, NothingIsTaken) {
  covers("contract.dma.timeout");
  for (const unsigned space : {kLogical, kVram}) {
    for (const char channel : {'r', 'a', 'w'}) {
      SCOPED_TRACE(fmt::format("space {}, {}", space, channel));
      TypeParam bench;
      AxiMemory &port = bench.memory(space), &free = bench.memory(space == kVram ? kLogical : kVram);
      const unsigned other = space == kVram ? kLogical : kVram;
      bench.write32(dma::TIMEOUT::kOffset, kTimeout);
      for (unsigned i = 0; i < 64; i += 8) {
        port.memory.set64(0x5000 + i, 0x1111 + i);
        free.memory.set64(0x5000 + i, 0x2222 + i);
      }
      // Channels 0 and 2 need the port, channel 1 does not.
      for (unsigned ch = 0; ch < 3; ++ch) {
        bench.start(other, kRing + ch * 0x1000, 4, 3, ch);
        const bool read = channel == 'r';
        const unsigned from = ch == 1 || !read ? other : space, to = ch == 1 || read ? other : space;
        bench.push(Descriptor::copy(from, 0x5000, to, 0x6000 + ch * 0x1000, 64, 0x70 + ch), ch);
      }
      port.refuse_ar = channel == 'r';
      port.refuse_aw = channel == 'a';
      port.refuse_w = channel == 'w';
      bench.doorbell(0);
      bench.run(60);
      bench.doorbell(1);
      bench.doorbell(2);
      ASSERT_TRUE(bench.wait_idle(kTimeout, 1));
      EXPECT_EQ(bench.head(1), 1U);
      EXPECT_EQ(free.memory.get64(0x7000), 0x2222U);
      for (const unsigned ch : {0U, 2U}) {
        ASSERT_TRUE(bench.wait_error(ch, 3 * kTimeout)) << ch;
        this->expect_late(bench, ch, channel == 'r' ? 1 : 2, channel == 'r' ? 0x5000 : 0x6000 + ch * 0x1000,
                          0);
        EXPECT_EQ(bench.read64(bench.reg(dma::CH_ERR_TAG::kOffset, ch)), 0x70U + ch);
        bench.write32(bench.reg(dma::CH_CTRL::kOffset, ch), 1 | kResume);
      }
      bench.run(200);
      EXPECT_EQ(bench.head(0), 0U);
      port.refuse_ar = port.refuse_aw = port.refuse_w = false;
      for (const unsigned ch : {0U, 2U}) {
        ASSERT_TRUE(bench.wait_idle(2000, ch));
        EXPECT_FALSE(bench.error(ch));
        EXPECT_EQ(bench.head(ch), 1U);
        for (unsigned i = 0; i < 64; i += 8) {
          EXPECT_EQ(bench.memory(channel == 'r' ? other : space).memory.get64(0x6000 + ch * 0x1000 + i),
                    (channel == 'r' ? 0x1111 : 0x2222) + i);
        }
      }
    }
  }
}

// The message itself is not taken: the writes behind it time out.
TYPED_TEST(DmaSilence, MessageIsNotTaken) {
  covers("contract.dma.timeout");
  TypeParam bench;
  bench.write32(dma::TIMEOUT::kOffset, kTimeout);
  bench.host.refuse_aw = true;
  bench.start(kVram, kRing, 4, 3, 1);
  bench.push(Descriptor::fence(kVram, 0x8000, 1, true), 1);
  bench.doorbell(1);
  ASSERT_TRUE(bench.wait_idle(1000, 1));
  bench.run(20);
  bench.start(kVram, kRing + 0x1000, 4, 3, 0);
  bench.push(Descriptor::copy(kVram, 0x5000, kLogical, 0x6000, 64));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error(0, 3 * kTimeout));
  this->expect_late(bench, 0, 2, 0x6000, 0);
  bench.host.refuse_aw = false;
  ASSERT_TRUE(bench.command(kResume));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 1U);
  EXPECT_GE(events(bench.host, Kind::Aw, kIdMsi).size(), 1U);
}

// A message is not answered: the next one goes out after TIMEOUT, or with 0 not before the answer; QUIET
// waits for all of them. No more than 15 are left unanswered.
TYPED_TEST(DmaSilence, MessageIsNotAnswered) {
  covers("contract.dma.timeout");
  for (const std::uint32_t timeout : {0U, 300U}) {
    SCOPED_TRACE(timeout);
    TypeParam bench;
    bench.host.silent = [](bool write, unsigned id, std::uint64_t) { return write && id == kIdMsi; };
    bench.start(kVram, kRing, 6);
    bench.write32(dma::TIMEOUT::kOffset, timeout);
    const auto raise = [&] {
      bench.write32(dma::INT_STATUS::kOffset, 3);
      bench.push(Descriptor::fence(kVram, 0x8000, 1, true));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_idle(1000));
      bench.run(10);
    };
    const auto sent = [&] { return events(bench.host, Kind::Aw, kIdMsi); };
    raise();
    ASSERT_EQ(sent().size(), 1U);
    raise();
    bench.run(200);
    EXPECT_EQ(sent().size(), 1U) << "the first is under way";
    bench.run(400);
    if (timeout != 0) {
      ASSERT_EQ(sent().size(), 2U);
      EXPECT_NEAR(static_cast<double>(sent()[1].cycle - sent()[0].cycle), timeout, 5);
      for (unsigned i = 0; i < 20; ++i) {
        raise();
        bench.run(timeout);
      }
    }
    EXPECT_EQ(sent().size(), timeout == 0 ? 1U : 15U);
    EXPECT_FALSE(bench.error()) << "no channel's matter";
    bench.write32(dma::QUIESCE::kOffset, 1);
    bench.run(500);
    EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 1U);
    bench.host.silent = nullptr;
    ASSERT_TRUE(bench.wait(
        "QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }, 1000));
    bench.write32(dma::QUIESCE::kOffset, 0);
    bench.run(50);
    const std::size_t before = sent().size();
    EXPECT_EQ(before, timeout == 0 ? 2U : 17U) << "the one that was shown, and one for all rises since";
    raise();
    bench.run(50);
    EXPECT_EQ(sent().size(), before + 1);
    EXPECT_TRUE(bench.host.quiet());
  }
}

// RESET, RESUME and SKIP, given while QUIET reads 1, make no request, and are done after the release at the
// latest.
TYPED_TEST(DmaSilence, CommandsWhileQuiet) {
  covers("contract.dma.quiesce");
  for (const std::uint32_t command : {kReset, kResume, kSkip}) {
    for (unsigned offset = 0; offset < 160; offset += 8) {
      SCOPED_TRACE(fmt::format("command {} offset {}", command, offset));
      TypeParam bench(7);
      bench.host.timing.read_latency = bench.vram.timing.read_latency = 10;
      bench.start(kLogical, kRing, 4);
      for (unsigned i = 0; i < 8; ++i) {
        bench.host.memory.set64(0x10'0000 + 8ULL * i, 0x100 + i);
        bench.push(Descriptor::copy(kLogical, 0x10'0000 + 8ULL * i, kLogical, 0x20'0000 + 8ULL * i, 8));
      }
      if (command != kReset) bench.host.read_errors[0x10'0000 / TypeParam::kBytes * TypeParam::kBytes] = 2;
      bench.doorbell();
      if (command == kReset) {
        bench.run(offset);
      } else {
        ASSERT_TRUE(bench.wait_error());
        bench.host.read_errors.clear();
      }
      bench.write32(dma::QUIESCE::kOffset, 1);
      ASSERT_TRUE(bench.wait(
          "QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }, 1000));
      const std::size_t before = bench.host.log.size();
      bench.write32(dma::CH_CTRL::kOffset, 1 | command);
      bench.run(200);
      EXPECT_EQ(bench.host.log.size(), before);
      EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 3U);
      bench.write32(dma::QUIESCE::kOffset, 0);
      ASSERT_TRUE(bench.wait_idle(2000));
      EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 1U);
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), command == kReset ? 0U : 8U);
      if (command != kReset) {
        for (unsigned i = 0; i < 8; ++i)
          EXPECT_EQ(bench.host.memory.get64(0x20'0000 + 8ULL * i),
                    command == kSkip && i == 0 ? 0U : 0x100U + i);
        break;  // one offset is as good as another
      }
    }
  }
}

// A SEM_WAIT's time-out stands still, and no page is hinted.
TYPED_TEST(DmaSilence, WaitsAndHintsStandStillWhileQuiet) {
  covers("contract.dma.quiesce");
  TypeParam bench;
  bench.start(kVram, kRing, 4);
  bench.push(Descriptor::wait(kVram, 0x8000, dma::condition::EQUAL, 1, ~0ULL, 600));
  bench.doorbell();
  bench.run(300);
  bench.write32(dma::QUIESCE::kOffset, 1);
  bench.run(3000);
  EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 3U);
  EXPECT_FALSE(bench.error());
  bench.write32(dma::QUIESCE::kOffset, 0);
  bench.run(200);
  EXPECT_FALSE(bench.error()) << "only 500 cycles counted";
  ASSERT_TRUE(bench.wait_error(0, 200));
  EXPECT_EQ(error_code(bench), dma::error::SEM_TIMEOUT);
  ASSERT_TRUE(bench.reset_channel());
  // Hints that nobody takes are there, and are not while it is quiet.
  bench.hint_percent = 0;
  bench.push(Descriptor::copy(kLogical, 0x10'0000, kVram, 0x20'0000, 0x1'0000));
  bench.doorbell();
  bench.run(100);
  EXPECT_GT(bench.hint_cycles, 50U);
  bench.write32(dma::QUIESCE::kOffset, 1);
  const std::uint64_t before = bench.hint_cycles;
  bench.run(300);
  EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 3U);
  EXPECT_EQ(bench.hint_cycles, before);
  bench.write32(dma::QUIESCE::kOffset, 0);
  bench.run(10);
  EXPECT_GT(bench.hint_cycles, before);
  ASSERT_TRUE(bench.wait_idle());
}

// A device is silent when the channel is reset: the reset waits for it, and no TIMEOUT comes of that.
TYPED_TEST(DmaSilence, ResetBeforeTheTimeOut) {
  covers("contract.dma.timeout");
  for (const bool write : {false, true}) {
    SCOPED_TRACE(write);
    TypeParam bench;
    bench.start(kLogical, kRing, 4);
    bench.write32(dma::TIMEOUT::kOffset, kTimeout);
    bench.vram.silent = [write](bool of, unsigned, std::uint64_t) { return of == write; };
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 64));
    bench.doorbell();
    bench.run(100);
    bench.write32(dma::CH_CTRL::kOffset, 1 | kReset);
    bench.run(3 * kTimeout);
    EXPECT_EQ(bench.read32(dma::CH_CTRL::kOffset), 1 | kReset);
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 0U);
    bench.vram.silent = nullptr;
    ASSERT_TRUE(bench.wait(
        "the reset", [&] { return bench.read32(dma::CH_CTRL::kOffset) == 1; }, 100));
    EXPECT_TRUE(bench.idle());
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.head(), 0U);
  }
}

// A copy has failed, and a later one waits for a device that does not answer: the failure is told after
// TIMEOUT, as it was.
TYPED_TEST(DmaSilence, FailureBesideSilence) {
  covers("contract.dma.timeout");
  TypeParam bench;
  bench.start(kLogical, kRing, 4);
  bench.write32(dma::TIMEOUT::kOffset, kTimeout);
  bench.vram.timing.read_latency = 60;  // the second one has been asked for by then
  bench.vram.read_errors[0x5000] = 3;
  bench.host.silent = [](bool write, unsigned id, std::uint64_t) { return !write && id == kIdData; };
  bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8, 0x70));
  bench.push(Descriptor::copy(kLogical, 0x5000, kVram, 0x7000, 8, 0x71));
  bench.doorbell();
  bench.run(kTimeout / 2);
  EXPECT_FALSE(bench.error()) << "not before everything was answered";
  ASSERT_TRUE(bench.wait_error(0, 2 * kTimeout));
  EXPECT_EQ(error_code(bench), dma::error::READ);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), 0x5000U);
  EXPECT_EQ(bench.read64(dma::CH_ERR_TAG::kOffset), 0x70U);
  EXPECT_EQ(dma::CH_STATUS::HUNG.get(bench.status()), 1U);
  bench.host.silent = nullptr;
  bench.vram.read_errors.clear();
  bench.host.memory.set64(0x5000, 0x1234);
  ASSERT_TRUE(bench.command(kResume));
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 2U);
  EXPECT_EQ(bench.vram.memory.get64(0x7000), 0x1234U);
}

// Messages that were not answered in time go on being answered while the next one is sent: each ends one
// wait.
TYPED_TEST(DmaSilence, LateAnswersToMessages) {
  covers("contract.dma.timeout");
  TypeParam bench;
  bench.start(kVram, kRing, 6);
  bench.write32(dma::TIMEOUT::kOffset, 20);
  bench.host.silent = [](bool write, unsigned id, std::uint64_t) { return write && id == kIdMsi; };
  const auto raise = [&] {
    bench.write32(dma::INT_STATUS::kOffset, 3);
    bench.push(Descriptor::fence(kVram, 0x8000, 1, true));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle(1000));
    bench.run(40);
  };
  for (unsigned i = 0; i < 17; ++i) raise();
  EXPECT_EQ(events(bench.host, Kind::Aw, kIdMsi).size(), 15U) << "no more than that are unanswered";
  bench.host.silent = nullptr;
  bench.run(60);
  EXPECT_EQ(events(bench.host, Kind::Aw, kIdMsi).size(), 17U);
  raise();
  EXPECT_EQ(events(bench.host, Kind::Aw, kIdMsi).size(), 18U);
  EXPECT_EQ(events(bench.host, Kind::B, kIdMsi).size(), 18U);
}

// QUIESCE is given up before it is quiet, and asked for again: work goes on as if nothing had been.
TYPED_TEST(DmaSilence, QuiesceIsGivenUp) {
  covers("contract.dma.quiesce");
  for (unsigned offset = 0; offset < 90; offset += 3) {
    for (const bool again : {false, true}) {
      SCOPED_TRACE(fmt::format("offset {} again {}", offset, again));
      TypeParam bench;
      bench.host.timing.read_latency = bench.host.timing.write_latency = 30;
      bench.start(kLogical, kRing, 4);
      for (unsigned i = 0; i < 1024; i += 8) bench.host.memory.set64(0x10'0001 + i, 0x100 + i);
      bench.push(Descriptor::copy(kLogical, 0x10'0001, kLogical, 0x20'0003, 1024));
      bench.push(Descriptor::fence(kVram, 0x8000, 1, true));
      bench.doorbell();
      bench.run(offset);
      bench.write32(dma::QUIESCE::kOffset, 1);
      if (again) bench.write32(dma::QUIESCE::kOffset, 1);
      bench.run(offset % 7);
      bench.write32(dma::QUIESCE::kOffset, 0);
      EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 0U);
      ASSERT_TRUE(bench.wait_idle(3000));
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.head(), 2U);
      for (unsigned i = 0; i < 1024; i += 8)
        ASSERT_EQ(bench.host.memory.get64(0x20'0003 + i), 0x100 + i) << i;
      bench.run(60);
      EXPECT_EQ(events(bench.host, Kind::Aw, kIdMsi).size(), 1U);
    }
  }
}

// A message is answered around the cycle in which its time is over: the next one goes out once, either way.
TYPED_TEST(DmaSilence, MessageIsAnsweredAsItsTimeIsOver) {
  covers("contract.dma.timeout");
  constexpr unsigned kTime = 40;
  for (unsigned latency = kTime - 8; latency < kTime + 8; ++latency) {
    SCOPED_TRACE(latency);
    TypeParam bench;
    bench.host.timing.write_latency = latency;
    bench.start(kVram, kRing, 4);
    bench.write32(dma::TIMEOUT::kOffset, kTime);
    for (unsigned i = 0; i < 2; ++i) {
      bench.push(Descriptor::fence(kVram, 0x8000, 1 + i, true));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_idle(1000));
      bench.run(5);
      bench.write32(dma::INT_STATUS::kOffset, 1);
    }
    bench.run(6 * kTime);
    EXPECT_EQ(events(bench.host, Kind::Aw, kIdMsi).size(), 2U);
    EXPECT_EQ(events(bench.host, Kind::B, kIdMsi).size(), 2U);
    EXPECT_FALSE(bench.error());
  }
}

// A message that was shown is not taken back by QUIESCE; QUIET waits for it.
TYPED_TEST(DmaSilence, QuiesceBesideAMessageThatIsShown) {
  covers("contract.dma.quiesce");
  TypeParam bench;
  bench.host.refuse_aw = true;
  bench.start(kVram, kRing, 4);
  bench.push(Descriptor::fence(kVram, 0x8000, 1, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle(1000));
  bench.run(10);
  bench.write32(dma::QUIESCE::kOffset, 1);
  bench.run(100);
  EXPECT_EQ(bench.read32(dma::QUIESCE::kOffset), 1U);
  bench.host.refuse_aw = false;
  ASSERT_TRUE(bench.wait(
      "QUIET", [&] { return bench.read32(dma::QUIESCE::kOffset) == 3; }, 100));
  EXPECT_EQ(events(bench.host, Kind::B, kIdMsi).size(), 1U);
}

}  // namespace
}  // namespace gpudmar::test
