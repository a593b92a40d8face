// SPDX-License-Identifier: Apache-2.0
// Every change has two passes: the first makes tables that nothing links to yet and finds every obstacle, the
// second only stores, so a failure never leaves a half-made change behind.
#include "driver-model/vtd/second_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr unsigned kIndexBits = 9;
constexpr std::uint64_t kEntries = 1ULL << kIndexBits;
constexpr std::uint64_t kEntryBytes = 8;
constexpr unsigned kLargestLeaf = 3;  // level of a 1 GiB page
// In place of tables that there is no memory for: no RAM is there, and the 12 address bits are free for
// entries.
constexpr hw::PhysAddr kMissing = 1ULL << 63;

std::uint64_t index_of(std::uint64_t logical, unsigned level) {
  return (logical >> leaf_order(level)) & (kEntries - 1);
}

bool present(std::uint64_t entry) { return r::ss_entry::R.get(entry) != 0 || r::ss_entry::W.get(entry) != 0; }

bool is_leaf(std::uint64_t entry, unsigned level) { return level == 1 || r::ss_entry::PS.get(entry) != 0; }

std::uint64_t pages_of(unsigned level) { return 1ULL << leaf_order(level); }

hw::PhysAddr target(std::uint64_t entry) { return r::ss_entry::ADDR.get(entry) << hw::kPageShift; }

std::uint64_t link_to(hw::PhysAddr table) {
  return r::ss_entry::R.put(1) | r::ss_entry::W.put(1) | r::ss_entry::ADDR.put(table >> hw::kPageShift);
}

std::uint64_t leaf_value(mm::Pfn pfn, unsigned level, const Access& access) {
  return r::ss_entry::R.put(access.read ? 1 : 0) | r::ss_entry::W.put(access.write ? 1 : 0) |
         r::ss_entry::SNP.put(access.snoop ? 1 : 0) | r::ss_entry::PS.put(level > 1 ? 1 : 0) |
         r::ss_entry::ADDR.put(pfn);
}

void check_access(const Access& access, const char* what) {
  if (!access.read && !access.write)
    throw VtdError(fmt::format("{}: neither read nor write is permitted", what));
}

}  // namespace

/// Entries to be stored by one map(), and the tables that they need.
class SecondStage::Plan {
 public:
  explicit Plan(SecondStage& stage) : stage_(stage) {}
  ~Plan() {
    std::vector<mm::Pfn> unused;
    for (const Link& link : links_) unused.push_back(link.table >> hw::kPageShift);
    if (!unused.empty()) stage_.pages_.free(unused);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  void add_leaf(std::uint64_t logical, unsigned level, std::uint64_t value) {
    hw::PhysAddr table = stage_.root_;
    for (unsigned at = stage_.levels_; at > level; --at) table = descend(table, at, logical);
    const hw::PhysAddr entry = table + index_of(logical, level) * kEntryBytes;
    // A table here holds some leaf: those without any are not linked.
    if (new_tables_.count(entry) != 0 || present(load(entry)) || !taken_.insert(entry).second)
      throw_mapped(logical);
    leaves_.push_back({table, entry, level, logical, value});
  }

  void commit() {
    if (missing_ != 0) {
      const std::uint64_t tables = links_.size() + missing_;
      throw NoTableMemory(fmt::format("second stage: no memory for {} of {} tables", missing_, tables),
                          tables);
    }
    for (const Link& link : links_) {
      stage_.tables_[link.table] = {0, link.parent, link.entry};
      ++stage_.tables_.at(link.parent).used;
      stage_.store(link.entry, link_to(link.table));
    }
    links_.clear();
    for (const Leaf& leaf : leaves_) {
      ++stage_.tables_.at(leaf.table).used;
      stage_.store(leaf.entry, leaf.value);
      stage_.mapped_ += pages_of(leaf.level);
    }
  }

 private:
  struct Link {
    hw::PhysAddr parent = 0;
    hw::PhysAddr entry = 0;
    hw::PhysAddr table = 0;
  };

  [[noreturn]] static void throw_mapped(std::uint64_t logical) {
    throw VtdError(fmt::format("map: logical page {:#x} is mapped already", logical));
  }

  hw::PhysAddr descend(hw::PhysAddr table, unsigned level, std::uint64_t logical) {
    const hw::PhysAddr entry = table + index_of(logical, level) * kEntryBytes;
    if (const auto it = new_tables_.find(entry); it != new_tables_.end()) return it->second;
    const std::uint64_t value = load(entry);
    if (present(value)) {
      if (is_leaf(value, level)) throw_mapped(logical);
      return target(value);
    }
    if (taken_.count(entry) != 0) throw_mapped(logical);
    // Without memory the plan goes on, to know how much it takes and whether something else is in its way.
    const auto page = missing_ == 0 ? stage_.try_new_page() : std::nullopt;
    const hw::PhysAddr made = page.value_or(kMissing + missing_ * hw::kPageSize);
    if (page)
      links_.push_back({table, entry, made});
    else
      ++missing_;
    new_tables_.emplace(entry, made);
    return made;
  }

  [[nodiscard]] std::uint64_t load(hw::PhysAddr entry) const {
    return entry >= kMissing ? 0 : stage_.memory_.load64(entry);
  }

  SecondStage& stage_;
  std::vector<Link> links_;    // upper ones first
  std::uint64_t missing_ = 0;  // tables without a page
  std::unordered_map<hw::PhysAddr, hw::PhysAddr> new_tables_;
  std::unordered_set<hw::PhysAddr> taken_;  // entries of leaves_
  std::vector<Leaf> leaves_;
};

SecondStage::SecondStage(mm::PageAllocator& pages, unsigned levels, unsigned large_pages,
                         std::uint64_t address_limit)
    : pages_(pages),
      memory_(pages.memory()),
      levels_(levels),
      large_pages_(large_pages),
      address_limit_(address_limit) {
  if (levels != 3 && levels != 4) throw VtdError(fmt::format("second stage: {} levels", levels));
  root_ = new_page();
  tables_[root_] = {};
}

SecondStage::~SecondStage() {
  std::vector<mm::Pfn> all;
  for (const auto& [address, table] : tables_) all.push_back(address >> hw::kPageShift);
  pages_.free(all);
}

std::optional<hw::PhysAddr> SecondStage::try_new_page() {
  try {
    const auto page = pages_.allocate(1, {0, address_limit_}, true, mm::Placement::kAscending);
    return page ? std::optional(page->front() << hw::kPageShift) : std::nullopt;
  } catch (const hw::HardwareError& error) {
    throw VtdError(fmt::format("no memory for a second-stage table: {}", error.what()));
  }
}

hw::PhysAddr SecondStage::new_page() {
  const auto page = try_new_page();
  if (!page) throw NoTableMemory("second stage: no memory for a table", 1);
  return *page;
}

void SecondStage::store(hw::PhysAddr entry, std::uint64_t value) {
  memory_.store64(entry, value);
  memory_.publish(entry, kEntryBytes);
}

std::optional<SecondStage::Leaf> SecondStage::find(std::uint64_t logical) const {
  if (logical >> leaf_order(levels_ + 1) != 0) return std::nullopt;
  hw::PhysAddr table = root_;
  for (unsigned level = levels_; level >= 1; --level) {
    const hw::PhysAddr entry = table + index_of(logical, level) * kEntryBytes;
    const std::uint64_t value = memory_.load64(entry);
    if (!present(value)) return std::nullopt;
    if (is_leaf(value, level)) return Leaf{table, entry, level, logical & ~(pages_of(level) - 1), value};
    table = target(value);
  }
  return std::nullopt;
}

void SecondStage::map(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& pfns,
                      const Access& access) {
  if (logical.size() != pfns.size())
    throw VtdError(fmt::format("map: {} logical pages for {} page frames", logical.size(), pfns.size()));
  check_access(access, "map");
  Plan plan(*this);
  for (std::size_t i = 0; i < logical.size();) {
    std::size_t run = 1;  // pages from here on that are consecutive on both sides
    while (i + run < logical.size() && logical[i + run] == logical[i] + run && pfns[i + run] == pfns[i] + run)
      ++run;
    if ((logical[i] + run - 1) >> leaf_order(levels_ + 1) != 0)
      throw VtdError(fmt::format("map: logical page {:#x} is beyond {} levels", logical[i], levels_));
    // The whole run at once: a leaf is as large as alignment and rest allow.
    for (const std::size_t end = i + run; i < end;) {
      unsigned level = 1;
      for (unsigned larger = 2; larger <= kLargestLeaf; ++larger)
        if ((large_pages_ >> (larger - 2) & 1) != 0 && (logical[i] | pfns[i]) % pages_of(larger) == 0 &&
            end - i >= pages_of(larger))
          level = larger;
      plan.add_leaf(logical[i], level, leaf_value(pfns[i], level, access));
      i += pages_of(level);
    }
  }
  plan.commit();
}

std::vector<SecondStage::Leaf> SecondStage::leaves_of(std::vector<std::uint64_t> logical, const char* what,
                                                      std::vector<Leaf>* partial) const {
  std::sort(logical.begin(), logical.end());
  logical.erase(std::unique(logical.begin(), logical.end()), logical.end());
  std::vector<Leaf> leaves;
  for (auto it = logical.begin(); it != logical.end();) {
    const auto leaf = find(*it);
    if (!leaf) throw VtdError(fmt::format("{}: logical page {:#x} is not mapped", what, *it));
    const std::uint64_t size = pages_of(leaf->level);
    const auto end = std::lower_bound(it, logical.end(), leaf->first + size);
    if (static_cast<std::uint64_t>(end - it) == size)
      leaves.push_back(*leaf);
    else if (partial != nullptr)
      partial->push_back(*leaf);
    else
      throw VtdError(fmt::format("{}: logical page {:#x} is part of a large page", what, *it));
    it = end;
  }
  return leaves;
}

// A new table that translates as the leaf does, with large pages again where `sorted` does not reach inside.
hw::PhysAddr SecondStage::copy_down(const Leaf& leaf, const std::vector<std::uint64_t>& sorted,
                                    std::vector<std::pair<hw::PhysAddr, Table>>& made) {
  const hw::PhysAddr table = new_page();
  const std::size_t slot = made.size();
  made.push_back({table, {static_cast<unsigned>(kEntries), leaf.table, leaf.entry}});
  const unsigned level = leaf.level - 1;
  const std::uint64_t size = pages_of(level);
  const std::uint64_t flags =
      (leaf.value & ~r::ss_entry::ADDR.mask() & ~r::ss_entry::PS.mask()) | r::ss_entry::PS.put(level > 1);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const std::uint64_t first = leaf.first + i * size;
    const hw::PhysAddr entry = table + i * kEntryBytes;
    std::uint64_t value = flags | r::ss_entry::ADDR.put(r::ss_entry::ADDR.get(leaf.value) + i * size);
    const auto begin = std::lower_bound(sorted.begin(), sorted.end(), first);
    const auto covered =
        static_cast<std::uint64_t>(std::lower_bound(begin, sorted.end(), first + size) - begin);
    if (covered != 0 && covered != size)
      value = link_to(copy_down({table, entry, level, first, value}, sorted, made));
    memory_.store64(entry, value);
  }
  memory_.publish(made[slot].first, hw::kPageSize);
  return table;
}

std::vector<mm::PageRun> SecondStage::split(const std::vector<std::uint64_t>& logical) {
  std::vector<Leaf> partial;
  (void)leaves_of(logical, "split", &partial);
  if (partial.empty()) return {};
  std::vector<std::uint64_t> sorted = logical;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::pair<hw::PhysAddr, Table>> made;
  std::vector<hw::PhysAddr> tops;
  try {
    for (const Leaf& leaf : partial) tops.push_back(copy_down(leaf, sorted, made));
  } catch (...) {
    std::vector<mm::Pfn> unused;
    unused.reserve(made.size());
    for (const auto& [address, table] : made) unused.push_back(address >> hw::kPageShift);
    pages_.free(unused);
    throw;
  }
  for (const auto& [address, table] : made) tables_[address] = table;
  std::vector<mm::PageRun> runs;
  for (std::size_t i = 0; i < partial.size(); ++i) {
    store(partial[i].entry, link_to(tops[i]));
    runs.push_back({partial[i].first, pages_of(partial[i].level)});
  }
  return runs;
}

SecondStage::Removal SecondStage::unmap(const std::vector<std::uint64_t>& logical) {
  const std::vector<Leaf> leaves = leaves_of(logical, "unmap", nullptr);
  std::vector<hw::PhysAddr> empty;
  for (const Leaf& leaf : leaves) {
    store(leaf.entry, 0);
    mapped_ -= pages_of(leaf.level);
    if (--tables_.at(leaf.table).used == 0) empty.push_back(leaf.table);
  }
  Removal removal;
  for (hw::PhysAddr table : empty)
    while (table != root_ && tables_.at(table).used == 0) {
      const Table& record = tables_.at(table);
      store(record.parent_entry, 0);
      removal.retired.push_back(table >> hw::kPageShift);
      table = record.parent;
      --tables_.at(table).used;
    }
  return removal;
}

void SecondStage::release(const std::vector<mm::Pfn>& retired) {
  for (const mm::Pfn page : retired) tables_.erase(page << hw::kPageShift);
  pages_.free(retired);
}

void SecondStage::protect(const std::vector<std::uint64_t>& logical, const Access& access) {
  check_access(access, "protect");
  for (const Leaf& leaf : leaves_of(logical, "protect", nullptr))
    store(leaf.entry, leaf_value(r::ss_entry::ADDR.get(leaf.value), leaf.level, access));
}

std::optional<Translation> SecondStage::lookup(std::uint64_t logical) const {
  const auto leaf = find(logical);
  if (!leaf) return std::nullopt;
  return Translation{r::ss_entry::ADDR.get(leaf->value) + (logical - leaf->first),
                     r::ss_entry::R.get(leaf->value) != 0, r::ss_entry::W.get(leaf->value) != 0,
                     hw::kPageShift + leaf_order(leaf->level)};
}

void SecondStage::collect(hw::PhysAddr table, unsigned level, std::uint64_t base,
                          std::vector<std::uint64_t>& out) const {
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const std::uint64_t value = memory_.load64(table + i * kEntryBytes);
    if (!present(value)) continue;
    const std::uint64_t first = base + (i << leaf_order(level));
    if (!is_leaf(value, level))
      collect(target(value), level - 1, first, out);
    else
      for (std::uint64_t page = 0; page < pages_of(level); ++page) out.push_back(first + page);
  }
}

std::vector<std::uint64_t> SecondStage::mapped_logical_pages() const {
  std::vector<std::uint64_t> out;
  collect(root_, levels_, 0, out);
  return out;
}

}  // namespace gpudmar::vtd
