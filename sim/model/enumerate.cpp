// SPDX-License-Identifier: Apache-2.0
// Bit positions from the specification once more, as in translate.cpp.
#include "sim/model/enumerate.h"

namespace gpudmar::model {
namespace {

constexpr std::uint64_t kAddress = 0x000F'FFFF'FFFF'F000ULL;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kRead = 1, kWrite = 2, kPageSize = 1U << 7, kSnoop = 1U << 11;
constexpr unsigned kEntries = 512;

void walk(const MemoryView& memory, std::uint64_t table, unsigned level, std::uint64_t base, bool readable,
          bool writable, const std::function<void(const Leaf&)>& visit) {
  const unsigned shift = 12 + 9 * (level - 1);
  for (unsigned i = 0; i < kEntries; ++i) {
    const std::uint64_t entry = memory.load64(table + 8ULL * i).value_or(0);
    const bool r = readable && (entry & kRead) != 0;
    const bool w = writable && (entry & kWrite) != 0;
    if (!r && !w) continue;
    const std::uint64_t input = base + (std::uint64_t{i} << shift);
    const std::uint64_t target = entry & kAddress;
    if (level == 1 || (level <= 3 && (entry & kPageSize) != 0))
      visit({input, target >> shift << shift, shift, r, w, (entry & kSnoop) != 0});
    else
      walk(memory, target, level - 1, input, r, w, visit);
  }
}

}  // namespace

std::optional<ContextEntry> find_context(const RootState& root, const MemoryView& memory,
                                         std::uint16_t source_id) {
  const auto root_low = memory.load64(root.root + 16ULL * (source_id >> 8));
  if (!root_low || (*root_low & kPresent) == 0) return std::nullopt;
  const std::uint64_t at = (*root_low & kAddress) + 16ULL * (source_id & 0xFF);
  const auto low = memory.load64(at);
  const auto high = memory.load64(at + 8);
  if (!low || !high || (*low & kPresent) == 0) return std::nullopt;
  ContextEntry entry;
  entry.type = static_cast<unsigned>(*low >> 2 & 3);
  entry.table = *low & kAddress;
  const auto width = static_cast<unsigned>(*high & 7);
  entry.levels = width == 1 ? 3 : width == 2 ? 4 : 0;
  entry.did = static_cast<std::uint16_t>(*high >> 8);
  return entry;
}

std::optional<TableWay> find_table(const ContextEntry& context, const MemoryView& memory, std::uint64_t input,
                                   unsigned level) {
  if (level == 0 || level >= context.levels) return std::nullopt;
  TableWay way{context.table, true, true};
  for (unsigned at = context.levels; at > level; --at) {
    const unsigned shift = 12 + 9 * (at - 1);
    const std::uint64_t entry = memory.load64(way.table + 8 * (input >> shift & (kEntries - 1))).value_or(0);
    way.readable = way.readable && (entry & kRead) != 0;
    way.writable = way.writable && (entry & kWrite) != 0;
    if (!way.readable && !way.writable) return std::nullopt;
    if (at <= 3 && (entry & kPageSize) != 0) return std::nullopt;
    way.table = entry & kAddress;
  }
  return way;
}

void for_each_leaf(const ContextEntry& context, const MemoryView& memory,
                   const std::function<void(const Leaf&)>& visit) {
  if (context.levels != 0) walk(memory, context.table, context.levels, 0, true, true, visit);
}

}  // namespace gpudmar::model
