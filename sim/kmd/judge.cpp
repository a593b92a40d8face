// SPDX-License-Identifier: Apache-2.0
// The rules of calls as such: level, arguments, who may call what from where, how entry points end.
#include "sim/kmd/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::sim::kmd {
namespace {

/// Callbacks whose arguments are judged.
bool is_memory_callback(const std::string& name) {
  static const std::set<std::string> names{"DxgkCbCreatePhysicalMemoryObject",
                                           "DxgkCbDestroyPhysicalMemoryObject",
                                           "DxgkCbOpenPhysicalMemoryObject",
                                           "DxgkCbClosePhysicalMemoryObject",
                                           "DxgkCbMapPhysicalMemory",
                                           "DxgkCbUnmapPhysicalMemory",
                                           "DxgkCbAllocateAdl",
                                           "DxgkCbFreeAdl"};
  return names.count(name) != 0;
}

/// Entry points that may not fail, and the rule that says so.
const std::map<std::string, const char*>& must_succeed() {
  static const std::map<std::string, const char*> table{{"DxgkDdiSetPowerState", "E3"},
                                                        {"DxgkDdiSubmitCommand", "E10"},
                                                        {"DxgkDdiPreemptCommand", "E10"},
                                                        {"DxgkDdiResetFromTimeout", "E11"},
                                                        {"DxgkDdiRestartFromTimeout", "E11"}};
  return table;
}

/// Callbacks that take the handle of any adapter, and first. Those that take the lead's are in
/// judge_legacy.cpp.
bool takes_handle(const std::string& name) {
  static const std::set<std::string> names{"DxgkCbAcquirePostDisplayOwnership",
                                           "DxgkCbEvalAcpiMethod",
                                           "DxgkCbExcludeAdapterAccess",
                                           "DxgkCbGetDeviceInformation",
                                           "DxgkCbIndicateChildStatus",
                                           "DxgkCbIsDevicePresent",
                                           "DxgkCbMapMemory",
                                           "DxgkCbNotifyDpc",
                                           "DxgkCbNotifyInterrupt",
                                           "DxgkCbQueryServices",
                                           "DxgkCbQueueDpc",
                                           "DxgkCbReadDeviceSpace",
                                           "DxgkCbSynchronizeExecution",
                                           "DxgkCbUnmapMemory",
                                           "DxgkCbWriteDeviceSpace"};
  return names.count(name) != 0;
}

/// Those of them that tell of an interrupt: it is that of the member whose routine runs.
bool tells_of_interrupt(const std::string& name) {
  return name == "DxgkCbQueueDpc" || name == "DxgkCbNotifyInterrupt" || name == "DxgkCbNotifyDpc";
}

/// Those of them that are for levels below DISPATCH_LEVEL, as the memory callbacks are (R28).
bool needs_low_level(const std::string& name) {
  static const std::set<std::string> names{"DxgkCbAcquirePostDisplayOwnership",
                                           "DxgkCbEvalAcpiMethod",
                                           "DxgkCbExcludeAdapterAccess",
                                           "DxgkCbGetDeviceInformation",
                                           "DxgkCbIsDevicePresent",
                                           "DxgkCbMapMemory",
                                           "DxgkCbQueryServices",
                                           "DxgkCbReadDeviceSpace",
                                           "DxgkCbUnmapMemory",
                                           "DxgkCbWriteDeviceSpace"};
  return names.count(name) != 0;
}

/// Those whose arguments are the driver's to get right: what a device has decides about the others.
bool arguments_are_known(const std::string& name) {
  static const std::set<std::string> names{"DxgkCbGetDeviceInformation", "DxgkCbMapMemory",
                                           "DxgkCbUnmapMemory", "DxgkCbSynchronizeExecution"};
  return names.count(name) != 0;
}

bool is_entry_point(const std::string& name) {
  return name.rfind("DxgkDdi", 0) == 0 || name == "DriverEntry";
}

}  // namespace

void Judge::check(const char* rule, bool kept, const std::string& what) {
  ++looks_[rule];
  if (kept) return;
  broken_.insert(rule);
  ++times_broken_;
  hooks_.broken(rule, what);
}

std::map<std::string, std::uint64_t> Judge::kept() const {
  std::map<std::string, std::uint64_t> kept = looks_;
  for (const std::string& rule : broken_) kept.erase(rule);
  return kept;
}

void Judge::check_level_and_arguments(const std::string& name, const void* arguments) {
  check("R28", hooks_.irql() < DISPATCH_LEVEL, fmt::format("{} at IRQL {}", name, hooks_.irql()));
  check("R29", arguments != nullptr, name + " without arguments");
}

// E14: an interrupt routine queues its DPC and tells of the interrupt, nothing else.
void Judge::check_interrupt_routine(const Thread& thread, const std::string& name) {
  if (thread.calls.empty() || thread.calls.back().name != "DxgkDdiInterruptRoutine") return;
  check("E14", name == "DxgkCbQueueDpc" || name == "DxgkCbNotifyInterrupt",
        name + " in the interrupt routine");
}

// E17: a live handle, and in the routines of an interrupt that member's.
void Judge::check_handle(const Thread& thread, const std::string& name, HANDLE adapter) {
  if (!takes_handle(name)) return;
  const std::optional<int> function = hooks_.function_of(adapter);
  check("E17", function.has_value(),
        fmt::format("{} with {}, which is no adapter's handle", name, fmt::ptr(adapter)));
  if (!function || !tells_of_interrupt(name) || thread.calls.empty()) return;
  const Call& outer = thread.calls.back();
  if (outer.name == "DxgkDdiInterruptRoutine" || outer.name == "DxgkDdiDpcRoutine")
    check("E17", *function == outer.function,
          fmt::format("{} with the handle of adapter {} in {} of adapter {}", name, *function, outer.name,
                      outer.function));
}

void Judge::begins(const std::string& name, const void* arguments, HANDLE adapter, int function) {
  Thread& thread = threads_[hooks_.thread()];
  check_interrupt_routine(thread, name);
  check_handle(thread, name, adapter);
  if (needs_low_level(name))
    check("wdk.irql", hooks_.irql() < DISPATCH_LEVEL, fmt::format("{} at IRQL {}", name, hooks_.irql()));
  if (name == "DxgkDdiStartDevice") thread.asked_for_resources = false;
  if (name == "DxgkCbGetDeviceInformation") thread.asked_for_resources = true;
  thread.calls.push_back({name, hooks_.irql(), function, times_broken_});
  interrupts_begin(thread, name, arguments, adapter, function);
  if (name == "DxgkDdiBuildPagingBuffer" && arguments != nullptr) paging_begins(arguments);
  const bool legacy = is_legacy_callback(name);
  if (!legacy && !is_memory_callback(name)) return;
  check_level_and_arguments(name, arguments);
  if (arguments == nullptr) return;
  if (legacy) return legacy_begins(name, arguments, adapter);
  memory_call_begins(name, arguments);
}

void Judge::memory_call_begins(const std::string& name, const void* arguments) {
  if (name == "DxgkCbCreatePhysicalMemoryObject")
    create(*static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(arguments));
  else if (name == "DxgkCbOpenPhysicalMemoryObject")
    open(*static_cast<const DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT*>(arguments));
  else if (name == "DxgkCbClosePhysicalMemoryObject")
    close(*static_cast<const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT*>(arguments));
  else if (name == "DxgkCbDestroyPhysicalMemoryObject")
    destroy(*static_cast<const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT*>(arguments));
  else if (name == "DxgkCbMapPhysicalMemory")
    map(*static_cast<const DXGKARGCB_MAP_PHYSICAL_MEMORY*>(arguments));
  else if (name == "DxgkCbUnmapPhysicalMemory")
    unmap(*static_cast<const DXGKARGCB_UNMAP_PHYSICAL_MEMORY*>(arguments));
  else if (name == "DxgkCbAllocateAdl")
    allocate_adl(*static_cast<const DXGKARGCB_ALLOCATE_ADL*>(arguments));
  else
    free_adl(*static_cast<const DXGKARGCB_FREE_ADL*>(arguments));
}

// What the kernel refuses and no rule was told of: another thread changed what the call is about since it
// began, or the judge does not know the rule.
void Judge::memory_call_refused(const Call& call, const std::string& name, const void* arguments,
                                NTSTATUS status, bool bugcheck) {
  const bool told = times_broken_ != call.broken;
  if (bugcheck && !told) memory_call_begins(name, arguments);
  if (name == "DxgkCbCreatePhysicalMemoryObject" &&
      static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(arguments)->Type ==
          DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
    return;  // what lies where decides there
  if (!told && !bugcheck)
    check("wdk.arguments", status != STATUS_INVALID_PARAMETER, name + " refuses its arguments");
}

void Judge::check_end_of_ddi(Thread& thread, const std::string& name, NTSTATUS status) {
  const auto rule = must_succeed().find(name);
  if (rule != must_succeed().end())
    check(rule->second, NT_SUCCESS(status),
          fmt::format("{} returns {:#x}", name, static_cast<std::uint32_t>(status)));
  if (name == "DxgkDdiStartDevice" && NT_SUCCESS(status))
    check("E19", thread.asked_for_resources, "StartDevice does not call DxgkCbGetDeviceInformation");
  saving_ends(thread, name);
  const unsigned before = thread.calls.back().irql;
  check("wdk.irql", hooks_.irql() == before,
        fmt::format("{} was entered at IRQL {} and returns at {}", name, before, hooks_.irql()));
}

void Judge::ends(const std::string& name, const void* arguments, NTSTATUS status, bool bugcheck,
                 HANDLE adapter, int function) {
  Thread& thread = threads_[hooks_.thread()];
  // What a status brings about is no bugcheck of the entry point's own.
  const bool answered = !bugcheck || !NT_SUCCESS(status);
  if (is_entry_point(name) && answered && !thread.calls.empty()) check_end_of_ddi(thread, name, status);
  if (!bugcheck) interrupts_end(thread, name, arguments, status, adapter);
  if (arguments_are_known(name) && !bugcheck && hooks_.function_of(adapter).has_value())
    check("wdk.arguments", status != STATUS_INVALID_PARAMETER, name + " refuses its arguments");
  if (is_memory_callback(name) && arguments != nullptr && !thread.calls.empty())
    memory_call_refused(thread.calls.back(), name, arguments, status, bugcheck);
  if (!thread.calls.empty()) thread.calls.pop_back();
  if (bugcheck || arguments == nullptr) return;
  if (name == "DxgkDdiCreateAllocation" && NT_SUCCESS(status))
    return allocation_created(*static_cast<const DXGKARG_CREATEALLOCATION*>(arguments));
  if (name == "DxgkDdiBuildPagingBuffer") return paging_ends(arguments, status);
  if (name == "DxgkDdiQueryAdapterInfo")
    return adapter_info_answered(*static_cast<const DXGKARG_QUERYADAPTERINFO*>(arguments), status, function);
  if (is_legacy_callback(name)) return legacy_ends(name, arguments, adapter, status);
  if (!NT_SUCCESS(status)) return;
  if (name == "DxgkCbCreatePhysicalMemoryObject") {
    created(*static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(arguments));
  } else if (name == "DxgkCbOpenPhysicalMemoryObject") {
    const auto& args = *static_cast<const DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT*>(arguments);
    if (Object* object = find(args.hPhysicalMemoryObject))
      opened(*object, args.hAdapterMemoryObject, args.hAdapter);
  } else if (name == "DxgkCbClosePhysicalMemoryObject") {
    const auto& args = *static_cast<const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT*>(arguments);
    if (Object* object = find_adapter_object(args.hAdapterMemoryObject)) closed(*object);
  } else if (name == "DxgkCbDestroyPhysicalMemoryObject") {
    const auto& args = *static_cast<const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT*>(arguments);
    Object* object = find(args.hPhysicalMemoryObject);
    if (object == nullptr) return;
    if (object->adapter_object != nullptr) closed(*object);
    loan("memory object", args.hPhysicalMemoryObject, object->pages(), false);
    ended_.insert(args.hPhysicalMemoryObject);
    objects_.erase(args.hPhysicalMemoryObject);
  } else if (name == "DxgkCbMapPhysicalMemory") {
    const auto& args = *static_cast<const DXGKARGCB_MAP_PHYSICAL_MEMORY*>(arguments);
    Object* object = find(args.hPhysicalMemoryObject);
    if (object == nullptr) return;
    object->mappings[args.pMappedAddress] = args.Size;
    loan("CPU mapping", args.pMappedAddress, BYTES_TO_PAGES(args.Size), true);
  } else if (name == "DxgkCbUnmapPhysicalMemory") {
    const auto& args = *static_cast<const DXGKARGCB_UNMAP_PHYSICAL_MEMORY*>(arguments);
    Object* object = find(args.hPhysicalMemoryObject);
    if (object == nullptr || object->mappings.erase(args.pBaseAddress) == 0) return;
    loan("CPU mapping", args.pBaseAddress, 0, false);
  } else if (name == "DxgkCbAllocateAdl") {
    adl_allocated(*static_cast<const DXGKARGCB_ALLOCATE_ADL*>(arguments));
  } else if (name == "DxgkCbFreeAdl") {
    adl_freed(*static_cast<const DXGKARGCB_FREE_ADL*>(arguments));
  }
}

}  // namespace gpudmar::sim::kmd
