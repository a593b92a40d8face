// SPDX-License-Identifier: Apache-2.0
// A system in one of the three modes, with what tests of the callbacks of 2.4 and of frame-buffer save need.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"

namespace gpudmar::dxgkrnl {

inline constexpr std::uint16_t kGpu0 = 0x0100;
inline constexpr std::uint16_t kGpu1 = 0x0200;

inline const char* name_of_mode(RemappingMode mode) {
  return mode == RemappingMode::kPhysical  ? "Physical"
         : mode == RemappingMode::kLogical ? "Logical"
                                           : "Isolation";
}

struct ModeSystem : System {
  explicit ModeSystem(RemappingMode mode, test::ModelMachine::Options options = {}, KernelConfig config = {})
      : System(std::move(options), with(mode, std::move(config))) {
    script.memory_caps.HighestVisibleAddress.QuadPart =
        mode == RemappingMode::kLogical ? (1LL << 40) - 1 : -1LL;
  }
  static KernelConfig with(RemappingMode mode, KernelConfig config) {
    config.force_logical = mode == RemappingMode::kLogical;
    config.isolation = config.isolation || mode == RemappingMode::kIsolation;
    return config;
  }
  [[nodiscard]] bool reads(std::uint16_t device, std::uint64_t page) {
    return machine.dma_read(device, page << hw::kPageShift).has_value();
  }
  [[nodiscard]] HANDLE adapter(std::size_t device = 0) const { return table(device).DeviceHandle; }

  DXGKARGCB_ALLOCATECONTIGUOUSMEMORY contiguous(SIZE_T bytes, NTSTATUS expected = STATUS_SUCCESS) {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
    args.NumberOfBytes = bytes;
    args.HighestAcceptableAddress.QuadPart = -1;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.hMemoryHandle = args.pMemory = &args;
    EXPECT_EQ(table().DxgkCbAllocateContiguousMemory(adapter(), &args), expected);
    return args;
  }
  DXGKARGCB_ALLOCATEPAGESFORMDL pages_for_mdl(SIZE_T bytes, NTSTATUS expected = STATUS_SUCCESS,
                                              ULONG flags = 0) {
    DXGKARGCB_ALLOCATEPAGESFORMDL args{};
    args.HighAddress.QuadPart = -1;
    args.TotalBytes = bytes;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.Flags = flags;
    args.hMemoryHandle = &args;
    args.pMdl = reinterpret_cast<PMDL>(&args);
    EXPECT_EQ(table().DxgkCbAllocatePagesForMdl(adapter(), &args), expected);
    return args;
  }
  HANDLE map_mdl(PMDL mdl, NTSTATUS expected = STATUS_SUCCESS) {
    DXGKARGCB_MAPMDLTOIOMMU args{mdl, mdl};
    EXPECT_EQ(table().DxgkCbMapMdlToIoMmu(adapter(), &args), expected);
    return args.hMemoryHandle;
  }
  NTSTATUS free_contiguous(HANDLE handle) {
    const DXGKARGCB_FREECONTIGUOUSMEMORY args{handle};
    return table().DxgkCbFreeContiguousMemory(adapter(), &args);
  }
  NTSTATUS free_pages(HANDLE handle) {
    const DXGKARGCB_FREEPAGESFROMMDL args{handle};
    return table().DxgkCbFreePagesFromMdl(adapter(), &args);
  }
  void unmap_mdl(HANDLE handle) {
    const DXGKARGCB_UNMAPMDLFROMIOMMU args{handle};
    table().DxgkCbUnmapMdlFromIoMmu(adapter(), &args);
  }
  DXGK_ADL* pin2(UINT index, SIZE_T bytes, NTSTATUS expected = STATUS_SUCCESS, UINT flags = 0) {
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 args{};
    args.PhysicalAdapterIndex = index;
    args.CommitSize = bytes;
    args.Flags.Value = flags;
    args.pAdl = reinterpret_cast<DXGK_ADL*>(&args);
    EXPECT_EQ(table().DxgkCbPinFrameBufferForSave2(adapter(), &args), expected);
    return args.pAdl;
  }
  PMDL pin(UINT index, SIZE_T bytes, NTSTATUS expected = STATUS_SUCCESS) {
    DXGKARGCB_PINFRAMEBUFFERFORSAVE args{index, bytes, reinterpret_cast<PMDL>(this)};
    EXPECT_EQ(table().DxgkCbPinFrameBufferForSave(adapter(), &args), expected);
    return args.pMdl;
  }
  NTSTATUS unpin(UINT index) {
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE args{index};
    return table().DxgkCbUnpinFrameBufferForSave(adapter(), &args);
  }
  DXGKARGCB_MAPFRAMEBUFFERPOINTER map_pointer(UINT index, SIZE_T offset, SIZE_T size,
                                              NTSTATUS expected = STATUS_SUCCESS) {
    DXGKARGCB_MAPFRAMEBUFFERPOINTER args{index, size, offset, this};
    EXPECT_EQ(table().DxgkCbMapFrameBufferPointer(adapter(), &args), expected);
    return args;
  }
  NTSTATUS unmap_pointer(UINT index, PVOID base) {
    const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER args{index, base};
    return table().DxgkCbUnmapFrameBufferPointer(adapter(), &args);
  }
};

inline std::vector<mm::Pfn> pages_of(PMDL mdl) {
  const PFN_NUMBER* first = MmGetMdlPfnArray(mdl);
  return {first, first + (MmGetMdlByteCount(mdl) >> PAGE_SHIFT)};
}

inline std::vector<std::uint64_t> numbers_of(const DXGK_ADL& adl) {
  std::vector<std::uint64_t> all;
  for (UINT32 i = 0; i < adl.PageCount; ++i)
    all.push_back(adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i]);
  return all;
}

}  // namespace gpudmar::dxgkrnl
