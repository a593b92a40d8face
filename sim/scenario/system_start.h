// SPDX-License-Identifier: Apache-2.0
// What a start asks of the graphics kernel: the same for scenarios and for plans of somebody's own driver.
#pragma once

#include <cstdint>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/scenario/scenario.h"

namespace gpudmar::sim {

/// The kernel's choices for `start`; those of the sample driver are not among them.
[[nodiscard]] dxgkrnl::KernelConfig kernel_config(const ScenarioStart& start, std::uint64_t seed);
/// How a driver that supports everything reaches memory after it.
[[nodiscard]] dxgkrnl::RemappingMode mode_of(const ScenarioStart& start);
/// In isolation mode the links come into their domains.
[[nodiscard]] bool attaches(const ScenarioStart& start);

}  // namespace gpudmar::sim
