// SPDX-License-Identifier: Apache-2.0
// Puts the data of a run into the page.
#include "sim/report/report.h"

#include <string_view>

#include "sim/report/report_template.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;

json promises(const ContractChecker& contract) {
  json all = json::object();
  for (const auto& [name, measured] : contract.measurements()) {
    if (measured.occurrences == 0) continue;
    json deviation = json::array();
    for (const auto& [cycles, count] : measured.deviation) deviation.push_back({cycles, count});
    all[name] = {{"occurrences", measured.occurrences},
                 {"breaches", measured.breaches},
                 {"cycles", {measured.histogram.begin()->first, measured.histogram.rbegin()->first}},
                 {"deviation", std::move(deviation)}};
  }
  return all;
}

/// No "<", so that nothing in a text can end the element that it stands in.
std::string for_script(const json& data) {
  std::string text;
  for (const char c : data.dump(-1, ' ', true, json::error_handler_t::replace)) {
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  }
  return text;
}

}  // namespace

std::string report_page(const json& summary, const timeline::Figures& figures,
                        const ContractChecker& contract, const std::string& again) {
  constexpr std::string_view kHole = "@DATA@";
  std::string page = kReportTemplate;
  page.replace(page.find(kHole), kHole.size(),
               for_script({{"summary", summary},
                           {"figures", figures.to_json()},
                           {"contract", promises(contract)},
                           {"again", again}}));
  return page;
}

}  // namespace gpudmar::sim
