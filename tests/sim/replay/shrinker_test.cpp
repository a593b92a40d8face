// SPDX-License-Identifier: Apache-2.0
// Shrinking, with an oracle in place of a machine.
#include "sim/replay/shrinker.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace gpudmar::sim::replay {
namespace {

using ::testing::ElementsAre;

std::string create(int i) {
  return fmt::format(
      R"({{"call":"DxgkCbCreatePhysicalMemoryObject","in":{{"hAdapter":"gpu0","Size":8192,"Type":0,"CacheType":1,)"
      R"("Mdl.LowAddress":"0x0","Mdl.HighAddress":"0xffffffffffffffff"}},)"
      R"("out":{{"hPhysicalMemoryObject":"o{0}","hAdapterMemoryObject":"a{0}"}},"status":"STATUS_SUCCESS"}})",
      i);
}
std::string adl(int i) {
  return fmt::format(
      R"({{"call":"DxgkCbAllocateAdl","in":{{"hAdapterMemoryObject":"a{0}","Offset":0,"Size":8192}},)"
      R"("out":{{"pAdl":"l{0}","PageCount":2}},"status":"STATUS_SUCCESS"}})",
      i);
}
std::string free_adl(int i) {
  return fmt::format(R"({{"call":"DxgkCbFreeAdl","in":{{"hAdapterMemoryObject":"a{0}","pAdl":"l{0}"}}}})", i);
}
std::string destroy(int i) {
  return fmt::format(
      R"({{"call":"DxgkCbDestroyPhysicalMemoryObject","in":{{"hPhysicalMemoryObject":"o{0}","hAdapterMemoryObject":"a{0}"}}}})",
      i);
}

Trace twenty_objects(int without_free) {
  std::string text = "{\"gpu_dmar_trace\":1}\n";
  for (int i = 0; i < 20; ++i) {
    text += create(i) + "\n" + adl(i) + "\n";
    if (i != without_free) text += free_adl(i) + "\n";
    text += destroy(i) + "\n";
  }
  return parse_trace(text, "t");
}

Trace parsed(const std::string& text) {
  try {
    return parse_trace(text, "candidate");
  } catch (const TraceError& error) {
    ADD_FAILURE() << error.what();
    return {};
  }
}

/// Destroy while an ADL lives, as the graphics kernel sees it.
RunOutcome destroys_with_adl(const std::string& text) {
  const Trace trace = parsed(text);
  std::map<std::string, int> live;
  for (const Event& event : trace.events) {
    if (event.name == "DxgkCbAllocateAdl") ++live[event.in["hAdapterMemoryObject"].get<std::string>()];
    if (event.name == "DxgkCbFreeAdl") --live[event.in["hAdapterMemoryObject"].get<std::string>()];
    if (event.name == "DxgkCbDestroyPhysicalMemoryObject" &&
        live[event.in["hAdapterMemoryObject"].get<std::string>()] > 0)
      return {"bugcheck 0x1e4", event.line};
  }
  return {};
}

/// The same by somebody who does not say where.
RunOutcome somewhere(const std::string& text) { return {destroys_with_adl(text).kind}; }

std::vector<std::string> names(const std::string& text) {
  std::vector<std::string> all;
  for (const Event& event : parse_trace(text, "t").events) all.push_back(event.name);
  return all;
}

TEST(TraceShrinker, OnlyTheChainOfTheFailureIsLeft) {
  const ShrunkTrace shrunk = shrink(twenty_objects(13), somewhere, 500);
  EXPECT_EQ(shrunk.kind, "bugcheck 0x1e4");
  EXPECT_THAT(names(shrunk.text), ElementsAre("DxgkCbCreatePhysicalMemoryObject", "DxgkCbAllocateAdl",
                                              "DxgkCbDestroyPhysicalMemoryObject"));
  EXPECT_EQ(shrunk.events, 3U);
  EXPECT_NE(shrunk.text.find("o13"), std::string::npos);
  EXPECT_EQ(shrunk.text.find("PageCount"), std::string::npos);  // results that nobody needs
  EXPECT_LT(shrunk.runs, 100U);
}

TEST(TraceShrinker, WhereItFailsIsHalfTheWay) {
  const ShrunkTrace shrunk = shrink(twenty_objects(13), destroys_with_adl, 500);
  EXPECT_EQ(shrunk.events, 3U);
  EXPECT_NE(shrunk.text.find("o13"), std::string::npos);
  EXPECT_LT(shrunk.runs, 35U);
}

TEST(TraceShrinker, WhatDoesNotFailStaysAsItIs) {
  const ShrunkTrace shrunk = shrink(twenty_objects(-1), destroys_with_adl, 500);
  EXPECT_EQ(shrunk.kind, "");
  EXPECT_EQ(shrunk.runs, 1U);
  EXPECT_EQ(names(shrunk.text).size(), 80U);
}

TEST(TraceShrinker, RunsAreBounded) {
  std::size_t runs = 0;
  std::size_t told = 0;
  const ShrunkTrace shrunk = shrink(
      twenty_objects(13),
      [&](const std::string& text) {
        ++runs;
        return destroys_with_adl(text);
      },
      7, [&](std::size_t, std::size_t) { ++told; });
  EXPECT_EQ(runs, 7U);
  EXPECT_EQ(shrunk.runs, 7U);
  EXPECT_EQ(told, 6U);
  EXPECT_EQ(destroys_with_adl(shrunk.text).kind, "bugcheck 0x1e4");
}

TEST(TraceShrinker, AnotherFailureIsNotTakenForThisOne) {
  // Whoever removes the first object meets another failure.
  const ShrunkTrace shrunk = shrink(
      twenty_objects(13),
      [](const std::string& text) {
        return text.find("\"o0\"") == std::string::npos ? RunOutcome{"another one"} : destroys_with_adl(text);
      },
      500);
  EXPECT_EQ(shrunk.kind, "bugcheck 0x1e4");
  EXPECT_EQ(shrunk.events, 4U);
}

TEST(TraceShrinker, ThreadsAndOrderGoWhereTheyDoNotMatter) {
  std::string text = "{\"gpu_dmar_trace\":1}\n";
  int seq = 1;
  for (const std::string& line : {create(0), adl(0), destroy(0)}) {
    text += fmt::format(R"({{"seq":[{},{}],"thread":{},)", seq, seq + 1, seq) + line.substr(1) + "\n";
    seq += 2;
  }
  const ShrunkTrace shrunk = shrink(parse_trace(text, "t"), destroys_with_adl, 500);
  EXPECT_EQ(shrunk.text.find("seq"), std::string::npos);
  EXPECT_EQ(shrunk.text.find("thread"), std::string::npos);
  EXPECT_EQ(shrunk.events, 3U);
}

/// A started system that pages: each action with what the driver was called for, and its interrupt.
class PagingTrace {
 public:
  PagingTrace() {
    begin(R"("system":"load","out":{"entry_points":["DxgkDdiBuildPagingBuffer"]})");
    end();
    begin(R"("system":"start")");
    begin(R"("call":"DxgkDdiStartDevice","adapter":0)");
    begin(R"("call":"DxgkCbGetDeviceInformation","in":{"DeviceHandle":"gpu0"})");
    end();
    end();
    end();
  }
  void allocate(int i) {
    begin(fmt::format(
        R"("system":"allocate","in":{{"adapter":0,"bytes":8,"private_data":["0x1"]}},"out":{{"allocation":"a{}"}})",
        i));
    end();
  }
  void act(const std::string& name, int i, const std::string& status) {
    begin(fmt::format(R"("system":"{}","in":{{"adapter":0,"allocation":"a{}"}},"status":"{}")", name, i,
                      status));
    begin(R"("call":"DxgkDdiBuildPagingBuffer","adapter":0,"out":{"DmaBytes":64},"status":"STATUS_SUCCESS")");
    end();
    begin(
        R"("call":"DxgkCbNotifyInterrupt","in":{"DeviceHandle":"gpu0","InterruptType":"DXGK_INTERRUPT_DMA_COMPLETED"})",
        "interrupts");
    end();
    end();
  }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  void begin(const std::string& words, const std::string& thread = "system") {
    open_.push_back(fmt::format(R"(,"thread":"{}",{}}})", thread, words));
    begins_.push_back(seq_++);
  }
  void end() {
    text_ += fmt::format(R"({{"seq":[{},{}]{})", begins_.back(), seq_++, open_.back()) + "\n";
    open_.pop_back();
    begins_.pop_back();
  }
  std::string text_ = "{\"gpu_dmar_trace\":1}\n";
  std::vector<std::string> open_;
  std::vector<int> begins_;
  int seq_ = 1;
};

/// A replay in which `resident` succeeds, always; without what is done inside it does not end.
RunOutcome resident_fails(const std::string& text) {
  const Trace trace = parsed(text);
  bool started = false;
  for (const Event& event : trace.events) {
    started = started || event.name == "start";
    if (event.kind != Event::Kind::kSystem || event.in.value("allocation", "").empty()) continue;
    if (!started || event.children.size() != 1 ||
        trace.events[event.children.front()].text.count("status") == 0)
      return {"a call that the trace does not have", event.line};
    const bool told = std::any_of(trace.events.begin(), trace.events.end(), [&](const Event& notice) {
      return notice.thread == "interrupts" && notice.begin > event.begin && notice.begin < event.end;
    });
    if (!told) return {"no interrupt", event.line};
    if (event.name == "resident" && event.status == "STATUS_NO_MEMORY")
      return {"resident status: STATUS_SUCCESS instead of STATUS_NO_MEMORY", event.line};
  }
  return {};
}

TEST(TraceShrinker, ActionsGoWithAllThatWasDoneInside) {
  PagingTrace paging;
  for (int i = 0; i < 30; ++i) {
    paging.allocate(i);
    paging.act("resident", i, i == 17 ? "STATUS_NO_MEMORY" : "STATUS_SUCCESS");
    paging.act("evict", i, "STATUS_SUCCESS");
    paging.act("discard", i, "STATUS_SUCCESS");
  }
  const ShrunkTrace shrunk = shrink(parse_trace(paging.text(), "t"), resident_fails, 500);
  EXPECT_THAT(shrunk.kind, testing::StartsWith("resident status"));
  EXPECT_THAT(names(shrunk.text), ElementsAre("start", "DxgkDdiStartDevice", "allocate", "resident",
                                              "DxgkDdiBuildPagingBuffer", "DxgkCbNotifyInterrupt"));
  EXPECT_NE(shrunk.text.find("a17"), std::string::npos);
  EXPECT_LT(shrunk.runs, 40U);
}

}  // namespace
}  // namespace gpudmar::sim::replay
