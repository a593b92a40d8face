// SPDX-License-Identifier: Apache-2.0
// A miniport that does what the test tells it and notes what it was asked, and a system that runs it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "tests/support/model_machine.h"

namespace gpudmar::dxgkrnl {

/// What the miniport answers, and what it saw. One at a time: entry points have no context before AddDevice.
struct Script {
  // Answers.
  DXGK_PHYSICAL_MEMORY_CAPS memory_caps{};
  DXGK_IOMMU_CAPS iommu_caps{};
  DXGK_DRIVERCAPS driver_caps{};
  std::map<int, NTSTATUS> query_status;    ///< by DXGK_QUERYADAPTERINFOTYPE; absent = success
  std::map<std::string, NTSTATUS> status;  ///< by call as noted, e.g. "StartDevice 1"; absent = success
  /// So many calls more do as `status` says, and the one after them fails; queries and interrupts do not
  /// count.
  std::optional<unsigned> fail_after;
  std::set<std::size_t> declined;  ///< devices that AddDevice wants nothing to do with
  std::function<void(std::size_t, LINKED_DEVICE&)> link;
  std::function<void(std::size_t, const DXGKRNL_INTERFACE&)> on_start;
  std::function<BOOLEAN(std::size_t)> on_interrupt;
  std::function<void(std::size_t)> on_dpc;
  std::function<NTSTATUS(const DXGKARG_ESCAPE&)> on_escape;
  std::function<void(int)> on_query;          ///< QueryAdapterInfo, before the answer
  std::function<void(std::size_t)> on_begin;  ///< BeginExclusiveAccess
  std::function<void(std::size_t)> on_end;    ///< EndExclusiveAccess
  std::function<NTSTATUS(std::size_t, DEVICE_POWER_STATE, POWER_ACTION)> on_power;
  std::function<void(std::size_t)> on_stop;     ///< StopDevice
  std::function<void(std::size_t)> on_removal;  ///< NotifySurpriseRemoval
  /// By PhysicalAdapterIndex; absent = the query fails. The handle is that of the device of that number.
  std::map<UINT, SIZE_T> save_size;                                    ///< QueryAdapterInfo 21
  std::map<UINT, std::vector<DXGK_PHYSICAL_MEMORY_RANGE>> reserved;    ///< QueryAdapterInfo 22
  std::function<void(UINT, DXGK_PHYSICALADAPTERCAPS&)> physical_caps;  ///< QueryAdapterInfo 15
  std::vector<ULONG> children;                                         ///< ChildUids, of each device
  bool surprise_removal = true;                                        ///< has DxgkDdiNotifySurpriseRemoval
  bool exclusive_access = true;                                        ///< has the two
  bool link_device = true;                                             ///< has DxgkDdiLinkDevice
  bool refuse_initialize = false;  ///< DriverEntry does not call DxgkInitialize
  ULONG version = DXGKDDI_INTERFACE_VERSION;

  // Observations.
  std::string failed_call;                              ///< by fail_after
  std::vector<std::string> calls;                       ///< "AddDevice 0", "QueryAdapterInfo 34", ...
  std::map<std::size_t, DXGKRNL_INTERFACE> interfaces;  ///< by device
  std::vector<std::string> queries;  ///< of one physical adapter: "21 of 0", "22 of 1 for 2 ranges"

  /// Isolation, remapping and aperture operation 17, addresses of 40 bits.
  static Script logical();
  static Script& active();
};

/// The miniport's DriverEntry.
NTSTATUS scripted_driver_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

/// A machine, a kernel on it, the scripted miniport loaded but not started.
struct System {
  explicit System(test::ModelMachine::Options options = {}, KernelConfig config = {});
  ~System();
  NTSTATUS start();
  /// The callback table of a device, as StartDevice gave it.
  [[nodiscard]] const DXGKRNL_INTERFACE& table(std::size_t device = 0) const {
    return script.interfaces.at(device);
  }
  [[nodiscard]] ObjectView object(HANDLE handle) const;  ///< fails the test if it is not alive

  // Shorthand for valid requests; the status is checked.
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create(
      SIZE_T size, DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL, bool open = true);
  DXGK_ADL* allocate_adl(HANDLE adapter_object, SIZE_T offset, SIZE_T size, UINT32 flags = 0);
  void free_adl(HANDLE adapter_object, DXGK_ADL* adl);
  void destroy(HANDLE object, HANDLE adapter_object);

  Script script = Script::logical();
  test::ModelMachine machine;
  std::unique_ptr<Kernel> kernel;
};

/// A create request with sane values in every field.
[[nodiscard]] DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create_request(
    SIZE_T size, DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL, HANDLE adapter = nullptr);

/// Run `action`, which must end in a bugcheck: {code, parameter 1}, or {0, 0} with a test failure.
[[nodiscard]] std::pair<std::uint32_t, std::uint64_t> bugcheck_of(const std::function<void()>& action);

inline constexpr UINT32 kRequireContiguous = 1;
inline constexpr UINT32 kPreferContiguous = 2;

}  // namespace gpudmar::dxgkrnl
