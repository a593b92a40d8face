// SPDX-License-Identifier: Apache-2.0
// What a served machine has besides the register windows of sim/bench/machine_config.h.
#pragma once

#include <cstdint>

namespace gpudmar::sim {

/// Where an adapter's local memory lies for the CPU; a gap of 4 GiB from adapter to adapter.
inline constexpr std::uint64_t kVramBase = 0x80'0000'0000;
inline constexpr std::uint64_t kVramStride = 1ULL << 32;

}  // namespace gpudmar::sim
