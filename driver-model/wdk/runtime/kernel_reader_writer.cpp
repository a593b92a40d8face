// SPDX-License-Identifier: Apache-2.0
// Reader-writer spin locks. The word counts the readers; the highest bit is the writer.
#include <fmt/format.h>

#include <algorithm>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::ReaderWriterHold;
using gpudmar::wdk::require_at_least;
using gpudmar::wdk::Runtime;

namespace gpudmar::wdk {

void require_at_least(const Runtime& runtime, KIRQL level, const char* what) {
  if (runtime.irql() < level)
    runtime.rule_broken(fmt::format("{} at IRQL {}, allowed from {} on", what, runtime.irql(), level));
}

}  // namespace gpudmar::wdk

namespace {

constexpr LONG kExclusive = MINLONG;

const void* key(PEX_SPIN_LOCK lock) { return const_cast<LONG*>(lock); }

LONG look(PEX_SPIN_LOCK lock) { return __atomic_load_n(lock, __ATOMIC_ACQUIRE); }

auto my_hold(Runtime& runtime, PEX_SPIN_LOCK lock) {
  auto& held = runtime.objects().reader_writer_held;
  const std::uintptr_t thread = runtime.current_thread();
  return std::find_if(held.begin(), held.end(), [lock, thread](const ReaderWriterHold& entry) {
    return entry.lock == lock && entry.hold.thread == thread;
  });
}

bool is_mine(Runtime& runtime, PEX_SPIN_LOCK lock) {
  const std::lock_guard guard(runtime.objects().spin_mutex);
  return my_hold(runtime, lock) != runtime.objects().reader_writer_held.end();
}

bool writers_wait(Runtime& runtime, PEX_SPIN_LOCK lock) {
  const std::lock_guard guard(runtime.objects().spin_mutex);
  return runtime.objects().reader_writer_exclusive_waiters.count(key(lock)) != 0;
}

void note(Runtime& runtime, PEX_SPIN_LOCK lock, bool exclusive, const void* site) {
  Runtime::Objects& objects = runtime.objects();
  const std::lock_guard guard(objects.spin_mutex);
  objects.reader_writer_held.push_back(
      {key(lock), {runtime.current_thread(), ++objects.spin_taken, site}, exclusive});
}

bool take_shared(Runtime& runtime, PEX_SPIN_LOCK lock, const void* site) {
  const LONG value = look(lock);
  if (value < 0 || InterlockedCompareExchange(lock, value + 1, value) != value) return false;
  note(runtime, lock, false, site);
  return true;
}

bool take_exclusive(Runtime& runtime, PEX_SPIN_LOCK lock, const void* site) {
  if (InterlockedCompareExchange(lock, kExclusive, 0) != 0) return false;
  note(runtime, lock, true, site);
  return true;
}

void require_not_mine(Runtime& runtime, PEX_SPIN_LOCK lock) {
  if (!is_mine(runtime, lock)) return;
  runtime.rule_broken(
      fmt::format("{} is a spin lock and its holder acquires it again", runtime.object_name(key(lock))));
}

void acquire_shared(Runtime& runtime, PEX_SPIN_LOCK lock, const void* site) {
  require_not_mine(runtime, lock);
  runtime.wait_bounded(
      key(lock), [&runtime, lock] { return look(lock) >= 0 && !writers_wait(runtime, lock); },
      [&runtime, lock, site] { return !writers_wait(runtime, lock) && take_shared(runtime, lock, site); });
}

// Keeps new readers out while a writer waits.
class WaitingWriter {
 public:
  WaitingWriter(Runtime& runtime, PEX_SPIN_LOCK lock) : objects_(runtime.objects()), lock_(lock) {
    const std::lock_guard guard(objects_.spin_mutex);
    ++objects_.reader_writer_exclusive_waiters[key(lock_)];
  }
  ~WaitingWriter() {
    const std::lock_guard guard(objects_.spin_mutex);
    const auto entry = objects_.reader_writer_exclusive_waiters.find(key(lock_));
    if (--entry->second == 0) objects_.reader_writer_exclusive_waiters.erase(entry);
  }
  WaitingWriter(const WaitingWriter&) = delete;
  WaitingWriter& operator=(const WaitingWriter&) = delete;

 private:
  Runtime::Objects& objects_;
  PEX_SPIN_LOCK lock_;
};

void acquire_exclusive(Runtime& runtime, PEX_SPIN_LOCK lock, const void* site) {
  require_not_mine(runtime, lock);
  if (take_exclusive(runtime, lock, site)) return;
  const WaitingWriter waiting(runtime, lock);
  runtime.wait_bounded(
      key(lock), [lock] { return look(lock) == 0; },
      [&runtime, lock, site] { return take_exclusive(runtime, lock, site); });
}

// The hold goes before the next one takes the lock.
void forget(Runtime& runtime, PEX_SPIN_LOCK lock, bool exclusive) {
  bool mine = false;
  {
    Runtime::Objects& objects = runtime.objects();
    const std::lock_guard guard(objects.spin_mutex);
    const auto hold = my_hold(runtime, lock);
    mine = hold != objects.reader_writer_held.end() && hold->exclusive == exclusive;
    if (mine) objects.reader_writer_held.erase(hold);
  }
  if (!mine) {
    runtime.rule_broken(fmt::format("releasing {}, a spin lock that the thread does not hold {}",
                                    runtime.object_name(key(lock)), exclusive ? "exclusively" : "shared"));
  }
}

void release_shared(Runtime& runtime, PEX_SPIN_LOCK lock) {
  forget(runtime, lock, false);
  InterlockedDecrement(lock);
}

void release_exclusive(Runtime& runtime, PEX_SPIN_LOCK lock) {
  forget(runtime, lock, true);
  InterlockedExchange(lock, 0);
}

Runtime& enter_at_dpc(const char* routine) {
  Runtime& runtime = Runtime::enter(routine);
  require_at_least(runtime, DISPATCH_LEVEL, routine);
  return runtime;
}

}  // namespace

extern "C" {

VOID ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock) {
  acquire_shared(enter_at_dpc("ExAcquireSpinLockSharedAtDpcLevel"), SpinLock, __builtin_return_address(0));
}

VOID ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock) {
  acquire_exclusive(enter_at_dpc("ExAcquireSpinLockExclusiveAtDpcLevel"), SpinLock,
                    __builtin_return_address(0));
}

KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock) {
  const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
  acquire_shared(Runtime::enter("ExAcquireSpinLockShared"), SpinLock, __builtin_return_address(0));
  return old;
}

KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock) {
  const KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
  acquire_exclusive(Runtime::enter("ExAcquireSpinLockExclusive"), SpinLock, __builtin_return_address(0));
  return old;
}

VOID ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock) {
  release_shared(Runtime::enter("ExReleaseSpinLockSharedFromDpcLevel"), SpinLock);
}

VOID ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock) {
  release_exclusive(Runtime::enter("ExReleaseSpinLockExclusiveFromDpcLevel"), SpinLock);
}

VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql) {
  release_shared(Runtime::enter("ExReleaseSpinLockShared"), SpinLock);
  KeLowerIrql(OldIrql);
}

VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql) {
  release_exclusive(Runtime::enter("ExReleaseSpinLockExclusive"), SpinLock);
  KeLowerIrql(OldIrql);
}

LOGICAL ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock) {
  Runtime& runtime = enter_at_dpc("ExTryAcquireSpinLockSharedAtDpcLevel");
  require_not_mine(runtime, SpinLock);
  return !writers_wait(runtime, SpinLock) && take_shared(runtime, SpinLock, __builtin_return_address(0));
}

LOGICAL ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock) {
  Runtime& runtime = enter_at_dpc("ExTryAcquireSpinLockExclusiveAtDpcLevel");
  return take_exclusive(runtime, SpinLock, __builtin_return_address(0));
}

LOGICAL ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock) {
  Runtime& runtime = enter_at_dpc("ExTryConvertSharedSpinLockExclusive");
  Runtime::Objects& objects = runtime.objects();
  const void* const lock = key(SpinLock);
  bool shared = false;
  {
    const std::lock_guard guard(objects.spin_mutex);
    const auto hold = my_hold(runtime, SpinLock);
    shared = hold != objects.reader_writer_held.end() && !hold->exclusive;
    if (shared && InterlockedCompareExchange(SpinLock, kExclusive, 1) == 1) {
      hold->exclusive = true;
      return TRUE;
    }
  }
  if (!shared) {
    runtime.rule_broken(fmt::format("converting {}, a spin lock that the thread does not hold shared",
                                    runtime.object_name(lock)));
  }
  return FALSE;
}

}  // extern "C"
