// SPDX-License-Identifier: Apache-2.0
// The table of entry points, and what a table cannot say: buffers, lists, private data.
#include "sim/replay/entry_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "sim/replay/recorder.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Build = DXGKARG_BUILDPAGINGBUFFER;
using Submit = DXGKARG_SUBMITCOMMAND;
using Patch = DXGKARG_PATCH;

constexpr auto kNumber = FieldKind::kNumber;
constexpr auto kAddress = FieldKind::kAddress;
constexpr auto kHandle = FieldKind::kHandle;

const NameTable kOperations{{"DXGK_OPERATION_TRANSFER", DXGK_OPERATION_TRANSFER},
                            {"DXGK_OPERATION_FILL", DXGK_OPERATION_FILL},
                            {"DXGK_OPERATION_DISCARD_CONTENT", DXGK_OPERATION_DISCARD_CONTENT},
                            {"DXGK_OPERATION_MAP_APERTURE_SEGMENT", DXGK_OPERATION_MAP_APERTURE_SEGMENT},
                            {"DXGK_OPERATION_UNMAP_APERTURE_SEGMENT", DXGK_OPERATION_UNMAP_APERTURE_SEGMENT},
                            {"DXGK_OPERATION_UPDATE_PAGE_TABLE", DXGK_OPERATION_UPDATE_PAGE_TABLE},
                            {"DXGK_OPERATION_NOTIFY_RESIDENCY", DXGK_OPERATION_NOTIFY_RESIDENCY},
                            {"DXGK_OPERATION_MAP_APERTURE_SEGMENT2", DXGK_OPERATION_MAP_APERTURE_SEGMENT2}};

// NOLINTBEGIN(bugprone-macro-parentheses,bugprone-sizeof-expression): members' names; some are pointers
#define GPUDMAR_MEMBER(type, member) offsetof(type, member), sizeof(std::declval<type&>().member)

Field in(const char* name, FieldKind kind, std::size_t offset, std::size_t bytes, int type = -1) {
  return {name, kind, offset, bytes, true, false, false, nullptr, "", type};
}
Field out(const char* name, FieldKind kind, std::size_t offset, std::size_t bytes) {
  return {name, kind, offset, bytes, false, true, false, nullptr, "", -1};
}
Field both(Field field) {
  field.out = true;
  return field;
}
/// Read and written beside the table.
Field by_hand(const char* name, FieldKind kind, bool goes_in, bool comes_out, int type = -1) {
  Field field{name, kind, 0, 8, goes_in, comes_out, false, nullptr, "", type};
  field.by_hand = true;
  return field;
}

std::vector<Field> build_fields() {
  constexpr int kTransfer = DXGK_OPERATION_TRANSFER;
  constexpr int kFill = DXGK_OPERATION_FILL;
  constexpr int kDiscard = DXGK_OPERATION_DISCARD_CONTENT;
  constexpr int kMap = DXGK_OPERATION_MAP_APERTURE_SEGMENT;
  constexpr int kMap2 = DXGK_OPERATION_MAP_APERTURE_SEGMENT2;
  constexpr int kUnmap = DXGK_OPERATION_UNMAP_APERTURE_SEGMENT;
  Field operation = in("Operation", FieldKind::kName, GPUDMAR_MEMBER(Build, Operation));
  operation.names = &kOperations;
  std::vector<Field> fields{
      operation,
      both(in("MultipassOffset", kNumber, GPUDMAR_MEMBER(Build, MultipassOffset))),
      in("DmaSize", kNumber, GPUDMAR_MEMBER(Build, DmaSize)),
      in("DmaBufferPrivateDataSize", kNumber, GPUDMAR_MEMBER(Build, DmaBufferPrivateDataSize)),
      by_hand("DmaBytes", kNumber, false, true),
      by_hand("PrivateBytes", kNumber, false, true),
  };
#define GPUDMAR_FIELD(type, kind, member) in(#member, kind, GPUDMAR_MEMBER(Build, member), type)
#define GPUDMAR_FLAGS(type, member) in(#member ".Value", kNumber, GPUDMAR_MEMBER(Build, member), type)
  const std::vector<Field> more{
      GPUDMAR_FIELD(kTransfer, kHandle, Transfer.hAllocation),
      GPUDMAR_FIELD(kTransfer, kNumber, Transfer.TransferOffset),
      GPUDMAR_FIELD(kTransfer, kNumber, Transfer.TransferSize),
      GPUDMAR_FIELD(kTransfer, kNumber, Transfer.Source.SegmentId),
      by_hand("Transfer.Source.SegmentAddress", kAddress, true, false, kTransfer),
      by_hand("Transfer.Source.pMdl", FieldKind::kPages, true, false, kTransfer),
      GPUDMAR_FIELD(kTransfer, kNumber, Transfer.Destination.SegmentId),
      by_hand("Transfer.Destination.SegmentAddress", kAddress, true, false, kTransfer),
      by_hand("Transfer.Destination.pMdl", FieldKind::kPages, true, false, kTransfer),
      GPUDMAR_FLAGS(kTransfer, Transfer.Flags),
      GPUDMAR_FIELD(kTransfer, kNumber, Transfer.MdlOffset),
      GPUDMAR_FIELD(kFill, kHandle, Fill.hAllocation),
      GPUDMAR_FIELD(kFill, kNumber, Fill.FillSize),
      GPUDMAR_FIELD(kFill, kNumber, Fill.FillPattern),
      GPUDMAR_FIELD(kFill, kNumber, Fill.Destination.SegmentId),
      GPUDMAR_FIELD(kFill, kAddress, Fill.Destination.SegmentAddress),
      GPUDMAR_FIELD(kDiscard, kHandle, DiscardContent.hAllocation),
      GPUDMAR_FLAGS(kDiscard, DiscardContent.Flags),
      GPUDMAR_FIELD(kDiscard, kNumber, DiscardContent.SegmentId),
      GPUDMAR_FIELD(kDiscard, kAddress, DiscardContent.SegmentAddress),
      GPUDMAR_FIELD(kMap, kHandle, MapApertureSegment.hAllocation),
      GPUDMAR_FIELD(kMap, kNumber, MapApertureSegment.SegmentId),
      GPUDMAR_FIELD(kMap, kNumber, MapApertureSegment.OffsetInPages),
      GPUDMAR_FIELD(kMap, kNumber, MapApertureSegment.NumberOfPages),
      by_hand("MapApertureSegment.pMdl", FieldKind::kPages, true, false, kMap),
      GPUDMAR_FLAGS(kMap, MapApertureSegment.Flags),
      GPUDMAR_FIELD(kMap, kNumber, MapApertureSegment.MdlOffset),
      GPUDMAR_FIELD(kMap2, kHandle, MapApertureSegment2.hAllocation),
      GPUDMAR_FIELD(kMap2, kNumber, MapApertureSegment2.SegmentId),
      GPUDMAR_FIELD(kMap2, kNumber, MapApertureSegment2.OffsetInPages),
      GPUDMAR_FIELD(kMap2, kNumber, MapApertureSegment2.NumberOfPages),
      GPUDMAR_FIELD(kMap2, kNumber, MapApertureSegment2.Adl.PageCount),
      by_hand("MapApertureSegment2.Adl.Pages", FieldKind::kPages, true, false, kMap2),
      GPUDMAR_FLAGS(kMap2, MapApertureSegment2.Flags),
      GPUDMAR_FIELD(kMap2, kNumber, MapApertureSegment2.AdlOffset),
      by_hand("MapApertureSegment2.CpuVisible", FieldKind::kBool, true, false, kMap2),
      GPUDMAR_FIELD(kUnmap, kHandle, UnmapApertureSegment.hAllocation),
      GPUDMAR_FIELD(kUnmap, kNumber, UnmapApertureSegment.SegmentId),
      GPUDMAR_FIELD(kUnmap, kNumber, UnmapApertureSegment.OffsetInPages),
      GPUDMAR_FIELD(kUnmap, kNumber, UnmapApertureSegment.NumberOfPages),
      GPUDMAR_FIELD(kUnmap, kAddress, UnmapApertureSegment.DummyPage)};
#undef GPUDMAR_FIELD
#undef GPUDMAR_FLAGS
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

/// Submit and Patch tell of the same part of a buffer.
template <typename T>
std::vector<Field> buffer_fields() {
  return {in("DmaBufferSegmentId", kNumber, GPUDMAR_MEMBER(T, DmaBufferSegmentId)),
          in("DmaBufferPhysicalAddress", kAddress, GPUDMAR_MEMBER(T, DmaBufferPhysicalAddress)),
          in("DmaBufferSize", kNumber, GPUDMAR_MEMBER(T, DmaBufferSize)),
          in("DmaBufferSubmissionStartOffset", kNumber, GPUDMAR_MEMBER(T, DmaBufferSubmissionStartOffset)),
          in("DmaBufferSubmissionEndOffset", kNumber, GPUDMAR_MEMBER(T, DmaBufferSubmissionEndOffset)),
          in("DmaBufferPrivateDataSize", kNumber, GPUDMAR_MEMBER(T, DmaBufferPrivateDataSize)),
          in("DmaBufferPrivateDataSubmissionStartOffset", kNumber,
             GPUDMAR_MEMBER(T, DmaBufferPrivateDataSubmissionStartOffset)),
          in("DmaBufferPrivateDataSubmissionEndOffset", kNumber,
             GPUDMAR_MEMBER(T, DmaBufferPrivateDataSubmissionEndOffset)),
          in("SubmissionFenceId", kNumber, GPUDMAR_MEMBER(T, SubmissionFenceId)),
          in("Flags.Value", kNumber, GPUDMAR_MEMBER(T, Flags)),
          in("EngineOrdinal", kNumber, GPUDMAR_MEMBER(T, EngineOrdinal))};
}

std::vector<Field> query_fields() {
  using Query = DXGKARG_QUERYADAPTERINFO;
  const auto answer = [](const char* name, FieldKind kind) { return by_hand(name, kind, false, true); };
  return {in("Type", kNumber, GPUDMAR_MEMBER(Query, Type)),
          in("InputDataSize", kNumber, GPUDMAR_MEMBER(Query, InputDataSize)),
          in("OutputDataSize", kNumber, GPUDMAR_MEMBER(Query, OutputDataSize)),
          by_hand("PhysicalAdapterIndex", kNumber, true, false),
          answer("HighestVisibleAddress", kAddress),
          answer("IommuIsolationSupported", FieldKind::kBool),
          answer("IommuIsolationRequired", FieldKind::kBool),
          answer("DmaRemappingSupported", FieldKind::kBool),
          answer("MemoryManagementCaps.IoMmuSecureModeSupported", FieldKind::kBool),
          answer("MemoryManagementCaps.IoMmuSecureModeRequired", FieldKind::kBool),
          answer("MemoryManagementCaps.MapAperture2Supported", FieldKind::kBool),
          answer("MemoryManagementCaps.Value", kAddress),
          answer("MemoryManagementCaps.PagingNode", kNumber),
          answer("SchedulingCaps.Value", kAddress),
          answer("SupportPerEngineTDR", FieldKind::kBool),
          answer("DxgkPhysicalAdapterHandle", kHandle),
          answer("MaximumSize", kNumber),
          answer("NumRanges", kNumber),
          answer("pPhysicalRanges", FieldKind::kPages),
          answer("NbSegment", kNumber),
          answer("pSegmentDescriptor", FieldKind::kObjects),
          answer("PagingBufferSegmentId", kNumber),
          answer("PagingBufferSize", kNumber),
          answer("PagingBufferPrivateDataSize", kNumber)};
}

std::map<std::string, Function> make_table() {
  std::map<std::string, Function> table;
  const auto add = [&](const char* name, std::vector<Field> fields, const char* selector = "") {
    Function function;
    function.name = name;
    function.fields = std::move(fields);
    function.selector = selector;
    table.emplace(name, std::move(function));
  };
  add("DxgkDdiAddDevice", {by_hand("taken", FieldKind::kBool, false, true)});
  add("DxgkDdiLinkDevice",
      {out("ChainUid", kNumber, GPUDMAR_MEMBER(LINKED_DEVICE, ChainUid)),
       out("NumberOfLinksInChain", kNumber, GPUDMAR_MEMBER(LINKED_DEVICE, NumberOfLinksInChain)),
       out("LeadLink", FieldKind::kBool, GPUDMAR_MEMBER(LINKED_DEVICE, LeadLink))});
  using Start = dxgkrnl::StartDeviceArguments;
  add("DxgkDdiStartDevice",
      {by_hand("AdapterLuid", kNumber, true, false),
       out("NumberOfVideoPresentSources", kNumber, GPUDMAR_MEMBER(Start, number_of_video_present_sources)),
       out("NumberOfChildren", kNumber, GPUDMAR_MEMBER(Start, number_of_children))});
  using Children = dxgkrnl::ChildRelationsArguments;
  add("DxgkDdiQueryChildRelations",
      {in("ChildRelationsSize", kNumber, GPUDMAR_MEMBER(Children, child_relations_size)),
       by_hand("ChildUid", FieldKind::kWords, false, true)});
  using Interrupt = dxgkrnl::InterruptArguments;
  add("DxgkDdiInterruptRoutine", {in("MessageNumber", kNumber, GPUDMAR_MEMBER(Interrupt, message_number)),
                                  out("claimed", FieldKind::kBool, GPUDMAR_MEMBER(Interrupt, claimed))});
  using Power = dxgkrnl::SetPowerStateArguments;
  add("DxgkDdiSetPowerState", {in("DeviceUid", kNumber, GPUDMAR_MEMBER(Power, device_uid)),
                               in("DevicePowerState", kNumber, GPUDMAR_MEMBER(Power, device_power_state)),
                               in("ActionType", kNumber, GPUDMAR_MEMBER(Power, action_type))});
  using Removal = dxgkrnl::NotifySurpriseRemovalArguments;
  add("DxgkDdiNotifySurpriseRemoval", {in("RemovalType", kNumber, GPUDMAR_MEMBER(Removal, removal_type))});
  add("DxgkDdiBeginExclusiveAccess",
      {in("Reserved", kNumber, GPUDMAR_MEMBER(DXGKARG_BEGINEXCLUSIVEACCESS, Reserved))});
  add("DxgkDdiEndExclusiveAccess",
      {in("Reserved", kNumber, GPUDMAR_MEMBER(DXGKARG_ENDEXCLUSIVEACCESS, Reserved))});
  add("DxgkDdiEscape",
      {in("Flags.Value", kNumber, GPUDMAR_MEMBER(DXGKARG_ESCAPE, Flags)),
       in("PrivateDriverDataSize", kNumber, GPUDMAR_MEMBER(DXGKARG_ESCAPE, PrivateDriverDataSize)),
       by_hand("pPrivateDriverData", FieldKind::kWords, true, true)});
  add("DxgkDdiQueryAdapterInfo", query_fields());
  add("DxgkDdiCreateAllocation",
      {in("NumAllocations", kNumber, GPUDMAR_MEMBER(DXGKARG_CREATEALLOCATION, NumAllocations)),
       in("Flags.Value", kNumber, GPUDMAR_MEMBER(DXGKARG_CREATEALLOCATION, Flags)),
       by_hand("pAllocationInfo", FieldKind::kObjects, true, true)});
  add("DxgkDdiDestroyAllocation",
      {in("NumAllocations", kNumber, GPUDMAR_MEMBER(DXGKARG_DESTROYALLOCATION, NumAllocations)),
       in("Flags.Value", kNumber, GPUDMAR_MEMBER(DXGKARG_DESTROYALLOCATION, Flags)),
       by_hand("pAllocationList", FieldKind::kWords, true, false)});
  add("DxgkDdiBuildPagingBuffer", build_fields(), "Operation");
  std::vector<Field> submit = buffer_fields<Submit>();
  submit.push_back(in("NodeOrdinal", kNumber, GPUDMAR_MEMBER(Submit, NodeOrdinal)));
  add("DxgkDdiSubmitCommand", submit);
  add("DxgkDdiPatch", buffer_fields<Patch>());
  using Preempt = DXGKARG_PREEMPTCOMMAND;
  add("DxgkDdiPreemptCommand", {in("PreemptionFenceId", kNumber, GPUDMAR_MEMBER(Preempt, PreemptionFenceId)),
                                in("NodeOrdinal", kNumber, GPUDMAR_MEMBER(Preempt, NodeOrdinal)),
                                in("EngineOrdinal", kNumber, GPUDMAR_MEMBER(Preempt, EngineOrdinal)),
                                in("Flags.Value", kNumber, GPUDMAR_MEMBER(Preempt, Flags))});
  using Fence = DXGKARG_QUERYCURRENTFENCE;
  add("DxgkDdiQueryCurrentFence", {in("NodeOrdinal", kNumber, GPUDMAR_MEMBER(Fence, NodeOrdinal)),
                                   in("EngineOrdinal", kNumber, GPUDMAR_MEMBER(Fence, EngineOrdinal)),
                                   out("CurrentFence", kNumber, GPUDMAR_MEMBER(Fence, CurrentFence))});
  using Reset = DXGKARG_RESETENGINE;
  add("DxgkDdiResetEngine", {in("NodeOrdinal", kNumber, GPUDMAR_MEMBER(Reset, NodeOrdinal)),
                             in("EngineOrdinal", kNumber, GPUDMAR_MEMBER(Reset, EngineOrdinal)),
                             out("LastAbortedFenceId", kNumber, GPUDMAR_MEMBER(Reset, LastAbortedFenceId))});
  using Status = DXGKARG_QUERYENGINESTATUS;
  add("DxgkDdiQueryEngineStatus", {in("NodeOrdinal", kNumber, GPUDMAR_MEMBER(Status, NodeOrdinal)),
                                   in("EngineOrdinal", kNumber, GPUDMAR_MEMBER(Status, EngineOrdinal)),
                                   out("EngineStatus.Value", kNumber, GPUDMAR_MEMBER(Status, EngineStatus))});
  using Group = DXGKARG_QUERYDEPENDENTENGINEGROUP;
  add("DxgkDdiQueryDependentEngineGroup",
      {in("NodeOrdinal", kNumber, GPUDMAR_MEMBER(Group, NodeOrdinal)),
       in("EngineOrdinal", kNumber, GPUDMAR_MEMBER(Group, EngineOrdinal)),
       out("DependentNodeOrdinalMask", kAddress, GPUDMAR_MEMBER(Group, DependentNodeOrdinalMask))});
  using Report = DXGKARG_COLLECTDBGINFO;
  add("DxgkDdiCollectDbgInfo", {in("Reason", kAddress, GPUDMAR_MEMBER(Report, Reason)),
                                in("BufferSize", kNumber, GPUDMAR_MEMBER(Report, BufferSize))});
  return table;
}

/// Members of DXGK_ALLOCATIONINFO that the driver fills in; hAllocation stands beside them.
const Function& allocation_info() {
  using Info = DXGK_ALLOCATIONINFO;
  static const Function function = [] {
    Function info;
    info.fields = {out("Alignment", kNumber, GPUDMAR_MEMBER(Info, Alignment)),
                   out("Size", kNumber, GPUDMAR_MEMBER(Info, Size)),
                   out("PitchAlignedSize", kNumber, GPUDMAR_MEMBER(Info, PitchAlignedSize)),
                   out("HintedBank.Value", kAddress, GPUDMAR_MEMBER(Info, HintedBank)),
                   out("PreferredSegment.Value", kAddress, GPUDMAR_MEMBER(Info, PreferredSegment)),
                   out("SupportedReadSegmentSet", kAddress, GPUDMAR_MEMBER(Info, SupportedReadSegmentSet)),
                   out("SupportedWriteSegmentSet", kAddress, GPUDMAR_MEMBER(Info, SupportedWriteSegmentSet)),
                   out("EvictionSegmentSet", kAddress, GPUDMAR_MEMBER(Info, EvictionSegmentSet)),
                   out("PhysicalAdapterIndex", kNumber, GPUDMAR_MEMBER(Info, PhysicalAdapterIndex)),
                   out("FlagsWddm2.Value", kAddress, GPUDMAR_MEMBER(Info, FlagsWddm2)),
                   out("AllocationPriority", kNumber, GPUDMAR_MEMBER(Info, AllocationPriority))};
    return info;
  }();
  return function;
}
// NOLINTEND(bugprone-macro-parentheses,bugprone-sizeof-expression): the tables end
#undef GPUDMAR_MEMBER

const std::map<std::string, Function>& entry_points_table() {
  static const std::map<std::string, Function> table = make_table();
  return table;
}

template <typename T>
const T& as(const void* arguments) {
  return *static_cast<const T*>(arguments);
}

json pages_of(const MDL* mdl) {
  const auto* const list = MmGetMdlPfnArray(mdl);
  const std::size_t count =
      ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl));
  return runs(std::vector<std::uint64_t>(list, list + count));
}

json pages_of(const DXGK_ADL& adl) {
  std::vector<std::uint64_t> numbers;
  for (UINT32 i = 0; i < adl.PageCount; ++i)
    numbers.push_back(adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i]);
  return runs(numbers);
}

void build_arguments(const Build& args, json& in) {
  const auto side = [&](const char* name, const auto& place) {
    const std::string prefix = std::string("Transfer.") + name;
    if (place.SegmentId != 0)
      in[prefix + ".SegmentAddress"] = hex(static_cast<std::uint64_t>(place.SegmentAddress.QuadPart));
    else if (place.pMdl != nullptr)
      in[prefix + ".pMdl"] = pages_of(place.pMdl);
  };
  switch (args.Operation) {
    case DXGK_OPERATION_TRANSFER:
      side("Source", args.Transfer.Source);
      side("Destination", args.Transfer.Destination);
      break;
    case DXGK_OPERATION_MAP_APERTURE_SEGMENT:
      in["MapApertureSegment.pMdl"] = pages_of(args.MapApertureSegment.pMdl);
      break;
    case DXGK_OPERATION_MAP_APERTURE_SEGMENT2:
      in["MapApertureSegment2.Adl.Pages"] = pages_of(args.MapApertureSegment2.Adl);
      in["MapApertureSegment2.CpuVisible"] = args.MapApertureSegment2.CpuVisibleAddress != nullptr;
      break;
    default:
      break;
  }
}

}  // namespace

const Function* find_entry_point(const std::string& name) {
  const auto it = entry_points_table().find(name);
  return it == entry_points_table().end() ? nullptr : &it->second;
}

std::string entry_point_error(const std::string& name, const json& in, const json& out) {
  const Function* const function = find_entry_point(name);
  for (const bool goes_in : {true, false}) {
    const json& values = goes_in ? in : out;
    if (!values.is_object()) continue;
    const char* const side = goes_in ? "in" : "out";
    for (const auto& [key, value] : values.items()) {
      const Field* const field = function == nullptr ? nullptr : find_field(*function, key, goes_in, in);
      if (field == nullptr)
        return fmt::format("'{}.{}': no field that {} {}", side, key, goes_in ? "goes into" : "comes out of",
                           name);
      if (const std::string error = value_error(*field, value); !error.empty())
        return fmt::format("'{}.{}': {}", side, key, error);
    }
  }
  if (name != "DxgkDdiCreateAllocation" || !out.is_object() || !out.contains("pAllocationInfo")) return "";
  for (const json& info : out["pAllocationInfo"])
    for (const auto& [key, value] : info.items()) {
      Field handle;
      handle.kind = kHandle;
      const Field* const field =
          key == "hAllocation" ? &handle : find_field(allocation_info(), key, false, in);
      if (field == nullptr) return fmt::format("'out.pAllocationInfo': no member '{}'", key);
      if (const std::string error = value_error(*field, value); !error.empty())
        return fmt::format("'out.pAllocationInfo.{}': {}", key, error);
    }
  return "";
}

EntryPointBegin entry_point_begins(const std::string& name, const void* arguments, const Handles& handles) {
  EntryPointBegin begin;
  if (arguments == nullptr) return begin;
  if (name == "DxgkDdiBuildPagingBuffer") {
    begin.dma_buffer = as<Build>(arguments).pDmaBuffer;
    begin.private_data = as<Build>(arguments).pDmaBufferPrivateData;
  }
  if (name == "DxgkDdiEscape") {
    const auto& args = as<DXGKARG_ESCAPE>(arguments);
    begin.words = words_of(args.pPrivateDriverData, args.PrivateDriverDataSize, handles);
  }
  return begin;
}

json entry_point_arguments(const std::string& name, const void* arguments, const Handles& handles) {
  const Function* const function = find_entry_point(name);
  if (function == nullptr || arguments == nullptr || name == "DxgkDdiAddDevice") return json::object();
  json in = show_in(*function, arguments, handles);
  if (name == "DxgkDdiBuildPagingBuffer") {
    build_arguments(as<Build>(arguments), in);
  } else if (name == "DxgkDdiEscape") {
    const auto& args = as<DXGKARG_ESCAPE>(arguments);
    in["pPrivateDriverData"] = words_of(args.pPrivateDriverData, args.PrivateDriverDataSize, handles);
  } else if (name == "DxgkDdiStartDevice") {
    in["AdapterLuid"] = as<dxgkrnl::StartDeviceArguments>(arguments).start_info->AdapterLuid.LowPart;
  } else if (name == "DxgkDdiQueryAdapterInfo") {
    const auto& query = as<DXGKARG_QUERYADAPTERINFO>(arguments);
    if (query.pInputData != nullptr && query.InputDataSize >= sizeof(UINT))
      in["PhysicalAdapterIndex"] = *static_cast<const UINT*>(query.pInputData);
  } else if (name == "DxgkDdiCreateAllocation") {
    const auto& args = as<DXGKARG_CREATEALLOCATION>(arguments);
    json list = json::array();
    for (UINT i = 0; i < args.NumAllocations; ++i) {
      const DXGK_ALLOCATIONINFO& info = args.pAllocationInfo[i];
      list.push_back(
          {{"pPrivateDriverData", words_of(info.pPrivateDriverData, info.PrivateDriverDataSize, handles)},
           {"PrivateDriverDataSize", info.PrivateDriverDataSize}});
    }
    in["pAllocationInfo"] = list;
  } else if (name == "DxgkDdiDestroyAllocation") {
    const auto& args = as<DXGKARG_DESTROYALLOCATION>(arguments);
    in["pAllocationList"] = words_of(args.pAllocationList, args.NumAllocations * sizeof(HANDLE), handles);
  }
  return in;
}

json entry_point_result(const std::string& name, const void* arguments, const EntryPointBegin& begin,
                        const Handles& handles, std::int32_t status, const NameHandle& handle_name) {
  const Function* const function = find_entry_point(name);
  if (function == nullptr || arguments == nullptr) return json::object();
  const bool building = name == "DxgkDdiBuildPagingBuffer";
  if (!NT_SUCCESS(status) && !building) return json::object();
  if (name == "DxgkDdiAddDevice") return {{"taken", *static_cast<PVOID const*>(arguments) != nullptr}};
  if (name == "DxgkDdiQueryAdapterInfo")
    return query_result(as<DXGKARG_QUERYADAPTERINFO>(arguments), handles);
  json out = show_out(*function, arguments, handle_name);
  if (building) {
    const auto& args = as<Build>(arguments);
    const auto moved = [](const void* from, const void* to) {
      return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(to) -
                                        reinterpret_cast<std::uintptr_t>(from));
    };
    out["DmaBytes"] = moved(begin.dma_buffer, args.pDmaBuffer);
    out["PrivateBytes"] = moved(begin.private_data, args.pDmaBufferPrivateData);
  } else if (name == "DxgkDdiQueryChildRelations") {
    const auto& args = as<dxgkrnl::ChildRelationsArguments>(arguments);
    json children = json::array();
    for (std::size_t i = 0; i < args.child_relations_size / sizeof(DXGK_CHILD_DESCRIPTOR) &&
                            args.child_relations[i].ChildDeviceType != TypeUninitialized;
         ++i)
      children.push_back(hex(args.child_relations[i].ChildUid));
    out["ChildUid"] = children;
  } else if (name == "DxgkDdiEscape") {
    const auto& args = as<DXGKARG_ESCAPE>(arguments);
    json words = words_of(args.pPrivateDriverData, args.PrivateDriverDataSize, handles);
    if (words != begin.words) out["pPrivateDriverData"] = std::move(words);
  } else if (name == "DxgkDdiCreateAllocation") {
    const auto& args = as<DXGKARG_CREATEALLOCATION>(arguments);
    Field handle;
    handle.name = "hAllocation";
    handle.makes = "handle";
    json list = json::array();
    for (UINT i = 0; i < args.NumAllocations; ++i) {
      json info = show_out(allocation_info(), &args.pAllocationInfo[i], handle_name);
      info["hAllocation"] =
          handle_name(handle, reinterpret_cast<std::uintptr_t>(args.pAllocationInfo[i].hAllocation));
      list.push_back(std::move(info));
    }
    out["pAllocationInfo"] = list;
  }
  return out;
}

void answer_entry_point(const std::string& name, const json& out, void* arguments, const HandleValue& value) {
  const Function* const function = find_entry_point(name);
  if (function == nullptr || arguments == nullptr || !out.is_object()) return;
  fill_out(*function, out, arguments);
  if (name == "DxgkDdiBuildPagingBuffer") {
    auto& args = *static_cast<Build*>(arguments);
    const std::uint64_t bytes = number_of(out.value("DmaBytes", json(0)));
    const std::uint64_t private_bytes = number_of(out.value("PrivateBytes", json(0)));
    args.pDmaBuffer = static_cast<UCHAR*>(args.pDmaBuffer) + bytes;
    args.DmaSize -= static_cast<UINT>(bytes);
    args.pDmaBufferPrivateData = static_cast<UCHAR*>(args.pDmaBufferPrivateData) + private_bytes;
    args.DmaBufferPrivateDataSize -= static_cast<UINT>(private_bytes);
  } else if (name == "DxgkDdiQueryChildRelations" && out.contains("ChildUid")) {
    auto& args = *static_cast<dxgkrnl::ChildRelationsArguments*>(arguments);
    const json& children = out["ChildUid"];
    const std::size_t room = args.child_relations_size / sizeof(DXGK_CHILD_DESCRIPTOR);
    for (std::size_t i = 0; i < std::min(room, children.size()); ++i) {
      args.child_relations[i].ChildDeviceType = TypeOther;
      args.child_relations[i].ChildUid = static_cast<ULONG>(number_of(children[i]));
    }
  } else if (name == "DxgkDdiCreateAllocation" && out.contains("pAllocationInfo")) {
    auto& args = *static_cast<DXGKARG_CREATEALLOCATION*>(arguments);
    const json& list = out["pAllocationInfo"];
    for (UINT i = 0; i < args.NumAllocations && i < list.size(); ++i) {
      fill_out(allocation_info(), list[i], &args.pAllocationInfo[i]);
      args.pAllocationInfo[i].hAllocation =
          reinterpret_cast<HANDLE>(value(list[i].value("hAllocation", json())));
    }
  }
}

bool is_placement(const std::string& field) {
  static const std::set<std::string> all{"PageFrames",
                                         "Pages",
                                         "VirtualAddress",
                                         "DmaBufferPhysicalAddress",
                                         "Transfer.Source.pMdl",
                                         "Transfer.Destination.pMdl",
                                         "MapApertureSegment.pMdl",
                                         "MapApertureSegment2.Adl.Pages",
                                         "UnmapApertureSegment.DummyPage"};
  return all.count(field) != 0;
}

bool is_paging_notice(const std::string& name, const json& in) {
  if (name == "DxgkCbNotifyDpc") return true;
  if (name != "DxgkCbNotifyInterrupt" || !in.contains("InterruptType")) return false;
  const Function& function = *find_function(name);
  return std::any_of(function.fields.begin(), function.fields.end(),
                     [&](const Field& field) { return field.type >= 0 && applies(function, field, in); });
}

bool is_paging_entry_point(const std::string& name) {
  static const std::set<std::string> all{"DxgkDdiCreateAllocation",
                                         "DxgkDdiDestroyAllocation",
                                         "DxgkDdiBuildPagingBuffer",
                                         "DxgkDdiSubmitCommand",
                                         "DxgkDdiPatch",
                                         "DxgkDdiPreemptCommand",
                                         "DxgkDdiQueryCurrentFence",
                                         "DxgkDdiResetEngine",
                                         "DxgkDdiQueryEngineStatus",
                                         "DxgkDdiCollectDbgInfo",
                                         "DxgkDdiResetFromTimeout",
                                         "DxgkDdiRestartFromTimeout",
                                         "DxgkDdiQueryDependentEngineGroup"};
  return all.count(name) != 0;
}

std::string entry_points_markdown() {
  std::string text = "| entry point | `in` | `out` |\n|---|---|---|\n";
  for (const auto& [name, function] : entry_points_table()) {
    std::string given;
    std::string made;
    for (const Field& field : function.fields) {
      if (field.in) given += fmt::format("{}`{}`", given.empty() ? "" : " ", field.name);
      if (field.out) made += fmt::format("{}`{}`", made.empty() ? "" : " ", field.name);
    }
    text += fmt::format("| `{}` | {} | {} |\n", name, given, made);
  }
  return text;
}

}  // namespace gpudmar::sim::replay
