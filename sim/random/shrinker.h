// SPDX-License-Identifier: Apache-2.0
// From a failing stream to a short one that fails alike.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "sim/random/generator.h"

namespace gpudmar::random {

/// What is wrong with a run of a stream; empty: nothing. Two runs fail alike when the texts are equal, so the
/// text must not name what shrinking changes.
using RunStream = std::function<std::string(const Stream&)>;
/// Called after each run: runs so far, steps of the best stream.
using ShrinkProgress = std::function<void(std::size_t runs, std::size_t steps)>;

struct ShrinkResult {
  Stream stream;         ///< fails, and no single step of it can go
  std::string failure;   ///< of that stream; empty: the given one did not fail
  std::size_t runs = 0;  ///< of candidates
};

/// Delta debugging over the steps, then threads one after the other, small sizes and plain memory timing, as
/// long as the failure stays the same. `max_runs` bounds the search; the same inputs give the same result.
[[nodiscard]] ShrinkResult shrink(const Stream& stream, const Reference::Machine& machine,
                                  const RunStream& run, std::size_t max_runs = 2000,
                                  const ShrinkProgress& progress = {});

}  // namespace gpudmar::random
