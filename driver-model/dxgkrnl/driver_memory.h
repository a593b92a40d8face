// SPDX-License-Identifier: Apache-2.0
// Memory that a driver takes from the system itself: MmAllocateContiguousMemory and its like, which only a
// driver that does not opt into isolation may use (R226). Devices reach it where nothing is translated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "driver-model/mm/pages.h"
#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::dxgkrnl {

/// All of it, by what the driver gives back. Not thread-safe: the routines run one at a time, where no time
/// passes. Bad arguments break rules of the Runtime.
class DriverMemory {
 public:
  explicit DriverMemory(mm::PageAllocator& pages) : pages_(pages) {}
  DriverMemory(const DriverMemory&) = delete;
  DriverMemory& operator=(const DriverMemory&) = delete;

  /// Null: there is no such run.
  [[nodiscard]] void* allocate_contiguous(std::uint64_t bytes, const mm::Window& window,
                                          std::uint64_t boundary);
  void free_contiguous(void* base);
  struct MdlRequest {
    mm::Window window;
    std::uint64_t skip = 0;
    std::uint64_t bytes = 0;
    ULONG flags = 0;  ///< MM_...
  };
  /// As much as there is, unless the flags ask for everything or nothing. Null: nothing.
  [[nodiscard]] PMDL allocate_for_mdl(const MdlRequest& request);
  void free_from_mdl(PMDL mdl);
  void probe_and_lock(PMDL mdl, LOCK_OPERATION operation);
  void unlock(PMDL mdl);

  /// The page is in one of them, or locked through an MDL.
  [[nodiscard]] bool holds(mm::Pfn page) const { return held_.count(page) != 0; }

 private:
  void give_back(const std::vector<mm::Pfn>& pages);
  void hold(const std::vector<mm::Pfn>& pages);
  void let_go(const std::vector<mm::Pfn>& pages);
  void add_pages(const MdlRequest& request, const mm::Window& window, std::vector<mm::Pfn>& all);

  using Lists = std::map<const void*, std::vector<mm::Pfn>>;
  mm::PageAllocator& pages_;
  Lists contiguous_;                  // by base
  Lists for_mdl_;                     // by MDL
  Lists locked_;                      // by MDL
  std::map<mm::Pfn, unsigned> held_;  // to how often
};

}  // namespace gpudmar::dxgkrnl
