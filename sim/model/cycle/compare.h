// SPDX-License-Identifier: Apache-2.0
// Predicted against seen events, in lock-step.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

/// Pairs the events of each kind in their order. The allowed difference is 0.
class Comparison {
 public:
  /// The events of one cycle.
  void add(std::uint64_t cycle, const std::vector<Event>& expected, const std::vector<Event>& actual);
  /// No more cycles come: what has no partner has none.
  void finish();

  [[nodiscard]] bool agrees() const { return outside_ == 0; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t events(Kind kind) const { return of_kind_[static_cast<unsigned>(kind)]; }
  /// Events that were not predicted to the cycle.
  [[nodiscard]] std::uint64_t outside() const { return outside_; }
  /// The largest difference of a pair, in cycles.
  [[nodiscard]] std::uint64_t max_difference() const { return max_difference_; }
  /// The first difference and the events before it.
  [[nodiscard]] const std::string& report() const { return report_; }

 private:
  static constexpr std::uint64_t kPatience = 256;  ///< cycles that an event waits for its partner
  static constexpr std::size_t kHistory = 32;
  void pair(const Event& expected, const Event& actual);
  void differs(const Event* expected, const Event* actual);
  void expire(std::uint64_t before);

  std::array<std::deque<Event>, kKinds> expected_, actual_;
  std::array<std::uint64_t, kKinds> of_kind_{};
  std::deque<std::string> history_;
  std::uint64_t events_ = 0, outside_ = 0, max_difference_ = 0;
  std::string report_;
};

}  // namespace gpudmar::model::cycle
