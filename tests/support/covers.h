// SPDX-License-Identifier: Apache-2.0
// Names the rules that a test covers; tests/report.py gathers them into rules.json.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace gpudmar::test {

/// Record what the running test covers, e.g. covers("R86", "vtd.fault.05"). Once per test: GoogleTest keeps
/// only the last value of a key.
inline void covers(const std::vector<std::string>& rules) {
  std::string joined;
  for (const std::string& rule : rules) joined += (joined.empty() ? "" : ",") + rule;
  ::testing::Test::RecordProperty("rule", joined);
}
template <typename... Rules>
void covers(const char* first, const Rules&... rules) {
  covers(std::vector<std::string>{first, rules...});
}

}  // namespace gpudmar::test
