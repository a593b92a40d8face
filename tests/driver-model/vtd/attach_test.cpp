// SPDX-License-Identifier: Apache-2.0
// Attaching, pass-through, switching between them, detaching, domain-ids; and what failures leave.
#include <gmock/gmock.h>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "tests/driver-model/vtd/unit_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;

// Swallows tail writes: the queue takes nothing any more.
void stop_queue(UnitFixture& f) {
  f.machine.iommu.on_write = [](std::uint64_t offset, std::uint64_t) { return offset != r::IQT::kOffset; };
}

TEST(PassThrough, ReachesMemoryUntranslatedBesideADomain) {
  test::covers("G13", "vtd.passthrough");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, kGpu0);
  f.unit->pass_through(kGpu1);
  f.unit->pass_through(kGpu1);  // already
  EXPECT_TRUE(f.unit->passes_through(kGpu1));
  ASSERT_TRUE(f.machine.dma_write(kGpu1, 0x5'0008, 42));
  EXPECT_EQ(f.machine.memory.load64(0x5'0008), 42U);
  EXPECT_FALSE(f.machine.dma_write(kGpu0, 0x5'0008, 43));
  EXPECT_THROW(f.unit->pass_through(kGpu0), VtdError);
}

TEST(PassThrough, SwitchesToADomainByTheBook) {
  test::covers("G1", "vtd.context.switch");
  UnitFixture f;
  f.unit->pass_through(kGpu0);
  Domain& domain = f.unit->create_domain();
  domain.map({7}, {0x100}, {});
  const std::uint64_t old_id = f.unit->context_entry(kGpu0)[1] >> 8;
  EXPECT_NE(old_id, domain.id());
  f.machine.events.clear();
  f.unit->attach(domain, kGpu0);
  EXPECT_FALSE(f.unit->passes_through(kGpu0));
  EXPECT_TRUE(f.machine.dma_read(kGpu0, 0x7000));
  EXPECT_FALSE(f.machine.dma_read(kGpu0, 0x5'0000));
  // Context entry cleared, old translations invalidated, and only then the new entry, present last.
  std::vector<std::string> story;
  const hw::PhysAddr ring = f.unit->queue().ring_address();
  for (const auto& event : f.machine.events) {
    const std::string what = event.kind == test::MachineEvent::Kind::kInvalidate             ? "invalidate"
                             : event.address >= ring && event.address < ring + hw::kPageSize ? "ring"
                             : (event.address & 8) != 0                                      ? "high"
                                                                                             : "low";
    if (what == "invalidate") {
      EXPECT_EQ(event.descriptor.did, old_id);
    }
    if (what != "ring") story.push_back(what);
  }
  EXPECT_THAT(story, ::testing::ElementsAre("low", "invalidate", "invalidate", "high", "low"));
}

TEST(PassThrough, IsRefusedWhereTheUnitHasNone) {
  test::ModelMachine::Options options;
  options.unit.pt = false;
  UnitFixture f(options);
  EXPECT_THROW(f.unit->pass_through(kGpu0), VtdError);
  EXPECT_FALSE(f.machine.dma_read(kGpu0, 0x1000));
}

TEST(PassThrough, DevicesThatRunKeepTheirPathWhenTheUnitComesUp) {
  test::covers("vtd.passthrough");
  test::ModelMachine machine;
  mm::PageAllocator pages(machine.memory, machine.time);
  bool interrupted = false;
  machine.iommu.on_write = [&](std::uint64_t, std::uint64_t) {
    interrupted = interrupted || !machine.dma_read(kGpu1, 0x5000).has_value();
    return true;
  };
  RemappingUnit unit(machine.iommu, machine.time, machine.interrupts, pages, {kTimeout, 46, {kGpu1}});
  EXPECT_FALSE(interrupted);
  EXPECT_TRUE(machine.dma_read(kGpu1, 0x5000));
  EXPECT_FALSE(machine.dma_read(kGpu0, 0x5000));
}

TEST(Attach, AFailureLeavesTheEntryAsItWas) {
  test::covers("G20", "vtd.context.switch");
  test::ModelMachine::Options options;
  options.caching_mode = true;
  UnitFixture f(options);
  f.unit->pass_through(kGpu0);
  Domain& domain = f.unit->create_domain();
  const Descriptor before = f.unit->context_entry(kGpu0);
  stop_queue(f);
  EXPECT_THROW(f.unit->attach(domain, kGpu0), QueueError);
  EXPECT_EQ(f.unit->context_entry(kGpu0), before);
  EXPECT_TRUE(f.unit->passes_through(kGpu0));
  EXPECT_THROW(f.unit->attach(domain, kGpu1), QueueError);
  EXPECT_EQ(f.unit->context_entry(kGpu1), Descriptor{});
  EXPECT_TRUE(domain.devices().empty());
  f.machine.iommu.on_write = nullptr;
  f.unit->attach(domain, kGpu0);
  f.unit->attach(domain, kGpu1);
  EXPECT_EQ(domain.devices().size(), 2U);
}

TEST(Attach, WithoutMemoryForAContextTableNothingChanges) {
  test::covers("G20");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  const auto rest = f.pages.allocate(f.pages.free_pages(), {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(rest);
  EXPECT_THROW(f.unit->attach(domain, kGpu0), VtdError);
  EXPECT_THROW((void)f.unit->create_domain(), VtdError);
  EXPECT_EQ(f.unit->domain_count(), 1U);
  f.pages.free(*rest);
  f.unit->attach(domain, kGpu0);
}

TEST(Detach, AFailureMayBeRepeated) {
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, kGpu0);
  stop_queue(f);
  EXPECT_THROW(f.unit->detach(domain, kGpu0), QueueError);
  EXPECT_EQ(domain.devices().size(), 1U) << "its translations may still be cached";
  f.machine.iommu.on_write = nullptr;
  f.unit->detach(domain, kGpu0);
  EXPECT_TRUE(domain.devices().empty());
}

TEST(DomainIds, AreInvalidatedBeforeTheyAreUsedAgain) {
  test::covers("vtd.invalidation.recycle", "G13");
  test::ModelMachine::Options options;
  options.unit.nd = 0;  // 16 ids: 0 stays unused, one serves pass-through
  UnitFixture f(options);
  f.unit->pass_through(kGpu1);
  std::vector<Domain*> domains;
  for (int i = 0; i < 14; ++i) domains.push_back(&f.unit->create_domain());
  EXPECT_THROW((void)f.unit->create_domain(), VtdError);
  const auto pass_id = static_cast<std::uint16_t>(f.unit->context_entry(kGpu1)[1] >> 8);
  for (const Domain* domain : domains) EXPECT_NE(domain->id(), pass_id);
  const std::uint16_t id = domains[5]->id();
  f.machine.events.clear();
  f.unit->destroy_domain(*domains[5]);
  bool invalidated = false;
  for (const auto& event : f.machine.events)
    invalidated = invalidated ||
                  (event.kind == test::MachineEvent::Kind::kInvalidate &&
                   event.descriptor.type == model::DescriptorType::kIotlb &&
                   event.descriptor.granularity == model::Granularity::kDomain && event.descriptor.did == id);
  EXPECT_TRUE(invalidated);
  EXPECT_EQ(f.unit->create_domain().id(), id);
}

}  // namespace
}  // namespace gpudmar::vtd
