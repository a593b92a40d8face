// SPDX-License-Identifier: Apache-2.0
// Life of objects: create, open, close, destroy; the checks of their arguments stand in create_checks.cpp.
#include "driver-model/dxgkrnl/memory_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/memory_objects.h"

namespace gpudmar::dxgkrnl {

void misuse(const std::string& what) {
  throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {0, 0, 0, 0}, what);
}

NTSTATUS to_status(mm::BackingError error) {
  switch (error) {
    case mm::BackingError::kNone:
      return STATUS_SUCCESS;
    case mm::BackingError::kNoMemory:
      return STATUS_NO_MEMORY;
    case mm::BackingError::kInsufficientResources:
      return STATUS_INSUFFICIENT_RESOURCES;
    case mm::BackingError::kCommitmentLimit:
      return STATUS_COMMITMENT_LIMIT;
    case mm::BackingError::kConflict:
      return STATUS_CONFLICTING_ADDRESSES;  // R59, R148
  }
  return STATUS_NOT_SUPPORTED;
}

const char* to_string(Origin origin) {
  switch (origin) {
    case Origin::kObject:
      return "memory object";
    case Origin::kContiguousMemory:
      return "contiguous memory";
    case Origin::kPagesForMdl:
      return "pages for an MDL";
    case Origin::kMappedMdl:
      return "mapped MDL";
    case Origin::kSaveArea:
      return "frame-buffer save area";
  }
  return "?";
}

MemoryManager::MemoryManager(mm::PageAllocator& pages, hw::Time& time, HandleTable& handles, Config config)
    : pages_(pages),
      time_(time),
      handles_(handles),
      config_(std::move(config)),
      lock_(time),
      pager_(pages, config_.page_file_pages) {}

MemoryManager::~MemoryManager() = default;

MemoryManager::Object* MemoryManager::find_object(HANDLE handle) const {
  return handles_.find<Object>(handle, HandleKind::kObject);
}

MemoryManager::AdapterObject* MemoryManager::find_adapter_object(HANDLE handle) const {
  return handles_.find<AdapterObject>(handle, HandleKind::kAdapterObject);
}

NTSTATUS MemoryManager::wrong_handle(HANDLE handle) const {
  return handles_.kind(handle) == HandleKind::kNone ? STATUS_INVALID_HANDLE : STATUS_OBJECT_TYPE_MISMATCH;
}

void MemoryManager::log(Object& object, ObjectEvent::Kind kind, std::uint64_t first, std::uint64_t count,
                        std::uint64_t cycle) {
  object.events.push_back({kind, cycle, first, count});
}

HANDLE MemoryManager::attach_adapter_object(Object& object, AdapterSpace& adapter) {
  object.opened = std::make_unique<AdapterObject>();
  object.opened->object = &object;
  object.opened->adapter = &adapter;
  object.opened->handle = handles_.insert(HandleKind::kAdapterObject, object.opened.get());
  log(object, ObjectEvent::Kind::kOpen, 0, object.backing->page_count(), time_.now());
  return object.opened->handle;
}

void MemoryManager::detach_adapter_object(Object& object) {
  handles_.erase(object.opened->handle);
  object.opened.reset();
  log(object, ObjectEvent::Kind::kClose, 0, object.backing->page_count(), time_.now());
}

std::unique_ptr<MemoryManager::Object> MemoryManager::new_object(
    const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& request, std::unique_ptr<mm::Backing> backing) {
  if (static_cast<std::uint32_t>(backing->type()) != static_cast<std::uint32_t>(request.Type))  // R48, inside
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kInvalidObjectType, 0, 0, 0},
                   fmt::format("an object of type {} over memory of type {}", static_cast<int>(request.Type),
                               static_cast<int>(backing->type())));
  auto object = std::make_unique<Object>();
  object->type = request.Type;
  object->cache_type = request.CacheType;
  object->size = request.Size;
  object->context = request.Context;
  object->backing = std::move(backing);
  return object;
}

void MemoryManager::release_backing(Object& object) {
  try {
    object.backing->release();
  } catch (const mm::PageStateError& error) {
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kUnlockWithAdls, 0, 0, 0},
                   error.what());
  }
}

void MemoryManager::remove(const Object& object) {
  handles_.erase(object.handle);
  objects_.remove_if([&](const auto& o) { return o.get() == &object; });
}

NTSTATUS MemoryManager::create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args) {
  args->hPhysicalMemoryObject = nullptr;
  args->hAdapterMemoryObject = nullptr;
  AdapterSpace* adapter = nullptr;
  if (args->hAdapter != nullptr) {
    adapter = handles_.find<AdapterSpace>(args->hAdapter, HandleKind::kAdapter);
    if (adapter == nullptr) return STATUS_INVALID_PARAMETER;  // R43
  }
  mm::BackingRequest request;
  if (const NTSTATUS status = check_create(*args, config_.host_address_width, request); !NT_SUCCESS(status))
    return status;

  const std::lock_guard guard(lock_);
  mm::BackingResult result;
  try {
    result = config_.make_backing(pager_, request);
  } catch (const hw::HardwareError&) {
    return STATUS_INSUFFICIENT_RESOURCES;  // the memory could not be cleared
  }
  if (result.error != mm::BackingError::kNone) return to_status(result.error);
  auto object = new_object(*args, std::move(result.backing));
  object->io_base = request.io_base;
  object->view_denied = view_denied(*args);
  object->handle = handles_.insert(HandleKind::kObject, object.get());
  log(*object, ObjectEvent::Kind::kCreate, 0, object->backing->page_count(), time_.now());
  args->hPhysicalMemoryObject = object->handle;
  if (adapter != nullptr) args->hAdapterMemoryObject = attach_adapter_object(*object, *adapter);
  objects_.push_back(std::move(object));
  return STATUS_SUCCESS;
}

NTSTATUS MemoryManager::open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args) {
  args->hAdapterMemoryObject = nullptr;
  const std::lock_guard guard(lock_);
  Object* object = find_object(args->hPhysicalMemoryObject);
  if (object == nullptr) return wrong_handle(args->hPhysicalMemoryObject);
  AdapterSpace* adapter = handles_.find<AdapterSpace>(args->hAdapter, HandleKind::kAdapter);
  if (adapter == nullptr) return STATUS_INVALID_PARAMETER;
  if (object->opened != nullptr)
    return object->opened->adapter == adapter ? STATUS_ALREADY_REGISTERED : STATUS_NOT_SUPPORTED;
  args->hAdapterMemoryObject = attach_adapter_object(*object, *adapter);
  return STATUS_SUCCESS;
}

void MemoryManager::close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args) {
  const std::lock_guard guard(lock_);
  AdapterObject* opened = find_adapter_object(args->hAdapterMemoryObject);
  if (opened == nullptr)
    misuse(fmt::format("Close: {} is no open adapter memory object", fmt::ptr(args->hAdapterMemoryObject)));
  if (!opened->adls.empty())
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdlLeaked, 0, 0, 0},
                   fmt::format("Close: {} ADLs are alive", opened->adls.size()));
  detach_adapter_object(*opened->object);
}

void MemoryManager::destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args) {
  const std::lock_guard guard(lock_);
  Object* object = find_object(args->hPhysicalMemoryObject);
  if (object == nullptr)
    misuse(fmt::format("Destroy: {} is no physical memory object", fmt::ptr(args->hPhysicalMemoryObject)));
  if (args->hAdapterMemoryObject != nullptr) {
    AdapterObject* named = find_adapter_object(args->hAdapterMemoryObject);
    if (named == nullptr)
      misuse(
          fmt::format("Destroy: {} is no open adapter memory object", fmt::ptr(args->hAdapterMemoryObject)));
    if (named->object != object) misuse("Destroy: the adapter memory object belongs to another object");
  }
  if (object->opened != nullptr) {
    if (!object->opened->adls.empty())
      throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdlLeaked, 0, 0, 0},
                     fmt::format("Destroy: {} ADLs are alive", object->opened->adls.size()));
    if (args->hAdapterMemoryObject == nullptr)
      throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdapterObjectsLeaked, 0, 0, 0},
                     "Destroy: the object is open and its adapter memory object is not named");
  }
  if (!object->mappings.empty())
    misuse(fmt::format("Destroy: {} CPU mappings are alive", object->mappings.size()));
  if (object->opened != nullptr) detach_adapter_object(*object);
  log(*object, ObjectEvent::Kind::kDestroy, 0, object->backing->page_count(), time_.now());
  release_backing(*object);
  remove(*object);
}

void MemoryManager::check_leaks(const AdapterSpace& adapter) const {
  const std::lock_guard guard(lock_);
  std::size_t adls = 0;
  std::size_t adapter_objects = 0;
  std::size_t blocks = 0;
  for (const auto& object : objects_) {
    if (object->opened == nullptr || object->opened->adapter != &adapter) continue;
    switch (object->origin) {
      case Origin::kObject:
        ++adapter_objects;
        adls += object->opened->adls.size();
        break;
      case Origin::kSaveArea:  // pinned
        adls += object->opened->adls.size();
        break;
      case Origin::kContiguousMemory:
      case Origin::kPagesForMdl:
      case Origin::kMappedMdl:
        ++blocks;
        break;
    }
  }
  if (adls != 0)
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdlLeaked, 0, 0, 0},
                   fmt::format("adapter {} stops with {} ADLs alive", adapter.name, adls));
  if (adapter_objects != 0)
    throw BugCheck(
        bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdapterObjectsLeaked, 0, 0, 0},
        fmt::format("adapter {} stops with {} adapter memory objects open", adapter.name, adapter_objects));
  if (blocks != 0)  // R227
    throw BugCheck(
        bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdapterObjectsLeaked, 0, 0, 0},
        fmt::format("adapter {} stops with {} blocks of the 2.4 callbacks alive", adapter.name, blocks));
}

void MemoryManager::switch_space(const AdapterSpace& adapter,
                                 const std::function<void(const std::vector<const DeviceRange*>&)>& action) {
  const std::lock_guard guard(lock_);
  std::vector<const DeviceRange*> ranges;
  for (const auto& object : objects_) {
    if (object->opened == nullptr || object->opened->adapter != &adapter) continue;
    for (const auto& adl : object->opened->adls) ranges.push_back(&adl->range);
  }
  action(ranges);
}

void MemoryManager::check_all_destroyed() const {
  const std::lock_guard guard(lock_);
  if (!objects_.empty())
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdapterObjectsLeaked, 0, 0, 0},
                   fmt::format("the driver is gone, {} of its memory objects are not", objects_.size()));
}

void MemoryManager::check_process_exit(ProcessId process) const {
  const std::lock_guard guard(lock_);
  std::size_t alive = 0;
  for (const auto& object : objects_)
    for (const Mapping& mapping : object->mappings)
      if (mapping.cpu->mode() == mm::AccessMode::kUser && mapping.process == process) ++alive;
  if (alive != 0)
    throw BugCheck(bugcheck::kProcessHasLockedPages, {0, process, alive, 0},
                   fmt::format("process {} ends with {} user-mode mappings alive", process, alive));
}

std::uint64_t MemoryManager::trim(std::uint64_t pages) {
  const std::lock_guard guard(lock_);
  return pager_.trim(pages);
}

std::uint64_t MemoryManager::page_file_pages_used() const {
  const std::lock_guard guard(lock_);
  return pager_.file_pages_used();
}

ObjectView MemoryManager::view_of(const Object& object) {
  ObjectView view;
  view.handle = object.handle;
  view.origin = object.origin;
  view.type = object.type;
  view.cache_type = object.cache_type;
  view.size = object.size;
  view.context = object.context;
  view.page_frames = object.backing->pages();
  view.io_base = object.io_base;
  view.events = object.events;
  for (const auto& mapping : object.mappings)
    view.mappings.push_back({mapping.cpu->base(), mapping.cpu->bytes(),
                             mapping.cpu->mode() == mm::AccessMode::kUser, mapping.cpu->writable(),
                             object.cache_type, mapping.process});
  if (object.opened != nullptr) {
    view.adapter_object = object.opened->handle;
    view.adapter = object.opened->adapter->name;
    for (const auto& adl : object.opened->adls)
      view.adls.push_back({&adl->adl, adl->range.contiguous, adl->first_page, adl->range.pages, adl->locked});
  }
  return view;
}

std::vector<ObjectView> MemoryManager::objects() const {
  std::vector<ObjectView> all;
  with_objects([&](const std::vector<ObjectView>& views) { all = views; });
  return all;
}

void MemoryManager::with_objects(const std::function<void(const std::vector<ObjectView>&)>& look) const {
  const std::lock_guard guard(lock_);
  std::vector<ObjectView> views;
  views.reserve(objects_.size());
  for (const auto& object : objects_) views.push_back(view_of(*object));
  look(views);
}

std::optional<ObjectView> MemoryManager::object(HANDLE handle) const {
  const Object* object = find_object(handle);
  if (object == nullptr)
    if (const AdapterObject* opened = find_adapter_object(handle)) object = opened->object;
  for (const HandleKind kind :
       {HandleKind::kContiguousMemory, HandleKind::kPagesForMdl, HandleKind::kMappedMdl})
    if (object == nullptr) object = handles_.find<Object>(handle, kind);
  if (object == nullptr) return std::nullopt;
  return view_of(*object);
}

void MemoryManager::poison(HANDLE handle) const {
  if (const std::optional<ObjectView> view = object(handle)) pages_.poison(view->page_frames);
}

std::optional<ObjectView> MemoryManager::save_area(const AdapterSpace& adapter, UINT index) const {
  const Object* area = find_save_area(adapter, index);
  if (area == nullptr) return std::nullopt;
  return view_of(*area);
}

}  // namespace gpudmar::dxgkrnl
