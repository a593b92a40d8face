// SPDX-License-Identifier: Apache-2.0
// Singly linked and sequenced lists, and those under a spin lock.
#include "tests/driver-model/wdk/kernel_test.h"

namespace {

using ::testing::HasSubstr;
using ListsTest = gpudmar::test::KernelTest;

TEST_F(ListsTest, SingleListIsAStack) {
  SINGLE_LIST_ENTRY head{}, a, b;
  EXPECT_EQ(PopEntryList(&head), nullptr);
  PushEntryList(&head, &a);
  PushEntryList(&head, &b);
  EXPECT_EQ(PopEntryList(&head), &b);
  EXPECT_EQ(PopEntryList(&head), &a);
  EXPECT_EQ(PopEntryList(&head), nullptr);
}

TEST_F(ListsTest, SequencedListIsAStackThatCounts) {
  SLIST_HEADER head;
  SLIST_ENTRY a, b, c;
  ExInitializeSListHead(&head);
  EXPECT_EQ(ExInterlockedPopEntrySList(&head, nullptr), nullptr);
  EXPECT_EQ(ExInterlockedPushEntrySList(&head, &a, nullptr), nullptr) << "it was empty";
  EXPECT_EQ(ExInterlockedPushEntrySList(&head, &b, nullptr), &a);
  EXPECT_EQ(InterlockedPushEntrySList(&head, &c), &b);
  EXPECT_EQ(ExQueryDepthSList(&head), 3u);
  EXPECT_EQ(ExInterlockedPopEntrySList(&head, nullptr), &c);
  EXPECT_EQ(ExQueryDepthSList(&head), 2u);
  PSLIST_ENTRY chain = ExInterlockedFlushSList(&head);
  EXPECT_EQ(chain, &b);
  EXPECT_EQ(chain->Next, &a);
  EXPECT_EQ(chain->Next->Next, nullptr);
  EXPECT_EQ(ExQueryDepthSList(&head), 0u);
  EXPECT_EQ(ExInterlockedFlushSList(&head), nullptr);
  EXPECT_EQ(head.HeaderX64.Sequence, 6u) << "each change, so that an old head is never taken for the new one";
}

TEST_F(ListsTest, SequencedListMisuse) {
  SLIST_HEADER head;
  SLIST_ENTRY entries[3];
  ExInitializeSListHead(&head);
  runtime.name_object(&head, "the free list");
  for (SLIST_ENTRY& entry : entries) ExInterlockedPushEntrySList(&head, &entry, nullptr);
  EXPECT_THAT(told([&] { ExInterlockedPushEntrySList(&head, &entries[1], nullptr); }),
              HasSubstr("is in the free list already"));
  EXPECT_EQ(ExQueryDepthSList(&head), 3u) << "nothing happened";
  auto* odd = reinterpret_cast<PSLIST_ENTRY>(reinterpret_cast<ULONG_PTR>(&entries[0]) + 8);
  EXPECT_THAT(told([&] { ExInterlockedPushEntrySList(&head, odd, nullptr); }),
              HasSubstr("is not aligned to 16 bytes"));
  ExInterlockedPopEntrySList(&head, nullptr);
  EXPECT_EQ(told([&] { ExInterlockedPushEntrySList(&head, &entries[2], nullptr); }), "")
      << "it was taken out";
}

TEST_F(ListsTest, ListUnderALockTellsWhatStoodThere) {
  KSPIN_LOCK lock;
  LIST_ENTRY head, a, b, c;
  KeInitializeSpinLock(&lock);
  InitializeListHead(&head);
  EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), nullptr);
  EXPECT_EQ(ExInterlockedInsertTailList(&head, &a, &lock), nullptr);
  EXPECT_EQ(ExInterlockedInsertTailList(&head, &b, &lock), &a) << "the last one";
  EXPECT_EQ(ExInterlockedInsertHeadList(&head, &c, &lock), &a) << "the first one";
  EXPECT_THAT(told([&] { ExInterlockedInsertHeadList(&head, &b, &lock); }), HasSubstr("already"));
  EXPECT_TRUE(KeTestSpinLock(&lock)) << "given back";
  EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &c);
  EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &a);
  EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &b);
  EXPECT_TRUE(IsListEmpty(&head));

  SINGLE_LIST_ENTRY single{}, x, y;
  EXPECT_EQ(ExInterlockedPushEntryList(&single, &x, &lock), nullptr);
  EXPECT_EQ(ExInterlockedPushEntryList(&single, &y, &lock), &x);
  EXPECT_THAT(told([&] { ExInterlockedPushEntryList(&single, &x, &lock); }), HasSubstr("already"));
  EXPECT_EQ(ExInterlockedPopEntryList(&single, &lock), &y);
  EXPECT_EQ(ExInterlockedPopEntryList(&single, &lock), &x);
  EXPECT_EQ(ExInterlockedPopEntryList(&single, &lock), nullptr);
}

TEST_F(ListsTest, ListUnderALockWaitsForItsHolder) {
  KSPIN_LOCK lock;
  LIST_ENTRY head, a;
  KeInitializeSpinLock(&lock);
  InitializeListHead(&head);
  const KIRQL old = KeRaiseIrqlToDpcLevel();
  KeAcquireSpinLockAtDpcLevel(&lock);
  EXPECT_THAT(told([&] { ExInterlockedInsertTailList(&head, &a, &lock); }), HasSubstr("acquires it again"));
  fake.time.after(40, [&] { as(1, [&] { KeReleaseSpinLock(&lock, old); }); });
  as(2, [&] { ExInterlockedInsertTailList(&head, &a, &lock); });
  EXPECT_EQ(fake.time.now(), 40u);
  EXPECT_EQ(head.Flink, &a);
}

TEST_F(ListsTest, CorruptListStopsTheSystem) {
  KSPIN_LOCK lock;
  LIST_ENTRY head, a;
  KeInitializeSpinLock(&lock);
  InitializeListHead(&head);
  ExInterlockedInsertTailList(&head, &a, &lock);
  a.Flink = &a;
  const auto code_of = [&](const std::function<void()>& body) {
    try {
      body();
    } catch (const gpudmar::wdk::BugCheck& stop) {
      EXPECT_EQ(stop.code(), KERNEL_SECURITY_CHECK_FAILURE);
      return stop.parameter(0);
    }
    return ULONG_PTR{0};
  };
  EXPECT_EQ(code_of([&] { ExInterlockedRemoveHeadList(&head, &lock); }), 3u);
  head.Blink = &head;
  EXPECT_EQ(code_of([&] { ExInterlockedInsertTailList(&head, &a, &lock); }), 3u);
  EXPECT_TRUE(KeTestSpinLock(&lock));
}

}  // namespace
