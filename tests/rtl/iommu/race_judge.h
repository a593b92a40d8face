// SPDX-License-Identifier: Apache-2.0
// What one run of a race showed, and what of it is wrong. A pure function, so that each rule has a test that
// makes it fire.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/axi/axi_monitor.h"

namespace gpudmar::test::race {

/// Where a request may go under one state of the tables.
struct Verdict {
  std::optional<std::uint64_t> address;  ///< nullopt: blocked, for ...
  unsigned reason = 0;
  unsigned alternate = 0;  ///< another reason that is legal; 0: none
};

struct SeenRequest {
  std::string name;
  bool write = false;
  std::uint16_t source = 0;
  std::uint64_t page = 0;
  Verdict before, after;  ///< of the change
  bool ends = true;  ///< the invalidation covers the page; otherwise a cached translation may stay in use
  std::uint64_t in_cycle = 0;
  std::optional<std::uint64_t> out_address;
  std::uint64_t out_cycle = 0;
  std::optional<std::uint64_t> performed_cycle;  ///< memory's last answer
  bool answered = false;
  bool refused = false;  ///< answered with SLVERR
};

struct SeenFault {
  std::uint64_t cycle = 0;
  std::uint64_t page = 0;
  std::uint16_t source = 0;
  bool write = false;
  unsigned reason = 0;
};

struct SeenStatus {
  std::uint64_t cycle = 0;
  std::uint64_t address = 0;
  std::uint64_t strobe = 0;
  std::uint32_t dword = 0;
};

/// A read of a page that was cached before the race and that the invalidation does not cover.
struct SeenHit {
  std::string name;
  std::uint64_t walk_reads = 0;
};

struct Observed {
  bool finished = false;       ///< the wait completed and every request was answered, in time
  bool idle = false;           ///< and the unit came to rest
  unsigned bus_bytes = 32;     ///< of m_axi_table
  bool invalidates = true;     ///< false: the change owes nothing and counts from `boundary` on
  std::uint64_t boundary = 0;  ///< requests handed in after this cycle know the new tables only
  bool drains_reads = false;
  bool drains_writes = false;
  bool free_flow = false;  ///< memory takes every address at once: what has one leaves
  std::uint64_t status_address = 0;
  std::uint32_t status_value = 0;
  bool neighbours_intact = true;  ///< of the status word
  std::vector<SeenStatus> status_writes;
  std::vector<SeenRequest> requests;
  std::vector<SeenFault> faults;
  std::vector<SeenHit> hits;
  std::vector<sim::Violation> violations;
};

struct Finding {
  std::string rule;  ///< "stale", "unknown_address", ...
  std::string text;
};

[[nodiscard]] std::vector<Finding> judge(const Observed& seen);
/// The names of all rules.
[[nodiscard]] const std::vector<std::string>& judge_rules();

}  // namespace gpudmar::test::race
