// SPDX-License-Identifier: Apache-2.0
// Cases by seed.
#pragma once

#include <cstdint>

#include "sim/oracle/case.h"

namespace gpudmar::oracle {

/// The same seed, the same case, on every machine. Every change of a table that a cache may hold is followed
/// by invalidations that cover it, no more than one access needs: what an access does is decided by the
/// tables alone.
[[nodiscard]] Case generate(std::uint64_t seed);

}  // namespace gpudmar::oracle
