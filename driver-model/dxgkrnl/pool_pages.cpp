// SPDX-License-Identifier: Apache-2.0
#include "driver-model/dxgkrnl/pool_pages.h"

namespace gpudmar::dxgkrnl {
namespace {

class Busy {
 public:
  explicit Busy(std::atomic<bool>& busy) : busy_(busy) { busy_ = true; }
  ~Busy() { busy_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<bool>& busy_;
};

}  // namespace

void* PoolPages::take(std::size_t count, bool paged) {
  const Busy busy(busy_);
  // From the top, out of the way of memory with low addresses, which is the scarce one.
  constexpr std::uint64_t kTop = 64ULL << 20;
  const std::uint64_t highest = pages_.highest_address();
  auto pages = pages_.allocate(count, {highest < kTop ? 0 : highest + 1 - kTop, ~0ULL}, false,
                               mm::Placement::kAscending);
  if (!pages) pages = pages_.allocate(count, {}, false, mm::Placement::kAscending);
  if (!pages) return nullptr;
  std::vector<hw::PhysAddr> addresses;
  for (const mm::Pfn pfn : *pages) addresses.push_back(pfn << hw::kPageShift);
  void* address = nullptr;
  try {
    address = pages_.memory().map(addresses, true);
  } catch (...) {
    pages_.free(*pages);
    throw;
  }
  if (!paged) pages_.lock(*pages);
  count_ += count;
  taken_[address] = {std::move(*pages), paged};
  return address;
}

void PoolPages::give(void* address) {
  const Busy busy(busy_);
  const auto entry = taken_.find(address);
  const auto& [pages, paged] = entry->second;
  if (!paged) pages_.unlock(pages);
  try {
    pages_.free(pages);
  } catch (const mm::PageStateError&) {
    if (!paged) pages_.lock(pages);
    throw;
  }
  pages_.memory().unmap(address, pages.size());
  count_ -= pages.size();
  taken_.erase(entry);
}

}  // namespace gpudmar::dxgkrnl
