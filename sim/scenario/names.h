// SPDX-License-Identifier: Apache-2.0
// Names of the driver interface in scenario files: statuses, flags, protections; and numbers with suffixes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gpudmar::sim {

using NameTable = std::vector<std::pair<std::string, std::uint32_t>>;

[[nodiscard]] const NameTable& status_names();
[[nodiscard]] const NameTable& mdl_flag_names();    ///< MM_...
[[nodiscard]] const NameTable& protection_names();  ///< PAGE_...

[[nodiscard]] std::optional<std::uint32_t> value_of(const NameTable& table, const std::string& name);
/// The name, or the number in hexadecimal.
[[nodiscard]] std::string status_name(std::int32_t status);

/// "4096", "0x1000", "4K", "16M", "2G", "1T"; nullopt for anything else, or beyond 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_number(const std::string& text);

}  // namespace gpudmar::sim
