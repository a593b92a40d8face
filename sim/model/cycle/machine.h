// SPDX-License-Identifier: Apache-2.0
// The cycle model of the IOMMU: from what is seen at the unit's ports in each cycle to the exact cycle of
// what it does. docs/iommu-arbitration.md is its specification.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/model/cycle/caches.h"
#include "sim/model/cycle/data_paths.h"
#include "sim/model/cycle/drain.h"
#include "sim/model/cycle/lane.h"
#include "sim/model/cycle/queue.h"
#include "sim/model/cycle/registers.h"
#include "sim/model/cycle/table_port.h"
#include "sim/model/cycle/types.h"
#include "sim/model/cycle/walker.h"

namespace gpudmar::model::cycle {

class Machine {
 public:
  /// As after a reset. `memory` must outlive this object; it is read in the cycle of a table read's address.
  Machine(const Config& config, const MemoryView& memory);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// What happens in `cycle`, given what was seen in it. Once for every cycle, in order.
  [[nodiscard]] std::vector<Event> step(std::uint64_t cycle, const Inputs& in);
  /// Handshakes that the model had no place for; not empty means that the two have parted.
  [[nodiscard]] const std::vector<std::string>& surprises() const { return surprises_; }

 private:
  void take_faults(std::uint64_t cycle, std::vector<Event>& events);
  void show_outputs(std::uint64_t cycle, const Inputs& in, std::vector<Event>& events);
  void show_table(std::uint64_t cycle, std::vector<Event>& events) const;

  Config config_;
  Registers registers_;
  Queue queue_;
  TablePort table_;
  ContextCache contexts_;
  Iotlb iotlb_;
  std::array<PagingCache, 3> paging_;
  Walker walker_;
  std::array<Lane, 2> lanes_;  ///< reads, writes
  std::array<Drain, 2> drains_;
  ReadPath read_path_;
  WritePath write_path_;
  RoundRobin fault_turn_{2};
  std::array<Lane::Outcome, 2> outcomes_;
  std::array<bool, 2> shown_{};  ///< the request at the output showed in an earlier cycle
  std::vector<std::string> surprises_;
};

}  // namespace gpudmar::model::cycle
