// SPDX-License-Identifier: Apache-2.0
// The driver that a replay loads: its entry points do what the trace says.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "dispmprt.h"
#include "sim/bench/machine.h"
#include "sim/scenario/scenario.h"

namespace gpudmar::sim::replay {

/// What DriverEntry is to register: `loaded` is "out" of the action "load"; null: everything that can be
/// played.
[[nodiscard]] DRIVER_INITIALIZATION_DATA played_driver(const nlohmann::json& loaded);
/// Registers what the active player says.
NTSTATUS driver_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path);
/// Highest byte address that each adapter drives.
[[nodiscard]] std::vector<std::uint64_t> visible_addresses(Machine& machine, const Scenario& system);

}  // namespace gpudmar::sim::replay
