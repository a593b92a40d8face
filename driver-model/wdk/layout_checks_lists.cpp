// SPDX-License-Identifier: Apache-2.0
// Layouts of lists, lookaside lists, bitmaps, tables and locks; values that their routines take.
#include "driver-model/wdk/layout_checks.h"
#include "ntddk.h"
#include "ntintsafe.h"
#include "ntstrsafe.h"

GPUDMAR_SIZE(SLIST_ENTRY, 16);
GPUDMAR_OFFSET(SLIST_ENTRY, Next, 0);
GPUDMAR_SIZE(SLIST_HEADER, 16);
GPUDMAR_OFFSET(SLIST_HEADER, Alignment, 0);
GPUDMAR_OFFSET(SLIST_HEADER, Region, 8);
GPUDMAR_CHECK(__alignof__(SLIST_ENTRY) == 16 && __alignof__(SLIST_HEADER) == 16, "SLISTs are aligned to 16");

#define GPUDMAR_LOOKASIDE(type, prefix)                \
  GPUDMAR_OFFSET(type, prefix ListHead, 0);            \
  GPUDMAR_OFFSET(type, prefix SingleListHead, 0);      \
  GPUDMAR_OFFSET(type, prefix Depth, 16);              \
  GPUDMAR_OFFSET(type, prefix MaximumDepth, 18);       \
  GPUDMAR_OFFSET(type, prefix TotalAllocates, 20);     \
  GPUDMAR_OFFSET(type, prefix AllocateMisses, 24);     \
  GPUDMAR_OFFSET(type, prefix TotalFrees, 28);         \
  GPUDMAR_OFFSET(type, prefix FreeMisses, 32);         \
  GPUDMAR_OFFSET(type, prefix Type, 36);               \
  GPUDMAR_OFFSET(type, prefix Tag, 40);                \
  GPUDMAR_OFFSET(type, prefix Size, 44);               \
  GPUDMAR_OFFSET(type, prefix AllocateEx, 48);         \
  GPUDMAR_OFFSET(type, prefix Allocate, 48);           \
  GPUDMAR_OFFSET(type, prefix FreeEx, 56);             \
  GPUDMAR_OFFSET(type, prefix Free, 56);               \
  GPUDMAR_OFFSET(type, prefix ListEntry, 64);          \
  GPUDMAR_OFFSET(type, prefix LastTotalAllocates, 80); \
  GPUDMAR_OFFSET(type, prefix LastAllocateMisses, 84); \
  GPUDMAR_OFFSET(type, prefix Future, 88)
GPUDMAR_LOOKASIDE(GENERAL_LOOKASIDE, );
GPUDMAR_LOOKASIDE(GENERAL_LOOKASIDE_POOL, );
GPUDMAR_LOOKASIDE(NPAGED_LOOKASIDE_LIST, L.);
GPUDMAR_LOOKASIDE(PAGED_LOOKASIDE_LIST, L.);
GPUDMAR_LOOKASIDE(LOOKASIDE_LIST_EX, L.);
GPUDMAR_SIZE(GENERAL_LOOKASIDE, 128);
GPUDMAR_SIZE(GENERAL_LOOKASIDE_POOL, 96);
GPUDMAR_SIZE(NPAGED_LOOKASIDE_LIST, 128);
GPUDMAR_SIZE(PAGED_LOOKASIDE_LIST, 128);
GPUDMAR_SIZE(LOOKASIDE_LIST_EX, 96);
// NOLINTNEXTLINE(bugprone-sizeof-expression): the size of a pointer is what the kit means
GPUDMAR_CHECK(LOOKASIDE_MINIMUM_BLOCK_SIZE == 8, "an entry holds a pointer");

GPUDMAR_SIZE(RTL_BITMAP, 16);
GPUDMAR_OFFSET(RTL_BITMAP, SizeOfBitMap, 0);
GPUDMAR_OFFSET(RTL_BITMAP, Buffer, 8);
GPUDMAR_SIZE(RTL_BITMAP_RUN, 8);
GPUDMAR_OFFSET(RTL_BITMAP_RUN, StartingIndex, 0);
GPUDMAR_OFFSET(RTL_BITMAP_RUN, NumberOfBits, 4);

GPUDMAR_SIZE(RTL_BALANCED_LINKS, 32);
GPUDMAR_OFFSET(RTL_BALANCED_LINKS, Parent, 0);
GPUDMAR_OFFSET(RTL_BALANCED_LINKS, LeftChild, 8);
GPUDMAR_OFFSET(RTL_BALANCED_LINKS, RightChild, 16);
GPUDMAR_OFFSET(RTL_BALANCED_LINKS, Balance, 24);
GPUDMAR_SIZE(RTL_AVL_TABLE, 104);
GPUDMAR_OFFSET(RTL_AVL_TABLE, BalancedRoot, 0);
GPUDMAR_OFFSET(RTL_AVL_TABLE, OrderedPointer, 32);
GPUDMAR_OFFSET(RTL_AVL_TABLE, WhichOrderedElement, 40);
GPUDMAR_OFFSET(RTL_AVL_TABLE, NumberGenericTableElements, 44);
GPUDMAR_OFFSET(RTL_AVL_TABLE, DepthOfTree, 48);
GPUDMAR_OFFSET(RTL_AVL_TABLE, RestartKey, 56);
GPUDMAR_OFFSET(RTL_AVL_TABLE, DeleteCount, 64);
GPUDMAR_OFFSET(RTL_AVL_TABLE, CompareRoutine, 72);
GPUDMAR_OFFSET(RTL_AVL_TABLE, AllocateRoutine, 80);
GPUDMAR_OFFSET(RTL_AVL_TABLE, FreeRoutine, 88);
GPUDMAR_OFFSET(RTL_AVL_TABLE, TableContext, 96);
GPUDMAR_CHECK(TableEmptyTree == 0 && TableFoundNode == 1 && TableInsertAsLeft == 2 && TableInsertAsRight == 3,
              "results of a search");
GPUDMAR_CHECK(GenericLessThan == 0 && GenericGreaterThan == 1 && GenericEqual == 2,
              "results of a comparison");

GPUDMAR_SIZE(EX_PUSH_LOCK, 8);
GPUDMAR_SIZE(EX_SPIN_LOCK, 4);
GPUDMAR_SIZE(KGUARDED_MUTEX, 56);
GPUDMAR_OFFSET(KGUARDED_MUTEX, Count, 0);
GPUDMAR_OFFSET(KGUARDED_MUTEX, Owner, 8);
GPUDMAR_OFFSET(KGUARDED_MUTEX, Contention, 16);
GPUDMAR_OFFSET(KGUARDED_MUTEX, Event, 24);
GPUDMAR_OFFSET(KGUARDED_MUTEX, OldIrql, 48);

GPUDMAR_SIZE(PROCESSOR_NUMBER, 4);
GPUDMAR_OFFSET(PROCESSOR_NUMBER, Group, 0);
GPUDMAR_OFFSET(PROCESSOR_NUMBER, Number, 2);
GPUDMAR_OFFSET(PROCESSOR_NUMBER, Reserved, 3);
GPUDMAR_CHECK(LowImportance == 0 && MediumImportance == 1 && HighImportance == 2 && MediumHighImportance == 3,
              "importance of DPCs");
GPUDMAR_CHECK(POOL_QUOTA_FAIL_INSTEAD_OF_RAISE == 8 && NormalPoolPriority == 16 && HighPoolPriority == 32,
              "flags of the older pool calls");
GPUDMAR_CHECK(sizeof(LOGICAL) == 4 && sizeof(CLONG) == 4, "both are ULONG");
GPUDMAR_CHECK(STATUS_INVALID_PARAMETER_1 == (NTSTATUS)0xC00000EF &&
                  STATUS_INVALID_PARAMETER_12 == (NTSTATUS)0xC00000FA,
              "one for each parameter");
