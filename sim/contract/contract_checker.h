// SPDX-License-Identifier: Apache-2.0
// Measures every occurrence of every promise of the cycle contract, from bus and probe events only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/axi/axi_monitor.h"
#include "sim/bench/cycle_view.h"
#include "sim/contract/contract.h"

namespace gpudmar::sim {

/// What the checker has to know about the hardware.
struct ContractSetup {
  unsigned pipe = 0;
  unsigned adapters = 2;
  unsigned bus_bytes = 32;
  unsigned id_bits = 4;          ///< of a requester; an id at m_axi_data is {port, id}
  std::uint32_t queue_id = ~0U;  ///< of descriptor fetches at m_axi_table; other reads are walks'
};

/// Occurrences of one promise.
struct Measurement {
  std::uint64_t occurrences = 0;
  std::uint64_t breaches = 0;
  std::map<std::uint64_t, std::uint64_t> histogram;  ///< measured cycles to count
  std::map<std::int64_t, std::uint64_t> deviation;   ///< measured - promised to count
};

class ContractChecker final : public CycleObserver {
 public:
  using Report = std::function<void(const Violation&)>;
  /// A breach is reported as rule "contract.<name>". Throws std::invalid_argument when a promise has no
  /// formula for the pipe.
  ContractChecker(Contract contract, ContractSetup setup, Report report);

  void observe(const CycleView& view) override;
  void reset() override;
  void iommu_reset() override { reset(); }
  void finish(std::uint64_t /*cycle*/) override {}

  /// Report promises of which `scenario` must show more occurrences than it did.
  void check_minimum(const std::string& scenario, std::uint64_t cycle);

  [[nodiscard]] const Contract& contract() const { return contract_; }
  /// By promise name.
  [[nodiscard]] const std::map<std::string, Measurement>& measurements() const { return measurements_; }

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
    std::uint64_t latency = 0;
  };
  struct TableRead {
    std::uint64_t cycle = 0;
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    unsigned size = 0;
    unsigned beat = 0;
  };
  /// An invalidation under way that may qualify.
  struct Invalidation {
    std::uint64_t cycle = 0;
    std::uint64_t first = 0;  ///< address of the first descriptor
    unsigned reads = 0;
    std::uint64_t latency = 0;
    std::array<std::uint64_t, 4> qwords{};
    unsigned seen = 0;  ///< bit per qword
    bool valid = true;
  };

  void responses(const CycleView& view);
  void table_bus(const CycleView& view);
  void departures(const CycleView& view);
  void departure(std::uint64_t cycle, bool write, bool valid, bool ready, std::uint32_t data_id);
  void arrivals(const CycleView& view);
  void write_data(const CycleView& view);
  void registers(const CycleView& view);
  void descriptor_data(const TableRead& read, const BeatData& data);
  void disturb();
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] Request* oldest(unsigned port, bool write, std::uint32_t id, bool leaving);
  void fault(std::uint64_t cycle, const Request& request);
  void measure(PromiseKind kind, std::uint64_t start, std::uint64_t end, unsigned reads,
               std::uint64_t latency, std::uint64_t wlast);

  Contract contract_;
  ContractSetup setup_;
  Report report_;
  std::map<std::string, Measurement> measurements_;
  std::deque<Request> requests_;  ///< arrived, not yet answered, by age
  std::deque<TableRead> table_reads_;
  unsigned table_writes_ = 0;                                  ///< not answered yet
  std::array<std::deque<std::uint64_t>, kMaxAdapters> wlast_;  ///< WLASTs without their address, by port
  std::optional<Invalidation> invalidation_;
  bool remapping_ = false;
  std::uint64_t queue_base_ = 0;
  std::uint64_t tail_ = 0;
};

}  // namespace gpudmar::sim
