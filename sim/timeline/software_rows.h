// SPDX-License-Identifier: Apache-2.0
// A row for each thread of the software: calls across the driver interface, and the register accesses in
// them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver-model/dxgkrnl/call_log.h"
#include "sim/bench/access_observer.h"
#include "sim/mem/host_memory.h"
#include "sim/timeline/figures.h"
#include "sim/timeline/trace_file.h"

namespace gpudmar::sim::timeline {

/// Its thread is the one that calls.
class SoftwareRows final : public AccessObserver, public MemoryObserver {
 public:
  /// `now`: the present cycle.
  SoftwareRows(TraceFile& file, std::function<std::uint64_t()> now, Figures& figures);

  void call(const dxgkrnl::CallRecord& record, bool finished);
  void access_begins(const RegisterAccess& access) override;
  void access_ends(const RegisterAccess& access) override;
  void published(hw::PhysAddr address, std::size_t bytes) override;
  void refreshed(hw::PhysAddr /*address*/, std::size_t /*bytes*/) override {}

  /// A write to the register that is under way; where arrows begin.
  [[nodiscard]] std::optional<Point> writing(std::uint64_t address) const;
  /// What is still open ends.
  void finish();

 private:
  struct Call {
    dxgkrnl::CallRecord record;
    std::uint64_t published = 0;  ///< bytes made visible to devices in it
  };
  struct Access {
    RegisterAccess access;
    std::uint64_t begin = 0;
  };
  struct Thread {
    RowId row = 0;
    std::vector<Call> calls;
    std::vector<Access> accesses;  ///< one at most; the thread waits for it
  };
  Thread& thread();
  void write(const Thread& thread, const Call& call, std::uint64_t end);

  TraceFile& file_;
  std::function<std::uint64_t()> now_;
  Figures& figures_;
  unsigned group_;
  std::map<const void*, Thread> threads_;  ///< by SystemC process
};

}  // namespace gpudmar::sim::timeline
