// SPDX-License-Identifier: Apache-2.0
// The memory callbacks of WDDM 2.4. An object of theirs is open and within the adapter's reach from its
// making to its end; where nothing is translated that is no more than a note of what later enabling has to
// map (R225).
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/memory_objects.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr CSHORT kHoldsPages = MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_IO_SPACE;

std::vector<mm::Pfn> pages_of(PMDL mdl) {
  const ULONG count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl));
  const PFN_NUMBER* first = MmGetMdlPfnArray(mdl);
  return {first, first + count};
}

}  // namespace

PMDL build_mdl(std::vector<std::uint64_t>& storage, const std::vector<mm::Pfn>& pages) {
  static_assert(sizeof(PFN_NUMBER) == sizeof(std::uint64_t) && sizeof(MDL) % sizeof(PFN_NUMBER) == 0);
  storage.assign(sizeof(MDL) / sizeof(PFN_NUMBER) + pages.size(), 0);
  auto* mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->Size = static_cast<CSHORT>(storage.size() * sizeof(PFN_NUMBER));  // as wide as the field is
  mdl->MdlFlags = MDL_PAGES_LOCKED;
  mdl->ByteCount = static_cast<ULONG>(pages.size() * hw::kPageSize);
  std::copy(pages.begin(), pages.end(), MmGetMdlPfnArray(mdl));
  return mdl;
}

NTSTATUS MemoryManager::make_block(AdapterSpace& adapter, Origin origin, std::unique_ptr<Object> object,
                                   Object** made) {
  object->origin = origin;
  object->opened = std::make_unique<AdapterObject>();
  object->opened->object = object.get();
  object->opened->adapter = &adapter;
  const Contiguity contiguity = origin == Origin::kContiguousMemory ? Contiguity::kRequire : Contiguity::kAny;
  Adl* whole = nullptr;
  const NTSTATUS status = add_adl(*object->opened, 0, object->backing->page_count(), contiguity, &whole);
  if (!NT_SUCCESS(status)) return status;
  HandleKind kind = HandleKind::kMappedMdl;
  if (origin == Origin::kContiguousMemory) kind = HandleKind::kContiguousMemory;
  if (origin == Origin::kPagesForMdl) kind = HandleKind::kPagesForMdl;
  object->handle = handles_.insert(kind, object.get());
  log(*object, ObjectEvent::Kind::kCreate, 0, object->backing->page_count(), time_.now());
  *made = object.get();
  objects_.push_back(std::move(object));
  return STATUS_SUCCESS;
}

NTSTATUS MemoryManager::create_block(AdapterSpace& adapter, Origin origin,
                                     const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& request, Object** made) {
  mm::BackingRequest backing_request;
  if (const NTSTATUS status = check_create(request, config_.host_address_width, backing_request);
      !NT_SUCCESS(status))
    return status;
  if (adapter.space->mode() == RemappingMode::kLogical) return STATUS_NOT_SUPPORTED;  // R26
  try {
    mm::BackingResult result = config_.make_backing(pager_, backing_request);
    if (result.error != mm::BackingError::kNone) return to_status(result.error);
    auto object = new_object(request, std::move(result.backing));
    if (origin == Origin::kContiguousMemory)
      object->mappings.push_back(
          {object->backing->map(0, object->backing->page_count(), mm::AccessMode::kKernel), kSystemProcess});
    return make_block(adapter, origin, std::move(object), made);
  } catch (const hw::HardwareError&) {
    return STATUS_INSUFFICIENT_RESOURCES;  // the memory could not be cleared, or not be mapped
  }
}

MemoryManager::Object* MemoryManager::find_block(const AdapterSpace& adapter, HandleKind kind,
                                                 HANDLE handle) const {
  Object* block = handles_.find<Object>(handle, kind);
  return block != nullptr && block->opened->adapter == &adapter ? block : nullptr;
}

// The device loses the pages before their next owner gets them (R97).
void MemoryManager::free_block(Object& block) {
  drop_adl(*block.opened, *block.opened->adls.front());
  block.mappings.clear();
  log(block, ObjectEvent::Kind::kDestroy, 0, block.backing->page_count(), time_.now());
  release_backing(block);
  remove(block);
}

NTSTATUS MemoryManager::allocate_contiguous(AdapterSpace& adapter, DXGKARGCB_ALLOCATECONTIGUOUSMEMORY* args) {
  args->hMemoryHandle = nullptr;
  args->pMemory = nullptr;
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT request{};
  request.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
  request.Size = args->NumberOfBytes;
  request.CacheType = args->CacheType;
  request.ContiguousMemory.LowestAcceptableAddress = args->LowestAcceptableAddress;
  request.ContiguousMemory.HighestAcceptableAddress = args->HighestAcceptableAddress;
  request.ContiguousMemory.BoundaryAddressMultiple = args->BoundaryAddressMultiple;
  const std::lock_guard guard(lock_);
  Object* block = nullptr;
  const NTSTATUS status = create_block(adapter, Origin::kContiguousMemory, request, &block);
  if (!NT_SUCCESS(status)) return status;
  args->hMemoryHandle = block->handle;
  args->pMemory = block->mappings.front().cpu->base();
  return status;
}

NTSTATUS MemoryManager::free_contiguous(AdapterSpace& adapter, const DXGKARGCB_FREECONTIGUOUSMEMORY* args) {
  const std::lock_guard guard(lock_);
  Object* block = find_block(adapter, HandleKind::kContiguousMemory, args->hMemoryHandle);
  if (block == nullptr) return STATUS_INVALID_HANDLE;  // R223, R224
  free_block(*block);
  return STATUS_SUCCESS;
}

NTSTATUS MemoryManager::allocate_pages_for_mdl(AdapterSpace& adapter, DXGKARGCB_ALLOCATEPAGESFORMDL* args) {
  args->hMemoryHandle = nullptr;
  args->pMdl = nullptr;
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT request{};
  request.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
  request.Size = args->TotalBytes;
  request.CacheType = args->CacheType;
  request.Mdl.LowAddress = args->LowAddress;
  request.Mdl.HighAddress = args->HighAddress;
  request.Mdl.SkipBytes = args->SkipBytes;
  request.Mdl.Flags = args->Flags | MM_ALLOCATE_FULLY_REQUIRED;  // R220
  const std::lock_guard guard(lock_);
  Object* block = nullptr;
  const NTSTATUS status = create_block(adapter, Origin::kPagesForMdl, request, &block);
  if (!NT_SUCCESS(status)) return status;
  args->hMemoryHandle = block->handle;
  args->pMdl = build_mdl(block->mdl, block->backing->pages());
  return status;
}

NTSTATUS MemoryManager::free_pages_from_mdl(AdapterSpace& adapter, const DXGKARGCB_FREEPAGESFROMMDL* args) {
  const std::lock_guard guard(lock_);
  Object* block = find_block(adapter, HandleKind::kPagesForMdl, args->hMemoryHandle);
  if (block == nullptr) return STATUS_INVALID_HANDLE;
  free_block(*block);
  return STATUS_SUCCESS;
}

NTSTATUS MemoryManager::map_mdl(AdapterSpace& adapter, DXGKARGCB_MAPMDLTOIOMMU* args) {
  args->hMemoryHandle = nullptr;
  PMDL mdl = args->pMdl;
  if (mdl == nullptr || mdl->ByteCount == 0) return STATUS_INVALID_PARAMETER;
  const bool io_space = (mdl->MdlFlags & MDL_IO_SPACE) != 0;
  const std::vector<mm::Pfn> pages = pages_of(mdl);
  for (const mm::Pfn pfn : pages)
    if (pages_.is_ram(pfn) == io_space) return STATUS_INVALID_PARAMETER;
  if (adapter.space->mode() == RemappingMode::kLogical) return STATUS_NOT_SUPPORTED;  // R26
  const std::lock_guard guard(lock_);
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT like{};
  like.Type = io_space ? DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE : DXGK_PHYSICAL_MEMORY_TYPE_MDL;
  like.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  like.Size = mdl->ByteCount;
  std::unique_ptr<Object> object;
  try {
    if ((mdl->MdlFlags & kHoldsPages) == 0) throw mm::PageStateError("the MDL's pages were never locked");
    object = new_object(like, mm::wrap_pages(pages_, pages, io_space));
  } catch (const mm::PageStateError& error) {  // R222
    throw BugCheck(bugcheck::kMemoryManagement, {bugcheck::kMdlWithUnlockedPages, 0, 0, 0},
                   fmt::format("MapMdlToIoMmu: {}", error.what()));
  }
  object->foreign_mdl = mdl;
  if (io_space) object->io_base = pages.front() << hw::kPageShift;
  Object* block = nullptr;
  const NTSTATUS status = make_block(adapter, Origin::kMappedMdl, std::move(object), &block);
  if (NT_SUCCESS(status)) args->hMemoryHandle = block->handle;
  return status;
}

void MemoryManager::unmap_mdl(AdapterSpace& adapter, const DXGKARGCB_UNMAPMDLFROMIOMMU* args) {
  const std::lock_guard guard(lock_);
  Object* block = find_block(adapter, HandleKind::kMappedMdl, args->hMemoryHandle);
  if (block == nullptr)
    misuse(fmt::format("UnmapMdlFromIoMmu: {} is no mapped MDL", fmt::ptr(args->hMemoryHandle)));  // R224
  // R222: it outlives the mapping, and says the same as before.
  if (pages_of(block->foreign_mdl) != block->backing->pages())
    misuse("UnmapMdlFromIoMmu: the MDL was changed while it was mapped");
  free_block(*block);
}

}  // namespace gpudmar::dxgkrnl
