// SPDX-License-Identifier: Apache-2.0
// Scenarios as data: what a JSON file says (docs/scenarios.md), and its run on a machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/bench/machine.h"
#include "sim/replay/recorder.h"
#include "sim/scenario/run_result.h"

namespace gpudmar::sim {

/// The text of a scenario is wrong; what() is "file:line: key: what is wrong".
class ScenarioError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ScenarioStep {
  std::string act;      ///< the value of "do"
  nlohmann::json args;  ///< the step's object, checked
  unsigned line = 0;
  std::vector<ScenarioStep> steps;                 ///< of repeat
  std::vector<std::vector<ScenarioStep>> threads;  ///< of parallel
};

/// How the system starts.
struct ScenarioStart {
  /// kPhysical: as it is found, but the driver could do with remapping; kOff: it can not.
  enum class Iommu { kLogical, kIsolation, kPhysical, kOff };
  Iommu iommu = Iommu::kLogical;
  mm::Placement placement = mm::Placement::kScattered;
  bool shuffle_logical = false;
  std::optional<bool> fresh_logical;   ///< nullopt: where a driver's own source runs
  std::vector<unsigned> visible_bits;  ///< by adapter, the last one for all that follow; empty: the GPU's own
  std::uint32_t iommu_flags = 0;       ///< dxgkrnl::iommu_flags
  bool paging = true;                  ///< the driver takes part in it
  std::uint32_t paging_buffer = 8192;  ///< bytes
  std::uint64_t operation_pages = 0;   ///< of one paging operation at most; 0 = no limit
  std::uint64_t first_pages = 0;       ///< of the first of several such operations; 0 = as the others
  std::uint64_t tdr_delay = 5'000'000;     ///< cycles
  bool engine_reset = true;                ///< the driver can reset one engine alone
  std::uint64_t save = 0;                  ///< bytes of local memory that it keeps through power states
  std::optional<std::uint64_t> page_file;  ///< bytes; nullopt: the kernel's default
  std::vector<std::string> expect{"STATUS_SUCCESS"};  ///< any of these
};

struct Scenario {
  std::string file;  ///< for messages
  std::string name;
  std::string about;
  std::vector<std::string> covers;  ///< rules, for the test that runs it
  MachineConfig machine;
  bool linked = true;  ///< all adapters are one link; false: each is a link of its own
  ScenarioStart start;
  std::vector<ScenarioStep> steps;
};

/// Throws ScenarioError; nothing of a wrong scenario runs. `file` appears in messages.
[[nodiscard]] Scenario parse_scenario(const std::string& text, const std::string& file);
/// The same for a document in memory; lines are those of dump(2).
[[nodiscard]] Scenario parse_scenario(const nlohmann::json& document, const std::string& file);
/// Throws ScenarioError when the file cannot be read, too.
[[nodiscard]] Scenario load_scenario(const std::string& path);

struct ScenarioResult : RunResult {
  std::string name;
  std::string again;   ///< the command line that runs it again
  std::string digest;  ///< of all calls with their cycles; empty: not taken
  /// Guarantee to how often it was checked.
  std::map<std::string, std::uint64_t> guarantees;
  std::uint64_t refusals = 0;  ///< of driver threads: allocations that were made to fail
};

/// Choices of a run that are not the scenario's.
struct RunChoices {
  bool counters = true;  ///< read the hardware's counters at each step: costs bus time
  /// Gets what the driver prints; empty: nobody does.
  std::function<void(std::string_view)> debug_output;
  bool verifier =
      false;            ///< the kernel verifies itself after each callback, and shows itself after a failure
  bool strict = false;  ///< a fault of a device is a bugcheck
  /// Called with each kernel after it was made, before the driver is loaded.
  std::function<void(dxgkrnl::Kernel&)> on_kernel;
  /// Writes the trace of the run; null: nobody does.
  replay::Recorder* recorder = nullptr;
};

/// "start" of a trace's head.
[[nodiscard]] nlohmann::json start_to_json(const ScenarioStart& start);

/// Runs in an SC_THREAD, on `machine` as it stands (freshly reset), whatever scenario.machine says. Never
/// throws: what goes wrong, violations found by checkers included, is in `failures`.
[[nodiscard]] ScenarioResult run_scenario(Machine& machine, const Scenario& scenario, std::uint64_t seed,
                                          const RunChoices& choices = {});

}  // namespace gpudmar::sim
