// SPDX-License-Identifier: Apache-2.0
// Turns the signals of each cycle into the events of the VT-d scoreboard.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "sim/axi/axi_monitor.h"
#include "sim/bench/cycle_view.h"
#include "sim/mem/host_memory.h"
#include "sim/model/scoreboard.h"

namespace gpudmar::sim {

/// Feeds one scoreboard. Observes cycles and the memory's publish calls.
class ScoreboardFeed final : public CycleObserver, public MemoryObserver {
 public:
  using Report = std::function<void(const Violation&)>;
  /// `memory` must outlive the feed. Violations appear as rules "scoreboard.<kind>".
  ScoreboardFeed(const DutInfo& info, std::vector<std::uint16_t> source_ids, HostMemory& memory,
                 Report report);
  ~ScoreboardFeed() override;
  ScoreboardFeed(const ScoreboardFeed&) = delete;
  ScoreboardFeed& operator=(const ScoreboardFeed&) = delete;

  void observe(const CycleView& view) override;
  void reset() override;
  void iommu_reset() override;
  void finish(std::uint64_t cycle) override;
  void published(hw::PhysAddr address, std::size_t bytes) override;
  void refreshed(hw::PhysAddr /*address*/, std::size_t /*bytes*/) override {}

  /// Since the last reset of the machine.
  [[nodiscard]] model::Scoreboard::Counters counters() const {
    model::Scoreboard::Counters sum = before_;
    sum += scoreboard_->counters();
    return sum;
  }

 private:
  /// What the unit's own fetches see: RAM, qword by qword.
  struct View final : model::MemoryView {
    explicit View(HostMemory& memory) : memory(memory) {}
    [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override;
    HostMemory& memory;
  };
  struct TableWrite {
    std::uint64_t address;
    unsigned size;
    unsigned left;
    unsigned beat;
  };

  void start_scoreboard();
  void memory_side(const CycleView& view);
  void requester_responses(const CycleView& view);
  void table_writes(const CycleView& view);
  void departures(const CycleView& view);
  void arrivals(const CycleView& view);
  void registers(const CycleView& view);
  [[nodiscard]] unsigned port_of(std::uint32_t data_id) const { return data_id >> info_.id_bits; }
  [[nodiscard]] unsigned id_of(std::uint32_t data_id) const { return data_id & ((1U << info_.id_bits) - 1); }

  DutInfo info_;
  std::vector<std::uint16_t> source_ids_;
  HostMemory& memory_;
  View view_;
  Report report_;
  std::unique_ptr<model::Scoreboard> scoreboard_;  ///< a new one after each reset of the unit
  model::Scoreboard::Counters before_;             ///< of the earlier ones
  std::uint64_t cycle_ = 0;
  std::map<std::uint32_t, unsigned> worst_read_;  ///< worst RRESP so far, by data id
  std::array<std::uint64_t, 2> valid_since_{};    ///< AR, AW at m_axi_data
  std::array<bool, 2> was_valid_{};
  std::deque<TableWrite> table_aw_;
  std::deque<std::pair<BeatData, std::uint64_t>> table_w_;  ///< data, strobes
};

}  // namespace gpudmar::sim
