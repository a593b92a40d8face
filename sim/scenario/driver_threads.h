// SPDX-License-Identifier: Apache-2.0
// Several threads in the driver at once: what each does, and when, comes from a seed.
#pragma once

#include <cstdint>

#include "sim/scenario/scenario.h"

namespace gpudmar::sim {

struct ThreadsOptions {
  std::uint64_t seed = 1;
  unsigned threads = 4;
  std::uint64_t steps = 60;  ///< of each thread
  bool isolation = false;    ///< 1:1 instead of logical remapping; all memory must be within the GPUs' reach
  /// A driver whose copies do not hold the ADLs that they use: the run is to fail.
  bool planted_race = false;
};

/// Runs in an SC_THREAD, on `machine` as it stands (freshly reset). Each thread is an SC_THREAD of its own
/// that creates, opens, maps, copies, pages, frees, closes and destroys through the driver, with waits
/// between by the seed; part of the ADLs is everybody's. The same machine and options give the same run:
/// `digest` is that of all calls with their cycles. Never throws.
[[nodiscard]] ScenarioResult run_driver_threads(Machine& machine, const ThreadsOptions& options);

}  // namespace gpudmar::sim
