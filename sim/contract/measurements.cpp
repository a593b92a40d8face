// SPDX-License-Identifier: Apache-2.0
// See measurements.h.
#include "sim/contract/measurements.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace gpudmar::sim {

Measurements::Measurements(Contract contract, unsigned pipe, Report report)
    : contract_(std::move(contract)), pipe_(pipe), report_(std::move(report)) {
  for (const Promise& promise : contract_.promises()) {
    if (pipe_ >= promise.pipe.size())
      throw std::invalid_argument(
          fmt::format("contract: promise {} has no formula for pipe {}", promise.name, pipe_));
    all_[promise.name];
  }
}

void Measurements::record(PromiseKind kind, const Occurrence& of) {
  for (const Promise& promise : contract_.promises()) {
    if (promise.kind != kind || (promise.reads != 0 && promise.reads != of.reads)) continue;
    const std::uint64_t promised = promise.pipe[pipe_].cycles(of);
    const std::uint64_t measured = of.end - of.start;
    Measurement& record = all_[promise.name];
    ++record.occurrences;
    ++record.histogram[measured];
    ++record.deviation[static_cast<std::int64_t>(measured) - static_cast<std::int64_t>(promised)];
    if (measured == promised || (promise.at_most && measured < promised)) continue;
    ++record.breaches;
    report_({of.end, "contract." + promise.name,
             fmt::format("{} cycles instead of {}{} (from cycle {} to {}, {} table reads of {} cycles{})",
                         measured, promise.at_most ? "at most " : "", promised, of.start, of.end, of.reads,
                         of.latency, of.extra != 0 ? fmt::format(", {} for others", of.extra) : "")});
  }
}

void Measurements::check_minimum(const std::string& scenario, std::uint64_t cycle) const {
  for (const Promise& promise : contract_.promises()) {
    const auto wanted = promise.minimum.find(scenario);
    if (wanted == promise.minimum.end()) continue;
    const std::uint64_t seen = all_.at(promise.name).occurrences;
    if (seen < wanted->second)
      report_({cycle, "contract." + promise.name,
               fmt::format("occurred {} times in {}, at least {} were expected", seen, scenario,
                           wanted->second)});
  }
}

}  // namespace gpudmar::sim
