// SPDX-License-Identifier: Apache-2.0
// Exclusive access: who waits for whom, and what does not reach the driver between Begin and End.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Exclusive : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
    s_.script.calls.clear();
  }
  void interrupt(std::size_t device) {
    const auto message = s_.kernel->functions()[device]->message();
    ASSERT_TRUE(message);
    s_.machine.interrupts.send(message->address, message->data);
    s_.machine.time.wait(1);
  }
  ModeSystem s_{RemappingMode::kLogical};
};

TEST_F(Exclusive, ACallUnderWayEndsBeforeBegin) {
  test::covers("R181");
  std::atomic<bool> inside{false};
  std::atomic<bool> go_on{false};
  std::atomic<bool> ended{false};
  s_.script.on_escape = [&](const DXGKARG_ESCAPE&) {
    inside = true;
    while (!go_on) std::this_thread::yield();
    ended = true;
    return STATUS_SUCCESS;
  };
  s_.script.on_begin = [&](std::size_t) { EXPECT_TRUE(ended); };
  std::thread caller([&] { EXPECT_EQ(s_.kernel->escape(nullptr, 0), STATUS_SUCCESS); });
  while (!inside) std::this_thread::yield();
  std::thread switcher([&] { EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS); });
  const std::uint64_t now = s_.machine.time.now();
  while (s_.machine.time.now() < now + 100) std::this_thread::yield();  // it is waiting
  EXPECT_FALSE(ended);
  go_on = true;
  caller.join();
  switcher.join();
  EXPECT_THAT(s_.script.calls, ElementsAre("Escape 0", "BeginExclusiveAccess 1", "BeginExclusiveAccess 0",
                                           "EndExclusiveAccess 0", "EndExclusiveAccess 1"));
}

TEST_F(Exclusive, ACallThatComesMeanwhileWaitsForTheEnd) {
  test::covers("R181", "R182");
  std::atomic<bool> called{false};
  std::atomic<bool> over{false};
  std::thread caller;
  s_.script.on_begin = [&](std::size_t index) {
    if (index != 0) return;
    caller = std::thread([&] {
      called = true;
      EXPECT_EQ(s_.kernel->escape(nullptr, 0), STATUS_SUCCESS);
    });
    while (!called) std::this_thread::yield();
    const std::uint64_t now = s_.machine.time.now();
    while (s_.machine.time.now() < now + 100) std::this_thread::yield();  // it is at the gate
  };
  s_.script.on_end = [&](std::size_t index) { over = index == 1; };
  s_.script.on_escape = [&](const DXGKARG_ESCAPE&) {
    EXPECT_TRUE(over);
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS);
  caller.join();
  EXPECT_EQ(s_.script.calls.back(), "Escape 0");
}

TEST_F(Exclusive, InterruptsAndDpcsComeAfterTheEnd) {
  test::covers("R182", "R183", "E14");
  s_.script.on_interrupt = [&](std::size_t device) -> BOOLEAN {
    EXPECT_EQ(s_.table(device).DxgkCbQueueDpc(s_.adapter(device)), TRUE);
    return TRUE;
  };
  s_.script.on_begin = [&](std::size_t index) {
    if (index == 0) interrupt(1);  // between Begin and End of that member; the lead's has not returned yet
  };
  EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS);
  EXPECT_THAT(s_.script.calls,
              ElementsAre("BeginExclusiveAccess 1", "BeginExclusiveAccess 0", "EndExclusiveAccess 0",
                          "EndExclusiveAccess 1", "InterruptRoutine 1", "DpcRoutine 1"));
  EXPECT_EQ(s_.kernel->functions()[1]->interrupts_held(), 1U);
  EXPECT_THAT(s_.kernel->warnings(),
              ElementsAre(HasSubstr("gpu1 sent 1 interrupts during exclusive access")));
  s_.script.calls.clear();
  interrupt(1);
  EXPECT_THAT(s_.script.calls, ElementsAre("InterruptRoutine 1", "DpcRoutine 1")) << "as before";
}

TEST_F(Exclusive, ADpcOfBeginItselfRunsAtOnceOneFromWithinWaits) {
  test::covers("R182", "E15");
  s_.script.on_begin = [&](std::size_t index) {
    EXPECT_EQ(s_.table(index).DxgkCbQueueDpc(s_.adapter(index)), TRUE);
    if (index == 0) {
      EXPECT_EQ(s_.table(1).DxgkCbQueueDpc(s_.adapter(1)), TRUE) << "queued, but held back";
    }
  };
  EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS);
  EXPECT_THAT(s_.script.calls,
              ElementsAre("BeginExclusiveAccess 1", "DpcRoutine 1", "BeginExclusiveAccess 0", "DpcRoutine 0",
                          "EndExclusiveAccess 0", "EndExclusiveAccess 1", "DpcRoutine 1"));
}

TEST_F(Exclusive, TheDomainDoesNotSwitchWithoutIt) {
  test::covers("R180", "R185", "R186");
  const auto args = s_.create(0x1000);
  const DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  std::size_t switched = 0;
  s_.machine.events.clear();
  s_.script.status["BeginExclusiveAccess 0"] = STATUS_UNSUCCESSFUL;
  EXPECT_EQ(s_.kernel->reattach(), STATUS_UNSUCCESSFUL);
  for (const test::MachineEvent& event : s_.machine.events)
    switched += event.kind == test::MachineEvent::Kind::kInvalidate ? 1 : 0;
  EXPECT_EQ(switched, 0U) << "no context entry changed";
  EXPECT_THAT(s_.script.calls,
              ElementsAre("BeginExclusiveAccess 1", "BeginExclusiveAccess 0", "EndExclusiveAccess 1"));
  EXPECT_TRUE(s_.reads(kGpu0, adl->Pages[0]));
  s_.script.status.clear();
  EXPECT_EQ(s_.kernel->escape(nullptr, 0), STATUS_NOT_SUPPORTED) << "the gate is open again";
  s_.script.status["EndExclusiveAccess 1"] = STATUS_UNSUCCESSFUL;
  EXPECT_EQ(s_.kernel->reattach(), STATUS_UNSUCCESSFUL) << "but it has happened";
  EXPECT_TRUE(s_.reads(kGpu1, adl->Pages[0]));
  EXPECT_THAT(s_.kernel->warnings(), IsEmpty());
}

TEST_F(Exclusive, OnlyTheMembersOfThatLinkAreAsked) {
  test::covers("R180", "R184");
  ASSERT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
  s_.script.link = [](std::size_t index, LINKED_DEVICE& link) {
    link = {static_cast<ULONG>(index), 1, TRUE};
  };
  ASSERT_EQ(s_.kernel->start(), STATUS_SUCCESS);
  s_.script.calls.clear();
  EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS);
  EXPECT_THAT(s_.script.calls, ElementsAre("BeginExclusiveAccess 2", "EndExclusiveAccess 2",
                                           "BeginExclusiveAccess 3", "EndExclusiveAccess 3"))
      << "one link after the other";
}

// The level that an entry point comes back at.
TEST_F(Exclusive, TheDriverComesBackAtTheLevelItWasCalledAt) {
  test::covers("E14", "E15");
  KIRQL old = PASSIVE_LEVEL;
  s_.script.on_escape = [&](const DXGKARG_ESCAPE&) {
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(bugcheck_of([&] { (void)s_.kernel->escape(nullptr, 0); }), Code(0xC8, DISPATCH_LEVEL));
  KeLowerIrql(PASSIVE_LEVEL);
  s_.script.on_dpc = [&](std::size_t) { KeLowerIrql(PASSIVE_LEVEL); };
  EXPECT_EQ(bugcheck_of([&] { (void)s_.table().DxgkCbQueueDpc(s_.adapter()); }), Code(0xC8, PASSIVE_LEVEL));
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
