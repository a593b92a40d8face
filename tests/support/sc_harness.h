// SPDX-License-Identifier: Apache-2.0
// GoogleTest inside SystemC: one elaboration a program, all tests in one SC_THREAD with a machine at hand.
#pragma once

#include "sim/bench/machine.h"
#include "sim/bench/machine_config.h"

namespace gpudmar::test {

/// The test program defines this: the machine that sc_main.cpp elaborates. GPUDMAR_SEED, if set, replaces the
/// seed.
sim::MachineConfig machine_config();

/// The machine. In SetUp() call machine().reset(true) so that no test sees another's state.
sim::Machine& machine();

}  // namespace gpudmar::test
