// SPDX-License-Identifier: Apache-2.0
// Where non-paged pool gets its pages: RAM of the machine, mapped for the CPU.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

#include "driver-model/mm/pages.h"

namespace gpudmar::dxgkrnl {

/// The system's own use of RAM. Its pages are locked, so that an MDL of them may be mapped to the IOMMU.
class PoolPages {
 public:
  explicit PoolPages(mm::PageAllocator& pages) : pages_(pages) {}
  PoolPages(const PoolPages&) = delete;
  PoolPages& operator=(const PoolPages&) = delete;

  /// nullptr: not so many pages are free.
  [[nodiscard]] void* take(std::size_t count);
  /// Throws mm::PageStateError when a device can still reach one of them; nothing changes then.
  void give(void* address);
  /// Taken at the moment.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// One of the two above is at work: what the allocator tells its observer is about pool.
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  mm::PageAllocator& pages_;
  std::map<void*, std::vector<mm::Pfn>> taken_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> busy_{false};
};

}  // namespace gpudmar::dxgkrnl
