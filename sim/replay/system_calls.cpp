// SPDX-License-Identifier: Apache-2.0
#include "sim/replay/system_calls.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Action = Recorder::Action;

}  // namespace

dxgkrnl::Paging* SystemCalls::paging(std::size_t adapter) const {
  const auto index = link_index(kernel_, adapter);
  return index ? kernel_.paging(*index) : nullptr;
}

json SystemCalls::in(std::size_t adapter, dxgkrnl::AllocationId id, const json& more) const {
  json line{{"adapter", adapter}};
  if (recorder_ != nullptr) line["allocation"] = recorder_->allocation_name(adapter, id);
  line.update(more);
  return line;
}

NTSTATUS SystemCalls::allocate(std::size_t adapter, const void* private_data, UINT bytes,
                               dxgkrnl::AllocationId& id) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  Action action(
      recorder_, "allocate",
      {{"adapter", adapter}, {"private_data", words_of(private_data, bytes, Handles())}, {"bytes", bytes}});
  const NTSTATUS status = action.done(target->create(private_data, bytes, id));
  if (NT_SUCCESS(status) && recorder_ != nullptr)
    action.out({{"allocation", recorder_->name_allocation(adapter, id)}});
  return status;
}

NTSTATUS SystemCalls::deallocate(std::size_t adapter, dxgkrnl::AllocationId id) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "deallocate", in(adapter, id)).done(target->destroy(id));
}

NTSTATUS SystemCalls::resident(std::size_t adapter, dxgkrnl::AllocationId id) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "resident", in(adapter, id)).done(target->make_resident(id));
}

NTSTATUS SystemCalls::evict(std::size_t adapter, dxgkrnl::AllocationId id) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "evict", in(adapter, id)).done(target->evict(id));
}

NTSTATUS SystemCalls::fill(std::size_t adapter, dxgkrnl::AllocationId id, UINT pattern) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "fill", in(adapter, id, {{"pattern", pattern}})).done(target->fill(id, pattern));
}

NTSTATUS SystemCalls::discard(std::size_t adapter, dxgkrnl::AllocationId id) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "discard", in(adapter, id)).done(target->discard(id));
}

NTSTATUS SystemCalls::access(std::size_t adapter, dxgkrnl::AllocationId id, std::uint64_t offset, void* data,
                             std::uint64_t bytes, bool write) {
  dxgkrnl::Paging* const target = paging(adapter);
  if (target == nullptr) return STATUS_INVALID_DEVICE_STATE;
  const json more{{"offset", offset}, {"bytes", bytes}, {"write", write}};
  return Action(recorder_, "access", in(adapter, id, more))
      .done(target->access(id, offset, data, bytes, write));
}

NTSTATUS SystemCalls::power(std::size_t adapter, DEVICE_POWER_STATE state, POWER_ACTION action) {
  const auto index = link_index(kernel_, adapter);
  if (!index) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "power", {{"adapter", adapter}, {"state", state}, {"action", action}})
      .done(kernel_.set_power_state(state, action, *index));
}

NTSTATUS SystemCalls::remove(std::size_t adapter, const std::function<void()>& pull) {
  const auto index = link_index(kernel_, adapter);
  if (!index) return STATUS_INVALID_DEVICE_STATE;
  Action action(recorder_, "remove", {{"adapter", adapter}});
  pull();
  return action.done(kernel_.surprise_remove(*index));
}

NTSTATUS SystemCalls::isolate(std::size_t adapter) {
  const auto index = link_index(kernel_, adapter);
  if (!index) return STATUS_INVALID_DEVICE_STATE;
  return Action(recorder_, "isolate", {{"adapter", adapter}}).done(kernel_.enable_isolation(*index));
}

void SystemCalls::reset_unit(const std::function<void()>& lose) {
  const Action action(recorder_, "reset_unit");
  lose();
}

}  // namespace gpudmar::sim::replay
