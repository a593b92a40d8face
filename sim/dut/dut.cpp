// SPDX-License-Identifier: Apache-2.0
// Picks the variant of the top.
#include "sim/dut/dut.h"

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <utility>

#include "sim/dut/variants.h"

namespace gpudmar::sim {
namespace {

using Create = std::function<std::unique_ptr<Dut>(std::uint64_t)>;

std::map<unsigned, Create>& more_variants() {
  static std::map<unsigned, Create> variants;
  return variants;
}

}  // namespace

void add_dut_variant(unsigned number, Create create) { more_variants()[number] = std::move(create); }

std::unique_ptr<Dut> Dut::create(unsigned pipe, std::uint64_t seed) {
  if (pipe == 0) return create_dut_pipe0(seed);
  if (pipe == 1) return create_dut_pipe1(seed);
  if (const auto found = more_variants().find(pipe); found != more_variants().end())
    return found->second(seed);
  throw std::invalid_argument(fmt::format("pipe {}: this build has 0 and 1", pipe));
}

std::vector<unsigned> Dut::pipes() { return {0, 1}; }

}  // namespace gpudmar::sim
