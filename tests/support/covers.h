// SPDX-License-Identifier: Apache-2.0
// Names the rules that a test covers; tests/report.py gathers them into rules.json.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace gpudmar::test {

/// Record what the running test covers, e.g. covers("R86", "vtd.fault.05"). Once per test: GoogleTest keeps
/// only the last value of a key.
template <typename... Rules>
void covers(const Rules&... rules) {
  std::string joined;
  for (const std::string& rule : {std::string(rules)...}) joined += (joined.empty() ? "" : ",") + rule;
  ::testing::Test::RecordProperty("rule", joined);
}

}  // namespace gpudmar::test
