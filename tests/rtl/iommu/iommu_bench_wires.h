// SPDX-License-Identifier: Apache-2.0
// The Verilated unit of IommuBench; for the bench's own sources.
#pragma once

#include GPUDMAR_MODEL_HEADER
#include "tests/rtl/iommu/iommu_bench.h"

namespace gpudmar::test {

struct IommuBench::Wires {
  VerilatedContext context;
  GPUDMAR_MODEL dut;
  sim::AxiMasterOut data, table;
  // Before the model exists: it would start worker threads otherwise, and takes its power-on values from the
  // seed.
  explicit Wires(std::uint64_t seed)
      : dut((context.threads(1), context.randReset(2),
             context.randSeed(static_cast<int>(seed % 0x7FFFFFFF) + 1), &context)) {}
};

}  // namespace gpudmar::test
