// SPDX-License-Identifier: Apache-2.0
// Entry points without a mind of their own.
#include "sim/replay/player_driver.h"

#include <algorithm>
#include <set>
#include <systemc>

#include "sim/replay/player.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;

const Player::Device& device_of(PVOID context) { return *static_cast<Player::Device*>(context); }

// NOLINTBEGIN(readability-identifier-naming): the WDK's names
NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT, OUT_PPVOID context) {
  return Player::active().add_device(context);
}
NTSTATUS LinkDevice(IN_CONST_PDEVICE_OBJECT, IN_CONST_PVOID context, INOUT_PLINKED_DEVICE link) {
  return Player::active().link_device(device_of(context), *link);
}
NTSTATUS StartDevice(IN_CONST_PVOID context, IN_PDXGK_START_INFO, IN_PDXGKRNL_INTERFACE, OUT_PULONG sources,
                     OUT_PULONG children) {
  *sources = *children = 0;
  return Player::active().start_device(device_of(context));
}
NTSTATUS StopDevice(IN_CONST_PVOID context) {
  return Player::active().entry("DxgkDdiStopDevice", device_of(context));
}
NTSTATUS RemoveDevice(IN_CONST_PVOID context) {
  return Player::active().entry("DxgkDdiRemoveDevice", device_of(context));
}
NTSTATUS SetPowerState(IN_CONST_PVOID context, IN_ULONG, IN_DEVICE_POWER_STATE, IN_POWER_ACTION) {
  return Player::active().entry("DxgkDdiSetPowerState", device_of(context));
}
BOOLEAN InterruptRoutine(IN_CONST_PVOID context, IN_ULONG) {
  return Player::active().interrupt(device_of(context));
}
VOID DpcRoutine(IN_CONST_PVOID context) { Player::active().dpc(device_of(context)); }
NTSTATUS QueryAdapterInfo(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_QUERYADAPTERINFO query) {
  return Player::active().query(device_of(context), *query);
}
NTSTATUS Escape(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_ESCAPE) {
  return Player::active().entry("DxgkDdiEscape", device_of(context));
}
NTSTATUS BeginExclusiveAccess(IN_CONST_HANDLE context, IN_PDXGKARG_BEGINEXCLUSIVEACCESS) {
  return Player::active().entry("DxgkDdiBeginExclusiveAccess", device_of(context));
}
NTSTATUS EndExclusiveAccess(IN_CONST_HANDLE context, IN_PDXGKARG_ENDEXCLUSIVEACCESS) {
  return Player::active().entry("DxgkDdiEndExclusiveAccess", device_of(context));
}
VOID Unload() { (void)Player::active().entry("DxgkDdiUnload", {static_cast<std::size_t>(-1)}); }
// NOLINTEND(readability-identifier-naming): what follows is ours

DRIVER_INITIALIZATION_DATA g_data{};

template <typename T>
NTSTATUS answer_with(const DXGKARG_QUERYADAPTERINFO& query, const T& value) {
  if (query.pOutputData == nullptr || query.OutputDataSize < sizeof(T)) return STATUS_BUFFER_TOO_SMALL;
  std::memcpy(query.pOutputData, &value, sizeof(T));
  return STATUS_SUCCESS;
}

}  // namespace

DRIVER_INITIALIZATION_DATA played_driver(const json& loaded) {
  DRIVER_INITIALIZATION_DATA data{};
  data.Version = DXGKDDI_INTERFACE_VERSION;
  std::set<std::string> names;
  const bool all = !loaded.is_object() || !loaded.contains("entry_points");
  if (!all) {
    for (const json& name : loaded["entry_points"]) names.insert(name.get<std::string>());
    if (loaded.contains("Version")) data.Version = static_cast<ULONG>(number_of(loaded["Version"]));
  }
  const auto has = [&](const char* name) { return all || names.count(name) != 0; };
  data.DxgkDdiAddDevice = AddDevice;
  data.DxgkDdiStartDevice = StartDevice;
  data.DxgkDdiStopDevice = StopDevice;
  data.DxgkDdiRemoveDevice = RemoveDevice;
  data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;
  if (has("DxgkDdiLinkDevice")) data.DxgkDdiLinkDevice = LinkDevice;
  if (has("DxgkDdiInterruptRoutine")) data.DxgkDdiInterruptRoutine = InterruptRoutine;
  if (has("DxgkDdiDpcRoutine")) data.DxgkDdiDpcRoutine = DpcRoutine;
  if (has("DxgkDdiSetPowerState")) data.DxgkDdiSetPowerState = SetPowerState;
  if (has("DxgkDdiEscape")) data.DxgkDdiEscape = Escape;
  if (has("DxgkDdiBeginExclusiveAccess")) data.DxgkDdiBeginExclusiveAccess = BeginExclusiveAccess;
  if (has("DxgkDdiEndExclusiveAccess")) data.DxgkDdiEndExclusiveAccess = EndExclusiveAccess;
  if (has("DxgkDdiUnload")) data.DxgkDdiUnload = Unload;
  g_data = data;
  return data;
}

NTSTATUS driver_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
  return DxgkInitialize(driver, path, &g_data);
}

std::vector<std::uint64_t> visible_addresses(Machine& machine, const Scenario& system) {
  std::vector<std::uint64_t> all;
  const auto& bits = system.start.visible_bits;
  for (std::size_t i = 0; i < machine.config().adapters; ++i) {
    const unsigned n =
        bits.empty() ? machine.board().info().dma_addr_bits : bits[std::min(i, bits.size() - 1)];
    all.push_back((1ULL << n) - 1);
  }
  return all;
}

// ---- The player's side

const Event* Player::begin_entry(const char* name, std::size_t adapter) {
  if (stopped_) stop();
  const int which = adapter == static_cast<std::size_t>(-1) ? -1 : static_cast<int>(adapter);
  std::size_t found = kNone;
  const auto fits = [&](std::size_t index) {
    const Event& event = events_[index];
    return active_[index] && !consumed_[index] && event.kind == Kind::kEntryPoint && event.name == name &&
           (event.adapter == which || which < 0);
  };
  const auto& around = context();
  if (!around.empty()) {
    // A root that asked for itself, or a child of what runs here.
    if (fits(around.back())) found = around.back();
    for (const std::size_t child : events_[around.back()].children)
      if (found == kNone && fits(child)) found = child;
  }
  auto& outside = from_outside_[{name, which}];
  while (found == kNone && !outside.empty()) {
    if (fits(outside.front())) found = outside.front();
    outside.pop_front();
  }
  if (found == kNone) {
    if (!trace_.has_actions || options_.until != 0) return nullptr;
    const Event* inside = around.empty() ? nullptr : &events_[around.back()];
    differ(inside, "call", "none", std::string(name) + " of gpu" + std::to_string(which));
    stop();
  }
  const Event& event = events_[found];
  consumed_[found] = true;
  ++result_.events;
  happened(event.begin);
  context().push_back(found);
  check_cycle(event, event.begin_cycle, "cycle");
  return &event;
}

NTSTATUS Player::end_entry(const Event* event) {
  if (event == nullptr) return STATUS_SUCCESS;
  children(*event, false);
  if (event->end != 0 && event->bugcheck.is_null() && options_.until == 0) {
    take_turn(*event, event->end, event->end_cycle, "return cycle");
    happened(event->end);
  }
  context().pop_back();
  if (!event->status) return STATUS_SUCCESS;
  if (const auto status = value_of(status_names(), *event->status)) return static_cast<NTSTATUS>(*status);
  return static_cast<NTSTATUS>(parse_number(*event->status).value_or(0));
}

NTSTATUS Player::entry(const char* name, const Device& device) {
  return end_entry(begin_entry(name, device.index));
}

NTSTATUS Player::add_device(PVOID* context) {
  const std::size_t index = devices_.size();
  devices_.push_back({index});
  const Event* event = begin_entry("DxgkDdiAddDevice", index);
  const bool taken = event == nullptr || !event->out.is_object() || event->out.value("taken", true);
  const NTSTATUS status = end_entry(event);
  if (NT_SUCCESS(status)) *context = taken ? &devices_.back() : nullptr;
  return status;
}

NTSTATUS Player::link_device(const Device& device, LINKED_DEVICE& link) {
  const Event* event = begin_entry("DxgkDdiLinkDevice", device.index);
  if (event != nullptr && event->out.is_object() && event->out.contains("ChainUid")) {
    link.ChainUid = static_cast<ULONG>(number_of(event->out["ChainUid"]));
    link.NumberOfLinksInChain =
        static_cast<ULONG>(number_of(event->out.value("NumberOfLinksInChain", json(1))));
    link.LeadLink = event->out.value("LeadLink", true) ? TRUE : FALSE;
  } else if (!trace_.system.linked) {
    link = {static_cast<ULONG>(0x1000 + device.index), 1, TRUE};
  }
  return end_entry(event);
}

NTSTATUS Player::start_device(const Device& device) {
  links_ = links_by_adapter(*kernel_, machine_.config().adapters);
  for (const auto& function : kernel_->functions())
    handles_.bind(function->function().name, reinterpret_cast<std::uintptr_t>(function->device_handle));
  // The table is the same for all: their handles stand beside it.
  dxgkrnl::fill_interface(callbacks_, kernel_->functions().front()->device_handle, DXGKDDI_INTERFACE_VERSION);
  return entry("DxgkDdiStartDevice", device);
}

NTSTATUS Player::query(const Device& device, const DXGKARG_QUERYADAPTERINFO& query) {
  const Event* event = begin_entry("DxgkDdiQueryAdapterInfo", device.index);
  if (event == nullptr) {
    answer(device, event, query);
    const bool answered = query.Type == DXGKQAITYPE_PHYSICAL_MEMORY_CAPS ||
                          query.Type == DXGKQAITYPE_IOMMU_CAPS || query.Type == DXGKQAITYPE_DRIVERCAPS;
    return answered ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
  }
  if (event->in.contains("Type") && number_of(event->in["Type"]) != static_cast<std::uint64_t>(query.Type)) {
    differ(event, "Type", event->in["Type"].dump(), std::to_string(query.Type));
    stop();
  }
  answer(device, event, query);
  return end_entry(event);
}

void Player::answer(const Device& device, const Event* event, const DXGKARG_QUERYADAPTERINFO& query) const {
  const json out = event != nullptr && event->out.is_object() ? event->out : json::object();
  const bool remapped = trace_.system.start.iommu != ScenarioStart::Iommu::kOff;
  switch (query.Type) {
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS: {
      DXGK_PHYSICAL_MEMORY_CAPS caps{};
      const auto visible = visible_addresses(machine_, trace_.system);
      const std::uint64_t highest =
          trace_.system.linked ? *std::min_element(visible.begin(), visible.end()) : visible.at(device.index);
      caps.HighestVisibleAddress.QuadPart =
          static_cast<LONGLONG>(number_of(out.value("HighestVisibleAddress", json(highest))));
      (void)answer_with(query, caps);
      break;
    }
    case DXGKQAITYPE_IOMMU_CAPS: {
      DXGK_IOMMU_CAPS caps{};
      caps.IommuIsolationSupported = out.value("IommuIsolationSupported", remapped) ? 1 : 0;
      caps.IommuIsolationRequired = out.value("IommuIsolationRequired", false) ? 1 : 0;
      caps.DmaRemappingSupported = out.value("DmaRemappingSupported", remapped) ? 1 : 0;
      (void)answer_with(query, caps);
      break;
    }
    case DXGKQAITYPE_DRIVERCAPS: {
      DXGK_DRIVERCAPS caps{};
      auto& memory = caps.MemoryManagementCaps;
      memory.IoMmuSecureModeSupported =
          out.value("MemoryManagementCaps.IoMmuSecureModeSupported", remapped) ? 1 : 0;
      memory.IoMmuSecureModeRequired =
          out.value("MemoryManagementCaps.IoMmuSecureModeRequired", false) ? 1 : 0;
      memory.MapAperture2Supported = out.value("MemoryManagementCaps.MapAperture2Supported", true) ? 1 : 0;
      (void)answer_with(query, caps);
      break;
    }
    case DXGKQAITYPE_PHYSICALADAPTERCAPS: {
      DXGK_PHYSICALADAPTERCAPS caps{};
      if (const auto handle = handles_.read(out.value("DxgkPhysicalAdapterHandle", json())))
        caps.DxgkPhysicalAdapterHandle = reinterpret_cast<HANDLE>(*handle);
      (void)answer_with(query, caps);
      break;
    }
    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE: {
      DXGK_FRAMEBUFFERSAVEAREA area{};
      area.MaximumSize = number_of(out.value("MaximumSize", json(0)));
      (void)answer_with(query, area);
      break;
    }
    case DXGKQAITYPE_HARDWARERESERVEDRANGES: {
      if (query.pOutputData == nullptr || query.OutputDataSize < sizeof(DXGK_HARDWARERESERVEDRANGES)) break;
      auto& ranges = *static_cast<DXGK_HARDWARERESERVEDRANGES*>(query.pOutputData);
      ranges.NumRanges = static_cast<UINT32>(number_of(out.value("NumRanges", json(0))));
      if (ranges.pPhysicalRanges == nullptr || !out.contains("pPhysicalRanges")) break;
      for (UINT32 i = 0; i < ranges.NumRanges && i < out["pPhysicalRanges"].size(); ++i) {
        ranges.pPhysicalRanges[i].BaseAddress.QuadPart =
            static_cast<LONGLONG>(number_of(out["pPhysicalRanges"][i][0]));
        ranges.pPhysicalRanges[i].NumberOfBytes.QuadPart =
            static_cast<LONGLONG>(number_of(out["pPhysicalRanges"][i][1]));
      }
      break;
    }
    default:
      break;
  }
}

void Player::entry_root(std::size_t index) {
  const Event& event = events_[index];
  take_turn(event, event.begin, event.begin_cycle, "cycle");
  if (kernel_ == nullptr || event.adapter < 0 || static_cast<std::size_t>(event.adapter) >= devices_.size()) {
    differ(&event, "call", "is made", "no adapter runs");
    stop();
  }
  Device& device = devices_[static_cast<std::size_t>(event.adapter)];
  context().push_back(index);
  try {
    if (event.name == "DxgkDdiEscape") {
      const std::size_t link = device.index < links_.size() ? links_[device.index] : 0;
      std::uint8_t nothing = 0;
      (void)kernel_->escape(&nothing, sizeof nothing, link);
    } else {
      dxgkrnl::CallScope call(kernel_->calls(), event.name, platform_.functions[device.index].name,
                              {nullptr, nullptr, event.adapter});
      call.done(entry(event.name.c_str(), device));
    }
  } catch (...) {
    context().clear();
    throw;
  }
  context().pop_back();
}

// Nobody may unwind the interrupt dispatcher's thread but as it expects.
BOOLEAN Player::interrupt(const Device& device) {
  if (stopped_) return FALSE;
  try {
    const Event* event = begin_entry("DxgkDdiInterruptRoutine", device.index);
    const bool claimed = event == nullptr || !event->out.is_object() || event->out.value("claimed", true);
    (void)end_entry(event);
    return claimed ? TRUE : FALSE;
  } catch (const Stop&) {
    context().clear();
    return TRUE;
  }
}

void Player::dpc(const Device& device) {
  if (stopped_) return;
  try {
    (void)end_entry(begin_entry("DxgkDdiDpcRoutine", device.index));
  } catch (const Stop&) {
    context().clear();
  }
}

}  // namespace gpudmar::sim::replay
