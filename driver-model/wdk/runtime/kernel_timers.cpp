// SPDX-License-Identifier: Apache-2.0
// DPCs and timers. Each DPC runs in a thread of execution of its own, as on a processor that was free.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::IrqlRaise;
using gpudmar::wdk::Runtime;

namespace gpudmar::wdk {
namespace {

void require_routine(const Runtime& runtime, const KDPC* dpc, const char* what) {
  if (dpc->DeferredRoutine != nullptr) return;
  runtime.rule_broken(fmt::format("{} {}, a DPC that was never initialized", what, runtime.object_name(dpc)));
}

}  // namespace

bool queue_dpc(Runtime& runtime, PRKDPC dpc, PVOID argument1, PVOID argument2) {
  require_routine(runtime, dpc, "queueing");
  if (dpc->DpcData != nullptr) return false;
  dpc->DpcData = dpc;
  dpc->SystemArgument1 = argument1;
  dpc->SystemArgument2 = argument2;
  ++runtime.objects().dpcs_pending;
  spawn(runtime, "DPC", [&runtime, dpc] {
    if (dpc->DpcData != nullptr) {
      ULONG number = 0;
      const ULONG* target = target_processor(*dpc, number);
      if (target != nullptr) take_processor(runtime, target);
      dpc->DpcData = nullptr;
      const IrqlRaise raised(runtime, DISPATCH_LEVEL);
      const SpinLockWatch locks(runtime);
      dpc->DeferredRoutine(dpc, dpc->DeferredContext, dpc->SystemArgument1, dpc->SystemArgument2);
      locks.returned("a DPC routine");
    }
    --runtime.objects().dpcs_pending;
  });
  return true;
}

}  // namespace gpudmar::wdk

namespace {

constexpr LONGLONG kTicksPerMs = 10'000;

// The life of a set timer; whoever cancels it or sets it again takes its generation away.
void run_timer(Runtime& runtime, PKTIMER timer, std::uint64_t generation, std::uint64_t cycles,
               LONG period_ms) {
  auto& timers = runtime.objects().timers;
  const auto taken = [&timers, timer, generation] {
    const auto entry = timers.find(timer);
    return entry == timers.end() || entry->second != generation;
  };
  for (;;) {
    if (runtime.time().wait_until(taken, cycles)) return;
    timer->Header.SignalState = 1;
    PKDPC dpc = timer->Dpc;
    if (period_ms == 0) {
      timers.erase(timer);
      runtime.take_back("timer", timer);
    }
    if (dpc != nullptr) queue_dpc(runtime, dpc, nullptr, nullptr);
    if (period_ms == 0) return;
    cycles = runtime.cycles_from_100ns(static_cast<std::uint64_t>(period_ms * kTicksPerMs));
  }
}

}  // namespace

extern "C" {

VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext) {
  *Dpc = KDPC{};
  Dpc->DeferredRoutine = DeferredRoutine;
  Dpc->DeferredContext = DeferredContext;
}

BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2) {
  return queue_dpc(Runtime::enter("KeInsertQueueDpc"), Dpc, SystemArgument1, SystemArgument2);
}

BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc) {
  Runtime::enter("KeRemoveQueueDpc");
  const bool queued = Dpc->DpcData != nullptr;
  Dpc->DpcData = nullptr;
  return queued;
}

VOID KeFlushQueuedDpcs(VOID) {
  Runtime& runtime = Runtime::enter("KeFlushQueuedDpcs");
  runtime.require_at_most(PASSIVE_LEVEL, "KeFlushQueuedDpcs");
  const auto none = [&runtime] { return runtime.objects().dpcs_pending == 0; };
  runtime.wait_bounded(&runtime, none, none);
}

VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type) {
  *Timer = KTIMER{};
  Timer->Header.Type =
      Type == NotificationTimer ? gpudmar::wdk::kNotificationTimer : gpudmar::wdk::kSynchronizationTimer;
  InitializeListHead(&Timer->Header.WaitListHead);
}

VOID KeInitializeTimer(PKTIMER Timer) { KeInitializeTimerEx(Timer, NotificationTimer); }

BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc) {
  Runtime& runtime = Runtime::enter("KeSetTimerEx");
  runtime.require_at_most(DISPATCH_LEVEL, "KeSetTimerEx");
  gpudmar::wdk::require_initialized(runtime, Timer, "KeSetTimerEx");
  if (Dpc != nullptr) gpudmar::wdk::require_routine(runtime, Dpc, "a timer for");
  Runtime::Objects& objects = runtime.objects();
  const bool was_set = objects.timers.count(Timer) != 0;
  const std::uint64_t generation = ++objects.timer_generation;
  objects.timers[Timer] = generation;
  if (!was_set) runtime.lend("timer", Timer);
  Timer->Header.SignalState = 0;
  Timer->Dpc = Dpc;
  Timer->Period = static_cast<ULONG>(Period);
  const std::uint64_t cycles = runtime.cycles_from_now(DueTime.QuadPart);
  spawn(runtime, "timer", [&runtime, Timer, generation, cycles, Period] {
    run_timer(runtime, Timer, generation, cycles, Period);
  });
  return was_set;
}

BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc) {
  return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

BOOLEAN KeCancelTimer(PKTIMER Timer) {
  Runtime& runtime = Runtime::enter("KeCancelTimer");
  if (runtime.objects().timers.erase(Timer) == 0) return FALSE;
  runtime.take_back("timer", Timer);
  return TRUE;
}

BOOLEAN KeReadStateTimer(PKTIMER Timer) {
  Runtime::enter("KeReadStateTimer");
  return Timer->Header.SignalState > 0;
}

}  // extern "C"
