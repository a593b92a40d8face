// SPDX-License-Identifier: Apache-2.0
// What `gpu-dmar kmd` does with a driver: the standard plan, or that of a file (docs/bring-your-driver.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace gpudmar::sim::kmd {

struct Step {
  enum class Kind {
    kStart,
    kStop,
    kWait,
    kPower,
    kReattach,
    kTrim,
    kEscape,
    kQuery,
    kAllocate,
    kWrite,
    kCheck,
    kResident,
    kEvict,
    kFill,
    kDiscard,
    kDeallocate,
    kHang,
    kRemove,
    kIsolate,
    kFail
  };
  Kind kind{};
  /// Cycles, device power state, pages, query type, pattern, word, submissions, allocations.
  std::uint64_t number = 0;
  std::vector<std::uint8_t> bytes{};  ///< escape: what goes in; allocate: the driver's private data
  std::uint64_t answer = 0;           ///< query: bytes of its output buffer
  std::string name{};                 ///< of an allocation
  std::string where{};                ///< resident: where it must be; empty: anywhere
  std::string choice{};               ///< power: action; fail: of what
  bool word = false;                  ///< write, check: `number` is a word, not a pattern
  bool given = true;                  ///< fail: `number` is there
  bool sticky = false;                ///< fail
  std::optional<unsigned> link{};     ///< power: nullopt is all of them; the others: the first
  std::vector<std::string> expect{};  ///< statuses, any of which it may end with; empty: success
  /// Of the standard plan: where the driver cannot be asked for it, it is left out.
  bool optional = false;
};

struct Plan {
  Scenario system;  ///< machine and start; its steps are not used
  std::vector<Step> steps;
};

/// Start, idle time, paging of an allocation with each of the private data, down to D3 and back, exclusive
/// access, memory pressure, idle time, stop.
[[nodiscard]] Plan standard_plan(const std::vector<std::vector<std::uint8_t>>& allocations = {});
/// Throws ScenarioError.
[[nodiscard]] Plan load_plan(const std::string& path);
/// As it stands in a file.
[[nodiscard]] std::string name_of(const Step& step);
/// Throws ScenarioError with `what` in front: pairs of hexadecimal digits only.
[[nodiscard]] std::vector<std::uint8_t> hex_bytes(const std::string& text, const std::string& what);

}  // namespace gpudmar::sim::kmd
