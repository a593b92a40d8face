// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario/power_loss.h"

#include <stdexcept>

namespace gpudmar::sim {
namespace {

constexpr std::uint64_t kResetCycles = 100'000;  // until the remapping unit is quiet
constexpr std::uint8_t kNoise = 0xA5;

}  // namespace

void lose_local_memory(Machine& machine, unsigned gpu) { machine.board().vram(gpu).device().spoil(kNoise); }

void lose_remapping_unit(Machine& machine) {
  Board& board = machine.board();
  board.quiesce_iommu(true);
  if (!machine.engine().run_until([&] { return board.iommu_quiesced(); }, kResetCycles))
    throw std::runtime_error("the remapping unit does not come to rest");
  board.hold_iommu_reset(true);
  machine.engine().wait_cycles(4);
  board.hold_iommu_reset(false);
  board.quiesce_iommu(false);
}

}  // namespace gpudmar::sim
