// SPDX-License-Identifier: Apache-2.0
// Chrome's trace event format, JSON: https://ui.perfetto.dev reads it.
#include "sim/timeline/trace_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim::timeline {
namespace {

using nlohmann::json;
constexpr std::uint64_t kTaken = std::numeric_limits<std::uint64_t>::max();

}  // namespace

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

TraceFile::TraceFile(std::string path, std::function<std::uint64_t(std::uint64_t)> time_ps, Window window)
    : path_(std::move(path)), file_(path_, std::ios::binary), time_ps_(std::move(time_ps)), window_(window) {
  if (path_.empty()) return;
  if (!file_) throw std::runtime_error("cannot write " + path_);
  file_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
}

double TraceFile::time_us(std::uint64_t cycle) const { return static_cast<double>(time_ps_(cycle)) / 1e6; }

void TraceFile::write(const json& event) {
  if (path_.empty()) return;
  file_ << (events_++ == 0 ? "\n" : ",\n") << event.dump();
}

unsigned TraceFile::add_group(const std::string& name) {
  const unsigned group = ++groups_;
  write({{"ph", "M"}, {"name", "process_name"}, {"pid", group}, {"args", {{"name", name}}}});
  write({{"ph", "M"}, {"name", "process_sort_index"}, {"pid", group}, {"args", {{"sort_index", group}}}});
  return group;
}

RowId TraceFile::add_row(unsigned group, const std::string& name, unsigned order) {
  rows_.push_back({group});
  const auto row = static_cast<RowId>(rows_.size());  // 0 is no thread
  write({{"ph", "M"}, {"name", "thread_name"}, {"pid", group}, {"tid", row}, {"args", {{"name", name}}}});
  write({{"ph", "M"},
         {"name", "thread_sort_index"},
         {"pid", group},
         {"tid", row},
         {"args", {{"sort_index", order}}}});
  return row;
}

json TraceFile::head(const char* phase, std::string_view name, RowId row, std::uint64_t cycle) {
  return {
      {"ph", phase}, {"name", name}, {"pid", rows_.at(row - 1).group}, {"tid", row}, {"ts", time_us(cycle)}};
}

void TraceFile::span(RowId row, std::string_view name, std::uint64_t begin, std::uint64_t end,
                     json arguments) {
  end = std::max(end, begin + 1);
  if (!shown(begin, end)) return;
  json event = head("X", name, row, begin);
  event["dur"] = static_cast<double>(time_ps_(end) - time_ps_(begin)) / 1e6;
  arguments["cycle"] = begin;
  arguments["cycles"] = end - begin;
  event["args"] = std::move(arguments);
  write(event);
}

void TraceFile::instant(RowId row, std::string_view name, std::uint64_t cycle, json arguments) {
  if (!shown(cycle, cycle)) return;
  json event = head("i", name, row, cycle);
  event["s"] = "t";
  arguments["cycle"] = cycle;
  event["args"] = std::move(arguments);
  write(event);
}

void TraceFile::counter(unsigned group, std::string_view name, std::uint64_t cycle, double value) {
  if (!shown(cycle, cycle)) return;
  write({{"ph", "C"}, {"name", name}, {"pid", group}, {"ts", time_us(cycle)}, {"args", {{"value", value}}}});
}

void TraceFile::arrow(const Point& from, const Point& to) {
  if (!shown(from.cycle, from.cycle) || !shown(to.cycle, to.cycle)) return;
  ++arrows_;
  json begin = head("s", "leads to", from.row, from.cycle);
  begin["cat"] = "flow";
  begin["id"] = arrows_;
  json end = head("f", "leads to", to.row, to.cycle);
  end["cat"] = "flow";
  end["id"] = arrows_;
  end["bp"] = "e";
  write(begin);
  write(end);
}

void TraceFile::close(const json& about) {
  if (path_.empty()) return;
  file_ << "\n],\"otherData\":" << about.dump() << "}\n";
  file_.close();
  if (!file_) throw std::runtime_error("cannot write " + path_);
}

RowId Rows::take(std::uint64_t cycle) {
  for (Entry& entry : entries_) {
    if (entry.free_from > cycle) continue;
    entry.free_from = kTaken;
    return entry.row;
  }
  const auto number = static_cast<unsigned>(entries_.size());
  const std::string name = number == 0 ? name_ : fmt::format("{} {}", name_, number + 1);
  entries_.push_back({file_->add_row(group_, name, order_ + number), kTaken});
  return entries_.back().row;
}

void Rows::free(RowId row, std::uint64_t cycle) {
  for (Entry& entry : entries_)
    if (entry.row == row) entry.free_from = cycle;
}

}  // namespace gpudmar::sim::timeline
