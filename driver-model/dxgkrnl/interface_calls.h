// SPDX-License-Identifier: Apache-2.0
// What all callbacks of the memory families share: each finds the one Kernel, enters the call in the log,
// checks what holds for all (R28, R29), and hands on.
#pragma once

#include <fmt/format.h>

#include <string>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::dxgkrnl {

/// R28: memory callbacks are for levels below DISPATCH_LEVEL; APC_LEVEL is let through with a warning.
void require_low_irql(Kernel& kernel, const char* name);

/// CallRecord::arguments of DxgkCbMapMemory, DxgkCbUnmapMemory and DxgkCbSynchronizeExecution.
struct MapMemoryArguments {
  std::uint64_t translated_address = 0;
  std::uint32_t length = 0;
  bool in_io_space = false;
  bool map_to_user_mode = false;
  PVOID* address = nullptr;
};
struct UnmapMemoryArguments {
  PVOID address = nullptr;
};
/// The same of entry points that take single values.
struct StartDeviceArguments {
  const DXGK_START_INFO* start_info = nullptr;
  ULONG number_of_video_present_sources = 0;
  ULONG number_of_children = 0;
};
struct ChildRelationsArguments {
  PDXGK_CHILD_DESCRIPTOR child_relations = nullptr;
  ULONG child_relations_size = 0;
};
struct InterruptArguments {
  ULONG message_number = 0;
  BOOLEAN claimed = FALSE;
};
struct SetPowerStateArguments {
  ULONG device_uid = 0;
  DEVICE_POWER_STATE device_power_state{};
  POWER_ACTION action_type{};
};
struct NotifySurpriseRemovalArguments {
  int removal_type = 0;
};
struct SynchronizeArguments {
  PKSYNCHRONIZE_ROUTINE routine = nullptr;
  ULONG message_number = 0;
  PBOOLEAN result = nullptr;
};

/// A callback of the memory family that returns a status: `action` is called with valid arguments only.
/// `adapter`: its handle, where the callback takes one beside its structure.
template <typename Args, typename Describe, typename Action>
NTSTATUS memory_call(const char* name, Args* args, Describe describe, Action action,
                     HANDLE adapter = nullptr) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), name, args == nullptr ? std::string("NULL") : describe(*args),
                 CallSubject{args, adapter});
  require_low_irql(kernel, name);
  if (args == nullptr) return call.done(STATUS_INVALID_PARAMETER);  // R29
  return call.done(kernel.supervise(name, [&]() -> NTSTATUS { return action(kernel.memory(), args); }));
}

/// The same for those that return nothing: misuse stops the system.
template <typename Args, typename Describe, typename Action>
void memory_call_void(const char* name, Args* args, Describe describe, Action action,
                      HANDLE adapter = nullptr) {
  Kernel& kernel = Kernel::active();
  CallScope call(kernel.calls(), name, args == nullptr ? std::string("NULL") : describe(*args),
                 CallSubject{args, adapter});
  require_low_irql(kernel, name);
  if (args == nullptr)
    throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {0, 0, 0, 0},
                   fmt::format("{} without arguments", name));
  (void)kernel.supervise(name, [&]() -> NTSTATUS {
    action(kernel.memory(), args);
    return STATUS_SUCCESS;
  });
}

/// The callbacks that take the lead adapter's handle.
void fill_legacy_interface(DXGKRNL_INTERFACE& table);
/// The callbacks about the device and its surroundings; those that this kit does not declare tell
/// that they are not modelled, and fail.
void fill_device_interface(DXGKRNL_INTERFACE& table);

}  // namespace gpudmar::dxgkrnl
