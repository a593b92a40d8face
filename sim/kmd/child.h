// SPDX-License-Identifier: Apache-2.0
// The process that a driver runs in: machine, graphics kernel and driver, telling the parent what happens.
#pragma once

#include <cstdint>
#include <string>

#include "sim/kmd/plan.h"

namespace gpudmar::sim::kmd {

struct Limits {
  std::uint64_t call_cycles = 20;         ///< that each call into the kernel costs
  std::uint64_t call_jitter = 0;          ///< up to so many more, so that threads meet in other orders
  std::uint64_t ddi_cycles = 20'000'000;  ///< that an entry point may take
  std::uint64_t wait_cycles = 5'000'000;  ///< that a wait without time-out may take
  unsigned preemptions = 60;              ///< of a thread that makes no call, until it counts as endless
};

struct ChildRequest {
  std::string driver;  ///< shared object
  Plan plan;
  int events = -1;  ///< file descriptor for events, a line of JSON each
  Limits limits;
  std::string record;  ///< file for the trace; empty: none
  bool verifier = false;
  bool strict = false;  ///< faults of devices stop the system
};

// Exit codes; the events say more.
inline constexpr int kChildDone = 0;
inline constexpr int kChildBroken = 4;  ///< the run broke off, and the events say why

/// Does not return: the process ends with the run, with whatever the driver has left in it.
[[noreturn]] void run_child(const ChildRequest& request);

}  // namespace gpudmar::sim::kmd
