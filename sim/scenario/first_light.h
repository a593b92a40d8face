// SPDX-License-Identifier: Apache-2.0
// The first-light demonstration: one file from a memory object through the IOMMU to two GPUs and back, then
// blocked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/bench/machine.h"

namespace gpudmar::sim {

/// Most bytes that the demonstration takes: it needs them twice in memory and once in each VRAM.
inline constexpr std::uint64_t kFirstLightMaxBytes = 64ULL << 20;

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

struct FirstLightResult {
  bool passed = false;
  std::vector<std::string> failures;  ///< one line each
  std::vector<StepResult> steps;
  StepCounts total;
  std::uint64_t bytes_verified = 0;  ///< compared with the file
  std::uint64_t copy_cycles = 0;     ///< of the steps in which engines copied
  std::uint64_t faults_expected = 0;
  std::uint64_t faults_recorded = 0;  ///< that reached the operating system
  std::map<std::string, std::uint64_t> ddi_calls;
};

/// Runs in an SC_THREAD. `data` is the file, 1 byte to kFirstLightMaxBytes. Never throws: what goes wrong,
/// checker violations of the machine included, is in `failures`.
[[nodiscard]] FirstLightResult run_first_light(Machine& machine, const std::vector<std::uint8_t>& data,
                                               std::uint64_t seed);

/// The table for people.
[[nodiscard]] std::string first_light_table(const FirstLightResult& result, double khz);

}  // namespace gpudmar::sim
