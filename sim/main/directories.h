// SPDX-License-Identifier: Apache-2.0
// Where a command puts its results.
#pragma once

#include <string>

namespace gpudmar::sim {

/// With those above it, unless it is there. Throws std::invalid_argument that names the option.
void make_directory(const std::string& option, const std::string& path);

}  // namespace gpudmar::sim
