// SPDX-License-Identifier: Apache-2.0
// Bitmaps. Any IRQL; a range that reaches beyond its bitmap is a broken rule.
#include <fmt/format.h>

#include <algorithm>

#include "driver-model/wdk/runtime/runtime.h"

using gpudmar::wdk::Runtime;

namespace {

constexpr ULONG kNotFound = 0xFFFFFFFF;
constexpr ULONG kWord = 32;

void require_range(const RTL_BITMAP* map, ULONG first, ULONG count, const char* routine) {
  if (first <= map->SizeOfBitMap && count <= map->SizeOfBitMap - first) return;
  Runtime::active().rule_broken(fmt::format("{}: {} bits from {} on, in a bitmap of {} at {}", routine, count,
                                            first, map->SizeOfBitMap, fmt::ptr(map)));
}

bool bit(const RTL_BITMAP* map, ULONG index) {
  return (map->Buffer[index / kWord] >> index % kWord & 1) != 0;
}

// The first bit of that value from `from` on and below `end`, else `end`; whole words at once.
ULONG next(const RTL_BITMAP* map, ULONG from, ULONG end, bool value) {
  while (from < end) {
    const ULONG word = map->Buffer[from / kWord] ^ (value ? 0 : ~ULONG{0});
    const ULONG rest = word >> from % kWord;
    if (rest != 0) return std::min(end, from + static_cast<ULONG>(__builtin_ctz(rest)));
    from = std::min(end, (from / kWord + 1) * kWord);
    if (from == 0) return end;  // past the last of 2^32 bits
  }
  return end;
}

void fill(const RTL_BITMAP* map, ULONG first, ULONG count, bool value) {
  for (ULONG done = 0; done < count;) {
    const ULONG index = first + done;
    const ULONG bits = std::min(count - done, kWord - index % kWord);
    const ULONG mask = (bits == kWord ? ~ULONG{0} : (ULONG{1} << bits) - 1) << index % kWord;
    ULONG& word = map->Buffer[index / kWord];
    word = value ? word | mask : word & ~mask;
    done += bits;
  }
}

// A run of `count` bits of that value that begins in [from, to) and ends before the bitmap does.
ULONG find_between(const RTL_BITMAP* map, ULONG count, ULONG from, ULONG to, bool value) {
  const ULONG size = map->SizeOfBitMap;
  for (ULONG start = next(map, from, size, value); start < to;) {
    if (count > size - start) return kNotFound;
    const ULONG end = next(map, start, start + count, !value);
    if (end == start + count) return start;
    start = next(map, end, size, value);
  }
  return kNotFound;
}

ULONG find(const RTL_BITMAP* map, ULONG count, ULONG hint, bool value) {
  const ULONG size = map->SizeOfBitMap;
  if (hint >= size) hint = 0;
  if (count == 0) return hint;
  const ULONG found = find_between(map, count, hint, size, value);
  return found != kNotFound || hint == 0 ? found : find_between(map, count, 0, hint, value);
}

bool all(const RTL_BITMAP* map, ULONG first, ULONG count, bool value) {
  const ULONG size = map->SizeOfBitMap;
  if (count == 0 || first >= size || count > size - first) return false;
  return next(map, first, first + count, !value) == first + count;
}

ULONG count_set(const RTL_BITMAP* map, ULONG first, ULONG count) {
  ULONG set = 0;
  for (ULONG done = 0; done < count;) {
    const ULONG index = first + done;
    const ULONG bits = std::min(count - done, kWord - index % kWord);
    const ULONG word = map->Buffer[index / kWord] >> index % kWord;
    set += static_cast<ULONG>(__builtin_popcount(bits == kWord ? word : word & ((ULONG{1} << bits) - 1)));
    done += bits;
  }
  return set;
}

// The clear run that begins at `from` or behind it; its length, 0: none.
ULONG clear_run(const RTL_BITMAP* map, ULONG from, ULONG* start) {
  const ULONG size = map->SizeOfBitMap;
  *start = from < size ? next(map, from, size, false) : size;
  return next(map, *start, size, true) - *start;
}

}  // namespace

extern "C" {

VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap) {
  BitMapHeader->SizeOfBitMap = SizeOfBitMap;
  BitMapHeader->Buffer = BitMapBuffer;
}

VOID RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber) {
  require_range(BitMapHeader, BitNumber, 1, "RtlClearBit");
  fill(BitMapHeader, BitNumber, 1, false);
}

VOID RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber) {
  require_range(BitMapHeader, BitNumber, 1, "RtlSetBit");
  fill(BitMapHeader, BitNumber, 1, true);
}

BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber) {
  require_range(BitMapHeader, BitNumber, 1, "RtlTestBit");
  return bit(BitMapHeader, BitNumber);
}

VOID RtlClearAllBits(PRTL_BITMAP BitMapHeader) { fill(BitMapHeader, 0, BitMapHeader->SizeOfBitMap, false); }
VOID RtlSetAllBits(PRTL_BITMAP BitMapHeader) { fill(BitMapHeader, 0, BitMapHeader->SizeOfBitMap, true); }

VOID RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear) {
  require_range(BitMapHeader, StartingIndex, NumberToClear, "RtlClearBits");
  fill(BitMapHeader, StartingIndex, NumberToClear, false);
}

VOID RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet) {
  require_range(BitMapHeader, StartingIndex, NumberToSet, "RtlSetBits");
  fill(BitMapHeader, StartingIndex, NumberToSet, true);
}

ULONG RtlFindClearBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
  return find(BitMapHeader, NumberToFind, HintIndex, false);
}

ULONG RtlFindSetBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
  return find(BitMapHeader, NumberToFind, HintIndex, true);
}

ULONG RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
  const ULONG found = find(BitMapHeader, NumberToFind, HintIndex, false);
  if (found != kNotFound) fill(BitMapHeader, found, NumberToFind, true);
  return found;
}

ULONG RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
  const ULONG found = find(BitMapHeader, NumberToFind, HintIndex, true);
  if (found != kNotFound) fill(BitMapHeader, found, NumberToFind, false);
  return found;
}

ULONG RtlFindClearRuns(PRTL_BITMAP BitMapHeader, PRTL_BITMAP_RUN RunArray, ULONG SizeOfRunArray,
                       BOOLEAN LocateLongestRuns) {
  ULONG found = 0;
  ULONG start = 0;
  for (ULONG length = 0; (length = clear_run(BitMapHeader, start, &start)) != 0; start += length) {
    if (found == SizeOfRunArray && !LocateLongestRuns) break;
    if (found < SizeOfRunArray) {
      RunArray[found++] = {start, length};
    } else if (found != 0 && RunArray[found - 1].NumberOfBits < length) {
      RunArray[found - 1] = {start, length};
    } else {
      continue;
    }
    // The longest ones stand first.
    for (ULONG i = found - 1; LocateLongestRuns && i > 0; --i) {
      if (RunArray[i - 1].NumberOfBits >= RunArray[i].NumberOfBits) break;
      std::swap(RunArray[i - 1], RunArray[i]);
    }
  }
  return found;
}

ULONG RtlFindLongestRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex) {
  RTL_BITMAP_RUN run{0, 0};
  RtlFindClearRuns(BitMapHeader, &run, 1, TRUE);
  *StartingIndex = run.StartingIndex;
  return run.NumberOfBits;
}

ULONG RtlFindFirstRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex) {
  return clear_run(BitMapHeader, 0, StartingIndex);
}

ULONG RtlFindNextForwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex) {
  return clear_run(BitMapHeader, FromIndex, StartingRunIndex);
}

ULONG RtlFindLastBackwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex) {
  if (BitMapHeader->SizeOfBitMap == 0) return 0;
  ULONG end = std::min(FromIndex, BitMapHeader->SizeOfBitMap - 1) + 1;
  while (end > 0 && bit(BitMapHeader, end - 1)) --end;
  ULONG start = end;
  while (start > 0 && !bit(BitMapHeader, start - 1)) --start;
  *StartingRunIndex = start;
  return end - start;
}

ULONG RtlNumberOfSetBits(PRTL_BITMAP BitMapHeader) {
  return count_set(BitMapHeader, 0, BitMapHeader->SizeOfBitMap);
}

ULONG RtlNumberOfClearBits(PRTL_BITMAP BitMapHeader) {
  return BitMapHeader->SizeOfBitMap - RtlNumberOfSetBits(BitMapHeader);
}

ULONG RtlNumberOfSetBitsInRange(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length) {
  require_range(BitMapHeader, StartingIndex, Length, "RtlNumberOfSetBitsInRange");
  return count_set(BitMapHeader, StartingIndex, Length);
}

ULONG RtlNumberOfClearBitsInRange(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length) {
  require_range(BitMapHeader, StartingIndex, Length, "RtlNumberOfClearBitsInRange");
  return Length - count_set(BitMapHeader, StartingIndex, Length);
}

ULONG RtlNumberOfSetBitsUlongPtr(ULONG_PTR Target) {
  return static_cast<ULONG>(__builtin_popcountll(Target));
}

BOOLEAN RtlAreBitsClear(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length) {
  return all(BitMapHeader, StartingIndex, Length, false);
}

BOOLEAN RtlAreBitsSet(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length) {
  return all(BitMapHeader, StartingIndex, Length, true);
}

CCHAR RtlFindLeastSignificantBit(ULONGLONG Set) {
  return static_cast<CCHAR>(Set == 0 ? -1 : __builtin_ctzll(Set));
}

CCHAR RtlFindMostSignificantBit(ULONGLONG Set) {
  return static_cast<CCHAR>(Set == 0 ? -1 : 63 - __builtin_clzll(Set));
}

}  // extern "C"
