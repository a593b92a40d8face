// SPDX-License-Identifier: Apache-2.0
// MDLs that a driver makes itself, and the physical addresses of what it has mapped. Pool has page frames
// only where the machine gives its pages (Options::take_pool_pages), and those of paged pool stay only while
// somebody has locked them.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

namespace hw = gpudmar::hw;
using gpudmar::wdk::Runtime;

namespace {

constexpr ULONG kMdlTag = 0x206C'644D;     // 'Mdl '
constexpr ULONG kRangesTag = 0x6172'6D4D;  // 'Mmra'

hw::PhysAddr physical_or_broken(const Runtime& runtime, const void* address, const char* routine) {
  const auto physical = runtime.platform().memory->physical(address);
  if (!physical) {
    runtime.rule_broken(
        fmt::format("{} of {}: no page frames are there (they are behind pool, as far as the machine gives "
                    "pages for it, and behind what a callback or an MDL has mapped)",
                    routine, address));
  }
  return *physical;
}

}  // namespace

extern "C" {

PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN, PIRP Irp) {
  Runtime& runtime = Runtime::enter("IoAllocateMdl");
  runtime.require_at_most(DISPATCH_LEVEL, "IoAllocateMdl");
  if (Irp != nullptr || SecondaryBuffer)
    runtime.rule_broken("IoAllocateMdl for an IRP: this machine has none");
  if (Length == 0) runtime.rule_broken("IoAllocateMdl of no bytes");
  const SIZE_T bytes = MmSizeOfMdl(VirtualAddress, Length);
  auto* mdl = static_cast<PMDL>(runtime.pool_allocate(bytes, kMdlTag, true));
  if (mdl == nullptr) return nullptr;
  MmInitializeMdl(mdl, VirtualAddress, Length);
  return mdl;
}

VOID IoFreeMdl(PMDL Mdl) {
  Runtime& runtime = Runtime::enter("IoFreeMdl");
  runtime.require_at_most(DISPATCH_LEVEL, "IoFreeMdl");
  if ((Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED) != 0) {
    MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
  } else if ((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) {
    runtime.rule_broken("IoFreeMdl of an MDL that is mapped");
  }
  runtime.pool_free(Mdl, kMdlTag, true);
}

VOID MmBuildMdlForNonPagedPool(PMDL Mdl) {
  Runtime& runtime = Runtime::enter("MmBuildMdlForNonPagedPool");
  runtime.require_at_most(DISPATCH_LEVEL, "MmBuildMdlForNonPagedPool");
  if (runtime.is_paged_pool(MmGetMdlVirtualAddress(Mdl))) {
    runtime.rule_broken(
        fmt::format("MmBuildMdlForNonPagedPool of paged pool at {}", fmt::ptr(MmGetMdlVirtualAddress(Mdl))));
  }
  auto* start = static_cast<PUCHAR>(MmGetMdlBaseVa(Mdl));
  const ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
  for (ULONG i = 0; i < pages; ++i) {
    MmGetMdlPfnArray(Mdl)[i] =
        physical_or_broken(runtime, start + SIZE_T{i} * PAGE_SIZE, "MmBuildMdlForNonPagedPool") >>
        hw::kPageShift;
  }
  Mdl->MdlFlags = static_cast<CSHORT>(Mdl->MdlFlags | MDL_SOURCE_IS_NONPAGED_POOL);
  Mdl->MappedSystemVa = MmGetMdlVirtualAddress(Mdl);
}

VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length) {
  Runtime& runtime = Runtime::enter("IoBuildPartialMdl");
  runtime.require_at_most(DISPATCH_LEVEL, "IoBuildPartialMdl");
  auto* first = static_cast<PUCHAR>(MmGetMdlVirtualAddress(SourceMdl));
  auto* wanted = static_cast<PUCHAR>(VirtualAddress);
  const ULONG_PTR skipped = reinterpret_cast<ULONG_PTR>(wanted) - reinterpret_cast<ULONG_PTR>(first);
  if (wanted < first || skipped >= SourceMdl->ByteCount || Length > SourceMdl->ByteCount - skipped) {
    runtime.rule_broken(fmt::format("IoBuildPartialMdl: {} bytes at {} lie outside the source's {} at {}",
                                    Length, VirtualAddress, SourceMdl->ByteCount, fmt::ptr(first)));
  }
  const ULONG bytes = Length != 0 ? Length : static_cast<ULONG>(SourceMdl->ByteCount - skipped);
  const ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, bytes);
  // The target says by its size what it has room for, whatever addresses it was allocated for.
  if (sizeof(MDL) + pages * sizeof(PFN_NUMBER) > static_cast<USHORT>(TargetMdl->Size)) {
    runtime.rule_broken(fmt::format("IoBuildPartialMdl: the target has no room for {} pages", pages));
  }
  const SIZE_T from = (reinterpret_cast<ULONG_PTR>(PAGE_ALIGN(VirtualAddress)) -
                       reinterpret_cast<ULONG_PTR>(MmGetMdlBaseVa(SourceMdl))) >>
                      PAGE_SHIFT;
  TargetMdl->StartVa = PAGE_ALIGN(VirtualAddress);
  TargetMdl->ByteOffset = BYTE_OFFSET(VirtualAddress);
  TargetMdl->ByteCount = bytes;
  TargetMdl->Process = SourceMdl->Process;
  RtlCopyMemory(MmGetMdlPfnArray(TargetMdl), MmGetMdlPfnArray(SourceMdl) + from, pages * sizeof(PFN_NUMBER));
  TargetMdl->MdlFlags = MDL_PARTIAL;
  if ((SourceMdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) != 0) {
    TargetMdl->MdlFlags = static_cast<CSHORT>(TargetMdl->MdlFlags | MDL_SOURCE_IS_NONPAGED_POOL);
    TargetMdl->MappedSystemVa = static_cast<PUCHAR>(SourceMdl->MappedSystemVa) + skipped;
  }
}

PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID BaseAddress) {
  const Runtime& runtime = Runtime::enter("MmGetPhysicalAddress");
  const hw::PhysAddr address = physical_or_broken(runtime, BaseAddress, "MmGetPhysicalAddress");
  if (runtime.may_move(BaseAddress, address)) {
    runtime.rule_broken(
        fmt::format("MmGetPhysicalAddress of paged pool at {} that nobody has locked", BaseAddress));
  }
  PHYSICAL_ADDRESS result;
  result.QuadPart = static_cast<LONGLONG>(address);
  return result;
}

PPHYSICAL_MEMORY_RANGE MmGetPhysicalMemoryRanges(VOID) {
  Runtime& runtime = Runtime::enter("MmGetPhysicalMemoryRanges");
  runtime.require_at_most(PASSIVE_LEVEL, "MmGetPhysicalMemoryRanges");
  const auto& ram = runtime.platform().memory->ram();
  auto* ranges = static_cast<PPHYSICAL_MEMORY_RANGE>(
      runtime.pool_allocate((ram.size() + 1) * sizeof(PHYSICAL_MEMORY_RANGE), kRangesTag, true));
  if (ranges == nullptr) return nullptr;
  for (std::size_t i = 0; i < ram.size(); ++i) {
    ranges[i].BaseAddress.QuadPart = static_cast<LONGLONG>(ram[i].base);
    ranges[i].NumberOfBytes.QuadPart = static_cast<LONGLONG>(ram[i].size);
  }
  return ranges;
}

}  // extern "C"
