// SPDX-License-Identifier: Apache-2.0
// Sparse memory with translation tables for the tests of the reference model, built qword by qword.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "sim/model/memory_view.h"
#include "sim/model/translate.h"

namespace gpudmar::model::test {

inline constexpr std::uint64_t kRead = 1, kWrite = 2, kReadWrite = 3, kLarge = 1 << 7;

/// Zero where nothing was written; pages in `broken` answer with a bus error.
class SparseMemory final : public MemoryView, public MemoryWriter {
 public:
  [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
    if (broken.count(pa >> 12) != 0) return std::nullopt;
    const auto it = qwords.find(pa);
    return it == qwords.end() ? 0 : it->second;
  }
  bool store32(std::uint64_t pa, std::uint32_t value) override {
    if (broken.count(pa >> 12) != 0) return false;
    std::uint64_t& qword = qwords[pa & ~std::uint64_t{7}];
    const unsigned shift = (pa & 4) != 0 ? 32 : 0;
    qword = (qword & ~(std::uint64_t{0xFFFF'FFFF} << shift)) | std::uint64_t{value} << shift;
    return true;
  }
  std::map<std::uint64_t, std::uint64_t> qwords;
  std::set<std::uint64_t> broken;  ///< page numbers
};

/// Root table, one context table per bus, second-stage tables; pages come from 1 MiB upwards.
class Tables {
 public:
  static constexpr std::uint64_t kRoot = 0x10'0000;

  explicit Tables(SparseMemory& memory) : memory_(memory) {}

  std::uint64_t new_table() { return next_ += 0x1000; }

  [[nodiscard]] std::uint64_t root_entry(std::uint16_t sid) const { return kRoot + (sid >> 8) * 16U; }
  std::uint64_t context_entry(std::uint16_t sid) {
    std::uint64_t& root = memory_.qwords[root_entry(sid)];
    if ((root & 1) == 0) root = new_table() | 1;
    return (root & ~std::uint64_t{0xFFF}) + (sid & 0xFF) * 16U;
  }
  /// Context entry with a new second-stage root; `aw` 1 = 3, 2 = 4, 3 = 5 levels. Returns the second-stage
  /// root.
  std::uint64_t attach(std::uint16_t sid, std::uint16_t did, unsigned aw = 2, unsigned tt = 0,
                       std::uint64_t stage = 0) {
    const std::uint64_t entry = context_entry(sid);
    if (stage == 0) stage = new_table();
    memory_.qwords[entry + 8] = aw | std::uint64_t{did} << 8;
    memory_.qwords[entry] = stage | std::uint64_t{tt} << 2 | 1;
    return stage;
  }
  /// Address of the entry of `level` for `address`; makes the tables above it (RW) when `create`.
  std::uint64_t entry(std::uint64_t stage, unsigned levels, std::uint64_t address, unsigned level) {
    std::uint64_t table = stage;
    for (unsigned l = levels; l > level; --l) {
      std::uint64_t& qword = memory_.qwords[table + index(address, l) * 8];
      if ((qword & 3) == 0) qword = new_table() | kReadWrite;
      table = qword & 0x000F'FFFF'FFFF'F000;
    }
    return table + index(address, level) * 8;
  }
  /// Map a page of the given level (1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB). Returns the leaf's address.
  std::uint64_t map(std::uint64_t stage, unsigned levels, std::uint64_t address, std::uint64_t target,
                    std::uint64_t rights = kReadWrite, unsigned level = 1) {
    const std::uint64_t at = entry(stage, levels, address, level);
    memory_.qwords[at] = target | rights | (level > 1 ? kLarge : 0);
    return at;
  }

 private:
  static std::uint64_t index(std::uint64_t address, unsigned level) {
    return address >> (12 + 9 * (level - 1)) & 511;
  }
  SparseMemory& memory_;
  std::uint64_t next_ = kRoot;
};

inline Request read_of(std::uint16_t sid, std::uint64_t address, std::uint32_t bytes = 64) {
  Request r;
  r.source_id = sid;
  r.address = address;
  r.bytes = bytes;
  return r;
}
inline Request write_of(std::uint16_t sid, std::uint64_t address, std::uint32_t bytes = 64) {
  Request r = read_of(sid, address, bytes);
  r.is_write = true;
  return r;
}

}  // namespace gpudmar::model::test
