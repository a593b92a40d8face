// SPDX-License-Identifier: Apache-2.0
// The page tables of a GPU with an MMU of its own (DXGK_VIDMMCAPS.GpuMmuSupported): which virtual pages are
// given out, and the memory of the tables. What stands in them is written by the driver (operation 11).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "driver-model/dxgkrnl/paging_queue.h"

namespace gpudmar::dxgkrnl {

/// One address space: a root of kEntries leaf tables of kEntries pages, each table one page of system memory
/// that the GPU reaches. Not thread-safe.
class GpuPageTables {
 public:
  static constexpr std::uint64_t kEntries = 512;
  static constexpr UINT kRootLevel = 1;
  static constexpr UINT kLeafLevel = 0;
  struct Table {
    explicit Table(const PagingPort& port) : memory(port, hw::kPageSize, false) {}
    PagingMemory memory;
    bool valid = false;  ///< the driver has filled it, and the root leads to it
  };

  /// Throws std::bad_alloc when there is no memory for the root.
  explicit GpuPageTables(const PagingPort& port) : port_(port), root_(port) {}

  /// A run of virtual pages; nullopt: none is free. Page 0 is never given out.
  [[nodiscard]] std::optional<std::uint64_t> reserve(std::uint64_t pages);
  void release(std::uint64_t first) { used_.erase(first); }

  [[nodiscard]] Table& root() { return root_; }
  /// The leaf table of a virtual page. Throws std::bad_alloc when it is new and there is no memory for it.
  [[nodiscard]] Table& leaf(std::uint64_t page);

 private:
  const PagingPort& port_;
  Table root_;
  std::map<std::uint64_t, std::unique_ptr<Table>> leaves_;  // by index in the root
  std::map<std::uint64_t, std::uint64_t> used_;             // first page -> pages
};

}  // namespace gpudmar::dxgkrnl
