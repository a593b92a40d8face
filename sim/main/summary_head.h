// SPDX-License-Identifier: Apache-2.0
// What every summary.json starts with.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

namespace gpudmar::sim {

/// "schema", "commit", "config", "seed", "tools", "duration_s".
[[nodiscard]] nlohmann::json summary_head(const nlohmann::json& config, std::uint64_t seed,
                                          double duration_s);

}  // namespace gpudmar::sim
