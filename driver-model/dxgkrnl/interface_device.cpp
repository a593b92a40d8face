// SPDX-License-Identifier: Apache-2.0
// Callbacks about the device and its surroundings: configuration space, children, services. This machine has
// no ACPI, no display and no power components: what asks for one is answered so, with a warning that names
// it.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/dxgkrnl/pci_config.h"

namespace gpudmar::dxgkrnl {
namespace {

NTSTATUS not_here(Kernel& kernel, const char* name, const char* what) {
  kernel.warn(fmt::format("{}: this machine has {}", name, what));
  return STATUS_NOT_SUPPORTED;
}

NTSTATUS APIENTRY eval_acpi_method(HANDLE device_handle, ULONG device_uid, PACPI_EVAL_INPUT_BUFFER_COMPLEX,
                                   ULONG, PACPI_EVAL_OUTPUT_BUFFER, ULONG) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbEvalAcpiMethod", fmt::format("device {:#x}", device_uid),
                 {nullptr, device_handle});
  require_low_irql(kernel, "DxgkCbEvalAcpiMethod");
  if (kernel.find_adapter(device_handle) == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  return call.done(not_here(kernel, "DxgkCbEvalAcpiMethod", "no ACPI"));
}

NTSTATUS APIENTRY indicate_child_status(HANDLE device_handle, PDXGK_CHILD_STATUS child_status) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbIndicateChildStatus",
                 child_status == nullptr ? std::string("NULL")
                                         : fmt::format("child {}, type {}", child_status->ChildUid,
                                                       static_cast<int>(child_status->Type)),
                 {child_status, device_handle});
  if (KeGetCurrentIrql() > DISPATCH_LEVEL)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {KeGetCurrentIrql(), 0, 0, 0},
                   "DxgkCbIndicateChildStatus above DISPATCH_LEVEL");
  const PhysicalAdapter* adapter = kernel.find_adapter(device_handle);
  if (adapter == nullptr || child_status == nullptr) return call.done(STATUS_INVALID_PARAMETER);
  // Children are those that StartDevice counted.
  return call.done(adapter->children != 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

NTSTATUS APIENTRY query_services(HANDLE device_handle, DXGK_SERVICES services, PINTERFACE interface) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbQueryServices",
                 fmt::format("services {}", static_cast<int>(services)), {nullptr, device_handle});
  require_low_irql(kernel, "DxgkCbQueryServices");
  if (kernel.find_adapter(device_handle) == nullptr || interface == nullptr)
    return call.done(STATUS_INVALID_PARAMETER);
  return call.done(not_here(kernel, "DxgkCbQueryServices", "no such services"));
}

NTSTATUS APIENTRY read_device_space(HANDLE device_handle, ULONG data_type, PVOID buffer, ULONG offset,
                                    ULONG length, PULONG bytes_read) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbReadDeviceSpace",
                 fmt::format("space {:#x}, {:#x}+{:#x}", data_type, offset, length),
                 {nullptr, device_handle});
  require_low_irql(kernel, "DxgkCbReadDeviceSpace");
  const PhysicalAdapter* adapter = kernel.find_adapter(device_handle);
  if (adapter == nullptr || buffer == nullptr || bytes_read == nullptr)
    return call.done(STATUS_INVALID_PARAMETER);
  *bytes_read = 0;
  if (data_type != DXGK_WHICHSPACE_CONFIG)
    return call.done(not_here(kernel, "DxgkCbReadDeviceSpace", "configuration space only"));
  const auto space = pci::config_space(adapter->function(), adapter->message());
  if (offset >= space.size()) return call.done(STATUS_INVALID_PARAMETER);
  *bytes_read = std::min<ULONG>(length, static_cast<ULONG>(space.size() - offset));
  std::memcpy(buffer, space.data() + offset, *bytes_read);
  return call.done(STATUS_SUCCESS);
}

NTSTATUS APIENTRY write_device_space(HANDLE device_handle, ULONG data_type, PVOID buffer, ULONG offset,
                                     ULONG length, PULONG bytes_written) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbWriteDeviceSpace",
                 fmt::format("space {:#x}, {:#x}+{:#x}", data_type, offset, length),
                 {nullptr, device_handle});
  require_low_irql(kernel, "DxgkCbWriteDeviceSpace");
  if (kernel.find_adapter(device_handle) == nullptr || buffer == nullptr || bytes_written == nullptr)
    return call.done(STATUS_INVALID_PARAMETER);
  *bytes_written = 0;
  return call.done(not_here(kernel, "DxgkCbWriteDeviceSpace", "no space that a miniport may write"));
}

bool matches(const PCI_DEVICE_PRESENCE_PARAMETERS& wanted) {
  const auto asked = [&wanted](ULONG flag) { return (wanted.Flags & flag) != 0; };
  if (asked(PCI_USE_VENDEV_IDS) && (wanted.VendorID != pci::kVendor || wanted.DeviceID != pci::kDevice))
    return false;
  if (asked(PCI_USE_SUBSYSTEM_IDS) &&
      (wanted.SubVendorID != pci::kVendor || wanted.SubSystemID != pci::kDevice))
    return false;
  if (asked(PCI_USE_REVISION) && wanted.RevisionID != pci::kRevision) return false;
  if (asked(PCI_USE_CLASS_SUBCLASS) && (wanted.BaseClass != pci::kClass || wanted.SubClass != pci::kSubclass))
    return false;
  return !asked(PCI_USE_PROGIF) || wanted.ProgIf == 0;
}

NTSTATUS APIENTRY is_device_present(HANDLE device_handle, PPCI_DEVICE_PRESENCE_PARAMETERS parameters,
                                    PBOOLEAN present) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbIsDevicePresent", {}, {parameters, device_handle});
  require_low_irql(kernel, "DxgkCbIsDevicePresent");
  const PhysicalAdapter* adapter = kernel.find_adapter(device_handle);
  if (adapter == nullptr || parameters == nullptr || present == nullptr ||
      parameters->Size != sizeof(*parameters))
    return call.done(STATUS_INVALID_PARAMETER);
  *present = FALSE;
  // All functions of this machine are adapters of this one kind; the flags about places narrow them down.
  for (const auto& function : kernel.functions()) {
    const unsigned differs = function->function().source_id ^ adapter->function().source_id;
    if ((parameters->Flags & PCI_USE_LOCAL_BUS) != 0 && differs >> 8 != 0) continue;
    if ((parameters->Flags & PCI_USE_LOCAL_DEVICE) != 0 && (differs >> 3 & 0x1F) != 0) continue;
    if (matches(*parameters)) *present = TRUE;
  }
  return call.done(STATUS_SUCCESS);
}

VOID APIENTRY log_etw_event(CONST LPCGUID event, UCHAR type, USHORT bytes, PVOID) {
  Kernel& kernel = Kernel::active();
  const CallScope call(kernel.calls(), "DxgkCbLogEtwEvent",
                       event == nullptr
                           ? std::string("NULL")
                           : fmt::format("event {:08x}, type {}, {} bytes", event->Data1, type, bytes));
  if (bytes > 256) require_low_irql(kernel, "DxgkCbLogEtwEvent");
}

NTSTATUS APIENTRY exclude_adapter_access(HANDLE device_handle, ULONG attributes,
                                         PDXGKDDI_PROTECTED_CALLBACK callback, PVOID) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbExcludeAdapterAccess", fmt::format("attributes {:#x}", attributes),
                 {nullptr, device_handle});
  require_low_irql(kernel, "DxgkCbExcludeAdapterAccess");
  if (kernel.find_adapter(device_handle) == nullptr || callback == nullptr)
    return call.done(STATUS_INVALID_PARAMETER);
  return call.done(not_here(kernel, "DxgkCbExcludeAdapterAccess", "no user of the adapter to keep out"));
}

// The firmware's frame buffer is another device's: success with nothing in it.
NTSTATUS APIENTRY acquire_post_display_ownership(HANDLE device_handle,
                                                 PDXGK_DISPLAY_INFORMATION information) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), "DxgkCbAcquirePostDisplayOwnership", {}, {information, device_handle});
  require_low_irql(kernel, "DxgkCbAcquirePostDisplayOwnership");
  if (kernel.find_adapter(device_handle) == nullptr || information == nullptr)
    return call.done(STATUS_INVALID_PARAMETER);
  *information = DXGK_DISPLAY_INFORMATION{};
  information->TargetId = D3DDDI_ID_UNINITIALIZED;
  return call.done(STATUS_SUCCESS);
}

std::uint64_t undeclared(const char* name, std::uint64_t answer) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), name);
  kernel.warn(fmt::format("{}: not part of this model; the call did nothing", name));
  (void)call.done(static_cast<NTSTATUS>(answer));
  return answer;
}

}  // namespace

// A caller has cast the entry to what its kit says, so that arguments are there that nobody reads, and an
// answer is expected that is a status, a pointer or nothing.
#define GPUDMAR_UNDECLARED(member, answer) \
  table.member =                           \
      reinterpret_cast<DXGKCB_UNTYPED>(+[]() -> std::uint64_t { return undeclared(#member, answer); })
#define GPUDMAR_REFUSES(member) GPUDMAR_UNDECLARED(member, static_cast<ULONG>(STATUS_NOT_SUPPORTED))
#define GPUDMAR_GIVES_NOTHING(member) GPUDMAR_UNDECLARED(member, 0)

void fill_device_interface(DXGKRNL_INTERFACE& table) {
  table.DxgkCbEvalAcpiMethod = eval_acpi_method;
  table.DxgkCbIndicateChildStatus = indicate_child_status;
  table.DxgkCbQueryServices = query_services;
  table.DxgkCbReadDeviceSpace = read_device_space;
  table.DxgkCbWriteDeviceSpace = write_device_space;
  table.DxgkCbIsDevicePresent = is_device_present;
  table.DxgkCbLogEtwEvent = log_etw_event;
  table.DxgkCbExcludeAdapterAccess = exclude_adapter_access;
  table.DxgkCbAcquirePostDisplayOwnership = acquire_post_display_ownership;
  GPUDMAR_GIVES_NOTHING(DxgkCbGetHandleData);
  GPUDMAR_GIVES_NOTHING(DxgkCbGetHandleParent);
  GPUDMAR_GIVES_NOTHING(DxgkCbEnumHandleChildren);
  GPUDMAR_REFUSES(DxgkCbQueryVidPnInterface);
  GPUDMAR_REFUSES(DxgkCbQueryMonitorInterface);
  GPUDMAR_REFUSES(DxgkCbGetCaptureAddress);
  GPUDMAR_REFUSES(DxgkCbCreateContextAllocation);
  GPUDMAR_GIVES_NOTHING(DxgkCbDestroyContextAllocation);
  GPUDMAR_REFUSES(DxgkCbSetPowerComponentActive);
  GPUDMAR_REFUSES(DxgkCbSetPowerComponentIdle);
  GPUDMAR_REFUSES(DxgkCbPowerRuntimeControlRequest);
  GPUDMAR_REFUSES(DxgkCbSetPowerComponentLatency);
  GPUDMAR_REFUSES(DxgkCbSetPowerComponentResidency);
  GPUDMAR_GIVES_NOTHING(DxgkCbCompleteFStateTransition);
  GPUDMAR_GIVES_NOTHING(DxgkCbCompletePStateTransition);
  GPUDMAR_REFUSES(DxgkCbMapContextAllocation);
  GPUDMAR_REFUSES(DxgkCbUpdateContextAllocation);
  GPUDMAR_REFUSES(DxgkCbReserveGpuVirtualAddressRange);
  GPUDMAR_GIVES_NOTHING(DxgkCbAcquireHandleData);
  GPUDMAR_GIVES_NOTHING(DxgkCbReleaseHandleData);
  GPUDMAR_GIVES_NOTHING(DxgkCbHardwareContentProtectionTeardown);
  GPUDMAR_GIVES_NOTHING(DxgkCbMultiPlaneOverlayDisabled);
  GPUDMAR_GIVES_NOTHING(DxgkCbMitigatedRangeUpdate);
  GPUDMAR_REFUSES(DxgkCbInvalidateHwContext);
  GPUDMAR_REFUSES(DxgkCbIndicateConnectorChange);
  GPUDMAR_REFUSES(DxgkCbUnblockUEFIFrameBufferRanges);
  GPUDMAR_REFUSES(DxgkCbAcquirePostDisplayOwnership2);
  GPUDMAR_GIVES_NOTHING(DxgkCbSetProtectedSessionStatus);
  GPUDMAR_REFUSES(DxgkCbReportDiagnostic);
  GPUDMAR_REFUSES(DxgkCbSignalEvent);
  GPUDMAR_REFUSES(DxgkCbIsFeatureEnabled);
  GPUDMAR_REFUSES(DxgkCbSaveMemoryForHotUpdate);
  GPUDMAR_REFUSES(DxgkCbNotifyCursorSupportChange);
  GPUDMAR_REFUSES(DxgkCbQueryFeatureSupport);
  GPUDMAR_GIVES_NOTHING(DxgkCbDisconnectDoorbell);
}

}  // namespace gpudmar::dxgkrnl

namespace {

// A property's bytes, or nothing: then it is not found.
std::vector<std::uint8_t> property_of(const gpudmar::dxgkrnl::PhysicalAdapter& adapter,
                                      DEVICE_REGISTRY_PROPERTY property) {
  namespace pci = gpudmar::dxgkrnl::pci;
  const std::uint16_t source_id = adapter.function().source_id;
  const auto number = [](ULONG value) {
    std::vector<std::uint8_t> bytes(sizeof(value));
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
  };
  const auto text = [](const std::string& ascii, unsigned terminators) {
    std::vector<std::uint8_t> bytes;
    for (const char c : ascii + std::string(terminators, '\0')) {
      bytes.push_back(static_cast<std::uint8_t>(c));
      bytes.push_back(0);
    }
    return bytes;
  };
  switch (property) {
    case DevicePropertyBusNumber:
      return number(source_id >> 8);
    case DevicePropertyAddress:  // device number in the high half, function number in the low
      return number(static_cast<ULONG>(source_id >> 3 & 0x1F) << 16 | (source_id & 7U));
    case DevicePropertyLegacyBusType:
      return number(PCIBus);
    case DevicePropertyEnumeratorName:
      return text("PCI", 1);
    case DevicePropertyHardwareID:  // a list of one
      return text(fmt::format("PCI\\VEN_{:04X}&DEV_{:04X}", pci::kVendor, pci::kDevice), 2);
    default:
      return {};
  }
}

}  // namespace

extern "C" NTSTATUS IoGetDeviceProperty(PDEVICE_OBJECT device, DEVICE_REGISTRY_PROPERTY property,
                                        ULONG buffer_length, PVOID buffer, PULONG result_length) {
  gpudmar::wdk::Runtime& runtime = gpudmar::wdk::Runtime::enter("IoGetDeviceProperty");
  runtime.require_at_most(PASSIVE_LEVEL, "IoGetDeviceProperty");
  if (result_length == nullptr) return STATUS_INVALID_PARAMETER;
  *result_length = 0;
  const auto* function = gpudmar::dxgkrnl::Kernel::active().find_device(device);
  if (function == nullptr) return STATUS_INVALID_DEVICE_REQUEST;
  const auto bytes = property_of(*function, property);
  if (bytes.empty()) return STATUS_OBJECT_NAME_NOT_FOUND;
  *result_length = static_cast<ULONG>(bytes.size());
  if (buffer == nullptr || buffer_length < bytes.size()) return STATUS_BUFFER_TOO_SMALL;
  std::memcpy(buffer, bytes.data(), bytes.size());
  return STATUS_SUCCESS;
}
