// SPDX-License-Identifier: Apache-2.0
// Mapping has two passes: the first makes every table and finds every obstacle, the second only stores
// leaves, so a failure never leaves a half-made mapping behind.
#include "driver-model/vtd/second_stage.h"

#include <fmt/format.h>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr unsigned kIndexBits = 9;
constexpr std::uint64_t kEntries = 1ULL << kIndexBits;
constexpr std::uint64_t kEntryBytes = 8;

std::uint64_t index_of(std::uint64_t logical, unsigned level) {
  return (logical >> (kIndexBits * (level - 1))) & (kEntries - 1);
}

bool present(std::uint64_t entry) { return r::ss_entry::R.get(entry) != 0 || r::ss_entry::W.get(entry) != 0; }

}  // namespace

SecondStage::SecondStage(mm::PageAllocator& pages, unsigned levels, std::uint64_t address_limit)
    : pages_(pages), memory_(pages.memory()), levels_(levels), address_limit_(address_limit) {
  if (levels != 3 && levels != 4) throw VtdError(fmt::format("second stage: {} levels", levels));
  const auto root = new_table();
  if (!root) throw VtdError("second stage: no memory for the root table");
  root_ = *root;
}

SecondStage::~SecondStage() { pages_.free(tables_); }

std::optional<hw::PhysAddr> SecondStage::new_table() {
  const auto page = pages_.allocate(1, {0, address_limit_}, true, mm::Placement::kAscending);
  if (!page) return std::nullopt;
  tables_.push_back(page->front());
  return page->front() << hw::kPageShift;
}

void SecondStage::store(hw::PhysAddr entry, std::uint64_t value) {
  memory_.store64(entry, value);
  memory_.publish(entry, kEntryBytes);
}

std::optional<hw::PhysAddr> SecondStage::leaf(std::uint64_t logical, bool create) {
  hw::PhysAddr table = root_;
  for (unsigned level = levels_; level > 1; --level) {
    const hw::PhysAddr entry = table + index_of(logical, level) * kEntryBytes;
    const std::uint64_t value = memory_.load64(entry);
    if (present(value)) {
      table = r::ss_entry::ADDR.get(value) << hw::kPageShift;
      continue;
    }
    if (!create) return std::nullopt;
    const auto lower = new_table();
    if (!lower) return std::nullopt;
    store(entry,
          r::ss_entry::R.put(1) | r::ss_entry::W.put(1) | r::ss_entry::ADDR.put(*lower >> hw::kPageShift));
    table = *lower;
  }
  return table + index_of(logical, 1) * kEntryBytes;
}

std::optional<hw::PhysAddr> SecondStage::find_leaf(std::uint64_t logical) const {
  return const_cast<SecondStage*>(this)->leaf(logical, false);  // changes nothing without `create`
}

void SecondStage::map(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& pfns,
                      const Access& access) {
  if (logical.size() != pfns.size())
    throw VtdError(fmt::format("map: {} logical pages for {} page frames", logical.size(), pfns.size()));
  if (!access.read && !access.write) throw VtdError("map: neither read nor write is permitted");
  const std::uint64_t limit = 1ULL << (kIndexBits * levels_);
  std::vector<hw::PhysAddr> leaves;
  leaves.reserve(logical.size());
  for (const std::uint64_t page : logical) {
    if (page >= limit)
      throw VtdError(fmt::format("map: logical page {:#x} is beyond {} levels", page, levels_));
    const auto entry = leaf(page, true);
    if (!entry) throw VtdError(fmt::format("map: no memory for the tables of logical page {:#x}", page));
    if (present(memory_.load64(*entry)))
      throw VtdError(fmt::format("map: logical page {:#x} is mapped already", page));
    leaves.push_back(*entry);
  }
  const std::uint64_t flags = r::ss_entry::R.put(access.read ? 1 : 0) |
                              r::ss_entry::W.put(access.write ? 1 : 0) |
                              r::ss_entry::SNP.put(access.snoop ? 1 : 0);
  for (std::size_t i = 0; i < leaves.size(); ++i) store(leaves[i], flags | r::ss_entry::ADDR.put(pfns[i]));
  mapped_ += leaves.size();
}

void SecondStage::unmap(const std::vector<std::uint64_t>& logical) {
  std::vector<hw::PhysAddr> leaves;
  leaves.reserve(logical.size());
  for (const std::uint64_t page : logical) {
    const auto entry = find_leaf(page);
    if (!entry || !present(memory_.load64(*entry)))
      throw VtdError(fmt::format("unmap: logical page {:#x} is not mapped", page));
    leaves.push_back(*entry);
  }
  for (const hw::PhysAddr entry : leaves) store(entry, 0);
  mapped_ -= leaves.size();
}

std::optional<Translation> SecondStage::lookup(std::uint64_t logical) const {
  if (logical >= 1ULL << (kIndexBits * levels_)) return std::nullopt;
  const auto entry = find_leaf(logical);
  if (!entry) return std::nullopt;
  const std::uint64_t value = memory_.load64(*entry);
  if (!present(value)) return std::nullopt;
  return Translation{r::ss_entry::ADDR.get(value), r::ss_entry::R.get(value) != 0,
                     r::ss_entry::W.get(value) != 0};
}

void SecondStage::collect(hw::PhysAddr table, unsigned level, std::uint64_t base,
                          std::vector<std::uint64_t>& out) const {
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const std::uint64_t value = memory_.load64(table + i * kEntryBytes);
    if (!present(value)) continue;
    const std::uint64_t page = (base << kIndexBits) | i;
    if (level == 1)
      out.push_back(page);
    else
      collect(r::ss_entry::ADDR.get(value) << hw::kPageShift, level - 1, page, out);
  }
}

std::vector<std::uint64_t> SecondStage::mapped_logical_pages() const {
  std::vector<std::uint64_t> out;
  collect(root_, levels_, 0, out);
  return out;
}

}  // namespace gpudmar::vtd
