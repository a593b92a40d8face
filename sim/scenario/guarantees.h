// SPDX-License-Identifier: Apache-2.0
// Watches a machine and its graphics kernel, and checks what the kernel guarantees (docs/scenarios.md): after
// each callback, at each fault, at each transaction behind the unit.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/bench/machine.h"
#include "sim/scenario/guarantee_rules.h"

namespace gpudmar::sim {

/// Takes the observer of the kernel's call log and that of its page allocator. Violations go into the
/// machine's log as rules "guarantee.G5" and so on. Costs no simulated time after construction.
class Guarantees final : public CycleObserver {
 public:
  /// Made in an SC_THREAD after the kernel and before its driver is loaded; ends before the kernel does.
  /// `highest_visible` by adapter, inclusive; empty: what the GPUs drive. `attaches`: in isolation mode the
  /// links come into their domains.
  Guarantees(Machine& machine, dxgkrnl::Kernel& kernel, std::map<std::string, std::uint64_t>& checked,
             std::vector<std::uint64_t> highest_visible = {}, bool attaches = true);
  ~Guarantees() override;
  Guarantees(const Guarantees&) = delete;
  Guarantees& operator=(const Guarantees&) = delete;

  void count(const std::string& rule) { rules_.count(rule); }
  /// Kernel::start() has succeeded: every link has the path that it was to have (G1).
  void system_started();
  /// Compares all tables with all promises, and the unit's caches with the tables, now.
  void sweep();
  /// Waits until every request was answered and every record has reached the operating system (G21).
  void settle();
  /// The last look; nothing is checked afterwards.
  void finish();
  [[nodiscard]] GuaranteeRules& rules() { return rules_; }

  void observe(const CycleView& view) override;
  void reset() override;
  void iommu_reset() override;
  void finish(std::uint64_t /*cycle*/) override {}

 private:
  struct View final : model::MemoryView {
    explicit View(HostMemory& memory) : memory(memory) {}
    [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override;
    HostMemory& memory;
  };
  struct Request {
    std::uint64_t cycle = 0;
    std::uint64_t address = 0;
  };
  using Channel = std::map<std::uint32_t, std::deque<Request>>;  ///< by id, oldest first

  void call(const dxgkrnl::CallRecord& record, bool finished);
  void memory_call_ends(const dxgkrnl::CallRecord& record);
  void adl_allocated(const dxgkrnl::CallRecord& record);
  void adl_freed(const dxgkrnl::CallRecord& record);
  void object_created(const dxgkrnl::CallRecord& record);
  void frame_buffer_pinned(const dxgkrnl::CallRecord& record);
  void block_given(const dxgkrnl::CallRecord& record);
  /// The promise that a call takes back, by its id in the rules; null: none.
  [[nodiscard]] const void* what_goes(const dxgkrnl::CallRecord& record) const;
  void device_call_begins(const dxgkrnl::CallRecord& record);
  void device_call_ends(const dxgkrnl::CallRecord& record);
  void device_starts(const std::string& what);
  void device_stopped(unsigned port);
  void device_is_removed(unsigned port);
  void paging_call_ends(const dxgkrnl::CallRecord& record);
  void paging_buffer_built(const dxgkrnl::CallRecord& record, const std::string& link, const void* buffer);
  [[nodiscard]] std::optional<unsigned> port_of(const std::string& function) const;
  [[nodiscard]] GuaranteeRules::Snapshot snapshot() const;
  [[nodiscard]] std::vector<std::uint16_t> source_ids() const;
  void registers(const CycleView& view);
  void requesters(const CycleView& view);
  void fault(const CycleView& view);
  void data_port(const CycleView& view);
  void table_port(const CycleView& view);

  Machine& machine_;
  dxgkrnl::Kernel& kernel_;
  DutInfo info_;
  model::UnitConfig unit_;
  std::vector<std::uint64_t> highest_visible_;
  View view_;
  GuaranteeRules rules_;
  bool watching_ = true;

  // Calls.
  struct Made {  ///< what Create was asked for
    DXGK_PHYSICAL_MEMORY_TYPE type{};
    std::uint64_t io_frame = 0;
    bool writable = true;
  };
  std::unordered_map<HANDLE, Made> made_;
  unsigned sections_ = 0;  ///< alive
  struct Open {
    GuaranteeRules::Snapshot before;
    bool alone = true;  ///< no other memory call ran beside it
    const void* going = nullptr;
  };
  std::map<std::uint64_t, Open> open_calls_;
  std::uint64_t calls_since_sweep_ = 0;
  bool attaches_;
  std::set<unsigned> started_;  ///< ports between StartDevice and StopDevice
  std::map<std::pair<std::string, unsigned>, const void*> pins_;  ///< by link and physical adapter
  std::map<std::uint64_t, const void*> paging_buffers_;           ///< by call: where BuildPagingBuffer began
  std::map<void*, std::string> blocks_;                           ///< of the 2.4 callbacks, to what ends them

  // Hardware.
  model::RootState root_;
  std::uint64_t root_register_ = 0;
  std::uint64_t queue_commands_ = 0;
  std::uint64_t faults_recorded_ = 0;
  std::uint64_t faults_before_ = 0;
  std::array<std::array<Channel, 2>, kMaxAdapters> requests_;  ///< port, write: not answered
  std::array<std::deque<Request>, 2> failed_;                  ///< write: answered with an error lately
  std::array<Channel, 2> data_;                                ///< write: left, by id at m_axi_data
  std::uint64_t table_address_ = 0;                            ///< of the newest write at m_axi_table
};

}  // namespace gpudmar::sim
