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
  LONG references = 0;
  bool running = false;
};

/// Who holds a spin lock.
struct SpinLockHold {
  std::uintptr_t thread = 0;   // current_thread() of the holder
  std::uint64_t number = 0;    // locks are counted as they are taken
  const void* site = nullptr;  // where the driver goes on behind the call
};

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
  const void* rule_site = nullptr;  // of a rule that is found broken after the fact: where that began
};

/// Take a spin lock as KeAcquireSpinLockAtDpcLevel does; `site` is where the driver's call returns to.
void acquire_spin_lock(Runtime& runtime, PKSPIN_LOCK lock, const void* site);

/// Made before a routine of the driver is called: spin locks that it takes are to be given back when it
/// returns.
class SpinLockWatch {
 public:
  explicit SpinLockWatch(Runtime& runtime);
  /// Throws KernelRuleError if the running thread still holds one.
  void returned(const std::string& routine) const;

 private:
  Runtime& runtime_;
  std::uint64_t before_;
};

/// Begin a thread of execution; a rule is broken where there are none.
void spawn(Runtime& runtime, const std::string& name, std::function<void()> body);

/// Queue a DPC, as KeInsertQueueDpc does.
bool queue_dpc(Runtime& runtime, PRKDPC dpc, PVOID argument1, PVOID argument2);

/// Give up a thread object that nobody refers to.
void drop_if_unused(Runtime& runtime, ThreadObject* thread);

}  // namespace gpudmar::wdk
