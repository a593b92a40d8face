// SPDX-License-Identifier: Apache-2.0
// See contract_log.h.
#include "sim/contract/contract_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace gpudmar::sim {
namespace {

template <typename Key>
nlohmann::json counts(const std::map<Key, std::uint64_t>& histogram) {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [key, count] : histogram) all[std::to_string(key)] = count;
  return all;
}

}  // namespace

void log_measurements(const Measurements& measurements) {
  const char* directory = std::getenv("GPUDMAR_CONTRACT_DIR");
  if (directory == nullptr || *directory == '\0') return;
  nlohmann::json promises = nlohmann::json::object();
  for (const auto& [name, m] : measurements.all())
    if (m.occurrences != 0)
      promises[name] = {{"deviation", counts(m.deviation)}, {"cycles", counts(m.histogram)}};
  if (promises.empty()) return;
  const std::string path = fmt::format("{}/{}.jsonl", directory, ::getpid());
  std::ofstream file(path, std::ios::app);
  file << nlohmann::json{{"pipe", measurements.pipe()}, {"promises", promises}}.dump() << "\n";
  if (!file.flush()) throw std::runtime_error("contract: cannot write " + path);
}

}  // namespace gpudmar::sim
