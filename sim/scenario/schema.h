// SPDX-License-Identifier: Apache-2.0
// What a scenario file may say: one table, from which files are checked and the documentation is made.
#pragma once

#include <string>
#include <vector>

namespace gpudmar::sim {

enum class ValueKind {
  kText,
  kNumber,  ///< JSON number, or text with 0x and K, M, G, T
  kBool,
  kChoice,    ///< one of `choices`
  kNames,     ///< a number, or a list of `choices`
  kName,      ///< one of `choices`, or a number
  kTextList,  ///< list of texts
  kRam,       ///< list of [base, size]
  kReserved,  ///< list of objects: reserved_rule()
  kLinks,     ///< list of lists of adapters
  kAdapter,   ///< a number, or null
  kAdapters,  ///< list of numbers
  kBits,      ///< a number, or a list of numbers
  kMemory,    ///< object: kMemoryKeys
  kExpect,    ///< a status, a list of them, or {"bugcheck": code, "parameter": first parameter}
  kPlace,     ///< object: {"adl", "offset"}, {"allocation", "offset"}, {"vram"} or {"address"}
  kSteps,
  kThreads,  ///< list of lists of steps
  kMachine,
  kStart,
};

struct KeyRule {
  std::string name;
  ValueKind kind;
  bool required = false;
  std::string about;
  std::vector<std::string> choices{};
};

struct ObjectRule {
  std::string name;  ///< of the step; else what it is
  std::string about;
  std::vector<KeyRule> keys;
  /// Exactly one key of each group must be there.
  std::vector<std::vector<std::string>> one_of{};
};

[[nodiscard]] const ObjectRule& scenario_rule();
[[nodiscard]] const ObjectRule& machine_rule();
[[nodiscard]] const ObjectRule& memory_rule();
[[nodiscard]] const ObjectRule& reserved_rule();
[[nodiscard]] const ObjectRule& start_rule();
[[nodiscard]] const std::vector<ObjectRule>& step_rules();
/// Null: there is no such step.
[[nodiscard]] const ObjectRule* find_step(const std::string& name);

[[nodiscard]] std::string to_string(ValueKind kind);
/// The tables of docs/scenarios.md.
[[nodiscard]] std::string schema_markdown();

}  // namespace gpudmar::sim
