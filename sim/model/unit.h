// SPDX-License-Identifier: Apache-2.0
// Untimed register-level reference of the whole remapping unit: register page, invalidation queue, faults,
// events. It caches nothing, so every access shows the tables as they are now.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/model/descriptor.h"
#include "sim/model/memory_view.h"
#include "sim/model/translate.h"

namespace gpudmar::model {

/// A 128-bit fault record as software reads it (VT-d 1.14).
struct FaultRecord {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  [[nodiscard]] std::uint64_t page() const { return low & ~std::uint64_t{0xFFF}; }
  [[nodiscard]] std::uint16_t source_id() const { return static_cast<std::uint16_t>(high); }
  [[nodiscard]] Reason reason() const { return static_cast<Reason>((high >> 32) & 0xFF); }
  [[nodiscard]] bool valid() const { return (high >> 63) != 0; }
  [[nodiscard]] bool t1() const { return (high >> 62 & 1) != 0; }  ///< with t2: 00 write, 10 read, 11 atomic
  [[nodiscard]] bool t2() const { return (high >> 28 & 1) != 0; }
  [[nodiscard]] unsigned at() const { return static_cast<unsigned>(high >> 60 & 3); }
  [[nodiscard]] bool pasid_present() const { return (high >> 31 & 1) != 0; }
  [[nodiscard]] std::uint32_t pasid() const { return static_cast<std::uint32_t>(high >> 40 & 0xF'FFFF); }
};

/// The record that a fault of this request leaves, with F = 1.
[[nodiscard]] FaultRecord make_fault_record(const Request& request, Reason reason);

/// The unit. Registers behave as VT-d 1 says; commands are done when the write returns.
class Unit {
 public:
  /// What the unit does to the outside, besides memory. Any of them may be empty.
  struct Hooks {
    /// A fault or invalidation event message: a 4-byte write of `data` to `address`.
    std::function<void(std::uint64_t address, std::uint32_t data)> message;
    /// An invalidation descriptor (context-cache, IOTLB, device-TLB) was executed.
    std::function<void(const Descriptor&)> invalidated;
    /// A fault was found: its record, and whether it was recorded (false: dropped by overflow).
    std::function<void(const FaultRecord&, bool recorded)> faulted;
  };

  /// `memory` and `writer` must outlive the unit.
  Unit(UnitConfig config, const MemoryView& memory, MemoryWriter& writer);

  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

  /// Aligned accesses within the page. Reserved space reads 0 and ignores writes (VT-d 1.1).
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) const;
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) const;
  void write32(std::uint64_t offset, std::uint32_t value);
  void write64(std::uint64_t offset, std::uint64_t value);

  /// One DMA request; a fault is recorded before this returns.
  Outcome access(const Request& request);

  [[nodiscard]] const UnitConfig& config() const { return config_; }
  [[nodiscard]] const RootState& root() const { return root_; }
  [[nodiscard]] std::uint64_t faults() const { return faults_; }  ///< found, recorded or not

 private:
  /// An event register block: FECTL or IECTL and what belongs to it.
  struct Event {
    bool masked = true;
    bool pending = false;
    std::uint32_t data = 0;
    std::uint32_t address = 0;
  };

  [[nodiscard]] std::uint64_t cap() const;
  [[nodiscard]] std::uint64_t ecap() const;
  [[nodiscard]] std::uint32_t fault_status() const;
  [[nodiscard]] bool pending_fault() const;

  void command(std::uint32_t value);
  void clear_fault_status(std::uint32_t value);
  void write_event(Event& event, std::uint64_t index, std::uint32_t value);
  void raise(Event& event);
  void settle_fault_event();
  void record_fault(const FaultRecord& record);
  void run_queue();
  void queue_error(QueueError error);
  void execute(const Descriptor& descriptor);

  UnitConfig config_;
  const MemoryView& memory_;
  MemoryWriter& writer_;
  Hooks hooks_;

  RootState root_;
  std::uint64_t rtaddr_ = 0;  ///< as written; adopted by SRTP
  bool root_set_ = false;     ///< GSTS.RTPS
  bool queue_enabled_ = false;
  std::uint64_t queue_head_ = 0;  ///< byte offset
  std::uint64_t queue_tail_ = 0;  ///< byte offset as written
  std::uint64_t queue_address_ = 0;
  bool queue_stopped_ = false;  ///< FSTS.IQE
  QueueError queue_reason_ = QueueError::kNone;
  bool wait_completed_ = false;  ///< ICS.IWC
  Event fault_event_;
  Event invalidation_event_;
  std::vector<FaultRecord> records_;
  std::size_t next_record_ = 0;
  std::size_t first_record_ = 0;  ///< FSTS.FRI
  bool overflow_ = false;         ///< FSTS.PFO
  std::uint64_t faults_ = 0;
};

}  // namespace gpudmar::model
