// SPDX-License-Identifier: Apache-2.0
// Mapping and unmapping pages of one domain, with the invalidations that each needs (VT-d 9.E, 9.F).
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
    : unit_(unit), id_(id), tables_(unit.pages(), unit.capabilities().levels, unit.address_limit()) {}

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
  const std::lock_guard guard(unit_.lock_);
  Access effective = access;
  effective.snoop = access.snoop && unit_.capabilities().snoop_control;  // SNP is reserved without ECAP.SC
  tables_.map(logical, pfns, effective);
  if (unit_.capabilities().caching_mode)
    unit_.queue_->submit(invalidations(logical));  // not-present entries may be cached
  else
    unit_.flush_write_buffer();
}

InvalidationSpan Domain::unmap(const std::vector<std::uint64_t>& logical) {
  const std::lock_guard guard(unit_.lock_);
  tables_.unmap(logical);
  return unit_.queue_->submit(invalidations(logical));
}

std::vector<Descriptor> Domain::invalidations(std::vector<std::uint64_t> logical) const {
  const Capabilities& caps = unit_.capabilities();
  if (!caps.page_selective) return {iotlb_domain(id_)};
  std::sort(logical.begin(), logical.end());
  std::vector<Descriptor> out;
  // Mapping with caching mode on may have changed upper entries as well: IH only where leaves alone change.
  const bool leaf_only = !caps.caching_mode;
  for (const mm::PageRun& run : mm::to_runs(logical))
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
