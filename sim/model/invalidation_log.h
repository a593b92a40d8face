// SPDX-License-Identifier: Apache-2.0
// Follows the invalidation queue from outside (register writes, wait status writes) and knows which
// translations each completed invalidation has forbidden.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/model/descriptor.h"
#include "sim/model/memory_view.h"
#include "sim/model/table_history.h"

namespace gpudmar::model {

/// An invalidation that a wait descriptor has confirmed.
struct CompletedInvalidation {
  Descriptor descriptor;
  Sequence tail = 0;        ///< when the tail that covers it was written: fetches before this are stale
  Sequence done = 0;        ///< when the wait's status was written
  std::uint64_t order = 0;  ///< position in the queue's stream
};

/// From when on the fetches of a translation must be. Earlier ones have been invalidated.
struct Floors {
  Sequence context = 0;  ///< root and context entry
  Sequence upper = 0;    ///< second-stage entries above the leaf
  Sequence leaf = 0;
};

/// A page-selective invalidation with IH = 0 beside an address: what is cached of its page stays, the upper
/// entries whose ranges it touches do not. So entries of `level` and above that were fetched before `tail`
/// must not have led to entries fetched after `done`.
struct UpperCut {
  unsigned level = 2;  ///< lowest level of an entry that covers both, 2 or more
  Sequence tail = 0;
  Sequence done = 0;
};

class InvalidationLog {
 public:
  InvalidationLog(const UnitConfig& config, const MemoryView& memory) : config_(config), memory_(memory) {}

  /// A software write to the register page; others than queue registers are ignored. `value` holds `bytes` (4
  /// or 8).
  void register_write(Sequence now, std::uint64_t offset, std::uint64_t value, unsigned bytes);

  /// The unit wrote a wait status. Returns what it completes, in order; `error` is set if no wait asked for
  /// it.
  std::vector<CompletedInvalidation> status_write(Sequence now, std::uint64_t pa, std::uint32_t data,
                                                  std::string* error);

  /// Floors for a request that came in at `arrival`, of a translation of domain `did`. A completed
  /// invalidation that drains this direction binds every request; one that does not binds only requests that
  /// came after it.
  [[nodiscard]] Floors floors(std::uint16_t source_id, std::uint16_t did, std::uint64_t address,
                              unsigned page_shift, bool is_write, Sequence arrival) const;

  /// Of the same kind: what binds walks of `address` although its own page was not invalidated, by age.
  [[nodiscard]] std::vector<UpperCut> upper_cuts(std::uint16_t did, std::uint64_t address, bool is_write,
                                                 Sequence arrival) const;

  [[nodiscard]] std::size_t pending_waits() const;  ///< status writes still to come
  [[nodiscard]] std::uint64_t invalidations() const { return invalidations_; }
  [[nodiscard]] std::uint64_t waits() const { return waits_; }

 private:
  struct Pending {
    Descriptor descriptor;
    Sequence tail = 0;
    std::uint64_t order = 0;
  };
  /// The last few invalidations of one scope; the newest alone may not bind a request that is already inside.
  using Marks = std::vector<CompletedInvalidation>;

  void decode(Sequence now);
  void complete(const CompletedInvalidation& invalidation);
  static void remember(Marks& marks, const CompletedInvalidation& invalidation);
  [[nodiscard]] Sequence context_floor(std::uint16_t source_id, std::uint16_t did,
                                       std::uint64_t before) const;
  void apply(const Marks& marks, std::uint16_t source_id, std::uint16_t did, bool is_write, Sequence arrival,
             Floors& floors) const;

  const UnitConfig& config_;
  const MemoryView& memory_;
  bool enabled_ = false;
  bool stopped_ = false;  ///< at a descriptor that the unit must refuse
  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  std::uint64_t address_ = 0;
  std::uint64_t order_ = 0;
  std::deque<Pending> pending_;
  std::uint64_t invalidations_ = 0;
  std::uint64_t waits_ = 0;

  Marks global_;
  std::unordered_map<std::uint16_t, Marks> domains_;
  /// Page-selective ones by address mask, then by {domain, page number >> mask}.
  std::array<std::unordered_map<std::uint64_t, Marks>, 64> pages_;
  /// Those with IH = 0 that are smaller than an entry of a level, by {domain, page number >> that entry's
  /// size}.
  static constexpr unsigned kLevels = 5;
  std::array<std::unordered_map<std::uint64_t, Marks>, kLevels + 1> upper_;
  Marks contexts_;  ///< the newest of each scope
};

}  // namespace gpudmar::model
