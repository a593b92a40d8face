// SPDX-License-Identifier: Apache-2.0
// Plays one race: tables, warm caches, requests and an invalidation at a given distance, late requests from
// the cycle after the status on; and the sweep over every distance.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/rtl/iommu/race_case.h"
#include "tests/rtl/iommu/race_judge.h"

namespace gpudmar::test::race {

/// Software that does it wrong, so that the judge has something to find.
enum class Mistake {
  kNone,
  kNoInvalidation,  ///< only the wait
  kWrongPage,
  kWrongDomain,
  kNoContext,   ///< the IOTLB alone after a context change
  kLeavesWays,  ///< IH = 1 after a change of a table
  kNoWait,      ///< goes on right after the tail write
  kNoDrain,     ///< without the DR and DW that it counts on
};

/// Distances: cycle of the change and tail write, minus cycle of the first request.
struct Window {
  int first = 0, last = 0;
};

class Race {
 public:
  [[nodiscard]] Observed run(const RaceCase& c, int distance, Mistake mistake = Mistake::kNone);
  /// From a request that comes wholly after the status to one that has wholly ended before the change, and a
  /// margin at both ends; measured on the unit itself.
  [[nodiscard]] Window window(const RaceCase& c);
  /// Cycles that the last run was under way: from the first event to the last answer.
  [[nodiscard]] std::uint64_t first_cycle() const { return first_cycle_; }
  [[nodiscard]] std::uint64_t last_cycle() const { return bench_.cycle(); }

 private:
  struct Issued {
    std::string name;
    BurstPtr burst;
  };
  struct Key {
    unsigned port;
    std::uint64_t page;
    bool write;
    bool operator<(const Key& other) const {
      return std::tie(port, page, write) < std::tie(other.port, other.page, other.write);
    }
  };
  using Verdicts = std::map<Key, Verdict>;

  void prepare(const RaceCase& c, std::uint64_t seed);
  void build(const RaceCase& c);
  void map_region(std::uint64_t table, unsigned leaf, std::uint64_t base);
  void warm(const RaceCase& c);
  void set_timing(const Timing& timing);
  void set_fast();
  void apply(const RaceCase& c);
  void poison();
  void invalidate(const RaceCase& c, Mistake mistake);
  void issue(const Step& step);
  void request(const std::string& name, unsigned port, bool write, unsigned id, std::uint64_t page,
               unsigned beats);
  void late_requests(std::uint64_t page);
  void look_at_caches(const RaceCase& c, Observed& seen);
  [[nodiscard]] Verdicts verdicts() const;
  [[nodiscard]] std::uint64_t neighbour() const;
  void collect(const RaceCase& c, Observed& seen);
  [[nodiscard]] int request_cycles(const RaceCase& c);
  [[nodiscard]] int invalidation_cycles(const RaceCase& c);

  IommuBench bench_{7};
  std::uint64_t old_ = 0, new_ = 0, other_ = 0;
  unsigned old_leaf_ = 1;
  std::uint64_t saved_ = 0;  ///< the entry that will appear
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      freed_;  ///< address, what stands there from the status on
  std::vector<Issued> issued_;
  Verdicts before_, after_;
  std::uint64_t first_cycle_ = 0, status_page_ = 0;
  std::uint32_t status_value_ = 0;
  std::map<std::string, int> request_cycles_, invalidation_cycles_;
};

}  // namespace gpudmar::test::race
