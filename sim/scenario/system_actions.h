// SPDX-License-Identifier: Apache-2.0
// What scenarios and replays have the system do to a link, and what its observers are to know of it.
#pragma once

#include <memory>
#include <vector>

#include "sim/replay/system_calls.h"
#include "sim/scenario/guarantees.h"
#include "sim/scenario/removable.h"

namespace gpudmar::sim {

using RemovableBars = std::vector<std::unique_ptr<RemovableBar>>;  ///< by adapter

/// The platform with devices that can be pulled out.
[[nodiscard]] RemovableBars make_removable(hw::Platform& platform);
/// All of them are there again.
void insert_all(const RemovableBars& bars);

/// The link of an adapter is pulled out, and the kernel hears of it.
NTSTATUS remove_link(dxgkrnl::Kernel& kernel, Guarantees& guarantees, const RemovableBars& bars,
                     std::size_t adapter, replay::Recorder* recorder);
/// 1:1 isolation for the link of an adapter. Throws std::runtime_error when it failed and the adapters are
/// attached.
NTSTATUS isolate_link(dxgkrnl::Kernel& kernel, Guarantees& guarantees, std::size_t adapter,
                      replay::Recorder* recorder);

}  // namespace gpudmar::sim
