// SPDX-License-Identifier: Apache-2.0
// The first-light demonstration: one file from a memory object through the IOMMU to two GPUs and back, then
// blocked.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/bench/machine.h"
#include "sim/replay/recorder.h"
#include "sim/scenario/run_result.h"

namespace gpudmar::sim {

/// Most bytes that the demonstration takes: it needs them twice in memory and once in each VRAM.
inline constexpr std::uint64_t kFirstLightMaxBytes = 64ULL << 20;

using FirstLightResult = RunResult;

/// Runs in an SC_THREAD. `data` is the file, 1 byte to kFirstLightMaxBytes. Never throws: what goes wrong,
/// checker violations of the machine included, is in `failures`. `recorder`: writes the trace.
/// `on_kernel`: gets the kernel, before the driver is loaded.
[[nodiscard]] FirstLightResult run_first_light(Machine& machine, const std::vector<std::uint8_t>& data,
                                               std::uint64_t seed, replay::Recorder* recorder = nullptr,
                                               const std::function<void(dxgkrnl::Kernel&)>& on_kernel = {});

}  // namespace gpudmar::sim
