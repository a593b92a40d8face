// SPDX-License-Identifier: Apache-2.0
// What root, context and second-stage entries mean in legacy mode, for the unit's default capabilities.
#pragma once

#include <cstdint>
#include <optional>

namespace gpudmar::model::cycle {

/// A second-stage context, as the context cache holds it.
struct Context {
  std::uint16_t did = 0;
  bool pass = false;
  bool fpd = false;
  unsigned width = 0;  ///< AW
  std::uint64_t table = 0;
};

/// The verdict on one entry.
struct Verdict {
  unsigned fault = 0;  ///< reason, 0 = none
  bool fpd = false;
  std::optional<std::uint64_t> table;  ///< frame of the table to go on with
  unsigned level = 0;                  ///< of that table
  std::optional<std::uint64_t> frame;  ///< of the page asked for
  std::optional<Context> context;      ///< worth caching
  bool r = false, w = false;           ///< of a paging entry
};

struct PagingAsk {
  std::uint64_t page = 0;
  unsigned level = 0;
  bool top = false;  ///< the first paging entry of the walk
  bool write = false;
};

/// The fault of a request before any paging entry is read; 0 = none.
[[nodiscard]] unsigned request_fault(const Context& context, std::uint64_t page, unsigned at);
[[nodiscard]] Verdict root_verdict(bool error, std::uint64_t low, std::uint64_t high);
[[nodiscard]] Verdict context_verdict(bool error, std::uint64_t low, std::uint64_t high, std::uint64_t page,
                                      unsigned at);
[[nodiscard]] Verdict paging_verdict(bool error, std::uint64_t entry, const PagingAsk& ask);

}  // namespace gpudmar::model::cycle
