// SPDX-License-Identifier: Apache-2.0
// Tells who waits for whom when something stands still for too long.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/axi/axi_monitor.h"
#include "sim/bench/cycle_view.h"

namespace gpudmar::sim {

/// One violation, `watchdog.stalled`, for each request of an adapter that the IOMMU has not answered within
/// `cycles`, and for each bus of the machine where an address or data stood without READY, or a burst without
/// its answer, for so long. A message of a request names what the IOMMU itself waits for then: an answer or a
/// READY of one of its two buses, or nothing outside it.
class Watchdog final : public CycleObserver {
 public:
  using Report = std::function<void(const Violation&)>;
  /// `cycles`: 0 = never.
  Watchdog(unsigned adapters, std::uint64_t cycles, Report report);

  void observe(const CycleView& view) override;
  void reset() override;
  void finish(std::uint64_t /*cycle*/) override {}

 private:
  struct Burst {
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    std::uint64_t cycle = 0;
    bool told = false;
  };
  /// VALID without READY.
  struct Offer {
    std::uint64_t address = 0;
    std::uint64_t since = 0;
    bool standing = false;
    bool told = false;
  };
  struct Bus {
    std::string name;
    std::string user;  ///< who drives it
    std::deque<Burst> reads, writes;
    Offer ar, aw, w;
  };

  void follow(Bus& bus, const AxiMasterOut& m, const AxiSlaveOut& s);
  void follow(unsigned adapter, const RequesterProbe& probe);
  void look();
  /// What the bus keeps its user waiting for; nullopt: nothing for half the limit.
  [[nodiscard]] std::optional<std::string> reason(const Bus& bus) const;
  void tell(const std::string& what);

  std::uint64_t limit_;
  Report report_;
  std::uint64_t cycle_ = 0;
  std::uint64_t next_look_ = 0;
  std::vector<Bus> buses_;  ///< data, table, VRAM of each adapter
  std::array<std::deque<Burst>, kMaxAdapters> reads_, writes_;
  unsigned adapters_;
};

}  // namespace gpudmar::sim
