// SPDX-License-Identifier: Apache-2.0
// gpu-dmar replay: the calls of a trace once more, up to the first difference; a failing trace becomes a
// short one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/bench/machine_config.h"

namespace gpudmar::sim {

struct ReplayOptions {
  std::string trace;
  bool cycles = false;
  unsigned until = 0;       ///< line of the last event; 0: all
  std::uint64_t limit = 0;  ///< cycles that it may take; 0: as many as it wants
  bool shrink = false;
  std::size_t runs = 500;          ///< of shrinking at most
  std::string output;              ///< of shrinking; empty: beside the trace
  std::string summary;             ///< JSON path; empty: none
  std::vector<std::string> words;  ///< options that change the machine, for the runs of shrinking
  /// Changes that the command line makes to the trace's machine.
  std::function<void(MachineConfig&)> apply;
};

/// Exit code: 0 no difference and nothing broken, 1 otherwise. Throws TraceError when the trace is wrong,
/// std::runtime_error when files or processes cannot be made.
[[nodiscard]] int run_replay(const ReplayOptions& options);

}  // namespace gpudmar::sim
