// SPDX-License-Identifier: Apache-2.0
// A brought-up remapping unit on the reference model.
#pragma once

#include <memory>

#include "driver-model/vtd/remapping_unit.h"
#include "tests/support/model_machine.h"

namespace gpudmar::vtd {

inline constexpr std::uint64_t kTimeout = 2000;  // cycles; short, so that tests of hangs are quick

struct UnitFixture {
  explicit UnitFixture(test::ModelMachine::Options options = {}) : machine(std::move(options)) {
    unit = std::make_unique<RemappingUnit>(machine.iommu, machine.time, machine.interrupts, pages,
                                           RemappingUnit::Config{kTimeout, 46});
  }
  test::ModelMachine machine;
  mm::PageAllocator pages{machine.memory, machine.time};
  std::unique_ptr<RemappingUnit> unit;
};

}  // namespace gpudmar::vtd
