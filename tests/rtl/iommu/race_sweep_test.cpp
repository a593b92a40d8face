// SPDX-License-Identifier: Apache-2.0
// Every change of a table, with every invalidation that software may answer it with and everything that may
// be cached, at every distance from a request: see docs/testing.md, "Race sweeps".
#include "tests/rtl/iommu/race_sweep.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tests/support/covers.h"

namespace gpudmar::test::race {
namespace {

/// Of the combinations of pattern, timing and drain; 0: the program's default.
std::size_t depth() {
  if (std::getenv("GPUDMAR_RACE_FULL") != nullptr || only_case()) return combinations();
  const char* text = std::getenv("GPUDMAR_RACE_DEPTH");
  return text == nullptr ? 0
                         : std::min(combinations(), static_cast<std::size_t>(std::strtoul(text, nullptr, 0)));
}

const Program& this_program() {
  for (const Program& program : programs())
    if (std::string(program.name) == GPUDMAR_PROGRAM) return program;
  throw std::logic_error("not in the list of race_case.cpp: " GPUDMAR_PROGRAM);
}

class RaceSweep : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RaceSweep, NothingOldAfterTheStatus) {
  covers("G3", "G5", "vtd.race", "vtd.race.sweep", "vtd.drain", "vtd.wait.status", "vtd.invalidation.page",
         "vtd.invalidation.domain", "vtd.invalidation.global", "vtd.invalidation.context",
         "vtd.invalidation.paging");
  Race race;
  Tally tally;
  for (const RaceCase& c : cases(this_program(), GetParam(), depth()))
    if (only_case().value_or(c.name()) == c.name()) sweep(race, c, tally);
  record(tally);
  EXPECT_GT(tally.offsets, 0U);
}

INSTANTIATE_TEST_SUITE_P(Changes, RaceSweep, ::testing::Range(std::size_t{0}, changes().size()),
                         [](const auto& info) { return std::string(changes()[info.param].name); });

}  // namespace
}  // namespace gpudmar::test::race
