// SPDX-License-Identifier: Apache-2.0
// What `gpu-dmar kmd` does with a driver: the standard plan, or that of a file (docs/bring-your-driver.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace gpudmar::sim::kmd {

struct Step {
  enum class Kind { kStart, kStop, kWait, kPower, kReattach, kTrim, kEscape, kQuery };
  Kind kind{};
  std::uint64_t number = 0;         ///< cycles, device power state, pages, query type
  std::vector<std::uint8_t> bytes;  ///< escape: what goes in
  std::uint64_t answer = 0;         ///< query: bytes of its output buffer
};

struct Plan {
  Scenario system;  ///< machine and start; its steps are not used
  std::vector<Step> steps;
};

/// Start, idle time, down to D3 and back, exclusive access, memory pressure, idle time, stop.
[[nodiscard]] Plan standard_plan();
/// Throws ScenarioError.
[[nodiscard]] Plan load_plan(const std::string& path);
/// As it stands in a file.
[[nodiscard]] std::string name_of(const Step& step);

}  // namespace gpudmar::sim::kmd
