// SPDX-License-Identifier: Apache-2.0
// A lock that may be held while hardware time passes.
#pragma once

#include <atomic>
#include <cstdint>

#include "driver-model/hw/hw.h"

namespace gpudmar::mm {

/// Mutual exclusion for code that waits for hardware inside the section. Backends may run several software
/// threads as coroutines of one OS thread; an OS mutex held across a hardware wait would stop them all, so a
/// waiter lets hardware time pass instead. Not recursive.
class SleepLock {
 public:
  /// `max_cycles`: how long a waiter waits before it reports a hang.
  explicit SleepLock(hw::Time& time, std::uint64_t max_cycles = 50'000'000)
      : time_(time), max_cycles_(max_cycles) {}

  /// Throws hw::HardwareError if the holder does not leave within the limit.
  void lock() {
    const std::uint64_t start = time_.now();
    while (held_.exchange(true, std::memory_order_acquire)) {
      if (time_.now() - start > max_cycles_)
        throw hw::HardwareError("sleep lock: the holder did not leave within the cycle limit");
      time_.wait(1);
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  hw::Time& time_;
  std::uint64_t max_cycles_;
  std::atomic<bool> held_{false};
};

}  // namespace gpudmar::mm
