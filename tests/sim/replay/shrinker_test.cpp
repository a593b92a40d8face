// SPDX-License-Identifier: Apache-2.0
// Shrinking, with an oracle in place of a machine.
#include "sim/replay/shrinker.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

/// Destroy while an ADL lives, as the graphics kernel sees it.
std::string destroys_with_adl(const std::string& text) {
  Trace trace;
  try {
    trace = parse_trace(text, "candidate");
  } catch (const TraceError& error) {
    ADD_FAILURE() << error.what();
    return "";
  }
  std::map<std::string, int> live;
  for (const Event& event : trace.events) {
    if (event.name == "DxgkCbAllocateAdl") ++live[event.in["hAdapterMemoryObject"].get<std::string>()];
    if (event.name == "DxgkCbFreeAdl") --live[event.in["hAdapterMemoryObject"].get<std::string>()];
    if (event.name == "DxgkCbDestroyPhysicalMemoryObject" &&
        live[event.in["hAdapterMemoryObject"].get<std::string>()] > 0)
      return "bugcheck 0x1e4";
  }
  return "";
}

std::vector<std::string> names(const std::string& text) {
  std::vector<std::string> all;
  for (const Event& event : parse_trace(text, "t").events) all.push_back(event.name);
  return all;
}

TEST(TraceShrinker, OnlyTheChainOfTheFailureIsLeft) {
  const ShrunkTrace shrunk = shrink(twenty_objects(13), destroys_with_adl, 500);
  EXPECT_EQ(shrunk.kind, "bugcheck 0x1e4");
  EXPECT_THAT(names(shrunk.text), ElementsAre("DxgkCbCreatePhysicalMemoryObject", "DxgkCbAllocateAdl",
                                              "DxgkCbDestroyPhysicalMemoryObject"));
  EXPECT_EQ(shrunk.events, 3U);
  EXPECT_NE(shrunk.text.find("o13"), std::string::npos);
  EXPECT_EQ(shrunk.text.find("PageCount"), std::string::npos);  // results that nobody needs
  EXPECT_LT(shrunk.runs, 100U);
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
  EXPECT_EQ(destroys_with_adl(shrunk.text), "bugcheck 0x1e4");
}

TEST(TraceShrinker, AnotherFailureIsNotTakenForThisOne) {
  // Whoever removes the first object meets another failure.
  const ShrunkTrace shrunk = shrink(
      twenty_objects(13),
      [](const std::string& text) {
        return text.find("\"o0\"") == std::string::npos ? "another one" : destroys_with_adl(text);
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

}  // namespace
}  // namespace gpudmar::sim::replay
