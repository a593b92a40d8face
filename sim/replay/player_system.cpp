// SPDX-License-Identifier: Apache-2.0
// What the system does of its own accord, done again.
#include <algorithm>
#include <cstring>

#include "sim/replay/player.h"
#include "sim/replay/player_driver.h"
#include "sim/scenario/power_loss.h"
#include "sim/scenario/system_start.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

constexpr std::size_t kWordBytes = 8;

std::size_t adapter_of(const Event& event) {
  return event.in.contains("adapter") ? number_of(event.in["adapter"]) : 0;
}

}  // namespace

NTSTATUS Player::act(const Event& event) {
  if (event.name == "load") {
    driver_ = played_driver(event.out);
    return kernel_->load(&driver_entry);
  }
  if (event.name == "start") {
    devices_.clear();
    insert_all(bars_);
    if (guarantees_ == nullptr)
      guarantees_ = std::make_unique<Guarantees>(machine_, *kernel_, checked_,
                                                 visible_addresses(machine_, trace_.system),
                                                 attaches(trace_.system.start));
    const NTSTATUS status = kernel_->start();
    if (NT_SUCCESS(status)) guarantees_->system_started();
    return status;
  }
  if (event.name == "stop") {
    if (guarantees_ != nullptr) guarantees_->sweep();
    return kernel_->stop();
  }
  if (event.name == "unload") kernel_->unload();
  if (event.name == "reattach") return kernel_->reattach();
  if (event.name == "trim") kernel_->trim(number_of(event.in["pages"]));
  if (event.name == "exit_process") {
    const std::string name = event.in["process"].get<std::string>();
    kernel_->exit_process(process(name));
    processes_.erase(name);
  }
  if (event.name == "reboot") {
    guarantees_.reset();
    places_.attach(nullptr);
    kernel_.reset();
    processes_.clear();
    mapped_mdls_.clear();
    machine_.reset(true);
    down_ = false;
    result_.bugcheck.clear();
    boot();
    ++epoch_;
  }
  if (event.name == "allocate") return allocate(event);
  if (event.in.contains("allocation")) return page(event);
  if (event.name == "power") return power(event);
  if (event.name == "reset_unit") lose_remapping_unit(machine_);
  if (event.name == "fail") {
    mm::FailurePoint& failures = kernel_->pages().failures();
    (void)failures.disarm();
    if (event.in.contains("after"))
      failures.after(number_of(event.in["after"]), event.in.value("sticky", false));
  }
  if (guarantees_ == nullptr) return STATUS_SUCCESS;
  if (event.name == "remove") return remove_link(*kernel_, *guarantees_, bars_, adapter_of(event), nullptr);
  if (event.name == "isolate") return isolate_link(*kernel_, *guarantees_, adapter_of(event), nullptr);
  return STATUS_SUCCESS;
}

NTSTATUS Player::allocate(const Event& event) {
  std::vector<std::uint8_t> data(number_of(event.in["bytes"]));
  const json& words = event.in["private_data"];
  for (std::size_t i = 0; i < words.size() && i * kWordBytes < data.size(); ++i) {
    const std::uint64_t word = handles_.read(words[i]).value_or(0);
    std::memcpy(data.data() + i * kWordBytes, &word, std::min(kWordBytes, data.size() - i * kWordBytes));
  }
  dxgkrnl::AllocationId id = 0;
  const std::size_t adapter = adapter_of(event);
  const NTSTATUS status =
      SystemCalls(*kernel_, nullptr).allocate(adapter, data.data(), static_cast<UINT>(data.size()), id);
  if (NT_SUCCESS(status) && event.out.is_object() && event.out.contains("allocation"))
    places_.name_allocation(event.out["allocation"].get<std::string>(),
                            {adapter < links_.size() ? links_[adapter] : adapter, id});
  return status;
}

NTSTATUS Player::page(const Event& event) {
  const auto known = places_.allocation(event.in["allocation"].get<std::string>());
  if (!known) {
    differ(&event, "in", event.in["allocation"].dump(),
           "no allocation of this name: the action that made it failed");
    stop();
  }
  SystemCalls calls(*kernel_, nullptr);
  const std::size_t adapter = adapter_of(event);
  if (event.name == "deallocate") return calls.deallocate(adapter, known->id);
  if (event.name == "resident") return calls.resident(adapter, known->id);
  if (event.name == "evict") return calls.evict(adapter, known->id);
  if (event.name == "discard") return calls.discard(adapter, known->id);
  if (event.name == "fill")
    return calls.fill(adapter, known->id, static_cast<UINT>(number_of(event.in["pattern"])));
  std::vector<std::uint8_t> data(number_of(event.in["bytes"]));
  return calls.access(adapter, known->id, number_of(event.in["offset"]), data.data(), data.size(),
                      event.in["write"].get<bool>());
}

NTSTATUS Player::power(const Event& event) {
  const std::size_t adapter = adapter_of(event);
  const auto index = link_index(*kernel_, adapter);
  if (!index) return STATUS_INVALID_DEVICE_STATE;
  const auto members = kernel_->adapters()[*index].members;
  const auto state = static_cast<DEVICE_POWER_STATE>(number_of(event.in["state"]));
  const NTSTATUS status =
      SystemCalls(*kernel_, nullptr)
          .power(adapter, state, static_cast<POWER_ACTION>(number_of(event.in["action"])));
  if (NT_SUCCESS(status) && state == PowerDeviceD3)
    for (const std::size_t member : members) lose_local_memory(machine_, static_cast<unsigned>(member));
  return status;
}

}  // namespace gpudmar::sim::replay
