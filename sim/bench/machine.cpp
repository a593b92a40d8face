// SPDX-License-Identifier: Apache-2.0
// Wires a machine.
#include "sim/bench/machine.h"

#include <fmt/format.h>

#include "sim/bench/checkers.h"

namespace gpudmar::sim {

/// hw::Time over the clock engine.
class Machine::EngineTime final : public hw::Time {
 public:
  EngineTime(Board& board, ClockEngine& engine) : board_(board), engine_(engine) {}
  [[nodiscard]] std::uint64_t now() const override { return board_.cycles(); }
  [[nodiscard]] double cycle_ns() const override {
    return static_cast<double>(board_.config().cycle_ps) / 1000.0;
  }
  void wait(std::uint64_t cycles) override { engine_.wait_cycles(cycles); }
  bool wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) override {
    return engine_.run_until(done, max_cycles);
  }

 private:
  Board& board_;
  ClockEngine& engine_;
};

Machine::Machine(const sc_core::sc_module_name& name, const MachineConfig& config)
    : sc_module(name),
      interrupts_("interrupts",
                  [this](const std::string& rule, const std::string& message) { violate(rule, message); }),
      board_(config,
             [this](hw::MessageTarget message) {
               interrupts_.post(message);
               engine_.yield();  // the dispatcher runs before the next cycle
             }),
      engine_(
          "clock", [this] { board_.cycle(); }, config.cycle_ps, config.batch),
      bridge_("mmio", board_, engine_),
      host_("host"),
      iommu_window_(host_, "iommu", kIommuBase, kWindowBytes),
      time_(std::make_unique<EngineTime>(board_, engine_)),
      contract_(config.contract_file.empty() ? Contract::standard() : Contract::load(config.contract_file),
                contract_setup(board_.info()),
                [this](const Violation& violation) { board_.violations().add(violation); }),
      scoreboard_(board_.info(), tied_source_ids(board_.info().adapters), board_.memory(),
                  [this](const Violation& violation) { board_.violations().add(violation); }) {
  host_.socket.bind(bridge_.socket);
  if (config.contract) board_.add_observer(contract_);
  if (config.scoreboard) board_.add_observer(scoreboard_);
  platform_.iommu = &iommu_window_;
  const auto ids = tied_source_ids(config.adapters);
  for (unsigned n = 0; n < config.adapters; ++n) {
    const std::string gpu = fmt::format("gpu{}", n);
    bars_.push_back(std::make_unique<MmioWindow>(host_, gpu, kBarBase + n * kBarStride, kWindowBytes));
    platform_.functions.push_back({gpu, ids[n], bars_.back().get()});
  }
  platform_.memory = &board_.memory();
  platform_.interrupts = &interrupts_;
  platform_.time = time_.get();
  platform_.host_address_width = config.host_address_width;
  for (const ReservedMemory& entry : config.reserved) {
    hw::ReservedRegion region{entry.range, {}};
    for (const unsigned adapter : entry.adapters) region.source_ids.push_back(ids[adapter]);
    platform_.reserved.push_back(std::move(region));
  }
}

Machine::~Machine() = default;

void Machine::finish(std::uint64_t max_cycles) {
  if (!engine_.run_until([this] { return board_.idle() && interrupts_.idle(); }, max_cycles))
    violate("bench.rest", fmt::format("the hardware did not come to rest within {} cycles", max_cycles));
  board_.finish();
}

}  // namespace gpudmar::sim
