// SPDX-License-Identifier: Apache-2.0
// What the report shows of a run: figures over time, and how long things took.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/dut/dut.h"

namespace gpudmar::sim::timeline {

[[nodiscard]] const char* to_string(WalkEntry entry);

/// Cycles to how often.
using Histogram = std::map<std::uint64_t, std::uint64_t>;

/// Collects while the run goes on; memory does not grow with its length but by faults and kinds of calls.
class Figures {
 public:
  static constexpr std::size_t kMostBins = 400;
  static constexpr std::size_t kMostFaults = 200;

  /// One cycle: bytes at m_axi_data, and how much stands in each queue.
  struct Cycle {
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t requests = 0;     ///< inside the IOMMU and not yet on the bus
    std::uint64_t walks = 0;        ///< under way
    std::uint64_t batches = 0;      ///< of invalidation descriptors
    std::uint64_t descriptors = 0;  ///< of all DMA channels
  };
  struct Request {
    bool write = false;
    bool missed = false;
    bool blocked = false;
    std::uint64_t inside = 0;  ///< cycles from in to out; of a blocked one to its answer
    std::uint64_t whole = 0;   ///< cycles from in to the last answer
  };
  struct Fault {
    std::uint64_t cycle = 0;
    std::string reason;
    std::string source;
    std::uint64_t address = 0;
    bool write = false;
    bool recorded = false;
  };

  void cycle(std::uint64_t cycle, const Cycle& of);
  void request(std::uint64_t cycle, const Request& of);
  void entry_read(std::uint64_t cycle, WalkEntry entry);
  void walk(std::uint64_t cycles, bool hint) { ++durations_[hint ? "hinted walk" : "walk"][cycles]; }
  void batch(std::uint64_t cycles) { ++durations_["invalidation"][cycles]; }
  void descriptor(const std::string& operation, std::uint64_t cycles) {
    ++durations_["DMA " + operation][cycles];
  }
  void call(const std::string& name, std::uint64_t cycles, bool failed);
  void fault(Fault fault);

  /// For the report: "bin_cycles", "bins", "durations", "calls", "faults".
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  struct Bin {
    std::uint64_t cycles = 0;
    Cycle sums;
    std::uint64_t hits = 0, misses = 0, blocked = 0, faults = 0;
    std::array<std::uint64_t, kWalkEntries> entries{};
  };
  struct Calls {
    Histogram cycles;
    std::uint64_t failed = 0;
  };
  Bin& bin(std::uint64_t cycle);

  std::uint64_t bin_cycles_ = 32;
  std::vector<Bin> bins_;
  std::map<std::string, Histogram> durations_;
  std::map<std::string, Calls> calls_;
  std::vector<Fault> faults_;
  std::uint64_t fault_count_ = 0;
};

}  // namespace gpudmar::sim::timeline
