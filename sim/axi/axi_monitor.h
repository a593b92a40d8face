// SPDX-License-Identifier: Apache-2.0
// Watches one AXI4 bus: one function per rule, each violation reported by the rule's name, "axi.<rule>".
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "sim/axi/axi.h"

namespace gpudmar::sim {

/// What the monitored bus promises beyond AXI4 itself.
struct AxiMonitorConfig {
  std::string name = "axi";       ///< of the bus, for messages
  unsigned bus_bytes = 32;        ///< 8, 16, 32 or 64
  bool rready_constant = true;    ///< RREADY never falls outside reset
  std::uint64_t hang_cycles = 0;  ///< a burst older than this is a violation; 0 = unlimited
};

/// A broken rule.
struct Violation {
  std::uint64_t cycle = 0;
  std::string rule;     ///< "axi.r_stable"
  std::string message;  ///< names the bus and the values
};

/// Rules (IHI0022 A3): `axi.ar_stable` `aw_stable` `w_stable` `r_stable` `b_stable` (VALID and payload stay
/// until READY), `ar_4k` `aw_4k` (no burst crosses 4 KiB), `ar_size` `aw_size` (a beat fits the bus), `wlast`
/// (WLAST on the last beat and only there), `w_count` (no data beyond the addresses' beats), `strobe` (no
/// strobe outside the beat's bytes), `r_id` (R answers an outstanding id), `rlast` (RLAST on the last beat of
/// the oldest burst of the id), `b_id` (B answers an outstanding id), `b_early` (B after WLAST), `rready`
/// (RREADY constantly 1), `hang` (an answer within hang_cycles), `incomplete` (nothing in flight at the end),
/// `reset` (no VALID in the cycle after reset).
class AxiMonitor {
 public:
  using Report = std::function<void(const Violation&)>;
  AxiMonitor(AxiMonitorConfig config, Report report);

  /// Once a cycle, with the signals of that cycle.
  void observe(std::uint64_t cycle, const AxiMasterOut& m, const AxiSlaveOut& s);
  /// The bus is in reset: forget what was in flight.
  void reset();
  /// The run is over: report bursts that were never answered.
  void finish(std::uint64_t cycle);

  /// Names of all rules, with their prefix.
  [[nodiscard]] static const std::vector<std::string>& rules();

  [[nodiscard]] bool idle() const { return reads_.empty() && writes_.empty(); }
  [[nodiscard]] std::uint64_t read_bursts() const { return read_bursts_; }
  [[nodiscard]] std::uint64_t write_bursts() const { return write_bursts_; }
  [[nodiscard]] std::uint64_t beats() const { return beats_; }

 private:
  struct Burst {
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    unsigned len = 0;
    unsigned size = 0;
    unsigned beats = 0;  ///< transferred
    std::uint64_t cycle = 0;
    bool hang_reported = false;
  };
  struct WBeat {
    std::uint64_t strobe;
    bool last;
  };

  void violate(const char* rule, const std::string& what);
  void check_ar_stable(const AxiMasterOut& m, const AxiSlaveOut& s);
  void check_aw_stable(const AxiMasterOut& m, const AxiSlaveOut& s);
  void check_w_stable(const AxiMasterOut& m, const AxiSlaveOut& s);
  void check_r_stable(const AxiMasterOut& m, const AxiSlaveOut& s);
  void check_b_stable(const AxiMasterOut& m, const AxiSlaveOut& s);
  void check_boundary(const char* rule, const Burst& burst);
  void check_size(const char* rule, const Burst& burst);
  void check_rready(const AxiMasterOut& m);
  void check_reset(const AxiMasterOut& m);
  void check_hang();
  void check_strobe(const Burst& burst, std::uint64_t strobe);
  void check_wlast(const Burst& burst, bool last);
  void check_w_count();
  void take_read_data(const AxiSlaveOut& s);
  void take_response(const AxiSlaveOut& s);
  void bind_write_data();

  AxiMonitorConfig config_;
  Report report_;
  std::uint64_t cycle_ = 0;
  bool after_reset_ = true;
  bool have_previous_ = false;
  AxiMasterOut m_;  ///< of the cycle before
  AxiSlaveOut s_;
  std::deque<Burst> reads_;
  std::deque<Burst> writes_;
  std::deque<WBeat> early_;  ///< W beats ahead of their address
  bool early_reported_ = false;
  std::uint64_t next_hang_check_ = 0;
  std::uint64_t read_bursts_ = 0;
  std::uint64_t write_bursts_ = 0;
  std::uint64_t beats_ = 0;
};

}  // namespace gpudmar::sim
