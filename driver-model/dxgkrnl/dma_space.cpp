// SPDX-License-Identifier: Apache-2.0
// Order is the whole point: a number is handed out only after its entry stands, and returns only after the
// invalidation is complete.
#include "driver-model/dxgkrnl/dma_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr unsigned kLargestLeaf = 3;  // level of a 1 GiB page
constexpr unsigned kMore = 1;
constexpr unsigned kLess = ~0U;  // -1 in the counters' arithmetic

bool consecutive(const std::vector<std::uint64_t>& pages) {
  return std::adjacent_find(pages.begin(), pages.end(), [](auto a, auto b) { return b != a + 1; }) ==
         pages.end();
}

// Pages by the permissions that they get.
using ByAccess = std::map<std::tuple<bool, bool, bool>, std::vector<mm::Pfn>>;
std::vector<mm::Pfn>& of(ByAccess& groups, const vtd::Access& access) {
  return groups[{access.read, access.write, access.snoop}];
}
vtd::Access access_of(const ByAccess::value_type& group) {
  return {std::get<0>(group.first), std::get<1>(group.first), std::get<2>(group.first)};
}

}  // namespace

void DmaSpace::PageUse::add(const vtd::Access& access, unsigned sign) {
  ranges += sign;
  if (access.read) read += sign;
  if (access.write) write += sign;
  if (access.snoop) snoop += sign;
}

DmaSpace::DmaSpace(hw::Time& time, vtd::RemappingUnit& unit, std::uint64_t highest_visible_address,
                   const vtd::LogicalAllocator::Order& order, const std::vector<mm::PageRun>& reserved)
    : DmaSpace(time) {  // from here on the destructor runs, whatever is thrown
  mode_ = RemappingMode::kLogical;
  unit_ = &unit;
  domain_ = &unit.create_domain();
  domain_->reserve(reserved);
  std::vector<vtd::LogicalAllocator::Range> withheld;
  withheld.reserve(reserved.size());
  for (const mm::PageRun& run : reserved) withheld.push_back({run.first, run.count});
  // What the unit can not translate is no more visible than what the device can not drive.
  const std::uint64_t input_limit = (unit.capabilities().input_page_limit() << hw::kPageShift) - 1;
  allocator_ = std::make_unique<vtd::LogicalAllocator>(std::min(highest_visible_address, input_limit),
                                                       withheld, order);
}

std::unique_ptr<DmaSpace> DmaSpace::isolated(hw::Time& time, vtd::RemappingUnit& unit,
                                             std::uint64_t highest_ram,
                                             const std::vector<mm::PageRun>& reserved) {
  auto space = std::make_unique<DmaSpace>(time);
  space->isolate(unit, highest_ram, reserved, {});
  return space;
}

void DmaSpace::open_domain(vtd::RemappingUnit& unit) {
  unit_ = &unit;
  if (domain_ == nullptr) domain_ = &unit.create_domain();
}

void DmaSpace::isolate(vtd::RemappingUnit& unit, std::uint64_t highest_ram,
                       const std::vector<mm::PageRun>& reserved,
                       const std::vector<const DeviceRange*>& ranges) {
  if (mode_ != RemappingMode::kPhysical)
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kIommuEnabledWrongly, 0, 0, 0},
                   "1:1 isolation for an address space that has another mode");
  if (highest_ram >> hw::kPageShift >= unit.capabilities().input_page_limit())
    throw vtd::VtdError(
        fmt::format("1:1 isolation: memory up to {:#x} lies beyond the unit's input width", highest_ram));
  open_domain(unit);
  mode_ = RemappingMode::kIsolation;
  try {
    domain_->reserve(reserved);
    Uses changed;
    for (const DeviceRange* range : ranges) changed = changed_uses(*range, kMore, std::move(changed));
    grow(changed);
  } catch (const vtd::VtdError&) {
    leave_isolation();
    throw;
  }
}

void DmaSpace::reserve(const std::vector<mm::PageRun>& reserved) {
  if (mode_ != RemappingMode::kPhysical) domain_->reserve(reserved);
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

void DmaSpace::attach(const std::vector<std::uint16_t>& source_ids) {
  if (mode_ == RemappingMode::kPhysical) return;
  std::vector<std::pair<std::uint16_t, bool>> done;
  try {
    for (const std::uint16_t source_id : source_ids) {
      const bool passing = unit_->passes_through(source_id);
      unit_->attach(*domain_, source_id);
      done.emplace_back(source_id, passing);
    }
  } catch (const vtd::VtdError&) {
    try {
      for (const auto& [source_id, passing] : done) {
        unit_->detach(*domain_, source_id);
        if (passing) unit_->pass_through(source_id);
      }
    } catch (const std::exception& error) {
      // Nobody knows what a device still reaches: no page of the domain may have another owner any more.
      throw BugCheck(bugcheck::kHalIommuInternalError, {bugcheck::kLeaveDomainFailed, 0, 0, 0}, error.what());
    }
    throw;
  }
}

void DmaSpace::leave_isolation() {
  if (mode_ != RemappingMode::kIsolation || !domain_->devices().empty())  // R25
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kIommuDisabledWrongly, 0, 0, 0},
                   "isolation ends under devices that have it, or without having begun");
  try {
    unit_->destroy_domain(*domain_);
  } catch (const vtd::VtdError&) {
    // The domain stays behind with the unit that does not answer; nobody is attached to it.
  }
  domain_ = nullptr;
  uses_.clear();
  mode_ = RemappingMode::kPhysical;
}

void DmaSpace::reattach() {
  if (domain_ == nullptr) return;
  try {
    const std::set<std::uint16_t> devices = domain_->devices();
    for (const std::uint16_t source_id : devices) unit_->detach(*domain_, source_id);
    for (const std::uint16_t source_id : devices) unit_->attach(*domain_, source_id);
  } catch (const std::exception& error) {
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kDomainReattachFailed, 0, 0, 0},
                   error.what());
  }
}

void DmaSpace::close() {
  if (domain_ == nullptr) return;
  if (pages_used() != 0)
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kLogicalBlockLeaked, 0, 0, 0},
                   fmt::format("{} logical pages are still handed out", pages_used()));
  detach();
  std::uint64_t reserved = 0;
  for (const mm::PageRun& run : domain_->reserved()) reserved += run.count;
  if (domain_->mapped_pages() != reserved)
    throw BugCheck(bugcheck::kVideoDxgkrnlSysmmFatalError, {bugcheck::kLogicalAllocatorLeaked, 0, 0, 0},
                   fmt::format("{} pages translate that nobody was given a number for",
                               domain_->mapped_pages() - reserved));
  try {
    unit_->destroy_domain(*domain_);
  } catch (const std::exception& error) {
    domain_ = nullptr;
    throw BugCheck(bugcheck::kHalIommuInternalError, {bugcheck::kDomainDeleteFailed, 0, 0, 0}, error.what());
  }
  domain_ = nullptr;
}

void DmaSpace::detach() {
  if (domain_ == nullptr) return;
  try {
    for (const std::uint16_t source_id : std::set(domain_->devices())) unit_->detach(*domain_, source_id);
  } catch (const std::exception& error) {
    domain_ = nullptr;  // it stays with the unit: nobody knows what the devices still reach
    throw BugCheck(bugcheck::kHalIommuInternalError, {bugcheck::kLeaveDomainFailed, 0, 0, 0}, error.what());
  }
}

std::uint64_t DmaSpace::pages_used() const {
  return allocator_ != nullptr ? allocator_->used_pages() : uses_.size();
}

// A run of numbers that keeps the phase of the memory's longest physical run, so that large pages fit;
// without one any run, unless `only_aligned`.
std::optional<std::uint64_t> DmaSpace::aligned_run(const std::vector<mm::Pfn>& pfns, bool only_aligned) {
  mm::PageRun longest;
  std::uint64_t at = 0;  // its place in the list
  std::uint64_t index = 0;
  for (const mm::PageRun& run : mm::to_runs(pfns)) {
    if (run.count > longest.count) {
      longest = run;
      at = index;
    }
    index += run.count;
  }
  const unsigned supported = unit_->capabilities().large_pages;
  for (unsigned level = kLargestLeaf; level > 1; --level) {
    const std::uint64_t size = 1ULL << vtd::leaf_order(level);
    const std::uint64_t aligned = (longest.first + size - 1) / size * size;
    if ((supported >> (level - 2) & 1) == 0 || aligned + size > longest.first + longest.count) continue;
    if (const auto first = allocator_->allocate_run(pfns.size(), size, longest.first - at)) return first;
  }
  return only_aligned ? std::nullopt : allocator_->allocate_run(pfns.size());
}

// The numbers of a new range; in logical mode they are taken. nullopt = there are none of that shape.
std::optional<DeviceRange> DmaSpace::number(const std::vector<mm::Pfn>& pfns, Contiguity contiguity) {
  DeviceRange range;
  if (mode_ != RemappingMode::kLogical) {
    const bool run = consecutive(pfns);
    if (contiguity == Contiguity::kRequire && !run) return std::nullopt;
    range.contiguous = contiguity != Contiguity::kAny && run;
    range.pages = pfns;
    return range;
  }
  if (unit_->pages().failures().fails()) return std::nullopt;
  // Page arrays get a run as well where that makes large pages, unless their numbers are to be shuffled.
  const bool any = contiguity == Contiguity::kAny;
  if (const auto first = any && allocator_->shuffles() ? std::nullopt : aligned_run(pfns, any)) {
    range.contiguous = !any;
    range.pages.resize(pfns.size());
    std::iota(range.pages.begin(), range.pages.end(), *first);
    return range;
  }
  if (contiguity == Contiguity::kRequire) return std::nullopt;
  auto pages = allocator_->allocate_pages(pfns.size());
  if (!pages) return std::nullopt;
  range.pages = std::move(*pages);
  return range;
}

void DmaSpace::map_range(const DeviceRange& range, const std::vector<mm::Pfn>& pfns) {
  if (mode_ == RemappingMode::kLogical)
    domain_->map(range.pages, pfns, range.access);
  else
    grow(changed_uses(range, kMore, {}));
}

std::optional<DeviceRange> DmaSpace::map(const std::vector<mm::Pfn>& pfns, Contiguity contiguity,
                                         const vtd::Access& access, const MakeRoom& make_room) {
  auto range = number(pfns, contiguity);
  if (!range) return std::nullopt;
  range->access = access;
  if (mode_ == RemappingMode::kPhysical) return range;
  // Page frames that the tables take. A change of several steps names those of the one that failed, so each
  // failure asks for more until there is no more.
  for (std::uint64_t tables = 0;;) {
    try {
      map_range(*range, pfns);
      return range;
    } catch (const vtd::QueueError&) {
      throw;  // the entries may be visible: neither numbers nor pages can be given back
    } catch (const vtd::NoTableMemory& error) {
      tables += error.pages();
      if (make_room && make_room(tables)) continue;
    } catch (const vtd::VtdError&) {
      // Mapped already, or the like: room would not help.
    }
    if (allocator_ != nullptr) allocator_->free(range->pages);
    return std::nullopt;
  }
}

DmaSpace::UnmapTimes DmaSpace::unmap(const std::vector<const DeviceRange*>& ranges) {
  UnmapTimes times{time_.now(), time_.now(), time_.now()};
  if (mode_ == RemappingMode::kPhysical) return times;
  std::uint64_t page = 0;
  try {
    vtd::InvalidationBatch batch(*unit_);
    Uses changed;
    for (const DeviceRange* range : ranges) {
      page = range->pages.front();
      if (mode_ == RemappingMode::kLogical)
        domain_->unmap(range->pages, batch);
      else
        changed = changed_uses(*range, kLess, std::move(changed));
    }
    shrink(changed, batch);
    const vtd::InvalidationSpan span = batch.commit();
    times.invalidate_begin = span.begin;
    times.invalidate_done = span.end;
  } catch (const std::exception& error) {
    throw BugCheck(bugcheck::kHalIommuInternalError, {bugcheck::kUnmapFailed, 0, 0, page << hw::kPageShift},
                   error.what());
  }
  if (allocator_ != nullptr)
    for (const DeviceRange* range : ranges) allocator_->free(range->pages);
  return times;
}

DmaSpace::PageUse DmaSpace::use_of(mm::Pfn pfn) const {
  const auto it = uses_.find(pfn);
  return it == uses_.end() ? PageUse{} : it->second;
}

// What the counters of the range's pages will be, on top of `changed`.
DmaSpace::Uses DmaSpace::changed_uses(const DeviceRange& range, unsigned sign, Uses changed) const {
  for (const mm::Pfn pfn : range.pages) {
    if (domain_->reserves(pfn)) continue;  // mapped anyway, and stays so
    changed.try_emplace(pfn, use_of(pfn)).first->second.add(range.access, sign);
  }
  return changed;
}

// More ranges: pages become mapped, or get the union of all permissions. All or nothing. The pages of a large
// leaf are always held by the same ranges: a split happens here, where it may fail, and never in shrink().
void DmaSpace::grow(const Uses& changed) {
  ByAccess fresh;
  ByAccess wider;
  ByAccess before;  // of the wider ones
  std::vector<mm::Pfn> held;
  for (const auto& [pfn, use] : changed) {
    const PageUse old = use_of(pfn);
    if (old.ranges == 0)
      of(fresh, use.access()).push_back(pfn);
    else
      held.push_back(pfn);
    if (old.ranges != 0 && use.access() != old.access()) {
      of(wider, use.access()).push_back(pfn);
      of(before, old.access()).push_back(pfn);
    }
  }
  if (!held.empty()) domain_->split(held);
  std::vector<std::function<void()>> undo;
  try {
    for (const auto& group : fresh) {
      domain_->map(group.second, group.second, access_of(group));
      undo.emplace_back([this, &group] { (void)domain_->unmap(group.second); });
    }
    if (!wider.empty()) {
      undo.emplace_back([this, &before] {
        for (const auto& group : before) (void)domain_->protect(group.second, access_of(group));
      });
      vtd::InvalidationBatch batch(*unit_);
      for (const auto& group : wider) domain_->protect(group.second, access_of(group), batch);
      (void)batch.commit();
    }
  } catch (const vtd::QueueError&) {
    throw;
  } catch (const vtd::VtdError&) {
    for (auto it = undo.rbegin(); it != undo.rend(); ++it) (*it)();
    throw;
  }
  for (const auto& [pfn, use] : changed) uses_[pfn] = use;
}

// Fewer ranges: pages that nobody holds are unmapped, others keep what is still wanted.
void DmaSpace::shrink(const Uses& changed, vtd::InvalidationBatch& batch) {
  std::vector<mm::Pfn> gone;
  ByAccess narrower;
  for (const auto& [pfn, use] : changed) {
    if (use.ranges == 0)
      gone.push_back(pfn);
    else if (use.access() != use_of(pfn).access())
      of(narrower, use.access()).push_back(pfn);
  }
  if (!gone.empty()) domain_->unmap(gone, batch);
  for (const auto& group : narrower) domain_->protect(group.second, access_of(group), batch);
  for (const auto& [pfn, use] : changed) {
    if (use.ranges == 0)
      uses_.erase(pfn);
    else
      uses_[pfn] = use;
  }
}

}  // namespace gpudmar::dxgkrnl
