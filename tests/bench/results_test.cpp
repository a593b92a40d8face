// SPDX-License-Identifier: Apache-2.0
// Rows of the benchmark: what keeps a promise, what the filter leaves, and what stands in the file.
#include "tests/bench/results.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <limits>

namespace gpudmar::bench {
namespace {

TEST(Results, KeepingAPromise) {
  EXPECT_TRUE(keeps(2, 2, Relation::kExact));
  EXPECT_FALSE(keeps(1, 2, Relation::kExact)) << "faster than an exact promise means that something changed";
  EXPECT_FALSE(keeps(3, 2, Relation::kExact));
  EXPECT_TRUE(keeps(1, 2, Relation::kAtMost));
  EXPECT_TRUE(keeps(2, 2, Relation::kAtMost));
  EXPECT_FALSE(keeps(2.01, 2, Relation::kAtMost));
  EXPECT_TRUE(keeps(16.0 / 108, 16.0 / 108, Relation::kAtLeast));
  EXPECT_FALSE(keeps(0.148, 16.0 / 108, Relation::kAtLeast));
  EXPECT_FALSE(keeps(std::numeric_limits<double>::quiet_NaN(), 0, Relation::kAtLeast));
  EXPECT_FALSE(keeps(std::numeric_limits<double>::infinity(), 1, Relation::kAtLeast));
}

TEST(Results, FilterSeesTheWholeName) {
  Results all("", ".pipe1");
  EXPECT_TRUE(all.wanted("iommu.hit.latency"));
  Results some(R"(hit\..*\.pipe1$)", ".pipe1");
  EXPECT_TRUE(some.wanted("iommu.hit.latency"));
  EXPECT_FALSE(some.wanted("iommu.miss.leaf.L20"));
  EXPECT_TRUE(some.wanted_any({"iommu.miss.leaf.L20", "iommu.hit.latency"}));
  EXPECT_FALSE(Results(R"(hit\..*\.pipe1$)", "").wanted("iommu.hit.latency"));
  some.add("iommu.miss.leaf.L20", 27, "cycles", 27, Relation::kExact);
  EXPECT_TRUE(some.rows().empty());
}

TEST(Results, RowsAndTheirFile) {
  Results results("", ".pipe1");
  EXPECT_TRUE(results.all_kept());
  results.add("a", 3, "cycles", 4, Relation::kAtMost);
  EXPECT_TRUE(results.all_kept());
  results.add("b", 3, "cycles", 4, Relation::kExact);
  EXPECT_FALSE(results.all_kept());
  EXPECT_THROW(results.add("a", 3, "cycles", 4, Relation::kAtMost), std::logic_error);
  const std::string path = ::testing::TempDir() + "bench_results_test.json";
  results.write(path, {{"pipe", 1}}, 7);
  const auto document = nlohmann::json::parse(std::ifstream(path));
  std::remove(path.c_str());
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["config"]["pipe"], 1);
  EXPECT_EQ(document["seed"], 7);
  for (const char* key : {"commit", "tools", "duration_s"}) EXPECT_TRUE(document.contains(key)) << key;
  ASSERT_EQ(document["results"].size(), 2U);
  EXPECT_EQ(document["results"][0],
            (nlohmann::json{
                {"name", "a.pipe1"}, {"value", 3.0}, {"unit", "cycles"}, {"promise", 4.0}, {"ok", true}}));
  EXPECT_FALSE(document["results"][1]["ok"].get<bool>());
  EXPECT_THROW(results.write("/nowhere/at/all.json", {}, 0), std::runtime_error);
}

TEST(Results, AValueWithoutAPromise) {
  Results results("", "");
  results.report("a", 0.5, "hits/request");
  EXPECT_TRUE(results.all_kept());
  EXPECT_TRUE(results.rows()[0]["promise"].is_null());
  EXPECT_EQ(results.rows()[0]["value"], 0.5);
  EXPECT_THROW(results.report("a", 1, "hits/request"), std::logic_error);
}

TEST(Results, Arguments) {
  const auto parse = [](std::vector<std::string> words) {
    words.insert(words.begin(), "program");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return parse_arguments(static_cast<int>(argv.size()), argv.data());
  };
  const Arguments arguments = parse({"--out", "x.json", "--filter", "hit", "--rounds", "3"});
  EXPECT_EQ(arguments.out, "x.json");
  EXPECT_EQ(arguments.filter, "hit");
  EXPECT_EQ(arguments.rounds, 3U);
  EXPECT_THROW(parse({"--out"}), std::invalid_argument);
  EXPECT_THROW(parse({"--wrong", "1"}), std::invalid_argument);
  EXPECT_THROW(parse({"--rounds", "0"}), std::invalid_argument);
  EXPECT_THROW(parse({"--rounds", "3x"}), std::invalid_argument);
  EXPECT_THROW(parse({"--contract", "/nowhere/at/all.json"}), std::invalid_argument);
  EXPECT_THROW(Results("(", ""), std::regex_error);
}

}  // namespace
}  // namespace gpudmar::bench
