// SPDX-License-Identifier: Apache-2.0
// A bit field of a register or of a structure in memory; the generated register headers are made of these.
#pragma once

#include <cstdint>

namespace gpudmar::regs {

/// Bits [lsb, lsb + width) of a register (one quadword) or of a structure (an array of little-endian
/// quadwords). A field never crosses a quadword.
struct Field {
  unsigned lsb;
  unsigned width;

  [[nodiscard]] constexpr unsigned shift() const { return lsb % 64; }
  [[nodiscard]] constexpr unsigned quadword() const { return lsb / 64; }
  [[nodiscard]] constexpr std::uint64_t max() const { return width == 64 ? ~0ULL : (1ULL << width) - 1; }
  [[nodiscard]] constexpr std::uint64_t mask() const { return max() << shift(); }

  /// The field's value within its own quadword.
  [[nodiscard]] constexpr std::uint64_t get(std::uint64_t qw) const { return (qw >> shift()) & max(); }
  /// `value` placed at the field's position within its quadword; bits that do not fit are cut.
  [[nodiscard]] constexpr std::uint64_t put(std::uint64_t value) const { return (value & max()) << shift(); }
  /// `qw` with the field replaced.
  [[nodiscard]] constexpr std::uint64_t set(std::uint64_t qw, std::uint64_t value) const {
    return (qw & ~mask()) | put(value);
  }

  [[nodiscard]] constexpr std::uint64_t get(const std::uint64_t* qws) const { return get(qws[quadword()]); }
  constexpr void set(std::uint64_t* qws, std::uint64_t value) const {
    qws[quadword()] = set(qws[quadword()], value);
  }
};

}  // namespace gpudmar::regs
