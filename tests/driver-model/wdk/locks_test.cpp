// SPDX-License-Identifier: Apache-2.0
// Regions, push locks, guarded mutexes, reader-writer spin locks.
#include "tests/driver-model/wdk/kernel_test.h"

namespace {

using gpudmar::wdk::IrqlRaise;
using gpudmar::wdk::WaitBoundExceeded;
using ::testing::HasSubstr;
using LocksTest = gpudmar::test::KernelTest;

TEST_F(LocksTest, RegionsNestAndAreLeft) {
  EXPECT_FALSE(KeAreApcsDisabled());
  KeEnterCriticalRegion();
  KeEnterCriticalRegion();
  EXPECT_TRUE(KeAreApcsDisabled());
  EXPECT_FALSE(KeAreAllApcsDisabled());
  as(2, [&] { EXPECT_FALSE(KeAreApcsDisabled()) << "of one thread"; });
  KeEnterGuardedRegion();
  EXPECT_TRUE(KeAreAllApcsDisabled());
  KeLeaveGuardedRegion();
  KeLeaveCriticalRegion();
  EXPECT_TRUE(KeAreApcsDisabled());
  KeLeaveCriticalRegion();
  EXPECT_FALSE(KeAreApcsDisabled());
  EXPECT_THAT(told([] { KeLeaveCriticalRegion(); }), HasSubstr("without having entered one"));
  EXPECT_THAT(told([] { KeLeaveGuardedRegion(); }), HasSubstr("without having entered one"));
  const IrqlRaise raised(runtime, DISPATCH_LEVEL);
  EXPECT_THAT(told([] { KeEnterCriticalRegion(); }), HasSubstr("KeEnterCriticalRegion at IRQL 2"));
  EXPECT_TRUE(KeAreAllApcsDisabled());
}

TEST_F(LocksTest, RegionsAreLeftBeforeARoutineReturns) {
  KeEnterCriticalRegion();
  const gpudmar::wdk::SpinLockWatch watch(runtime);
  EXPECT_EQ(told([&] { watch.returned("routine"); }), "") << "it was entered before";
  KeEnterGuardedRegion();
  EXPECT_EQ(told([&] { watch.returned("routine"); }),
            "routine returns and is in a guarded region that it entered");
  KeLeaveGuardedRegion();
  KeLeaveCriticalRegion();
  EXPECT_EQ(told([&] { watch.returned("routine"); }), "");
}

struct PushLockTest : LocksTest {
  EX_PUSH_LOCK lock = 0;
  void SetUp() override {
    ExInitializePushLock(&lock);
    runtime.name_object(&lock, "the lock");
    for (const std::uintptr_t id : {1, 2, 3}) as(id, [] { KeEnterCriticalRegion(); });
  }
};

TEST_F(PushLockTest, ManyReadersOrOneWriter) {
  ExAcquirePushLockShared(&lock);
  as(2, [&] {
    EXPECT_TRUE(ExTryAcquirePushLockShared(&lock));
    EXPECT_TRUE(ExTryAcquirePushLockShared(&lock)) << "its holder may share it again";
  });
  as(3, [&] { EXPECT_FALSE(ExTryAcquirePushLockExclusive(&lock)); });
  ExReleasePushLockShared(&lock);
  as(2, [&] { ExReleasePushLockShared(&lock); });
  as(3, [&] { EXPECT_FALSE(ExTryAcquirePushLockExclusive(&lock)); });
  as(2, [&] { ExReleasePushLock(&lock); });
  as(3, [&] { EXPECT_TRUE(ExTryAcquirePushLockExclusive(&lock)); });
  EXPECT_FALSE(ExTryAcquirePushLockShared(&lock));
  as(3, [&] { ExReleasePushLock(&lock); });
  ExAcquirePushLockExclusive(&lock);
  ExReleasePushLockExclusive(&lock);
  EXPECT_EQ(lock, 0u);
}

TEST_F(PushLockTest, WaitsTakeTimeAndWritersGoFirst) {
  ExAcquirePushLockShared(&lock);
  fake.time.after(30, [&] {
    as(3, [&] { EXPECT_FALSE(ExTryAcquirePushLockShared(&lock)) << "a writer waits"; });
    as(1, [&] { EXPECT_TRUE(ExTryAcquirePushLockShared(&lock)) << "a holder would wait for itself"; });
  });
  fake.time.after(70, [&] {
    as(1, [&] {
      ExReleasePushLockShared(&lock);
      ExReleasePushLockShared(&lock);
    });
  });
  as(2, [&] { ExAcquirePushLockExclusive(&lock); });
  EXPECT_EQ(fake.time.now(), 70u);
  fake.time.after(10, [&] { as(2, [&] { ExReleasePushLockExclusive(&lock); }); });
  ExAcquirePushLockShared(&lock);
  EXPECT_EQ(fake.time.now(), 80u);
  as(2, [&] { EXPECT_THROW(ExAcquirePushLockExclusive(&lock), WaitBoundExceeded); });
  as(3, [&] { EXPECT_TRUE(ExTryAcquirePushLockShared(&lock)) << "the writer gave up"; });
}

TEST_F(PushLockTest, Misuse) {
  ExAcquirePushLockShared(&lock);
  EXPECT_THAT(told([&] { ExAcquirePushLockExclusive(&lock); }), HasSubstr("acquires it exclusively"));
  EXPECT_THAT(told([&] { ExReleasePushLockExclusive(&lock); }), HasSubstr("does not hold exclusively"));
  as(2, [&] {
    EXPECT_THAT(told([&] { ExReleasePushLockShared(&lock); }), HasSubstr("releasing the lock, a push lock"));
  });
  ExReleasePushLockShared(&lock);
  EXPECT_THAT(told([&] { ExReleasePushLock(&lock); }), HasSubstr("does not hold shared"));
  ExAcquirePushLockExclusive(&lock);
  EXPECT_THAT(told([&] { ExAcquirePushLockExclusive(&lock); }), HasSubstr("acquires it exclusively"));
  EXPECT_THAT(told([&] { ExAcquirePushLockShared(&lock); }), HasSubstr("exclusive holder acquires it again"));
  ExReleasePushLockExclusive(&lock);
  as(4, [&] {
    EXPECT_THAT(told([&] { ExAcquirePushLockShared(&lock); }),
                HasSubstr("ExAcquirePushLockShared outside a critical region"));
    const IrqlRaise apc(runtime, APC_LEVEL);
    EXPECT_EQ(told([&] {
                ExAcquirePushLockShared(&lock);
                ExReleasePushLockShared(&lock);
              }),
              "");
  });
  {
    const IrqlRaise raised(runtime, DISPATCH_LEVEL);
    EXPECT_THAT(told([&] { ExAcquirePushLockExclusive(&lock); }), HasSubstr("at IRQL 2, allowed up to 1"));
  }
  EX_PUSH_LOCK never = 0xCDCDCDCD;
  EXPECT_THAT(told([&] { ExAcquirePushLockShared(&never); }), HasSubstr("was not initialized"));
}

TEST_F(LocksTest, GuardedMutexIsHeldInAGuardedRegion) {
  KGUARDED_MUTEX mutex;
  KeInitializeGuardedMutex(&mutex);
  KeAcquireGuardedMutex(&mutex);
  EXPECT_TRUE(KeAreAllApcsDisabled());
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  EXPECT_THAT(told([&] { KeAcquireGuardedMutex(&mutex); }), HasSubstr("its holder acquires it again"));
  fake.time.after(25, [&] { as(1, [&] { KeReleaseGuardedMutex(&mutex); }); });
  as(2, [&] {
    EXPECT_FALSE(KeTryToAcquireGuardedMutex(&mutex));
    EXPECT_THAT(told([&] { KeReleaseGuardedMutex(&mutex); }), HasSubstr("held by somebody else"));
    KeAcquireGuardedMutex(&mutex);
    EXPECT_EQ(fake.time.now(), 25u);
    KeReleaseGuardedMutex(&mutex);
    EXPECT_FALSE(KeAreAllApcsDisabled());
  });
  EXPECT_FALSE(KeAreAllApcsDisabled());
  EXPECT_TRUE(KeTryToAcquireGuardedMutex(&mutex));
  KeReleaseGuardedMutex(&mutex);
  EXPECT_THAT(told([&] { KeAcquireGuardedMutexUnsafe(&mutex); }), HasSubstr("outside a guarded region"));
  KeEnterGuardedRegion();
  KeAcquireGuardedMutexUnsafe(&mutex);
  KeReleaseGuardedMutexUnsafe(&mutex);
  KeLeaveGuardedRegion();
  FAST_MUTEX fast;
  ExInitializeFastMutex(&fast);
  EXPECT_THAT(told([&] { ExAcquireFastMutexUnsafe(&fast); }), HasSubstr("outside a critical region"));
  KeEnterCriticalRegion();
  ExAcquireFastMutexUnsafe(&fast);
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  ExReleaseFastMutexUnsafe(&fast);
  KeLeaveCriticalRegion();
  const IrqlRaise raised(runtime, DISPATCH_LEVEL);
  EXPECT_THAT(told([&] { KeAcquireGuardedMutex(&mutex); }), HasSubstr("at IRQL 2"));
}

TEST_F(LocksTest, ReaderWriterSpinLock) {
  EX_SPIN_LOCK lock = 0;
  const KIRQL old = ExAcquireSpinLockShared(&lock);
  EXPECT_EQ(old, PASSIVE_LEVEL);
  EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
  EXPECT_THAT(told([&] { ExAcquireSpinLockExclusiveAtDpcLevel(&lock); }), HasSubstr("acquires it again"));
  EXPECT_THAT(told([&] { ExAcquireSpinLockSharedAtDpcLevel(&lock); }), HasSubstr("acquires it again"));
  as(2, [&] {
    const IrqlRaise raised(runtime, DISPATCH_LEVEL);
    ExAcquireSpinLockSharedAtDpcLevel(&lock);
    EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&lock)) << "two readers";
    ExReleaseSpinLockSharedFromDpcLevel(&lock);
  });
  EXPECT_TRUE(ExTryConvertSharedSpinLockExclusive(&lock));
  as(2, [&] {
    const IrqlRaise raised(runtime, DISPATCH_LEVEL);
    EXPECT_FALSE(ExTryAcquireSpinLockSharedAtDpcLevel(&lock));
    EXPECT_FALSE(ExTryAcquireSpinLockExclusiveAtDpcLevel(&lock));
    EXPECT_THAT(told([&] { ExReleaseSpinLockExclusiveFromDpcLevel(&lock); }),
                HasSubstr("does not hold exclusively"));
  });
  EXPECT_THAT(told([&] { ExReleaseSpinLockSharedFromDpcLevel(&lock); }), HasSubstr("does not hold shared"));
  ExReleaseSpinLockExclusive(&lock, old);
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  EXPECT_EQ(lock, 0);
  EXPECT_THAT(told([&] { ExAcquireSpinLockExclusiveAtDpcLevel(&lock); }),
              HasSubstr("at IRQL 0, allowed from 2 on"));
}

TEST_F(LocksTest, ReaderWriterSpinLockWaitsAndWritersGoFirst) {
  EX_SPIN_LOCK lock = 0;
  const KIRQL old = ExAcquireSpinLockShared(&lock);
  fake.time.after(20, [&] {
    as(3, [&] {
      const IrqlRaise raised(runtime, DISPATCH_LEVEL);
      EXPECT_FALSE(ExTryAcquireSpinLockSharedAtDpcLevel(&lock)) << "a writer waits";
    });
  });
  fake.time.after(50, [&] { as(1, [&] { ExReleaseSpinLockShared(&lock, old); }); });
  as(2, [&] {
    const KIRQL before = ExAcquireSpinLockExclusive(&lock);
    EXPECT_EQ(fake.time.now(), 50u);
    fake.time.after(10, [&, before] { as(2, [&] { ExReleaseSpinLockExclusive(&lock, before); }); });
  });
  const KIRQL again = ExAcquireSpinLockShared(&lock);
  EXPECT_EQ(fake.time.now(), 60u);
  as(2, [&] { EXPECT_THROW(ExAcquireSpinLockExclusive(&lock), WaitBoundExceeded); });
  ExReleaseSpinLockShared(&lock, again);
  as(3, [&] { ExReleaseSpinLockShared(&lock, ExAcquireSpinLockShared(&lock)); });
}

TEST_F(LocksTest, ReadersWaitBehindAWriterThatWaits) {
  EX_SPIN_LOCK lock = 0;
  const KIRQL old = ExAcquireSpinLockShared(&lock);
  // The writer can not go on before the reader's wait ends, here as its bound: fake time has one stack.
  fake.time.after(20,
                  [&] { as(3, [&] { EXPECT_THROW(ExAcquireSpinLockShared(&lock), WaitBoundExceeded); }); });
  fake.time.after(50, [&] { as(1, [&] { ExReleaseSpinLockShared(&lock, old); }); });
  as(2, [&] { ExAcquireSpinLockExclusive(&lock); });
  EXPECT_EQ(lock, MINLONG);
}

TEST_F(LocksTest, ReaderWriterSpinLockIsGivenBackBeforeARoutineReturns) {
  EX_SPIN_LOCK lock = 0;
  runtime.name_object(const_cast<LONG*>(&lock), "the table's lock");
  const gpudmar::wdk::SpinLockWatch watch(runtime);
  const KIRQL old = ExAcquireSpinLockShared(&lock);
  EXPECT_EQ(told([&] { watch.returned("routine"); }),
            "routine returns and holds the table's lock, a spin lock");
  EXPECT_NE(runtime.objects().rule_site, nullptr);
  ExReleaseSpinLockShared(&lock, old);
  EXPECT_EQ(told([&] { watch.returned("routine"); }), "");
}

}  // namespace
