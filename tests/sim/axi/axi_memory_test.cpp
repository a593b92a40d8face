// SPDX-License-Identifier: Apache-2.0
// The AXI4 slave: exact latency, bandwidth, order, sampling points, errors; random traffic against a byte
// model, with the monitor watching.
#include "sim/axi/axi_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "sim/axi/axi_monitor.h"
#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr unsigned kBus = 32;

/// A slave over fresh host memory, a monitor beside it, and the signals of the master in the test's hand.
struct Bench {
  explicit Bench(AxiMemoryConfig config = {}) : slave("memory", bus, config) {
    step();  // the first cycle after reset: READYs come up
  }
  struct RBeat {
    std::uint64_t cycle;
    std::uint32_t id;
    AxiResp resp;
    bool last;
    BeatData data;
  };
  struct BBeat {
    std::uint64_t cycle;
    std::uint32_t id;
    AxiResp resp;
  };

  void step() {
    m.rready = true;
    m.bready = true;
    const AxiSlaveOut s = slave.out();
    monitor.observe(cycle, m, s);
    if (s.rvalid) r.push_back({cycle, s.rid, s.rresp, s.rlast, s.rdata});
    if (s.bvalid) b.push_back({cycle, s.bid, s.bresp});
    ar_taken = m.arvalid && s.arready;
    aw_taken = m.awvalid && s.awready;
    w_taken = m.wvalid && s.wready;
    slave.step(m);
    if (ar_taken) m.arvalid = false;
    if (aw_taken) m.awvalid = false;
    if (w_taken) m.wvalid = false;
    ++cycle;
  }
  /// Drives AR until taken; the cycle of the handshake.
  std::uint64_t ar(std::uint32_t id, std::uint64_t address, unsigned len = 0, unsigned size = 5) {
    m.arvalid = true;
    m.arid = id;
    m.araddr = address;
    m.arlen = static_cast<std::uint8_t>(len);
    m.arsize = static_cast<std::uint8_t>(size);
    for (int i = 0; i < 1000 && m.arvalid; ++i) step();
    EXPECT_TRUE(ar_taken);
    return cycle - 1;
  }
  void aw(std::uint32_t id, std::uint64_t address, unsigned len = 0, unsigned size = 5) {
    m.awvalid = true;
    m.awid = id;
    m.awaddr = address;
    m.awlen = static_cast<std::uint8_t>(len);
    m.awsize = static_cast<std::uint8_t>(size);
  }
  void w(std::uint8_t fill, std::uint64_t strobe, bool last) {
    m.wvalid = true;
    m.wdata.fill(fill);
    m.wstrb = strobe;
    m.wlast = last;
  }
  void run(int cycles) {
    for (int i = 0; i < cycles; ++i) step();
  }

  HostMemory memory;
  std::vector<hw::MessageTarget> messages;
  HostBus bus{memory, [this](hw::MessageTarget message) { messages.push_back(message); }};
  AxiMemory slave;
  std::vector<std::string> violations;
  AxiMonitor monitor{{"memory", kBus, true, 0},
                     [this](const Violation& v) { violations.push_back(v.rule + ": " + v.message); }};
  AxiMasterOut m;
  std::vector<RBeat> r;
  std::vector<BBeat> b;
  std::uint64_t cycle = 0;
  bool ar_taken = false;
  bool aw_taken = false;
  bool w_taken = false;
};

TEST(AxiMemory, FirstBeatComesExactlyLatencyCyclesAfterAr) {
  for (unsigned latency : {1U, 2U, 20U, 100U}) {
    AxiMemoryConfig config;
    config.latency = latency;
    Bench bench(config);
    const std::uint64_t at = bench.ar(3, kTiB, 3);
    bench.run(120);
    ASSERT_EQ(bench.r.size(), 4U) << "latency " << latency;
    for (unsigned i = 0; i < 4; ++i) {
      EXPECT_EQ(bench.r[i].cycle, at + latency + i);  // one beat a cycle
      EXPECT_EQ(bench.r[i].last, i == 3);
      EXPECT_EQ(bench.r[i].id, 3U);
    }
    EXPECT_THAT(bench.violations, IsEmpty());
  }
}

TEST(AxiMemory, QueuedReadsStreamWithoutAGap) {
  AxiMemoryConfig config;
  config.latency = 20;
  Bench bench(config);
  const std::uint64_t at = bench.ar(0, 0, 1);
  for (int i = 1; i < 8; ++i) bench.ar(static_cast<std::uint32_t>(i), 64 * static_cast<std::uint64_t>(i), 1);
  bench.run(60);
  ASSERT_EQ(bench.r.size(), 16U);
  EXPECT_EQ(bench.r.back().cycle, at + 20 + 15);
}

TEST(AxiMemory, WriteAnswersOneCycleAfterItsLastBeat) {
  Bench bench;
  bench.aw(1, 0x100, 1);
  bench.w(0x11, 0xFFFF'FFFF, false);
  bench.step();
  bench.w(0x22, 0x0F, true);
  bench.step();
  const std::uint64_t last = bench.cycle - 1;
  bench.run(3);
  ASSERT_EQ(bench.b.size(), 1U);
  EXPECT_EQ(bench.b[0].cycle, last + 1);
  EXPECT_EQ(bench.b[0].resp, AxiResp::kOkay);
  EXPECT_EQ(bench.memory.load64(0x118), 0x1111111111111111U);
  EXPECT_EQ(bench.memory.load64(0x120), 0x0000000022222222U);
  EXPECT_THAT(bench.violations, IsEmpty());
}

TEST(AxiMemory, DataMayComeBeforeItsAddress) {
  Bench bench;
  bench.w(0x33, 0xFFFF'FFFF, true);
  bench.step();
  bench.run(3);
  EXPECT_EQ(bench.b.size(), 0U);
  bench.aw(7, 0x40);
  bench.run(3);
  ASSERT_EQ(bench.b.size(), 1U);
  EXPECT_EQ(bench.memory.load64(0x40), 0x3333333333333333U);
}

TEST(AxiMemory, NarrowTransfersUseTheirLanesOnly) {
  AxiMemoryConfig config;
  config.latency = 1;
  Bench bench(config);
  bench.memory.store64(0x208, 0x8877665544332211);
  bench.ar(0, 0x20C, 1, 2);  // two beats of 4 bytes: 0x20C and 0x210
  bench.run(4);
  ASSERT_EQ(bench.r.size(), 2U);
  std::uint32_t word = 0;
  std::memcpy(&word, bench.r[0].data.data() + 0xC, 4);
  EXPECT_EQ(word, 0x88776655U);
  EXPECT_EQ(bench.r[0].data[0x8], 0xEE);  // not part of the beat: poison
  std::memcpy(&word, bench.r[1].data.data() + 0x10, 4);
  EXPECT_EQ(word, 0U);
}

TEST(AxiMemory, SamplingPointsAreConfigurable) {
  for (bool first_beat : {false, true}) {
    AxiMemoryConfig config;
    config.latency = 10;
    config.read_at_first_beat = first_beat;
    Bench bench(config);
    bench.ar(0, 0x80);
    bench.memory.store64(0x80, 5);
    bench.run(12);
    ASSERT_EQ(bench.r.size(), 1U);
    EXPECT_EQ(bench.r[0].data[0], first_beat ? 5 : 0);
  }
  for (bool wlast : {false, true}) {
    AxiMemoryConfig config;
    config.b_latency = 5;
    config.write_at_wlast = wlast;
    Bench bench(config);
    bench.aw(0, 0x80);
    bench.w(0x44, 0xFFFF'FFFF, true);
    bench.step();
    EXPECT_EQ(bench.memory.load64(0x80) != 0, wlast);
    bench.run(8);
    EXPECT_NE(bench.memory.load64(0x80), 0U);
  }
}

TEST(AxiMemory, AddressesWithoutRamAreDecodeErrors) {
  AxiMemoryConfig config;
  config.latency = 2;
  Bench bench(config);
  bench.ar(0, 3 * kGiB);
  bench.aw(0, 3 * kGiB);
  bench.w(1, 0xFFFF'FFFF, true);
  bench.run(6);
  ASSERT_EQ(bench.r.size(), 1U);
  EXPECT_EQ(bench.r[0].resp, AxiResp::kDecErr);
  ASSERT_EQ(bench.b.size(), 1U);
  EXPECT_EQ(bench.b[0].resp, AxiResp::kDecErr);
}

TEST(AxiMemory, InterruptWindowTakesDwordWritesOnly) {
  Bench bench;
  const auto send = [&](std::uint64_t address, std::uint64_t strobe, unsigned size) {
    bench.aw(0, address, 0, size);
    bench.w(0x5A, strobe, true);
    bench.run(4);
    return bench.b.back().resp;
  };
  EXPECT_EQ(send(0xFEE0'1004, 0xF0, 2), AxiResp::kOkay);
  ASSERT_EQ(bench.messages.size(), 1U);
  EXPECT_EQ(bench.messages[0].address, 0xFEE0'1004U);
  EXPECT_EQ(bench.messages[0].data, 0x5A5A5A5AU);
  EXPECT_EQ(send(0xFEE0'1000, 0xFF, 3), AxiResp::kSlvErr);
  EXPECT_EQ(send(0xFEE0'1000, 0x07, 2), AxiResp::kSlvErr);
  EXPECT_EQ(send(0xFEF0'0000, 0x0F, 2), AxiResp::kDecErr);
  EXPECT_EQ(bench.messages.size(), 1U);
  EXPECT_THAT(bench.violations, IsEmpty());
}

TEST(AxiMemory, InjectedErrorsHitTheirRangeAndLeaveMemoryAlone) {
  AxiMemoryConfig config;
  config.latency = 2;
  Bench bench(config);
  bench.slave.add_error({0x1020, 0x20}, AxiResp::kSlvErr);
  bench.ar(0, 0x1000, 2);
  bench.aw(0, 0x1000, 2);
  for (int i = 0; i < 3; ++i) {
    bench.w(9, 0xFFFF'FFFF, i == 2);
    bench.step();
  }
  bench.run(8);
  ASSERT_EQ(bench.r.size(), 3U);
  EXPECT_THAT((std::vector<AxiResp>{bench.r[0].resp, bench.r[1].resp, bench.r[2].resp}),
              ElementsAre(AxiResp::kOkay, AxiResp::kSlvErr, AxiResp::kOkay));
  ASSERT_EQ(bench.b.size(), 1U);
  EXPECT_EQ(bench.b[0].resp, AxiResp::kSlvErr);
  EXPECT_EQ(bench.memory.load64(0x1000), 0x0909090909090909U);
  EXPECT_EQ(bench.memory.load64(0x1020), 0U);
}

TEST(AxiMemory, RefusesImpossibleConfigurations) {
  HostMemory memory;
  HostBus bus(memory, [](hw::MessageTarget) {});
  const auto refused = [&](auto change) {
    AxiMemoryConfig config;
    change(config);
    EXPECT_THROW(AxiMemory("memory", bus, config), std::invalid_argument);
  };
  refused([](auto& c) { c.latency = 0; });
  refused([](auto& c) { c.bus_bytes = 24; });
  refused([](auto& c) { c.r_stall = 1.5; });
  refused([](auto& c) { c.interleave = true; });
  refused([](auto& c) { c.b_latency = 0; });
  refused([](auto& c) { c.max_reads = 0; });
}

TEST(AxiMemory, ANewTimingHoldsForBurstsFromTheNextCycleOn) {
  AxiMemoryConfig config;
  config.latency = 40;
  config.b_latency = 30;
  Bench bench(config);
  const std::uint64_t read = bench.ar(1, 0x100);
  bench.aw(1, 0x200);
  bench.w(0x11, 0xFFFF'FFFF, true);
  bench.step();
  const std::uint64_t write = bench.cycle - 1;
  config.latency = 3;
  config.b_latency = 2;
  bench.slave.configure(config);
  EXPECT_EQ(bench.slave.config().latency, 3U);
  bench.run(50);
  ASSERT_EQ(bench.r.size(), 1U);
  ASSERT_EQ(bench.b.size(), 1U);
  EXPECT_EQ(bench.r[0].cycle, read + 40) << "in flight: the time that it was given";
  EXPECT_EQ(bench.b[0].cycle, write + 30);
  const std::uint64_t again = bench.ar(1, 0x100);
  bench.aw(1, 0x200);
  bench.w(0x22, 0xFFFF'FFFF, true);
  bench.step();
  const std::uint64_t write_again = bench.cycle - 1;
  bench.run(10);
  ASSERT_EQ(bench.r.size(), 2U);
  ASSERT_EQ(bench.b.size(), 2U);
  EXPECT_EQ(bench.r[1].cycle, again + 3);
  EXPECT_EQ(bench.b[1].cycle, write_again + 2);
  EXPECT_THAT(bench.violations, IsEmpty());
}

TEST(AxiMemory, ANewTimingCanStallAndLetGo) {
  AxiMemoryConfig config;
  config.latency = 2;
  Bench bench(config);
  AxiMemoryConfig stalled = config;
  stalled.ar_stall = stalled.aw_stall = stalled.w_stall = 1.0;
  bench.slave.configure(stalled);
  bench.step();  // the READYs of this cycle were promised before
  bench.m.arvalid = true;
  bench.m.araddr = 0x40;
  bench.m.arsize = 5;
  bench.aw(2, 0x80);
  bench.w(0x33, 0xFFFF'FFFF, true);
  bench.run(200);
  EXPECT_TRUE(bench.m.arvalid && bench.m.awvalid && bench.m.wvalid) << "taken while stalled";
  EXPECT_TRUE(bench.slave.idle());
  bench.slave.configure(config);
  bench.run(8);
  EXPECT_FALSE(bench.m.arvalid || bench.m.awvalid || bench.m.wvalid);
  EXPECT_EQ(bench.r.size(), 1U);
  EXPECT_EQ(bench.b.size(), 1U);
  EXPECT_EQ(bench.memory.load64(0x80), 0x3333333333333333U);
  EXPECT_THAT(bench.violations, IsEmpty());
}

TEST(AxiMemory, ReconfiguringKeepsTheOrderWithinAnId) {
  AxiMemoryConfig config;
  config.latency = 30;
  Bench bench(config);
  bench.ar(4, 0x100);
  bench.ar(5, 0x140);
  config.latency = 1;
  config.out_of_order = true;
  bench.slave.configure(config);
  bench.ar(4, 0x180);  // may not overtake the first of its id
  bench.ar(6, 0x1C0);
  bench.run(60);
  ASSERT_EQ(bench.r.size(), 4U);
  std::vector<std::uint32_t> ids;
  for (const auto& beat : bench.r) ids.push_back(beat.id);
  EXPECT_THAT(ids, ElementsAre(6, 4, 5, 4));
  EXPECT_THAT(bench.violations, IsEmpty());
}

// A write under way while the sampling point changes is done once.
TEST(AxiMemory, ReconfiguringNeitherLosesNorRepeatsAWrite) {
  for (const bool at_wlast : {false, true}) {
    AxiMemoryConfig config;
    config.b_latency = 10;
    config.write_at_wlast = at_wlast;
    Bench bench(config);
    bench.aw(0, 0x80);
    bench.w(0x44, 0xFFFF'FFFF, true);
    bench.run(3);
    EXPECT_EQ(bench.memory.load64(0x80) != 0, at_wlast);
    config.write_at_wlast = !at_wlast;
    bench.slave.configure(config);
    if (at_wlast) bench.memory.store64(0x80, 5);  // by somebody else, later
    bench.run(15);
    ASSERT_EQ(bench.b.size(), 1U);
    EXPECT_EQ(bench.memory.load64(0x80), at_wlast ? 5U : 0x4444444444444444U);
  }
}

TEST(AxiMemory, ReconfiguringTakesNoImpossibleTimingAndNoOtherBus) {
  AxiMemoryConfig config;
  config.latency = 5;
  Bench bench(config);
  const auto refused = [&](auto change) {
    AxiMemoryConfig other = config;
    change(other);
    EXPECT_THROW(bench.slave.configure(other), std::invalid_argument);
    EXPECT_EQ(bench.slave.config().latency, 5U) << "nothing of it was taken";
  };
  refused([](auto& c) { c.latency = 0; });
  refused([](auto& c) {
    c.latency = 9;
    c.ar_stall = -0.1;
  });
  refused([](auto& c) {
    c.latency = 9;
    c.bus_bytes = 64;
  });
}

TEST(AxiMemory, ANewSeedCountsFromResetOn) {
  AxiMemoryConfig config;
  config.latency = 1;
  config.jitter = 50;
  config.out_of_order = true;
  const auto times = [](Bench& bench) {
    bench.r.clear();
    std::vector<std::uint64_t> gaps;
    for (std::uint32_t id = 0; id < 8; ++id) {
      const std::uint64_t at = bench.ar(id, id * 64);
      bench.run(60);
      EXPECT_EQ(bench.r.size(), id + 1);
      gaps.push_back(bench.r.back().cycle - at);
    }
    return gaps;
  };
  Bench bench(config), other(config);
  const auto first = times(bench);
  config.seed = 99;
  bench.slave.configure(config);
  EXPECT_NE(times(bench), first);
  bench.slave.reset();
  bench.step();
  const auto with_99 = times(bench);
  bench.slave.reset();
  bench.step();
  EXPECT_EQ(times(bench), with_99) << "the same stream again";
  EXPECT_EQ(times(other), first) << "the first seed as it was";
}

TEST(AxiMemory, AReadDelayIsAddedByIdAndAddress) {
  AxiMemoryConfig config;
  config.latency = 4;
  config.out_of_order = true;
  Bench bench(config);
  bench.slave.set_read_delay([](std::uint32_t id, std::uint64_t address) {
    return id == 7 ? 25U : address == 0x2000 ? 10U : 0U;
  });
  const auto beat_of = [&](std::uint32_t id) {
    for (const auto& beat : bench.r)
      if (beat.id == id) return beat.cycle;
    return std::uint64_t{0};
  };
  const std::uint64_t slow = bench.ar(7, 0x1000);
  const std::uint64_t far = bench.ar(2, 0x2000);
  const std::uint64_t plain = bench.ar(3, 0x3000);
  bench.run(40);
  EXPECT_EQ(beat_of(7), slow + 4 + 25);
  EXPECT_EQ(beat_of(2), far + 4 + 10);
  EXPECT_EQ(beat_of(3), plain + 4) << "overtakes both";
  bench.r.clear();
  const std::uint64_t under_way = bench.ar(7, 0x1000);
  bench.slave.set_read_delay(nullptr);
  bench.run(3);
  const std::uint64_t undelayed = bench.ar(8, 0x2000);
  bench.run(40);
  EXPECT_EQ(beat_of(7), under_way + 4 + 25) << "keeps what it was given";
  EXPECT_EQ(beat_of(8), undelayed + 4);
  EXPECT_THAT(bench.violations, IsEmpty());
}

// Without out_of_order a delayed read holds up those behind it.
TEST(AxiMemory, AReadDelayHoldsUpTheOthersInOrder) {
  AxiMemoryConfig config;
  config.latency = 4;
  Bench bench(config);
  bench.slave.set_read_delay([](std::uint32_t id, std::uint64_t) { return id == 7 ? 25U : 0U; });
  const std::uint64_t slow = bench.ar(7, 0x1000);
  bench.ar(3, 0x3000);
  bench.run(40);
  ASSERT_EQ(bench.r.size(), 2U);
  EXPECT_EQ(bench.r[0].id, 7U);
  EXPECT_EQ(bench.r[0].cycle, slow + 29);
  EXPECT_EQ(bench.r[1].cycle, slow + 30);
}

// With interleave the beats of a burst may have cycles between them, in which other ids come.
TEST(AxiMemory, ABeatDelayLetsOthersBetween) {
  AxiMemoryConfig config;
  config.latency = 4;
  config.out_of_order = config.interleave = true;
  Bench bench(config);
  bench.slave.set_beat_delay([](std::uint32_t id, std::uint64_t) { return id == 7 ? 5U : 0U; });
  const std::uint64_t slow = bench.ar(7, 0x1000, 2);
  const std::uint64_t other = bench.ar(3, 0x3000, 1);
  bench.run(40);
  std::vector<std::uint64_t> seven, three;
  for (const auto& beat : bench.r) (beat.id == 7 ? seven : three).push_back(beat.cycle);
  EXPECT_THAT(seven, ::testing::ElementsAre(slow + 4, slow + 10, slow + 16));
  EXPECT_THAT(three, ::testing::ElementsAre(other + 4, other + 5));
  EXPECT_THAT(bench.violations, IsEmpty());
}

std::uint64_t test_seed() {
  const char* text = std::getenv("GPUDMAR_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20'240'601;
}

// Writes to disjoint slots, then reads of everything, with every kind of disturbance: each read must return
// the bytes of the model, ids keep their order, no rule of the bus breaks.
TEST(AxiMemory, RandomTrafficAgainstAByteModel) {
  const std::uint64_t seed = test_seed();
  std::printf("seed %llu; again: GPUDMAR_SEED=%llu sim_axi_memory_test --gtest_filter=*RandomTraffic*\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  bool overtaken = false;
  for (int round = 0; round < 8; ++round) {
    AxiMemoryConfig config;
    config.seed = random();
    config.latency = 1 + static_cast<unsigned>(random() % 30);
    config.jitter = static_cast<unsigned>(random() % 40);
    config.b_latency = 1 + static_cast<unsigned>(random() % 9);
    config.ar_stall = config.aw_stall = config.w_stall = config.r_stall = config.b_stall = 0.1 * (round % 4);
    config.out_of_order = round >= 2;
    config.interleave = round >= 5;
    Bench bench(config);
    constexpr unsigned kSlots = 64;
    std::vector<std::uint8_t> model(kSlots * 256, 0);
    // Writes.
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      const unsigned beats = 1 + static_cast<unsigned>(random() % 8);
      bench.aw(static_cast<std::uint32_t>(random() % 8), slot * 256, beats - 1);
      for (unsigned i = 0; i < beats; ++i) {
        const auto fill = static_cast<std::uint8_t>(random());
        const std::uint64_t strobe = random() & 0xFFFF'FFFF;
        for (unsigned k = 0; k < 32; ++k)
          if ((strobe >> k) & 1U) model[slot * 256 + i * 32 + k] = fill;
        bench.w(fill, strobe, i == beats - 1);
        for (int wait = 0; wait < 2000 && bench.m.wvalid; ++wait) bench.step();
        ASSERT_FALSE(bench.m.wvalid);
      }
      for (int wait = 0; wait < 2000 && bench.m.awvalid; ++wait) bench.step();
      ASSERT_FALSE(bench.m.awvalid);
    }
    for (int wait = 0; wait < 10000 && bench.b.size() < kSlots; ++wait) bench.step();
    ASSERT_EQ(bench.b.size(), kSlots);
    // Reads.
    std::map<std::uint32_t, std::deque<unsigned>> expected;
    std::vector<std::uint32_t> asked;
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      const auto id = static_cast<std::uint32_t>(random() % 8);
      expected[id].push_back(slot);
      asked.push_back(id);
      bench.ar(id, slot * 256, 7);
    }
    for (int wait = 0; wait < 30000 && bench.r.size() < kSlots * 8; ++wait) bench.step();
    ASSERT_EQ(bench.r.size(), kSlots * 8);
    std::map<std::uint32_t, unsigned> beat;
    std::vector<std::uint32_t> answered;
    for (const auto& r : bench.r) {
      ASSERT_FALSE(expected[r.id].empty());
      const unsigned at = expected[r.id].front() * 256 + beat[r.id] * 32;
      EXPECT_EQ(std::memcmp(r.data.data(), model.data() + at, 32), 0)
          << "round " << round << " offset " << at;
      if (++beat[r.id] == 8) {
        beat[r.id] = 0;
        expected[r.id].pop_front();
        answered.push_back(r.id);
      }
    }
    if (!config.out_of_order) {
      EXPECT_EQ(answered, asked);
    }
    overtaken = overtaken || answered != asked;
    EXPECT_THAT(bench.violations, IsEmpty());
    EXPECT_TRUE(bench.slave.idle());
  }
  EXPECT_TRUE(overtaken);  // out-of-order was really exercised
}

}  // namespace
}  // namespace gpudmar::sim
