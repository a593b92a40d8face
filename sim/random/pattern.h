// SPDX-License-Identifier: Apache-2.0
// Test data of scenarios and random streams: bytes by pattern, and a digest to compare them by.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpudmar::random {

/// Byte `index` of a pattern; pattern 0 is all zeroes.
[[nodiscard]] inline std::uint8_t pattern_byte(std::uint64_t pattern, std::uint64_t index) {
  if (pattern == 0) return 0;
  std::uint64_t x = pattern * 0x9E37'79B9'7F4A'7C15ULL + (index >> 3U);  // splitmix64
  x = (x ^ (x >> 30U)) * 0xBF58'476D'1CE4'E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D0'49BB'1331'11EBULL;
  x ^= x >> 31U;
  return static_cast<std::uint8_t>(x >> (8 * (index & 7)));
}

/// FNV-1a, 64 bits.
[[nodiscard]] inline std::uint64_t digest(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325ULL;
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100'0000'01B3ULL;
  return hash;
}

}  // namespace gpudmar::random
