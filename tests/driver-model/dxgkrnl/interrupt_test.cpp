// SPDX-License-Identifier: Apache-2.0
// Message interrupts, interrupt routines, DPCs, synchronised execution.
#include <gmock/gmock.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

class InterruptTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(s_.start(), STATUS_SUCCESS);
    s_.script.calls.clear();
  }
  void interrupt(std::size_t device) {
    const auto message = s_.kernel->functions()[device]->message();
    ASSERT_TRUE(message);
    s_.machine.interrupts.send(message->address, message->data);
    s_.machine.time.wait(1);
  }
  System s_;
};

TEST_F(InterruptTest, RoutineThenDpcOfTheRightDevice) {
  test::covers("E14", "E16");
  s_.script.on_interrupt = [&](std::size_t device) -> BOOLEAN {
    EXPECT_GT(KeGetCurrentIrql(), DISPATCH_LEVEL);
    const DXGKRNL_INTERFACE& table = s_.table(device);
    DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
    data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;
    data.DmaCompleted.SubmissionFenceId = 17;
    table.DxgkCbNotifyInterrupt(table.DeviceHandle, &data);
    EXPECT_EQ(table.DxgkCbQueueDpc(table.DeviceHandle), TRUE);
    EXPECT_EQ(table.DxgkCbQueueDpc(table.DeviceHandle), FALSE) << "one is pending";
    EXPECT_EQ(s_.script.calls.back(), "InterruptRoutine 1") << "the DPC waits for the routine's end";
    return TRUE;
  };
  s_.script.on_dpc = [&](std::size_t device) {
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    s_.table(device).DxgkCbNotifyDpc(s_.table(device).DeviceHandle);
  };
  interrupt(1);
  EXPECT_THAT(s_.script.calls, ::testing::ElementsAre("InterruptRoutine 1", "DpcRoutine 1"));
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  const auto notes = s_.kernel->notifications();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].adapter, 1U);
  EXPECT_EQ(notes[0].fence_id, 17U);
  EXPECT_EQ(s_.kernel->functions()[1]->unclaimed_interrupts(), 0U);
}

TEST_F(InterruptTest, TheRoutineMayCallTwoCallbacksOnly) {
  test::covers("E14", "R28");
  const DXGKRNL_INTERFACE& table = s_.table();
  const HANDLE adapter = table.DeviceHandle;
  DXGK_DEVICE_INFO info{};
  PVOID registers = nullptr;
  BOOLEAN result = FALSE;
  const auto routine = [](PVOID) -> BOOLEAN { return TRUE; };
  const std::vector<std::function<void()>> wrong{
      [&] { (void)table.DxgkCbGetDeviceInformation(adapter, &info); },
      [&] { (void)table.DxgkCbMapMemory(adapter, {}, 0x1000, FALSE, FALSE, MmNonCached, &registers); },
      [&] { (void)table.DxgkCbUnmapMemory(adapter, registers); },
      [&] { (void)table.DxgkCbSynchronizeExecution(adapter, routine, nullptr, 0, &result); },
      [&] { table.DxgkCbNotifyDpc(adapter); }};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    std::pair<std::uint32_t, std::uint64_t> code;
    s_.script.on_interrupt = [&](std::size_t) -> BOOLEAN {
      code = bugcheck_of(wrong[i]);
      return TRUE;
    };
    interrupt(0);
    EXPECT_EQ(code, std::pair(0x113U, std::uint64_t{wdk::kDeviceIrql})) << i;
  }
}

TEST_F(InterruptTest, UnclaimedInterruptsAreCounted) {
  interrupt(0);
  EXPECT_EQ(s_.kernel->functions()[0]->interrupts(), 1U);
  EXPECT_EQ(s_.kernel->functions()[0]->unclaimed_interrupts(), 1U);
  EXPECT_EQ(s_.kernel->functions()[0]->dpcs(), 0U);
}

TEST_F(InterruptTest, DpcFromPassiveLevelRunsAtOnce) {
  test::covers("E15");
  EXPECT_EQ(s_.table().DxgkCbQueueDpc(s_.table().DeviceHandle), TRUE);
  EXPECT_THAT(s_.script.calls, ::testing::ElementsAre("DpcRoutine 0"));
}

TEST_F(InterruptTest, SynchronizedRoutinesRunAtTheDevicesLevel) {
  struct Seen {
    System* system;
    KIRQL irql;
  } seen{&s_, 0};
  const auto routine = [](PVOID context) -> BOOLEAN {
    auto* to = static_cast<Seen*>(context);
    to->irql = KeGetCurrentIrql();
    (void)to->system->table().DxgkCbQueueDpc(to->system->table().DeviceHandle);
    EXPECT_TRUE(to->system->script.calls.empty()) << "not while the level is held";
    return TRUE;
  };
  BOOLEAN result = FALSE;
  EXPECT_EQ(s_.table().DxgkCbSynchronizeExecution(s_.table().DeviceHandle, routine, &seen, 0, &result),
            STATUS_SUCCESS);
  EXPECT_EQ(result, TRUE);
  EXPECT_GT(seen.irql, DISPATCH_LEVEL);
  EXPECT_THAT(s_.script.calls, ::testing::ElementsAre("DpcRoutine 0"));
  EXPECT_EQ(s_.table().DxgkCbSynchronizeExecution(nullptr, routine, &seen, 0, &result),
            STATUS_INVALID_PARAMETER);
  EXPECT_EQ(s_.table().DxgkCbSynchronizeExecution(s_.table().DeviceHandle, nullptr, &seen, 0, &result),
            STATUS_INVALID_PARAMETER);
}

TEST_F(InterruptTest, NoRoutineKeepsASpinLock) {
  static KSPIN_LOCK lock;
  const auto take = [] { KeAcquireSpinLockAtDpcLevel(&lock); };
  const auto broken = [](const std::function<void()>& action) -> std::string {
    KeInitializeSpinLock(&lock);
    try {
      action();
    } catch (const wdk::KernelRuleError& error) {
      return error.what();
    }
    return "";
  };
  s_.script.on_interrupt = [&](std::size_t) -> BOOLEAN {
    take();
    return TRUE;
  };
  EXPECT_THAT(broken([&] { interrupt(0); }),
              ::testing::StartsWith("DxgkDdiInterruptRoutine returns and holds"));
  s_.script.on_dpc = [&](std::size_t) { take(); };
  const DXGKRNL_INTERFACE& table = s_.table();
  EXPECT_THAT(broken([&] { (void)table.DxgkCbQueueDpc(table.DeviceHandle); }),
              ::testing::StartsWith("DxgkDdiDpcRoutine returns and holds"));
  BOOLEAN result = FALSE;
  const auto routine = [](PVOID) -> BOOLEAN {
    KeAcquireSpinLockAtDpcLevel(&lock);
    return TRUE;
  };
  EXPECT_THAT(broken([&] {
                (void)table.DxgkCbSynchronizeExecution(table.DeviceHandle, routine, nullptr, 0, &result);
              }),
              ::testing::StartsWith("the routine of DxgkCbSynchronizeExecution returns and holds"));
  s_.script.on_escape = [&](const DXGKARG_ESCAPE&) {
    KIRQL old = 0;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    take();
    KeLowerIrql(old);
    return STATUS_SUCCESS;
  };
  EXPECT_THAT(broken([&] { (void)s_.kernel->escape(nullptr, 0); }),
              ::testing::StartsWith("DxgkDdiEscape returns and holds"));
  const auto nested = [](PVOID) -> BOOLEAN { return TRUE; };
  EXPECT_EQ(broken([&] {
              KIRQL old = 0;
              KeAcquireSpinLock(&lock, &old);
              (void)table.DxgkCbSynchronizeExecution(table.DeviceHandle, nested, nullptr, 0, &result);
              KeReleaseSpinLock(&lock, old);
            }),
            "")
      << "its caller may hold one";
}

TEST_F(InterruptTest, MemoryCallbacksAreNotForInterruptLevel) {
  test::covers("R28", "E14");
  s_.script.on_interrupt = [&](std::size_t) -> BOOLEAN {
    auto args = create_request(0x1000);
    EXPECT_EQ(bugcheck_of([&] { (void)s_.table().DxgkCbCreatePhysicalMemoryObject(&args); }).first, 0x113U);
    return TRUE;
  };
  interrupt(0);
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
  EXPECT_EQ(bugcheck_of([&] { s_.table().DxgkCbNotifyInterrupt(s_.table().DeviceHandle, &data); }).first,
            0x113U)
      << "and this one only for it";
}

TEST_F(InterruptTest, FaultsReachTheSubscriber) {
  test::covers("G21");
  std::vector<vtd::FaultRecord> seen;
  s_.kernel->on_fault([&](const vtd::FaultRecord& record) { seen.push_back(record); });
  EXPECT_FALSE(s_.machine.dma_write(0x0200, 0x123'000, 1));
  s_.machine.time.wait(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].source_id, 0x0200);
  EXPECT_EQ(seen[0].address, 0x123'000U);
  EXPECT_TRUE(seen[0].is_write);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
