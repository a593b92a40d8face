// SPDX-License-Identifier: Apache-2.0
// Makes a failing trace short.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "sim/replay/trace.h"

namespace gpudmar::sim::replay {

struct RunOutcome {
  std::string kind;   ///< of the failure; empty: there is none, or the trace cannot be replayed
  unsigned line = 0;  ///< where it shows; 0: nowhere in particular
};
/// Replays a trace, given as text.
using RunTrace = std::function<RunOutcome(const std::string& text)>;
/// Told after each run: runs, events of the shortest trace so far.
using ShrinkProgress = std::function<void(std::size_t runs, std::size_t events)>;

struct ShrunkTrace {
  std::string text;  ///< the shortest one that fails alike
  std::string kind;  ///< of the given one; empty: it does not fail
  std::size_t runs = 0;
  std::size_t events = 0;
};

/// Delta debugging over the events of a trace: what goes takes along what uses its handles.
[[nodiscard]] ShrunkTrace shrink(const Trace& trace, const RunTrace& run, std::size_t max_runs,
                                 const ShrinkProgress& progress = {});

}  // namespace gpudmar::sim::replay
