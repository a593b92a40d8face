// SPDX-License-Identifier: Apache-2.0
// The check of a machine's configuration.
#include "sim/bench/machine_config.h"

#include <fmt/format.h>

#include <stdexcept>

namespace gpudmar::sim {

void MachineConfig::check(const DutInfo& info) const {
  const auto refuse = [](const std::string& why) { throw std::invalid_argument(why); };
  if (adapters == 0) refuse("zero adapters: at least one is needed");
  if (adapters > info.adapters)
    refuse(fmt::format("{} adapters: this build of the RTL has {}", adapters, info.adapters));
  if (host_address_width > info.haw)
    refuse(fmt::format("host width {}: the remapping unit drives at most {} address bits", host_address_width,
                       info.haw));
  if (host_address_width < 32) refuse(fmt::format("host width {}: at least 32 bits", host_address_width));
  for (const hw::MemoryRange& range : device_memory)
    if (range.base < kBarBase + adapters * kBarStride && range.end() > kBarBase)
      refuse(fmt::format("device memory {:#x}..{:#x} overlaps the adapters' register windows", range.base,
                         range.end()));
  if (vram_bytes > 1ULL << info.vram_bits)
    refuse(
        fmt::format("{} bytes of VRAM: the engine addresses at most {}", vram_bytes, 1ULL << info.vram_bits));
  if (reset_cycles < 2) refuse("reset must last at least 2 cycles");
  if (cycle_ps < 2) refuse("a cycle must last at least 2 ps");
  if (batch == 0) refuse("a batch of 0 cycles never advances");
  memory.check("memory");
  vram.check("vram");
}

}  // namespace gpudmar::sim
