// SPDX-License-Identifier: Apache-2.0
// Names of registers and of the values of fields; the generated lists are made of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gpudmar::regs {

/// `count` registers, `stride` bytes apart.
struct RegisterName {
  const char* name;
  std::uint64_t offset;  ///< bytes
  unsigned bytes;
  unsigned count;
  std::uint64_t stride;
};

struct ValueName {
  std::uint64_t value;
  const char* name;
};

/// "IQT", "CH_TAIL[1]", "CAP+4"; "" where no register is.
template <std::size_t N>
[[nodiscard]] std::string name_register(const RegisterName (&names)[N], std::uint64_t offset) {
  for (const RegisterName& name : names) {
    for (unsigned i = 0; i < name.count; ++i) {
      const std::uint64_t first = name.offset + i * name.stride;
      if (offset < first || offset >= first + name.bytes) continue;
      std::string text = name.name;
      if (name.count > 1) text += "[" + std::to_string(i) + "]";
      if (offset != first) text += "+" + std::to_string(offset - first);
      return text;
    }
  }
  return {};
}

/// Its name, or the number.
template <std::size_t N>
[[nodiscard]] std::string name_value(const ValueName (&names)[N], std::uint64_t value) {
  for (const ValueName& name : names)
    if (name.value == value) return name.name;
  return std::to_string(value);
}

}  // namespace gpudmar::regs
