// SPDX-License-Identifier: Apache-2.0
#include "sim/kmd/paged_pool.h"

#include <sys/mman.h>

#include "driver-model/hw/hw.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr std::uintptr_t kPage = hw::kPageSize;

void protect(std::uintptr_t page, int protection) {
  ::mprotect(reinterpret_cast<void*>(page), kPage, protection);
}

template <typename Action>
void each_page(std::uintptr_t begin, std::size_t bytes, Action action) {
  for (std::uintptr_t page = begin & ~(kPage - 1); page < begin + bytes; page += kPage) action(page);
}

}  // namespace

void PagedPool::begins(const void* block, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(block);
  if (bytes == 0 || blocks_.count(begin) != 0 || !hooks_.is_paged_pool(block)) return;
  open();  // the page is
  blocks_[begin] = bytes;
  each_page(begin, bytes, [this](std::uintptr_t page) { ++pages_[page]; });
}

void PagedPool::ends(const void* block) {
  const auto entry = blocks_.find(reinterpret_cast<std::uintptr_t>(block));
  if (entry == blocks_.end()) return;
  open();  // nobody would open it any more
  each_page(entry->first, entry->second, [this](std::uintptr_t page) {
    if (--pages_[page] == 0) pages_.erase(page);
  });
  blocks_.erase(entry);
}

void PagedPool::close() {
  if (!open_ || pages_.empty()) return;
  open_ = false;
  for (const auto& [page, blocks] : pages_)
    if (hooks_.may_move(reinterpret_cast<const void*>(page))) protect(page, PROT_NONE);
}

void PagedPool::open() {
  if (open_) return;
  open_ = true;
  for (const auto& [page, blocks] : pages_) protect(page, PROT_READ | PROT_WRITE);
}

PagedPool::Fault PagedPool::fault(std::uintptr_t address) {
  const std::uintptr_t page = address & ~(kPage - 1);
  if (open_ || pages_.count(page) == 0) return Fault::kElsewhere;
  if (!hooks_.is_high()) {
    open();
    return Fault::kServed;
  }
  if (hooks_.may_move(reinterpret_cast<const void*>(page))) return Fault::kForbidden;
  protect(page, PROT_READ | PROT_WRITE);  // locked meanwhile
  return Fault::kServed;
}

}  // namespace gpudmar::sim::kmd
