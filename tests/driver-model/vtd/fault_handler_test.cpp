// SPDX-License-Identifier: Apache-2.0
// Fault records on their way from the unit to software.
#include <gmock/gmock.h>

#include <utility>

#include "driver-model/hw/regs/vtd_regs.h"
#include "tests/driver-model/vtd/unit_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

class FaultHandlerTest : public ::testing::Test {
 protected:
  FaultHandlerTest() {
    Domain& domain = f_.unit->create_domain();
    f_.unit->attach(domain, 0x0100);
  }
  void fault(std::uint64_t page, bool write) {
    if (write)
      EXPECT_FALSE(f_.machine.dma_write(0x0100, page << 12, 0));
    else
      EXPECT_FALSE(f_.machine.dma_read(0x0100, page << 12));
  }
  UnitFixture f_;
};

TEST_F(FaultHandlerTest, RecordsSayWhoWhereWhatAndHow) {
  test::covers("G21", "vtd.fault.05", "vtd.fault.06", "vtd.fault.01");
  std::vector<FaultRecord> told;
  f_.unit->faults().subscribe([&](const FaultRecord& record) { told.push_back(record); });
  fault(0x1234, true);
  f_.machine.time.wait(5);
  fault(0x5678, false);
  f_.machine.time.wait(1);
  EXPECT_FALSE(f_.machine.dma_write(0x0300, 0xABC'DE8, 0));
  f_.machine.time.wait(1);
  const auto records = f_.unit->faults().records();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(told.size(), 3U);
  EXPECT_EQ(records[0].source_id, 0x0100);
  EXPECT_EQ(records[0].address, 0x1234'000U);
  EXPECT_EQ(records[0].reason, r::fault::WRITE);
  EXPECT_TRUE(records[0].is_write);
  EXPECT_EQ(records[1].address, 0x5678'000U);
  EXPECT_EQ(records[1].reason, r::fault::READ);
  EXPECT_FALSE(records[1].is_write);
  EXPECT_GT(records[1].cycle, records[0].cycle);
  EXPECT_EQ(records[2].source_id, 0x0300);
  EXPECT_EQ(records[2].address, 0xABC'000U);
  EXPECT_EQ(records[2].reason, r::fault::ROOT_NOT_PRESENT);
  EXPECT_EQ(r::FSTS::PPF.get(f_.machine.iommu.read32(r::FSTS::kOffset)), 0U);
}

TEST_F(FaultHandlerTest, SeveralRecordsComeInOrderAroundTheRing) {
  test::covers("vtd.fault.records");
  std::vector<std::uint64_t> seen;
  f_.unit->faults().subscribe([&](const FaultRecord& record) { seen.push_back(record.address >> 12); });
  std::vector<std::uint64_t> expected;
  std::uint64_t page = 1;
  for (const int burst : {5, 8, 1, 7, 8}) {  // crosses the end of the eight records at different places
    for (int i = 0; i < burst; ++i) {
      fault(page, true);
      expected.push_back(page++);
    }
    f_.machine.time.wait(1);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(f_.unit->faults().overflows(), 0U);
}

TEST_F(FaultHandlerTest, OverflowIsCountedAndRecoversWithoutHelp) {
  test::covers("vtd.fault.overflow");
  for (std::uint64_t page = 1; page <= 12; ++page) fault(page, true);
  f_.machine.time.wait(1);
  EXPECT_EQ(f_.unit->faults().records().size(), 8U);
  EXPECT_EQ(f_.unit->faults().overflows(), 1U);
  EXPECT_EQ(r::FSTS::PFO.get(f_.machine.iommu.read32(r::FSTS::kOffset)), 0U);
  fault(99, true);
  f_.machine.time.wait(1);
  ASSERT_EQ(f_.unit->faults().records().size(), 9U);
  EXPECT_EQ(f_.unit->faults().records().back().address, 99U << 12);
}

TEST_F(FaultHandlerTest, FaultsThatComeWhileRecordsAreTakenAreNotLost) {
  test::covers("vtd.fault.race");
  // All eight records are taken but the last is not yet cleared when two more faults come: they go to records
  // that the handler has passed already, and PPF never falls, so no new event tells of them.
  const std::uint64_t last = r::FRCD_LO::kOffset + 7 * r::FRCD_LO::kStride + 12;
  bool more = true;
  f_.machine.iommu.on_write = [&](std::uint64_t offset, std::uint64_t) {
    if (offset == last && std::exchange(more, false)) {
      fault(0x20, true);
      fault(0x21, true);
    }
    return true;
  };
  for (std::uint64_t page = 1; page <= 8; ++page) fault(page, true);
  f_.machine.time.wait(1);
  f_.machine.iommu.on_write = nullptr;
  EXPECT_FALSE(more);
  const auto records = f_.unit->faults().records();
  ASSERT_EQ(records.size(), 10U);
  EXPECT_EQ(records[8].address, 0x20U << 12);
  EXPECT_EQ(records[9].address, 0x21U << 12);
  EXPECT_EQ(r::FSTS::PPF.get(f_.machine.iommu.read32(r::FSTS::kOffset)), 0U);
}

TEST_F(FaultHandlerTest, AStormIsLeftAloneUntilItsDeviceIsDetached) {
  test::covers("vtd.fault.storm", "G21");
  // Whenever a record is cleared the device faults once more.
  std::uint64_t page = 1;
  bool storm = true;
  f_.machine.iommu.on_write = [&](std::uint64_t offset, std::uint64_t) {
    const bool clears = offset >= r::FRCD_LO::kOffset && (offset - r::FRCD_LO::kOffset) % 16 == 12;
    if (clears && storm) fault(page++, true);
    return true;
  };
  fault(page++, true);
  f_.machine.time.wait(1);  // returns, which is the point
  EXPECT_EQ(f_.unit->faults().storms(), 1U);
  EXPECT_EQ(r::FECTL::IM.get(f_.machine.iommu.read32(r::FECTL::kOffset)), 1U) << "masked while it lasts";
  const auto taken = f_.unit->faults().records().size();
  EXPECT_GE(taken, 64U);
  storm = false;
  f_.unit->detach(const_cast<Domain&>(*f_.unit->domains().front()), 0x0100);
  EXPECT_GT(f_.unit->faults().records().size(), taken);
  EXPECT_EQ(r::FSTS::PPF.get(f_.machine.iommu.read32(r::FSTS::kOffset)), 0U);
  EXPECT_EQ(r::FECTL::IM.get(f_.machine.iommu.read32(r::FECTL::kOffset)), 0U);
  f_.machine.iommu.on_write = nullptr;
  const auto all = f_.unit->faults().records().size();
  fault(0x77, false);
  f_.machine.time.wait(1);
  ASSERT_EQ(f_.unit->faults().records().size(), all + 1) << "messages come again";
  EXPECT_EQ(f_.unit->faults().records().back().reason, r::fault::CONTEXT_NOT_PRESENT);
}

TEST_F(FaultHandlerTest, ClearsEachRecordBeforeTheOverflow) {
  test::covers("vtd.fault.overflow", "vtd.fault.records");
  for (std::uint64_t page = 1; page <= 12; ++page) fault(page, true);
  std::vector<std::uint64_t> writes;
  f_.machine.iommu.on_write = [&](std::uint64_t offset, std::uint64_t) {
    writes.push_back(offset);
    return true;
  };
  f_.machine.time.wait(1);
  f_.machine.iommu.on_write = nullptr;
  ASSERT_EQ(writes.size(), 9U);
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(writes[i], r::FRCD_LO::kOffset + 16 * i + 12);
  EXPECT_EQ(writes[8], r::FSTS::kOffset);
}

TEST(FaultText, SaysWhatPeopleNeed) {
  test::covers("vtd.fault.text");
  FaultRecord record;
  record.source_id = 0x01A3;
  record.address = 0x12'3456'7000;
  record.reason = r::fault::WRITE;
  record.is_write = true;
  EXPECT_EQ(describe(record), "fault 05h (no write permission): write by 01:14.3 to 1234567000h");
  record.reason = r::fault::CONTEXT_NOT_PRESENT;
  record.is_write = false;
  EXPECT_EQ(describe(record), "fault 02h (device not attached): read by 01:14.3 from 1234567000h");
  record.reason = 0x7F;
  EXPECT_NE(describe(record).find("unknown"), std::string::npos);
}

TEST_F(FaultHandlerTest, DrainWorksWithoutTheInterrupt) {
  f_.machine.iommu.write32(r::FECTL::kOffset, static_cast<std::uint32_t>(r::FECTL::IM.mask()));
  fault(1, true);
  f_.machine.time.wait(1);
  EXPECT_TRUE(f_.unit->faults().records().empty());
  f_.unit->faults().drain();
  EXPECT_EQ(f_.unit->faults().records().size(), 1U);
}

}  // namespace
}  // namespace gpudmar::vtd
