// SPDX-License-Identifier: Apache-2.0
// Who is inside the driver: many calls at once, or one exclusive access and nobody else (R181, R182).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "driver-model/hw/hw.h"
#include "wdm.h"

namespace gpudmar::dxgkrnl {

/// The gate in front of the entry points at PASSIVE_LEVEL. A thread that waits at it lets hardware time pass.
class DdiGate {
 public:
  explicit DdiGate(hw::Time& time) : time_(time) {}

  /// A thread is inside the driver as long as this lives; calls of one thread nest. Throws hw::HardwareError
  /// when exclusive access does not end.
  class Call {
   public:
    explicit Call(DdiGate& gate);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    DdiGate& gate_;
  };

  /// Nobody else is inside as long as this lives. Throws hw::HardwareError when the calls under way do not
  /// end.
  class Exclusive {
   public:
    explicit Exclusive(DdiGate& gate);
    ~Exclusive();
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;

   private:
    DdiGate& gate_;
  };

  /// The running thread is inside the driver: it can not ask for exclusive access.
  [[nodiscard]] bool inside() const;

 private:
  [[nodiscard]] bool try_enter(std::uintptr_t thread);
  [[nodiscard]] bool try_own(std::uintptr_t thread);

  hw::Time& time_;
  mutable std::mutex mutex_;
  std::map<std::uintptr_t, unsigned> calls_;  // by thread
  std::optional<std::uintptr_t> owner_;       // who has exclusive access
};

/// Raise BugCheck 0xC8 unless the IRQL is what it was before the driver was called.
void check_level(const char* name, KIRQL expected);

}  // namespace gpudmar::dxgkrnl
