// SPDX-License-Identifier: Apache-2.0
// Streams: the same for the same seed, of the asked size, judged anew without a change.
#include "sim/random/generator.h"

#include <gtest/gtest.h>

#include <set>

namespace gpudmar::random {
namespace {

GenerateOptions options(std::uint64_t seed, unsigned threads) {
  GenerateOptions options;
  options.profile.max_pages = 16;
  options.seed = seed;
  options.steps = 200;
  options.threads = threads;
  return options;
}

TEST(RandomGenerator, OneSeedOneStream) {
  std::set<std::string> texts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string text = to_json(generate(options(seed, 1 + seed % 3))).dump();
    EXPECT_EQ(to_json(generate(options(seed, 1 + seed % 3))).dump(), text);
    texts.insert(text);
  }
  EXPECT_EQ(texts.size(), 20U);
}

TEST(RandomGenerator, StepsAndThreadsAsAsked) {
  bool parallel = false;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Stream stream = generate(options(seed, 3));
    EXPECT_GE(stream.steps(), 200U);
    EXPECT_LT(stream.steps(), 500U);
    for (const Section& section : stream.sections) {
      parallel = parallel || section.threads.size() == 3;
      EXPECT_TRUE(section.threads.size() == 1 || section.threads.size() == 3);
    }
    for (const Section& section : generate(options(seed, 1)).sections) EXPECT_EQ(section.threads.size(), 1U);
  }
  EXPECT_TRUE(parallel);
}

// Threads that started in one cycle would meet in few of the ways in which they can.
TEST(RandomGenerator, ThreadsStartApart) {
  std::set<std::uint64_t> starts;
  std::size_t threads = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    for (const Section& section : generate(options(seed, 3)).sections) {
      if (section.threads.size() == 1) {
        for (const Step& step : section.threads[0]) EXPECT_NE(step.what, Do::kWait) << "seed " << seed;
        continue;
      }
      for (const auto& thread : section.threads) {
        ASSERT_EQ(thread.front().what, Do::kWait) << "seed " << seed;
        EXPECT_GE(thread.front().size, 1U);
        starts.insert(thread.front().size);
        ++threads;
      }
    }
  EXPECT_GE(threads, 30U);
  EXPECT_GE(starts.size(), threads / 2);
  Step step;
  step.what = Do::kWait;
  step.size = 17;
  EXPECT_EQ(to_json(step).dump(), R"({"cycles":17,"do":"wait"})");
}

TEST(RandomGenerator, JudgingAnewChangesNothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Stream stream = generate(options(seed, 1 + seed % 3));
    EXPECT_EQ(to_json(annotate(stream, options(seed, 1).machine)), to_json(stream)) << "seed " << seed;
  }
}

TEST(RandomGenerator, BugchecksEndAStream) {
  unsigned bugchecks = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Stream stream = generate(options(seed, 2));
    std::size_t index = 0;
    for (const Section& section : stream.sections)
      for (const auto& thread : section.threads)
        for (const Step& step : thread) {
          ++index;
          if (step.expect.bugcheck == 0) continue;
          ++bugchecks;
          EXPECT_EQ(index, stream.steps());
        }
  }
  EXPECT_GE(bugchecks, 10U);
  EXPECT_LE(bugchecks, 30U);
}

}  // namespace
}  // namespace gpudmar::random
