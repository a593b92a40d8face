// SPDX-License-Identifier: Apache-2.0
// Several changes of present translations, completed by one invalidation wait.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "driver-model/mm/pages.h"
#include "driver-model/vtd/invalidation_queue.h"

namespace gpudmar::vtd {

class Domain;
class RemappingUnit;

/// Collects what unmap() and protect() of one or more domains of a unit leave to be invalidated. Until
/// commit() returns, devices may still use the old translations, the pages can not be mapped anew, and
/// unlinked tables are not freed. For one thread; the domains have to outlive it.
class InvalidationBatch {
 public:
  explicit InvalidationBatch(RemappingUnit& unit) : unit_(unit) {}
  /// Commits what is left. If that fails the pages stay blocked and the tables stay allocated.
  ~InvalidationBatch();
  InvalidationBatch(const InvalidationBatch&) = delete;
  InvalidationBatch& operator=(const InvalidationBatch&) = delete;

  /// One submission for everything collected: per domain either exact page blocks or the whole domain, then
  /// one wait. An empty batch submits nothing. Throws QueueError when the unit does not complete it; the
  /// batch then still holds everything, and commit() may be called again after InvalidationQueue::recover().
  InvalidationSpan commit();

  [[nodiscard]] bool empty() const { return pending_.empty(); }

 private:
  friend class Domain;
  struct Pending {
    std::vector<std::uint64_t> pages;
    std::vector<mm::Pfn> retired;
    bool leaf_only = true;
  };

  RemappingUnit& unit_;
  std::map<Domain*, Pending> pending_;
};

}  // namespace gpudmar::vtd
