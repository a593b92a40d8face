// SPDX-License-Identifier: Apache-2.0
// Interrupt messages: from a 4-byte write on the bus to a handler in a thread of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>

#include "driver-model/hw/hw.h"

namespace gpudmar::sim {

/// Gives out messages to one CPU, 0xFEE0'0000, with vectors 30h to EFh, and dispatches what arrives.
class InterruptController : public sc_core::sc_module, public hw::Interrupts {
 public:
  /// `report` is told of spurious messages and of handlers that throw: (rule, message).
  using Report = std::function<void(const std::string& rule, const std::string& message)>;
  InterruptController(const sc_core::sc_module_name& name, Report report);

  [[nodiscard]] hw::MessageTarget connect(std::string name, std::function<void()> handler) override;
  void disconnect(const hw::MessageTarget& target) override;

  /// A message arrived; called from the clocking method.
  void post(hw::MessageTarget message);
  /// Messages delivered to handlers.
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] std::uint64_t spurious() const { return spurious_; }
  /// No message waits and no handler runs.
  [[nodiscard]] bool idle() const { return queue_.empty() && !busy_; }

 private:
  struct Line {
    std::string name;
    std::function<void()> handler;
  };
  void dispatch();

  Report report_;
  std::map<std::uint32_t, std::shared_ptr<Line>> lines_;  ///< by vector
  std::deque<hw::MessageTarget> queue_;
  sc_core::sc_event arrived_;
  bool busy_ = false;
  std::uint64_t delivered_ = 0;
  std::uint64_t spurious_ = 0;
};

}  // namespace gpudmar::sim
