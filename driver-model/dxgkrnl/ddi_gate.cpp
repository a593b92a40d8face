// SPDX-License-Identifier: Apache-2.0
// The gate is polled, as the other locks that are held while hardware time passes.
#include "driver-model/dxgkrnl/ddi_gate.h"

#include <fmt/format.h>

#include <algorithm>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kMaxCycles = 50'000'000;

template <typename Done>
void wait_for(hw::Time& time, const char* what, Done done) {
  const std::uint64_t start = time.now();
  while (!done()) {
    if (time.now() - start > kMaxCycles) throw hw::HardwareError(what);
    time.wait(1);
  }
}

}  // namespace

bool DdiGate::try_enter(std::uintptr_t thread) {
  const std::lock_guard guard(mutex_);
  if (owner_ && *owner_ != thread) return false;
  ++calls_[thread];
  return true;
}

bool DdiGate::try_own(std::uintptr_t thread) {
  const std::lock_guard guard(mutex_);
  if (owner_ || !calls_.empty()) return false;
  owner_ = thread;
  return true;
}

bool DdiGate::inside() const {
  const std::uintptr_t thread = wdk::Runtime::active().current_thread();
  const std::lock_guard guard(mutex_);
  return calls_.count(thread) != 0;
}

DdiGate::Call::Call(DdiGate& gate) : gate_(gate) {
  const std::uintptr_t thread = wdk::Runtime::active().current_thread();
  wait_for(gate_.time_, "a call into the driver: exclusive access does not end within the cycle limit",
           [&] { return gate_.try_enter(thread); });
}

DdiGate::Call::~Call() {
  const std::uintptr_t thread = wdk::Runtime::active().current_thread();
  const std::lock_guard guard(gate_.mutex_);
  if (--gate_.calls_[thread] == 0) gate_.calls_.erase(thread);
}

DdiGate::Exclusive::Exclusive(DdiGate& gate) : gate_(gate) {
  const std::uintptr_t thread = wdk::Runtime::active().current_thread();
  wait_for(gate_.time_, "exclusive access: the calls into the driver do not end within the cycle limit",
           [&] { return gate_.try_own(thread); });
}

DdiGate::Exclusive::~Exclusive() {
  const std::lock_guard guard(gate_.mutex_);
  gate_.owner_.reset();
}

void check_level(const char* name, KIRQL expected) {
  const KIRQL level = KeGetCurrentIrql();
  if (level != expected)
    throw BugCheck(bugcheck::kIrqlUnexpectedValue, {level, expected, 0, 0},
                   fmt::format("{} was called at IRQL {} and came back at {}", name,
                               static_cast<unsigned>(expected), static_cast<unsigned>(level)));
}

}  // namespace gpudmar::dxgkrnl
