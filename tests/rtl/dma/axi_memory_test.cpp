// SPDX-License-Identifier: Apache-2.0
// The checks of the test memory fire when a master breaks the rule.
#include "tests/rtl/dma/axi_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpudmar::test {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class AxiMemoryTest : public ::testing::Test {
 protected:
  AxiMemoryTest() : memory("m", 32, 16, 0xffff'ffff, 2, 1) {
    pins.rready = pins.bready = true;
    pins.arsize = pins.awsize = 5;
  }
  void cycle() {
    memory.drive(now);
    memory.sample(pins, now++);
  }
  AxiMemory memory;
  MasterPins pins;
  std::uint64_t now = 0;
};

TEST_F(AxiMemoryTest, GoodTrafficBreaksNothing) {
  pins.arvalid = pins.awvalid = pins.wvalid = pins.wlast = true;
  pins.araddr = 0x1000;
  pins.arlen = 1;
  pins.awaddr = 0x2000;
  pins.wstrb = 2;
  pins.wdata[1] = 0x5a;
  cycle();
  pins.arvalid = pins.awvalid = pins.wvalid = false;
  for (int i = 0; i < 4; ++i) cycle();
  EXPECT_THAT(memory.violations, IsEmpty());
  EXPECT_EQ(memory.memory.get(0x2001), 0x5a);
  EXPECT_TRUE(memory.quiet());
}

TEST_F(AxiMemoryTest, PageCrossingFires) {
  pins.arvalid = true;
  pins.araddr = 0x1fe0;
  pins.arlen = 1;
  cycle();
  EXPECT_THAT(memory.violations, Contains(StartsWith("page:")));
}

TEST_F(AxiMemoryTest, LengthAddressBitsAlignmentAndSizeFire) {
  pins.arvalid = true;
  pins.araddr = 0x1'0000'0000;
  pins.arlen = 16;
  cycle();
  pins.araddr = 8;
  pins.arlen = 0;
  cycle();
  pins.araddr = 0;
  pins.arsize = 6;
  cycle();
  EXPECT_THAT(memory.violations, Contains(StartsWith("length:")));
  EXPECT_THAT(memory.violations, Contains(StartsWith("address bits:")));
  EXPECT_THAT(memory.violations, Contains(StartsWith("aligned:")));
  EXPECT_THAT(memory.violations, Contains(StartsWith("size:")));
}

TEST_F(AxiMemoryTest, ChangedWhileHeldFires) {
  memory.timing.ready_percent = 0;
  pins.arvalid = pins.awvalid = pins.wvalid = true;
  cycle();
  pins.araddr = pins.awaddr = 0x40;
  pins.wstrb = 1;
  cycle();
  EXPECT_EQ(memory.violations.size(), 3U);
  EXPECT_THAT(memory.violations, Contains(StartsWith("held:")));
}

TEST_F(AxiMemoryTest, WrongLastLanesAndReadyFire) {
  pins.awvalid = pins.wvalid = true;
  pins.awsize = 2;
  pins.wstrb = 0x10;
  pins.rready = false;
  cycle();
  EXPECT_THAT(memory.violations, Contains(StartsWith("last:")));
  EXPECT_THAT(memory.violations, Contains(StartsWith("lanes:")));
  EXPECT_THAT(memory.violations, Contains(StartsWith("ready:")));
}

}  // namespace
}  // namespace gpudmar::test
