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

/// A request that the IOMMU has stopped.
struct BlockedRequest {
  unsigned adapter = 0;
  bool write = false;
  std::uint64_t page = 0;  ///< byte address
  std::uint64_t cycle = 0;
  unsigned reason = 0;  ///< regs::vtd::fault
  bool stray = false;   ///< no live ADL names the page: told as StrayRequest
};

class DmaWatch final : public CycleObserver {
 public:
  using IsLive = std::function<bool(unsigned adapter, std::uint64_t page)>;
  using Report = std::function<void(const StrayRequest&)>;
  /// A request while the adapter was to make none; the rule and what the driver had promised.
  using Loud = std::function<void(const StrayRequest&, const std::string& rule, const std::string& since)>;
  using Blocked = std::function<void(const BlockedRequest&)>;
  struct Hooks {
    IsLive is_live;
    Report report;  ///< of the first request to each page and direction
    Loud loud;
    Blocked blocked;  ///< the same of what the IOMMU stops
  };
  DmaWatch(Machine& machine, Hooks hooks);
  ~DmaWatch() override;
  DmaWatch(const DmaWatch&) = delete;
  DmaWatch& operator=(const DmaWatch&) = delete;

  void freed(unsigned link, const std::vector<std::uint64_t>& pages, const Frames& by);
  /// Which link an adapter is in, for the pages that were freed.
  void set_link(unsigned adapter, unsigned link) { links_[adapter] = link; }
  /// No request of the adapter from here on, by this rule; the first one is told.
  void forbid(unsigned adapter, const std::string& rule, const std::string& since) {
    quiet_[adapter][rule] = since;
  }
  void allow(unsigned adapter, const std::string& rule) { quiet_[adapter].erase(rule); }
  void allow(unsigned adapter) { quiet_.erase(adapter); }
  [[nodiscard]] std::uint64_t stray() const { return stray_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  /// Of the adapter's requests, what the IOMMU has stopped.
  [[nodiscard]] std::uint64_t blocked(unsigned adapter) const {
    const auto entry = blocked_.find(adapter);
    return entry == blocked_.end() ? 0 : entry->second;
  }

  void observe(const CycleView& view) override;
  void reset() override {}
  void finish(std::uint64_t /*cycle*/) override {}

 private:
  void request(unsigned adapter, bool write, std::uint64_t address, std::uint64_t cycle);
  void fault(const CycleView& view);
  void tell_stray(unsigned adapter, bool write, std::uint64_t address, std::uint64_t cycle);
  [[nodiscard]] bool reserved(unsigned adapter, std::uint64_t address) const;

  Machine& machine_;
  Hooks hooks_;
  std::map<unsigned, std::map<std::string, std::string>> quiet_;  // rule, since when
  std::map<unsigned, unsigned> links_;
  std::map<unsigned, std::unordered_map<std::uint64_t, Frames>> freed_;
  using Place = std::pair<std::uint64_t, bool>;  // page, write
  std::set<Place> told_;
  std::set<std::pair<unsigned, Place>> told_blocked_;  // by adapter
  std::map<unsigned, std::uint64_t> blocked_;
  std::uint64_t stray_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace gpudmar::sim::kmd
