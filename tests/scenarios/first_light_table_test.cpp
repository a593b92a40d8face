// SPDX-License-Identifier: Apache-2.0
// The table that people see, from results made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "sim/scenario/first_light.h"

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> all;
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

/// The words after the step's name, which is 32 characters wide.
std::vector<std::string> columns(const std::string& line) {
  std::istringstream stream(line.substr(32));
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

FirstLightResult result() {
  FirstLightResult r;
  r.passed = true;
  r.steps = {{"start the adapters", {27, 253, 0, 0, 0, 0, 2, 0}},
             {"GPU 0: object to VRAM", {4, 6795, 204801, 96, 307, 53, 0, 0}}};
  r.total = {105, 31628, 819204, 598, 1022, 214, 13, 4};
  r.bytes_verified = 409602;
  r.copy_cycles = 29810;
  r.faults_expected = 4;
  r.faults_recorded = 3;
  return r;
}

TEST(FirstLightTable, ARowPerStepThenTheSum) {
  const auto text = lines(run_table(result(), 123.4));
  ASSERT_EQ(text.size(), 7U);
  EXPECT_THAT(columns(text[0]), ::testing::ElementsAre("calls", "cycles", "bytes", "hits", "misses", "walks",
                                                       "inval", "faults"));
  EXPECT_EQ(text[1].substr(0, 19), "start the adapters ");
  EXPECT_THAT(columns(text[2]), ::testing::ElementsAre("4", "6795", "204801", "96", "307", "53", "0", "0"));
  EXPECT_EQ(text[3].substr(0, 4), "all ");
  EXPECT_THAT(columns(text[3]),
              ::testing::ElementsAre("105", "31628", "819204", "598", "1022", "214", "13", "4"));
  EXPECT_TRUE(std::all_of(text.begin(), text.begin() + 4,
                          [&](const std::string& line) { return line.size() == text[0].size(); }));
}

TEST(FirstLightTable, SaysRateBytesFaultsAndSpeed) {
  const auto text = lines(run_table(result(), 123.4));
  EXPECT_EQ(text[5],
            "27.48 bytes per cycle while copying; 409602 bytes compared; 3 of 4 faults recorded; 123 kHz");
  EXPECT_EQ(text[6], "PASS");
}

TEST(FirstLightTable, WithoutACopyThereIsNoRate) {
  FirstLightResult r = result();
  r.copy_cycles = 0;
  EXPECT_THAT(run_table(r, 1), HasSubstr("\n0.00 bytes per cycle"));
}

TEST(FirstLightTable, FailuresStandBeforeTheVerdict) {
  FirstLightResult r = result();
  r.passed = false;
  r.failures = {"byte 7 is wrong", "1 violations in all"};
  const std::string text = run_table(r, 1);
  const auto all = lines(text);
  EXPECT_EQ(all[6], "FAILED: byte 7 is wrong");
  EXPECT_EQ(all[7], "FAILED: 1 violations in all");
  EXPECT_EQ(all.back(), "FAIL");
  EXPECT_THAT(text, Not(HasSubstr("PASS")));
}

}  // namespace
}  // namespace gpudmar::sim
