// SPDX-License-Identifier: Apache-2.0
// Processors, as far as a driver can tell: a thread at DISPATCH_LEVEL has one for itself from the moment it
// asks, a DPC for a certain processor waits until that is free.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::kProcessors;
using gpudmar::wdk::Runtime;
namespace wdk = gpudmar::wdk;

namespace {

constexpr USHORT kTargeted = 0x800;  // in KDPC.Number, above the processor's number
constexpr std::uint64_t kYield = 4;  // cycles that a pause takes

bool is_free(const Runtime::Objects& objects, ULONG number) {
  for (const auto& [thread, processor] : objects.processors)
    if (processor == number) return false;
  return true;
}

// The one that is wanted or the lowest free one; kProcessors: none.
ULONG find_free(Runtime::Objects& objects, const ULONG* wanted) {
  const std::lock_guard guard(objects.processors_mutex);
  if (wanted != nullptr) return is_free(objects, *wanted) ? *wanted : kProcessors;
  ULONG number = 0;
  while (number < kProcessors && !is_free(objects, number)) ++number;
  return number;
}

bool of_group(USHORT group) { return group == 0 || group == ALL_PROCESSOR_GROUPS; }

}  // namespace

namespace gpudmar::wdk {

ULONG take_processor(Runtime& runtime, const ULONG* wanted) {
  Runtime::Objects& objects = runtime.objects();
  const std::uintptr_t thread = runtime.current_thread();
  ULONG number = kProcessors;
  runtime.wait_bounded(
      &objects.processors, [&objects, wanted] { return find_free(objects, wanted) < kProcessors; },
      [&] {
        number = find_free(objects, wanted);
        if (number == kProcessors) return false;
        const std::lock_guard guard(objects.processors_mutex);
        objects.processors[thread] = number;
        return true;
      });
  return number;
}

void give_processor(Runtime::Objects& objects, std::uintptr_t thread) {
  const std::lock_guard guard(objects.processors_mutex);
  objects.processors.erase(thread);
}

const ULONG* target_processor(const KDPC& dpc, ULONG& storage) {
  if (dpc.Number < kTargeted) return nullptr;
  storage = dpc.Number - ULONG{kTargeted};
  return &storage;
}

}  // namespace gpudmar::wdk

extern "C" {

ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber) {
  Runtime& runtime = Runtime::enter("KeGetCurrentProcessorNumberEx");
  Runtime::Objects& objects = runtime.objects();
  ULONG number = kProcessors;
  {
    const std::lock_guard guard(objects.processors_mutex);
    const auto mine = objects.processors.find(runtime.current_thread());
    if (mine != objects.processors.end()) number = mine->second;
  }
  if (number == kProcessors) {
    // Below DISPATCH_LEVEL the answer may be old before it is looked at.
    number = runtime.irql() >= DISPATCH_LEVEL ? wdk::take_processor(runtime, nullptr)
                                              : find_free(objects, nullptr) % kProcessors;
  }
  if (ProcNumber != nullptr) *ProcNumber = {0, static_cast<UCHAR>(number), 0};
  return number;
}

ULONG KeQueryActiveProcessorCount(KAFFINITY* ActiveProcessors) {
  if (ActiveProcessors != nullptr) *ActiveProcessors = KeQueryActiveProcessors();
  return kProcessors;
}

ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber) { return of_group(GroupNumber) ? kProcessors : 0; }
ULONG KeQueryMaximumProcessorCount(VOID) { return kProcessors; }
ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber) { return of_group(GroupNumber) ? kProcessors : 0; }
KAFFINITY KeQueryActiveProcessors(VOID) { return (KAFFINITY{1} << kProcessors) - 1; }

NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber) {
  if (ProcIndex >= kProcessors) return STATUS_INVALID_PARAMETER;
  *ProcNumber = {0, static_cast<UCHAR>(ProcIndex), 0};
  return STATUS_SUCCESS;
}

ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber) {
  const bool known = ProcNumber->Group == 0 && ProcNumber->Number < kProcessors && ProcNumber->Reserved == 0;
  return known ? ProcNumber->Number : INVALID_PROCESSOR_INDEX;
}

VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance) {
  Runtime::enter("KeSetImportanceDpc");
  Dpc->Importance = static_cast<UCHAR>(Importance);
}

NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber) {
  Runtime::enter("KeSetTargetProcessorDpcEx");
  if (KeGetProcessorIndexFromNumber(ProcNumber) == INVALID_PROCESSOR_INDEX) return STATUS_INVALID_PARAMETER;
  Dpc->Number = static_cast<USHORT>(kTargeted + ProcNumber->Number);
  return STATUS_SUCCESS;
}

VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number) {
  const Runtime& runtime = Runtime::enter("KeSetTargetProcessorDpc");
  if (static_cast<UCHAR>(Number) >= kProcessors) {
    runtime.rule_broken(fmt::format("KeSetTargetProcessorDpc for processor {} of {}",
                                    static_cast<UCHAR>(Number), kProcessors));
  }
  Dpc->Number = static_cast<USHORT>(kTargeted + static_cast<UCHAR>(Number));
}

VOID KeGpudmarYieldProcessor(VOID) { Runtime::enter("YieldProcessor").time().wait(kYield); }

// Nobody looks into it: it has an address and a number.
PEPROCESS PsInitialSystemProcess = reinterpret_cast<PEPROCESS>(&PsInitialSystemProcess);

PEPROCESS IoGetCurrentProcess(VOID) {
  Runtime::enter("PsGetCurrentProcess");
  return PsInitialSystemProcess;
}

HANDLE PsGetProcessId(PEPROCESS Process) {
  const Runtime& runtime = Runtime::enter("PsGetProcessId");
  if (Process != PsInitialSystemProcess)
    runtime.rule_broken(fmt::format("PsGetProcessId of {}, which is no process", fmt::ptr(Process)));
  return reinterpret_cast<HANDLE>(wdk::kSystemProcessId);
}

HANDLE PsGetCurrentProcessId(VOID) {
  Runtime::enter("PsGetCurrentProcessId");
  return reinterpret_cast<HANDLE>(wdk::kSystemProcessId);
}

HANDLE PsGetCurrentThreadId(VOID) {
  Runtime& runtime = Runtime::enter("PsGetCurrentThreadId");
  const std::uintptr_t current = runtime.current_thread();
  for (const wdk::ThreadObject& thread : runtime.objects().threads)
    if (thread.running && thread.id == current) return thread.client_id;
  return reinterpret_cast<HANDLE>(current);  // of the kernel's own threads
}

BOOLEAN PsIsSystemThread(PETHREAD) { return TRUE; }

VOID KeQueryTickCount(PLARGE_INTEGER CurrentCount) {
  const Runtime& runtime = Runtime::enter("KeQueryTickCount");
  CurrentCount->QuadPart = static_cast<LONGLONG>(runtime.now_100ns() / KeQueryTimeIncrement());
}

ULONGLONG KeQueryUnbiasedInterruptTime(VOID) {
  return Runtime::enter("KeQueryUnbiasedInterruptTime").now_100ns();
}

}  // extern "C"
