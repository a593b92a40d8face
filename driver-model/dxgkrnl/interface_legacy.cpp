// SPDX-License-Identifier: Apache-2.0
// The C side of the callbacks of 2.4 and of frame-buffer save. They take the lead adapter's handle (R210).
#include "driver-model/dxgkrnl/interface_calls.h"

namespace gpudmar::dxgkrnl {
namespace {

/// A call with the lead's handle; any other fails as a wrong parameter does.
template <typename Args, typename Describe, typename Action>
NTSTATUS lead_call(const char* name, HANDLE adapter, Args* args, Describe describe, Action action) {
  return memory_call(
      name, args, describe,
      [&](MemoryManager& memory, Args* a) -> NTSTATUS {
        AdapterSpace* space = Kernel::active().space_of_lead(adapter);
        return space == nullptr ? STATUS_INVALID_PARAMETER : action(memory, *space, a);
      },
      adapter);
}

NTSTATUS APIENTRY allocate_contiguous_memory(IN_CONST_HANDLE adapter,
                                             INOUT_PDXGKARGCB_ALLOCATECONTIGUOUSMEMORY args) {
  if (args != nullptr) {
    args->hMemoryHandle = nullptr;
    args->pMemory = nullptr;
  }
  return lead_call(
      "DxgkCbAllocateContiguousMemory", adapter, args,
      [](const auto& a) { return fmt::format("{} bytes", a.NumberOfBytes); },
      [](MemoryManager& memory, AdapterSpace& space, auto* a) {
        return memory.allocate_contiguous(space, a);
      });
}

NTSTATUS APIENTRY free_contiguous_memory(IN_CONST_HANDLE adapter,
                                         IN_CONST_PDXGKARGCB_FREECONTIGUOUSMEMORY args) {
  return lead_call(
      "DxgkCbFreeContiguousMemory", adapter, args,
      [](const auto& a) { return fmt::format("{}", fmt::ptr(a.hMemoryHandle)); },
      [](MemoryManager& memory, AdapterSpace& space, const auto* a) {
        return memory.free_contiguous(space, a);
      });
}

NTSTATUS APIENTRY allocate_pages_for_mdl(IN_CONST_HANDLE adapter, INOUT_PDXGKARGCB_ALLOCATEPAGESFORMDL args) {
  if (args != nullptr) {
    args->hMemoryHandle = nullptr;
    args->pMdl = nullptr;
  }
  return lead_call(
      "DxgkCbAllocatePagesForMdl", adapter, args,
      [](const auto& a) { return fmt::format("{} bytes, flags {:#x}", a.TotalBytes, a.Flags); },
      [](MemoryManager& memory, AdapterSpace& space, auto* a) {
        return memory.allocate_pages_for_mdl(space, a);
      });
}

NTSTATUS APIENTRY free_pages_from_mdl(IN_CONST_HANDLE adapter, IN_CONST_PDXGKARGCB_FREEPAGESFROMMDL args) {
  return lead_call(
      "DxgkCbFreePagesFromMdl", adapter, args,
      [](const auto& a) { return fmt::format("{}", fmt::ptr(a.hMemoryHandle)); },
      [](MemoryManager& memory, AdapterSpace& space, const auto* a) {
        return memory.free_pages_from_mdl(space, a);
      });
}

NTSTATUS APIENTRY map_mdl_to_iommu(IN_CONST_HANDLE adapter, INOUT_PDXGKARGCB_MAPMDLTOIOMMU args) {
  if (args != nullptr) args->hMemoryHandle = nullptr;
  return lead_call(
      "DxgkCbMapMdlToIoMmu", adapter, args, [](const auto& a) { return fmt::format("{}", fmt::ptr(a.pMdl)); },
      [](MemoryManager& memory, AdapterSpace& space, auto* a) { return memory.map_mdl(space, a); });
}

VOID APIENTRY unmap_mdl_from_iommu(IN_CONST_HANDLE adapter, IN_CONST_PDXGKARGCB_UNMAPMDLFROMIOMMU args) {
  memory_call_void(
      "DxgkCbUnmapMdlFromIoMmu", args,
      [](const auto& a) { return fmt::format("{}", fmt::ptr(a.hMemoryHandle)); },
      [&](MemoryManager& memory, const auto* a) {
        AdapterSpace* space = Kernel::active().space_of_lead(adapter);
        if (space == nullptr)
          throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {0, 0, 0, 0},
                         fmt::format("DxgkCbUnmapMdlFromIoMmu: {} is no lead adapter", fmt::ptr(adapter)));
        memory.unmap_mdl(*space, a);
      },
      adapter);
}

NTSTATUS APIENTRY pin_frame_buffer_for_save(IN_CONST_HANDLE adapter,
                                            INOUT_PDXGKARGCB_PINFRAMEBUFFERFORSAVE args) {
  if (args != nullptr) args->pMdl = nullptr;
  return lead_call(
      "DxgkCbPinFrameBufferForSave", adapter, args,
      [](const auto& a) { return fmt::format("adapter {}, {} bytes", a.PhysicalAdapterIndex, a.CommitSize); },
      [](MemoryManager& memory, AdapterSpace& space, auto* a) { return memory.pin_frame_buffer(space, a); });
}

NTSTATUS APIENTRY pin_frame_buffer_for_save2(IN_CONST_HANDLE adapter,
                                             INOUT_PDXGKARGCB_PINFRAMEBUFFERFORSAVE2 args) {
  if (args != nullptr) args->pAdl = nullptr;
  return lead_call(
      "DxgkCbPinFrameBufferForSave2", adapter, args,
      [](const auto& a) {
        return fmt::format("adapter {}, {} bytes, flags {:#x}", a.PhysicalAdapterIndex, a.CommitSize,
                           a.Flags.Value);
      },
      [](MemoryManager& memory, AdapterSpace& space, auto* a) { return memory.pin_frame_buffer(space, a); });
}

NTSTATUS APIENTRY unpin_frame_buffer_for_save(IN_CONST_HANDLE adapter,
                                              IN_CONST_PDXGKARGCB_UNPINFRAMEBUFFERFORSAVE args) {
  return lead_call(
      "DxgkCbUnpinFrameBufferForSave", adapter, args,
      [](const auto& a) { return fmt::format("adapter {}", a.PhysicalAdapterIndex); },
      [](MemoryManager& memory, AdapterSpace& space, const auto* a) {
        return memory.unpin_frame_buffer(space, a);
      });
}

NTSTATUS APIENTRY map_frame_buffer_pointer(IN_CONST_HANDLE adapter,
                                           INOUT_PDXGKARGCB_MAPFRAMEBUFFERPOINTER args) {
  if (args != nullptr) args->pBaseAddress = nullptr;
  return lead_call(
      "DxgkCbMapFrameBufferPointer", adapter, args,
      [](const auto& a) {
        return fmt::format("adapter {}, {}+{} bytes", a.PhysicalAdapterIndex, a.Offset, a.Size);
      },
      [](MemoryManager& memory, AdapterSpace& space, auto* a) { return memory.map_frame_buffer(space, a); });
}

NTSTATUS APIENTRY unmap_frame_buffer_pointer(IN_CONST_HANDLE adapter,
                                             IN_CONST_PDXGKARGCB_UNMAPFRAMEBUFFERPOINTER args) {
  return lead_call(
      "DxgkCbUnmapFrameBufferPointer", adapter, args,
      [](const auto& a) {
        return fmt::format("adapter {}, {}", a.PhysicalAdapterIndex, fmt::ptr(a.pBaseAddress));
      },
      [](MemoryManager& memory, AdapterSpace& space, const auto* a) {
        return memory.unmap_frame_buffer(space, a);
      });
}

}  // namespace

void require_low_irql(Kernel& kernel, const char* name) {
  const KIRQL irql = KeGetCurrentIrql();
  if (irql >= DISPATCH_LEVEL)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {irql, 0, 0, 0},
                   fmt::format("{} called at IRQL {}", name, static_cast<unsigned>(irql)));
  if (irql != PASSIVE_LEVEL) kernel.warn(fmt::format("{} called at APC_LEVEL", name));
}

void fill_legacy_interface(DXGKRNL_INTERFACE& table) {
  table.DxgkCbAllocateContiguousMemory = allocate_contiguous_memory;
  table.DxgkCbFreeContiguousMemory = free_contiguous_memory;
  table.DxgkCbAllocatePagesForMdl = allocate_pages_for_mdl;
  table.DxgkCbFreePagesFromMdl = free_pages_from_mdl;
  table.DxgkCbMapMdlToIoMmu = map_mdl_to_iommu;
  table.DxgkCbUnmapMdlFromIoMmu = unmap_mdl_from_iommu;
  table.DxgkCbPinFrameBufferForSave = pin_frame_buffer_for_save;
  table.DxgkCbPinFrameBufferForSave2 = pin_frame_buffer_for_save2;
  table.DxgkCbUnpinFrameBufferForSave = unpin_frame_buffer_for_save;
  table.DxgkCbMapFrameBufferPointer = map_frame_buffer_pointer;
  table.DxgkCbUnmapFrameBufferPointer = unmap_frame_buffer_pointer;
}

}  // namespace gpudmar::dxgkrnl
