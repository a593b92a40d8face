// SPDX-License-Identifier: Apache-2.0
// Objects of the kernel at the wrong level, never initialized, or given up while somebody needs them.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/driver-model/wdk/kernel_test.h"

namespace gpudmar::test {
namespace {

using ::testing::HasSubstr;

using MisuseTest = KernelTest;

constexpr ULONG kTag = 0x74736574;

KIRQL raised() {
  KIRQL old = PASSIVE_LEVEL;
  KeRaiseIrql(DISPATCH_LEVEL, &old);
  return old;
}

TEST_F(MisuseTest, SpinLocksWithoutARaiseAreForDispatchLevel) {
  KSPIN_LOCK lock;
  KLOCK_QUEUE_HANDLE handle;
  KeInitializeSpinLock(&lock);
  EXPECT_THAT(told([&] { KeAcquireSpinLockAtDpcLevel(&lock); }),
              HasSubstr("KeAcquireSpinLockAtDpcLevel at IRQL 0"));
  EXPECT_THAT(told([&] { KeTryToAcquireSpinLockAtDpcLevel(&lock); }), HasSubstr("at IRQL 0"));
  EXPECT_THAT(told([&] { KeAcquireInStackQueuedSpinLockAtDpcLevel(&lock, &handle); }),
              HasSubstr("at IRQL 0"));
  const KIRQL old = raised();
  EXPECT_EQ(told([&] { KeAcquireSpinLockAtDpcLevel(&lock); }), "");
  KeLowerIrql(old);
  EXPECT_THAT(told([&] { KeReleaseSpinLockFromDpcLevel(&lock); }), HasSubstr("at IRQL 0"));
  EXPECT_THAT(told([&] { KeReleaseSpinLock(&lock, old); }), HasSubstr("KeReleaseSpinLock at IRQL 0"));
  raised();
  EXPECT_EQ(told([&] { KeReleaseSpinLock(&lock, old); }), "");
}

TEST_F(MisuseTest, DispatcherObjectsAreInitializedFirst) {
  LARGE_INTEGER soon;
  soon.QuadPart = -10;
  KEVENT event = {};
  KMUTEX mutex = {};
  KSEMAPHORE semaphore = {};
  KTIMER timer = {};
  PVOID two[] = {&event, &mutex};
  EXPECT_THAT(told([&] { KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &soon); }),
              HasSubstr("never initialized"));
  EXPECT_THAT(told([&] { KeSetEvent(&event, 0, FALSE); }), HasSubstr("KeSetEvent with"));
  EXPECT_THAT(told([&] { KePulseEvent(&event, 0, FALSE); }), HasSubstr("never initialized"));
  EXPECT_THAT(told([&] { KeReleaseMutex(&mutex, FALSE); }), HasSubstr("never initialized"));
  EXPECT_THAT(told([&] { KeReleaseSemaphore(&semaphore, 0, 1, FALSE); }), HasSubstr("never initialized"));
  EXPECT_THAT(told([&] { KeSetTimer(&timer, soon, NULL); }), HasSubstr("never initialized"));
  KeInitializeEvent(&event, NotificationEvent, TRUE);
  const auto both = [&] {
    KeWaitForMultipleObjects(2, two, WaitAny, Executive, KernelMode, FALSE, &soon, NULL);
  };
  EXPECT_THAT(told(both), HasSubstr("never initialized"));
  KeInitializeMutex(&mutex, 0);
  EXPECT_EQ(told(both), "");
  KEVENT copy = event;
  EXPECT_THAT(told([&] { KeSetEvent(&copy, 0, FALSE); }), HasSubstr("is a copy"));
}

TEST_F(MisuseTest, ADpcNeedsARoutine) {
  KDPC dpc = {};
  KTIMER timer;
  LARGE_INTEGER soon;
  soon.QuadPart = -10;
  KeInitializeTimer(&timer);
  EXPECT_THAT(told([&] { KeInsertQueueDpc(&dpc, NULL, NULL); }),
              HasSubstr("a DPC that was never initialized"));
  EXPECT_THAT(told([&] { KeSetTimer(&timer, soon, &dpc); }), HasSubstr("a DPC that was never initialized"));
  EXPECT_TRUE(loans["timer"].empty());
}

TEST_F(MisuseTest, PoolIsNotFreedUnderATimerThatIsSet) {
  auto* const timers = static_cast<PKTIMER>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 3 * sizeof(KTIMER), kTag));
  LARGE_INTEGER soon;
  soon.QuadPart = -10;
  for (const int i : {0, 2}) {
    KeInitializeTimer(timers + i);
    KeSetTimer(timers + i, soon, NULL);
    EXPECT_THAT(told([&] { ExFreePoolWithTag(timers, kTag); }), HasSubstr("a timer that is set"));
    EXPECT_TRUE(KeCancelTimer(timers + i));
  }
  KTIMER elsewhere;
  KeInitializeTimer(&elsewhere);
  KeSetTimer(&elsewhere, soon, NULL);
  EXPECT_EQ(told([&] { ExFreePoolWithTag(timers, kTag); }), "");
  KeCancelTimer(&elsewhere);
}

TEST_F(MisuseTest, PoolIsNotFreedUnderASpinLockThatIsHeld) {
  auto* const locks =
      static_cast<PKSPIN_LOCK>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 2 * sizeof(KSPIN_LOCK), kTag));
  KIRQL old;
  KeInitializeSpinLock(locks + 1);
  KeAcquireSpinLock(locks + 1, &old);
  EXPECT_THAT(told([&] { ExFreePoolWithTag(locks, kTag); }), HasSubstr("a spin lock that is held"));
  KeReleaseSpinLock(locks + 1, old);
  EXPECT_EQ(told([&] { ExFreePoolWithTag(locks, kTag); }), "");
}

TEST_F(MisuseTest, EachChangeOfTheLevelIsTold) {
  std::vector<KIRQL> levels;
  runtime.objects().level_set = [&](KIRQL level) { levels.push_back(level); };
  const KIRQL old = raised();
  KeLowerIrql(old);
  EXPECT_EQ(levels, (std::vector<KIRQL>{DISPATCH_LEVEL, PASSIVE_LEVEL}));
}

}  // namespace
}  // namespace gpudmar::test
