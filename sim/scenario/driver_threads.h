// SPDX-License-Identifier: Apache-2.0
// Several threads in the driver at once: what each does, and when, comes from a seed.
#pragma once

#include "sim/scenario/scenario.h"
#include "sim/scenario/threads_options.h"

namespace gpudmar::sim {

/// Runs in an SC_THREAD, on `machine` as it stands (freshly reset). Each thread is an SC_THREAD of its own
/// that creates, opens, maps, copies, pages, frees, closes and destroys through the driver, with waits
/// between by the seed; part of the ADLs is everybody's. The same machine and options give the same run:
/// `digest` is that of all calls with their cycles. Never throws.
[[nodiscard]] ScenarioResult run_driver_threads(Machine& machine, const ThreadsOptions& options);

}  // namespace gpudmar::sim
