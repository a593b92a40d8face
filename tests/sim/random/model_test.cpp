// SPDX-License-Identifier: Apache-2.0
// Random streams against dxgkrnl, without RTL: every answer as the reference says, every byte where it
// belongs.
#include <gtest/gtest.h>

#include <cstdlib>

#include "sim/random/generator.h"
#include "tests/sim/random/model_runner.h"
#include "tests/support/covers.h"

namespace gpudmar::random {
namespace {

GenerateOptions options(std::uint64_t seed, std::size_t steps, const std::string& iommu, unsigned threads) {
  GenerateOptions options;
  options.profile.max_pages = 16;
  options.seed = seed;
  options.steps = steps;
  options.threads = threads;
  options.iommu = iommu;
  options.machine = model_machine(iommu);
  return options;
}

/// Runs a stream of each seed, and counts the rules that were judged.
RuleCounts run(unsigned seeds, std::size_t steps, const std::string& iommu, unsigned threads) {
  const std::uint64_t first = test::test_seed(1);
  if (std::getenv("GPUDMAR_SEED") != nullptr) seeds = 1;
  RuleCounts rules;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const GenerateOptions given = options(seed, steps, iommu, threads);
    const Stream stream = generate(given, &rules);
    ModelRunner runner(stream, given.machine, {});
    const ModelRun result = runner.run();
    for (const auto& [rule, count] : result.judged) rules[rule] += count;
    if (result.failure.empty()) {
      EXPECT_EQ(result.steps, stream.steps());
      continue;
    }
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    ADD_FAILURE() << result.failure << ": " << result.detail << "\nagain: GPUDMAR_SEED=" << seed
                  << " <this program> --gtest_filter=" << info->test_suite_name() << '.' << info->name();
    break;
  }
  return rules;
}

/// covers() and the proof of it: each rule was judged, unless somebody asked for one seed alone.
void judged(const std::vector<std::string>& rules, const RuleCounts& counts) {
  if (std::getenv("GPUDMAR_SEED") != nullptr) return;
  test::covers(rules);
  for (const std::string& rule : rules) EXPECT_GT(counts.count(rule), 0U) << rule << " was not reached";
}

TEST(RandomModel, LogicalMode) {
  judged(
      {"R40",  "R41",  "R42",  "R43",  "R44",  "R45",  "R46",  "R47",  "R48",  "R49",  "R50",  "R51",  "R52",
       "R54",  "R57",  "R58",  "R59",  "R60",  "R61",  "R62",  "R63",  "R64",  "R65",  "R66",  "R67",  "R68",
       "R69",  "R70",  "R71",  "R72",  "R74",  "R80",  "R81",  "R83",  "R84",  "R85",  "R86",  "R87",  "R88",
       "R89",  "R90",  "R91",  "R92",  "R93",  "R94",  "R95",  "R96",  "R100", "R101", "R103", "R104", "R105",
       "R106", "R108", "R111", "R112", "R113", "R115", "R120", "R121", "R122", "R123", "R124", "R125", "R126",
       "R127", "R128", "R129", "R130", "R131", "R132", "R133", "R134", "R136", "R139", "R140", "R142", "R143",
       "R146", "R148", "G2",   "G4",   "G5",   "G7",   "G10",  "G19",  "G20",  "G21"},
      run(120, 300, "logical", 1));
}

TEST(RandomModel, Isolation) {
  judged({"R40",  "R70",  "R120", "R121", "R123", "R126", "R127", "R128", "R129",
          "R135", "R136", "R139", "R140", "R142", "R143", "R148", "R180", "R184",
          "G2",   "G4",   "G5",   "G7",   "G8",   "G10",  "G19",  "G20",  "G21"},
         run(24, 300, "isolation", 1));
}

// In some order: the machine without clock knows no other kind of thread.
TEST(RandomModel, ThreadsInAnyOrder) {
  judged({"R40", "R120", "R134", "R139", "R142", "G2", "G4", "G20"}, run(40, 300, "logical", 3));
}

TEST(RandomModel, IsolationWithThreads) {
  judged({"R40", "R120", "R135", "R139", "R140", "R142", "G2", "G4", "G5", "G8", "G20"},
         run(12, 300, "isolation", 3));
}

TEST(RandomModel, WithoutIommu) {
  judged({"R40", "R80", "R100", "R120", "R135", "R140", "G20"}, run(40, 300, "off", 2));
}

}  // namespace
}  // namespace gpudmar::random
