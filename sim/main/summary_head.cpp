// SPDX-License-Identifier: Apache-2.0
// The head of a summary.
#include "sim/main/summary_head.h"

#include "gpudmar_commit.h"

namespace gpudmar::sim {

nlohmann::json summary_head(const nlohmann::json& config, std::uint64_t seed, double duration_s) {
  return {
      {"schema", 1},
      {"commit", GPUDMAR_COMMIT},
      {"config", config},
      {"seed", seed},
      {"tools", {{"verilator", GPUDMAR_VERILATOR}, {"systemc", GPUDMAR_SYSTEMC}, {"compiler", __VERSION__}}},
      {"duration_s", duration_s}};
}

}  // namespace gpudmar::sim
