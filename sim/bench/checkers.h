// SPDX-License-Identifier: Apache-2.0
// What the checkers of a board have to be told about it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/contract/contract_setup.h"
#include "sim/dut/dut.h"

namespace gpudmar::sim {

/// Source-ids as tied at the ports: 01:00.0, 02:00.0, ...
[[nodiscard]] std::vector<std::uint16_t> tied_source_ids(unsigned adapters);

[[nodiscard]] ContractSetup contract_setup(const DutInfo& info);

}  // namespace gpudmar::sim
