// SPDX-License-Identifier: Apache-2.0
// Bring-up and shut-down of the unit, and what makes it refuse.
#include <gmock/gmock.h>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "tests/driver-model/vtd/unit_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;
using ::testing::HasSubstr;

/// Bring-up on the machine must throw; returns the text.
std::string refusal(test::ModelMachine& machine) {
  mm::PageAllocator pages(machine.memory, machine.time);
  try {
    RemappingUnit unit(machine.iommu, machine.time, machine.interrupts, pages, {kTimeout, 46});
  } catch (const VtdError& error) {
    EXPECT_EQ(machine.interrupts.connected(), 0U) << "the vector is given back";
    return error.what();
  }
  return "no refusal";
}

void change_read(test::ModelMachine& machine, std::uint64_t at, const regs::Field& field,
                 std::uint64_t value) {
  machine.iommu.on_read = [=](std::uint64_t offset, std::uint64_t seen) {
    return offset == at ? field.set(seen, value) : seen;
  };
}

TEST(BringUp, EndsWithTranslationOnAndNobodyAttached) {
  test::covers("vtd.registers.bringup", "G1");
  UnitFixture f;
  const std::uint32_t status = f.machine.iommu.read32(r::GSTS::kOffset);
  EXPECT_EQ(r::GSTS::TES.get(status), 1U);
  EXPECT_EQ(r::GSTS::QIES.get(status), 1U);
  EXPECT_EQ(r::GSTS::RTPS.get(status), 1U);
  EXPECT_EQ(r::FECTL::IM.get(f.machine.iommu.read32(r::FECTL::kOffset)), 0U);
  EXPECT_EQ(f.unit->queue().counters().context, 1U);
  EXPECT_EQ(f.unit->queue().counters().iotlb_global, 1U);
  EXPECT_FALSE(f.machine.dma_write(0x0100, 0x1000, 1));
  f.machine.time.wait(1);
  ASSERT_EQ(f.unit->faults().records().size(), 1U);
  EXPECT_EQ(f.unit->faults().records()[0].reason, r::fault::ROOT_NOT_PRESENT);
}

TEST(BringUp, RestoreBringsBackAUnitThatWasReset) {
  test::covers("vtd.registers.quiesce");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, 0x0100);
  const auto page = f.pages.allocate(1, {}, true).value();
  domain.map({0x10}, page, {});
  EXPECT_FALSE(f.machine.dma_write(0x0100, 0x11'000, 1));
  // What a reset of the unit leaves: the record, and nothing of what software had set.
  for (const auto& [offset, value] : {std::pair<std::uint32_t, std::uint32_t>{r::GCMD::kOffset, 0},
                                      {r::RTADDR::kOffset, 0},
                                      {r::FEADDR::kOffset, 0},
                                      {r::FEDATA::kOffset, 0},
                                      {r::FECTL::kOffset, 1U << 31}})
    f.machine.iommu.write32(offset, value);
  EXPECT_EQ(r::GSTS::TES.get(f.machine.iommu.read32(r::GSTS::kOffset)), 0U);
  f.unit->restore();
  ASSERT_EQ(f.unit->faults().records().size(), 1U);
  EXPECT_EQ(f.unit->faults().records()[0].address, 0x11'000U);
  EXPECT_TRUE(f.machine.dma_write(0x0100, 0x10'008, 7));
  EXPECT_EQ(f.machine.memory.load64((page[0] << hw::kPageShift) + 8), 7U);
  domain.unmap({0x10});
  EXPECT_FALSE(f.machine.dma_write(0x0100, 0x10'000, 1));
  f.machine.time.wait(1);
  EXPECT_EQ(f.unit->faults().records().size(), 2U) << "its event is on again";
}

TEST(BringUp, ShutDownLeavesNothingBehind) {
  UnitFixture f;
  f.unit->shut_down();
  const std::uint32_t status = f.machine.iommu.read32(r::GSTS::kOffset);
  EXPECT_EQ(r::GSTS::TES.get(status), 0U);
  EXPECT_EQ(r::GSTS::QIES.get(status), 0U);
  EXPECT_EQ(r::FECTL::IM.get(f.machine.iommu.read32(r::FECTL::kOffset)), 1U);
  f.unit.reset();
  EXPECT_EQ(f.pages.free_pages(), f.pages.total_pages());
  EXPECT_EQ(f.machine.interrupts.connected(), 0U);
}

TEST(BringUp, DestructorCleansUpAfterAnEarlyEnd) {
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, 0x0100);
  domain.map({1, 2}, {0x100, 0x200}, {});
  f.unit.reset();
  EXPECT_EQ(f.pages.free_pages(), f.pages.total_pages());
}

TEST(BringUp, TakesOverAQueueThatFirmwareLeftOn) {
  test::ModelMachine machine;
  machine.iommu.write64(r::IQA::kOffset, 0x8000);
  machine.iommu.write64(r::IQT::kOffset, 0);
  machine.iommu.write32(r::GCMD::kOffset, static_cast<std::uint32_t>(r::GCMD::QIE.mask()));
  mm::PageAllocator pages(machine.memory, machine.time);
  RemappingUnit unit(machine.iommu, machine.time, machine.interrupts, pages, {kTimeout, 46});
  EXPECT_EQ(machine.iommu.read64(r::IQA::kOffset), unit.queue().ring_address());
}

TEST(BringUp, RefusesAUnitThatLacksSomething) {
  test::ModelMachine machine;
  change_read(machine, r::ECAP::kOffset, r::ECAP::QI, 0);
  EXPECT_THAT(refusal(machine), HasSubstr("queued invalidation"));
  change_read(machine, r::CAP::kOffset, r::CAP::SAGAW, 0);
  EXPECT_THAT(refusal(machine), HasSubstr("levels"));
  change_read(machine, r::CAP::kOffset, r::CAP::NFR, 255);
  EXPECT_THAT(refusal(machine), HasSubstr("fault records"));
  change_read(machine, r::CAP::kOffset, r::CAP::ND, 7);
  EXPECT_THAT(refusal(machine), HasSubstr("ND"));
  machine.iommu.on_read = [](std::uint64_t, std::uint64_t) { return ~0ULL; };
  EXPECT_THAT(refusal(machine), HasSubstr("no unit answers"));
}

TEST(BringUp, ThreeLevelsWhereFourAreMissing) {
  test::ModelMachine::Options options;
  options.unit.sagaw = 0b00010;
  options.unit.mgaw = 39;
  UnitFixture f(options);
  EXPECT_EQ(f.unit->capabilities().levels, 3U);
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, 0x0100);
  const std::uint64_t last = (1ULL << (39 - 12)) - 1;
  domain.map({last}, {0x123}, {});
  EXPECT_TRUE(f.machine.dma_write(0x0100, last << 12, 0xAB));
  EXPECT_EQ(f.machine.memory.load64(0x123'000), 0xABU);
  EXPECT_THROW(domain.map({last + 1}, {0x124}, {}), VtdError);
}

TEST(BringUp, EveryHandshakeIsBounded) {
  test::covers("vtd.registers.timeout");
  for (const auto& [bit, name] :
       {std::pair{r::GCMD::QIE, "QIES"}, std::pair{r::GCMD::SRTP, "RTPS"}, std::pair{r::GCMD::TE, "TES"}}) {
    test::ModelMachine machine;
    machine.iommu.on_write = [bit = bit](std::uint64_t offset, std::uint64_t value) {
      return offset != r::GCMD::kOffset || bit.get(value) == 0;
    };
    const std::uint64_t before = machine.time.now();
    EXPECT_THAT(refusal(machine), HasSubstr(name));
    EXPECT_LT(machine.time.now() - before, 4 * kTimeout);
  }
}

}  // namespace
}  // namespace gpudmar::vtd
