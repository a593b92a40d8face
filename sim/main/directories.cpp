// SPDX-License-Identifier: Apache-2.0
#include "sim/main/directories.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace gpudmar::sim {

void make_directory(const std::string& option, const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  // Without an error where a file has the name.
  std::error_code none;
  if (!std::filesystem::is_directory(path, none))
    throw std::invalid_argument(fmt::format("{} {}: cannot be made a directory{}", option, path,
                                            error ? ": " + error.message() : ""));
}

}  // namespace gpudmar::sim
