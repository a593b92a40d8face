// SPDX-License-Identifier: Apache-2.0
// Pageable memory: the page file, and who gives up page frames when they run short.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "driver-model/mm/pages.h"

namespace gpudmar::mm {

/// Memory of which pages may be absent.
class Pageable {
 public:
  virtual ~Pageable() = default;
  /// Resident pages that nobody has locked.
  [[nodiscard]] virtual std::uint64_t trimmable() const = 0;
  /// Write up to `limit` of them to the page file and free their frames; how many that were.
  virtual std::uint64_t trim(std::uint64_t limit) = 0;
};

/// The page file and the pages in front of it. Not thread-safe: the memory manager's lock covers it.
class Pager {
 public:
  /// `page_file_pages`: room of the page file, by which the commit limit grows.
  Pager(PageAllocator& pages, std::uint64_t page_file_pages);
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  [[nodiscard]] PageAllocator& pages() { return pages_; }

  /// Let at least `count` frames be free: where they are too few, unlocked pages are written out. false = not
  /// even then; nothing changed.
  [[nodiscard]] bool make_room(std::uint64_t count);
  /// Frames for `count` pages to be brought in, their content undefined. Where free frames are too few,
  /// others' unlocked pages are written out. nullopt = not even then; nothing changed.
  [[nodiscard]] std::optional<std::vector<Pfn>> frames(std::uint64_t count);
  /// Memory pressure: write out up to `count` pages wherever they are not locked. How many that were.
  std::uint64_t trim(std::uint64_t count);

  /// Keep a page's bytes in the page file; nullopt = it is full.
  [[nodiscard]] std::optional<std::uint64_t> write_out(Pfn pfn);
  /// Bring kept bytes into a frame; they stay in the file until forget().
  void read_in(std::uint64_t slot, Pfn pfn);
  void forget(std::uint64_t slot) { file_.erase(slot); }

  [[nodiscard]] std::uint64_t file_pages() const { return capacity_; }
  [[nodiscard]] std::uint64_t file_pages_used() const { return file_.size(); }

  /// `memory` takes part until remove().
  void add(Pageable& memory) { pageable_.push_back(&memory); }
  void remove(Pageable& memory) { pageable_.remove(&memory); }

 private:
  using Content = std::array<std::byte, hw::kPageSize>;

  PageAllocator& pages_;
  std::uint64_t capacity_;
  std::uint64_t next_slot_ = 0;
  std::map<std::uint64_t, Content> file_;
  std::list<Pageable*> pageable_;  // who was trimmed longest ago comes first
};

}  // namespace gpudmar::mm
