// SPDX-License-Identifier: Apache-2.0
// The results of a run for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/bench/machine.h"
#include "sim/scenario/run_result.h"
#include "sim/scenario/scenario.h"

namespace gpudmar::sim {

/// Empties the file at `path`, so that a run that breaks off leaves no older result. Throws
/// std::runtime_error when it cannot be written.
void prepare_summary(const std::string& path);

/// The JSON summary. `scenario` null: the demonstration.
[[nodiscard]] nlohmann::json summarize(const RunResult& result, Machine& machine, double duration_s,
                                       const ScenarioResult* scenario);
/// Throws std::runtime_error when the file cannot be written.
void write_file(const std::string& path, const std::string& text);

}  // namespace gpudmar::sim
