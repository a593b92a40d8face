// SPDX-License-Identifier: Apache-2.0
// Reading the structures of callbacks, for the judge's own use.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/kmd/judge.h"

namespace gpudmar::sim::kmd {

inline bool page_multiple(std::uint64_t value) { return value % PAGE_SIZE == 0; }

template <typename T>
const T& as(const void* arguments) {
  return *static_cast<const T*>(arguments);
}

inline std::vector<std::uint64_t> pages_of(PMDL mdl) {
  const ULONG count = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl));
  const PFN_NUMBER* first = MmGetMdlPfnArray(mdl);
  return {first, first + count};
}

inline std::vector<std::uint64_t> pages_of(const DXGK_ADL& adl) {
  std::vector<std::uint64_t> pages(adl.PageCount);
  for (UINT32 i = 0; i < adl.PageCount; ++i)
    pages[i] = adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i];
  return pages;
}

}  // namespace gpudmar::sim::kmd
