// SPDX-License-Identifier: Apache-2.0
// Planted faults: a long stream that meets one becomes a short one that meets the same.
#include "sim/random/shrinker.h"

#include <gtest/gtest.h>

#include "tests/sim/random/model_runner.h"

namespace gpudmar::random {
namespace {

class ShrinkerTest : public ::testing::TestWithParam<unsigned> {
 protected:
  static Stream stream(std::uint64_t seed, unsigned threads) {
    GenerateOptions options;
    options.profile.max_pages = 16;
    options.seed = seed;
    options.steps = 300;
    options.threads = threads;
    options.machine = model_machine("logical");
    return generate(options);
  }
  static ShrinkResult shrunk(const Stream& stream, const Sabotage& sabotage) {
    const auto machine = model_machine("logical");
    return shrink(stream, machine, [&](const Stream& candidate) {
      return ModelRunner(candidate, machine, sabotage).run().failure;
    });
  }
  /// Of some seed whose stream meets the fault: shrinks twice alike, to at most `steps` steps.
  static Stream expect_short(const Sabotage& sabotage, std::size_t steps, const std::string& failure) {
    const auto machine = model_machine("logical");
    for (std::uint64_t seed = 1; seed < 50; ++seed) {
      const Stream given = stream(seed, GetParam());
      const std::string first = ModelRunner(given, machine, sabotage).run().failure;
      if (first != failure) continue;
      const ShrinkResult result = shrunk(given, sabotage);
      EXPECT_EQ(result.failure, failure);
      EXPECT_LE(result.stream.steps(), steps) << to_json(result.stream).dump(1);
      EXPECT_EQ(to_json(shrunk(given, sabotage).stream), to_json(result.stream));
      EXPECT_EQ(ModelRunner(result.stream, machine, sabotage).run().failure, failure);
      EXPECT_EQ(ModelRunner(result.stream, machine, {}).run().failure, "")
          << "without the fault nothing is wrong";
      EXPECT_FALSE(result.stream.machine.contains("memory")) << "the memory's timing has no part in it";
      std::cout << result.runs << " runs, " << given.steps() << " steps became " << result.stream.steps()
                << '\n';
      return result.stream;
    }
    ADD_FAILURE() << "no stream meets the fault";
    return {};
  }
};

TEST_P(ShrinkerTest, AFreeThatDoesNotHappen) {
  Sabotage sabotage;
  sabotage.skip = [](const Step& step) { return step.what == Do::kFree && step.expect.ok(); };
  expect_short(sabotage, 5, "probe: done, not blocked");
}

TEST_P(ShrinkerTest, AStatusThatIsAnother) {
  Sabotage sabotage;
  sabotage.answer = [](const Step& step, Expected& answer) {
    if (step.what == Do::kOpen && answer.status == "STATUS_ALREADY_REGISTERED")
      answer.status = "STATUS_SUCCESS";
  };
  expect_short(sabotage, 4, "open: STATUS_SUCCESS instead of STATUS_ALREADY_REGISTERED");
}

TEST_P(ShrinkerTest, AFillThatIsLost) {
  Sabotage sabotage;
  sabotage.lose = [](const Step& step) { return step.what == Do::kFill && step.size % 16 == 3; };
  const Stream stream = expect_short(sabotage, 6, "check: other bytes");
  ASSERT_FALSE(stream.sections.empty());
}

TEST_P(ShrinkerTest, AGoodStreamStaysWhole) {
  const Stream given = stream(1, GetParam());
  const ShrinkResult result = shrunk(given, {});
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.runs, 1U);
  EXPECT_EQ(to_json(result.stream), to_json(given));
}

INSTANTIATE_TEST_SUITE_P(Threads, ShrinkerTest, ::testing::Values(1U, 3U));

}  // namespace
}  // namespace gpudmar::random
