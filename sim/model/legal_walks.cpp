// SPDX-License-Identifier: Apache-2.0
// Enumeration of legal walks over the history of the tables.
#include "sim/model/legal_walks.h"

#include <algorithm>

namespace gpudmar::model {
namespace {

constexpr std::size_t kContextLoads = 4;  // root low/high, context low/high: the order translate() promises
constexpr std::size_t kMaxPointers = 8;

bool same(const Outcome& a, const Outcome& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<Fault>(&a)) {
    const auto& y = std::get<Fault>(b);
    return x->reason == y.reason && x->alternate == y.alternate && x->suppressed == y.suppressed;
  }
  if (const auto* x = std::get_if<Translated>(&a)) {
    const auto& y = std::get<Translated>(b);
    return x->address == y.address && x->did == y.did && x->page_shift == y.page_shift && x->snoop == y.snoop;
  }
  if (const auto* x = std::get_if<Pass>(&a)) {
    const auto& y = std::get<Pass>(b);
    return x->remapping_off == y.remapping_off && x->did == y.did;
  }
  return !std::holds_alternative<Completion>(a) || outgoing_address(a) == outgoing_address(b);
}

void add(LegalSet& set, const Outcome& outcome) {
  for (const Outcome& known : set.outcomes) {
    if (same(known, outcome)) return;
  }
  set.outcomes.push_back(outcome);
}

/// Does this fault rest on the content of the entry fetched last? Only then must that fetch be younger than
/// the request: valid context entries may be cached, faulty entries may not (VT-d 4.2).
bool rests_on_last_fetch(Reason reason) {
  return reason != Reason::kAddressWidth && reason != Reason::kTypeBlocked;
}

}  // namespace

/// Memory as one particular walk saw it. next() moves on to the next combination of versions.
class LegalWalks::Path final : public MemoryView {
 public:
  struct Load {
    std::uint64_t pa = 0;
    Version version;
  };

  Path(TableHistory& history, Sequence earliest) : history_(history), earliest_(earliest) {}

  std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
    const std::size_t depth = loads_.size();
    const auto& versions = history_.versions(pa);
    // A root or context entry is fetched in one piece (VT-d 4.5): its high qword stems from the same moment.
    const bool second_half = depth < kContextLoads && depth % 2 == 1;
    const Sequence after = second_half ? loads_.back().version.start : time_;
    const Sequence before = second_half ? loads_.back().version.end : kForever;
    options_.clear();
    for (std::size_t i = 0; i < versions.size(); ++i) {
      if (versions[i].end > after && versions[i].start < before) options_.push_back(i);
    }
    if (options_.empty()) options_.push_back(0);
    if (depth == choices_.size()) choices_.push_back({0, options_.size()});
    choices_[depth].count = options_.size();
    const Version& version = versions[options_[std::min(choices_[depth].index, options_.size() - 1)]];
    loads_.push_back({pa, version});
    time_ = std::max(time_, version.start);
    return version.value;
  }

  void begin() {
    loads_.clear();
    time_ = earliest_;
  }
  bool next() {
    choices_.resize(std::min(choices_.size(), loads_.size()));
    while (!choices_.empty()) {
      if (++choices_.back().index < choices_.back().count) return true;
      choices_.pop_back();
    }
    return false;
  }
  [[nodiscard]] const std::vector<Load>& loads() const { return loads_; }

 private:
  struct Choice {
    std::size_t index = 0;
    std::size_t count = 1;
  };
  TableHistory& history_;
  Sequence earliest_;
  mutable std::vector<Load> loads_;
  mutable std::vector<Choice> choices_;
  mutable std::vector<std::size_t> options_;
  mutable Sequence time_ = 0;
};

/// What the moments of a walk's fetches must keep to.
struct LegalWalks::Bounds {
  Floors floors;
  bool fresh_last = false;  ///< the last fetch must be younger than the request
  bool translated = false;
  unsigned levels = 0;  ///< of the second stage
  Sequence top = 0;     ///< the first second-stage entry: not earlier
  /// Invalidations that the first second-stage entry is older than: by then the walk had come this far.
  std::vector<UpperCut> before;
};

/// Give every fetch its earliest moment; false if one has none.
bool LegalWalks::in_order(const WalkWindow& window, const RootPointer& pointer, const Path& path,
                          const Bounds& bounds) {
  const auto& loads = path.loads();
  Sequence time = std::max(bounds.floors.context, pointer.start);
  if (loads.empty() && bounds.fresh_last) time = std::max(time, window.arrival);
  if (time >= pointer.end) return false;
  // Faulty root and context entries are never cached: a request that came after SRTP finds them through the
  // new pointer.
  if (bounds.fresh_last && loads.size() <= kContextLoads && window.arrival >= pointer.end) return false;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    const bool last = i + 1 == loads.size();
    if (i >= kContextLoads) {
      time = std::max(time, last && bounds.translated ? bounds.floors.leaf : bounds.floors.upper);
      if (i == kContextLoads) time = std::max(time, bounds.top);
    }
    if (bounds.fresh_last && (last || (i + 2 == loads.size() && i < kContextLoads && i % 2 == 0))) {
      time = std::max(time, window.arrival);
    }
    time = std::max(time, loads[i].version.start);
    if (time >= loads[i].version.end) return false;
    if (i < 2 && time >= pointer.end)
      return false;  // the root entry is fetched through the pointer of that moment
    // The high qword pulls the moment of the fetch forward; the low one must still have stood then.
    if (i < kContextLoads && i % 2 == 1 && time >= loads[i - 1].version.end) return false;
    if (i < kContextLoads) continue;
    const auto level = bounds.levels - static_cast<unsigned>(i - kContextLoads);
    for (const UpperCut& cut : bounds.before) {
      if ((level + 1 == cut.level || (last && level >= cut.level)) && time >= cut.done) return false;
    }
  }
  return true;
}

bool LegalWalks::feasible(const Request& request, const WalkWindow& window, const RootPointer& pointer,
                          const Path& path, const Outcome& outcome) const {
  const auto& loads = path.loads();
  const auto* fault = std::get_if<Fault>(&outcome);
  const auto* translated = std::get_if<Translated>(&outcome);
  Bounds bounds;
  bounds.fresh_last = fault != nullptr && rests_on_last_fetch(fault->reason);
  bounds.translated = translated != nullptr;
  if (!window.ignore_invalidations && loads.size() >= kContextLoads && loads[3].version.value) {
    const auto did = static_cast<std::uint16_t>(*loads[3].version.value >> 8);
    bounds.levels = static_cast<unsigned>(*loads[3].version.value & 7) + 2;
    bounds.floors = invalidations_.floors(request.source_id, did, request.address,
                                          translated != nullptr ? translated->page_shift : 12,
                                          request.is_write, window.bound_as);
    if (loads.size() > kContextLoads)
      bounds.before = invalidations_.upper_cuts(did, request.address, request.is_write, window.bound_as);
  }
  // For each cut the walk's upper entries are all younger, or what lies below them was read before it, too.
  while (!in_order(window, pointer, path, bounds)) {
    if (bounds.before.empty()) return false;
    bounds.top = bounds.before.front().tail;
    bounds.before.erase(bounds.before.begin());
  }
  return true;
}

void LegalWalks::explore(const Request& request, const WalkWindow& window, const RootPointer& pointer,
                         LegalSet& set) {
  const RootState state{true, pointer.root, pointer.ttm};
  Path path(history_, pointer.start);
  do {
    path.begin();
    ++walks_;
    const Outcome outcome = translate(config_, state, path, request);
    for (const auto& load : path.loads()) touched_.push_back(load.pa);
    if (feasible(request, window, pointer, path, outcome)) add(set, outcome);
  } while (path.next());
}

LegalSet LegalWalks::evaluate(const Request& request, const WalkWindow& window) {
  LegalSet set;
  touched_.clear();
  for (const Remapping& remapping : remapping_) {
    if (remapping.end <= window.arrival) continue;
    // With draining, a TE change that shows in GSTS leaves no older request behind (VT-d 1.6).
    const bool drained = request.is_write ? config_.dwd : config_.drd;
    if (remapping.end != kForever && window.remapping_change_seen && drained) continue;
    if (!remapping.te) {
      add(set, translate(config_, RootState{}, Path(history_, 0), request));
      continue;
    }
    for (const RootPointer& pointer : pointers_) explore(request, window, pointer, set);
  }
  return set;
}

LegalSet LegalWalks::evaluate_new(const Request& request, Sequence now) {
  const WalkWindow window{now, now};
  const bool plain = request.at == kAtUntranslated && !request.pasid_valid && !request.zero_length &&
                     !request.atomic &&
                     (request.address < kInterruptBase || request.address >= kInterruptEnd);
  if (!plain) return evaluate(request, window);
  const std::uint64_t key = (request.address >> 12 << 17) ^ (std::uint64_t{request.source_id} << 1) ^
                            std::uint64_t{request.is_write};
  // Addresses beyond 2^57 would lose bits in the key; they are rare and always a fault.
  if ((request.address >> 57) != 0) return evaluate(request, window);
  Remembered& slot = remembered_[key];
  if (slot.generation != generation_) {
    slot.set = evaluate(request, window);
    slot.generation = generation_;
    return slot.set;
  }
  ++hits_;
  LegalSet set = slot.set;  // of another offset in the same page
  for (Outcome& outcome : set.outcomes) {
    if (auto* pass = std::get_if<Pass>(&outcome)) pass->address = request.address;
    if (auto* translated = std::get_if<Translated>(&outcome)) {
      translated->address = (translated->address & ~std::uint64_t{0xFFF}) | (request.address & 0xFFF);
    }
  }
  return set;
}

bool LegalWalks::memory_changed(Sequence now, std::uint64_t pa, std::uint64_t bytes) {
  const bool changed = history_.changed(now, pa, bytes);
  if (changed) ++generation_;
  return changed;
}

bool LegalWalks::refresh(Sequence now, const Request& request) {
  (void)evaluate(request, {now, now, true});
  const std::vector<std::uint64_t> qwords = touched_;
  const bool changed = history_.refresh(now, qwords);
  if (changed) ++generation_;
  return changed;
}

void LegalWalks::root_state_requested(Sequence now, const RootState& state) {
  // Before remapping was ever on, nothing was fetched through the old pointer.
  if (std::none_of(remapping_.begin(), remapping_.end(), [](const Remapping& r) { return r.te; })) {
    pointers_ = {{state.root, state.ttm, now, kForever}};
  }
  if (remapping_.back().te != state.te) remapping_.push_back({state.te, now, kForever});
  if (pointers_.back().root != state.root || pointers_.back().ttm != state.ttm) {
    pointers_.push_back({state.root, state.ttm, now, kForever});
  }
  ++generation_;
}

void LegalWalks::root_state_effective(Sequence now, const RootState& state) {
  root_state_requested(now, state);
  for (auto it = remapping_.begin(); it != std::prev(remapping_.end()); ++it)
    it->end = std::min(it->end, now);
  for (auto it = pointers_.begin(); it != std::prev(pointers_.end()); ++it) it->end = std::min(it->end, now);
  if (remapping_.size() > kMaxPointers) remapping_.erase(remapping_.begin());
  if (pointers_.size() > kMaxPointers) pointers_.erase(pointers_.begin());
  effective_ = state;
}

}  // namespace gpudmar::model
