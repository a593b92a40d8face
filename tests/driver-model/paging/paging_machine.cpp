// SPDX-License-Identifier: Apache-2.0
// The paging machine: see paging_machine.h.
#include "tests/driver-model/paging/paging_machine.h"

#include <gtest/gtest.h>

#include "driver-model/hw/regs/dma_regs.h"
#include "sim/model/translate.h"

namespace gpudmar::test {
namespace {

namespace dma = regs::dma;

constexpr std::uint64_t kBar = 0x8000'0000;
constexpr std::uint64_t kLow = 64ULL << 20;

std::uint16_t source_id(unsigned gpu) { return static_cast<std::uint16_t>((gpu + 1) << 8); }

std::vector<hw::MemoryRange> ram(bool high) {
  std::vector<hw::MemoryRange> ranges{{0, kLow}};
  if (high) ranges.push_back({1ULL << 40, kLow});
  return ranges;
}

}  // namespace

PagingMachine::PagingMachine(Options options)
    : fake(ram(options.high_memory)),
      unit_memory(fake.memory),
      table_reads(unit_memory),
      unit({}, table_reads, unit_memory),
      unit_registers(unit),
      driver_(options.driver) {
  model::Unit::Hooks hooks;
  hooks.message = [this](std::uint64_t address, std::uint32_t data) { send({address, data}); };
  unit.set_hooks(std::move(hooks));
  fake.platform.iommu = &unit_registers;
  for (unsigned i = 0; i < options.gpus; ++i) {
    gpus.push_back(std::make_unique<FakeGpu>(
        fake.time, kBar + i * hw::kPageSize, options.gpu,
        [this, i](std::uint64_t logical, void* data, std::size_t bytes, bool write) {
          if (on_access) on_access();
          if (fail_access != 0 && --fail_access == 0) {
            if (keep_failing != 0) {
              --keep_failing;
              fail_access = 1;
            }
            return false;
          }
          if (fault_access != 0 && --fault_access == 0) {
            fault_access = keep_faulting ? 1 : 0;
            table_reads.broken = true;
          }
          const bool done = device_access(i, logical, data, bytes, write);
          table_reads.broken = false;
          return done;
        }));
    FakeMmio& bar = gpus.back()->mmio;
    gpus.back()->interrupt = [this, &bar] {
      if (dma::CFG_COMMAND::MSI_ENABLE.get(bar.peek32(dma::CFG_COMMAND::kOffset)) != 0)
        send({bar.peek64(dma::CFG_MSI_ADDR::kOffset), bar.peek32(dma::CFG_MSI_DATA::kOffset)});
    };
    fake.platform.functions.push_back({"gpu" + std::to_string(i), source_id(i), &bar});
  }
  GdmParameters.NoPaging = options.paging ? FALSE : TRUE;
  kernel = std::make_unique<dxgkrnl::Kernel>(fake.platform, options.kernel);
}

PagingMachine::~PagingMachine() {
  kernel.reset();
  GdmParameters = GdmDefaultParameters;
}

NTSTATUS PagingMachine::start() {
  const NTSTATUS status = kernel->load(driver_);
  return NT_SUCCESS(status) ? kernel->start() : status;
}

void PagingMachine::send(const hw::MessageTarget& message) {
  messages_.push_back(message);
  deliver();
}

// Handlers run one at a time, and only where the thread that they interrupt is below DISPATCH_LEVEL: a DPC
// follows each.
void PagingMachine::deliver() {
  if (delivering_ || scheduled_ || messages_.empty()) return;
  scheduled_ = true;
  fake.time.after(1, [this] {
    scheduled_ = false;
    if (KeGetCurrentIrql() >= DISPATCH_LEVEL || delivering_) return deliver();
    const hw::MessageTarget message = messages_.front();
    messages_.pop_front();
    delivering_ = true;
    (void)fake.interrupts.raise(message);
    delivering_ = false;
    deliver();
  });
}

bool PagingMachine::device_access(unsigned gpu, std::uint64_t logical, void* data, std::size_t bytes,
                                  bool write) {
  model::Request request;
  request.source_id = source_id(gpu);
  request.address = logical;
  request.is_write = write;
  const auto out = model::outgoing_address(unit.access(request));
  if (!out) {
    ++blocked;
    return false;
  }
  try {
    if (write)
      fake.memory.write(*out, data, bytes);
    else
      fake.memory.read(*out, data, bytes);
  } catch (const hw::HardwareError&) {
    return false;
  }
  return true;
}

NTSTATUS PagingMachine::copy(std::uint32_t gpu, const GdmOperand& from, const GdmOperand& to,
                             std::uint64_t bytes, std::uint32_t flags) {
  GdmCopy args{};
  args.adapter_index = gpu;
  args.source = from;
  args.destination = to;
  args.size = bytes;
  args.flags = flags;
  return escape(GDM_ESCAPE_COPY, args);
}

std::vector<int> PagingMachine::operations() const {
  std::vector<int> operations;
  for (const auto& call : kernel->calls().records())
    if (call.name == "DxgkDdiBuildPagingBuffer")
      operations.push_back(std::stoi(call.args.substr(std::string("operation ").size())));
  return operations;
}

std::vector<std::string> PagingMachine::ddi_calls() const {
  std::vector<std::string> names;
  for (const auto& call : kernel->calls().records())
    if (call.name.rfind("DxgkDdi", 0) == 0 && call.name != "DxgkDdiQueryAdapterInfo" &&
        call.name != "DxgkDdiInterruptRoutine" && call.name != "DxgkDdiDpcRoutine")
      names.push_back(call.name.substr(7));
  return names;
}

GdmAllocationData allocation_data(std::uint64_t size, std::uint32_t segments, std::uint32_t flags,
                                  std::uint32_t adapter) {
  return {GDM_ALLOCATION_MAGIC, adapter, size, flags, segments};
}

}  // namespace gpudmar::test
