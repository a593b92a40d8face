// SPDX-License-Identifier: Apache-2.0
// The data of the report's page: what a reader of it gets, and that no text of a run can break out of it.
#include "sim/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpudmar::test {
namespace {

using nlohmann::json;
using sim::timeline::Figures;
using ::testing::HasSubstr;

sim::ContractChecker checker() {
  return {sim::Contract::standard(), {}, [](const sim::Violation&) {}};
}

/// The data as the page's script reads it.
json data_of(const std::string& page) {
  const std::string open = R"(<script id="data" type="application/json">)";
  const std::size_t begin = page.find(open) + open.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

TEST(ReportTest, HasTheSummaryTheFiguresAndTheCommand) {
  Figures figures;
  figures.cycle(0, {32, 16, 2, 1, 0, 3});
  figures.request(0, {false, true, false, 27, 60});
  figures.entry_read(0, sim::WalkEntry::kLevel2);
  figures.call("DxgkCbFreeAdl", 500, false);
  figures.call("DxgkCbFreeAdl", 700, true);
  figures.fault({7, "READ", "01:00.0", 0x4000, false, true});
  const json data =
      data_of(sim::report_page({{"status", "pass"}}, figures, checker(), "gpu-dmar run --seed 3"));
  EXPECT_EQ(data["summary"]["status"], "pass");
  EXPECT_EQ(data["again"], "gpu-dmar run --seed 3");
  const json& bin = data["figures"]["bins"][0];
  EXPECT_EQ(bin["read"], 32.0);
  EXPECT_EQ(bin["misses"], 1);
  EXPECT_EQ(bin["entries"][3], 1);
  EXPECT_EQ(data["figures"]["entries"][3], "level 2");
  EXPECT_EQ(data["figures"]["durations"]["miss: in to out"], json::parse("[[27, 1]]"));
  EXPECT_EQ(data["figures"]["calls"][0], json::parse(R"({"name": "DxgkCbFreeAdl", "failed": 1,
                                                         "cycles": [[500, 1], [700, 1]]})"));
  EXPECT_EQ(data["figures"]["faults"][0]["address"], "0x4000");
}

TEST(ReportTest, NoTextEndsTheScript) {
  const json summary{{"failures", {"</script><script>alert(1)</script>", "\xff not UTF-8"}}};
  const std::string page = sim::report_page(summary, Figures(), checker(), "");
  EXPECT_EQ(data_of(page)["summary"]["failures"][0], "</script><script>alert(1)</script>");
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
}

TEST(ReportTest, BinsGrowWithTheRunAndLoseNothing) {
  Figures figures;
  constexpr std::uint64_t kCycles = 100'000;
  for (std::uint64_t cycle = 0; cycle < kCycles; ++cycle) figures.cycle(cycle, {4, 0, 0, 0, 0, 0});
  for (std::uint64_t cycle = 0; cycle < kCycles; cycle += 10) figures.request(cycle, {});
  const json all = figures.to_json();
  ASSERT_LE(all["bins"].size(), Figures::kMostBins);
  EXPECT_GE(all["bins"].size(), Figures::kMostBins / 2);
  EXPECT_GE(all["bins"].size() * all["bin_cycles"].get<std::uint64_t>(), kCycles);
  std::uint64_t hits = 0;
  for (const json& bin : all["bins"]) {
    EXPECT_DOUBLE_EQ(bin["read"].get<double>(), 4.0);
    hits += bin["hits"].get<std::uint64_t>();
  }
  EXPECT_EQ(hits, kCycles / 10);
}

TEST(ReportTest, MostFaultsAreOnlyCounted) {
  Figures figures;
  for (std::uint64_t i = 0; i < 2 * Figures::kMostFaults; ++i)
    figures.fault({i, "READ", "01:00.0", 0, false, true});
  const json all = figures.to_json();
  EXPECT_EQ(all["faults"].size(), Figures::kMostFaults);
  EXPECT_EQ(all["fault_count"], 2 * Figures::kMostFaults);
}

}  // namespace
}  // namespace gpudmar::test
