// SPDX-License-Identifier: Apache-2.0
// What the race sweeps play, checked on the list of their cases: the full tier is the product of the axes,
// the default tier meets every pair of values, and the table in docs/testing.md is that of the list.
#include "tests/rtl/iommu/race_case.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "tests/support/covers.h"

namespace gpudmar::test::race {
namespace {

std::string kind(const Change& change) {
  if (change.of_context()) return "context";
  if (change.owes_nothing()) return "appears";
  if (change.old_leaf != change.new_leaf) return "page size";
  return change.level == change.old_leaf ? "leaf" : "table";
}

std::string granularity(const Flush& flush) {
  if (flush.context != Flush::Context::kNone) return "context";
  switch (flush.iotlb) {
    case Flush::Iotlb::kNone:
      return "none";
    case Flush::Iotlb::kPage:
      return flush.beside ? "beside" : flush.ih ? "page, IH = 1" : "page, IH = 0";
    case Flush::Iotlb::kDomain:
      return "domain";
    default:
      return "global";
  }
}

std::vector<RaceCase> all_cases(const Program& program, std::size_t depth) {
  std::vector<RaceCase> list;
  for (std::size_t change = 0; change < changes().size(); ++change)
    for (const RaceCase& c : cases(program, change, depth)) list.push_back(c);
  return list;
}

/// Of `make test`, all programs.
const std::vector<RaceCase>& default_tier() {
  static const std::vector<RaceCase> all = [] {
    std::vector<RaceCase> list;
    for (const Program& program : programs())
      for (const RaceCase& c : all_cases(program, 0)) list.push_back(c);
    return list;
  }();
  return all;
}

std::string start_of(const RaceCase& c) {
  return fmt::format("{}.{}.{}", c.change->name, c.flush->name, to_string(c.warm));
}

std::set<std::string> legal_starts() {
  std::set<std::string> all;
  for (const Change& change : changes())
    for (const Flush& flush : flushes())
      for (const Warm warm : kWarms)
        if (why_illegal(change, flush) == nullptr && why_impossible(change, warm) == nullptr)
          all.insert(start_of({&change, &flush, warm, nullptr, nullptr, nullptr}));
  return all;
}

TEST(RaceCases, TheTwoPipesTogetherPlayEveryStart) {
  covers("vtd.race.cases");
  std::set<std::string> played;
  for (unsigned program = 0; program < 2; ++program)
    for (const RaceCase& c : all_cases(programs()[program], 0)) played.insert(start_of(c));
  EXPECT_EQ(played, legal_starts());
}

TEST(RaceCases, TheFullTierIsTheProduct) {
  covers("vtd.race.cases");
  const auto all = all_cases(programs()[0], combinations());
  std::set<std::string> names;
  for (const RaceCase& c : all) names.insert(c.name());
  EXPECT_EQ(names.size(), all.size()) << "none twice";
  EXPECT_EQ(all.size(), legal_starts().size() * combinations());
}

// Every pair of values of two axes that can stand together does, in the default tier of each IOTLB's
// programs; and each kind of change with each granularity meets every pattern, timing and drain.
TEST(RaceCases, EveryPairOfValuesIsPlayedByDefault) {
  covers("vtd.race.cases");
  std::set<std::string> seen;
  std::set<std::string> pairs;
  for (const RaceCase& c : default_tier()) {
    pairs.insert(kind(*c.change) + ", " + granularity(*c.flush));
    const std::string of = kind(*c.change) + ", " + granularity(*c.flush) + ", ";
    for (const char* other : {c.pattern->name, c.timing->name, c.drain->name}) {
      seen.insert(of + other);
      seen.insert(fmt::format("{}, {}", to_string(c.warm), other));
    }
    seen.insert(fmt::format("{}, {}", c.pattern->name, c.timing->name));
    seen.insert(fmt::format("{}, {}", c.pattern->name, c.drain->name));
    seen.insert(fmt::format("{}, {}", c.timing->name, c.drain->name));
  }
  const auto expect = [&](const std::string& pair) { EXPECT_EQ(seen.count(pair), 1U) << pair; };
  for (const Pattern& p : patterns())
    for (const Timing& t : timings()) expect(fmt::format("{}, {}", p.name, t.name));
  for (const Drain& d : drains()) {
    for (const Pattern& p : patterns()) expect(fmt::format("{}, {}", p.name, d.name));
    for (const Timing& t : timings()) expect(fmt::format("{}, {}", t.name, d.name));
  }
  std::vector<std::string> firsts(pairs.begin(), pairs.end());
  for (const Warm warm : kWarms) firsts.emplace_back(to_string(warm));
  for (const std::string& first : firsts) {
    if (first == "appears, none" || first == "page size, beside") continue;  // few: left to the full tier
    for (const Pattern& p : patterns()) expect(first + ", " + p.name);
    for (const Timing& t : timings()) expect(first + ", " + t.name);
    for (const Drain& d : drains()) expect(first + ", " + d.name);
  }
}

std::string table() {
  const std::vector<std::string> kinds{"leaf", "table", "page size", "context", "appears"};
  std::map<std::string, std::map<std::string, unsigned>> cells;
  std::map<std::string, unsigned> full;
  for (const RaceCase& c : default_tier()) {
    for (const std::string& row :
         {granularity(*c.flush), std::string(to_string(c.warm)), std::string(c.pattern->name),
          std::string(c.timing->name), std::string(c.drain->name), std::string("all")})
      ++cells[row][kind(*c.change)];
  }
  for (const RaceCase& c : all_cases(programs()[0], 1))
    full[kind(*c.change)] += static_cast<unsigned>(combinations());
  std::string text = "|";
  const auto row = [&](const std::string& name) {
    text += fmt::format("| {} |", name);
    for (const std::string& k : kinds)
      text += cells[name][k] == 0 ? " – |" : fmt::format(" {} |", cells[name][k]);
    text += "\n";
  };
  const auto title = [&](const char* name) {
    text += fmt::format("| **{}** |{}\n", name, std::string(kinds.size(), '|'));
  };
  for (const std::string& k : kinds) text += " | " + k;
  text += " |\n|---|";
  for (std::size_t i = 0; i < kinds.size(); ++i) text += "---|";
  text += "\n";
  title("invalidation");
  for (const char* g : {"none", "page, IH = 1", "page, IH = 0", "beside", "domain", "global", "context"})
    row(g);
  title("cached before");
  for (const Warm warm : kWarms) row(to_string(warm));
  title("requests");
  for (const Pattern& p : patterns()) row(p.name);
  title("timing");
  for (const Timing& t : timings()) row(t.name);
  title("drain");
  for (const Drain& d : drains()) row(d.name);
  row("all");
  text += "| full tier, a program |";
  for (const std::string& k : kinds) text += fmt::format(" {} |", full[k]);
  return text + "\n";
}

TEST(RaceCases, TheDocumentedTableIsThatOfTheCases) {
  covers("vtd.race.cases");
  std::ifstream file(GPUDMAR_SOURCE_DIR "/docs/testing.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_NE(page.find("\n" + table() + "\n"), std::string::npos)
      << "docs/testing.md, Race sweeps, must have this table:\n"
      << table();
}

}  // namespace
}  // namespace gpudmar::test::race
