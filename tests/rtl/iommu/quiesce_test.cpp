// SPDX-License-Identifier: Apache-2.0
// Reset of the unit alone under traffic: nothing is lost at the requesters, nothing is left at memory, and
// nothing passes untranslated afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint32_t kHeld = 0xF40;
constexpr std::uint64_t kRestCycles = 5000;  // for what is under way to end

class Quiesce : public StatusFixture {
 protected:
  static constexpr std::uint64_t kSecond = kIova + 4096, kSecondPage = kPool + 9 * 4096;
  Quiesce() {
    bench.tables.map(table, kSecond, kSecondPage);
    for (std::uint64_t at = 0; at < 4096; at += 8) bench.memory.store64(kPool + at, kPool + at);
  }
  bool rests(std::uint64_t max_cycles = kRestCycles) {
    bench.quiesce(true);
    return bench.run_until([this] { return bench.quiesced(); }, max_cycles);
  }
  /// After quiesced: one reset, and the unit is let go.
  void reset_now(unsigned cycles = 2) {
    ASSERT_TRUE(bench.quiesced());
    bench.hold_reset(true);
    bench.run(cycles);
    bench.hold_reset(false);
    bench.run(2);
    bench.quiesce(false);
    bench.run(2);
  }
  /// In or out, but nothing between.
  static void expect_whole(const std::vector<BurstPtr>& bursts) {
    for (const auto& b : bursts) {
      EXPECT_EQ(b->in, b->done) << (b->write ? "write" : "read");
      EXPECT_FALSE(b->out && !b->in);
    }
  }
  void expect_translated(const std::vector<BurstPtr>& bursts) {
    for (const auto& b : bursts) {
      const std::uint64_t page = b->address & ~0xFFFULL;
      const std::uint64_t to = page == kIova ? kPool : page == kSecond ? kSecondPage : 0;
      EXPECT_EQ(b->out, to != 0) << std::hex << b->address;
      EXPECT_EQ(b->resp, to != 0 ? sim::AxiResp::kOkay : sim::AxiResp::kSlvErr);
      EXPECT_EQ(b->out_address, to != 0 ? to + (b->address & 0xFFF) : 0);
    }
  }
  bool byte_is(std::uint64_t at, std::uint8_t value) {
    std::uint8_t byte = 0;
    return bench.memory.device().read(at, &byte, 1) && byte == value;
  }
  /// Walks, hits, blocked requests, buffered data on both sides, long bursts.
  std::vector<BurstPtr> traffic(unsigned count) {
    std::vector<BurstPtr> bursts;
    for (unsigned i = 0; i < count; ++i)
      for (unsigned p = 0; p < kPorts; ++p) {
        const std::uint64_t page = kIova + (i % 3) * 4096ULL;  // the third is not mapped
        bursts.push_back(bench.read(p, i % 16, page, 1 + (i * 5) % 12));
        bursts.push_back(bench.write(p, i % 16, page + 2048, 1 + (i * 3) % 9));
      }
    return bursts;
  }
};

TEST_F(Quiesce, InEveryCycleOfATrafficNothingIsLost) {
  covers("vtd.registers.quiesce", "vtd.registers.sticky", "vtd.race", "vtd.drain");
  unsigned held_back = 0;
  unsigned under_way = 0;
  for (unsigned offset = 0; offset <= 260; ++offset) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    bench.reset(true);
    ASSERT_TRUE(bench.bring_up());
    bench.r_ready[0] = 0.4;
    bench.b_ready[kPorts - 1] = 0.5;
    const auto bursts = traffic(12);
    std::uint32_t wait = 0;
    for (unsigned i = 0; i < 12; ++i) {
      bench.flush_pages(3, kIova);
      wait = bench.push_wait(i % 2 == 0);
    }
    bench.ring();
    bench.run(offset);
    for (const auto& b : bursts) under_way += b->in && !b->done ? 1 : 0;
    ASSERT_TRUE(rests());
    EXPECT_TRUE(bench.unit_idle());
    EXPECT_TRUE(bench.data_port().idle() && bench.table_port().idle());
    EXPECT_TRUE(bench.waited(wait)) << "the queue ran to its tail";
    expect_whole(bursts);
    const std::uint64_t walks = bench.walk_reads;
    bench.run(20);
    EXPECT_TRUE(bench.quiesced());
    bench.hold_reset(true);
    bench.run(1 + offset % 3);
    bench.hold_reset(false);
    bench.run(offset % 4);
    bench.quiesce(false);
    bench.run(30);
    unsigned waiting = 0;
    for (const auto& b : bursts) waiting += b->in ? 0 : 1;
    held_back += waiting;
    expect_whole(bursts);
    EXPECT_EQ(bench.walk_reads, walks) << "the unit is off";
    EXPECT_EQ(status(kGsts), 0U);
    EXPECT_EQ(status(kHeld), 1U);
    EXPECT_EQ(status() & kPpf, bench.faults.empty() ? 0 : kPpf) << "the records are kept";
    ASSERT_TRUE(bench.bring_up());
    ASSERT_TRUE(bench.settle(20000));
    EXPECT_EQ(status(kHeld), 0U);
    expect_translated(bursts);
    bench.flush_global();
    EXPECT_TRUE(bench.invalidate());
    bench.faults.clear();
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(held_back, 500U);
  EXPECT_GT(under_way, 1000U);
}

TEST_F(Quiesce, DataIsThatOfTheRequests) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned offset = 0; offset < 90; offset += 1) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    const auto fill = static_cast<std::uint8_t>(offset + 1);
    const auto read = bench.read(0, 1, kIova, 16);
    const auto write = bench.write(1, 1, kSecond, 8, kFullSize, 0, fill);
    bench.run(offset);
    ASSERT_TRUE(bench.reset_alone(1 + offset % 2));
    ASSERT_TRUE(bench.bring_up());
    ASSERT_TRUE(bench.settle());
    ASSERT_EQ(read->data.size(), 16U);
    for (unsigned n = 0; n < 16; ++n) {
      std::uint64_t first = 0;
      std::memcpy(&first, read->data[n].data(), 8);
      ASSERT_EQ(first, kPool + n * kBusBytes);
    }
    for (unsigned n = 0; n < 8; ++n)
      ASSERT_TRUE(byte_is(kSecondPage + n * kBusBytes + 3, static_cast<std::uint8_t>(fill + n)));
  }
}

TEST_F(Quiesce, EndsWithoutAReset) {
  covers("vtd.registers.quiesce");
  for (unsigned offset = 0; offset <= 120; offset += 3) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    bench.reset(true);
    ASSERT_TRUE(bench.bring_up());
    const auto bursts = traffic(6);
    bench.run(offset);
    bench.quiesce(true);
    bench.run(offset * 7 % 50);  // at rest or not yet
    bench.quiesce(false);
    bench.step();
    EXPECT_FALSE(bench.quiesced());
    ASSERT_TRUE(bench.settle());
    expect_translated(bursts);
    EXPECT_EQ(status(kHeld), 0U);
  }
}

TEST_F(Quiesce, WaitsForARequesterThatTakesNoAnswers) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned p = 0; p < kPorts; ++p) {
    for (const bool is_write : {false, true}) {
      SCOPED_TRACE(testing::Message() << "port " << p << (is_write ? " write" : " read"));
      bench.r_ready[p] = bench.b_ready[p] = 0;
      const auto burst = is_write ? bench.write(p, 1, kIova, 4) : bench.read(p, 1, kIova, 4);
      bench.run(200);
      EXPECT_FALSE(rests(300));
      EXPECT_TRUE(bench.unit_idle()) << "only the answer is owed";
      EXPECT_EQ(status(kGsts), kTe | kSrtp | kQie) << "software goes on meanwhile";
      bench.r_ready[p] = bench.b_ready[p] = 1;
      EXPECT_TRUE(bench.run_until([&] { return bench.quiesced(); }, 50));
      EXPECT_TRUE(burst->done);
      bench.quiesce(false);
      bench.run(2);
    }
  }
}

TEST_F(Quiesce, TakesTheRestOfABurstAndNoMore) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  bench.hold_w[0] = true;
  const auto begun = bench.write(0, 1, kIova, 6);
  const auto next = bench.write(0, 1, kIova + 512, 2);
  bench.run(60);
  ASSERT_TRUE(begun->in);
  EXPECT_FALSE(rests(300)) << "data of its burst is owed";
  bench.hold_w[0] = false;
  EXPECT_TRUE(bench.run_until([&] { return bench.quiesced(); }, 300));
  EXPECT_TRUE(begun->done);
  EXPECT_FALSE(next->in);
  reset_now();
  ASSERT_TRUE(bench.bring_up());
  ASSERT_TRUE(bench.settle());
  expect_translated({begun, next});
}

TEST_F(Quiesce, TakesTheAddressOfDataThatIsHere) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  bench.hold_aw[0] = true;
  std::vector<BurstPtr> ahead;
  for (unsigned i = 0; i < 3; ++i) ahead.push_back(bench.write(0, i, kIova + i * 512ULL, 4));
  bench.run(60);
  EXPECT_FALSE(rests(300)) << "addresses are owed";
  ahead.push_back(bench.write(0, 3, kIova + 2048, 4));
  bench.run(60);
  EXPECT_FALSE(ahead[0]->in);
  bench.hold_aw[0] = false;
  EXPECT_TRUE(bench.run_until([&] { return bench.quiesced(); }, 300));
  for (unsigned i = 0; i < 3; ++i) EXPECT_TRUE(ahead[i]->done);
  EXPECT_FALSE(ahead[3]->in);
  reset_now();
  ASSERT_TRUE(bench.bring_up());
  ASSERT_TRUE(bench.settle());
  expect_translated(ahead);
}

TEST_F(Quiesce, ABurstThatWasCutOffStillOwesItsData) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  bench.write_register(0xF08, 40, 4);
  bench.hold_w[0] = true;
  const auto cut = bench.write(0, 1, kIova, 6);
  const auto other = bench.write(1, 1, kSecond, 6);
  ASSERT_TRUE(bench.run_until([&] { return cut->done && other->done; }, 500));
  EXPECT_EQ(cut->resp, sim::AxiResp::kSlvErr);
  EXPECT_FALSE(rests(300));
  bench.hold_w[0] = false;
  EXPECT_TRUE(bench.run_until([&] { return bench.quiesced(); }, 100));
  reset_now();
  ASSERT_TRUE(bench.bring_up());
  const auto after = bench.write(0, 1, kIova, 6);
  ASSERT_TRUE(bench.settle());
  expect_translated({after});
}

TEST_F(Quiesce, RegisterAccessesWaitThroughTheReset) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  ASSERT_TRUE(rests());
  const auto write = bench.start_write(kRtaddr, bench.tables.root(), 8);
  const auto read = bench.start_read(kRtaddr, 8);
  bench.run(50);
  EXPECT_TRUE(bench.quiesced());
  bench.hold_reset(true);
  bench.run(5);
  bench.hold_reset(false);
  bench.run(5);
  EXPECT_FALSE(write->done);
  bench.quiesce(false);
  ASSERT_TRUE(bench.run_until([&] { return read->done; }, 50));
  EXPECT_EQ(read->data, bench.tables.root());
}

TEST_F(Quiesce, AnEventAndAHintComeToTheirEnd) {
  covers("vtd.registers.quiesce", "vtd.event.pending", "vtd.hints.quiesce");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned offset = 0; offset < 60; ++offset) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    clear_faults();
    bench.messages.clear();
    bench.write_register(0x040, 0xFEE0'1000, 4);
    bench.write_register(kFectl, 0, 4);
    const auto bad = bench.read(1, 2, kIova + 50 * 4096ULL);
    bench.hint(0, kSecond);
    bench.run(offset);
    ASSERT_TRUE(rests());
    EXPECT_EQ(bench.messages.size(), bad->in ? 1U : 0U);
    const std::uint64_t walks = bench.walk_reads;
    bench.hint(0, kIova);
    bench.run(30);
    EXPECT_EQ(bench.walk_reads, walks) << "no hint is taken";
    EXPECT_TRUE(bench.quiesced());
    reset_now();
    ASSERT_TRUE(bench.bring_up());
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(bad->out);
  }
}

// Translation that software has asked for is never bypassed, in whichever phase of the command the unit is
// stopped.
TEST_F(Quiesce, ACommandUnderWayCounts) {
  covers("vtd.registers.quiesce", "vtd.gcmd.te");
  for (unsigned offset = 0; offset < 40; ++offset) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    bench.reset(true);
    bench.write_register(kRtaddr, bench.tables.root(), 8);
    const auto command = bench.start_write(kGcmd, kTe | kSrtp, 4);
    bench.run(offset);
    ASSERT_TRUE(rests());
    EXPECT_TRUE(command->done) << "it came before the page closed, so it counts";
    const auto read = bench.read(0, 1, kIova);
    reset_now();
    bench.run(40);
    EXPECT_EQ(status(kHeld), 1U);
    EXPECT_FALSE(read->in);
    ASSERT_TRUE(bench.bring_up());
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(read->out && read->out_address == kIova) << "untranslated";
  }
}

TEST_F(Quiesce, SoftwareMayLetThemPass) {
  covers("vtd.registers.quiesce");
  ASSERT_TRUE(bench.bring_up());
  ASSERT_TRUE(rests());
  const auto read = bench.read(0, 1, kPool);
  const auto write = bench.write(1, 1, kPool + 64);
  reset_now();
  bench.run(100);
  EXPECT_FALSE(read->in || write->in);
  bench.write_register(kHeld, 0, 4);
  bench.run(20);
  EXPECT_EQ(status(kHeld), 1U);
  // It stays through another reset of the unit.
  ASSERT_TRUE(bench.reset_alone());
  bench.run(20);
  EXPECT_EQ(status(kHeld), 1U);
  EXPECT_FALSE(read->in || write->in);
  bench.write_register(kHeld, 1, 4);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(status(kHeld), 0U);
  EXPECT_EQ(read->out_address, kPool);
  EXPECT_EQ(write->out_address, kPool + 64);
}

TEST_F(Quiesce, OthersAreNotHeld) {
  covers("vtd.registers.quiesce", "vtd.registers.reset");
  // Translation was off.
  ASSERT_TRUE(rests());
  const auto first = bench.read(0, 1, kPool);
  reset_now();
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(first->out_address, kPool);
  // Everything is reset.
  for (const bool power : {false, true}) {
    ASSERT_TRUE(bench.bring_up());
    bench.reset(power);
    const auto read = bench.read(0, 1, kPool);
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(read->out_address, kPool);
    ASSERT_TRUE(bench.bring_up());
    ASSERT_TRUE(bench.reset_alone());
    EXPECT_EQ(status(kHeld), 1U);
    bench.reset(power);
    EXPECT_EQ(status(kHeld), 0U);
  }
}

std::uint64_t base_seed() {
  const char* text = std::getenv("GPUDMAR_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261129;
}

class RandomQuiesce : public ::testing::TestWithParam<unsigned> {};

TEST_P(RandomQuiesce, EveryRequestIsTranslatedOnce) {
  covers("vtd.registers.quiesce", "vtd.random");
  const std::uint64_t seed = base_seed() + GetParam();
  SCOPED_TRACE(
      fmt::format("re-run: GPUDMAR_SEED={} {} --gtest_filter='*RandomQuiesce*/0'", seed, GPUDMAR_PROGRAM));
  std::mt19937_64 rng(seed);
  const auto pick = [&](std::uint64_t n) { return rng() % n; };
  IommuBench bench(1 + static_cast<unsigned>(pick(60)), seed);
  const std::uint64_t table = bench.tables.page();
  for (unsigned p = 0; p < kPorts; ++p) bench.tables.context(kSid[p], 3, table);
  constexpr std::uint64_t kIova = 0x10'0000'0000, kPool = 0x4000'0000;
  for (unsigned i = 0; i < 12; ++i)
    if (pick(5) != 0)
      bench.tables.map(table, kIova + i * 4096, kPool + pick(64) * 4096, 1 + static_cast<unsigned>(pick(3)));
  ASSERT_TRUE(bench.bring_up());
  std::vector<BurstPtr> all;
  for (unsigned round = 0; round < 25; ++round) {
    for (unsigned p = 0; p < kPorts; ++p) {
      bench.r_ready[p] = pick(2) ? 1.0 : 0.3;
      bench.b_ready[p] = pick(2) ? 1.0 : 0.3;
      bench.hold_aw[p] = pick(3) == 0;
      bench.hold_w[p] = pick(4) == 0;
    }
    for (unsigned i = 0; i < 30; ++i) {
      const auto port = static_cast<unsigned>(pick(kPorts));
      const auto id = static_cast<unsigned>(pick(16));
      const auto beats = 1 + static_cast<unsigned>(pick(pick(6) == 0 ? 40 : 4));
      const std::uint64_t at = kIova + pick(12) * 4096 + pick(128 - beats + 1) * kBusBytes;
      all.push_back(pick(2) ? bench.read(port, id, at, beats) : bench.write(port, id, at, beats));
    }
    if (pick(2)) {
      bench.flush_domain(3, pick(2) != 0);
      bench.push_wait();
      bench.ring();
    }
    bench.run(pick(150));
    bench.quiesce(true);
    bench.run(pick(200));
    for (unsigned p = 0; p < kPorts; ++p) bench.hold_aw[p] = bench.hold_w[p] = false;
    ASSERT_TRUE(bench.run_until([&] { return bench.quiesced(); }, 20000)) << "round " << round;
    for (const auto& b : all) ASSERT_EQ(b->in, b->done);
    ASSERT_TRUE(bench.data_port().idle() && bench.table_port().idle());
    if (pick(4) != 0) {
      bench.hold_reset(true);
      bench.run(1 + pick(3));
      bench.hold_reset(false);
      bench.run(pick(3));
      bench.quiesce(false);
      bench.run(pick(60));
      for (const auto& b : all) ASSERT_EQ(b->in, b->done);
      ASSERT_TRUE(bench.bring_up());
    } else {
      bench.quiesce(false);
    }
    if (pick(3) == 0) {
      ASSERT_TRUE(bench.settle(100000));
    }
  }
  ASSERT_TRUE(bench.settle(100000));
  for (const auto& b : all) {
    const auto out = model::outgoing_address(bench.expected(b->port, b->address, b->write));
    ASSERT_EQ(b->out, out.has_value()) << std::hex << b->address;
    ASSERT_EQ(b->resp, out ? sim::AxiResp::kOkay : sim::AxiResp::kSlvErr);
    ASSERT_EQ(b->out_address, out.value_or(0));
  }
  for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomQuiesce, ::testing::Range(0U, 8U));

}  // namespace
}  // namespace gpudmar::test
