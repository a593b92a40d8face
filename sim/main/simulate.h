// SPDX-License-Identifier: Apache-2.0
// Runs software on a machine, and its waves.
#pragma once

#include <functional>

#include "sim/bench/machine.h"

namespace gpudmar::sim {

// Cycles that are kept before a failure, some walks long, and behind it.
inline constexpr std::uint64_t kWavesBefore = 1500;
inline constexpr std::uint64_t kWavesAfter = 200;

/// Runs `body` as the machine's software, then closes the waves. Throws std::runtime_error when every thread
/// waits.
void simulate(Machine& machine, const std::function<void()>& body);

}  // namespace gpudmar::sim
