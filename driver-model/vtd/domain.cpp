// SPDX-License-Identifier: Apache-2.0
// Mapping and unmapping pages of one domain, with the invalidations that each needs (VT-d 9.E to 9.G).
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "driver-model/vtd/remapping_unit.h"

namespace gpudmar::vtd {
namespace {

// Beyond this many page blocks one domain-selective invalidation costs less than the blocks do.
constexpr std::size_t kMaxBlocks = 32;

bool in_interrupt_window(std::uint64_t page) {
  return page >= hw::kInterruptWindowBase >> hw::kPageShift &&
         page < hw::kInterruptWindowEnd >> hw::kPageShift;
}

}  // namespace

Domain::Domain(RemappingUnit& unit, std::uint16_t id)
    : unit_(unit),
      id_(id),
      tables_(unit.pages(), unit.capabilities().levels, unit.capabilities().large_pages,
              unit.address_limit()) {}

bool Domain::reserves(std::uint64_t page) const {
  const auto next = std::upper_bound(reserved_.begin(), reserved_.end(), page,
                                     [](std::uint64_t p, const mm::PageRun& run) { return p < run.first; });
  return next != reserved_.begin() && page < std::prev(next)->first + std::prev(next)->count;
}

void Domain::reserve(const std::vector<mm::PageRun>& runs) {
  std::vector<mm::Pfn> pages;
  for (const mm::PageRun& run : runs)
    for (std::uint64_t i = 0; i < run.count; ++i)
      if (!reserves(run.first + i)) pages.push_back(run.first + i);
  if (pages.empty()) return;
  map(pages, pages, {true, true, true});
  std::vector<mm::PageRun> all = reserved_;
  for (const mm::PageRun& run : mm::to_runs(pages)) all.push_back(run);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  reserved_ = std::move(all);
}

void Domain::refuse_reserved(const std::vector<std::uint64_t>& logical, const char* what) const {
  if (reserved_.empty()) return;
  for (const std::uint64_t page : logical)
    if (reserves(page)) throw VtdError(fmt::format("{}: page {:#x} is reserved by firmware", what, page));
}

void Domain::map(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& pfns,
                 const Access& access) {
  const std::uint64_t limit = unit_.capabilities().input_page_limit();
  for (const std::uint64_t page : logical) {
    if (page >= limit)
      throw VtdError(fmt::format("map: logical page {:#x} is beyond the unit's input width", page));
    if (in_interrupt_window(page))
      throw VtdError(fmt::format("map: logical page {:#x} lies in the interrupt window", page));
  }
  for (const mm::Pfn pfn : pfns)
    if (in_interrupt_window(pfn))
      throw VtdError(fmt::format("map: page frame {:#x} lies in the interrupt window", pfn));
  refuse_reserved(logical, "map");
  const std::lock_guard guard(unit_.lock_);
  if (!unsettled_.empty())
    for (const std::uint64_t page : logical)
      if (unsettled_.count(page) != 0)
        throw VtdError(fmt::format("map: logical page {:#x} waits for its invalidation", page));
  tables_.map(logical, pfns, effective(access));
  if (unit_.capabilities().caching_mode)
    unit_.queue_->submit(invalidations(logical, false));  // not-present entries may be cached
  else
    unit_.flush_write_buffer();
}

InvalidationSpan Domain::unmap(const std::vector<std::uint64_t>& logical) {
  InvalidationBatch batch(unit_);
  unmap(logical, batch);
  return batch.commit();
}

void Domain::unmap(const std::vector<std::uint64_t>& logical, InvalidationBatch& batch) {
  refuse_reserved(logical, "unmap");
  const std::lock_guard guard(unit_.lock_);
  split_locked(logical);
  SecondStage::Removal removal = tables_.unmap(logical);
  defer(logical, removal.retired, batch);
}

InvalidationSpan Domain::protect(const std::vector<std::uint64_t>& logical, const Access& access) {
  InvalidationBatch batch(unit_);
  protect(logical, access, batch);
  return batch.commit();
}

void Domain::protect(const std::vector<std::uint64_t>& logical, const Access& access,
                     InvalidationBatch& batch) {
  refuse_reserved(logical, "protect");
  const std::lock_guard guard(unit_.lock_);
  split_locked(logical);
  tables_.protect(logical, effective(access));
  defer(logical, {}, batch);
}

void Domain::split(const std::vector<std::uint64_t>& logical) {
  const std::lock_guard guard(unit_.lock_);
  split_locked(logical);
}

// A large page gives way to a table of the same translations before a part of it changes; what is cached of
// the upper entries goes first, so that large and small translations of a page never differ.
void Domain::split_locked(const std::vector<std::uint64_t>& logical) {
  const std::vector<mm::PageRun> runs = tables_.split(logical);
  if (runs.empty()) return;
  unit_.queue_->submit(invalidations_of(runs, false));
}

void Domain::defer(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& retired,
                   InvalidationBatch& batch) {
  InvalidationBatch::Pending& pending = batch.pending_[this];
  pending.pages.insert(pending.pages.end(), logical.begin(), logical.end());
  pending.retired.insert(pending.retired.end(), retired.begin(), retired.end());
  pending.leaf_only = pending.leaf_only && retired.empty();
  for (const std::uint64_t page : logical) ++unsettled_[page];
}

void Domain::settle(const std::vector<std::uint64_t>& pages) {
  for (const std::uint64_t page : pages)
    if (const auto it = unsettled_.find(page); it != unsettled_.end() && --it->second == 0)
      unsettled_.erase(it);
}

Access Domain::effective(const Access& access) const {
  Access out = access;
  out.snoop = access.snoop && unit_.capabilities().snoop_control;  // SNP is reserved without ECAP.SC
  return out;
}

std::vector<Descriptor> Domain::invalidations(std::vector<std::uint64_t> logical, bool leaf_only) const {
  std::sort(logical.begin(), logical.end());
  logical.erase(std::unique(logical.begin(), logical.end()), logical.end());
  return invalidations_of(mm::to_runs(logical), leaf_only);
}

std::vector<Descriptor> Domain::invalidations_of(const std::vector<mm::PageRun>& runs, bool leaf_only) const {
  const Capabilities& caps = unit_.capabilities();
  if (!caps.page_selective) return {iotlb_domain(id_)};
  std::vector<Descriptor> out;
  for (const mm::PageRun& run : runs)
    for (const PageBlock& block : cover(run, caps.max_address_mask)) {
      if (out.size() == kMaxBlocks) return {iotlb_domain(id_)};
      out.push_back(iotlb_pages(id_, block.page, block.mask, leaf_only));
    }
  return out;
}

std::optional<Translation> Domain::lookup(std::uint64_t logical) const {
  const std::lock_guard guard(unit_.lock_);
  return tables_.lookup(logical);
}

std::vector<std::uint64_t> Domain::mapped_logical_pages() const {
  const std::lock_guard guard(unit_.lock_);
  return tables_.mapped_logical_pages();
}

}  // namespace gpudmar::vtd
