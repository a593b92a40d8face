// SPDX-License-Identifier: Apache-2.0
// The check of a machine's configuration.
#include "sim/bench/machine_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace gpudmar::sim {
namespace {

bool touches(const hw::MemoryRange& a, const hw::MemoryRange& b) {
  return a.base < b.end() && b.base < a.end();
}
bool inside(const hw::MemoryRange& a, const hw::MemoryRange& b) {
  return a.base >= b.base && a.end() <= b.end();
}

}  // namespace

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
  for (const ReservedMemory& entry : reserved)
    if (const std::string why = reserved_error(entry); !why.empty()) refuse(why);
  if (vram_bytes > 1ULL << info.vram_bits)
    refuse(
        fmt::format("{} bytes of VRAM: the engine addresses at most {}", vram_bytes, 1ULL << info.vram_bits));
  if (reset_cycles < 2) refuse("reset must last at least 2 cycles");
  if (cycle_ps < 2) refuse("a cycle must last at least 2 ps");
  if (batch == 0) refuse("a batch of 0 cycles never advances");
  memory.check("memory");
  vram.check("vram");
}

std::string MachineConfig::reserved_error(const ReservedMemory& entry) const {
  const hw::MemoryRange& range = entry.range;
  const std::string what = fmt::format("reserved memory {:#x}..{:#x}", range.base, range.end());
  if (range.size == 0 || range.end() < range.base) return what + " is empty or wraps around";
  if (range.base % hw::kPageSize != 0 || range.size % hw::kPageSize != 0)
    return what + " is not page-aligned";
  if (range.end() > 1ULL << host_address_width)
    return fmt::format("{} needs more than {} address bits", what, host_address_width);
  if (touches(range, {hw::kInterruptWindowBase, hw::kInterruptWindowEnd - hw::kInterruptWindowBase}))
    return what + " overlaps the interrupt window";
  if (touches(range, {kBarBase, adapters * kBarStride}) || touches(range, {kIommuBase, kWindowBytes}))
    return what + " overlaps register windows";
  if (entry.adapters.empty()) return what + " is nobody's: at least one adapter is needed";
  for (const unsigned adapter : entry.adapters)
    if (adapter >= adapters)
      return fmt::format("{} is for adapter {}, there are {}", what, adapter, adapters);
  for (const auto* memory : {&ram, &device_memory})
    for (const hw::MemoryRange& other : *memory)
      if (touches(range, other) && !inside(range, other))
        return fmt::format("{} lies half in {:#x}..{:#x}", what, other.base, other.end());
  for (const ReservedMemory& other : reserved)
    if (touches(range, other.range) && (range.base != other.range.base || range.size != other.range.size))
      return fmt::format("{} overlaps {:#x}..{:#x}, which is another range", what, other.range.base,
                         other.range.end());
  return {};
}

std::vector<hw::MemoryRange> MachineConfig::bus_memory() const {
  std::vector<hw::MemoryRange> all = device_memory;
  for (const ReservedMemory& entry : reserved) {
    const auto holds = [&](const hw::MemoryRange& other) { return inside(entry.range, other); };
    if (std::none_of(ram.begin(), ram.end(), holds) && std::none_of(all.begin(), all.end(), holds))
      all.push_back(entry.range);
  }
  return all;
}

}  // namespace gpudmar::sim
