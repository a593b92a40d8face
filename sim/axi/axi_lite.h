// SPDX-License-Identifier: Apache-2.0
// A cycle-stepped AXI4-Lite master: register accesses one after the other, in the order they were asked for.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "sim/axi/axi.h"

namespace gpudmar::sim {

/// One register access; shared with whoever waits for it.
struct LiteAccess {
  bool write = false;
  std::uint32_t address = 0;  ///< byte offset, naturally aligned
  unsigned bytes = 8;         ///< 4 or 8
  std::uint8_t strobe = 0;    ///< of a write; 0 = as `bytes` and `address` say
  std::uint64_t data = 0;     ///< right-aligned; the answer of a read
  AxiResp resp = AxiResp::kOkay;
  bool done = false;
  std::uint64_t started = 0;   ///< cycle in which valid first showed
  std::uint64_t finished = 0;  ///< cycle of the R or B handshake
};

/// Strict order: an access starts when the one before it was answered, so a read is behind every earlier
/// write.
class AxiLiteMaster {
 public:
  /// Throws std::invalid_argument on a size other than 4 or 8 or a misaligned address.
  std::shared_ptr<const LiteAccess> write(std::uint32_t address, std::uint64_t data, unsigned bytes);
  /// Any strobes, on the lanes of the whole bus; `address` is aligned to 8.
  std::shared_ptr<const LiteAccess> write_lanes(std::uint32_t address, std::uint64_t data,
                                                std::uint8_t strobe);
  std::shared_ptr<const LiteAccess> read(std::uint32_t address, unsigned bytes);

  /// Once a cycle: what the slave drives in it; returns what the master drives in the next one.
  const AxiLiteMasterOut& step(std::uint64_t cycle, const AxiLiteSlaveOut& slave);
  [[nodiscard]] const AxiLiteMasterOut& out() const { return out_; }
  [[nodiscard]] bool idle() const { return queue_.empty(); }
  /// Drop everything; accesses under way end with SLVERR.
  void reset();

 private:
  std::shared_ptr<const LiteAccess> push(LiteAccess access);

  std::deque<std::shared_ptr<LiteAccess>> queue_;
  bool active_ = false;
  AxiLiteMasterOut out_;
};

}  // namespace gpudmar::sim
