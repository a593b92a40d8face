// SPDX-License-Identifier: Apache-2.0
// Processes: to whom a user-mode mapping belongs. Which one is current is a matter of the running thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace gpudmar::dxgkrnl {

using ProcessId = std::uint32_t;
/// Of threads that have entered no other.
inline constexpr ProcessId kSystemProcess = 4;

/// The processes of the system and where each thread is. Thread-safe.
class ProcessTable {
 public:
  ProcessTable() { names_.emplace(kSystemProcess, "System"); }
  [[nodiscard]] ProcessId create(std::string name);
  /// The process is gone; its number is not used again. Throws std::logic_error for the system's, for an
  /// unknown one and while a thread is in it.
  void erase(ProcessId process);
  [[nodiscard]] bool exists(ProcessId process) const;
  [[nodiscard]] std::string name(ProcessId process) const;

  /// Of the running thread (wdk::Runtime::current_thread).
  [[nodiscard]] ProcessId current() const;
  /// Make another one current for the running thread; returns the old one. Throws std::logic_error for a
  /// process that does not exist.
  ProcessId enter(ProcessId process);

 private:
  mutable std::mutex mutex_;
  ProcessId next_ = 8;
  std::map<ProcessId, std::string> names_;
  std::map<std::uintptr_t, ProcessId> current_;  // threads outside of the system process only
};

/// The running thread is in a process as long as this lives: what a driver call made from a user-mode
/// caller's context sees. Scopes nest.
class ProcessScope {
 public:
  ProcessScope(ProcessTable& table, ProcessId process) : table_(table), old_(table.enter(process)) {}
  ~ProcessScope() { table_.enter(old_); }
  ProcessScope(const ProcessScope&) = delete;
  ProcessScope& operator=(const ProcessScope&) = delete;

 private:
  ProcessTable& table_;
  ProcessId old_;
};

}  // namespace gpudmar::dxgkrnl
