// SPDX-License-Identifier: Apache-2.0
// The report of a run: one HTML page that needs nothing else.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/contract/contract_checker.h"
#include "sim/timeline/figures.h"

namespace gpudmar::sim {

/// The page. `summary`: as in summary.json; `again`: the command line that runs it once more.
[[nodiscard]] std::string report_page(const nlohmann::json& summary, const timeline::Figures& figures,
                                      const ContractChecker& contract, const std::string& again);

}  // namespace gpudmar::sim
