// SPDX-License-Identifier: Apache-2.0
// Waiting for dispatcher objects: events, mutexes, semaphores, threads, timers.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::require_initialized;
using gpudmar::wdk::Runtime;
namespace wdk = gpudmar::wdk;

namespace {

PVOID thread_of(const Runtime& runtime) { return reinterpret_cast<PVOID>(runtime.current_thread()); }

// `thread`: the one that waits. The predicate of a wait runs elsewhere.
bool signalled(PVOID object, PVOID thread) {
  const auto* header = static_cast<const DISPATCHER_HEADER*>(object);
  if (header->Type == wdk::kMutant && static_cast<PKMUTEX>(object)->OwnerThread == thread) return true;
  return __atomic_load_n(&header->SignalState, __ATOMIC_ACQUIRE) > 0;
}

// What a successful wait does to the object.
void consume(PVOID object, PVOID thread) {
  auto* header = static_cast<DISPATCHER_HEADER*>(object);
  switch (header->Type) {
    case wdk::kSynchronizationEvent:
    case wdk::kSynchronizationTimer:
      header->SignalState = 0;
      break;
    case wdk::kSemaphore:
      --header->SignalState;
      break;
    case wdk::kMutant:
      --header->SignalState;
      static_cast<PKMUTEX>(object)->OwnerThread = static_cast<PKTHREAD>(thread);
      break;
    default:
      break;
  }
}

// Lets KePulseEvent find the waiter.
class Registration {
 public:
  Registration(Runtime& runtime, wdk::Waiter& waiter) : objects_(runtime.objects()), waiter_(waiter) {
    const std::lock_guard guard(objects_.waiters_mutex);
    objects_.waiters.push_back(&waiter_);
  }
  ~Registration() {
    const std::lock_guard guard(objects_.waiters_mutex);
    objects_.waiters.remove(&waiter_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  Runtime::Objects& objects_;
  wdk::Waiter& waiter_;
};

// Threads are cooperative, so looking and taking are one step.
template <typename Ready, typename Take>
NTSTATUS wait_for(Runtime& runtime, std::vector<const void*> objects, PLARGE_INTEGER timeout,
                  const Ready& signal, const Take& take) {
  NTSTATUS result = STATUS_TIMEOUT;
  wdk::Waiter waiter;
  const auto ready = [&] { return waiter.released || signal(); };
  const auto attempt = [&] {
    if (waiter.released) return true;
    if (!signal()) return false;
    result = take();
    return true;
  };
  if (attempt()) return result;
  const void* const name = objects.front();
  waiter.objects = std::move(objects);
  waiter.attempt = attempt;
  const Registration registration(runtime, waiter);
  if (timeout == nullptr) {
    runtime.wait_bounded(name, ready, attempt);
    return result;
  }
  if (timeout->QuadPart == 0) return STATUS_TIMEOUT;
  const std::uint64_t budget = runtime.cycles_from_now(timeout->QuadPart);
  const std::uint64_t start = runtime.time().now();
  for (;;) {
    const std::uint64_t gone = runtime.time().now() - start;
    if (gone >= budget) return STATUS_TIMEOUT;
    if (!runtime.time().wait_until(ready, budget - gone)) return STATUS_TIMEOUT;
    if (attempt()) return result;
  }
}

void check_level(const Runtime& runtime, PLARGE_INTEGER timeout, const char* routine) {
  const bool poll = timeout != nullptr && timeout->QuadPart == 0;
  runtime.require_at_most(poll ? DISPATCH_LEVEL : APC_LEVEL, routine);
}

}  // namespace

namespace gpudmar::wdk {

// The list of waiters begins as one that points to itself, which no memory does by chance; here nobody is
// ever put in it.
void require_initialized(const Runtime& runtime, const void* object, const char* what) {
  const auto& list = static_cast<const DISPATCHER_HEADER*>(object)->WaitListHead;
  if (list.Flink == &list && list.Blink == &list) return;
  runtime.rule_broken(
      fmt::format("{} with {}, which was never initialized or is a copy", what, runtime.object_name(object)));
}

}  // namespace gpudmar::wdk

extern "C" {

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON, KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Timeout) {
  Runtime& runtime = Runtime::enter("KeWaitForSingleObject");
  check_level(runtime, Timeout, "KeWaitForSingleObject");
  require_initialized(runtime, Object, "KeWaitForSingleObject");
  const PVOID thread = thread_of(runtime);
  return wait_for(
      runtime, {Object}, Timeout, [Object, thread] { return signalled(Object, thread); },
      [Object, thread]() -> NTSTATUS {
        consume(Object, thread);
        return STATUS_SUCCESS;
      });
}

NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON,
                                  KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Timeout,
                                  PKWAIT_BLOCK WaitBlockArray) {
  Runtime& runtime = Runtime::enter("KeWaitForMultipleObjects");
  check_level(runtime, Timeout, "KeWaitForMultipleObjects");
  if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS ||
      (Count > THREAD_WAIT_OBJECTS && WaitBlockArray == nullptr)) {
    runtime.rule_broken(fmt::format("KeWaitForMultipleObjects for {} objects{}", Count,
                                    WaitBlockArray == nullptr ? " without wait blocks" : ""));
  }
  for (ULONG i = 0; i < Count; ++i) require_initialized(runtime, Object[i], "KeWaitForMultipleObjects");
  const PVOID thread = thread_of(runtime);
  const auto ready = [=] {
    ULONG there = 0;
    for (ULONG i = 0; i < Count; ++i) there += signalled(Object[i], thread) ? 1 : 0;
    return WaitType == WaitAll ? there == Count : there != 0;
  };
  return wait_for(runtime, std::vector<const void*>(Object, Object + Count), Timeout, ready,
                  [=]() -> NTSTATUS {
                    for (ULONG i = 0; i < Count; ++i) {
                      if (!signalled(Object[i], thread)) continue;
                      consume(Object[i], thread);
                      if (WaitType == WaitAny) return static_cast<NTSTATUS>(i);  // STATUS_WAIT_0 + i
                    }
                    return STATUS_SUCCESS;
                  });
}

LONG KePulseEvent(PRKEVENT Event, KPRIORITY, BOOLEAN) {
  Runtime& runtime = Runtime::enter("KePulseEvent");
  runtime.require_at_most(DISPATCH_LEVEL, "KePulseEvent");
  require_initialized(runtime, Event, "KePulseEvent");
  Runtime::Objects& objects = runtime.objects();
  const LONG before = Event->Header.SignalState != 0 ? 1 : 0;
  Event->Header.SignalState = 1;
  const std::lock_guard guard(objects.waiters_mutex);
  for (wdk::Waiter* waiter : objects.waiters) {
    const auto& waits = waiter->objects;
    if (waiter->released || std::find(waits.begin(), waits.end(), Event) == waits.end()) continue;
    waiter->released = waiter->attempt();  // a synchronization event is gone with the first one
  }
  Event->Header.SignalState = 0;
  return before;
}

VOID KeInitializeMutex(PRKMUTEX Mutex, ULONG) {
  *Mutex = KMUTEX{};
  Mutex->Header.Type = wdk::kMutant;
  Mutex->Header.SignalState = 1;
  InitializeListHead(&Mutex->Header.WaitListHead);
}

LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN) {
  const Runtime& runtime = Runtime::enter("KeReleaseMutex");
  require_initialized(runtime, Mutex, "KeReleaseMutex");
  if (Mutex->OwnerThread != thread_of(runtime)) {
    runtime.rule_broken(
        fmt::format("releasing {}, a mutex held by somebody else", runtime.object_name(Mutex)));
  }
  const LONG before = Mutex->Header.SignalState++;
  if (Mutex->Header.SignalState == 1) Mutex->OwnerThread = nullptr;
  return before;
}

LONG KeReadStateMutex(PRKMUTEX Mutex) {
  Runtime::enter("KeReadStateMutex");
  return Mutex->Header.SignalState;
}

VOID KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit) {
  *Semaphore = KSEMAPHORE{};
  Semaphore->Header.Type = wdk::kSemaphore;
  Semaphore->Header.SignalState = Count;
  Semaphore->Limit = Limit;
  InitializeListHead(&Semaphore->Header.WaitListHead);
}

LONG KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY, LONG Adjustment, BOOLEAN) {
  const Runtime& runtime = Runtime::enter("KeReleaseSemaphore");
  require_initialized(runtime, Semaphore, "KeReleaseSemaphore");
  const LONG before = Semaphore->Header.SignalState;
  if (Adjustment <= 0 || Adjustment > Semaphore->Limit - before) {
    runtime.rule_broken(fmt::format("releasing {} by {} beyond its limit {}", runtime.object_name(Semaphore),
                                    Adjustment, Semaphore->Limit));
  }
  Semaphore->Header.SignalState = before + Adjustment;
  return before;
}

LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore) {
  Runtime::enter("KeReadStateSemaphore");
  return Semaphore->Header.SignalState;
}

}  // extern "C"
