// SPDX-License-Identifier: Apache-2.0
// Regions without asynchronous procedure calls, and the locks that want one: push locks and guarded mutexes.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::PushLockHold;
using gpudmar::wdk::Regions;
using gpudmar::wdk::regions_of;
using gpudmar::wdk::Runtime;

namespace gpudmar::wdk {

Regions regions_of(Runtime& runtime) {
  Runtime::Objects& objects = runtime.objects();
  const std::lock_guard guard(objects.regions_mutex);
  const auto entry = objects.regions.find(runtime.current_thread());
  return entry == objects.regions.end() ? Regions{} : entry->second;
}

}  // namespace gpudmar::wdk

namespace {

// There are no such calls to hold off: who is where is counted, since other routines want it.
void enter_region(Runtime& runtime, unsigned Regions::*kind) {
  Runtime::Objects& objects = runtime.objects();
  const std::lock_guard guard(objects.regions_mutex);
  ++(objects.regions[runtime.current_thread()].*kind);
}

void leave_region(Runtime& runtime, unsigned Regions::*kind, const char* routine) {
  if (regions_of(runtime).*kind == 0) {
    runtime.rule_broken(fmt::format("{} without having entered one", routine));
  }
  Runtime::Objects& objects = runtime.objects();
  const std::lock_guard guard(objects.regions_mutex);
  const auto entry = objects.regions.find(runtime.current_thread());
  --(entry->second.*kind);
  if (entry->second.critical == 0 && entry->second.guarded == 0) objects.regions.erase(entry);
}

void require_no_apcs(Runtime& runtime, const char* routine) {
  const Regions regions = regions_of(runtime);
  if (regions.critical == 0 && regions.guarded == 0 && runtime.irql() < APC_LEVEL) {
    runtime.rule_broken(
        fmt::format("{} outside a critical region: KeEnterCriticalRegion comes first", routine));
  }
}

Runtime& enter_push_lock(const char* routine) {
  Runtime& runtime = Runtime::enter(routine);
  runtime.require_at_most(APC_LEVEL, routine);
  require_no_apcs(runtime, routine);
  return runtime;
}

// The word is opaque to drivers; it says here whether it is a lock that we know of.
PushLockHold& hold_of(Runtime& runtime, PEX_PUSH_LOCK lock, const char* routine) {
  PushLockHold& hold = runtime.objects().push_locks[lock];
  const bool held = hold.exclusive != 0 || !hold.shared.empty();
  if ((*lock != 0) != held) {
    runtime.rule_broken(fmt::format("{} of {}, which was not initialized or was overwritten", routine,
                                    runtime.object_name(lock)));
  }
  return hold;
}

bool take_exclusive(Runtime& runtime, PEX_PUSH_LOCK lock, const char* routine) {
  PushLockHold& hold = hold_of(runtime, lock, routine);
  const std::uintptr_t me = runtime.current_thread();
  if (hold.exclusive == me || hold.shared.count(me) != 0) {
    runtime.rule_broken(
        fmt::format("{} is a push lock and its holder acquires it exclusively", runtime.object_name(lock)));
  }
  if (hold.exclusive != 0 || !hold.shared.empty()) return false;
  hold.exclusive = me;
  *lock = 1;
  return true;
}

bool take_shared(Runtime& runtime, PEX_PUSH_LOCK lock, const char* routine) {
  PushLockHold& hold = hold_of(runtime, lock, routine);
  const std::uintptr_t me = runtime.current_thread();
  if (hold.exclusive == me) {
    runtime.rule_broken(fmt::format("{} is a push lock and its exclusive holder acquires it again",
                                    runtime.object_name(lock)));
  }
  const bool again = hold.shared.count(me) != 0;
  if (hold.exclusive != 0 || (hold.exclusive_waiters != 0 && !again)) return false;
  ++hold.shared[me];
  *lock = 1;
  return true;
}

// Counts who waits for exclusive access, also when the wait is given up.
class ExclusiveWaiter {
 public:
  explicit ExclusiveWaiter(unsigned& count) : count_(count) { ++count_; }
  ~ExclusiveWaiter() { --count_; }
  ExclusiveWaiter(const ExclusiveWaiter&) = delete;
  ExclusiveWaiter& operator=(const ExclusiveWaiter&) = delete;

 private:
  unsigned& count_;
};

void release_exclusive(Runtime& runtime, PEX_PUSH_LOCK lock) {
  auto& locks = runtime.objects().push_locks;
  const auto hold = locks.find(lock);
  if (hold == locks.end() || hold->second.exclusive != runtime.current_thread()) {
    runtime.rule_broken(fmt::format("releasing {}, a push lock that the thread does not hold exclusively",
                                    runtime.object_name(lock)));
  }
  hold->second.exclusive = 0;
  *lock = 0;
}

void release_shared(Runtime& runtime, PEX_PUSH_LOCK lock) {
  auto& locks = runtime.objects().push_locks;
  const auto hold = locks.find(lock);
  const auto mine = hold == locks.end() ? std::map<std::uintptr_t, unsigned>::iterator()
                                        : hold->second.shared.find(runtime.current_thread());
  if (hold == locks.end() || mine == hold->second.shared.end()) {
    runtime.rule_broken(fmt::format("releasing {}, a push lock that the thread does not hold shared",
                                    runtime.object_name(lock)));
  }
  if (--mine->second == 0) hold->second.shared.erase(mine);
  if (hold->second.shared.empty()) *lock = 0;
}

bool guarded_take(Runtime& runtime, PKGUARDED_MUTEX mutex) {
  if (InterlockedCompareExchange(&mutex->Count, 0, 1) != 1) return false;
  mutex->Owner = reinterpret_cast<PVOID>(runtime.current_thread());
  return true;
}

void guarded_acquire(Runtime& runtime, PKGUARDED_MUTEX mutex) {
  if (mutex->Count == 0 && mutex->Owner == reinterpret_cast<PVOID>(runtime.current_thread())) {
    runtime.rule_broken(
        fmt::format("{} is a mutex and its holder acquires it again", runtime.object_name(mutex)));
  }
  if (guarded_take(runtime, mutex)) return;
  ++mutex->Contention;
  runtime.wait_bounded(
      mutex, [mutex] { return __atomic_load_n(&mutex->Count, __ATOMIC_ACQUIRE) == 1; },
      [&runtime, mutex] { return guarded_take(runtime, mutex); });
}

void guarded_release(Runtime& runtime, PKGUARDED_MUTEX mutex) {
  if (mutex->Count != 0 || mutex->Owner != reinterpret_cast<PVOID>(runtime.current_thread())) {
    runtime.rule_broken(
        fmt::format("releasing {}, a mutex held by somebody else", runtime.object_name(mutex)));
  }
  mutex->Owner = nullptr;
  InterlockedExchange(&mutex->Count, 1);
}

}  // namespace

extern "C" {

VOID KeEnterCriticalRegion(VOID) {
  Runtime& runtime = Runtime::enter("KeEnterCriticalRegion");
  runtime.require_at_most(APC_LEVEL, "KeEnterCriticalRegion");
  enter_region(runtime, &Regions::critical);
}

VOID KeLeaveCriticalRegion(VOID) {
  Runtime& runtime = Runtime::enter("KeLeaveCriticalRegion");
  runtime.require_at_most(APC_LEVEL, "KeLeaveCriticalRegion");
  leave_region(runtime, &Regions::critical, "KeLeaveCriticalRegion");
}

VOID KeEnterGuardedRegion(VOID) {
  Runtime& runtime = Runtime::enter("KeEnterGuardedRegion");
  runtime.require_at_most(APC_LEVEL, "KeEnterGuardedRegion");
  enter_region(runtime, &Regions::guarded);
}

VOID KeLeaveGuardedRegion(VOID) {
  Runtime& runtime = Runtime::enter("KeLeaveGuardedRegion");
  runtime.require_at_most(APC_LEVEL, "KeLeaveGuardedRegion");
  leave_region(runtime, &Regions::guarded, "KeLeaveGuardedRegion");
}

BOOLEAN KeAreApcsDisabled(VOID) {
  Runtime& runtime = Runtime::enter("KeAreApcsDisabled");
  const Regions regions = regions_of(runtime);
  return regions.critical != 0 || regions.guarded != 0 || runtime.irql() >= APC_LEVEL;
}

BOOLEAN KeAreAllApcsDisabled(VOID) {
  Runtime& runtime = Runtime::enter("KeAreAllApcsDisabled");
  return regions_of(runtime).guarded != 0 || runtime.irql() >= APC_LEVEL;
}

VOID ExInitializePushLock(PEX_PUSH_LOCK PushLock) {
  PushLockHold& hold = Runtime::enter("ExInitializePushLock").objects().push_locks[PushLock];
  hold.exclusive = 0;
  hold.shared.clear();
  *PushLock = 0;
}

VOID ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG) {
  constexpr const char* kRoutine = "ExAcquirePushLockExclusive";
  Runtime& runtime = enter_push_lock(kRoutine);
  if (take_exclusive(runtime, PushLock, kRoutine)) return;
  const ExclusiveWaiter waiter(hold_of(runtime, PushLock, kRoutine).exclusive_waiters);
  runtime.wait_bounded(
      PushLock, [PushLock] { return *PushLock == 0; },
      [&runtime, PushLock] { return take_exclusive(runtime, PushLock, kRoutine); });
}

VOID ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG) {
  constexpr const char* kRoutine = "ExAcquirePushLockShared";
  Runtime& runtime = enter_push_lock(kRoutine);
  if (take_shared(runtime, PushLock, kRoutine)) return;
  const PushLockHold& hold = hold_of(runtime, PushLock, kRoutine);
  runtime.wait_bounded(
      PushLock, [&hold] { return hold.exclusive == 0 && hold.exclusive_waiters == 0; },
      [&runtime, PushLock] { return take_shared(runtime, PushLock, kRoutine); });
}

BOOLEAN ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG) {
  constexpr const char* kRoutine = "ExTryAcquirePushLockExclusive";
  return take_exclusive(enter_push_lock(kRoutine), PushLock, kRoutine);
}

BOOLEAN ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG) {
  constexpr const char* kRoutine = "ExTryAcquirePushLockShared";
  return take_shared(enter_push_lock(kRoutine), PushLock, kRoutine);
}

VOID ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG) {
  release_exclusive(Runtime::enter("ExReleasePushLockExclusive"), PushLock);
}

VOID ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG) {
  release_shared(Runtime::enter("ExReleasePushLockShared"), PushLock);
}

VOID ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG) {
  Runtime& runtime = Runtime::enter("ExReleasePushLock");
  const auto& locks = runtime.objects().push_locks;
  const auto hold = locks.find(PushLock);
  if (hold != locks.end() && hold->second.exclusive != 0)
    release_exclusive(runtime, PushLock);
  else
    release_shared(runtime, PushLock);
}

VOID KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex) { ExInitializeFastMutex(Mutex); }

VOID KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) {
  Runtime& runtime = Runtime::enter("KeAcquireGuardedMutex");
  runtime.require_at_most(APC_LEVEL, "KeAcquireGuardedMutex");
  guarded_acquire(runtime, Mutex);
  enter_region(runtime, &Regions::guarded);
}

BOOLEAN KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex) {
  Runtime& runtime = Runtime::enter("KeTryToAcquireGuardedMutex");
  runtime.require_at_most(APC_LEVEL, "KeTryToAcquireGuardedMutex");
  if (!guarded_take(runtime, Mutex)) return FALSE;
  enter_region(runtime, &Regions::guarded);
  return TRUE;
}

VOID KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex) {
  Runtime& runtime = Runtime::enter("KeReleaseGuardedMutex");
  runtime.require_at_most(APC_LEVEL, "KeReleaseGuardedMutex");
  guarded_release(runtime, Mutex);
  leave_region(runtime, &Regions::guarded, "KeReleaseGuardedMutex");
}

VOID KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) {
  Runtime& runtime = Runtime::enter("KeAcquireGuardedMutexUnsafe");
  runtime.require_at_most(APC_LEVEL, "KeAcquireGuardedMutexUnsafe");
  if (regions_of(runtime).guarded == 0 && runtime.irql() < APC_LEVEL) {
    runtime.rule_broken("KeAcquireGuardedMutexUnsafe outside a guarded region and below APC_LEVEL");
  }
  guarded_acquire(runtime, Mutex);
}

VOID KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) {
  guarded_release(Runtime::enter("KeReleaseGuardedMutexUnsafe"), Mutex);
}

VOID ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::enter("ExAcquireFastMutexUnsafe");
  runtime.require_at_most(APC_LEVEL, "ExAcquireFastMutexUnsafe");
  require_no_apcs(runtime, "ExAcquireFastMutexUnsafe");
  guarded_acquire(runtime, FastMutex);
}

VOID ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex) {
  guarded_release(Runtime::enter("ExReleaseFastMutexUnsafe"), FastMutex);
}

}  // extern "C"
