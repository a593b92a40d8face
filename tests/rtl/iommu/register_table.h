// SPDX-License-Identifier: Apache-2.0
// Row types of vtd_fields.h, and what an access type means for a reader and a writer.
#pragma once

#include <cstdint>
#include <vector>

namespace gpudmar::test {

enum class Access { kRO, kROS, kWO, kRW, kRW1C, kRW1CS };

struct FieldRow {
  const char* name;
  unsigned low;
  unsigned width;
  Access access;
  bool supported;  ///< false: reads 0, writes are ignored

  [[nodiscard]] std::uint64_t mask() const { return (~0ULL >> (64 - width)) << low; }
  [[nodiscard]] bool sticky() const {
    return supported && (access == Access::kROS || access == Access::kRW1CS);
  }
};

struct RegisterRow {
  const char* name;
  std::uint32_t offset;
  unsigned width;
  unsigned count;
  unsigned stride;
  bool reset_known;  ///< false: follows from the unit's parameters
  std::uint64_t reset;
  std::vector<FieldRow> fields;

  [[nodiscard]] std::uint32_t at(unsigned n) const { return offset + n * stride; }
  [[nodiscard]] unsigned bytes() const { return width / 8; }
  /// Bits of the supported fields that `chosen` accepts.
  template <typename Choice>
  [[nodiscard]] std::uint64_t mask(Choice chosen) const {
    std::uint64_t bits = 0;
    for (const auto& f : fields) {
      if (f.supported && chosen(f)) bits |= f.mask();
    }
    return bits;
  }
  [[nodiscard]] std::uint64_t writable() const {
    return mask([](const FieldRow& f) { return f.access == Access::kRW; });
  }
  [[nodiscard]] std::uint64_t readable() const {
    return mask([](const FieldRow& f) { return f.access != Access::kWO; });
  }
  [[nodiscard]] std::uint64_t sticky() const {
    return mask([](const FieldRow& f) { return f.sticky(); });
  }
};

/// A register of VT-d that the unit does not have.
struct AbsentRow {
  const char* name;
  std::uint32_t offset;
  unsigned dwords;
};

}  // namespace gpudmar::test
