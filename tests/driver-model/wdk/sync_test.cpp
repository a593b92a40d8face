// SPDX-License-Identifier: Apache-2.0
// The kernel runtime: events, timeouts, IRQL, locks, time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "driver-model/wdk/runtime/kernel_objects.h"
#include "tests/support/covers.h"
#include "tests/support/fake_platform.h"

namespace {

using gpudmar::wdk::IrqlRaise;
using gpudmar::wdk::KernelRuleError;
using gpudmar::wdk::Runtime;
using gpudmar::wdk::WaitBoundExceeded;

struct SyncTest : ::testing::Test {
  gpudmar::test::FakePlatform fake;
  std::uintptr_t thread = 1;
  Runtime runtime{fake.platform, [this] {
                    Runtime::Options options;
                    options.infinite_wait_cycles = 1000;
                    options.current_thread = [this] { return thread; };
                    return options;
                  }()};

  NTSTATUS wait(KEVENT& event, const LONGLONG* ticks) {
    LARGE_INTEGER timeout;
    if (ticks != nullptr) timeout.QuadPart = *ticks;
    return KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, ticks != nullptr ? &timeout : nullptr);
  }
};

TEST_F(SyncTest, SynchronizationEventReleasesOneWaiter) {
  KEVENT event;
  KeInitializeEvent(&event, SynchronizationEvent, FALSE);
  fake.time.after(250, [&] { KeSetEvent(&event, IO_NO_INCREMENT, FALSE); });
  EXPECT_EQ(wait(event, nullptr), STATUS_SUCCESS);
  EXPECT_EQ(fake.time.now(), 250u);
  EXPECT_EQ(KeReadStateEvent(&event), 0);
}

TEST_F(SyncTest, NotificationEventStaysSignalled) {
  KEVENT event;
  KeInitializeEvent(&event, NotificationEvent, TRUE);
  EXPECT_EQ(wait(event, nullptr), STATUS_SUCCESS);
  EXPECT_EQ(wait(event, nullptr), STATUS_SUCCESS);
  EXPECT_EQ(KeResetEvent(&event), 1);
  EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 0);
  EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 1);
}

TEST_F(SyncTest, TimeoutsAreIn100NanosecondsAndSucceed) {
  gpudmar::test::covers("E21", "E22");
  KEVENT event;
  KeInitializeEvent(&event, SynchronizationEvent, FALSE);
  const LONGLONG relative = -7;  // 700 ns, at 1 ns a cycle
  const NTSTATUS status = wait(event, &relative);
  EXPECT_EQ(status, STATUS_TIMEOUT);
  EXPECT_TRUE(NT_SUCCESS(status));
  EXPECT_EQ(fake.time.now(), 700u);
  const LONGLONG absolute = 10;  // at 1000 ns
  EXPECT_EQ(wait(event, &absolute), STATUS_TIMEOUT);
  EXPECT_EQ(fake.time.now(), 1000u);
  const LONGLONG poll = 0;
  EXPECT_EQ(wait(event, &poll), STATUS_TIMEOUT);
  EXPECT_EQ(fake.time.now(), 1000u);
}

TEST_F(SyncTest, EndlessWaitIsBoundedAndNamesTheEvent) {
  KEVENT event;
  KeInitializeEvent(&event, SynchronizationEvent, FALSE);
  runtime.name_object(&event, "the fence event");
  try {
    wait(event, nullptr);
    FAIL() << "the wait ended";
  } catch (const WaitBoundExceeded& error) {
    EXPECT_EQ(error.object(), "the fence event");
    EXPECT_EQ(error.cycles(), 1000u);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("the fence event"));
  }
  EXPECT_EQ(fake.time.now(), 1000u);
}

TEST_F(SyncTest, WaitingAtDispatchLevelIsAnError) {
  KEVENT event;
  KeInitializeEvent(&event, SynchronizationEvent, FALSE);
  const IrqlRaise raised(runtime, DISPATCH_LEVEL);
  EXPECT_THROW(wait(event, nullptr), KernelRuleError);
  const LONGLONG poll = 0;
  EXPECT_EQ(wait(event, &poll), STATUS_TIMEOUT);
}

TEST_F(SyncTest, IrqlBelongsToTheThreadOfExecution) {
  {
    const IrqlRaise raised(runtime, gpudmar::wdk::kDeviceIrql);
    EXPECT_EQ(KeGetCurrentIrql(), gpudmar::wdk::kDeviceIrql);
    thread = 2;
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    thread = 1;
    EXPECT_THROW(IrqlRaise(runtime, DISPATCH_LEVEL), KernelRuleError);
  }
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  KIRQL old = 0xFF;
  KeRaiseIrql(DISPATCH_LEVEL, &old);
  EXPECT_EQ(old, PASSIVE_LEVEL);
  EXPECT_THROW(KfRaiseIrql(APC_LEVEL), KernelRuleError);
  EXPECT_THROW(KeLowerIrql(HIGH_LEVEL), KernelRuleError);
  KeLowerIrql(old);
}

TEST_F(SyncTest, SpinLockRaisesAndWaitsForItsHolder) {
  KSPIN_LOCK lock;
  KeInitializeSpinLock(&lock);
  KIRQL old;
  KeAcquireSpinLock(&lock, &old);
  EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
  EXPECT_FALSE(KeTestSpinLock(&lock));
  fake.time.after(40, [&] { KeReleaseSpinLockFromDpcLevel(&lock); });
  thread = 2;
  KeRaiseIrqlToDpcLevel();
  KeAcquireSpinLockAtDpcLevel(&lock);
  EXPECT_EQ(fake.time.now(), 40u);
  thread = 3;
  KeRaiseIrqlToDpcLevel();
  EXPECT_THROW(KeAcquireSpinLockAtDpcLevel(&lock), WaitBoundExceeded);
  thread = 1;
  KeReleaseSpinLock(&lock, old);
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  EXPECT_THROW(KeReleaseSpinLockFromDpcLevel(&lock), KernelRuleError);
}

TEST_F(SyncTest, SpinLockIsNotRecursive) {
  KSPIN_LOCK lock;
  KLOCK_QUEUE_HANDLE handle;
  KeInitializeSpinLock(&lock);
  const KIRQL old = KeAcquireSpinLockRaiseToDpc(&lock);
  EXPECT_THROW(KeAcquireSpinLockAtDpcLevel(&lock), KernelRuleError);
  EXPECT_THROW(KeAcquireInStackQueuedSpinLockAtDpcLevel(&lock, &handle), KernelRuleError);
  EXPECT_EQ(fake.time.now(), 0u) << "at once";
  EXPECT_FALSE(KeTryToAcquireSpinLockAtDpcLevel(&lock));
  KeReleaseSpinLock(&lock, old);
  KeRaiseIrqlToDpcLevel();
  EXPECT_TRUE(KeTryToAcquireSpinLockAtDpcLevel(&lock));
  EXPECT_THROW(KeAcquireSpinLockAtDpcLevel(&lock), KernelRuleError);
  KeInitializeSpinLock(&lock);
  KeAcquireSpinLockAtDpcLevel(&lock);  // a new lock
}

TEST_F(SyncTest, SpinLocksAreGivenBackBeforeARoutineReturns) {
  KSPIN_LOCK outer, inner;
  KeInitializeSpinLock(&outer);
  KeInitializeSpinLock(&inner);
  KeRaiseIrqlToDpcLevel();
  KeAcquireSpinLockAtDpcLevel(&outer);
  const gpudmar::wdk::SpinLockWatch watch(runtime);
  EXPECT_NO_THROW(watch.returned("routine")) << "it was taken before";
  KeAcquireSpinLockAtDpcLevel(&inner);
  thread = 2;
  EXPECT_NO_THROW(watch.returned("routine")) << "another thread's";
  thread = 1;
  runtime.name_object(&inner, "the inner lock");
  try {
    watch.returned("routine");
    FAIL() << "nobody missed the lock";
  } catch (const KernelRuleError& error) {
    EXPECT_STREQ(error.what(), "routine returns and holds the inner lock, a spin lock");
  }
  EXPECT_NE(runtime.objects().rule_site, nullptr);
  KeReleaseSpinLockFromDpcLevel(&inner);
  EXPECT_NO_THROW(watch.returned("routine"));
}

TEST_F(SyncTest, FastMutexHoldsAtApcLevelAndIsNotRecursive) {
  FAST_MUTEX mutex;
  ExInitializeFastMutex(&mutex);
  ExAcquireFastMutex(&mutex);
  EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
  EXPECT_THROW(ExAcquireFastMutex(&mutex), KernelRuleError);
  thread = 2;
  EXPECT_FALSE(ExTryToAcquireFastMutex(&mutex));
  EXPECT_THROW(ExReleaseFastMutex(&mutex), KernelRuleError);
  thread = 1;
  ExReleaseFastMutex(&mutex);
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  EXPECT_TRUE(ExTryToAcquireFastMutex(&mutex));
}

TEST_F(SyncTest, DelaysAndCounters) {
  KeStallExecutionProcessor(3);
  EXPECT_EQ(fake.time.now(), 3000u);
  LARGE_INTEGER interval;
  interval.QuadPart = -10;
  EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &interval), STATUS_SUCCESS);
  EXPECT_EQ(fake.time.now(), 4000u);
  LARGE_INTEGER frequency;
  EXPECT_EQ(KeQueryPerformanceCounter(&frequency).QuadPart, 4000);
  EXPECT_EQ(frequency.QuadPart, 1'000'000'000);
  EXPECT_EQ(KeQueryInterruptTime(), 40u);
}

}  // namespace
