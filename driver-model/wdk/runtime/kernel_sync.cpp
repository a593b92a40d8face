// SPDX-License-Identifier: Apache-2.0
// IRQL, spin locks, events, fast mutexes, waits and time of the kit. Threads of execution are cooperative:
// one gives way only where hardware time passes, so plain loads and stores between such places need no lock.
#include <fmt/format.h>

#include <cmath>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::acquire_spin_lock;
using gpudmar::wdk::require_at_least;
using gpudmar::wdk::Runtime;

namespace {

bool spin_free(const KSPIN_LOCK* lock) { return __atomic_load_n(lock, __ATOMIC_ACQUIRE) == 0; }

bool spin_take(Runtime& runtime, PKSPIN_LOCK lock, const void* site) {
  if (__atomic_exchange_n(lock, ULONG_PTR{1}, __ATOMIC_ACQUIRE) != 0) return false;
  Runtime::Objects& objects = runtime.objects();
  const std::lock_guard guard(objects.spin_mutex);
  objects.spin_held[lock] = {runtime.current_thread(), ++objects.spin_taken, site};
  return true;
}

bool spin_is_mine(Runtime& runtime, const KSPIN_LOCK* lock) {
  Runtime::Objects& objects = runtime.objects();
  const std::lock_guard guard(objects.spin_mutex);
  const auto hold = objects.spin_held.find(lock);
  return hold != objects.spin_held.end() && hold->second.thread == runtime.current_thread();
}

void spin_forget(Runtime& runtime, const KSPIN_LOCK* lock) {
  const std::lock_guard guard(runtime.objects().spin_mutex);
  runtime.objects().spin_held.erase(lock);
}

bool mutex_take(Runtime& runtime, PFAST_MUTEX mutex) {
  if (InterlockedCompareExchange(&mutex->Count, 0, 1) != 1) return false;
  mutex->Owner = reinterpret_cast<PVOID>(runtime.current_thread());
  mutex->OldIrql = runtime.set_irql(APC_LEVEL);
  return true;
}

}  // namespace

namespace gpudmar::wdk {

void acquire_spin_lock(Runtime& runtime, PKSPIN_LOCK lock, const void* site) {
  if (!spin_free(lock) && spin_is_mine(runtime, lock)) {
    runtime.rule_broken(
        fmt::format("{} is a spin lock and its holder acquires it again", runtime.object_name(lock)));
  }
  runtime.wait_bounded(
      lock, [lock] { return spin_free(lock); },
      [&runtime, lock, site] { return spin_take(runtime, lock, site); });
}

void release_spin_lock(Runtime& runtime, PKSPIN_LOCK lock) {
  spin_forget(runtime, lock);  // before the next one takes it
  if (__atomic_exchange_n(lock, ULONG_PTR{0}, __ATOMIC_RELEASE) == 0) {
    runtime.rule_broken(
        fmt::format("releasing {}, a spin lock that nobody holds", runtime.object_name(lock)));
  }
}

SpinLockWatch::SpinLockWatch(Runtime& runtime) : runtime_(runtime), regions_(regions_of(runtime)) {
  const std::lock_guard guard(runtime.objects().spin_mutex);
  before_ = runtime.objects().spin_taken;
}

void SpinLockWatch::returned(const std::string& routine) const {
  Runtime::Objects& objects = runtime_.objects();
  const std::uintptr_t thread = runtime_.current_thread();
  const void* lock = nullptr;
  {
    const std::lock_guard guard(objects.spin_mutex);
    for (const auto& [address, hold] : objects.spin_held) {
      if (hold.thread != thread || hold.number <= before_) continue;
      lock = address;
      objects.rule_site = hold.site;
    }
    for (const ReaderWriterHold& entry : objects.reader_writer_held) {
      if (entry.hold.thread != thread || entry.hold.number <= before_) continue;
      lock = entry.lock;
      objects.rule_site = entry.hold.site;
    }
  }
  if (lock != nullptr)
    runtime_.rule_broken(
        fmt::format("{} returns and holds {}, a spin lock", routine, runtime_.object_name(lock)));
  const Regions now = regions_of(runtime_);
  if (now.critical > regions_.critical || now.guarded > regions_.guarded) {
    runtime_.rule_broken(fmt::format("{} returns and is in a {} region that it entered", routine,
                                     now.guarded > regions_.guarded ? "guarded" : "critical"));
  }
}

}  // namespace gpudmar::wdk

extern "C" {

KIRQL KeGetCurrentIrql(VOID) { return Runtime::active().irql(); }  // PAGED_CODE: takes no time

KIRQL KfRaiseIrql(KIRQL NewIrql) {
  Runtime& runtime = Runtime::enter("KfRaiseIrql");
  if (NewIrql < runtime.irql()) {
    runtime.rule_broken(fmt::format("KeRaiseIrql from {} to the lower {}", runtime.irql(), NewIrql));
  }
  return runtime.set_irql(NewIrql);
}

VOID KeLowerIrql(KIRQL NewIrql) {
  Runtime& runtime = Runtime::enter("KeLowerIrql");
  if (NewIrql > runtime.irql()) {
    runtime.rule_broken(fmt::format("KeLowerIrql from {} to the higher {}", runtime.irql(), NewIrql));
  }
  runtime.set_irql(NewIrql);
}

KIRQL KeRaiseIrqlToDpcLevel(VOID) { return KfRaiseIrql(DISPATCH_LEVEL); }

VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock) {
  *SpinLock = 0;
  if (Runtime* runtime = Runtime::active_or_null(); runtime != nullptr) spin_forget(*runtime, SpinLock);
}

BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock) {
  Runtime::enter("KeTestSpinLock");
  return spin_free(SpinLock);
}

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) {
  Runtime& runtime = Runtime::enter("KeTryToAcquireSpinLockAtDpcLevel");
  require_at_least(runtime, DISPATCH_LEVEL, "KeTryToAcquireSpinLockAtDpcLevel");
  return spin_take(runtime, SpinLock, __builtin_return_address(0));
}

VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) {
  Runtime& runtime = Runtime::enter("KeAcquireSpinLockAtDpcLevel");
  require_at_least(runtime, DISPATCH_LEVEL, "KeAcquireSpinLockAtDpcLevel");
  acquire_spin_lock(runtime, SpinLock, __builtin_return_address(0));
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock) {
  const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
  acquire_spin_lock(Runtime::enter("KeAcquireSpinLockRaiseToDpc"), SpinLock, __builtin_return_address(0));
  return old;
}

VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) {
  Runtime& runtime = Runtime::enter("KeReleaseSpinLockFromDpcLevel");
  require_at_least(runtime, DISPATCH_LEVEL, "KeReleaseSpinLockFromDpcLevel");
  gpudmar::wdk::release_spin_lock(runtime, SpinLock);
}

VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql) {
  Runtime& runtime = Runtime::enter("KeReleaseSpinLock");
  require_at_least(runtime, DISPATCH_LEVEL, "KeReleaseSpinLock");
  gpudmar::wdk::release_spin_lock(runtime, SpinLock);
  KeLowerIrql(NewIrql);
}

VOID KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State) {
  *Event = KEVENT{};
  Event->Header.Type = static_cast<UCHAR>(Type);
  Event->Header.Size = sizeof(KEVENT) / 4;
  Event->Header.SignalState = State != FALSE;
  InitializeListHead(&Event->Header.WaitListHead);
}

LONG KeSetEvent(PRKEVENT Event, KPRIORITY, BOOLEAN) {
  const Runtime& runtime = Runtime::enter("KeSetEvent");
  runtime.require_at_most(DISPATCH_LEVEL, "KeSetEvent");
  gpudmar::wdk::require_initialized(runtime, Event, "KeSetEvent");
  return __atomic_exchange_n(&Event->Header.SignalState, 1, __ATOMIC_ACQ_REL);
}

LONG KeResetEvent(PRKEVENT Event) {
  return __atomic_exchange_n(&Event->Header.SignalState, 0, __ATOMIC_ACQ_REL);
}

VOID KeClearEvent(PRKEVENT Event) { KeResetEvent(Event); }

LONG KeReadStateEvent(PRKEVENT Event) {
  Runtime::enter("KeReadStateEvent");
  return __atomic_load_n(&Event->Header.SignalState, __ATOMIC_ACQUIRE) != 0 ? 1 : 0;
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Interval) {
  Runtime& runtime = Runtime::enter("KeDelayExecutionThread");
  runtime.require_at_most(APC_LEVEL, "KeDelayExecutionThread");
  runtime.time().wait(runtime.cycles_from_now(Interval->QuadPart));
  return STATUS_SUCCESS;
}

VOID KeStallExecutionProcessor(ULONG MicroSeconds) {
  Runtime& runtime = Runtime::enter("KeStallExecutionProcessor");
  runtime.time().wait(runtime.cycles_from_100ns(std::uint64_t{MicroSeconds} * 10));
}

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency) {
  gpudmar::hw::Time& time = Runtime::enter("KeQueryPerformanceCounter").time();
  if (PerformanceFrequency != nullptr) {
    PerformanceFrequency->QuadPart = std::llround(1e9 / time.cycle_ns());
  }
  LARGE_INTEGER counter;
  counter.QuadPart = static_cast<LONGLONG>(time.now());
  return counter;
}

ULONGLONG KeQueryInterruptTime(VOID) { return Runtime::enter("KeQueryInterruptTime").now_100ns(); }

ULONG64 KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp) {
  const Runtime& runtime = Runtime::enter("KeQueryInterruptTimePrecise");
  if (QpcTimeStamp != nullptr) *QpcTimeStamp = runtime.time().now();
  return runtime.now_100ns();
}

VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime) {
  CurrentTime->QuadPart = static_cast<LONGLONG>(Runtime::enter("KeQuerySystemTimePrecise").now_100ns());
}

// One tick of the system's clock: 15.625 ms.
ULONG KeQueryTimeIncrement(VOID) { return 156'250; }

VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex) {
  *FastMutex = FAST_MUTEX{};
  FastMutex->Count = 1;
  KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
}

BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::enter("ExTryToAcquireFastMutex");
  runtime.require_at_most(APC_LEVEL, "ExTryToAcquireFastMutex");
  return mutex_take(runtime, FastMutex);
}

VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::enter("ExAcquireFastMutex");
  runtime.require_at_most(APC_LEVEL, "ExAcquireFastMutex");
  if (FastMutex->Count == 0 && FastMutex->Owner == reinterpret_cast<PVOID>(runtime.current_thread())) {
    runtime.rule_broken(
        fmt::format("{} is a fast mutex and its holder acquires it again", runtime.object_name(FastMutex)));
  }
  if (mutex_take(runtime, FastMutex)) return;
  ++FastMutex->Contention;
  runtime.wait_bounded(
      FastMutex, [FastMutex] { return __atomic_load_n(&FastMutex->Count, __ATOMIC_ACQUIRE) == 1; },
      [&runtime, FastMutex] { return mutex_take(runtime, FastMutex); });
}

VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::enter("ExReleaseFastMutex");
  if (FastMutex->Count != 0 || FastMutex->Owner != reinterpret_cast<PVOID>(runtime.current_thread())) {
    runtime.rule_broken(
        fmt::format("releasing {}, a fast mutex held by somebody else", runtime.object_name(FastMutex)));
  }
  FastMutex->Owner = nullptr;
  const auto old = static_cast<KIRQL>(FastMutex->OldIrql);
  InterlockedExchange(&FastMutex->Count, 1);
  runtime.set_irql(old);
}

}  // extern "C"
