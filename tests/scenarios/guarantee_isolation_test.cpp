// SPDX-License-Identifier: Apache-2.0
// The guarantees where numbers are page frames: attachment after the start, and pages that several ADLs
// share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/guarantee_fixture.h"

namespace gpudmar::sim {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

constexpr std::uint16_t kIso0 = 0x0400, kIso1 = 0x0500;
constexpr std::uint64_t kTop = 0x2'0000;  // of their tables
constexpr unsigned kPort0 = 3, kPort1 = 4;

/// GPUs 3 and 4 are "iso": 1:1, and passed through until they are attached.
class IsolationRules : public GuaranteeRulesTest {
 protected:
  IsolationRules() {
    pass_through(kIso0, 0x2'8000);
    pass_through(kIso1, 0x2'9000);
    tables(kTop);
  }
  static GuaranteeRules::Link iso() {
    return {"iso", {kPort0, kPort1}, {kIso0, kIso1}, true, true, 0xFF'FFFF'FFFF, {}, true};
  }
  void pass_through(std::uint16_t id, std::uint64_t context) {
    attach(id, context, 0, 9);
    memory.qwords[context] = 2U << 2 | 1;
  }
  void attach_iso(std::uint16_t id) { attach(id, id == kIso0 ? 0x2'8000 : 0x2'9000, kTop, 3); }
  void begin_all() {
    rules.exclusive_begins(kPort0);
    rules.exclusive_begins(kPort1);
  }
  void end_all() {
    rules.exclusive_ends(kPort1);
    rules.exclusive_ends(kPort0);
  }
  void switch_over() {
    begin_all();
    attach_iso(kIso0);
    attach_iso(kIso1);
    end_all();
  }
  void start() {
    rules.link_starts(iso());
    switch_over();
    rules.link_started("iso");
  }
  /// A promise of the pages with these numbers; their leaves stand.
  GuaranteeRules::Adl pages(const void* id, const std::vector<std::uint64_t>& numbers) {
    GuaranteeRules::Adl adl;
    adl.id = id;
    adl.object = &object;
    adl.link = "iso";
    adl.numbers = adl.frames = numbers;
    map(numbers, kRw);
    return adl;
  }
  void map(const std::vector<std::uint64_t>& numbers, std::uint64_t bits) {
    for (const std::uint64_t number : numbers) leaf(number, kTop) = bits == 0 ? 0 : number << 12 | bits;
  }
  void free(const void* id, bool told = true) {
    rules.free_begins(id);
    if (told) rules.status_written(210);
    rules.freed(id, {200, 220});
  }
};

// ---- Attachment

TEST_F(IsolationRules, AttachedUnderExclusiveAccessIsQuiet) {
  rules.link_starts(iso());
  rules.departs(kPort0, false, 0x1234'5000, true, 5);  // it reaches everything still
  rules.completes(kPort0, false, 0x1234'5000);
  allocate(pages(&adl_id, {40, 41}));
  switch_over();
  rules.link_started("iso");
  rules.departs(kPort0, true, 41 << 12, true, 150);
  rules.completes(kPort0, true, 41 << 12);
  rules.sweep();
  switch_over();  // out and in again
  map({40, 41}, 0);
  free(&adl_id);
  rules.sweep();
  rules.object_destroyed(&object);
  EXPECT_THAT(texts, IsEmpty());
  for (const char* rule : {"G1", "G2", "G4", "G5", "G6", "G8", "G12", "G14", "G22"})
    EXPECT_GT(checked[rule], 0U) << rule;
}
TEST_F(IsolationRules, G1AttachedBeforeItsStart) {
  attach_iso(kIso0);
  attach_iso(kIso1);
  rules.link_starts(iso());
  only("G1");
}
TEST_F(IsolationRules, G1NoPathBeforeTheSwitchOver) {
  memory.qwords[0x2'9000] = 0;
  rules.link_starts(iso());
  only("G1");
}
TEST_F(IsolationRules, G1NeverSwitchedOver) {
  rules.link_starts(iso());
  rules.link_started("iso");
  only("G1");
}
TEST_F(IsolationRules, G1SwitchedOverBeforeExclusiveAccess) {
  rules.link_starts(iso());
  attach_iso(kIso0);
  attach_iso(kIso1);
  begin_all();
  only("G1");
}
TEST_F(IsolationRules, G1SwitchedOverAfterExclusiveAccess) {
  rules.link_starts(iso());
  begin_all();
  end_all();
  EXPECT_THAT(texts, IsEmpty());
  attach_iso(kIso0);
  attach_iso(kIso1);
  rules.link_started("iso");
  only("G1");
}
TEST_F(IsolationRules, G1SwitchedOverWithOneMembersExclusiveAccess) {
  rules.link_starts(iso());
  rules.exclusive_begins(kPort0);
  attach_iso(kIso0);
  attach_iso(kIso1);
  rules.exclusive_ends(kPort0);
  only("G1");
}
TEST_F(IsolationRules, G1OneMemberIsLeftOut) {
  rules.link_starts(iso());
  begin_all();
  attach_iso(kIso0);
  rules.exclusive_ends(kPort1);
  EXPECT_THAT(fired, Contains("guarantee.G1"));
}
TEST_F(IsolationRules, G1NotBackInItsDomain) {
  start();
  begin_all();
  memory.qwords[0x2'8000] = 0;
  rules.exclusive_ends(kPort1);
  EXPECT_THAT(fired, Contains("guarantee.G1"));
}
TEST_F(IsolationRules, G1TranslationIsOffAfterTheStart) {
  start();
  rules.root_is({});
  rules.link_started("iso");
  only("G1");
}
TEST_F(IsolationRules, ARefusedBeginSwitchesNothing) {
  rules.link_starts(iso());
  rules.exclusive_begins(kPort0);
  rules.exclusive_ends(kPort0);
  EXPECT_THAT(texts, IsEmpty());
}
TEST_F(IsolationRules, G4PassesThroughAfterwards) {
  start();
  pass_through(kIso1, 0x2'9000);
  rules.sweep();
  only("G4");
}
TEST_F(IsolationRules, G4FoundAtTheSwitchOver) {
  rules.link_starts(iso());
  allocate(pages(&adl_id, {40}));
  leaf(300, kTop) = 300 << 12 | kRw;
  EXPECT_THAT(texts, IsEmpty());
  switch_over();
  only("G4");
}
TEST_F(IsolationRules, G2LostAtTheSwitchOver) {
  rules.link_starts(iso());
  allocate(pages(&adl_id, {40}));
  map({40}, 0);
  switch_over();
  only("G2");
}
TEST_F(IsolationRules, G3BlockedBeforeTheSwitchOver) {
  rules.link_starts(iso());
  allocate(pages(&adl_id, {40}));
  rules.blocked(kIso0, false, 40 << 12, 150);
  only("G3");
}
TEST_F(IsolationRules, G5TrafficAfterTheSwitchOver) {
  start();
  rules.departs(kPort1, false, 0x1234'5000, true, 300);
  only("G5");
}
TEST_F(IsolationRules, G14TrafficUnderExclusiveAccess) {
  start();
  allocate(pages(&adl_id, {40}));
  rules.exclusive_begins(kPort0);
  rules.departs(kPort1, false, 40 << 12, true, 300);  // gave none
  EXPECT_THAT(texts, IsEmpty());
  rules.departs(kPort0, false, 40 << 12, true, 301);
  only("G14");
}
TEST_F(IsolationRules, G14AMessageUnderExclusiveAccess) {
  start();
  rules.exclusive_begins(kPort0);
  rules.departs(kPort0, true, 0xFEE0'0000, true, 300);
  only("G14");
}
TEST_F(IsolationRules, G14StillUnderWay) {
  start();
  allocate(pages(&adl_id, {40}));
  rules.departs(kPort1, false, 40 << 12, true, 300);
  rules.exclusive_begins(kPort0);
  EXPECT_THAT(texts, IsEmpty());
  rules.exclusive_begins(kPort1);
  only("G14");
}

// ---- Shared pages

TEST_F(IsolationRules, G8NotTheFrame) {
  start();
  auto adl = pages(&adl_id, {40});
  adl.frames = {41};
  leaf(40, kTop) = 41 << 12 | kRw;
  allocate(adl);
  only("G8");
}
TEST_F(IsolationRules, ASharedPageStaysUntilItsLastAdlGoes) {
  start();
  allocate(pages(&adl_id, {40, 41}));
  allocate(pages(&second_id, {41, 42}));
  map({40}, 0);
  free(&adl_id);
  rules.departs(kPort0, true, 41 << 12, true, 300);
  rules.completes(kPort0, true, 41 << 12);
  rules.sweep();
  EXPECT_THAT(texts, IsEmpty());
  map({41, 42}, 0);
  free(&second_id);
  rules.sweep();
  EXPECT_THAT(texts, IsEmpty());
}
TEST_F(IsolationRules, APageThatStaysNeedsNoInvalidation) {
  start();
  allocate(pages(&adl_id, {40, 41}));
  allocate(pages(&second_id, {40, 41}));
  free(&adl_id, false);
  EXPECT_THAT(texts, IsEmpty());
  map({40, 41}, 0);
  free(&second_id, false);
  only("G6");
}
TEST_F(IsolationRules, G2ASharedPageGoesWithItsFirstAdl) {
  start();
  allocate(pages(&adl_id, {40, 41}));
  allocate(pages(&second_id, {41, 42}));
  map({40, 41}, 0);
  free(&adl_id);
  only("G2");
}
TEST_F(IsolationRules, G5ASharedPageStaysAfterItsLastAdl) {
  start();
  allocate(pages(&adl_id, {40}));
  allocate(pages(&second_id, {40}));
  free(&adl_id, false);
  free(&second_id);
  only("G5");
}
TEST_F(IsolationRules, G10PermissionsOfASharedPage) {
  start();
  auto read_only = pages(&second_id, {40});
  read_only.writable = false;
  allocate(pages(&adl_id, {40}));
  allocate(read_only);  // the other one may write
  EXPECT_THAT(texts, IsEmpty());
  rules.blocked(kIso0, true, 40 << 12, 150);
  only("G3");
  fired.clear();
  free(&adl_id);
  only("G10");
}
TEST_F(IsolationRules, G10WidenedAndNarrowed) {
  start();
  auto read_only = pages(&second_id, {40});
  read_only.writable = false;
  map({40}, 1);
  allocate(read_only);
  allocate(pages(&adl_id, {40}));
  EXPECT_THAT(texts, IsEmpty());
  map({40}, 1);
  free(&adl_id);
  rules.sweep();
  EXPECT_THAT(texts, IsEmpty());
  map({40}, kRw);
  rules.sweep();
  only("G10");
}
TEST_F(IsolationRules, G6NarrowedWithoutInvalidation) {
  start();
  auto read_only = pages(&second_id, {40});
  read_only.writable = false;
  allocate(pages(&adl_id, {40}));
  allocate(read_only);
  map({40}, 1);
  free(&adl_id, false);
  only("G6");
}
TEST_F(IsolationRules, G11ASharedPageLosesItsSnooping) {
  start();
  auto cached = pages(&adl_id, {40});
  cached.cached = true;
  map({40}, kRw | kSnoop);
  allocate(cached);
  auto uncached = pages(&second_id, {40});
  map({40}, kRw | kSnoop);
  allocate(uncached);
  EXPECT_THAT(texts, IsEmpty());
  map({40}, kRw);
  rules.sweep();
  only("G11");
  fired.clear();
  free(&second_id);
  only("G11");
}
TEST_F(IsolationRules, G13APageOfTwoLinks) {
  start();
  auto other = iso();
  other.name = "other";
  other.ports = {5};
  other.source_ids = {0x0600};
  other.late = false;
  attach(0x0600, 0x3'8000, 0x3'0000, 4);
  tables(0x3'0000);
  rules.link_starts(other);
  auto theirs = pages(&second_id, {40});
  theirs.link = "other";
  map({40}, 0);
  leaf(40, 0x3'0000) = 40 << 12 | kRw;
  allocate(theirs);
  allocate(pages(&adl_id, {40}));  // both have it
  rules.departs(kPort0, false, 40 << 12, true, 150);
  map({40}, 0);
  rules.completes(kPort0, false, 40 << 12);
  free(&adl_id);
  EXPECT_THAT(texts, IsEmpty());
  rules.departs(5, false, 40 << 12, true, 300);
  EXPECT_THAT(texts, IsEmpty());
  rules.departs(kPort0, false, 40 << 12, true, 300);
  only("G5");
  fired.clear();
  leaf(50, 0x3'0000) = 50 << 12 | kRw;
  allocate(pages(&adl_id, {50}));
  only("G13");
}

// ---- Side by side

TEST_F(IsolationRules, TwoFreesOfAPageAtOnce) {
  start();
  allocate(pages(&adl_id, {40}));
  allocate(pages(&second_id, {40}));
  rules.free_begins(&adl_id);
  rules.free_begins(&second_id);
  map({40}, 0);  // for the last of them
  rules.status_written(210);
  rules.freed(&adl_id, {200, 220});
  EXPECT_THAT(texts, IsEmpty());
  rules.freed(&second_id, {200, 220});
  EXPECT_THAT(texts, IsEmpty());
}
TEST_F(IsolationRules, AnAllocateAdlTakesThePageMeanwhile) {
  start();
  allocate(pages(&adl_id, {40, 60}));
  rules.allocate_begins();
  free(&adl_id);
  EXPECT_THAT(texts, IsEmpty());  // nobody knows whose they are now
  rules.allocated(pages(&second_id, {40}), 230);
  rules.allocate_ends();
  only("G5");
  EXPECT_EQ(fired.size(), 4U);  // 60: two members, reading and writing
}

// ---- Large pages

TEST_F(IsolationRules, LargePages) {
  start();
  std::vector<std::uint64_t> all;
  for (std::uint64_t number = 512; number < 1024; ++number) all.push_back(number);
  GuaranteeRules::Adl adl;
  adl.id = &adl_id;
  adl.object = &object;
  adl.link = "iso";
  adl.numbers = adl.frames = all;
  memory.qwords[kTop + 0x2008] = 512ULL << 12 | 1U << 7 | kRw;
  allocate(adl);
  auto part = adl;
  part.id = &second_id;
  part.numbers = part.frames = {512, 513};
  allocate(part);
  rules.sweep();
  EXPECT_THAT(texts, IsEmpty());
  // Two pages of it are left, and it stays whole.
  free(&adl_id);
  only("G5");
  fired.clear();
  rules.sweep();
  only("G4");
  fired.clear();
  // As it should be: a table with these two.
  memory.qwords[kTop + 0x2008] = 0x2'A000 | kRw;
  for (const std::uint64_t page : {0, 1}) memory.qwords[0x2'A000 + 8 * page] = (512 + page) << 12 | kRw;
  rules.sweep();
  EXPECT_THAT(fired, IsEmpty());
}
TEST_F(IsolationRules, G2ALargePageOfTheWrongFrames) {
  start();
  GuaranteeRules::Adl adl;
  adl.id = &adl_id;
  adl.object = &object;
  adl.link = "iso";
  for (std::uint64_t number = 512; number < 1024; ++number) adl.numbers.push_back(number);
  adl.frames = adl.numbers;
  memory.qwords[kTop + 0x2008] = 1024ULL << 12 | 1U << 7 | kRw;
  allocate(adl);
  EXPECT_THAT(fired, Contains("guarantee.G2"));
}

}  // namespace
}  // namespace gpudmar::sim
