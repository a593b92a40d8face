// SPDX-License-Identifier: Apache-2.0
// Lookaside lists. What the driver has counts as pool, by where it got the entry last; what a list keeps
// counts as the list's, which somebody has to delete.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::LookasideState;
using gpudmar::wdk::Runtime;

namespace {

constexpr USHORT kDepth = 4;  // entries that a list keeps: what a list of Windows begins with
constexpr USHORT kMaximumDepth = 256;
constexpr UCHAR kKept = 0xDD;   // fills entries that a list keeps
constexpr UCHAR kFresh = 0xCD;  // and those it gives out again, as pool that is not zeroed
constexpr ULONG kFlagsOfPool =
    POOL_NX_ALLOCATION | POOL_COLD_ALLOCATION | POOL_RAISE_IF_ALLOCATION_FAILURE | POOL_ZERO_ALLOCATION;

// One of the three kinds of list: all have the same members at the same places.
struct List {
  GENERAL_LOOKASIDE_POOL* l = nullptr;
  bool ex = false;  // the routines get the list
  const char* routine = nullptr;

  [[nodiscard]] KIRQL level() const {
    return (static_cast<ULONG>(l->Type) & PagedPool) != 0 ? APC_LEVEL : DISPATCH_LEVEL;
  }
  [[nodiscard]] bool of_pool() const { return l->Allocate == nullptr && l->Free == nullptr; }
  // What the list may overwrite while it keeps an entry. A driver with routines of its own may have prepared
  // the rest once for good: Windows changes the link only.
  [[nodiscard]] std::size_t filled() const { return of_pool() ? l->Size : sizeof(PVOID); }
};

// By its address: it may be one that no list can have.
template <typename Lookaside>
List list_of(Lookaside* lookaside, const char* routine) {
  static_assert(offsetof(Lookaside, L) == 0);
  return {reinterpret_cast<GENERAL_LOOKASIDE_POOL*>(lookaside), std::is_same_v<Lookaside, LOOKASIDE_LIST_EX>,
          routine};
}

Runtime& enter(const List& list) { return Runtime::enter(list.routine); }

LookasideState& state_of(Runtime& runtime, const List& list) {
  auto& lists = runtime.objects().lookasides;
  const auto state = lists.find(list.l);
  if (state == lists.end()) {
    runtime.rule_broken(fmt::format("{} of {}, a lookaside list that is not initialized, or was deleted",
                                    list.routine, runtime.object_name(list.l)));
  }
  runtime.require_at_most(list.level(), list.routine);
  return state->second;
}

void initialize(const List& list, KIRQL level, ULONG type, SIZE_T size, ULONG tag) {
  Runtime& runtime = enter(list);
  runtime.require_at_most(level, list.routine);
  GENERAL_LOOKASIDE_POOL* l = list.l;
  if (reinterpret_cast<ULONG_PTR>(l) % MEMORY_ALLOCATION_ALIGNMENT != 0) {
    runtime.rule_broken(fmt::format("{}: the list at {} is not aligned to {} bytes", list.routine,
                                    fmt::ptr(l), MEMORY_ALLOCATION_ALIGNMENT));
  }
  // NOLINTNEXTLINE(bugprone-sizeof-expression): the size of a pointer is what the kit means
  if (size < LOOKASIDE_MINIMUM_BLOCK_SIZE || size > MAXULONG) {
    runtime.rule_broken(fmt::format("{} of entries of {} bytes", list.routine, size));
  }
  if (runtime.is_paged_pool(l)) {
    runtime.rule_broken(fmt::format("{}: the list at {} is in paged pool", list.routine, fmt::ptr(l)));
  }
  if (!runtime.objects().lookasides.try_emplace(l).second) {
    runtime.rule_broken(
        fmt::format("{} of {}, a lookaside list that is in use", list.routine, runtime.object_name(l)));
  }
  InitializeSListHead(&l->ListHead);
  l->Depth = kDepth;
  l->MaximumDepth = kMaximumDepth;
  l->TotalAllocates = l->AllocateMisses = l->TotalFrees = l->FreeMisses = 0;
  l->LastTotalAllocates = l->LastAllocateMisses = 0;
  l->Type = static_cast<POOL_TYPE>(type);
  l->Tag = tag;
  l->Size = static_cast<ULONG>(size);
  l->Future[0] = l->Future[1] = 0;
  InitializeListHead(&l->ListEntry);
  runtime.lend("lookaside list", l);
}

PVOID allocate_new(const List& list) {
  GENERAL_LOOKASIDE_POOL* l = list.l;
  if (l->AllocateEx == nullptr) return ExAllocatePoolWithTag(l->Type, l->Size, l->Tag);
  if (!list.ex) return l->Allocate(l->Type, l->Size, l->Tag);
  return l->AllocateEx(l->Type, l->Size, l->Tag, reinterpret_cast<PLOOKASIDE_LIST_EX>(l));
}

void free_entry(const List& list, PVOID entry) {
  GENERAL_LOOKASIDE_POOL* l = list.l;
  if (l->FreeEx == nullptr) {
    ExFreePoolWithTag(entry, l->Tag);
  } else if (!list.ex) {
    l->Free(entry);
  } else {
    l->FreeEx(entry, reinterpret_cast<PLOOKASIDE_LIST_EX>(l));
  }
}

// Takes an entry that the list keeps, or null.
PVOID take_kept(Runtime& runtime, const List& list) {
  GENERAL_LOOKASIDE_POOL* l = list.l;
  std::vector<PVOID>& kept = state_of(runtime, list).kept;
  if (kept.empty()) return nullptr;
  PVOID entry = kept.back();
  kept.pop_back();
  l->ListHead.HeaderX64.Depth = kept.size();
  if (list.of_pool()) runtime.lend("pool", entry, l->Size);
  auto* bytes = static_cast<UCHAR*>(entry);
  const auto* end = bytes + list.filled();
  const auto* changed = std::find_if(bytes, bytes + list.filled(), [](UCHAR byte) { return byte != kKept; });
  if (changed != end) {
    runtime.rule_broken(fmt::format("{}: the entry at {} was written after it was freed to {}: at offset {}",
                                    list.routine, entry, runtime.object_name(l), changed - bytes));
  }
  memset(entry, kFresh, list.filled());
  return entry;
}

PVOID allocate(const List& list) {
  Runtime& runtime = enter(list);
  state_of(runtime, list);
  ++list.l->TotalAllocates;
  PVOID entry = take_kept(runtime, list);
  if (entry == nullptr) {
    ++list.l->AllocateMisses;
    entry = allocate_new(list);
  }
  if (entry != nullptr) state_of(runtime, list).given.insert(entry);  // anew: allocating takes time
  return entry;
}

void free_to(const List& list, PVOID entry) {
  Runtime& runtime = enter(list);
  GENERAL_LOOKASIDE_POOL* l = list.l;
  LookasideState& state = state_of(runtime, list);
  if (state.given.erase(entry) == 0) {
    runtime.rule_broken(fmt::format("{}: {} is no entry that {} gave out, or it is freed twice", list.routine,
                                    entry, runtime.object_name(l)));
  }
  ++l->TotalFrees;
  if (state.kept.size() >= l->Depth) {
    ++l->FreeMisses;
    free_entry(list, entry);
    return;
  }
  if (list.of_pool()) runtime.take_back("pool", entry);
  memset(entry, kKept, list.filled());
  state.kept.push_back(entry);
  l->ListHead.HeaderX64.Depth = state.kept.size();
}

void flush(Runtime& runtime, const List& list) {
  while (PVOID entry = take_kept(runtime, list)) free_entry(list, entry);
}

void remove(const List& list) {
  Runtime& runtime = enter(list);
  state_of(runtime, list);
  flush(runtime, list);
  runtime.objects().lookasides.erase(list.l);
  runtime.take_back("lookaside list", list.l);
}

void set_routines(GENERAL_LOOKASIDE_POOL* l, PALLOCATE_FUNCTION allocate, PFREE_FUNCTION free) {
  l->Allocate = allocate;
  l->Free = free;
}

}  // namespace

extern "C" {

VOID ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                     PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT) {
  const List list = list_of(Lookaside, "ExInitializeNPagedLookasideList");
  initialize(list, DISPATCH_LEVEL, NonPagedPool | Flags, Size, Tag);
  set_routines(list.l, Allocate, Free);
}

VOID ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) {
  remove(list_of(Lookaside, "ExDeleteNPagedLookasideList"));
}

PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) {
  return allocate(list_of(Lookaside, "ExAllocateFromNPagedLookasideList"));
}

VOID ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) {
  free_to(list_of(Lookaside, "ExFreeToNPagedLookasideList"), Entry);
}

VOID ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                    PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT) {
  const List list = list_of(Lookaside, "ExInitializePagedLookasideList");
  initialize(list, APC_LEVEL, PagedPool | Flags, Size, Tag);
  set_routines(list.l, Allocate, Free);
}

VOID ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) {
  remove(list_of(Lookaside, "ExDeletePagedLookasideList"));
}

PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) {
  return allocate(list_of(Lookaside, "ExAllocateFromPagedLookasideList"));
}

VOID ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) {
  free_to(list_of(Lookaside, "ExFreeToPagedLookasideList"), Entry);
}

NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                                     PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size,
                                     ULONG Tag, USHORT) {
  const List list = list_of(Lookaside, "ExInitializeLookasideListEx");
  const auto type = static_cast<ULONG>(PoolType);
  const ULONG base = type & ~kFlagsOfPool;
  if (base != NonPagedPool && base != PagedPool && base != NonPagedPoolCacheAligned &&
      base != PagedPoolCacheAligned) {
    return STATUS_INVALID_PARAMETER_4;
  }
  const ULONG raise = Flags & EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL;
  const ULONG no_raise = Flags & EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE;
  if (Flags != raise && Flags != no_raise) return STATUS_INVALID_PARAMETER_5;
  if (no_raise != 0 && Allocate == nullptr) {
    Runtime::active().rule_broken(
        "ExInitializeLookasideListEx: FAIL_NO_RAISE is for a list with an allocation routine");
  }
  initialize(list, DISPATCH_LEVEL,
             type | (raise != 0 ? POOL_RAISE_IF_ALLOCATION_FAILURE : 0) |
                 (no_raise != 0 ? POOL_QUOTA_FAIL_INSTEAD_OF_RAISE : 0),
             Size, Tag);
  list.l->AllocateEx = Allocate;
  list.l->FreeEx = Free;
  return STATUS_SUCCESS;
}

VOID ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) {
  remove(list_of(Lookaside, "ExDeleteLookasideListEx"));
}

VOID ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) {
  const List list = list_of(Lookaside, "ExFlushLookasideListEx");
  flush(enter(list), list);
}

PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) {
  return allocate(list_of(Lookaside, "ExAllocateFromLookasideListEx"));
}

VOID ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry) {
  free_to(list_of(Lookaside, "ExFreeToLookasideListEx"), Entry);
}

}  // extern "C"
