// SPDX-License-Identifier: Apache-2.0
// Inner records of the memory manager, shared by its source files only.
#pragma once

#include <list>
#include <memory>
#include <string>
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

struct MemoryManager::Mapping {
  std::unique_ptr<mm::CpuMapping> cpu;
  ProcessId process = kSystemProcess;  // user mode: the one it belongs to
};

struct MemoryManager::AdapterObject {
  HANDLE handle = nullptr;  // null: not for the driver
  Object* object = nullptr;
  AdapterSpace* adapter = nullptr;
  std::list<std::unique_ptr<Adl>> adls;
};

struct MemoryManager::Object {
  HANDLE handle = nullptr;
  Origin origin = Origin::kObject;
  DXGK_PHYSICAL_MEMORY_TYPE type{};
  DXGK_MEMORY_CACHING_TYPE cache_type{};
  std::uint64_t size = 0;
  ULONG_PTR context = 0;
  std::uint64_t io_base = 0;  // IO_SPACE
  bool view_denied = false;   // SECTION: DesiredAccess does not allow what its views would do
  std::unique_ptr<mm::Backing> backing;
  std::list<Mapping> mappings;
  std::unique_ptr<AdapterObject> opened;
  std::vector<ObjectEvent> events;
  std::vector<std::uint64_t> mdl;  // what the driver gets as an MDL, with its page list
  PMDL foreign_mdl = nullptr;      // kMappedMdl: the driver's
  UINT index = 0;                  // kSaveArea: physical adapter
};

/// offset + size lies within `limit` and does not overflow.
[[nodiscard]] inline bool within(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

/// What a driver did that the documentation calls an error and that no status can tell.
[[noreturn]] void misuse(const std::string& what);

[[nodiscard]] NTSTATUS to_status(mm::BackingError error);

/// An MDL of whole locked pages in `storage`; nobody has mapped it.
PMDL build_mdl(std::vector<std::uint64_t>& storage, const std::vector<mm::Pfn>& pages);

/// Check everything about a create request but its handle, and translate it. STATUS_SUCCESS, or what the
/// rules say. `address_bits`: width of the machine's physical addresses.
[[nodiscard]] NTSTATUS check_create(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args,
                                    unsigned address_bits, mm::BackingRequest& request);

/// R114: a section's DesiredAccess lacks what a view of its protection needs.
[[nodiscard]] bool view_denied(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args);

}  // namespace gpudmar::dxgkrnl
