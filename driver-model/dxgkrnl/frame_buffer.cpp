// SPDX-License-Identifier: Apache-2.0
// Where a frame buffer goes when its adapter loses power: one section per physical adapter, pageable but
// while it is pinned for the device or viewed by the CPU.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "driver-model/dxgkrnl/memory_objects.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;

}  // namespace

NTSTATUS MemoryManager::add_save_area(AdapterSpace& adapter, UINT index, std::uint64_t bytes) {
  if (bytes % kPage != 0) return STATUS_INVALID_PARAMETER;  // R19
  if (bytes == 0) return STATUS_SUCCESS;
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT request{};
  request.Type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
  request.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  request.Size = bytes;
  request.Section.DesiredAccess = SECTION_ALL_ACCESS;
  request.Section.PageProtection = PAGE_READWRITE;
  mm::BackingRequest backing_request;
  if (const NTSTATUS status = check_create(request, config_.host_address_width, backing_request);
      !NT_SUCCESS(status))
    return status;
  const std::lock_guard guard(lock_);
  mm::BackingResult result = config_.make_backing(pager_, backing_request);
  if (result.error != mm::BackingError::kNone) return to_status(result.error);  // R20
  auto area = new_object(request, std::move(result.backing));
  area->origin = Origin::kSaveArea;
  area->index = index;
  area->handle = handles_.insert(HandleKind::kSaveArea, area.get());
  area->opened = std::make_unique<AdapterObject>();
  area->opened->object = area.get();
  area->opened->adapter = &adapter;
  log(*area, ObjectEvent::Kind::kCreate, 0, area->backing->page_count(), time_.now());
  objects_.push_back(std::move(area));
  return STATUS_SUCCESS;
}

void MemoryManager::remove_save_areas(const AdapterSpace& adapter) {
  const std::lock_guard guard(lock_);
  std::vector<Object*> areas;
  for (const auto& object : objects_)
    if (object->origin == Origin::kSaveArea && object->opened->adapter == &adapter)
      areas.push_back(object.get());
  for (Object* area : areas) {
    if (!area->mappings.empty())
      misuse(fmt::format("adapter {} stops with {} frame-buffer pointers mapped", adapter.name,
                         area->mappings.size()));
    release_backing(*area);
    remove(*area);
  }
}

MemoryManager::Object* MemoryManager::find_save_area(const AdapterSpace& adapter, UINT index) const {
  for (const auto& object : objects_)
    if (object->origin == Origin::kSaveArea && object->opened->adapter == &adapter && object->index == index)
      return object.get();
  return nullptr;
}

NTSTATUS MemoryManager::pin(AdapterSpace& adapter, UINT index, std::uint64_t bytes, Contiguity contiguity,
                            bool as_mdl, Adl** made) {
  Object* area = find_save_area(adapter, index);
  if (bytes % kPage != 0 || bytes == 0 || area == nullptr || bytes > area->backing->page_count() * kPage)
    return STATUS_INVALID_PARAMETER;                                                            // R201
  if (as_mdl && adapter.space->mode() == RemappingMode::kLogical) return STATUS_NOT_SUPPORTED;  // R27
  if (!area->opened->adls.empty()) return STATUS_INVALID_DEVICE_STATE;                          // R205
  return add_adl(*area->opened, 0, bytes / kPage, contiguity, made);
}

NTSTATUS MemoryManager::pin_frame_buffer(AdapterSpace& adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE* args) {
  args->pMdl = nullptr;
  const std::lock_guard guard(lock_);
  Adl* pinned = nullptr;
  const NTSTATUS status =
      pin(adapter, args->PhysicalAdapterIndex, args->CommitSize, Contiguity::kAny, true, &pinned);
  if (NT_SUCCESS(status))
    args->pMdl = build_mdl(find_save_area(adapter, args->PhysicalAdapterIndex)->mdl, pinned->locked);
  return status;
}

NTSTATUS MemoryManager::pin_frame_buffer(AdapterSpace& adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE2* args) {
  args->pAdl = nullptr;
  if (args->Flags.Reserved != 0) return STATUS_INVALID_PARAMETER;  // R202
  const std::lock_guard guard(lock_);
  Adl* pinned = nullptr;
  const NTSTATUS status =
      pin(adapter, args->PhysicalAdapterIndex, args->CommitSize,
          args->Flags.PreferContiguous != 0 ? Contiguity::kPrefer : Contiguity::kAny, false, &pinned);
  if (NT_SUCCESS(status)) args->pAdl = &pinned->adl;
  return status;
}

NTSTATUS MemoryManager::unpin_frame_buffer(AdapterSpace& adapter,
                                           const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE* args) {
  const std::lock_guard guard(lock_);
  Object* area = find_save_area(adapter, args->PhysicalAdapterIndex);
  if (area == nullptr) return STATUS_INVALID_PARAMETER;
  if (area->opened->adls.empty()) return STATUS_INVALID_DEVICE_STATE;
  drop_adl(*area->opened, *area->opened->adls.front());
  area->mdl.clear();
  return STATUS_SUCCESS;
}

NTSTATUS MemoryManager::map_frame_buffer(AdapterSpace& adapter, DXGKARGCB_MAPFRAMEBUFFERPOINTER* args) {
  args->pBaseAddress = nullptr;
  const std::lock_guard guard(lock_);
  Object* area = find_save_area(adapter, args->PhysicalAdapterIndex);
  if (args->Size % kPage != 0 || args->Offset % kPage != 0 || args->Size == 0 || area == nullptr ||
      !within(args->Offset, args->Size, area->backing->page_count() * kPage))
    return STATUS_INVALID_PARAMETER;  // R207
  const std::uint64_t before = args->Offset % area->backing->map_granularity();
  std::unique_ptr<mm::CpuMapping> view;
  try {
    view = area->backing->map((args->Offset - before) / kPage, (before + args->Size) / kPage,
                              mm::AccessMode::kKernel);
  } catch (const hw::HardwareError&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  if (view == nullptr) return STATUS_INSUFFICIENT_RESOURCES;  // R208: a single page may be too much
  args->pBaseAddress = view->base();
  args->Offset = before;
  area->mappings.push_back({std::move(view), kSystemProcess});
  return STATUS_SUCCESS;
}

NTSTATUS MemoryManager::unmap_frame_buffer(AdapterSpace& adapter,
                                           const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER* args) {
  const std::lock_guard guard(lock_);
  Object* area = find_save_area(adapter, args->PhysicalAdapterIndex);
  if (area == nullptr) return STATUS_INVALID_PARAMETER;
  const auto view = std::find_if(area->mappings.begin(), area->mappings.end(),
                                 [&](const Mapping& m) { return m.cpu->base() == args->pBaseAddress; });
  if (view == area->mappings.end()) return STATUS_NOT_MAPPED_VIEW;  // R209
  area->mappings.erase(view);
  return STATUS_SUCCESS;
}

}  // namespace gpudmar::dxgkrnl
