// SPDX-License-Identifier: Apache-2.0
// The kernel's life outside of adapter start: construction, loading, escapes, inspection.
#include "driver-model/dxgkrnl/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>

#include "driver-model/wdk/runtime/kernel_objects.h"

namespace gpudmar::dxgkrnl {
namespace {

std::atomic<Kernel*> g_active{nullptr};  // callbacks carry no context: there is one system

// sizeof(DRIVER_INITIALIZATION_DATA) by interface version: an older driver's struct ends earlier.
std::size_t initialization_bytes(ULONG version) {
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_5) return 0x480;
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_6) return 0x4A8;
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_7) return 0x4C8;
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM2_9) return 0x4D0;
  if (version < DXGKDDI_INTERFACE_VERSION_WDDM3_0) return 0x4F0;
  return version < DXGKDDI_INTERFACE_VERSION_WDDM3_1 ? 0x510 : 0x560;
}

// Those without which nothing works.
std::string missing_entry_points(const DRIVER_INITIALIZATION_DATA& driver) {
  std::string missing;
  const auto need = [&missing](const char* name, bool there) {
    if (!there) missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  need("DxgkDdiAddDevice", driver.DxgkDdiAddDevice != nullptr);
  need("DxgkDdiStartDevice", driver.DxgkDdiStartDevice != nullptr);
  need("DxgkDdiStopDevice", driver.DxgkDdiStopDevice != nullptr);
  need("DxgkDdiRemoveDevice", driver.DxgkDdiRemoveDevice != nullptr);
  need("DxgkDdiQueryAdapterInfo", driver.DxgkDdiQueryAdapterInfo != nullptr);
  return missing;
}

}  // namespace

Kernel::Kernel(const hw::Platform& platform, const KernelConfig& config)
    : platform_(platform),
      config_(config),
      runtime_(wdk::Runtime::active_or_null() == nullptr
                   ? std::make_unique<wdk::Runtime>(platform, runtime_options())
                   : nullptr),
      calls_(*platform.time),
      pages_(*platform.memory, *platform.time, {config.seed, config.placement, 1U << 16}),
      pool_pages_(pages_),
      handles_(config.seed),
      memory_(pages_, *platform.time, handles_,
              {platform.host_address_width, config.page_file_pages, mm::make_backing}),
      system_memory_(memory_, *platform.time),
      driver_memory_(pages_),
      gate_(*platform.time) {
  Kernel* none = nullptr;
  if (!g_active.compare_exchange_strong(none, this))
    throw std::logic_error("dxgkrnl: a second Kernel while one exists");
  if (runtime_ == nullptr || !config_.pool_in_ram) return;
  runtime_->give_paged_pool_frames([this](std::size_t pages) { return pool_pages_.take(pages, true); },
                                   [this](hw::PhysAddr address) {
                                     const auto state = pages_.state(address >> hw::kPageShift);
                                     return state && state->locks != 0;
                                   });
}

Kernel::~Kernel() {
  for (const auto& function : functions_) {
    try {
      function->disable_bus();
    } catch (const std::exception&) {
      // A dead device can not be told; the domain's end below stops it.
    }
  }
  links_.clear();
  unit_.reset();
  if (runtime_ != nullptr) runtime_->drop_pool();
  g_active.store(nullptr);
}

wdk::Runtime::Options Kernel::runtime_options() {
  wdk::Runtime::Options options = config_.runtime;
  if (!config_.pool_in_ram) return options;
  options.take_pool_pages = [this](std::size_t pages) { return pool_pages_.take(pages, false); };
  options.give_pool_pages = [this](void* address, std::size_t) { pool_pages_.give(address); };
  return options;
}

Kernel& Kernel::active() {
  Kernel* kernel = g_active.load();
  if (kernel == nullptr) throw std::logic_error("dxgkrnl: a callback without a Kernel");
  return *kernel;
}

NTSTATUS Kernel::load(DRIVER_INITIALIZE* entry) {
  if (loaded_) return STATUS_INVALID_DEVICE_STATE;
  start_error_.clear();
  UNICODE_STRING registry_path{};
  CallScope call(calls_, "DriverEntry");
  const wdk::SpinLockWatch locks(wdk::Runtime::active());
  const NTSTATUS status = entry(reinterpret_cast<PDRIVER_OBJECT>(this), &registry_path);
  locks.returned("DriverEntry");
  if (!NT_SUCCESS(status)) {
    loaded_ = false;
    return call.done(status);
  }
  return call.done(loaded_ ? status : STATUS_DRIVER_UNABLE_TO_LOAD);
}

NTSTATUS Kernel::register_driver(const DRIVER_INITIALIZATION_DATA& data) {
  if (data.Version < DXGKDDI_INTERFACE_VERSION_WDDM2_4)
    return fail(STATUS_REVISION_MISMATCH,
                fmt::format("DxgkInitialize for interface version {:#x}, the oldest here is {:#x}",
                            data.Version, DXGKDDI_INTERFACE_VERSION_WDDM2_4));
  driver_ = {};
  std::memcpy(&driver_, &data, std::min(sizeof(driver_), initialization_bytes(data.Version)));
  if (const std::string missing = missing_entry_points(driver_); !missing.empty())
    return fail(STATUS_INVALID_PARAMETER, "DxgkInitialize without " + missing);
  loaded_ = true;
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::unregister_driver() {
  if (!loaded_ || !functions_.empty()) return STATUS_INVALID_DEVICE_STATE;
  driver_ = {};
  loaded_ = false;
  return STATUS_SUCCESS;
}

void Kernel::unload() {
  if (!loaded_) return;
  if (!functions_.empty()) (void)stop();
  if (driver_.DxgkDdiUnload != nullptr) {
    CallScope call(calls_, "DxgkDdiUnload");
    const wdk::SpinLockWatch locks(wdk::Runtime::active());
    driver_.DxgkDdiUnload();
    locks.returned("DxgkDdiUnload");
    check_level("DxgkDdiUnload", PASSIVE_LEVEL);
  }
  driver_ = {};
  loaded_ = false;
  memory_.check_all_destroyed();
}

void Kernel::exit_process(ProcessId process) {
  memory_.check_process_exit(process);
  processes_.erase(process);
}

NTSTATUS Kernel::escape(void* data, std::uint32_t size, std::size_t link) {
  if (link >= links_.size() || links_[link]->lead == nullptr) return STATUS_INVALID_DEVICE_STATE;
  if (driver_.DxgkDdiEscape == nullptr) return STATUS_NOT_SUPPORTED;
  DXGKARG_ESCAPE args{};
  args.pPrivateDriverData = data;
  args.PrivateDriverDataSize = size;
  const LogicalAdapter* const target = links_[link].get();
  const auto gone = [&] {
    return std::none_of(links_.begin(), links_.end(),
                        [&](const auto& other) { return other.get() == target; });
  };
  return call_driver("DxgkDdiEscape", std::to_string(size) + " bytes",
                     {&args, nullptr, index_of(*target->lead)}, [&] {
                       // A removal may have come first.
                       if (gone()) return STATUS_INVALID_DEVICE_STATE;
                       return driver_.DxgkDdiEscape(target->lead->context, &args);
                     });
}

NTSTATUS Kernel::call_driver(const char* name, const std::string& args, const CallSubject& subject,
                             const std::function<NTSTATUS()>& call) {
  const DdiGate::Call inside(gate_);
  CallScope scope(calls_, name, args, subject);
  const KIRQL level = KeGetCurrentIrql();
  const wdk::SpinLockWatch locks(wdk::Runtime::active());
  const NTSTATUS status = call();
  locks.returned(name);
  check_level(name, level);
  raise_fatal_fault();
  return scope.done(status);
}

const PhysicalAdapter* Kernel::find_device(PDEVICE_OBJECT device) const {
  if (adding_ != nullptr && adding_->device_object() == device) return adding_;
  for (const auto& function : functions_)
    if (function->device_object() == device) return function.get();
  return nullptr;
}

AdapterSpace* Kernel::space_of_lead(HANDLE device_handle) const {
  const PhysicalAdapter* adapter = find_adapter(device_handle);
  for (const auto& link : links_)
    if (adapter != nullptr && link->lead == adapter) return &link->memory;
  return nullptr;
}

PhysicalAdapter* Kernel::find_adapter(HANDLE device_handle) const {
  const auto it = by_handle_.find(device_handle);
  return it == by_handle_.end() ? nullptr : it->second;
}

std::vector<AdapterView> Kernel::adapters() const {
  std::vector<AdapterView> views;
  for (const auto& link : links_) {
    AdapterView view;
    view.name = link->memory.name;
    view.highest_visible_address = link->caps.highest_visible_address;
    for (const PhysicalAdapter* member : link->members) view.members.push_back(member->index());
    if (link->memory.space != nullptr) {
      view.mode = link->memory.space->mode();
      if (const vtd::Domain* domain = link->memory.space->domain()) {
        view.domain_id = domain->id();
        view.source_ids.assign(domain->devices().begin(), domain->devices().end());
        view.logical_pages_used = link->memory.space->pages_used();
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<vtd::FaultRecord> Kernel::faults() const {
  std::vector<vtd::FaultRecord> all = past_faults_;
  if (unit_ != nullptr) {
    const auto records = unit_->faults().records();
    all.insert(all.end(), records.begin(), records.end());
  }
  return all;
}

std::vector<InterruptNotification> Kernel::notifications() const {
  const std::lock_guard guard(notification_mutex_);
  return notifications_;
}

void Kernel::note_interrupt(const PhysicalAdapter& adapter, const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data) {
  InterruptNotification note;
  note.adapter = adapter.index();
  note.type = data.InterruptType;
  note.cycle = platform_.time->now();
  switch (data.InterruptType) {
    case DXGK_INTERRUPT_DMA_COMPLETED:
      note.fence_id = data.DmaCompleted.SubmissionFenceId;
      break;
    case DXGK_INTERRUPT_DMA_PREEMPTED:
      note.fence_id = data.DmaPreempted.PreemptionFenceId;
      break;
    case DXGK_INTERRUPT_DMA_FAULTED:
      note.fence_id = data.DmaFaulted.FaultedFenceId;
      note.fault_status = data.DmaFaulted.Status;
      break;
    case DXGK_INTERRUPT_DMA_PAGE_FAULTED:
      note.fence_id = data.DmaPageFaulted.FaultedFenceId;
      note.page_fault_flags = static_cast<std::uint32_t>(data.DmaPageFaulted.PageFaultFlags);
      note.fault_address = data.DmaPageFaulted.FaultedVirtualAddress;
      break;
    default:
      break;
  }
  {
    const std::lock_guard guard(notification_mutex_);
    notifications_.push_back(note);
  }
  if (LogicalAdapter* link = link_of(adapter); link != nullptr && link->paging != nullptr)
    link->paging->note_interrupt(data);
}

void Kernel::note_dpc(const PhysicalAdapter& adapter) {
  if (LogicalAdapter* link = link_of(adapter); link != nullptr && link->paging != nullptr)
    link->paging->note_dpc();
}

void Kernel::on_fault(std::function<void(const vtd::FaultRecord&)> subscriber) {
  fault_subscribers_.push_back(subscriber);
  if (unit_ != nullptr) unit_->faults().subscribe(std::move(subscriber));
}

vtd::RemappingUnit& Kernel::bring_up_unit() {
  if (unit_ == nullptr) {
    std::vector<std::uint16_t> running;
    for (const auto& function : functions_)
      if (function->started) running.push_back(function->function().source_id);
    unit_ = std::make_unique<vtd::RemappingUnit>(
        *platform_.iommu, *platform_.time, *platform_.interrupts, pages_,
        vtd::RemappingUnit::Config{config_.timeout_cycles, platform_.host_address_width, running});
    unit_->faults().subscribe([this](const vtd::FaultRecord& record) { note_fault(record); });
    for (const auto& subscriber : fault_subscribers_) unit_->faults().subscribe(subscriber);
  }
  return *unit_;
}

}  // namespace gpudmar::dxgkrnl
