// SPDX-License-Identifier: Apache-2.0
#include "driver-model/dxgkrnl/system_memory.h"

#include <exception>

namespace gpudmar::dxgkrnl {

/// One use, told at its begin and at its end.
class SystemMemory::Use {
 public:
  Use(SystemMemory& memory, const char* name, const void* arguments)
      : memory_(memory), exceptions_(std::uncaught_exceptions()) {
    record_.id = memory_.next_id_++;
    record_.name = name;
    record_.args = "system";
    record_.begin = memory_.time_.now();
    record_.arguments = arguments;
    tell(false);
  }
  ~Use() {
    record_.bugcheck = std::uncaught_exceptions() > exceptions_;
    record_.end = memory_.time_.now();
    tell(true);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  NTSTATUS done(NTSTATUS status) {
    record_.status = status;
    return status;
  }

 private:
  void tell(bool finished) {
    if (memory_.observer_) memory_.observer_(record_, finished);
    if (memory_.watcher_) memory_.watcher_(record_, finished);
  }

  SystemMemory& memory_;
  CallRecord record_;
  int exceptions_;
};

NTSTATUS SystemMemory::create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args) {
  Use use(*this, "DxgkCbCreatePhysicalMemoryObject", args);
  return use.done(memory_.create(args));
}

void SystemMemory::destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args) {
  const Use use(*this, "DxgkCbDestroyPhysicalMemoryObject", args);
  memory_.destroy(args);
}

NTSTATUS SystemMemory::map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args) {
  Use use(*this, "DxgkCbMapPhysicalMemory", args);
  return use.done(memory_.map(args));
}

void SystemMemory::unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args) {
  const Use use(*this, "DxgkCbUnmapPhysicalMemory", args);
  memory_.unmap(args);
}

NTSTATUS SystemMemory::allocate_adl(DXGKARGCB_ALLOCATE_ADL* args) {
  Use use(*this, "DxgkCbAllocateAdl", args);
  return use.done(memory_.allocate_adl(args));
}

void SystemMemory::free_adl(const DXGKARGCB_FREE_ADL* args) {
  const Use use(*this, "DxgkCbFreeAdl", args);
  memory_.free_adl(args);
}

}  // namespace gpudmar::dxgkrnl
