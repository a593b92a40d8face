// SPDX-License-Identifier: Apache-2.0
// gpu-dmar random: streams by seed on the whole machine, one process each; a failing one becomes a short one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gpudmar::sim {

struct RandomOptions {
  std::uint64_t seed = 1;   ///< of the first run; the others count on
  std::size_t steps = 300;  ///< of each stream, about
  unsigned threads = 1;
  std::size_t runs = 1;
  std::uint64_t cycles = 0;  ///< go on with more runs until so many are simulated; 0: `runs` alone counts
  unsigned pipe = 0;
  std::string iommu = "logical";
  std::string profile;  ///< file; then threads, pipe and iommu are its
  bool plain = false;   ///< the default timing of memory instead of one by seed
  bool shrink = false;  ///< what fails
  bool generate_only = false;
  std::string directory;  ///< where streams are written; empty: only what fails, in the present directory
  std::string record;     ///< directory for traces; empty: none
  std::string summary;    ///< JSON path; empty: none
};

/// Exit code: 0 all runs passed, 1 one failed. Throws random::ProfileError before anything runs,
/// std::runtime_error when files or processes cannot be made.
[[nodiscard]] int run_random(const RandomOptions& options);

/// Why a run failed, without what differs between runs that fail alike: places, cycles, names and numbers.
[[nodiscard]] std::string failure_kind(const std::string& failure);

}  // namespace gpudmar::sim
