// SPDX-License-Identifier: Apache-2.0
// A whole machine as one SC_MODULE: hardware, clock, register sockets, interrupts, checkers; software sees
// its hw::Platform.
#pragma once

#include <cstdint>
#include <memory>
#include <systemc>
#include <vector>

#include "driver-model/hw/hw.h"
#include "sim/bench/board.h"
#include "sim/bench/clock_engine.h"
#include "sim/bench/interrupts.h"
#include "sim/bench/machine_config.h"
#include "sim/bench/mmio.h"
#include "sim/bench/scoreboard_feed.h"
#include "sim/contract/contract_checker.h"

namespace gpudmar::sim {

class Machine : public sc_core::sc_module {
 public:
  /// Elaborates and resets. Throws std::invalid_argument on an impossible configuration, before anything
  /// runs.
  Machine(const sc_core::sc_module_name& name, const MachineConfig& config);
  ~Machine() override;

  /// What software finds at boot. Its register windows, Time and interrupt handlers work in SC_THREADs.
  [[nodiscard]] const hw::Platform& platform() const { return platform_; }
  [[nodiscard]] Board& board() { return board_; }
  [[nodiscard]] ClockEngine& engine() { return engine_; }
  [[nodiscard]] InterruptController& interrupts() { return interrupts_; }
  [[nodiscard]] const MachineConfig& config() const { return board_.config(); }
  [[nodiscard]] ContractChecker& contract() { return contract_; }
  [[nodiscard]] ScoreboardFeed& scoreboard() { return scoreboard_; }
  /// Register accesses by software.
  [[nodiscard]] std::uint64_t register_accesses() const { return host_.accesses(); }
  /// Null: nobody watches any more.
  void watch_registers(AccessObserver* observer) { host_.watch(observer); }

  /// Hardware reset and, if asked for, cleared memory. Violations are kept.
  void reset(bool clear_memory) { board_.reset(clear_memory); }
  /// End of the run, called in an SC_THREAD: gives the hardware up to `max_cycles` to come to rest, then
  /// every checker its last look. Call once.
  void finish(std::uint64_t max_cycles = 100'000);
  /// What any checker found so far; a run with any has failed.
  [[nodiscard]] const ViolationLog& violations() { return board_.violations(); }

 private:
  class EngineTime;

  void violate(const std::string& rule, const std::string& message) {
    board_.violations().add({board_.cycles(), rule, message});
  }

  InterruptController interrupts_;
  Board board_;
  ClockEngine engine_;
  MmioBridge bridge_;
  HostPort host_;
  MmioWindow iommu_window_;
  std::vector<std::unique_ptr<MmioWindow>> bars_;
  std::unique_ptr<EngineTime> time_;
  ContractChecker contract_;
  ScoreboardFeed scoreboard_;
  hw::Platform platform_;
};

}  // namespace gpudmar::sim
