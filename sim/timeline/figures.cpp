// SPDX-License-Identifier: Apache-2.0
// Bins that grow with the run, and histograms.
#include "sim/timeline/figures.h"

#include <fmt/format.h>

#include <utility>

namespace gpudmar::sim::timeline {
namespace {

using nlohmann::json;

json pairs(const Histogram& histogram) {
  json list = json::array();
  for (const auto& [cycles, count] : histogram) list.push_back({cycles, count});
  return list;
}

}  // namespace

const char* to_string(WalkEntry entry) {
  static constexpr std::array<const char*, kWalkEntries> kNames{
      "root entry", "context entry", "level 1", "level 2", "level 3", "level 4", "level 5"};
  return kNames.at(static_cast<std::size_t>(entry));
}

Figures::Bin& Figures::bin(std::uint64_t cycle) {
  while (cycle / bin_cycles_ >= kMostBins) {
    std::vector<Bin> halved((bins_.size() + 1) / 2);
    for (std::size_t i = 0; i < bins_.size(); ++i) {
      Bin& into = halved[i / 2];
      const Bin& from = bins_[i];
      into.cycles += from.cycles;
      into.sums.read_bytes += from.sums.read_bytes;
      into.sums.written_bytes += from.sums.written_bytes;
      into.sums.requests += from.sums.requests;
      into.sums.walks += from.sums.walks;
      into.sums.batches += from.sums.batches;
      into.sums.descriptors += from.sums.descriptors;
      into.hits += from.hits;
      into.misses += from.misses;
      into.blocked += from.blocked;
      into.faults += from.faults;
      for (unsigned e = 0; e < kWalkEntries; ++e) into.entries.at(e) += from.entries.at(e);
    }
    bins_ = std::move(halved);
    bin_cycles_ *= 2;
  }
  const std::size_t index = cycle / bin_cycles_;
  if (index >= bins_.size()) bins_.resize(index + 1);
  return bins_[index];
}

void Figures::cycle(std::uint64_t cycle, const Cycle& of) {
  Bin& at = bin(cycle);
  ++at.cycles;
  at.sums.read_bytes += of.read_bytes;
  at.sums.written_bytes += of.written_bytes;
  at.sums.requests += of.requests;
  at.sums.walks += of.walks;
  at.sums.batches += of.batches;
  at.sums.descriptors += of.descriptors;
}

void Figures::request(std::uint64_t cycle, const Request& of) {
  Bin& at = bin(cycle);
  ++(of.blocked ? at.blocked : of.missed ? at.misses : at.hits);
  const std::string how = of.blocked ? "blocked" : of.missed ? "miss" : "hit";
  ++durations_[how + ": in to out"][of.inside];
  if (!of.blocked) ++durations_[of.write ? "write: in to answer" : "read: in to last beat"][of.whole];
}

void Figures::entry_read(std::uint64_t cycle, WalkEntry entry) {
  ++bin(cycle).entries.at(static_cast<std::size_t>(entry));
}

void Figures::call(const std::string& name, std::uint64_t cycles, bool failed) {
  Calls& calls = calls_[name];
  ++calls.cycles[cycles];
  if (failed) ++calls.failed;
}

void Figures::fault(Fault fault) {
  ++bin(fault.cycle).faults;
  ++fault_count_;
  if (faults_.size() < kMostFaults) faults_.push_back(std::move(fault));
}

json Figures::to_json() const {
  json bins = json::array();
  for (const Bin& at : bins_) {
    const auto mean = [&](std::uint64_t sum) {
      return at.cycles == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(at.cycles);
    };
    bins.push_back({{"read", mean(at.sums.read_bytes)},
                    {"written", mean(at.sums.written_bytes)},
                    {"requests", mean(at.sums.requests)},
                    {"walks", mean(at.sums.walks)},
                    {"batches", mean(at.sums.batches)},
                    {"descriptors", mean(at.sums.descriptors)},
                    {"hits", at.hits},
                    {"misses", at.misses},
                    {"blocked", at.blocked},
                    {"faults", at.faults},
                    {"entries", at.entries}});
  }
  json durations = json::object();
  for (const auto& [name, histogram] : durations_) durations[name] = pairs(histogram);
  json calls = json::array();
  for (const auto& [name, of] : calls_)
    calls.push_back({{"name", name}, {"failed", of.failed}, {"cycles", pairs(of.cycles)}});
  json faults = json::array();
  for (const Fault& fault : faults_)
    faults.push_back({{"cycle", fault.cycle},
                      {"reason", fault.reason},
                      {"source", fault.source},
                      {"address", fmt::format("{:#x}", fault.address)},
                      {"write", fault.write},
                      {"recorded", fault.recorded}});
  json entries = json::array();
  for (unsigned e = 0; e < kWalkEntries; ++e) entries.push_back(to_string(static_cast<WalkEntry>(e)));
  return {{"bin_cycles", bin_cycles_}, {"bins", bins},
          {"durations", durations},    {"calls", calls},
          {"faults", faults},          {"fault_count", fault_count_},
          {"entries", entries}};
}

}  // namespace gpudmar::sim::timeline
