// SPDX-License-Identifier: Apache-2.0
// A link's address space: what it is at the start, when devices come into it, and under whose eyes.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::dxgkrnl {

std::vector<std::uint16_t> source_ids(const LogicalAdapter& link) {
  std::vector<std::uint16_t> ids;
  for (const PhysicalAdapter* member : link.members) ids.push_back(member->function().source_id);
  return ids;
}

// The pages that firmware keeps for any member, and those that the driver knows of: what one member reaches,
// the link reaches (R15). Ascending and apart; whole pages, since nothing smaller can be translated.
std::vector<mm::PageRun> Kernel::reserved_pages(const LogicalAdapter& link) const {
  std::vector<mm::PageRun> runs = link.hardware_reserved;
  const std::vector<std::uint16_t> ids = source_ids(link);
  for (const hw::ReservedRegion& region : platform_.reserved) {
    if (region.range.size == 0 || std::find_first_of(region.source_ids.begin(), region.source_ids.end(),
                                                     ids.begin(), ids.end()) == region.source_ids.end())
      continue;
    const mm::Pfn first = region.range.base >> hw::kPageShift;
    runs.push_back({first, ((region.range.end() - 1) >> hw::kPageShift) - first + 1});
  }
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<mm::PageRun> merged;
  for (const mm::PageRun& run : runs) {
    if (merged.empty() || run.first > merged.back().first + merged.back().count)
      merged.push_back(run);
    else
      merged.back().count =
          std::max(merged.back().first + merged.back().count, run.first + run.count) - merged.back().first;
  }
  return merged;
}

// The address space, and what has to stand before StartDevice.
NTSTATUS Kernel::open_space(LogicalAdapter& link) {
  // Those of the driver are looked at when it names them.
  if (link.decision.mode != RemappingMode::kPhysical)
    for (const mm::PageRun& run : reserved_pages(link))
      for (const hw::MemoryRange& ram : platform_.memory->ram())
        if (run.first << hw::kPageShift < ram.end() && ram.base < (run.first + run.count) << hw::kPageShift)
          return refuse_space(
              link, STATUS_CONFLICTING_ADDRESSES,  // R22
              fmt::format("the memory that firmware reserves at {:#x} for {} is RAM of the system",
                          run.first << hw::kPageShift, link.memory.name));
  try {
    const bool attaches =
        link.decision.mode == RemappingMode::kLogical ||
        (link.decision.mode == RemappingMode::kIsolation && !bring_up_unit().capabilities().pass_through);
    if (attaches)
      if (const NTSTATUS status = query_reserved_ranges(link); !NT_SUCCESS(status)) return status;
    return make_space(link);
  } catch (const vtd::VtdError& error) {
    return refuse_space(link, STATUS_NOT_SUPPORTED, error.what());
  }
}

NTSTATUS Kernel::make_space(LogicalAdapter& link) {
  hw::Time& time = *platform_.time;
  switch (link.decision.mode) {
    case RemappingMode::kLogical: {
      link.memory.space = std::make_unique<DmaSpace>(time, bring_up_unit(), link.caps.highest_visible_address,
                                                     number_order(link), reserved_pages(link));
      // R15, R16: one domain, every member attached before any of them can start a request.
      link.memory.space->attach(source_ids(link));
      break;
    }
    case RemappingMode::kIsolation: {
      vtd::RemappingUnit& unit = bring_up_unit();
      link.memory.space = DmaSpace::isolated(time, unit, pages_.highest_address(), reserved_pages(link));
      // Until isolate() the members reach memory as without a unit. Where it can not pass requests through,
      // they are attached from the start.
      if (unit.capabilities().pass_through)
        for (const std::uint16_t source_id : source_ids(link)) unit.pass_through(source_id);
      else if (link.decision.step == IsolationStep::kAttached)
        link.memory.space->attach(source_ids(link));
      else
        throw vtd::VtdError("IOMMUFlags: without pass-through no device runs unattached");
      break;
    }
    case RemappingMode::kPhysical: {
      const bool domain = link.decision.step == IsolationStep::kDomain;
      if (domain) (void)bring_up_unit();
      // Another adapter's domain, or an empty one, may have switched translation on.
      if (unit_ != nullptr)
        for (const std::uint16_t source_id : source_ids(link)) unit_->pass_through(source_id);
      link.memory.space = std::make_unique<DmaSpace>(time);
      if (domain) link.memory.space->open_domain(*unit_);
      break;
    }
  }
  return STATUS_SUCCESS;
}

vtd::LogicalAllocator::Order Kernel::number_order(const LogicalAdapter& link) {
  vtd::LogicalAllocator::Order order;
  if (config_.shuffle_logical) order.shuffle_seed = config_.seed;
  if (!config_.fresh_logical) return order;
  const std::uint64_t end = std::min(link.caps.highest_visible_address / hw::kPageSize + 1,
                                     bring_up_unit().capabilities().input_page_limit());
  // The widest gap between the pieces of RAM, or behind them, when it is wide enough to stay in for a while.
  std::uint64_t gap = 0;
  std::uint64_t ram_end = 0;
  const auto look = [&](std::uint64_t next) {
    if (next > ram_end && next - ram_end > gap) {
      gap = next - ram_end;
      order.fresh_from = ram_end;
    }
  };
  for (const hw::MemoryRange& ram : platform_.memory->ram()) {
    look(std::min(ram.base / hw::kPageSize, end));
    ram_end = std::max(ram_end, ram.end() / hw::kPageSize);
  }
  look(end);
  if (gap < end / 4) order.fresh_from = std::mt19937_64(config_.seed)() % end;
  return order;
}

// The space that was decided on can not be had: the start ends, or goes on without isolation.
NTSTATUS Kernel::refuse_space(LogicalAdapter& link, NTSTATUS status, const std::string& why) {
  if (link.decision.step == IsolationStep::kNone || !isolation_optional(link)) return fail(status, why);
  link.memory.space.reset();
  if (unit_ != nullptr && unit_->domain_count() == 0) unit_.reset();
  link.decision = {RemappingMode::kPhysical, STATUS_SUCCESS, why};
  return open_space(link);
}

bool Kernel::isolation_optional(const LogicalAdapter& link) const {
  return (config_.isolation_may_fail || (config_.iommu_flags & iommu_flags::kAllowFailure) != 0) &&
         !link.caps.isolation_required && !link.caps.secure_mode_required;
}

// R9 to R12, when the answer came late.
NTSTATUS Kernel::confirm_driver_caps(LogicalAdapter& link) {
  query_driver_caps(link);
  const StartDecision confirmed = decide(link);
  if (!NT_SUCCESS(confirmed.status)) return fail(confirmed.status, confirmed.reason);
  if (confirmed.mode != link.decision.mode)
    return fail(STATUS_NOT_SUPPORTED, "DRIVERCAPS do not allow the mode that the adapter was started in");
  return STATUS_SUCCESS;
}

// Isolation mode: put the running members into the domain. What the driver has mapped so far is in its tables
// already.
NTSTATUS Kernel::isolate(LogicalAdapter& link) {
  if (link.decision.mode != RemappingMode::kIsolation || !link.memory.space->domain()->devices().empty())
    return STATUS_SUCCESS;
  std::string why;
  NTSTATUS status = STATUS_SUCCESS;
  const auto attach = [&] {
    try {
      link.memory.space->attach(source_ids(link));
    } catch (const vtd::VtdError& error) {
      why = error.what();
    }
  };
  try {
    link.memory.space->reserve(reserved_pages(link));  // those that the driver named after StartDevice
  } catch (const vtd::VtdError& error) {
    why = error.what();
  }
  if (why.empty() && link.decision.step == IsolationStep::kAttached)
    status = with_exclusive_access(link, attach);
  if (NT_SUCCESS(status) && !why.empty()) {
    status = STATUS_NOT_SUPPORTED;
    start_error_ = "1:1 isolation: " + why;
  }
  if (NT_SUCCESS(status) || !isolation_optional(link)) return status;
  link.memory.space->leave_isolation();
  link.decision = {RemappingMode::kPhysical, STATUS_SUCCESS, start_error_, IsolationStep::kNone};
  start_error_.clear();
  return STATUS_SUCCESS;
}

// The ranges that are alive and the domain change together: no callback runs between the two.
NTSTATUS Kernel::enable_isolation(std::size_t index) {
  if (index >= links_.size() || gate_.inside()) return STATUS_INVALID_DEVICE_STATE;
  LogicalAdapter& link = *links_[index];
  DmaSpace* space = link.memory.space.get();
  if (space == nullptr || !link.lead->started || link.power != PowerDeviceD0)
    return STATUS_INVALID_DEVICE_STATE;
  if (space->domain() != nullptr && !space->domain()->devices().empty()) return STATUS_SUCCESS;
  if (!link.caps.secure_mode_supported || platform_.iommu == nullptr) return STATUS_NOT_SUPPORTED;
  NTSTATUS outcome = STATUS_SUCCESS;
  const bool was_physical = space->mode() == RemappingMode::kPhysical;
  const auto enable = [&](const std::vector<const DeviceRange*>& ranges) {
    try {
      vtd::RemappingUnit& unit = bring_up_unit();
      if (was_physical) space->isolate(unit, pages_.highest_address(), reserved_pages(link), ranges);
      space->attach(source_ids(link));
    } catch (const vtd::VtdError& error) {
      outcome = fail(STATUS_NOT_SUPPORTED, std::string("1:1 isolation: ") + error.what());
      if (was_physical && space->mode() == RemappingMode::kIsolation) space->leave_isolation();
    }
  };
  const NTSTATUS status = with_exclusive_access(link, [&] { memory_.switch_space(link.memory, enable); });
  if (space->domain() != nullptr && !space->domain()->devices().empty())  // whatever End answered
    link.decision = {RemappingMode::kIsolation, STATUS_SUCCESS, "isolation enabled later",
                     IsolationStep::kAttached};
  return NT_SUCCESS(outcome) ? status : outcome;
}

// R180 to R186: every member gives exclusive access, the lead last, as with StartDevice; whoever gave it gets
// its End.
NTSTATUS Kernel::with_exclusive_access(LogicalAdapter& link, const std::function<void()>& action) {
  if (driver_.DxgkDdiBeginExclusiveAccess == nullptr || driver_.DxgkDdiEndExclusiveAccess == nullptr)
    return fail(STATUS_NOT_SUPPORTED, "the driver has no exclusive access");
  const PagingSuspension suspended(link.paging.get());  // R181
  std::vector<PhysicalAdapter*> order;
  for (PhysicalAdapter* member : link.members)
    if (member != link.lead) order.push_back(member);
  order.push_back(link.lead);
  NTSTATUS status = STATUS_SUCCESS;
  {
    const DdiGate::Exclusive exclusive(gate_);
    std::size_t begun = 0;
    for (; begun < order.size(); ++begun) {
      PhysicalAdapter& member = *order[begun];
      DXGKARG_BEGINEXCLUSIVEACCESS args{};
      status = call_driver("DxgkDdiBeginExclusiveAccess", member.function().name,
                           {&args, nullptr, index_of(member)},
                           [&] { return driver_.DxgkDdiBeginExclusiveAccess(member.context, &args); });
      if (!NT_SUCCESS(status)) {
        status = fail(status, fmt::format("BeginExclusiveAccess of {} failed: {:#x}", member.function().name,
                                          static_cast<std::uint32_t>(status)));
        break;
      }
      member.begin_exclusive();
    }
    if (NT_SUCCESS(status)) action();
    while (begun-- != 0) {
      PhysicalAdapter& member = *order[begun];
      DXGKARG_ENDEXCLUSIVEACCESS args{};
      member.end_exclusive();
      const NTSTATUS ended =
          call_driver("DxgkDdiEndExclusiveAccess", member.function().name, {&args, nullptr, index_of(member)},
                      [&] { return driver_.DxgkDdiEndExclusiveAccess(member.context, &args); });
      if (!NT_SUCCESS(ended) && NT_SUCCESS(status))
        status = fail(ended, fmt::format("EndExclusiveAccess of {} failed: {:#x}", member.function().name,
                                         static_cast<std::uint32_t>(ended)));
    }
  }
  for (PhysicalAdapter* member : order) {
    if (member->interrupts_held() != 0)
      warn(fmt::format("{} sent {} interrupts during exclusive access (R183)", member->function().name,
                       member->interrupts_held()));
    member->deliver_held();
  }
  return status;
}

NTSTATUS Kernel::reattach() {
  if (gate_.inside()) return STATUS_INVALID_DEVICE_STATE;
  for (const auto& link : links_) {
    const DmaSpace* space = link->memory.space.get();
    if (space == nullptr || space->domain() == nullptr || space->domain()->devices().empty()) continue;
    const NTSTATUS status = with_exclusive_access(*link, [&] { link->memory.space->reattach(); });
    if (!NT_SUCCESS(status)) return status;
  }
  return STATUS_SUCCESS;
}

}  // namespace gpudmar::dxgkrnl
