// SPDX-License-Identifier: Apache-2.0
// Random traffic for the cycle model: tables, requests, hints, changes, invalidations, commands, by seed.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "tests/rtl/iommu/iommu_bench.h"

namespace gpudmar::test {

/// Chances per cycle in 1/1000, and sizes.
struct TrafficMix {
  unsigned ports = kPorts;
  unsigned ids = 4;
  unsigned pages = 16;
  unsigned large = 170;  ///< of 1000 pages: 2 MiB or 1 GiB
  unsigned max_beats = 4;
  unsigned read = 300, write = 0, hint = 0;
  unsigned odd = 0;         ///< of 1000 requests: other attributes and addresses
  unsigned damage = 0;      ///< of 1000 pages: an entry that faults
  unsigned store = 0;       ///< the tables change
  unsigned invalidate = 0;  ///< a batch of descriptors with a wait
  unsigned command = 0;     ///< TE, root pointer
  unsigned stall = 0;       ///< of 1000 cycles in which requesters take no answer
};

class CycleTraffic {
 public:
  CycleTraffic(IommuBench& bench, std::uint64_t seed, const TrafficMix& mix);
  /// Tables and registers; false on a time-out.
  bool bring_up();
  /// What comes new in this cycle, then the cycle.
  void step();

 private:
  static constexpr std::size_t kOpen = 120;
  static constexpr unsigned kDescriptors = 200;
  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  bool chance(unsigned per_mille) { return pick(1000) < per_mille; }
  void make_pages();
  std::uint64_t leaf_value(unsigned level);
  std::uint64_t parts_of(unsigned level);
  void set_context(unsigned port);
  void request(bool write);
  void change();
  void invalidate();
  void command();
  void recover();
  std::uint64_t an_iova();

  IommuBench& bench_;
  TrafficMix mix_;
  std::mt19937_64 random_;
  std::uint64_t tables_[2] = {};
  struct Page {
    std::uint64_t iova = 0, entry = 0;
    unsigned level = 1;
    std::uint64_t parts = 0;  ///< of a large page: table of smaller ones that may stand in its place
  };
  std::vector<Page> pages_;
  std::vector<BurstPtr> open_;
  std::deque<std::pair<std::uint32_t, unsigned>> waits_;  ///< status value, descriptors
  unsigned descriptors_ = 0;                              ///< not known to be executed
};

}  // namespace gpudmar::test
