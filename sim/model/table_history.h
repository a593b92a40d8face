// SPDX-License-Identifier: Apache-2.0
// What the translation tables held, and when: every qword that a reference walk has touched, with its past
// values.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sim/model/memory_view.h"

namespace gpudmar::model {

/// Position in the order of events (not a cycle: several events of one cycle have an order too).
using Sequence = std::uint64_t;
inline constexpr Sequence kForever = std::numeric_limits<Sequence>::max();

/// A value that stood in memory during [start, end).
struct Version {
  std::optional<std::uint64_t> value;
  Sequence start = 0;
  Sequence end = kForever;
};

/// History of table qwords. A qword is followed from the first time somebody asks for it.
class TableHistory {
 public:
  /// Past values kept of one qword; older ones are forgotten (they can then no longer explain a translation).
  static constexpr std::size_t kMaxVersions = 8;

  explicit TableHistory(const MemoryView& memory) : memory_(memory) {}

  /// Versions of the qword at `pa`, oldest first; the last one is current. Valid until the next call on this
  /// object.
  [[nodiscard]] const std::vector<Version>& versions(std::uint64_t pa);

  /// The CPU may have written [pa, pa + bytes). Returns true if a followed qword changed.
  bool changed(Sequence now, std::uint64_t pa, std::uint64_t bytes);

  /// Compare every qword of one walk with memory, for stores nobody announced. True if one differed.
  bool refresh(Sequence now, const std::vector<std::uint64_t>& qwords);

 private:
  bool update(Sequence now, std::uint64_t pa);

  const MemoryView& memory_;
  std::unordered_map<std::uint64_t, std::vector<Version>> qwords_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> pages_;  ///< followed qwords of a 4 KiB page
};

}  // namespace gpudmar::model
