// SPDX-License-Identifier: Apache-2.0
// What hardware loses without power.
#pragma once

#include <cstdint>

#include "sim/bench/machine.h"

namespace gpudmar::sim {

/// A GPU in D3: nobody refreshes its local memory. Whatever was in it is something else now.
void lose_local_memory(Machine& machine, unsigned gpu);
/// The machine sleeps: the remapping unit loses its registers and caches; its tables stay in memory. In an
/// SC_THREAD. Throws std::runtime_error when the unit does not come to rest.
void lose_remapping_unit(Machine& machine);

}  // namespace gpudmar::sim
