// SPDX-License-Identifier: Apache-2.0
// Writes a GTKWave view beside an FST: one group per bus and block, so that the waves open readable.
#pragma once

#include <cstdint>
#include <string>

#include "sim/dut/dut.h"

namespace gpudmar::sim {

/// What the view shows first, ps.
struct WaveView {
  std::uint64_t cycle_ps = 10'000;
  std::uint64_t start = 0;   ///< left edge
  std::uint64_t marker = 0;  ///< of the event looked for
};

/// Writes <path without .fst>.gtkw for the FST at `fst_path`. Throws std::runtime_error when it cannot be
/// written.
void write_gtkw(const std::string& fst_path, const DutInfo& info, const WaveView& view);

/// The text of the view.
[[nodiscard]] std::string gtkw_text(const std::string& fst_path, const DutInfo& info, const WaveView& view);

}  // namespace gpudmar::sim
