// SPDX-License-Identifier: Apache-2.0
// What static_assert cannot reach: status arithmetic, inline helpers of the kit.
#include <gtest/gtest.h>

#include "dispmprt.h"
#include "tests/support/covers.h"

namespace {

TEST(WdkLayout, TimeoutAndInformationalStatusesSucceed) {
  gpudmar::test::covers("E22");
  EXPECT_TRUE(NT_SUCCESS(STATUS_TIMEOUT));
  EXPECT_TRUE(NT_SUCCESS(STATUS_GRAPHICS_LEADLINK_START_DEFERRED));
  EXPECT_TRUE(NT_WARNING(STATUS_BUFFER_OVERFLOW));
  EXPECT_TRUE(NT_ERROR(STATUS_INVALID_PARAMETER));
  EXPECT_FALSE(NT_SUCCESS(STATUS_BUFFER_TOO_SMALL));
}

TEST(WdkLayout, WindowsIntegersKeepTheirWidths) {
  gpudmar::test::covers("E20");
  static_assert(sizeof(LONG) == 4 && sizeof(ULONG) == 4 && sizeof(DWORD) == 4 && sizeof(WCHAR) == 2);
  static_assert(sizeof(BOOLEAN) == 1 && sizeof(SIZE_T) == 8 && sizeof(NTSTATUS) == 4);
  PHYSICAL_ADDRESS all_ones;
  all_ones.QuadPart = -1;  // "no limit" compares as the largest unsigned number (E20)
  EXPECT_GT(static_cast<ULONGLONG>(all_ones.QuadPart), 1ull << 52);
  EXPECT_EQ(all_ones.LowPart, 0xFFFFFFFFu);
}

TEST(WdkInline, ListsKeepOrderAndReportEmptiness) {
  LIST_ENTRY head, a, b, c;
  InitializeListHead(&head);
  EXPECT_TRUE(IsListEmpty(&head));
  InsertTailList(&head, &a);
  InsertTailList(&head, &b);
  InsertHeadList(&head, &c);
  EXPECT_EQ(RemoveHeadList(&head), &c);
  EXPECT_FALSE(RemoveEntryList(&a));
  EXPECT_TRUE(RemoveEntryList(&b));
  EXPECT_EQ(RemoveHeadList(&head), &head);
}

TEST(WdkInlineDeathTest, CorruptListStops) {
  LIST_ENTRY head, a;
  InitializeListHead(&head);
  InsertTailList(&head, &a);
  head.Flink = &head;
  EXPECT_DEATH(RemoveEntryList(&a), "");
}

TEST(WdkInline, InterlockedReturnsOldOrNewAsNamed) {
  LONG value = 5;
  EXPECT_EQ(InterlockedIncrement(&value), 6);
  EXPECT_EQ(InterlockedExchangeAdd(&value, 4), 6);
  EXPECT_EQ(InterlockedCompareExchange(&value, 1, 9), 10);
  EXPECT_EQ(InterlockedCompareExchange(&value, 1, 10), 10);
  EXPECT_EQ(InterlockedOr(&value, 6), 1);
  EXPECT_EQ(InterlockedBitTestAndReset(&value, 1), 1);
  EXPECT_EQ(value, 5);
}

TEST(WdkInline, PageArithmetic) {
  EXPECT_EQ(BYTES_TO_PAGES(SIZE_T{0x1001}), 2u);
  EXPECT_EQ(BYTES_TO_PAGES(~SIZE_T{0}), SIZE_T{1} << 52);
  EXPECT_EQ(ROUND_TO_PAGES(1), 0x1000u);
  EXPECT_EQ(ADDRESS_AND_SIZE_TO_SPAN_PAGES(0xFFF, 2), 2u);
  EXPECT_EQ(ALIGN_UP_BY(0x1234, 0x100), 0x1300u);
}

}  // namespace
