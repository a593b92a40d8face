// SPDX-License-Identifier: Apache-2.0
// Counters, verdict and table of a run.
#include "sim/scenario/run_result.h"

#include <fmt/format.h>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/hw/regs/vtd_regs.h"

namespace gpudmar::sim {

StepCounts read_counters(const hw::Platform& platform) {
  namespace vtd = regs::vtd;
  StepCounts now;
  now.cycles = platform.time->now();
  now.hits = platform.iommu->read64(vtd::CNT_HITS::kOffset);
  now.misses = platform.iommu->read64(vtd::CNT_MISSES::kOffset);
  now.walks = platform.iommu->read64(vtd::CNT_WALKS::kOffset);
  now.invalidations = platform.iommu->read64(vtd::CNT_INVALIDATIONS::kOffset);
  now.faults = platform.iommu->read64(vtd::CNT_FAULTS::kOffset);
  for (const auto& function : platform.functions)
    now.bytes += function.bar0->read64(regs::dma::CNT_BYTES::kOffset);
  return now;
}

StepCounts difference(const StepCounts& before, const StepCounts& after) {
  StepCounts counts;
  counts.calls = after.calls - before.calls;
  counts.bytes = after.bytes - before.bytes;
  counts.hits = after.hits - before.hits;
  counts.misses = after.misses - before.misses;
  counts.walks = after.walks - before.walks;
  counts.invalidations = after.invalidations - before.invalidations;
  counts.faults = after.faults - before.faults;
  return counts;
}

void conclude(Machine& machine, RunResult& result) {
  machine.finish();
  if (result.total.cycles == 0) result.total.cycles = machine.board().cycles();
  for (const Violation& violation : machine.violations().list()) {
    if (result.failures.size() >= 20) break;
    result.failures.push_back(
        fmt::format("cycle {}: {}: {}", violation.cycle, violation.rule, violation.message));
  }
  if (machine.violations().count() > 0)
    result.failures.push_back(fmt::format("{} violations in all", machine.violations().count()));
  if (const auto stores = machine.scoreboard().counters().unannounced_changes; stores > 0)
    result.failures.push_back(fmt::format("{} stores to page tables were never published", stores));
  result.passed = result.failures.empty();
}

std::string run_table(const RunResult& result, double khz) {
  constexpr const char* kRow = "{:<32} {:>6} {:>10} {:>10} {:>9} {:>8} {:>7} {:>6} {:>6}\n";
  std::string text =
      fmt::format(kRow, "step", "calls", "cycles", "bytes", "hits", "misses", "walks", "inval", "faults");
  const auto row = [&](const std::string& name, const StepCounts& c) {
    text += fmt::format(kRow, name, c.calls, c.cycles, c.bytes, c.hits, c.misses, c.walks, c.invalidations,
                        c.faults);
  };
  for (const StepResult& step : result.steps) row(step.name, step.counts);
  row("all", result.total);
  const double rate = result.copy_cycles > 0
                          ? static_cast<double>(result.total.bytes) / static_cast<double>(result.copy_cycles)
                          : 0.0;
  text += fmt::format(
      "\n{:.2f} bytes per cycle while copying; {} bytes compared; {} of {} faults recorded; {:.0f} kHz\n",
      rate, result.bytes_verified, result.faults_recorded, result.faults_expected, khz);
  for (const std::string& warning : result.warnings) text += "kernel warning: " + warning + "\n";
  for (const std::string& failure : result.failures) text += "FAILED: " + failure + "\n";
  text += result.passed ? "PASS\n" : "FAIL\n";
  return text;
}

}  // namespace gpudmar::sim
