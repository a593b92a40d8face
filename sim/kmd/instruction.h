// SPDX-License-Identifier: Apache-2.0
// What an x86-64 instruction does to memory, as far as a trapped register access needs to know.
#pragma once

#include <cstdint>
#include <optional>

namespace gpudmar::sim::kmd {

struct MemoryAccess {
  unsigned bytes = 0;
  bool reads = false;
  bool writes = false;
};

/// The access of the instruction at `code` to its memory operand. nullopt: none that a driver would use on
/// registers. `faulted_writing`: which operand of a string move it is.
[[nodiscard]] std::optional<MemoryAccess> decode_access(const std::uint8_t* code, bool faulted_writing);

}  // namespace gpudmar::sim::kmd
