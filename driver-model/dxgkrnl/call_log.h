// SPDX-License-Identifier: Apache-2.0
// Every call across the driver interface, in both directions, with its cycles.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::dxgkrnl {

/// One call: DxgkCb... (driver to dxgkrnl) or DxgkDdi... (dxgkrnl to driver).
struct CallRecord {
  std::uint64_t id = 0;     ///< ascending in order of begin
  std::string name;         ///< as the WDK spells it
  std::string args;         ///< the arguments that matter, for people
  std::int32_t status = 0;  ///< NTSTATUS; 0 for VOID functions
  bool bugcheck = false;    ///< the call ended in a bugcheck
  std::uint64_t begin = 0;  ///< cycle
  std::uint64_t end = 0;    ///< cycle; 0 while under way
  // What was handed over, for observers only: valid while they run, else null.
  /// The structure of a callback, those of interface_calls.h where it takes single values; of an entry point
  /// the structure that goes in or comes out.
  const void* arguments = nullptr;
  /// DeviceHandle of the adapter that the call names beside the structure, or is about.
  void* adapter = nullptr;
  int function = -1;    ///< entry points: index of the function that is called; -1: of none
  unsigned engine = 0;  ///< of the DDIs of a paging node: physical adapter
};

/// What an observer gets to see of a call while it runs.
struct CallSubject {
  const void* arguments = nullptr;
  void* adapter = nullptr;
  int function = -1;
  unsigned engine = 0;
};

/// The log. Thread-safe.
class CallLog {
 public:
  explicit CallLog(hw::Time& time) : time_(time) {}

  /// Called at the begin (`finished` false) and at the end of each call.
  using Observer = std::function<void(const CallRecord&, bool finished)>;
  void observe(Observer observer);
  /// More of them, beside that one and after it, in the order in which they came.
  void watch(Observer observer);

  [[nodiscard]] std::vector<CallRecord> records() const;
  /// Calls by name.
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const;
  void clear();

 private:
  friend class CallScope;
  std::uint64_t begin(std::string name, std::string args, const CallSubject& subject);
  void end(std::uint64_t id, std::int32_t status, bool bugcheck, const CallSubject& subject);

  hw::Time& time_;
  mutable std::mutex mutex_;
  std::uint64_t next_id_ = 0;
  std::uint64_t first_id_ = 0;  // of records_.front()
  std::deque<CallRecord> records_;
  std::map<std::string, std::uint64_t> counts_;
  Observer observer_;
  std::vector<Observer> watchers_;
};

/// One call's entry in the log, closed on destruction; an exception that passes through marks it as a
/// bugcheck.
class CallScope {
 public:
  CallScope(CallLog& log, std::string name, std::string args = {}, const CallSubject& subject = {});
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
  /// Note the status and hand it on.
  std::int32_t done(std::int32_t status) {
    status_ = status;
    return status;
  }

 private:
  CallLog& log_;
  CallSubject subject_;
  std::uint64_t id_;
  int exceptions_;
  std::int32_t status_ = 0;
};

}  // namespace gpudmar::dxgkrnl
