// SPDX-License-Identifier: Apache-2.0
// Large pieces first: what only exact cycles need, what comes after the failure, what it has nothing to do
// with, threads, calls and actions with all that was done inside. Then delta debugging (Zeller, Hildebrandt
// 2002) down to single events.
#include "sim/replay/shrinker.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_set>

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

bool is_notice(const Event& event) {
  return event.kind == Kind::kCallback && is_paging_notice(event.name, event.in);
}

/// What a replay without exact cycles leaves out.
bool is_hardware(const Event& event) {
  if (event.kind == Kind::kCallback) return !find_function(event.name)->always && !is_notice(event);
  if (event.kind == Kind::kEntryPoint)
    return event.name == "DxgkDdiInterruptRoutine" || event.name == "DxgkDdiDpcRoutine";
  return event.kind == Kind::kRegister || event.kind == Kind::kFault || event.kind == Kind::kEnd;
}

/// What a replay makes of itself where the trace does not tell it.
bool is_system(const Event& event) {
  return event.kind == Kind::kEntryPoint ||
         (event.kind == Kind::kSystem && event.name != "trim" && event.name != "exit_process");
}

/// The line without its results, but for the names of handles.
json without_results(const Event& event) {
  json line = event.text;
  line.erase("status");
  if (event.kind == Kind::kDma) {
    for (const char* const key : {"result", "address", "write"}) line["dma"].erase(key);
    if (line.contains("seq") && line["seq"].is_array()) line["seq"] = line["seq"][0];
  }
  if (event.kind != Kind::kCallback || !line.contains("out")) return line;
  json out = json::object();
  for (const auto& [key, value] : line["out"].items())
    if (!Handles::name_in(value).empty()) out[key] = value;
  line["out"] = out;
  return line;
}

class Shrinker {
 public:
  Shrinker(const Trace& trace, const RunTrace& run, std::size_t max_runs, const ShrinkProgress& progress)
      : trace_(trace), events_(trace.events), run_(run), max_runs_(max_runs), progress_(progress) {
    best_.stays.assign(events_.size(), true);
    best_.bare.assign(events_.size(), false);
  }

  ShrunkTrace shrink() {
    const RunOutcome first = run_(text(best_));
    runs_ = 1;
    kind_ = first.kind;
    if (!kind_.empty()) {
      locate(first.line, best_);
      coarse();
      Shape before;
      do {
        before = best_;
        remove(threads());
        remove(roots());
        strip();
        remove(singles());
        one_thread();
      } while (!(before == best_) && runs_ < max_runs_);
    }
    return {text(best_), kind_, runs_, size(best_)};
  }

 private:
  /// Which events there are, and which of them without their results.
  struct Shape {
    std::vector<bool> stays;
    std::vector<bool> bare;
    bool in_order = false;  ///< one after the other, without numbers
    bool operator==(const Shape& other) const {
      return stays == other.stays && bare == other.bare && in_order == other.in_order;
    }
  };
  /// Events that go together.
  using Unit = std::vector<std::size_t>;
  static constexpr std::size_t kNone = ~std::size_t{0};

  [[nodiscard]] static std::size_t size(const Shape& shape) {
    return static_cast<std::size_t>(std::count(shape.stays.begin(), shape.stays.end(), true));
  }
  [[nodiscard]] std::string text(const Shape& shape) const;
  void locate(unsigned line, const Shape& shape);
  bool accept(Shape candidate);
  void close(Shape& shape) const;
  [[nodiscard]] bool is_inside(std::size_t event, std::size_t around) const;
  /// The outermost event around it that is still there, or itself.
  [[nodiscard]] std::size_t root_of(std::size_t event) const;
  [[nodiscard]] Unit all_there() const;

  void coarse();
  void cut_behind();
  void slice();
  void add_needed(std::size_t event, std::set<std::string>& names, Shape& shape) const;
  void strip();
  void remove(std::vector<Unit> units);
  void one_thread();
  template <typename Key>
  [[nodiscard]] std::vector<Unit> grouped(Key key) const;
  [[nodiscard]] std::vector<Unit> threads() const;
  [[nodiscard]] std::vector<Unit> roots() const;
  [[nodiscard]] std::vector<Unit> singles() const;

  const Trace& trace_;
  const std::vector<Event>& events_;
  const RunTrace& run_;
  std::size_t max_runs_;
  const ShrinkProgress& progress_;
  Shape best_;
  std::size_t failing_ = kNone;  ///< the event where it shows
  std::string kind_;
  std::size_t runs_ = 0;
  std::unordered_set<std::size_t> tried_;  ///< hashes of texts
};

std::string Shrinker::text(const Shape& shape) const {
  std::string all = trace_.head.dump() + "\n";
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (!shape.stays[i]) continue;
    json line = shape.bare[i] ? without_results(events_[i]) : events_[i].text;
    line.erase("cycle");
    if (shape.in_order)
      for (const char* const key : {"thread", "seq"}) line.erase(key);
    all += line.dump() + "\n";
  }
  return all;
}

// The head is the first line. A bugcheck that the trace tells of is its end.
void Shrinker::locate(unsigned line, const Shape& shape) {
  failing_ = kNone;
  if (line < 2 && kind_.rfind("bugcheck", 0) == 0)
    for (std::size_t i = 0; i < events_.size(); ++i)
      if (shape.stays[i] && !events_[i].bugcheck.is_null()) failing_ = i;
  if (line < 2) return;
  std::size_t left = line - 1;
  for (std::size_t i = 0; i < events_.size() && left != 0; ++i)
    if (shape.stays[i] && --left == 0) failing_ = i;
}

bool Shrinker::accept(Shape candidate) {
  close(candidate);
  const std::size_t events = size(candidate);
  if (runs_ >= max_runs_ || events == 0 || candidate == best_) return false;
  const std::string words = text(candidate);
  if (!tried_.insert(std::hash<std::string>()(words)).second) return false;
  ++runs_;
  const RunOutcome outcome = run_(words);
  const bool alike = outcome.kind == kind_;
  if (alike) {
    best_ = std::move(candidate);
    locate(outcome.line, best_);
  }
  if (progress_) progress_(runs_, size(best_));
  return alike;
}

// Without what uses handles of those that go, and without what the system's actions that go had the driver
// do.
void Shrinker::close(Shape& shape) const {
  std::set<std::string> gone;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const Event& event = events_[i];
    if (shape.stays[i]) {
      const auto used = names_used(event);
      const auto is_gone = [&](const std::string& name) { return gone.count(name) != 0; };
      bool orphan = std::any_of(used.begin(), used.end(), is_gone);
      for (auto up = event.parent; up && !orphan; up = events_[*up].parent)
        orphan = !shape.stays[*up] && is_paging_action(events_[*up]);
      shape.stays[i] = !orphan;
    }
    for (const std::string& name : names_made(event)) {
      if (shape.stays[i])
        gone.erase(name);
      else
        gone.insert(name);
    }
  }
}

bool Shrinker::is_inside(std::size_t event, std::size_t around) const {
  for (auto up = events_[event].parent; up; up = events_[*up].parent)
    if (*up == around) return true;
  return false;
}

std::size_t Shrinker::root_of(std::size_t event) const {
  std::size_t root = event;
  for (auto up = events_[event].parent; up; up = events_[*up].parent)
    if (best_.stays[*up]) root = *up;
  return root;
}

Shrinker::Unit Shrinker::all_there() const {
  Unit all;
  for (std::size_t i = 0; i < events_.size(); ++i)
    if (best_.stays[i]) all.push_back(i);
  return all;
}

// ---- Large pieces

void Shrinker::coarse() {
  Shape candidate = best_;
  for (const std::size_t i : all_there())
    if (is_hardware(events_[i])) candidate.stays[i] = false;
  accept(candidate);
  cut_behind();
  candidate = best_;
  for (const std::size_t i : all_there())
    if (is_system(events_[i])) candidate.stays[i] = false;
  accept(candidate);
  slice();
  strip();
}

// A replay stops at the first difference.
void Shrinker::cut_behind() {
  if (failing_ == kNone) return;
  const Event& failing = events_[failing_];
  Shape candidate = best_;
  for (const std::size_t i : all_there())
    if (events_[i].begin > std::max(failing.begin, failing.end) && !is_inside(i, failing_))
      candidate.stays[i] = false;
  accept(candidate);
}

void Shrinker::add_needed(std::size_t index, std::set<std::string>& names, Shape& shape) const {
  if (!best_.stays[index] || shape.stays[index]) return;
  shape.stays[index] = true;
  for (const std::string& name : names_used(events_[index])) names.insert(name);
  for (auto up = events_[index].parent; up; up = events_[*up].parent) add_needed(*up, names, shape);
}

// What fails, what it uses, what that uses; the newest start of the system; and all that was done inside.
void Shrinker::slice() {
  if (failing_ == kNone) return;
  Shape candidate = best_;
  candidate.stays.assign(events_.size(), false);
  std::set<std::string> names;
  add_needed(failing_, names, candidate);
  for (const std::size_t i : all_there())
    if (events_[i].epoch == events_[failing_].epoch &&
        (events_[i].name == "load" || events_[i].name == "start"))
      add_needed(i, names, candidate);
  const auto belongs = [&](std::size_t i) {
    for (const std::string& name : names_made(events_[i]))
      if (names.count(name) != 0) return true;
    const bool entry = events_[i].kind == Kind::kEntryPoint;
    for (auto up = events_[i].parent; up; up = events_[*up].parent)
      if (candidate.stays[*up] && (is_paging_action(events_[*up]) || (entry && is_system(events_[*up]))))
        return true;
    return is_notice(events_[i]) && std::any_of(events_.begin(), events_.end(), [&](const Event& around) {
             const auto k = static_cast<std::size_t>(&around - events_.data());
             return candidate.stays[k] && is_paging_action(around) && around.begin < events_[i].begin &&
                    events_[i].begin < around.end;
           });
  };
  for (std::size_t before = 0; before != size(candidate);) {
    before = size(candidate);
    const Unit there = all_there();
    for (auto i = there.rbegin(); i != there.rend(); ++i)
      if (!candidate.stays[*i] && events_[*i].epoch == events_[failing_].epoch && belongs(*i))
        add_needed(*i, names, candidate);
  }
  accept(candidate);
}

// Results are looked at only where they are what fails.
void Shrinker::strip() {
  const auto without = [&](const Unit& those) {
    Shape candidate = best_;
    for (const std::size_t i : those)
      if (i != failing_) candidate.bare[i] = true;
    return accept(candidate);
  };
  const auto dressed = [&](bool entry_points) {
    Unit list;
    for (const std::size_t i : all_there())
      if (!best_.bare[i] && (entry_points || events_[i].kind != Kind::kEntryPoint) &&
          without_results(events_[i]) != events_[i].text)
        list.push_back(i);
    return list;
  };
  if (without(dressed(true)) || without(dressed(false))) return;
  // Those that matter are few: they are found by halves.
  const Unit all = dressed(true);
  for (std::size_t chunk = std::max<std::size_t>(1, all.size() / 2); chunk > 0 && runs_ < max_runs_;
       chunk /= 2)
    for (std::size_t first = 0; first < all.size(); first += chunk)
      without(Unit(all.begin() + static_cast<std::ptrdiff_t>(first),
                   all.begin() + static_cast<std::ptrdiff_t>(std::min(first + chunk, all.size()))));
}

// ---- Delta debugging

template <typename Key>
std::vector<Shrinker::Unit> Shrinker::grouped(Key key) const {
  std::vector<Unit> units;
  std::map<decltype(key(0)), std::size_t> known;
  for (const std::size_t i : all_there()) {
    const auto [it, added] = known.try_emplace(key(i), units.size());
    if (added) units.emplace_back();
    units[it->second].push_back(i);
  }
  return units;
}

std::vector<Shrinker::Unit> Shrinker::threads() const {
  std::vector<Unit> units = grouped([&](std::size_t i) { return events_[i].thread; });
  if (units.size() == 1) units.clear();
  return units;
}

std::vector<Shrinker::Unit> Shrinker::roots() const {
  return grouped([&](std::size_t i) { return root_of(i); });
}

// But for what the system calls of itself, wherever its action is.
std::vector<Shrinker::Unit> Shrinker::singles() const {
  std::vector<Unit> units;
  for (const std::size_t i : all_there()) {
    const bool called = events_[i].kind == Kind::kEntryPoint && root_of(i) != i;
    if (!called) units.push_back({i});
  }
  return units;
}

// From the end: what came after the failure goes first.
void Shrinker::remove(std::vector<Unit> units) {
  for (std::size_t chunk = std::max<std::size_t>(1, units.size() / 2); chunk > 0 && runs_ < max_runs_;
       chunk /= 2)
    for (std::size_t end = units.size(); end > 0;) {
      const std::size_t first = end > chunk ? end - chunk : 0;
      Shape candidate = best_;
      for (std::size_t unit = first; unit < end; ++unit)
        for (const std::size_t i : units[unit]) candidate.stays[i] = false;
      if (candidate == best_ || accept(candidate))
        units.erase(units.begin() + static_cast<std::ptrdiff_t>(first),
                    units.begin() + static_cast<std::ptrdiff_t>(end));
      end = first;
    }
}

// Nothing may lie inside of something else.
void Shrinker::one_thread() {
  for (const std::size_t i : all_there())
    if (root_of(i) != i) return;
  Shape candidate = best_;
  candidate.in_order = true;
  accept(candidate);
}

}  // namespace

ShrunkTrace shrink(const Trace& trace, const RunTrace& run, std::size_t max_runs,
                   const ShrinkProgress& progress) {
  return Shrinker(trace, run, max_runs, progress).shrink();
}

}  // namespace gpudmar::sim::replay
