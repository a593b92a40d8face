// SPDX-License-Identifier: Apache-2.0
// The shrinker: what is not needed goes, what is needed stays, software stays correct.
#include "sim/oracle/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/oracle/generator.h"

namespace gpudmar::oracle {
namespace {

bool any_access(const Case& test, const std::function<bool(const Access&)>& wanted) {
  for (const Step& step : test.steps)
    if (std::any_of(step.accesses.begin(), step.accesses.end(), wanted)) return true;
  return false;
}

TEST(Shrink, one_access_is_left_of_many) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const auto fails = [](const Case& test) {
      return any_access(test, [](const Access& a) { return a.write; });
    };
    const Case test = generate(seed);
    if (!fails(test)) continue;
    const Shrunk shrunk = shrink(test, fails, 1000);
    EXPECT_TRUE(fails(shrunk.test));
    EXPECT_EQ(shrunk.test.accesses(), 1U);
    EXPECT_TRUE(shrunk.test.memory.empty());
    EXPECT_EQ(shrunk.test.steps.back().accesses.front().bytes, 1U);
  }
}

TEST(Shrink, a_table_that_matters_stays) {
  const Case test = generate(5);
  const std::uint64_t needed = test.memory.at(test.memory.size() / 2).address;
  const auto fails = [&](const Case& candidate) {
    return candidate.accesses() > 0 &&
           std::any_of(candidate.memory.begin(), candidate.memory.end(),
                       [&](const Store& store) { return store.address == needed; });
  };
  const Shrunk shrunk = shrink(test, fails, 1000);
  ASSERT_EQ(shrunk.test.memory.size(), 1U);
  EXPECT_EQ(shrunk.test.memory[0].address, needed);
}

// A failure that needs exactly these invalidations: then no step may go, for another may rely on it.
TEST(Shrink, steps_stay_as_they_are_when_their_invalidations_matter) {
  std::uint64_t tried = 0;
  for (std::uint64_t seed = 1; seed < 200 && tried < 5; ++seed) {
    const Case test = generate(seed);
    const auto narrow = [](const Case& candidate) {
      for (const Step& step : candidate.steps)
        for (const Invalidation& one : step.invalidations)
          if (one.granularity == Invalidation::kSelective) return true;
      return false;
    };
    if (!narrow(test)) continue;
    ++tried;
    const Shrunk shrunk = shrink(test, narrow, 1000);
    EXPECT_EQ(shrunk.test.accesses(), 0U);
    EXPECT_EQ(shrunk.test.memory.size(), test.memory.size());
  }
  EXPECT_EQ(tried, 5U);
}

TEST(Shrink, the_limit_holds) {
  std::size_t runs = 0;
  const auto fails = [&](const Case&) {
    ++runs;
    return true;
  };
  EXPECT_EQ(shrink(generate(3), fails, 7).runs, 7U);
  EXPECT_EQ(runs, 7U);
}

}  // namespace
}  // namespace gpudmar::oracle
