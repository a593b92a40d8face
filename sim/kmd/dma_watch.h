// SPDX-License-Identifier: Apache-2.0
// Looks at every request that an adapter makes of host memory: its page has to be in a live ADL.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/bench/machine.h"
#include "sim/kmd/frames.h"

namespace gpudmar::sim::kmd {

struct StrayRequest {
  unsigned adapter = 0;
  bool write = false;
  std::uint64_t address = 0;
  std::uint64_t cycle = 0;
  bool freed = false;  ///< an ADL had named it
  Frames freed_by;     ///< who gave that ADL back
};

class DmaWatch final : public CycleObserver {
 public:
  using IsLive = std::function<bool(unsigned adapter, std::uint64_t page)>;
  using Report = std::function<void(const StrayRequest&)>;
  /// A request while the adapter was to make none; the rule and what the driver had promised.
  using Loud = std::function<void(const StrayRequest&, const std::string& rule, const std::string& since)>;
  /// `report` is told of the first request to each page and direction.
  DmaWatch(Machine& machine, IsLive is_live, Report report, Loud loud);
  ~DmaWatch() override;
  DmaWatch(const DmaWatch&) = delete;
  DmaWatch& operator=(const DmaWatch&) = delete;

  void freed(unsigned link, const std::vector<std::uint64_t>& pages, const Frames& by);
  /// Which link an adapter is in, for the pages that were freed.
  void set_link(unsigned adapter, unsigned link) { links_[adapter] = link; }
  /// No request of the adapter from here on, by this rule; the first one is told.
  void forbid(unsigned adapter, const std::string& rule, const std::string& since) {
    quiet_[adapter] = {rule, since};
  }
  void allow(unsigned adapter) { quiet_.erase(adapter); }
  [[nodiscard]] std::uint64_t stray() const { return stray_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }

  void observe(const CycleView& view) override;
  void reset() override {}
  void finish(std::uint64_t /*cycle*/) override {}

 private:
  void request(unsigned adapter, bool write, std::uint64_t address, std::uint64_t cycle);
  [[nodiscard]] bool reserved(unsigned adapter, std::uint64_t address) const;

  Machine& machine_;
  IsLive is_live_;
  Report report_;
  Loud loud_;
  std::map<unsigned, std::pair<std::string, std::string>> quiet_;  // rule, since when
  std::map<unsigned, unsigned> links_;
  std::map<unsigned, std::unordered_map<std::uint64_t, Frames>> freed_;
  std::set<std::pair<std::uint64_t, bool>> told_;
  std::uint64_t stray_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace gpudmar::sim::kmd
