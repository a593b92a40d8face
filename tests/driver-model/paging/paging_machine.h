// SPDX-License-Identifier: Apache-2.0
// A whole system without clock for paging: byte-level GPUs whose requests go through the reference remapping
// unit, the graphics kernel, and the sample miniport or one that the test brings.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/kmd/allocation.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "sim/model/model_mmio.h"
#include "sim/model/unit.h"
#include "tests/driver-model/kmd/fake_gpu.h"
#include "tests/support/fake_platform.h"

namespace gpudmar::test {

/// One machine and its system. GdmParameters are put back on destruction.
class PagingMachine {
 public:
  struct Options {
    unsigned gpus = 2;
    FakeGpu::Config gpu = {};
    bool paging = true;       ///< of the sample miniport
    bool high_memory = true;  ///< above what the GPU drives: logical mode
    dxgkrnl::KernelConfig kernel = {};
    DRIVER_INITIALIZE* driver = DriverEntry;
  };
  explicit PagingMachine(Options options);
  PagingMachine() : PagingMachine(Options()) {}
  ~PagingMachine();
  PagingMachine(const PagingMachine&) = delete;
  PagingMachine& operator=(const PagingMachine&) = delete;

  NTSTATUS start();
  [[nodiscard]] dxgkrnl::Paging& paging() { return *kernel->paging(); }
  /// Sends a command of the sample miniport; its own status.
  template <typename T>
  NTSTATUS escape(std::uint32_t command, T& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(T), 0};
    const NTSTATUS status = kernel->escape(&args, sizeof(T));
    return NT_SUCCESS(status) ? args.header.status : status;
  }
  NTSTATUS copy(std::uint32_t gpu, const GdmOperand& from, const GdmOperand& to, std::uint64_t bytes,
                std::uint32_t flags = 0);
  /// Bytes that a GPU finds at logical addresses; false = the access is blocked.
  bool device_access(unsigned gpu, std::uint64_t logical, void* data, std::size_t bytes, bool write);
  /// Operations of BuildPagingBuffer since the last call of forget_calls().
  [[nodiscard]] std::vector<int> operations() const;
  /// Names of the calls that the driver got, without QueryAdapterInfo and interrupts.
  [[nodiscard]] std::vector<std::string> ddi_calls() const;
  void forget_calls() { kernel->calls().clear(); }

  FakePlatform fake;
  /// The unit's reads of tables; an error of the bus while `broken`.
  struct TableReads final : model::MemoryView {
    explicit TableReads(const model::MemoryView& inner) : inner(inner) {}
    [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
      return broken ? std::nullopt : inner.load64(pa);
    }
    const model::MemoryView& inner;
    bool broken = false;
  };

  model::ModelMemory unit_memory;
  TableReads table_reads;
  model::Unit unit;
  model::ModelMmio unit_registers;
  std::vector<std::unique_ptr<FakeGpu>> gpus;
  std::unique_ptr<dxgkrnl::Kernel> kernel;
  std::uint64_t blocked = 0;        ///< requests of GPUs that the unit refused
  std::uint64_t fail_access = 0;    ///< the n-th access of a GPU from now fails; 0 = none
  std::uint64_t keep_failing = 0;   ///< and so many after it
  std::uint64_t fault_access = 0;   ///< the n-th access from now is blocked by the unit, with a fault record
  bool keep_faulting = false;       ///< and all after it
  std::function<void()> on_access;  ///< before each access of a GPU

 private:
  void send(const hw::MessageTarget& message);
  void deliver();
  std::deque<hw::MessageTarget> messages_;
  bool delivering_ = false;
  bool scheduled_ = false;
  DRIVER_INITIALIZE* driver_;
};

/// Private data of an allocation.
[[nodiscard]] GdmAllocationData allocation_data(std::uint64_t size, std::uint32_t segments,
                                                std::uint32_t flags = 0, std::uint32_t adapter = 0);

}  // namespace gpudmar::test
