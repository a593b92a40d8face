// SPDX-License-Identifier: Apache-2.0
// Picks the variant of the top.
#include "sim/dut/dut.h"

#include <fmt/format.h>

#include <stdexcept>

#include "sim/dut/variants.h"

namespace gpudmar::sim {

std::unique_ptr<Dut> Dut::create(unsigned pipe, std::uint64_t seed) {
  if (pipe == 0) return create_dut_pipe0(seed);
  if (pipe == 1) return create_dut_pipe1(seed);
  throw std::invalid_argument(fmt::format("pipe {}: this build has 0 and 1", pipe));
}

std::vector<unsigned> Dut::pipes() { return {0, 1}; }

}  // namespace gpudmar::sim
