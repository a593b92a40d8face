// SPDX-License-Identifier: Apache-2.0
// The limit of what a bench can reach: the Verilated top and the same memory models in a plain C++ loop, with
// nothing else. No facade, no kernel, no observer, no log.
#pragma once

#include <cstdint>
#include <memory>

#include "driver-model/hw/hw.h"
#include "sim/axi/axi_memory.h"

namespace gpudmar::bench {

/// How the machine's memories are built; the same go into sim::MachineConfig.
struct LoopConfig {
  sim::AxiMemoryConfig memory;
  sim::AxiMemoryConfig vram;
  std::uint64_t seed = 1;
};

class BareLoop {
 public:
  virtual ~BareLoop() = default;
  /// Without interrupts; every access runs the clock until it is answered.
  [[nodiscard]] virtual const hw::Platform& platform() const = 0;
  [[nodiscard]] virtual std::uint64_t cycles() const = 0;
};

std::unique_ptr<BareLoop> create_bare_loop_pipe0(const LoopConfig& config);
std::unique_ptr<BareLoop> create_bare_loop_pipe1(const LoopConfig& config);

}  // namespace gpudmar::bench
