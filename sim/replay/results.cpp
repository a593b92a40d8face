// SPDX-License-Identifier: Apache-2.0
// What came out of calls, for recorder and player alike; and the head's machine.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "sim/replay/places.h"
#include "sim/replay/recorder.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

json ranges(const std::vector<hw::MemoryRange>& list) {
  json all = json::array();
  for (const hw::MemoryRange& range : list) all.push_back({hex(range.base), hex(range.size)});
  return all;
}

json memory_to_json(const AxiMemoryConfig& memory) {
  return {{"latency", memory.latency},
          {"jitter", memory.jitter},
          {"write_latency", memory.b_latency},
          {"stall", static_cast<unsigned>(std::lround(memory.ar_stall * 100))},
          {"out_of_order", memory.out_of_order},
          {"interleave", memory.interleave},
          {"read_at_first_beat", memory.read_at_first_beat},
          {"write_at_wlast", memory.write_at_wlast}};
}

std::vector<std::uint64_t> pages_of(const MDL* mdl) {
  const auto* const list = MmGetMdlPfnArray(mdl);
  return {list, list + ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl))};
}

/// What devices reach from here on, by its name.
void add_pages(const CallView& view, const json& name, std::size_t link, std::vector<std::uint64_t> numbers,
               std::vector<std::uint64_t> frames) {
  if (!name.is_string()) return;
  view.pages->add({name.get<std::string>(), link, std::move(numbers), std::move(frames), true});
}

std::size_t link_of(const CallView& view, const json& in) {
  const auto handle = view.handles->read(in.value("hAdapter", json()));
  const dxgkrnl::PhysicalAdapter* const adapter =
      view.kernel->find_adapter(reinterpret_cast<HANDLE>(handle.value_or(0)));
  if (adapter == nullptr) return 0;
  return links_by_adapter(*view.kernel, adapter->index() + 1).back();
}

void add_adl(const CallView& view, const DXGK_ADL& adl, HANDLE opened, std::size_t link, json& out) {
  std::vector<std::uint64_t> numbers;
  for (UINT32 i = 0; i < adl.PageCount; ++i)
    numbers.push_back(adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i]);
  out["PageCount"] = adl.PageCount;
  out["Contiguous"] = adl.Flags.Contiguous != 0;
  out["Pages"] = runs(numbers);
  std::vector<std::uint64_t> frames;
  if (const auto object = opened == nullptr ? std::nullopt : view.kernel->memory().object(opened)) {
    for (const dxgkrnl::AdapterView& adapter : view.kernel->adapters())
      if (adapter.name == object->adapter) link = link_number(adapter);
    for (const dxgkrnl::AdlView& other : object->adls)
      if (other.adl == &adl) frames = other.page_frames;
  }
  add_pages(view, out["pAdl"], link, std::move(numbers), std::move(frames));
}

std::string save_area(std::size_t link, const json& in) {
  return fmt::format("save area {} of link {}", number_of(in.value("PhysicalAdapterIndex", json(0))), link);
}

/// Memory that devices reach at its own addresses, as long as its handle lives.
void add_block(const CallView& view, HANDLE handle, const char* shown, const json& in, json& out) {
  const auto block = view.kernel->memory().object(handle);
  if (!block) return;
  out[shown] = runs(block->page_frames);
  add_pages(view, out["hMemoryHandle"], link_of(view, in), block->page_frames, block->page_frames);
}

template <typename T>
const T* output(const DXGKARG_QUERYADAPTERINFO& query) {
  return query.pOutputData != nullptr && query.OutputDataSize >= sizeof(T)
             ? static_cast<const T*>(query.pOutputData)
             : nullptr;
}

json segment(const DXGK_SEGMENTDESCRIPTOR4& descriptor) {
  return {
      {"Flags", hex(descriptor.Flags.Value)},
      {"BaseAddress", hex(static_cast<std::uint64_t>(descriptor.BaseAddress.QuadPart))},
      {"Size", descriptor.Size},
      {"CommitLimit", descriptor.CommitLimit},
      {"CpuTranslatedAddress", hex(static_cast<std::uint64_t>(descriptor.CpuTranslatedAddress.QuadPart))}};
}

}  // namespace

json query_result(const DXGKARG_QUERYADAPTERINFO& query, const Handles& handles) {
  json out = json::object();
  switch (query.Type) {
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
      if (const auto* caps = output<DXGK_PHYSICAL_MEMORY_CAPS>(query))
        out["HighestVisibleAddress"] = hex(static_cast<std::uint64_t>(caps->HighestVisibleAddress.QuadPart));
      break;
    case DXGKQAITYPE_IOMMU_CAPS:
      if (const auto* caps = output<DXGK_IOMMU_CAPS>(query)) {
        out["IommuIsolationSupported"] = caps->IommuIsolationSupported != 0;
        out["IommuIsolationRequired"] = caps->IommuIsolationRequired != 0;
        out["DmaRemappingSupported"] = caps->DmaRemappingSupported != 0;
      }
      break;
    case DXGKQAITYPE_DRIVERCAPS:
      if (const auto* caps = output<DXGK_DRIVERCAPS>(query)) {
        out["MemoryManagementCaps.IoMmuSecureModeSupported"] =
            caps->MemoryManagementCaps.IoMmuSecureModeSupported != 0;
        out["MemoryManagementCaps.IoMmuSecureModeRequired"] =
            caps->MemoryManagementCaps.IoMmuSecureModeRequired != 0;
        out["MemoryManagementCaps.MapAperture2Supported"] =
            caps->MemoryManagementCaps.MapAperture2Supported != 0;
        out["MemoryManagementCaps.Value"] = hex(caps->MemoryManagementCaps.Value);
        out["MemoryManagementCaps.PagingNode"] = caps->MemoryManagementCaps.PagingNode;
        out["SchedulingCaps.Value"] = hex(caps->SchedulingCaps.Value);
        out["SupportPerEngineTDR"] = caps->SupportPerEngineTDR != FALSE;
      }
      break;
    case DXGKQAITYPE_QUERYSEGMENT4:
      if (const auto* answer = output<DXGK_QUERYSEGMENTOUT4>(query)) {
        out = {{"NbSegment", answer->NbSegment},
               {"PagingBufferSegmentId", answer->PagingBufferSegmentId},
               {"PagingBufferSize", answer->PagingBufferSize},
               {"PagingBufferPrivateDataSize", answer->PagingBufferPrivateDataSize}};
        if (answer->pSegmentDescriptor == nullptr) break;
        json list = json::array();
        for (UINT i = 0; i < answer->NbSegment; ++i) {
          DXGK_SEGMENTDESCRIPTOR4 descriptor{};
          std::memcpy(&descriptor, answer->pSegmentDescriptor + i * answer->SegmentDescriptorStride,
                      sizeof descriptor);
          list.push_back(segment(descriptor));
        }
        out["pSegmentDescriptor"] = list;
      }
      break;
    case DXGKQAITYPE_PHYSICALADAPTERCAPS:
      if (const auto* caps = output<DXGK_PHYSICALADAPTERCAPS>(query))
        out["DxgkPhysicalAdapterHandle"] =
            handles.show(reinterpret_cast<std::uintptr_t>(caps->DxgkPhysicalAdapterHandle));
      break;
    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:
      if (const auto* area = output<DXGK_FRAMEBUFFERSAVEAREA>(query)) out["MaximumSize"] = area->MaximumSize;
      break;
    case DXGKQAITYPE_HARDWARERESERVEDRANGES:
      if (const auto* area = output<DXGK_HARDWARERESERVEDRANGES>(query)) {
        out["NumRanges"] = area->NumRanges;
        if (area->pPhysicalRanges == nullptr) break;
        json list = json::array();
        for (UINT32 i = 0; i < area->NumRanges; ++i)
          list.push_back({hex(static_cast<std::uint64_t>(area->pPhysicalRanges[i].BaseAddress.QuadPart)),
                          hex(static_cast<std::uint64_t>(area->pPhysicalRanges[i].NumberOfBytes.QuadPart))});
        out["pPhysicalRanges"] = list;
      }
      break;
    default:
      break;
  }
  return out;
}

json machine_to_json(const MachineConfig& machine, bool linked) {
  json links = json::array();
  for (unsigned i = 0; i < machine.adapters; ++i) {
    if (links.empty() || !linked) links.push_back(json::array());
    links.back().push_back(i);
  }
  json reserved = json::array();
  for (const ReservedMemory& entry : machine.reserved)
    reserved.push_back(
        {{"base", hex(entry.range.base)}, {"size", hex(entry.range.size)}, {"adapters", entry.adapters}});
  return {{"adapters", machine.adapters},
          {"pipe", machine.pipe},
          {"host_width", machine.host_address_width},
          {"ram", ranges(machine.ram)},
          {"device_memory", ranges(machine.device_memory)},
          {"reserved", reserved},
          {"vram", machine.vram_bytes},
          {"memory", memory_to_json(machine.memory)},
          {"seed", machine.seed},
          {"links", links}};
}

json call_result(const CallView& view, const Function& function, const void* arguments, const json& in,
                 const NameHandle& name) {
  json out = json::object();
  if (arguments == nullptr || view.kernel == nullptr) return out;
  dxgkrnl::MapMemoryArguments mapped{};
  if (function.name == "DxgkCbMapMemory") {
    mapped = *static_cast<const dxgkrnl::MapMemoryArguments*>(arguments);
    if (mapped.address != nullptr) mapped.address = static_cast<PVOID*>(*mapped.address);
    arguments = &mapped;
  }
  out = show_out(function, arguments, name);
  const std::string& called = function.name;
  if (called == "DxgkCbCreatePhysicalMemoryObject") {
    const auto& args = *static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(arguments);
    // Pages of a section come and go.
    if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_MDL ||
        args.Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY)
      if (const auto object = view.kernel->memory().object(args.hPhysicalMemoryObject))
        out["PageFrames"] = runs(object->page_frames);
  } else if (called == "DxgkCbAllocateAdl") {
    const auto& args = *static_cast<const DXGKARGCB_ALLOCATE_ADL*>(arguments);
    if (args.pAdl != nullptr) add_adl(view, *args.pAdl, args.hAdapterMemoryObject, 0, out);
  } else if (called == "DxgkCbPinFrameBufferForSave2") {
    const auto& args = *static_cast<const DXGKARGCB_PINFRAMEBUFFERFORSAVE2*>(arguments);
    if (args.pAdl == nullptr) return out;
    const std::size_t link = link_of(view, in);
    add_adl(view, *args.pAdl, nullptr, link, out);
    view.pages->keep(save_area(link, in), out["pAdl"].get<std::string>());
  } else if (called == "DxgkCbPinFrameBufferForSave") {
    const auto& args = *static_cast<const DXGKARGCB_PINFRAMEBUFFERFORSAVE*>(arguments);
    if (args.pMdl == nullptr) return out;
    const std::size_t link = link_of(view, in);
    const std::vector<std::uint64_t> pages = pages_of(args.pMdl);
    out["Pages"] = runs(pages);
    add_pages(view, out["pMdl"], link, pages, pages);
    view.pages->keep(save_area(link, in), out["pMdl"].get<std::string>());
  } else if (called == "DxgkCbUnpinFrameBufferForSave") {
    view.pages->end_kept(save_area(link_of(view, in), in));
  } else if (called == "DxgkCbAllocateContiguousMemory") {
    add_block(view, static_cast<const DXGKARGCB_ALLOCATECONTIGUOUSMEMORY*>(arguments)->hMemoryHandle,
              "PageFrames", in, out);
  } else if (called == "DxgkCbAllocatePagesForMdl") {
    add_block(view, static_cast<const DXGKARGCB_ALLOCATEPAGESFORMDL*>(arguments)->hMemoryHandle, "Pages", in,
              out);
  } else if (called == "DxgkCbMapMdlToIoMmu") {
    const auto& args = *static_cast<const DXGKARGCB_MAPMDLTOIOMMU*>(arguments);
    if (args.hMemoryHandle == nullptr || args.pMdl == nullptr) return out;
    const std::vector<std::uint64_t> pages = pages_of(args.pMdl);
    add_pages(view, out["hMemoryHandle"], link_of(view, in), pages, pages);
  } else {
    for (const auto& [name, field] :
         {std::pair("DxgkCbFreeAdl", "pAdl"), std::pair("DxgkCbFreeContiguousMemory", "hMemoryHandle"),
          std::pair("DxgkCbFreePagesFromMdl", "hMemoryHandle"),
          std::pair("DxgkCbUnmapMdlFromIoMmu", "hMemoryHandle")})
      if (called == name && in.contains(field) && in[field].is_string())
        view.pages->end(in[field].get<std::string>());
  }
  return out;
}

json entry_points(const DRIVER_INITIALIZATION_DATA& driver) {
  json names = json::array();
#define GPUDMAR_ENTRY_POINT(name) \
  if (driver.name != nullptr) names.push_back(#name)
  GPUDMAR_ENTRY_POINT(DxgkDdiLinkDevice);
  GPUDMAR_ENTRY_POINT(DxgkDdiInterruptRoutine);
  GPUDMAR_ENTRY_POINT(DxgkDdiDpcRoutine);
  GPUDMAR_ENTRY_POINT(DxgkDdiSetPowerState);
  GPUDMAR_ENTRY_POINT(DxgkDdiEscape);
  GPUDMAR_ENTRY_POINT(DxgkDdiBeginExclusiveAccess);
  GPUDMAR_ENTRY_POINT(DxgkDdiEndExclusiveAccess);
  GPUDMAR_ENTRY_POINT(DxgkDdiUnload);
  GPUDMAR_ENTRY_POINT(DxgkDdiNotifySurpriseRemoval);
  GPUDMAR_ENTRY_POINT(DxgkDdiQueryChildRelations);
  GPUDMAR_ENTRY_POINT(DxgkDdiCreateAllocation);
  GPUDMAR_ENTRY_POINT(DxgkDdiDestroyAllocation);
  GPUDMAR_ENTRY_POINT(DxgkDdiBuildPagingBuffer);
  GPUDMAR_ENTRY_POINT(DxgkDdiSubmitCommand);
  GPUDMAR_ENTRY_POINT(DxgkDdiPatch);
  GPUDMAR_ENTRY_POINT(DxgkDdiPreemptCommand);
  GPUDMAR_ENTRY_POINT(DxgkDdiQueryCurrentFence);
  GPUDMAR_ENTRY_POINT(DxgkDdiResetFromTimeout);
  GPUDMAR_ENTRY_POINT(DxgkDdiRestartFromTimeout);
  GPUDMAR_ENTRY_POINT(DxgkDdiResetEngine);
  GPUDMAR_ENTRY_POINT(DxgkDdiQueryEngineStatus);
  GPUDMAR_ENTRY_POINT(DxgkDdiQueryDependentEngineGroup);
  GPUDMAR_ENTRY_POINT(DxgkDdiCollectDbgInfo);
#undef GPUDMAR_ENTRY_POINT
  return {{"Version", hex(driver.Version)}, {"entry_points", names}};
}

}  // namespace gpudmar::sim::replay
