// SPDX-License-Identifier: Apache-2.0
// Random streams by seed: legal and illegal calls, GPU copies and probes, with the outcome of each.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/random/profile.h"
#include "sim/random/reference.h"
#include "sim/random/steps.h"

namespace gpudmar::random {

struct GenerateOptions {
  std::uint64_t seed = 1;
  std::size_t steps = 300;  ///< about; taking everything down comes on top
  unsigned threads = 1;     ///< more than 1: some sections run side by side
  bool copies = true;       ///< the device works, too
  bool rough = true;        ///< memory timing by seed, too; else the machine's default
  unsigned pipe = 0;
  std::string iommu = "logical";
  Reference::Machine machine;
  Profile profile;  ///< but for what stands above
};

/// How often each rule decided a step.
using RuleCounts = std::map<std::string, std::uint64_t>;

/// The same options give the same stream. `rules` may be null.
[[nodiscard]] Stream generate(const GenerateOptions& options, RuleCounts* rules = nullptr);

/// Judge a stream anew: drops steps that the rules do not decide, ends it at the first bugcheck, and sets
/// every expectation. Sections and threads that became empty go;
/// a stream that would end otherwise gets a stop.
[[nodiscard]] Stream annotate(const Stream& stream, const Reference::Machine& machine);

}  // namespace gpudmar::random
