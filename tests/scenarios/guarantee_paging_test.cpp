// SPDX-License-Identifier: Apache-2.0
// What paging operations name, from the driver's call to their completion; pins; links that stop or go.
#include "tests/scenarios/guarantee_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using test::covers;
using ::testing::IsEmpty;
using Kind = GuaranteeRules::PagingOperation::Kind;

class GuaranteePagingTest : public GuaranteeRulesTest {
 protected:
  static GuaranteeRules::PagingOperation transfer() { return {"link0", 1, {16, 17}, Kind::kTransfer, 0, 0}; }
  static GuaranteeRules::PagingOperation mapping() {
    return {"link0", 1, {17, 18}, Kind::kMapAperture, 40, 2};
  }
  static GuaranteeRules::PagingOperation unmapping(std::uint64_t pages) {
    return {"link0", 1, {16}, Kind::kUnmapAperture, 40, pages};
  }
  /// Built, submitted under `fence`.
  void run(const GuaranteeRules::PagingOperation& operation, std::uint32_t fence) {
    rules.paging_built(operation);
    rules.paging_submitted("link0", 1, fence);
  }
};

TEST_F(GuaranteePagingTest, ATransferNamesWhatIsWithinReach) {
  covers("G16");
  allocate(promise());
  run(transfer(), 1);
  rules.paging_completed("link0", 1, 1);
  free_well();
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
  run(transfer(), 2);
  only("G16");
}

TEST_F(GuaranteePagingTest, ABackingStoreStaysUntilTheTransferIsComplete) {
  covers("G16");
  allocate(promise());
  run(transfer(), 0xFFFF'FFFF);
  run(transfer(), 3);                               // behind the wrap
  rules.paging_completed("link0", 0, 3);            // another engine's
  rules.paging_completed("link1", 1, 3);            // another link's
  rules.paging_completed("link0", 1, 0xFFFF'FFFF);  // not far enough
  free_well();
  only("G16");
}

TEST_F(GuaranteePagingTest, AResetEndsWhatWasSubmittedAndNothingElse) {
  covers("G16");
  allocate(promise());
  run(transfer(), 5);
  rules.paging_aborted("link0", 1, 4);
  rules.paging_aborted("link0", 0, 5);
  rules.paging_aborted("link1");
  rules.free_begins(&adl_id);
  only("G16");
  fired.clear();
  rules.free_failed(&adl_id);
  rules.paging_aborted("link0", 1, 5);
  rules.free_begins(&adl_id);
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
  rules.free_failed(&adl_id);
  rules.paging_built(transfer());  // waits for the restart
  rules.paging_aborted("link0");
  rules.free_begins(&adl_id);
  only("G16");
}

// A driver that writes the aperture's table itself leaves nothing for an engine.
TEST_F(GuaranteePagingTest, WhatIsDoneAtOnceWaitsForNoFence) {
  covers("G15", "G16");
  allocate(promise());
  const auto at_once = [](GuaranteeRules::PagingOperation operation) {
    operation.at_once = true;
    return operation;
  };
  rules.paging_built(at_once(transfer()));
  rules.free_begins(&adl_id);
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
  rules.free_failed(&adl_id);
  rules.paging_built(at_once(mapping()));
  rules.free_begins(&adl_id);
  only("G15");
  fired.clear();
  rules.free_failed(&adl_id);
  rules.paging_built(at_once(unmapping(2)));
  free_well();
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
}

TEST_F(GuaranteePagingTest, TheApertureShowsAPageUntilTheUnmapIsComplete) {
  covers("G15");
  allocate(promise());
  run(mapping(), 1);
  rules.paging_completed("link0", 1, 1);
  rules.free_begins(&adl_id);
  only("G15");
  fired.clear();
  rules.free_failed(&adl_id);
  run(unmapping(1), 2);  // the other page stays
  rules.paging_completed("link0", 1, 2);
  rules.free_begins(&adl_id);
  only("G15");
  fired.clear();
  rules.free_failed(&adl_id);
  run(unmapping(2), 3);
  rules.paging_aborted("link0", 1, 3);  // a reset: it did not happen
  rules.free_begins(&adl_id);
  only("G15");
  fired.clear();
  rules.free_failed(&adl_id);
  run(unmapping(2), 4);
  rules.paging_completed("link0", 1, 4);
  free_well();
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
}

TEST_F(GuaranteePagingTest, WhatAnotherAdlNamesToo) {
  covers("G15");
  allocate(promise());
  GuaranteeRules::Adl second = promise();
  second.id = &second_id;
  allocate(second);
  run(mapping(), 1);
  rules.paging_completed("link0", 1, 1);
  rules.free_begins(&second_id);
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
}

TEST_F(GuaranteePagingTest, AnUnmapToAPageOfNobody) {
  covers("G15");
  allocate(promise());
  GuaranteeRules::PagingOperation operation = unmapping(1);
  operation.numbers = {99};  // the dummy page
  run(operation, 1);
  only("G15");
}

TEST_F(GuaranteePagingTest, AFreeThatFailedChangesNothing) {
  covers("G3");
  allocate(promise());
  rules.free_begins(&adl_id);
  rules.blocked(kGpu0, true, 17ULL << 12, 200);
  EXPECT_THAT(fired, IsEmpty()) << "it may be gone already";
  rules.free_failed(&adl_id);
  rules.blocked(kGpu0, true, 17ULL << 12, 200);
  only("G3");
}

TEST_F(GuaranteePagingTest, AnInvalidationSomewhereWithinTheCall) {
  covers("G6", "G17");
  const auto free = [&](std::uint64_t unlocked, bool told) {
    allocate(promise());
    rules.free_begins(&adl_id);
    unmap();
    if (told) rules.status_written(210);
    rules.page_event({mm::PageEvent::Kind::kUnlock, unlocked, {{kFrame, 8}}});
    rules.freed(&adl_id, {200, 300, false});
    rules.page_event({mm::PageEvent::Kind::kLock, 301, {{kFrame, 8}}});
  };
  free(230, true);
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
}

TEST_F(GuaranteePagingTest, AnUnlockBeforeTheInvalidation) {
  covers("G6");
  allocate(promise());
  rules.free_begins(&adl_id);
  unmap();
  rules.page_event({mm::PageEvent::Kind::kUnlock, 205, {{kFrame, 8}}});
  rules.status_written(210);
  rules.freed(&adl_id, {200, 300, false});
  only("G6");
}

TEST_F(GuaranteePagingTest, NoInvalidationInTheWholeCall) {
  covers("G6");
  allocate(promise());
  rules.free_begins(&adl_id);
  unmap();
  rules.freed(&adl_id, {200, 300, false});
  only("G6");
}

TEST_F(GuaranteePagingTest, AStoppedLinkMayLoseItsTables) {
  covers("G12");
  allocate(promise());
  free_well();
  rules.link_stopped("link0");
  memory.qwords[0x3000] = 0;  // one member is out of the domain
  rules.sweep();
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
  rules.link_stopped("link1");
  rules.departs(2, false, 0x5000, true, 300);
  only("G1");
}

TEST_F(GuaranteePagingTest, ARunningLinkMayNot) {
  covers("G12");
  allocate(promise());
  rules.link_stopped("link1");
  memory.qwords[0x3000] = 0;
  rules.sweep();
  only("G12");
}

TEST_F(GuaranteePagingTest, ARemovedLinkIsOutOfReach) {
  covers("G1");
  allocate(promise());
  run(mapping(), 1);
  rules.link_is_removed("link0");
  memory.qwords[0x2000] = memory.qwords[0x3000] = 0;
  rules.blocked(kGpu0, true, 17ULL << 12, 200);
  rules.sweep();
  rules.free_begins(&adl_id);
  rules.freed(&adl_id, {200, 220});
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
  rules.link_ends("link0");
  EXPECT_EQ(rules.link_of_port(0), "");
  EXPECT_EQ(rules.link_of_port(2), "link1");
  rules.before_attach({kGpu0, kGpu1});
  EXPECT_THAT(fired, IsEmpty()) << ::testing::PrintToString(texts);
  rules.departs(0, true, kFrame << 12, true, 300);
  only("G1");
}

TEST_F(GuaranteePagingTest, OneLinkEndsAndTheOtherKeepsItsPromises) {
  covers("G5");
  allocate(promise());
  rules.link_ends("link1");
  EXPECT_TRUE(rules.knows(&adl_id));
  EXPECT_EQ(rules.live_pages(), 3U);
  rules.link_ends("link0");
  EXPECT_FALSE(rules.knows(&adl_id));
  EXPECT_EQ(rules.live_pages(), 0U);
}

}  // namespace
}  // namespace gpudmar::sim
