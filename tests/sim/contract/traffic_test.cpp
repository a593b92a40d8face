// SPDX-License-Identifier: Apache-2.0
// Promises on requests among others, on hand-made signals: kept, broken by a cycle, and not judged where they
// do not apply.
#include <gmock/gmock.h>

#include "tests/sim/contract/contract_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using test::covers;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kTable = 0x70'0000;

// Page numbers differ in every nine bits, so an entry's place tells whose it is.
constexpr std::uint64_t page(std::uint64_t n) {
  return n | (n + 100) << 9 | (n + 200) << 18 | (n + 300) << 27;
}
constexpr std::uint64_t leaf(std::uint64_t n) { return kTable + 8 * n; }

class TrafficTest : public ContractTest {
 protected:
  TrafficTest() { remapping_on(); }
  /// A miss of port 0 that has begun its walk.
  void begin_miss(std::uint64_t n, std::uint32_t id = 1) {
    read_in(0, id, page(n));
    step(4);
    entry_in(n % 16, leaf(n));
    step(3);
  }
  void hit(unsigned cycles) {
    read_in(1, 2, page(9));
    step(cycles);
    read_out(1, 2);
    step();
  }
};

TEST_F(TrafficTest, HitBehindAMiss) {
  covers("contract.hit_behind_miss");
  begin_miss(5);
  hit(2);
  EXPECT_EQ(of("hit_behind_miss").histogram.at(2), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(TrafficTest, HitBehindAMissLate) {
  covers("contract.hit_behind_miss");
  begin_miss(5);
  hit(3);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.hit_behind_miss: 3 cycles instead of 2"));
}

TEST_F(TrafficTest, AStreamOfHitsBehindAMiss) {
  covers("contract.hit_behind_miss");
  begin_miss(5);
  for (unsigned i = 0; i < 6; ++i) {
    if (i < 4) read_in(1, i, page(9));
    if (i >= 2) read_out(1, i - 2);
    step();
  }
  EXPECT_EQ(of("hit_behind_miss").occurrences, 4U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(TrafficTest, AReadThatFitsThePageMakesItNoHit) {
  begin_miss(5);
  read_in(1, 2, page(9));
  step(2);
  entry_in(9, leaf(9));
  step(10);
  entry_out(9, leaf(9), 0);
  step(4);
  read_out(1, 2);
  step();
  EXPECT_EQ(of("hit_behind_miss").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(TrafficTest, NothingIsPromisedBehindItsOwnKey) {
  begin_miss(5, 3);
  read_in(0, 3, page(9));
  step(20);
  read_out(0, 3);
  step(2);
  read_out(0, 3);
  step();
  EXPECT_EQ(of("hit_behind_miss").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(TrafficTest, AMissThatLeavesTakesThePlace) {
  begin_miss(5);
  read_in(1, 2, page(9));
  step(2);
  read_out(0, 1);
  step();
  read_out(1, 2);
  step();
  EXPECT_EQ(of("hit_behind_miss").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

/// Two misses side by side, the second one answered `late` cycles later than promised.
class MissAmongOthers : public TrafficTest {
 protected:
  void run(unsigned late) {
    read_in(0, 1, page(5));
    step();
    read_in(0, 2, page(6));
    const std::uint64_t at = cycle;
    step(2);
    entry_in(5, leaf(5));
    step();
    entry_in(6, leaf(6));
    step();
    step(8);
    entry_out(5, leaf(5), 0x1000);
    step();
    entry_out(6, leaf(6), 0x2000);  // 10 cycles after its address
    step(4);
    read_out(0, 1);
    // 10 + 7, and a cycle each for the read and the departure of the first one.
    while (cycle < at + 10 + 7 + 2 + late) step();
    read_out(0, 2);
    step();
  }
};

TEST_F(MissAmongOthers, OnTime) {
  covers("contract.miss_among_others");
  run(0);
  EXPECT_EQ(of("miss_among_others").deviation.at(0), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(MissAmongOthers, Late) {
  covers("contract.miss_among_others");
  run(1);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.miss_among_others: 20 cycles instead of at most 19"));
}

// Sixteen misses take all walks; the seventeenth leaves after a round, 20 + 8, and a cycle for each of the
// others' 16 reads and 16 departures.
TEST_F(TrafficTest, ARoundOfAllWalksMayBeWaitedFor) {
  covers("contract.miss_among_others");
  for (const unsigned late : {0U, 1U}) {
    const unsigned leaves = 18 + (20 + 7) + (20 + 8) + 32 + late;
    for (unsigned c = 0; c <= leaves; ++c) {
      const auto nth = [&](unsigned from) { return c - from; };  // of the sixteen
      const auto during = [&](unsigned from) { return c >= from && c < from + 16; };
      if (during(0)) read_in(nth(0) / 8, nth(0) % 8, page(16 + nth(0)));
      if (c == 18) read_in(0, 9, page(50));
      if (during(20)) entry_in(nth(20), leaf(16 + nth(20)));
      if (c == 41) entry_in(0, leaf(50));
      if (during(40)) entry_out(nth(40), leaf(16 + nth(40)), 0x1000);
      if (c == 61) entry_out(0, leaf(50), 0x1000);
      if (during(43)) read_out(nth(43) / 8, nth(43) % 8);
      if (c == leaves) read_out(0, 9);
      step();
    }
    for (unsigned n = 0; n < 17; ++n) {
      read_answer(n == 16 ? 0 : n / 8, n == 16 ? 9 : n % 8, AxiResp::kOkay);
      step();
    }
  }
  EXPECT_EQ(of("miss_among_others").deviation.at(0), 1U);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.miss_among_others: 88 cycles instead of at most 87"));
}

TEST_F(TrafficTest, StepOfAWalk) {
  covers("contract.walk_step");
  for (const unsigned gap : {1U, 2U}) {
    entry_in(4, leaf(5));
    step(10);
    entry_out(4, leaf(5), 0x81'0000 | 3);
    step(gap);
    entry_in(4, 0x81'0000 + 8 * 77);
    step();
    EXPECT_THAT(broken, SizeIs(gap - 1));
  }
  EXPECT_EQ(of("walk_step").occurrences, 2U);
  EXPECT_THAT(broken[0], HasSubstr("contract.walk_step: 2 cycles instead of 1"));
}

TEST_F(TrafficTest, ANewWalkWithTheSameNumberIsNoStep) {
  entry_in(4, leaf(5));
  step(10);
  entry_out(4, leaf(5), 0x81'0000 | 3);
  step(5);
  entry_in(4, leaf(6));
  step();
  EXPECT_EQ(of("walk_step").occurrences, 0U);
}

// Tables that lead to themselves: the page of a leaf is a table of the next walk.
TEST_F(TrafficTest, APageThatIsATableEndsAWalkAllTheSame) {
  covers("contract.walk_step");
  for (const bool large : {false, true}) {
    entry_in(4, leaf(5));
    step(10);
    entry_out(4, leaf(5), 0x81'0000 | (large ? 0x83 : 3));
    step(3);
    out.data.arvalid = !large;
    out.data.araddr = 0x81'0123;
    step();
    out.data.arvalid = false;
    step(50);
    entry_in(4, 0x81'0000 + 8 * 77);
    step();
    entry_out(4, 0x81'0000 + 8 * 77, 0);
    step();
  }
  EXPECT_EQ(of("walk_step").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

// A new root pointer counts some time after it was written; walks start again then, by what is still cached.
TEST_F(TrafficTest, AWalkThatACommandStartsAgainIsNoStep) {
  read_in(0, 1, 5);
  step();
  write_register(0x18, 0xC000'0000, 0x0F);
  entry_in(4, leaf(5));
  step(10);
  entry_out(4, leaf(5), 0x81'0000 | 3);
  step(2);
  entry_in(4, 0x81'0000 + 8 * 77);
  step();
  EXPECT_EQ(of("walk_step").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(TrafficTest, ADescriptorFetchMayTakeTheTurn) {
  entry_in(4, leaf(5));
  step(10);
  entry_out(4, leaf(5), 0x81'0000 | 3);
  step();
  out.table.arvalid = true;
  out.table.arid = kQueueId;
  step();
  entry_in(4, 0x81'0000 + 8 * 77);
  step();
  EXPECT_EQ(of("walk_step").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

const std::array<std::uint64_t, 2> kDomain{2U | 2U << 4 | 1U << 16, 0};
const std::array<std::uint64_t, 2> kPage{2U | 3U << 4 | 1U << 16, 0x5000};
const std::array<std::uint64_t, 2> kRange{2U | 3U << 4 | 1U << 16, 0x8003};

TEST_F(ContractTest, BatchOnTime) {
  covers("contract.invalidate_batch");
  batch({kDomain, kPage, kPage, kDomain, wait()}, 10, 10 + 12 + 6);
  EXPECT_EQ(of("invalidate_batch").deviation.at(0), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, BatchLate) {
  covers("contract.invalidate_batch");
  batch({kDomain, kPage, kPage, kDomain, wait()}, 10, 10 + 12 + 6 + 1);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.invalidate_batch: 29 cycles instead of at most 28"));
}

TEST_F(ContractTest, PausesBetweenDescriptorsAreTheMemorys) {
  covers("contract.invalidate_batch");
  for (const unsigned late : {0U, 1U}) {
    batch({kDomain, kPage, kPage, kDomain, wait()}, 10, 10 + 2 * 4 + 12 + 6 + late, 4);
    in.table.bvalid = true;
    step();
    EXPECT_THAT(broken, SizeIs(late));
  }
  EXPECT_EQ(of("invalidate_batch").deviation.at(0), 1U);
}

TEST_F(ContractTest, ARangeMayLookIntoEachOfItsSets) {
  covers("contract.invalidate_batch");
  batch({kRange, kRange, wait()}, 10, 10 + 12 + 1 + 3);  // one set: fully associative
  EXPECT_EQ(of("invalidate_batch").deviation.at(0), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, ABatchWithOtherDescriptorsIsNotMeasured) {
  batch({kDomain, {1U | 1U << 4, 0}, wait()}, 10, 90);
  batch({kDomain, wait(), kDomain}, 10, 90);
  EXPECT_EQ(of("invalidate_batch").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, ABatchBesideARequestIsNotMeasured) {
  remapping_on();
  read_in(0, 1);
  step(2);
  read_out(0, 1);
  step();
  batch({kDomain, kPage, wait()}, 10, 90);
  EXPECT_EQ(of("invalidate_batch").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

}  // namespace
}  // namespace gpudmar::sim
