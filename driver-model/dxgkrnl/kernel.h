// SPDX-License-Identifier: Apache-2.0
// The graphics kernel: loads a display miniport, starts its adapters in the documented order, serves its
// callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dispmprt.h"
#include "driver-model/dxgkrnl/adapter.h"
#include "driver-model/dxgkrnl/call_log.h"
#include "driver-model/dxgkrnl/ddi_gate.h"
#include "driver-model/dxgkrnl/driver_memory.h"
#include "driver-model/dxgkrnl/handles.h"
#include "driver-model/dxgkrnl/memory_manager.h"
#include "driver-model/dxgkrnl/pool_pages.h"
#include "driver-model/dxgkrnl/process.h"
#include "driver-model/dxgkrnl/system_memory.h"
#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"
#include "driver-model/vtd/remapping_unit.h"
#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::dxgkrnl {

/// Choices of a run.
struct KernelConfig {
  std::uint64_t seed = 1;      ///< of page placement and handle values
  bool force_logical = false;  ///< logical mode also where the device sees all memory (R8)
  /// 1:1 isolation where logical mode is neither needed nor forced and the driver supports it. Off: such
  /// adapters reach all memory, and the remapping unit stays off.
  bool isolation = false;
  /// When `isolation` can not be had, start without it; isolation that the driver requires is never left out.
  bool isolation_may_fail = false;
  /// The registry value IOMMUFlags (R24), see iommu_flags: how far isolation goes, where the two above only
  /// know all or nothing.
  std::uint32_t iommu_flags = 0;
  /// Ask for DRIVERCAPS only after StartDevice, and stop again if they contradict the decision (R9 to R12).
  bool late_driver_caps = false;
  mm::Placement placement = mm::Placement::kScattered;  ///< of MDL pages
  bool shuffle_logical = false;  ///< logical numbers of page-array ADLs in a pseudo-random order
  /// Logical numbers begin in the widest gap that RAM leaves of what the device reaches (where none is a
  /// quarter of it: where `seed` says), ranges do not touch, and a number comes back as late as possible: a
  /// page frame, a freed number or one past an end faults instead of hitting what else is mapped.
  bool fresh_logical = false;
  std::uint64_t timeout_cycles = 1'000'000;  ///< of every wait for the remapping unit
  std::uint64_t page_file_pages = 1U << 18;  ///< pages that sections may have outside of memory
  /// After every memory callback verify(); what it finds is BugCheck 0x113. Every BugCheck of a memory
  /// callback writes dump() to the runtime's debug output.
  bool verifier = false;
  /// A fault of a device is BugCheck 0xE6/0x26, raised by the next call across the driver interface.
  bool faults_are_fatal = false;
  PagingConfig paging;
  /// Pool lies in RAM of the machine, so that a driver's MDLs of it have page frames. Off: in the host's
  /// memory, and such MDLs are refused.
  bool pool_in_ram = false;
  /// Of the kernel routines under the driver; used unless a wdk::Runtime lives already.
  wdk::Runtime::Options runtime;
};

/// A domain as it stands, for inspection.
struct AdapterView {
  std::string name;
  RemappingMode mode = RemappingMode::kPhysical;
  std::optional<std::uint16_t> domain_id;     ///< not in physical mode
  std::vector<std::uint16_t> source_ids;      ///< attached
  std::vector<std::size_t> members;           ///< indices of its functions
  std::uint64_t highest_visible_address = 0;  ///< inclusive
  std::uint64_t logical_pages_used = 0;       ///< in isolation mode: pages that are mapped 1:1
};

/// A blocked request, and whose it was.
struct DeviceFault {
  vtd::FaultRecord record;
  std::optional<std::size_t> function;  ///< index; none = a source-id of no function
};

/// One system. Callbacks carry no pointer to it, so only one Kernel may exist at a time; the constructor
/// throws std::logic_error for a second one. Callbacks may come from several threads.
class Kernel {
 public:
  explicit Kernel(const hw::Platform& platform, const KernelConfig& config = {});
  /// Frees everything without calling the driver: a run that ends early does not trust it any more.
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  /// Run the driver's DriverEntry. Its status, or STATUS_DRIVER_UNABLE_TO_LOAD when it did not call
  /// DxgkInitialize.
  NTSTATUS load(DRIVER_INITIALIZE* entry);

  /// Start all functions of the platform (R1): (AddDevice, LinkDevice) for each; then for each link
  /// QueryAdapterInfo 34, 35 and DRIVERCAPS, the decision, the domain, attachment of all members, and
  /// StartDevice, the lead last. In isolation mode attachment comes after that, under exclusive access,
  /// unless the unit has no pass-through for the time before. On failure everything done is undone and
  /// start_error() says why.
  NTSTATUS start();
  [[nodiscard]] const std::string& start_error() const { return start_error_; }

  /// Take every adapter out of its domain and put it back in, under exclusive access: what a reset of the
  /// remapping unit takes. Numbers of live ADLs stay valid (R147); raises BugCheck 0x1E4/0xA when that fails.
  /// The status of a driver that does not give exclusive access.
  NTSTATUS reattach();

  /// What the first secure virtual machine takes: an adapter that reaches all memory gets 1:1 isolation for
  /// everything that its driver has, under exclusive access (R25). There is no way back before stop(). On
  /// failure the adapter goes on as before.
  NTSTATUS enable_isolation(std::size_t link = 0);

  /// DxgkDdiSetPowerState of every member: down the lead first, up the lead last (E2). Below D0 the members
  /// start no request. After PowerActionSleep and above, D0 finds the remapping unit reset. Raises BugCheck
  /// 0x113 when the driver fails it (E3).
  NTSTATUS set_power_state(DEVICE_POWER_STATE state, POWER_ACTION action, std::size_t link = 0);

  /// The devices of a link are gone, their registers no longer answer: DxgkDdiNotifySurpriseRemoval where the
  /// driver has it, then what stop() does. They come back with a start() after stop().
  NTSTATUS surprise_remove(std::size_t link = 0);

  /// StopDevice, the lead first (E2); leak check (R96, raises BugCheck); detach; RemoveDevice. Returns the
  /// first failing status of the driver, if any.
  NTSTATUS stop();
  /// DxgkDdiUnload; the driver is gone. Stops first if needed. Raises BugCheck if objects are left (R96).
  void unload();

  /// DxgkDdiEscape of a link's lead: `data` in and out, `size` bytes.
  NTSTATUS escape(void* data, std::uint32_t size, std::size_t link = 0);

  /// Allocations and paging of a link that is started; null where the driver takes no part.
  [[nodiscard]] Paging* paging(std::size_t link = 0) const;

  // ---- Processes and memory pressure
  /// Create and enter processes here; end them with exit_process().
  [[nodiscard]] ProcessTable& processes() { return processes_; }
  /// A process ends. Raises BugCheck 0x76 while user-mode mappings of it are alive.
  void exit_process(ProcessId process);
  /// Write up to `pages` pages of sections to the page file, wherever none is locked. How many that were.
  std::uint64_t trim(std::uint64_t pages) { return memory_.trim(pages); }

  // ---- Inspection
  [[nodiscard]] CallLog& calls() { return calls_; }
  /// What the system uses itself, for observers.
  [[nodiscard]] SystemMemory& system_memory() { return system_memory_; }
  [[nodiscard]] std::vector<ObjectView> objects() const { return memory_.objects(); }
  [[nodiscard]] std::vector<AdapterView> adapters() const;
  [[nodiscard]] std::vector<vtd::FaultRecord> faults() const;
  [[nodiscard]] std::vector<InterruptNotification> notifications() const;
  [[nodiscard]] mm::PageAllocator& pages() { return pages_; }
  /// Pages that non-paged pool has at the moment: RAM that the system uses for itself.
  [[nodiscard]] std::uint64_t pool_pages() const { return pool_pages_.count(); }
  /// An event of the page allocator is about pool: for its observer.
  [[nodiscard]] bool pool_changes() const { return pool_pages_.busy(); }
  [[nodiscard]] std::size_t live_handles() const { return handles_.size(); }
  /// All fault records, with their functions.
  [[nodiscard]] std::vector<DeviceFault> device_faults() const;
  /// What is allowed, but should not be: callbacks at APC_LEVEL, interrupts during exclusive access.
  [[nodiscard]] std::vector<std::string> warnings() const;
  /// Every adapter, object, ADL, mapping and table count, for people.
  [[nodiscard]] std::string dump() const;
  /// What does not fit together among objects, page allocator, numbers, tables and attachments: nothing, as
  /// long as this kernel has no bug.
  [[nodiscard]] std::vector<std::string> verify() const;
  /// Null in physical mode. After stop() it stays, shut down, for its records and counters.
  [[nodiscard]] vtd::RemappingUnit* remapping_unit() { return unit_.get(); }
  [[nodiscard]] const std::vector<std::unique_ptr<PhysicalAdapter>>& functions() const { return functions_; }
  /// Called with each fault record, from the fault interrupt.
  void on_fault(std::function<void(const vtd::FaultRecord&)> subscriber);

  // ---- For the callbacks
  /// The one live kernel. Throws std::logic_error when there is none.
  [[nodiscard]] static Kernel& active();
  [[nodiscard]] MemoryManager& memory() { return memory_; }
  [[nodiscard]] DriverMemory& driver_memory() { return driver_memory_; }
  /// Call an entry point of the driver at PASSIVE_LEVEL. Waits while somebody has exclusive access (R182).
  /// Raises BugCheck 0xC8 when it comes back at another level.
  /// `subject`: for observers of the call log.
  NTSTATUS call_driver(const char* name, const std::string& args, const CallSubject& subject,
                       const std::function<NTSTATUS()>& call);
  /// Serve a memory callback; then the verifier and fatal faults have their say.
  NTSTATUS supervise(const char* name, const std::function<NTSTATUS()>& action);
  void warn(const std::string& what);
  /// The logical adapter of a lead's DeviceHandle, or null.
  [[nodiscard]] AdapterSpace* space_of_lead(HANDLE device_handle) const;
  /// The function whose DeviceHandle it is, or null.
  [[nodiscard]] PhysicalAdapter* find_adapter(HANDLE device_handle) const;
  /// The function whose device object it is, from its AddDevice on, or null.
  [[nodiscard]] const PhysicalAdapter* find_device(PDEVICE_OBJECT device) const;
  [[nodiscard]] hw::Platform& platform() { return platform_; }
  NTSTATUS register_driver(const DRIVER_INITIALIZATION_DATA& data);
  /// What the driver registered; all zero without one.
  [[nodiscard]] const DRIVER_INITIALIZATION_DATA& driver() const { return driver_; }
  NTSTATUS unregister_driver();
  void note_interrupt(const PhysicalAdapter& adapter, const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data);
  void note_dpc(const PhysicalAdapter& adapter);

 private:
  [[nodiscard]] wdk::Runtime::Options runtime_options();
  [[nodiscard]] LogicalAdapter* link_of(const PhysicalAdapter& adapter) const;
  NTSTATUS add_devices();
  NTSTATUS form_links();
  NTSTATUS start_link(LogicalAdapter& link);
  void query_caps(LogicalAdapter& link);
  void query_driver_caps(LogicalAdapter& link);
  [[nodiscard]] StartDecision decide(const LogicalAdapter& link) const;
  NTSTATUS open_space(LogicalAdapter& link);
  NTSTATUS make_space(LogicalAdapter& link);
  [[nodiscard]] vtd::LogicalAllocator::Order number_order(const LogicalAdapter& link);
  NTSTATUS refuse_space(LogicalAdapter& link, NTSTATUS status, const std::string& why);
  [[nodiscard]] std::vector<mm::PageRun> reserved_pages(const LogicalAdapter& link) const;
  NTSTATUS confirm_driver_caps(LogicalAdapter& link);
  NTSTATUS query_physical_adapters(LogicalAdapter& link);
  NTSTATUS query_save_area(LogicalAdapter& link, UINT index);
  NTSTATUS query_reserved_ranges(LogicalAdapter& link);
  NTSTATUS query_reserved_ranges(LogicalAdapter& link, UINT index);
  NTSTATUS take_reserved_range(LogicalAdapter& link, const DXGK_PHYSICAL_MEMORY_RANGE& range);
  [[nodiscard]] bool isolation_optional(const LogicalAdapter& link) const;
  NTSTATUS isolate(LogicalAdapter& link);
  NTSTATUS with_exclusive_access(LogicalAdapter& link, const std::function<void()>& action);
  NTSTATUS query(const PhysicalAdapter& adapter, DXGK_QUERYADAPTERINFOTYPE type, void* out,
                 std::uint32_t size, void* in = nullptr, std::uint32_t in_size = 0);
  NTSTATUS start_device(PhysicalAdapter& adapter, LogicalAdapter& link);
  NTSTATUS query_children(PhysicalAdapter& adapter, ULONG count);
  void set_power(PhysicalAdapter& adapter, ULONG uid, DEVICE_POWER_STATE state, POWER_ACTION action);
  NTSTATUS start_paging(LogicalAdapter& link);
  void stop_paging(LogicalAdapter& link);
  NTSTATUS stop_device(PhysicalAdapter& adapter);
  NTSTATUS stop_link(LogicalAdapter& link);
  void remove_device(PhysicalAdapter& adapter);
  void shut_unit_down();
  void note_fault(const vtd::FaultRecord& record);
  void raise_fatal_fault();
  [[nodiscard]] std::optional<std::size_t> function_of(std::uint16_t source_id) const;
  void verify_space(const LogicalAdapter& link, const std::vector<ObjectView>& objects,
                    std::vector<std::string>& found) const;
  NTSTATUS fail(NTSTATUS status, std::string why);
  /// The unit, brought up on first use with pass-through for adapters that run already.
  [[nodiscard]] vtd::RemappingUnit& bring_up_unit();

  hw::Platform platform_;
  KernelConfig config_;
  std::unique_ptr<wdk::Runtime> runtime_;  // null when somebody else's is in use
  CallLog calls_;
  mm::PageAllocator pages_;
  PoolPages pool_pages_;
  HandleTable handles_;
  std::unique_ptr<vtd::RemappingUnit> unit_;
  MemoryManager memory_;
  SystemMemory system_memory_;
  DriverMemory driver_memory_;
  ProcessTable processes_;
  DdiGate gate_;
  DRIVER_INITIALIZATION_DATA driver_{};
  bool loaded_ = false;
  std::vector<std::unique_ptr<PhysicalAdapter>> functions_;
  std::vector<std::unique_ptr<LogicalAdapter>> links_;
  std::map<HANDLE, PhysicalAdapter*> by_handle_;
  std::string start_error_;
  std::vector<std::function<void(const vtd::FaultRecord&)>> fault_subscribers_;
  std::vector<vtd::FaultRecord> past_faults_;  // of earlier starts
  bool unit_lost_power_ = false;
  mutable std::mutex notification_mutex_;  // of all below
  std::vector<InterruptNotification> notifications_;
  std::vector<std::string> warnings_;
  std::optional<vtd::FaultRecord> fatal_fault_;
  PhysicalAdapter* adding_ = nullptr;  // its AddDevice runs
};

/// Fill the callback table that a driver gets at StartDevice, as long as its version's.
void fill_interface(DXGKRNL_INTERFACE& table, HANDLE device_handle, ULONG version);

}  // namespace gpudmar::dxgkrnl
