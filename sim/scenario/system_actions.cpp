// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario/system_actions.h"

#include <stdexcept>

namespace gpudmar::sim {

RemovableBars make_removable(hw::Platform& platform) {
  RemovableBars bars;
  for (hw::Function& function : platform.functions) {
    bars.push_back(std::make_unique<RemovableBar>(*function.bar0));
    function.bar0 = bars.back().get();
  }
  return bars;
}

void insert_all(const RemovableBars& bars) {
  for (const auto& bar : bars) bar->insert();
}

NTSTATUS remove_link(dxgkrnl::Kernel& kernel, Guarantees& guarantees, const RemovableBars& bars,
                     std::size_t adapter, replay::Recorder* recorder) {
  const auto index = replay::link_index(kernel, adapter);
  if (!index) return STATUS_INVALID_DEVICE_STATE;
  const dxgkrnl::AdapterView link = kernel.adapters()[*index];
  guarantees.sweep();
  guarantees.rules().link_is_removed(link.name);
  return replay::SystemCalls(kernel, recorder).remove(adapter, [&] {
    for (const std::size_t member : link.members) bars[member]->remove();
  });
}

NTSTATUS isolate_link(dxgkrnl::Kernel& kernel, Guarantees& guarantees, std::size_t adapter,
                      replay::Recorder* recorder) {
  const auto index = replay::link_index(kernel, adapter);
  if (!index) return STATUS_INVALID_DEVICE_STATE;
  const dxgkrnl::AdapterView before = kernel.adapters()[*index];
  // Nothing changes for one that is isolated already.
  const bool changes = before.source_ids.empty();
  if (changes) guarantees.rules().link_is_isolated(before.name, true);
  const NTSTATUS status = replay::SystemCalls(kernel, recorder).isolate(adapter);
  if (!changes) return status;
  if (kernel.adapters()[*index].source_ids.empty())
    guarantees.rules().link_is_isolated(before.name, false);
  else if (!NT_SUCCESS(status))
    throw std::runtime_error("it failed and the adapters are attached");
  return status;
}

}  // namespace gpudmar::sim
