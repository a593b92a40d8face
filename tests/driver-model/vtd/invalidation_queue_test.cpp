// SPDX-License-Identifier: Apache-2.0
// The invalidation queue: descriptors, wrap, completion, errors.
#include "driver-model/vtd/invalidation_queue.h"

#include <gmock/gmock.h>

#include <random>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "tests/driver-model/vtd/unit_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Descriptors, HaveTheBitsOfTheSpecification) {
  test::covers("vtd.queue.descriptors");
  // Literal values, written down from VT-d 5.3 to 5.7.
  EXPECT_EQ(context_global(), (Descriptor{0x11, 0}));
  EXPECT_EQ(context_device(0x1234, 0x0208), (Descriptor{0x0000'0208'1234'0031, 0}));
  EXPECT_EQ(iotlb_global(), (Descriptor{0xD2, 0}));
  EXPECT_EQ(iotlb_domain(5), (Descriptor{0x5'00E2, 0}));
  EXPECT_EQ(iotlb_pages(5, 0x12340, 3, true), (Descriptor{0x5'00F2, 0x1234'0043}));
  EXPECT_EQ(iotlb_pages(5, 0x12340, 3, false), (Descriptor{0x5'00F2, 0x1234'0003}));
  EXPECT_EQ(wait_status(0x1'0000'1008, 0xCAFE), (Descriptor{0x0000'CAFE'0000'0025, 0x1'0000'1008}));
  EXPECT_EQ(wait_nothing(), (Descriptor{0x5, 0}));
}

TEST(Cover, ExactAlignedBlocks) {
  EXPECT_THAT(cover({0, 1}, 18), ElementsAre(PageBlock{0, 0}));
  EXPECT_THAT(cover({8, 8}, 18), ElementsAre(PageBlock{8, 3}));
  EXPECT_THAT(cover({7, 10}, 18), ElementsAre(PageBlock{7, 0}, PageBlock{8, 3}, PageBlock{16, 0}));
  EXPECT_THAT(cover({0, 8}, 2), ElementsAre(PageBlock{0, 2}, PageBlock{4, 2})) << "MAMV bounds the block";
  EXPECT_TRUE(cover({5, 0}, 18).empty());
}

TEST(Cover, RandomRunsAreCoveredOnce) {
  std::mt19937_64 random(test::test_seed(5));
  for (int i = 0; i < 500; ++i) {
    const mm::PageRun run{random() % (1ULL << 36), 1 + random() % 100'000};
    std::uint64_t at = run.first;
    const auto blocks = cover(run, 18);
    for (const PageBlock& block : blocks) {
      ASSERT_EQ(block.page, at);
      ASSERT_EQ(block.page & ((1ULL << block.mask) - 1), 0U);
      at += 1ULL << block.mask;
    }
    ASSERT_EQ(at, run.first + run.count);
  }
}

TEST(Queue, RunsManyTimesAround) {
  test::covers("vtd.queue.wrap");
  UnitFixture f;
  f.machine.events.clear();
  std::uint64_t issued = 0;
  for (const std::size_t count : {1U, 100U, 254U, 255U, 600U, 3U}) {
    std::vector<Descriptor> batch;
    for (std::size_t i = 0; i < count; ++i) batch.push_back(iotlb_pages(1, issued + i, 0, true));
    const InvalidationSpan span = f.unit->queue().submit(batch);
    EXPECT_GE(span.end, span.begin);
    issued += count;
  }
  std::uint64_t executed = 0;
  for (const auto& event : f.machine.events)
    executed += event.kind == test::MachineEvent::Kind::kInvalidate ? 1 : 0;
  EXPECT_EQ(executed, issued);
  EXPECT_EQ(f.unit->queue().counters().iotlb_page, issued);
}

TEST(Queue, MoreThanTheRingHoldsCostsOneWait) {
  test::covers("vtd.queue.full");
  UnitFixture f;
  for (const std::size_t count : {254U, 255U, 256U, 1000U}) {
    const auto before = f.unit->queue().counters();
    f.unit->queue().submit(std::vector<Descriptor>(count, iotlb_domain(1)));
    EXPECT_EQ(f.unit->queue().counters().wait, before.wait + 1) << count;
    EXPECT_EQ(f.unit->queue().counters().iotlb_domain, before.iotlb_domain + count);
    EXPECT_EQ(f.machine.iommu.read64(r::IQH::kOffset), f.machine.iommu.read64(r::IQT::kOffset));
  }
}

TEST(Queue, ARingThatStaysFullIsATimeOut) {
  test::covers("vtd.queue.full", "vtd.wait.timeout");
  UnitFixture f;
  f.machine.iommu.on_write = [](std::uint64_t offset, std::uint64_t) { return offset != r::IQT::kOffset; };
  EXPECT_THROW(f.unit->queue().submit(std::vector<Descriptor>(300, iotlb_domain(1))), QueueError);
  f.machine.iommu.on_write = nullptr;
  f.unit->queue().submit({iotlb_global()});
}

TEST(Queue, AnErrorInALongSubmissionEndsIt) {
  test::covers("vtd.iqe.3", "vtd.queue.full");
  UnitFixture f;
  std::vector<Descriptor> all(600, iotlb_domain(1));
  all[100] = Descriptor{0xF, 0};
  try {
    f.unit->queue().submit(all);
    FAIL() << "an invalid descriptor went through";
  } catch (const QueueError& error) {
    EXPECT_EQ(error.iqei(), r::iqei::TYPE);
    EXPECT_THAT(error.what(), HasSubstr("invalid descriptor type"));
  }
  f.unit->queue().recover();
  all[100] = iotlb_domain(1);
  f.unit->queue().submit(all);
  EXPECT_EQ(f.machine.iommu.read64(r::IQH::kOffset), f.machine.iommu.read64(r::IQT::kOffset));
}

TEST(Queue, ABadTailIsRepaired) {
  test::covers("vtd.iqe.1");
  UnitFixture f;
  f.unit->queue().submit({iotlb_global()});
  f.machine.iommu.write64(r::IQT::kOffset, 0x1'0000);  // beyond one page
  f.machine.time.wait(1);
  EXPECT_THROW(f.unit->queue().submit({iotlb_global()}), QueueError);
  f.unit->queue().recover();
  f.unit->queue().submit({iotlb_global()});
}

TEST(Queue, ErrorIsReportedAtOnceAndRecoverable) {
  test::covers("vtd.iqe.3", "vtd.iqe.4");
  UnitFixture f;
  const std::uint64_t before = f.machine.time.now();
  try {
    f.unit->queue().submit({iotlb_domain(1), Descriptor{0xF, 0}});
    FAIL() << "an invalid descriptor went through";
  } catch (const QueueError& error) {
    EXPECT_EQ(error.iqei(), r::iqei::TYPE);
    EXPECT_THAT(error.what(), HasSubstr("IQE"));
  }
  EXPECT_LT(f.machine.time.now() - before, kTimeout) << "the fault event ends the wait";
  EXPECT_THROW(f.unit->queue().submit({iotlb_global()}), QueueError) << "the queue stays stopped";
  f.unit->queue().recover();
  f.unit->queue().submit({iotlb_global()});
  try {
    f.unit->queue().submit({Descriptor{0x02, 0}});  // granularity 0
    FAIL() << "a reserved encoding went through";
  } catch (const QueueError& error) {
    EXPECT_EQ(error.iqei(), r::iqei::RESERVED);
  }
  f.unit->queue().recover();
  f.unit->queue().submit({iotlb_global()});
}

TEST(Queue, AMissingStatusWriteIsATimeOut) {
  test::covers("vtd.wait.timeout");
  UnitFixture f;
  f.machine.iommu.on_write = [](std::uint64_t offset, std::uint64_t) { return offset != r::IQT::kOffset; };
  const std::uint64_t before = f.machine.time.now();
  try {
    f.unit->queue().submit({iotlb_global()});
    FAIL() << "nobody can have written the status";
  } catch (const QueueError& error) {
    EXPECT_EQ(error.iqei(), 0U);
    EXPECT_THAT(error.what(), HasSubstr("no status write"));
  }
  EXPECT_GE(f.machine.time.now() - before, kTimeout);
}

}  // namespace
}  // namespace gpudmar::vtd
