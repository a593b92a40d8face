// SPDX-License-Identifier: Apache-2.0
// Interrupt delivery: message, interrupt routine at the device's level, then the DPC at DISPATCH_LEVEL.
#include "driver-model/dxgkrnl/adapter.h"

#include <fmt/format.h>

#include <cstring>

#include "driver-model/dxgkrnl/ddi_gate.h"
#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/wdk/runtime/kernel_objects.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::dma;

constexpr ULONG kMessageNumber = 0;

/// Marks the device's interrupt level as taken for a scope.
class InterruptLevel {
 public:
  explicit InterruptLevel(std::atomic<int>& depth) : depth_(depth) { ++depth_; }
  ~InterruptLevel() { --depth_; }
  InterruptLevel(const InterruptLevel&) = delete;
  InterruptLevel& operator=(const InterruptLevel&) = delete;

 private:
  std::atomic<int>& depth_;
};

}  // namespace

PhysicalAdapter::PhysicalAdapter(std::size_t index, const hw::Function& function,
                                 const hw::Platform& platform, CallLog& log,
                                 const DRIVER_INITIALIZATION_DATA& driver)
    : index_(index),
      function_(function),
      interrupt_controller_(*platform.interrupts),
      log_(log),
      driver_(driver),
      interrupt_lock_(*platform.time),
      dpc_lock_(*platform.time) {}

PhysicalAdapter::~PhysicalAdapter() {
  if (message_) interrupt_controller_.disconnect(*message_);
}

void PhysicalAdapter::enable_bus() {
  message_ = interrupt_controller_.connect(function_.name, [this] { handle_interrupt(); });
  hw::Mmio& bar = *function_.bar0;
  bar.write64(r::CFG_MSI_ADDR::kOffset, message_->address);
  bar.write32(r::CFG_MSI_DATA::kOffset, message_->data);
  bar.write32(r::CFG_COMMAND::kOffset, static_cast<std::uint32_t>(r::CFG_COMMAND::BUS_MASTER.put(1) |
                                                                  r::CFG_COMMAND::MSI_ENABLE.put(1)));
  (void)bar.read32(r::CFG_COMMAND::kOffset);  // in effect when the read returns
}

void PhysicalAdapter::disable_bus() {
  if (!message_) return;
  function_.bar0->write32(r::CFG_COMMAND::kOffset, 0);
  (void)function_.bar0->read32(r::CFG_COMMAND::kOffset);
  interrupt_controller_.disconnect(*message_);
  message_.reset();
}

void PhysicalAdapter::forget_bus() {
  if (!message_) return;
  interrupt_controller_.disconnect(*message_);
  message_.reset();
}

void PhysicalAdapter::deliver_held() {
  if (interrupt_held_.exchange(false))
    handle_interrupt();
  else
    run_dpcs();
}

void PhysicalAdapter::device_information(DXGK_DEVICE_INFO& info, std::uint64_t memory_size,
                                         std::uint64_t highest_address) {
  // BAR 0 and one message interrupt: a list with two partial descriptors, one of which is part of the struct.
  resources_.assign(sizeof(CM_RESOURCE_LIST) + sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR), 0);
  auto* list = reinterpret_cast<PCM_RESOURCE_LIST>(resources_.data());
  list->Count = 1;
  list->List[0].InterfaceType = PCIBus;
  list->List[0].BusNumber = function_.source_id >> 8;
  CM_PARTIAL_RESOURCE_LIST& partial = list->List[0].PartialResourceList;
  partial.Version = 1;
  partial.Revision = 1;
  partial.Count = 2;
  CM_PARTIAL_RESOURCE_DESCRIPTOR memory{};
  memory.Type = CmResourceTypeMemory;
  memory.ShareDisposition = CmResourceShareDeviceExclusive;
  memory.Flags = CM_RESOURCE_MEMORY_READ_WRITE | CM_RESOURCE_MEMORY_BAR;
  memory.u.Memory.Start.QuadPart = static_cast<LONGLONG>(function_.bar0->base());
  memory.u.Memory.Length = static_cast<ULONG>(function_.bar0->size());
  CM_PARTIAL_RESOURCE_DESCRIPTOR interrupt{};
  interrupt.Type = CmResourceTypeInterrupt;
  interrupt.ShareDisposition = CmResourceShareDeviceExclusive;
  interrupt.Flags = CM_RESOURCE_INTERRUPT_LATCHED | CM_RESOURCE_INTERRUPT_MESSAGE;
  interrupt.u.MessageInterrupt.Translated.Level = wdk::kDeviceIrql;
  interrupt.u.MessageInterrupt.Translated.Vector = message_ ? message_->data : 0;
  interrupt.u.MessageInterrupt.Translated.Affinity = 1;
  std::memcpy(&partial.PartialDescriptors[0], &memory, sizeof(memory));
  std::memcpy(reinterpret_cast<std::uint8_t*>(&partial.PartialDescriptors[0]) + sizeof(memory), &interrupt,
              sizeof(interrupt));

  info = DXGK_DEVICE_INFO{};
  info.MiniportDeviceContext = context;
  info.PhysicalDeviceObject = device_object();
  info.TranslatedResourceList = list;
  info.SystemMemorySize.QuadPart = static_cast<LONGLONG>(memory_size);
  info.HighestPhysicalAddress.QuadPart = static_cast<LONGLONG>(highest_address);
  info.DockingState = DockStateUnsupported;
}

void PhysicalAdapter::handle_interrupt() {
  if (exclusive_) {
    ++held_;
    interrupt_held_ = true;
    return;
  }
  ++interrupts_;
  if (driver_.DxgkDdiInterruptRoutine != nullptr && context != nullptr) {
    const std::lock_guard guard(interrupt_lock_);
    const InterruptLevel level(at_interrupt_level_);
    InterruptArguments args{kMessageNumber, FALSE};
    {
      CallScope call(log_, "DxgkDdiInterruptRoutine", function_.name, {&args, nullptr, index_of(*this)});
      const wdk::IrqlRaise raised(wdk::Runtime::active(), wdk::kDeviceIrql);
      const wdk::SpinLockWatch locks(wdk::Runtime::active());
      args.claimed = driver_.DxgkDdiInterruptRoutine(context, args.message_number);
      locks.returned("DxgkDdiInterruptRoutine");
      check_level("DxgkDdiInterruptRoutine", wdk::kDeviceIrql);
    }
    if (args.claimed == FALSE) ++unclaimed_;
  } else if (unclaimed_++ == 0 && driver_.DxgkDdiInterruptRoutine == nullptr) {
    wdk::Runtime::active().debug_print(
        fmt::format("{} interrupts, and the driver has no DxgkDdiInterruptRoutine\n", function_.name));
  }
  run_dpcs();
}

BOOLEAN PhysicalAdapter::queue_dpc() {
  if (dpc_pending_.exchange(true)) return FALSE;
  if (driver_.DxgkDdiDpcRoutine == nullptr)
    wdk::Runtime::active().debug_print(
        fmt::format("{} has a DPC queued, and the driver has no DxgkDdiDpcRoutine\n", function_.name));
  // From the device's level the DPC waits until that is left; from below it runs at once.
  if (at_interrupt_level_ == 0 && KeGetCurrentIrql() < DISPATCH_LEVEL) run_dpcs();
  return TRUE;
}

void PhysicalAdapter::run_dpcs() {
  if (driver_.DxgkDdiDpcRoutine == nullptr || !dpc_pending_.load() || exclusive_) return;
  const std::lock_guard guard(dpc_lock_);
  while (dpc_pending_.exchange(false)) {
    CallScope call(log_, "DxgkDdiDpcRoutine", function_.name, {nullptr, nullptr, index_of(*this)});
    const wdk::IrqlRaise raised(wdk::Runtime::active(), DISPATCH_LEVEL);
    ++dpcs_;
    const wdk::SpinLockWatch locks(wdk::Runtime::active());
    driver_.DxgkDdiDpcRoutine(context);
    locks.returned("DxgkDdiDpcRoutine");
    check_level("DxgkDdiDpcRoutine", DISPATCH_LEVEL);
  }
}

BOOLEAN PhysicalAdapter::synchronize(PKSYNCHRONIZE_ROUTINE routine, PVOID routine_context) {
  BOOLEAN result = FALSE;
  {
    const std::lock_guard guard(interrupt_lock_);
    const InterruptLevel level(at_interrupt_level_);
    const wdk::IrqlRaise raised(wdk::Runtime::active(), wdk::kDeviceIrql);
    const wdk::SpinLockWatch locks(wdk::Runtime::active());
    result = routine(routine_context);
    locks.returned("the routine of DxgkCbSynchronizeExecution");
    check_level("the routine of DxgkCbSynchronizeExecution", wdk::kDeviceIrql);
  }
  if (KeGetCurrentIrql() < DISPATCH_LEVEL) run_dpcs();
  return result;
}

}  // namespace gpudmar::dxgkrnl
