// SPDX-License-Identifier: Apache-2.0
// What came out of calls, for recorder and player alike; and the head's machine.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "driver-model/dxgkrnl/interface_calls.h"
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

void add_adl(const CallView& view, const DXGK_ADL& adl, HANDLE opened, const json& name, json& out) {
  std::vector<std::uint64_t> numbers;
  for (UINT32 i = 0; i < adl.PageCount; ++i)
    numbers.push_back(adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i]);
  out["PageCount"] = adl.PageCount;
  out["Contiguous"] = adl.Flags.Contiguous != 0;
  out["Pages"] = runs(numbers);
  PageBook::Entry entry{name.get<std::string>(), 0, std::move(numbers), {}, true};
  if (const auto object = view.kernel->memory().object(opened)) {
    const auto adapters = view.kernel->adapters();
    for (std::size_t i = 0; i < adapters.size(); ++i)
      if (adapters[i].name == object->adapter) entry.link = i;
    for (const dxgkrnl::AdlView& other : object->adls)
      if (other.adl == &adl) entry.frames = other.page_frames;
  }
  view.pages->add(std::move(entry));
}

void add_mdl(const MDL* mdl, json& out) {
  const auto* const list = MmGetMdlPfnArray(mdl);
  const std::size_t count =
      ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl));
  out["Pages"] = runs(std::vector<std::uint64_t>(list, list + count));
}

template <typename T>
const T* output(const DXGKARG_QUERYADAPTERINFO& query) {
  return query.pOutputData != nullptr && query.OutputDataSize >= sizeof(T)
             ? static_cast<const T*>(query.pOutputData)
             : nullptr;
}

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

}  // namespace

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

std::vector<std::size_t> links_by_adapter(const dxgkrnl::Kernel& kernel, std::size_t adapters) {
  std::vector<std::size_t> links(adapters);
  const auto views = kernel.adapters();
  for (std::size_t i = 0; i < views.size(); ++i)
    for (const std::size_t member : views[i].members)
      if (member < links.size()) links[member] = i;
  return links;
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
  if (function.name == "DxgkCbCreatePhysicalMemoryObject") {
    const auto& args = *static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(arguments);
    // Pages of a section come and go.
    if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_MDL ||
        args.Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY)
      if (const auto object = view.kernel->memory().object(args.hPhysicalMemoryObject))
        out["PageFrames"] = runs(object->page_frames);
  } else if (function.name == "DxgkCbAllocateAdl") {
    const auto& args = *static_cast<const DXGKARGCB_ALLOCATE_ADL*>(arguments);
    if (args.pAdl != nullptr) add_adl(view, *args.pAdl, args.hAdapterMemoryObject, out["pAdl"], out);
  } else if (function.name == "DxgkCbPinFrameBufferForSave2") {
    const auto& args = *static_cast<const DXGKARGCB_PINFRAMEBUFFERFORSAVE2*>(arguments);
    if (args.pAdl != nullptr) add_adl(view, *args.pAdl, nullptr, out["pAdl"], out);
  } else if (function.name == "DxgkCbAllocatePagesForMdl") {
    const auto& args = *static_cast<const DXGKARGCB_ALLOCATEPAGESFORMDL*>(arguments);
    if (args.pMdl != nullptr) add_mdl(args.pMdl, out);
  } else if (function.name == "DxgkCbPinFrameBufferForSave") {
    const auto& args = *static_cast<const DXGKARGCB_PINFRAMEBUFFERFORSAVE*>(arguments);
    if (args.pMdl != nullptr) add_mdl(args.pMdl, out);
  } else if (function.name == "DxgkCbFreeAdl" && in.contains("pAdl") && in["pAdl"].is_string()) {
    view.pages->end(in["pAdl"].get<std::string>());
  }
  return out;
}

json entry_result(const std::string& name, const void* arguments, const Handles& handles,
                  std::int32_t status) {
  json out = json::object();
  if (arguments == nullptr || !NT_SUCCESS(status)) return out;
  if (name == "DxgkDdiAddDevice") {
    out["taken"] = *static_cast<PVOID const*>(arguments) != nullptr;
  } else if (name == "DxgkDdiLinkDevice") {
    const auto& link = *static_cast<const LINKED_DEVICE*>(arguments);
    out = {{"ChainUid", link.ChainUid},
           {"NumberOfLinksInChain", link.NumberOfLinksInChain},
           {"LeadLink", link.LeadLink != FALSE}};
  } else if (name == "DxgkDdiInterruptRoutine") {
    out["claimed"] = *static_cast<const BOOLEAN*>(arguments) != FALSE;
  } else if (name == "DxgkDdiQueryAdapterInfo") {
    out = query_result(*static_cast<const DXGKARG_QUERYADAPTERINFO*>(arguments), handles);
  }
  return out;
}

json entry_points(const DRIVER_INITIALIZATION_DATA& driver) {
  json names = json::array();
  const auto add = [&](const char* name, bool there) {
    if (there) names.push_back(name);
  };
  add("DxgkDdiLinkDevice", driver.DxgkDdiLinkDevice != nullptr);
  add("DxgkDdiInterruptRoutine", driver.DxgkDdiInterruptRoutine != nullptr);
  add("DxgkDdiDpcRoutine", driver.DxgkDdiDpcRoutine != nullptr);
  add("DxgkDdiSetPowerState", driver.DxgkDdiSetPowerState != nullptr);
  add("DxgkDdiEscape", driver.DxgkDdiEscape != nullptr);
  add("DxgkDdiBeginExclusiveAccess", driver.DxgkDdiBeginExclusiveAccess != nullptr);
  add("DxgkDdiEndExclusiveAccess", driver.DxgkDdiEndExclusiveAccess != nullptr);
  add("DxgkDdiUnload", driver.DxgkDdiUnload != nullptr);
  add("DxgkDdiBuildPagingBuffer", driver.DxgkDdiBuildPagingBuffer != nullptr);
  return {{"Version", hex(driver.Version)}, {"entry_points", names}};
}

}  // namespace gpudmar::sim::replay
