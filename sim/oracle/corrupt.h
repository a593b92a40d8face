// SPDX-License-Identifier: Apache-2.0
// Other values for an entry: what it may not do any more, and what it must not be.
#pragma once

#include <cstdint>
#include <random>

namespace gpudmar::oracle {

/// Random numbers that are the same with every standard library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  /// 0 to n - 1.
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool percent(unsigned chance) { return below(100) < chance; }
  template <std::size_t N>
  std::uint64_t pick(const std::uint64_t (&values)[N]) {
    return values[below(N)];
  }
  std::uint64_t bits() { return random_(); }

 private:
  std::mt19937_64 random_;
};

/// A second-stage entry of level 1 to 4.
[[nodiscard]] std::uint64_t corrupt_entry(Dice& dice, std::uint64_t value, unsigned level);
[[nodiscard]] std::uint64_t corrupt_root(Dice& dice, std::uint64_t value);
/// A context entry. True: it may now lead to other translations than its domain's.
bool corrupt_context(Dice& dice, std::uint64_t& low, std::uint64_t& high);

}  // namespace gpudmar::oracle
