// SPDX-License-Identifier: Apache-2.0
// The rules of the 2.4 callbacks and of paging buffers.
#include <fmt/format.h>

#include "sim/kmd/judge_arguments.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr std::uint64_t kLargestMdl = (4ULL << 30) - PAGE_SIZE;
constexpr CSHORT kHoldsPages = MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_IO_SPACE;

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

/// What takes the memory of a callback back.
const std::map<std::string, const char*>& taken_back_by() {
  static const std::map<std::string, const char*> table{
      {"DxgkCbAllocateContiguousMemory", "DxgkCbFreeContiguousMemory"},
      {"DxgkCbAllocatePagesForMdl", "DxgkCbFreePagesFromMdl"},
      {"DxgkCbMapMdlToIoMmu", "DxgkCbUnmapMdlFromIoMmu"}};
  return table;
}

bool takes_back(const std::string& name) {
  return name == "DxgkCbFreeContiguousMemory" || name == "DxgkCbFreePagesFromMdl" ||
         name == "DxgkCbUnmapMdlFromIoMmu";
}

bool about_frame_buffers(const std::string& name) { return name.find("FrameBuffer") != std::string::npos; }

}  // namespace

bool Judge::is_legacy_callback(const std::string& name) {
  return taken_back_by().count(name) != 0 || takes_back(name) || about_frame_buffers(name);
}

void Judge::make_live(unsigned link, const std::vector<std::uint64_t>& pages) {
  for (const std::uint64_t page : pages) ++live_[link][page];
}

void Judge::end_live(unsigned link, const std::vector<std::uint64_t>& pages) {
  auto& live = live_[link];
  for (const std::uint64_t page : pages)
    if (const auto it = live.find(page); it != live.end() && --it->second == 0) live.erase(it);
  hooks_.freed(link, pages);
}

void Judge::legacy_begins(const std::string& name, const void* arguments, HANDLE adapter) {
  check(about_frame_buffers(name) ? "R210" : "E17", hooks_.is_lead(adapter),
        fmt::format("{} with {}, which is no lead adapter's handle", name, fmt::ptr(adapter)));
  const unsigned link = hooks_.link_of(adapter).value_or(0);
  if (name == "DxgkCbAllocateContiguousMemory") {
    const auto& args = as<DXGKARGCB_ALLOCATECONTIGUOUSMEMORY>(arguments);
    const auto boundary = static_cast<std::uint64_t>(args.BoundaryAddressMultiple.QuadPart);
    check("R221",
          args.NumberOfBytes != 0 && (boundary == 0 || power_of_two(boundary)) &&
              static_cast<std::uint64_t>(args.LowestAcceptableAddress.QuadPart) <=
                  static_cast<std::uint64_t>(args.HighestAcceptableAddress.QuadPart),
          fmt::format("contiguous memory of {} bytes, boundary {:#x}, or no address that is acceptable",
                      args.NumberOfBytes, boundary));
  } else if (name == "DxgkCbAllocatePagesForMdl") {
    const auto& args = as<DXGKARGCB_ALLOCATEPAGESFORMDL>(arguments);
    check("R220",
          args.TotalBytes != 0 && args.TotalBytes <= kLargestMdl &&
              page_multiple(static_cast<std::uint64_t>(args.SkipBytes.QuadPart)),
          fmt::format("pages for an MDL of {} bytes, SkipBytes {:#x}", args.TotalBytes,
                      args.SkipBytes.QuadPart));
  } else if (name == "DxgkCbMapMdlToIoMmu") {
    const PMDL mdl = as<DXGKARGCB_MAPMDLTOIOMMU>(arguments).pMdl;
    check("R222", mdl != nullptr && mdl->ByteCount != 0 && (mdl->MdlFlags & kHoldsPages) != 0,
          "MapMdlToIoMmu of no MDL, or of one whose pages are not locked");
  } else if (takes_back(name)) {
    block_ends(name, as<DXGKARGCB_UNMAPMDLFROMIOMMU>(arguments).hMemoryHandle);
  } else {
    frame_buffer_begins(name, arguments, link, adapter);
  }
}

// The three structures consist of the handle alone.
void Judge::block_ends(const std::string& name, HANDLE handle) {
  const auto it = blocks_.find(handle);
  check(
      "R224", it != blocks_.end(),
      fmt::format("{} of {}, which is memory of no such callback, or not any more", name, fmt::ptr(handle)));
  if (it == blocks_.end()) return;
  check("R223", it->second.end == name, fmt::format("{} of what {} takes back", name, it->second.end));
  if (it->second.mdl != nullptr && it->second.end == name)
    check("R222", pages_of(it->second.mdl) == it->second.pages, "the MDL was changed while it was mapped");
}

void Judge::legacy_ends(const std::string& name, const void* arguments, HANDLE adapter, NTSTATUS status) {
  if (taken_back_by().count(name) != 0)
    check("R26", status != STATUS_NOT_SUPPORTED, name + " by a driver whose adapter has logical remapping");
  if (name == "DxgkCbPinFrameBufferForSave")
    check("R27", status != STATUS_NOT_SUPPORTED, name + " where only the second one can be used");
  const unsigned link = hooks_.link_of(adapter).value_or(0);
  if (!NT_SUCCESS(status)) {
    if (about_frame_buffers(name)) frame_buffer_failed(name, arguments, link, status);
    return;
  }
  if (const auto it = taken_back_by().find(name); it != taken_back_by().end()) {
    block_given(name, it->second, arguments, link);
  } else if (takes_back(name)) {
    const auto block = blocks_.find(as<DXGKARGCB_UNMAPMDLFROMIOMMU>(arguments).hMemoryHandle);
    if (block == blocks_.end()) return;
    end_live(block->second.link, block->second.pages);
    loan("2.4 memory", block->first, 0, false);
    blocks_.erase(block);
  } else {
    frame_buffer_ends(name, arguments, link);
  }
}

void Judge::block_given(const std::string& name, const char* end, const void* arguments, unsigned link) {
  Block block{end, link, {}, nullptr};
  HANDLE handle = nullptr;
  if (name == "DxgkCbAllocateContiguousMemory") {
    handle = as<DXGKARGCB_ALLOCATECONTIGUOUSMEMORY>(arguments).hMemoryHandle;
    block.pages = hooks_.pages_of(handle);
  } else if (name == "DxgkCbAllocatePagesForMdl") {
    handle = as<DXGKARGCB_ALLOCATEPAGESFORMDL>(arguments).hMemoryHandle;
    block.pages = pages_of(as<DXGKARGCB_ALLOCATEPAGESFORMDL>(arguments).pMdl);
  } else {
    handle = as<DXGKARGCB_MAPMDLTOIOMMU>(arguments).hMemoryHandle;
    block.mdl = as<DXGKARGCB_MAPMDLTOIOMMU>(arguments).pMdl;
    block.pages = pages_of(block.mdl);
  }
  make_live(link, block.pages);
  loan("2.4 memory", handle, block.pages.size(), true);  // R227: to its end
  blocks_[handle] = std::move(block);
}

// E8, R171, R172: what may be answered, and how far the driver may have written.
void Judge::paging_begins(const void* arguments) {
  const auto& args = as<DXGKARG_BUILDPAGINGBUFFER>(arguments);
  Thread& thread = threads_[hooks_.thread()];
  thread.buffer = static_cast<const UCHAR*>(args.pDmaBuffer);
  thread.buffer_size = args.DmaSize;
  thread.multipass = args.MultipassOffset;
}

void Judge::paging_ends(const void* arguments, NTSTATUS status) {
  const auto& args = as<DXGKARG_BUILDPAGINGBUFFER>(arguments);
  const Thread& thread = threads_[hooks_.thread()];
  check("R172",
        status == STATUS_SUCCESS || status == STATUS_GRAPHICS_ALLOCATION_BUSY ||
            status == STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER,
        fmt::format("BuildPagingBuffer answers {:#x}", static_cast<std::uint32_t>(status)));
  const auto written = static_cast<const UCHAR*>(args.pDmaBuffer) - thread.buffer;
  check("E8", written >= 0 && written <= static_cast<std::ptrdiff_t>(thread.buffer_size),
        fmt::format("BuildPagingBuffer moves pDmaBuffer by {} of {} bytes", written, thread.buffer_size));
  if (status == STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER)
    check("R171", thread.buffer_size < PAGE_SIZE || written > 0 || args.MultipassOffset != thread.multipass,
          "BuildPagingBuffer wants another buffer and has made no use of a page of this one");
}

}  // namespace gpudmar::sim::kmd
