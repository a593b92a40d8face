// SPDX-License-Identifier: Apache-2.0
// What a run of several driver threads may be told.
#pragma once

#include <cstdint>

namespace gpudmar::sim {

struct ThreadsOptions {
  std::uint64_t seed = 1;
  unsigned threads = 4;
  std::uint64_t steps = 60;  ///< of each thread
  bool isolation = false;    ///< 1:1 instead of logical remapping; all memory must be within the GPUs' reach
  /// A driver whose copies do not hold the ADLs that they use: the run is to fail.
  bool planted_race = false;
  bool removal = false;  ///< half-way the adapters are pulled out
};

}  // namespace gpudmar::sim
