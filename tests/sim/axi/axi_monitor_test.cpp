// SPDX-License-Identifier: Apache-2.0
// Every AXI rule fires on the fault it is for, and on nothing else.
#include "sim/axi/axi_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using test::covers;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AxiMonitorTest : public ::testing::Test {
 protected:
  AxiMonitorTest() {
    idle();
    step();  // the first cycle after reset
  }
  /// All VALID low, all READY high.
  void idle() {
    m = {};
    s = {};
    m.rready = m.bready = true;
    s.arready = s.awready = s.wready = true;
  }
  void step() { monitor.observe(cycle++, m, s); }
  void ar(std::uint32_t id, std::uint64_t address, unsigned len = 0, unsigned size = 5) {
    m.arvalid = true;
    m.arid = id;
    m.araddr = address;
    m.arlen = static_cast<std::uint8_t>(len);
    m.arsize = static_cast<std::uint8_t>(size);
  }
  void aw(std::uint32_t id, std::uint64_t address, unsigned len = 0, unsigned size = 5) {
    m.awvalid = true;
    m.awid = id;
    m.awaddr = address;
    m.awlen = static_cast<std::uint8_t>(len);
    m.awsize = static_cast<std::uint8_t>(size);
  }
  void w(std::uint64_t strobe, bool last) {
    m.wvalid = true;
    m.wstrb = strobe;
    m.wlast = last;
  }
  void r(std::uint32_t id, bool last) {
    s.rvalid = true;
    s.rid = id;
    s.rlast = last;
  }
  void b(std::uint32_t id) {
    s.bvalid = true;
    s.bid = id;
  }
  void next() {
    step();
    idle();
  }

  AxiMasterOut m;
  AxiSlaveOut s;
  std::uint64_t cycle = 0;
  std::vector<std::string> fired;
  AxiMonitor monitor{{"bus", 32, true, 50}, [this](const Violation& v) { fired.push_back(v.rule); }};
};

TEST_F(AxiMonitorTest, LegalTrafficIsSilent) {
  ar(1, 0xFC0, 1);
  aw(2, 0x1000, 1);
  w(0xFFFF'FFFF, false);
  next();
  ar(1, 0x1000);
  w(0x0000'00FF, true);
  next();
  r(1, false);
  b(2);
  next();
  r(1, true);
  next();
  r(1, true);
  next();
  w(0xF0, true);  // data ahead of its address
  next();
  aw(3, 0x44, 0, 2);
  next();
  b(3);
  next();
  monitor.finish(cycle);
  EXPECT_THAT(fired, IsEmpty());
  EXPECT_TRUE(monitor.idle());
  EXPECT_EQ(monitor.read_bursts(), 2U);
  EXPECT_EQ(monitor.write_bursts(), 2U);
}

TEST_F(AxiMonitorTest, ArStable) {
  covers("axi.ar_stable");
  s.arready = false;
  ar(1, 0x40);
  step();
  m.araddr = 0x80;
  step();
  m.arsnoop = false;
  step();
  m.arvalid = false;
  step();
  EXPECT_THAT(fired, ElementsAre("axi.ar_stable", "axi.ar_stable", "axi.ar_stable"));
}

TEST_F(AxiMonitorTest, AwStable) {
  covers("axi.aw_stable");
  s.awready = false;
  aw(1, 0x40);
  step();
  m.awid = 2;
  step();
  m.awsnoop = false;
  step();
  m.awvalid = false;
  step();
  EXPECT_THAT(fired, ElementsAre("axi.aw_stable", "axi.aw_stable", "axi.aw_stable"));
}

TEST_F(AxiMonitorTest, WStable) {
  covers("axi.w_stable");
  s.wready = false;
  w(0xFF, true);
  step();
  m.wdata[31] = 1;
  step();
  m.wdata[32] = 1;  // beyond the bus: not a signal
  step();
  m.wvalid = false;
  step();
  EXPECT_THAT(fired, ElementsAre("axi.w_stable", "axi.w_stable"));
}

TEST_F(AxiMonitorTest, RStable) {
  covers("axi.r_stable");
  AxiMonitor relaxed({"bus", 32, false, 0}, [this](const Violation& v) { fired.push_back(v.rule); });
  const auto look = [&] { relaxed.observe(cycle++, m, s); };
  look();
  ar(1, 0);
  look();
  idle();
  m.rready = false;
  r(1, true);
  look();
  s.rresp = AxiResp::kSlvErr;
  look();
  s.rvalid = false;
  look();
  EXPECT_THAT(fired, ElementsAre("axi.r_stable", "axi.r_stable"));
}

TEST_F(AxiMonitorTest, BStable) {
  covers("axi.b_stable");
  aw(1, 0);
  w(1, true);
  next();
  m.bready = false;
  b(1);
  step();
  s.bresp = AxiResp::kDecErr;
  step();
  s.bvalid = false;
  step();
  EXPECT_THAT(fired, ElementsAre("axi.b_stable", "axi.b_stable"));
}

TEST_F(AxiMonitorTest, ReadCrosses4K) {
  covers("axi.ar_4k");
  ar(1, 0xFE0, 1);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.ar_4k"));
}

TEST_F(AxiMonitorTest, WriteCrosses4K) {
  covers("axi.aw_4k");
  aw(1, 0x1FE4, 1);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.aw_4k"));
}

TEST_F(AxiMonitorTest, ReadBeatWiderThanTheBus) {
  covers("axi.ar_size");
  ar(1, 0, 0, 6);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.ar_size"));
}

TEST_F(AxiMonitorTest, WriteBeatWiderThanTheBus) {
  covers("axi.aw_size");
  aw(1, 0, 0, 6);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.aw_size"));
}

TEST_F(AxiMonitorTest, WlastTooEarlyAndMissing) {
  covers("axi.wlast");
  aw(1, 0, 1);
  w(1, true);
  next();
  w(1, false);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.wlast", "axi.wlast"));
}

TEST_F(AxiMonitorTest, DataThatNoAddressAskedFor) {
  covers("axi.w_count");
  for (int i = 0; i < 300; ++i) {
    w(1, true);
    next();
  }
  EXPECT_THAT(fired, ElementsAre("axi.w_count"));
}

TEST_F(AxiMonitorTest, StrobeOutsideTheBeat) {
  covers("axi.strobe");
  aw(1, 0x44, 0, 2);
  w(0x1F0, true);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.strobe"));
}

TEST_F(AxiMonitorTest, StrobeBelowAnUnalignedStart) {
  covers("axi.strobe");
  aw(1, 0x43, 0, 5);
  w(0x7, true);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.strobe"));
}

TEST_F(AxiMonitorTest, ReadAnswerNobodyAskedFor) {
  covers("axi.r_id");
  ar(1, 0);
  next();
  r(2, true);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.r_id"));
}

TEST_F(AxiMonitorTest, ReadAnswerInTheCycleOfItsAddress) {
  covers("axi.r_id");
  ar(1, 0);
  r(1, true);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.r_id"));
}

TEST_F(AxiMonitorTest, RlastMissing) {
  covers("axi.rlast");
  ar(1, 0);
  next();
  r(1, false);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.rlast"));
}

TEST_F(AxiMonitorTest, RlastTooEarly) {
  covers("axi.rlast");
  ar(1, 0, 3);
  next();
  r(1, true);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.rlast"));
}

TEST_F(AxiMonitorTest, WriteAnswerNobodyAskedFor) {
  covers("axi.b_id");
  aw(1, 0);
  w(1, true);
  next();
  b(3);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.b_id"));
}

TEST_F(AxiMonitorTest, WriteAnswerBeforeTheLastBeat) {
  covers("axi.b_early");
  aw(1, 0, 1);
  w(1, false);
  next();
  b(1);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.b_early"));
}

TEST_F(AxiMonitorTest, RreadyFalls) {
  covers("axi.rready");
  m.rready = false;
  step();
  EXPECT_THAT(fired, ElementsAre("axi.rready"));
}

TEST_F(AxiMonitorTest, NoAnswerForTooLong) {
  covers("axi.hang");
  ar(1, 0);
  next();
  for (int i = 0; i < 70; ++i) next();
  EXPECT_THAT(fired, ElementsAre("axi.hang"));  // once
}

TEST_F(AxiMonitorTest, UnansweredAtTheEnd) {
  covers("axi.incomplete");
  ar(1, 0);
  next();
  aw(1, 0);
  next();
  monitor.finish(cycle);
  EXPECT_THAT(fired, ElementsAre("axi.incomplete", "axi.incomplete"));
}

TEST_F(AxiMonitorTest, ValidRightAfterReset) {
  covers("axi.reset");
  monitor.reset();
  ar(1, 0);
  next();
  EXPECT_THAT(fired, ElementsAre("axi.reset"));
}

TEST(AxiMonitorRules, NamesAreUnique) {
  const auto& rules = AxiMonitor::rules();
  EXPECT_EQ(std::set<std::string>(rules.begin(), rules.end()).size(), rules.size());
  for (const auto& rule : rules) EXPECT_EQ(rule.rfind("axi.", 0), 0U);
}

}  // namespace
}  // namespace gpudmar::sim
