// SPDX-License-Identifier: Apache-2.0
// The results of a run for programs.
#pragma once

#include <string>

#include "sim/bench/machine.h"
#include "sim/scenario/first_light.h"

namespace gpudmar::sim {

/// Writes the JSON summary. Throws std::runtime_error when the file cannot be written.
void write_summary(const std::string& path, const FirstLightResult& result, Machine& machine,
                   double duration_s);

}  // namespace gpudmar::sim
