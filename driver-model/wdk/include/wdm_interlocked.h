// SPDX-License-Identifier: Apache-2.0
// Part of wdm.h, inline: interlocked operations of 8, 16, 64 and 128 bits, ordered loads and stores, bit
// scans, the processor's own hints. As on x64, the Acquire, Release and NoFence names are the full barriers.
#pragma once

#include "wdm_inline.h"

EXTERN_C_START

// ---- Interlocked operations; Exchange, ExchangeAdd, Or, And and Xor return the old value
// ----------------------------------------------------------------------------------------

FORCEINLINE LONG64 InterlockedXor64(LONG64 volatile* p, LONG64 v) {
  return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE CHAR InterlockedExchange8(CHAR volatile* p, CHAR v) {
  return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE CHAR InterlockedOr8(CHAR volatile* p, CHAR v) {
  return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE CHAR InterlockedAnd8(CHAR volatile* p, CHAR v) {
  return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE CHAR InterlockedXor8(CHAR volatile* p, CHAR v) {
  return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedExchange16(SHORT volatile* p, SHORT v) {
  return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedOr16(SHORT volatile* p, SHORT v) {
  return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedAnd16(SHORT volatile* p, SHORT v) {
  return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedXor16(SHORT volatile* p, SHORT v) {
  return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);
}
FORCEINLINE SHORT InterlockedCompareExchange16(SHORT volatile* Destination, SHORT ExChange, SHORT Comperand) {
  __atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Comperand;
}
/// Of 16 bytes at an address that is a multiple of 16. TRUE: they were as in ComparandResult, which receives
/// the old ones either way.
FORCEINLINE UCHAR InterlockedCompareExchange128(LONG64 volatile* Destination, LONG64 ExchangeHigh,
                                                LONG64 ExchangeLow, LONG64* ComparandResult) {
#if defined(__x86_64__)
  // The builtin would need -mcx16 or a library.
  UCHAR equal;
  __asm__ __volatile__("lock cmpxchg16b %[m]\n\tsete %[e]"
                       : [m] "+m"(*(__int128 volatile*)Destination), [e] "=q"(equal),
                         "+a"(ComparandResult[0]), "+d"(ComparandResult[1])
                       : "b"(ExchangeLow), "c"(ExchangeHigh)
                       : "memory", "cc");
  return equal;
#else
  const unsigned __int128 wanted =
      (unsigned __int128)(ULONG64)ComparandResult[1] << 64 | (ULONG64)ComparandResult[0];
  const unsigned __int128 value = (unsigned __int128)(ULONG64)ExchangeHigh << 64 | (ULONG64)ExchangeLow;
  const unsigned __int128 old =
      __sync_val_compare_and_swap((unsigned __int128 volatile*)Destination, wanted, value);
  ComparandResult[0] = (LONG64)old;
  ComparandResult[1] = (LONG64)(old >> 64);
  return old == wanted;
#endif
}
FORCEINLINE UCHAR InterlockedBitTestAndComplement(LONG volatile* Base, LONG Bit) {
  return (UCHAR)((__atomic_fetch_xor(Base, (LONG)(1u << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}
FORCEINLINE UCHAR InterlockedBitTestAndSet64(LONG64 volatile* Base, LONG64 Bit) {
  return (UCHAR)((__atomic_fetch_or(Base, (LONG64)(1ull << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}
FORCEINLINE UCHAR InterlockedBitTestAndReset64(LONG64 volatile* Base, LONG64 Bit) {
  return (UCHAR)((__atomic_fetch_and(Base, (LONG64) ~(1ull << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1);
}
#define InterlockedIncrementSizeT(a) InterlockedIncrement64((LONG64 volatile*)(a))
#define InterlockedDecrementSizeT(a) InterlockedDecrement64((LONG64 volatile*)(a))
#define InterlockedExchangeAddSizeT(a, b) InterlockedExchangeAdd64((LONG64 volatile*)(a), (LONG64)(b))

#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedAddAcquire InterlockedAdd
#define InterlockedAddRelease InterlockedAdd
#define InterlockedAddNoFence InterlockedAdd
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedOrAcquire InterlockedOr
#define InterlockedOrRelease InterlockedOr
#define InterlockedOrNoFence InterlockedOr
#define InterlockedAndAcquire InterlockedAnd
#define InterlockedAndRelease InterlockedAnd
#define InterlockedAndNoFence InterlockedAnd
#define InterlockedXorAcquire InterlockedXor
#define InterlockedXorRelease InterlockedXor
#define InterlockedXorNoFence InterlockedXor
#define InterlockedBitTestAndSetAcquire InterlockedBitTestAndSet
#define InterlockedBitTestAndSetRelease InterlockedBitTestAndSet
#define InterlockedBitTestAndSetNoFence InterlockedBitTestAndSet
#define InterlockedBitTestAndResetAcquire InterlockedBitTestAndReset
#define InterlockedBitTestAndResetRelease InterlockedBitTestAndReset
#define InterlockedBitTestAndResetNoFence InterlockedBitTestAndReset

#define InterlockedIncrementAcquire16 InterlockedIncrement16
#define InterlockedIncrementRelease16 InterlockedIncrement16
#define InterlockedIncrementNoFence16 InterlockedIncrement16
#define InterlockedDecrementAcquire16 InterlockedDecrement16
#define InterlockedDecrementRelease16 InterlockedDecrement16
#define InterlockedDecrementNoFence16 InterlockedDecrement16
#define InterlockedCompareExchangeAcquire16 InterlockedCompareExchange16
#define InterlockedCompareExchangeRelease16 InterlockedCompareExchange16
#define InterlockedCompareExchangeNoFence16 InterlockedCompareExchange16

#define InterlockedIncrementAcquire64 InterlockedIncrement64
#define InterlockedIncrementRelease64 InterlockedIncrement64
#define InterlockedIncrementNoFence64 InterlockedIncrement64
#define InterlockedDecrementAcquire64 InterlockedDecrement64
#define InterlockedDecrementRelease64 InterlockedDecrement64
#define InterlockedDecrementNoFence64 InterlockedDecrement64
#define InterlockedAddAcquire64 InterlockedAdd64
#define InterlockedAddRelease64 InterlockedAdd64
#define InterlockedAddNoFence64 InterlockedAdd64
#define InterlockedExchangeAcquire64 InterlockedExchange64
#define InterlockedExchangeNoFence64 InterlockedExchange64
#define InterlockedExchangeAddAcquire64 InterlockedExchangeAdd64
#define InterlockedExchangeAddRelease64 InterlockedExchangeAdd64
#define InterlockedExchangeAddNoFence64 InterlockedExchangeAdd64
#define InterlockedCompareExchangeAcquire64 InterlockedCompareExchange64
#define InterlockedCompareExchangeRelease64 InterlockedCompareExchange64
#define InterlockedCompareExchangeNoFence64 InterlockedCompareExchange64
#define InterlockedOr64Acquire InterlockedOr64
#define InterlockedOr64Release InterlockedOr64
#define InterlockedOr64NoFence InterlockedOr64
#define InterlockedAnd64Acquire InterlockedAnd64
#define InterlockedAnd64Release InterlockedAnd64
#define InterlockedAnd64NoFence InterlockedAnd64
#define InterlockedXor64Acquire InterlockedXor64
#define InterlockedXor64Release InterlockedXor64
#define InterlockedXor64NoFence InterlockedXor64

#define InterlockedExchangePointerAcquire InterlockedExchangePointer
#define InterlockedExchangePointerNoFence InterlockedExchangePointer
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer

// ---- Ordered loads and stores: ReadAcquire, ReadNoFence, ReadRaw, WriteRelease, WriteNoFence, WriteRaw and
// the same by type, as in ReadULong64Acquire
// ----------------------------------------------------------------------------------------------------------

#define GPUDMAR_ORDERED(Kind, Bits, Type)                                                 \
  FORCEINLINE Type Read##Kind##Acquire##Bits(Type const volatile* Source) {               \
    return __atomic_load_n(Source, __ATOMIC_ACQUIRE);                                     \
  }                                                                                       \
  FORCEINLINE Type Read##Kind##NoFence##Bits(Type const volatile* Source) {               \
    return __atomic_load_n(Source, __ATOMIC_RELAXED);                                     \
  }                                                                                       \
  FORCEINLINE Type Read##Kind##Raw##Bits(Type const volatile* Source) { return *Source; } \
  FORCEINLINE VOID Write##Kind##Release##Bits(Type volatile* Destination, Type Value) {   \
    __atomic_store_n(Destination, Value, __ATOMIC_RELEASE);                               \
  }                                                                                       \
  FORCEINLINE VOID Write##Kind##NoFence##Bits(Type volatile* Destination, Type Value) {   \
    __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                               \
  }                                                                                       \
  FORCEINLINE VOID Write##Kind##Raw##Bits(Type volatile* Destination, Type Value) { *Destination = Value; }
GPUDMAR_ORDERED(, 8, CHAR)
GPUDMAR_ORDERED(, 16, SHORT)
GPUDMAR_ORDERED(, , LONG)
GPUDMAR_ORDERED(, 64, LONG64)
GPUDMAR_ORDERED(Boolean, , BOOLEAN)
GPUDMAR_ORDERED(UChar, , UCHAR)
GPUDMAR_ORDERED(UShort, , USHORT)
GPUDMAR_ORDERED(ULong, , ULONG)
GPUDMAR_ORDERED(ULong64, , ULONG64)
GPUDMAR_ORDERED(LongPtr, , LONG_PTR)
GPUDMAR_ORDERED(ULongPtr, , ULONG_PTR)
GPUDMAR_ORDERED(Pointer, , PVOID)
#undef GPUDMAR_ORDERED

// ---- Bit scans: FALSE if no bit is set, and Index is left alone
// ---------------------------------------------------------------------------------------

FORCEINLINE UCHAR BitScanForward(ULONG* Index, ULONG Mask) {
  if (Mask == 0) return FALSE;
  *Index = (ULONG)__builtin_ctz(Mask);
  return TRUE;
}
FORCEINLINE UCHAR BitScanReverse(ULONG* Index, ULONG Mask) {
  if (Mask == 0) return FALSE;
  *Index = 31 - (ULONG)__builtin_clz(Mask);
  return TRUE;
}
FORCEINLINE UCHAR BitScanForward64(ULONG* Index, ULONG64 Mask) {
  if (Mask == 0) return FALSE;
  *Index = (ULONG)__builtin_ctzll(Mask);
  return TRUE;
}
FORCEINLINE UCHAR BitScanReverse64(ULONG* Index, ULONG64 Mask) {
  if (Mask == 0) return FALSE;
  *Index = 63 - (ULONG)__builtin_clzll(Mask);
  return TRUE;
}
#define _BitScanForward BitScanForward
#define _BitScanReverse BitScanReverse
#define _BitScanForward64 BitScanForward64
#define _BitScanReverse64 BitScanReverse64

// ---- The processor's hints
// ----------------------------------------------------------------------------------------

/// Lets some cycles pass: in this kernel, a loop that polls and gives way nowhere would stop the machine.
VOID KeGpudmarYieldProcessor(VOID);
#define YieldProcessor() KeGpudmarYieldProcessor()

#define _ReadBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _WriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _ReadWriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define __faststorefence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define PF_TEMPORAL_LEVEL_1 1
#define PF_NON_TEMPORAL_LEVEL_ALL 0
#define PreFetchCacheLine(Level, Address) __builtin_prefetch((const void*)(Address))
#define PrefetchForWrite(Address) __builtin_prefetch((const void*)(Address), 1)

EXTERN_C_END
