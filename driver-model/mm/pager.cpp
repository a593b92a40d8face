// SPDX-License-Identifier: Apache-2.0
// The page file is host memory outside of the machine; frames go in and out through CPU mappings.
#include "driver-model/mm/pager.h"

#include <algorithm>
#include <cstring>

namespace gpudmar::mm {

Pager::Pager(PageAllocator& pages, std::uint64_t page_file_pages)
    : pages_(pages), capacity_(page_file_pages) {
  pages_.change_commit_limit(static_cast<std::int64_t>(capacity_));
}

Pager::~Pager() {
  try {
    pages_.change_commit_limit(-static_cast<std::int64_t>(capacity_));
  } catch (const PageStateError&) {
    // Memory that could not be freed is still charged; the limit stays as it is.
  }
}

bool Pager::make_room(std::uint64_t count) {
  const std::uint64_t free = pages_.free_pages();
  if (free >= count) return true;
  std::uint64_t available = 0;
  for (const Pageable* memory : pageable_) available += memory->trimmable();
  available = std::min(available, capacity_ - file_.size());
  if (count - free > available) return false;
  return trim(count - free) == count - free;
}

std::optional<std::vector<Pfn>> Pager::frames(std::uint64_t count) {
  if (!make_room(count)) return std::nullopt;
  return pages_.allocate(count, {}, false);
}

std::uint64_t Pager::trim(std::uint64_t count) {
  std::uint64_t trimmed = 0;
  for (std::size_t turns = pageable_.size(); turns > 0 && trimmed < count; --turns) {
    trimmed += pageable_.front()->trim(count - trimmed);
    pageable_.splice(pageable_.end(), pageable_, pageable_.begin());
  }
  return trimmed;
}

std::optional<std::uint64_t> Pager::write_out(Pfn pfn) {
  if (file_.size() >= capacity_) return std::nullopt;
  hw::PhysicalMemory& memory = pages_.memory();
  const hw::PhysAddr address = pfn << hw::kPageShift;
  memory.refresh(address, hw::kPageSize);
  void* bytes = memory.map({address}, false);
  std::memcpy(file_[next_slot_].data(), bytes, hw::kPageSize);
  memory.unmap(bytes, 1);
  return next_slot_++;
}

void Pager::read_in(std::uint64_t slot, Pfn pfn) {
  hw::PhysicalMemory& memory = pages_.memory();
  const hw::PhysAddr address = pfn << hw::kPageShift;
  void* bytes = memory.map({address}, true);
  std::memcpy(bytes, file_.at(slot).data(), hw::kPageSize);
  memory.unmap(bytes, 1);
  memory.publish(address, hw::kPageSize);
}

}  // namespace gpudmar::mm
