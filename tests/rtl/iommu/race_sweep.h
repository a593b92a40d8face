// SPDX-License-Identifier: Apache-2.0
// The sweep over every distance of one case; how a failure is told; the program's totals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/rtl/iommu/race_run.h"

namespace gpudmar::test::race {

/// What sweeps have done. GPUDMAR_RACE_JSON names a file that gets the program's sum at its end.
struct Tally {
  std::uint64_t cases = 0, offsets = 0, failures = 0;
};

/// GPUDMAR_RACE_CASE and GPUDMAR_RACE_OFFSET: the one case, and the one offset, that are to run.
[[nodiscard]] std::optional<std::string> only_case();
[[nodiscard]] std::optional<int> only_offset();
/// The command that runs exactly this again, from the repository's root.
[[nodiscard]] std::string rerun_line(const std::string& name, int offset);
/// One offset of the running test.
void count(Tally& tally, bool failed);
/// The running test's sum, on the screen and in its properties.
void record(const Tally& tally);

/// Play `c` at every distance of its window; failures are GoogleTest's.
void sweep(Race& race, const RaceCase& c, Tally& tally);

}  // namespace gpudmar::test::race
