// SPDX-License-Identifier: Apache-2.0
// The Verilated variants of the top; one function each, from dut_variant.cpp compiled once per variant.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/dut/dut.h"

namespace gpudmar::sim {

std::unique_ptr<Dut> create_dut_pipe0(std::uint64_t seed);
std::unique_ptr<Dut> create_dut_pipe1(std::uint64_t seed);

}  // namespace gpudmar::sim
