// SPDX-License-Identifier: Apache-2.0
// R226: a driver that opts into isolation gets its memory through dxgkrnl, and imports no routine that hands
// out pages behind dxgkrnl's back.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace gpudmar::dxgkrnl {

/// The file is no ELF file of 64 bits, or is cut short.
class ImageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Of an object file or a shared library: the undefined symbols that R226 forbids, by name, each once. Throws
/// ImageError.
[[nodiscard]] std::vector<std::string> forbidden_imports(const std::string& path);

}  // namespace gpudmar::dxgkrnl
