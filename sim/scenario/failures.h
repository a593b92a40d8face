// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at a chosen allocation: the step `fail` of scenarios and of plans.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::sim {

struct Failures {
  enum class Of {
    kMemory,  ///< page frames, commit, device-visible numbers: they count together
    kPool,    ///< the driver's pool
  };
  /// So many more succeed, then one fails, or with `sticky` each; nullopt: nothing fails any more. Pool is
  /// always sticky. Whether anything has failed since the last call; of the pool that is not known: false.
  /// `in` of the action "fail" in a trace: the driver's pool is no business of the system's.
  [[nodiscard]] static nlohmann::json told(std::optional<std::uint64_t> after, bool sticky, Of of);
  static bool set(dxgkrnl::Kernel& kernel, std::optional<std::uint64_t> after, bool sticky, Of of);
};

}  // namespace gpudmar::sim
