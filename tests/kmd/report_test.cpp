// SPDX-License-Identifier: Apache-2.0
// From a child's events to a verdict, whatever way the child ends.
#include "sim/kmd/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace {

using gpudmar::sim::kmd::ChildEnd;
using gpudmar::sim::kmd::Report;
using nlohmann::json;
using ::testing::HasSubstr;

void stages(Report& report, std::initializer_list<const char*> names) {
  for (const char* name : names) report.take({{"t", "stage"}, {"name", name}, {"cycle", 1}});
}

json loan(const char* kind, unsigned id, bool begins) {
  return {{"t", "loan"}, {"kind", kind}, {"id", id}, {"pages", 3}, {"begins", begins}, {"f", {64}}};
}

json end_event() {
  return {{"t", "end"}, {"cycles", 99}, {"calls", {{"DxgkCbFreeAdl", 2}}}, {"kept", {{"R1", 1}}}};
}

TEST(Report, NothingWrongPasses) {
  Report report;
  stages(report, {"load", "start", "stop", "unload", "unloaded"});
  report.take(loan("ADL", 1, true));
  report.take(loan("ADL", 1, false));
  report.take(end_event());
  report.finish({});
  EXPECT_TRUE(report.passed());
  const json summary = report.summary(nullptr);
  EXPECT_EQ(summary["cycles"], 99);
  EXPECT_EQ(summary["leaks"], 0);
  EXPECT_EQ(summary["ddi_calls"]["DxgkCbFreeAdl"], 2);
  EXPECT_THAT(report.text(nullptr), HasSubstr("PASS"));
}

TEST(Report, WarningsAndObjectsOfTheKernelAreShown) {
  Report report;
  stages(report, {"load", "start"});
  report.take({{"t", "dump"}, {"text", "link0: logical\n"}});
  json end = end_event();
  end["kernel_warnings"] = {"a callback at APC_LEVEL"};
  report.take(end);
  report.finish({});
  const json summary = report.summary(nullptr);
  EXPECT_EQ(summary["dump"], "link0: logical\n");
  EXPECT_EQ(summary["kernel_warnings"], json({"a callback at APC_LEVEL"}));
  EXPECT_THAT(report.text(nullptr), HasSubstr("kernel warning: a callback at APC_LEVEL\n"));
  EXPECT_THAT(report.text(nullptr), HasSubstr("the kernel's objects:\nlink0: logical\n"));
}

TEST(Report, LeaksAreCountedOnlyWhenTheDriverHadItsChance) {
  Report crashed;
  stages(crashed, {"load", "start"});
  crashed.take(loan("ADL", 1, true));
  crashed.take({{"t", "crash"}, {"signal", SIGSEGV}, {"address", 0}, {"f", {16, 32}}});
  crashed.finish({3, 0, false});
  EXPECT_EQ(crashed.status(), "crash");
  EXPECT_EQ(crashed.summary(nullptr)["leaks"], 0);
  EXPECT_THAT(crashed.addresses(), ::testing::ElementsAre(16u, 32u));

  Report leaked;
  stages(leaked, {"load", "start", "stop"});
  leaked.take(loan("ADL", 1, true));
  leaked.take(loan("pool", 2, true));  // RemoveDevice never came
  leaked.take({{"t", "bugcheck"}, {"code", 0x1E4}, {"text", "leak"}, {"parameters", {7, 0, 0, 0}}});
  leaked.take(
      {{"t", "broken_off"}, {"kind", "bugcheck"}, {"text", "leak"}, {"ddi", ""}, {"f", json::array()}});
  leaked.take(end_event());
  leaked.finish({4, 0, false});
  EXPECT_EQ(leaked.status(), "bugcheck");
  EXPECT_EQ(leaked.summary(nullptr)["leaks"], 1);
  EXPECT_EQ(leaked.summary(nullptr)["rules_broken"][0]["rule"], "R96");

  Report failed;  // the start; the driver was unloaded all the same
  stages(failed, {"load", "start", "unload", "unloaded"});
  failed.take(loan("pool", 2, true));
  failed.take({{"t", "broken_off"},
               {"kind", "start_failed"},
               {"text", "why"},
               {"ddi", ""},
               {"stage", "start"},
               {"f", json::array()}});
  failed.take(end_event());
  failed.finish({4, 0, false});
  EXPECT_EQ(failed.status(), "start_failed");
  EXPECT_EQ(failed.summary(nullptr)["stage"], "start");
  EXPECT_EQ(failed.summary(nullptr)["rules_broken"][0]["rule"], "E18");
}

TEST(Report, EveryEndHasItsStatus) {
  const auto status = [](const ChildEnd& end) {
    Report report;
    stages(report, {"start"});
    report.finish(end);
    return report.status();
  };
  EXPECT_EQ(status({0, SIGSEGV, false}), "crash");
  EXPECT_EQ(status({1, 0, false}), "crash");
  EXPECT_EQ(status({0, SIGKILL, true}), "timeout");
  Report refused;
  refused.refuse("does_not_compile", "why");
  EXPECT_FALSE(refused.passed());
  EXPECT_THAT(refused.text(nullptr), HasSubstr("does_not_compile: why"));
}

TEST(Report, AnyFindingFails) {
  const json findings[] = {
      {{"t", "rule"}, {"rule", "R121"}, {"text", "x"}, {"in", ""}, {"f", {8}}},
      {{"t", "problem"}, {"text", "x"}},
      {{"t", "violation"}, {"rule", "axi.x"}, {"cycle", 4}, {"text", "x"}},
      {{"t", "dma"},
       {"adapter", 0},
       {"write", true},
       {"address", 4096},
       {"cycle", 4},
       {"freed", false},
       {"f", json::array()}},
      loan("pool", 5, true),
  };
  for (const json& finding : findings) {
    Report report;
    stages(report, {"stop", "unload", "unloaded"});
    report.take(finding);
    report.take(end_event());
    report.finish({});
    EXPECT_EQ(report.status(), "fail") << finding;
  }
}

TEST(Report, ARequestHasThePlaceOfItsDoorbell) {
  Report report;
  stages(report, {"stop", "unload", "unloaded"});
  report.take({{"t", "dma"},
               {"adapter", 0},
               {"write", true},
               {"address", 4096},
               {"cycle", 4},
               {"freed", false},
               {"f", {16}},
               {"rung", {24}},
               {"in", "DxgkDdiStartDevice"}});
  report.take({{"t", "fault"},
               {"adapter", 0},
               {"write", true},
               {"address", 4096},
               {"cycle", 5},
               {"text", "no entry"},
               {"rung", {32}}});
  json end = end_event();
  end["kept"] = {{"R142", 1}, {"E14", 1}};
  report.take(end);
  report.finish({});
  const json summary = report.summary(nullptr);
  EXPECT_EQ(summary["rules_broken"][0]["in"], "DxgkDdiStartDevice");
  EXPECT_EQ(summary["rules_kept"], (json{{"E14", 1}}));
  EXPECT_EQ(summary["device_faults"].size(), 1u);
  EXPECT_EQ(summary["device_faults"][0]["cycle"], 5);
  EXPECT_EQ(report.addresses(), (std::vector<std::uint64_t>{16, 24, 32}));
}

TEST(Report, APollIsNoFailureButIsTold) {
  Report report;
  stages(report, {"unloaded"});
  report.take({{"t", "poll"}, {"f", {8}}, {"in", "DxgkDdiStartDevice"}});
  report.take(end_event());
  report.finish({});
  EXPECT_TRUE(report.passed());
  EXPECT_FALSE(report.summary(nullptr)["reproducible"].get<bool>());
  EXPECT_THAT(report.text(nullptr), HasSubstr("unbounded poll, not reproducible from here"));
}

TEST(Report, TheSameFindingIsOneWithACount) {
  Report report;
  for (int i = 0; i < 3; ++i)
    report.take({{"t", "rule"}, {"rule", "R121"}, {"text", "x"}, {"in", ""}, {"f", {8}}});
  report.finish({});
  EXPECT_EQ(report.summary(nullptr)["rules_broken"].size(), 1u);
  EXPECT_EQ(report.summary(nullptr)["rules_broken"][0]["times"], 3);
}

}  // namespace
