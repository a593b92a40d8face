// SPDX-License-Identifier: Apache-2.0
// Second-stage page tables of one domain (VT-d 2.3), built in RAM with 4 KiB leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"

namespace gpudmar::vtd {

/// Device permissions of a mapping, and whether its accesses are forced to snoop (needs ECAP.SC).
struct Access {
  bool read = true;
  bool write = true;
  bool snoop = false;
};

/// One leaf as it stands in the table.
struct Translation {
  mm::Pfn pfn = 0;
  bool read = false;
  bool write = false;
};

/// The table tree. Entries change by single aligned 64-bit stores, each published before the entry that links
/// to it, leaves last, so a walker sees the old or the new translation and nothing else. Tables stay until
/// destruction: unmapping changes leaves only, and its invalidation may say so (IH = 1). Not thread-safe.
class SecondStage {
 public:
  /// `levels`: 3 (39 bits) or 4 (48 bits). Tables come from RAM up to `address_limit`, inclusive.
  /// Throws VtdError when there is no memory for the root.
  SecondStage(mm::PageAllocator& pages, unsigned levels, std::uint64_t address_limit);
  ~SecondStage();
  SecondStage(const SecondStage&) = delete;
  SecondStage& operator=(const SecondStage&) = delete;

  /// Map input page logical[i] to page frame pfns[i]. All or nothing: throws VtdError, with every translation
  /// as before, when tables can not be had or a page is mapped already (a present leaf never changes its
  /// target).
  void map(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& pfns, const Access& access);
  /// Clear the leaves. The caller invalidates before anything is reused. Throws VtdError, with nothing
  /// changed, when a page is not mapped.
  void unmap(const std::vector<std::uint64_t>& logical);

  /// The translation of an input page as software sees the tables.
  [[nodiscard]] std::optional<Translation> lookup(std::uint64_t logical) const;

  [[nodiscard]] hw::PhysAddr root() const { return root_; }
  [[nodiscard]] unsigned levels() const { return levels_; }
  [[nodiscard]] std::uint64_t mapped_pages() const { return mapped_; }
  [[nodiscard]] std::uint64_t table_pages() const { return tables_.size(); }
  /// Every input page that is mapped, ascending: walks the whole tree.
  [[nodiscard]] std::vector<std::uint64_t> mapped_logical_pages() const;

 private:
  [[nodiscard]] std::optional<hw::PhysAddr> new_table();
  /// Address of the leaf entry; missing tables are made when `create`. nullopt = absent, or no memory.
  [[nodiscard]] std::optional<hw::PhysAddr> leaf(std::uint64_t logical, bool create);
  [[nodiscard]] std::optional<hw::PhysAddr> find_leaf(std::uint64_t logical) const;
  void store(hw::PhysAddr entry, std::uint64_t value);
  void collect(hw::PhysAddr table, unsigned level, std::uint64_t base, std::vector<std::uint64_t>& out) const;

  mm::PageAllocator& pages_;
  hw::PhysicalMemory& memory_;
  unsigned levels_;
  std::uint64_t address_limit_;
  std::vector<mm::Pfn> tables_;
  hw::PhysAddr root_ = 0;
  std::uint64_t mapped_ = 0;
};

}  // namespace gpudmar::vtd
