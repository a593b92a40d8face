// SPDX-License-Identifier: Apache-2.0
// Requests as they enter the IOMMU, whether it lets them through or not.
#include "sim/kmd/dma_watch.h"

#include <algorithm>
#include <utility>

#include "sim/model/unit.h"

namespace gpudmar::sim::kmd {

DmaWatch::DmaWatch(Machine& machine, Hooks hooks) : machine_(machine), hooks_(std::move(hooks)) {
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
  if (view.out.fault.valid) fault(view);
}

void DmaWatch::fault(const CycleView& view) {
  const model::FaultRecord record{view.out.fault.record[0], view.out.fault.record[1]};
  const auto& functions = machine_.platform().functions;
  const auto function = std::find_if(functions.begin(), functions.end(), [&](const hw::Function& candidate) {
    return candidate.source_id == record.source_id();
  });
  if (function == functions.end()) return;
  const auto adapter = static_cast<unsigned>(function - functions.begin());
  ++blocked_[adapter];
  const bool write = !record.t1();
  const std::uint64_t page = record.page() >> hw::kPageShift;
  if (!told_blocked_.insert({adapter, {page, write}}).second) return;
  const bool window = record.page() >= hw::kInterruptWindowBase && record.page() < hw::kInterruptWindowEnd;
  const bool stray = !window && !hooks_.is_live(adapter, page) && !reserved(adapter, record.page());
  // An ADL may have gone between the request and its end.
  if (stray && told_.count({page, write}) == 0) tell_stray(adapter, write, record.page(), view.cycle);
  hooks_.blocked({adapter, write, record.page(), view.cycle, static_cast<unsigned>(record.reason()), stray});
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
    const auto rules = std::move(quiet->second);
    quiet_.erase(quiet);
    for (const auto& [rule, since] : rules)
      hooks_.loud({adapter, write, address, cycle, false, {}}, rule, since);
  }
  if (hooks_.is_live(adapter, address >> hw::kPageShift) || reserved(adapter, address)) return;
  tell_stray(adapter, write, address, cycle);
}

void DmaWatch::tell_stray(unsigned adapter, bool write, std::uint64_t address, std::uint64_t cycle) {
  const std::uint64_t page = address >> hw::kPageShift;
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
  hooks_.report(stray);
}

}  // namespace gpudmar::sim::kmd
