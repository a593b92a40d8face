// SPDX-License-Identifier: Apache-2.0
// What stands behind a memory object: page lists in the manner of an MDL, and CPU mappings of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "driver-model/mm/pager.h"
#include "driver-model/mm/pages.h"

namespace gpudmar::mm {

/// The kinds of memory an object can wrap (DXGK_PHYSICAL_MEMORY_TYPE, same numbers).
enum class BackingType : std::uint32_t { kMdl = 0, kContiguous = 1, kSection = 2, kIoSpace = 3 };

/// Which address space a CPU mapping belongs to.
enum class AccessMode { kKernel, kUser };

/// Why backing memory could not be had. The layer above turns it into a status of its own.
enum class BackingError {
  kNone,
  kNoMemory,               ///< not enough pages in the window
  kInsufficientResources,  ///< no contiguous run
  kCommitmentLimit,        ///< commit charge refused
  kConflict,               ///< I/O space over RAM, or over the interrupt window
};

/// In place of the frame of a page that has none.
inline constexpr Pfn kNotResident = ~Pfn{0};

/// Parameters for make_backing(); the fields a type does not use are ignored.
struct BackingRequest {
  BackingType type = BackingType::kMdl;
  std::uint64_t pages = 0;  ///< size in pages
  Window window;            ///< MDL, CONTIGUOUS: limits of physical addresses, inclusive
  /// MDL: where a window is short it moves up by this much (MmAllocatePagesForMdlEx); 0 = one window.
  std::uint64_t skip_bytes = 0;
  bool zero = true;                ///< MDL: clear the pages
  bool prefer_contiguous = false;  ///< MDL: ascending placement even when the policy scatters
  bool contiguous_chunks = false;  ///< MDL: runs of skip_bytes, or one run when that is 0
  bool trim = false;               ///< MDL: write out pageable memory rather than fail
  std::uint64_t boundary = 0;      ///< CONTIGUOUS: no run crosses a multiple of this; 0 = no limit
  bool writable = true;            ///< SECTION: views and devices may write
  hw::PhysAddr io_base = 0;        ///< IO_SPACE: first byte, page-aligned
};

/// A live CPU mapping of some of a backing's pages; unmapped on destruction. Moves of memory pages never
/// happen under it: the backing's pages stay where they are as long as it lives.
class CpuMapping {
 public:
  /// `unmapped` is called after the end of the mapping. Throws hw::HardwareError when a page can not be
  /// mapped, and then does not call it.
  CpuMapping(hw::PhysicalMemory& memory, const std::vector<Pfn>& pages, AccessMode mode, bool writable,
             std::function<void()> unmapped = {});
  ~CpuMapping();
  CpuMapping(const CpuMapping&) = delete;
  CpuMapping& operator=(const CpuMapping&) = delete;

  [[nodiscard]] void* base() const { return base_; }  ///< first byte, page-aligned
  [[nodiscard]] std::uint64_t bytes() const { return pages_ * hw::kPageSize; }
  [[nodiscard]] AccessMode mode() const { return mode_; }
  [[nodiscard]] bool writable() const { return writable_; }

 private:
  hw::PhysicalMemory& memory_;
  std::uint64_t pages_;
  AccessMode mode_;
  bool writable_;
  std::function<void()> unmapped_;
  void* base_;
};

/// Memory of one object. Owns its pages and gives them back on destruction (they must be unlocked by then).
class Backing {
 public:
  virtual ~Backing() = default;
  [[nodiscard]] virtual BackingType type() const = 0;
  [[nodiscard]] virtual std::uint64_t page_count() const = 0;
  /// Devices may write.
  [[nodiscard]] virtual bool device_writable() const { return true; }
  /// Mappings begin at multiples of this many bytes of the object.
  [[nodiscard]] virtual std::uint64_t map_granularity() const { return hw::kPageSize; }
  /// Page frames of [first, first + count) in object order; they are resident and locked until unlock() (I/O
  /// space: bus page numbers, which need no lock). nullopt = pages could not be brought in, nothing changed.
  /// Throws PageStateError when the range is outside the object.
  [[nodiscard]] virtual std::optional<std::vector<Pfn>> lock(std::uint64_t first, std::uint64_t count) = 0;
  virtual void unlock(const std::vector<Pfn>& pages) = 0;
  /// Map pages [first, first + count) for the CPU. Null = pages could not be brought in, nothing changed.
  /// Throws hw::HardwareError when the machine refuses, such as where nothing is.
  [[nodiscard]] virtual std::unique_ptr<CpuMapping> map(std::uint64_t first, std::uint64_t count,
                                                        AccessMode mode) = 0;
  /// Frames of all pages in object order or kNotResident, for inspection. I/O space has no page frames.
  [[nodiscard]] virtual std::vector<Pfn> pages() const = 0;
  /// Give the pages back now; the object is empty afterwards. Throws PageStateError if a page is locked.
  virtual void release() = 0;
};

/// Pages that belong to somebody else, for a while. Throws PageStateError when one is not allocated or,
/// unless `io_space`, not locked: it could go away. They get a lock more with lock().
[[nodiscard]] std::unique_ptr<Backing> wrap_pages(PageAllocator& allocator, std::vector<Pfn> pages,
                                                  bool io_space);

/// Result of make_backing(): `backing` is set exactly when `error` is kNone.
struct BackingResult {
  std::unique_ptr<Backing> backing;
  BackingError error = BackingError::kNone;
};

/// Obtain memory of the requested type, all or nothing. Throws hw::HardwareError when it can not be cleared;
/// nothing changed then.
[[nodiscard]] BackingResult make_backing(Pager& pager, const BackingRequest& request);

}  // namespace gpudmar::mm
