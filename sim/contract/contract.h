// SPDX-License-Identifier: Apache-2.0
// The cycle contract as data: promises with their events, conditions and formulas, read from contract.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::sim {

/// cycles = latency * (sum of the measured table latencies) + reads * (number of table reads) + constant,
/// and, where `wlast` is set, at least `wlast` cycles after WLAST.
struct Formula {
  unsigned latency = 0;
  unsigned reads = 0;
  unsigned constant = 0;
  unsigned wlast = 0;
};

/// What the checker knows how to recognise on the buses.
enum class PromiseKind { kHit, kMiss, kInvalidate, kReadFault, kWriteFault };

struct Promise {
  std::string name;
  std::string text;
  std::string start;
  std::string end;
  std::string applies;
  PromiseKind kind = PromiseKind::kHit;
  bool at_most = false;                     ///< a bound; otherwise every cycle more or less is a breach
  unsigned reads = 0;                       ///< exact number of table reads; 0: any
  std::vector<Formula> pipe;                ///< by Pipe
  std::map<std::string, unsigned> minimum;  ///< occurrences that a scenario must have
};

class Contract {
 public:
  /// Throws std::invalid_argument that names the promise and what is wrong with it.
  [[nodiscard]] static Contract parse(std::string_view json);
  /// sim/contract/contract.json, as built in.
  [[nodiscard]] static Contract standard();

  [[nodiscard]] const std::vector<Promise>& promises() const { return promises_; }

 private:
  std::vector<Promise> promises_;
};

}  // namespace gpudmar::sim
