// SPDX-License-Identifier: Apache-2.0
// The registers that the cycle model needs: root pointer, GCMD's steps, queue. Event messages stay masked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

/// A pair of drain flags: reads, writes.
using Drains = std::array<bool, 2>;

class Registers {
 public:
  [[nodiscard]] bool te() const { return te_; }
  [[nodiscard]] bool mode_ok() const { return mode_ == 0; }
  [[nodiscard]] std::uint64_t root() const { return root_; }
  [[nodiscard]] bool queue_on() const { return queue_on_; }
  [[nodiscard]] bool queue_error() const { return queue_error_; }
  [[nodiscard]] std::uint64_t queue_base() const { return ((queue_address_ >> 12) & kFrames) << 12; }
  [[nodiscard]] unsigned queue_slots() const { return 256U << (queue_address_ & 7); }
  [[nodiscard]] bool queue_wide() const { return ((queue_address_ >> 11) & 1) != 0; }
  [[nodiscard]] unsigned tail() const { return tail_; }
  [[nodiscard]] const Drains& drains() const { return drains_; }

  /// The new root table is adopted in this cycle.
  [[nodiscard]] bool root_changes(const Drains& drained) const {
    return step_ == Step::kRoot && want_root_ && quiet(drained);
  }
  /// The queue's base is written in this cycle.
  [[nodiscard]] bool base_written(const std::optional<RegisterWrite>& write) const;
  void step(const std::optional<RegisterWrite>& write, const Drains& drained, bool queue_idle,
            bool queue_fails);

 private:
  static constexpr std::uint64_t kFrames = (1ULL << (kHostBits - 12)) - 1;
  enum class Step : std::uint8_t { kIdle, kRoot, kTranslation, kQueue };
  [[nodiscard]] bool quiet(const Drains& drained) const {
    return (!drains_[0] || drained[0]) && (!drains_[1] || drained[1]);
  }

  Step step_ = Step::kIdle;
  bool want_root_ = false, want_te_ = false, want_queue_ = false;
  bool te_ = false, queue_on_ = false, queue_error_ = false;
  Drains drains_{};
  std::uint64_t root_pointer_ = 0, root_ = 0, queue_address_ = 0;
  unsigned mode_ = 0, tail_ = 0;
};

}  // namespace gpudmar::model::cycle
