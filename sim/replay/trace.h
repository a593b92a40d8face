// SPDX-License-Identifier: Apache-2.0
// A trace as data: read from its lines, checked, nested. docs/replay.md has the format.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/replay/functions.h"
#include "sim/scenario/scenario.h"

namespace gpudmar::sim::replay {

/// A trace is wrong; what() is "file:line: what is wrong".
class TraceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One line.
struct Event {
  enum class Kind { kCallback, kEntryPoint, kSystem, kRegister, kDma, kFault, kEnd };
  Kind kind{};
  unsigned line = 0;
  std::string name;         ///< function, action or window
  std::string thread;       ///< who makes it
  std::uint64_t begin = 0;  ///< place in the order of all begins and ends
  std::uint64_t end = 0;    ///< 0: it did not end
  std::optional<std::uint64_t> begin_cycle;
  std::optional<std::uint64_t> end_cycle;
  unsigned epoch = 0;  ///< reboots before it
  int adapter = -1;
  unsigned irql = 0;
  std::string process;
  bool null = false;  ///< a callback without a structure
  nlohmann::json in = nlohmann::json::object();
  nlohmann::json out;                 ///< null: nothing is known
  std::optional<std::string> status;  ///< a name, or a number as text
  nlohmann::json bugcheck;            ///< null: none
  nlohmann::json data;                ///< of register, dma, fault, end
  std::vector<std::size_t> children;  ///< what was done inside it, in the same thread, in order
  std::optional<std::size_t> parent;
  nlohmann::json text;  ///< the line
};

struct Trace {
  std::string file;
  nlohmann::json head;
  Scenario system;            ///< machine and start; its steps are not used
  std::vector<Event> events;  ///< by begin
  /// The system's own actions are told. Without them a replay starts the system before the first call, and
  /// never stops it.
  bool has_actions = false;
  /// Every event has its cycle, and registers are told.
  bool exact = false;
  std::uint64_t call_cycles = 0;   ///< that a call into the kernel costs
  std::uint64_t reset_cycles = 0;  ///< that the system waits after ResetFromTimeout
};

/// Throws TraceError; nothing of a wrong trace is replayed. `file` appears in messages.
[[nodiscard]] Trace parse_trace(const std::string& text, const std::string& file);
/// Throws TraceError when the file cannot be read, too.
[[nodiscard]] Trace load_trace(const std::string& path);
/// "file:line".
[[nodiscard]] std::string place_of(const Trace& trace, const Event& event);
/// Names of handles that an event brings into being, and those that it uses.
[[nodiscard]] std::vector<std::string> names_made(const Event& event);
[[nodiscard]] std::vector<std::string> names_used(const Event& event);
/// Where in a line a name stands: "in.hAdapter".
[[nodiscard]] std::string key_of(const nlohmann::json& line, const std::string& name);
/// The index of the adapter of a name like "gpu0".
[[nodiscard]] std::optional<unsigned> adapter_named(const std::string& name);

}  // namespace gpudmar::sim::replay
