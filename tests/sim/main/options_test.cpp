// SPDX-License-Identifier: Apache-2.0
// The command line: what it fills in, and one line for what it refuses.
#include "sim/main/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

struct Parsed {
  int code = 0;
  Options options;
  std::string out;
  std::string err;
};

Parsed parse(std::vector<std::string> words) {
  words.insert(words.begin(), "gpu-dmar");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Parsed parsed;
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  parsed.code = parse_options(static_cast<int>(words.size()), argv.data(), parsed.options);
  parsed.out = ::testing::internal::GetCapturedStdout();
  parsed.err = ::testing::internal::GetCapturedStderr();
  return parsed;
}

TEST(Options, DefaultsAreTheMachinesOwn) {
  const Parsed p = parse({"run"});
  ASSERT_EQ(p.code, -1) << p.err;
  const MachineConfig standard;
  EXPECT_EQ(p.options.command, Options::Command::kRun);
  EXPECT_EQ(p.options.machine.adapters, standard.adapters);
  EXPECT_EQ(p.options.machine.memory.latency, standard.memory.latency);
  EXPECT_EQ(p.options.machine.seed, standard.seed);
  EXPECT_EQ(p.options.machine.pipe, standard.pipe);
  EXPECT_EQ(p.options.machine.host_address_width, standard.host_address_width);
  EXPECT_EQ(p.options.file + p.options.summary + p.options.machine.waves, "");
  EXPECT_FALSE(p.options.verbose);
}

TEST(Options, EachOneReachesItsPlace) {
  const Parsed p = parse({"run", "--file", "a b", "--adapters", "1", "--seed", "18446744073709551615",
                          "--pipe", "1", "--host-width", "44", "--waves", "w.fst", "--json", "s.json", "-v"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.file, "a b");
  EXPECT_EQ(p.options.machine.adapters, 1U);
  EXPECT_EQ(p.options.machine.seed, ~std::uint64_t{0});
  EXPECT_EQ(p.options.machine.pipe, 1U);
  EXPECT_EQ(p.options.machine.host_address_width, 44U);
  EXPECT_EQ(p.options.machine.waves, "w.fst");
  EXPECT_EQ(p.options.summary, "s.json");
  EXPECT_TRUE(p.options.verbose);
  EXPECT_EQ(parse({"run", "--summary", "t.json"}).options.summary, "t.json");
  EXPECT_EQ(parse({"info"}).options.command, Options::Command::kInfo);
}

TEST(Options, LatencyHasTwoSpellingsAndTheShortOneWins) {
  EXPECT_EQ(parse({"run", "--latency", "7"}).options.machine.memory.latency, 7U);
  EXPECT_EQ(parse({"run", "--memory", "latency=9"}).options.machine.memory.latency, 9U);
  EXPECT_EQ(parse({"run", "--latency", "7", "--memory", "latency=9"}).options.machine.memory.latency, 7U);
}

TEST(Options, RefusalsAreOneLine) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{}, "subcommand"},
      {{"walk"}, "subcommand"},
      {{"run", "--bogus"}, "--bogus"},
      {{"run", "--adapters", "two"}, "--adapters"},
      {{"run", "--seed", "-1"}, "--seed"},
      {{"run", "--seed"}, "--seed"},
      {{"run", "--memory", "colour=red"}, "'colour' is unknown"}};
  for (const auto& [words, reason] : cases) {
    const Parsed p = parse(words);
    EXPECT_EQ(p.code, 2) << reason;
    EXPECT_EQ(p.out, "");
    EXPECT_THAT(p.err, StartsWith("gpu-dmar: "));
    EXPECT_THAT(p.err, HasSubstr(reason));
    EXPECT_EQ(std::count(p.err.begin(), p.err.end(), '\n'), 1) << p.err;
  }
}

TEST(Options, HelpIsNoError) {
  const Parsed p = parse({"run", "--help"});
  EXPECT_EQ(p.code, 0);
  EXPECT_EQ(p.err, "");
  EXPECT_THAT(p.out, HasSubstr("--host-width"));
}

TEST(ParseMemory, EveryKey) {
  AxiMemoryConfig m;
  parse_memory(
      "latency=100,jitter=8,write-latency=3,stall=0.25,out-of-order,interleave=1,"
      "read-at-first-beat=1,write-at-wlast",
      m);
  EXPECT_EQ(m.latency, 100U);
  EXPECT_EQ(m.jitter, 8U);
  EXPECT_EQ(m.b_latency, 3U);
  for (const double stall : {m.ar_stall, m.aw_stall, m.w_stall, m.r_stall, m.b_stall}) EXPECT_EQ(stall, 0.25);
  EXPECT_TRUE(m.out_of_order && m.interleave && m.read_at_first_beat && m.write_at_wlast);
  parse_memory("out-of-order=0,interleave=0", m);
  EXPECT_FALSE(m.out_of_order || m.interleave);
  EXPECT_EQ(m.latency, 100U);  // what is not named stays
}

TEST(ParseMemory, WhatIsNoNumberIsNamed) {
  AxiMemoryConfig m;
  for (const std::string bad : {"latency=", "latency=-1", "latency=1x", "latency=0x10", "latency=4294967296",
                                "jitter=a", "stall=much", "stall=-0.5"}) {
    EXPECT_THAT([&] { parse_memory(bad, m); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(bad + " is not a number")));
  }
  EXPECT_THAT([&] { parse_memory("stall=1", m); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("would stop the bus")));
  EXPECT_THAT([&] { parse_memory("latency=5,,jitter=1", m); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'' is unknown")));
}

}  // namespace
}  // namespace gpudmar::sim
