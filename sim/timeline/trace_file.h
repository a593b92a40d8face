// SPDX-License-Identifier: Apache-2.0
// A trace that Perfetto and chrome://tracing open: spans and instants on rows, arrows between them, counters.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::sim::timeline {

/// A row in the file; rows stand in groups, in the order of their `order`.
using RowId = unsigned;

/// A place that an arrow begins or ends at: inside a span of the row.
struct Point {
  RowId row = 0;
  std::uint64_t cycle = 0;
};

/// Events of cycles [first, last] only; a span counts when it touches them.
struct Window {
  std::uint64_t first = 0;
  std::uint64_t last = ~std::uint64_t{0};
};

/// Writes events as they come; they need no order. Every event has its cycle among its arguments.
class TraceFile {
 public:
  /// `path`: empty: nothing is written. `time_ps`: where a cycle begins on the time axis, that of the waves.
  /// Throws std::runtime_error when the file cannot be written.
  TraceFile(std::string path, std::function<std::uint64_t(std::uint64_t)> time_ps, Window window);

  [[nodiscard]] unsigned add_group(const std::string& name);
  [[nodiscard]] RowId add_row(unsigned group, const std::string& name, unsigned order);

  /// Cycles [begin, end); an empty one is shown as one cycle. Spans of a row lie apart or within each other.
  void span(RowId row, std::string_view name, std::uint64_t begin, std::uint64_t end,
            nlohmann::json arguments = nlohmann::json::object());
  void instant(RowId row, std::string_view name, std::uint64_t cycle,
               nlohmann::json arguments = nlohmann::json::object());
  void counter(unsigned group, std::string_view name, std::uint64_t cycle, double value);
  /// From the span around one point to the span around the other.
  void arrow(const Point& from, const Point& to);
  /// What stands about the run as a whole. Throws std::runtime_error when something could not be written.
  void close(const nlohmann::json& about);

  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  struct Row {
    unsigned group;
  };
  void write(const nlohmann::json& event);
  [[nodiscard]] nlohmann::json head(const char* phase, std::string_view name, RowId row, std::uint64_t cycle);
  [[nodiscard]] double time_us(std::uint64_t cycle) const;
  [[nodiscard]] bool shown(std::uint64_t begin, std::uint64_t end) const {
    return !path_.empty() && begin <= window_.last && end >= window_.first;
  }

  std::string path_;
  std::ofstream file_;
  std::function<std::uint64_t(std::uint64_t)> time_ps_;
  Window window_;
  std::vector<Row> rows_;
  unsigned groups_ = 0;
  std::uint64_t arrows_ = 0;
  std::uint64_t events_ = 0;
};

/// Rows for spans that overlap: each begins in the first row that is free.
class Rows {
 public:
  Rows(TraceFile& file, unsigned group, std::string name, unsigned order)
      : file_(&file), group_(group), name_(std::move(name)), order_(order) {}
  /// A row that is free in `cycle`, for one span.
  [[nodiscard]] RowId take(std::uint64_t cycle);
  /// The span ends before `cycle`.
  void free(RowId row, std::uint64_t cycle);

 private:
  struct Entry {
    RowId row;
    std::uint64_t free_from;
  };
  TraceFile* file_;
  unsigned group_;
  std::string name_;
  unsigned order_;
  std::vector<Entry> entries_;
};

[[nodiscard]] std::string hex(std::uint64_t value);

}  // namespace gpudmar::sim::timeline
