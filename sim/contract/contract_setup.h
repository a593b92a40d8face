// SPDX-License-Identifier: Apache-2.0
// What the contract's checkers have to know about the hardware.
#pragma once

#include <cstdint>

namespace gpudmar::sim {

struct ContractSetup {
  unsigned pipe = 0;
  unsigned adapters = 2;
  unsigned bus_bytes = 32;
  unsigned id_bits = 4;          ///< of a requester; an id at m_axi_data is {port, id}
  std::uint32_t queue_id = ~0U;  ///< of descriptor fetches at m_axi_table; other reads are walks'
  unsigned walks = 16;           ///< of requests, in parallel; their table reads have the ids below
  unsigned iotlb_sets = 1;       ///< that a page invalidation may have to read one by one
  unsigned scrub = 0;            ///< cycles for which a domain or global one may wait for a generation
  bool engines = false;          ///< DMA engines are at the requester ports
};

}  // namespace gpudmar::sim
