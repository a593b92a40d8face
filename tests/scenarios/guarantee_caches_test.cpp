// SPDX-License-Identifier: Apache-2.0
// Entries of the translation caches, made by hand, against tables made by hand: what agrees is passed, and
// each field that does not is found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/guarantee_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Caches : public GuaranteeRulesTest {
 protected:
  Caches() {
    allocate(promise());
    page = {0, 1, 16, 12, kFrame, true, true, true};
    table = {1, 1, 0, 21, 0x7, true, true, false};  // numbers 0 to 511 are looked up at 7000h
  }
  void look() { rules.check_caches({table, page}); }
  void found(const char* what) {
    only("G5");
    EXPECT_THAT(texts, ::testing::ElementsAre(HasSubstr(what)));
  }
  CachedTranslation page, table;
};

TEST_F(Caches, WhatTheTablesSayIsPassed) {
  test::covers("G5");
  checked.clear();
  look();
  table = {3, 1, 0, 39, 0x5, true, true, false};
  page.did = 2;
  rules.check_caches({table});
  EXPECT_THAT(texts, IsEmpty());
  EXPECT_EQ(checked["G5"], 3U);
}
TEST_F(Caches, AMappingThatIsGone) {
  test::covers("G5");
  free_well();
  look();
  found("the tables lead nowhere");
}
TEST_F(Caches, AnotherFrame) {
  test::covers("G5");
  page.frame += 7;
  look();
  found("the tables lead to page");
}
TEST_F(Caches, OneRightTooMany) {
  test::covers("G5");
  leaf(16) &= ~2ULL;
  look();
  found("the tables permit R");
}
TEST_F(Caches, OneRightTooFew) {
  test::covers("G5");
  page.readable = false;
  look();
  found("the tables permit RW");
}
TEST_F(Caches, APageThatMayOnlyBeWritten) {
  test::covers("G5");
  leaf(16) &= ~1ULL;
  page.readable = false;
  look();
  EXPECT_THAT(texts, IsEmpty());
}
TEST_F(Caches, SnoopingForgotten) {
  test::covers("G5");
  page.snoop = false;
  look();
  found("snooped");
}
TEST_F(Caches, AnotherDomainsEntry) {
  test::covers("G5", "G13");
  page.did = 2;  // of link1, which maps nothing
  look();
  found("domain 2");
}
TEST_F(Caches, ADomainThatNobodyHas) {
  test::covers("G5");
  page.did = 3;
  look();
  found("no device belongs to that domain");
}
TEST_F(Caches, APageLargerThanTheTables) {
  test::covers("G5");
  leaf(0) = kFrame << 12 | kSnoop | kRw;
  page = {0, 1, 0, 21, kFrame, true, true, true};
  look();
  found("the page has 2^12 bytes");
}
TEST_F(Caches, ALargePage) {
  test::covers("G5");
  memory.qwords[0x6000] = 0x4020'0000 | 1U << 7 | kSnoop | kRw;  // 2 MiB instead of a leaf table
  page = {0, 1, 0, 21, 0x4'0200, true, true, true};
  rules.check_caches({page});
  EXPECT_THAT(texts, IsEmpty());
  look();  // and the table that was there
  found("no entry leads to a table");
}
TEST_F(Caches, ATableThatMoved) {
  test::covers("G5");
  memory.qwords[0x6000] = 0xC000 | kRw;
  rules.check_caches({table});
  found("the table is at 0xc000");
}
TEST_F(Caches, ATableWithFewerRights) {
  test::covers("G5");
  memory.qwords[0x4000] &= ~2ULL;  // two levels above
  rules.check_caches({table});
  found("the entries above permit R");
}
TEST_F(Caches, NothingIsSaidInTheMiddleOfAChange) {
  page.frame += 7;
  rules.allocate_begins();
  look();
  EXPECT_THAT(texts, IsEmpty());
  rules.allocate_ends();
  rules.link_stopped("link0");
  look();
  EXPECT_THAT(texts, IsEmpty()) << "its domain is taken apart";
  rules.root_is({false, 0x1000, 0});
  look();
  EXPECT_THAT(texts, IsEmpty()) << "translation is off";
}
TEST_F(Caches, ALinkThatEndedLeavesNothing) {
  test::covers("G5");
  look();
  rules.link_stopped("link0");
  rules.link_ends("link0");
  memory.qwords[0x2000] = memory.qwords[0x3000] = 0;
  rules.check_caches({page});
  found("no device belongs to that domain");
}

}  // namespace
}  // namespace gpudmar::sim
