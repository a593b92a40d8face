// SPDX-License-Identifier: Apache-2.0
// Arguments, rows and their file.
#include "tests/bench/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "sim/main/summary_head.h"

namespace gpudmar::bench {
namespace {

using nlohmann::json;

// Values are counts of cycles, or ratios of such counts: a promise like 16/108 has no exact double.
constexpr double kRounding = 1e-9;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) throw std::invalid_argument(path + ": cannot be read");
  return text.str();
}

}  // namespace

bool keeps(double value, double promise, Relation relation) {
  if (!std::isfinite(value) || !std::isfinite(promise)) return false;
  const double slack = kRounding * std::max(1.0, std::abs(promise));
  switch (relation) {
    case Relation::kExact:
      return std::abs(value - promise) <= slack;
    case Relation::kAtMost:
      return value <= promise + slack;
    case Relation::kAtLeast:
      return value >= promise - slack;
  }
  return false;
}

Arguments parse_arguments(int argc, char* const* argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(option + ": a value is missing");
    const std::string value = argv[i + 1];
    if (option == "--out") {
      arguments.out = value;
    } else if (option == "--filter") {
      arguments.filter = value;
    } else if (option == "--list") {
      arguments.list = value;
    } else if (option == "--contract") {
      arguments.contract = text_of(value);
    } else if (option == "--rounds") {
      std::size_t used = 0;
      arguments.rounds = static_cast<unsigned>(std::stoul(value, &used));
      if (used != value.size() || arguments.rounds == 0) throw std::invalid_argument(option + " " + value);
    } else {
      throw std::invalid_argument(option + ": unknown");
    }
  }
  return arguments;
}

Results::Results(const std::string& filter, std::string suffix)
    : filter_(filter), suffix_(std::move(suffix)) {}

bool Results::wanted(const std::string& name) const {
  if (!std::regex_search(name + suffix_, filter_)) return false;
  if (!list_.is_open()) return true;
  list_ << name << suffix_ << '\n';
  return false;
}

void Results::list_to(const std::string& path) {
  list_.open(path);
  if (!list_) throw std::invalid_argument("--list: cannot write " + path);
}

bool Results::wanted_any(const std::vector<std::string>& names) const {
  return std::any_of(names.begin(), names.end(), [this](const std::string& name) { return wanted(name); });
}

void Results::append(const std::string& name, const std::string& unit, double value, const json& promise,
                     bool ok) {
  if (!wanted(name)) return;
  for (const auto& row : rows_)
    if (row["name"] == name + suffix_) throw std::logic_error(name + suffix_ + " was measured twice");
  rows_.push_back(
      {{"name", name + suffix_}, {"value", value}, {"unit", unit}, {"promise", promise}, {"ok", ok}});
}

void Results::add(const std::string& name, double value, const std::string& unit, double promise,
                  Relation relation) {
  append(name, unit, value, promise, keeps(value, promise, relation));
}

void Results::report(const std::string& name, double value, const std::string& unit) {
  append(name, unit, value, nullptr, true);
}

bool Results::all_kept() const {
  return std::all_of(rows_.begin(), rows_.end(), [](const json& row) { return row["ok"].get<bool>(); });
}

void Results::write(const std::string& path, const json& config, std::uint64_t seed) const {
  const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin_;
  json document = sim::summary_head(config, seed, duration.count());
  document["results"] = rows_;
  std::ofstream file(path);
  file << document.dump(1) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace gpudmar::bench
