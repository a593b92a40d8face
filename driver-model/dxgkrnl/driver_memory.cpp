// SPDX-License-Identifier: Apache-2.0
#include "driver-model/dxgkrnl/driver_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr ULONG kMdlTag = 0x206C'644D;  // 'Mdl '

std::uint64_t pages_of(std::uint64_t bytes) { return (bytes + hw::kPageSize - 1) / hw::kPageSize; }

[[noreturn]] void broken(const std::string& what) { wdk::Runtime::active().rule_broken(what); }

}  // namespace

void DriverMemory::hold(const std::vector<mm::Pfn>& pages) {
  for (const mm::Pfn page : pages) ++held_[page];
}

void DriverMemory::let_go(const std::vector<mm::Pfn>& pages) {
  for (const mm::Pfn page : pages)
    if (const auto it = held_.find(page); it != held_.end() && --it->second == 0) held_.erase(it);
}

void DriverMemory::give_back(const std::vector<mm::Pfn>& pages) {
  try {
    pages_.unlock(pages);
    pages_.free(pages);
  } catch (const mm::PageStateError& error) {
    broken(fmt::format("pages are given back that something else still holds: {}", error.what()));
  }
  pages_.uncharge_commit(pages.size());
}

void* DriverMemory::allocate_contiguous(std::uint64_t bytes, const mm::Window& window,
                                        std::uint64_t boundary) {
  const std::uint64_t count = pages_of(bytes);
  if (count == 0 || !pages_.charge_commit(count)) return nullptr;
  auto pages = pages_.allocate_contiguous(count, window, boundary, false);
  if (!pages) {
    pages_.uncharge_commit(count);
    return nullptr;
  }
  pages_.lock(*pages);
  std::vector<hw::PhysAddr> addresses;
  for (const mm::Pfn page : *pages) addresses.push_back(page << hw::kPageShift);
  void* base = nullptr;
  try {
    base = pages_.memory().map(addresses, true);
  } catch (const hw::HardwareError&) {
    give_back(*pages);
    return nullptr;
  }
  hold(*pages);
  wdk::Runtime::active().lend("contiguous memory", base, bytes);
  contiguous_[base] = std::move(*pages);
  return base;
}

void DriverMemory::free_contiguous(void* base) {
  const auto it = contiguous_.find(base);
  if (it == contiguous_.end())
    broken(fmt::format("MmFreeContiguousMemory of {}, where no contiguous memory begins", base));
  const std::vector<mm::Pfn> pages = std::move(it->second);
  contiguous_.erase(it);
  wdk::Runtime::active().take_back("contiguous memory", base);
  pages_.memory().unmap(base, pages.size());
  let_go(pages);
  give_back(pages);
}

// What one window has, up to what is still wanted.
void DriverMemory::add_pages(const MdlRequest& request, const mm::Window& window, std::vector<mm::Pfn>& all) {
  const bool zero = (request.flags & MM_DONT_ZERO_ALLOCATION) == 0;
  const bool chunks = (request.flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) != 0;
  const std::uint64_t wanted = pages_of(request.bytes);
  const std::uint64_t chunk = request.skip != 0 ? pages_of(request.skip) : wanted;
  for (std::uint64_t piece = chunks ? chunk : wanted - all.size(); all.size() < wanted && piece != 0;) {
    piece = std::min(piece, wanted - all.size());
    const auto pages =
        chunks ? pages_.allocate_contiguous(piece, window, 0, zero) : pages_.allocate(piece, window, zero);
    if (pages) {
      pages_.lock(*pages);
      all.insert(all.end(), pages->begin(), pages->end());
    } else {
      if (chunks) return;
      piece /= 2;  // less may be there
    }
  }
}

PMDL DriverMemory::allocate_for_mdl(const MdlRequest& request) {
  const std::uint64_t wanted = pages_of(request.bytes);
  if (wanted == 0 || request.bytes > ~ULONG{0} || !pages_.charge_commit(wanted)) return nullptr;
  std::vector<mm::Pfn> pages;
  const bool moves = request.skip != 0 && (request.flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) == 0;
  mm::Window window = request.window;
  do {
    add_pages(request, window, pages);
    window.low += request.skip;
    window.high = window.high > ~request.skip ? ~0ULL : window.high + request.skip;
  } while (moves && pages.size() < wanted && window.low <= pages_.highest_address());
  pages_.uncharge_commit(wanted - pages.size());
  PMDL mdl = nullptr;
  const bool all_or_nothing = (request.flags & MM_ALLOCATE_FULLY_REQUIRED) != 0 && pages.size() < wanted;
  if (!pages.empty() && !all_or_nothing)
    mdl = static_cast<PMDL>(
        wdk::Runtime::active().pool_allocate(sizeof(MDL) + pages.size() * sizeof(PFN_NUMBER), kMdlTag, true));
  if (mdl == nullptr) {
    give_back(pages);
    return nullptr;
  }
  const std::uint64_t bytes = std::min<std::uint64_t>(request.bytes, pages.size() * hw::kPageSize);
  MmInitializeMdl(mdl, nullptr, bytes);
  mdl->MdlFlags = MDL_PAGES_LOCKED;
  std::copy(pages.begin(), pages.end(), MmGetMdlPfnArray(mdl));
  hold(pages);
  wdk::Runtime::active().lend("pages of an MDL", mdl, bytes);
  for_mdl_[mdl] = std::move(pages);
  return mdl;
}

void DriverMemory::free_from_mdl(PMDL mdl) {
  const auto it = for_mdl_.find(mdl);
  if (it == for_mdl_.end())
    broken(
        fmt::format("MmFreePagesFromMdl of {}, which MmAllocatePagesForMdl did not give out", fmt::ptr(mdl)));
  if ((mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) broken("MmFreePagesFromMdl of an MDL that is mapped");
  const std::vector<mm::Pfn> pages = std::move(it->second);
  for_mdl_.erase(it);
  mdl->MdlFlags = static_cast<CSHORT>(mdl->MdlFlags & ~MDL_PAGES_LOCKED);
  wdk::Runtime::active().take_back("pages of an MDL", mdl);
  let_go(pages);
  give_back(pages);
}

void DriverMemory::probe_and_lock(PMDL mdl, LOCK_OPERATION operation) {
  if ((mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL)) != 0)
    broken("MmProbeAndLockPages of an MDL that holds its pages already");
  const auto* start = static_cast<const UCHAR*>(MmGetMdlBaseVa(mdl));
  const ULONG count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), mdl->ByteCount);
  std::vector<mm::Pfn> pages;
  for (ULONG i = 0; i < count; ++i) {
    const UCHAR* address = start + std::uint64_t{i} * hw::kPageSize;
    const auto physical = pages_.memory().physical(address);
    if (!physical)
      broken(
          fmt::format("MmProbeAndLockPages of {}: no page frames are there (they are behind pool, as far as "
                      "the machine gives pages for it, and behind what a callback or an MDL has mapped)",
                      fmt::ptr(address)));
    pages.push_back(*physical >> hw::kPageShift);
  }
  try {
    pages_.lock(pages);
  } catch (const mm::PageStateError& error) {
    broken(fmt::format("MmProbeAndLockPages: {}", error.what()));
  }
  std::copy(pages.begin(), pages.end(), MmGetMdlPfnArray(mdl));
  const int write = operation == IoReadAccess ? 0 : MDL_WRITE_OPERATION;
  mdl->MdlFlags = static_cast<CSHORT>(mdl->MdlFlags | MDL_PAGES_LOCKED | write);
  hold(pages);
  wdk::Runtime::active().lend("locked pages", mdl, mdl->ByteCount);
  locked_[mdl] = std::move(pages);
}

void DriverMemory::unlock(PMDL mdl) {
  const auto it = locked_.find(mdl);
  if (it == locked_.end()) broken("MmUnlockPages of an MDL that MmProbeAndLockPages did not lock");
  if ((mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
  const std::vector<mm::Pfn> pages = std::move(it->second);
  locked_.erase(it);
  mdl->MdlFlags = static_cast<CSHORT>(mdl->MdlFlags & ~(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION));
  wdk::Runtime::active().take_back("locked pages", mdl);
  let_go(pages);
  pages_.unlock(pages);
}

}  // namespace gpudmar::dxgkrnl

namespace {

gpudmar::dxgkrnl::DriverMemory& enter(const char* routine, KIRQL level) {
  gpudmar::wdk::Runtime::enter(routine).require_at_most(level, routine);
  return gpudmar::dxgkrnl::Kernel::active().driver_memory();
}

std::uint64_t number(const PHYSICAL_ADDRESS& address) {  // E20
  return static_cast<std::uint64_t>(address.QuadPart);
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): the kit's names
extern "C" {

PVOID MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS LowestAcceptableAddress,
                                             PHYSICAL_ADDRESS HighestAcceptableAddress,
                                             PHYSICAL_ADDRESS BoundaryAddressMultiple, MEMORY_CACHING_TYPE) {
  return enter("MmAllocateContiguousMemorySpecifyCache", DISPATCH_LEVEL)
      .allocate_contiguous(NumberOfBytes, {number(LowestAcceptableAddress), number(HighestAcceptableAddress)},
                           number(BoundaryAddressMultiple));
}

PVOID MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress) {
  return enter("MmAllocateContiguousMemory", DISPATCH_LEVEL)
      .allocate_contiguous(NumberOfBytes, {0, number(HighestAcceptableAddress)}, 0);
}

VOID MmFreeContiguousMemory(PVOID BaseAddress) {
  enter("MmFreeContiguousMemory", DISPATCH_LEVEL).free_contiguous(BaseAddress);
}

PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                             PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes, MEMORY_CACHING_TYPE,
                             ULONG Flags) {
  return enter("MmAllocatePagesForMdlEx", APC_LEVEL)
      .allocate_for_mdl({{number(LowAddress), number(HighAddress)}, number(SkipBytes), TotalBytes, Flags});
}

PMDL MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                           PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes) {
  return enter("MmAllocatePagesForMdl", APC_LEVEL)
      .allocate_for_mdl({{number(LowAddress), number(HighAddress)}, number(SkipBytes), TotalBytes, 0});
}

VOID MmFreePagesFromMdl(PMDL MemoryDescriptorList) {
  enter("MmFreePagesFromMdl", APC_LEVEL).free_from_mdl(MemoryDescriptorList);
}

VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation) {
  const bool paged =
      gpudmar::wdk::Runtime::active().is_paged_pool(MmGetMdlVirtualAddress(MemoryDescriptorList));
  auto& memory = enter("MmProbeAndLockPages", paged ? APC_LEVEL : DISPATCH_LEVEL);
  if (AccessMode != KernelMode)
    gpudmar::wdk::Runtime::active().rule_broken("MmProbeAndLockPages for user mode");
  memory.probe_and_lock(MemoryDescriptorList, Operation);
}

VOID MmUnlockPages(PMDL MemoryDescriptorList) {
  enter("MmUnlockPages", DISPATCH_LEVEL).unlock(MemoryDescriptorList);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming): the kit's names
