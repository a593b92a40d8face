// SPDX-License-Identifier: Apache-2.0
// Requests, order, responses and faults: what the scoreboard accepts, and each complaint that it can make.
#include "tests/sim/model/scoreboard_fixture.h"

namespace gpudmar::model::test {
namespace {

using ::gpudmar::test::covers;
using K = ViolationKind;

TEST_F(ScoreboardTest, CleanRun) {
  covers("contract.scoreboard-clean");
  pass(kIova + 0x40, kPage + 0x40);
  pass(kIova + 0x80, kPage + 0x80, true);
  in(kIova, false, 1);
  in(kIova + 0x5000, false, 2);  // blocked, while a younger id goes on
  in(kIova + 64, false, 3);
  out(kPage + 64, false, 3);
  out(kPage, false, 1);
  fault(kIova + 0x5000, 6);
  answer(2, false, 2);
  done(false, 3);
  done(false, 1);
  answer(0, false, 1);
  answer(0, false, 3);
  board_.request_in(++cycle_, 0, kSid, true, 0, 0xFEE0'1000, 1, 2, 0);  // an interrupt
  out(0xFEE0'1000, true, 0, 0, 1);
  done(true);
  answer(0, true);
  finish();
  expect_clean();
  const auto counters = board_.counters();
  EXPECT_EQ(counters.requests, 6U);
  EXPECT_EQ(counters.translated, 4U);
  EXPECT_EQ(counters.messages, 1U);
  EXPECT_EQ(counters.faulted, 1U);
  EXPECT_EQ(counters.faults_recorded, 1U);
}

TEST_F(ScoreboardTest, UnknownRequest) {
  covers("contract.scoreboard-unknown-request");
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kUnknownRequest});
  in(kIova);
  out(kPage);
  out(kPage);  // twice
  EXPECT_EQ(kinds(), Kinds{K::kUnknownRequest});
  in(kIova, false, 1);
  out(kPage, false, 1, 0, 3);  // other length
  EXPECT_EQ(kinds(), Kinds{K::kUnknownRequest});
  done(true);
  EXPECT_EQ(kinds(), Kinds{K::kUnknownRequest});
}

TEST_F(ScoreboardTest, WrongAddress) {
  covers("contract.scoreboard-wrong-address");
  in(kIova);
  out(kPage + 0x1000);
  EXPECT_EQ(kinds(), Kinds{K::kWrongAddress});
  in(kIova, true);
  out(kIova, true);  // untranslated
  EXPECT_EQ(kinds(), Kinds{K::kWrongAddress});
}

TEST_F(ScoreboardTest, FaultedRequestLeaves) {
  covers("contract.scoreboard-faulted-request");
  in(kIova + 0x1000);
  out(kPage + 0x1000);
  EXPECT_EQ(kinds(), Kinds{K::kFaultedRequest});
  // Legal both ways because the page vanished meanwhile, but not both at once.
  in(kIova);
  store(leaf_, 0);
  fault(kIova, 6);
  expect_clean();
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kFaultedRequest});
}

TEST_F(ScoreboardTest, Order) {
  covers("contract.scoreboard-order");
  in(kIova);
  in(kIova + 64);
  out(kPage + 64);  // same id
  EXPECT_EQ(kinds(), Kinds{K::kOrder});
  in(kIova, true, 1);
  in(kIova + 64, true, 2);
  out(kPage + 64, true, 2);  // writes of a port keep their order whatever the id
  EXPECT_EQ(kinds(), Kinds{K::kOrder});
}

TEST_F(ScoreboardTest, OvertakingABlockedRequestIsFine) {
  in(kIova + 0x1000);
  in(kIova);
  out(kPage);
  fault(kIova + 0x1000, 6);
  answer(2);
  done();
  answer();
  finish();
  expect_clean();
}

TEST_F(ScoreboardTest, Response) {
  covers("contract.scoreboard-response");
  answer();  // to nobody
  EXPECT_EQ(kinds(), Kinds{K::kResponse});
  in(kIova);
  answer();  // never left
  EXPECT_EQ(kinds(), Kinds{K::kResponse});
  in(kIova);
  answer(2);  // an error without reason
  EXPECT_EQ(kinds(), Kinds{K::kResponse});
  in(kIova);
  out(kPage);
  done();
  answer(2);  // memory was fine
  EXPECT_EQ(kinds(), Kinds{K::kResponse});
  in(kIova);
  out(kPage);
  done(false, 0, 0, 2);
  answer();  // memory's error got lost
  EXPECT_EQ(kinds(), Kinds{K::kResponse});
  in(kIova, true);
  out(kPage, true);
  answer(0, true);  // B before memory's B
  EXPECT_EQ(kinds(), Kinds{K::kResponse});
}

TEST_F(ScoreboardTest, MemoryErrorIsPassedOn) {
  in(kIova);
  out(kPage);
  done(false, 0, 0, 2);
  answer(2);
  finish();
  expect_clean();
}

TEST_F(ScoreboardTest, FaultUnexpected) {
  covers("contract.scoreboard-fault-unexpected");
  fault(kIova, 6);
  EXPECT_EQ(kinds(), Kinds{K::kFaultUnexpected});
  in(kIova + 0x1000);
  fault(kIova + 0x1000, 6);
  fault(kIova + 0x1000, 6);  // twice
  EXPECT_EQ(kinds(), Kinds{K::kFaultUnexpected});
  answer(2);
  tables_.attach(kSid + 1, 9);
  memory_.qwords[tables_.context_entry(kSid + 1)] |= 2;  // FPD
  in(kIova, false, 0, 1);
  fault(kIova, 6, false, true, 1);
  EXPECT_EQ(kinds(), Kinds{K::kFaultUnexpected});
}

TEST_F(ScoreboardTest, FaultFields) {
  covers("contract.scoreboard-fault-fields");
  in(kIova + 0x1000);
  fault(kIova + 0x1000, 5);  // write code for a read
  EXPECT_EQ(kinds(), Kinds{K::kFaultFields});
  in(kIova + 0x1000, false, 1);
  FaultRecord record = make_fault_record(read_of(kSid, kIova + 0x1000), Reason::kRead);
  record.high |= 1ULL << 60;  // AT
  board_.fault(++cycle_, record, true);
  EXPECT_EQ(kinds(), Kinds{K::kFaultFields});
  in(kIova);
  fault(kIova, 6);  // a page that is mapped
  EXPECT_EQ(kinds(), Kinds{K::kFaultFields});
}

TEST_F(ScoreboardTest, FaultMissing) {
  covers("contract.scoreboard-fault-missing");
  in(kIova + 0x1000);
  answer(2);
  expect_clean();
  cycle_ += Scoreboard::kFaultRecordCycles;
  pass(kIova, kPage);
  EXPECT_EQ(kinds(), Kinds{K::kFaultMissing});
  in(kIova + 0x1000);
  answer(2);
  finish();
  EXPECT_EQ(kinds(), Kinds{K::kFaultMissing});
}

TEST_F(ScoreboardTest, RecordMayFollowTheAnswerOrBeSuppressed) {
  in(kIova + 0x1000);
  answer(2);
  fault(kIova + 0x1000, 6, false, false);  // dropped by overflow
  board_.request_in(++cycle_, 0, kSid, false, 0, 0xFEE0'0000, 1, 2, 0);
  answer(3);  // aborted: no record
  const std::uint64_t context = tables_.context_entry(kSid);
  store(context, memory_.qwords[context] | 2);
  in(kIova + 0x1000);
  answer(2);
  finish();
  // FPD may come from a context entry cached before the store, so a missing record is no complaint.
  expect_clean();
  EXPECT_EQ(board_.counters().aborted, 1U);
  EXPECT_EQ(board_.counters().faults_dropped, 1U);
}

TEST_F(ScoreboardTest, Lost) {
  covers("contract.scoreboard-lost");
  in(kIova);
  in(kIova, true);
  out(kPage, true);
  board_.finish(++cycle_, true);
  expect_clean();
  finish();
  EXPECT_EQ(kinds(), (Kinds{K::kLost, K::kLost}));
}

TEST_F(ScoreboardTest, RequestWithPasidMustFault) {
  in(kIova, false, 0, 0, 1U << 2 | 5U << 3);
  Request r = read_of(kSid, kIova);
  r.pasid_valid = true;
  r.pasid = 5;
  board_.fault(++cycle_, make_fault_record(r, Reason::kPasidInLegacyMode), true);
  answer(2);
  finish();
  expect_clean();
}

TEST_F(ScoreboardTest, SwitchingRemappingOnAndOff) {
  covers("contract.scoreboard-te");
  in(kIova);
  reg(0x18, kQie);  // TE off asked for: both are legal until GSTS shows it
  in(kIova, false, 1);
  out(kPage);
  out(kIova, false, 1);
  in(kIova, false, 2);
  in(kIova, false, 3);
  board_.register_read(++cycle_, 0x18, std::uint64_t{kQie | kSrtp} << 32, 8);
  out(kIova, false, 2);
  expect_clean();
  out(kPage, false, 3);
  EXPECT_EQ(kinds(), Kinds{K::kWrongAddress});
  EXPECT_EQ(board_.counters().passed, 2U);
}

}  // namespace
}  // namespace gpudmar::model::test
