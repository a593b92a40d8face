// SPDX-License-Identifier: Apache-2.0
// The generator: the same seed is the same case; everything stays where it may be; software does it right.
#include "sim/oracle/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace gpudmar::oracle {
namespace {

constexpr std::uint64_t kSeeds = 3000;

TEST(Generator, a_seed_is_a_case) {
  for (const std::uint64_t seed : {0ULL, 1ULL, 77ULL, ~0ULL}) {
    EXPECT_EQ(describe(generate(seed), 0), describe(generate(seed), 0));
    EXPECT_NE(describe(generate(seed), 0), describe(generate(seed + 1), 0));
  }
}

TEST(Generator, tables_stay_in_their_pages_and_accesses_within_what_devices_can) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Case test = generate(seed);
    const auto inside = [](const Store& store) {
      return store.address >= kTables && store.address < kTables + kTablePages * kPage &&
             store.address % 8 == 0;
    };
    for (const Store& store : test.memory) ASSERT_TRUE(inside(store)) << seed;
    ASSERT_FALSE(test.steps.empty());
    for (const Step& step : test.steps) {
      for (const Store& store : step.stores) ASSERT_TRUE(inside(store)) << seed;
      ASSERT_FALSE(step.accesses.empty());
      for (const Access& access : step.accesses) {
        ASSERT_GE(access.bytes, 1U);
        ASSERT_LE(access.bytes, kMaxAccessBytes);
        ASSERT_LE(access.address + access.bytes, 1ULL << kAddressBits) << seed;
        ASSERT_FALSE(access.address + access.bytes > 0xFEE0'0000 && access.address < 0xFEF0'0000) << seed;
      }
      for (const Invalidation& one : step.invalidations) {
        if (one.kind != Invalidation::Kind::kIotlb || one.granularity != Invalidation::kSelective) continue;
        ASSERT_LE(one.address_mask, 18U);
        ASSERT_EQ(one.address & ((kPage << one.address_mask) - 1), 0U) << seed;
      }
    }
  }
}

// What a cache may hold is present. A change of it comes with an invalidation in the same step.
TEST(Generator, what_was_present_changes_with_an_invalidation) {
  std::uint64_t changes = 0;
  std::uint64_t appearances = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Case test = generate(seed);
    TableImage image(test);
    for (const Step& step : test.steps) {
      bool present = step.root.has_value();
      for (const Store& store : step.stores)
        present = present || ((image.at(store.address) & 3) != 0 && image.at(store.address) != store.value);
      if (present) {
        ++changes;
        const bool iotlb =
            std::any_of(step.invalidations.begin(), step.invalidations.end(),
                        [](const Invalidation& one) { return one.kind == Invalidation::Kind::kIotlb; });
        // The upper half of a context entry that is absent may hold anything.
        const bool context = step.what.rfind("context", 0) == 0;
        ASSERT_TRUE(iotlb || context) << describe(test, 0);
      } else if (!step.stores.empty()) {
        ++appearances;
      }
      image.apply(step);
    }
  }
  EXPECT_GT(changes, kSeeds / 2);
  EXPECT_GT(appearances, kSeeds / 50);
}

TEST(Generator, every_kind_of_step_and_access_occurs) {
  std::map<std::string, unsigned> seen;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Case test = generate(seed);
    TableImage image(test);
    for (const Step& step : test.steps) {
      image.apply(step);
      if (step.root) ++seen["root"];
      for (const Invalidation& one : step.invalidations) {
        ++seen[(one.kind == Invalidation::Kind::kContext ? "context" : "iotlb") +
               std::to_string(one.granularity)];
        if (one.leaf_only) ++seen["leaf_only"];
        if (one.address_mask > 0) ++seen["mask"];
      }
      for (const Access& access : step.accesses) {
        ++seen[access.write ? "write" : "read"];
        ++seen["source" + std::to_string(access.source)];
        if (access.address / kPage != (access.address + access.bytes - 1) / kPage) ++seen["crossing"];
        if (access.bytes > 2048) ++seen["long"];
        const auto targets = plan(image, access);
        ++seen[!targets                     ? "unsafe"
               : (*targets)[0].data         ? "data"
               : (*targets)[0].address != 0 ? "elsewhere"
                                            : "nowhere"];
      }
    }
  }
  for (const char* what :
       {"root", "context1", "context2", "context3", "iotlb1", "iotlb2", "iotlb3", "leaf_only", "mask", "read",
        "write", "source0", "source1", "crossing", "long", "data", "elsewhere", "nowhere"})
    EXPECT_GT(seen[what], kSeeds / 100) << what;
  EXPECT_GT(seen["data"], kSeeds) << "enough accesses must succeed";
  EXPECT_LT(seen["unsafe"], kSeeds / 4) << "what is not made is wasted";
}

}  // namespace
}  // namespace gpudmar::oracle
