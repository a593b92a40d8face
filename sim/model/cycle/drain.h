// SPDX-License-Identifier: Apache-2.0
// Requests of one direction that have an output address and no answer, per port and id, and who waits for
// them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

class Drain {
 public:
  static constexpr unsigned kIds = 256;
  Drain() : under_way_(kMaxPorts * kIds), owed_(kMaxPorts * kIds) {}

  /// Nothing under way for the port and id.
  [[nodiscard]] bool idle(unsigned port, unsigned id) const { return under_way_[port * kIds + id] == 0; }
  [[nodiscard]] bool idle() const { return total_ == 0; }
  /// Tells user `u` (0 queue, 1 registers) in this cycle that its drain is over.
  [[nodiscard]] bool done(unsigned u) const { return active_[u] && owed_total_ == 0; }

  void step(const std::vector<Answer>& pushed, const std::optional<Answer>& answered,
            const std::array<bool, 2>& wanted);

 private:
  std::vector<unsigned> under_way_, owed_;
  unsigned total_ = 0, owed_total_ = 0;
  std::array<bool, 2> active_{};
};

}  // namespace gpudmar::model::cycle
