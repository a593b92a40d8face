// SPDX-License-Identifier: Apache-2.0
// What the runtime keeps about threads, timers, DPCs, work items and MDL mappings.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::wdk {

/// Dispatcher objects by Header.Type, as the kit numbers them.
enum ObjectType : UCHAR {
  kNotificationEvent = 0,
  kSynchronizationEvent = 1,
  kMutant = 2,
  kSemaphore = 5,
  kThread = 6,
  kNotificationTimer = 8,
  kSynchronizationTimer = 9
};

/// A system thread. Alive while it runs or somebody has a handle or a reference.
struct ThreadObject {
  DISPATCHER_HEADER header{};
  std::uintptr_t id = 0;  // current_thread() of it, once it runs
  HANDLE handle = nullptr;
  HANDLE client_id = nullptr;  // the handle that it was made with
  LONG references = 0;
  bool running = false;
};

/// Who holds a spin lock.
struct SpinLockHold {
  std::uintptr_t thread = 0;   // current_thread() of the holder
  std::uint64_t number = 0;    // locks are counted as they are taken
  const void* site = nullptr;  // where the driver goes on behind the call
};

/// The same of a reader-writer spin lock; several, while it is shared.
struct ReaderWriterHold {
  const void* lock = nullptr;
  SpinLockHold hold;
  bool exclusive = false;
};

/// Who holds a push lock.
struct PushLockHold {
  std::uintptr_t exclusive = 0;               // thread; 0: nobody
  std::map<std::uintptr_t, unsigned> shared;  // thread to how often
  unsigned exclusive_waiters = 0;             // they go first
};

/// How deep a thread is in regions without asynchronous procedure calls.
struct Regions {
  unsigned critical = 0;
  unsigned guarded = 0;
};

/// A lookaside list that is in use.
struct LookasideState {
  std::set<const void*> given;  // entries that the driver has
  std::vector<PVOID> kept;      // those that it freed; the last one goes out first
};

/// A thread in a wait. KePulseEvent ends it from outside.
struct Waiter {
  std::vector<const void*> objects;
  std::function<bool()> attempt;  // takes what is waited for
  bool released = false;
};

/// The process that all of a driver runs in.
inline constexpr std::uintptr_t kSystemProcessId = 4;

/// Processors of this machine.
inline constexpr ULONG kProcessors = 4;

/// Leaves a system thread through its driver's frames.
struct ThreadExit {};

struct Runtime::Objects {
  std::list<ThreadObject> threads;
  std::map<const KTIMER*, std::uint64_t> timers;  // set ones, with their generation
  std::uint64_t timer_generation = 0;
  std::uint64_t dpcs_pending = 0;
  std::uintptr_t next_handle = 0x80;
  std::map<const void*, std::size_t> mdl_mappings;  // base to pages
  std::set<std::uintptr_t> ports_told;              // that nothing answers there
  std::mutex spin_mutex;
  std::map<const KSPIN_LOCK*, SpinLockHold> spin_held;
  std::uint64_t spin_taken = 0;
  std::vector<ReaderWriterHold> reader_writer_held;                 // under spin_mutex, too
  std::map<const void*, unsigned> reader_writer_exclusive_waiters;  // they go first
  std::map<const void*, PushLockHold> push_locks;
  std::mutex regions_mutex;
  std::map<std::uintptr_t, Regions> regions;  // by thread
  std::map<const void*, LookasideState> lookasides;
  std::mutex slist_mutex;
  std::mutex waiters_mutex;
  std::list<Waiter*> waiters;
  std::mutex processors_mutex;
  std::map<std::uintptr_t, ULONG> processors;  // of threads at DISPATCH_LEVEL that asked
  std::function<void(KIRQL)> level_set;        // the running thread's; empty: nobody wants to know
  const void* rule_site = nullptr;  // of a rule that is found broken after the fact: where that began
};

/// Take a spin lock as KeAcquireSpinLockAtDpcLevel does; `site` is where the driver's call returns to.
void acquire_spin_lock(Runtime& runtime, PKSPIN_LOCK lock, const void* site);

/// Give it back, without being called as a kernel routine.
void release_spin_lock(Runtime& runtime, PKSPIN_LOCK lock);

/// Throws KernelRuleError if the IRQL is below `level`.
void require_at_least(const Runtime& runtime, KIRQL level, const char* what);

/// Throws KernelRuleError where a dispatcher object was never initialized, or is a copy of one that was.
void require_initialized(const Runtime& runtime, const void* object, const char* what);

/// Of the running thread.
[[nodiscard]] Regions regions_of(Runtime& runtime);

/// Give a processor to the thread, `wanted` or the lowest that is free; waits for it.
ULONG take_processor(Runtime& runtime, const ULONG* wanted);
/// A thread goes below DISPATCH_LEVEL.
void give_processor(Runtime::Objects& objects, std::uintptr_t thread);
/// Where a DPC is to run; null: anywhere.
[[nodiscard]] const ULONG* target_processor(const KDPC& dpc, ULONG& storage);

/// Made before a routine of the driver is called: spin locks that it takes are to be given back, and regions
/// that it enters left, when it returns.
class SpinLockWatch {
 public:
  explicit SpinLockWatch(Runtime& runtime);
  /// Throws KernelRuleError if the running thread still holds one.
  void returned(const std::string& routine) const;

 private:
  Runtime& runtime_;
  std::uint64_t before_;
  Regions regions_;
};

/// Begin a thread of execution; a rule is broken where there are none.
void spawn(Runtime& runtime, const std::string& name, std::function<void()> body);

/// Queue a DPC, as KeInsertQueueDpc does.
bool queue_dpc(Runtime& runtime, PRKDPC dpc, PVOID argument1, PVOID argument2);

/// Give up a thread object that nobody refers to.
void drop_if_unused(Runtime& runtime, ThreadObject* thread);

}  // namespace gpudmar::wdk
