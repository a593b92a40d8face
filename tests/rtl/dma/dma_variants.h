// SPDX-License-Identifier: Apache-2.0
// The Verilated widths of the engine that every test runs on.
#pragma once

#include "Vdma128.h"
#include "Vdma256.h"
#include "Vdma512.h"
#include "Vdma64.h"
#include "tests/rtl/dma/dma_bench.h"

namespace gpudmar::test {

using Bench256 = DmaBench<Vdma256, 32>;
using Bench128 = DmaBench<Vdma128, 16, 1>;
using Bench64 = DmaBench<Vdma64, 8>;
using Bench512 = DmaBench<Vdma512, 64, 0, 8, 256, 64>;
using Widths = ::testing::Types<Bench256, Bench128, Bench64, Bench512>;

}  // namespace gpudmar::test
