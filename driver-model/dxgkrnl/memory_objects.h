// SPDX-License-Identifier: Apache-2.0
// Inner records of the memory manager, shared by its source files only.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "driver-model/dxgkrnl/memory_manager.h"

namespace gpudmar::dxgkrnl {

struct MemoryManager::Adl {
  DXGK_ADL adl{};                         // what the driver sees
  std::vector<DXGK_PAGE_NUMBER> numbers;  // what adl.Pages points to
  std::uint64_t first_page = 0;           // within the object
  std::vector<mm::Pfn> locked;
  DeviceRange range;
};

struct MemoryManager::AdapterObject {
  HANDLE handle = nullptr;
  Object* object = nullptr;
  AdapterSpace* adapter = nullptr;
  std::list<std::unique_ptr<Adl>> adls;
};

struct MemoryManager::Object {
  HANDLE handle = nullptr;
  DXGK_PHYSICAL_MEMORY_TYPE type{};
  DXGK_MEMORY_CACHING_TYPE cache_type{};
  std::uint64_t size = 0;
  ULONG_PTR context = 0;
  std::unique_ptr<mm::Backing> backing;
  std::list<std::unique_ptr<mm::CpuMapping>> mappings;
  std::unique_ptr<AdapterObject> opened;
  std::vector<ObjectEvent> events;
};

/// Check everything about a create request but its handle, and translate it. STATUS_SUCCESS, or what the
/// rules say.
[[nodiscard]] NTSTATUS check_create(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args,
                                    mm::BackingRequest& request);

}  // namespace gpudmar::dxgkrnl
