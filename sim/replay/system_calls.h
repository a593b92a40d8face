// SPDX-License-Identifier: Apache-2.0
// What the system does with its adapters and allocations of its own accord: done on a kernel, and written
// down where somebody records.
#pragma once

#include <cstdint>

#include "sim/replay/recorder.h"

namespace gpudmar::sim::replay {

class SystemCalls {
 public:
  /// `recorder` may be null.
  SystemCalls(dxgkrnl::Kernel& kernel, Recorder* recorder) : kernel_(kernel), recorder_(recorder) {}

  // ---- Allocations of an adapter's link; STATUS_INVALID_DEVICE_STATE where there is no paging.
  NTSTATUS allocate(std::size_t adapter, const void* private_data, UINT bytes, dxgkrnl::AllocationId& id);
  NTSTATUS deallocate(std::size_t adapter, dxgkrnl::AllocationId id);
  NTSTATUS resident(std::size_t adapter, dxgkrnl::AllocationId id);
  NTSTATUS evict(std::size_t adapter, dxgkrnl::AllocationId id);
  NTSTATUS fill(std::size_t adapter, dxgkrnl::AllocationId id, UINT pattern);
  NTSTATUS discard(std::size_t adapter, dxgkrnl::AllocationId id);
  NTSTATUS access(std::size_t adapter, dxgkrnl::AllocationId id, std::uint64_t offset, void* data,
                  std::uint64_t bytes, bool write);

  // ---- Links, by one of their adapters
  NTSTATUS power(std::size_t adapter, DEVICE_POWER_STATE state, POWER_ACTION action);
  /// `pull`: takes the devices out; it is part of the action.
  NTSTATUS remove(std::size_t adapter, const std::function<void()>& pull);
  NTSTATUS isolate(std::size_t adapter);
  /// `lose`: the remapping unit goes through its reset.
  void reset_unit(const std::function<void()>& lose);

 private:
  [[nodiscard]] dxgkrnl::Paging* paging(std::size_t adapter) const;
  /// {"adapter", "allocation"} and what `more` has.
  [[nodiscard]] nlohmann::json in(std::size_t adapter, dxgkrnl::AllocationId id,
                                  const nlohmann::json& more = nlohmann::json::object()) const;

  dxgkrnl::Kernel& kernel_;
  Recorder* recorder_;
};

}  // namespace gpudmar::sim::replay
