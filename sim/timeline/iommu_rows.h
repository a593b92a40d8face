// SPDX-License-Identifier: Apache-2.0
// The IOMMU and the memory behind it: a row for each request, burst, walker and batch of invalidations under
// way.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/bench/cycle_view.h"
#include "sim/timeline/figures.h"
#include "sim/timeline/software_rows.h"
#include "sim/timeline/trace_file.h"

namespace gpudmar::sim::timeline {

/// Spans of the IOMMU, from bus events, and from its registers where the bus does not tell (Dut::activity).
class IommuRows {
 public:
  IommuRows(TraceFile& file, const DutInfo& info, std::uint32_t queue_id, const SoftwareRows& software,
            Figures& figures);

  void observe(const CycleView& view, const DutActivity& activity);
  /// The unit was reset: what was under way is over.
  void cut(std::uint64_t cycle);
  /// In the present cycle: requests not yet on the bus, batches of invalidation descriptors.
  [[nodiscard]] std::uint64_t inside() const;
  [[nodiscard]] std::uint64_t batches() const { return batches_.size(); }
  /// Spans so far.
  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t walks = 0;
    std::uint64_t batches = 0;  ///< of invalidation descriptors
    std::uint64_t faults = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Request {
    RowId row = 0;
    std::uint64_t begin = 0;
    unsigned port = 0;
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    unsigned bytes = 0;
    std::uint32_t user = 0;
    std::uint64_t out = 0;  ///< cycle; 0: not yet
    std::uint64_t host = 0;
    bool missed = false;
    unsigned response = 0;  ///< worst so far
  };
  struct Burst {
    RowId row = 0;
    std::uint64_t begin = 0;
    std::uint64_t address = 0;
    unsigned beats = 0;
  };
  struct TableRead {
    RowId row = 0;
    std::uint64_t begin = 0;
    std::uint64_t address = 0;
    unsigned size = 0;  ///< log2 of the bytes of a beat
    unsigned beats = 0;
    unsigned beat = 0;
    WalkEntry entry = WalkEntry::kRoot;
  };
  struct Walk {
    WalkActivity of;
    RowId row = 0;
    std::uint64_t begin = 0;
    unsigned reads = 0;
  };
  struct Batch {
    RowId row = 0;
    std::uint64_t begin = 0;
    std::uint64_t first = 0;  ///< descriptors [first, last), in units of IQH
    std::uint64_t last = 0;
  };
  using Queue = std::map<std::uint32_t, std::deque<Request>>;  ///< by id

  void memory_side(const CycleView& view);
  void responses(const CycleView& view);
  void departures(const CycleView& view);
  void depart(std::uint64_t cycle, bool write, std::uint32_t data_id, std::uint64_t address, unsigned beats);
  void arrivals(const CycleView& view);
  void close(Request& request, bool write, std::uint64_t cycle, const char* how);
  void walks(const CycleView& view, const DutActivity& activity);
  void end_walk(std::size_t slot, std::uint64_t cycle);
  /// Requests that wait for the walk's page.
  void mark_missed(const Walk& walk, bool arrows);
  void table_side(const CycleView& view, const DutActivity& activity);
  void descriptor_beat(const TableRead& read, const BeatData& data);
  void queue(const CycleView& view, const DutActivity& activity);
  void end_batches(std::uint64_t cycle, std::uint64_t head);
  void fault(const CycleView& view);
  [[nodiscard]] std::uint64_t slots() const { return 256U << (base_ & 7); }

  TraceFile& file_;
  DutInfo info_;
  std::uint32_t queue_id_;
  const SoftwareRows& software_;
  Figures& figures_;
  unsigned group_;
  unsigned memory_group_;
  std::vector<std::array<Rows, 2>> request_rows_;  ///< by port; reads, writes
  std::array<Rows, 2> burst_rows_;
  Rows queue_rows_, fetch_rows_, status_rows_;
  std::map<std::size_t, RowId> walker_rows_;
  RowId fault_row_, message_row_;
  std::vector<std::array<Queue, 2>> requests_;                        ///< by port
  std::array<std::map<std::uint32_t, std::deque<Burst>>, 2> bursts_;  ///< by data id
  std::map<std::uint32_t, std::deque<TableRead>> table_reads_;        ///< by id
  std::map<std::uint32_t, std::deque<Burst>> table_writes_;
  std::map<std::size_t, Walk> walks_;  ///< by slot
  std::deque<Batch> batches_;
  std::map<std::uint64_t, std::array<std::uint64_t, 2>> descriptors_;  ///< halves of 16 bytes, by slot
  std::uint64_t base_ = 0;                                             ///< IQA
  std::uint64_t tail_ = 0;
  std::uint64_t head_ = 0;
  Counts counts_;
};

/// An invalidation descriptor in words.
[[nodiscard]] std::string describe_descriptor(const std::array<std::uint64_t, 2>& descriptor);

}  // namespace gpudmar::sim::timeline
