// SPDX-License-Identifier: Apache-2.0
// The C side: DxgkInitialize and the functions behind DXGKRNL_INTERFACE. Those of 2.4 stand in
// interface_legacy.cpp, those about the device's surroundings in interface_device.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::dxgkrnl {
namespace {

NTSTATUS APIENTRY create_physical_memory_object(IN_OUT_PDXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args) {
  return memory_call(
      "DxgkCbCreatePhysicalMemoryObject", args,
      [](const auto& a) {
        return fmt::format("type {}, {} bytes{}", static_cast<int>(a.Type), a.Size,
                           a.hAdapter != nullptr ? ", opened" : "");
      },
      [](MemoryManager& memory, auto* a) { return memory.create(a); });
}

VOID APIENTRY destroy_physical_memory_object(IN_CONST_PDXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args) {
  memory_call_void(
      "DxgkCbDestroyPhysicalMemoryObject", args,
      [](const auto& a) {
        return fmt::format("{}{}", fmt::ptr(a.hPhysicalMemoryObject),
                           a.hAdapterMemoryObject != nullptr ? ", closing" : "");
      },
      [](MemoryManager& memory, const auto* a) { memory.destroy(a); });
}

NTSTATUS APIENTRY map_physical_memory(IN_OUT_PDXGKARGCB_MAP_PHYSICAL_MEMORY args) {
  return memory_call(
      "DxgkCbMapPhysicalMemory", args,
      [](const auto& a) {
        return fmt::format("{}+{} bytes, {} mode", a.Offset, a.Size,
                           a.AccessMode == DXGK_ACCESS_MODE_USER_MODE ? "user" : "kernel");
      },
      [](MemoryManager& memory, auto* a) { return memory.map(a, Kernel::active().processes().current()); });
}

VOID APIENTRY unmap_physical_memory(IN_CONST_PDXGKARGCB_UNMAP_PHYSICAL_MEMORY args) {
  memory_call_void(
      "DxgkCbUnmapPhysicalMemory", args, [](const auto& a) { return fmt::format("{} bytes", a.Size); },
      [](MemoryManager& memory, const auto* a) { memory.unmap(a, Kernel::active().processes().current()); });
}

NTSTATUS APIENTRY allocate_adl(IN_OUT_PDXGKARGCB_ALLOCATE_ADL args) {
  return memory_call(
      "DxgkCbAllocateAdl", args,
      [](const auto& a) { return fmt::format("{}+{} bytes, flags {:#x}", a.Offset, a.Size, a.Flags.Value); },
      [](MemoryManager& memory, auto* a) { return memory.allocate_adl(a); });
}

VOID APIENTRY free_adl(IN_CONST_PDXGKARGCB_FREE_ADL args) {
  // The ADL itself is looked at only after it was found to be one.
  memory_call_void(
      "DxgkCbFreeAdl", args, [](const auto& a) { return fmt::format("{}", fmt::ptr(a.pAdl)); },
      [](MemoryManager& memory, const auto* a) { memory.free_adl(a); });
}

NTSTATUS APIENTRY open_physical_memory_object(IN_OUT_PDXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args) {
  return memory_call(
      "DxgkCbOpenPhysicalMemoryObject", args,
      [](const auto& a) { return fmt::format("{}", fmt::ptr(a.hPhysicalMemoryObject)); },
      [](MemoryManager& memory, auto* a) { return memory.open(a); });
}

VOID APIENTRY close_physical_memory_object(IN_CONST_PDXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args) {
  memory_call_void(
      "DxgkCbClosePhysicalMemoryObject", args,
      [](const auto& a) { return fmt::format("{}", fmt::ptr(a.hAdapterMemoryObject)); },
      [](MemoryManager& memory, const auto* a) { memory.close(a); });
}

NTSTATUS APIENTRY get_device_information(HANDLE device_handle, PDXGK_DEVICE_INFO info) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbGetDeviceInformation", {}, {info, device_handle});
  require_low_irql(kernel, "DxgkCbGetDeviceInformation");
  PhysicalAdapter* adapter = kernel.find_adapter(device_handle);
  if (adapter == nullptr || info == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  adapter->device_information(*info, kernel.pages().total_pages() * hw::kPageSize,
                              kernel.pages().highest_address());
  return call.done(STATUS_SUCCESS);
}

NTSTATUS APIENTRY map_memory(HANDLE device_handle, PHYSICAL_ADDRESS translated_address, ULONG length,
                             BOOLEAN in_io_space, BOOLEAN map_to_user_mode, MEMORY_CACHING_TYPE,
                             PVOID* address) {
  Kernel& kernel = Kernel::active();
  const MapMemoryArguments arguments{static_cast<std::uint64_t>(translated_address.QuadPart), length,
                                     in_io_space != FALSE, map_to_user_mode != FALSE, address};
  CallScope call(kernel.calls(), "DxgkCbMapMemory",
                 fmt::format("{:#x}+{:#x}", arguments.translated_address, length),
                 {&arguments, device_handle});
  require_low_irql(kernel, "DxgkCbMapMemory");
  PhysicalAdapter* adapter = kernel.find_adapter(device_handle);
  if (adapter == nullptr || address == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  *address = nullptr;
  // Register windows only, and only the function's own or a part of it: that is what the resource list says.
  hw::Mmio& bar = *adapter->function().bar0;
  const std::uint64_t offset = arguments.translated_address - bar.base();
  if (arguments.translated_address < bar.base() || offset >= bar.size() || length == 0 ||
      length > bar.size() - offset || in_io_space != FALSE)
    return call.done(STATUS_INVALID_PARAMETER);
  if (map_to_user_mode != FALSE) return call.done(STATUS_NOT_SUPPORTED);
  *address = wdk::Runtime::active().map_mmio(bar, offset, length);
  return call.done(STATUS_SUCCESS);
}

NTSTATUS APIENTRY unmap_memory(HANDLE device_handle, PVOID address) {
  Kernel& kernel = Kernel::active();
  const UnmapMemoryArguments arguments{address};
  CallScope call(kernel.calls(), "DxgkCbUnmapMemory", {}, {&arguments, device_handle});
  require_low_irql(kernel, "DxgkCbUnmapMemory");
  if (kernel.find_adapter(device_handle) == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  try {
    wdk::Runtime::active().unmap_mmio(address);
  } catch (const std::invalid_argument&) {
    return call.done(STATUS_INVALID_PARAMETER);
  }
  return call.done(STATUS_SUCCESS);
}

/// The function behind a handle that must be right: these callbacks have no way to answer an error.
PhysicalAdapter& adapter_of(Kernel& kernel, HANDLE handle, const char* name) {
  PhysicalAdapter* adapter = kernel.find_adapter(handle);
  if (adapter == nullptr)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {0, 0, 0, 0},
                   fmt::format("{}: {} is no adapter handle", name, fmt::ptr(handle)));
  return *adapter;
}

BOOLEAN APIENTRY queue_dpc(HANDLE device_handle) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbQueueDpc", {}, {nullptr, device_handle});
  return adapter_of(kernel, device_handle, "DxgkCbQueueDpc").queue_dpc();
}

VOID APIENTRY notify_interrupt(IN_CONST_HANDLE adapter, IN_CONST_PDXGKARGCB_NOTIFY_INTERRUPT_DATA data) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbNotifyInterrupt", {}, {data, adapter});
  const PhysicalAdapter& function = adapter_of(kernel, adapter, "DxgkCbNotifyInterrupt");
  if (data == nullptr)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {0, 0, 0, 0}, "DxgkCbNotifyInterrupt without data");
  if (KeGetCurrentIrql() <= DISPATCH_LEVEL)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {KeGetCurrentIrql(), 0, 0, 0},
                   "DxgkCbNotifyInterrupt below the device's interrupt level");
  kernel.note_interrupt(function, *data);
}

VOID APIENTRY notify_dpc(IN_CONST_HANDLE adapter) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbNotifyDpc", {}, {nullptr, adapter});
  const PhysicalAdapter& of = adapter_of(kernel, adapter, "DxgkCbNotifyDpc");
  if (KeGetCurrentIrql() > DISPATCH_LEVEL)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {KeGetCurrentIrql(), 0, 0, 0},
                   "DxgkCbNotifyDpc above DISPATCH_LEVEL");
  kernel.note_dpc(of);
}

NTSTATUS APIENTRY synchronize_execution(HANDLE device_handle, PKSYNCHRONIZE_ROUTINE routine, PVOID context,
                                        ULONG message_number, PBOOLEAN return_value) {
  Kernel& kernel = Kernel::active();
  const SynchronizeArguments arguments{routine, message_number, return_value};
  CallScope call(kernel.calls(), "DxgkCbSynchronizeExecution", {}, {&arguments, device_handle});
  PhysicalAdapter* adapter = kernel.find_adapter(device_handle);
  if (adapter == nullptr || routine == nullptr || return_value == nullptr || message_number != 0)
    return call.done(STATUS_INVALID_PARAMETER);
  if (KeGetCurrentIrql() > DISPATCH_LEVEL)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {KeGetCurrentIrql(), 0, 0, 0},
                   "DxgkCbSynchronizeExecution above DISPATCH_LEVEL");
  *return_value = adapter->synchronize(routine, context);
  return call.done(STATUS_SUCCESS);
}

// Where the table of a version ends.
std::size_t interface_bytes(ULONG version) {
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_5)
    return RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbReportDiagnostic);
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_6)
    return RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbSignalEvent);
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_8)
    return RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbSaveMemoryForHotUpdate);
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_9)
    return RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbNotifyCursorSupportChange);
  return version < DXGKDDI_INTERFACE_VERSION_WDDM3_1
             ? RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbPinFrameBufferForSave2)
             : RTL_SIZEOF_THROUGH_FIELD(DXGKRNL_INTERFACE, DxgkCbDisconnectDoorbell);
}

}  // namespace

void fill_interface(DXGKRNL_INTERFACE& table, HANDLE device_handle, ULONG version) {
  table = {};
  table.Version = version;
  table.DeviceHandle = device_handle;
  table.DxgkCbGetDeviceInformation = get_device_information;
  table.DxgkCbMapMemory = map_memory;
  table.DxgkCbUnmapMemory = unmap_memory;
  table.DxgkCbQueueDpc = queue_dpc;
  table.DxgkCbSynchronizeExecution = synchronize_execution;
  table.DxgkCbNotifyInterrupt = notify_interrupt;
  table.DxgkCbNotifyDpc = notify_dpc;
  table.DxgkCbCreatePhysicalMemoryObject = create_physical_memory_object;
  table.DxgkCbDestroyPhysicalMemoryObject = destroy_physical_memory_object;
  table.DxgkCbMapPhysicalMemory = map_physical_memory;
  table.DxgkCbUnmapPhysicalMemory = unmap_physical_memory;
  table.DxgkCbAllocateAdl = allocate_adl;
  table.DxgkCbFreeAdl = free_adl;
  table.DxgkCbOpenPhysicalMemoryObject = open_physical_memory_object;
  table.DxgkCbClosePhysicalMemoryObject = close_physical_memory_object;
  fill_legacy_interface(table);
  fill_device_interface(table);
  // A driver of an older version has a shorter table.
  table.Size = static_cast<ULONG>(std::min(sizeof(table), interface_bytes(version)));
  std::memset(reinterpret_cast<char*>(&table) + table.Size, 0, sizeof(table) - table.Size);
}

}  // namespace gpudmar::dxgkrnl

extern "C" {

NTSTATUS DxgkInitialize(PDRIVER_OBJECT driver_object, PUNICODE_STRING,
                        PDRIVER_INITIALIZATION_DATA initialization_data) {
  using gpudmar::dxgkrnl::CallScope;
  using gpudmar::dxgkrnl::Kernel;
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkInitialize");
  if (driver_object == nullptr || initialization_data == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  return call.done(kernel.register_driver(*initialization_data));
}

// The entries of a display-only driver are among those of any other.
NTSTATUS DxgkInitializeDisplayOnlyDriver(PDRIVER_OBJECT driver_object, PUNICODE_STRING,
                                         PKMDDOD_INITIALIZATION_DATA initialization_data) {
  using gpudmar::dxgkrnl::CallScope;
  using gpudmar::dxgkrnl::Kernel;
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkInitializeDisplayOnlyDriver");
  if (driver_object == nullptr || initialization_data == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  const KMDDOD_INITIALIZATION_DATA& from = *initialization_data;
  DRIVER_INITIALIZATION_DATA data{};
  data.Version = from.Version;
#define GPUDMAR_TAKE(entry) data.DxgkDdi##entry = from.DxgkDdi##entry
  GPUDMAR_TAKE(AddDevice);
  GPUDMAR_TAKE(StartDevice);
  GPUDMAR_TAKE(StopDevice);
  GPUDMAR_TAKE(RemoveDevice);
  GPUDMAR_TAKE(DispatchIoRequest);
  GPUDMAR_TAKE(InterruptRoutine);
  GPUDMAR_TAKE(DpcRoutine);
  GPUDMAR_TAKE(QueryChildRelations);
  GPUDMAR_TAKE(QueryChildStatus);
  GPUDMAR_TAKE(QueryDeviceDescriptor);
  GPUDMAR_TAKE(SetPowerState);
  GPUDMAR_TAKE(NotifyAcpiEvent);
  GPUDMAR_TAKE(ResetDevice);
  GPUDMAR_TAKE(Unload);
  GPUDMAR_TAKE(QueryInterface);
  GPUDMAR_TAKE(ControlEtwLogging);
  GPUDMAR_TAKE(QueryAdapterInfo);
  GPUDMAR_TAKE(Escape);
  GPUDMAR_TAKE(CollectDbgInfo);
  GPUDMAR_TAKE(StopDeviceAndReleasePostDisplayOwnership);
  GPUDMAR_TAKE(SystemDisplayEnable);
  GPUDMAR_TAKE(SystemDisplayWrite);
  GPUDMAR_TAKE(GetChildContainerId);
  GPUDMAR_TAKE(ControlInterrupt);
  GPUDMAR_TAKE(SetPowerComponentFState);
  GPUDMAR_TAKE(PowerRuntimeControlRequest);
  GPUDMAR_TAKE(NotifySurpriseRemoval);
#undef GPUDMAR_TAKE
  return call.done(kernel.register_driver(data));
}

NTSTATUS DxgkUnInitialize(PDRIVER_OBJECT driver_object) {
  using gpudmar::dxgkrnl::CallScope;
  using gpudmar::dxgkrnl::Kernel;
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkUnInitialize");
  return call.done(driver_object == nullptr ? STATUS_INVALID_PARAMETER : kernel.unregister_driver());
}

}  // extern "C"
