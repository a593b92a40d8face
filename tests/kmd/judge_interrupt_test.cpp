// SPDX-License-Identifier: Apache-2.0
// What a driver tells by NotifyInterrupt and NotifyDpc, call by call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/kmd/judge.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::sim::kmd::Judge;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HANDLE handle(std::uintptr_t value) { return reinterpret_cast<HANDLE>(value); }

const HANDLE kAdapter = handle(0x10);  // function 0, the lead of link 0
const HANDLE kOther = handle(0x18);    // function 1, the lead of link 1
constexpr unsigned kDeviceLevel = DISPATCH_LEVEL + 3;

struct JudgeInterruptTest : ::testing::Test {
  std::vector<std::string> broken;
  std::string text;  // of the last one
  unsigned irql = PASSIVE_LEVEL;
  std::map<UINT, bool> done;  // by fence; another one: nobody can tell
  bool sources = false;
  Judge judge{hooks()};

  Judge::Hooks hooks() {
    Judge::Hooks h;
    h.broken = [this](const std::string& rule, const std::string& what) {
      broken.push_back(rule);
      text = what;
    };
    h.link_of = [](HANDLE adapter) {
      return adapter == kAdapter ? std::optional<unsigned>(0)
             : adapter == kOther ? std::optional<unsigned>(1)
                                 : std::nullopt;
    };
    h.function_of = [](HANDLE adapter) {
      return adapter == kAdapter ? std::optional<int>(0)
             : adapter == kOther ? std::optional<int>(1)
                                 : std::nullopt;
    };
    h.irql = [this] { return irql; };
    h.thread = [] { return std::uint64_t{1}; };
    h.is_done = [this](unsigned, UINT, UINT fence) {
      const auto known = done.find(fence);
      return known == done.end() ? std::nullopt : std::optional<bool>(known->second);
    };
    h.has_sources = [this](HANDLE) { return sources; };
    return h;
  }
  void submit(UINT fence, UINT node = 0, HANDLE adapter = kAdapter) {
    DXGKARG_SUBMITCOMMAND args{};
    args.SubmissionFenceId = fence;
    args.NodeOrdinal = node;
    judge.begins("DxgkDdiSubmitCommand", &args, adapter);
    judge.ends("DxgkDdiSubmitCommand", &args, STATUS_SUCCESS, false, adapter);
  }
  static DXGKARGCB_NOTIFY_INTERRUPT_DATA completed(UINT fence, UINT node = 0, UINT engine = 0) {
    DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
    data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;
    data.DmaCompleted.SubmissionFenceId = fence;
    data.DmaCompleted.NodeOrdinal = node;
    data.DmaCompleted.EngineOrdinal = engine;
    return data;
  }
  void notify(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data, HANDLE adapter = kAdapter) {
    judge.begins("DxgkCbNotifyInterrupt", &data, adapter);
    judge.ends("DxgkCbNotifyInterrupt", &data, STATUS_SUCCESS, false, adapter);
  }
  /// In the interrupt routine.
  std::vector<std::string> tell(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data, HANDLE adapter = kAdapter) {
    const int function = adapter == kAdapter ? 0 : 1;
    broken.clear();
    irql = kDeviceLevel;
    judge.begins("DxgkDdiInterruptRoutine", nullptr, nullptr, function);
    notify(data, adapter);
    judge.ends("DxgkDdiInterruptRoutine", nullptr, STATUS_SUCCESS, false, nullptr, function);
    irql = PASSIVE_LEVEL;
    return broken;
  }
  void notify_dpc() {
    judge.begins("DxgkCbNotifyDpc", nullptr, kAdapter);
    judge.ends("DxgkCbNotifyDpc", nullptr, STATUS_SUCCESS, false, kAdapter);
  }
  std::vector<std::string> dpc(const std::function<void()>& body) {
    broken.clear();
    irql = DISPATCH_LEVEL;
    judge.begins("DxgkDdiDpcRoutine", nullptr, nullptr, 0);
    body();
    judge.ends("DxgkDdiDpcRoutine", nullptr, STATUS_SUCCESS, false, nullptr, 0);
    irql = PASSIVE_LEVEL;
    return broken;
  }
  std::vector<std::string> reset(HANDLE adapter = kAdapter) {
    broken.clear();
    judge.begins("DxgkDdiResetFromTimeout", nullptr, adapter);
    judge.ends("DxgkDdiResetFromTimeout", nullptr, STATUS_SUCCESS, false, adapter);
    return broken;
  }
};

TEST_F(JudgeInterruptTest, FencesInTheirOrder) {
  submit(1);
  submit(2);
  submit(3);
  EXPECT_THAT(tell(completed(1)), IsEmpty());
  EXPECT_THAT(tell(completed(1)), IsEmpty()) << "the same again does no harm";
  EXPECT_THAT(tell(completed(3)), IsEmpty()) << "two at once";
  EXPECT_THAT(dpc([this] { notify_dpc(); }), IsEmpty());
  EXPECT_GT(judge.kept().at("E14"), 0u);
  EXPECT_GT(judge.kept().at("E15"), 0u);
  EXPECT_THAT(
      judge.progress(),
      HasSubstr("submitted up to fence 3, told by DxgkCbNotifyInterrupt 3, confirmed by DxgkCbNotifyDpc 3"));
}

TEST_F(JudgeInterruptTest, FencesThatCanNotBe) {
  gpudmar::test::covers("E14");
  EXPECT_THAT(tell(completed(1)), ElementsAre("E14")) << "nothing was submitted";
  submit(1);
  submit(2);
  EXPECT_THAT(tell(completed(3)), ElementsAre("E14"));
  EXPECT_THAT(text, HasSubstr("DMA_COMPLETED of fence 3: complete are 0 of 2"));
  EXPECT_THAT(tell(completed(2)), IsEmpty());
  EXPECT_THAT(tell(completed(1)), ElementsAre("E14"));
  DXGKARGCB_NOTIFY_INTERRUPT_DATA faulted{};
  faulted.InterruptType = DXGK_INTERRUPT_DMA_FAULTED;
  faulted.DmaFaulted.FaultedFenceId = 4;
  EXPECT_THAT(tell(faulted), ElementsAre("E14"));
}

TEST_F(JudgeInterruptTest, FencesWrap) {
  submit(0xFFFF'FFFF);
  submit(0);
  EXPECT_THAT(tell(completed(0xFFFF'FFFF)), IsEmpty());
  EXPECT_THAT(tell(completed(0)), IsEmpty());
}

TEST_F(JudgeInterruptTest, NodesAndEngines) {
  gpudmar::test::covers("E14");
  submit(1, 2);
  EXPECT_THAT(tell(completed(1, 7)), ElementsAre("E14"));
  EXPECT_THAT(text, HasSubstr("fence 1 was submitted to node 2"));
  submit(2, 2);
  EXPECT_THAT(tell(completed(2, 2, 1)), ElementsAre("E14")) << "another engine";
  EXPECT_THAT(tell(completed(2, 2), kOther), ElementsAre("E14")) << "another link";
  EXPECT_THAT(tell(completed(2, 2)), IsEmpty());
}

TEST_F(JudgeInterruptTest, TypesThatCanNotBe) {
  gpudmar::test::covers("E14");
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
  data.InterruptType = DXGK_INTERRUPT_CRTC_VSYNC;
  EXPECT_THAT(tell(data), ElementsAre("E14"));
  sources = true;
  EXPECT_THAT(tell(data), IsEmpty());
  data.InterruptType = static_cast<DXGK_INTERRUPT_TYPE>(0);
  EXPECT_THAT(tell(data), ElementsAre("E14"));
  data.InterruptType = static_cast<DXGK_INTERRUPT_TYPE>(99);
  EXPECT_THAT(tell(data), ElementsAre("E14"));
}

TEST_F(JudgeInterruptTest, Levels) {
  gpudmar::test::covers("E14", "E15", "R29");
  submit(1);
  irql = DISPATCH_LEVEL;
  notify(completed(1));
  EXPECT_THAT(broken, ElementsAre("E14"));
  broken.clear();
  notify_dpc();
  EXPECT_THAT(broken, IsEmpty());
  irql = PASSIVE_LEVEL;
  notify_dpc();
  EXPECT_THAT(broken, ElementsAre("E15"));
  broken.clear();
  irql = kDeviceLevel;
  judge.begins("DxgkCbNotifyInterrupt", nullptr, kAdapter);
  EXPECT_THAT(broken, ElementsAre("R29"));
}

TEST_F(JudgeInterruptTest, TheGpuIsNotThroughWithIt) {
  gpudmar::test::covers("E14");
  submit(1);
  submit(2);
  done = {{1, true}, {2, false}};
  EXPECT_THAT(tell(completed(1)), IsEmpty());
  EXPECT_THAT(tell(completed(2)), ElementsAre("E14"));
  EXPECT_THAT(text, HasSubstr("whose descriptors the GPU has not completed"));
}

TEST_F(JudgeInterruptTest, TheGpuIsThroughAndNobodyTells) {
  gpudmar::test::covers("E14");
  submit(1);
  submit(2);
  EXPECT_THAT(tell(completed(1)), IsEmpty());
  EXPECT_THAT(dpc([this] { notify_dpc(); }), IsEmpty());
  done = {{2, false}};
  EXPECT_THAT(reset(), IsEmpty()) << "it hangs";
  submit(3);
  done = {{3, true}};
  EXPECT_THAT(reset(), ElementsAre("E14"));
  EXPECT_THAT(text, HasSubstr("the last that it told: DMA_COMPLETED of fence 1"));
  EXPECT_THAT(tell(completed(1)), IsEmpty()) << "nobody listens between a reset and the next submission";
  submit(4);
  EXPECT_THAT(tell(completed(1)), ElementsAre("E14"));
}

TEST_F(JudgeInterruptTest, ADpcOwesItsNotice) {
  gpudmar::test::covers("E15");
  submit(1);
  EXPECT_THAT(dpc([] {}), IsEmpty()) << "nothing was told";
  EXPECT_THAT(tell(completed(1)), IsEmpty());
  EXPECT_THAT(dpc([] {}), ElementsAre("E15"));
  EXPECT_THAT(dpc([this] { notify_dpc(); }), IsEmpty());
  EXPECT_THAT(dpc([] {}), IsEmpty()) << "all is confirmed";
}

TEST_F(JudgeInterruptTest, ADpcBetweenANoticeAndTheRoutinesReturn) {
  submit(1);
  irql = kDeviceLevel;
  judge.begins("DxgkCbSynchronizeExecution", nullptr, kAdapter);
  notify(completed(1));
  irql = DISPATCH_LEVEL;
  notify_dpc();  // another processor's
  judge.ends("DxgkCbSynchronizeExecution", nullptr, STATUS_SUCCESS, false, kAdapter);
  EXPECT_THAT(dpc([] {}), IsEmpty()) << "the next one has nothing to confirm";
}

TEST_F(JudgeInterruptTest, NoDpcAtAll) {
  gpudmar::test::covers("E15");
  submit(1);
  EXPECT_THAT(tell(completed(1)), IsEmpty());
  EXPECT_THAT(reset(), IsEmpty()) << "its DPC may be about to run";
  EXPECT_THAT(reset(), IsEmpty()) << "the adapter's reset after its engine's";
  submit(2);
  EXPECT_THAT(reset(), ElementsAre("E15"));
  submit(3);
  judge.begins("DxgkDdiStopDevice", nullptr, nullptr, 0);
  judge.ends("DxgkDdiStopDevice", nullptr, STATUS_SUCCESS, false, nullptr, 0);
  EXPECT_THAT(reset(), IsEmpty()) << "that one is gone";
}

TEST_F(JudgeInterruptTest, PreemptionsThatNobodyAskedFor) {
  gpudmar::test::covers("E13");
  submit(1);
  const DXGKARG_PREEMPTCOMMAND preempt{5, 0, 0, {}};
  judge.begins("DxgkDdiPreemptCommand", &preempt);
  judge.ends("DxgkDdiPreemptCommand", &preempt, STATUS_SUCCESS, false);
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
  data.InterruptType = DXGK_INTERRUPT_DMA_PREEMPTED;
  data.DmaPreempted.PreemptionFenceId = 5;
  data.DmaPreempted.LastCompletedFenceId = 1;
  EXPECT_THAT(tell(data), IsEmpty());
  data.DmaPreempted.PreemptionFenceId = 6;
  EXPECT_THAT(tell(data), ElementsAre("E13"));
}

TEST_F(JudgeInterruptTest, TheLastAbortedFence) {
  gpudmar::test::covers("E12");
  const auto reset_engine = [this](UINT fence) {
    broken.clear();
    DXGKARG_RESETENGINE args{0, 0, fence};
    judge.begins("DxgkDdiResetEngine", &args, kAdapter);
    judge.ends("DxgkDdiResetEngine", &args, STATUS_SUCCESS, false, kAdapter);
    return broken;
  };
  submit(1);
  submit(2);
  submit(3);
  EXPECT_THAT(tell(completed(1)), IsEmpty());
  EXPECT_THAT(dpc([this] { notify_dpc(); }), IsEmpty());
  EXPECT_THAT(reset_engine(4), ElementsAre("E12"));
  EXPECT_THAT(reset_engine(0), ElementsAre("E12"));
  EXPECT_THAT(reset_engine(2), IsEmpty());
  EXPECT_THAT(reset_engine(1), ElementsAre("E12")) << "2 is over";
}

TEST_F(JudgeInterruptTest, AnAdapterBeginsAnew) {
  submit(7);
  EXPECT_THAT(tell(completed(7)), IsEmpty());
  judge.begins("DxgkDdiStartDevice", nullptr, nullptr, 1);
  EXPECT_THAT(judge.progress(), HasSubstr("fence 7")) << "another one";
  judge.begins("DxgkDdiStartDevice", nullptr, nullptr, 0);
  EXPECT_EQ(judge.progress(), "");
  submit(1);
  EXPECT_THAT(tell(completed(1)), IsEmpty());
}

}  // namespace
