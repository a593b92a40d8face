// SPDX-License-Identifier: Apache-2.0
// MDLs that a driver made itself, in words.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ntddk.h"

namespace gpudmar::sim::replay {

/// {"ByteCount", "ByteOffset", "MdlFlags", "Pages"}.
[[nodiscard]] nlohmann::json describe_mdl(const MDL& mdl);
/// Why the words are wrong; empty: they are not.
[[nodiscard]] std::string mdl_error(const nlohmann::json& words);
/// The other way; `page` gives the page frame that stands here for one of the words.
using FrameHere = std::function<std::uint64_t(std::uint64_t frame)>;
[[nodiscard]] std::vector<std::uint64_t> build_mdl(const nlohmann::json& words, const FrameHere& page);

}  // namespace gpudmar::sim::replay
