// SPDX-License-Identifier: Apache-2.0
// The observer is called outside the lock: it may look at the log.
#include "driver-model/dxgkrnl/call_log.h"

#include <exception>
#include <utility>

namespace gpudmar::dxgkrnl {
namespace {

void show(CallRecord& record, const CallSubject& subject) {
  record.arguments = subject.arguments;
  record.adapter = subject.adapter;
  record.engine = subject.engine;
  record.function = subject.function;
}

}  // namespace

void CallLog::observe(Observer observer) {
  const std::lock_guard guard(mutex_);
  observer_ = std::move(observer);
}

void CallLog::watch(Observer observer) {
  const std::lock_guard guard(mutex_);
  watchers_.push_back(std::move(observer));
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

std::uint64_t CallLog::begin(std::string name, std::string args, const CallSubject& subject) {
  CallRecord record;
  Observer observer;
  std::vector<Observer> watchers;
  {
    const std::lock_guard guard(mutex_);
    record.id = next_id_++;
    record.name = std::move(name);
    record.args = std::move(args);
    record.begin = time_.now();
    ++counts_[record.name];
    records_.push_back(record);
    observer = observer_;
    watchers = watchers_;
  }
  show(record, subject);
  if (observer) observer(record, false);
  for (const Observer& watcher : watchers) watcher(record, false);
  return record.id;
}

void CallLog::end(std::uint64_t id, std::int32_t status, bool bugcheck, const CallSubject& subject) {
  CallRecord record;
  Observer observer;
  std::vector<Observer> watchers;
  {
    const std::lock_guard guard(mutex_);
    if (id < first_id_) return;  // cleared meanwhile
    CallRecord& entry = records_[id - first_id_];
    entry.status = status;
    entry.bugcheck = bugcheck;
    entry.end = time_.now();
    record = entry;
    observer = observer_;
    watchers = watchers_;
  }
  show(record, subject);
  if (observer) observer(record, true);
  for (const Observer& watcher : watchers) watcher(record, true);
}

CallScope::CallScope(CallLog& log, std::string name, std::string args, const CallSubject& subject)
    : log_(log),
      subject_(subject),
      id_(log.begin(std::move(name), std::move(args), subject)),
      exceptions_(std::uncaught_exceptions()) {}

CallScope::~CallScope() { log_.end(id_, status_, std::uncaught_exceptions() > exceptions_, subject_); }

}  // namespace gpudmar::dxgkrnl
