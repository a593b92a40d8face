// SPDX-License-Identifier: Apache-2.0
// Second-stage page tables of one domain (VT-d 2.3), built in RAM with the largest leaves that fit.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"

namespace gpudmar::vtd {

/// Device permissions of a mapping, and whether its accesses are forced to snoop (needs ECAP.SC).
struct Access {
  bool read = true;
  bool write = true;
  bool snoop = false;
  [[nodiscard]] bool operator==(const Access& o) const {
    return read == o.read && write == o.write && snoop == o.snoop;
  }
  [[nodiscard]] bool operator!=(const Access& o) const { return !(*this == o); }
};

/// One page's translation as it stands in the table.
struct Translation {
  mm::Pfn pfn = 0;
  bool read = false;
  bool write = false;
  unsigned page_shift = hw::kPageShift;  ///< of the leaf: 12, 21 or 30
};

/// log2 of the 4 KiB pages of a leaf at `level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB).
[[nodiscard]] constexpr unsigned leaf_order(unsigned level) { return 9 * (level - 1); }

/// The table tree. Entries change by single aligned 64-bit stores, each published before the entry that links
/// to it, leaves last, so a walker sees the old or the new translation and nothing else. A run of pages takes
/// a 2 MiB or 1 GiB leaf wherever both sides are aligned and the unit has them. A table without entries is
/// unlinked and waits for release(). Not thread-safe.
class SecondStage {
 public:
  /// `levels`: 3 (39 bits) or 4 (48 bits). `large_pages`: CAP.SLLPS (bit 0: 2 MiB, bit 1: 1 GiB). Tables come
  /// from RAM up to `address_limit`, inclusive. Throws VtdError when there is no memory for the root.
  SecondStage(mm::PageAllocator& pages, unsigned levels, unsigned large_pages, std::uint64_t address_limit);
  ~SecondStage();
  SecondStage(const SecondStage&) = delete;
  SecondStage& operator=(const SecondStage&) = delete;

  /// Map input page logical[i] to page frame pfns[i]. All or nothing: throws VtdError, with every table as
  /// before, when a page is mapped already (a present leaf never changes its target), NoTableMemory when
  /// memory is short.
  void map(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& pfns, const Access& access);

  /// Replace each large leaf that `logical` covers only in part by a table of the same translations; never is
  /// a page without one. Returns the runs that now need an invalidation with IH = 0, before a page of them
  /// changes. All or nothing: throws VtdError when memory is short or a page is not mapped.
  std::vector<mm::PageRun> split(const std::vector<std::uint64_t>& logical);

  /// What unmap() did beyond clearing leaves.
  struct Removal {
    std::vector<mm::Pfn> retired;  ///< unlinked tables: not empty = the invalidation needs IH = 0
  };
  /// Clear the leaves and unlink what is empty then. The caller invalidates, then hands the tables to
  /// release(). Throws VtdError, with nothing changed, when a page is not mapped or a large leaf is covered
  /// in part (see split()).
  Removal unmap(const std::vector<std::uint64_t>& logical);
  /// Free unlinked tables: no walk can be in them any more.
  void release(const std::vector<mm::Pfn>& retired);

  /// Give the pages other permissions and the same target. The caller invalidates. Throws VtdError as
  /// unmap().
  void protect(const std::vector<std::uint64_t>& logical, const Access& access);

  /// The translation of an input page as software sees the tables.
  [[nodiscard]] std::optional<Translation> lookup(std::uint64_t logical) const;

  [[nodiscard]] hw::PhysAddr root() const { return root_; }
  [[nodiscard]] unsigned levels() const { return levels_; }
  [[nodiscard]] std::uint64_t mapped_pages() const { return mapped_; }  ///< in 4 KiB
  [[nodiscard]] std::uint64_t table_pages() const { return tables_.size(); }
  /// Every input page that is mapped, ascending: walks the whole tree.
  [[nodiscard]] std::vector<std::uint64_t> mapped_logical_pages() const;

 private:
  struct Table {
    unsigned used = 0;  // present entries
    hw::PhysAddr parent = 0;
    hw::PhysAddr parent_entry = 0;
  };
  struct Leaf {
    hw::PhysAddr table = 0;
    hw::PhysAddr entry = 0;
    unsigned level = 1;
    std::uint64_t first = 0;  // input page that it begins with
    std::uint64_t value = 0;
  };
  class Plan;

  [[nodiscard]] std::optional<Leaf> find(std::uint64_t logical) const;
  /// The leaves of a page list, once each; throws as unmap(). `partial` receives those covered in part;
  /// without it they are an error.
  [[nodiscard]] std::vector<Leaf> leaves_of(std::vector<std::uint64_t> logical, const char* what,
                                            std::vector<Leaf>* partial) const;
  [[nodiscard]] std::optional<hw::PhysAddr> try_new_page();
  [[nodiscard]] hw::PhysAddr new_page();
  [[nodiscard]] hw::PhysAddr copy_down(const Leaf& leaf, const std::vector<std::uint64_t>& sorted,
                                       std::vector<std::pair<hw::PhysAddr, Table>>& made);
  void store(hw::PhysAddr entry, std::uint64_t value);
  void collect(hw::PhysAddr table, unsigned level, std::uint64_t base, std::vector<std::uint64_t>& out) const;

  mm::PageAllocator& pages_;
  hw::PhysicalMemory& memory_;
  unsigned levels_;
  unsigned large_pages_;
  std::uint64_t address_limit_;
  std::unordered_map<hw::PhysAddr, Table> tables_;  // all that are allocated, unlinked ones as well
  hw::PhysAddr root_ = 0;
  std::uint64_t mapped_ = 0;
};

}  // namespace gpudmar::vtd
