// SPDX-License-Identifier: Apache-2.0
// The IOMMU's rows of the benchmark, measured on the unit alone between two requesters and a memory of fixed
// latency.
#pragma once

#include "sim/contract/contract.h"
#include "tests/bench/results.h"
#include "tests/rtl/iommu/iommu_bench.h"

namespace gpudmar::bench {

/// One build of the unit.
struct IommuVariant {
  unsigned pipe = 0;
  unsigned walks = 16;
  unsigned iotlb_entries = 64;
};

/// Measures one row after the other, each on a unit just out of reset. A unit that hangs or breaks a bus rule
/// is a std::runtime_error.
class IommuRows {
 public:
  IommuRows(const IommuVariant& variant, const sim::Contract& contract, Results& results)
      : variant_(variant), contract_(contract), results_(results) {}

  void all();
  /// The cost of further invalidations and what is kept, as "...<entries>": for units whose IOTLB is large.
  void large_iotlb();

 private:
  class Unit;

  void hit_latency();
  void hit_rates();
  void hit_under_miss(unsigned latency);
  void miss_cold(unsigned latency);
  void miss_leaf(unsigned latency);
  void miss_rate(unsigned latency);
  void miss_contexts_cold(unsigned latency);
  void invalidate_pair(unsigned latency);
  void invalidate_extra(const std::string& name, unsigned filled);
  void fault_latency(unsigned latency);
  /// What the IOTLB's replacement keeps of pages that come again.
  void replacement(const std::string& suffix);

  /// Adds the worst of `values` against a promise in cycles whose occurrence makes `reads` table reads; where
  /// the promise is exact, the value that is furthest from it.
  void cycles(const std::string& name, const std::vector<std::uint64_t>& values, const std::string& promise,
              unsigned latency, unsigned reads);
  void rate(const std::string& name, double value, const std::string& promise, unsigned latency);

  IommuVariant variant_;
  const sim::Contract& contract_;
  Results& results_;
};

}  // namespace gpudmar::bench
