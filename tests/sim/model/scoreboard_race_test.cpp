// SPDX-License-Identifier: Apache-2.0
// Table changes and invalidations against requests under way: what is legal until when, and what is not.
#include "tests/sim/model/scoreboard_fixture.h"

namespace gpudmar::model::test {
namespace {

using ::gpudmar::test::covers;
using K = ViolationKind;
using ScoreboardRace = ScoreboardTest;

TEST_F(ScoreboardRace, CachedTranslationLivesUntilItsInvalidation) {
  covers("contract.scoreboard-stale-address");
  pass(kIova, kPage);
  store(leaf_, 0);
  pass(kIova, kPage);  // cached: software has not invalidated yet
  submit(page_invalidation(kDid), kIova);
  pass(kIova, kPage);
  complete();
  expect_clean();
  in(kIova);
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
  in(kIova, false, 1);
  fault(kIova, 6);
  answer(2, false, 1);
  expect_clean();
}

TEST_F(ScoreboardRace, EveryScopeInvalidates) {
  struct Case {
    std::uint64_t qw0, qw1;
    bool covers;
  };
  const Case cases[] = {
      {2 | 1 << 4 | kDrain, 0, true},                             // global
      {domain_invalidation(kDid), 0, true},                       //
      {domain_invalidation(kDid + 1), 0, false},                  //
      {page_invalidation(kDid), kIova, true},                     //
      {page_invalidation(kDid), kIova + 0x1000, false},           //
      {page_invalidation(kDid + 1), kIova, false},                //
      {page_invalidation(kDid), (kIova & ~0xFFFFULL) | 4, true},  // 16 pages
      {page_invalidation(kDid), kIova | 0x40, true},              // leaf only
      {1 | 1 << 4, 0, false},                                     // the context cache alone
  };
  std::uint64_t iova = kIova;
  for (const Case& c : cases) {
    iova += 0x40'0000;
    const std::uint64_t leaf = tables_.map(stage_, 4, iova, kPage);
    pass(iova, kPage);
    store(leaf, kOther | kReadWrite);
    submit(c.qw0, c.qw1 == 0 ? 0 : c.qw1 + (iova - kIova));
    complete();
    expect_clean();
    in(iova);
    out(kPage);
    EXPECT_EQ(kinds(), c.covers ? Kinds{K::kStaleAddress} : Kinds{}) << std::hex << c.qw0 << " " << c.qw1;
    done();
    answer();
  }
}

TEST_F(ScoreboardRace, LeafOnlyHintKeepsUpperEntries) {
  const std::uint64_t upper = tables_.entry(stage_, 4, kIova, 2);
  pass(kIova, kPage);
  const std::uint64_t table = tables_.new_table();
  memory_.qwords[table + (leaf_ & 0xFFF)] = kOther | kReadWrite;
  store(upper, table | kReadWrite);
  submit(page_invalidation(kDid), kIova | 0x40);
  complete();
  pass(kIova, kPage);  // through the cached upper entry, to the old leaf
  pass(kIova, kOther);
  expect_clean();
  submit(page_invalidation(kDid), kIova);
  complete();
  pass(kIova, kOther);
  expect_clean();
  in(kIova);
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
}

// A table is replaced; the invalidation names one of its pages. Afterwards nobody may come through the entry
// that led to the old one, whichever page it is, though a neighbour's own translation may still be cached.
TEST_F(ScoreboardRace, UpperEntriesAreRemovedForNeighboursToo) {
  covers("vtd.cache.paging");
  struct Case {
    std::uint64_t qw0, qw1;  // 0: nothing is invalidated
    bool removes;
  };
  const Case cases[] = {
      {page_invalidation(kDid), 0x1000, true},          // a page beside it, IH = 0
      {page_invalidation(kDid), 0xF000, true},          //
      {page_invalidation(kDid), 0x1000 | 0x40, false},  // IH = 1
      {page_invalidation(kDid), 0x20'0000, false},      // the next 2 MiB
      {page_invalidation(kDid), 0x20'0000 | 9, false},  // all of them
      {page_invalidation(kDid + 1), 0x1000, false},     // another domain
      {page_invalidation(kDid), 0x1000 | 3, true},      // 8 pages, this one too
      {domain_invalidation(kDid), 0, true},             //
      {1 | 1 << 4, 0, false},                           // the context cache
      {0, 0, false},                                    // none at all
  };
  std::uint64_t base = kIova & ~0x3F'FFFFULL;
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << std::hex << c.qw0 << " " << c.qw1);
    base += 0x40'0000;
    const std::uint64_t old_leaf = tables_.map(stage_, 4, base, kPage);
    pass(base, kPage);
    const std::uint64_t table = tables_.new_table();
    memory_.qwords[table] = kOther | kReadWrite;
    store(tables_.entry(stage_, 4, base, 2), table | kReadWrite);
    pass(base, kPage);
    if (c.qw0 != 0) {
      submit(c.qw0, c.qw1 == 0 ? 0 : c.qw1 + base);
      complete();
    }
    expect_clean();
    const bool own = c.removes && c.qw1 != 0x1000 && c.qw1 != 0xF000;  // its own page was invalidated
    in(base);
    out(kPage);  // as it was before the invalidation
    EXPECT_EQ(kinds(), own ? Kinds{K::kStaleAddress} : Kinds{});
    done();
    answer();
    store(old_leaf, (kOther + 0x5000) | kReadWrite);  // the old table is used for something else
    in(base);
    out(kOther + 0x5000);
    EXPECT_EQ(kinds(), c.removes ? Kinds{K::kStaleAddress} : Kinds{});
    done();
    answer();
    store(old_leaf, 0);
    in(base);
    fault(base, 6);
    EXPECT_EQ(kinds(), c.removes ? Kinds{K::kFaultFields} : Kinds{});
    answer(2);
    kinds();
    pass(base, kOther);
    expect_clean();
  }
}

TEST_F(ScoreboardRace, UpperEntriesBelowTheRangeStay) {
  covers("vtd.cache.paging");
  // The level-3 entry changes; the range invalidated lies in its reach, but not in that of two level-2
  // entries.
  const std::uint64_t one = 0x40'0000'0000, two = one + 0x20'0000, range = one + 0x40'0000;
  const std::uint64_t old_one = tables_.map(stage_, 4, one, kPage);
  const std::uint64_t old_two = tables_.entry(stage_, 4, two, 2);
  pass(one, kPage);
  const std::uint64_t upper = tables_.entry(stage_, 4, one, 3);
  store(upper, tables_.new_table() | kReadWrite);
  tables_.map(stage_, 4, one, kOther);
  const std::uint64_t leaf_two = tables_.map(stage_, 4, two, kOther);
  pass(two, kOther);
  submit(page_invalidation(kDid), range);
  complete();
  store(old_one, (kPage + 0x5000) | kReadWrite);
  pass(one, kPage + 0x5000);  // through the old level-2 entry, which may have been cached
  expect_clean();
  store(old_two,
        (leaf_two & ~0xFFFULL) | kReadWrite);  // read only after the invalidation: not through the old way
  store(leaf_two, (kPage + 0x7000) | kReadWrite);
  pass(two, kPage + 0x7000);
  expect_clean();
  const std::uint64_t table = tables_.new_table();
  memory_.qwords[table] = (kPage + 0x9000) | kReadWrite;
  store(old_two, table | kReadWrite);
  in(two);
  out(kPage + 0x9000);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
}

TEST_F(ScoreboardRace, WithoutADrainARequestUnderWayMayHaveSeenTheOldUpperEntry) {
  const std::uint64_t page = kIova + 0x1000;
  const std::uint64_t old_leaf = tables_.map(stage_, 4, page, kPage);
  in(page);
  in(page, true);
  const std::uint64_t table = tables_.new_table();
  memory_.qwords[table + (old_leaf & 0xFFF)] = kOther | kReadWrite;
  store(tables_.entry(stage_, 4, page, 2), table | kReadWrite);
  submit(page_invalidation(kDid, 0x40), kIova);  // drains writes only
  complete();
  store(old_leaf, (kPage + 0x5000) | kReadWrite);
  out(kPage + 0x5000);
  expect_clean();
  out(kPage + 0x5000, true);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
}

TEST_F(ScoreboardRace, RequestUnderWayMustNotLeaveStaleAfterADrain) {
  in(kIova, true);
  in(kIova, false, 1);
  store(leaf_, kOther | kReadWrite);
  submit(page_invalidation(kDid), kIova);
  complete();
  expect_clean();
  out(kPage, true);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
  out(kOther, false, 1);
  expect_clean();
}

TEST_F(ScoreboardRace, WithoutDrainARequestUnderWayMayStillLeave) {
  in(kIova);
  store(leaf_, kOther | kReadWrite);
  submit(page_invalidation(kDid, 0), kIova);
  complete();
  in(kIova, false, 1);
  out(kPage);
  expect_clean();
  out(kPage, false, 1);  // came after the completion
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
}

TEST_F(ScoreboardRace, Drain) {
  covers("contract.scoreboard-drain");
  in(kIova);
  in(kIova, true);
  out(kPage);
  out(kPage, true);
  store(leaf_, 0);
  submit(page_invalidation(kDid, 0x80), kIova);  // reads only
  complete();
  EXPECT_EQ(kinds(), Kinds{K::kDrain});
  submit(page_invalidation(kDid, 0x40), kIova);
  done(true);
  complete();
  expect_clean();
}

TEST_F(ScoreboardRace, DrainCatchesTheStaleRequestThatLeftAfterTheTail) {
  in(kIova);
  store(leaf_, kOther | kReadWrite);
  submit(page_invalidation(kDid), kIova);
  in(kIova, false, 1);
  out(kPage);
  out(kOther, false, 1);  // new translation: need not be done
  complete();
  EXPECT_EQ(kinds(), Kinds{K::kDrain});
}

TEST_F(ScoreboardRace, WaitStatus) {
  covers("contract.scoreboard-wait-status");
  complete();
  EXPECT_EQ(kinds(), Kinds{K::kWaitStatus});
  submit(domain_invalidation(kDid));
  board_.status_write(++cycle_, kStatus, 0x77);
  EXPECT_EQ(kinds(), Kinds{K::kWaitStatus});
  board_.status_write(++cycle_, kStatus + 4, static_cast<std::uint32_t>(status_));
  EXPECT_EQ(kinds(), Kinds{K::kWaitStatus});
  finish();
  EXPECT_EQ(kinds(), Kinds{K::kWaitStatus});      // never came
  board_.status_write(++cycle_, 0xFEE0'0000, 0);  // an event message is none
  expect_clean();
}

TEST_F(ScoreboardRace, QueueErrorStopsAndResumes) {
  pass(kIova, kPage);
  store(leaf_, 0);
  submit(0);  // no such descriptor: nothing behind it is executed
  complete();
  EXPECT_EQ(kinds(), Kinds{K::kWaitStatus});
  pass(kIova, kPage);
  memory_.qwords[kQueue] = domain_invalidation(kDid);
  reg(0x34, 0x10);
  complete();
  expect_clean();
  EXPECT_EQ(board_.counters().invalidations, 1U);
}

TEST_F(ScoreboardRace, MappingNeedsNoInvalidationAndFaultsAreNotCached) {
  in(kIova + 0x1000);
  fault(kIova + 0x1000, 6);
  answer(2);
  const std::uint64_t leaf = leaf_ + 8;
  in(kIova + 0x1000, false, 1);
  store(leaf, kOther | kReadWrite);
  fault(kIova + 0x1000, 6);  // may have walked before the store
  answer(2, false, 1);
  expect_clean();
  in(kIova + 0x1000, false, 2);
  fault(kIova + 0x1000, 6);  // must not rest on the old entry
  EXPECT_EQ(kinds(), Kinds{K::kFaultFields});
  pass(kIova + 0x1000, kOther);
  expect_clean();
}

TEST_F(ScoreboardRace, NewDomainNeedsContextThenIotlbInvalidation) {
  covers("contract.scoreboard-context");
  pass(kIova, kPage);
  const std::uint64_t context = tables_.context_entry(kSid);
  const std::uint64_t other = tables_.new_table();
  tables_.map(other, 4, kIova, kOther);
  store(context, 0);
  store(context + 8, 2 | std::uint64_t{kDid + 1} << 8);
  store(context, other | 1);
  pass(kIova, kPage);
  submit(1 | 3 << 4 | std::uint64_t{kDid} << 16 | std::uint64_t{kSid} << 32);
  complete();
  pass(kIova, kPage);  // the translation itself may still be cached
  submit(domain_invalidation(kDid));
  complete();
  pass(kIova, kOther);
  expect_clean();
  in(kIova);
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
}

TEST_F(ScoreboardRace, UnannouncedStoreIsFoundAndCounted) {
  pass(kIova, kPage);
  memory_.qwords[leaf_] = kOther | kReadWrite;
  in(kIova);
  out(kOther);
  expect_clean();
  EXPECT_EQ(board_.counters().unannounced_changes, 1U);
}

TEST_F(ScoreboardRace, LargePageIsHitByARangeInside) {
  const std::uint64_t leaf = tables_.map(stage_, 4, 0x4000'0000, 0x1'0020'0000, kReadWrite, 2);
  pass(0x4010'0000, 0x1'0030'0000);
  store(leaf, 0);
  submit(page_invalidation(kDid), 0x4000'0000);
  complete();
  in(0x4010'0000);
  out(0x1'0030'0000);
  EXPECT_EQ(kinds(), Kinds{K::kStaleAddress});
}

TEST_F(ScoreboardRace, StableTablesAreWalkedOnce) {
  for (int i = 0; i < 1000; ++i)
    pass(kIova + 64U * static_cast<unsigned>(i % 64), kPage + 64U * static_cast<unsigned>(i % 64));
  expect_clean();
  EXPECT_EQ(board_.counters().walks, 1U);
}

TEST_F(ScoreboardRace, RepeatedMappingStaysCheap) {
  for (int i = 0; i < 1000; ++i) {
    store(leaf_, kPage | kReadWrite);
    pass(kIova, kPage);
    store(leaf_, 0);
    submit(page_invalidation(kDid), kIova);  // two slots: the queue of 256 wraps often
    complete();
  }
  expect_clean();
  EXPECT_EQ(board_.counters().invalidations, 1000U);
  EXPECT_LT(board_.counters().walks, 60'000U);
}

}  // namespace
}  // namespace gpudmar::model::test
