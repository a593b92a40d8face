// SPDX-License-Identifier: Apache-2.0
// The hardware of a machine in plain C++: RTL, memories, register masters, monitors, stepped one clock cycle
// at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/axi/axi_lite.h"
#include "sim/axi/axi_memory.h"
#include "sim/axi/axi_monitor.h"
#include "sim/bench/cycle_view.h"
#include "sim/bench/machine_config.h"
#include "sim/bench/watchdog.h"
#include "sim/dut/dut.h"
#include "sim/mem/host_memory.h"

namespace gpudmar::sim {

/// Collects violations; keeps the first kKept of them.
class ViolationLog {
 public:
  static constexpr std::size_t kKept = 1000;
  void add(const Violation& violation) {
    if (list_.size() < kKept) list_.push_back(violation);
    ++count_;
  }
  [[nodiscard]] const std::vector<Violation>& list() const { return list_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  void clear() {
    list_.clear();
    count_ = 0;
  }

 private:
  std::vector<Violation> list_;
  std::uint64_t count_ = 0;
};

class Board {
 public:
  using MessageSink = std::function<void(hw::MessageTarget)>;
  /// Elaborates the RTL and resets it. `messages` gets each interrupt message, in the cycle of its write.
  /// Throws std::invalid_argument on an impossible configuration.
  Board(const MachineConfig& config, MessageSink messages);
  ~Board();

  /// One clock cycle.
  void cycle();
  /// Hardware reset as at power-on; memory keeps its content, or is cleared.
  void reset(bool clear_memory);
  /// Warm reset: as reset(false), but the IOMMU keeps its sticky status.
  void warm_reset();
  /// Hold one adapter's DMA engine in reset, or let it go; everything else runs on. It takes effect in the
  /// next cycle.
  void hold_adapter_reset(unsigned adapter, bool hold) { in_.adapter_reset.at(adapter) = hold; }
  /// Ask the IOMMU to come to rest, or let it take requests again. It takes effect in the next cycle.
  void quiesce_iommu(bool quiesce) { in_.iommu_quiesce = quiesce; }
  /// It is at rest and takes nothing.
  [[nodiscard]] bool iommu_quiesced() const { return iommu_quiesced_; }
  /// Hold the IOMMU alone in reset, or let it go; only while it is quiesced. It takes effect in the next
  /// cycle.
  void hold_iommu_reset(bool hold) { in_.iommu_reset = hold; }
  /// In reset, or what the adapter had begun is ending.
  [[nodiscard]] bool adapter_busy(unsigned adapter) const { return adapter_busy_.at(adapter); }
  /// Where a cycle begins on the time axis of the waves, ps; counts from the first reset.
  [[nodiscard]] std::uint64_t wave_time(std::uint64_t cycle) const {
    return (config_.reset_cycles + cycle) * config_.cycle_ps;
  }
  /// Cycles since reset.
  [[nodiscard]] std::uint64_t cycles() const { return cycle_; }

  [[nodiscard]] const MachineConfig& config() const { return config_; }
  [[nodiscard]] const DutInfo& info() const { return dut_->info(); }
  [[nodiscard]] Dut& dut() { return *dut_; }
  [[nodiscard]] HostMemory& memory() { return memory_; }
  [[nodiscard]] Vram& vram(unsigned adapter) { return *vram_.at(adapter); }
  [[nodiscard]] AxiLiteMaster& iommu_registers() { return iommu_; }
  [[nodiscard]] AxiLiteMaster& gpu_registers(unsigned adapter) { return gpu_.at(adapter); }
  /// The slaves, for tests that change their timing or inject errors.
  [[nodiscard]] AxiMemory& data_port() { return data_; }
  [[nodiscard]] AxiMemory& table_port() { return table_; }
  [[nodiscard]] AxiMemory& vram_port(unsigned adapter) { return *vram_ports_.at(adapter); }
  [[nodiscard]] ViolationLog& violations() { return violations_; }
  /// `observer` must outlive the board or be removed.
  void add_observer(CycleObserver& observer) { observers_.push_back(&observer); }
  void remove_observer(CycleObserver& observer) {
    observers_.erase(std::remove(observers_.begin(), observers_.end(), &observer), observers_.end());
  }
  /// No burst in flight anywhere.
  [[nodiscard]] bool idle() const;
  /// End of the run: what is left in flight is a violation.
  void finish();

 private:
  void observe(const DutOutputs& out);
  void switch_waves();
  void restart(DutReset kind);

  MachineConfig config_;
  ViolationLog violations_;
  std::unique_ptr<Dut> dut_;  // first: it checks the configuration
  HostMemory memory_;
  HostBus bus_;
  std::vector<std::unique_ptr<Vram>> vram_;  // as many as the RTL has ports
  std::vector<std::unique_ptr<VramTarget>> vram_targets_;
  AxiMemory data_;
  AxiMemory table_;
  std::vector<std::unique_ptr<AxiMemory>> vram_ports_;
  AxiLiteMaster iommu_;
  std::array<AxiLiteMaster, kMaxAdapters> gpu_;
  std::vector<AxiMonitor> monitors_;  // data, table, vram 0, vram 1, ...
  Watchdog watchdog_;
  std::vector<CycleObserver*> observers_;
  DutInputs in_;
  std::array<bool, kMaxAdapters> adapter_busy_{};
  bool iommu_quiesced_ = false;
  bool iommu_was_reset_ = false;
  std::uint64_t cycle_ = 0;
};

}  // namespace gpudmar::sim
