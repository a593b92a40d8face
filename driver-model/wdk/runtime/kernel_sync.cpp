// SPDX-License-Identifier: Apache-2.0
// IRQL, spin locks, events, fast mutexes, waits and time of the kit. Threads of execution are cooperative:
// one gives way only where hardware time passes, so plain loads and stores between such places need no lock.
#include <fmt/format.h>

#include <cmath>

#include "driver-model/wdk/runtime/runtime.h"

using gpudmar::wdk::KernelRuleError;
using gpudmar::wdk::Runtime;
using gpudmar::wdk::WaitBoundExceeded;

namespace {

// Let time pass until `take` succeeds; it is tried again after each wake-up, since another waiter may have
// been faster. `ready` looks only. Throws WaitBoundExceeded.
template <typename Ready, typename Take>
void wait_bounded(Runtime& runtime, const void* object, const Ready& ready, const Take& take) {
  const std::uint64_t bound = runtime.options().infinite_wait_cycles;
  const std::uint64_t start = runtime.time().now();
  while (!take()) {
    const std::uint64_t gone = runtime.time().now() - start;
    if (gone >= bound || !runtime.time().wait_until(ready, bound - gone)) {
      throw WaitBoundExceeded(runtime.object_name(object), bound);
    }
  }
}

bool signalled(const KEVENT* event) {
  return __atomic_load_n(&event->Header.SignalState, __ATOMIC_ACQUIRE) != 0;
}

// A synchronization event releases one waiter and resets; a notification event stays.
bool consume(PRKEVENT event) {
  if (event->Header.Type == SynchronizationEvent) {
    return __atomic_exchange_n(&event->Header.SignalState, 0, __ATOMIC_ACQ_REL) != 0;
  }
  return signalled(event);
}

void require_at_most(Runtime& runtime, KIRQL level, const char* what) {
  if (runtime.irql() > level) {
    throw KernelRuleError(fmt::format("{} at IRQL {}, allowed up to {}", what, runtime.irql(), level));
  }
}

// The timeout of a wait in 100 ns from now.
std::uint64_t ticks_from_now(const Runtime& runtime, LONGLONG timeout) {
  if (timeout <= 0) return -static_cast<std::uint64_t>(timeout);
  const auto due = static_cast<std::uint64_t>(timeout);
  const std::uint64_t now = runtime.now_100ns();
  return due > now ? due - now : 0;
}

}  // namespace

extern "C" {

KIRQL KeGetCurrentIrql(VOID) { return Runtime::active().irql(); }

KIRQL KfRaiseIrql(KIRQL NewIrql) {
  Runtime& runtime = Runtime::active();
  if (NewIrql < runtime.irql()) {
    throw KernelRuleError(fmt::format("KeRaiseIrql from {} to the lower {}", runtime.irql(), NewIrql));
  }
  return runtime.set_irql(NewIrql);
}

VOID KeLowerIrql(KIRQL NewIrql) {
  Runtime& runtime = Runtime::active();
  if (NewIrql > runtime.irql()) {
    throw KernelRuleError(fmt::format("KeLowerIrql from {} to the higher {}", runtime.irql(), NewIrql));
  }
  runtime.set_irql(NewIrql);
}

KIRQL KeRaiseIrqlToDpcLevel(VOID) { return KfRaiseIrql(DISPATCH_LEVEL); }

VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock) { *SpinLock = 0; }

BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock) { return __atomic_load_n(SpinLock, __ATOMIC_ACQUIRE) == 0; }

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) {
  return __atomic_exchange_n(SpinLock, ULONG_PTR{1}, __ATOMIC_ACQUIRE) == 0;
}

VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) {
  Runtime& runtime = Runtime::active();
  wait_bounded(
      runtime, SpinLock, [SpinLock] { return KeTestSpinLock(SpinLock) != FALSE; },
      [SpinLock] { return KeTryToAcquireSpinLockAtDpcLevel(SpinLock) != FALSE; });
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock) {
  const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
  KeAcquireSpinLockAtDpcLevel(SpinLock);
  return old;
}

VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) {
  if (__atomic_exchange_n(SpinLock, ULONG_PTR{0}, __ATOMIC_RELEASE) == 0) {
    throw KernelRuleError(
        fmt::format("releasing {}, a spin lock that nobody holds", Runtime::active().object_name(SpinLock)));
  }
}

VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql) {
  KeReleaseSpinLockFromDpcLevel(SpinLock);
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
  return __atomic_exchange_n(&Event->Header.SignalState, 1, __ATOMIC_ACQ_REL);
}

LONG KeResetEvent(PRKEVENT Event) {
  return __atomic_exchange_n(&Event->Header.SignalState, 0, __ATOMIC_ACQ_REL);
}

VOID KeClearEvent(PRKEVENT Event) { KeResetEvent(Event); }

LONG KeReadStateEvent(PRKEVENT Event) { return signalled(Event) ? 1 : 0; }

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON, KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Timeout) {
  Runtime& runtime = Runtime::active();
  auto* event = static_cast<PRKEVENT>(Object);
  const bool poll = Timeout != nullptr && Timeout->QuadPart == 0;
  require_at_most(runtime, poll ? DISPATCH_LEVEL : APC_LEVEL, "KeWaitForSingleObject");
  if (consume(event)) return STATUS_SUCCESS;
  if (poll) return STATUS_TIMEOUT;

  const auto ready = [event] { return signalled(event); };
  if (Timeout == nullptr) {
    wait_bounded(runtime, event, ready, [event] { return consume(event); });
    return STATUS_SUCCESS;
  }
  const std::uint64_t budget = runtime.cycles_from_100ns(ticks_from_now(runtime, Timeout->QuadPart));
  const std::uint64_t start = runtime.time().now();
  for (;;) {
    const std::uint64_t gone = runtime.time().now() - start;
    if (gone >= budget) return STATUS_TIMEOUT;
    if (!runtime.time().wait_until(ready, budget - gone)) return STATUS_TIMEOUT;
    if (consume(event)) return STATUS_SUCCESS;
  }
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Interval) {
  Runtime& runtime = Runtime::active();
  require_at_most(runtime, APC_LEVEL, "KeDelayExecutionThread");
  runtime.time().wait(runtime.cycles_from_100ns(ticks_from_now(runtime, Interval->QuadPart)));
  return STATUS_SUCCESS;
}

VOID KeStallExecutionProcessor(ULONG MicroSeconds) {
  Runtime& runtime = Runtime::active();
  runtime.time().wait(runtime.cycles_from_100ns(std::uint64_t{MicroSeconds} * 10));
}

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency) {
  gpudmar::hw::Time& time = Runtime::active().time();
  if (PerformanceFrequency != nullptr) {
    PerformanceFrequency->QuadPart = std::llround(1e9 / time.cycle_ns());
  }
  LARGE_INTEGER counter;
  counter.QuadPart = static_cast<LONGLONG>(time.now());
  return counter;
}

ULONGLONG KeQueryInterruptTime(VOID) { return Runtime::active().now_100ns(); }

VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex) {
  *FastMutex = FAST_MUTEX{};
  FastMutex->Count = 1;
  KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
}

BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::active();
  require_at_most(runtime, APC_LEVEL, "ExTryToAcquireFastMutex");
  if (InterlockedCompareExchange(&FastMutex->Count, 0, 1) != 1) return FALSE;
  FastMutex->Owner = reinterpret_cast<PVOID>(runtime.current_thread());
  FastMutex->OldIrql = runtime.set_irql(APC_LEVEL);
  return TRUE;
}

VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::active();
  require_at_most(runtime, APC_LEVEL, "ExAcquireFastMutex");
  if (FastMutex->Count == 0 && FastMutex->Owner == reinterpret_cast<PVOID>(runtime.current_thread())) {
    throw KernelRuleError(
        fmt::format("{} is a fast mutex and its holder acquires it again", runtime.object_name(FastMutex)));
  }
  if (ExTryToAcquireFastMutex(FastMutex)) return;
  ++FastMutex->Contention;
  wait_bounded(
      runtime, FastMutex, [FastMutex] { return __atomic_load_n(&FastMutex->Count, __ATOMIC_ACQUIRE) == 1; },
      [FastMutex] { return ExTryToAcquireFastMutex(FastMutex) != FALSE; });
}

VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex) {
  Runtime& runtime = Runtime::active();
  if (FastMutex->Count != 0 || FastMutex->Owner != reinterpret_cast<PVOID>(runtime.current_thread())) {
    throw KernelRuleError(
        fmt::format("releasing {}, a fast mutex held by somebody else", runtime.object_name(FastMutex)));
  }
  FastMutex->Owner = nullptr;
  const auto old = static_cast<KIRQL>(FastMutex->OldIrql);
  InterlockedExchange(&FastMutex->Count, 1);
  runtime.set_irql(old);
}

}  // extern "C"
