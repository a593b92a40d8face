// SPDX-License-Identifier: Apache-2.0
// From text to a checked scenario. Every error names file, line and key.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "sim/dut/dut.h"
#include "sim/mem/host_memory.h"
#include "sim/scenario/names.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/schema.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;

/// JSON pointer of a member.
std::string below(const std::string& path, const std::string& key) { return fmt::format("{}/{}", path, key); }

/// Reads a text and knows the line of the last character that the parser took before the present one.
class LineIterator {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the names are those of std::iterator_traits
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  // NOLINTEND(readability-identifier-naming): what follows is ours
  LineIterator(const std::string& text, std::size_t at, unsigned* line)
      : text_(&text), at_(at), line_(line) {}
  reference operator*() const { return (*text_)[at_]; }
  LineIterator& operator++() {
    // Counted when the next one is taken: the end of a number is seen in the character behind it.
    if (line_ != nullptr && at_ > 0 && (*text_)[at_ - 1] == '\n') ++*line_;
    ++at_;
    return *this;
  }
  LineIterator operator++(int) {
    LineIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const LineIterator& o) const { return at_ == o.at_; }
  bool operator!=(const LineIterator& o) const { return at_ != o.at_; }

 private:
  const std::string* text_;
  std::size_t at_;
  unsigned* line_;
};

constexpr std::uint64_t kMostRounds = 1'000'000;

using Lines = std::map<std::string, unsigned>;  ///< JSON pointer to line

/// Notes the line of each value and finds keys that stand twice.
class LineHandler : public nlohmann::json_sax<json> {
 public:
  LineHandler(Lines& lines, const unsigned& line) : lines_(lines), line_(line) {}
  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool end_object() override { return shut(); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return shut(); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (std::find(level.keys.begin(), level.keys.end(), name) != level.keys.end()) {
      twice = name;
      twice_line = line_;
      return false;
    }
    level.keys.push_back(name);
    level.name = name;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }
  std::string twice;
  unsigned twice_line = 0;

 private:
  struct Level {
    bool list = false;
    std::size_t index = 0;
    std::string name;
    std::vector<std::string> keys;
  };
  [[nodiscard]] std::string path() const {
    std::string text;
    for (const Level& level : levels_) text += "/" + (level.list ? std::to_string(level.index) : level.name);
    return text;
  }
  bool value() {
    lines_[path()] = line_;
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool open(bool list) {
    lines_[path()] = line_;
    levels_.push_back({list, 0, {}, {}});
    return true;
  }
  bool shut() {
    levels_.pop_back();
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  Lines& lines_;
  const unsigned& line_;
  std::vector<Level> levels_;
};

/// Texts with "${" get their value when they run.
bool is_open(const json& value) {
  return value.is_string() && value.get_ref<const std::string&>().find("${") != std::string::npos;
}

class Parser {
 public:
  Parser(const std::string& text, std::string file) : file_(std::move(file)) {
    try {
      root_ = json::parse(text);
    } catch (const json::parse_error& error) {
      const std::size_t end = std::min(error.byte, text.size());
      const auto line =
          1 +
          std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end > 0 ? end - 1 : 0), '\n');
      const std::string what = error.what();
      const std::size_t colon = what.find(": ");
      throw ScenarioError(
          fmt::format("{}:{}: {}", file_, line, colon == std::string::npos ? what : what.substr(colon + 2)));
    }
    unsigned line = 1;
    LineHandler handler(lines_, line);
    if (!json::sax_parse(LineIterator(text, 0, &line), LineIterator(text, text.size(), nullptr), &handler))
      throw ScenarioError(
          fmt::format("{}:{}: '{}': this key stands twice", file_, handler.twice_line, handler.twice));
  }

  Scenario scenario();

 private:
  [[noreturn]] void fail(const std::string& path, const std::string& what) const {
    const auto it = lines_.find(path);
    const std::size_t slash = path.rfind('/');
    const std::string key = slash == std::string::npos ? "the file" : path.substr(slash + 1);
    throw ScenarioError(
        fmt::format("{}:{}: '{}': {}", file_, it == lines_.end() ? 0 : it->second, key, what));
  }
  [[nodiscard]] unsigned line(const std::string& path) const {
    const auto it = lines_.find(path);
    return it == lines_.end() ? 0 : it->second;
  }
  void check_object(const json& value, const std::string& path, const ObjectRule& rule);
  void check(const json& value, const std::string& path, const KeyRule& rule);
  void check_expect(const json& value, const std::string& path) const;
  void check_place(const json& value, const std::string& path) const;
  void check_number(const json& value, const std::string& path) const;
  [[nodiscard]] std::uint64_t number(const json& value, const std::string& path) const;
  [[nodiscard]] unsigned small(const json& value, const std::string& path) const;
  std::vector<ScenarioStep> steps(const json& list, const std::string& path, bool in_parallel);
  [[nodiscard]] std::vector<hw::MemoryRange> ranges(const json& list, const std::string& path) const;
  void machine(const json& value, const std::string& path, Scenario& scenario);
  void can_exist(const json& value, const std::string& path, const MachineConfig& config) const;
  void reserved(const json& list, const std::string& path, MachineConfig& config);
  void memory(const json& value, const std::string& path, AxiMemoryConfig& config);
  void start(const json& value, const std::string& path, ScenarioStart& start);
  [[nodiscard]] std::uint32_t whole_pages(const json& value, const std::string& path) const;
  [[nodiscard]] std::uint32_t iommu_flags(const json& value, const std::string& path) const;

  std::string file_;
  json root_;
  Lines lines_;
};

void Parser::check_number(const json& value, const std::string& path) const {
  if (is_open(value)) return;
  if (value.is_number_unsigned()) return;
  if (value.is_string() && parse_number(value.get<std::string>())) return;
  fail(path,
       fmt::format("{} is no number from 0 to 2^64-1, with 0x or K, M, G, T if it is a text", value.dump()));
}

std::uint64_t Parser::number(const json& value, const std::string& path) const {
  if (is_open(value)) fail(path, "there is no repeat around it: '${' has no value here");
  check_number(value, path);
  return value.is_string() ? *parse_number(value.get<std::string>()) : value.get<std::uint64_t>();
}

unsigned Parser::small(const json& value, const std::string& path) const {
  const std::uint64_t n = number(value, path);
  if (n > 1'000'000'000) fail(path, fmt::format("{} is too much", n));
  return static_cast<unsigned>(n);
}

void Parser::check_expect(const json& value, const std::string& path) const {
  const auto status = [&](const json& name, const std::string& at) {
    if (!name.is_string()) fail(at, name.dump() + " is no status");
    if (!is_open(name) && !value_of(status_names(), name.get<std::string>()))
      fail(at, fmt::format("'{}' is no status that is known here", name.get<std::string>()));
  };
  if (value.is_array()) {
    if (value.empty()) fail(path, "an empty list: nothing would do");
    for (std::size_t i = 0; i < value.size(); ++i) status(value[i], fmt::format("{}/{}", path, i));
  } else if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) {
      if (key != "bugcheck" && key != "parameter")
        fail(below(path, key), "unknown key (bugcheck, parameter)");
      check_number(entry, below(path, key));
    }
    if (!value.contains("bugcheck")) fail(path, "'bugcheck' is missing");
  } else {
    status(value, path);
  }
}

void Parser::check_place(const json& value, const std::string& path) const {
  if (!value.is_object())
    fail(path, R"(must be {"adl", "offset"}, {"allocation", "offset"}, {"vram"} or {"address"})");
  for (const auto& [key, entry] : value.items()) {
    if (key == "adl" || key == "allocation") {
      if (!entry.is_string()) fail(below(path, key), "must be a text");
    } else if (key == "offset" || key == "vram" || key == "address") {
      check_number(entry, below(path, key));
    } else {
      fail(below(path, key), "unknown key (adl, allocation, offset, vram, address)");
    }
  }
  if (value.count("adl") + value.count("allocation") + value.count("vram") + value.count("address") != 1)
    fail(path, "exactly one of adl, allocation, vram and address is needed");
  if (value.contains("offset") && !value.contains("adl") && !value.contains("allocation"))
    fail(path + "/offset", "goes with adl and allocation only");
}

void Parser::check(const json& value, const std::string& path, const KeyRule& rule) {
  const auto known = [&](const json& name) {
    if (is_open(name)) return;
    if (!name.is_string() ||
        std::find(rule.choices.begin(), rule.choices.end(), name.get<std::string>()) == rule.choices.end())
      fail(path, fmt::format("{} is none of {}", name.dump(), fmt::join(rule.choices, ", ")));
  };
  switch (rule.kind) {
    case ValueKind::kText:
      if (!value.is_string() || value.get_ref<const std::string&>().empty())
        fail(path, "must be a text that is not empty");
      break;
    case ValueKind::kNumber:
      check_number(value, path);
      break;
    case ValueKind::kBool:
      if (!value.is_boolean()) fail(path, "must be true or false");
      break;
    case ValueKind::kChoice:
      known(value);
      break;
    case ValueKind::kNames:
      if (value.is_array())
        for (const json& name : value) known(name);
      else
        check_number(value, path);
      break;
    case ValueKind::kName:
      if (value.is_string() && !parse_number(value.get<std::string>()))
        known(value);
      else
        check_number(value, path);
      break;
    case ValueKind::kAdapter:
      if (!value.is_null()) check_number(value, path);
      break;
    case ValueKind::kExpect:
      check_expect(value, path);
      break;
    case ValueKind::kPlace:
      check_place(value, path);
      break;
    case ValueKind::kTextList:
      if (!value.is_array() ||
          !std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_string(); }))
        fail(path, "must be a list of texts");
      break;
    case ValueKind::kSteps:
    case ValueKind::kThreads:
    case ValueKind::kRam:
    case ValueKind::kReserved:
    case ValueKind::kLinks:
    case ValueKind::kAdapters:
      if (!value.is_array()) fail(path, "must be a " + to_string(rule.kind));
      break;
    case ValueKind::kBits:
      break;  // by start()
    case ValueKind::kMemory:
    case ValueKind::kMachine:
    case ValueKind::kStart:
      if (!value.is_object()) fail(path, "must be an object");
      break;
  }
}

void Parser::check_object(const json& value, const std::string& path, const ObjectRule& rule) {
  if (!value.is_object()) fail(path, fmt::format("{} must be an object", rule.name));
  for (const auto& [key, entry] : value.items()) {
    if (key == "do") continue;
    const auto it = std::find_if(rule.keys.begin(), rule.keys.end(),
                                 [&wanted = key](const auto& k) { return k.name == wanted; });
    if (it == rule.keys.end()) {
      std::vector<std::string> names;
      for (const KeyRule& known : rule.keys) names.push_back(known.name);
      fail(below(path, key), fmt::format("unknown key of {} ({})", rule.name, fmt::join(names, ", ")));
    }
    check(entry, below(path, key), *it);
  }
  for (const KeyRule& key : rule.keys)
    if (key.required && !value.contains(key.name))
      fail(path, fmt::format("{}: '{}' is missing", rule.name, key.name));
  for (const auto& group : rule.one_of) {
    std::size_t there = 0;
    for (const auto& key : group) there += value.count(key);
    if (there != 1)
      fail(path, fmt::format("{}: exactly one of {} is needed", rule.name, fmt::join(group, ", ")));
  }
}

std::vector<ScenarioStep> Parser::steps(const json& list, const std::string& path, bool in_parallel) {
  std::vector<ScenarioStep> all;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const json& value = list[i];
    const std::string at = fmt::format("{}/{}", path, i);
    if (!value.is_object()) fail(at, "a step must be an object");
    if (!value.contains("do") || !value["do"].is_string()) fail(at, "a step needs 'do', a text");
    ScenarioStep step;
    step.act = value["do"].get<std::string>();
    step.line = line(at);
    const ObjectRule* rule = find_step(step.act);
    if (rule == nullptr) {
      std::vector<std::string> names;
      for (const ObjectRule& known : step_rules()) names.push_back(known.name);
      fail(at + "/do", fmt::format("'{}' is no step ({})", step.act, fmt::join(names, ", ")));
    }
    check_object(value, at, *rule);
    static const std::set<std::string> alone{"reboot", "start",  "stop",   "reattach",
                                             "power",  "remove", "isolate"};
    if (in_parallel && alone.count(step.act) != 0)
      fail(at + "/do", fmt::format("'{}' cannot be part of parallel", step.act));
    step.args = value;
    if (step.act == "repeat") {
      if (value["steps"].empty()) fail(at + "/steps", "an empty list: there is nothing to repeat");
      if (!is_open(value["times"]) && number(value["times"], at + "/times") > kMostRounds)
        fail(at + "/times",
             fmt::format("{} rounds would never end (at most {})", value["times"].dump(), kMostRounds));
      step.steps = steps(value["steps"], at + "/steps", in_parallel);
      step.args.erase("steps");
    }
    if (step.act == "parallel") {
      for (std::size_t t = 0; t < value["threads"].size(); ++t) {
        const std::string thread = fmt::format("{}/threads/{}", at, t);
        if (!value["threads"][t].is_array()) fail(thread, "a thread must be a list of steps");
        step.threads.push_back(steps(value["threads"][t], thread, true));
      }
      step.args.erase("threads");
    }
    all.push_back(std::move(step));
  }
  return all;
}

void Parser::memory(const json& value, const std::string& path, AxiMemoryConfig& config) {
  check_object(value, path, memory_rule());
  for (const auto& [key, entry] : value.items()) {
    const std::string at = below(path, key);
    if (key == "latency") config.latency = small(entry, at);
    if (key == "jitter") config.jitter = small(entry, at);
    if (key == "write_latency") config.b_latency = small(entry, at);
    if (key == "stall") {
      const unsigned percent = small(entry, at);
      if (percent > 95) fail(at, fmt::format("{} percent would stop the bus (0 to 95)", percent));
      config.ar_stall = config.aw_stall = config.w_stall = config.r_stall = config.b_stall = percent / 100.0;
    }
    if (key == "out_of_order") config.out_of_order = entry.get<bool>();
    if (key == "interleave") config.interleave = entry.get<bool>();
    if (key == "read_at_first_beat") config.read_at_first_beat = entry.get<bool>();
    if (key == "write_at_wlast") config.write_at_wlast = entry.get<bool>();
  }
}

std::vector<hw::MemoryRange> Parser::ranges(const json& list, const std::string& path) const {
  std::vector<hw::MemoryRange> all;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = fmt::format("{}/{}", path, i);
    if (!list[i].is_array() || list[i].size() != 2) fail(at, "must be [base, size]");
    all.push_back({number(list[i][0], at + "/0"), number(list[i][1], at + "/1")});
  }
  return all;
}

void Parser::reserved(const json& list, const std::string& path, MachineConfig& config) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = fmt::format("{}/{}", path, i);
    check_object(list[i], at, reserved_rule());
    ReservedMemory entry;
    entry.range = {number(list[i]["base"], at + "/base"), number(list[i]["size"], at + "/size")};
    if (list[i].contains("adapters")) {
      for (std::size_t j = 0; j < list[i]["adapters"].size(); ++j)
        entry.adapters.push_back(small(list[i]["adapters"][j], fmt::format("{}/adapters/{}", at, j)));
    } else {
      for (unsigned adapter = 0; adapter < config.adapters; ++adapter) entry.adapters.push_back(adapter);
    }
    config.reserved.push_back(entry);
    if (const std::string why = config.reserved_error(entry); !why.empty()) fail(at, why);
  }
}

// What the machine itself would refuse, while it is known where that stands.
void Parser::can_exist(const json& value, const std::string& path, const MachineConfig& config) const {
  const auto attempt = [&](std::initializer_list<const char*> keys, const std::function<void()>& action) {
    try {
      action();
    } catch (const std::invalid_argument& error) {
      const auto* const key =
          std::find_if(keys.begin(), keys.end(), [&value](const char* name) { return value.contains(name); });
      fail(key == keys.end() ? path : below(path, *key), error.what());
    }
  };
  DutInfo info;
  attempt({"pipe"}, [&] { info = Dut::create(config.pipe, config.seed)->info(); });
  MachineConfig alone;  // with one choice of the file's
  attempt({"adapters"}, [&] {
    alone.adapters = config.adapters;
    alone.check(info);
  });
  attempt({"host_width"}, [&] {
    alone.host_address_width = config.host_address_width;
    alone.check(info);
  });
  attempt({"vram"}, [&] {
    const Vram vram(0, config.vram_bytes);
    alone.vram_bytes = config.vram_bytes;
    alone.check(info);
  });
  attempt({"ram", "device_memory", "host_width"},
          [&config] { const HostMemory memory(config.ram, config.host_address_width, config.bus_memory()); });
  attempt({"device_memory", "memory"}, [&] { config.check(info); });
}

void Parser::machine(const json& value, const std::string& path, Scenario& scenario) {
  check_object(value, path, machine_rule());
  MachineConfig& config = scenario.machine;
  for (const auto& [key, entry] : value.items()) {
    const std::string at = below(path, key);
    if (key == "adapters") config.adapters = small(entry, at);
    if (key == "pipe") config.pipe = small(entry, at);
    if (key == "host_width") config.host_address_width = small(entry, at);
    if (key == "vram") config.vram_bytes = number(entry, at);
    if (key == "memory") memory(entry, at, config.memory);
    if (key == "seed") config.seed = number(entry, at);
    if (key == "ram") config.ram = ranges(entry, at);
    if (key == "device_memory") config.device_memory = ranges(entry, at);
  }
  // Against all the rest of the machine, wherever that stands.
  if (value.contains("reserved")) reserved(value["reserved"], path + "/reserved", config);
  if (!value.contains("links")) return;
  const json& links = value["links"];
  const std::string at = path + "/links";
  std::vector<unsigned> seen;
  for (std::size_t i = 0; i < links.size(); ++i) {
    const std::string link = fmt::format("{}/{}", at, i);
    if (!links[i].is_array()) fail(link, "must be a list of adapters");
    for (std::size_t j = 0; j < links[i].size(); ++j)
      seen.push_back(small(links[i][j], fmt::format("{}/{}", link, j)));
  }
  std::vector<unsigned> sorted = seen;
  std::sort(sorted.begin(), sorted.end());
  bool every = sorted.size() == config.adapters;
  for (unsigned i = 0; every && i < sorted.size(); ++i) every = sorted[i] == i;
  if (!every) fail(at, fmt::format("must name each of the {} adapters once", config.adapters));
  if (links.size() != 1 && links.size() != config.adapters)
    fail(at, "the driver takes all adapters as one link, or each as its own");
  scenario.linked = links.size() == 1;
}

void Parser::start(const json& value, const std::string& path, ScenarioStart& start) {
  check_object(value, path, start_rule());
  for (const auto& [key, entry] : value.items()) {
    const std::string at = below(path, key);
    if (key == "iommu")
      start.iommu = entry == "off"         ? ScenarioStart::Iommu::kOff
                    : entry == "isolation" ? ScenarioStart::Iommu::kIsolation
                    : entry == "physical"  ? ScenarioStart::Iommu::kPhysical
                                           : ScenarioStart::Iommu::kLogical;
    if (key == "placement")
      start.placement = entry == "ascending" ? mm::Placement::kAscending : mm::Placement::kScattered;
    if (key == "page_file") start.page_file = number(entry, at);
    if (key == "iommu_flags") {
      start.iommu_flags = iommu_flags(entry, at);
      if (start.iommu != ScenarioStart::Iommu::kPhysical) fail(at, "goes with iommu physical only");
    }
    if (key == "paging") start.paging = entry.get<bool>();
    if (key == "paging_buffer") {
      start.paging_buffer = whole_pages(entry, at);
      if (start.paging_buffer == 0) fail(at, "a buffer of no page");
    }
    if (key == "operation_pages") start.operation_pages = number(entry, at);
    if (key == "first_pages") start.first_pages = number(entry, at);
    if (key == "tdr_delay") start.tdr_delay = number(entry, at);
    if (key == "engine_reset") start.engine_reset = entry.get<bool>();
    if (key == "save") start.save = whole_pages(entry, at);
    if (key == "shuffle_logical") start.shuffle_logical = entry.get<bool>();
    if (key == "fresh_logical") start.fresh_logical = entry.get<bool>();
    if (key == "visible_bits") {
      const json list = entry.is_array() ? entry : json::array({entry});
      if (list.empty()) fail(at, "an empty list");
      for (const json& bits : list) {
        const unsigned n = small(bits, at);
        if (n < 13 || n > 63) fail(at, fmt::format("{} address bits (13 to 63)", n));
        start.visible_bits.push_back(n);
      }
    }
    if (key == "expect") {
      if (entry.is_object()) fail(at, "a start ends in a status");
      start.expect.clear();
      if (entry.is_string())
        start.expect.push_back(entry.get<std::string>());
      else
        for (const json& status : entry) start.expect.push_back(status.get<std::string>());
    }
  }
}

std::uint32_t Parser::whole_pages(const json& value, const std::string& path) const {
  const unsigned bytes = small(value, path);
  if (bytes % hw::kPageSize != 0) fail(path, fmt::format("{} bytes are no whole pages", bytes));
  return bytes;
}

std::uint32_t Parser::iommu_flags(const json& value, const std::string& path) const {
  if (!value.is_array()) return small(value, path);
  static const NameTable names{{"enabled", dxgkrnl::iommu_flags::kEnabled},
                               {"mappings", dxgkrnl::iommu_flags::kEnableMappings},
                               {"attach", dxgkrnl::iommu_flags::kEnableAttach},
                               {"bypass_driver_cap", dxgkrnl::iommu_flags::kBypassDriverCap},
                               {"allow_failure", dxgkrnl::iommu_flags::kAllowFailure}};
  std::uint32_t all = 0;
  for (const json& name : value) all |= value_of(names, name.get<std::string>()).value_or(0);
  return all;
}

Scenario Parser::scenario() {
  check_object(root_, "", scenario_rule());
  if (number(root_["schema"], "/schema") != 1) fail("/schema", "must be 1");
  Scenario scenario;
  scenario.file = file_;
  scenario.name = root_["name"].get<std::string>();
  static const std::regex allowed("[A-Za-z0-9_.-]+");
  if (!std::regex_match(scenario.name, allowed)) fail("/name", "letters, digits, '_', '.' and '-' only");
  scenario.about = root_["about"].get<std::string>();
  if (root_.contains("covers")) scenario.covers = root_["covers"].get<std::vector<std::string>>();
  if (root_.contains("machine")) machine(root_["machine"], "/machine", scenario);
  if (root_.contains("machine")) can_exist(root_["machine"], "/machine", scenario.machine);
  if (root_.contains("start")) start(root_["start"], "/start", scenario.start);
  scenario.steps = steps(root_["steps"], "/steps", false);
  return scenario;
}

}  // namespace

Scenario parse_scenario(const std::string& text, const std::string& file) {
  return Parser(text, file).scenario();
}

Scenario parse_scenario(const nlohmann::json& document, const std::string& file) {
  return parse_scenario(document.dump(2), file);
}

Scenario load_scenario(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw ScenarioError(path + ": cannot be read");
  return parse_scenario(text.str(), path);
}

}  // namespace gpudmar::sim
