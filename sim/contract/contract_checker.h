// SPDX-License-Identifier: Apache-2.0
// Measures every occurrence of every promise of the cycle contract, from bus and probe events only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "sim/bench/cycle_view.h"
#include "sim/contract/contract_setup.h"
#include "sim/contract/engine_checker.h"
#include "sim/contract/measurements.h"
#include "sim/contract/queue_checker.h"
#include "sim/contract/traffic_checker.h"

namespace gpudmar::sim {

/// What a request costs that has the unit to itself is measured here; the rest by its parts.
class ContractChecker final : public CycleObserver {
 public:
  using Report = Measurements::Report;
  /// A breach is reported as rule "contract.<name>". Throws std::invalid_argument when a promise has no
  /// formula for the pipe.
  ContractChecker(Contract contract, ContractSetup setup, Report report);

  void observe(const CycleView& view) override;
  void reset() override;
  void iommu_reset() override;
  /// The run is over; see contract_log.h.
  void finish(std::uint64_t cycle) override;

  /// Reports promises of which `scenario` must show more occurrences than it did.
  void check_minimum(const std::string& scenario, std::uint64_t cycle) const {
    measurements_.check_minimum(scenario, cycle);
  }

  [[nodiscard]] const Contract& contract() const { return measurements_.contract(); }
  /// By promise name.
  [[nodiscard]] const std::map<std::string, Measurement>& measurements() const { return measurements_.all(); }

 private:
  /// A request inside the unit.
  struct Request {
    std::uint64_t cycle = 0;
    unsigned port = 0;
    std::uint32_t id = 0;
    bool write = false;
    bool out = false;
    bool failing = false;     ///< an error answer has begun
    bool hit_so_far = false;  ///< qualifies for the hit promise
    bool alone = false;       ///< qualifies for miss and fault promises
    bool has_wlast = false;
    std::uint64_t wlast = 0;  ///< cycle of WLAST
    unsigned reads = 0;       ///< table reads since arrival
    bool cold = false;        ///< root and context entries among them
    std::uint64_t latency = 0;
  };
  struct TableRead {
    std::uint64_t cycle = 0;
    std::uint32_t id = 0;
  };

  void forget();
  [[nodiscard]] EngineChecker::HostPort host_port(const CycleView& view) const;
  void responses(const CycleView& view);
  void table_bus(const CycleView& view);
  void departures(const CycleView& view);
  void write_room(const CycleView& view);
  void departure(std::uint64_t cycle, bool write, bool valid, bool ready, std::uint32_t data_id);
  void arrivals(const CycleView& view);
  void write_data(const CycleView& view);
  void registers(const CycleView& view);
  void disturb();
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] Request* oldest(unsigned port, bool write, std::uint32_t id, bool leaving);
  void fault(std::uint64_t cycle, const Request& request);

  ContractSetup setup_;
  Measurements measurements_;
  QueueChecker queue_;
  TrafficChecker traffic_;
  EngineChecker engine_;
  std::deque<Request> requests_;  ///< arrived, not yet answered, by age
  std::deque<TableRead> table_reads_;
  unsigned table_writes_ = 0;                                  ///< not answered yet
  std::array<std::deque<std::uint64_t>, kMaxAdapters> wlast_;  ///< WLASTs without their address, by port
  int unsent_writes_ = 0;  ///< at m_axi_data, their data to come; negative: it came first
  bool remapping_ = false;
  bool held_ = false;  ///< the IOMMU alone was reset, and its ports may be closed since
  /// A command was given in that cycle, and the unit has not been empty since.
  std::optional<std::uint64_t> command_;
};

}  // namespace gpudmar::sim
