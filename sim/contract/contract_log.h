// SPDX-License-Identifier: Apache-2.0
// What a whole test run measured: each checker leaves a line, the reports add them up.
#pragma once

#include "sim/contract/measurements.h"

namespace gpudmar::sim {

/// Appends one line of JSON to <pid>.jsonl in the directory that the environment variable
/// GPUDMAR_CONTRACT_DIR names, if it is set and something was measured:
/// {"pipe": 0, "promises": {"iotlb_hit": {"deviation": {"0": 12}, "cycles": {"2": 12}}, ...}}; `deviation` is
/// measured - promised cycles to count. Throws std::runtime_error when the file cannot be written.
void log_measurements(const Measurements& measurements);

}  // namespace gpudmar::sim
