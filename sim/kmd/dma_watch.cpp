// SPDX-License-Identifier: Apache-2.0
// Requests as they enter the IOMMU, whether it lets them through or not.
#include "sim/kmd/dma_watch.h"

#include <algorithm>
#include <utility>

namespace gpudmar::sim::kmd {

DmaWatch::DmaWatch(Machine& machine, IsLive is_live, Report report, Loud loud)
    : machine_(machine), is_live_(std::move(is_live)), report_(std::move(report)), loud_(std::move(loud)) {
  machine_.board().add_observer(*this);
}

DmaWatch::~DmaWatch() { machine_.board().remove_observer(*this); }

void DmaWatch::freed(unsigned link, const std::vector<std::uint64_t>& pages, const Frames& by) {
  for (const std::uint64_t page : pages) freed_[link][page] = by;
}

void DmaWatch::observe(const CycleView& view) {
  for (unsigned adapter = 0; adapter < machine_.platform().functions.size(); ++adapter) {
    const RequesterProbe& probe = view.out.probe[adapter];
    if (probe.ar) request(adapter, false, probe.araddr, view.cycle);
    if (probe.aw) request(adapter, true, probe.awaddr, view.cycle);
  }
}

bool DmaWatch::reserved(unsigned adapter, std::uint64_t address) const {
  const auto& entries = machine_.config().reserved;
  return std::any_of(entries.begin(), entries.end(), [&](const ReservedMemory& entry) {
    return address >= entry.range.base && address < entry.range.end() &&
           std::find(entry.adapters.begin(), entry.adapters.end(), adapter) != entry.adapters.end();
  });
}

void DmaWatch::request(unsigned adapter, bool write, std::uint64_t address, std::uint64_t cycle) {
  if (address >= hw::kInterruptWindowBase && address < hw::kInterruptWindowEnd) return;  // a message
  ++seen_;
  if (const auto quiet = quiet_.find(adapter); quiet != quiet_.end()) {
    const auto [rule, since] = quiet->second;
    quiet_.erase(quiet);
    loud_({adapter, write, address, cycle, false, {}}, rule, since);
  }
  const std::uint64_t page = address >> hw::kPageShift;
  if (is_live_(adapter, page) || reserved(adapter, address)) return;
  ++stray_;
  if (!told_.emplace(page, write).second) return;
  StrayRequest stray{adapter, write, address, cycle, false, {}};
  const auto link = links_.find(adapter);
  if (link != links_.end()) {
    const auto& pages = freed_[link->second];
    const auto entry = pages.find(page);
    stray.freed = entry != pages.end();
    if (stray.freed) stray.freed_by = entry->second;
  }
  report_(stray);
}

}  // namespace gpudmar::sim::kmd
