// SPDX-License-Identifier: Apache-2.0
// All outcomes that a caching, pipelined unit may legally produce for one request, from the history of the
// tables.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/model/invalidation_log.h"
#include "sim/model/table_history.h"
#include "sim/model/translate.h"

namespace gpudmar::model {

/// Which outcomes to count as legal.
struct WalkWindow {
  Sequence arrival =
      0;  ///< when the request came in: no fault may rest on older fetches of the failing entry
  Sequence bound_as =
      0;  ///< judge completed invalidations as for a request that came in then (usually = arrival)
  bool ignore_invalidations = false;  ///< to tell a stale translation from a wrong one
  bool remapping_change_seen = true;  ///< a TE change reported as done binds this request already
};

struct LegalSet {
  std::vector<Outcome> outcomes;
  [[nodiscard]] bool unique() const { return outcomes.size() == 1; }
};

/// Enumerates walks. At each level any value of the entry may have been read, as long as the fetches can have
/// happened in the order root to leaf, none of them before an invalidation that has removed its result.
class LegalWalks {
 public:
  LegalWalks(const UnitConfig& config, const MemoryView& memory, const InvalidationLog& invalidations)
      : config_(config), history_(memory), invalidations_(invalidations) {}

  [[nodiscard]] LegalSet evaluate(const Request& request, const WalkWindow& window);
  /// The same for a request that comes in now; remembers the answer until something changes.
  [[nodiscard]] LegalSet evaluate_new(const Request& request, Sequence now);

  /// The CPU wrote memory. True if a table entry that somebody walked has changed.
  bool memory_changed(Sequence now, std::uint64_t pa, std::uint64_t bytes);
  /// Look for table changes nobody announced along this request's walks.
  bool refresh(Sequence now, const Request& request);
  /// GCMD asks for this state: from now on the old and the new one are legal.
  void root_state_requested(Sequence now, const RootState& state);
  /// GSTS shows this state: the old one is gone.
  void root_state_effective(Sequence now, const RootState& state);
  /// An invalidation completed: remembered answers may be too generous now.
  void forget_remembered() { ++generation_; }

  /// Changes whenever an earlier answer may no longer hold.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] const RootState& effective() const { return effective_; }
  [[nodiscard]] std::uint64_t walks() const { return walks_; }
  [[nodiscard]] std::uint64_t remembered_hits() const { return hits_; }

 private:
  struct Remapping {
    bool te = false;
    Sequence start = 0;
    Sequence end = kForever;
  };
  struct RootPointer {
    std::uint64_t root = 0;
    unsigned ttm = 0;
    Sequence start = 0;
    Sequence end = kForever;
  };
  struct Remembered {
    std::uint64_t generation = 0;
    LegalSet set;
  };
  class Path;

  void explore(const Request& request, const WalkWindow& window, const RootPointer& pointer, LegalSet& set);
  [[nodiscard]] bool feasible(const Request& request, const WalkWindow& window, const RootPointer& pointer,
                              const Path& path, const Outcome& outcome) const;
  struct Bounds;
  [[nodiscard]] static bool in_order(const WalkWindow& window, const RootPointer& pointer, const Path& path,
                                     const Bounds& bounds);

  const UnitConfig& config_;
  TableHistory history_;
  const InvalidationLog& invalidations_;
  std::vector<Remapping> remapping_{Remapping{}};
  std::vector<RootPointer> pointers_{RootPointer{}};
  RootState effective_;
  std::unordered_map<std::uint64_t, Remembered> remembered_;
  std::vector<std::uint64_t> touched_;  ///< qwords of the last evaluation
  std::uint64_t generation_ = 1;
  std::uint64_t walks_ = 0;
  std::uint64_t hits_ = 0;
};

}  // namespace gpudmar::model
