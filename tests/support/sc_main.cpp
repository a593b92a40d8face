// SPDX-License-Identifier: Apache-2.0
// sc_main of test programs: elaborate once, RUN_ALL_TESTS() in an SC_THREAD, and fail when the simulation
// ended without the tests having ended.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <systemc>

#include "tests/support/sc_harness.h"

namespace gpudmar::test {
namespace {

constexpr std::size_t kStackBytes = 8U << 20;
sim::Machine* the_machine = nullptr;

class Runner : public sc_core::sc_module {
 public:
  explicit Runner(const sc_core::sc_module_name& name) : sc_module(name) {
    SC_HAS_PROCESS(Runner);
    SC_THREAD(run);
    set_stack_size(kStackBytes);
  }
  int result = -1;  ///< of RUN_ALL_TESTS; -1: it did not return

 private:
  void run() {
    result = RUN_ALL_TESTS();
    sc_core::sc_stop();
  }
};

}  // namespace

sim::Machine& machine() { return *the_machine; }

}  // namespace gpudmar::test

int sc_main(int argc, char* argv[]) {
  using namespace gpudmar;
  testing::InitGoogleMock(&argc, argv);
  try {
    sim::MachineConfig config = test::machine_config();
    if (const char* seed = std::getenv("GPUDMAR_SEED")) config.seed = std::strtoull(seed, nullptr, 0);
    fmt::print("seed {}; again: GPUDMAR_SEED={} {}\n", config.seed, config.seed, argv[0]);
    sim::Machine machine("machine", config);
    test::the_machine = &machine;
    test::Runner runner("runner");
    sc_core::sc_start();
    if (runner.result < 0)
      fmt::print(stderr, "the simulation ended before the tests did: every thread waits\n");
    return runner.result < 0 ? 1 : runner.result;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
