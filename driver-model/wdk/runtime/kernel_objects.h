// SPDX-License-Identifier: Apache-2.0
// What the runtime keeps about threads, timers, DPCs, work items and MDL mappings.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
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
};

/// Begin a thread of execution; a rule is broken where there are none.
void spawn(Runtime& runtime, const std::string& name, std::function<void()> body);

/// Queue a DPC, as KeInsertQueueDpc does.
bool queue_dpc(Runtime& runtime, PRKDPC dpc, PVOID argument1, PVOID argument2);

/// Give up a thread object that nobody refers to.
void drop_if_unused(Runtime& runtime, ThreadObject* thread);

}  // namespace gpudmar::wdk
