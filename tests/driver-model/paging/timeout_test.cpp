// SPDX-License-Identifier: Apache-2.0
// Hung and failing paging work of the sample miniport: resets, retries, lost interrupts.
#include "tests/driver-model/paging/sample_fixture.h"

namespace gpudmar::test {
namespace {

using SampleTimeout = SamplePaging;

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

TEST_F(SampleTimeout, AHungNodeIsResetWithTheAdapterAndWorkGoesOn) {
  covers("E11", "E12", "G15");
  for (const BOOLEAN per_engine : {TRUE, FALSE}) {
    GdmParameters.PerEngineTdr = per_engine;
    PagingMachine::Options options;
    options.kernel.paging.tdr_delay = 20'000;
    options.kernel.paging.preemption_delay = 5'000;
    start(options);
    const AllocationId kept = create(2, kVram);
    const AllocationId mapped = create(3, kAperture, kPhysically);
    const AllocationId late = create(4, kVram);
    write(mapped, pattern(3 * kPage, 14));
    write(late, pattern(4 * kPage, 15));
    ASSERT_EQ(paging().make_resident(kept), STATUS_SUCCESS);
    ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
    const AllocationView before = view(mapped);
    const UINT fence = paging().queue(0).last_submitted();
    m_->gpus[0]->stuck[1] = 1;
    m_->forget_calls();
    ASSERT_EQ(paging().make_resident(late), STATUS_SUCCESS);
    if (per_engine != FALSE)
      EXPECT_THAT(
          m_->ddi_calls(),
          ElementsAre("BuildPagingBuffer", "SubmitCommand", "QueryCurrentFence", "PreemptCommand",
                      "QueryEngineStatus", "QueryDependentEngineGroup", "ResetEngine", "CollectDbgInfo",
                      "ResetFromTimeout", "BuildPagingBuffer", "BuildPagingBuffer", "BuildPagingBuffer",
                      "RestartFromTimeout", "SubmitCommand", "BuildPagingBuffer", "SubmitCommand"));
    else
      EXPECT_THAT(m_->ddi_calls(), Not(Contains("ResetEngine")));
    EXPECT_EQ(paging().timeouts(), 1U);
    EXPECT_EQ(paging().adapter_resets(), 1U);
    EXPECT_GT(paging().queue(0).last_completed(), fence + 1) << "fences never repeat";
    EXPECT_EQ(view(kept).residency, Residency::kNone);
    EXPECT_TRUE(view(kept).content_lost) << "local memory does not outlive a reset";
    EXPECT_EQ(view(mapped).residency, Residency::kNone);
    EXPECT_FALSE(view(mapped).content_lost);
    EXPECT_EQ(m_->gpus[0]->aperture_page(before.segment_address / kPage), paging().dummy_page(0));
    EXPECT_FALSE(view(late).content_lost) << "its content was on the way in";
    EXPECT_EQ(vram(0, view(late).segment_address, 4 * kPage), pattern(4 * kPage, 15));
    ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
    ASSERT_EQ(m_->copy(0, aperture(view(mapped).segment_address), local(0), 3 * kPage), STATUS_SUCCESS)
        << "the driver's own channel goes on too";
    EXPECT_EQ(std::memcmp(m_->gpus[0]->vram.data(), pattern(3 * kPage, 14).data(), 3 * kPage), 0);
    EXPECT_EQ(m_->blocked, 0U);
    TearDown();
    m_.reset();
  }
}

TEST_F(SampleTimeout, HangsInARowEndInABugcheck) {
  covers("E11");
  PagingMachine::Options options;
  options.kernel.paging.tdr_delay = 10'000;
  options.kernel.paging.preemption_delay = 1'000;
  options.kernel.paging.tdr_limit = 3;
  start(options);
  const AllocationId id = create(1, kVram);
  m_->gpus[0]->stuck[1] = 2;  // each attempt resets the channel more than once
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  m_->gpus[0]->stuck[1] = 1000;
  try {
    (void)paging().make_resident(id);
    ADD_FAILURE() << "no end";
  } catch (const dxgkrnl::BugCheck& bugcheck) {
    EXPECT_EQ(bugcheck.code(), 0x116U);
    EXPECT_EQ(bugcheck.parameter(0), 4U);
  }
  m_.reset();
}

TEST_F(SampleTimeout, ADeviceThatDoesNotResetEndsTheSystem) {
  covers("E11", "E12");
  PagingMachine::Options options;
  options.kernel.paging.tdr_delay = 10'000;
  options.kernel.paging.preemption_delay = 1'000;
  start(options);
  const AllocationId id = create(1, kVram);
  m_->gpus[0]->stuck[1] = 1;
  m_->gpus[0]->hang_reset = true;
  m_->forget_calls();
  try {
    (void)paging().make_resident(id);
    ADD_FAILURE() << "no end";
  } catch (const dxgkrnl::BugCheck& bugcheck) {
    EXPECT_EQ(bugcheck.code(), 0x116U);
  }
  EXPECT_THAT(m_->ddi_calls(), Contains("ResetEngine")) << "it said that it failed, so the adapter followed";
  EXPECT_THAT(m_->ddi_calls(), Contains("ResetFromTimeout"));
  EXPECT_THAT(m_->ddi_calls(), Not(Contains("RestartFromTimeout")));
  m_.reset();
}

TEST_F(SampleTimeout, LostInterruptsAreFoundWithoutAReset) {
  PagingMachine::Options options;
  options.kernel.paging.tdr_delay = 20'000;
  start(options);
  const AllocationId id = create(2, kVram);
  m_->gpus[0]->lose_interrupts = true;
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(paging().timeouts(), 0U);
  EXPECT_THAT(m_->ddi_calls(), Contains("QueryCurrentFence"));
}

TEST_F(SampleTimeout, PassingErrorsAreTriedAgainAndOthersEndTheSystem) {
  covers("E10");
  start();
  const AllocationId id = create(4, kVram);
  write(id, pattern(4 * kPage, 16));
  m_->fail_access = 2;  // the first data page of the transfer
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->gpus[0]->resumes, 1U);
  EXPECT_EQ(vram(0, view(id).segment_address, 4 * kPage), pattern(4 * kPage, 16));
  m_->fail_access = 2;
  m_->keep_failing = 5;
  try {
    (void)paging().evict(id);
    ADD_FAILURE() << "no end";
  } catch (const dxgkrnl::BugCheck& bugcheck) {
    EXPECT_EQ(bugcheck.code(), 0x119U);
    EXPECT_EQ(bugcheck.parameter(0), 5U);
    EXPECT_EQ(static_cast<NTSTATUS>(bugcheck.parameter(1)), STATUS_DEVICE_DATA_ERROR);
  }
  m_.reset();
}

}  // namespace
}  // namespace gpudmar::test
