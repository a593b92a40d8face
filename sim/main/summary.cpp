// SPDX-License-Identifier: Apache-2.0
// The JSON summary of a run.
#include "sim/main/summary.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sim/main/summary_head.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;

json counts(const StepCounts& c) {
  return {{"calls", c.calls},  {"cycles", c.cycles},
          {"bytes", c.bytes},  {"iotlb", {{"hits", c.hits}, {"misses", c.misses}}},
          {"walks", c.walks},  {"invalidations", c.invalidations},
          {"faults", c.faults}};
}

json contract(const ContractChecker& checker) {
  json all = json::object();
  for (const auto& [name, m] : checker.measurements()) {
    json histogram = json::object();
    for (const auto& [cycles, count] : m.histogram) histogram[std::to_string(cycles)] = count;
    all[name] = {{"occurrences", m.occurrences}, {"breaches", m.breaches}, {"histogram", histogram}};
  }
  return all;
}

}  // namespace

void prepare_summary(const std::string& path) {
  if (!std::ofstream(path)) throw std::runtime_error("cannot write " + path);
}

json summarize(const RunResult& result, Machine& machine, double duration_s, const ScenarioResult* scenario) {
  const MachineConfig& config = machine.config();
  json ram = json::array();
  for (const auto& range : config.ram) ram.push_back({{"base", range.base}, {"size", range.size}});
  json steps = json::array();
  for (const StepResult& step : result.steps) {
    json entry = counts(step.counts);
    entry["name"] = step.name;
    steps.push_back(entry);
  }
  json violations = json::array();
  for (const Violation& v : machine.violations().list())
    violations.push_back({{"cycle", v.cycle}, {"rule", v.rule}, {"message", v.message}});
  json root = summary_head({{"adapters", config.adapters},
                            {"pipe", config.pipe},
                            {"host_address_width", config.host_address_width},
                            {"latency", config.memory.latency},
                            {"jitter", config.memory.jitter},
                            {"vram_bytes", config.vram_bytes},
                            {"ram", ram}},
                           config.seed, duration_s);
  root.update(json{{"status", result.passed ? "pass" : "fail"},
                   {"failures", result.failures},
                   {"warnings", result.warnings},
                   {"bytes_verified", result.bytes_verified},
                   {"cycles", result.total.cycles},
                   {"khz", machine.engine().khz()},
                   {"ddi_calls", result.ddi_calls},
                   {"iotlb", {{"hits", result.total.hits}, {"misses", result.total.misses}}},
                   {"walks", result.total.walks},
                   {"invalidations", result.total.invalidations},
                   {"faults_expected", result.faults_expected},
                   {"faults_recorded", result.faults_recorded},
                   {"steps", steps},
                   {"contract", contract(machine.contract())},
                   {"violations", violations}});
  root["scenario"] = scenario != nullptr ? scenario->name : "first_light";
  if (scenario != nullptr) {
    root["again"] = scenario->again;
    root["guarantees"] = scenario->guarantees;
    root["refusals"] = scenario->refusals;
    if (!scenario->digest.empty()) root["digest"] = scenario->digest;
  }
  return root;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace gpudmar::sim
