// SPDX-License-Identifier: Apache-2.0
// The contract file, and the checker on hand-made signals: each promise is met by the right timing, breached
// by one cycle more or less, and not measured where it does not apply.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/sim/contract/contract_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using test::covers;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ContractTest, HitOnTime) {
  covers("contract.iotlb_hit");
  remapping_on();
  for (unsigned i = 0; i < 6; ++i) {  // a stream, one a cycle
    read_in(i % 2, i);
    if (i >= 2) read_out(i % 2, i - 2);
    step();
  }
  EXPECT_EQ(of("iotlb_hit").occurrences, 4U);
  EXPECT_EQ(of("iotlb_hit").histogram.at(2), 4U);
  EXPECT_THAT(broken, IsEmpty());
}

// Descriptors may be fetched at any time once the doorbell was rung: that makes no miss of a hit, and spoils
// a miss.
TEST_F(ContractTest, DescriptorFetchBesideRequests) {
  covers("contract.iotlb_hit", "contract.miss_leaf");
  remapping_on();
  read_in(0, 1);
  step();
  out.table.arvalid = true;
  out.table.arid = kQueueId;
  step();
  read_out(0, 1);
  step();
  EXPECT_EQ(of("iotlb_hit").occurrences, 1U);
  EXPECT_EQ(of("miss_leaf").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, MissBesideADescriptorFetchIsNotJudged) {
  covers("contract.miss_leaf");
  remapping_on();
  read_in(0, 1);
  step();
  out.table.arvalid = true;
  out.table.arid = kQueueId;
  step();
  in.table.rvalid = in.table.rlast = true;
  in.table.rid = kQueueId;
  step();
  table_read(10);
  step(40);
  read_out(0, 1);
  step();
  EXPECT_EQ(of("miss_leaf").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, HitOneCycleLate) {
  covers("contract.iotlb_hit");
  remapping_on();
  read_in(1, 3);
  step(3);
  read_out(1, 3);
  step();
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.iotlb_hit: 3 cycles instead of 2"));
}

TEST_F(ContractTest, HitDoesNotApplyWithRemappingOffOrAStalledBus) {
  read_in(0, 1);
  step(5);
  read_out(0, 1);
  step();
  remapping_on();
  read_in(0, 2);
  step(2);
  read_out(0, 2);
  in.data.arready = false;
  step();
  read_out(0, 2);
  step();
  EXPECT_EQ(of("iotlb_hit").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, MissWithFourReads) {
  covers("contract.miss_4_levels");
  miss(4, 0);
  EXPECT_EQ(of("miss_4_levels").histogram.at(50), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, MissWithFourReadsLate) {
  covers("contract.miss_4_levels");
  miss(4, 2);
  EXPECT_THAT(broken, SizeIs(1));
}

TEST_F(ContractTest, MissOfTheLeafOnly) {
  covers("contract.miss_leaf");
  miss(1, 0);
  EXPECT_EQ(of("miss_leaf").histogram.at(17), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, MissOfTheLeafOnlyLate) {
  covers("contract.miss_leaf");
  miss(1, 1);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("contract.miss_leaf: 18 cycles instead of 17"));
}

TEST_F(ContractTest, MissWithTwoAndThreeReads) {
  covers("contract.miss_2_levels", "contract.miss_3_levels");
  miss(2, 0);
  EXPECT_EQ(of("miss_2_levels").histogram.at(28), 1U);
  read_answer(0, 1, AxiResp::kOkay);
  step();
  miss(3, 0);
  EXPECT_EQ(of("miss_3_levels").histogram.at(39), 1U);
  read_answer(0, 1, AxiResp::kOkay);
  step();
  EXPECT_THAT(broken, IsEmpty());
  miss(2, 1);
  read_answer(0, 1, AxiResp::kOkay);
  step();
  miss(3, 1);
  EXPECT_THAT(broken, SizeIs(2));
}

TEST_F(ContractTest, MissWithSixReads) {
  covers("contract.miss_all_cold");
  miss(6, 0, 2);
  EXPECT_EQ(of("miss_all_cold").histogram.at(72), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, MissWithSixReadsLate) {
  covers("contract.miss_all_cold");
  miss(6, 1, 2);
  EXPECT_THAT(broken, SizeIs(1));
}

// On 64 bits root and context entry are two beats each, and a memory may have a pause between them.
TEST_F(ContractTest, AnEntryOfTwoBeatsIsThereWithItsSecond) {
  covers("contract.miss_all_cold");
  for (const unsigned extra : {0U, 1U}) {
    remapping_on();
    read_in(0, 1);
    step(3);
    for (const unsigned pause : {0U, 5U}) {
      out.table.arvalid = true;
      out.table.arsize = 3;
      out.table.arlen = 1;
      step(10);
      in.table.rvalid = true;
      step(1 + pause);
      in.table.rvalid = in.table.rlast = true;
      step();
    }
    for (unsigned i = 0; i < 4; ++i) table_read(10);
    step(3 + extra);
    read_out(0, 1);
    step();
    read_answer(0, 1, AxiResp::kOkay);
    step();
    EXPECT_THAT(broken, SizeIs(extra));
  }
  EXPECT_EQ(of("miss_all_cold").histogram.at(6 * 10 + 12 + 2 + 5), 1U);
}

TEST_F(ContractTest, PassThroughWithColdContexts) {
  covers("contract.pass_through_cold");
  miss(2, 0, 2);
  EXPECT_EQ(of("pass_through_cold").histogram.at(28), 1U);
  EXPECT_EQ(of("miss_2_levels").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
  read_answer(0, 1, AxiResp::kOkay);
  step();
  miss(2, 1, 2);
  EXPECT_THAT(broken, SizeIs(1));
}

TEST_F(ContractTest, MissBesideAnotherRequestIsNotMeasured) {
  remapping_on();
  read_in(0, 1);
  step();
  read_in(1, 1);
  step(2);
  for (int i = 0; i < 4; ++i) table_read(10);
  step(20);
  read_out(0, 1);
  step();
  EXPECT_EQ(of("miss_4_levels").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, InvalidationOnTime) {
  covers("contract.invalidate_wait");
  invalidate(2, 10, 22);
  EXPECT_EQ(of("invalidate_wait").occurrences, 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, InvalidationLate) {
  covers("contract.invalidate_wait");
  invalidate(2, 10, 23);
  ASSERT_THAT(broken, SizeIs(1));
  EXPECT_THAT(broken[0], HasSubstr("23 cycles instead of at most 22"));
}

TEST_F(ContractTest, AnUpperBoundIsNotBreachedByLess) {
  covers("contract.invalidate_wait");
  invalidate(2, 10, 19);
  EXPECT_EQ(of("invalidate_wait").deviation.at(-3), 1U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, OtherDescriptorsAreNotMeasured) {
  invalidate(1, 10, 90);  // context-cache invalidation
  EXPECT_EQ(of("invalidate_wait").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, ReadFault) {
  covers("contract.read_fault");
  for (unsigned extra : {0U, 1U}) {
    remapping_on();
    read_in(0, 1);
    step();
    step(2);
    table_read(10);
    step(7 + extra);
    read_answer(0, 1, AxiResp::kSlvErr);
    step();
    EXPECT_THAT(broken, SizeIs(extra));
  }
  EXPECT_EQ(of("read_fault").occurrences, 2U);
  EXPECT_EQ(of("read_fault").histogram.at(21), 1U);
}

TEST_F(ContractTest, WriteFaultWaitsForItsData) {
  covers("contract.write_fault");
  for (unsigned extra : {0U, 1U}) {
    remapping_on();
    write_in(0, 1);
    step();
    step(2);
    table_read(10);
    step(30);
    out.probe[0].wlast = true;
    step(2 + extra);
    out.probe[0].b = true;
    out.probe[0].bid = 1;
    out.probe[0].bresp = AxiResp::kSlvErr;
    step();
    EXPECT_THAT(broken, SizeIs(extra));
  }
  EXPECT_EQ(of("write_fault").occurrences, 2U);
}

TEST_F(ContractTest, AnErrorOfTheMemoryIsNoFault) {
  remapping_on();
  read_in(0, 1);
  step(2);
  read_out(0, 1);
  step(20);
  read_answer(0, 1, AxiResp::kDecErr);
  step();
  EXPECT_EQ(of("read_fault").occurrences, 0U);
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ContractTest, APromiseThatNeverOccurredFails) {
  checker.check_minimum("first_light", cycle);
  ASSERT_THAT(broken, ::testing::Not(IsEmpty()));
  EXPECT_THAT(broken[0], HasSubstr("occurred 0 times in first_light"));
  broken.clear();
  checker.check_minimum("elsewhere", cycle);
  EXPECT_THAT(broken, IsEmpty());
}

TEST(Contract, StandardFileHasAFormulaPerPipe) {
  const Contract contract = Contract::standard();
  for (const Promise& promise : contract.promises()) EXPECT_EQ(promise.pipe.size(), 2U) << promise.name;
}

TEST(Contract, RatesFollowTheirFormulas) {
  const Contract contract = Contract::standard();
  for (const Rate& rate : contract.rates()) EXPECT_EQ(rate.pipe.size(), 2U) << rate.name;
  EXPECT_EQ(contract.rate("hit_rate_read_write").promised(0, {}), 2.0);
  const Rate& misses = contract.rate("miss_stream");
  EXPECT_DOUBLE_EQ(misses.promised(0, {100, 16, 16, 32}), 16.0 / 108);
  EXPECT_DOUBLE_EQ(misses.promised(1, {100, 16, 16, 32}), 16.0 / 110);
  EXPECT_EQ(misses.promised(0, {1, 64, 16, 32}), 1.0) << "never more than hits";
  EXPECT_TRUE(misses.at_least);
  const Rate& further = contract.rate("invalidate_extra");
  EXPECT_EQ(further.promised(0, {20, 16, 16, 32}), 2.0);
  EXPECT_EQ(further.promised(0, {20, 16, 64, 16}), 4.0) << "the bus bounds it";
  EXPECT_FALSE(further.at_least);
  EXPECT_THROW((void)further.promised(2, {}), std::invalid_argument);
  EXPECT_THROW((void)contract.rate("miss_leaf"), std::invalid_argument);
  EXPECT_THROW((void)contract.promise("miss_stream"), std::invalid_argument);
  EXPECT_EQ(contract.promise("miss_leaf").pipe[1].cycles({0, 0, 1, 100, 0, 0, 0}), 108U);
}

std::string refusal(const std::string& text) {
  try {
    (void)Contract::parse(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Contract, RefusesWhatItCannotCheck) {
  const auto promise = [](const std::string& kind, const std::string& formula) {
    return R"({"name":"x","text":"","start":"","end":"","applies":"","kind":")" + kind + R"(","pipe":[)" +
           formula + R"(],"min":{}})";
  };
  const auto file = [](const std::string& promises) {
    return R"({"schema":1,"promises":[)" + promises + "]}";
  };
  EXPECT_EQ(refusal(file(promise("hit", R"({"const":2})"))), "accepted");
  EXPECT_THAT(refusal(file(promise("hit", R"({"cycles":2})"))), HasSubstr("unknown term 'cycles'"));
  EXPECT_THAT(refusal(file(promise("guess", R"({"const":2})"))), HasSubstr("unknown kind 'guess'"));
  EXPECT_THAT(refusal(file(promise("hit\",\"relation\":\"about", R"({"const":2})"))),
              HasSubstr("unknown relation 'about'"));
  EXPECT_THAT(refusal(file(promise("hit", ""))), HasSubstr("no formula"));
  EXPECT_THAT(refusal(file(promise("hit", "{}") + "," + promise("hit", "{}"))), HasSubstr("stands twice"));
  const auto rate = [](const std::string& kind, const std::string& relation, const std::string& formula) {
    return R"({"schema":1,"promises":[],"rates":[{"name":"x","text":"","unit":"","kind":")" + kind +
           R"(","relation":")" + relation + R"(","pipe":[)" + formula + "]}]}";
  };
  EXPECT_EQ(refusal(rate("walks", "at_least", R"({"max":1,"L":1,"const":8})")), "accepted");
  EXPECT_THAT(refusal(rate("guess", "at_least", "{}")), HasSubstr("unknown kind 'guess'"));
  EXPECT_THAT(refusal(rate("queue", "exact", "{}")), HasSubstr("unknown relation 'exact'"));
  EXPECT_THAT(refusal(rate("queue", "at_most", R"({"n":2})")), HasSubstr("unknown term 'n'"));
  EXPECT_THAT(refusal(rate("queue", "at_most", "")), HasSubstr("no formula"));
  EXPECT_THAT(refusal("{"), HasSubstr("contract"));
  EXPECT_THAT(refusal(R"({"schema":2,"promises":[]})"), HasSubstr("schema"));
}

TEST(Contract, CheckerNeedsAFormulaForThePipe) {
  EXPECT_THROW(ContractChecker(Contract::standard(), {2, 2, 32, 4}, [](const Violation&) {}),
               std::invalid_argument);
}

}  // namespace
}  // namespace gpudmar::sim
