// SPDX-License-Identifier: Apache-2.0
// One clock cycle as checkers see it.
#pragma once

#include <cstdint>

#include "sim/dut/dut.h"

namespace gpudmar::sim {

/// The signals of one cycle, both directions.
struct CycleView {
  std::uint64_t cycle;
  const DutOutputs& out;
  const DutInputs& in;
};

/// Looks at every cycle outside reset, before the memories act on it.
class CycleObserver {
 public:
  virtual ~CycleObserver() = default;
  virtual void observe(const CycleView& view) = 0;
  virtual void reset() = 0;                      ///< the hardware was reset
  virtual void iommu_reset() {}                  ///< the IOMMU alone was; cycles go on
  virtual void finish(std::uint64_t cycle) = 0;  ///< the run is over
};

}  // namespace gpudmar::sim
