// SPDX-License-Identifier: Apache-2.0
// Reads the contract file.
#include "sim/contract/contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace gpudmar::sim {

extern const char* const kContractJson;  // generated from contract.json

namespace {

using nlohmann::json;

PromiseKind kind_of(const std::string& text) {
  static const std::map<std::string, PromiseKind> kinds{
      {"hit", PromiseKind::kHit},
      {"hit_behind_miss", PromiseKind::kHitBehindMiss},
      {"miss", PromiseKind::kMiss},
      {"miss_cold", PromiseKind::kMissCold},
      {"miss_among_others", PromiseKind::kMissAmongOthers},
      {"walk_step", PromiseKind::kWalkStep},
      {"invalidate", PromiseKind::kInvalidate},
      {"invalidate_batch", PromiseKind::kInvalidateBatch},
      {"read_fault", PromiseKind::kReadFault},
      {"write_fault", PromiseKind::kWriteFault},
      {"dma_launch", PromiseKind::kDmaLaunch},
      {"dma_launch_aperture", PromiseKind::kDmaLaunchAperture},
      {"dma_gap", PromiseKind::kDmaGap}};
  const auto found = kinds.find(text);
  if (found == kinds.end()) throw std::invalid_argument("unknown kind '" + text + "'");
  return found->second;
}

Formula formula_of(const json& value) {
  Formula formula;
  for (const auto& [key, number] : value.items()) {
    const auto cycles = number.get<unsigned>();
    if (key == "L") {
      formula.latency = cycles;
    } else if (key == "n") {
      formula.reads = cycles;
    } else if (key == "const") {
      formula.constant = cycles;
    } else if (key == "wlast") {
      formula.wlast = cycles;
    } else if (key == "extra") {
      formula.extra = cycles;
    } else if (key == "round") {
      formula.round = cycles;
    } else {
      throw std::invalid_argument("unknown term '" + key + "' in a formula");
    }
  }
  return formula;
}

Promise promise_of(const json& value) {
  Promise promise;
  promise.name = value.at("name").get<std::string>();
  promise.text = value.at("text").get<std::string>();
  promise.start = value.at("start").get<std::string>();
  promise.end = value.at("end").get<std::string>();
  promise.applies = value.at("applies").get<std::string>();
  promise.kind = kind_of(value.at("kind").get<std::string>());
  const std::string relation = value.value("relation", "exact");
  if (relation != "exact" && relation != "at_most")
    throw std::invalid_argument("unknown relation '" + relation + "'");
  promise.at_most = relation == "at_most";
  promise.reads = value.value("reads", 0U);
  for (const auto& formula : value.at("pipe")) promise.pipe.push_back(formula_of(formula));
  if (promise.pipe.empty()) throw std::invalid_argument("no formula");
  promise.minimum = value.at("min").get<std::map<std::string, unsigned>>();
  return promise;
}

RateKind rate_kind_of(const std::string& text) {
  static const std::map<std::string, RateKind> kinds{
      {"fixed", RateKind::kFixed}, {"walks", RateKind::kWalks}, {"queue", RateKind::kQueue}};
  const auto found = kinds.find(text);
  if (found == kinds.end()) throw std::invalid_argument("unknown kind '" + text + "'");
  return found->second;
}

RateFormula rate_formula_of(const json& value) {
  RateFormula formula;
  for (const auto& [key, number] : value.items()) {
    if (key == "const") {
      formula.constant = number.get<double>();
    } else if (key == "L") {
      formula.latency = number.get<unsigned>();
    } else if (key == "max") {
      formula.most = number.get<double>();
    } else {
      throw std::invalid_argument("unknown term '" + key + "' in a formula");
    }
  }
  return formula;
}

Rate rate_of(const json& value) {
  Rate rate;
  rate.name = value.at("name").get<std::string>();
  rate.text = value.at("text").get<std::string>();
  rate.unit = value.at("unit").get<std::string>();
  rate.kind = rate_kind_of(value.at("kind").get<std::string>());
  const auto relation = value.at("relation").get<std::string>();
  if (relation != "at_least" && relation != "at_most")
    throw std::invalid_argument("unknown relation '" + relation + "'");
  rate.at_least = relation == "at_least";
  for (const auto& formula : value.at("pipe")) rate.pipe.push_back(rate_formula_of(formula));
  if (rate.pipe.empty()) throw std::invalid_argument("no formula");
  return rate;
}

template <typename T>
const T& find(const std::vector<T>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const T& item) { return item.name == name; });
  if (found == all.end()) throw std::invalid_argument(fmt::format("contract: no promise {}", name));
  return *found;
}

/// Appends what `read` makes of each element; a name stands once among all promises and rates.
template <typename T, typename Read>
void read_all(const json& values, std::vector<T>& all, std::vector<std::string>& names, Read read) {
  for (const auto& value : values) {
    const std::string name = value.is_object() ? value.value("name", "?") : "?";
    try {
      all.push_back(read(value));
    } catch (const std::exception& error) {
      throw std::invalid_argument(fmt::format("contract: promise {}: {}", name, error.what()));
    }
    if (std::find(names.begin(), names.end(), name) != names.end())
      throw std::invalid_argument(fmt::format("contract: promise {} stands twice", name));
    names.push_back(name);
  }
}

}  // namespace

double Rate::promised(unsigned of_pipe, const RateSetup& setup) const {
  if (of_pipe >= pipe.size())
    throw std::invalid_argument(
        fmt::format("contract: promise {} has no formula for pipe {}", name, of_pipe));
  const RateFormula& formula = pipe[of_pipe];
  switch (kind) {
    case RateKind::kWalks:
      return std::min(formula.most,
                      setup.walks / (double{1} * formula.latency * setup.latency + formula.constant));
    case RateKind::kQueue:
      return std::max(formula.constant, double{1} * setup.descriptor_bytes / setup.bus_bytes);
    case RateKind::kFixed:
      break;
  }
  return formula.constant;
}

const Promise& Contract::promise(std::string_view name) const { return find(promises_, name); }
const Rate& Contract::rate(std::string_view name) const { return find(rates_, name); }

Contract Contract::parse(std::string_view text) {
  Contract contract;
  json root;
  try {
    root = json::parse(text);
    if (root.at("schema") != 1) throw std::invalid_argument("unknown schema");
    (void)root.at("promises");
  } catch (const json::exception& error) {
    throw std::invalid_argument(fmt::format("contract: {}", error.what()));
  }
  std::vector<std::string> names;
  read_all(root["promises"], contract.promises_, names, promise_of);
  if (root.contains("rates")) read_all(root["rates"], contract.rates_, names, rate_of);
  return contract;
}

Contract Contract::standard() { return parse(kContractJson); }

Contract Contract::load(const std::string& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    throw std::invalid_argument(fmt::format("contract: {}: cannot be read", path));
  try {
    return parse(text);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace gpudmar::sim
