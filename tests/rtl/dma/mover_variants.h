// SPDX-License-Identifier: Apache-2.0
// The Verilated forms of the mover that its tests run on.
#pragma once

#include "Vmover128.h"
#include "Vmover256.h"
#include "Vmover512.h"
#include "Vmover64.h"
#include "tests/rtl/dma/mover_bench.h"

namespace gpudmar::test {

// Width in bytes, MaxBurst, Reads, Pipe: as CMakeLists.txt builds them.
using Mover64 = MoverBench<Vmover64, 8, 256, 256, 0>;
using Mover128 = MoverBench<Vmover128, 16, 16, 64, 1>;
using Mover256 = MoverBench<Vmover256, 32, 16, 64, 0>;
using Mover512 = MoverBench<Vmover512, 64, 64, 16, 0>;
using Movers = ::testing::Types<Mover64, Mover128, Mover256, Mover512>;

}  // namespace gpudmar::test
