// SPDX-License-Identifier: Apache-2.0
// What every run of the machine tells: steps with their counts, verdict, table for people.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/bench/machine.h"

namespace gpudmar::sim {

/// Hardware counters and calls, of one step or of the whole run.
struct StepCounts {
  std::uint64_t calls = 0;  ///< DDI calls and callbacks
  std::uint64_t cycles = 0;
  std::uint64_t bytes = 0;  ///< copied by the engines
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t walks = 0;
  std::uint64_t invalidations = 0;
  std::uint64_t faults = 0;
};

struct StepResult {
  std::string name;
  StepCounts counts;
};

struct RunResult {
  bool passed = false;
  std::vector<std::string> failures;  ///< one line each
  std::vector<StepResult> steps;
  StepCounts total;
  std::uint64_t bytes_verified = 0;  ///< compared by the CPU
  std::uint64_t copy_cycles = 0;     ///< of the steps in which engines copied
  std::uint64_t faults_expected = 0;
  std::uint64_t faults_recorded = 0;  ///< that reached the operating system
  std::map<std::string, std::uint64_t> ddi_calls;
  std::vector<std::string> warnings;  ///< of the graphics kernel: allowed, but not good
  std::string dump;                   ///< what the kernel had at a failure, if that was asked for
};

/// The counters as they stand; `calls` is left 0. Takes bus time.
[[nodiscard]] StepCounts read_counters(const hw::Platform& platform);
/// What was counted from `before` to `after`, cycles not included.
[[nodiscard]] StepCounts difference(const StepCounts& before, const StepCounts& after);

/// End of a run: the machine comes to rest, violations become failures, and the verdict is given. Cycles that
/// nobody has counted become those of the machine. Call once.
void conclude(Machine& machine, RunResult& result);

/// The table for people.
[[nodiscard]] std::string run_table(const RunResult& result, double khz);

}  // namespace gpudmar::sim
