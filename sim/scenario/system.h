// SPDX-License-Identifier: Apache-2.0
// The graphics kernel as every scenario runs it.
#pragma once

#include <cstdint>
#include <systemc>

#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::sim {

/// Every SystemC process has an IRQL of its own: an interrupt's routine must not raise the driver thread's.
[[nodiscard]] inline dxgkrnl::KernelConfig kernel_config(std::uint64_t seed) {
  dxgkrnl::KernelConfig config;
  config.seed = seed;
  config.pool_in_ram = true;
  config.runtime.current_thread = [] {
    return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
  };
  return config;
}

}  // namespace gpudmar::sim
