// SPDX-License-Identifier: Apache-2.0
// The timing of a memory as it stands on a command line.
#pragma once

#include <string>

#include "sim/axi/axi_memory.h"

namespace gpudmar::sim {

/// Fills `memory` from "latency=100,jitter=8,..."; throws std::invalid_argument naming the key or value that
/// is wrong.
void parse_memory(const std::string& text, AxiMemoryConfig& memory);

}  // namespace gpudmar::sim
