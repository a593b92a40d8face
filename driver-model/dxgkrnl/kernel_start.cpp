// SPDX-License-Identifier: Apache-2.0
// Adapter start and stop, in the documented order.
#include <fmt/format.h>

#include <algorithm>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr ULONG kChainUid = 1;  // of the link that all functions of the platform form

std::vector<std::uint16_t> source_ids(const LogicalAdapter& link) {
  std::vector<std::uint16_t> ids;
  for (const PhysicalAdapter* member : link.members) ids.push_back(member->function().source_id);
  return ids;
}

}  // namespace

NTSTATUS Kernel::fail(NTSTATUS status, std::string why) {
  start_error_ = std::move(why);
  return status;
}

NTSTATUS Kernel::start() {
  start_error_.clear();
  if (!loaded_) return fail(STATUS_INVALID_DEVICE_STATE, "no driver is loaded");
  if (!functions_.empty()) return fail(STATUS_INVALID_DEVICE_STATE, "the adapters are started already");
  past_faults_ = faults();
  unit_.reset();  // that of an earlier start, shut down since
  NTSTATUS status = add_devices();
  if (NT_SUCCESS(status)) status = form_links();
  for (std::size_t i = 0; NT_SUCCESS(status) && i < links_.size(); ++i) status = start_link(*links_[i]);
  if (NT_SUCCESS(status)) return status;
  const std::string why = start_error_;
  (void)stop();
  start_error_ = why;
  return status;
}

NTSTATUS Kernel::add_devices() {
  for (std::size_t i = 0; i < platform_.functions.size(); ++i) {
    auto adapter = std::make_unique<PhysicalAdapter>(i, platform_.functions[i], platform_, calls_, driver_);
    {
      CallScope call(calls_, "DxgkDdiAddDevice", adapter->function().name);
      const NTSTATUS status =
          call.done(driver_.DxgkDdiAddDevice(adapter->device_object(), &adapter->context));
      if (!NT_SUCCESS(status))
        return fail(status, fmt::format("AddDevice of {} failed: {:#x}", adapter->function().name,
                                        static_cast<std::uint32_t>(status)));
    }
    if (adapter->context == nullptr) continue;  // E18: not this driver's; no further calls for it
    // What the bus knows of the link; the driver confirms it or declares itself a chain of one (R149).
    adapter->link.ChainUid = kChainUid;
    adapter->link.NumberOfLinksInChain = static_cast<ULONG>(platform_.functions.size());
    adapter->link.LeadLink = functions_.empty() ? TRUE : FALSE;
    PhysicalAdapter& added = *adapter;
    functions_.push_back(std::move(adapter));
    if (driver_.DxgkDdiLinkDevice == nullptr) {
      added.link = {static_cast<ULONG>(i), 1, TRUE};
      continue;
    }
    CallScope call(calls_, "DxgkDdiLinkDevice", added.function().name);
    const NTSTATUS status =
        call.done(driver_.DxgkDdiLinkDevice(added.device_object(), added.context, &added.link));
    if (!NT_SUCCESS(status))
      return fail(status, fmt::format("LinkDevice of {} failed: {:#x}", added.function().name,
                                      static_cast<std::uint32_t>(status)));
  }
  if (functions_.empty()) return fail(STATUS_NO_SUCH_DEVICE, "the driver takes no function");
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::form_links() {
  std::map<ULONG, LogicalAdapter*> chains;
  for (const auto& function : functions_) {
    LogicalAdapter* link = nullptr;
    if (function->link.NumberOfLinksInChain > 1) {
      const auto it = chains.find(function->link.ChainUid);
      if (it != chains.end()) link = it->second;
    }
    if (link == nullptr) {
      links_.push_back(std::make_unique<LogicalAdapter>());
      link = links_.back().get();
      link->memory.name = fmt::format("link{}", links_.size() - 1);
      if (function->link.NumberOfLinksInChain > 1) chains.emplace(function->link.ChainUid, link);
    }
    link->members.push_back(function.get());
    if (function->link.LeadLink == FALSE) continue;
    if (link->lead != nullptr)
      return fail(STATUS_GRAPHICS_INCONSISTENT_DEVICE_LINK_STATE,
                  fmt::format("{} has two lead links", link->memory.name));
    link->lead = function.get();
  }
  for (const auto& link : links_) {  // E1
    if (link->lead == nullptr)
      return fail(STATUS_GRAPHICS_LEADLINK_NOT_ENUMERATED,
                  fmt::format("{} has no lead link", link->memory.name));
    for (const PhysicalAdapter* member : link->members)
      if (member->link.NumberOfLinksInChain != link->members.size())
        return fail(STATUS_GRAPHICS_CHAINLINKS_NOT_ENUMERATED,
                    fmt::format("{} has {} members, {} says {}", link->memory.name, link->members.size(),
                                member->function().name, member->link.NumberOfLinksInChain));
  }
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::query(const PhysicalAdapter& adapter, DXGK_QUERYADAPTERINFOTYPE type, void* out,
                       std::uint32_t size) {
  DXGKARG_QUERYADAPTERINFO args{};
  args.Type = type;
  args.pOutputData = out;
  args.OutputDataSize = size;
  CallScope call(calls_, "DxgkDdiQueryAdapterInfo", fmt::format("type {}", static_cast<int>(type)));
  return call.done(driver_.DxgkDdiQueryAdapterInfo(adapter.context, &args));
}

void Kernel::query_caps(LogicalAdapter& link) {
  DXGK_PHYSICAL_MEMORY_CAPS memory_caps{};
  DXGK_IOMMU_CAPS iommu_caps{};
  ReportedCaps& caps = link.caps;
  caps = {};
  caps.physical_memory_caps_answered =
      NT_SUCCESS(query(*link.lead, DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, &memory_caps, sizeof(memory_caps)));
  caps.iommu_caps_answered =
      NT_SUCCESS(query(*link.lead, DXGKQAITYPE_IOMMU_CAPS, &iommu_caps, sizeof(iommu_caps)));
  if (caps.physical_memory_caps_answered)
    caps.highest_visible_address = static_cast<std::uint64_t>(memory_caps.HighestVisibleAddress.QuadPart);
  if (caps.iommu_caps_answered) {
    caps.isolation_supported = iommu_caps.IommuIsolationSupported != 0;
    caps.isolation_required = iommu_caps.IommuIsolationRequired != 0;
    caps.dma_remapping_supported = iommu_caps.DmaRemappingSupported != 0;
  }
  if (config_.late_driver_caps) {
    // Until they are known, what would not stand in the way.
    caps.secure_mode_supported = caps.isolation_supported;
    caps.secure_mode_required = caps.isolation_required;
    caps.map_aperture2_supported = caps.dma_remapping_supported;
  } else {
    query_driver_caps(link);
  }
}

void Kernel::query_driver_caps(LogicalAdapter& link) {
  DXGK_DRIVERCAPS driver_caps{};
  ReportedCaps& caps = link.caps;
  caps.secure_mode_supported = caps.secure_mode_required = caps.map_aperture2_supported = false;
  if (NT_SUCCESS(query(*link.lead, DXGKQAITYPE_DRIVERCAPS, &driver_caps, sizeof(driver_caps)))) {
    caps.secure_mode_supported = driver_caps.MemoryManagementCaps.IoMmuSecureModeSupported != 0;
    caps.secure_mode_required = driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired != 0;
    caps.map_aperture2_supported = driver_caps.MemoryManagementCaps.MapAperture2Supported != 0;
  }
}

StartDecision Kernel::decide(const LogicalAdapter& link) const {
  return decide_start(link.caps, platform_.iommu != nullptr, pages_.highest_address(),
                      {config_.force_logical, config_.isolation});
}

NTSTATUS Kernel::start_link(LogicalAdapter& link) {
  query_caps(link);
  link.decision = decide(link);
  if (!NT_SUCCESS(link.decision.status)) return fail(link.decision.status, link.decision.reason);
  if (const NTSTATUS status = open_space(link); !NT_SUCCESS(status)) return status;

  for (PhysicalAdapter* member : link.members) {
    member->device_handle = handles_.insert(HandleKind::kAdapter, &link.memory);
    by_handle_.emplace(member->device_handle, member);
    member->enable_bus();
  }
  // E2: the lead comes after all others.
  for (PhysicalAdapter* member : link.members)
    if (member != link.lead)
      if (const NTSTATUS status = start_device(*member, link); !NT_SUCCESS(status)) return status;
  NTSTATUS status = start_device(*link.lead, link);
  if (NT_SUCCESS(status) && config_.late_driver_caps) status = confirm_driver_caps(link);
  if (NT_SUCCESS(status)) status = isolate(link);
  return status;
}

// The pages that firmware keeps for any member: what one of them reaches, the link reaches (R15). Ascending
// and apart; whole pages, since nothing smaller can be translated.
std::vector<mm::PageRun> Kernel::reserved_pages(const LogicalAdapter& link) const {
  std::vector<mm::PageRun> runs;
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
  hw::Time& time = *platform_.time;
  const std::vector<mm::PageRun> reserved = reserved_pages(link);
  if (link.decision.mode != RemappingMode::kPhysical)
    for (const mm::PageRun& run : reserved)
      for (const hw::MemoryRange& ram : platform_.memory->ram())
        if (run.first << hw::kPageShift < ram.end() && ram.base < (run.first + run.count) << hw::kPageShift)
          return refuse_space(
              link, STATUS_CONFLICTING_ADDRESSES,  // R22
              fmt::format("the memory that firmware reserves at {:#x} for {} is RAM of the system",
                          run.first << hw::kPageShift, link.memory.name));
  try {
    switch (link.decision.mode) {
      case RemappingMode::kLogical: {
        const auto shuffle = config_.shuffle_logical ? std::optional(config_.seed) : std::nullopt;
        link.memory.space = std::make_unique<DmaSpace>(time, bring_up_unit(),
                                                       link.caps.highest_visible_address, shuffle, reserved);
        // R15, R16: one domain, every member attached before any of them can start a request.
        link.memory.space->attach(source_ids(link));
        break;
      }
      case RemappingMode::kIsolation: {
        vtd::RemappingUnit& unit = bring_up_unit();
        link.memory.space = DmaSpace::isolated(time, unit, pages_.highest_address(), reserved);
        // Until isolate() the members reach memory as without a unit. Where it can not pass requests through,
        // they are attached from the start.
        if (unit.capabilities().pass_through)
          for (const std::uint16_t source_id : source_ids(link)) unit.pass_through(source_id);
        else
          link.memory.space->attach(source_ids(link));
        break;
      }
      case RemappingMode::kPhysical:
        // Another adapter's domain may have switched translation on.
        if (unit_ != nullptr)
          for (const std::uint16_t source_id : source_ids(link)) unit_->pass_through(source_id);
        link.memory.space = std::make_unique<DmaSpace>(time);
        break;
    }
  } catch (const vtd::VtdError& error) {
    return refuse_space(link, STATUS_NOT_SUPPORTED, error.what());
  }
  return STATUS_SUCCESS;
}

// The space that was decided on can not be had: the start ends, or goes on without isolation.
NTSTATUS Kernel::refuse_space(LogicalAdapter& link, NTSTATUS status, const std::string& why) {
  if (link.decision.mode != RemappingMode::kIsolation || !isolation_optional(link)) return fail(status, why);
  link.memory.space.reset();
  if (unit_ != nullptr && unit_->domain_count() == 0) unit_.reset();
  link.decision = {RemappingMode::kPhysical, STATUS_SUCCESS, why};
  return open_space(link);
}

bool Kernel::isolation_optional(const LogicalAdapter& link) const {
  return config_.isolation_may_fail && !link.caps.isolation_required;
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
  NTSTATUS status = with_exclusive_access(link, [&] {
    try {
      link.memory.space->attach(source_ids(link));
    } catch (const vtd::VtdError& error) {
      why = error.what();
    }
  });
  if (NT_SUCCESS(status) && !why.empty()) {
    status = STATUS_NOT_SUPPORTED;
    start_error_ = "1:1 isolation: " + why;
  }
  if (NT_SUCCESS(status) || !isolation_optional(link)) return status;
  link.memory.space->leave_isolation();
  link.decision = {RemappingMode::kPhysical, STATUS_SUCCESS, start_error_};
  start_error_.clear();
  return STATUS_SUCCESS;
}

// R180 to R186: every member gives exclusive access, the lead last, as with StartDevice; whoever gave it gets
// its End.
NTSTATUS Kernel::with_exclusive_access(LogicalAdapter& link, const std::function<void()>& action) {
  if (driver_.DxgkDdiBeginExclusiveAccess == nullptr || driver_.DxgkDdiEndExclusiveAccess == nullptr)
    return fail(STATUS_NOT_SUPPORTED, "the driver has no exclusive access");
  std::vector<PhysicalAdapter*> order;
  for (PhysicalAdapter* member : link.members)
    if (member != link.lead) order.push_back(member);
  order.push_back(link.lead);
  NTSTATUS status = STATUS_SUCCESS;
  std::size_t begun = 0;
  for (; begun < order.size(); ++begun) {
    DXGKARG_BEGINEXCLUSIVEACCESS args{};
    CallScope call(calls_, "DxgkDdiBeginExclusiveAccess", order[begun]->function().name);
    status = call.done(driver_.DxgkDdiBeginExclusiveAccess(order[begun]->context, &args));
    if (NT_SUCCESS(status)) continue;
    status = fail(status, fmt::format("BeginExclusiveAccess of {} failed: {:#x}",
                                      order[begun]->function().name, static_cast<std::uint32_t>(status)));
    break;
  }
  if (NT_SUCCESS(status)) action();
  while (begun-- != 0) {
    DXGKARG_ENDEXCLUSIVEACCESS args{};
    CallScope call(calls_, "DxgkDdiEndExclusiveAccess", order[begun]->function().name);
    const NTSTATUS ended = call.done(driver_.DxgkDdiEndExclusiveAccess(order[begun]->context, &args));
    if (!NT_SUCCESS(ended) && NT_SUCCESS(status))
      status = fail(ended, fmt::format("EndExclusiveAccess of {} failed: {:#x}",
                                       order[begun]->function().name, static_cast<std::uint32_t>(ended)));
  }
  return status;
}

NTSTATUS Kernel::reattach() {
  for (const auto& link : links_) {
    if (link->memory.space == nullptr || link->memory.space->domain() == nullptr) continue;
    const NTSTATUS status = with_exclusive_access(*link, [&] { link->memory.space->reattach(); });
    if (!NT_SUCCESS(status)) return status;
  }
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::start_device(PhysicalAdapter& adapter, LogicalAdapter& link) {
  DXGK_START_INFO start_info{};
  start_info.AdapterLuid.LowPart = static_cast<ULONG>(adapter.index() + 1);
  DXGKRNL_INTERFACE table{};
  fill_interface(table, adapter.device_handle, driver_.Version);
  ULONG sources = 0;
  ULONG children = 0;
  CallScope call(calls_, "DxgkDdiStartDevice",
                 fmt::format("{}{}", adapter.function().name, &adapter == link.lead ? ", lead" : ""));
  const NTSTATUS status =
      call.done(driver_.DxgkDdiStartDevice(adapter.context, &start_info, &table, &sources, &children));
  if (!NT_SUCCESS(status))
    return fail(status, fmt::format("StartDevice of {} failed: {:#x}", adapter.function().name,
                                    static_cast<std::uint32_t>(status)));
  adapter.started = true;
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::stop_device(PhysicalAdapter& adapter) {
  if (!adapter.started) return STATUS_SUCCESS;
  adapter.started = false;
  CallScope call(calls_, "DxgkDdiStopDevice", adapter.function().name);
  return call.done(driver_.DxgkDdiStopDevice(adapter.context));
}

NTSTATUS Kernel::stop() {
  NTSTATUS result = STATUS_SUCCESS;
  const auto keep = [&](NTSTATUS status) {
    if (NT_SUCCESS(result)) result = status;
  };
  for (auto it = links_.rbegin(); it != links_.rend(); ++it) {
    LogicalAdapter& link = **it;
    if (link.lead != nullptr) keep(stop_device(*link.lead));  // E2: the lead first
    for (PhysicalAdapter* member : link.members) keep(stop_device(*member));
    memory_.check_leaks(link.memory);
    for (PhysicalAdapter* member : link.members) {
      member->disable_bus();
      handles_.erase(member->device_handle);
      by_handle_.erase(member->device_handle);
      member->device_handle = nullptr;
    }
    if (link.memory.space != nullptr) link.memory.space->close();
  }
  remove_devices();
  links_.clear();
  functions_.clear();
  if (unit_ != nullptr) unit_->shut_down();
  return result;
}

void Kernel::remove_devices() {
  for (auto it = functions_.rbegin(); it != functions_.rend(); ++it) {
    CallScope call(calls_, "DxgkDdiRemoveDevice", (*it)->function().name);
    call.done(driver_.DxgkDdiRemoveDevice((*it)->context));
    (*it)->context = nullptr;
  }
}

}  // namespace gpudmar::dxgkrnl
