// SPDX-License-Identifier: Apache-2.0
// Every guarantee's checker fires on events made by hand, names its rule, and keeps quiet otherwise.
#include "sim/scenario/guarantee_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/guarantee_fixture.h"

namespace gpudmar::sim {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

using Rules = GuaranteeRulesTest;

TEST_F(Rules, AGoodLifeIsQuiet) {
  allocate(promise());
  rules.departs(0, false, (kFrame << 12) + 64, true, 150);
  rules.completes(0, false, (kFrame << 12) + 64);
  rules.departs(1, true, 0xFEE0'0000, true, 150);  // a message
  rules.sweep();
  free_well();
  rules.sweep();
  rules.page_event({mm::PageEvent::Kind::kFree, 240, {{kFrame, 8}}});
  rules.object_destroyed(&object);
  end_links();
  EXPECT_THAT(texts, IsEmpty());
  for (const char* rule :
       {"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G10", "G11", "G12", "G13", "G22", "G23"})
    EXPECT_GT(checked[rule], 0U) << rule;
}

TEST_F(Rules, G1ContextBeforeAttach) {
  rules.before_attach({kGpu0});
  only("G1");
}
TEST_F(Rules, G1StartWithoutContext) {
  memory.qwords[0x3000] = 0;
  auto late = link();
  late.name = "late";
  rules.link_starts(late);
  only("G1");
}
TEST_F(Rules, G1StartInTwoDomains) {
  memory.qwords[0x3008] = 5ULL << 8 | 2;
  auto late = link();
  late.name = "late";
  rules.link_starts(late);
  only("G1");
}
TEST_F(Rules, G1TrafficBeforeStart) {
  end_links();
  rules.departs(0, false, kFrame << 12, true, 5);
  only("G1");
}
TEST_F(Rules, G2AnotherPage) {
  const auto adl = promise();
  leaf(17) = (kFrame + 8) << 12 | kSnoop | kRw;
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G2"));
  EXPECT_THAT(fired, Not(Contains("guarantee.G3")));
}
TEST_F(Rules, G2FoundBySweepAfterwards) {
  allocate(promise());
  leaf(17) = (kFrame + 8) << 12 | kSnoop | kRw;
  rules.sweep();
  only("G2");
}
TEST_F(Rules, G2LostAfterwards) {
  allocate(promise());
  leaf(17) = 0;
  rules.sweep();
  only("G2");
}
TEST_F(Rules, G3NotThereWhenAllocateAdlReturned) {
  const auto adl = promise();
  leaf(16) = 0;
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G3"));
}
TEST_F(Rules, G3BlockedThoughPromised) {
  allocate(promise());
  rules.blocked(kGpu0, false, 17 << 12, 99);  // it was there before the promise
  rules.blocked(kGpu0, false, 40 << 12, 150);
  EXPECT_THAT(texts, IsEmpty());
  rules.blocked(kGpu0, false, 17 << 12, 101);
  only("G3");
}
TEST_F(Rules, G3NotWhileItIsFreed) {
  allocate(promise());
  rules.free_begins(&adl_id);
  rules.blocked(kGpu0, false, 17 << 12, 150);
  EXPECT_THAT(texts, IsEmpty());
}
TEST_F(Rules, G4TheNeighbourTranslates) {
  const auto adl = promise();
  leaf(19) = kFrame << 12 | kRw;
  allocate(adl);
  only("G4");
}
TEST_F(Rules, G4AnExtraPageFarAway) {
  allocate(promise());
  leaf(400) = kFrame << 12 | kRw;
  rules.sweep();
  only("G4");
}
TEST_F(Rules, G5StillThereAfterFreeAdl) {
  allocate(promise());
  rules.free_begins(&adl_id);
  rules.status_written(210);
  rules.page_event({mm::PageEvent::Kind::kUnlock, 230, {{kFrame, 8}}});
  rules.freed(&adl_id, {200, 220});
  only("G5");
}
TEST_F(Rules, G5TrafficAfterFreeAdl) {
  allocate(promise());
  free_well();
  rules.departs(1, true, kFrame << 12, true, 300);
  only("G5");
}
TEST_F(Rules, G5TrafficStillUnderWay) {
  allocate(promise());
  rules.departs(1, true, kFrame << 12, true, 205);
  free_well();
  only("G5");
}
TEST_F(Rules, G5OfAnotherLink) {
  allocate(promise());
  rules.departs(2, false, kFrame << 12, true, 205);
  only("G5");
}
TEST_F(Rules, G5WaitsForAPromiseThatIsOnItsWay) {
  rules.allocate_begins();
  rules.departs(0, false, kFrame << 12, true, 90);
  rules.departs(0, false, (kFrame + 100) << 12, true, 91);
  EXPECT_THAT(texts, IsEmpty());
  rules.allocated(promise(), 100);
  rules.allocate_ends();
  only("G5");
  EXPECT_EQ(fired.size(), 1U);
}
TEST_F(Rules, G5APageOfTwoAdls) {
  allocate(promise());
  auto second = promise();
  second.id = &second_id;
  second.numbers = {30};
  second.frames = {kFrame};
  leaf(30) = kFrame << 12 | kSnoop | kRw;
  allocate(second);
  free_well();
  rules.departs(0, false, kFrame << 12, true, 300);
  rules.sweep();
  EXPECT_THAT(texts, IsEmpty());
  rules.departs(0, false, (kFrame + 7) << 12, true, 300);
  only("G5");
}
TEST_F(Rules, G6NoStatusFromTheUnit) {
  allocate(promise());
  rules.free_begins(&adl_id);
  unmap();
  rules.status_written(150);
  rules.freed(&adl_id, {200, 220});
  only("G6");
}
TEST_F(Rules, G6UnlockedTooEarly) {
  allocate(promise());
  rules.free_begins(&adl_id);
  unmap();
  rules.page_event({mm::PageEvent::Kind::kUnlock, 205, {{kFrame, 1}}});
  rules.status_written(210);
  rules.freed(&adl_id, {200, 220});
  only("G6");
}
TEST_F(Rules, G6GivenBackWhileReachable) {
  allocate(promise());
  checked["G6"] = 1;
  rules.page_event({mm::PageEvent::Kind::kFree, 205, {{kFrame, 1}}});
  only("G6");
}
TEST_F(Rules, G7BeyondTheLimit) {
  auto near = link();
  near.name = "near";
  near.highest_visible = 0x11FFF;
  rules.link_starts(near);
  auto adl = promise();
  adl.link = "near";
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G7"));
}
TEST_F(Rules, G8NotIdentity) {
  auto physical = link();
  physical.name = "physical";
  physical.identity = true;
  rules.link_starts(physical);
  auto adl = promise();
  adl.link = "physical";
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G8"));
}
TEST_F(Rules, G9NotContiguous) {
  auto adl = promise();
  adl.contiguous = true;
  adl.numbers[2] = 20;
  leaf(20) = adl.frames[2] << 12 | kSnoop | kRw;
  leaf(18) = 0;
  allocate(adl);
  only("G9");
}
TEST_F(Rules, G9RequiredAndNotGiven) {
  auto adl = promise();
  adl.required = true;
  allocate(adl);
  only("G9");
}
TEST_F(Rules, G10MoreThanWasPermitted) {
  auto adl = promise();
  adl.writable = false;
  allocate(adl);
  only("G10");
}
TEST_F(Rules, G10LessThanWasPermitted) {
  const auto adl = promise();
  leaf(17) &= ~2ULL;
  allocate(adl);
  only("G10");
}
TEST_F(Rules, G10ChangedAfterwards) {
  allocate(promise());
  leaf(17) &= ~2ULL;
  rules.sweep();
  only("G10");
}
TEST_F(Rules, G11CachedWithoutSnoop) {
  const auto adl = promise();
  leaf(17) &= ~kSnoop;
  allocate(adl);
  only("G11");
}
TEST_F(Rules, G11TrafficToCachedMemoryWithoutSnoop) {
  allocate(promise());
  rules.departs(0, true, kFrame << 12, true, 150);
  EXPECT_THAT(fired, IsEmpty());
  rules.departs(0, true, kFrame << 12, false, 151);
  only("G11");
}
TEST_F(Rules, G11SaysNothingOfOtherMemory) {
  auto adl = promise();
  adl.cached = false;
  for (std::size_t i = 0; i < 3; ++i) leaf(adl.numbers[i]) = adl.frames[i] << 12 | kRw;
  allocate(adl);
  rules.departs(0, false, kFrame << 12, false, 150);
  EXPECT_THAT(fired, IsEmpty());
  EXPECT_EQ(checked["G11"], 0U);
}
TEST_F(Rules, G12OneMemberSeesAnother) {
  tables(0x1'0000);
  attach(kGpu1, 0x3000, 0x1'0000, 1);
  const auto adl = promise();
  for (std::size_t i = 0; i < 3; ++i)
    leaf(adl.numbers[i], 0x1'0000) = (adl.frames[i] + 1) << 12 | kSnoop | kRw;
  allocate(adl);
  only("G12");
}
TEST_F(Rules, G12AMemberIsCutOff) {
  allocate(promise());
  checked["G12"] = 1;
  memory.qwords[0x3000] = 0;
  rules.sweep();
  only("G12");
}
TEST_F(Rules, G13AnotherLinkReachesIt) {
  const auto adl = promise();
  leaf(17, 0xA000) = adl.frames[1] << 12 | kRw;
  allocate(adl);
  only("G13");
}
TEST_F(Rules, G19NotTheBusAddress) {
  auto adl = promise();
  adl.io_space = true;
  leaf(17) = 0x1234'5000 | kSnoop | kRw;
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G19"));
}
/// link0 with pages 0x20 and 0x21 that firmware keeps, mapped as they should be.
class ReservedRules : public Rules {
 protected:
  ReservedRules() {
    leaf(0x20) = 0x2'0000 | kSnoop | kRw;
    leaf(0x21) = 0x2'1000 | kRw;
    end_links();
    start(false);
  }
  void start(bool identity) {
    auto kept = link();
    kept.identity = identity;
    kept.reserved = {{0x20, 2}};
    rules.link_starts(kept);
  }
};
TEST_F(ReservedRules, G18QuietWhileItStands) {
  rules.departs(0, true, 0x2'0040, true, 50);
  allocate(promise());
  rules.sweep();
  rules.departs(1, false, 0x2'1FC0, true, 150);
  free_well();
  rules.sweep();
  EXPECT_THAT(texts, IsEmpty());
  EXPECT_GT(checked["G18"], 4U);
}
TEST_F(ReservedRules, G18NotThereAtTheStart) {
  end_links();
  leaf(0x21) = 0;
  start(false);
  only("G18");
}
TEST_F(ReservedRules, G18OnlyForReading) {
  end_links();
  leaf(0x20) &= ~2ULL;
  start(false);
  only("G18");
}
TEST_F(ReservedRules, G18AMemberIsLeftOut) {
  end_links();
  tables(0x1'0000);
  attach(kGpu1, 0x3000, 0x1'0000, 1);
  start(false);
  EXPECT_THAT(fired, Contains("guarantee.G18"));
}
TEST_F(ReservedRules, G18LeadsElsewhere) {
  leaf(0x20) = 0x2'2000 | kRw;
  rules.sweep();
  only("G18");
}
TEST_F(ReservedRules, G18GoneAfterwards) {
  leaf(0x21) = 0;
  rules.sweep();
  only("G18");
}
TEST_F(ReservedRules, G18ANumberOfItIsGivenOut) {
  auto adl = promise();
  adl.numbers[1] = 0x20;
  adl.frames[1] = 0x20;
  leaf(17) = 0;
  allocate(adl);
  only("G18");
}
TEST_F(ReservedRules, G18FreeAdlTakesItAlong) {
  end_links();
  start(true);
  GuaranteeRules::Adl adl;
  adl.id = &adl_id;
  adl.object = &object;
  adl.link = "link0";
  adl.numbers = adl.frames = {0x20, 0x21};
  adl.io_space = true;
  allocate(adl);
  rules.sweep();
  rules.free_begins(&adl_id);
  rules.freed(&adl_id, {200, 200});  // nothing to invalidate
  EXPECT_THAT(texts, IsEmpty());
  allocate(adl);
  leaf(0x21) = 0;
  rules.free_begins(&adl_id);
  rules.freed(&adl_id, {200, 200});
  only("G18");
}
TEST_F(ReservedRules, G18AnAccessIsBlocked) {
  checked["G18"] = 1;
  rules.blocked(kOther, false, 0x2'0000, 50);  // not that link's
  EXPECT_THAT(texts, IsEmpty());
  rules.blocked(kGpu1, true, 0x2'1040, 50);
  only("G18");
}
TEST_F(ReservedRules, G13ItIsNotTheOtherLinks) {
  GuaranteeRules::Link other{"link1", {2}, {kOther}, true, false, 0xFF'FFFF'FFFF};
  rules.link_starts(other);
  rules.departs(2, false, 0x2'0000, true, 60);
  only("G5");
}
TEST_F(ReservedRules, G4ASecondNumberLeadsThere) {
  leaf(0x30) = 0x2'0000 | kRw;
  rules.sweep();
  only("G4");
}
TEST_F(Rules, G20AFailedCallLeftSomething) {
  rules.call_failed("AllocateAdl", {10, 2, 3, 4}, {10, 2, 3, 4});
  EXPECT_THAT(texts, IsEmpty());
  rules.call_failed("AllocateAdl", {10, 2, 3, 4}, {9, 3, 5, 5});
  only("G20");
  EXPECT_EQ(fired.size(), 4U);
}
TEST_F(Rules, G22FormerDataShows) {
  rules.page_event({mm::PageEvent::Kind::kFree, 10, {{0x500, 2}}});
  int next = 0;
  rules.object_created(&next, {0x500, 0x501}, true);
  EXPECT_THAT(texts, IsEmpty());
  memory.qwords[0x501'FF8] = 1;
  rules.object_created(&next, {0x500, 0x501}, false);  // not asked to be zero
  EXPECT_THAT(texts, IsEmpty());
  rules.object_created(&next, {0x500, 0x501}, true);
  only("G22");
}
TEST_F(Rules, G22ANumberLeadsSomewhereAfterDestroy) {
  allocate(promise());
  free_well();
  leaf(17) = 0x7777'7000 | kRw;
  rules.object_destroyed(&object);
  only("G22");
}
TEST_F(Rules, G22DestroyedWithALiveAdl) {
  allocate(promise());
  checked["G22"] = 1;
  rules.object_destroyed(&object);
  only("G22");
}
TEST_F(Rules, G23TheWindowIsHandedOut) {
  GuaranteeRules::Adl adl = promise();
  adl.frames[1] = 0xFEE01;
  leaf(17) = 0xFEE0'1000 | kSnoop | kRw;
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G23"));
}
TEST_F(Rules, G23AnEntryPointsThere) {
  allocate(promise());
  leaf(100) = 0xFEE0'1000 | kRw;
  rules.sweep();
  only("G23");
}
TEST_F(Rules, AfterABugcheckNothingIsChecked) {
  rules.end();
  rules.departs(0, false, 0x1000, true, 5);
  rules.before_attach({kGpu0});
  EXPECT_THAT(texts, IsEmpty());
}

}  // namespace
}  // namespace gpudmar::sim
