// SPDX-License-Identifier: Apache-2.0
// Requests, answers and READYs by their age.
#include "sim/bench/watchdog.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gpudmar::sim {
namespace {

/// The oldest burst of the id ends.
template <typename Bursts>
void end_one(Bursts& bursts, std::uint32_t id) {
  const auto found =
      std::find_if(bursts.begin(), bursts.end(), [id](const auto& burst) { return burst.id == id; });
  if (found != bursts.end()) bursts.erase(found);
}

template <typename Offer>
void stand(Offer& offer, bool valid, bool ready, std::uint64_t address, std::uint64_t cycle) {
  if (!valid || ready) {
    offer = {};
  } else if (!offer.standing) {
    offer = {address, cycle, true, false};
  }
}

}  // namespace

Watchdog::Watchdog(unsigned adapters, std::uint64_t cycles, Report report)
    : limit_(cycles), report_(std::move(report)), adapters_(adapters) {
  buses_.push_back({"m_axi_data", "the IOMMU", {}, {}, {}, {}, {}});
  buses_.push_back({"m_axi_table", "the IOMMU", {}, {}, {}, {}, {}});
  for (unsigned n = 0; n < adapters; ++n)
    buses_.push_back({fmt::format("m_axi_vram{}", n), fmt::format("adapter {}", n), {}, {}, {}, {}, {}});
}

void Watchdog::reset() {
  for (Bus& bus : buses_) bus = {bus.name, bus.user, {}, {}, {}, {}, {}};
  for (unsigned n = 0; n < adapters_; ++n) {
    reads_[n].clear();
    writes_[n].clear();
  }
  cycle_ = next_look_ = 0;
}

void Watchdog::observe(const CycleView& view) {
  if (limit_ == 0) return;
  cycle_ = view.cycle;
  follow(buses_[0], view.out.data, view.in.data);
  follow(buses_[1], view.out.table, view.in.table);
  for (unsigned n = 0; n < adapters_; ++n) {
    follow(buses_[2 + n], view.out.vram[n], view.in.vram[n]);
    follow(n, view.out.probe[n]);
  }
  if (cycle_ >= next_look_) {
    next_look_ = cycle_ + std::max<std::uint64_t>(1, limit_ / 8);
    look();
  }
}

void Watchdog::follow(Bus& bus, const AxiMasterOut& m, const AxiSlaveOut& s) {
  if (m.arvalid && s.arready) bus.reads.push_back({m.arid, m.araddr, cycle_, false});
  if (m.awvalid && s.awready) bus.writes.push_back({m.awid, m.awaddr, cycle_, false});
  if (s.rvalid && m.rready && s.rlast) end_one(bus.reads, s.rid);
  if (s.bvalid && m.bready) end_one(bus.writes, s.bid);
  stand(bus.ar, m.arvalid, s.arready, m.araddr, cycle_);
  stand(bus.aw, m.awvalid, s.awready, m.awaddr, cycle_);
  stand(bus.w, m.wvalid, s.wready, 0, cycle_);
}

void Watchdog::follow(unsigned adapter, const RequesterProbe& probe) {
  if (probe.ar) reads_[adapter].push_back({probe.arid, probe.araddr, cycle_, false});
  if (probe.aw) writes_[adapter].push_back({probe.awid, probe.awaddr, cycle_, false});
  if (probe.r && probe.rlast) end_one(reads_[adapter], probe.rid);
  if (probe.b) end_one(writes_[adapter], probe.bid);
}

std::optional<std::string> Watchdog::reason(const Bus& bus) const {
  const std::uint64_t since = cycle_ - std::min(cycle_, limit_ / 2);
  if (bus.ar.standing && bus.ar.since <= since)
    return fmt::format("{} for ARREADY since cycle {} (read of {:#x})", bus.name, bus.ar.since,
                       bus.ar.address);
  if (bus.aw.standing && bus.aw.since <= since)
    return fmt::format("{} for AWREADY since cycle {} (write to {:#x})", bus.name, bus.aw.since,
                       bus.aw.address);
  if (bus.w.standing && bus.w.since <= since)
    return fmt::format("{} for WREADY since cycle {}", bus.name, bus.w.since);
  if (!bus.reads.empty() && bus.reads.front().cycle <= since)
    return fmt::format("{} for the data of the read of {:#x} (id {}) since cycle {}", bus.name,
                       bus.reads.front().address, bus.reads.front().id, bus.reads.front().cycle);
  if (!bus.writes.empty() && bus.writes.front().cycle <= since)
    return fmt::format("{} for the answer to the write to {:#x} (id {}) since cycle {}", bus.name,
                       bus.writes.front().address, bus.writes.front().id, bus.writes.front().cycle);
  return std::nullopt;
}

void Watchdog::look() {
  const auto late = [this](std::uint64_t since) { return cycle_ - since >= limit_; };
  for (Bus& bus : buses_) {
    bool fresh = false;
    for (Offer* offer : {&bus.ar, &bus.aw, &bus.w}) {
      if (!offer->standing || offer->told || !late(offer->since)) continue;
      fresh = offer->told = true;
    }
    for (auto* bursts : {&bus.reads, &bus.writes}) {
      for (Burst& burst : *bursts) {
        if (burst.told || !late(burst.cycle)) continue;
        fresh = burst.told = true;
      }
    }
    if (!fresh) continue;
    if (const auto why = reason(bus)) tell(bus.user + " waits at " + *why);
  }
  for (unsigned n = 0; n < adapters_; ++n) {
    for (auto* bursts : {&reads_[n], &writes_[n]}) {
      for (Burst& burst : *bursts) {
        if (burst.told || !late(burst.cycle)) continue;
        burst.told = true;
        std::string what =
            fmt::format("adapter {} waits for its {} {:#x} (id {}) since cycle {}", n,
                        bursts == &reads_[n] ? "read of" : "write to", burst.address, burst.id, burst.cycle);
        std::string why;
        for (std::size_t bus = 0; bus < 2; ++bus)
          if (const auto found = reason(buses_[bus])) why += (why.empty() ? "" : ", and at ") + *found;
        what += why.empty() ? ": the IOMMU owes it, and waits for nothing outside itself"
                            : ": the IOMMU waits at " + why;
        tell(what);
      }
    }
  }
}

void Watchdog::tell(const std::string& what) { report_({cycle_, "watchdog.stalled", what}); }

}  // namespace gpudmar::sim
