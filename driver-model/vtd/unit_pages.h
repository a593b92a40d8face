// SPDX-License-Identifier: Apache-2.0
// Memory that the unit reads: tables, the ring.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver-model/mm/pages.h"

namespace gpudmar::vtd {

/// Cleared pages with addresses up to `limit`. Throws VtdError, about `what`, when there are none or they can
/// not be cleared.
[[nodiscard]] std::vector<mm::Pfn> unit_pages(mm::PageAllocator& pages, std::uint64_t count,
                                              std::uint64_t limit, const std::string& what);

}  // namespace gpudmar::vtd
