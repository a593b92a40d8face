// SPDX-License-Identifier: Apache-2.0
// The cycle contract as data: promises with their events, conditions and formulas, read from contract.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::sim {

/// One operation that was measured; what its promise's formula refers to.
struct Occurrence {
  std::uint64_t start = 0;    ///< cycle
  std::uint64_t end = 0;      ///< cycle
  unsigned reads = 0;         ///< table reads
  std::uint64_t latency = 0;  ///< sum of their cycles from AR to the beat that completes the entry
  std::uint64_t wlast = 0;    ///< cycle of WLAST, for formulas with that term
  std::uint64_t extra = 0;    ///< cycles for the work of others, or for further descriptors
  std::uint64_t rounds = 0;   ///< times that all walks were taken by others
};

/// cycles = latency * (sum of the measured table latencies) + reads * (number of table reads) + constant
/// + extra * (cycles for others) + rounds * (the latencies + round), and, where `wlast` is set, at least
/// `wlast` cycles after WLAST.
struct Formula {
  unsigned latency = 0;
  unsigned reads = 0;
  unsigned constant = 0;
  unsigned wlast = 0;
  unsigned extra = 0;
  unsigned round = 0;

  /// Cycles promised.
  [[nodiscard]] std::uint64_t cycles(const Occurrence& of) const {
    const std::uint64_t promised = latency * of.latency + reads * std::uint64_t{of.reads} + constant +
                                   extra * of.extra + of.rounds * (of.latency + round);
    return wlast != 0 && of.wlast + wlast > of.start + promised ? of.wlast + wlast - of.start : promised;
  }
};

/// What the checker knows how to recognise on the buses.
enum class PromiseKind {
  kHit,
  kHitBehindMiss,
  kMiss,
  kMissCold,  ///< root and context entries are read, too
  kMissAmongOthers,
  kWalkStep,
  kInvalidate,
  kInvalidateBatch,
  kReadFault,
  kWriteFault,
  kDmaLaunch,
  kDmaLaunchAperture,
  kDmaGap
};

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

/// What a rate depends on.
struct RateSetup {
  unsigned latency = 1;  ///< L
  unsigned walks = 16;   ///< in parallel
  unsigned descriptor_bytes = 16;
  unsigned bus_bytes = 32;
};

enum class RateKind { kFixed, kWalks, kQueue };

struct RateFormula {
  double constant = 0;
  unsigned latency = 0;
  double most = 0;
};

/// What a stream of operations reaches; the benchmark measures it.
struct Rate {
  std::string name;
  std::string text;
  std::string unit;
  RateKind kind = RateKind::kFixed;
  bool at_least = false;          ///< otherwise at most
  std::vector<RateFormula> pipe;  ///< by Pipe

  /// Throws std::invalid_argument when there is no formula for the pipe.
  [[nodiscard]] double promised(unsigned of_pipe, const RateSetup& setup) const;
};

class Contract {
 public:
  /// Throws std::invalid_argument that names the promise and what is wrong with it.
  [[nodiscard]] static Contract parse(std::string_view json);
  /// sim/contract/contract.json, as built in.
  [[nodiscard]] static Contract standard();
  /// From a file; throws std::invalid_argument, with its path, also when it cannot be read.
  [[nodiscard]] static Contract load(const std::string& path);

  [[nodiscard]] const std::vector<Promise>& promises() const { return promises_; }
  [[nodiscard]] const std::vector<Rate>& rates() const { return rates_; }
  /// By name; throw std::invalid_argument when there is none.
  [[nodiscard]] const Promise& promise(std::string_view name) const;
  [[nodiscard]] const Rate& rate(std::string_view name) const;

 private:
  std::vector<Promise> promises_;
  std::vector<Rate> rates_;
};

}  // namespace gpudmar::sim
