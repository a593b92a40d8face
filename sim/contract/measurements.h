// SPDX-License-Identifier: Apache-2.0
// What was measured of each promise, and the comparison with what was promised.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "sim/axi/axi_monitor.h"
#include "sim/contract/contract.h"

namespace gpudmar::sim {

/// Occurrences of one promise.
struct Measurement {
  std::uint64_t occurrences = 0;
  std::uint64_t breaches = 0;
  std::map<std::uint64_t, std::uint64_t> histogram;  ///< measured cycles to count
  std::map<std::int64_t, std::uint64_t> deviation;   ///< measured - promised to count
};

class Measurements {
 public:
  using Report = std::function<void(const Violation&)>;
  /// A breach is reported as rule "contract.<name>". Throws std::invalid_argument when a promise has no
  /// formula for the pipe.
  Measurements(Contract contract, unsigned pipe, Report report);

  /// Compares with each promise of the kind (and number of table reads) that the contract has.
  void record(PromiseKind kind, const Occurrence& of);
  /// Reports promises of which `scenario` must show more occurrences than it did.
  void check_minimum(const std::string& scenario, std::uint64_t cycle) const;

  [[nodiscard]] unsigned pipe() const { return pipe_; }
  [[nodiscard]] const Contract& contract() const { return contract_; }
  /// By promise name.
  [[nodiscard]] const std::map<std::string, Measurement>& all() const { return all_; }

 private:
  Contract contract_;
  unsigned pipe_;
  Report report_;
  std::map<std::string, Measurement> all_;
};

}  // namespace gpudmar::sim
