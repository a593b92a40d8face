// SPDX-License-Identifier: Apache-2.0
// The kinds of backing memory, for make_backing() only.
#pragma once

#include "driver-model/mm/backing.h"

namespace gpudmar::mm {

/// Page-file backed memory; the commit is charged by the caller and given back by the backing.
[[nodiscard]] std::unique_ptr<Backing> make_section(Pager& pager, std::uint64_t pages, bool writable);
/// A range of the bus that is nobody's memory here.
[[nodiscard]] std::unique_ptr<Backing> make_io_space(hw::PhysicalMemory& memory, hw::PhysAddr base,
                                                     std::uint64_t pages);
/// [first, first + count) lies within an object of `pages`, else PageStateError.
void check_slice(std::uint64_t first, std::uint64_t count, std::uint64_t pages);

}  // namespace gpudmar::mm
