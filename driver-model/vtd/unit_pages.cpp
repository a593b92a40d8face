// SPDX-License-Identifier: Apache-2.0
// Lowest first, so that tables do not cut up what contiguous memory needs.
#include "driver-model/vtd/unit_pages.h"

#include <fmt/format.h>

#include <utility>

#include "driver-model/vtd/error.h"

namespace gpudmar::vtd {

std::vector<mm::Pfn> unit_pages(mm::PageAllocator& pages, std::uint64_t count, std::uint64_t limit,
                                const std::string& what) {
  try {
    auto got = pages.allocate(count, {0, limit}, true, mm::Placement::kAscending);
    if (got) return std::move(*got);
  } catch (const hw::HardwareError& error) {
    throw VtdError(fmt::format("no memory for {}: {}", what, error.what()));
  }
  throw VtdError(fmt::format("no memory for {}", what));
}

}  // namespace gpudmar::vtd
