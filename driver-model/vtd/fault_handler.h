// SPDX-License-Identifier: Apache-2.0
// Primary fault logging (VT-d 6.2, 9.N): takes records out of the unit and passes them on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"
#include "driver-model/vtd/registers.h"

namespace gpudmar::vtd {

/// A blocked request, as the unit recorded it.
struct FaultRecord {
  std::uint16_t source_id = 0;
  std::uint64_t address = 0;  ///< page of the request: byte address, page-aligned
  unsigned reason = 0;        ///< regs::vtd::fault
  bool is_write = false;
  std::uint64_t cycle = 0;  ///< when software read the record
};

/// For people: "fault 05h (no write permission): write by 01:00.0 to 1234000h".
[[nodiscard]] std::string describe(const FaultRecord& record);

/// The fault event: programs it, drains the records at each message, keeps them.
class FaultHandler {
 public:
  /// `on_queue_error` is called when FSTS.IQE is seen; the queue's owner clears it.
  FaultHandler(Registers& registers, hw::Interrupts& interrupts, const Capabilities& capabilities,
               std::function<void()> on_queue_error);
  ~FaultHandler();
  FaultHandler(const FaultHandler&) = delete;
  FaultHandler& operator=(const FaultHandler&) = delete;

  /// VT-d 9.A: clear what is stale, programme the message, unmask.
  void enable();
  void disable();  ///< mask the event

  /// Take out what the unit holds; runs at each fault message and may be called at any time. In a storm, when
  /// faults come as fast as they are taken, it stops after a bounded number of rounds and masks the event;
  /// the next call, by whoever ended the storm, takes the rest and unmasks it.
  void drain();

  /// Called with each record, in order, from drain().
  void subscribe(std::function<void(const FaultRecord&)> subscriber);

  [[nodiscard]] std::vector<FaultRecord> records() const;
  [[nodiscard]] std::uint64_t overflows() const { return overflows_; }  ///< times that PFO was found set
  [[nodiscard]] std::uint64_t storms() const { return storms_; }        ///< times that drain() gave up

 private:
  void drain_once();
  void mask(bool masked);
  [[nodiscard]] bool take_record(unsigned index);

  Registers& registers_;
  hw::Interrupts& interrupts_;
  Capabilities capabilities_;
  std::function<void()> on_queue_error_;
  hw::MessageTarget message_;
  // Not an OS lock: register accesses inside let time pass, and a message may come while drain() runs.
  std::atomic<bool> draining_{false};
  std::atomic<bool> again_{false};
  std::atomic<std::uint64_t> overflows_{0};
  std::atomic<std::uint64_t> storms_{0};
  std::atomic<bool> enabled_{false};
  bool storm_ = false;        // the event is masked until a drain() comes to an end
  unsigned next_ = 0;         // where the unit will write next, as far as known
  mutable std::mutex mutex_;  // guards the two lists, never held across an access
  std::vector<FaultRecord> records_;
  std::vector<std::function<void(const FaultRecord&)>> subscribers_;
};

}  // namespace gpudmar::vtd
