// SPDX-License-Identifier: Apache-2.0
// The unit's own bus with the memory behind it: reads of walks and queue in turns, status writes one at a
// time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

inline constexpr unsigned kQueueId = 127;

struct TableRead {
  unsigned id = 0;
  std::uint64_t address = 0;
  unsigned beats = 1;
  unsigned bytes = 8;  ///< of a beat; more than the bus has: several of its beats
};

struct TableBeat {
  unsigned id = 0;
  bool error = false;
  bool last = true;
  std::vector<std::uint64_t> data;  ///< quadwords from the read's own address on
};

struct StatusWrite {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
};

class TablePort {
 public:
  TablePort(const Config& config, const MemoryView& memory) : config_(config), memory_(memory) {}

  /// What is whole with the R beat of this cycle.
  [[nodiscard]] std::optional<TableBeat> beat(std::uint64_t cycle) const;
  /// Whether the queue is given the turn when it and (or not) the walkers ask.
  [[nodiscard]] bool queue_wins(bool walk_asks) const { return !walk_asks || !queue_was_last_; }
  [[nodiscard]] bool write_taken() const { return !busy_; }
  [[nodiscard]] bool write_answered(std::uint64_t cycle) const { return busy_ && cycle == answer_at_; }
  [[nodiscard]] const std::optional<TableRead>& address() const { return address_; }
  /// Of the read whose address is driven, as the bus counts them.
  [[nodiscard]] unsigned bus_beats() const { return address_->beats * parts(); }
  [[nodiscard]] const std::optional<StatusWrite>& write() const { return write_; }

  /// End of the cycle: the memory takes what is driven; what is asked for now is driven next.
  void step(std::uint64_t cycle, const std::optional<TableRead>& walk, const std::optional<TableRead>& queue,
            const std::optional<StatusWrite>& status);

 private:
  struct Flight {
    std::uint64_t ready_at = 0;
    std::deque<std::optional<TableBeat>> beats;  ///< of the bus; nothing is whole before the last part of it
  };
  /// Bus beats that make one of the read's.
  [[nodiscard]] unsigned parts() const { return std::max(1U, address_->bytes / config_.bus_bytes); }
  [[nodiscard]] Flight sample(std::uint64_t cycle) const;

  const Config& config_;
  const MemoryView& memory_;
  std::optional<TableRead> address_;  ///< driven in this cycle
  bool queue_was_last_ = false;
  std::deque<Flight> flights_;        ///< answered in order, one beat a cycle
  std::optional<StatusWrite> write_;  ///< driven in this cycle
  bool busy_ = false;
  std::uint64_t answer_at_ = 0;
};

}  // namespace gpudmar::model::cycle
