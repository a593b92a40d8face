// SPDX-License-Identifier: Apache-2.0
// The reference by hand: which rule wins, what is not decided, and which bytes stand where.
#include "sim/random/reference.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace gpudmar::random {
namespace {

Step create(const std::string& name, std::uint64_t size, int adapter = 0) {
  Step step;
  step.what = Do::kCreate;
  step.name = name;
  step.size = size;
  step.adapter = adapter;
  return step;
}

Step adl(const std::string& name, const std::string& item, std::uint64_t offset, std::uint64_t size) {
  Step step;
  step.what = Do::kAdl;
  step.name = name;
  step.item = item;
  step.offset = offset;
  step.size = size;
  return step;
}

Step on(Do what, const std::string& name, const std::string& item = {}) {
  Step step;
  step.what = what;
  step.name = name;
  step.item = item;
  return step;
}

Step data(Do what, const std::string& name, std::uint64_t offset, std::uint64_t size,
          std::uint64_t pattern = 0) {
  Step step = on(what, name);
  step.offset = offset;
  step.size = size;
  step.pattern = pattern;
  return step;
}

Step probe(const std::string& item, bool write = false) {
  Step step = on(Do::kProbe, {});
  step.from = {Operand::Kind::kAdl, item, 0};
  step.write = write;
  return step;
}

class ReferenceTest : public ::testing::Test {
 protected:
  Verdict judge(const Step& step, bool alone = true) { return reference_.judge(step, alone); }
  void apply(const std::initializer_list<Step>& steps) {
    for (const Step& step : steps) reference_.apply(step, judge(step));
  }
  Reference reference_{Reference::Machine{}};
};

TEST_F(ReferenceTest, TheFirstRuleWins) {
  Step step = create("a", 0, 5);
  step.cache = 9;
  EXPECT_EQ(judge(step).rules, std::vector<std::string>{"R43"}) << "handle before enumeration before range";
  step.adapter = 0;
  EXPECT_EQ(judge(step).rules, std::vector<std::string>{"R49"});
  step.cache = 1;
  EXPECT_EQ(judge(step).rules, std::vector<std::string>{"R46"});
}

TEST_F(ReferenceTest, TwoRulesOfOneRankDecideNothing) {
  Step step = create("a", kPage);
  step.type = 2;
  step.cache = 0;
  step.protection = 0x40;
  EXPECT_NE(judge(step).undecided, "");
  step.cache = 1;
  EXPECT_EQ(judge(step).undecided, "");
  EXPECT_EQ(judge(step).expected.status, "STATUS_INVALID_PAGE_PROTECTION");
}

TEST_F(ReferenceTest, HandlesOfTheDeadAndOfTheOtherKind) {
  apply({create("a", kPage), create("b", kPage, -1), create("c", 0)});
  EXPECT_EQ(judge(adl("b", "x", 0, kPage)).expected.status, "STATUS_INVALID_PARAMETER")
      << "never opened: NULL";
  EXPECT_EQ(judge(adl("c", "x", 0, kPage)).expected.status, "STATUS_INVALID_PARAMETER")
      << "never created: NULL";
  Step swapped = adl("a", "x", 0, kPage);
  swapped.handle = Handle::kSwapped;
  EXPECT_EQ(judge(swapped).expected.status, "STATUS_OBJECT_TYPE_MISMATCH");
  apply({on(Do::kClose, "a")});
  EXPECT_EQ(judge(adl("a", "x", 0, kPage)).expected.status, "STATUS_INVALID_HANDLE");
  EXPECT_EQ(to_string(judge(on(Do::kClose, "a")).expected), "bugcheck 113h/0");
  Step destroy = on(Do::kDestroy, "a");
  destroy.form = Step::Form::kStale;
  EXPECT_EQ(to_string(judge(destroy).expected), "bugcheck 113h/0") << "names the closed handle";
}

TEST_F(ReferenceTest, LiveAdls) {
  apply({create("a", 4 * kPage), adl("a", "x", 0, kPage)});
  EXPECT_EQ(to_string(judge(on(Do::kClose, "a")).expected), "bugcheck 1E4h/7");
  EXPECT_EQ(to_string(judge(on(Do::kDestroy, "a")).expected), "bugcheck 1E4h/7");
  EXPECT_EQ(to_string(judge(on(Do::kStop, {})).expected), "bugcheck 1E4h/7");
  apply({on(Do::kFree, {}, "x")});
  EXPECT_EQ(to_string(judge(on(Do::kFree, {}, "x")).expected), "bugcheck 113h/0");
  EXPECT_EQ(to_string(judge(on(Do::kStop, {})).expected), "bugcheck 1E4h/6");
}

TEST_F(ReferenceTest, FreedAddressesUntilTheyMayBeSomebodyElses) {
  apply({create("a", 4 * kPage), adl("a", "x", 0, kPage)});
  EXPECT_FALSE(judge(probe("x")).blocked);
  apply({on(Do::kFree, {}, "x")});
  EXPECT_TRUE(judge(probe("x")).blocked);
  EXPECT_NE(judge(probe("x"), false).undecided, "") << "another thread may have the address";
  apply({adl("a", "y", 0, kPage)});
  EXPECT_NE(judge(probe("x")).undecided, "");
}

Reference::Machine identity() {
  Reference::Machine machine;
  machine.identity = true;
  machine.ram.pop_back();
  return machine;
}

// 1:1: an object's pages are its own, whoever gets ADLs in the meantime.
TEST_F(ReferenceTest, FreedPagesUntilAnotherAdlNamesThem) {
  reference_ = Reference(identity());
  apply({create("a", 4 * kPage), create("b", kPage), adl("a", "x", 0, 2 * kPage), adl("a", "y", kPage, kPage),
         data(Do::kFill, "a", 0, 4 * kPage, 7), on(Do::kFree, {}, "x"), adl("b", "z", 0, kPage)});
  Step first = probe("x");
  Step second = probe("x", true);
  second.from.offset = kPage;
  EXPECT_TRUE(judge(first).blocked);
  EXPECT_EQ(judge(second).undecided, "");
  EXPECT_FALSE(judge(second).blocked) << "y has the page";
  EXPECT_NE(judge(first, false).undecided, "") << "another thread may have it";
  apply({second});
  EXPECT_NE(judge(data(Do::kCheck, "a", kPage, 8)).undecided, "") << "the probe wrote there";
  apply({on(Do::kFree, {}, "y")});
  EXPECT_TRUE(judge(second).blocked);
  apply({on(Do::kDestroy, "a")});
  EXPECT_TRUE(judge(first).blocked);
  apply({adl("b", "w", 0, kPage)});
  EXPECT_EQ(judge(probe("z")).undecided, "") << "alive";
  EXPECT_NE(judge(first).undecided, "") << "the page may be anybody's since Destroy";
}

TEST_F(ReferenceTest, SectionsMayMoveWhileNoAdlHoldsThem) {
  reference_ = Reference(identity());
  Step section = create("s", kPage);
  section.type = 2;
  apply({section, create("b", kPage), adl("s", "x", 0, kPage), on(Do::kFree, {}, "x")});
  EXPECT_TRUE(judge(probe("x")).blocked);
  apply({adl("b", "z", 0, kPage)});
  EXPECT_NE(judge(probe("x")).undecided, "");
}

TEST_F(ReferenceTest, AddressesThatAreKnown) {
  reference_ = Reference(identity());
  const std::uint64_t device = reference_.machine().device_base;
  Step peer = create("p", 2 * kPage);
  peer.type = 3;
  peer.low = device + 4 * kPage;
  Step over = peer;
  over.name = "q";
  over.low += kPage;
  apply({peer, over, adl("p", "x", 0, 2 * kPage), adl("q", "y", 0, 2 * kPage)});
  const auto at = [&](std::uint64_t address) {
    Step step = on(Do::kProbe, {});
    step.from = {Operand::Kind::kAddress, {}, address};
    return judge(step);
  };
  const auto page = [&](std::uint64_t i) { return at(device + i * kPage); };
  EXPECT_TRUE(page(3).blocked);
  for (const std::uint64_t i : {4, 5, 6}) {
    EXPECT_FALSE(page(i).blocked) << i;
    EXPECT_EQ(page(i).undecided, "") << i;
  }
  EXPECT_TRUE(page(7).blocked);
  apply({on(Do::kFree, {}, "x")});
  EXPECT_TRUE(page(4).blocked);
  EXPECT_FALSE(page(5).blocked) << "the other object's, too";
  EXPECT_FALSE(judge([] {
                 Step step = probe("x");
                 step.from.offset = kPage;
                 return step;
               }())
                   .blocked);
  EXPECT_TRUE(at(8ULL << 30).blocked) << "no memory there";
  EXPECT_NE(at(0x1000).undecided, "") << "somebody's page";
  EXPECT_NE(at(0xFEE0'0000).undecided, "") << "interrupts";
  EXPECT_EQ(judge(on(Do::kReattach, {})).undecided, "");
  EXPECT_NE(judge(on(Do::kReattach, {}), false).undecided, "");
}

TEST_F(ReferenceTest, PermissionsOfSections) {
  Step section = create("s", kPage);
  section.type = 2;
  section.protection = 2;
  apply({section, adl("s", "x", 0, kPage)});
  EXPECT_TRUE(judge(probe("x", true)).blocked);
  EXPECT_FALSE(judge(probe("x", false)).blocked);
  EXPECT_NE(judge(data(Do::kFill, "s", 0, 8, 1)).undecided, "") << "the CPU's mapping is read-only";
}

TEST_F(ReferenceTest, BytesFollowFillsAndCopiesThroughAliases) {
  apply({create("a", 2 * kPage), create("b", 2 * kPage), adl("a", "x", 0, 2 * kPage),
         adl("a", "y", kPage, kPage), adl("b", "z", 0, 2 * kPage), data(Do::kFill, "a", 0, 2 * kPage, 7),
         data(Do::kFill, "a", kPage, 16, 8)});
  Step copy = on(Do::kCopy, {});
  copy.from = {Operand::Kind::kAdl, "y", 4};
  copy.to = {Operand::Kind::kAdl, "z", 3};
  copy.size = 100;
  apply({copy});
  std::vector<std::uint8_t> bytes(200, 0);
  for (std::size_t i = 0; i < 100; ++i)
    bytes[3 + i] = i < 12 ? pattern_byte(8, 4 + i) : pattern_byte(7, kPage + 4 + i);
  EXPECT_EQ(judge(data(Do::kCheck, "b", 0, 200)).digest, digest(bytes.data(), 200));
  copy.from = {Operand::Kind::kAdl, "x", kPage};
  copy.to = {Operand::Kind::kAdl, "y", 10};
  EXPECT_NE(judge(copy).undecided, "") << "overlaps itself through another ADL";
}

TEST_F(ReferenceTest, BytesThatNobodyKnows) {
  Step step = create("a", 2 * kPage);
  step.flags = 1;  // not zeroed
  apply({step, create("b", kPage), data(Do::kFill, "a", 100, 50, 3)});
  EXPECT_NE(judge(data(Do::kCheck, "a", 99, 2)).undecided, "");
  EXPECT_EQ(judge(data(Do::kCheck, "a", 100, 50)).undecided, "");
  EXPECT_EQ(judge(data(Do::kCheck, "b", 0, kPage)).undecided, "") << "zeroed";
  apply({adl("b", "x", 0, kPage), probe("x", true)});
  EXPECT_NE(judge(data(Do::kCheck, "b", 0, 8)).undecided, "") << "a probe wrote there";
  EXPECT_EQ(judge(data(Do::kCheck, "b", kProbeBytes, 8)).undecided, "");
}

}  // namespace
}  // namespace gpudmar::random
