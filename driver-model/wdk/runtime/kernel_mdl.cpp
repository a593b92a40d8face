// SPDX-License-Identifier: Apache-2.0
// Mapping what an MDL describes, and register windows by their bus address.
#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "driver-model/wdk/runtime/kernel_objects.h"

namespace hw = gpudmar::hw;
using gpudmar::wdk::Runtime;

namespace {

// The host's mapping stands for the kernel's; what may only be executed has nothing to read. Empty: the call
// does not take it.
std::optional<int> host_protection(ULONG protect) {
  switch (protect) {
    case PAGE_NOACCESS:
    case PAGE_EXECUTE:
      return PROT_NONE;
    case PAGE_READONLY:
    case PAGE_EXECUTE_READ:
      return PROT_READ;
    case PAGE_READWRITE:
    case PAGE_EXECUTE_READWRITE:
      return PROT_READ | PROT_WRITE;
    default:
      return std::nullopt;
  }
}

}  // namespace

extern "C" {

SIZE_T MmSizeOfMdl(PVOID Base, SIZE_T Length) {
  return sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length);
}

PVOID MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE, PVOID, ULONG,
                                   ULONG Priority) {
  Runtime& runtime = Runtime::enter("MmMapLockedPagesSpecifyCache");
  runtime.require_at_most(DISPATCH_LEVEL, "MmMapLockedPagesSpecifyCache");
  if (AccessMode != KernelMode) runtime.rule_broken("MmMapLockedPagesSpecifyCache for user mode");
  if ((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) {
    runtime.rule_broken("MmMapLockedPagesSpecifyCache of an MDL that is mapped");
  }
  if ((Mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) != 0) return Mdl->MappedSystemVa;
  const ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
  std::vector<hw::PhysAddr> addresses;
  for (ULONG i = 0; i < pages; ++i)
    addresses.push_back(hw::PhysAddr{MmGetMdlPfnArray(Mdl)[i]} << hw::kPageShift);
  void* base = nullptr;
  try {
    base = runtime.platform().memory->map(addresses, (Priority & MdlMappingNoWrite) == 0);
  } catch (const hw::HardwareError& error) {
    runtime.rule_broken(fmt::format("MmMapLockedPagesSpecifyCache: {}", error.what()));
  }
  runtime.objects().mdl_mappings[base] = pages;
  runtime.lend("MDL mapping", base, Mdl->ByteCount);
  Mdl->MappedSystemVa = static_cast<PUCHAR>(base) + Mdl->ByteOffset;
  const int partial = (Mdl->MdlFlags & MDL_PARTIAL) != 0 ? MDL_PARTIAL_HAS_BEEN_MAPPED : 0;
  Mdl->MdlFlags = static_cast<CSHORT>(Mdl->MdlFlags | MDL_MAPPED_TO_SYSTEM_VA | partial);
  return Mdl->MappedSystemVa;
}

PVOID MmMapLockedPages(PMDL Mdl, KPROCESSOR_MODE AccessMode) {
  return MmMapLockedPagesSpecifyCache(Mdl, AccessMode, MmCached, nullptr, TRUE, HighPagePriority);
}

NTSTATUS MmProtectMdlSystemAddress(PMDL Mdl, ULONG NewProtect) {
  Runtime& runtime = Runtime::enter("MmProtectMdlSystemAddress");
  runtime.require_at_most(DISPATCH_LEVEL, "MmProtectMdlSystemAddress");
  const std::optional<int> protection = host_protection(NewProtect);
  if (!protection) return STATUS_INVALID_PAGE_PROTECTION;
  if ((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0) return STATUS_NOT_MAPPED_VIEW;
  const auto& mappings = runtime.objects().mdl_mappings;
  const auto mapping = mappings.find(static_cast<PUCHAR>(Mdl->MappedSystemVa) - Mdl->ByteOffset);
  if (mapping == mappings.end()) return STATUS_NOT_MAPPED_VIEW;
  if (mprotect(const_cast<void*>(mapping->first), mapping->second * PAGE_SIZE, *protection) != 0) {
    throw std::system_error(errno, std::generic_category(), "protecting the mapping of an MDL");
  }
  return STATUS_SUCCESS;
}

// Memory is coherent here, and nothing lies in a cache that a device would not see.
VOID KeFlushIoBuffers(PMDL, BOOLEAN, BOOLEAN) {
  Runtime::enter("KeFlushIoBuffers").require_at_most(DISPATCH_LEVEL, "KeFlushIoBuffers");
}

VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL Mdl) {
  Runtime& runtime = Runtime::enter("MmUnmapLockedPages");
  auto& mappings = runtime.objects().mdl_mappings;
  const auto mapping = mappings.find(static_cast<PUCHAR>(BaseAddress) - Mdl->ByteOffset);
  if (mapping == mappings.end() || Mdl->MappedSystemVa != BaseAddress) {
    runtime.rule_broken(fmt::format("MmUnmapLockedPages of {}, where the MDL is not mapped", BaseAddress));
  }
  runtime.take_back("MDL mapping", mapping->first);
  runtime.platform().memory->unmap(const_cast<void*>(mapping->first), mapping->second);
  mappings.erase(mapping);
  Mdl->MappedSystemVa = nullptr;
  Mdl->MdlFlags =
      static_cast<CSHORT>(Mdl->MdlFlags & ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED));
}

PVOID MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE) {
  Runtime& runtime = Runtime::enter("MmMapIoSpace");
  const auto address = static_cast<std::uint64_t>(PhysicalAddress.QuadPart);
  for (const hw::Function& function : runtime.platform().functions) {
    hw::Mmio& bar = *function.bar0;
    if (address < bar.base() || address - bar.base() >= bar.size()) continue;
    const std::uint64_t offset = address - bar.base();
    return NumberOfBytes != 0 && NumberOfBytes <= bar.size() - offset
               ? runtime.map_mmio(bar, offset, NumberOfBytes)
               : nullptr;
  }
  return nullptr;
}

PVOID MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG) {
  return MmMapIoSpace(PhysicalAddress, NumberOfBytes, MmNonCached);
}

VOID MmUnmapIoSpace(PVOID BaseAddress, SIZE_T) {
  Runtime& runtime = Runtime::enter("MmUnmapIoSpace");
  try {
    runtime.unmap_mmio(BaseAddress);
  } catch (const std::invalid_argument&) {
    runtime.rule_broken(fmt::format("MmUnmapIoSpace of {}, where nothing is mapped", BaseAddress));
  }
}

}  // extern "C"
