// SPDX-License-Identifier: Apache-2.0
// Numbers for random streams.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace gpudmar::random {

/// Numbers by seed, the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  [[nodiscard]] std::uint64_t any() { return engine_(); }
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(engine_() >> 11) * 0x1.0p-53 < probability;
  }
  template <typename T>
  [[nodiscard]] T of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace gpudmar::random
