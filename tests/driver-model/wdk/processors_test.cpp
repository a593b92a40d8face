// SPDX-License-Identifier: Apache-2.0
// Processors, targets of DPCs, the current process and thread, ticks, pulses, raised exceptions, probes.
#include <sys/mman.h>

#include "tests/driver-model/wdk/kernel_test.h"

namespace {

using gpudmar::wdk::IrqlRaise;
using gpudmar::wdk::KernelRuleError;
using ::testing::HasSubstr;
using ProcessorsTest = gpudmar::test::KernelTest;

TEST_F(ProcessorsTest, ThreadsAtDispatchLevelHaveDifferentOnes) {
  const ULONG count = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
  ASSERT_EQ(count, 4u);
  EXPECT_EQ(KeQueryActiveProcessorCountEx(1), 0u);
  EXPECT_EQ(KeQueryMaximumProcessorCountEx(0), count);
  KAFFINITY active = 0;
  EXPECT_EQ(KeQueryActiveProcessorCount(&active), count);
  EXPECT_EQ(active, 0xFu);
  EXPECT_EQ(KeGetCurrentProcessorNumberEx(nullptr), 0u);
  std::set<ULONG> used;
  for (std::uintptr_t id = 1; id <= count; ++id)
    as(id, [&] {
      runtime.set_irql(DISPATCH_LEVEL);
      PROCESSOR_NUMBER number;
      const ULONG index = KeGetCurrentProcessorNumberEx(&number);
      EXPECT_EQ(number.Number, index);
      EXPECT_EQ(KeGetProcessorIndexFromNumber(&number), index);
      EXPECT_EQ(KeGetCurrentProcessorNumber(), index) << "it stays";
      used.insert(index);
    });
  EXPECT_EQ(used, (std::set<ULONG>{0, 1, 2, 3}));
  fake.time.after(60, [&] { as(3, [&] { runtime.set_irql(PASSIVE_LEVEL); }); });
  as(9, [&] {
    const IrqlRaise raised(runtime, DISPATCH_LEVEL);
    EXPECT_EQ(KeGetCurrentProcessorNumberEx(nullptr), 2u) << "the one that became free";
    EXPECT_EQ(fake.time.now(), 60u);
  });
  PROCESSOR_NUMBER number;
  EXPECT_EQ(KeGetProcessorNumberFromIndex(4, &number), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(KeGetProcessorNumberFromIndex(3, &number), STATUS_SUCCESS);
  EXPECT_EQ(number.Number, 3u);
  number.Group = 1;
  EXPECT_EQ(KeGetProcessorIndexFromNumber(&number), INVALID_PROCESSOR_INDEX);
}

TEST_F(ProcessorsTest, DpcsRunWhereTheyAreSent) {
  struct Seen {
    ULONG processor = 99;
    std::uint64_t cycle = 0;
    gpudmar::test::FakeTime* time;
  } seen{99, 0, &fake.time};
  KDPC dpc;
  KeInitializeDpc(
      &dpc,
      [](PKDPC, PVOID context, PVOID, PVOID) {
        auto* s = static_cast<Seen*>(context);
        s->processor = KeGetCurrentProcessorNumberEx(nullptr);
        s->cycle = s->time->now();
      },
      &seen);
  KeSetImportanceDpc(&dpc, HighImportance);
  PROCESSOR_NUMBER number{0, 2, 0};
  EXPECT_EQ(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_SUCCESS);
  EXPECT_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
  KeFlushQueuedDpcs();
  EXPECT_EQ(seen.processor, 2u);

  KeSetTargetProcessorDpc(&dpc, 0);
  as(7, [&] {
    runtime.set_irql(DISPATCH_LEVEL);
    EXPECT_EQ(KeGetCurrentProcessorNumberEx(nullptr), 0u);
  });
  fake.time.after(100, [&] { as(7, [&] { runtime.set_irql(PASSIVE_LEVEL); }); });
  const std::uint64_t before = fake.time.now();
  KeInsertQueueDpc(&dpc, nullptr, nullptr);
  KeFlushQueuedDpcs();
  EXPECT_EQ(seen.processor, 0u);
  EXPECT_GE(seen.cycle, before + 100) << "not before the processor is free";

  number.Number = 4;
  EXPECT_EQ(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_INVALID_PARAMETER);
  EXPECT_THAT(told([&] { KeSetTargetProcessorDpc(&dpc, 4); }), HasSubstr("for processor 4 of 4"));
}

TEST_F(ProcessorsTest, ProcessAndThread) {
  EXPECT_EQ(PsGetCurrentProcess(), PsInitialSystemProcess);
  EXPECT_NE(PsGetCurrentProcess(), nullptr);
  EXPECT_EQ(PsGetCurrentProcessId(), PsGetProcessId(PsGetCurrentProcess()));
  EXPECT_THROW(PsGetProcessId(nullptr), KernelRuleError);
  const HANDLE mine = PsGetCurrentThreadId();
  EXPECT_NE(mine, nullptr);
  as(2, [&] { EXPECT_NE(PsGetCurrentThreadId(), mine); });
  HANDLE handle = nullptr;
  HANDLE inside = nullptr;
  CLIENT_ID client{};
  PsCreateSystemThread(
      &handle, THREAD_ALL_ACCESS, nullptr, nullptr, &client,
      [](PVOID context) { *static_cast<HANDLE*>(context) = PsGetCurrentThreadId(); }, &inside);
  ZwClose(handle);
  fake.time.wait(5);
  EXPECT_EQ(inside, client.UniqueThread);
  EXPECT_EQ(client.UniqueProcess, PsGetCurrentProcessId());
}

TEST_F(ProcessorsTest, TicksAndPauses) {
  LARGE_INTEGER ticks;
  fake.time.wait(15'625'000 * 3 - 4);
  KeQueryTickCount(&ticks);
  EXPECT_EQ(ticks.QuadPart, 2);
  const std::uint64_t before = fake.time.now();
  YieldProcessor();
  EXPECT_EQ(fake.time.now() - before, 4u);
  KeQueryTickCount(&ticks);
  EXPECT_EQ(ticks.QuadPart, 3);
  EXPECT_EQ(KeQueryUnbiasedInterruptTime(), 468'750u);
}

struct PulseTest : ProcessorsTest {
  KEVENT event;
  LARGE_INTEGER timeout;
  std::vector<std::uintptr_t> woken;
  // Two waiters, of which the fake time can run one inside the other.
  void wait_twice(EVENT_TYPE type) {
    KeInitializeEvent(&event, type, FALSE);
    timeout.QuadPart = -10;  // 1000 cycles
    const auto wait = [this] {
      const NTSTATUS status = KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout);
      if (status == STATUS_SUCCESS) woken.push_back(thread);
    };
    fake.time.after(5, [this, wait] { as(2, wait); });
    fake.time.after(50, [this] { as(3, [this] { EXPECT_EQ(KePulseEvent(&event, 0, FALSE), 0); }); });
    as(1, wait);
  }
};

TEST_F(PulseTest, ReleasesThoseThatWait) {
  wait_twice(NotificationEvent);
  EXPECT_THAT(woken, ::testing::UnorderedElementsAre(1, 2));
  EXPECT_EQ(KeReadStateEvent(&event), 0);
  timeout.QuadPart = 0;
  EXPECT_EQ(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout), STATUS_TIMEOUT);
}

TEST_F(PulseTest, OfASynchronizationEventReleasesOne) {
  wait_twice(SynchronizationEvent);
  EXPECT_THAT(woken, ::testing::ElementsAre(1)) << "who waited first";
}

TEST_F(PulseTest, OfOneOfSeveralWakesForOneAndNotForAll) {
  KEVENT other;
  KeInitializeEvent(&event, NotificationEvent, FALSE);
  KeInitializeEvent(&other, NotificationEvent, FALSE);
  PVOID both[] = {&other, &event};
  timeout.QuadPart = -10;
  fake.time.after(10, [&] { KePulseEvent(&event, 0, FALSE); });
  EXPECT_EQ(KeWaitForMultipleObjects(2, both, WaitAll, Executive, KernelMode, FALSE, &timeout, nullptr),
            STATUS_TIMEOUT);
  fake.time.after(10, [&] { KePulseEvent(&event, 0, FALSE); });
  EXPECT_EQ(KeWaitForMultipleObjects(2, both, WaitAny, Executive, KernelMode, FALSE, &timeout, nullptr),
            STATUS_WAIT_0 + 1);
  KeSetEvent(&event, 0, FALSE);
  EXPECT_EQ(KePulseEvent(&event, 0, FALSE), 1);
  EXPECT_EQ(KeReadStateEvent(&event), 0);
  const IrqlRaise raised(runtime, gpudmar::wdk::kDeviceIrql);
  EXPECT_THAT(told([&] { KePulseEvent(&event, 0, FALSE); }), HasSubstr("KePulseEvent at IRQL 5"));
}

TEST_F(ProcessorsTest, WhatIsRaisedNobodyCatches) {
  EXPECT_THAT(told([] { ExRaiseStatus(STATUS_ACCESS_VIOLATION); }),
              HasSubstr("ExRaiseStatus raises 0xc0000005 (STATUS_ACCESS_VIOLATION)"));
  EXPECT_THAT(told([] { ExRaiseDatatypeMisalignment(); }), HasSubstr("0x80000002"));
  EXPECT_THROW(__fastfail(FAST_FAIL_INVALID_ARG), gpudmar::wdk::BugCheck);
  EXPECT_THROW(KeBugCheck(0xE2), gpudmar::wdk::BugCheck);
}

TEST_F(ProcessorsTest, ProbesRaiseWhereAnAccessWould) {
  void* memory = mmap(nullptr, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* bytes = static_cast<UCHAR*>(memory);
  bytes[0] = 42;
  ASSERT_EQ(mprotect(bytes + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
  ASSERT_EQ(mprotect(bytes + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
  EXPECT_EQ(told([&] { ProbeForRead(bytes + 4, 2 * PAGE_SIZE - 4, 4); }), "");
  EXPECT_THAT(told([&] { ProbeForRead(bytes + 4, 2 * PAGE_SIZE, 4); }), HasSubstr("STATUS_ACCESS_VIOLATION"));
  EXPECT_EQ(told([&] { ProbeForWrite(bytes, PAGE_SIZE, 1); }), "");
  EXPECT_EQ(bytes[0], 42) << "unchanged";
  EXPECT_THAT(told([&] { ProbeForWrite(bytes, PAGE_SIZE + 1, 1); }), HasSubstr("STATUS_ACCESS_VIOLATION"));
  EXPECT_THAT(told([&] { ProbeForRead(bytes + 2, 4, 4); }), HasSubstr("STATUS_DATATYPE_MISALIGNMENT"));
  EXPECT_EQ(told([&] { ProbeForRead(bytes + 2, 0, 4); }), "") << "no bytes";
  EXPECT_THAT(told([&] { ProbeForRead(bytes, ~SIZE_T{0}, 1); }), HasSubstr("STATUS_ACCESS_VIOLATION"));
  EXPECT_THAT(told([&] { ProbeForRead(bytes, 4, 3); }), HasSubstr("an alignment of 3"));
  void* kernel = fake.memory.map({0x1000}, true);
  EXPECT_THAT(told([&] { ProbeForRead(kernel, 4, 4); }), HasSubstr("memory of the kernel"));
  fake.memory.unmap(kernel, 1);
  const IrqlRaise raised(runtime, DISPATCH_LEVEL);
  EXPECT_THAT(told([&] { ProbeForRead(bytes, 4, 4); }), HasSubstr("ProbeForRead at IRQL 2"));
  munmap(memory, 3 * PAGE_SIZE);
}

}  // namespace
