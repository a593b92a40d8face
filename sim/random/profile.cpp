// SPDX-License-Identifier: Apache-2.0
// Profiles from their files: every key is known, every value within its limits.
#include "sim/random/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

namespace gpudmar::random {
namespace {

using nlohmann::json;

constexpr unsigned kMostWeight = 1'000'000;
constexpr unsigned kMostCycles = 100'000;
constexpr unsigned kMostStall = 95;  // percent: some cycles have to do the work
constexpr unsigned kMostThreads = 8;
constexpr unsigned kMostObjects = 1000;
constexpr unsigned kMostPages = 4096;

/// Takes keys out of an object; what nobody took is unknown.
class Reader {
 public:
  Reader(const json& object, std::string path, std::string file)
      : object_(object), path_(std::move(path)), file_(std::move(file)) {
    if (!object.is_object()) fail("", "an object is expected");
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void number(const char* key, unsigned least, unsigned most, unsigned& value) {
    if (const json* entry = find(key)) value = checked(*entry, key, least, most);
  }
  void share(const char* key, double& value) {
    const json* entry = find(key);
    if (entry == nullptr) return;
    if (!entry->is_number() || entry->get<double>() < 0 || entry->get<double>() > 1)
      fail(key, "a number from 0 to 1 is expected");
    value = entry->get<double>();
  }
  void flag(const char* key, bool& value) {
    const json* entry = find(key);
    if (entry == nullptr) return;
    if (!entry->is_boolean()) fail(key, "true or false is expected");
    value = entry->get<bool>();
  }
  void numbers(const char* key, unsigned least, unsigned most, std::vector<unsigned>& values) {
    each(
        key, [&] { values.clear(); },
        [&](const json& entry) { values.push_back(checked(entry, key, least, most)); });
  }
  void names(const char* key, const std::set<std::string>& known, std::vector<std::string>& values) {
    each(
        key, [&] { values.clear(); },
        [&](const json& entry) {
          if (!entry.is_string() || known.count(entry.get<std::string>()) == 0)
            fail(key, fmt::format("one of {} is expected, not {}", fmt::join(known, ", "), entry.dump()));
          values.push_back(entry.get<std::string>());
        });
  }
  void text(const char* key) {
    const json* entry = find(key);
    if (entry != nullptr && !entry->is_string()) fail(key, "a text is expected");
  }
  template <typename Read>
  void object(const char* key, const Read& read) {
    const json* entry = find(key);
    if (entry == nullptr) return;
    Reader inner(*entry, path_ + key + ".", file_);
    read(inner);
    inner.end();
  }
  void end() const {
    for (const auto& [key, value] : object_.items())
      if (taken_.count(key) == 0)
        fail(key.c_str(), fmt::format("no such key; there are {}", fmt::join(taken_, ", ")));
  }
  [[noreturn]] void fail(const char* key, const std::string& what) const {
    throw ProfileError(fmt::format("{}: {}{}: {}", file_, path_, *key == '\0' ? "the profile" : key, what));
  }

 private:
  const json* find(const char* key) {
    taken_.insert(key);
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  unsigned checked(const json& entry, const char* key, unsigned least, unsigned most) const {
    if (!entry.is_number_unsigned() || entry.get<std::uint64_t>() < least ||
        entry.get<std::uint64_t>() > most)
      fail(key, fmt::format("a number from {} to {} is expected, not {}", least, most, entry.dump()));
    return entry.get<unsigned>();
  }
  template <typename Begin, typename Take>
  void each(const char* key, const Begin& begin, const Take& take) {
    const json* entry = find(key);
    if (entry == nullptr) return;
    if (!entry->is_array() || entry->empty()) fail(key, "a list with something in it is expected");
    begin();
    for (const json& one : *entry) take(one);
  }

  const json& object_;
  std::string path_;
  std::string file_;
  std::set<std::string> taken_;
};

void read_weights(Reader& reader, Weights& weights) {
  const std::pair<const char*, unsigned*> kinds[] = {
      {"create", &weights.create},    {"open", &weights.open}, {"close", &weights.close},
      {"destroy", &weights.destroy},  {"map", &weights.map},   {"unmap", &weights.unmap},
      {"adl", &weights.adl},          {"free", &weights.free}, {"fill", &weights.fill},
      {"check", &weights.check},      {"copy", &weights.copy}, {"probe", &weights.probe},
      {"reattach", &weights.reattach}};
  for (const auto& [key, weight] : kinds) reader.number(key, 0, kMostWeight, *weight);
  // Everything else is done with an object.
  if (weights.create == 0) reader.fail("create", "without new objects there is nothing to do anything with");
}

void read_timing(Reader& reader, Timing& timing) {
  reader.numbers("latency", 1, kMostCycles, timing.latency);
  reader.numbers("jitter", 0, kMostCycles, timing.jitter);
  reader.numbers("write_latency", 1, kMostCycles, timing.write_latency);
  reader.numbers("stall", 0, kMostStall, timing.stall);
  reader.share("out_of_order", timing.out_of_order);
  reader.share("interleave", timing.interleave);
  reader.share("read_at_first_beat", timing.read_at_first_beat);
  reader.share("write_at_wlast", timing.write_at_wlast);
}

}  // namespace

Profile parse_profile(const std::string& text, const std::string& file) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    throw ProfileError(fmt::format("{}:{}: {}", file, 1 + std::count(text.begin(), end, '\n'), error.what()));
  }
  Profile profile;
  Reader reader(document, "", file);
  unsigned schema = 0;
  reader.number("schema", 1, 1, schema);
  if (schema == 0) reader.fail("schema", "1 is expected");
  reader.text("about");
  reader.object("steps", [&](Reader& steps) { read_weights(steps, profile.weights); });
  reader.object("memory", [&](Reader& memory) { read_timing(memory, profile.timing); });
  reader.share("illegal", profile.illegal);
  reader.share("endings", profile.endings);
  reader.number("objects", 1, kMostObjects, profile.objects);
  auto pages = static_cast<unsigned>(profile.max_pages);
  reader.number("max_pages", 1, kMostPages, pages);
  profile.max_pages = pages;
  reader.flag("sections", profile.sections);
  reader.flag("io_space", profile.io_space);
  reader.names("iommu", {"logical", "isolation", "off"}, profile.iommu);
  reader.numbers("pipe", 0, 1, profile.pipe);
  reader.numbers("threads", 1, kMostThreads, profile.threads);
  reader.end();
  return profile;
}

Profile load_profile(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw ProfileError(file + ": cannot be read");
  return parse_profile({std::istreambuf_iterator<char>(stream), {}}, file);
}

}  // namespace gpudmar::random
