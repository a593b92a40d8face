// SPDX-License-Identifier: Apache-2.0
// An adapter's first channel as a replay uses it where the trace has no registers: its ring lies in local
// memory, so that it takes none of the system's.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/bench/machine.h"
#include "sim/replay/dma_log.h"

namespace gpudmar::sim::replay {

class Engine {
 public:
  struct Result {
    bool done = false;
    bool timeout = false;
    bool write = false;         ///< of the failed request
    std::uint64_t address = 0;  ///< of it
    unsigned code = 0;          ///< the engine's
  };

  Engine(Machine& machine, unsigned adapter) : machine_(machine), adapter_(adapter) {}
  /// Waits until the channel is free and hands the work over.
  void submit(const std::vector<Descriptor>& work);
  /// Until that has ended; the channel is free and empty afterwards.
  [[nodiscard]] Result finish();

 private:
  void reset();
  [[nodiscard]] hw::Mmio& bar() { return *machine_.platform().functions.at(adapter_).bar0; }
  [[nodiscard]] std::uint64_t base() const;

  Machine& machine_;
  unsigned adapter_;
  bool busy_ = false;
  std::uint64_t sequence_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace gpudmar::sim::replay
