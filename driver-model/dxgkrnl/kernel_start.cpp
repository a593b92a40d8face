// SPDX-License-Identifier: Apache-2.0
// Adapter start and stop, in the documented order.
#include <fmt/format.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr ULONG kMostChildren = 256;
constexpr ULONG kChainUid = 1;  // of the link that all functions of the platform form

std::string unclaimed(const PhysicalAdapter& adapter, const DRIVER_INITIALIZATION_DATA& driver) {
  if (adapter.unclaimed_interrupts() == 0) return "";
  return fmt::format(
      ", and nobody took {} of its {} interrupts{}", adapter.unclaimed_interrupts(), adapter.interrupts(),
      driver.DxgkDdiInterruptRoutine == nullptr ? ": the driver has no DxgkDdiInterruptRoutine" : "");
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
    NTSTATUS status = call_driver(
        "DxgkDdiAddDevice", adapter->function().name, {&adapter->context, nullptr, index_of(*adapter)}, [&] {
          adding_ = adapter.get();
          const std::unique_ptr<PhysicalAdapter*, void (*)(PhysicalAdapter**)> until_then(
              &adding_, [](PhysicalAdapter** adding) { *adding = nullptr; });
          return driver_.DxgkDdiAddDevice(adapter->device_object(), &adapter->context);
        });
    if (!NT_SUCCESS(status))
      return fail(status, fmt::format("AddDevice of {} failed: {:#x}", adapter->function().name,
                                      static_cast<std::uint32_t>(status)));
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
    status = call_driver(
        "DxgkDdiLinkDevice", added.function().name, {&added.link, nullptr, index_of(added)},
        [&] { return driver_.DxgkDdiLinkDevice(added.device_object(), added.context, &added.link); });
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

StartDecision Kernel::decide(const LogicalAdapter& link) const {
  return decide_start(link.caps, platform_.iommu != nullptr, pages_.highest_address(),
                      {config_.force_logical, config_.isolation, config_.iommu_flags});
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
  if (NT_SUCCESS(status)) status = query_physical_adapters(link);
  if (NT_SUCCESS(status)) status = query_reserved_ranges(link);
  if (NT_SUCCESS(status)) status = isolate(link);
  if (NT_SUCCESS(status)) status = start_paging(link);
  return status;
}

NTSTATUS Kernel::start_device(PhysicalAdapter& adapter, LogicalAdapter& link) {
  DXGK_START_INFO start_info{};
  start_info.AdapterLuid.LowPart = static_cast<ULONG>(adapter.index() + 1);
  DXGKRNL_INTERFACE table{};
  fill_interface(table, adapter.device_handle, driver_.Version);
  StartDeviceArguments args{&start_info, 0, 0};
  const NTSTATUS status = call_driver(
      "DxgkDdiStartDevice",
      fmt::format("{}{}", adapter.function().name, &adapter == link.lead ? ", lead" : ""),
      {&args, nullptr, index_of(adapter)}, [&] {
        return driver_.DxgkDdiStartDevice(adapter.context, &start_info, &table,
                                          &args.number_of_video_present_sources, &args.number_of_children);
      });
  if (!NT_SUCCESS(status))
    return fail(status, fmt::format("StartDevice of {} failed: {:#x}{}", adapter.function().name,
                                    static_cast<std::uint32_t>(status), unclaimed(adapter, driver_)));
  adapter.started = true;
  adapter.children = args.number_of_children;
  return query_children(adapter, args.number_of_children);
}

// E6: which children there are says QueryChildRelations, in a list that ends with an entry of zeroes.
NTSTATUS Kernel::query_children(PhysicalAdapter& adapter, ULONG count) {
  adapter.child_uids.clear();
  if (count == 0 || driver_.DxgkDdiQueryChildRelations == nullptr) return STATUS_SUCCESS;
  if (count > kMostChildren)
    return fail(STATUS_INVALID_PARAMETER, fmt::format("{} has {} children", adapter.function().name, count));
  std::vector<DXGK_CHILD_DESCRIPTOR> list(std::size_t{count} + 1);
  ChildRelationsArguments args{list.data(), static_cast<ULONG>(list.size() * sizeof(DXGK_CHILD_DESCRIPTOR))};
  const NTSTATUS status = call_driver("DxgkDdiQueryChildRelations", adapter.function().name,
                                      {&args, nullptr, index_of(adapter)}, [&] {
                                        return driver_.DxgkDdiQueryChildRelations(
                                            adapter.context, args.child_relations, args.child_relations_size);
                                      });
  if (!NT_SUCCESS(status))
    return fail(status, fmt::format("QueryChildRelations of {} failed: {:#x}", adapter.function().name,
                                    static_cast<std::uint32_t>(status)));
  for (ULONG i = 0; i < count && list[i].ChildDeviceType != TypeUninitialized; ++i)
    adapter.child_uids.push_back(list[i].ChildUid);
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::stop_device(PhysicalAdapter& adapter) {
  if (!adapter.started) return STATUS_SUCCESS;
  adapter.started = false;
  return call_driver("DxgkDdiStopDevice", adapter.function().name, {nullptr, nullptr, index_of(adapter)},
                     [&] { return driver_.DxgkDdiStopDevice(adapter.context); });
}

NTSTATUS Kernel::stop_link(LogicalAdapter& link) {
  NTSTATUS result = STATUS_SUCCESS;
  const auto keep = [&](NTSTATUS status) {
    if (NT_SUCCESS(result)) result = status;
  };
  stop_paging(link);
  if (link.lead != nullptr) keep(stop_device(*link.lead));  // E2: the lead first
  for (PhysicalAdapter* member : link.members) keep(stop_device(*member));
  memory_.check_leaks(link.memory);
  memory_.remove_save_areas(link.memory);
  for (PhysicalAdapter* member : link.members) {
    member->disable_bus();
    handles_.erase(member->device_handle);
    by_handle_.erase(member->device_handle);
    member->device_handle = nullptr;
  }
  if (link.memory.space != nullptr) link.memory.space->close();
  return result;
}

NTSTATUS Kernel::stop() {
  NTSTATUS result = STATUS_SUCCESS;
  for (auto it = links_.rbegin(); it != links_.rend(); ++it) {
    const NTSTATUS status = stop_link(**it);
    if (NT_SUCCESS(result)) result = status;
  }
  for (auto it = functions_.rbegin(); it != functions_.rend(); ++it) remove_device(**it);
  links_.clear();
  functions_.clear();
  shut_unit_down();
  return result;
}

// A domain that could not be given up, or a unit that no longer answers.
void Kernel::shut_unit_down() {
  if (unit_ == nullptr) return;
  try {
    unit_->shut_down();
  } catch (const vtd::VtdError& error) {
    throw BugCheck(bugcheck::kHalIommuInternalError, {bugcheck::kDomainDeleteFailed, 0, 0, 0}, error.what());
  }
}

void Kernel::remove_device(PhysicalAdapter& adapter) {
  (void)call_driver("DxgkDdiRemoveDevice", adapter.function().name, {nullptr, nullptr, index_of(adapter)},
                    [&] { return driver_.DxgkDdiRemoveDevice(adapter.context); });
  adapter.context = nullptr;
}

}  // namespace gpudmar::dxgkrnl
