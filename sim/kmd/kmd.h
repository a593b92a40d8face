// SPDX-License-Identifier: Apache-2.0
// gpu-dmar kmd: somebody's own driver source on the machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gpudmar::sim {

struct KmdOptions {
  std::vector<std::string> sources;
  std::vector<std::string> flags;  ///< for the compiler
  std::string version = "3.0";     ///< of the driver interface
  std::string scenario;            ///< plan; empty: the standard one
  /// Private data, in hexadecimal digits, of allocations that the standard plan pages.
  std::vector<std::string> allocations;
  bool verifier = false;  ///< the kernel verifies itself after each callback
  bool strict = false;    ///< a fault of a device stops the system
  std::string directory = "build/kmd";
  std::string summary;  ///< JSON path; empty: summary.json in `directory`
  std::string wdk;      ///< the kit's headers; empty: those of this tree
  std::string waves;
  std::string record;  ///< file for the trace of the run; empty: none
  std::uint64_t seed = 1;
  unsigned pipe = 0;
  unsigned latency = 0;           ///< 0: the plan's
  unsigned timeout = 300;         ///< seconds of the host
  std::uint64_t call_jitter = 0;  ///< cycles that each call may take more; not with `record`
  std::uint64_t ddi_cycles = 0;   ///< 0: the default
  std::uint64_t wait_cycles = 0;  ///< 0: the default
};

/// Exit code: 0 the driver passed, 1 it did not. Throws std::invalid_argument (or ScenarioError) before
/// anything runs, std::runtime_error when files or processes cannot be made.
[[nodiscard]] int run_kmd(const KmdOptions& options);

/// The other side of it, a process of its own; `arguments` is what run_kmd() gave it. Does not return.
[[noreturn]] void run_kmd_child(const std::string& arguments);

}  // namespace gpudmar::sim
