// SPDX-License-Identifier: Apache-2.0
// Machine and start are those of scenario files, and are read by the same parser.
#include "sim/kmd/plan.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "dispmprt.h"
#include "sim/scenario/names.h"

namespace gpudmar::sim::kmd {
namespace {

using nlohmann::json;
using Kind = Step::Kind;

constexpr std::uint64_t kIdleCycles = 20'000;
constexpr std::uint64_t kTrimPages = 64;
constexpr std::uint64_t kMaxWait = 100'000'000;
constexpr std::uint64_t kMaxAnswer = 1U << 20;
constexpr std::uint64_t kMaxWord = 0xFFFF'FFFF;
constexpr std::uint64_t kMaxLink = 63;
constexpr std::uint64_t kMaxCount = 1'000'000'000;
constexpr std::uint64_t kPattern = 7;
constexpr std::uint64_t kFillWord = 0x5EED'F111;

struct Rule {
  Kind kind;
  std::set<std::string> keys;  // all of them must be there
  std::set<std::string> more{};
};

const std::map<std::string, Rule>& rules() {
  static const std::map<std::string, Rule> table{
      {"start", {Kind::kStart, {}, {"expect"}}},
      {"stop", {Kind::kStop, {}}},
      {"wait", {Kind::kWait, {"cycles"}}},
      {"power", {Kind::kPower, {"state"}, {"action", "link"}}},
      {"reattach", {Kind::kReattach, {}}},
      {"trim", {Kind::kTrim, {"pages"}}},
      {"escape", {Kind::kEscape, {"bytes"}, {"expect"}}},
      {"query", {Kind::kQuery, {"type", "answer"}}},
      {"allocate", {Kind::kAllocate, {"name", "bytes"}, {"link", "expect"}}},
      {"write", {Kind::kWrite, {"name"}, {"pattern", "word"}}},
      {"check", {Kind::kCheck, {"name"}, {"pattern", "word"}}},
      {"resident", {Kind::kResident, {"name"}, {"where", "expect"}}},
      {"evict", {Kind::kEvict, {"name"}, {"expect"}}},
      {"fill_resident", {Kind::kFill, {"name", "word"}, {"expect"}}},
      {"discard", {Kind::kDiscard, {"name"}, {"expect"}}},
      {"deallocate", {Kind::kDeallocate, {"name"}, {"expect"}}},
      {"hang", {Kind::kHang, {}, {"submissions"}}},
      {"remove", {Kind::kRemove, {}, {"link"}}},
      {"isolate", {Kind::kIsolate, {}, {"link", "expect"}}},
      {"fail", {Kind::kFail, {}, {"after", "of", "sticky"}}},
  };
  return table;
}

std::string choice(const json& step, const char* key, const std::set<std::string>& choices,
                   const std::string& fallback) {
  if (!step.contains(key)) return fallback;
  const bool known = step[key].is_string() && choices.count(step[key].get<std::string>()) != 0;
  if (!known) throw ScenarioError(fmt::format("'{}': none of {}", key, fmt::join(choices, ", ")));
  return step[key].get<std::string>();
}

std::uint64_t number(const json& step, const char* key, std::uint64_t most) {
  if (!step[key].is_number_unsigned() || step[key].get<std::uint64_t>() > most)
    throw ScenarioError(fmt::format("'{}' is a number of at most {}", key, most));
  return step[key].get<std::uint64_t>();
}

std::uint64_t number_or(const json& step, const char* key, std::uint64_t most, std::uint64_t fallback) {
  return step.contains(key) ? number(step, key, most) : fallback;
}

std::string text(const json& step, const char* key) {
  if (!step[key].is_string() || step[key].get<std::string>().empty())
    throw ScenarioError(fmt::format("'{}' is a text", key));
  return step[key].get<std::string>();
}

std::vector<std::string> statuses(const json& value) {
  std::vector<std::string> names;
  for (const json& name : value.is_array() ? value : json::array({value})) {
    if (!name.is_string() || !value_of(status_names(), name.get<std::string>()))
      throw ScenarioError(fmt::format("expect: {} is no status", name.dump()));
    names.push_back(name.get<std::string>());
  }
  if (names.empty()) throw ScenarioError("expect: an empty list");
  return names;
}

void data_of_step(const json& document, Step& step) {
  if (document.contains("pattern") == document.contains("word"))
    throw ScenarioError(
        fmt::format("{} needs either 'pattern' or 'word'", document["do"].get<std::string>()));
  step.word = document.contains("word");
  step.number = number(document, step.word ? "word" : "pattern", kMaxWord);
}

// What the kind alone has.
void details_of(const json& document, Step& step) {
  switch (step.kind) {
    case Kind::kWait:
      step.number = number(document, "cycles", kMaxWait);
      break;
    case Kind::kPower:
      step.number = PowerDeviceD0 + static_cast<std::uint64_t>(
                                        choice(document, "state", {"D0", "D1", "D2", "D3"}, "").at(1) - '0');
      step.choice = choice(document, "action", {"none", "sleep", "hibernate", "shutdown"}, "none");
      break;
    case Kind::kTrim:
      step.number = number(document, "pages", kMaxWait);
      break;
    case Kind::kEscape:
    case Kind::kAllocate:
      step.bytes = hex_bytes(document["bytes"].is_string() ? document["bytes"].get<std::string>() : "x",
                             document["do"].get<std::string>());
      break;
    case Kind::kQuery:
      step.number = number(document, "type", kMaxWord);
      step.answer = number(document, "answer", kMaxAnswer);
      break;
    case Kind::kWrite:
    case Kind::kCheck:
      data_of_step(document, step);
      break;
    case Kind::kFill:
      step.number = number(document, "word", kMaxWord);
      break;
    case Kind::kResident:
      step.where = choice(document, "where", {"none", "system", "aperture", "vram"}, "");
      break;
    case Kind::kHang:
      step.number = number_or(document, "submissions", kMaxCount, 1);
      break;
    case Kind::kFail:
      step.given = document.contains("after");
      step.number = number_or(document, "after", kMaxCount, 0);
      step.choice = choice(document, "of", {"memory", "pool"}, "memory");
      if (document.contains("sticky") && !document["sticky"].is_boolean())
        throw ScenarioError("'sticky' is true or false");
      step.sticky = document.value("sticky", false);
      break;
    default:
      break;
  }
}

Step parse_step(const json& document) {
  if (!document.is_object() || !document.contains("do") || !document["do"].is_string())
    throw ScenarioError("a step is an object with 'do'");
  const std::string act = document["do"].get<std::string>();
  const auto rule = rules().find(act);
  if (rule == rules().end()) throw ScenarioError(fmt::format("there is no step '{}' for a driver", act));
  for (const auto& [key, value] : document.items())
    if (key != "do" && rule->second.keys.count(key) == 0 && rule->second.more.count(key) == 0)
      throw ScenarioError(fmt::format("'{}': unknown key of {}", key, act));
  for (const std::string& key : rule->second.keys)
    if (!document.contains(key)) throw ScenarioError(fmt::format("{} needs '{}'", act, key));
  Step step;
  step.kind = rule->second.kind;
  if (document.contains("name")) step.name = text(document, "name");
  if (document.contains("link")) step.link = static_cast<unsigned>(number(document, "link", kMaxLink));
  if (document.contains("expect")) step.expect = statuses(document["expect"]);
  details_of(document, step);
  return step;
}

// The scenario parser wants a step.
const json kAnyStep = json::array({{{"do", "wait"}, {"cycles", 1}}});

Step of_kind(Kind kind, std::uint64_t number = 0) {
  Step step;
  step.kind = kind;
  step.number = number;
  return step;
}

Step of_allocation(Kind kind, const std::string& name, std::uint64_t number = 0, bool word = false) {
  Step step = of_kind(kind, number);
  step.name = name;
  step.word = word;
  step.optional = true;
  return step;
}

Step of_power(DEVICE_POWER_STATE state) {
  Step step = of_kind(Kind::kPower, static_cast<std::uint64_t>(state));
  step.choice = "sleep";
  return step;
}

// There and back through every operation; `awake`: before the power states, else after them.
void page_one(std::vector<Step>& steps, const std::string& name, bool awake) {
  if (awake) {
    steps.push_back(of_allocation(Kind::kWrite, name, kPattern));
    steps.push_back(of_allocation(Kind::kResident, name));
    steps.push_back(of_allocation(Kind::kEvict, name));
    steps.push_back(of_allocation(Kind::kCheck, name, kPattern));
    steps.push_back(of_allocation(Kind::kWrite, name, kPattern + 1));
    steps.push_back(of_allocation(Kind::kResident, name));
    return;
  }
  steps.push_back(of_allocation(Kind::kCheck, name, kPattern + 1));
  steps.push_back(of_allocation(Kind::kResident, name));
  steps.push_back(of_allocation(Kind::kFill, name, kFillWord));
  steps.push_back(of_allocation(Kind::kEvict, name));
  steps.push_back(of_allocation(Kind::kCheck, name, kFillWord, true));
  steps.push_back(of_allocation(Kind::kResident, name));
  steps.push_back(of_allocation(Kind::kDiscard, name));
  steps.push_back(of_allocation(Kind::kDeallocate, name));
}

// Keys that tell the sample driver, or the runner of scenarios, something.
void refuse_senseless(const json& document) {
  static const std::map<std::string, std::set<std::string>> senseless{
      {"start", {"visible_bits", "paging", "paging_buffer", "engine_reset", "save", "expect"}},
      {"machine", {"links"}}};
  for (const auto& [part, keys] : senseless) {
    if (!document.contains(part) || !document[part].is_object()) continue;
    for (const std::string& key : keys)
      if (document[part].contains(key))
        throw ScenarioError(fmt::format("{}: '{}' is a matter of the driver here", part, key));
  }
}

}  // namespace

std::vector<std::uint8_t> hex_bytes(const std::string& text, const std::string& what) {
  std::vector<std::uint8_t> bytes;
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    throw ScenarioError(what + ": bytes are pairs of hexadecimal digits");
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

Plan standard_plan(const std::vector<std::vector<std::uint8_t>>& allocations) {
  Plan plan;
  plan.system = parse_scenario(
      json{{"schema", 1}, {"name", "standard"}, {"about", "the standard plan"}, {"steps", kAnyStep}},
      "the standard plan");
  plan.system.start.fresh_logical = true;
  plan.system.start.first_pages = 1;  // the second operation has an offset
  plan.steps = {of_kind(Kind::kStart), of_kind(Kind::kWait, kIdleCycles)};
  std::vector<std::string> names;
  // A driver may know an allocation by nothing.
  const std::vector<std::vector<std::uint8_t>> nothing(1);
  for (const auto& bytes : allocations.empty() ? nothing : allocations) {
    names.push_back(fmt::format("allocation {}", names.size()));
    Step allocate = of_allocation(Kind::kAllocate, names.back());
    allocate.bytes = bytes;
    allocate.optional = allocations.empty();
    plan.steps.push_back(allocate);
    page_one(plan.steps, names.back(), true);
  }
  plan.steps.push_back(of_power(PowerDeviceD3));
  plan.steps.push_back(of_power(PowerDeviceD0));
  for (const std::string& name : names) page_one(plan.steps, name, false);
  plan.steps.push_back(of_kind(Kind::kReattach));
  plan.steps.push_back(of_kind(Kind::kTrim, kTrimPages));
  plan.steps.push_back(of_kind(Kind::kWait, kIdleCycles));
  plan.steps.push_back(of_kind(Kind::kStop));
  return plan;
}

Plan load_plan(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ScenarioError(path + ": cannot be read");
  json document;
  try {
    document = json::parse(file);
  } catch (const json::parse_error& error) {
    throw ScenarioError(fmt::format("{}: {}", path, error.what()));
  }
  if (!document.is_object() || !document.contains("steps") || !document["steps"].is_array())
    throw ScenarioError(path + ": an object with 'steps', a list");
  Plan plan;
  const json steps = document["steps"];
  document["steps"] = kAnyStep;
  for (const char* key : {"name", "about"})
    if (!document.contains(key)) document[key] = path;
  try {
    refuse_senseless(document);
  } catch (const ScenarioError& error) {
    throw ScenarioError(fmt::format("{}: {}", path, error.what()));
  }
  plan.system = parse_scenario(document, path);
  auto& fresh = plan.system.start.fresh_logical;
  if (!fresh) fresh = true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    try {
      plan.steps.push_back(parse_step(steps[i]));
    } catch (const ScenarioError& error) {
      throw ScenarioError(fmt::format("{}: step {}: {}", path, i + 1, error.what()));
    }
  }
  return plan;
}

std::string name_of(const Step& step) {
  for (const auto& [name, rule] : rules())
    if (rule.kind == step.kind)
      return step.kind == Kind::kPower ? fmt::format("power D{}", step.number - PowerDeviceD0)
             : step.name.empty()       ? name
                                       : name + " " + step.name;
  return "?";
}

}  // namespace gpudmar::sim::kmd
