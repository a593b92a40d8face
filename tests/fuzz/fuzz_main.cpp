// SPDX-License-Identifier: Apache-2.0
// One target for libFuzzer: GPUDMAR_FUZZ_TARGET is its name.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.h"

namespace fuzz = gpudmar::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& all = fuzz::targets();
  static const auto target = std::find_if(all.begin(), all.end(), [](const fuzz::Target& t) {
    return std::string_view(t.name) == GPUDMAR_FUZZ_TARGET;
  });
  try {
    target->run({reinterpret_cast<const char*>(data), size});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", target->name, error.what());
    std::abort();
  }
  return 0;
}

// SystemC's library wants it; nothing is simulated here.
extern "C" int sc_main(int /*argc*/, char* /*argv*/[]) { return 1; }
