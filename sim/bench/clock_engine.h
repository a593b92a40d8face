// SPDX-License-Identifier: Apache-2.0
// The clock: one SC_METHOD that steps the hardware, several cycles per visit of the kernel, and wakes threads
// in the exact cycle in which what they wait for became true.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <systemc>
#include <vector>

namespace gpudmar::sim {

/// Cycles pass only while a thread waits for some; a program of which every thread has ended stops by itself.
/// SystemC time runs behind the cycle count by up to one batch; cycles() is the time that counts.
class ClockEngine : public sc_core::sc_module {
 public:
  /// `step` runs one cycle. `batch` cycles at most per kernel visit.
  ClockEngine(const sc_core::sc_module_name& name, std::function<void()> step, std::uint64_t cycle_ps,
              unsigned batch);

  /// Blocks the calling SC_THREAD until `done` is true, which is looked at now and after each cycle, or until
  /// `max_cycles` have passed: then false. `done` runs inside the clocking method: it must not wait.
  [[nodiscard]] bool run_until(const std::function<bool()>& done, std::uint64_t max_cycles);
  /// Lets exactly `cycles` cycles pass.
  void wait_cycles(std::uint64_t cycles);
  /// Ends the batch after this cycle: something outside was notified and must run before the next cycle.
  void yield() { yield_ = true; }

  [[nodiscard]] std::uint64_t cycles() const { return cycles_; }
  /// Simulated kHz since the start, host time spent in cycles only.
  [[nodiscard]] double khz() const;

 private:
  struct Waiter {
    const std::function<bool()>* done;  ///< null: only the deadline
    std::uint64_t deadline;
    bool woken = false;
    bool result = false;
    sc_core::sc_event event;
  };

  void tick();
  void wake();
  bool block(const std::function<bool()>* done, std::uint64_t max_cycles);

  std::function<void()> step_;
  sc_core::sc_time cycle_time_;
  unsigned batch_;
  std::vector<Waiter*> waiters_;
  sc_core::sc_event work_;
  std::uint64_t cycles_ = 0;
  bool yield_ = false;
  std::chrono::steady_clock::duration busy_{};
};

}  // namespace gpudmar::sim
