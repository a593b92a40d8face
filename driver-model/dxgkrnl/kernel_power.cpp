// SPDX-License-Identifier: Apache-2.0
// Power states and surprise removal.
#include <fmt/format.h>

#include <algorithm>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::dxgkrnl {
namespace {

// As the kit declares them; the entry point came with WDDM 1.2.
constexpr int kRemovalPnpNotify = 1;
using NotifySurpriseRemoval = NTSTATUS(PVOID context, int removal_type);

}  // namespace

NTSTATUS Kernel::set_power_state(DEVICE_POWER_STATE state, POWER_ACTION action, std::size_t index) {
  if (index >= links_.size() || gate_.inside()) return STATUS_INVALID_DEVICE_STATE;
  LogicalAdapter& link = *links_[index];
  if (state < PowerDeviceD0 || state > PowerDeviceD3) return STATUS_INVALID_PARAMETER;
  if (!link.lead->started) return STATUS_INVALID_DEVICE_STATE;
  if (state == link.power) return STATUS_SUCCESS;
  const bool up = state == PowerDeviceD0;
  if (!up && action >= PowerActionSleep && action <= PowerActionHibernate) unit_lost_power_ = true;
  if (up && unit_lost_power_) {
    unit_lost_power_ = false;
    if (unit_ != nullptr) unit_->restore();
  }
  if (!up && link.paging != nullptr)
    if (const NTSTATUS status = link.paging->power_down(); !NT_SUCCESS(status)) return status;
  std::vector<PhysicalAdapter*> order;
  for (PhysicalAdapter* member : link.members)
    if (member != link.lead) order.push_back(member);
  order.insert(up ? order.end() : order.begin(), link.lead);  // E2
  for (PhysicalAdapter* member : order) {
    if (up && !member->bus_enabled()) member->enable_bus();
    // Children sleep before their adapter does, and wake after it.
    if (up) set_power(*member, DISPLAY_ADAPTER_HW_ID, state, action);
    for (const ULONG child : member->child_uids) set_power(*member, child, state, action);
    if (!up) set_power(*member, DISPLAY_ADAPTER_HW_ID, state, action);
    if (!up) member->disable_bus();
  }
  link.power = state;
  if (up && link.paging != nullptr) link.paging->power_up();
  return STATUS_SUCCESS;
}

void Kernel::set_power(PhysicalAdapter& adapter, ULONG uid, DEVICE_POWER_STATE state, POWER_ACTION action) {
  if (driver_.DxgkDdiSetPowerState == nullptr) return;
  const SetPowerStateArguments args{uid, state, action};
  const NTSTATUS status =
      call_driver("DxgkDdiSetPowerState",
                  fmt::format("{}, D{}", adapter.function().name, static_cast<int>(state) - PowerDeviceD0),
                  {&args, nullptr, index_of(adapter)},
                  [&] { return driver_.DxgkDdiSetPowerState(adapter.context, uid, state, action); });
  if (!NT_SUCCESS(status))  // E3
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {static_cast<std::uint32_t>(status), 0, 0, 0},
                   fmt::format("DxgkDdiSetPowerState of {} failed: {:#x}", adapter.function().name,
                               static_cast<std::uint32_t>(status)));
}

NTSTATUS Kernel::surprise_remove(std::size_t index) {
  if (index >= links_.size() || gate_.inside()) return STATUS_INVALID_DEVICE_STATE;
  LogicalAdapter& link = *links_[index];
  // Whatever comes to be in their place finds no path to this driver's memory.
  if (link.paging != nullptr) link.paging->abandon();
  for (PhysicalAdapter* member : link.members) member->forget_bus();
  if (link.memory.space != nullptr) link.memory.space->detach();
  if (driver_.DxgkDdiNotifySurpriseRemoval != nullptr) {
    auto* notify = reinterpret_cast<NotifySurpriseRemoval*>(driver_.DxgkDdiNotifySurpriseRemoval);
    std::vector<PhysicalAdapter*> order{link.lead};
    for (PhysicalAdapter* member : link.members)
      if (member != link.lead) order.push_back(member);
    const NotifySurpriseRemovalArguments args{kRemovalPnpNotify};
    for (PhysicalAdapter* member : order)
      (void)call_driver("DxgkDdiNotifySurpriseRemoval", member->function().name,
                        {&args, nullptr, index_of(*member)},
                        [&] { return notify(member->context, kRemovalPnpNotify); });
  }
  // Whoever is in the driver comes back first: nothing is taken away under him.
  const DdiGate::Exclusive alone(gate_);
  const NTSTATUS status = stop_link(link);
  for (auto it = link.members.rbegin(); it != link.members.rend(); ++it) {
    PhysicalAdapter* member = *it;
    remove_device(*member);
    functions_.erase(
        std::find_if(functions_.begin(), functions_.end(), [&](const auto& f) { return f.get() == member; }));
  }
  links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(index));
  if (links_.empty()) shut_unit_down();
  return status;
}

}  // namespace gpudmar::dxgkrnl
