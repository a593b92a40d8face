// SPDX-License-Identifier: Apache-2.0
// Many cases on both machines.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "sim/oracle/judge.h"

namespace gpudmar::oracle {

struct CampaignOptions {
  std::uint64_t cases = 10'000;
  std::uint64_t seed = 1;         ///< of the first case; the others count on
  std::size_t give_up = 5;        ///< mismatches after which it ends
  std::size_t shrink_runs = 400;  ///< for each mismatch; 0: none is shrunk
  std::string again;              ///< how to run one case again; "SEED" in it is replaced
  std::function<bool()> stop;     ///< asked between cases; true ends the campaign
  std::function<void(std::uint64_t done, std::uint64_t mismatches)> progress;
};

struct CampaignResult {
  std::uint64_t cases = 0;
  std::uint64_t accesses = 0;                 ///< made
  std::uint64_t blocked = 0;                  ///< of them, with a fault record
  std::map<unsigned, std::uint64_t> reasons;  ///< of the records
  std::vector<std::uint64_t> mismatches;      ///< seeds
  std::map<std::string, std::uint64_t> masked;
};

/// Tells each mismatch on `out`. Throws EndpointError when a machine is gone.
[[nodiscard]] CampaignResult run_campaign(Machine& qemu, Machine& rtl, const CampaignOptions& options,
                                          std::ostream& out);

}  // namespace gpudmar::oracle
