// SPDX-License-Identifier: Apache-2.0
// What a machine consists of, and the check that it can exist.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/axi/axi_memory.h"
#include "sim/dut/dut.h"
#include "sim/mem/host_memory.h"

namespace gpudmar::sim {

/// Where the register windows lie.
inline constexpr hw::PhysAddr kIommuBase = 0xFED9'0000;
inline constexpr hw::PhysAddr kBarBase = 0xE000'0000;  ///< BAR 0 of adapter 0
inline constexpr hw::PhysAddr kBarStride = 0x10'0000;  ///< from adapter to adapter
inline constexpr std::uint64_t kWindowBytes = 0x1000;  ///< of each window

/// Memory that firmware keeps for adapters: not the system's, an identity wherever their requests are
/// translated.
struct ReservedMemory {
  hw::MemoryRange range;
  std::vector<unsigned> adapters;
};

/// Cycles from `first` up to and including `last`.
struct CycleWindow {
  std::uint64_t first = 0;
  std::uint64_t last = ~std::uint64_t{0};
};

struct MachineConfig {
  unsigned adapters = 2;
  std::vector<hw::MemoryRange> ram = default_memory_map();
  std::vector<hw::MemoryRange> device_memory = default_device_memory();  ///< of peers: I/O space, not RAM
  std::vector<ReservedMemory> reserved;                                  ///< answers on the bus; page-aligned
  std::uint64_t vram_bytes = 256ULL << 20;                               ///< per adapter, a power of two
  unsigned host_address_width = 46;                                      ///< bits; at most the unit's
  unsigned pipe = 0;                                                     ///< variant of the RTL
  AxiMemoryConfig memory;           ///< timing of both ports to host memory; the bus width is the RTL's
  AxiMemoryConfig vram;             ///< timing of local memory
  std::uint64_t seed = 1;           ///< of every random stream, and of register values before reset
  std::string waves;                ///< FST path; empty: none
  CycleWindow waves_window;         ///< cycles that it shows
  std::uint64_t cycle_ps = 10'000;  ///< length of a clock cycle
  unsigned reset_cycles = 8;
  std::uint64_t hang_cycles = 100'000;  ///< a burst unanswered for so long is a violation
  std::uint64_t mmio_cycles = 100'000;  ///< a register access unanswered for so long fails
  unsigned batch = 64;                  ///< cycles per visit of the SystemC kernel at most
  bool monitors = true;                 ///< AXI rules
  bool scoreboard = true;               ///< every translation against the reference model
  bool contract = true;                 ///< cycle contract
  std::string contract_file;            ///< another one than the project's; empty: that

  /// Throws std::invalid_argument with one line that says what cannot be, given the RTL that was built.
  void check(const DutInfo& info) const;
  /// What is wrong with an entry of `reserved`; empty: nothing.
  [[nodiscard]] std::string reserved_error(const ReservedMemory& entry) const;
  /// Device memory, and the reserved memory that is no part of it or of RAM.
  [[nodiscard]] std::vector<hw::MemoryRange> bus_memory() const;
};

}  // namespace gpudmar::sim
