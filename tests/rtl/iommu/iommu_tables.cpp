// SPDX-License-Identifier: Apache-2.0
// See iommu_bench.h: the tables.
#include "tests/rtl/iommu/iommu_bench.h"

namespace gpudmar::test {

std::uint64_t Tables::page() {
  const std::uint64_t at = next_;
  next_ += 4096;
  for (unsigned i = 0; i < 512; ++i) memory_.store64(at + i * 8, 0);
  return at;
}

void Tables::set_root(unsigned bus, std::uint64_t low, std::uint64_t high) {
  memory_.store64(root_ + bus * 16 + 8, high);
  memory_.store64(root_ + bus * 16, low);
}

void Tables::set_context(std::uint16_t sid, std::uint64_t low, std::uint64_t high) {
  const std::uint64_t root_entry = root_ + (sid >> 8) * 16U;
  if ((memory_.load64(root_entry) & 1) == 0) memory_.store64(root_entry, page() | 1);
  const std::uint64_t table = memory_.load64(root_entry) & ~0xFFFULL;
  memory_.store64(table + (sid & 0xFF) * 16U + 8, high);
  memory_.store64(table + (sid & 0xFF) * 16U, low);
}

void Tables::context(std::uint16_t sid, std::uint16_t did, std::uint64_t table, unsigned aw, unsigned tt) {
  set_context(sid, context_low(table, tt), context_high(did, aw));
}

std::uint64_t Tables::entry(std::uint64_t table, unsigned levels, std::uint64_t iova, unsigned level) {
  for (unsigned l = levels;; --l) {
    const std::uint64_t at = table + ((iova >> (12 + 9 * (l - 1))) & 511) * 8;
    if (l == level) return at;
    if ((memory_.load64(at) & 3) == 0) memory_.store64(at, page() | 3);
    table = memory_.load64(at) & 0x000F'FFFF'FFFF'F000ULL;
  }
}

void Tables::map(std::uint64_t table, std::uint64_t iova, std::uint64_t pa, unsigned flags, unsigned levels,
                 unsigned level) {
  memory_.store64(entry(table, levels, iova, level), pa | flags | (level > 1 ? 0x80 : 0));
}

}  // namespace gpudmar::test
