// SPDX-License-Identifier: Apache-2.0
// The rules that a step breaks, and which of them wins.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/random/reference.h"

namespace gpudmar::random {

inline constexpr std::uint32_t kPageReadOnly = 0x2;
inline constexpr std::uint32_t kPageReadWrite = 0x4;
inline constexpr std::uint32_t kPageWriteCopy = 0x8;
inline constexpr std::uint32_t kPageExecute = 0x10;

/// In the order in which errors win (docs/ddi-rules.md, "Precedence").
enum class Rank { kHandle, kEnum, kReserved, kAlignment, kRange, kType, kState, kResources };

class Reference::Ruling {
 public:
  void fail(Rank rank, const char* status, const char* rule) {
    broken_.push_back({rank, {status, 0, 0}, rule});
  }
  void stop(Rank rank, std::uint32_t code, std::uint64_t parameter, const char* rule) {
    broken_.push_back({rank, {"", code, parameter}, rule});
  }
  /// The step judges `rule` when nothing is broken.
  void rule(const char* rule) { kept_.emplace_back(rule); }
  void undecided(const char* why) { verdict_.undecided = why; }
  [[nodiscard]] Verdict& verdict() { return verdict_; }

  [[nodiscard]] Verdict decide() {
    const Broken* winner = nullptr;
    for (const Broken& b : broken_)
      if (winner == nullptr || b.rank < winner->rank) winner = &b;
    if (winner == nullptr) {
      verdict_.rules = kept_;
      return verdict_;
    }
    verdict_.expected = winner->expected;
    for (const Broken& b : broken_) {
      if (b.rank != winner->rank) continue;
      if (!(b.expected == winner->expected)) verdict_.undecided = "two rules of one rank";
      verdict_.rules.emplace_back(b.rule);
    }
    return verdict_;
  }

 private:
  struct Broken {
    Rank rank;
    Expected expected;
    const char* rule;
  };
  std::vector<Broken> broken_;
  std::vector<std::string> kept_;
  Verdict verdict_;
};

}  // namespace gpudmar::random
