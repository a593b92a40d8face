// SPDX-License-Identifier: Apache-2.0
// Register page of the untimed unit: reset values, attributes, commands, fault records and their event.
#include "tests/sim/model/unit_fixture.h"

namespace gpudmar::model::test {
namespace {

using ::gpudmar::test::covers;
using Messages = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

TEST_F(UnitTest, ResetValues) {
  covers("vtd.registers.reset-values");
  EXPECT_EQ(mmio_.read32(0x00), 0x60U);
  // ND 6, SAGAW 39+48, MGAW 48, FRO 400h, SLLPS 2M+1G, PSI, 8 records, MAMV 18, DWD, DRD
  EXPECT_EQ(mmio_.read64(0x08), 0x00D2'078C'402F'0606U);
  EXPECT_EQ(mmio_.read64(0x10), 0x43U);  // C, QI, PT
  EXPECT_EQ(mmio_.read32(0x38), 0x8000'0000U);
  EXPECT_EQ(mmio_.read32(0xA0), 0x8000'0000U);
  for (const unsigned offset : {0x18U, 0x1CU, 0x34U, 0x80U, 0x88U, 0x90U, 0x9CU, 0xB0U, 0x28U, 0x2CU}) {
    EXPECT_EQ(mmio_.read32(offset), 0U) << std::hex << offset;
  }
}

TEST_F(UnitTest, Attributes) {
  mmio_.write64(0x08, 0);
  EXPECT_NE(mmio_.read64(0x08), 0U);
  mmio_.write32(0x1C, ~0U);
  EXPECT_EQ(mmio_.read32(0x1C), 0U);
  mmio_.write64(0x20, ~0ULL);
  EXPECT_EQ(mmio_.read64(0x20), ~0x3FFULL);
  mmio_.write32(0x24, 0x12);
  EXPECT_EQ(mmio_.read64(0x20), 0x12'FFFF'FC00U);
  mmio_.write32(0x3C, ~0U);
  EXPECT_EQ(mmio_.read32(0x3C), 0xFFFFU);
  mmio_.write32(0x40, ~0U);
  EXPECT_EQ(mmio_.read32(0x40), ~3U);
  mmio_.write32(0x44, ~0U);
  EXPECT_EQ(mmio_.read32(0x44), 0U);
  mmio_.write64(0x88, ~0ULL);
  EXPECT_EQ(mmio_.read64(0x88), 0x7FFF0U);
  mmio_.write64(0x90, ~0ULL);
  EXPECT_EQ(mmio_.read64(0x90), 0xFFFF'FFFF'FFFF'F807U);
  EXPECT_EQ(mmio_.read64(0x88), 0U);  // a write to IQA resets the pointers
  mmio_.write64(0x400, ~0ULL);
  EXPECT_EQ(mmio_.read64(0x400), 0U);
}

TEST_F(UnitTest, BadAccessesThrow) {
  EXPECT_THROW((void)mmio_.read32(2), hw::HardwareError);
  EXPECT_THROW(mmio_.write64(4, 0), hw::HardwareError);
  EXPECT_THROW((void)mmio_.read64(4096), hw::HardwareError);
}

TEST_F(UnitTest, RootPointerIsAdoptedBySrtp) {
  covers("vtd.root.srtp");
  mmio_.write64(0x20, 0x12'3000);
  EXPECT_EQ(unit_.root().root, 0U);
  mmio_.write32(0x18, kSrtp);
  EXPECT_EQ(mmio_.read32(0x1C), kSrtp);
  EXPECT_EQ(unit_.root().root, 0x12'3000U);
  mmio_.write64(0x20, 0x45'6C00);
  EXPECT_EQ(unit_.root().root, 0x12'3000U);
  mmio_.write32(0x18, kSrtp);
  EXPECT_EQ(unit_.root().root, 0x45'6000U);
  EXPECT_EQ(unit_.root().ttm, 3U);
}

TEST_F(UnitTest, LevelCommandsAreRestated) {
  mmio_.write32(0x18, kTe);
  EXPECT_EQ(mmio_.read32(0x1C), kTe);
  mmio_.write32(0x18, kTe | kQie);
  EXPECT_EQ(mmio_.read32(0x1C), kTe | kQie);
  mmio_.write32(0x18, kQie);
  EXPECT_EQ(mmio_.read32(0x1C), kQie);
  mmio_.write32(0x18, 1U << 27 | 1U << 25 | 1U << 23);  // WBF, IRE, CFI: nothing there
  EXPECT_EQ(mmio_.read32(0x1C), 0U);
}

TEST_F(UnitTest, FaultRecordFields) {
  covers("vtd.fault.record");
  enable_translation();
  tables_.attach(0x0100, 3);
  unit_.access(write_of(0x0100, 0x1234'5678));
  unit_.access(read_of(0x0100, 0x1234'5678));
  Request pasid = read_of(0x0105, 0x9000);
  pasid.pasid_valid = true;
  pasid.pasid = 0xABCDE;
  pasid.execute = true;
  unit_.access(pasid);
  EXPECT_EQ(record(0).low, 0x1234'5000U);
  EXPECT_EQ(record(0).high, 0x8000'0005'0000'0100U);
  EXPECT_EQ(record(1).high, 0xC000'0006'0000'0100U);
  EXPECT_EQ(record(2).high, 0xCABC'DE31'C000'0105U);
  EXPECT_EQ(fsts(), 2U);  // PPF, first record 0
}

TEST_F(UnitTest, RecordsGoRoundAndOverflow) {
  covers("vtd.fault.overflow");
  enable_translation();
  for (unsigned i = 0; i < 8; ++i) unit_.access(read_of(0x0100, i << 12));
  EXPECT_EQ(fsts() & 3, 2U);
  unit_.access(read_of(0x0100, 0x8000));
  EXPECT_EQ(fsts() & 3, 3U);
  EXPECT_EQ(record(7).page(), 0x7000U);
  EXPECT_EQ(record(0).page(), 0U);
  clear_record(0);
  unit_.access(read_of(0x0100, 0x9000));  // PFO still stands: dropped although there is room
  EXPECT_FALSE(record(0).valid());
  EXPECT_FALSE(faults_.back().second);
  mmio_.write32(0x34, 1);
  unit_.access(read_of(0x0100, 0xA000));
  EXPECT_TRUE(record(0).valid());
  EXPECT_EQ(record(0).page(), 0xA000U);
  EXPECT_EQ(fsts() & 3, 2U);
}

TEST_F(UnitTest, FirstRecordIndexFollowsTheRing) {
  enable_translation();
  unit_.access(read_of(0x0100, 0));
  unit_.access(read_of(0x0100, 0));
  clear_record(0);
  EXPECT_EQ(fsts(), 2U);  // FRI is not updated while PPF = 1
  clear_record(1);
  EXPECT_EQ(fsts(), 0U);
  unit_.access(read_of(0x0100, 0));  // next is not reset by software
  EXPECT_EQ(fsts(), 0x202U);
  EXPECT_TRUE(record(2).valid());
}

TEST_F(UnitTest, FpdSuppressesRecordAndEvent) {
  mmio_.write32(0x38, 0);
  enable_translation();
  memory_.qwords[tables_.context_entry(0x0100)] = 2;
  EXPECT_TRUE(std::get<Fault>(unit_.access(read_of(0x0100, 0))).suppressed);
  EXPECT_EQ(fsts(), 0U);
  EXPECT_TRUE(messages_.empty());
  EXPECT_EQ(unit_.faults(), 1U);
}

TEST_F(UnitTest, FaultEventMaskAndPending) {
  covers("vtd.event.fault");
  enable_translation();
  mmio_.write32(0x3C, 0x55);
  mmio_.write32(0x40, 0xFEE0'1000);
  unit_.access(read_of(0x0100, 0));
  EXPECT_TRUE(messages_.empty());
  EXPECT_EQ(mmio_.read32(0x38), 0xC000'0000U);  // masked and pending
  mmio_.write32(0x38, 0);
  EXPECT_EQ(messages_, (Messages{{0xFEE0'1000, 0x55}}));
  EXPECT_EQ(mmio_.read32(0x38), 0U);
  unit_.access(read_of(0x0100, 0));  // PPF stands already: not new
  EXPECT_EQ(messages_.size(), 1U);
  clear_record(0);
  clear_record(1);
  unit_.access(read_of(0x0100, 0));
  EXPECT_EQ(messages_.size(), 2U);
}

TEST_F(UnitTest, ClearingEverythingWithdrawsThePendingEvent) {
  enable_translation();
  unit_.access(read_of(0x0100, 0));
  EXPECT_EQ(mmio_.read32(0x38), 0xC000'0000U);
  clear_record(0);
  EXPECT_EQ(mmio_.read32(0x38), 0x8000'0000U);
  mmio_.write32(0x38, 0);
  EXPECT_TRUE(messages_.empty());
}

TEST_F(UnitTest, AbortedAccessIsNotRecorded) {
  enable_translation();
  EXPECT_TRUE(std::holds_alternative<Aborted>(unit_.access(read_of(0x0100, 0xFEE0'0000, 4))));
  EXPECT_EQ(fsts(), 0U);
}

}  // namespace
}  // namespace gpudmar::model::test
