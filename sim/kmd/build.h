// SPDX-License-Identifier: Apache-2.0
// From a driver's sources to a shared object, and from its addresses back to them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gpudmar::sim::kmd {

struct BuildRequest {
  std::vector<std::string> sources;
  std::vector<std::string> flags;  ///< for the compiler, behind ours
  std::string wdk;                 ///< directory of the kit's headers
  std::string version;             ///< DXGKDDI_INTERFACE_VERSION: "2.4", "2.9", "3.0" or "3.1"
  std::string directory;           ///< where objects and driver.so go
};

struct BuildResult {
  bool ok = false;
  std::string driver;                    ///< path of the shared object
  std::vector<std::string> diagnostics;  ///< of the compiler, line by line
  std::vector<std::string> long_uses;    ///< "file:line: ...": `long`, which has another width on Windows
};

/// Compiles and links with clang. Throws std::invalid_argument on sources that cannot be any, and
/// std::runtime_error without a compiler.
[[nodiscard]] BuildResult build_driver(const BuildRequest& request);

/// What a shared object asks of the kernel.
[[nodiscard]] std::vector<std::string> imports_of(const std::string& driver);
/// It exports `symbol`.
[[nodiscard]] bool exports(const std::string& driver, const std::string& symbol);

/// Source places of a shared object's addresses.
class Symbols {
 public:
  explicit Symbols(std::string driver) : driver_(std::move(driver)) {}
  /// Looks up all of these at once; places() is quick for them afterwards.
  void load(const std::vector<std::uint64_t>& offsets);
  /// "file:line (function)", behind it those that it is inlined into.
  [[nodiscard]] std::vector<std::string> places(std::uint64_t offset);

 private:
  std::string driver_;
  std::map<std::uint64_t, std::vector<std::string>> places_;
};

}  // namespace gpudmar::sim::kmd
