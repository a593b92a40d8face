// SPDX-License-Identifier: Apache-2.0
// The Verilated variants of the top; one function each, from dut_variant.cpp compiled once per variant.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "sim/dut/dut.h"

namespace gpudmar::sim {

std::unique_ptr<Dut> create_dut_pipe0(std::uint64_t seed);
std::unique_ptr<Dut> create_dut_pipe1(std::uint64_t seed);
/// As QEMU's remapping unit: host and guest addresses of 48 bits. In gpudmar_dut_wide, not in gpudmar_dut.
std::unique_ptr<Dut> create_dut_wide(std::uint64_t seed);

/// Adds a variant that a program brings itself: `number` picks it like a pipe in MachineConfig::pipe.
void add_dut_variant(unsigned number, std::function<std::unique_ptr<Dut>(std::uint64_t seed)> create);

}  // namespace gpudmar::sim
