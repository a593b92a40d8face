// SPDX-License-Identifier: Apache-2.0
// MDLs in words: those that a driver made itself, and those that it changed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
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
/// The driver's change of an MDL, made again; false: it has not so many pages.
[[nodiscard]] bool change_mdl(const nlohmann::json& words, const FrameHere& page, MDL& mdl);

/// What a trace has said of MDLs so far. All names are those of handles and pointers in the trace.
class MdlNotes {
 public:
  /// An MDL by its name, and the handle whose end is its own; empty: none.
  void tell(const std::string& name, const MDL& mdl, const std::string& handle = "");
  /// The trace says already what the MDL is.
  [[nodiscard]] bool is_told(const std::string& name, const MDL& mdl) const;
  /// The memory behind a handle ends, and its MDL.
  void freed(const std::string& handle);
  void map(const std::string& handle, const MDL& mdl);
  void unmap(const std::string& handle) { mapped_.erase(handle); }
  /// A mapped MDL that is another one now, in words.
  [[nodiscard]] std::optional<nlohmann::json> changed(const std::string& handle) const;

 private:
  struct Mapped {
    const MDL* mdl;
    nlohmann::json words;
  };
  std::map<std::string, nlohmann::json> told_;
  std::map<std::string, std::string> owned_;  ///< by handle
  std::map<std::string, Mapped> mapped_;      ///< by handle
};

}  // namespace gpudmar::sim::replay
