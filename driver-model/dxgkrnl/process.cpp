// SPDX-License-Identifier: Apache-2.0
// The process table.
#include "driver-model/dxgkrnl/process.h"

#include <algorithm>
#include <stdexcept>

#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::dxgkrnl {

ProcessId ProcessTable::create(std::string name) {
  const std::lock_guard guard(mutex_);
  const ProcessId process = next_;
  next_ += 4;
  names_.emplace(process, std::move(name));
  return process;
}

void ProcessTable::erase(ProcessId process) {
  const std::lock_guard guard(mutex_);
  if (process == kSystemProcess) throw std::logic_error("the system process does not end");
  if (std::any_of(current_.begin(), current_.end(), [&](const auto& c) { return c.second == process; }))
    throw std::logic_error("process " + std::to_string(process) + " ends while a thread is in it");
  if (names_.erase(process) == 0) throw std::logic_error("no process " + std::to_string(process));
}

bool ProcessTable::exists(ProcessId process) const {
  const std::lock_guard guard(mutex_);
  return names_.count(process) != 0;
}

std::string ProcessTable::name(ProcessId process) const {
  const std::lock_guard guard(mutex_);
  const auto it = names_.find(process);
  return it == names_.end() ? std::string() : it->second;
}

ProcessId ProcessTable::current() const {
  const std::uintptr_t thread = wdk::Runtime::active().current_thread();
  const std::lock_guard guard(mutex_);
  const auto it = current_.find(thread);
  return it == current_.end() ? kSystemProcess : it->second;
}

ProcessId ProcessTable::enter(ProcessId process) {
  const std::uintptr_t thread = wdk::Runtime::active().current_thread();
  const std::lock_guard guard(mutex_);
  if (names_.count(process) == 0) throw std::logic_error("no process " + std::to_string(process));
  const auto it = current_.find(thread);
  const ProcessId old = it == current_.end() ? kSystemProcess : it->second;
  if (process == kSystemProcess)
    current_.erase(thread);
  else
    current_[thread] = process;
  return old;
}

}  // namespace gpudmar::dxgkrnl
