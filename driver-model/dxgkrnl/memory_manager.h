// SPDX-License-Identifier: Apache-2.0
// Physical memory objects, adapter memory objects, ADLs and CPU mappings: what the eight callbacks do.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dispmprt.h"
#include "driver-model/dxgkrnl/dma_space.h"
#include "driver-model/dxgkrnl/handles.h"
#include "driver-model/dxgkrnl/process.h"
#include "driver-model/mm/backing.h"
#include "driver-model/mm/sleep_lock.h"

namespace gpudmar::dxgkrnl {

/// A logical adapter as the memory manager needs it. Every linked physical adapter's handle leads to the same
/// one.
struct AdapterSpace {
  std::string name;
  std::unique_ptr<DmaSpace> space;
};

/// One step in the life of an object's memory.
struct ObjectEvent {
  enum class Kind {
    kCreate,
    kOpen,
    kLock,
    kPteWrite,
    kInvalidateBegin,
    kInvalidateDone,
    kUnlock,
    kClose,
    kDestroy
  };
  Kind kind{};
  std::uint64_t cycle = 0;
  std::uint64_t first_page = 0;  ///< within the object
  std::uint64_t page_count = 0;
};

/// A live ADL, for inspection.
struct AdlView {
  const DXGK_ADL* adl = nullptr;  ///< the pointer that the driver holds
  bool contiguous = false;
  std::uint64_t first_object_page = 0;
  std::vector<std::uint64_t> logical_pages;  ///< device-visible numbers, in object order
  std::vector<mm::Pfn> page_frames;          ///< what they must translate to
};

/// A live CPU mapping, for inspection.
struct MappingView {
  void* base = nullptr;
  std::uint64_t bytes = 0;
  bool user_mode = false;
  bool writable = true;
  DXGK_MEMORY_CACHING_TYPE cache_type = DXGK_MEMORY_CACHING_TYPE_CACHED;  ///< the object's (R107)
  ProcessId process = kSystemProcess;  ///< user mode: the one whose address space it is in
};

/// A live object, for inspection.
struct ObjectView {
  HANDLE handle = nullptr;
  HANDLE adapter_object = nullptr;  ///< null = not open
  std::string adapter;              ///< name of the logical adapter it is open on
  DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
  DXGK_MEMORY_CACHING_TYPE cache_type = DXGK_MEMORY_CACHING_TYPE_CACHED;
  std::uint64_t size = 0;  ///< bytes as asked for
  ULONG_PTR context = 0;
  std::vector<mm::Pfn> page_frames;  ///< mm::kNotResident where a section's page is absent; I/O space: none
  std::uint64_t io_base = 0;         ///< I/O space: first bus address
  std::vector<AdlView> adls;
  std::vector<MappingView> mappings;
  std::vector<ObjectEvent> events;
};

/// The objects of the system. Callbacks may come from several threads; they are serialised. Errors follow
/// section 7 of the rules: handle, enumeration, reserved bits, alignment, range, type, state, resources; the
/// first one wins and nothing has changed. VOID callbacks raise BugCheck instead.
class MemoryManager {
 public:
  using MakeBacking = std::function<mm::BackingResult(mm::Pager&, const mm::BackingRequest&)>;
  struct Config {
    unsigned host_address_width = 46;          ///< bits of a physical address
    std::uint64_t page_file_pages = 1U << 18;  ///< room for pages of sections that are not in memory
    MakeBacking make_backing = mm::make_backing;
  };

  MemoryManager(mm::PageAllocator& pages, hw::Time& time, HandleTable& handles, Config config);
  MemoryManager(mm::PageAllocator& pages, hw::Time& time, HandleTable& handles)
      : MemoryManager(pages, time, handles, Config()) {}
  ~MemoryManager();
  MemoryManager(const MemoryManager&) = delete;
  MemoryManager& operator=(const MemoryManager&) = delete;

  NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args);      ///< R40 to R74
  NTSTATUS open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args);          ///< R80 to R86
  void close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args);      ///< R87, R90, R97
  void destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args);  ///< R88 to R97
  /// R100 to R115. `process`: the current one, in whose address space a user-mode mapping comes to be.
  NTSTATUS map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args, ProcessId process = kSystemProcess);
  /// R110 to R112.
  void unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args, ProcessId process = kSystemProcess);
  NTSTATUS allocate_adl(DXGKARGCB_ALLOCATE_ADL* args);  ///< R120 to R141
  void free_adl(const DXGKARGCB_FREE_ADL* args);        ///< R142, R143

  /// R96: raise 0x1E4/7 or /6 if ADLs or adapter objects of the adapter are left.
  void check_leaks(const AdapterSpace& adapter) const;
  /// R96: raise 0x1E4/6 if objects are left when the driver has gone.
  void check_all_destroyed() const;
  /// R94: raise 0x76 if the process, which ends, still has user-mode mappings.
  void check_process_exit(ProcessId process) const;

  /// Memory pressure: write up to `pages` unlocked pages of sections to the page file. How many that were.
  std::uint64_t trim(std::uint64_t pages);
  [[nodiscard]] std::uint64_t page_file_pages_used() const;

  [[nodiscard]] std::vector<ObjectView> objects() const;
  /// One object, by either of its handles; nullopt: no such handle. Takes no lock, so that looking on does
  /// not change what happens when: for call observers, where threads are cooperative.
  [[nodiscard]] std::optional<ObjectView> object(HANDLE handle) const;

 private:
  struct Adl;
  struct Mapping;
  struct AdapterObject;
  struct Object;

  [[nodiscard]] static ObjectView view_of(const Object& object);
  [[nodiscard]] Object* find_object(HANDLE handle) const;
  [[nodiscard]] AdapterObject* find_adapter_object(HANDLE handle) const;
  /// STATUS_INVALID_HANDLE or STATUS_OBJECT_TYPE_MISMATCH for a handle that is not what was asked for.
  [[nodiscard]] NTSTATUS wrong_handle(HANDLE handle) const;
  void begin_device_access(const Object& object, const std::vector<mm::Pfn>& pages);
  void end_device_access(Object& object, const std::vector<mm::Pfn>& pages);
  HANDLE attach_adapter_object(Object& object, AdapterSpace& adapter);
  void detach_adapter_object(Object& object);
  void log(Object& object, ObjectEvent::Kind kind, std::uint64_t first, std::uint64_t count,
           std::uint64_t cycle);

  mm::PageAllocator& pages_;
  hw::Time& time_;
  HandleTable& handles_;
  Config config_;
  mutable mm::SleepLock lock_;
  mm::Pager pager_;
  std::list<std::unique_ptr<Object>> objects_;
};

}  // namespace gpudmar::dxgkrnl
