// SPDX-License-Identifier: Apache-2.0
// What Verilator counts of a model, for `make coverage` (docs/coverage.md). Nothing in any other build.
#pragma once

class VerilatedContext;

namespace gpudmar::sim {

/// Takes the counts of a model when it goes. A member behind the model, since the counters go with that.
class ModelCoverage {
 public:
#ifdef GPUDMAR_COVERAGE
  explicit ModelCoverage(VerilatedContext& context) : context_(context) {}
  ~ModelCoverage();
  ModelCoverage(const ModelCoverage&) = delete;
  ModelCoverage& operator=(const ModelCoverage&) = delete;

 private:
  VerilatedContext& context_;
#else
  explicit ModelCoverage(VerilatedContext& /*context*/) {}
#endif
};

}  // namespace gpudmar::sim
