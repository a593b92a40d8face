// SPDX-License-Identifier: Apache-2.0
// This program once more, as a process of its own: SystemC elaborates once in each.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gpudmar::sim {

/// Files that nobody asked for; gone at its end. Throws std::runtime_error when there is no place for them.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path path;
};

/// Runs this program with `words`, both its streams into `log`. Its wait status; -1: it did not end and had
/// to be killed. Throws std::runtime_error when it cannot be started.
[[nodiscard]] int run_again(std::vector<std::string> words, const std::filesystem::path& log);
/// The last line of a file.
[[nodiscard]] std::string last_line(const std::filesystem::path& file);

/// A line that is written over, on a terminal only; empty: none any more.
void progress(const std::string& text);

}  // namespace gpudmar::sim
