// SPDX-License-Identifier: Apache-2.0
// Sequenced lists, and lists that a spin lock guards.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::acquire_spin_lock;
using gpudmar::wdk::release_spin_lock;
using gpudmar::wdk::Runtime;

namespace {

// How far a list is searched for an entry that is pushed twice: long ones would take the square of their
// length.
constexpr unsigned kSearched = 1024;

template <typename Entry>
bool holds(const Entry* first, const Entry* wanted) {
  unsigned seen = 0;
  for (const Entry* entry = first; entry != nullptr && seen < kSearched; entry = entry->Next, ++seen)
    if (entry == wanted) return true;
  return false;
}

bool holds(const LIST_ENTRY* head, const LIST_ENTRY* wanted) {
  unsigned seen = 0;
  for (const LIST_ENTRY* entry = head->Flink; entry != head && seen < kSearched; entry = entry->Flink, ++seen)
    if (entry == wanted) return true;
  return false;
}

[[noreturn]] void pushed_twice(const Runtime& runtime, const char* routine, const void* entry,
                               const void* list) {
  runtime.rule_broken(
      fmt::format("{}: the entry at {} is in {} already", routine, entry, runtime.object_name(list)));
}

void require_sound(const LIST_ENTRY* head) {
  if (head->Flink->Blink != head || head->Blink->Flink != head) __fastfail(FAST_FAIL_CORRUPT_LIST_ENTRY);
}

PSLIST_ENTRY first_of(const SLIST_HEADER* head) {
  return reinterpret_cast<PSLIST_ENTRY>(ULONG_PTR{head->HeaderX64.NextEntry} << 4);
}

void set_first(PSLIST_HEADER head, const SLIST_ENTRY* entry) {
  head->HeaderX64.NextEntry = reinterpret_cast<ULONG_PTR>(entry) >> 4;
}

void require_aligned(const Runtime& runtime, const void* address, const char* routine, const char* what) {
  if (reinterpret_cast<ULONG_PTR>(address) % MEMORY_ALLOCATION_ALIGNMENT != 0) {
    runtime.rule_broken(fmt::format("{}: the {} at {} is not aligned to {} bytes", routine, what, address,
                                    MEMORY_ALLOCATION_ALIGNMENT));
  }
}

// The caller's spin lock, at whatever IRQL.
class Locked {
 public:
  Locked(Runtime& runtime, PKSPIN_LOCK lock, const void* site) : runtime_(runtime), lock_(lock) {
    acquire_spin_lock(runtime_, lock_, site);
  }
  ~Locked() { release_spin_lock(runtime_, lock_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Runtime& runtime_;
  PKSPIN_LOCK lock_;
};

}  // namespace

extern "C" {

PSLIST_ENTRY ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry) {
  constexpr const char* kRoutine = "ExInterlockedPushEntrySList";
  Runtime& runtime = Runtime::enter(kRoutine);
  require_aligned(runtime, ListHead, kRoutine, "head");
  require_aligned(runtime, ListEntry, kRoutine, "entry");
  const std::lock_guard guard(runtime.objects().slist_mutex);
  const PSLIST_ENTRY first = first_of(ListHead);
  if (holds(first, ListEntry)) pushed_twice(runtime, kRoutine, ListEntry, ListHead);
  ListEntry->Next = first;
  set_first(ListHead, ListEntry);
  ListHead->HeaderX64.Depth = ListHead->HeaderX64.Depth + 1;
  ListHead->HeaderX64.Sequence = ListHead->HeaderX64.Sequence + 1;
  return first;
}

PSLIST_ENTRY ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead) {
  Runtime& runtime = Runtime::enter("ExInterlockedPopEntrySList");
  require_aligned(runtime, ListHead, "ExInterlockedPopEntrySList", "head");
  const std::lock_guard guard(runtime.objects().slist_mutex);
  const PSLIST_ENTRY first = first_of(ListHead);
  if (first == nullptr) return nullptr;
  set_first(ListHead, first->Next);
  ListHead->HeaderX64.Depth = ListHead->HeaderX64.Depth - 1;
  ListHead->HeaderX64.Sequence = ListHead->HeaderX64.Sequence + 1;
  return first;
}

PSLIST_ENTRY ExpInterlockedFlushSList(PSLIST_HEADER ListHead) {
  Runtime& runtime = Runtime::enter("ExInterlockedFlushSList");
  require_aligned(runtime, ListHead, "ExInterlockedFlushSList", "head");
  const std::lock_guard guard(runtime.objects().slist_mutex);
  const PSLIST_ENTRY first = first_of(ListHead);
  set_first(ListHead, nullptr);
  ListHead->HeaderX64.Depth = 0;
  ListHead->HeaderX64.Sequence = ListHead->HeaderX64.Sequence + 1;
  return first;
}

USHORT ExQueryDepthSList(PSLIST_HEADER SListHead) {
  Runtime::enter("ExQueryDepthSList");
  return static_cast<USHORT>(SListHead->HeaderX64.Depth);
}

PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock) {
  Runtime& runtime = Runtime::enter("ExInterlockedInsertHeadList");
  const Locked locked(runtime, Lock, __builtin_return_address(0));
  require_sound(ListHead);
  if (holds(ListHead, ListEntry)) pushed_twice(runtime, "ExInterlockedInsertHeadList", ListEntry, ListHead);
  PLIST_ENTRY first = ListHead->Flink;
  InsertHeadList(ListHead, ListEntry);
  return first == ListHead ? nullptr : first;
}

PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock) {
  Runtime& runtime = Runtime::enter("ExInterlockedInsertTailList");
  const Locked locked(runtime, Lock, __builtin_return_address(0));
  require_sound(ListHead);
  if (holds(ListHead, ListEntry)) pushed_twice(runtime, "ExInterlockedInsertTailList", ListEntry, ListHead);
  PLIST_ENTRY last = ListHead->Blink;
  InsertTailList(ListHead, ListEntry);
  return last == ListHead ? nullptr : last;
}

PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock) {
  Runtime& runtime = Runtime::enter("ExInterlockedRemoveHeadList");
  const Locked locked(runtime, Lock, __builtin_return_address(0));
  require_sound(ListHead);
  PLIST_ENTRY first = ListHead->Flink;
  if (first == ListHead) return nullptr;
  if (first->Flink->Blink != first) __fastfail(FAST_FAIL_CORRUPT_LIST_ENTRY);
  RemoveEntryList(first);
  return first;
}

PSINGLE_LIST_ENTRY ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock) {
  Runtime& runtime = Runtime::enter("ExInterlockedPushEntryList");
  const Locked locked(runtime, Lock, __builtin_return_address(0));
  PSINGLE_LIST_ENTRY first = ListHead->Next;
  if (holds(first, ListEntry)) pushed_twice(runtime, "ExInterlockedPushEntryList", ListEntry, ListHead);
  PushEntryList(ListHead, ListEntry);
  return first;
}

PSINGLE_LIST_ENTRY ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock) {
  Runtime& runtime = Runtime::enter("ExInterlockedPopEntryList");
  const Locked locked(runtime, Lock, __builtin_return_address(0));
  return PopEntryList(ListHead);
}

}  // extern "C"
