// SPDX-License-Identifier: Apache-2.0
// The checker of the DMA engines' promises on hand-made signals: met by the right timing, breached by a cycle
// more or less, and not measured where something else is in the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "driver-model/hw/regs/dma_regs.h"
#include "sim/contract/contract_checker.h"
#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using test::covers;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace dma = regs::dma;
namespace d = dma::descriptor;

constexpr unsigned kVram = dma::space::VRAM, kAperture = dma::space::APERTURE, kLogical = dma::space::LOGICAL;
using Descriptor = std::array<std::uint64_t, 8>;

Descriptor operation(unsigned opcode) {
  Descriptor of{};
  d::OPCODE.set(of.data(), opcode);
  return of;
}
Descriptor copy(unsigned from, unsigned to, std::uint64_t bytes = 64, std::uint64_t source = 0x1000) {
  Descriptor of = operation(dma::opcode::COPY);
  d::SRC_SPACE.set(of.data(), from);
  d::DST_SPACE.set(of.data(), to);
  d::SRC.set(of.data(), source);
  d::DST.set(of.data(), 0x2000);
  d::LENGTH.set(of.data(), bytes - 1);
  return of;
}

/// The buses of adapter 0, whose channels' ids are {channel, kind}, by hand.
class EngineContract : public ::testing::Test {
 protected:
  EngineContract() {
    idle();
    step(300);
  }
  void idle() {
    out = {};
    in = {};
    out.data.rready = out.data.bready = out.table.rready = true;
    in.data.arready = in.data.awready = in.data.wready = true;
    in.table.arready = in.table.awready = in.table.wready = true;
    out.iommu.wready = true;
    for (unsigned a = 0; a < 2; ++a) {
      out.vram[a].rready = out.vram[a].bready = out.gpu[a].wready = true;
      in.vram[a].arready = in.vram[a].awready = in.vram[a].wready = true;
    }
  }
  void step(unsigned count = 1) {
    for (unsigned i = 0; i < count; ++i) {
      checker.observe({cycle++, out, in});
      idle();
    }
  }
  void address(bool host, std::uint32_t id, unsigned beats) {
    const auto len = static_cast<std::uint8_t>(beats - 1);
    if (host) {
      out.probe[0].ar = true;
      out.probe[0].arid = id;
      out.probe[0].arlen = len;
      out.data.arvalid = true;  // it leaves at once
      out.data.arid = id;
    } else {
      out.vram[0].arvalid = true;
      out.vram[0].arid = id;
      out.vram[0].arlen = len;
    }
  }
  void beat(bool host, std::uint32_t id, bool last, const void* data = nullptr) {
    AxiSlaveOut& s = host ? in.data : in.vram[0];
    s.rvalid = true;
    s.rid = id;
    s.rlast = last;
    if (data != nullptr) std::memcpy(s.rdata.data(), data, 32);
    if (!host) return;
    out.probe[0].r = true;
    out.probe[0].rid = id;
    out.probe[0].rlast = last;
  }
  void register_write(std::uint32_t offset) {
    in.gpu[0].wvalid = true;
    in.gpu[0].awaddr = offset;
  }
  /// A channel fetches descriptors. The last one's last beat is in the cycle before the one that is next.
  /// `launch`: the first one's address, in its cycle, where another one follows.
  void fetch(bool host, const std::vector<Descriptor>& descriptors, unsigned channel = 0,
             const std::function<void()>& launch = nullptr) {
    const std::uint32_t id = channel << 2 | 1;
    address(host, id, static_cast<unsigned>(2 * descriptors.size()));
    step(10);
    for (std::size_t i = 0; i < 2 * descriptors.size(); ++i) {
      beat(host, id, i + 1 == 2 * descriptors.size(),
           reinterpret_cast<const std::uint8_t*>(descriptors[i / 2].data()) + 32 * (i % 2));
      if (i == 3 && launch) launch();
      step();
    }
  }
  /// A copy of one beat that ends.
  void ends(bool host) {
    step(5);
    beat(host, 0, true);
    step(3);
  }
  void vram_address(unsigned beats, std::uint32_t id = 0) {
    out.vram[0].awvalid = true;
    out.vram[0].awid = id;
    out.vram[0].awlen = static_cast<std::uint8_t>(beats - 1);
  }
  void vram_beat() { out.vram[0].wvalid = true; }
  void fence_answer() {
    vram_address(1, 1);
    vram_beat();
    step();
    in.vram[0].bvalid = true;
    in.vram[0].bid = 1;
    step();
  }
  const Measurement& of(const std::string& name) { return checker.measurements().at(name); }

  static ContractSetup setup() {
    ContractSetup of;
    of.engines = true;
    return of;
  }
  DutOutputs out;
  DutInputs in;
  std::uint64_t cycle = 100;
  std::vector<std::string> broken;
  ContractChecker checker{Contract::standard(), setup(),
                          [this](const Violation& v) { broken.push_back(v.rule + ": " + v.message); }};
};

class EngineLaunch : public EngineContract, public ::testing::WithParamInterface<bool> {};

TEST_P(EngineLaunch, OnTime) {
  covers("contract.dma_launch");
  const bool host = GetParam();
  for (unsigned i = 0; i < 3; ++i) {
    fetch(i != 1, {copy(host ? kLogical : kVram, kVram)});
    step();
    address(host, 0, 2);
    step();
    EXPECT_EQ(of("dma_launch").occurrences, i + 1);
    ends(host);
    step(300);
  }
  EXPECT_EQ(of("dma_launch").histogram.at(1), 3U);
  EXPECT_THAT(broken, IsEmpty());
}

// The address comes while the next descriptor does.
TEST_P(EngineLaunch, OfTheFirstOfSeveral) {
  covers("contract.dma_launch");
  const bool host = GetParam();
  const Descriptor ring[] = {copy(host ? kLogical : kVram, kVram), operation(dma::opcode::FENCE)};
  address(!host, 1, 4);
  step(10);
  for (unsigned i = 0; i < 4; ++i) {
    beat(!host, 1, i == 3, reinterpret_cast<const std::uint8_t*>(ring[i / 2].data()) + 32 * (i % 2));
    if (i == 3) address(host, 0, 2);
    step();
  }
  EXPECT_EQ(of("dma_launch").occurrences, 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_P(EngineLaunch, ACycleMoreOrLess) {
  covers("contract.dma_launch");
  const bool host = GetParam();
  const Descriptor work = copy(host ? kLogical : kVram, kVram);
  fetch(false, {work});
  step(2);
  address(host, 0, 2);
  step();
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.dma_launch: 2 cycles instead of 1"));
  ends(host);
  step(300);
  fetch(false, {work});
  address(host, 0, 2);
  step();
  ASSERT_THAT(broken, SizeIs(2));
  EXPECT_THAT(broken[1], HasSubstr("contract.dma_launch: 0 cycles instead of 1"));
}

TEST_P(EngineLaunch, OfTheAperture) {
  covers("contract.dma_launch_aperture");
  const bool host = GetParam();
  for (const unsigned late : {0U, 1U}) {
    fetch(false, {copy(host ? kAperture : kVram, host ? kVram : kAperture)});
    step(3 + late);
    address(host, 0, 2);
    step();
    EXPECT_EQ(of("dma_launch_aperture").occurrences, 1 + late);
    EXPECT_THAT(broken, SizeIs(late));
    ends(host);
    step(300);
  }
  EXPECT_EQ(of("dma_launch").occurrences, 0U);
}

// What is in the way: nothing is measured, however late the address comes.
TEST_P(EngineLaunch, WhatMayWaitIsNotJudged) {
  covers("contract.dma_launch");
  const bool host = GetParam();
  const Descriptor work = copy(host ? kLogical : kVram, kVram);
  const auto late = [&](const char* what, const std::function<void()>& meanwhile,
                        std::vector<Descriptor> ring, unsigned quiet = 300) {
    step(quiet);
    fetch(false, ring);
    meanwhile();
    step();
    address(host, 0, 2);
    step();
    ends(host);
    EXPECT_EQ(of("dma_launch").occurrences, 0U) << what;
  };
  const auto nothing = [&] { step(3); };
  late("an operation before it", nothing, {operation(dma::opcode::NOP), work});
  late("one that is no copy", nothing, {operation(dma::opcode::FILL)});
  late("virtual", nothing, {copy(dma::space::VIRTUAL, kVram)});
  late("seen a moment ago", nothing, {work}, 100);
  late("another channel's address",
       [&] {
         address(host, 4, 1);
         step();
         beat(host, 4, true);
         step(3);
       },
       {work});
  late("a register",
       [&] {
         register_write(dma::CH_CTRL::kOffset);
         step(3);
       },
       {work});
  if (host) {
    late("the unit comes to rest",
         [&] {
           in.iommu_quiesce = true;
           step(3);
         },
         {work});
    checker.iommu_reset();
    late("its ports may be closed after its reset", nothing, {work});
  } else {
    late("a stall",
         [&] {
           address(host, 0, 2);
           in.vram[0].arready = false;
           step(3);
         },
         {work});
  }
  EXPECT_THAT(broken, IsEmpty());
}

TEST_P(EngineLaunch, BehindAWaitOnlyOnceItIsOver) {
  covers("contract.dma_launch");
  const bool host = GetParam();
  const Descriptor work = copy(host ? kLogical : kVram, kVram);
  const Descriptor fence = operation(dma::opcode::FENCE);
  fetch(false, {fence, operation(dma::opcode::SEM_WAIT), fence});
  fence_answer();  // the one before the wait
  step(300);
  fetch(false, {work});
  step(7);
  address(host, 0, 2);
  step();
  ends(host);
  EXPECT_EQ(of("dma_launch").occurrences, 0U);
  fence_answer();
  step(300);
  register_write((dma::CH_TAIL::kOffset & ~7U) + dma::CH_TAIL::kStride);  // a doorbell disturbs nobody
  fetch(false, {work});
  step();
  address(host, 0, 2);
  step();
  EXPECT_EQ(of("dma_launch").occurrences, 1U);
  EXPECT_THAT(broken, IsEmpty());
}

// Then a short silence is enough.
TEST_P(EngineLaunch, BehindAnAnsweredFence) {
  covers("contract.dma_launch");
  const bool host = GetParam();
  const std::vector<Descriptor> ring{copy(host ? kLogical : kVram, kVram), operation(dma::opcode::FENCE)};
  for (unsigned i = 0; i < 3; ++i) {
    address(!host, 1, 4);
    step(10);
    for (unsigned b = 0; b < 4; ++b) {
      beat(!host, 1, b == 3, reinterpret_cast<const std::uint8_t*>(ring[b / 2].data()) + 32 * (b % 2));
      if (b == 3) address(host, 0, 1);
      step();
    }
    ends(host);
    fence_answer();
    step(i == 0 ? 40 : 10);
  }
  EXPECT_EQ(of("dma_launch").occurrences, 2U) << "not after 10 cycles";
  EXPECT_THAT(broken, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(From, EngineLaunch, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "host" : "vram"; });

class EngineGap : public EngineContract {
 protected:
  /// Two copies of two beats each from system memory; what happens before the second one's first write beat.
  void two(const std::function<void()>& between, unsigned read_late = 0, unsigned idle_cycles = 0,
           std::uint64_t source = 0x1000) {
    fetch(false, {copy(kLogical, kVram), copy(kLogical, kVram, 64, source), operation(dma::opcode::FENCE)}, 0,
          [&] { address(true, 0, 2); });
    const unsigned second = source % 32 == 0 ? 2 : 3;
    address(true, 0, second);
    step(5);
    for (unsigned i = 0; i < 2 + second; ++i) {
      if (i == 2) step(read_late);
      beat(true, 0, i == 1 || i == 1 + second);
      step();
    }
    vram_address(2);
    vram_beat();
    step();
    vram_beat();
    out.vram[0].wlast = true;
    step();
    between();
    step(idle_cycles);
    vram_address(2);
    vram_beat();
    step();
    vram_beat();
    step();
  }
};

TEST_F(EngineGap, None) {
  covers("contract.dma_gap");
  two([] {});
  EXPECT_EQ(of("dma_gap").occurrences, 1U);
  EXPECT_EQ(of("dma_gap").histogram.at(0), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(EngineGap, OneIdleBeat) {
  covers("contract.dma_gap");
  two([] {}, 0, 1);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.dma_gap: 1 cycles instead of 0"));
}

TEST_F(EngineGap, NotWhereSomethingIsInTheWay) {
  covers("contract.dma_gap");
  two([&] { fence_answer(); }, 0, 3);
  step(300);
  two(
      [&] {
        vram_address(2);
        vram_beat();
        in.vram[0].wready = false;
        step();
      },
      0, 3);
  step(300);
  two(
      [&] {
        out.probe[0].aw = true;  // the channel's write-back
        out.probe[0].awid = 3;
        step();
      },
      0, 3);
  step(300);
  two([] {}, 0, 3, 0x101F);  // its first beat needs two
  EXPECT_EQ(of("dma_gap").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(EngineGap, NotWhereTheDataIsLate) {
  covers("contract.dma_gap");
  fetch(false, {copy(kVram, kVram), copy(kVram, kVram)}, 0, [&] { address(false, 0, 4); });
  step(5);
  beat(false, 0, false);
  step();
  beat(false, 0, true);
  step(3);
  vram_address(2);
  vram_beat();
  step();
  vram_beat();
  beat(false, 0, false);
  step();
  beat(false, 0, true);
  step(2);
  vram_address(2);
  vram_beat();
  step();
  vram_beat();
  step();
  EXPECT_EQ(of("dma_gap").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

}  // namespace
}  // namespace gpudmar::sim
