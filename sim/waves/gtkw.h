// SPDX-License-Identifier: Apache-2.0
// Writes a GTKWave view beside an FST: one group per bus and block, so that the waves open readable.
#pragma once

#include <cstdint>
#include <string>

#include "sim/dut/dut.h"

namespace gpudmar::sim {

/// Writes <path without .fst>.gtkw for the FST at `fst_path`. Throws std::runtime_error when it cannot be
/// written.
void write_gtkw(const std::string& fst_path, const DutInfo& info, std::uint64_t cycle_ps);

/// The text of the view.
[[nodiscard]] std::string gtkw_text(const std::string& fst_path, const DutInfo& info, std::uint64_t cycle_ps);

}  // namespace gpudmar::sim
