// SPDX-License-Identifier: Apache-2.0
// Queued spin locks, resources, rundown protection.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::acquire_spin_lock;
using gpudmar::wdk::Runtime;

namespace {

constexpr ULONG_PTR kRundownActive = 1;  // in Count: nobody gets in any more; references count by twos

bool take_exclusive(Runtime& runtime, PERESOURCE resource) {
  const auto me = reinterpret_cast<PVOID>(runtime.current_thread());
  const bool mine = resource->Exclusive != 0 && resource->Owner == me;
  if (!mine && (resource->Exclusive != 0 || resource->Shared != 0)) return false;
  resource->Owner = me;
  ++resource->Exclusive;
  return true;
}

bool take_shared(Runtime& runtime, PERESOURCE resource) {
  // Its exclusive holder gets it once more, exclusively.
  if (resource->Exclusive != 0) return take_exclusive(runtime, resource);
  ++resource->Shared;
  return true;
}

}  // namespace

extern "C" {

VOID KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle) {
  Runtime& runtime = Runtime::enter("KeAcquireInStackQueuedSpinLockAtDpcLevel");
  gpudmar::wdk::require_at_least(runtime, DISPATCH_LEVEL, "KeAcquireInStackQueuedSpinLockAtDpcLevel");
  acquire_spin_lock(runtime, SpinLock, __builtin_return_address(0));
  LockHandle->LockQueue.Lock = SpinLock;
}

VOID KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle) {
  KeReleaseSpinLockFromDpcLevel(LockHandle->LockQueue.Lock);
}

VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle) {
  LockHandle->OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
  acquire_spin_lock(Runtime::enter("KeAcquireInStackQueuedSpinLock"), SpinLock, __builtin_return_address(0));
  LockHandle->LockQueue.Lock = SpinLock;
}

VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle) {
  KeReleaseSpinLock(LockHandle->LockQueue.Lock, LockHandle->OldIrql);
}

NTSTATUS ExInitializeResourceLite(PERESOURCE Resource) {
  *Resource = ERESOURCE{};
  return STATUS_SUCCESS;
}

NTSTATUS ExDeleteResourceLite(PERESOURCE Resource) {
  const Runtime& runtime = Runtime::enter("ExDeleteResourceLite");
  if (Resource->Exclusive != 0 || Resource->Shared != 0) {
    runtime.rule_broken(fmt::format("deleting {}, a resource that is held", runtime.object_name(Resource)));
  }
  return STATUS_SUCCESS;
}

BOOLEAN ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait) {
  Runtime& runtime = Runtime::enter("ExAcquireResourceExclusiveLite");
  runtime.require_at_most(APC_LEVEL, "ExAcquireResourceExclusiveLite");
  if (take_exclusive(runtime, Resource)) return TRUE;
  if (!Wait) return FALSE;
  runtime.wait_bounded(
      Resource, [Resource] { return Resource->Exclusive == 0 && Resource->Shared == 0; },
      [&runtime, Resource] { return take_exclusive(runtime, Resource); });
  return TRUE;
}

BOOLEAN ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait) {
  Runtime& runtime = Runtime::enter("ExAcquireResourceSharedLite");
  runtime.require_at_most(APC_LEVEL, "ExAcquireResourceSharedLite");
  if (take_shared(runtime, Resource)) return TRUE;
  if (!Wait) return FALSE;
  runtime.wait_bounded(
      Resource, [Resource] { return Resource->Exclusive == 0; },
      [&runtime, Resource] { return take_shared(runtime, Resource); });
  return TRUE;
}

VOID ExReleaseResourceLite(PERESOURCE Resource) {
  const Runtime& runtime = Runtime::enter("ExReleaseResourceLite");
  if (Resource->Exclusive != 0 && Resource->Owner == reinterpret_cast<PVOID>(runtime.current_thread())) {
    if (--Resource->Exclusive == 0) Resource->Owner = nullptr;
  } else if (Resource->Shared != 0) {
    --Resource->Shared;
  } else {
    runtime.rule_broken(
        fmt::format("releasing {}, a resource that the thread does not hold", runtime.object_name(Resource)));
  }
}

VOID ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef) { RunRef->Count = 0; }

BOOLEAN ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef) {
  Runtime::enter("ExAcquireRundownProtection");
  if ((RunRef->Count & kRundownActive) != 0) return FALSE;
  RunRef->Count += 2;
  return TRUE;
}

VOID ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef) {
  const Runtime& runtime = Runtime::enter("ExReleaseRundownProtection");
  if (RunRef->Count < 2) runtime.rule_broken("releasing rundown protection that nobody holds");
  RunRef->Count -= 2;
}

VOID ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef) {
  Runtime& runtime = Runtime::enter("ExWaitForRundownProtectionRelease");
  runtime.require_at_most(APC_LEVEL, "ExWaitForRundownProtectionRelease");
  RunRef->Count |= kRundownActive;
  const auto gone = [RunRef] { return RunRef->Count == kRundownActive; };
  runtime.wait_bounded(RunRef, gone, gone);
}

}  // extern "C"
