// SPDX-License-Identifier: Apache-2.0
// Running another program and reading what it prints.
#pragma once

#include <string>
#include <vector>

namespace gpudmar::sim::kmd {

struct ProcessOutput {
  int status = -1;     ///< exit code; 128 + signal; -1: it could not be started
  std::string output;  ///< both streams
};

/// Runs `command[0]`, found through PATH, with `input` as its standard input.
[[nodiscard]] ProcessOutput run_process(const std::vector<std::string>& command,
                                        const std::string& input = {});

/// Splits at line ends.
[[nodiscard]] std::vector<std::string> lines_of(const std::string& text);

}  // namespace gpudmar::sim::kmd
