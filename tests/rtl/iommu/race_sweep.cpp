// SPDX-License-Identifier: Apache-2.0
// The sweep over every distance of one case; how a failure is told; the program's totals.
#include "tests/rtl/iommu/race_sweep.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace gpudmar::test::race {
namespace {

// Failures of one case that are told in full; the others are counted.
constexpr unsigned kTold = 2;

Tally& program_tally() {
  static Tally tally;
  return tally;
}

/// Writes the program's totals when it ends.
class Totals : public ::testing::Environment {
 public:
  void TearDown() override {
    const char* path = std::getenv("GPUDMAR_RACE_JSON");
    if (path == nullptr) return;
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr) {
      ADD_FAILURE() << "GPUDMAR_RACE_JSON: cannot write " << path;
      return;
    }
    const Tally& all = program_tally();
    fmt::print(file, "{{\"offsets_swept\":{},\"failures\":{}}}\n", all.offsets, all.failures);
    std::fclose(file);
  }
};
[[maybe_unused]] ::testing::Environment* const totals = ::testing::AddGlobalTestEnvironment(new Totals);

}  // namespace

std::optional<int> only_offset() {
  const char* text = std::getenv("GPUDMAR_RACE_OFFSET");
  return text == nullptr ? std::nullopt : std::optional<int>(std::atoi(text));
}

std::optional<std::string> only_case() {
  const char* text = std::getenv("GPUDMAR_RACE_CASE");
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

std::string rerun_line(const std::string& name, int offset) {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("GPUDMAR_RACE_CASE={} GPUDMAR_RACE_OFFSET={} build/bin/{} --gtest_filter={}.{}", name,
                     offset, GPUDMAR_PROGRAM, info->test_suite_name(), info->name());
}

void count(Tally& tally, bool failed) {
  for (Tally* t : {&tally, &program_tally()}) {
    ++t->offsets;
    t->failures += failed ? 1 : 0;
  }
}

void record(const Tally& tally) {
  ::testing::Test::RecordProperty("cases", std::to_string(tally.cases));
  ::testing::Test::RecordProperty("offsets_swept", std::to_string(tally.offsets));
  ::testing::Test::RecordProperty("failures", std::to_string(tally.failures));
  fmt::print("{} cases, {} offsets swept, {} failures\n", tally.cases, tally.offsets, tally.failures);
}

void sweep(Race& race, const RaceCase& c, Tally& tally) {
  const std::string name = c.name();
  Window window = race.window(c);
  if (const auto only = only_offset()) window = {*only, *only};
  ++tally.cases;
  unsigned failed = 0;
  for (int offset = window.first; offset <= window.last; ++offset) {
    const auto findings = judge(race.run(c, offset));
    count(tally, !findings.empty());
    if (findings.empty() || ++failed > kTold) continue;
    std::string text;
    for (const Finding& f : findings) text += fmt::format("\n  {}: {}", f.rule, f.text);
    ADD_FAILURE() << fmt::format("{} at offset {}, cycles {} to {}:{}\n  re-run: {}", name, offset,
                                 race.first_cycle(), race.last_cycle(), text, rerun_line(name, offset));
  }
  if (failed > kTold) ADD_FAILURE() << fmt::format("{}: {} offsets fail in all", name, failed);
}

}  // namespace gpudmar::test::race
