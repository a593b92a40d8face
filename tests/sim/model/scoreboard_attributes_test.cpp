// SPDX-License-Identifier: Apache-2.0
// The snoop attribute of what leaves, zero-length reads, and a reset of the unit alone.
#include "tests/sim/model/scoreboard_fixture.h"

namespace gpudmar::model::test {
namespace {

using ::gpudmar::test::covers;
using K = ViolationKind;

constexpr std::uint64_t kSnp = 1ULL << 11;
constexpr std::uint32_t kNoSnoop = 1U << 25, kZeroLength = 1U << 26;

UnitConfig optional_capabilities() {
  UnitConfig config;
  config.sc = config.zlr = true;
  return config;
}

class ScoreboardAttributes : public ScoreboardTest {
 protected:
  ScoreboardAttributes() : ScoreboardTest(optional_capabilities()) {}
  /// One request to `kIova` that leaves with `snoop`.
  void leaves(std::uint32_t user, bool snoop, bool is_write = false) {
    in(kIova, is_write, 0, 0, user);
    out(kPage, is_write, 0, 0, 2, snoop);
    done(is_write);
    answer(0, is_write);
  }
};

TEST_F(ScoreboardAttributes, TheRequestDecidesWithoutSnp) {
  covers("contract.scoreboard-snoop");
  for (const bool is_write : {false, true}) {
    leaves(0, true, is_write);
    leaves(kNoSnoop, false, is_write);
    expect_clean();
    leaves(0, false, is_write);
    EXPECT_EQ(kinds(), Kinds{K::kSnoop});
    leaves(kNoSnoop, true, is_write);
    EXPECT_EQ(kinds(), Kinds{K::kSnoop});
  }
  finish();
  expect_clean();
}

TEST_F(ScoreboardAttributes, SnpForcesSnooping) {
  covers("contract.scoreboard-snoop");
  store(leaf_, memory_.qwords[leaf_] | kSnp);
  submit(page_invalidation(kDid), kIova);
  complete();
  for (const bool is_write : {false, true}) {
    leaves(0, true, is_write);
    leaves(kNoSnoop, true, is_write);
    expect_clean();
    leaves(kNoSnoop, false, is_write);
    EXPECT_EQ(kinds(), Kinds{K::kSnoop});
  }
}

TEST_F(ScoreboardAttributes, BothAreLegalUntilTheInvalidation) {
  covers("contract.scoreboard-snoop");
  leaves(kNoSnoop, false);  // from now on the leaf is known
  store(leaf_, memory_.qwords[leaf_] | kSnp);
  leaves(kNoSnoop, true);
  leaves(kNoSnoop, false);
  expect_clean();
  submit(page_invalidation(kDid), kIova);
  complete();
  leaves(kNoSnoop, false);
  EXPECT_EQ(kinds(), Kinds{K::kSnoop});
}

TEST_F(ScoreboardAttributes, TheAttributeTellsTwoRequestsOfAnIdApart) {
  covers("contract.scoreboard-snoop");
  // The older one is blocked: the page was gone when it was looked up, and came back.
  const std::uint64_t value = memory_.qwords[leaf_];
  store(leaf_, 0);
  in(kIova, false, 0, 0, kNoSnoop);
  store(leaf_, value);
  in(kIova);
  out(kPage);
  expect_clean();
  fault(kIova, 6);
  answer(2);
  done();
  answer();
  finish();
  expect_clean();
}

TEST_F(ScoreboardAttributes, WithoutTranslationTheRequestDecides) {
  covers("contract.scoreboard-snoop");
  reg(0x18, kQie);
  board_.register_read(++cycle_, 0x1C, kQie | kSrtp, 4);
  in(kPage, false, 0, 0, kNoSnoop);
  out(kPage, false, 0, 0, 2, false);
  in(kPage, true);
  out(kPage, true);
  expect_clean();
  in(kPage, true, 1);
  out(kPage, true, 1, 0, 2, false);
  EXPECT_EQ(kinds(), Kinds{K::kSnoop});
}

TEST_F(ScoreboardAttributes, ZeroLengthReadsOfWriteOnlyPagesPass) {
  covers("contract.scoreboard-zero-length");
  store(leaf_, kPage | 2);
  submit(page_invalidation(kDid), kIova);
  complete();
  in(kIova, false, 0, 0, kZeroLength);
  out(kPage);
  done();
  answer();
  expect_clean();
  in(kIova, false, 0, 0, kZeroLength);
  fault(kIova, 6);
  EXPECT_EQ(kinds(), Kinds{K::kFaultFields}) << "with CAP.ZLR it may not be blocked";
  answer(2);
  expect_clean();
  in(kIova);
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kFaultedRequest}) << "a read with bytes must be";
}

TEST_F(ScoreboardTest, ZeroLengthReadsNeedReadPermissionWithoutTheCapability) {
  covers("contract.scoreboard-zero-length");
  store(leaf_, kPage | 2);
  submit(page_invalidation(kDid), kIova);
  complete();
  in(kIova, false, 0, 0, kZeroLength);
  out(kPage);
  EXPECT_EQ(kinds(), Kinds{K::kFaultedRequest});
}

TEST_F(ScoreboardTest, ARequestInsideAUnitThatIsReset) {
  covers("contract.scoreboard-unit-reset");
  pass(kIova, kPage);
  board_.unit_reset(++cycle_);
  expect_clean();
  submit(domain_invalidation(kDid));  // its wait is never answered
  board_.unit_reset(++cycle_);
  expect_clean();
  in(kIova);
  EXPECT_TRUE(board_.unit_reset(++cycle_));
  EXPECT_EQ(kinds(), Kinds{K::kLost});
}

TEST_F(ScoreboardTest, RequestsAreHeldUntilTranslationIsOnAgain) {
  covers("contract.scoreboard-held");
  for (const bool released : {false, true}) {
    board_.hold_requests();
    in(kIova);
    EXPECT_EQ(kinds(), Kinds{K::kHeld});
    out(kPage);
    done();
    answer();
    reg(0xF40, 0);
    in(kIova);
    EXPECT_EQ(kinds(), Kinds{K::kHeld});
    out(kPage);
    done();
    answer();
    if (released) reg(0xF40, 1);
    if (!released) reg(0x18, kQie | kTe);
    pass(kIova, kPage);
    expect_clean();
  }
}

TEST_F(ScoreboardTest, NobodyIsHeldWithoutTranslation) {
  covers("contract.scoreboard-held");
  reg(0x18, kQie);
  EXPECT_FALSE(board_.unit_reset(++cycle_)) << "software wants it off";
}

}  // namespace
}  // namespace gpudmar::model::test
