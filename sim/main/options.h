// SPDX-License-Identifier: Apache-2.0
// The command line of gpu-dmar.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/axi/memory_timing.h"
#include "sim/bench/machine_config.h"
#include "sim/kmd/kmd.h"
#include "sim/main/random.h"
#include "sim/main/replay.h"
#include "sim/scenario/threads_options.h"
#include "sim/serve/serve_options.h"

namespace gpudmar::sim {

struct Options {
  enum class Command { kRun, kInfo, kRandom, kThreads, kKmd, kServe, kReplay };
  Command command = Command::kRun;
  std::vector<std::string> words;  ///< the command line as it was given
  MachineConfig machine;           ///< the default one as the options change it
  /// Makes the same changes to another machine.
  std::function<void(MachineConfig&)> apply;
  std::string scenario;       ///< JSON path; empty: the demonstration
  std::string file;           ///< empty: this program itself
  std::string summary;        ///< JSON path; empty: none
  std::string failure_waves;  ///< FST path for the cycles around a failure; empty: none
  std::string record;         ///< path of the trace; empty: none
  std::string timeline;       ///< path of the timeline; empty: none
  CycleWindow timeline_window{0, ~std::uint64_t{0}};
  std::string report;  ///< path of the HTML report; empty: none
  bool verbose = false;
  bool verifier = false;  ///< of a scenario's kernel
  bool strict = false;    ///< the same: faults are fatal
  RandomOptions random;
  ThreadsOptions threads;  ///< its machine is `machine`
  KmdOptions kmd;
  ServeOptions serve;
  ReplayOptions replay;
};

/// "1000:1200"; throws std::invalid_argument, which names the option, when it is no window.
[[nodiscard]] CycleWindow parse_window(const std::string& text, const std::string& option = "--waves-window");

/// -1: go on with `options`. Otherwise the exit code: 0 after --help, not 0 after an error, told in one line
/// on stderr.
int parse_options(int argc, char** argv, Options& options);

}  // namespace gpudmar::sim
