// SPDX-License-Identifier: Apache-2.0
// Lookaside lists: what they keep, whose pool it is, misuse.
#include <algorithm>

#include "tests/driver-model/wdk/kernel_test.h"

namespace {

using ::testing::HasSubstr;

constexpr ULONG kTag = 'lktT';

struct LookasideTest : gpudmar::test::KernelTest {
  NPAGED_LOOKASIDE_LIST list{};
  void SetUp() override {
    ExInitializeNPagedLookasideList(&list, nullptr, nullptr, 0, 64, kTag, 0);
    runtime.name_object(&list, "the list");
  }
  UCHAR* take() { return static_cast<UCHAR*>(ExAllocateFromNPagedLookasideList(&list)); }
  void give(PVOID entry) { ExFreeToNPagedLookasideList(&list, entry); }
};

TEST_F(LookasideTest, KeepsAFewAndGivesTheLastOneAgain) {
  std::vector<UCHAR*> entries;
  for (int i = 0; i < 6; ++i) entries.push_back(take());
  EXPECT_EQ(std::set<UCHAR*>(entries.begin(), entries.end()).size(), 6u);
  EXPECT_EQ(runtime.pool_blocks(), 6u);
  EXPECT_EQ(loans["pool"].size(), 6u);
  for (UCHAR* entry : entries) give(entry);
  EXPECT_EQ(runtime.pool_blocks(), 4u) << "four are kept, the others are freed";
  EXPECT_TRUE(loans["pool"].empty()) << "the driver has none";
  EXPECT_EQ(take(), entries[3]);
  EXPECT_EQ(loans["pool"], std::set<const void*>{entries[3]}) << "lent anew, from here";
  give(entries[3]);
  EXPECT_EQ(list.L.TotalAllocates, 7u);
  EXPECT_EQ(list.L.AllocateMisses, 6u);
  EXPECT_EQ(list.L.TotalFrees, 7u);
  EXPECT_EQ(list.L.FreeMisses, 2u);
  EXPECT_EQ(loans["lookaside list"].size(), 1u);
  ExDeleteNPagedLookasideList(&list);
  EXPECT_EQ(runtime.pool_blocks(), 0u);
  EXPECT_TRUE(loans["lookaside list"].empty());
}

TEST_F(LookasideTest, EntriesComeWithoutContents) {
  UCHAR* entry = take();
  std::fill_n(entry, 64, UCHAR{7});
  give(entry);
  ASSERT_EQ(take(), entry);
  EXPECT_EQ(std::count(entry, entry + 64, 0xCD), 64) << "a driver that relies on the old contents sees it";
  give(entry);
}

TEST_F(LookasideTest, LostEntriesAreLeaksOfPool) {
  UCHAR* entry = take();
  give(take());
  ExDeleteNPagedLookasideList(&list);
  EXPECT_EQ(loans["pool"], std::set<const void*>{entry});
  EXPECT_EQ(runtime.pool_blocks(), 1u);
  ExFreePoolWithTag(entry, kTag);
}

TEST_F(LookasideTest, AllocationCanFailOrRaise) {
  runtime.fail_pool_after(0);
  EXPECT_EQ(take(), nullptr);
  NPAGED_LOOKASIDE_LIST raising;
  ExInitializeNPagedLookasideList(&raising, nullptr, nullptr, POOL_RAISE_IF_ALLOCATION_FAILURE, 64, kTag, 0);
  EXPECT_THROW(ExAllocateFromNPagedLookasideList(&raising), std::bad_alloc);
}

TEST_F(LookasideTest, FreeingWhatIsNotOutIsARule) {
  UCHAR* entry = take();
  give(entry);
  EXPECT_THAT(told([&] { give(entry); }),
              HasSubstr("is no entry that the list gave out, or it is freed twice"));
  EXPECT_THAT(told([&] { ExFreePool(entry); }),
              HasSubstr("was freed to the list, a lookaside list, already"));
  PVOID other = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, kTag);
  EXPECT_THAT(told([&] { give(other); }), HasSubstr("is no entry that the list gave out"));
  ExFreePool(other);
  UCHAR* freed = take();
  ExFreePool(freed);
  EXPECT_THAT(told([&] { give(freed); }), HasSubstr("is no entry that the list gave out"));
}

TEST_F(LookasideTest, WritingToAFreedEntryIsFoundLater) {
  UCHAR* entry = take();
  give(entry);
  entry[40] = 1;
  EXPECT_THAT(told([&] { take(); }), HasSubstr("was written after it was freed to the list: at offset 40"));
  UCHAR* second = take();
  give(second);
  second[0] = 1;
  EXPECT_THAT(told([&] { ExDeleteNPagedLookasideList(&list); }), HasSubstr("at offset 0"));
}

TEST_F(LookasideTest, ListsAreInitializedAndDeletedOnce) {
  EXPECT_THAT(told([&] { ExInitializeNPagedLookasideList(&list, nullptr, nullptr, 0, 64, kTag, 0); }),
              HasSubstr("of the list, a lookaside list that is in use"));
  ExDeleteNPagedLookasideList(&list);
  EXPECT_THAT(told([&] { ExDeleteNPagedLookasideList(&list); }),
              HasSubstr("the list, a lookaside list that is not initialized, or was deleted"));
  EXPECT_THAT(told([&] { take(); }), HasSubstr("ExAllocateFromNPagedLookasideList of the list"));
  EXPECT_THAT(told([&] { ExInitializeNPagedLookasideList(&list, nullptr, nullptr, 0, 7, kTag, 0); }),
              HasSubstr("of entries of 7 bytes"));
  auto* odd = reinterpret_cast<PLOOKASIDE_LIST_EX>(reinterpret_cast<ULONG_PTR>(&list) + 8);
  EXPECT_THAT(
      told([&] { ExInitializeLookasideListEx(odd, nullptr, nullptr, NonPagedPoolNx, 0, 64, kTag, 0); }),
      HasSubstr("is not aligned to 16 bytes"));
}

TEST_F(LookasideTest, PoolWithAListInItIsNotFreed) {
  struct Extension {
    ULONG version;
    LOOKASIDE_LIST_EX list;
  };
  auto* extension = static_cast<Extension*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(Extension), kTag));
  EXPECT_EQ(ExInitializeLookasideListEx(&extension->list, nullptr, nullptr, NonPagedPoolNx, 0, 64, kTag, 0),
            STATUS_SUCCESS);
  EXPECT_THAT(told([&] { ExFreePool(extension); }), HasSubstr("a lookaside list that is in use"));
  ExDeleteLookasideListEx(&extension->list);
  ExFreePool(extension);
}

TEST_F(LookasideTest, PagedListsEndBelowDispatchLevel) {
  PAGED_LOOKASIDE_LIST paged;
  {
    const gpudmar::wdk::IrqlRaise raised(runtime, DISPATCH_LEVEL);
    give(take());
    EXPECT_THAT(told([&] { ExInitializePagedLookasideList(&paged, nullptr, nullptr, 0, 64, kTag, 0); }),
                HasSubstr("ExInitializePagedLookasideList at IRQL 2, allowed up to 1"));
  }
  ExInitializePagedLookasideList(&paged, nullptr, nullptr, 0, 64, kTag, 0);
  PVOID entry = ExAllocateFromPagedLookasideList(&paged);
  {
    const gpudmar::wdk::IrqlRaise raised(runtime, DISPATCH_LEVEL);
    EXPECT_THAT(told([&] { ExAllocateFromPagedLookasideList(&paged); }), HasSubstr("at IRQL 2"));
    EXPECT_THAT(told([&] { ExFreeToPagedLookasideList(&paged, entry); }), HasSubstr("at IRQL 2"));
    EXPECT_THAT(told([&] { ExDeletePagedLookasideList(&paged); }), HasSubstr("at IRQL 2"));
  }
  ExFreeToPagedLookasideList(&paged, entry);
  ExDeletePagedLookasideList(&paged);
  const gpudmar::wdk::IrqlRaise raised(runtime, gpudmar::wdk::kDeviceIrql);
  EXPECT_THAT(told([&] { take(); }), HasSubstr("at IRQL 5, allowed up to 2"));
}

// A list with routines of its own, and what it asked them for.
struct Private {
  ULONG allocations = 0;
  ULONG frees = 0;
  ULONG type = 0;
  LOOKASIDE_LIST_EX list;
};
PVOID allocate_ex(POOL_TYPE type, SIZE_T bytes, ULONG tag, PLOOKASIDE_LIST_EX list) {
  auto* mine = CONTAINING_RECORD(list, Private, list);
  ++mine->allocations;
  mine->type = static_cast<ULONG>(type);
  auto* entry = static_cast<UCHAR*>(
      ExAllocatePoolWithTag(static_cast<POOL_TYPE>(type & ~POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), bytes, tag));
  if (entry != nullptr) entry[32] = 99;  // prepared once
  return entry;
}
VOID free_ex(PVOID entry, PLOOKASIDE_LIST_EX list) {
  ++CONTAINING_RECORD(list, Private, list)->frees;
  ExFreePoolWithTag(entry, kTag);
}

TEST_F(LookasideTest, RoutinesOfTheDriverSeeTheListAndKeepTheirPreparation) {
  Private mine;
  EXPECT_EQ(ExInitializeLookasideListEx(&mine.list, allocate_ex, free_ex, NonPagedPoolNx,
                                        EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, 64, kTag, 0),
            STATUS_SUCCESS);
  auto* entry = static_cast<UCHAR*>(ExAllocateFromLookasideListEx(&mine.list));
  EXPECT_EQ(mine.type, ULONG{NonPagedPoolNx | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE});
  std::fill_n(entry, 8, UCHAR{1});
  ExFreeToLookasideListEx(&mine.list, entry);
  EXPECT_NE(entry[0], 1) << "the link";
  EXPECT_EQ(ExAllocateFromLookasideListEx(&mine.list), entry);
  EXPECT_EQ(entry[32], 99);
  EXPECT_EQ(mine.allocations, 1u);
  ExFreeToLookasideListEx(&mine.list, entry);
  ExFlushLookasideListEx(&mine.list);
  EXPECT_EQ(mine.frees, 1u);
  ExFreeToLookasideListEx(&mine.list, ExAllocateFromLookasideListEx(&mine.list));
  ExDeleteLookasideListEx(&mine.list);
  EXPECT_EQ(mine.frees, 2u);
  EXPECT_EQ(runtime.pool_blocks(), 0u);
}

TEST_F(LookasideTest, ExRefusesTypesAndFlags) {
  LOOKASIDE_LIST_EX ex;
  const auto initialize = [&](int type, ULONG flags) {
    return ExInitializeLookasideListEx(&ex, allocate_ex, free_ex, static_cast<POOL_TYPE>(type), flags, 64,
                                       kTag, 0);
  };
  EXPECT_EQ(initialize(2, 0), STATUS_INVALID_PARAMETER_4);
  EXPECT_EQ(initialize(NonPagedPoolNx, 3), STATUS_INVALID_PARAMETER_5);
  EXPECT_EQ(initialize(NonPagedPoolNx, 4), STATUS_INVALID_PARAMETER_5);
  EXPECT_THAT(told([&] {
                ExInitializeLookasideListEx(&ex, nullptr, nullptr, PagedPool,
                                            EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, 64, kTag, 0);
              }),
              HasSubstr("with an allocation routine"));
  EXPECT_EQ(initialize(PagedPool, EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL), STATUS_SUCCESS);
  EXPECT_EQ(ex.L.Type, PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE);
}

}  // namespace
