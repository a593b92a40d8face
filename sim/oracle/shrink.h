// SPDX-License-Identifier: Apache-2.0
// Makes a failing case small.
#pragma once

#include <cstddef>
#include <functional>

#include "sim/oracle/case.h"

namespace gpudmar::oracle {

struct Shrunk {
  Case test;
  std::size_t runs = 0;
};

/// Leaves away accesses, steps, stores and invalidations as long as `fails` stays true; at most `limit` runs.
/// Software stays correct: a step whose changes stay keeps invalidations that cover them.
[[nodiscard]] Shrunk shrink(const Case& test, const std::function<bool(const Case&)>& fails,
                            std::size_t limit);

}  // namespace gpudmar::oracle
