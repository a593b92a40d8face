// SPDX-License-Identifier: Apache-2.0
// What the engines of a link are told to use by paging buffers, and how long it has to stay within reach.
#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/guarantee_rules.h"

namespace gpudmar::sim {
namespace {

using Kind = GuaranteeRules::PagingOperation::Kind;

const char* rule_of(Kind kind) { return kind == Kind::kTransfer ? "G16" : "G15"; }

/// Fences wrap.
bool reached(std::uint32_t fence, std::uint32_t wanted) {
  return static_cast<std::int32_t>(fence - wanted) >= 0;
}

}  // namespace

void GuaranteeRules::paging_built(const PagingOperation& operation) {
  const auto it = spaces_.find(operation.link);
  if (it == spaces_.end()) return;
  Space& space = it->second;
  count(rule_of(operation.kind), operation.numbers.size());
  for (const std::uint64_t number : operation.numbers) {
    const auto held = space.numbers.find(number);
    if (held != space.numbers.end() && held->second.must(false)) continue;
    violate(rule_of(operation.kind),
            fmt::format("a paging operation of engine {} of {} names {:#x}, which no ADL does",
                        operation.engine, operation.link, number));
    break;
  }
  if (!operation.at_once)
    space.uses.push_back({operation, std::nullopt});
  else if (operation.kind == Kind::kMapAperture)
    shows(space, operation);
  else if (operation.kind == Kind::kUnmapAperture)
    shows_no_more(space, operation);
}

void GuaranteeRules::shows(Space& space, const PagingOperation& map) {
  for (std::uint64_t i = 0; i < map.aperture_pages; ++i)
    space.aperture[{map.engine, map.aperture_first + i}] = map.numbers[i];
}

void GuaranteeRules::shows_no_more(Space& space, const PagingOperation& unmap) {
  for (std::uint64_t i = 0; i < unmap.aperture_pages; ++i)
    space.aperture.erase({unmap.engine, unmap.aperture_first + i});
}

void GuaranteeRules::paging_submitted(const std::string& link, unsigned engine, std::uint32_t fence) {
  const auto it = spaces_.find(link);
  if (it == spaces_.end()) return;
  for (Use& use : it->second.uses) {
    if (use.fence || use.operation.engine != engine) continue;
    use.fence = fence;
    // From here on the engine may have it, whatever becomes of the operation.
    if (use.operation.kind == Kind::kMapAperture) shows(it->second, use.operation);
  }
}

void GuaranteeRules::paging_completed(const std::string& link, unsigned engine, std::uint32_t fence) {
  const auto it = spaces_.find(link);
  if (it == spaces_.end()) return;
  Space& space = it->second;
  const auto complete = [&](const Use& use) {
    if (!use.fence || use.operation.engine != engine || !reached(fence, *use.fence)) return false;
    if (use.operation.kind == Kind::kUnmapAperture) shows_no_more(space, use.operation);
    return true;
  };
  space.uses.erase(std::remove_if(space.uses.begin(), space.uses.end(), complete), space.uses.end());
}

void GuaranteeRules::paging_aborted(const std::string& link, unsigned engine, std::uint32_t fence) {
  const auto it = spaces_.find(link);
  if (it == spaces_.end()) return;
  auto& uses = it->second.uses;
  const auto aborted = [&](const Use& use) {
    return use.fence && use.operation.engine == engine && reached(fence, *use.fence);
  };
  uses.erase(std::remove_if(uses.begin(), uses.end(), aborted), uses.end());
}

void GuaranteeRules::paging_aborted(const std::string& link) {
  const auto it = spaces_.find(link);
  if (it == spaces_.end()) return;
  auto& uses = it->second.uses;
  uses.erase(std::remove_if(uses.begin(), uses.end(), [](const Use& use) { return use.fence.has_value(); }),
             uses.end());
}

// An ADL goes whose numbers nobody else names.
void GuaranteeRules::check_paging(const Space& space, const Adl& adl) {
  if (space.uses.empty() && space.aperture.empty()) return;
  std::set<std::uint64_t> lost;
  for (const std::uint64_t number : adl.numbers)
    if (!space.numbers.at(number).must(false)) lost.insert(number);
  for (const Use& use : space.uses)
    for (const std::uint64_t number : use.operation.numbers)
      if (lost.count(number) != 0)
        return violate(rule_of(use.operation.kind),
                       fmt::format("number {:#x} of {} goes while a paging operation of engine {} uses it",
                                   number, space.link.name, use.operation.engine));
  for (const auto& [place, number] : space.aperture)
    if (lost.count(number) != 0)
      return violate("G15", fmt::format("number {:#x} of {} goes while page {:#x} of engine {}'s aperture "
                                        "shows it",
                                        number, space.link.name, place.second, place.first));
}

}  // namespace gpudmar::sim
