// SPDX-License-Identifier: Apache-2.0
// Access to objects: CPU mappings, and address descriptor lists for devices.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/memory_objects.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kMaxAdlPages = 0xFFFF'FFFF;  // PageCount has 32 bits

}  // namespace

NTSTATUS MemoryManager::map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args, ProcessId process) {
  args->pMappedAddress = nullptr;
  const std::lock_guard guard(lock_);
  Object* object = find_object(args->hPhysicalMemoryObject);
  if (object == nullptr) return wrong_handle(args->hPhysicalMemoryObject);
  if (args->AccessMode != DXGK_ACCESS_MODE_KERNEL_MODE && args->AccessMode != DXGK_ACCESS_MODE_USER_MODE)
    return STATUS_INVALID_PARAMETER;
  if (args->Size == 0 || !within(args->Offset, args->Size, object->backing->page_count() * kPage))
    return STATUS_INVALID_PARAMETER;
  if (object->type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE && args->AccessMode == DXGK_ACCESS_MODE_USER_MODE)
    return STATUS_INVALID_PARAMETER;                     // R103
  if (object->view_denied) return STATUS_ACCESS_DENIED;  // R114
  // R102: the view begins where the backing's granularity lets it begin.
  const std::uint64_t before = args->Offset % object->backing->map_granularity();
  const std::uint64_t first = (args->Offset - before) / kPage;
  const std::uint64_t last = (args->Offset + args->Size - 1) / kPage;
  const mm::AccessMode mode =
      args->AccessMode == DXGK_ACCESS_MODE_USER_MODE ? mm::AccessMode::kUser : mm::AccessMode::kKernel;
  std::unique_ptr<mm::CpuMapping> mapping;
  try {
    mapping = object->backing->map(first, last - first + 1, mode);
  } catch (const hw::HardwareError&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  if (mapping == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
  args->pMappedAddress = mapping->base();
  args->Offset = before;
  args->Size = mapping->bytes();
  object->mappings.push_back({std::move(mapping), mode == mm::AccessMode::kUser ? process : kSystemProcess});
  return STATUS_SUCCESS;
}

void MemoryManager::unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args, ProcessId process) {
  const std::lock_guard guard(lock_);
  Object* object = find_object(args->hPhysicalMemoryObject);
  if (object == nullptr)
    misuse(fmt::format("Unmap: {} is no physical memory object", fmt::ptr(args->hPhysicalMemoryObject)));
  const auto it = std::find_if(object->mappings.begin(), object->mappings.end(),
                               [&](const auto& m) { return m.cpu->base() == args->pBaseAddress; });
  if (it == object->mappings.end())
    misuse(fmt::format("Unmap: nothing is mapped at {}", fmt::ptr(args->pBaseAddress)));
  if (it->cpu->bytes() != args->Size)
    misuse(fmt::format("Unmap: size {:#x} of a mapping of {:#x} bytes", args->Size, it->cpu->bytes()));
  if (it->cpu->mode() == mm::AccessMode::kUser && it->process != process)
    misuse(fmt::format("Unmap: process {} takes away a user-mode mapping of process {}", process,
                       it->process));  // R110
  object->mappings.erase(it);
}

void MemoryManager::begin_device_access(const Object& object, const std::vector<mm::Pfn>& pages) {
  if (object.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) return;  // nobody's pages: they can not go away
  try {
    pages_.begin_device_access(pages);
  } catch (const mm::PageStateError& error) {
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kAdlOnUnlockedMemory, 0, 0, 0},
                   fmt::format("AllocateAdl: {}", error.what()));  // R144
  }
}

void MemoryManager::end_device_access(Object& object, const std::vector<mm::Pfn>& pages) {
  try {
    if (object.type != DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) pages_.end_device_access(pages);
    object.backing->unlock(pages);
  } catch (const mm::PageStateError& error) {
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kUnlockWithAdls, 0, 0, 0},
                   error.what());  // R145
  }
}

NTSTATUS MemoryManager::allocate_adl(DXGKARGCB_ALLOCATE_ADL* args) {
  args->pAdl = nullptr;
  const std::lock_guard guard(lock_);
  if (args->hAdapterMemoryObject == nullptr) return STATUS_INVALID_PARAMETER;  // R124
  AdapterObject* opened = find_adapter_object(args->hAdapterMemoryObject);
  if (opened == nullptr) return wrong_handle(args->hAdapterMemoryObject);
  if (args->Flags.Reserved != 0) return STATUS_INVALID_PARAMETER;
  if (args->Offset % kPage != 0 || args->Size % kPage != 0) return STATUS_INVALID_PARAMETER;
  Object& object = *opened->object;
  if (args->Size == 0 || args->Size / kPage > kMaxAdlPages ||
      !within(args->Offset, args->Size, object.backing->page_count() * kPage))
    return STATUS_INVALID_PARAMETER;
  const bool require = args->Flags.RequireContiguous != 0;
  if (require && object.type != DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY &&
      object.type != DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
    return STATUS_INVALID_PARAMETER;  // R126, in logical mode too

  const Contiguity contiguity = require                             ? Contiguity::kRequire
                                : args->Flags.PreferContiguous != 0 ? Contiguity::kPrefer
                                                                    : Contiguity::kAny;
  Adl* made = nullptr;
  const NTSTATUS status = add_adl(*opened, args->Offset / kPage, args->Size / kPage, contiguity, &made);
  if (NT_SUCCESS(status)) args->pAdl = &made->adl;
  return status;
}

NTSTATUS MemoryManager::add_adl(AdapterObject& opened, std::uint64_t first, std::uint64_t count,
                                Contiguity contiguity, Adl** made) {
  Object& object = *opened.object;
  auto adl = std::make_unique<Adl>();
  adl->first_page = first;
  try {
    auto locked = object.backing->lock(first, count);
    if (!locked) return STATUS_INSUFFICIENT_RESOURCES;  // R137
    adl->locked = std::move(*locked);
  } catch (const hw::HardwareError&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  const std::uint64_t locked_at = time_.now();
  begin_device_access(object, adl->locked);
  std::optional<DeviceRange> range;
  try {
    vtd::Access access;
    access.write = object.backing->device_writable();                     // G10
    access.snoop = object.cache_type == DXGK_MEMORY_CACHING_TYPE_CACHED;  // G11
    // The pages of this list are locked by now: making room does not take them.
    range = opened.adapter->space->map(adl->locked, contiguity, access, [this](std::uint64_t pages) {
      try {
        return pager_.make_room(pages);
      } catch (const hw::HardwareError&) {
        return false;
      }
    });
  } catch (const vtd::QueueError&) {
    // The unit may have seen the new entries: the pages stay locked for ever rather than being reused.
    return STATUS_DEVICE_HARDWARE_ERROR;
  }
  if (!range) {
    end_device_access(object, adl->locked);
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  adl->range = std::move(*range);
  adl->adl.PageCount = static_cast<UINT32>(count);
  adl->adl.Flags.Contiguous = adl->range.contiguous ? 1 : 0;
  if (adl->range.contiguous) {
    adl->adl.BasePageNumber = adl->range.pages.front();
  } else {
    adl->numbers.assign(adl->range.pages.begin(), adl->range.pages.end());
    adl->adl.Pages = adl->numbers.data();
  }
  log(object, ObjectEvent::Kind::kLock, adl->first_page, count, locked_at);
  log(object, ObjectEvent::Kind::kPteWrite, adl->first_page, count, time_.now());
  *made = adl.get();
  opened.adls.push_back(std::move(adl));
  return STATUS_SUCCESS;
}

void MemoryManager::free_adl(const DXGKARGCB_FREE_ADL* args) {
  const std::lock_guard guard(lock_);
  AdapterObject* opened = find_adapter_object(args->hAdapterMemoryObject);
  if (opened == nullptr)
    misuse(fmt::format("FreeAdl: {} is no open adapter memory object", fmt::ptr(args->hAdapterMemoryObject)));
  const auto it = std::find_if(opened->adls.begin(), opened->adls.end(),
                               [&](const auto& a) { return &a->adl == args->pAdl; });
  if (it == opened->adls.end())
    misuse(fmt::format("FreeAdl: {} is no ADL of this object", fmt::ptr(args->pAdl)));
  drop_adl(*opened, **it);
}

void MemoryManager::drop_adl(AdapterObject& opened, const Adl& adl) {
  Object& object = *opened.object;
  const std::uint64_t count = adl.range.pages.size();
  const DmaSpace::UnmapTimes times = opened.adapter->space->unmap(adl.range);
  end_device_access(object, adl.locked);
  log(object, ObjectEvent::Kind::kPteWrite, adl.first_page, count, times.pte_write);
  log(object, ObjectEvent::Kind::kInvalidateBegin, adl.first_page, count, times.invalidate_begin);
  log(object, ObjectEvent::Kind::kInvalidateDone, adl.first_page, count, times.invalidate_done);
  log(object, ObjectEvent::Kind::kUnlock, adl.first_page, count, time_.now());
  opened.adls.remove_if([&](const auto& a) { return a.get() == &adl; });
}

}  // namespace gpudmar::dxgkrnl
