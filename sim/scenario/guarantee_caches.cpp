// SPDX-License-Identifier: Apache-2.0
// The unit's translation caches against the tables in memory, as the reference walk reads them. A mapping
// that goes is invalidated before the call returns, and nothing is cached of what is not mapped (CAP.CM = 0):
// where no table is in the middle of a change, every entry has to agree.
#include <fmt/format.h>

#include "sim/scenario/guarantee_rules.h"

namespace gpudmar::sim {
namespace {

constexpr unsigned kShift = hw::kPageShift;
constexpr unsigned kTypes = 1;     // translation types 0 and 1 use tables (VT-d 2.2)
constexpr std::size_t kShown = 3;  // entries of one look that are reported

const char* rights(bool readable, bool writable) {
  return readable ? writable ? "RW" : "R" : writable ? "W" : "nothing";
}

}  // namespace

// Empty: it is what the tables say.
std::string GuaranteeRules::judge_page(std::uint16_t source_id, const CachedTranslation& entry) const {
  model::Outcome outcome = ask(source_id, entry.page, false);
  if (!std::holds_alternative<model::Translated>(outcome)) outcome = ask(source_id, entry.page, true);
  const auto* page = std::get_if<model::Translated>(&outcome);
  if (page == nullptr) return "the tables lead nowhere: " + model::describe(outcome);
  if (page->page_shift < entry.page_shift) return fmt::format("the page has 2^{} bytes", page->page_shift);
  if (page->address >> kShift != entry.frame)
    return fmt::format("the tables lead to page {:#x}", page->address >> kShift << kShift);
  if (page->readable != entry.readable || page->writable != entry.writable)
    return fmt::format("the tables permit {}", rights(page->readable, page->writable));
  if (unit_.sc && page->snoop != entry.snoop)
    return page->snoop ? "the tables want it snooped" : "the tables want it not snooped";
  return {};
}

std::string GuaranteeRules::judge_table(const model::ContextEntry& context,
                                        const CachedTranslation& entry) const {
  const auto way = model::find_table(context, memory_, entry.page << kShift, entry.table_level);
  if (!way) return "no entry leads to a table";
  if (way->table >> kShift != entry.frame) return fmt::format("the table is at {:#x}", way->table);
  if (way->readable != entry.readable || way->writable != entry.writable)
    return fmt::format("the entries above permit {}", rights(way->readable, way->writable));
  return {};
}

void GuaranteeRules::check_caches(const std::vector<CachedTranslation>& cached) {
  if (changing() || !root_.te) return;
  struct Owner {
    std::uint16_t source_id = 0;
    model::ContextEntry context;
  };
  std::map<std::uint16_t, Owner>
      owners;  // by domain-id; nobody of two with one domain has other tables (G12)
  for (const auto& [name, space] : spaces_)
    for (const std::uint16_t id : space.link.source_ids)
      if (const auto context = model::find_context(root_, memory_, id); context && context->type <= kTypes) {
        owners[context->did] = {id, *context};
        domains_[context->did] = name;
      }
  std::size_t shown = 0;
  for (const CachedTranslation& entry : cached) {
    const auto domain = domains_.find(entry.did);
    const auto space = domain == domains_.end() ? spaces_.end() : spaces_.find(domain->second);
    // A link that starts or ends may be anywhere between its tables and its invalidations.
    if (space != spaces_.end() && !space->second.translated()) continue;
    count("G5");
    const auto owner = owners.find(entry.did);
    std::string wrong = "no device belongs to that domain";
    if (owner != owners.end())
      wrong = entry.table_level == 0 ? judge_page(owner->second.source_id, entry)
                                     : judge_table(owner->second.context, entry);
    if (wrong.empty() || ++shown > kShown) continue;
    violate("G5",
            fmt::format("the {} has number {:#x} of domain {} (2^{} bytes) at {:#x} with {}, and {}",
                        entry.table_level == 0 ? std::string("IOTLB")
                                               : fmt::format("paging-structure cache {}", entry.table_level),
                        entry.page, entry.did, entry.page_shift, entry.frame << kShift,
                        rights(entry.readable, entry.writable), wrong));
  }
}

}  // namespace gpudmar::sim
