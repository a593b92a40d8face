// SPDX-License-Identifier: Apache-2.0
// The invalidation queue: descriptors fetched ahead in bursts, executed one after the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "sim/model/cycle/registers.h"
#include "sim/model/cycle/table_port.h"
#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

class Queue {
 public:
  explicit Queue(const Config& config) : lanes_(std::max(1U, config.bus_bytes / 16)) {}

  [[nodiscard]] Flush flush() const;
  [[nodiscard]] std::optional<TableRead> wants_read(const Registers& registers) const;
  [[nodiscard]] Drains drains() const;
  [[nodiscard]] std::optional<StatusWrite> wants_status() const;
  [[nodiscard]] bool idle(const Registers& registers) const;
  /// It stops on an error in this cycle.
  [[nodiscard]] bool fails(const Registers& registers) const;

  struct Seen {
    bool read_taken = false;
    const TableBeat* beat = nullptr;  ///< of the queue
    Drains drained{};
    bool status_taken = false, status_answered = false, base_written = false;
    bool settled = true;  ///< both lanes
  };
  void step(const Registers& registers, const Seen& seen);

 private:
  static constexpr unsigned kBursts = 8;
  static constexpr unsigned kBurst = 16;  ///< descriptors; a burst ends where a multiple of this stands
  enum class State : std::uint8_t { kIdle, kFlush, kDrain, kStatus, kAnswer, kStopped };
  struct Burst {
    unsigned first_lane = 0;
    unsigned count = 0;
  };
  struct Descriptor {
    std::uint64_t low = 0, high = 0;
  };

  [[nodiscard]] bool at_hand() const { return state_ == State::kIdle && !bursts_.empty() && !beats_.empty(); }
  [[nodiscard]] unsigned lane() const { return (bursts_.front().first_lane + done_) % lanes_; }
  [[nodiscard]] Descriptor descriptor() const;
  [[nodiscard]] bool unusable(const Registers& registers) const;
  [[nodiscard]] bool bad() const;
  [[nodiscard]] Burst next_burst(const Registers& registers) const;
  void execute(const Descriptor& descriptor, bool settled);
  void advance(const Registers& registers, const Seen& seen, bool accepts, bool fails);

  unsigned lanes_;  ///< descriptors that come at once
  State state_ = State::kIdle;
  bool stopped_ = false;
  unsigned fetch_ = 0, head_ = 0, done_ = 0;
  unsigned flying_ = 0, held_ = 0;
  std::deque<Burst> bursts_;
  std::deque<TableBeat> beats_;
  Drains owed_{}, waits_{};
  Flush flush_;
  bool writes_status_ = false;
  StatusWrite status_;
};

}  // namespace gpudmar::model::cycle
