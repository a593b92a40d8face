// SPDX-License-Identifier: Apache-2.0
// The timeline of the demonstration and of a scenario: what it must hold of what happened, and that the file
// is one that Perfetto can show.
#include "sim/timeline/timeline.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/scenario/first_light.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.pipe = TIMELINE_PIPE;
  config.memory.latency = 20;
  return config;
}

namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Span {
  std::string name;
  std::uint64_t begin = 0, end = 0;
  unsigned row = 0;
  json arguments;
};

/// A timeline as a reader sees it.
struct Seen {
  json document;
  std::map<unsigned, std::string> rows;    ///< "group/row"
  std::map<unsigned, std::string> groups;  ///< by pid
  std::vector<Span> spans;
  std::vector<json> instants;
  std::map<std::uint64_t, std::pair<json, json>> arrows;  ///< begin, end
};

Seen read(const std::string& path) {
  Seen seen;
  seen.document = json::parse(std::ifstream(path));
  for (const json& event : seen.document.at("traceEvents")) {
    const std::string phase = event.at("ph");
    if (phase == "M" && event["name"] == "process_name") seen.groups[event["pid"]] = event["args"]["name"];
    if (phase == "M" && event["name"] == "thread_name")
      seen.rows[event["tid"]] = seen.groups[event["pid"]] + "/" + event["args"]["name"].get<std::string>();
    if (phase == "X") {
      const std::uint64_t begin = event["args"]["cycle"];
      seen.spans.push_back({event["name"], begin, begin + event["args"]["cycles"].get<std::uint64_t>(),
                            event["tid"], event["args"]});
    }
    if (phase == "i") seen.instants.push_back(event);
    if (phase == "s") seen.arrows[event["id"]].first = event;
    if (phase == "f") seen.arrows[event["id"]].second = event;
  }
  return seen;
}

class TimelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    machine().reset(true);
    machine().board().violations().clear();
  }

  /// Runs the demonstration under a timeline of these cycles.
  sim::FirstLightResult run(sim::timeline::Window window = {}) {
    shown_ = std::make_unique<sim::timeline::Timeline>(machine(), path_, window);
    std::vector<std::uint8_t> data(40'000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7);
    sim::FirstLightResult result = sim::run_first_light(
        machine(), data, 3, nullptr, [&](dxgkrnl::Kernel& kernel) { shown_->attach(kernel); });
    shown_->close();
    return result;
  }
  [[nodiscard]] static std::vector<Span> in(const Seen& seen, const std::string& row,
                                            const std::string& name = {}) {
    std::vector<Span> found;
    for (const Span& span : seen.spans)
      if (seen.rows.at(span.row).rfind(row, 0) == 0 && span.name.find(name) != std::string::npos)
        found.push_back(span);
    return found;
  }

  [[nodiscard]] static double time_of(std::uint64_t cycle) {
    return static_cast<double>(machine().board().wave_time(cycle)) / 1e6;
  }

  const std::string path_ = ::testing::TempDir() + fmt::format("timeline_p{}.json", TIMELINE_PIPE);
  std::unique_ptr<sim::timeline::Timeline> shown_;
};

TEST_F(TimelineTest, HoldsWhatHappened) {
  const sim::FirstLightResult result = run();
  ASSERT_THAT(result.failures, IsEmpty());
  const Seen seen = read(path_);

  std::map<std::string, std::uint64_t> calls;
  for (const Span& span : in(seen, "software/"))
    if (span.arguments.contains("call")) ++calls[span.name];
  EXPECT_EQ(calls, result.ddi_calls);

  // Every translated request, and those of the messages, which are not.
  const std::uint64_t requests = in(seen, "IOMMU/port").size();
  EXPECT_EQ(requests, shown_->counts().requests);
  EXPECT_GE(requests, result.total.hits + result.total.misses);
  EXPECT_EQ(in(seen, "IOMMU/walker", "walk").size(), result.total.walks);
  EXPECT_EQ(in(seen, "IOMMU/port", " miss").size() + in(seen, "IOMMU/port", " blocked").size(),
            result.total.misses);
  EXPECT_FALSE(in(seen, "IOMMU/port", " blocked").empty());
  std::uint64_t descriptors = 0;
  for (const Span& batch : in(seen, "IOMMU/invalidation queue")) {
    descriptors += batch.arguments["descriptors"].size();
    for (const json& text : batch.arguments["descriptors"])
      EXPECT_THAT(text.get<std::string>(), Not(HasSubstr("type")));
  }
  EXPECT_GT(descriptors, result.total.invalidations);  // and the waits
  std::uint64_t faults = 0;
  for (const json& instant : seen.instants)
    if (seen.rows.at(instant["tid"]) == "IOMMU/faults") ++faults;
  EXPECT_EQ(faults, result.faults_recorded);
  std::uint64_t copied = 0;
  for (const Span& copy : in(seen, "gpu", "COPY")) copied += copy.arguments["bytes"].get<std::uint64_t>();
  EXPECT_GE(copied, result.bytes_verified / 2);
  EXPECT_TRUE(in(seen, "gpu", "descriptor").empty());  // all are decoded
}

TEST_F(TimelineTest, SpansOfARowLieApartOrWithinEachOther) {
  ASSERT_THAT(run().failures, IsEmpty());
  const Seen seen = read(path_);
  std::map<unsigned, std::vector<Span>> rows;
  for (const Span& span : seen.spans) rows[span.row].push_back(span);
  for (auto& [row, spans] : rows) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
    });
    std::vector<std::uint64_t> open;
    for (const Span& span : spans) {
      while (!open.empty() && open.back() <= span.begin) open.pop_back();
      ASSERT_TRUE(open.empty() || span.end <= open.back())
          << seen.rows.at(row) << ": " << span.name << " at " << span.begin << " to " << span.end;
      open.push_back(span.end);
    }
  }
}

TEST_F(TimelineTest, ArrowsLeadFromSpanToSpanAndNeverBack) {
  ASSERT_THAT(run().failures, IsEmpty());
  const Seen seen = read(path_);
  ASSERT_FALSE(seen.arrows.empty());
  std::map<unsigned, std::vector<const Span*>> rows;
  for (const Span& span : seen.spans) rows[span.row].push_back(&span);
  const double cycle_us = static_cast<double>(machine().config().cycle_ps) / 1e6;
  const double zero = static_cast<double>(machine().board().wave_time(0)) / 1e6;
  const auto inside = [&](const json& end) {
    const double cycle = (end["ts"].get<double>() - zero) / cycle_us;
    const auto& spans = rows[end["tid"]];
    return std::any_of(spans.begin(), spans.end(), [&](const Span* span) {
      return static_cast<double>(span->begin) <= cycle + 1e-3 && cycle < static_cast<double>(span->end);
    });
  };
  for (const auto& [id, arrow] : seen.arrows) {
    ASSERT_FALSE(arrow.first.is_null() || arrow.second.is_null()) << "arrow " << id << " has one end";
    EXPECT_TRUE(inside(arrow.first)) << arrow.first;
    EXPECT_TRUE(inside(arrow.second)) << arrow.second;
    EXPECT_LE(arrow.first["ts"].get<double>(), arrow.second["ts"].get<double>())
        << arrow.first << arrow.second;
  }
}

TEST_F(TimelineTest, FreeAdlLeadsToItsInvalidation) {
  ASSERT_THAT(run().failures, IsEmpty());
  const Seen seen = read(path_);
  const std::vector<Span> calls = in(seen, "software/", "DxgkCbFreeAdl");
  ASSERT_FALSE(calls.empty());
  for (const Span& call : calls) {
    bool arrow_there = false;
    for (const auto& [id, arrow] : seen.arrows) {
      const std::uint64_t from = arrow.first["tid"];
      const std::string to = seen.rows.at(arrow.second["tid"]);
      const double at = arrow.first["ts"];
      arrow_there = arrow_there || (from == call.row && to.rfind("IOMMU/invalidation queue", 0) == 0 &&
                                    at >= time_of(call.begin) && at < time_of(call.end));
    }
    EXPECT_TRUE(arrow_there) << "FreeAdl of cycle " << call.begin;
    // All that it handed over was done before it returned, and a wait with a status was the last.
    std::string last;
    for (const Span& batch : in(seen, "IOMMU/invalidation queue"))
      if (batch.begin >= call.begin && batch.end <= call.end && !batch.arguments["descriptors"].empty())
        last = batch.arguments["descriptors"].back();
    EXPECT_THAT(last, HasSubstr("wait, status"));
    EXPECT_GT(call.arguments.value("published bytes", 0), 0);
  }
}

TEST_F(TimelineTest, TimesAreThoseOfTheWaves) {
  ASSERT_THAT(run().failures, IsEmpty());
  const Seen seen = read(path_);
  for (const json& event : seen.document["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const std::uint64_t cycle = event["args"]["cycle"];
    ASSERT_DOUBLE_EQ(event["ts"].get<double>(),
                     static_cast<double>(machine().board().wave_time(cycle)) / 1e6);
  }
}

TEST_F(TimelineTest, AWindowLeavesOutTheRest) {
  ASSERT_THAT(run({2'000, 3'000}).failures, IsEmpty());
  const Seen seen = read(path_);
  ASSERT_FALSE(seen.spans.empty());
  for (const Span& span : seen.spans) {
    EXPECT_LE(span.begin, 3'000U);
    EXPECT_GE(span.end, 2'000U);
  }
}

TEST_F(TimelineTest, SaysWhatCannotBeWritten) {
  EXPECT_THROW(sim::timeline::Timeline(machine(), "/nowhere/timeline.json"), std::runtime_error);
}

}  // namespace
}  // namespace gpudmar::test
