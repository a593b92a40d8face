// SPDX-License-Identifier: Apache-2.0
// Reads the contract file.
#include "sim/contract/contract.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace gpudmar::sim {

extern const char* const kContractJson;  // generated from contract.json

namespace {

using nlohmann::json;

PromiseKind kind_of(const std::string& text) {
  static const std::map<std::string, PromiseKind> kinds{{"hit", PromiseKind::kHit},
                                                        {"miss", PromiseKind::kMiss},
                                                        {"invalidate", PromiseKind::kInvalidate},
                                                        {"read_fault", PromiseKind::kReadFault},
                                                        {"write_fault", PromiseKind::kWriteFault}};
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

}  // namespace

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
  for (const auto& value : root["promises"]) {
    const std::string name = value.is_object() ? value.value("name", "?") : "?";
    try {
      contract.promises_.push_back(promise_of(value));
    } catch (const std::exception& error) {
      throw std::invalid_argument(fmt::format("contract: promise {}: {}", name, error.what()));
    }
    for (std::size_t i = 0; i + 1 < contract.promises_.size(); ++i)
      if (contract.promises_[i].name == name)
        throw std::invalid_argument(fmt::format("contract: promise {} stands twice", name));
  }
  return contract;
}

Contract Contract::standard() { return parse(kContractJson); }

}  // namespace gpudmar::sim
