// SPDX-License-Identifier: Apache-2.0
// Every rule of the race judge is made to fire: by an observation that breaks it, and on the unit by software
// that does what it must not.
#include "tests/rtl/iommu/race_judge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/rtl/iommu/race_sweep.h"
#include "tests/support/covers.h"

namespace gpudmar::test::race {
namespace {

/// A read that went to the old page in time, one that came late and went to the new page, and a blocked one.
Observed good() {
  Observed seen;
  seen.finished = seen.idle = true;
  seen.boundary = 100;
  seen.drains_reads = seen.drains_writes = seen.free_flow = true;
  seen.status_address = 0x2004;
  seen.status_value = 9;
  seen.status_writes = {{100, 0x2004, 0xF0, 9}};
  SeenRequest early;
  early.name = "early";
  early.source = 0x100;
  early.page = 0x5000;
  early.before.address = 0xA000;
  early.after.address = 0xB000;
  early.in_cycle = 60;
  early.out_address = 0xA000;
  early.out_cycle = 62;
  early.performed_cycle = 80;
  early.answered = true;
  SeenRequest late = early;
  late.name = "late";
  late.in_cycle = 101;
  late.out_address = 0xB000;
  late.out_cycle = 110;
  late.performed_cycle = 120;
  SeenRequest blocked = late;
  blocked.name = "blocked";
  blocked.page = 0x6000;
  blocked.out_address.reset();
  blocked.after = {std::nullopt, 6, 0};
  blocked.refused = true;
  seen.requests = {early, late, blocked};
  seen.faults = {{115, 0x6000, 0x100, false, 6}};
  seen.hits = {{"cached", 0}};
  return seen;
}

TEST(RaceJudge, EveryRuleFires) {
  covers("vtd.race.judge");
  EXPECT_TRUE(judge(good()).empty());
  struct Case {
    const char* rule;
    std::function<void(Observed&)> spoil;
  };
  const Case cases[] = {
      {"hang", [](Observed& o) { o.finished = false; }},
      {"idle", [](Observed& o) { o.idle = false; }},
      {"stale", [](Observed& o) { o.requests[1].out_address = 0xA000; }},
      {"stale",
       [](Observed& o) {
         o.requests[2].before = {std::nullopt, 6, 0};
         o.requests[2].after.address = 0xB000;
       }},
      {"unknown_address", [](Observed& o) { o.requests[0].out_address = 0xC000; }},
      {"unknown_address", [](Observed& o) { o.requests[2].after = o.requests[2].before; }},
      {"unknown_address",
       [](Observed& o) {
         o.requests[1].ends = false;
         o.requests[1].out_address = 0xC000;
       }},
      {"drain", [](Observed& o) { o.requests[0].performed_cycle = 100; }},
      {"drain", [](Observed& o) { o.requests[0].performed_cycle.reset(); }},
      {"drain",
       [](Observed& o) {
         o.requests[0].write = true;
         o.requests[0].performed_cycle = 140;
       }},
      {"late_start",
       [](Observed& o) {
         o.drains_reads = false;
         o.requests[0].out_cycle = 103;
       }},
      {"fault", [](Observed& o) { o.faults.clear(); }},
      {"fault", [](Observed& o) { o.faults[0].reason = 5; }},
      {"fault", [](Observed& o) { o.faults[0].source = 0x200; }},
      {"fault", [](Observed& o) { o.faults[0].write = true; }},
      {"fault", [](Observed& o) { o.faults.push_back(o.faults[0]); }},
      {"fault",  // the verdict of the old tables, told after the status
       [](Observed& o) {
         o.requests[2].in_cycle = 90;
         o.requests[2].before = {std::nullopt, 6, 0};
         o.requests[2].after = {std::nullopt, 5, 0};
       }},
      {"response", [](Observed& o) { o.requests[2].refused = false; }},
      {"response", [](Observed& o) { o.requests[1].refused = true; }},
      {"status", [](Observed& o) { o.status_writes[0].strobe = 0xFF; }},
      {"status", [](Observed& o) { o.status_writes[0].strobe = 0xF; }},
      {"status", [](Observed& o) { o.status_writes[0].dword = 8; }},
      {"status", [](Observed& o) { o.status_writes.push_back(o.status_writes[0]); }},
      {"status",
       [](Observed& o) {
         o.status_writes.push_back({101, 0x3000, 0xF, 0});
       }},
      {"status", [](Observed& o) { o.status_writes.clear(); }},
      {"status", [](Observed& o) { o.neighbours_intact = false; }},
      {"miss", [](Observed& o) { o.hits[0].walk_reads = 1; }},
      {"protocol",
       [](Observed& o) {
         o.violations.push_back({7, "axi.ar_stable", "text"});
       }},
  };
  std::set<std::string> fired;
  for (const Case& c : cases) {
    Observed seen = good();
    c.spoil(seen);
    const auto findings = judge(seen);
    ASSERT_FALSE(findings.empty()) << c.rule << " case " << &c - cases;
    EXPECT_EQ(findings[0].rule, c.rule) << findings[0].text << " case " << &c - cases;
    fired.insert(findings[0].rule);
  }
  for (const std::string& rule : judge_rules()) EXPECT_EQ(fired.count(rule), 1U) << rule << " never fires";
}

TEST(RaceJudge, WhatIsAllowedIsNotReported) {
  covers("vtd.race.judge");
  Observed seen = good();
  seen.drains_reads = seen.free_flow = false;  // an old one on its way, without drain
  seen.requests[0].performed_cycle = 140;
  seen.requests[0].out_cycle = 120;
  EXPECT_TRUE(judge(seen).empty());
  seen = good();
  seen.requests[0].out_address = 0xB000;  // the new page before the status
  seen.requests[0].performed_cycle = 140;
  EXPECT_TRUE(judge(seen).empty());
  seen = good();
  seen.requests[2].after.reason = 0x0C;
  seen.requests[2].after.alternate = 6;
  EXPECT_TRUE(judge(seen).empty());
  seen = good();
  seen.requests[1].out_address = 0xA000;  // cached, and outside the range of the invalidation
  seen.requests[1].ends = false;
  EXPECT_TRUE(judge(seen).empty());
}

struct Wrong {
  const char* name;
  Mistake mistake;
  const char* change;
  const char* flush;
  Warm warm;
  const char* timing;
  const char* rule;
};

class WrongSoftware : public ::testing::TestWithParam<Wrong> {};

template <typename T>
const T& named(const std::vector<T>& list, const std::string& name) {
  for (const T& item : list)
    if (item.name == name) return item;
  throw std::invalid_argument("no " + name);
}

TEST_P(WrongSoftware, IsReported) {
  covers("vtd.race.judge");
  const Wrong& w = GetParam();
  const RaceCase c{&named(changes(), w.change), &named(flushes(), w.flush),  w.warm,
                   &named(patterns(), "mix"),   &named(timings(), w.timing), &named(drains(), "drain")};
  Race race;
  Window window = race.window(c);
  unsigned reported = 0;
  for (int offset = window.first; offset <= window.last; ++offset) {
    EXPECT_TRUE(judge(race.run(c, offset)).empty()) << "the right way, at offset " << offset;
    for (const Finding& f : judge(race.run(c, offset, w.mistake))) reported += f.rule == w.rule ? 1 : 0;
  }
  EXPECT_GT(reported, 0U) << w.rule;
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, WrongSoftware,
    ::testing::Values(
        Wrong{"NoInvalidation", Mistake::kNoInvalidation, "leaf_swap", "page_am0_ih1", Warm::kHit, "equal7",
              "stale"},
        Wrong{"NoInvalidationOfAGonePage", Mistake::kNoInvalidation, "leaf_gone", "page_am0_ih1", Warm::kHit,
              "equal7", "stale"},
        Wrong{"WrongPage", Mistake::kWrongPage, "leaf_swap", "page_am0_ih1", Warm::kHit, "equal7", "stale"},
        Wrong{"WrongDomain", Mistake::kWrongDomain, "leaf_swap", "domain", Warm::kHit, "equal7", "stale"},
        Wrong{"ContextsForgotten", Mistake::kNoContext, "context_table", "context_device_domain",
              Warm::kContexts, "equal7", "unknown_address"},
        Wrong{"LeafOnlyAfterATableChanged", Mistake::kLeavesWays, "table_moved_2", "page_am0_ih0",
              Warm::kTables, "equal7", "unknown_address"},
        Wrong{"LeafOnlyBesideATableChanged", Mistake::kLeavesWays, "table_swap_3", "page_beside_ih0",
              Warm::kTables, "equal7", "unknown_address"},
        Wrong{"StatusNotAwaited", Mistake::kNoWait, "leaf_swap", "page_am0_ih1", Warm::kHit, "equal7",
              "stale"},
        Wrong{"DrainNotAskedFor", Mistake::kNoDrain, "leaf_swap", "page_am0_ih1", Warm::kHit, "slow_data",
              "drain"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gpudmar::test::race
