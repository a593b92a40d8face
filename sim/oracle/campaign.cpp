// SPDX-License-Identifier: Apache-2.0
// Runs cases, tells mismatches.
#include "sim/oracle/campaign.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <future>

#include "sim/oracle/generator.h"
#include "sim/oracle/shrink.h"

namespace gpudmar::oracle {
namespace {

class Campaign {
 public:
  Campaign(Machine& qemu, Machine& rtl, const CampaignOptions& options, std::ostream& out)
      : qemu_(qemu), rtl_(rtl), options_(options), out_(out) {}

  CampaignResult run() {
    for (std::uint64_t n = 0; n < options_.cases && result_.mismatches.size() < options_.give_up; ++n) {
      if (options_.stop && options_.stop()) break;
      one(options_.seed + n);
      ++result_.cases;
      if (options_.progress) options_.progress(result_.cases, result_.mismatches.size());
    }
    return result_;
  }

 private:
  /// What the RTL's own checkers find belongs to the case in which they find it.
  Verdict both(const Case& test, Outcome* seen = nullptr) {
    auto other = std::async(std::launch::async, [&] { return qemu_.run(test); });
    Outcome rtl = rtl_.run(test);
    const Outcome qemu = other.get();
    Verdict verdict = judge(test, qemu, rtl);
    const std::uint64_t violations = rtl_.violations();
    if (verdict.mismatch.empty() && violations != violations_)
      verdict.mismatch = "the RTL's own checkers complain, see its log";
    violations_ = violations;
    if (seen != nullptr) *seen = std::move(rtl);
    return verdict;
  }

  void one(std::uint64_t seed) {
    const Case test = generate(seed);
    Outcome seen;
    const Verdict verdict = both(test, &seen);
    for (const Observation& observation : seen.accesses) {
      if (!observation.made) continue;
      ++result_.accesses;
      if (!observation.faults.empty()) ++result_.blocked;
      for (const Fault& fault : observation.faults) ++result_.reasons[fault.reason];
    }
    for (const auto& [name, count] : verdict.masked) result_.masked[name] += count;
    if (verdict.mismatch.empty()) return;
    result_.mismatches.push_back(seed);
    fmt::print(out_, "MISMATCH, seed {}: {}\n", seed, verdict.mismatch);
    tell(test, verdict);
  }

  void tell(const Case& test, const Verdict& verdict) {
    Case shown = test;
    Verdict last = verdict;
    std::size_t runs = 0;
    if (options_.shrink_runs > 0) {
      const auto fails = [&](const Case& candidate) {
        const Verdict now = both(candidate);
        if (!now.mismatch.empty()) last = now;
        return !now.mismatch.empty();
      };
      Shrunk shrunk = shrink(test, fails, options_.shrink_runs);
      shown = std::move(shrunk.test);
      runs = shrunk.runs;
      if (const Verdict now = both(shown); !now.mismatch.empty()) last = now;
    }
    fmt::print(out_, "{}{}\n", describe(shown, last.access), last.mismatch);
    if (runs > 0)
      fmt::print(out_, "({} accesses became {} in {} runs)\n", test.accesses(), shown.accesses(), runs);
    std::string again = options_.again;
    if (const std::size_t at = again.find("SEED"); at != std::string::npos)
      again.replace(at, 4, fmt::format("{}", test.seed));
    if (!again.empty()) fmt::print(out_, "again: {}\n", again);
    out_.flush();
  }

  Machine& qemu_;
  Machine& rtl_;
  const CampaignOptions& options_;
  std::ostream& out_;
  CampaignResult result_;
  std::uint64_t violations_ = 0;
};

}  // namespace

CampaignResult run_campaign(Machine& qemu, Machine& rtl, const CampaignOptions& options, std::ostream& out) {
  return Campaign(qemu, rtl, options, out).run();
}

}  // namespace gpudmar::oracle
