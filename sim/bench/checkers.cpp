// SPDX-License-Identifier: Apache-2.0
// From the parameters of the RTL to those of its checkers.
#include "sim/bench/checkers.h"

namespace gpudmar::sim {

std::vector<std::uint16_t> tied_source_ids(unsigned adapters) {
  std::vector<std::uint16_t> ids;
  for (unsigned n = 0; n < adapters; ++n) ids.push_back(static_cast<std::uint16_t>((n + 1) << 8U));
  return ids;
}

ContractSetup contract_setup(const DutInfo& info) {
  // The unit fetches descriptors with the highest id.
  ContractSetup setup{
      info.pipe,  info.adapters,  info.bus_bytes, info.id_bits, (1U << info.table_id_bits) - 1,
      info.walks, info.iotlb_sets};
  setup.engines = true;
  return setup;
}

}  // namespace gpudmar::sim
