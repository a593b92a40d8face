// SPDX-License-Identifier: Apache-2.0
// What the headers do without a kernel: interlocked operations, ordered accesses, bit scans, safe integers.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "ntddk.h"
#include "ntintsafe.h"

namespace {

TEST(WdkInterlocked, WidthsAndWhatIsReturned) {
  CHAR byte = 0x0F;
  EXPECT_EQ(InterlockedOr8(&byte, 0x10), 0x0F);
  EXPECT_EQ(InterlockedAnd8(&byte, 0x11), 0x1F);
  EXPECT_EQ(InterlockedXor8(&byte, 0x10), 0x11);
  EXPECT_EQ(InterlockedExchange8(&byte, 5), 1);
  SHORT half = 3;
  EXPECT_EQ(InterlockedCompareExchange16(&half, 9, 4), 3);
  EXPECT_EQ(InterlockedCompareExchange16(&half, 9, 3), 3);
  EXPECT_EQ(InterlockedOr16(&half, 6), 9);
  EXPECT_EQ(InterlockedAnd16(&half, 12), 15);
  EXPECT_EQ(InterlockedXor16(&half, 1), 12);
  EXPECT_EQ(InterlockedExchange16(&half, 0), 13);
  LONG64 big = 1;
  EXPECT_EQ(InterlockedXor64(&big, 1ll << 40), 1);
  EXPECT_EQ(InterlockedBitTestAndSet64(&big, 41), 0);
  EXPECT_EQ(InterlockedBitTestAndReset64(&big, 40), 1);
  EXPECT_EQ(big, (1ll << 41) + 1);
  EXPECT_EQ(InterlockedIncrementNoFence64(&big), (1ll << 41) + 2);
  EXPECT_EQ(InterlockedCompareExchangeAcquire64(&big, 0, 5), (1ll << 41) + 2);
  LONG word = 8;
  EXPECT_EQ(InterlockedBitTestAndComplement(&word, 3), 1);
  EXPECT_EQ(InterlockedAddNoFence(&word, 4), 4);
  EXPECT_EQ(InterlockedOrAcquire(&word, 1), 4);
  SIZE_T size = 10;
  EXPECT_EQ(InterlockedExchangeAddSizeT(&size, 5), 10);
  EXPECT_EQ(InterlockedDecrementSizeT(&size), 14);
}

TEST(WdkInterlocked, SixteenBytesAtOnce) {
  alignas(16) LONG64 pair[2] = {1, 2};
  LONG64 seen[2] = {1, 3};
  EXPECT_EQ(InterlockedCompareExchange128(pair, 8, 7, seen), 0);
  EXPECT_EQ(seen[1], 2) << "what was there";
  EXPECT_EQ(pair[0], 1);
  EXPECT_EQ(InterlockedCompareExchange128(pair, 8, 7, seen), 1);
  EXPECT_EQ(pair[0], 7);
  EXPECT_EQ(pair[1], 8) << "the high half comes first";
}

TEST(WdkInterlocked, OrderedLoadsAndStores) {
  ULONG64 fence = 0;
  WriteULong64Release(&fence, 77);
  EXPECT_EQ(ReadULong64Acquire(&fence), 77u);
  EXPECT_EQ(ReadULong64NoFence(&fence), 77u);
  LONG value = 0;
  WriteRelease(&value, -3);
  EXPECT_EQ(ReadAcquire(&value), -3);
  LONG64 big = 0;
  WriteRaw64(&big, 5);
  EXPECT_EQ(ReadNoFence64(&big), 5);
  PVOID pointer = nullptr;
  WritePointerRelease(&pointer, &value);
  EXPECT_EQ(ReadPointerAcquire(&pointer), &value);
  BOOLEAN flag = FALSE;
  WriteBooleanNoFence(&flag, TRUE);
  EXPECT_TRUE(ReadBooleanRaw(&flag));
}

TEST(WdkInline, BitScans) {
  ULONG index = 99;
  EXPECT_FALSE(_BitScanForward(&index, 0));
  EXPECT_EQ(index, 99u);
  EXPECT_TRUE(_BitScanForward(&index, 0x50));
  EXPECT_EQ(index, 4u);
  EXPECT_TRUE(_BitScanReverse(&index, 0x50));
  EXPECT_EQ(index, 6u);
  EXPECT_TRUE(_BitScanForward64(&index, 1ull << 40));
  EXPECT_EQ(index, 40u);
  EXPECT_TRUE(_BitScanReverse64(&index, (1ull << 63) | 1));
  EXPECT_EQ(index, 63u);
  EXPECT_FALSE(_BitScanReverse64(&index, 0));
}

TEST(WdkInline, MemoryHelpers) {
  ULONG words[4];
  RtlFillMemoryUlong(words, sizeof words, 0xABCD);
  words[2] = 0;
  EXPECT_EQ(RtlCompareMemoryUlong(words, sizeof words, 0xABCD), 8u);
  RtlSecureZeroMemory(words, 6);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(words[1], 0u);  // its low half is all there was
  EXPECT_EQ(words[3], 0xABCDu);
}

TEST(WdkSafeIntegers, OverflowIsTold) {
  ULONG small = 0;
  EXPECT_EQ(RtlULongAdd(0xFFFFFFFE, 1, &small), STATUS_SUCCESS);
  EXPECT_EQ(small, 0xFFFFFFFFu);
  EXPECT_EQ(RtlULongAdd(0xFFFFFFFF, 1, &small), STATUS_INTEGER_OVERFLOW);
  EXPECT_EQ(small, ULONG_ERROR);
  EXPECT_EQ(RtlULongSub(1, 2, &small), STATUS_INTEGER_OVERFLOW);
  EXPECT_EQ(RtlULongMult(0x10000, 0x10000, &small), STATUS_INTEGER_OVERFLOW);
  ULONGLONG big = 0;
  EXPECT_EQ(RtlULongLongMult(1ull << 32, 1ull << 31, &big), STATUS_SUCCESS);
  EXPECT_EQ(big, 1ull << 63);
  EXPECT_EQ(RtlULongLongMult(1ull << 32, 1ull << 32, &big), STATUS_INTEGER_OVERFLOW);
  EXPECT_EQ(big, ULONGLONG_ERROR);
  SIZE_T size = 0;
  EXPECT_EQ(RtlSizeTAdd(~SIZE_T{0}, 1, &size), STATUS_INTEGER_OVERFLOW);
  EXPECT_EQ(RtlSizeTMult(4096, 3, &size), STATUS_SUCCESS);
  EXPECT_EQ(size, 12288u);
  UINT_PTR pointer = 0;
  EXPECT_EQ(RtlUIntPtrSub(5, 6, &pointer), STATUS_INTEGER_OVERFLOW);
  LONG number = 0;
  EXPECT_EQ(RtlLongAdd(MAXLONG, 1, &number), STATUS_INTEGER_OVERFLOW);
  EXPECT_EQ(number, -1);
  USHORT half = 0;
  EXPECT_EQ(RtlUShortAdd(0xFFFF, 1, &half), STATUS_INTEGER_OVERFLOW);
}

TEST(WdkSafeIntegers, ConversionsTellWhatDoesNotFit) {
  ULONG small = 0;
  EXPECT_EQ(RtlULongLongToULong(0xFFFFFFFF, &small), STATUS_SUCCESS);
  EXPECT_EQ(small, 0xFFFFFFFFu);
  EXPECT_EQ(RtlSizeTToULong(SIZE_T{1} << 32, &small), STATUS_INTEGER_OVERFLOW);
  EXPECT_EQ(RtlLongToULong(-1, &small), STATUS_INTEGER_OVERFLOW);
  LONG number = 0;
  EXPECT_EQ(RtlULongToLong(0x80000000, &number), STATUS_INTEGER_OVERFLOW);
  ULONGLONG big = 0;
  EXPECT_EQ(RtlLongLongToULongLong(-5, &big), STATUS_INTEGER_OVERFLOW);
  USHORT half = 0;
  EXPECT_EQ(RtlULongToUShort(0xFFFF, &half), STATUS_SUCCESS);
  EXPECT_EQ(half, 0xFFFFu);
}

}  // namespace
