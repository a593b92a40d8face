// SPDX-License-Identifier: Apache-2.0
#include "sim/kmd/watched_memory.h"

#include <sys/mman.h>

namespace gpudmar::sim::kmd {
namespace {

// Addresses are cheap, but the host counts mappings.
constexpr std::size_t kRanges = 1024;
constexpr std::size_t kBytes = std::size_t{64} << 30;

}  // namespace

WatchedMemory::~WatchedMemory() {
  while (!empty_.empty()) let_go();
}

void WatchedMemory::let_go() {
  const auto [address, bytes] = empty_.front();
  ::munmap(address, bytes);
  empty_bytes_ -= bytes;
  empty_.pop_front();
}

void WatchedMemory::keep_empty(void* address, std::size_t bytes) {
  // Taken by somebody else already: then he has it.
  if (::mmap(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
             0) == MAP_FAILED)
    return;
  empty_.emplace_back(address, bytes);
  empty_bytes_ += bytes;
  while (empty_.size() > kRanges || empty_bytes_ > kBytes) let_go();
}

void* WatchedMemory::map(const std::vector<hw::PhysAddr>& pages, bool writable) {
  void* const address = inner_.map(pages, writable);
  hooks_.mapped(address, pages.size() * hw::kPageSize);
  return address;
}

void WatchedMemory::unmap(void* address, std::size_t pages) {
  inner_.unmap(address, pages);
  hooks_.unmapped(address);
  keep_empty(address, pages * hw::kPageSize);
}

}  // namespace gpudmar::sim::kmd
