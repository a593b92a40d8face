// SPDX-License-Identifier: Apache-2.0
// Everything that a device can reach, read from the tables in memory: the counterpart of translate(), which
// asks for one address.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "sim/model/memory_view.h"
#include "sim/model/translate.h"

namespace gpudmar::model {

/// A present legacy-mode context entry (VT-d 2.2).
struct ContextEntry {
  unsigned type = 0;        ///< 0 second stage, 1 with device-TLB, 2 pass-through
  std::uint64_t table = 0;  ///< root of the second stage, byte address
  unsigned levels = 0;      ///< 3 or 4; 0: a reserved width
  std::uint16_t did = 0;
};
inline bool operator==(const ContextEntry& a, const ContextEntry& b) {
  return a.type == b.type && a.table == b.table && a.levels == b.levels && a.did == b.did;
}

/// nullopt: root or context entry not present, or not readable.
[[nodiscard]] std::optional<ContextEntry> find_context(const RootState& root, const MemoryView& memory,
                                                       std::uint16_t source_id);

/// A leaf: 2^shift bytes at `input` lead to `output`.
struct Leaf {
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  unsigned shift = 12;
  bool readable = false;  ///< over all levels
  bool writable = false;
  bool snoop = false;  ///< SNP
};

/// A present non-leaf entry: the way to a table of `level` (1: its entries are pages of 4 KiB).
struct TableWay {
  std::uint64_t table = 0;  ///< byte address
  bool readable = false;    ///< over all levels down to it
  bool writable = false;
};
/// The way to the table of `level` that `input` is looked up in; nullopt: no entry leads there. The root of
/// the context's tables is no such way, the context entry is.
[[nodiscard]] std::optional<TableWay> find_table(const ContextEntry& context, const MemoryView& memory,
                                                 std::uint64_t input, unsigned level);

/// Calls `visit` for each leaf under the context's tables that permits anything, ascending by input.
void for_each_leaf(const ContextEntry& context, const MemoryView& memory,
                   const std::function<void(const Leaf&)>& visit);

}  // namespace gpudmar::model
