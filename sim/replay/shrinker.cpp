// SPDX-License-Identifier: Apache-2.0
// Delta debugging (Zeller, Hildebrandt 2002) over events, after everything that only exact cycles need has
// gone.
#include "sim/replay/shrinker.h"

#include <algorithm>
#include <map>
#include <set>

#include "sim/replay/entry_points.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;

/// An action that consists of what the driver is called for.
bool is_paging_action(const Event& event) {
  static const std::set<std::string> names{"allocate", "deallocate", "resident", "evict",  "fill",
                                           "discard",  "access",     "power",    "remove", "isolate"};
  return event.kind == Kind::kSystem && names.count(event.name) != 0;
}

class Shrinker {
 public:
  Shrinker(const Trace& trace, const RunTrace& run, std::size_t max_runs, const ShrinkProgress& progress)
      : head_(trace.head), best_(trace.events), run_(run), max_runs_(max_runs), progress_(progress) {}

  ShrunkTrace shrink() {
    kind_ = run_(text(best_));
    runs_ = 1;
    if (!kind_.empty()) {
      plain();
      bare();
      std::size_t before = 0;
      do {
        before = best_.size();
        remove();
        one_thread();
      } while (best_.size() < before && runs_ < max_runs_);
    }
    return {text(best_), kind_, runs_, best_.size()};
  }

 private:
  using Events = std::vector<Event>;

  [[nodiscard]] std::string text(const Events& events) const {
    std::string all = head_.dump() + "\n";
    for (const Event& event : events) all += event.text.dump() + "\n";
    return all;
  }
  bool accept(const Events& candidate);
  /// Those for which `keep` holds, without what uses handles of those that go, and without what the system's
  /// actions that go had the driver do.
  template <typename Keep>
  [[nodiscard]] static Events only(const Events& events, Keep keep);
  void plain();
  void bare();
  void remove();
  void one_thread();

  json head_;
  Events best_;
  const RunTrace& run_;
  std::size_t max_runs_;
  const ShrinkProgress& progress_;
  std::string kind_;
  std::size_t runs_ = 0;
};

bool Shrinker::accept(const Events& candidate) {
  if (runs_ >= max_runs_ || candidate.empty() || candidate.size() > best_.size()) return false;
  ++runs_;
  const bool alike = run_(text(candidate)) == kind_;
  if (alike) best_ = candidate;
  if (progress_) progress_(runs_, best_.size());
  return alike;
}

template <typename Keep>
Shrinker::Events Shrinker::only(const Events& events, Keep keep) {
  Events kept;
  std::set<std::string> gone;
  std::map<std::string, std::uint64_t> cut;  // by thread: the end of the newest action that goes
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto used = names_used(events[i]);
    const bool orphan =
        std::any_of(used.begin(), used.end(), [&](const std::string& name) { return gone.count(name) != 0; });
    const auto action = cut.find(events[i].thread);
    const bool inside = action != cut.end() && events[i].begin < action->second;
    const bool stays = !orphan && !inside && keep(i);
    if (!stays && is_paging_action(events[i])) cut[events[i].thread] = events[i].end;
    if (stays) {
      kept.push_back(events[i]);
      for (const std::string& name : names_made(events[i])) gone.erase(name);
      continue;
    }
    for (const std::string& name : names_made(events[i])) gone.insert(name);
  }
  return kept;
}

// Registers, interrupts and what the hardware did: only exact cycles need them. Then the driver's entry
// points and the system's start, which a replay makes of itself.
void Shrinker::plain() {
  const auto hardware = [](const Event& event) {
    if (event.kind == Kind::kCallback)
      return !find_function(event.name)->always && !is_paging_notice(event.name, event.in);
    if (event.kind == Kind::kEntryPoint)
      return event.name == "DxgkDdiInterruptRoutine" || event.name == "DxgkDdiDpcRoutine";
    return event.kind == Kind::kRegister || event.kind == Kind::kFault || event.kind == Kind::kEnd;
  };
  accept(only(best_, [&](std::size_t i) { return !hardware(best_[i]); }));
  const auto system = [](const Event& event) {
    return event.kind == Kind::kEntryPoint ||
           (event.kind == Kind::kSystem && event.name != "trim" && event.name != "exit_process");
  };
  accept(only(best_, [&](std::size_t i) { return !system(best_[i]); }));
}

// Results are looked at only where they are what fails.
void Shrinker::bare() {
  const auto strip = [](Event& event, bool names_only) {
    event.text.erase("status");
    event.text.erase("cycle");
    if (event.kind == Kind::kDma) {
      event.text["dma"].erase("result");
      event.text["dma"].erase("address");
      event.text["dma"].erase("write");
      event.data = event.text["dma"];
      if (event.text.contains("seq") && event.text["seq"].is_array())
        event.text["seq"] = event.text["seq"][0];
    }
    if (!names_only || !event.text.contains("out")) return;
    json out = json::object();
    for (const auto& [key, value] : event.text["out"].items())
      if (!Handles::name_in(value).empty()) out[key] = value;
    if (event.kind == Kind::kCallback) event.text["out"] = out;
  };
  Events candidate = best_;
  for (Event& event : candidate) strip(event, true);
  if (accept(candidate)) return;
  // One of them is it: the others go one half at a time.
  for (std::size_t chunk = std::max<std::size_t>(1, best_.size() / 2); chunk > 0 && runs_ < max_runs_;
       chunk /= 2)
    for (std::size_t first = 0; first < best_.size(); first += chunk) {
      candidate = best_;
      for (std::size_t i = first; i < std::min(first + chunk, candidate.size()); ++i)
        strip(candidate[i], true);
      if (text(candidate) != text(best_)) accept(candidate);
    }
}

// From the end: what came after the failure goes first.
void Shrinker::remove() {
  for (std::size_t chunk = std::max<std::size_t>(1, best_.size() / 2); chunk > 0 && runs_ < max_runs_;
       chunk /= 2) {
    bool again = true;
    while (again && runs_ < max_runs_) {
      again = false;
      for (std::size_t end = best_.size(); end > 0;) {
        const std::size_t first = end > chunk ? end - chunk : 0;
        const Events candidate = only(best_, [&](std::size_t i) { return i < first || i >= end; });
        if (accept(candidate)) again = chunk == 1;
        end = std::min(first, best_.size());
      }
    }
  }
}

// One after the other, without numbers.
void Shrinker::one_thread() {
  Events candidate = best_;
  for (Event& event : candidate) {
    event.text.erase("thread");
    event.text.erase("seq");
    event.text.erase("cycle");
  }
  if (text(candidate) != text(best_)) accept(candidate);
}

}  // namespace

ShrunkTrace shrink(const Trace& trace, const RunTrace& run, std::size_t max_runs,
                   const ShrinkProgress& progress) {
  return Shrinker(trace, run, max_runs, progress).shrink();
}

}  // namespace gpudmar::sim::replay
