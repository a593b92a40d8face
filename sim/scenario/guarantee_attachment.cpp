// SPDX-License-Identifier: Apache-2.0
// Which path devices have from their start to their end: none, all of memory, or their link's domain.
#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/guarantee_rules.h"

namespace gpudmar::sim {

void GuaranteeRules::before_attach(const std::vector<std::uint16_t>& source_ids) {
  count("G1", source_ids.size());
  if (!root_.te) return;  // the boot configuration: nothing is remapped, and nothing may move
  for (const std::uint16_t id : source_ids)
    if (model::find_context(root_, memory_, id))
      violate("G1", fmt::format("source-id {:#06x} has a context entry before it was attached", id));
}

// Every member reaches memory at its own addresses: passed through, or with translation off.
bool GuaranteeRules::passes(const Link& link) const {
  return std::all_of(link.source_ids.begin(), link.source_ids.end(), [&](std::uint16_t id) {
    return std::holds_alternative<model::Pass>(ask(id, 1, false));
  });
}

// Every member is on the same tables.
void GuaranteeRules::check_attached(const Space& space, const std::string& when) {
  const Link& link = space.link;
  if (!root_.te) return violate("G1", fmt::format("{} {} while translation is off", link.name, when));
  std::optional<model::ContextEntry> first;
  for (const std::uint16_t id : link.source_ids) {
    const auto entry = model::find_context(root_, memory_, id);
    if (!entry)
      return violate("G1",
                     fmt::format("{} {} and source-id {:#06x} has no context entry", link.name, when, id));
    if (entry->type > 1)
      return violate(
          "G1", fmt::format("{} {} and source-id {:#06x} passes everything through", link.name, when, id));
    if (!first) first = entry;
    if (!(*entry == *first))
      violate("G1",
              fmt::format("{} {} and source-id {:#06x} is in domain {} instead of {}, or on other tables",
                          link.name, when, id, entry->did, first->did));
  }
}

// Firmware's memory: every member reaches it, at its own address.
void GuaranteeRules::check_reserved(const Space& space, std::uint64_t page, const char* when) {
  count("G18");
  for (const std::uint16_t id : space.link.source_ids)
    for (const bool write : {false, true})
      if (const model::Outcome outcome = ask(id, page, write);
          model::outgoing_address(outcome).value_or(~0ULL) >> hw::kPageShift != page)
        return violate(
            "G18", fmt::format("{}: firmware keeps page {:#x} for {}; source-id {:#06x}, {}: {}", when, page,
                               space.link.name, id, write ? "write" : "read", model::describe(outcome)));
}

void GuaranteeRules::link_starts(const Link& link) {
  if (spaces_.count(link.name) != 0) return;
  Space& space = spaces_[link.name];
  space.link = link;
  space.attached = !link.late;
  for (const mm::PageRun& run : link.reserved)
    for (std::uint64_t i = 0; i < run.count; ++i) space.reserved.insert(run.first + i);
  count("G1");
  if (!link.remapped) return;
  for (const std::uint64_t page : space.reserved) check_reserved(space, page, "at the start");
  if (space.attached) return check_attached(space, "starts");
  if (!passes(link))
    violate("G1", fmt::format("{} starts and does not reach memory as without a unit", link.name));
}

void GuaranteeRules::link_started(const std::string& name) {
  const auto it = spaces_.find(name);
  if (it == spaces_.end() || !it->second.link.remapped) return;
  count("G1");
  if (it->second.attached)
    check_attached(it->second, "has started");
  else
    violate("G1", fmt::format("{} has started and was not attached under exclusive access", name));
}

void GuaranteeRules::link_is_removed(const std::string& name) {
  const auto it = spaces_.find(name);
  if (it == spaces_.end()) return;
  it->second.removed = true;
  it->second.uses.clear();
  it->second.aperture.clear();
}

void GuaranteeRules::link_stopped(const std::string& name) {
  if (const auto it = spaces_.find(name); it != spaces_.end()) it->second.stopped = true;
}

void GuaranteeRules::forget_links_adls(const std::string& name) {
  for (auto it = adls_.begin(); it != adls_.end();) {
    const Live& live = it->second;
    if (live.adl.link != name) {
      ++it;
      continue;
    }
    live_pages_ -= live.adl.numbers.size();
    if (live.going) --freeing_;
    it = adls_.erase(it);
  }
}

void GuaranteeRules::link_ends(const std::string& name) {
  spaces_.erase(name);
  forget_links_adls(name);
  const auto mine = [&](const Former& page) { return page.link == name; };
  for (auto& [object, pages] : former_)
    pages.erase(std::remove_if(pages.begin(), pages.end(), mine), pages.end());
  freed_meanwhile_.erase(std::remove_if(freed_meanwhile_.begin(), freed_meanwhile_.end(), mine),
                         freed_meanwhile_.end());
}

void GuaranteeRules::link_is_isolated(const std::string& name, bool isolated) {
  const auto it = spaces_.find(name);
  if (it == spaces_.end()) return;
  it->second.link.remapped = isolated;
  it->second.link.late = isolated;
  it->second.attached = !isolated;
}

bool GuaranteeRules::attached(const std::string& link) const {
  const auto it = spaces_.find(link);
  return it != spaces_.end() && it->second.link.remapped && it->second.attached;
}

std::string GuaranteeRules::link_of_port(unsigned port) const {
  for (const auto& [name, space] : spaces_)
    if (std::count(space.link.ports.begin(), space.link.ports.end(), port) != 0) return name;
  return {};
}

void GuaranteeRules::exclusive_begins(unsigned port) {
  Space* space = space_of_port(port);
  if (space == nullptr) return;
  count("G14");
  const auto open = in_flight_.lower_bound({port, 0});
  if (open != in_flight_.end() && open->first.first == port)
    violate("G14",
            fmt::format("BeginExclusiveAccess of GPU {} returned with accesses to page {:#x} under way", port,
                        open->first.second << hw::kPageShift));
  space->quiet.insert(port);
  if (!space->link.remapped) return;
  count("G1");
  if (space->attached)
    check_attached(*space, "gives exclusive access");
  else if (!passes(space->link))
    violate("G1", fmt::format("{} was switched over before it gave exclusive access", space->link.name));
}

// The switch-over lies between the last begin and the first end.
void GuaranteeRules::exclusive_ends(unsigned port) {
  Space* space = space_of_port(port);
  if (space == nullptr) return;
  const bool first = space->quiet.size() == space->link.ports.size();
  space->quiet.erase(port);
  if (!space->link.remapped) return;
  count("G1");
  if (!space->attached && passes(space->link)) return;  // it was not done
  if (!space->attached && !first)
    violate("G1",
            fmt::format("{} was switched over without exclusive access to every member", space->link.name));
  space->attached = true;
  check_attached(*space, "was attached");
  for (const std::uint64_t page : space->reserved) check_reserved(*space, page, "at the attachment");
  if (!changing()) sweep(*space);
}

}  // namespace gpudmar::sim
