// SPDX-License-Identifier: Apache-2.0
// Machine and start are those of scenario files, and are read by the same parser.
#include "sim/kmd/plan.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "dispmprt.h"

namespace gpudmar::sim::kmd {
namespace {

using nlohmann::json;
using Kind = Step::Kind;

constexpr std::uint64_t kIdleCycles = 20'000;
constexpr std::uint64_t kTrimPages = 64;
constexpr std::uint64_t kMaxWait = 100'000'000;
constexpr std::uint64_t kMaxAnswer = 1U << 20;

struct Rule {
  Kind kind;
  std::set<std::string> keys;  // all of them must be there
};

const std::map<std::string, Rule>& rules() {
  static const std::map<std::string, Rule> table{
      {"start", {Kind::kStart, {}}},          {"stop", {Kind::kStop, {}}},
      {"wait", {Kind::kWait, {"cycles"}}},    {"power", {Kind::kPower, {"state"}}},
      {"reattach", {Kind::kReattach, {}}},    {"trim", {Kind::kTrim, {"pages"}}},
      {"escape", {Kind::kEscape, {"bytes"}}}, {"query", {Kind::kQuery, {"type", "answer"}}},
  };
  return table;
}

std::uint64_t power_state(const std::string& name) {
  static const std::map<std::string, std::uint64_t> states{
      {"D0", PowerDeviceD0}, {"D1", PowerDeviceD1}, {"D2", PowerDeviceD2}, {"D3", PowerDeviceD3}};
  const auto it = states.find(name);
  if (it == states.end()) throw ScenarioError(fmt::format("power: '{}' is none of D0, D1, D2, D3", name));
  return it->second;
}

std::vector<std::uint8_t> hex_bytes(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    throw ScenarioError("escape: 'bytes' are pairs of hexadecimal digits");
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::uint64_t number(const json& step, const char* key, std::uint64_t most) {
  if (!step[key].is_number_unsigned() || step[key].get<std::uint64_t>() > most)
    throw ScenarioError(fmt::format("'{}' is a number of at most {}", key, most));
  return step[key].get<std::uint64_t>();
}

Step parse_step(const json& document) {
  if (!document.is_object() || !document.contains("do") || !document["do"].is_string())
    throw ScenarioError("a step is an object with 'do'");
  const std::string act = document["do"].get<std::string>();
  const auto rule = rules().find(act);
  if (rule == rules().end()) throw ScenarioError(fmt::format("there is no step '{}' for a driver", act));
  for (const auto& [key, value] : document.items())
    if (key != "do" && rule->second.keys.count(key) == 0)
      throw ScenarioError(fmt::format("'{}': unknown key of {}", key, act));
  for (const std::string& key : rule->second.keys)
    if (!document.contains(key)) throw ScenarioError(fmt::format("{} needs '{}'", act, key));
  Step step;
  step.kind = rule->second.kind;
  switch (step.kind) {
    case Kind::kWait:
      step.number = number(document, "cycles", kMaxWait);
      break;
    case Kind::kPower:
      if (!document["state"].is_string()) throw ScenarioError("'state' is one of D0, D1, D2, D3");
      step.number = power_state(document["state"].get<std::string>());
      break;
    case Kind::kTrim:
      step.number = number(document, "pages", ~0ULL);
      break;
    case Kind::kEscape:
      if (!document["bytes"].is_string()) throw ScenarioError("'bytes' is a text");
      step.bytes = hex_bytes(document["bytes"].get<std::string>());
      break;
    case Kind::kQuery:
      step.number = number(document, "type", 0xFFFF);
      step.answer = number(document, "answer", kMaxAnswer);
      break;
    default:
      break;
  }
  return step;
}

// The scenario parser wants a step.
const json kAnyStep = json::array({{{"do", "wait"}, {"cycles", 1}}});

}  // namespace

Plan standard_plan() {
  Plan plan;
  plan.system = parse_scenario(
      json{{"schema", 1}, {"name", "standard"}, {"about", "the standard plan"}, {"steps", kAnyStep}},
      "the standard plan");
  plan.steps = {{Kind::kStart, 0, {}, 0},
                {Kind::kWait, kIdleCycles, {}, 0},
                {Kind::kPower, PowerDeviceD3, {}, 0},
                {Kind::kPower, PowerDeviceD0, {}, 0},
                {Kind::kReattach, 0, {}, 0},
                {Kind::kTrim, kTrimPages, {}, 0},
                {Kind::kWait, kIdleCycles, {}, 0},
                {Kind::kStop, 0, {}, 0}};
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
  plan.system = parse_scenario(document, path);
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
      return step.kind == Kind::kPower ? fmt::format("power D{}", step.number - PowerDeviceD0) : name;
  return "?";
}

}  // namespace gpudmar::sim::kmd
