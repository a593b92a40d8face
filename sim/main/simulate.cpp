// SPDX-License-Identifier: Apache-2.0
// One thread of software, from elaboration to the view of the waves.
#include "sim/main/simulate.h"

#include <algorithm>
#include <stdexcept>
#include <systemc>

#include "sim/waves/gtkw.h"

namespace gpudmar::sim {
namespace {

constexpr std::size_t kStackBytes = 8U << 20;

/// The software of the machine: one thread.
class Software : public sc_core::sc_module {
 public:
  Software(const sc_core::sc_module_name& name, std::function<void()> body)
      : sc_module(name), body_(std::move(body)) {
    SC_HAS_PROCESS(Software);
    SC_THREAD(run);
    set_stack_size(kStackBytes);
  }
  bool ended = false;

 private:
  void run() {
    body_();
    ended = true;
    sc_core::sc_stop();
  }
  std::function<void()> body_;
};

}  // namespace

void simulate(Machine& machine, const std::function<void()>& body) {
  Software software("software", body);
  sc_core::sc_start();
  if (!software.ended)
    throw std::runtime_error("the simulation ended before the software did: every thread waits");
  const MachineConfig& config = machine.config();
  if (config.waves.empty()) return;
  machine.board().dut().close_waves();
  WaveView view{config.cycle_ps, 0, 0};
  if (config.waves_window.first != 0) {
    const std::uint64_t failure = config.waves_window.first + kWavesBefore;
    view.start = machine.board().wave_time(config.waves_window.first);
    view.marker = machine.board().wave_time(std::min(failure, config.waves_window.last));
  }
  write_gtkw(config.waves, machine.board().info(), view);
}

}  // namespace gpudmar::sim
