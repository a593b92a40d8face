// SPDX-License-Identifier: Apache-2.0
// Gathering and deciding.
#include "sim/kmd/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace gpudmar::sim::kmd {
namespace {

using nlohmann::json;

constexpr std::size_t kKept = 100;  // of each kind of finding

/// What the graphics kernel has given, and the rule about its end.
const std::map<std::string, const char*>& object_kinds() {
  static const std::map<std::string, const char*> kinds{
      {"memory object", "R96"}, {"adapter memory object", "R96"}, {"ADL", "R96"},
      {"CPU mapping", "R96"},   {"pinned frame buffer", "R96"},   {"frame-buffer pointer", "R209"},
      {"2.4 memory", "R227"}};
  return kinds;
}

Frames frames_of(const json& event) { return event.value("f", Frames()); }

}  // namespace

void Report::add_broken(Broken broken) {
  for (Broken& other : broken_) {
    if (other.rule != broken.rule || other.frames != broken.frames || other.in != broken.in) continue;
    ++other.times;
    return;
  }
  if (broken_.size() < kKept) broken_.push_back(std::move(broken));
}

void Report::broken(const std::string& rule, const std::string& text) { add_broken({rule, text, "", {}, 1}); }

void Report::take_loan(const json& event) {
  const auto key = std::make_pair(event.at("kind").get<std::string>(), event.at("id").get<std::uint64_t>());
  if (!event.at("begins").get<bool>()) {
    loans_.erase(key);
    return;
  }
  const bool pages = event.contains("pages");
  loans_[key] = {key.first, event.value(pages ? "pages" : "bytes", std::uint64_t{0}), pages,
                 frames_of(event)};
}

void Report::take(const json& event) {
  const std::string type = event.at("t").get<std::string>();
  cycle_ = std::max(cycle_, event.value("cycle", cycle_));
  if (type == "call") {
    ++calls_[event.at("name").get<std::string>()];
  } else if (type == "stage") {
    stage_ = event.at("name").get<std::string>();
    stages_.push_back(stage_);
  } else if (type == "note") {
    notes_.push_back(event.at("text").get<std::string>());
  } else if (type == "print") {
    if (prints_.size() < kKept) prints_.push_back(event.at("text").get<std::string>());
  } else if (type == "dump") {
    dump_ = event.at("text").get<std::string>();
  } else if (type == "problem") {
    problems_.push_back(event.at("text").get<std::string>());
  } else if (type == "violation") {
    problems_.push_back(fmt::format("cycle {}: {}: {}", event.at("cycle").get<std::uint64_t>(),
                                    event.at("rule").get<std::string>(),
                                    event.at("text").get<std::string>()));
  } else if (type == "loan") {
    take_loan(event);
  } else if (type == "rule") {
    add_broken({event.at("rule").get<std::string>(), event.at("text").get<std::string>(),
                event.at("in").get<std::string>(), frames_of(event), 1});
  } else if (type == "dma") {
    if (dma_.size() < kKept) dma_.push_back(event);
  } else if (type == "fault") {
    if (faults_.size() < kKept) faults_.push_back(event);
  } else if (type == "poll") {
    if (polls_.size() < kKept) polls_.push_back(event);
  } else if (type == "bugcheck") {
    bugcheck_ = event;
  } else if (type == "broken_off") {
    status_ = event.at("kind").get<std::string>();
    reason_ = event.at("text").get<std::string>();
    reason_in_ = event.at("ddi").get<std::string>();
    stage_ = event.value("stage", stage_);
    reason_frames_ = frames_of(event);
  } else if (type == "crash") {
    crashed_ = true;
    const int signal = event.at("signal").get<int>();
    status_ = "crash";
    reason_ =
        fmt::format("{} at address {:#x}", ::strsignal(signal), event.at("address").get<std::uint64_t>());
    reason_in_ = event.value("ddi", std::string());
    reason_frames_ = frames_of(event);
  } else if (type == "crash_at") {
    crash_at_ = event;
    reason_in_ = event.at("ddi").get<std::string>();
    if (const auto text = event.at("text").get<std::string>(); !text.empty()) reason_ += ": " + text;
  } else if (type == "end") {
    end_ = event;
  }
}

void Report::find_leaks() {
  const auto reached = [this](const char* stage) {
    return std::find(stages_.begin(), stages_.end(), stage) != stages_.end();
  };
  const bool clean = status_.empty() || status_ == "start_failed";
  // What stops the system in no call of the driver, but where its adapters end, is the leak itself (R96).
  const bool stopped_by_leak = status_ == "bugcheck" && bugcheck_.value("in", std::string()).empty() &&
                               bugcheck_.value("code", 0U) == 0x1E4;
  const bool unloaded = clean && reached("unloaded");
  for (const auto& [key, loan] : loans_) {
    const auto kind = object_kinds().find(loan.kind);
    const bool object = kind != object_kinds().end();
    if (object ? !(unloaded || stopped_by_leak) : !unloaded) continue;
    leaks_.push_back(loan);
    if (object && loan.kind == "CPU mapping") continue;  // it goes with its object
    add_broken({object ? kind->second : "E18", fmt::format("{} left at the end", loan.kind), stage_,
                loan.frames, 1});
  }
}

void Report::decide(const ChildEnd& end) {
  if (end.timeout) {
    status_ = "timeout";
    reason_ = "the run did not end in time; this is where the driver was";
  } else if (status_.empty() && end.signal != 0) {
    status_ = "crash";
    reason_ =
        fmt::format("{}, without a word of where: its stack may have overflowed", ::strsignal(end.signal));
  } else if (status_.empty() && end_.is_null()) {
    status_ = "crash";
    reason_ = fmt::format("the process ended with {} in the middle of the run", end.exit_code);
  }
}

void Report::finish(const ChildEnd& end) {
  decide(end);
  find_leaks();
  if (!dma_.empty())
    add_broken({"R142", fmt::format("requests of a page that no ADL names: {}", dma_.size()),
                dma_.front().value("in", std::string()), dma_.front().value("rung", Frames()), 1});
  // What is found here the child has not known.
  if (!end_.is_null() && end_.contains("kept"))
    for (const Broken& broken : broken_) end_["kept"].erase(broken.rule);
  if (!status_.empty()) return;
  status_ = broken_.empty() && leaks_.empty() && problems_.empty() ? "pass" : "fail";
}

void Report::refuse(const std::string& status, const std::string& why) {
  status_ = status;
  reason_ = why;
}

// A driver that is gone without a word was last heard of when it called.
std::uint64_t Report::cycles() const { return end_.is_null() ? cycle_ : end_.value("cycles", cycle_); }

std::vector<std::uint64_t> Report::addresses() const {
  std::vector<std::uint64_t> all(reason_frames_);
  const auto add = [&all](const Frames& frames) { all.insert(all.end(), frames.begin(), frames.end()); };
  for (const char* key : {"given", "gone"})
    if (!crash_at_.is_null()) add(crash_at_.value(key, Frames()));
  for (const Broken& broken : broken_) add(broken.frames);
  for (const Loan& leak : leaks_) add(leak.frames);
  for (const json& event : dma_) {
    add(frames_of(event));
    add(event.value("rung", Frames()));
  }
  for (const json& event : faults_) add(event.value("rung", Frames()));
  for (const json& event : polls_) add(frames_of(event));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace gpudmar::sim::kmd
