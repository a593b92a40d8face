// SPDX-License-Identifier: Apache-2.0
// The clocking method and its waiters.
#include "sim/bench/clock_engine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim {

ClockEngine::ClockEngine(const sc_core::sc_module_name& name, std::function<void()> step,
                         std::uint64_t cycle_ps, unsigned batch)
    : sc_module(name),
      step_(std::move(step)),
      cycle_time_(static_cast<double>(cycle_ps), sc_core::SC_PS),
      batch_(batch) {
  SC_HAS_PROCESS(ClockEngine);
  SC_METHOD(tick);
}

void ClockEngine::tick() {
  if (waiters_.empty()) {
    next_trigger(work_);
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  unsigned done = 0;
  yield_ = false;
  do {
    step_();
    ++cycles_;
    ++done;
    wake();
  } while (done < batch_ && !yield_);
  busy_ += std::chrono::steady_clock::now() - start;
  next_trigger(cycle_time_ * done);
}

void ClockEngine::wake() {
  for (Waiter* waiter : waiters_) {
    if (waiter->done != nullptr && (*waiter->done)()) {
      waiter->woken = waiter->result = true;
    } else if (cycles_ >= waiter->deadline) {
      waiter->woken = true;
    }
    if (waiter->woken) {
      waiter->event.notify(sc_core::SC_ZERO_TIME);
      yield_ = true;
    }
  }
  waiters_.erase(std::remove_if(waiters_.begin(), waiters_.end(), [](const Waiter* w) { return w->woken; }),
                 waiters_.end());
}

bool ClockEngine::block(const std::function<bool()>* done, std::uint64_t max_cycles) {
  const auto process = sc_core::sc_get_current_process_handle();
  if (!process.valid() || process.proc_kind() != sc_core::SC_THREAD_PROC_)
    throw std::logic_error("ClockEngine: only an SC_THREAD can wait for cycles");
  Waiter waiter{done, max_cycles > ~cycles_ ? ~std::uint64_t{0} : cycles_ + max_cycles, false, false, {}};
  waiters_.push_back(&waiter);
  work_.notify(sc_core::SC_ZERO_TIME);  // in case the clock stands still
  sc_core::wait(waiter.event);
  return waiter.result;
}

bool ClockEngine::run_until(const std::function<bool()>& done, std::uint64_t max_cycles) {
  if (done()) return true;
  if (max_cycles == 0) return false;
  return block(&done, max_cycles);
}

void ClockEngine::wait_cycles(std::uint64_t cycles) {
  if (cycles > 0) (void)block(nullptr, cycles);
}

double ClockEngine::khz() const {
  const double seconds = std::chrono::duration<double>(busy_).count();
  return seconds > 0 ? static_cast<double>(cycles_) / seconds / 1000.0 : 0.0;
}

}  // namespace gpudmar::sim
