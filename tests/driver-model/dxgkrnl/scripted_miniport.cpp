// SPDX-License-Identifier: Apache-2.0
// Entry points of the scripted miniport.
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <list>

#include "driver-model/dxgkrnl/bugcheck.h"

namespace gpudmar::dxgkrnl {
namespace {

Script* g_script = nullptr;

struct Device {
  std::size_t index;
};
std::list<Device> g_devices;

Device& device_of(PVOID context) { return *static_cast<Device*>(context); }

NTSTATUS note(const std::string& call) {
  Script& script = Script::active();
  script.calls.push_back(call);
  const bool counts =
      call.rfind("Query", 0) != 0 && call.rfind("Interrupt", 0) != 0 && call.rfind("Dpc", 0) != 0;
  if (counts && script.fail_after && (*script.fail_after)-- == 0) {
    script.fail_after.reset();
    script.failed_call = call;
    return STATUS_IO_TIMEOUT;
  }
  const auto it = script.status.find(call);
  return it == script.status.end() ? STATUS_SUCCESS : it->second;
}

NTSTATUS note(const char* call, PVOID context) {
  return note(std::string(call) + ' ' + std::to_string(device_of(context).index));
}

NTSTATUS add_device(const PDEVICE_OBJECT, PVOID* context) {
  g_devices.push_back({g_devices.size()});
  *context = &g_devices.back();
  const NTSTATUS status = note("AddDevice", *context);
  if (Script::active().declined.count(g_devices.size() - 1) != 0) *context = nullptr;
  return status;
}

NTSTATUS link_device(const PDEVICE_OBJECT, const PVOID context, PLINKED_DEVICE link) {
  if (Script::active().link) Script::active().link(device_of(context).index, *link);
  return note("LinkDevice", context);
}

// What is asked for one physical adapter.
NTSTATUS query_physical_adapter(IN_CONST_PDXGKARG_QUERYADAPTERINFO args) {
  Script& script = Script::active();
  if (args->pInputData == nullptr || args->InputDataSize != sizeof(UINT)) {
    ADD_FAILURE() << "type " << args->Type << " without the index";
    return STATUS_INVALID_PARAMETER;
  }
  const UINT index = *static_cast<const UINT*>(args->pInputData);
  std::string query = std::to_string(args->Type) + " of " + std::to_string(index);
  NTSTATUS status = STATUS_NOT_SUPPORTED;
  if (args->Type == DXGKQAITYPE_PHYSICALADAPTERCAPS && script.physical_caps) {
    EXPECT_EQ(args->OutputDataSize, sizeof(DXGK_PHYSICALADAPTERCAPS));
    script.physical_caps(index, *static_cast<DXGK_PHYSICALADAPTERCAPS*>(args->pOutputData));
    status = STATUS_SUCCESS;
  } else if (args->Type == DXGKQAITYPE_FRAMEBUFFERSAVESIZE && script.save_size.count(index) != 0) {
    EXPECT_EQ(args->OutputDataSize, sizeof(DXGK_FRAMEBUFFERSAVEAREA));
    static_cast<DXGK_FRAMEBUFFERSAVEAREA*>(args->pOutputData)->MaximumSize = script.save_size[index];
    status = STATUS_SUCCESS;
  } else if (args->Type == DXGKQAITYPE_HARDWARERESERVEDRANGES && script.reserved.count(index) != 0) {
    EXPECT_EQ(args->OutputDataSize, sizeof(DXGK_HARDWARERESERVEDRANGES));
    auto* out = static_cast<DXGK_HARDWARERESERVEDRANGES*>(args->pOutputData);
    const auto& ranges = script.reserved[index];
    if (out->pPhysicalRanges != nullptr) {
      query += " for " + std::to_string(out->NumRanges) + " ranges";
      std::copy(ranges.begin(),
                ranges.begin() +
                    std::min<std::ptrdiff_t>(out->NumRanges, static_cast<std::ptrdiff_t>(ranges.size())),
                out->pPhysicalRanges);
    }
    out->NumRanges = static_cast<UINT32>(ranges.size());
    status = STATUS_SUCCESS;
  }
  script.queries.push_back(query);
  return status;
}

NTSTATUS query_adapter_info(const HANDLE, IN_CONST_PDXGKARG_QUERYADAPTERINFO args) {
  Script& script = Script::active();
  note("QueryAdapterInfo " + std::to_string(args->Type));
  if (script.on_query) script.on_query(args->Type);
  const auto it = script.query_status.find(args->Type);
  if (it != script.query_status.end() && !NT_SUCCESS(it->second)) return it->second;
  if (args->Type == DXGKQAITYPE_PHYSICALADAPTERCAPS || args->Type == DXGKQAITYPE_FRAMEBUFFERSAVESIZE ||
      args->Type == DXGKQAITYPE_HARDWARERESERVEDRANGES)
    return query_physical_adapter(args);
  EXPECT_TRUE(args->pInputData == nullptr && args->InputDataSize == 0) << "R3: type " << args->Type;
  const auto answer = [&](const void* data, std::size_t size) {
    if (args->pOutputData == nullptr || args->OutputDataSize < size) return STATUS_BUFFER_TOO_SMALL;
    std::memcpy(args->pOutputData, data, size);
    return STATUS_SUCCESS;
  };
  switch (args->Type) {
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
      return answer(&script.memory_caps, sizeof(script.memory_caps));
    case DXGKQAITYPE_IOMMU_CAPS:
      return answer(&script.iommu_caps, sizeof(script.iommu_caps));
    case DXGKQAITYPE_DRIVERCAPS:
      return answer(&script.driver_caps, sizeof(script.driver_caps));
    default:
      return STATUS_NOT_SUPPORTED;
  }
}

NTSTATUS start_device(const PVOID context, PDXGK_START_INFO, PDXGKRNL_INTERFACE table, PULONG sources,
                      PULONG children) {
  const std::size_t index = device_of(context).index;
  Script::active().interfaces[index] = *table;
  *sources = 0;
  *children = static_cast<ULONG>(Script::active().children.size());
  const NTSTATUS status = note("StartDevice", context);
  if (NT_SUCCESS(status) && Script::active().on_start) Script::active().on_start(index, *table);
  return status;
}

NTSTATUS query_child_relations(const PVOID context, PDXGK_CHILD_DESCRIPTOR list, ULONG size) {
  const auto& children = Script::active().children;
  EXPECT_EQ(size, (children.size() + 1) * sizeof(DXGK_CHILD_DESCRIPTOR));
  for (std::size_t i = 0; i < children.size(); ++i) {
    list[i].ChildDeviceType = TypeOther;
    list[i].ChildUid = children[i];
  }
  return note("QueryChildRelations", context);
}

NTSTATUS begin_exclusive_access(const HANDLE context, IN_PDXGKARG_BEGINEXCLUSIVEACCESS args) {
  EXPECT_EQ(args->Reserved, 0U);
  const NTSTATUS status = note("BeginExclusiveAccess", context);
  if (Script::active().on_begin) Script::active().on_begin(device_of(context).index);
  return status;
}

NTSTATUS end_exclusive_access(const HANDLE context, IN_PDXGKARG_ENDEXCLUSIVEACCESS args) {
  EXPECT_EQ(args->Reserved, 0U);
  const NTSTATUS status = note("EndExclusiveAccess", context);
  if (Script::active().on_end) Script::active().on_end(device_of(context).index);
  return status;
}

NTSTATUS stop_device(const PVOID context) {
  if (Script::active().on_stop) Script::active().on_stop(device_of(context).index);
  return note("StopDevice", context);
}

NTSTATUS set_power_state(const PVOID context, ULONG uid, DEVICE_POWER_STATE state, POWER_ACTION action) {
  const std::size_t index = device_of(context).index;
  const std::string what =
      "SetPowerState " + std::to_string(index) + " D" + std::to_string(state - PowerDeviceD0);
  if (uid != DISPLAY_ADAPTER_HW_ID) {
    note(what + " child " + std::to_string(uid));
    return STATUS_SUCCESS;
  }
  note(what);
  return Script::active().on_power ? Script::active().on_power(index, state, action) : STATUS_SUCCESS;
}

NTSTATUS notify_surprise_removal(PVOID context, int type) {
  EXPECT_EQ(type, 1) << "DxgkRemovalPnPNotify";
  if (Script::active().on_removal) Script::active().on_removal(device_of(context).index);
  return note("NotifySurpriseRemoval", context);
}
NTSTATUS remove_device(const PVOID context) { return note("RemoveDevice", context); }
VOID unload() { note("Unload"); }

BOOLEAN interrupt_routine(const PVOID context, ULONG) {
  note("InterruptRoutine", context);
  return Script::active().on_interrupt ? Script::active().on_interrupt(device_of(context).index) : FALSE;
}

VOID dpc_routine(const PVOID context) {
  note("DpcRoutine", context);
  if (Script::active().on_dpc) Script::active().on_dpc(device_of(context).index);
}

NTSTATUS escape(const HANDLE context, IN_CONST_PDXGKARG_ESCAPE args) {
  note("Escape", context);
  return Script::active().on_escape ? Script::active().on_escape(*args) : STATUS_NOT_SUPPORTED;
}

}  // namespace

Script& Script::active() { return *g_script; }

Script Script::logical() {
  Script script;
  script.memory_caps.HighestVisibleAddress.QuadPart = (1LL << 40) - 1;
  script.iommu_caps.IommuIsolationSupported = 1;
  script.iommu_caps.DmaRemappingSupported = 1;
  script.driver_caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;
  script.driver_caps.MemoryManagementCaps.MapAperture2Supported = 1;
  return script;
}

NTSTATUS scripted_driver_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
  if (Script::active().refuse_initialize) return STATUS_SUCCESS;
  DRIVER_INITIALIZATION_DATA data{};
  data.Version = Script::active().version;
  data.DxgkDdiAddDevice = add_device;
  if (Script::active().link_device) data.DxgkDdiLinkDevice = link_device;
  data.DxgkDdiQueryAdapterInfo = query_adapter_info;
  data.DxgkDdiStartDevice = start_device;
  data.DxgkDdiStopDevice = stop_device;
  data.DxgkDdiRemoveDevice = remove_device;
  data.DxgkDdiUnload = unload;
  data.DxgkDdiInterruptRoutine = interrupt_routine;
  data.DxgkDdiDpcRoutine = dpc_routine;
  data.DxgkDdiEscape = escape;
  data.DxgkDdiSetPowerState = set_power_state;
  data.DxgkDdiQueryChildRelations = query_child_relations;
  if (Script::active().surprise_removal)
    data.DxgkDdiNotifySurpriseRemoval =
        reinterpret_cast<decltype(data.DxgkDdiNotifySurpriseRemoval)>(notify_surprise_removal);
  if (Script::active().exclusive_access) {
    data.DxgkDdiBeginExclusiveAccess = begin_exclusive_access;
    data.DxgkDdiEndExclusiveAccess = end_exclusive_access;
  }
  return DxgkInitialize(driver, path, &data);
}

System::System(test::ModelMachine::Options options, KernelConfig config) : machine(std::move(options)) {
  g_script = &script;
  g_devices.clear();
  config.timeout_cycles = 2000;
  kernel = std::make_unique<Kernel>(machine.platform(), config);
}

System::~System() {
  kernel.reset();
  g_script = nullptr;
}

NTSTATUS System::start() {
  const NTSTATUS loaded = kernel->load(scripted_driver_entry);
  return NT_SUCCESS(loaded) ? kernel->start() : loaded;
}

ObjectView System::object(HANDLE handle) const {
  for (const ObjectView& view : kernel->objects())
    if (view.handle == handle) return view;
  ADD_FAILURE() << "no such object";
  return {};
}

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create_request(SIZE_T size, DXGK_PHYSICAL_MEMORY_TYPE type,
                                                       HANDLE adapter) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
  args.hAdapter = adapter;
  args.Size = size;
  args.Type = type;
  args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  if (type == DXGK_PHYSICAL_MEMORY_TYPE_MDL)
    args.Mdl.HighAddress.QuadPart = -1;
  else if (type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY)
    args.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  else if (type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) {
    args.Section.DesiredAccess = SECTION_ALL_ACCESS;
    args.Section.PageProtection = PAGE_READWRITE;
  }
  return args;
}

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT System::create(SIZE_T size, DXGK_PHYSICAL_MEMORY_TYPE type,
                                                       bool open) {
  auto args = create_request(size, type, open ? table().DeviceHandle : nullptr);
  EXPECT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
  return args;
}

DXGK_ADL* System::allocate_adl(HANDLE adapter_object, SIZE_T offset, SIZE_T size, UINT32 flags) {
  DXGKARGCB_ALLOCATE_ADL args{};
  args.hAdapterMemoryObject = adapter_object;
  args.Offset = offset;
  args.Size = size;
  args.Flags.Value = flags;
  EXPECT_EQ(table().DxgkCbAllocateAdl(&args), STATUS_SUCCESS);
  return args.pAdl;
}

void System::free_adl(HANDLE adapter_object, DXGK_ADL* adl) {
  const DXGKARGCB_FREE_ADL args{adapter_object, adl};
  table().DxgkCbFreeAdl(&args);
}

void System::destroy(HANDLE object, HANDLE adapter_object) {
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object, adapter_object};
  table().DxgkCbDestroyPhysicalMemoryObject(&args);
}

std::pair<std::uint32_t, std::uint64_t> bugcheck_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const BugCheck& bugcheck) {
    EXPECT_NE(std::strlen(bugcheck.what()), 0U);
    return {bugcheck.code(), bugcheck.parameter(0)};
  }
  ADD_FAILURE() << "no bugcheck";
  return {0, 0};
}

}  // namespace gpudmar::dxgkrnl
