// SPDX-License-Identifier: Apache-2.0
// One PCI function as dxgkrnl runs it: resources, message interrupt, interrupt routine and DPC.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dispmprt.h"
#include "driver-model/dxgkrnl/call_log.h"
#include "driver-model/dxgkrnl/memory_manager.h"
#include "driver-model/dxgkrnl/paging.h"
#include "driver-model/hw/hw.h"
#include "driver-model/mm/sleep_lock.h"

namespace gpudmar::dxgkrnl {

/// What a driver told through DxgkCbNotifyInterrupt.
struct InterruptNotification {
  std::size_t adapter = 0;  ///< index of the function
  DXGK_INTERRUPT_TYPE type{};
  std::uint32_t fence_id = 0;  ///< of the types that carry one, else 0
  std::uint64_t cycle = 0;
  NTSTATUS fault_status = STATUS_SUCCESS;  ///< DMA_FAULTED
  std::uint32_t page_fault_flags = 0;      ///< DMA_PAGE_FAULTED: DXGK_PAGE_FAULT_FLAGS
  std::uint64_t fault_address = 0;         ///< DMA_PAGE_FAULTED
};

/// A physical adapter. The interrupt level of a device is one exclusive level: its interrupt routine and
/// routines under SynchronizeExecution never run at the same time.
class PhysicalAdapter {
 public:
  PhysicalAdapter(std::size_t index, const hw::Function& function, const hw::Platform& platform, CallLog& log,
                  const DRIVER_INITIALIZATION_DATA& driver);
  ~PhysicalAdapter();
  PhysicalAdapter(const PhysicalAdapter&) = delete;
  PhysicalAdapter& operator=(const PhysicalAdapter&) = delete;

  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] const hw::Function& function() const { return function_; }
  [[nodiscard]] PDEVICE_OBJECT device_object() { return reinterpret_cast<PDEVICE_OBJECT>(this); }

  PVOID context = nullptr;         ///< MiniportDeviceContext of AddDevice
  LINKED_DEVICE link{};            ///< as LinkDevice left it
  HANDLE device_handle = nullptr;  ///< given to the driver at StartDevice
  bool started = false;
  ULONG children = 0;             ///< as StartDevice counted them
  std::vector<ULONG> child_uids;  ///< of each, as QueryChildRelations told

  /// Connect the message interrupt, programme it into the function, enable it and bus mastering.
  void enable_bus();
  /// The function starts no request and sends no message from here on; idempotent.
  void disable_bus();
  /// The function is gone: as disable_bus(), without a word to it.
  void forget_bus();
  [[nodiscard]] bool bus_enabled() const { return message_.has_value(); }

  /// Exclusive access (R182): interrupts and DPCs are held back, and come after its end.
  void begin_exclusive() { exclusive_ = true; }
  void end_exclusive() { exclusive_ = false; }
  void deliver_held();
  /// Interrupts that came although the driver had promised silence (R183).
  [[nodiscard]] std::uint64_t interrupts_held() const { return held_; }

  /// DxgkCbGetDeviceInformation. The resource list stays valid as long as this object.
  void device_information(DXGK_DEVICE_INFO& info, std::uint64_t memory_size, std::uint64_t highest_address);

  /// DxgkCbQueueDpc: TRUE = queued.
  BOOLEAN queue_dpc();
  /// DPCs that were queued at DISPATCH_LEVEL or above run when that is left.
  void run_dpcs();
  /// DxgkCbSynchronizeExecution.
  BOOLEAN synchronize(PKSYNCHRONIZE_ROUTINE routine, PVOID routine_context);

  [[nodiscard]] std::uint64_t interrupts() const { return interrupts_; }
  [[nodiscard]] std::uint64_t unclaimed_interrupts() const { return unclaimed_; }
  [[nodiscard]] std::uint64_t dpcs() const { return dpcs_; }
  [[nodiscard]] std::optional<hw::MessageTarget> message() const { return message_; }

 private:
  void handle_interrupt();

  std::size_t index_;
  hw::Function function_;
  hw::Interrupts& interrupt_controller_;
  CallLog& log_;
  const DRIVER_INITIALIZATION_DATA& driver_;
  std::vector<std::uint8_t> resources_;
  std::optional<hw::MessageTarget> message_;
  mm::SleepLock interrupt_lock_;  // the device's interrupt level
  mm::SleepLock dpc_lock_;        // a DPC does not run beside itself
  std::atomic<bool> dpc_pending_{false};
  std::atomic<int> at_interrupt_level_{0};
  std::atomic<bool> exclusive_{false};
  std::atomic<bool> interrupt_held_{false};
  std::atomic<std::uint64_t> held_{0};
  std::atomic<std::uint64_t> interrupts_{0};
  std::atomic<std::uint64_t> unclaimed_{0};
  std::atomic<std::uint64_t> dpcs_{0};
};

/// CallSubject::function.
[[nodiscard]] inline int index_of(const PhysicalAdapter& adapter) {
  return static_cast<int>(adapter.index());
}

/// A link of physical adapters (or a single one): what shares one address space.
struct LogicalAdapter {
  AdapterSpace memory;
  std::vector<PhysicalAdapter*> members;  ///< in order of AddDevice
  PhysicalAdapter* lead = nullptr;
  ReportedCaps caps;
  StartDecision decision;
  std::vector<PhysicalAdapter*> by_index;      ///< by PhysicalAdapterIndex, as the driver counts
  std::vector<mm::PageRun> hardware_reserved;  ///< of QueryAdapterInfo 22, as the driver gave them
  bool reserved_ranges_known = false;
  DEVICE_POWER_STATE power = PowerDeviceD0;
  std::unique_ptr<Paging> paging;  ///< null: the driver takes no part in it
};

/// Of the members, in their order.
[[nodiscard]] std::vector<std::uint16_t> source_ids(const LogicalAdapter& link);

}  // namespace gpudmar::dxgkrnl
