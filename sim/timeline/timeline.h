// SPDX-License-Identifier: Apache-2.0
// The timeline of a run (docs/timeline.md): what software, engines, IOMMU and memory did, on the time axis of
// the waves, in a file that Perfetto opens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/bench/machine.h"
#include "sim/timeline/engine_rows.h"
#include "sim/timeline/iommu_rows.h"
#include "sim/timeline/software_rows.h"
#include "sim/timeline/trace_file.h"

namespace gpudmar::sim::timeline {

/// Watches a machine from now on. Costs no simulated time.
class Timeline final : public CycleObserver {
 public:
  /// `path`: empty: only figures are wanted. Throws std::runtime_error when the file cannot be written.
  Timeline(Machine& machine, const std::string& path, Window window = {});
  ~Timeline() override;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  /// Call with each kernel after it was made: its calls are shown.
  void attach(dxgkrnl::Kernel& kernel);
  /// What is still open ends, the violations found are marked, the file is complete. Call once. Throws
  /// std::runtime_error when it could not be written.
  void close();

  void observe(const CycleView& view) override;
  void reset() override;
  void iommu_reset() override;
  void finish(std::uint64_t /*cycle*/) override {}

  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] const IommuRows::Counts& counts() const { return iommu_.counts(); }
  [[nodiscard]] std::uint64_t descriptors() const { return engines_.retired(); }

 private:
  void sample(const CycleView& view, const DutActivity& activity);

  Machine& machine_;
  Figures figures_;
  TraceFile file_;
  SoftwareRows software_;
  EngineRows engines_;
  IommuRows iommu_;
  unsigned counter_group_;
  RowId violation_row_;
  std::uint64_t cycle_ = 0;
  std::uint64_t sample_begin_ = 0;
  std::uint64_t read_bytes_ = 0, written_bytes_ = 0, walking_ = 0;  ///< since then
  bool closed_ = false;
};

}  // namespace gpudmar::sim::timeline
