// SPDX-License-Identifier: Apache-2.0
// Order is the whole point: a number is handed out only after its entry stands, and returns only after the
// invalidation is complete.
#include "driver-model/dxgkrnl/dma_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::dxgkrnl {
namespace {

bool consecutive(const std::vector<std::uint64_t>& pages) {
  return std::adjacent_find(pages.begin(), pages.end(), [](auto a, auto b) { return b != a + 1; }) ==
         pages.end();
}

}  // namespace

DmaSpace::DmaSpace(hw::Time& time, vtd::RemappingUnit& unit, std::uint64_t highest_visible_address,
                   std::optional<std::uint64_t> shuffle_seed)
    : time_(time), unit_(&unit), domain_(&unit.create_domain()) {
  // What the unit can not translate is no more visible than what the device can not drive.
  const std::uint64_t input_limit = (unit.capabilities().input_page_limit() << hw::kPageShift) - 1;
  allocator_ =
      std::make_unique<vtd::LogicalAllocator>(std::min(highest_visible_address, input_limit),
                                              std::vector<vtd::LogicalAllocator::Range>{}, shuffle_seed);
}

DmaSpace::~DmaSpace() {
  if (domain_ == nullptr) return;
  try {
    for (const std::uint16_t source_id : std::set(domain_->devices())) unit_->detach(*domain_, source_id);
    unit_->destroy_domain(*domain_);
  } catch (const std::exception&) {
    // The unit does not answer; close() is where that is reported.
  }
}

void DmaSpace::attach(std::uint16_t source_id) {
  if (domain_ != nullptr) unit_->attach(*domain_, source_id);
}

void DmaSpace::close() {
  if (domain_ == nullptr) return;
  if (allocator_->used_pages() != 0)
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kLogicalBlockLeaked, 0, 0, 0},
                   fmt::format("{} logical pages are still handed out", allocator_->used_pages()));
  std::uint64_t step = bugcheck::kLeaveDomainFailed;
  try {
    for (const std::uint16_t source_id : std::set(domain_->devices())) unit_->detach(*domain_, source_id);
    step = bugcheck::kDomainDeleteFailed;
    unit_->destroy_domain(*domain_);
  } catch (const std::exception& error) {
    domain_ = nullptr;
    throw BugCheck(bugcheck::kHalIommuInternalError, {step, 0, 0, 0}, error.what());
  }
  domain_ = nullptr;
}

std::optional<DeviceRange> DmaSpace::map(const std::vector<mm::Pfn>& pfns, Contiguity contiguity,
                                         const vtd::Access& access) {
  DeviceRange range;
  if (domain_ == nullptr) {
    const bool run = consecutive(pfns);
    if (contiguity == Contiguity::kRequire && !run) return std::nullopt;
    range.contiguous = contiguity != Contiguity::kAny && run;
    range.pages = pfns;
    return range;
  }
  if (contiguity != Contiguity::kAny) {
    if (const auto first = allocator_->allocate_run(pfns.size())) {
      range.contiguous = true;
      range.pages.resize(pfns.size());
      std::iota(range.pages.begin(), range.pages.end(), *first);
    } else if (contiguity == Contiguity::kRequire) {
      return std::nullopt;
    }
  }
  if (!range.contiguous) {
    auto pages = allocator_->allocate_pages(pfns.size());
    if (!pages) return std::nullopt;
    range.pages = std::move(*pages);
  }
  try {
    domain_->map(range.pages, pfns, access);
  } catch (const vtd::QueueError&) {
    throw;  // the entries may be visible: neither numbers nor pages can be given back
  } catch (const vtd::VtdError&) {
    allocator_->free(range.pages);
    return std::nullopt;
  }
  return range;
}

DmaSpace::UnmapTimes DmaSpace::unmap(const DeviceRange& range) {
  UnmapTimes times{time_.now(), time_.now(), time_.now()};
  if (domain_ == nullptr) return times;
  try {
    const vtd::InvalidationSpan span = domain_->unmap(range.pages);
    times.invalidate_begin = span.begin;
    times.invalidate_done = span.end;
  } catch (const std::exception& error) {
    throw BugCheck(bugcheck::kHalIommuInternalError,
                   {bugcheck::kUnmapFailed, 0, 0, range.pages.front() << hw::kPageShift}, error.what());
  }
  allocator_->free(range.pages);
  return times;
}

}  // namespace gpudmar::dxgkrnl
