// SPDX-License-Identifier: Apache-2.0
// Entry points without a mind of their own.
#include "sim/replay/player_driver.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <systemc>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "sim/replay/entry_points.h"
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
NTSTATUS StartDevice(IN_CONST_PVOID context, IN_PDXGK_START_INFO info, IN_PDXGKRNL_INTERFACE,
                     OUT_PULONG sources, OUT_PULONG children) {
  dxgkrnl::StartDeviceArguments args{info, 0, 0};
  const NTSTATUS status = Player::active().start_device(device_of(context), args);
  *sources = args.number_of_video_present_sources;
  *children = args.number_of_children;
  return status;
}
NTSTATUS StopDevice(IN_CONST_PVOID context) {
  return Player::active().entry("DxgkDdiStopDevice", device_of(context));
}
NTSTATUS RemoveDevice(IN_CONST_PVOID context) {
  return Player::active().entry("DxgkDdiRemoveDevice", device_of(context));
}
NTSTATUS SetPowerState(IN_CONST_PVOID context, IN_ULONG uid, IN_DEVICE_POWER_STATE state,
                       IN_POWER_ACTION action) {
  dxgkrnl::SetPowerStateArguments args{uid, state, action};
  return Player::active().entry("DxgkDdiSetPowerState", device_of(context), &args);
}
NTSTATUS QueryChildRelations(IN_CONST_PVOID context, PDXGK_CHILD_DESCRIPTOR list, ULONG size) {
  dxgkrnl::ChildRelationsArguments args{list, size};
  return Player::active().entry("DxgkDdiQueryChildRelations", device_of(context), &args);
}
NTSTATUS NotifySurpriseRemoval(PVOID context, int type) {
  dxgkrnl::NotifySurpriseRemovalArguments args{type};
  return Player::active().entry("DxgkDdiNotifySurpriseRemoval", device_of(context), &args);
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
NTSTATUS BeginExclusiveAccess(IN_CONST_HANDLE context, IN_PDXGKARG_BEGINEXCLUSIVEACCESS args) {
  return Player::active().entry("DxgkDdiBeginExclusiveAccess", device_of(context), args);
}
NTSTATUS EndExclusiveAccess(IN_CONST_HANDLE context, IN_PDXGKARG_ENDEXCLUSIVEACCESS args) {
  return Player::active().entry("DxgkDdiEndExclusiveAccess", device_of(context), args);
}
NTSTATUS SubmitCommand(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_SUBMITCOMMAND args) {
  return Player::active().submit(device_of(context), *args);
}
NTSTATUS CreateAllocation(IN_CONST_HANDLE context, INOUT_PDXGKARG_CREATEALLOCATION args) {
  return Player::active().entry("DxgkDdiCreateAllocation", device_of(context), args);
}
NTSTATUS DestroyAllocation(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_DESTROYALLOCATION args) {
  return Player::active().entry("DxgkDdiDestroyAllocation", device_of(context),
                                const_cast<DXGKARG_DESTROYALLOCATION*>(args));
}
NTSTATUS BuildPagingBuffer(IN_CONST_HANDLE context, IN_PDXGKARG_BUILDPAGINGBUFFER args) {
  return Player::active().entry("DxgkDdiBuildPagingBuffer", device_of(context), args);
}
NTSTATUS Patch(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_PATCH args) {
  return Player::active().entry("DxgkDdiPatch", device_of(context), const_cast<DXGKARG_PATCH*>(args));
}
NTSTATUS PreemptCommand(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_PREEMPTCOMMAND args) {
  return Player::active().entry("DxgkDdiPreemptCommand", device_of(context),
                                const_cast<DXGKARG_PREEMPTCOMMAND*>(args));
}
NTSTATUS QueryCurrentFence(IN_CONST_HANDLE context, INOUT_PDXGKARG_QUERYCURRENTFENCE args) {
  return Player::active().entry("DxgkDdiQueryCurrentFence", device_of(context), args);
}
NTSTATUS ResetEngine(IN_CONST_HANDLE context, INOUT_PDXGKARG_RESETENGINE args) {
  return Player::active().entry("DxgkDdiResetEngine", device_of(context), args);
}
NTSTATUS QueryEngineStatus(IN_CONST_HANDLE context, INOUT_PDXGKARG_QUERYENGINESTATUS args) {
  return Player::active().entry("DxgkDdiQueryEngineStatus", device_of(context), args);
}
NTSTATUS QueryDependentEngineGroup(IN_CONST_HANDLE context, INOUT_DXGKARG_QUERYDEPENDENTENGINEGROUP args) {
  return Player::active().entry("DxgkDdiQueryDependentEngineGroup", device_of(context), args);
}
NTSTATUS CollectDbgInfo(IN_CONST_HANDLE context, IN_CONST_PDXGKARG_COLLECTDBGINFO args) {
  return Player::active().entry("DxgkDdiCollectDbgInfo", device_of(context),
                                const_cast<DXGKARG_COLLECTDBGINFO*>(args));
}
NTSTATUS ResetFromTimeout(IN_CONST_HANDLE context) {
  return Player::active().entry("DxgkDdiResetFromTimeout", device_of(context));
}
NTSTATUS RestartFromTimeout(IN_CONST_HANDLE context) {
  return Player::active().entry("DxgkDdiRestartFromTimeout", device_of(context));
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

void answer_segments(const json& out, DXGK_QUERYSEGMENTOUT4& answer) {
  const auto number = [](const json& values, const char* key) {
    return number_of(values.value(key, json(0)));
  };
  const UINT room = answer.NbSegment;
  answer.NbSegment = static_cast<UINT>(number(out, "NbSegment"));
  answer.PagingBufferSegmentId = static_cast<UINT>(number(out, "PagingBufferSegmentId"));
  answer.PagingBufferSize = static_cast<UINT>(number(out, "PagingBufferSize"));
  answer.PagingBufferPrivateDataSize = static_cast<UINT>(number(out, "PagingBufferPrivateDataSize"));
  if (answer.pSegmentDescriptor == nullptr || !out.contains("pSegmentDescriptor")) return;
  const json& list = out["pSegmentDescriptor"];
  for (UINT i = 0; i < std::min<std::size_t>(room, list.size()); ++i) {
    DXGK_SEGMENTDESCRIPTOR4 segment{};
    segment.Flags.Value = static_cast<UINT>(number(list[i], "Flags"));
    segment.BaseAddress.QuadPart = static_cast<LONGLONG>(number(list[i], "BaseAddress"));
    segment.Size = number(list[i], "Size");
    segment.CommitLimit = number(list[i], "CommitLimit");
    segment.CpuTranslatedAddress.QuadPart = static_cast<LONGLONG>(number(list[i], "CpuTranslatedAddress"));
    std::memcpy(answer.pSegmentDescriptor + i * answer.SegmentDescriptorStride, &segment, sizeof segment);
  }
}

constexpr std::uint64_t kDriverHandles = 0x6000'0000'0000;

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
    // Who says nothing of them takes no part in paging.
#define GPUDMAR_ENTRY_POINT(name) \
  if (!all && has("DxgkDdi" #name)) data.DxgkDdi##name = name
  GPUDMAR_ENTRY_POINT(CreateAllocation);
  GPUDMAR_ENTRY_POINT(DestroyAllocation);
  GPUDMAR_ENTRY_POINT(BuildPagingBuffer);
  GPUDMAR_ENTRY_POINT(SubmitCommand);
  GPUDMAR_ENTRY_POINT(Patch);
  GPUDMAR_ENTRY_POINT(PreemptCommand);
  GPUDMAR_ENTRY_POINT(QueryCurrentFence);
  GPUDMAR_ENTRY_POINT(ResetFromTimeout);
  GPUDMAR_ENTRY_POINT(RestartFromTimeout);
  GPUDMAR_ENTRY_POINT(ResetEngine);
  GPUDMAR_ENTRY_POINT(QueryEngineStatus);
  GPUDMAR_ENTRY_POINT(QueryDependentEngineGroup);
  GPUDMAR_ENTRY_POINT(CollectDbgInfo);
#undef GPUDMAR_ENTRY_POINT
  if (!all && has("DxgkDdiQueryChildRelations")) data.DxgkDdiQueryChildRelations = QueryChildRelations;
  if (!all && has("DxgkDdiNotifySurpriseRemoval"))
    data.DxgkDdiNotifySurpriseRemoval =
        reinterpret_cast<decltype(data.DxgkDdiNotifySurpriseRemoval)>(NotifySurpriseRemoval);
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

const Event* Player::begin_entry(const char* name, std::size_t adapter, const void* arguments) {
  if (stopped_) stop();
  const int which = adapter == static_cast<std::size_t>(-1) ? -1 : static_cast<int>(adapter);
  std::size_t found = kNone;
  const auto fits = [&](std::size_t index) {
    const Event& event = events_[index];
    return active_[index] && !consumed_[index] && event.kind == Kind::kEntryPoint && event.name == name &&
           (event.adapter == which || event.adapter < 0 || which < 0);
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
  compare_arguments(event, arguments);
  return &event;
}

// What the system hands to the driver. An escape is user mode's, and what is in it nobody makes up again.
void Player::compare_arguments(const Event& event, const void* arguments) {
  if (arguments == nullptr || event.name == "DxgkDdiEscape") return;
  const json got = entry_point_arguments(event.name, arguments, handles_);
  for (const auto& [field, expected] : event.in.items()) {
    if (is_placement(field) && !options_.cycles) continue;
    const auto here = got.find(field);
    if (here != got.end() && same_value(*here, expected)) continue;
    context().pop_back();
    differ(&event, "in." + field, expected.dump(), here == got.end() ? "nothing" : here->dump());
    stop();
  }
}

// The driver's own handles: values that nobody looks behind.
std::uint64_t Player::driver_handle(const json& name) {
  if (name.is_null()) return 0;
  const std::uint64_t value = kDriverHandles + 16 * driver_handles_++;
  if (const std::string told = Handles::name_in(name); !told.empty()) handles_.bind(told, value);
  return value;
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

NTSTATUS Player::entry(const char* name, const Device& device, void* arguments) {
  const Event* event = begin_entry(name, device.index, arguments);
  const NTSTATUS status = end_entry(event);
  if (event != nullptr)
    answer_entry_point(name, event->out, arguments,
                       [this](const json& handle) { return driver_handle(handle); });
  return status;
}

NTSTATUS Player::submit(const Device& device, const DXGKARG_SUBMITCOMMAND& args) {
  places_.submitted(device.index < links_.size() ? links_[device.index] : device.index, args.EngineOrdinal,
                    static_cast<std::uint64_t>(args.DmaBufferPhysicalAddress.QuadPart), args.DmaBufferSize);
  return entry("DxgkDdiSubmitCommand", device, const_cast<DXGKARG_SUBMITCOMMAND*>(&args));
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

NTSTATUS Player::start_device(const Device& device, dxgkrnl::StartDeviceArguments& args) {
  links_ = links_by_adapter(*kernel_, machine_.config().adapters);
  for (const auto& function : kernel_->functions())
    handles_.bind(function->function().name, reinterpret_cast<std::uintptr_t>(function->device_handle));
  // The table is the same for all: their handles stand beside it.
  dxgkrnl::fill_interface(callbacks_, kernel_->functions().front()->device_handle, DXGKDDI_INTERFACE_VERSION);
  return entry("DxgkDdiStartDevice", device, &args);
}

NTSTATUS Player::query(const Device& device, const DXGKARG_QUERYADAPTERINFO& query) {
  const Event* event = begin_entry("DxgkDdiQueryAdapterInfo", device.index, &query);
  if (event == nullptr) {
    answer(device, event, query);
    const bool answered = query.Type == DXGKQAITYPE_PHYSICAL_MEMORY_CAPS ||
                          query.Type == DXGKQAITYPE_IOMMU_CAPS || query.Type == DXGKQAITYPE_DRIVERCAPS;
    return answered ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
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
      memory.Value = static_cast<UINT>(number_of(out.value("MemoryManagementCaps.Value", json(0))));
      memory.PagingNode = static_cast<UINT>(number_of(out.value("MemoryManagementCaps.PagingNode", json(0))));
      caps.SchedulingCaps.Value = static_cast<UINT>(number_of(out.value("SchedulingCaps.Value", json(0))));
      caps.SupportPerEngineTDR = out.value("SupportPerEngineTDR", false) ? TRUE : FALSE;
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
    case DXGKQAITYPE_QUERYSEGMENT4:
      if (query.pOutputData != nullptr && query.OutputDataSize >= sizeof(DXGK_QUERYSEGMENTOUT4))
        answer_segments(out, *static_cast<DXGK_QUERYSEGMENTOUT4*>(query.pOutputData));
      break;
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
      const std::size_t link = link_index(*kernel_, device.index).value_or(0);
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
