// SPDX-License-Identifier: Apache-2.0
// The caches with their replacement state. Lookups see what stood at the start of the cycle; step() is the
// cycle's end.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/model/cycle/entry.h"
#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

struct Translation {
  std::uint16_t did = 0;
  std::uint64_t page = 0;
  std::uint64_t frame = 0;
  unsigned size = 0;  ///< 0: 4 KiB, 1: 2 MiB, 2: 1 GiB
  bool r = false, w = false;
};

/// Fully associative, all page sizes.
class Iotlb {
 public:
  explicit Iotlb(unsigned entries) : entries_(entries) {}
  /// The frame is that of `page`.
  [[nodiscard]] std::optional<Translation> find(std::uint16_t did, std::uint64_t page) const;
  void step(const std::optional<Translation>& fill, const Flush& flush);

 private:
  std::vector<std::optional<Translation>> entries_;
  unsigned next_ = 0;
};

class ContextCache {
 public:
  explicit ContextCache(unsigned entries) : entries_(entries) {}
  struct Entry {
    std::uint16_t sid = 0;
    Context context;
  };
  [[nodiscard]] std::optional<Context> find(std::uint16_t sid) const;
  void step(const std::optional<Entry>& fill, const Flush& flush);

 private:
  std::vector<std::optional<Entry>> entries_;
  unsigned next_ = 0;
};

/// Ways to tables of one level.
class PagingCache {
 public:
  PagingCache(unsigned level, unsigned entries) : level_(level), entries_(entries) {}
  struct Entry {
    std::uint16_t did = 0;
    std::uint64_t page = 0;
    std::uint64_t table = 0;
    bool r = false, w = false;
  };
  /// What this cycle's flush takes does not hit.
  [[nodiscard]] std::optional<Entry> find(std::uint16_t did, std::uint64_t page, const Flush& flush) const;
  void step(const std::optional<Entry>& fill, const Flush& flush);

 private:
  [[nodiscard]] bool same(std::uint64_t a, std::uint64_t b) const { return (a ^ b) >> (9 * level_) == 0; }
  [[nodiscard]] bool taken(const Entry& entry, const Flush& flush) const;
  unsigned level_;
  std::vector<std::optional<Entry>> entries_;
  unsigned next_ = 0;
};

}  // namespace gpudmar::model::cycle
