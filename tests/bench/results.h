// SPDX-License-Identifier: Apache-2.0
// Rows of the benchmark: a measured value beside what was promised.
#pragma once

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

namespace gpudmar::bench {

/// How a value must stand to its promise.
enum class Relation { kExact, kAtMost, kAtLeast };
[[nodiscard]] bool keeps(double value, double promise, Relation relation);

/// What a program was asked to do: --out FILE --filter REGEX --contract FILE --rounds N --list FILE.
struct Arguments {
  std::string out;       ///< empty: no file
  std::string filter;    ///< of row names; searched, not matched as a whole
  std::string contract;  ///< text of another contract file; empty: the one built in
  unsigned rounds = 0;   ///< 0: the program's own
  std::string list;      ///< not empty: nothing is measured, the names that the filter wants go there
};
/// Throws std::invalid_argument on anything unknown or unreadable.
[[nodiscard]] Arguments parse_arguments(int argc, char* const* argv);

class Results {
 public:
  /// `suffix` goes behind every name. Throws std::regex_error.
  Results(const std::string& filter, std::string suffix);

  [[nodiscard]] bool wanted(const std::string& name) const;
  /// From here on nothing is wanted; the names that would have been go to the file, a line each, in the order
  /// asked for.
  void list_to(const std::string& path);
  /// True if any of the names is wanted: measurements that yield several rows.
  [[nodiscard]] bool wanted_any(const std::vector<std::string>& names) const;
  /// Drops what is not wanted. Throws std::logic_error when a name comes twice.
  void add(const std::string& name, double value, const std::string& unit, double promise, Relation relation);

  /// The same for a value without a promise: null in the row, and always ok.
  void report(const std::string& name, double value, const std::string& unit);

  [[nodiscard]] const nlohmann::json& rows() const { return rows_; }
  [[nodiscard]] bool all_kept() const;
  /// The summary with its head. Throws std::runtime_error when it cannot be written.
  void write(const std::string& path, const nlohmann::json& config, std::uint64_t seed) const;

 private:
  void append(const std::string& name, const std::string& unit, double value, const nlohmann::json& promise,
              bool ok);

  std::regex filter_;
  std::string suffix_;
  nlohmann::json rows_ = nlohmann::json::array();
  mutable std::ofstream list_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace gpudmar::bench
