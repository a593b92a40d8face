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

/// What made an object, and what alone takes it back.
enum class Origin {
  kObject,            ///< CreatePhysicalMemoryObject
  kContiguousMemory,  ///< AllocateContiguousMemory (2.4)
  kPagesForMdl,       ///< AllocatePagesForMdl (2.4)
  kMappedMdl,         ///< MapMdlToIoMmu (2.4)
  kSaveArea,          ///< the section that a frame buffer is saved to
};
[[nodiscard]] const char* to_string(Origin origin);

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
  Origin origin = Origin::kObject;
  HANDLE adapter_object = nullptr;  ///< null = not open, or not the driver's
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

  // ---- The callbacks of 2.4, R220 to R225: mapped 1:1 as long as they live, none in logical mode (R26). Any
  // bad handle makes the one without a status raise BugCheck 0x113.
  NTSTATUS allocate_contiguous(AdapterSpace& adapter, DXGKARGCB_ALLOCATECONTIGUOUSMEMORY* args);
  NTSTATUS free_contiguous(AdapterSpace& adapter, const DXGKARGCB_FREECONTIGUOUSMEMORY* args);
  NTSTATUS allocate_pages_for_mdl(AdapterSpace& adapter, DXGKARGCB_ALLOCATEPAGESFORMDL* args);
  NTSTATUS free_pages_from_mdl(AdapterSpace& adapter, const DXGKARGCB_FREEPAGESFROMMDL* args);
  NTSTATUS map_mdl(AdapterSpace& adapter, DXGKARGCB_MAPMDLTOIOMMU* args);
  void unmap_mdl(AdapterSpace& adapter, const DXGKARGCB_UNMAPMDLFROMIOMMU* args);

  // ---- Frame-buffer save, R20 and R200 to R212
  /// The section of one physical adapter, its commit charged: STATUS_COMMITMENT_LIMIT when that is refused.
  /// Once per index; 0 bytes make none.
  NTSTATUS add_save_area(AdapterSpace& adapter, UINT index, std::uint64_t bytes);
  /// Raises BugCheck 0x113 while a view of one is mapped; what is pinned is check_leaks()' business.
  void remove_save_areas(const AdapterSpace& adapter);
  NTSTATUS pin_frame_buffer(AdapterSpace& adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE* args);
  NTSTATUS pin_frame_buffer(AdapterSpace& adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE2* args);
  NTSTATUS unpin_frame_buffer(AdapterSpace& adapter, const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE* args);
  NTSTATUS map_frame_buffer(AdapterSpace& adapter, DXGKARGCB_MAPFRAMEBUFFERPOINTER* args);
  NTSTATUS unmap_frame_buffer(AdapterSpace& adapter, const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER* args);

  /// Change what the adapter's numbers mean, with every range that is alive (R25): no callback runs
  /// meanwhile.
  void switch_space(const AdapterSpace& adapter,
                    const std::function<void(const std::vector<const DeviceRange*>&)>& action);

  /// R96, R227: raise 0x1E4/7 or /6 if ADLs, adapter objects or memory of the 2.4 callbacks are left.
  void check_leaks(const AdapterSpace& adapter) const;
  /// R96: raise 0x1E4/6 if objects are left when the driver has gone.
  void check_all_destroyed() const;
  /// R94: raise 0x76 if the process, which ends, still has user-mode mappings.
  void check_process_exit(ProcessId process) const;

  /// Memory pressure: write up to `pages` unlocked pages of sections to the page file. How many that were.
  std::uint64_t trim(std::uint64_t pages);
  [[nodiscard]] std::uint64_t page_file_pages_used() const;

  /// Nobody needs the content any more: the object's pages, all in memory, get another one.
  void poison(HANDLE object) const;

  [[nodiscard]] std::vector<ObjectView> objects() const;
  /// Look at all of them while none changes. `look` must not call back.
  void with_objects(const std::function<void(const std::vector<ObjectView>&)>& look) const;
  /// One object, by either of its handles, or that of a 2.4 callback; nullopt: no such handle. Takes no lock,
  /// so that looking on does not change what happens when: for call observers, where threads are cooperative.
  [[nodiscard]] std::optional<ObjectView> object(HANDLE handle) const;
  /// The section that a physical adapter's frame buffer is saved to, in the same way.
  [[nodiscard]] std::optional<ObjectView> save_area(const AdapterSpace& adapter, UINT index) const;

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
  /// Lock pages of an open object and let the adapter reach them. All or nothing: a status and null.
  NTSTATUS add_adl(AdapterObject& opened, std::uint64_t first, std::uint64_t count, Contiguity contiguity,
                   Adl** made);
  void drop_adl(AdapterObject& opened, const Adl& adl);
  /// An object for the 2.4 callbacks: its memory, open, with all of its pages within reach.
  NTSTATUS make_block(AdapterSpace& adapter, Origin origin, std::unique_ptr<Object> object, Object** made);
  NTSTATUS create_block(AdapterSpace& adapter, Origin origin,
                        const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& request, Object** made);
  [[nodiscard]] Object* find_block(const AdapterSpace& adapter, HandleKind kind, HANDLE handle) const;
  void free_block(Object& block);
  [[nodiscard]] Object* find_save_area(const AdapterSpace& adapter, UINT index) const;
  NTSTATUS pin(AdapterSpace& adapter, UINT index, std::uint64_t bytes, Contiguity contiguity, bool as_mdl,
               Adl** made);
  [[nodiscard]] std::unique_ptr<Object> new_object(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& request,
                                                   std::unique_ptr<mm::Backing> backing);
  void release_backing(Object& object);
  void remove(const Object& object);
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
