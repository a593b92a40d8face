// SPDX-License-Identifier: Apache-2.0
// Part of wdm.h, inline: barriers, interlocked operations, lists, memory helpers, assertions.
#pragma once

#include "ntdef.h"

// ---- Barriers and interlocked operations (all full barriers)
// -----------------------------------------------------

#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define KeMemoryBarrierWithoutFence() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define MemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)

// Increment, Decrement and Add return the new value; Exchange, ExchangeAdd, Or, And and Xor the old one.
FORCEINLINE LONG InterlockedIncrement(LONG volatile* p) { return __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST); }
FORCEINLINE LONG InterlockedDecrement(LONG volatile* p) { return __atomic_sub_fetch(p, 1, __ATOMIC_SEQ_CST); }
FORCEINLINE LONG InterlockedAdd(LONG volatile* p, LONG v) {
  return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedExchange(LONG volatile* p, LONG v) {
  return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedExchangeAdd(LONG volatile* p, LONG v) {
  return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedOr(LONG volatile* p, LONG v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
FORCEINLINE LONG InterlockedAnd(LONG volatile* p, LONG v) {
  return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedXor(LONG volatile* p, LONG v) {
  return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);
}
/// Note the order: the new value comes before the comparand. Returns the old value.
FORCEINLINE LONG InterlockedCompareExchange(LONG volatile* Destination, LONG ExChange, LONG Comperand) {
  __atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Comperand;
}
FORCEINLINE LONG64 InterlockedIncrement64(LONG64 volatile* p) {
  return __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedDecrement64(LONG64 volatile* p) {
  return __atomic_sub_fetch(p, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedExchange64(LONG64 volatile* p, LONG64 v) {
  return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedCompareExchange64(LONG64 volatile* Destination, LONG64 ExChange,
                                                LONG64 Comperand) {
  __atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Comperand;
}
FORCEINLINE LONG64 InterlockedExchangeAdd64(LONG64 volatile* p, LONG64 v) {
  return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedAdd64(LONG64 volatile* p, LONG64 v) {
  return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedOr64(LONG64 volatile* p, LONG64 v) {
  return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedAnd64(LONG64 volatile* p, LONG64 v) {
  return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedIncrement16(SHORT volatile* p) {
  return __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedDecrement16(SHORT volatile* p) {
  return __atomic_sub_fetch(p, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile* p, PVOID v) {
  return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile* Destination, PVOID ExChange,
                                                    PVOID Comperand) {
  __atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Comperand;
}
FORCEINLINE UCHAR InterlockedBitTestAndSet(LONG volatile* Base, LONG Bit) {
  return (UCHAR)((__atomic_fetch_or(Base, (LONG)(1u << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}
FORCEINLINE UCHAR InterlockedBitTestAndReset(LONG volatile* Base, LONG Bit) {
  return (UCHAR)((__atomic_fetch_and(Base, (LONG) ~(1u << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}

// ---- Doubly linked lists
// -------------------------------------------------------------------------------------------

#define FAST_FAIL_CORRUPT_LIST_ENTRY 3

FORCEINLINE VOID InitializeListHead(PLIST_ENTRY ListHead) { ListHead->Flink = ListHead->Blink = ListHead; }
FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY* ListHead) { return ListHead->Flink == ListHead; }
/// TRUE if the list is empty afterwards. Neighbours that disagree end the program, as the kernel's fast-fail
/// does.
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry) {
  PLIST_ENTRY next = Entry->Flink;
  PLIST_ENTRY previous = Entry->Blink;
  if (next->Blink != Entry || previous->Flink != Entry) __builtin_trap();
  previous->Flink = next;
  next->Blink = previous;
  return next == previous;
}
FORCEINLINE VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) {
  PLIST_ENTRY last = ListHead->Blink;
  if (last->Flink != ListHead) __builtin_trap();
  Entry->Flink = ListHead;
  Entry->Blink = last;
  last->Flink = Entry;
  ListHead->Blink = Entry;
}
FORCEINLINE VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) {
  PLIST_ENTRY first = ListHead->Flink;
  if (first->Blink != ListHead) __builtin_trap();
  Entry->Flink = first;
  Entry->Blink = ListHead;
  first->Blink = Entry;
  ListHead->Flink = Entry;
}
/// Puts the entries of ListToAppend, which has no head of its own, at the end.
FORCEINLINE VOID AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend) {
  PLIST_ENTRY last = ListHead->Blink;
  if (last->Flink != ListHead) __builtin_trap();
  ListHead->Blink->Flink = ListToAppend;
  ListHead->Blink = ListToAppend->Blink;
  ListToAppend->Blink->Flink = ListHead;
  ListToAppend->Blink = last;
}
/// On an empty list returns the head itself.
FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead) {
  PLIST_ENTRY entry = ListHead->Flink;
  RemoveEntryList(entry);
  return entry;
}
FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead) {
  PLIST_ENTRY entry = ListHead->Blink;
  RemoveEntryList(entry);
  return entry;
}

// ---- Memory and strings
// --------------------------------------------------------------------------------------------

#define RtlZeroMemory(Destination, Length) memset((Destination), 0, (Length))
#define RtlFillMemory(Destination, Length, Fill) memset((Destination), (Fill), (Length))
#define RtlCopyMemory(Destination, Source, Length) memcpy((Destination), (Source), (Length))
#define RtlMoveMemory(Destination, Source, Length) memmove((Destination), (Source), (Length))
#define RtlEqualMemory(Left, Right, Length) (!memcmp((Left), (Right), (Length)))

/// Number of leading bytes that match.
FORCEINLINE SIZE_T RtlCompareMemory(const VOID* Left, const VOID* Right, SIZE_T Length) {
  const UCHAR* left = (const UCHAR*)Left;
  const UCHAR* right = (const UCHAR*)Right;
  SIZE_T count = 0;
  while (count < Length && left[count] == right[count]) ++count;
  return count;
}

FORCEINLINE VOID RtlInitUnicodeString(PUNICODE_STRING Destination, PCWSTR Source) {
  USHORT length = 0;
  if (Source != NULL) {
    while (Source[length / sizeof(WCHAR)] != 0) length = (USHORT)(length + sizeof(WCHAR));
  }
  Destination->Length = length;
  Destination->MaximumLength = Source != NULL ? (USHORT)(length + sizeof(WCHAR)) : 0;
  Destination->Buffer = (PWCH)Source;
}

// ---- Assertions
// ----------------------------------------------------------------------------------------------------

// Free builds do not evaluate ASSERT, but evaluate and yield NT_VERIFY.
#if defined(DBG) && DBG
#define NT_ASSERT(e) ((e) ? (void)0 : __builtin_trap())
#define NT_VERIFY(e) ((e) ? TRUE : (__builtin_trap(), FALSE))
#define PAGED_CODE() NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL);
#else
#define NT_ASSERT(e) ((void)0)
#define NT_VERIFY(e) ((e) ? TRUE : FALSE)
#define PAGED_CODE()
#endif
#define ASSERT(e) NT_ASSERT(e)
#define ASSERTMSG(m, e) NT_ASSERT(e)
#define RTL_SOFT_ASSERT(e) NT_ASSERT(e)
#define RTL_VERIFY(e) NT_VERIFY(e)
