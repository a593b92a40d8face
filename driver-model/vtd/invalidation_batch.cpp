// SPDX-License-Identifier: Apache-2.0
// The one wait, and what may be reused after it.
#include "driver-model/vtd/invalidation_batch.h"

#include <mutex>

#include "driver-model/vtd/remapping_unit.h"

namespace gpudmar::vtd {

InvalidationBatch::~InvalidationBatch() {
  try {
    commit();
  } catch (const std::exception&) {
    // Whoever wanted to know has called commit().
  }
}

InvalidationSpan InvalidationBatch::commit() {
  const std::lock_guard guard(unit_.lock_);
  if (pending_.empty()) {
    const std::uint64_t now = unit_.registers_.time().now();
    return {now, now};
  }
  std::vector<Descriptor> descriptors;
  for (const auto& [domain, pending] : pending_) {
    const auto own = domain->invalidations(pending.pages, pending.leaf_only);
    descriptors.insert(descriptors.end(), own.begin(), own.end());
  }
  const InvalidationSpan span = unit_.queue_->submit(descriptors);
  for (const auto& [domain, pending] : pending_) {
    domain->tables_.release(pending.retired);
    domain->settle(pending.pages);
  }
  pending_.clear();
  return span;
}

}  // namespace gpudmar::vtd
