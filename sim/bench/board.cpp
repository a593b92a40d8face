// SPDX-License-Identifier: Apache-2.0
// The board: builds the hardware and runs the order of a cycle.
#include "sim/bench/board.h"

#include <fmt/format.h>

#include <utility>

namespace gpudmar::sim {
namespace {

// Every stream of random numbers has its own seed, so that one more adapter does not change another's timing.
AxiMemoryConfig port_config(AxiMemoryConfig config, const DutInfo& info, std::uint64_t seed,
                            unsigned stream) {
  config.bus_bytes = info.bus_bytes;
  config.seed = seed * 1'000'003 + stream;
  return config;
}

std::unique_ptr<Dut> checked_dut(const MachineConfig& config) {
  auto dut = Dut::create(config.pipe, config.seed);
  config.check(dut->info());
  return dut;
}

}  // namespace

Board::Board(const MachineConfig& config, MessageSink messages)
    : config_(config),
      dut_(checked_dut(config)),
      memory_(config.ram, config.host_address_width, config.bus_memory()),
      bus_(memory_, std::move(messages)),
      data_("m_axi_data", bus_, port_config(config.memory, dut_->info(), config.seed, 0)),
      table_("m_axi_table", bus_, port_config(config.memory, dut_->info(), config.seed, 1)),
      watchdog_(dut_->info().adapters, config.hang_cycles,
                [this](const Violation& violation) { violations_.add(violation); }) {
  const auto report = [this](const Violation& violation) { violations_.add(violation); };
  const unsigned bus_bytes = dut_->info().bus_bytes;
  monitors_.emplace_back(AxiMonitorConfig{"m_axi_data", bus_bytes, true, config.hang_cycles}, report);
  monitors_.emplace_back(AxiMonitorConfig{"m_axi_table", bus_bytes, true, config.hang_cycles}, report);
  for (unsigned n = 0; n < dut_->info().adapters; ++n) {
    vram_.push_back(std::make_unique<Vram>(n, config.vram_bytes));
    vram_targets_.push_back(std::make_unique<VramTarget>(*vram_[n]));
    vram_ports_.push_back(
        std::make_unique<AxiMemory>(fmt::format("m_axi_vram{}", n), *vram_targets_[n],
                                    port_config(config.vram, dut_->info(), config.seed, 2 + n)));
    monitors_.emplace_back(
        AxiMonitorConfig{fmt::format("m_axi_vram{}", n), bus_bytes, true, config.hang_cycles}, report);
  }
  if (!config.waves.empty() && config.waves_window.first == 0)
    dut_->open_waves(config.waves, config.cycle_ps);
  reset(false);
}

Board::~Board() = default;

void Board::observe(const DutOutputs& out) {
  if (config_.monitors) {
    monitors_[0].observe(cycle_, out.data, in_.data);
    monitors_[1].observe(cycle_, out.table, in_.table);
    for (unsigned n = 0; n < vram_ports_.size(); ++n)
      monitors_[2 + n].observe(cycle_, out.vram[n], in_.vram[n]);
  }
  if (in_.iommu_reset && !iommu_was_reset_)
    for (CycleObserver* observer : observers_) observer->iommu_reset();
  iommu_was_reset_ = in_.iommu_reset;
  const CycleView view{cycle_, out, in_};
  if (config_.monitors) watchdog_.observe(view);
  for (CycleObserver* observer : observers_) observer->observe(view);
}

// Called before the edge that begins cycle_ + 1.
void Board::switch_waves() {
  if (cycle_ + 1 == config_.waves_window.first) dut_->open_waves(config_.waves, config_.cycle_ps);
  if (cycle_ == config_.waves_window.last) dut_->close_waves();
}

void Board::cycle() {
  const DutOutputs& out = dut_->sample();
  observe(out);
  adapter_busy_ = out.adapter_busy;
  iommu_quiesced_ = out.iommu_quiesced;
  in_.data = data_.step(out.data);
  in_.table = table_.step(out.table);
  in_.iommu = iommu_.step(cycle_, out.iommu);
  for (unsigned n = 0; n < vram_ports_.size(); ++n) {
    in_.vram[n] = vram_ports_[n]->step(out.vram[n]);
    in_.gpu[n] = gpu_[n].step(cycle_, out.gpu[n]);
  }
  if (!config_.waves.empty()) switch_waves();
  dut_->clock(in_, DutReset::kNone);
  if (const unsigned failed = dut_->take_assertions(); failed != 0)
    violations_.add({cycle_, "rtl.assertion", "an assertion of the RTL failed (its text is on the console)"});
  ++cycle_;
}

void Board::reset(bool clear_memory) {
  if (clear_memory) {
    memory_.clear();
    for (auto& vram : vram_) vram->device().clear();
  }
  restart(DutReset::kPower);
}

void Board::warm_reset() { restart(DutReset::kWarm); }

void Board::restart(DutReset kind) {
  in_ = {};
  adapter_busy_ = {};
  iommu_quiesced_ = iommu_was_reset_ = false;
  data_.reset();
  table_.reset();
  iommu_.reset();
  for (auto& gpu : gpu_) gpu.reset();
  for (auto& port : vram_ports_) port->reset();
  for (auto& monitor : monitors_) monitor.reset();
  watchdog_.reset();
  for (CycleObserver* observer : observers_) observer->reset();
  for (unsigned i = 0; i < config_.reset_cycles; ++i) dut_->clock(in_, kind);
  (void)dut_->take_assertions();  // registers are random until the first edge in reset
  dut_->clock(in_, DutReset::kNone);
  cycle_ = 0;
}

bool Board::idle() const {
  bool idle = data_.idle() && table_.idle() && iommu_.idle();
  for (const auto& port : vram_ports_) idle = idle && port->idle();
  for (const auto& gpu : gpu_) idle = idle && gpu.idle();
  return idle;
}

void Board::finish() {
  if (config_.monitors)
    for (auto& monitor : monitors_) monitor.finish(cycle_);
  for (CycleObserver* observer : observers_) observer->finish(cycle_);
}

}  // namespace gpudmar::sim
