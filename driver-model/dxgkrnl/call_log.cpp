// SPDX-License-Identifier: Apache-2.0
// The observer is called outside the lock: it may look at the log.
#include "driver-model/dxgkrnl/call_log.h"

#include <exception>
#include <utility>

namespace gpudmar::dxgkrnl {

void CallLog::observe(Observer observer) {
  const std::lock_guard guard(mutex_);
  observer_ = std::move(observer);
}

void CallLog::watch(Observer observer) {
  const std::lock_guard guard(mutex_);
  watcher_ = std::move(observer);
}

std::vector<CallRecord> CallLog::records() const {
  const std::lock_guard guard(mutex_);
  return {records_.begin(), records_.end()};
}

std::map<std::string, std::uint64_t> CallLog::counts() const {
  const std::lock_guard guard(mutex_);
  return counts_;
}

void CallLog::clear() {
  const std::lock_guard guard(mutex_);
  records_.clear();
  counts_.clear();
  first_id_ = next_id_;
}

std::uint64_t CallLog::begin(std::string name, std::string args, const void* arguments) {
  CallRecord record;
  Observer observer;
  Observer watcher;
  {
    const std::lock_guard guard(mutex_);
    record.id = next_id_++;
    record.name = std::move(name);
    record.args = std::move(args);
    record.begin = time_.now();
    ++counts_[record.name];
    records_.push_back(record);
    observer = observer_;
    watcher = watcher_;
  }
  record.arguments = arguments;
  if (observer) observer(record, false);
  if (watcher) watcher(record, false);
  return record.id;
}

void CallLog::end(std::uint64_t id, std::int32_t status, bool bugcheck, const void* arguments) {
  CallRecord record;
  Observer observer;
  Observer watcher;
  {
    const std::lock_guard guard(mutex_);
    if (id < first_id_) return;  // cleared meanwhile
    CallRecord& entry = records_[id - first_id_];
    entry.status = status;
    entry.bugcheck = bugcheck;
    entry.end = time_.now();
    record = entry;
    observer = observer_;
    watcher = watcher_;
  }
  record.arguments = arguments;
  if (observer) observer(record, true);
  if (watcher) watcher(record, true);
}

CallScope::CallScope(CallLog& log, std::string name, std::string args, const void* arguments)
    : log_(log),
      arguments_(arguments),
      id_(log.begin(std::move(name), std::move(args), arguments)),
      exceptions_(std::uncaught_exceptions()) {}

CallScope::~CallScope() { log_.end(id_, status_, std::uncaught_exceptions() > exceptions_, arguments_); }

}  // namespace gpudmar::dxgkrnl
