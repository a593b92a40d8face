// SPDX-License-Identifier: Apache-2.0
// Memory objects of the graphics kernel's own: paging buffers, dummy pages, backing stores of allocations.
#pragma once

#include <atomic>
#include <cstdint>

#include "driver-model/dxgkrnl/call_log.h"
#include "driver-model/dxgkrnl/memory_manager.h"

namespace gpudmar::dxgkrnl {

/// The memory manager as the system itself uses it. These uses are no callbacks and stand in no call log; an
/// observer hears of them in the same form, because what devices may reach is the same promise.
class SystemMemory {
 public:
  /// Ids of its records: apart from those of the call log.
  static constexpr std::uint64_t kFirstId = 1ULL << 63;

  SystemMemory(MemoryManager& memory, hw::Time& time) : memory_(memory), time_(time) {}
  SystemMemory(const SystemMemory&) = delete;
  SystemMemory& operator=(const SystemMemory&) = delete;

  /// Called as a call log calls its own. Set while nobody uses the memory.
  void observe(CallLog::Observer observer) { observer_ = std::move(observer); }
  /// A second one, beside the first and after it.
  void watch(CallLog::Observer observer) { watcher_ = std::move(observer); }

  NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args);
  void destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args);
  NTSTATUS map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args);
  void unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args);
  NTSTATUS allocate_adl(DXGKARGCB_ALLOCATE_ADL* args);
  void free_adl(const DXGKARGCB_FREE_ADL* args);
  /// Nobody needs the content of an object any more: its pages in memory get another one.
  void poison(HANDLE object) { memory_.poison(object); }

 private:
  class Use;

  MemoryManager& memory_;
  hw::Time& time_;
  CallLog::Observer observer_;
  CallLog::Observer watcher_;
  std::atomic<std::uint64_t> next_id_{kFirstId};
};

}  // namespace gpudmar::dxgkrnl
