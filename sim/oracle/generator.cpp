// SPDX-License-Identifier: Apache-2.0
// Builds tables from the addresses that devices will use, breaks some of it, changes some of it.
#include "sim/oracle/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "sim/oracle/corrupt.h"

namespace gpudmar::oracle {
namespace {

constexpr std::uint64_t kFrame = 0x0000'FFFF'FFFF'F000;
constexpr unsigned kDomains = 2;

bool is_table(std::uint64_t page) { return page >= kTables && page < kTables + kTablePages * kPage; }

unsigned shift_of(unsigned level) { return 12 + 9 * (level - 1); }

/// One address that software has mapped: the entries on the way, index = level.
struct Mapping {
  unsigned domain = 0;
  std::uint64_t address = 0;  ///< that leads to `data`
  unsigned leaf = 1;          ///< level
  std::array<std::uint64_t, 5> entry{};
};

struct Domain {
  std::uint16_t did = 0;
  unsigned levels = 4;
  std::uint64_t top = 0;
};

struct Function {
  unsigned domain = 0;
  std::uint16_t did = 0;  ///< in its context entry
  std::uint64_t entry = 0;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : dice_(seed * 0x9E37'79B9'7F4A'7C15 + 1) { case_.seed = seed; }
  Case make();

 private:
  std::uint64_t take_page() {
    if (pages_ == kTablePages) return 0;
    return kTables + kPage * pages_++;
  }
  [[nodiscard]] std::uint64_t value(std::uint64_t address) const {
    const auto found = memory_.find(address);
    return found == memory_.end() ? 0 : found->second;
  }
  void put(std::uint64_t address, std::uint64_t value, std::string what) {
    if (step_ != nullptr) {
      step_->stores.push_back({address, value, std::move(what)});
    } else {
      names_[address] = std::move(what);
    }
    memory_[address] = value;
  }
  [[nodiscard]] std::uint64_t permissions();
  std::uint64_t fresh_did();

  void make_domains();
  void map(unsigned domain, std::uint64_t page);
  void break_some_entry();
  void make_contexts();
  void write_context(unsigned function, unsigned domain);
  void spoil_context(unsigned function);

  void make_steps();
  void change();
  void change_leaf(Mapping& mapping);
  void change_upper(const Mapping& mapping);
  void change_context();
  void change_root();
  void let_appear(const Mapping& mapping);
  void invalidate_entry(const Mapping& mapping, unsigned level, bool leaf_before, bool leaf_after);
  void invalidate_iotlb(std::uint16_t did);
  void invalidate_contexts(unsigned function, std::uint16_t did);
  void extra_invalidation();
  Invalidation& invalidation(Invalidation::Kind kind, Invalidation::Granularity granularity);
  void add_accesses();
  [[nodiscard]] Access some_access();

  [[nodiscard]] std::string name(const Mapping& mapping, unsigned level) const {
    return fmt::format("domain {:#x} level {} of {:#x}", domains_.at(mapping.domain).did, level,
                       mapping.address);
  }

  Dice dice_;
  Case case_;
  unsigned pages_ = 0;
  std::map<std::uint64_t, std::uint64_t> memory_;
  std::map<std::uint64_t, std::string> names_;
  Step* step_ = nullptr;
  std::array<Domain, kDomains> domains_;
  std::array<Function, 2> functions_;
  std::array<std::uint64_t, 2> context_pages_{};
  std::vector<Mapping> mappings_;
  std::vector<std::uint16_t> dids_;  ///< all that were ever in a context entry
  bool shared_ = false;              ///< a table has more than one place: only wide invalidations will do
};

std::uint64_t Generator::permissions() {
  if (dice_.percent(90)) return 3;
  return dice_.percent(50) ? 1 : 2;
}

std::uint64_t Generator::fresh_did() {
  static constexpr std::uint64_t kDids[] = {1, 2, 0x10, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF};
  while (true) {
    const auto did =
        static_cast<std::uint16_t>(dice_.percent(70) ? dice_.pick(kDids) : 1 + dice_.below(0xFFFF));
    if (did == kEscapeDid || std::find(dids_.begin(), dids_.end(), did) != dids_.end()) continue;
    dids_.push_back(did);
    return did;
  }
}

/// Addresses at the edges of entries, tables and widths.
std::uint64_t edge_page(Dice& dice, unsigned levels) {
  static constexpr std::uint64_t kEdges[] = {0,           0x1000,        0x1F'F000,      0x20'0000,
                                             0x3FFF'F000, 0x4000'0000,   0x7F'FFFF'F000, 0x8000'0000,
                                             0xFFFF'F000, 0x1'0000'0000, 0xF'FFFF'F000};
  static constexpr std::uint64_t kHighEdges[] = {0x80'0000'0000, 0x7FFF'FFFF'F000, 0x8000'0000'0000,
                                                 0xFFFF'FFFF'F000};
  if (levels == 4 && dice.percent(40)) return dice.pick(kHighEdges);
  return dice.pick(kEdges);
}

void Generator::make_domains() {
  for (Domain& domain : domains_) {
    domain.did = static_cast<std::uint16_t>(fresh_did());
    domain.levels = dice_.percent(60) ? 4 : 3;
    domain.top = take_page();
  }
  for (unsigned domain = 0; domain < kDomains; ++domain) {
    std::uint64_t last = 0;
    for (std::uint64_t count = 1 + dice_.below(4); count > 0; --count) {
      const std::uint64_t limit = 1ULL << (12 + 9 * domains_.at(domain).levels);
      std::uint64_t page = edge_page(dice_, domains_.at(domain).levels);
      if (dice_.percent(30)) page = dice_.bits() & (limit - 1) & kFrame;
      if (last != 0 && dice_.percent(40)) page = last + (dice_.percent(70) ? kPage : 512 * kPage);
      page &= limit - 1;
      if (page >= 0xFEE0'0000 && page < 0xFEF0'0000) page -= 0x20'0000;  // messages, not memory
      map(domain, page);
      last = page;
    }
  }
  for (std::uint64_t count = dice_.below(3); count > 0; --count) break_some_entry();
}

void Generator::map(unsigned domain, std::uint64_t page) {
  const Domain& of = domains_.at(domain);
  const std::uint64_t data = kData + kPage * dice_.below(kDataPages);
  Mapping mapping;
  mapping.domain = domain;
  mapping.leaf = dice_.percent(70) ? 1 : dice_.percent(70) ? 2 : 3;
  const std::uint64_t inside = (1ULL << shift_of(mapping.leaf)) - 1;
  mapping.address = (page & ~inside) | (data & inside);
  std::uint64_t table = of.top;
  for (unsigned level = of.levels; level > 0; --level) {
    const std::uint64_t entry = table + (mapping.address >> shift_of(level) & 0x1FF) * 8;
    mapping.entry.at(level) = entry;
    const std::uint64_t old = value(entry);
    const bool leaf = level == mapping.leaf;
    if (!leaf && is_table(old & kFrame) && (old >> 7 & 1) == 0) {
      table = old & kFrame;
      continue;
    }
    if (old != 0) return;  // something else is mapped here
    if (leaf) {
      const std::uint64_t size = level > 1 ? 1ULL << 7 : 0;
      put(entry, (data & ~inside) | size | permissions(), name(mapping, level));
      break;
    }
    // Sometimes a table that is somebody else's, even of another level.
    std::uint64_t next = 0;
    if (!mappings_.empty() && dice_.percent(5)) {
      const Mapping& other = mappings_.at(dice_.below(mappings_.size()));
      next = value(other.entry.at(1 + dice_.below(4))) & kFrame;
      if (!is_table(next)) next = 0;
      if (next != 0) shared_ = true;
    }
    const bool strange = next != 0;
    if (!strange) next = take_page();
    if (next == 0) return;
    put(entry, next | permissions(), name(mapping, level));
    table = next;
    if (strange) {
      // Its entries are what they are: the mapping ends here.
      mapping.leaf = level;
      break;
    }
  }
  mappings_.push_back(mapping);
}

void Generator::break_some_entry() {
  if (mappings_.empty()) return;
  const Mapping& mapping = mappings_.at(dice_.below(mappings_.size()));
  const unsigned level =
      mapping.leaf +
      static_cast<unsigned>(dice_.below(domains_.at(mapping.domain).levels - mapping.leaf + 1));
  const std::uint64_t entry = mapping.entry.at(level);
  put(entry, corrupt_entry(dice_, value(entry), level), name(mapping, level));
}

void Generator::write_context(unsigned function, unsigned domain) {
  static constexpr std::uint64_t kWidths[] = {0, 0, 0, 1, 2};  // by levels
  const Domain& of = domains_.at(domain);
  Function& target = functions_.at(function);
  target.domain = domain;
  target.did = of.did;
  const std::uint64_t suppress = dice_.percent(8) ? 2 : 0;
  put(target.entry, of.top | suppress | 1, fmt::format("context {:#06x} low", kSourceIds.at(function)));
  put(target.entry + 8, kWidths[of.levels] | std::uint64_t{of.did} << 8,
      fmt::format("context {:#06x} high", kSourceIds.at(function)));
  if (dice_.percent(12)) spoil_context(function);
}

void Generator::spoil_context(unsigned function) {
  Function& target = functions_.at(function);
  std::uint64_t low = value(target.entry);
  std::uint64_t high = value(target.entry + 8);
  if (corrupt_context(dice_, low, high)) {
    // Entries of one domain must agree, or caches may mix them.
    target.did = static_cast<std::uint16_t>(fresh_did());
    high = (high & ~0xFF'FF00ULL) | std::uint64_t{target.did} << 8;
  }
  put(target.entry, low, fmt::format("context {:#06x} low", kSourceIds.at(function)));
  put(target.entry + 8, high, fmt::format("context {:#06x} high", kSourceIds.at(function)));
}

void Generator::make_contexts() {
  const bool one_table = dice_.percent(10);  // both buses have the same context table
  std::uint64_t table = 0;
  for (unsigned function = 0; function < 2; ++function) {
    if (function == 0 || !one_table) table = context_pages_.at(function);
    functions_.at(function).entry = table;
    std::uint64_t entry = table | 1;
    if (dice_.percent(5)) entry = corrupt_root(dice_, entry);
    put(case_.root + (function + 1) * 16, entry, fmt::format("root entry of bus {}", function + 1));
    if (dice_.percent(1))
      put(case_.root + (function + 1) * 16 + 8, 1ULL << dice_.below(64), "its upper half");
  }
  write_context(0, static_cast<unsigned>(dice_.below(kDomains)));
  if (one_table) {
    functions_.at(1) = functions_.at(0);
  } else {
    write_context(1, static_cast<unsigned>(dice_.below(kDomains)));
  }
}

Invalidation& Generator::invalidation(Invalidation::Kind kind, Invalidation::Granularity granularity) {
  Invalidation one;
  one.kind = kind;
  one.granularity = granularity;
  one.drain = dice_.percent(30);
  step_->invalidations.push_back(one);
  return step_->invalidations.back();
}

void Generator::invalidate_iotlb(std::uint16_t did) {
  if (dice_.percent(30)) {
    invalidation(Invalidation::Kind::kIotlb, Invalidation::kGlobal);
    return;
  }
  if (!shared_) {
    invalidation(Invalidation::Kind::kIotlb, Invalidation::kDomain).did = did;
    return;
  }
  for (const std::uint16_t each : dids_)
    invalidation(Invalidation::Kind::kIotlb, Invalidation::kDomain).did = each;
}

void Generator::invalidate_entry(const Mapping& mapping, unsigned level, bool leaf_before, bool leaf_after) {
  static constexpr unsigned kMask[] = {0, 0, 9, 18, 64};  // pages below an entry of a level, log2
  const std::uint16_t did = domains_.at(mapping.domain).did;
  // Other ids may stand for this table in a context entry that was spoilt.
  const bool known = !shared_ && std::none_of(functions_.begin(), functions_.end(), [&](const Function& f) {
    return f.domain == mapping.domain && f.did != did;
  });
  const bool leaf = leaf_before && leaf_after;
  const unsigned least = leaf && dice_.percent(50) ? 0 : kMask[level];
  if (!known) {
    invalidation(Invalidation::Kind::kIotlb, Invalidation::kGlobal);
    return;
  }
  if (least > 18 || dice_.percent(30)) {
    invalidate_iotlb(did);
    return;
  }
  Invalidation& page = invalidation(Invalidation::Kind::kIotlb, Invalidation::kSelective);
  page.did = did;
  page.address_mask = least + static_cast<unsigned>(dice_.below(std::min(4U, 19 - least)));
  page.address = mapping.address & ~((kPage << page.address_mask) - 1);
  page.leaf_only = leaf && dice_.percent(50);
}

void Generator::invalidate_contexts(unsigned function, std::uint16_t did) {
  switch (dice_.below(3)) {
    case 0:
      invalidation(Invalidation::Kind::kContext, Invalidation::kGlobal);
      break;
    case 1:
      invalidation(Invalidation::Kind::kContext, Invalidation::kDomain).did = did;
      break;
    default: {
      Invalidation& one = invalidation(Invalidation::Kind::kContext, Invalidation::kSelective);
      one.did = did;
      one.source = kSourceIds.at(function);
      one.function_mask = static_cast<unsigned>(dice_.below(4));
    }
  }
}

void Generator::extra_invalidation() {
  Invalidation one;
  one.kind = dice_.percent(50) ? Invalidation::Kind::kContext : Invalidation::Kind::kIotlb;
  one.granularity = static_cast<Invalidation::Granularity>(1 + dice_.below(3));
  one.did = dids_.at(dice_.below(dids_.size()));
  one.source = kSourceIds.at(dice_.below(2));
  if (!mappings_.empty()) one.address = mappings_.at(dice_.below(mappings_.size())).address & kFrame;
  step_->invalidations.push_back(one);
}

void Generator::change_leaf(Mapping& mapping) {
  const unsigned level = mapping.leaf;
  const std::uint64_t entry = mapping.entry.at(level);
  const std::uint64_t old = value(entry);
  const std::uint64_t inside = (1ULL << shift_of(level)) - 1;
  const bool leaf = level == 1 || (old >> 7 & 1) != 0;
  std::uint64_t next = old;
  switch (dice_.below(4)) {
    case 0:
      next = 0;
      break;
    case 1:
      next = corrupt_entry(dice_, old, level);
      break;
    case 2:
      next = (old & ~3ULL) | permissions();
      break;
    default: {
      // To another page of the same size; of a large page only the small ones have other data.
      const std::uint64_t data = kData + kPage * dice_.below(kDataPages);
      if (level == 1) next = (old & ~kFrame) | data;
      if (level > 1) next = ((data & ~inside) | 1ULL << 7) | permissions();
    }
  }
  step_->what = fmt::format("level {} entry of {:#x} changes", level, mapping.address);
  put(entry, next, name(mapping, level));
  const bool still = level == 1 || (next >> 7 & 1) != 0 || next == 0;
  invalidate_entry(mapping, level, leaf, still);
}

void Generator::change_upper(const Mapping& mapping) {
  const unsigned levels = domains_.at(mapping.domain).levels;
  if (mapping.leaf == levels) return;
  const unsigned level = mapping.leaf + 1 + static_cast<unsigned>(dice_.below(levels - mapping.leaf));
  const std::uint64_t entry = mapping.entry.at(level);
  const std::uint64_t old = value(entry);
  std::uint64_t next = corrupt_entry(dice_, old, level);
  const std::uint64_t copy = dice_.percent(40) ? take_page() : 0;
  if (copy != 0 && is_table(old & kFrame)) {
    // Another table, the same but for one entry.
    for (unsigned i = 0; i < 512; ++i)
      if (const std::uint64_t one = value((old & kFrame) + i * 8); one != 0)
        put(copy + i * 8, one, fmt::format("copy of [{:#x}]", (old & kFrame) + i * 8));
    const std::uint64_t below = mapping.entry.at(level - 1);
    const std::uint64_t place = copy + below % kPage;
    put(place, corrupt_entry(dice_, value(place), level - 1), "changed in the copy");
    next = (old & ~kFrame) | copy;
    for (Mapping& each : mappings_)  // what went through the old table goes through the new one
      if (each.entry.at(level) == entry && each.leaf < level)
        each.entry.at(level - 1) = copy + each.entry.at(level - 1) % kPage;
  }
  step_->what = fmt::format("level {} entry of {:#x} changes", level, mapping.address);
  put(entry, next, name(mapping, level));
  invalidate_entry(mapping, level, false, false);
}

void Generator::change_context() {
  const auto function = static_cast<unsigned>(dice_.below(2));
  const Function old = functions_.at(function);
  step_->what = fmt::format("context entry of {:#06x} changes", kSourceIds.at(function));
  const bool both = functions_.at(0).entry == functions_.at(1).entry;
  const bool absent = (value(old.entry) & 1) == 0;
  write_context(function, dice_.percent(50) ? old.domain : 1 - old.domain);
  if (both) functions_.at(1 - function) = functions_.at(function);
  if (absent && dice_.percent(50)) return;  // caches hold only what was present
  if (both) {
    invalidation(Invalidation::Kind::kContext, Invalidation::kGlobal);
  } else {
    invalidate_contexts(function, old.did);
  }
  invalidate_iotlb(old.did);
}

void Generator::change_root() {
  const auto function = static_cast<unsigned>(dice_.below(2));
  std::uint64_t entry = functions_.at(function).entry | 1;
  if (dice_.percent(50)) entry = corrupt_root(dice_, entry);
  const std::uint64_t place = (function + 1) * 16;
  std::uint64_t root = case_.root;
  for (const Step& step : case_.steps)
    if (step.root) root = *step.root;
  const std::uint64_t page = dice_.percent(50) ? take_page() : 0;
  step_->what = fmt::format("root entry of bus {} changes", function + 1);
  if (page != 0) {
    for (const std::uint64_t other : {16U, 24U, 32U, 40U})
      put(page + other, value(root + other), fmt::format("new root table, {:#x}", other));
    step_->root = root = page;
  }
  put(root + place, entry, fmt::format("root entry of bus {}", function + 1));
  invalidation(Invalidation::Kind::kContext, Invalidation::kGlobal);
  invalidation(Invalidation::Kind::kIotlb, Invalidation::kGlobal);
}

/// What was not there is cached by nobody: no invalidation.
void Generator::let_appear(const Mapping& mapping) {
  const std::uint64_t entry = mapping.entry.at(mapping.leaf);
  if ((value(entry) & 3) != 0) return change_upper(mapping);
  const std::uint64_t inside = (1ULL << shift_of(mapping.leaf)) - 1;
  const std::uint64_t data = kData + kPage * dice_.below(kDataPages);
  step_->what = fmt::format("level {} entry of {:#x} appears", mapping.leaf, mapping.address);
  put(entry, (data & ~inside) | (mapping.leaf > 1 ? 1ULL << 7 : 0) | permissions(),
      name(mapping, mapping.leaf));
}

void Generator::change() {
  if (mappings_.empty()) return change_context();
  Mapping& mapping = mappings_.at(dice_.below(mappings_.size()));
  const std::uint64_t kind = dice_.below(100);
  if (kind < 40) return change_leaf(mapping);
  if (kind < 60) return change_upper(mapping);
  if (kind < 75) return let_appear(mapping);
  if (kind < 92) return change_context();
  return change_root();
}

Access Generator::some_access() {
  Access access;
  access.source = static_cast<unsigned>(dice_.below(2));
  access.write = dice_.percent(50);
  access.pattern = dice_.bits();
  const std::uint64_t kind = dice_.below(100);
  access.bytes = static_cast<unsigned>(kind < 45   ? 1 + dice_.below(16)
                                       : kind < 85 ? 1 + dice_.below(256)
                                                   : 1 + dice_.below(kMaxAccessBytes));
  const unsigned domain = functions_.at(access.source).domain;
  std::vector<std::uint64_t> own;
  for (const Mapping& mapping : mappings_)
    if (mapping.domain == domain) own.push_back(mapping.address);
  std::uint64_t page = edge_page(dice_, 4);
  if ((value(functions_.at(access.source).entry) >> 2 & 3) == 2 && dice_.percent(70)) {
    page = kData + kPage * dice_.below(kDataPages);  // pass-through
  } else if (!own.empty() && dice_.percent(80)) {
    page = own.at(dice_.below(own.size())) & kFrame;
    if (dice_.percent(15)) page = (page + (dice_.percent(50) ? kPage : ~kPage + 1)) & kFrame;
  } else if (dice_.percent(30)) {
    page = dice_.bits() & kFrame;
  }
  const std::uint64_t last = kPage - std::min<std::uint64_t>(access.bytes, kPage);
  access.address = page + dice_.below(last + 1);
  if (dice_.percent(20)) access.address = page + kPage - 1 - dice_.below(std::min(access.bytes, 64U));
  const std::uint64_t end = 1ULL << kAddressBits;
  if (access.address + access.bytes > end) access.bytes = static_cast<unsigned>(end - access.address);
  if (access.address + access.bytes > 0xFEE0'0000 && access.address < 0xFEF0'0000)
    access.address -= 0x20'0000;
  return access;
}

void Generator::add_accesses() {
  for (std::uint64_t count = 1 + dice_.below(3); count > 0; --count) {
    step_->accesses.push_back(some_access());
    // Again, or the other way round: now from the caches.
    if (dice_.percent(25)) {
      Access again = step_->accesses.back();
      again.write = dice_.percent(50);
      if (dice_.percent(30)) again.source = 1 - again.source;
      again.pattern = dice_.bits();
      step_->accesses.push_back(again);
    }
  }
}

void Generator::make_steps() {
  const std::uint64_t count = 1 + dice_.below(3);
  for (std::uint64_t n = 0; n < count; ++n) {
    Step step;
    step_ = &step;
    if (n > 0) change();
    if (dice_.percent(15)) extra_invalidation();
    add_accesses();
    step_ = nullptr;
    case_.steps.push_back(std::move(step));
  }
}

Case Generator::make() {
  case_.root = take_page();
  for (std::uint64_t& page : context_pages_) page = take_page();
  make_domains();
  make_contexts();
  for (const auto& [address, what] : names_) case_.memory.push_back({address, value(address), what});
  make_steps();
  return std::move(case_);
}

}  // namespace

Case generate(std::uint64_t seed) { return Generator(seed).make(); }

}  // namespace gpudmar::oracle
