// SPDX-License-Identifier: Apache-2.0
// The command line of each subcommand but `run` and `info`: every option reaches its place, and what is no
// value for it is refused in one line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/main/options.h"

namespace gpudmar::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

struct Parsed {
  int code = 0;
  Options options;
  std::string out;
  std::string err;
};

Parsed parse(Words words) {
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

void expect_refused(const Words& words, const std::string& reason) {
  const Parsed p = parse(words);
  EXPECT_EQ(p.code, 2) << reason;
  EXPECT_EQ(p.out, "");
  EXPECT_THAT(p.err, StartsWith("gpu-dmar: "));
  EXPECT_THAT(p.err, HasSubstr(reason));
  EXPECT_EQ(std::count(p.err.begin(), p.err.end(), '\n'), 1) << p.err;
}

TEST(RandomOptions, Defaults) {
  const Parsed p = parse({"random"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.command, Options::Command::kRandom);
  const RandomOptions& random = p.options.random;
  EXPECT_EQ(random.seed, 1U);
  EXPECT_EQ(random.steps, 300U);
  EXPECT_EQ(random.threads, 1U);
  EXPECT_EQ(random.runs, 1U);
  EXPECT_EQ(random.pipe, 0U);
  EXPECT_EQ(random.iommu, "logical");
  EXPECT_FALSE(random.plain || random.shrink || random.generate_only);
  EXPECT_EQ(random.directory + random.record + random.summary, "");
}

TEST(RandomOptions, EachOneReachesItsPlace) {
  const Parsed p = parse({"random",     "--seed",  "18446744073709551615",
                          "--steps",    "17",      "--threads",
                          "8",          "--runs",  "9",
                          "--pipe",     "1",       "--iommu",
                          "isolation",  "--plain", "--shrink",
                          "--generate", "--dir",   "d",
                          "--record",   "r",       "--json",
                          "j"});
  ASSERT_EQ(p.code, -1) << p.err;
  const RandomOptions& random = p.options.random;
  EXPECT_EQ(random.seed, ~std::uint64_t{0});
  EXPECT_EQ(random.steps, 17U);
  EXPECT_EQ(random.threads, 8U);
  EXPECT_EQ(random.runs, 9U);
  EXPECT_EQ(random.pipe, 1U);
  EXPECT_EQ(random.iommu, "isolation");
  EXPECT_TRUE(random.plain && random.shrink && random.generate_only);
  EXPECT_EQ(random.directory, "d");
  EXPECT_EQ(random.record, "r");
  EXPECT_EQ(random.summary, "j");
  EXPECT_EQ(parse({"random", "--iommu", "off", "--summary", "s"}).options.random.summary, "s");
}

TEST(RandomOptions, AProfileHasThreadsPipeAndModeOfItsOwn) {
  const Parsed p = parse({"random", "--profile", "p.json", "--cycles", "100000000000"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.random.profile, "p.json");
  EXPECT_EQ(p.options.random.cycles, 100'000'000'000U);
  for (const std::string option : {"--threads", "--pipe", "--iommu"})
    expect_refused({"random", "--profile", "p.json", option, option == "--iommu" ? "off" : "1"}, option);
  expect_refused({"random", "--cycles", "0"}, "--cycles");
  expect_refused({"random", "--cycles", "9", "--generate"}, "--generate");
}

TEST(RandomOptions, Refusals) {
  expect_refused({"random", "--seed", "-1"}, "--seed");
  expect_refused({"random", "--steps", "0"}, "--steps");
  expect_refused({"random", "--steps", "100001"}, "--steps");
  expect_refused({"random", "--threads", "9"}, "--threads");
  expect_refused({"random", "--runs", "0"}, "--runs");
  expect_refused({"random", "--pipe", "2"}, "--pipe");
  expect_refused({"random", "--iommu", "physical"}, "--iommu");
  expect_refused({"random", "--latency", "3"}, "--latency");
  expect_refused({"random", "stream.json"}, "stream.json");
}

TEST(ThreadsOptions, Defaults) {
  const Parsed p = parse({"threads"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.command, Options::Command::kThreads);
  const ThreadsOptions& threads = p.options.threads;
  EXPECT_EQ(threads.seed, 1U);
  EXPECT_EQ(threads.threads, 4U);
  EXPECT_EQ(threads.steps, 60U);
  EXPECT_FALSE(threads.isolation || threads.planted_race || threads.removal);
}

TEST(ThreadsOptions, EachOneReachesItsPlace) {
  const Parsed p = parse({"threads", "--seed", "7", "--threads", "16", "--steps", "11", "--pipe", "1",
                          "--iommu", "isolation", "--planted-race", "--removal", "--summary", "s"});
  ASSERT_EQ(p.code, -1) << p.err;
  const ThreadsOptions& threads = p.options.threads;
  EXPECT_EQ(threads.seed, 7U);
  EXPECT_EQ(threads.threads, 16U);
  EXPECT_EQ(threads.steps, 11U);
  EXPECT_TRUE(threads.isolation && threads.planted_race && threads.removal);
  EXPECT_EQ(p.options.machine.pipe, 1U);
  EXPECT_EQ(p.options.summary, "s");
  EXPECT_FALSE(parse({"threads", "--iommu", "logical"}).options.threads.isolation);
}

TEST(ThreadsOptions, Refusals) {
  expect_refused({"threads", "--threads", "0"}, "--threads");
  expect_refused({"threads", "--threads", "17"}, "--threads");
  expect_refused({"threads", "--steps", "0"}, "--steps");
  expect_refused({"threads", "--seed", "-7"}, "--seed");
  expect_refused({"threads", "--pipe", "2"}, "--pipe");
  expect_refused({"threads", "--iommu", "off"}, "--iommu");
}

TEST(KmdOptions, Defaults) {
  const Parsed p = parse({"kmd", "a.cpp"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.command, Options::Command::kKmd);
  const KmdOptions& kmd = p.options.kmd;
  const KmdOptions standard;
  EXPECT_THAT(kmd.sources, ElementsAre("a.cpp"));
  EXPECT_EQ(kmd.version, standard.version);
  EXPECT_EQ(kmd.directory, standard.directory);
  EXPECT_EQ(kmd.timeout, standard.timeout);
  EXPECT_EQ(kmd.scenario + kmd.summary + kmd.wdk + kmd.waves + kmd.record, "");
  EXPECT_TRUE(kmd.flags.empty());
}

TEST(KmdOptions, EachOneReachesItsPlace) {
  const Parsed p = parse(
      {"kmd", "a.cpp",        "b.c", "--scenario",    "p.json", "--cflag=-Ix", "--cflag=-DY", "--interface",
       "2.9", "--dir",        "d",   "--wdk",         "w",      "--seed",      "5",           "--pipe",
       "1",   "--latency",    "33",  "--waves",       "w.fst",  "--record",    "t.jsonl",     "--timeout",
       "44",  "--ddi-cycles", "55",  "--wait-cycles", "66",     "--json",      "s.json"});
  ASSERT_EQ(p.code, -1) << p.err;
  const KmdOptions& kmd = p.options.kmd;
  EXPECT_THAT(kmd.sources, ElementsAre("a.cpp", "b.c"));
  EXPECT_THAT(kmd.flags, ElementsAre("-Ix", "-DY"));
  EXPECT_EQ(kmd.scenario, "p.json");
  EXPECT_EQ(kmd.version, "2.9");
  EXPECT_EQ(kmd.directory, "d");
  EXPECT_EQ(kmd.wdk, "w");
  EXPECT_EQ(kmd.seed, 5U);
  EXPECT_EQ(kmd.pipe, 1U);
  EXPECT_EQ(kmd.latency, 33U);
  EXPECT_EQ(kmd.waves, "w.fst");
  EXPECT_EQ(kmd.record, "t.jsonl");
  EXPECT_EQ(kmd.timeout, 44U);
  EXPECT_EQ(kmd.ddi_cycles, 55U);
  EXPECT_EQ(kmd.wait_cycles, 66U);
  EXPECT_EQ(kmd.summary, "s.json");
}

TEST(KmdOptions, Refusals) {
  expect_refused({"kmd"}, "sources");
  expect_refused({"kmd", "a.cpp", "--interface", "1.3"}, "--interface");
  expect_refused({"kmd", "a.cpp", "--latency", "0"}, "--latency");
  expect_refused({"kmd", "a.cpp", "--timeout", "0"}, "--timeout");
  expect_refused({"kmd", "a.cpp", "--timeout", "86401"}, "--timeout");
  expect_refused({"kmd", "a.cpp", "--seed", "-1"}, "--seed");
  expect_refused({"kmd", "a.cpp", "--pipe", "2"}, "--pipe");
  expect_refused({"kmd", "a.cpp", "--ddi-cycles", "many"}, "--ddi-cycles");
  expect_refused({"kmd", "a.cpp", "--call-jitter", "1000001"}, "--call-jitter");
}

TEST(ServeCommand, EachOneReachesItsPlace) {
  const Parsed p = parse({"serve", "--qtest", "unix:/tmp/s", "-m", "1G", "--memory", "latency=7", "--seed",
                          "3", "--pipe", "1", "--contract", "c.json", "--waves", "w.fst"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.command, Options::Command::kServe);
  const ServeOptions& serve = p.options.serve;
  EXPECT_EQ(serve.socket, "unix:/tmp/s");
  EXPECT_EQ(serve.size, "1G");
  EXPECT_EQ(serve.machine.memory.latency, 7U);
  EXPECT_EQ(serve.machine.seed, 3U);
  EXPECT_EQ(serve.machine.pipe, 1U);
  EXPECT_EQ(serve.machine.contract_file, "c.json");
  EXPECT_EQ(serve.machine.waves, "w.fst");
}

TEST(ServeCommand, Refusals) {
  expect_refused({"serve"}, "--qtest");
  expect_refused({"serve", "--qtest", "unix:/tmp/s", "-m", "1X"}, "1X");
  expect_refused({"serve", "--qtest", "unix:/tmp/s", "--seed", "-1"}, "--seed");
  expect_refused({"serve", "--qtest", "unix:/tmp/s", "--memory", "colour=red"}, "'colour' is unknown");
}

TEST(ReplayCommand, Defaults) {
  const Parsed p = parse({"replay", "t.jsonl"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_EQ(p.options.command, Options::Command::kReplay);
  const ReplayOptions& replay = p.options.replay;
  EXPECT_EQ(replay.trace, "t.jsonl");
  EXPECT_FALSE(replay.cycles || replay.shrink);
  EXPECT_EQ(replay.until, 0U);
  EXPECT_EQ(replay.runs, 500U);
  EXPECT_TRUE(replay.words.empty());
  // The trace's machine stays as it is.
  MachineConfig machine;
  machine.pipe = 1;
  machine.memory.latency = 77;
  machine.seed = 5;
  replay.apply(machine);
  EXPECT_EQ(machine.pipe, 1U);
  EXPECT_EQ(machine.memory.latency, 77U);
  EXPECT_EQ(machine.seed, 5U);
  EXPECT_EQ(machine.waves, "");
}

TEST(ReplayCommand, WhatChangesTheMachineGoesToTheRunsOfShrinking) {
  const Parsed p = parse({"replay", "t.jsonl", "--shrink", "--runs", "12", "--output", "o", "--memory",
                          "jitter=3", "--latency", "9", "--pipe", "1", "--json", "j"});
  ASSERT_EQ(p.code, -1) << p.err;
  const ReplayOptions& replay = p.options.replay;
  EXPECT_TRUE(replay.shrink);
  EXPECT_EQ(replay.runs, 12U);
  EXPECT_EQ(replay.output, "o");
  EXPECT_EQ(replay.summary, "j");
  EXPECT_THAT(replay.words, ElementsAre("--memory", "jitter=3", "--latency", "9", "--pipe", "1"));
  MachineConfig machine;
  replay.apply(machine);
  EXPECT_EQ(machine.memory.jitter, 3U);
  EXPECT_EQ(machine.memory.latency, 9U);
  EXPECT_EQ(machine.pipe, 1U);
}

TEST(ReplayCommand, CyclesUntilAndWaves) {
  const Parsed p = parse(
      {"replay", "t.jsonl", "--cycles", "--until", "12", "--waves", "w.fst", "--waves-window", "10:20"});
  ASSERT_EQ(p.code, -1) << p.err;
  EXPECT_TRUE(p.options.replay.cycles);
  EXPECT_EQ(p.options.replay.until, 12U);
  MachineConfig machine;
  p.options.replay.apply(machine);
  EXPECT_EQ(machine.waves, "w.fst");
  EXPECT_EQ(machine.waves_window.first, 10U);
  EXPECT_EQ(machine.waves_window.last, 20U);
}

TEST(ReplayCommand, Refusals) {
  expect_refused({"replay"}, "trace");
  expect_refused({"replay", "t", "--until", "1"}, "--until");
  expect_refused({"replay", "t", "--runs", "0"}, "--runs");
  expect_refused({"replay", "t", "--shrink", "--cycles"}, "--shrink goes without");
  expect_refused({"replay", "t", "--shrink", "--until", "5"}, "--shrink goes without");
  expect_refused({"replay", "t", "--shrink", "--limit", "5"}, "--shrink goes without");
  expect_refused({"replay", "t", "--shrink", "--waves", "w"}, "--shrink goes without");
  expect_refused({"replay", "t", "--waves-window", "1:2"}, "--waves");
  expect_refused({"replay", "t", "--waves", "w", "--waves-window", "2:1"}, "FIRST:LAST");
  expect_refused({"replay", "t", "--memory", "latency=fast"}, "latency=fast is not a number");
}

TEST(EachSubcommand, HelpIsNoError) {
  for (const std::string command : {"run", "info", "random", "threads", "kmd", "serve", "replay"}) {
    const Parsed p = parse({command, "--help"});
    EXPECT_EQ(p.code, 0) << command;
    EXPECT_EQ(p.err, "") << command;
    EXPECT_THAT(p.out, HasSubstr("--help")) << command;
  }
}

TEST(RunCommand, AScenarioBringsItsOwnData) {
  EXPECT_EQ(
      parse({"run", "s.json", "--record", "t", "--contract", "c", "--failure-waves", "f"}).options.scenario,
      "s.json");
  const Parsed p = parse({"run", "s.json", "--record", "t", "--contract", "c", "--failure-waves", "f"});
  EXPECT_EQ(p.options.record, "t");
  EXPECT_EQ(p.options.failure_waves, "f");
  EXPECT_EQ(p.options.machine.contract_file, "c");
  expect_refused({"run", "s.json", "--file", "f"}, "--file is for the demonstration");
  expect_refused({"run", "--waves-window", "1:2"}, "--waves");
}

}  // namespace
}  // namespace gpudmar::sim
