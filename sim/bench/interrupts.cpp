// SPDX-License-Identifier: Apache-2.0
// The interrupt dispatcher.
#include "sim/bench/interrupts.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace gpudmar::sim {
namespace {

constexpr std::uint32_t kFirstVector = 0x30;
constexpr std::uint32_t kLastVector = 0xEF;
constexpr std::size_t kHandlerStack = 8U << 20;

}  // namespace

InterruptController::InterruptController(const sc_core::sc_module_name& name, Report report)
    : sc_module(name), report_(std::move(report)) {
  SC_HAS_PROCESS(InterruptController);
  SC_THREAD(dispatch);
  set_stack_size(kHandlerStack);
}

hw::MessageTarget InterruptController::connect(std::string name, std::function<void()> handler) {
  for (std::uint32_t vector = kFirstVector; vector <= kLastVector; ++vector) {
    if (lines_.count(vector) != 0) continue;
    lines_[vector] = std::make_shared<Line>(Line{std::move(name), std::move(handler)});
    return {hw::kInterruptWindowBase, vector};
  }
  throw hw::HardwareError("interrupts: no vector left for " + name);
}

void InterruptController::disconnect(const hw::MessageTarget& target) {
  if (target.address != hw::kInterruptWindowBase || lines_.erase(target.data) == 0)
    throw hw::HardwareError(
        fmt::format("interrupts: message {:#x} to {:#x} was not given out", target.data, target.address));
}

void InterruptController::post(hw::MessageTarget message) {
  queue_.push_back(message);
  arrived_.notify(sc_core::SC_ZERO_TIME);
}

void InterruptController::dispatch() {
  while (true) {
    while (queue_.empty()) wait(arrived_);
    const hw::MessageTarget message = queue_.front();
    queue_.pop_front();
    const auto found = lines_.find(message.data);
    if (message.address != hw::kInterruptWindowBase || found == lines_.end()) {
      ++spurious_;
      report_("interrupt.spurious",
              fmt::format("message {:#x} to {:#x}: nobody is connected", message.data, message.address));
      continue;
    }
    const std::shared_ptr<Line> line = found->second;  // the handler may disconnect itself
    busy_ = true;
    ++delivered_;
    try {
      line->handler();
    } catch (const std::exception& error) {
      report_("interrupt.handler", line->name + ": " + error.what());
    }
    busy_ = false;
  }
}

}  // namespace gpudmar::sim
