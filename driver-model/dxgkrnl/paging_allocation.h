// SPDX-License-Identifier: Apache-2.0
// Inner records of paging, shared by its source files only.
#pragma once

#include "driver-model/dxgkrnl/paging.h"

namespace gpudmar::dxgkrnl {

struct Paging::Allocation {
  AllocationId id = 0;
  DXGK_ALLOCATIONINFO info{};  // as the driver left it
  std::uint64_t pages = 0;
  Adapter* adapter = nullptr;

  // The backing store: a section, paged while nobody needs it.
  HANDLE object = nullptr;
  HANDLE adapter_object = nullptr;
  DXGK_ADL* adl = nullptr;  // while devices reach it
  void* view = nullptr;     // CpuVisibleAddress
  SIZE_T view_size = 0;
  UCHAR* cpu_visible = nullptr;

  // The GPU's virtual address, where it has an MMU.
  std::uint64_t virtual_page = 0;
  bool virtual_valid = false;  // page tables lead to where it is

  Residency residency = Residency::kNone;
  Segment* segment = nullptr;
  std::uint64_t first_page = 0;  // within the segment
  // A transfer under way: until it ends, the content is still where it came from.
  bool arriving = false;
  bool content = false;
  bool content_lost = false;
};

}  // namespace gpudmar::dxgkrnl
