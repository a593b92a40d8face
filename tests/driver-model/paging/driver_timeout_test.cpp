// SPDX-License-Identifier: Apache-2.0
// Time-outs with a scripted driver: which calls it gets, in which order, and what its answers lead to.
#include <algorithm>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/paging/scripted_driver.h"

namespace gpudmar::test {
namespace {

using ::testing::ElementsAre;

using DriverTimeout = PagingDriver;

TEST_F(DriverTimeout, ALatePreemptionNeedsNoReset) {
  covers("E13");
  start();
  const AllocationId id = create_physical(1);
  script_.on_submit = [](const DXGKARG_SUBMITCOMMAND&) { return STATUS_SUCCESS; };
  script_.on_preempt = [] { preempted(1, 1); };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_THAT(script_.calls, ElementsAre("CreateAllocation", "Build 17", "Submit 1", "Preempt"));
  EXPECT_EQ(paging().timeouts(), 1U);
  EXPECT_EQ(paging().adapter_resets(), 0U);
  script_.on_submit = nullptr;
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(DriverTimeout, AResponsiveNodeGetsMoreTime) {
  start();
  const AllocationId id = create_physical(1);
  script_.responsive = true;
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    m_->fake.time.after(60'000, [fence = args.SubmissionFenceId] { complete(fence); });
    return STATUS_SUCCESS;
  };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_THAT(script_.calls,
              ElementsAre("CreateAllocation", "Build 17", "Submit 1", "Preempt", "EngineStatus"));
  script_.on_submit = nullptr;
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(DriverTimeout, ANodeThatEmptiedItselfGetsItsPacketsAgain) {
  covers("E12");
  start();
  const AllocationId id = create_physical(1);
  bool lost = true;
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    EXPECT_EQ(args.Flags.Resubmission, lost ? 0U : 1U);
    if (!lost) complete(args.SubmissionFenceId);
    return STATUS_SUCCESS;
  };
  script_.on_reset_engine = [&](DXGKARG_RESETENGINE& args) {
    lost = false;
    args.LastAbortedFenceId = 0;  // the last completed one: there was nothing to abort
    return STATUS_SUCCESS;
  };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_THAT(script_.calls, ElementsAre("CreateAllocation", "Build 17", "Submit 1", "Preempt",
                                         "EngineStatus", "ResetEngine", "Submit 1"))
      << "under its own fence, and without a reset of the adapter";
  script_.on_submit = nullptr;
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(DriverTimeout, InvalidAbortedFencesEndTheSystem) {
  covers("E12");
  start();
  const AllocationId id = create_physical(1);
  script_.on_submit = [](const DXGKARG_SUBMITCOMMAND&) { return STATUS_SUCCESS; };
  script_.on_reset_engine = [](DXGKARG_RESETENGINE& args) {
    args.LastAbortedFenceId = 2;
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(end_of_residency(id), Ends(0x119, 0xA));
}

TEST_F(DriverTimeout, AnAdaptersResetEvictsAndSubmitsNothingBeforeTheRestart) {
  covers("E11");
  start();
  const AllocationId mapped = create_physical(2);
  ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
  script_.flags = {};
  const AllocationId local = create_local(3);
  ASSERT_EQ(paging().make_resident(local), STATUS_SUCCESS);
  script_.segments = 2;
  script_.flags.AccessedPhysically = 1;
  const AllocationId id = create(1);
  script_.calls.clear();
  script_.built.clear();
  script_.per_engine = true;
  bool hung = true;
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    if (!hung) complete(args.SubmissionFenceId);
    return STATUS_SUCCESS;
  };
  script_.on_reset_engine = [&](DXGKARG_RESETENGINE&) {
    hung = false;
    return STATUS_UNSUCCESSFUL;  // and so the whole adapter
  };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_THAT(script_.calls,
              ElementsAre("Build 17", "Submit 3", "Preempt", "EngineStatus", "ResetEngine",
                          "ResetFromTimeout", "Build 6", "Build 6", "Build 0", "RestartFromTimeout",
                          "Submit 4", "Submit 5", "Submit 6", "Build 17", "Submit 7"));
  EXPECT_EQ(script_.built[3].Transfer.TransferSize, 0U) << "an eviction without content";
  EXPECT_EQ(script_.built[3].Transfer.Source.SegmentAddress.QuadPart, 0x100000);
  script_.on_submit = nullptr;
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(DriverTimeout, FailedResetsEndTheSystem) {
  covers("E11");
  for (const char* call : {"ResetFromTimeout", "RestartFromTimeout"}) {
    script_.per_engine = false;
    start();
    const AllocationId id = create_physical(1);
    script_.on_submit = [](const DXGKARG_SUBMITCOMMAND&) { return STATUS_SUCCESS; };
    script_.status[call] = STATUS_UNSUCCESSFUL;
    EXPECT_EQ(end_of_residency(id), Ends(0x116, 0)) << call;
    script_.status.clear();
    m_.reset();
  }
}

// Each operation of the clean-up fills a paging buffer. There are two; another one wants memory.
TEST_F(DriverTimeout, ACleanUpNeedsMemoryForItsThirdBuffer) {
  covers("E11");
  struct Case {
    unsigned mapped;  // allocations in the aperture; the one whose operation hangs is cleaned up as well
    bool memory;
    bool ends;
  };
  for (const Case& c : {Case{1, false, false}, Case{2, true, false}, Case{2, false, true}}) {
    SCOPED_TRACE(testing::Message() << c.mapped + 1 << " operations, memory " << c.memory);
    script_.on_build = nullptr;
    script_.on_submit = nullptr;
    script_.per_engine = false;
    start();
    for (unsigned i = 0; i < c.mapped; ++i)
      ASSERT_EQ(paging().make_resident(create_physical(1)), STATUS_SUCCESS);
    const AllocationId id = create_physical(1);
    script_.calls.clear();
    const auto called = [&](const char* call) {
      return std::find(script_.calls.begin(), script_.calls.end(), call) != script_.calls.end();
    };
    bool failed = false;
    script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
      if (!called("RestartFromTimeout")) return STATUS_SUCCESS;
      failed = failed || m_->kernel->pages().failures().disarm();  // the operation itself has memory again
      complete(args.SubmissionFenceId);
      return STATUS_SUCCESS;
    };
    script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER& args) {
      const bool cleaning = called("ResetFromTimeout") && !called("RestartFromTimeout");
      if (cleaning && !c.memory) m_->kernel->pages().failures().after(0, true);
      args.pDmaBuffer = static_cast<UCHAR*>(args.pDmaBuffer) + (cleaning ? args.DmaSize : 16);
      return STATUS_SUCCESS;
    };
    std::uint64_t status = 0;
    try {
      EXPECT_EQ(paging().make_resident(id), STATUS_SUCCESS);
    } catch (const dxgkrnl::BugCheck& bugcheck) {
      EXPECT_EQ(bugcheck.code(), 0x116U);
      status = bugcheck.parameter(2);
    }
    EXPECT_EQ(status, c.ends ? static_cast<std::uint32_t>(STATUS_INSUFFICIENT_RESOURCES) : 0U);
    EXPECT_EQ(called("RestartFromTimeout"), !c.ends);
    failed = failed || m_->kernel->pages().failures().disarm();
    EXPECT_EQ(failed, c.ends) << "two buffers are enough for two operations";
    if (!c.ends) {
      EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
    }
    m_.reset();
  }
}

}  // namespace
}  // namespace gpudmar::test
