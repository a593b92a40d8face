// SPDX-License-Identifier: Apache-2.0
// What tests of the engine look at: the error of a channel, and what stood on a bus.
#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

#include "driver-model/hw/regs/dma_regs.h"
#include "tests/rtl/dma/axi_memory.h"

namespace gpudmar::test {

/// CH_ERR_INFO.CODE of channel 0.
template <class Bench>
unsigned error_code(Bench& bench) {
  return static_cast<unsigned>(
      regs::dma::CH_ERR_INFO::CODE.get(bench.read32(regs::dma::CH_ERR_INFO::kOffset)));
}

/// The handshakes of a kind and id, in their order.
inline std::vector<BusEvent> events(const AxiMemory& port, BusEvent::Kind kind, unsigned id) {
  std::vector<BusEvent> found;
  std::copy_if(port.log.begin(), port.log.end(), std::back_inserter(found),
               [&](const BusEvent& e) { return e.kind == kind && e.id == id; });
  return found;
}

}  // namespace gpudmar::test
