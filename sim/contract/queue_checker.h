// SPDX-License-Identifier: Apache-2.0
// Follows the invalidation queue on the buses and measures batches of invalidations.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "sim/bench/cycle_view.h"
#include "sim/contract/contract_setup.h"
#include "sim/contract/measurements.h"

namespace gpudmar::sim {

/// A batch is what one write of the tail hands over while the unit has nothing else to do: IOTLB
/// invalidations and one wait with a status behind them (VT-d 5.3, 5.4, 5.7).
class QueueChecker {
 public:
  QueueChecker(const ContractSetup& setup, Measurements& measurements)
      : setup_(setup), measurements_(measurements) {}

  /// Reads and writes at m_axi_table in this cycle. `quiet` below is what the unit was before them.
  void table_bus(const CycleView& view);
  /// A register write in this cycle; `quiet`: no request, table access or batch is under way.
  void register_write(const CycleView& view, bool quiet);
  /// Something happened that a batch would have to wait for.
  void disturb();
  void reset();

  /// A batch is being measured.
  [[nodiscard]] bool measuring() const { return batch_ && batch_->valid; }
  /// Descriptors may be under way: the tail was moved, and the status of the last wait was not written yet.
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  using Descriptor = std::array<std::uint64_t, 2>;
  struct Read {
    std::uint64_t cycle = 0;
    std::uint64_t address = 0;
    unsigned size = 0;
    unsigned beats = 1;
    unsigned beat = 0;
    std::uint64_t behind = 0;  ///< beats of others that came first
  };
  struct Batch {
    std::uint64_t cycle = 0;  ///< of the tail write
    std::uint64_t first = 0;  ///< byte offset in the queue
    unsigned count = 0;
    unsigned reads = 0;
    std::uint64_t latency = 0;  ///< longest of all beats, without a cycle for each beat before them
    bool valid = true;
  };

  void tail_write(std::uint64_t cycle, std::uint64_t tail, bool quiet);
  void take(const Read& read, const BeatData& data);
  void status_write(std::uint64_t cycle, std::uint64_t address, const AxiMasterOut& bus);
  void measure(std::uint64_t cycle);
  [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{4096} << (base_ & 7); }
  [[nodiscard]] std::uint64_t start() const { return base_ & ~std::uint64_t{0xFFF}; }

  ContractSetup setup_;
  Measurements& measurements_;
  std::deque<Read> reads_;
  std::map<std::uint64_t, Descriptor> seen_;  ///< by byte offset, since the queue was idle
  std::optional<Batch> batch_;
  std::uint64_t write_address_ = 0;  ///< latest at m_axi_table
  std::uint64_t base_ = 0;           ///< IQA
  std::uint64_t tail_ = 0;           ///< bytes
  bool busy_ = false;
};

}  // namespace gpudmar::sim
