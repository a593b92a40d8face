// SPDX-License-Identifier: Apache-2.0
// Every change of a table, with every invalidation that software may answer it with and everything that may
// be cached, at every distance from a request: see docs/testing.md, "Race sweeps".
#include "tests/rtl/iommu/race_sweep.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/covers.h"

namespace gpudmar::test::race {
namespace {

/// How many of the combinations of pattern, timing and drain each combination of change, invalidation and
/// warm cache meets. 0: one, and of the latter every second, the others being those of the program for the
/// other Pipe.
std::size_t depth(std::size_t all) {
  if (std::getenv("GPUDMAR_RACE_FULL") != nullptr || only_case()) return all;
  const char* text = std::getenv("GPUDMAR_RACE_DEPTH");
  return text == nullptr ? 0 : std::min(all, static_cast<std::size_t>(std::strtoul(text, nullptr, 0)));
}

class RaceSweep : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RaceSweep, NothingOldAfterTheStatus) {
  covers("G3", "G5", "vtd.race", "vtd.race.sweep", "vtd.drain", "vtd.wait.status", "vtd.invalidation.page",
         "vtd.invalidation.domain", "vtd.invalidation.global", "vtd.invalidation.context",
         "vtd.invalidation.paging");
  const Change& change = changes()[GetParam()];
  const std::size_t p = patterns().size(), t = timings().size(), d = drains().size(), all = p * t * d;
  Race race;
  Tally tally;
  // Goes through all combinations before it repeats one: the step has no factor in common with their number.
  std::size_t turn = GetParam() * 31, square = GetParam() + GPUDMAR_PIPE;
  for (const Flush& flush : flushes()) {
    if (why_illegal(change, flush) != nullptr) continue;
    ++square;
    for (const Warm warm : kWarms) {
      if (why_impossible(change, warm) != nullptr) continue;
      const std::size_t wanted = depth(all);
      if (wanted == 0 && (square + static_cast<unsigned>(warm)) % 2 != 0) continue;
      for (std::size_t n = std::max<std::size_t>(1, wanted); n > 0; --n) {
        turn = (turn + 91) % all;
        const RaceCase c{
            &change, &flush, warm, &patterns()[turn % p], &timings()[turn / p % t], &drains()[turn / p / t]};
        if (only_case().value_or(c.name()) == c.name()) sweep(race, c, tally);
      }
    }
  }
  record(tally);
  EXPECT_GT(tally.offsets, 0U);
}

INSTANTIATE_TEST_SUITE_P(Changes, RaceSweep, ::testing::Range(std::size_t{0}, changes().size()),
                         [](const auto& info) { return std::string(changes()[info.param].name); });

}  // namespace
}  // namespace gpudmar::test::race
