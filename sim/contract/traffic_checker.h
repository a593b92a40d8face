// SPDX-License-Identifier: Apache-2.0
// Measures what requests cost among others: hits that overtake misses, misses beside misses, the steps of
// walks.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "sim/bench/cycle_view.h"
#include "sim/contract/contract_setup.h"
#include "sim/contract/measurements.h"

namespace gpudmar::sim {

/// Works from bus events alone, so it has no opinion of its own about what is cached. A walk of a page reads,
/// at each level, the entry that the page's bits name, so a request during whose stay no table read fits its
/// page has not missed; one that exactly one read of a leaf fits has missed with all upper levels cached.
class TrafficChecker {
 public:
  TrafficChecker(const ContractSetup& setup, Measurements& measurements)
      : setup_(setup), measurements_(measurements) {}

  /// `queue_busy`: invalidations may be under way.
  void observe(const CycleView& view, bool remapping, bool queue_busy);
  /// Writes wait for the data of those before them.
  void hold_writes();
  /// A command changes what requests wait for.
  void disturb();
  void reset();

 private:
  struct Request {
    std::uint64_t cycle = 0;
    unsigned port = 0;
    std::uint32_t id = 0;
    bool write = false;
    std::uint64_t page = 0;
    bool out = false;
    bool failing = false;                     ///< an error answer has begun
    bool on_time = false;                     ///< nothing has been in its way if it is a hit
    bool behind = false;                      ///< misses were inside when it came
    bool miss = false;                        ///< may be a miss of a leaf
    unsigned leaves = 0;                      ///< table reads that fit its leaf
    bool others = false;                      ///< table reads fit it otherwise
    std::uint64_t issued = 0, answered = 0;   ///< cycles of the first that fits
    std::uint64_t in_flight = 0;              ///< table reads when it came
    std::uint64_t reads = 0, reads_then = 0;  ///< counts of table reads: when it came, with its own
    std::uint64_t arrivals = 0, departures = 0, steps = 0, disturbances = 0;  ///< counts when it came
  };
  struct TableRead {
    std::uint64_t cycle = 0;
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    bool entry16 = false;  ///< root or context entry
    std::uint64_t disturbances = 0;
    bool answered = false;
    std::uint64_t first = 0;  ///< cycle of its first beat
  };
  /// A table that the entry just read leads to.
  struct Step {
    std::uint64_t cycle = 0;
    std::uint64_t table = 0;
    std::uint64_t disturbances = 0;
  };

  void responses(const CycleView& view);
  void table_bus(const CycleView& view);
  void beat(std::uint64_t cycle, TableRead& read, const BeatData& data);
  void departure(std::uint64_t cycle, bool write, bool valid, bool ready, std::uint32_t data_id);
  void arrival(std::uint64_t cycle, unsigned port, bool write, std::uint32_t id, std::uint64_t address);
  void arrivals(const CycleView& view);
  void fit(Request& request, const TableRead& read);
  void leaves(std::uint64_t cycle, Request& request);

  ContractSetup setup_;
  Measurements& measurements_;
  std::deque<Request> requests_;         ///< arrived and not yet answered
  std::deque<TableRead> reads_;          ///< of walks; those answered stay a few cycles
  std::map<std::uint32_t, Step> steps_;  ///< by id
  bool remapping_ = false;
  bool queue_busy_ = false;
  std::uint64_t read_count_ = 0, arrival_count_ = 0, departure_count_ = 0, step_count_ = 0;
  std::uint64_t disturbance_count_ = 0;  ///< stalls, descriptors, errors
};

}  // namespace gpudmar::sim
