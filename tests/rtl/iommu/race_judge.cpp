// SPDX-License-Identifier: Apache-2.0
// See race_judge.h.
#include "tests/rtl/iommu/race_judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::test::race {
namespace {

bool goes(const Verdict& verdict, const SeenRequest& request) {
  return request.out_address.has_value() && verdict.address == request.out_address;
}
bool blocks(const Verdict& verdict) { return !verdict.address.has_value(); }

class Judge {
 public:
  explicit Judge(const Observed& seen) : seen_(seen) {}
  std::vector<Finding> run() {
    if (!seen_.finished) add("hang", "a wait or a request never completed");
    if (seen_.finished && !seen_.idle) add("idle", "the unit did not come to rest");
    for (const auto& request : seen_.requests) {
      if (request.answered) check(request);
    }
    if (seen_.finished) check_faults();
    if (seen_.finished && seen_.invalidates) check_status();
    for (const auto& hit : seen_.hits) {
      if (hit.walk_reads != 0)
        add("miss", fmt::format("{} was cached and not invalidated, and read {} table entries", hit.name,
                                hit.walk_reads));
    }
    for (const auto& v : seen_.violations)
      add("protocol", fmt::format("cycle {}: {}: {}", v.cycle, v.rule, v.message));
    return std::move(findings_);
  }

 private:
  void add(const char* rule, std::string text) { findings_.push_back({rule, std::move(text)}); }

  [[nodiscard]] bool late(const SeenRequest& r) const { return r.in_cycle > seen_.boundary; }

  void check(const SeenRequest& r) {
    if (!r.out_address) {
      if (!r.refused) add("response", r.name + " never reached memory and was answered without an error");
      if (!blocks(r.after) && !blocks(r.before))
        add("unknown_address", r.name + " was blocked, which neither the old tables nor the new ones say");
      else if (!blocks(r.after) && late(r))
        add("stale", r.name + " was handed in after the change and was blocked as before it");
      return;
    }
    if (r.refused) add("response", r.name + " reached memory and was answered with SLVERR");
    if (goes(r.after, r)) return;
    if (!goes(r.before, r)) {
      add("unknown_address",
          fmt::format("{} went to {:x}, where neither the old tables nor the new ones lead", r.name,
                      *r.out_address));
      return;
    }
    // The old translation.
    if (!r.ends) return;
    if (late(r)) {
      add("stale", fmt::format("{} was handed in in cycle {}, after {}, and went to the old page {:x}",
                               r.name, r.in_cycle, seen_.boundary, *r.out_address));
      return;
    }
    if (!seen_.invalidates) return;
    const bool drains = r.write ? seen_.drains_writes : seen_.drains_reads;
    if (drains && (!r.performed_cycle || *r.performed_cycle >= seen_.boundary))
      add("drain",
          fmt::format("{} went to the old page {:x} and was not performed before the status of cycle {}",
                      r.name, *r.out_address, seen_.boundary));
    if (seen_.free_flow && r.out_cycle >= seen_.boundary)
      add("late_start", fmt::format("{} left for the old page {:x} in cycle {}, after the status of cycle {}",
                                    r.name, *r.out_address, r.out_cycle, seen_.boundary));
  }

  /// Each blocked request has its fault and each fault its request; none is older than the tables it is told
  /// after.
  void check_faults() {
    std::vector<const SeenRequest*> blocked;
    for (const auto& r : seen_.requests) {
      if (r.answered && !r.out_address) blocked.push_back(&r);
    }
    // Those with least to choose from first.
    std::stable_sort(blocked.begin(), blocked.end(),
                     [this](const SeenRequest* a, const SeenRequest* b) { return late(*a) > late(*b); });
    std::vector<bool> used(seen_.faults.size());
    for (const SeenRequest* r : blocked) {
      bool found = false;
      for (std::size_t i = 0; i < seen_.faults.size() && !found; ++i) {
        const SeenFault& f = seen_.faults[i];
        if (used[i] || f.page != r->page || f.source != r->source || f.write != r->write) continue;
        const auto fits = [&](const Verdict& v) {
          return blocks(v) && (v.reason == f.reason || (v.alternate != 0 && v.alternate == f.reason));
        };
        const bool old_counts = !late(*r) && (!seen_.invalidates || f.cycle < seen_.boundary);
        found = fits(r->after) || (old_counts && fits(r->before));
        used[i] = found;
      }
      if (!found) add("fault", r->name + " was blocked, and no fault that it may have now was taken for it");
    }
    for (std::size_t i = 0; i < used.size(); ++i) {
      const SeenFault& f = seen_.faults[i];
      if (!used[i])
        add("fault", fmt::format("cycle {}: a fault {:02x}h for page {:x} that no blocked request explains",
                                 f.cycle, f.reason, f.page));
    }
  }

  void check_status() {
    const std::uint64_t lanes = 0xFULL << (seen_.status_address & (seen_.bus_bytes - 1));
    unsigned count = 0;
    for (const auto& w : seen_.status_writes) {
      if (w.address != seen_.status_address) {
        add("status",
            fmt::format("cycle {}: a write to {:x}, where nothing is to be written", w.cycle, w.address));
        continue;
      }
      ++count;
      if (w.strobe != lanes)
        add("status", fmt::format("cycle {}: strobes {:x} instead of {:x}", w.cycle, w.strobe, lanes));
      if (w.dword != seen_.status_value)
        add("status",
            fmt::format("cycle {}: {:x} written instead of {:x}", w.cycle, w.dword, seen_.status_value));
    }
    if (count != 1) add("status", fmt::format("{} status writes instead of one", count));
    if (!seen_.neighbours_intact) add("status", "bytes beside the status word changed");
  }

  const Observed& seen_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge(const Observed& seen) { return Judge(seen).run(); }

const std::vector<std::string>& judge_rules() {
  static const std::vector<std::string> rules{"hang",   "idle",       "stale",   "unknown_address",
                                              "drain",  "late_start", "fault",   "response",
                                              "status", "miss",       "protocol"};
  return rules;
}

}  // namespace gpudmar::test::race
