// SPDX-License-Identifier: Apache-2.0
// Where pool gets its pages: RAM of the machine, mapped for the CPU.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

#include "driver-model/mm/pages.h"

namespace gpudmar::dxgkrnl {

/// The system's own use of RAM. Pages of non-paged pool are locked, so that an MDL of them may be mapped to
/// the IOMMU; those of paged pool are not.
class PoolPages {
 public:
  explicit PoolPages(mm::PageAllocator& pages) : pages_(pages) {}
  PoolPages(const PoolPages&) = delete;
  PoolPages& operator=(const PoolPages&) = delete;

  /// nullptr: not so many pages are free.
  [[nodiscard]] void* take(std::size_t count, bool paged);
  /// Throws mm::PageStateError when somebody else has locked one of them, as for a device that can still
  /// reach it; nothing changes then.
  void give(void* address);
  /// Taken at the moment.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// One of the two above is at work: what the allocator tells its observer is about pool.
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  struct Piece {
    std::vector<mm::Pfn> pages;
    bool paged;
  };
  mm::PageAllocator& pages_;
  std::map<void*, Piece> taken_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> busy_{false};
};

}  // namespace gpudmar::dxgkrnl
