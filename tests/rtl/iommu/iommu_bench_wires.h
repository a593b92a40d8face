// SPDX-License-Identifier: Apache-2.0
// The Verilated unit of IommuBench; for the bench's own sources.
#pragma once

#include <utility>

#include GPUDMAR_MODEL_HEADER
#include "sim/contract/contract_checker.h"
#include "sim/dut/model_coverage.h"
#include "tests/rtl/iommu/iommu_bench.h"

// Of the variant, as the parameters' defaults if the build says nothing.
#ifndef GPUDMAR_PIPE
#define GPUDMAR_PIPE 0
#endif
#ifndef GPUDMAR_WALKS
#define GPUDMAR_WALKS 16
#endif
#ifndef GPUDMAR_IOTLB_SETS
#define GPUDMAR_IOTLB_SETS 1
#endif
// Cycles of a pass over all sets, where the generations are so few that flushes wait for it.
#ifndef GPUDMAR_SCRUB
#define GPUDMAR_SCRUB 0
#endif

namespace gpudmar::test {

struct IommuBench::Wires {
  VerilatedContext context;
  GPUDMAR_MODEL dut;
  sim::ModelCoverage coverage{context};
  sim::DutOutputs out;  ///< of the present cycle
  sim::DutInputs in;    ///< what the contract's checker looks at
  sim::AxiMasterOut& data = out.data;
  sim::AxiMasterOut& table = out.table;
  bool r_shown[kPorts] = {};  ///< an answer was there in the cycle before and not taken
  bool b_shown[kPorts] = {};
  sim::ContractChecker contract;
  // Before the model exists: it would start worker threads otherwise, and takes its power-on values from the
  // seed.
  Wires(std::uint64_t seed, sim::ContractChecker::Report report)
      : dut((context.threads(1), context.randReset(2),
             context.randSeed(static_cast<int>(seed % 0x7FFFFFFF) + 1), &context)),
        contract(sim::Contract::standard(),
                 {GPUDMAR_PIPE, kPorts, kBusBytes, kIdBits, kTableQueueId, GPUDMAR_WALKS, GPUDMAR_IOTLB_SETS,
                  GPUDMAR_SCRUB},
                 std::move(report)) {}
};

}  // namespace gpudmar::test
