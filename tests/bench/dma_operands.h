// SPDX-License-Identifier: Apache-2.0
// Where the copies of a row read and write, the pages behind that, and whether the bytes came over.
#pragma once

#include <random>
#include <unordered_set>
#include <vector>

#include "tests/bench/dma_unit.h"

namespace gpudmar::bench {

struct Copies;

class Operands {
 public:
  struct Pair {
    std::uint64_t source, destination;
  };

  /// `count` pairs; with translation their pages are mapped, and the unit translates from here on. Hits: 16
  /// KiB pages each way used over and over, one page of 2 MiB each way for what is larger. Cold: each pair
  /// has pages of its own, anywhere in 4 GiB.
  Operands(DmaUnit& unit, const Copies& copies, unsigned count);

  [[nodiscard]] const std::vector<Pair>& pairs() const { return pairs_; }
  [[nodiscard]] std::uint64_t source_offset() const { return source_offset_; }
  [[nodiscard]] std::uint64_t destination_offset() const { return destination_offset_; }
  /// Before the copies that count: brings the pages of hits into the IOTLB, the context of cold ones into its
  /// cache. The ring is started.
  void warm();
  /// The first and last bytes of each destination; throws std::runtime_error.
  void check() const;

 private:
  void off(unsigned count);
  void hit(unsigned count);
  void cold(unsigned count);
  std::uint64_t fresh_pages(std::uint64_t pages);
  void stamp(std::uint64_t source);
  [[nodiscard]] std::uint64_t stamp_at(std::uint64_t address) const;

  DmaUnit& unit_;
  std::uint64_t bytes_, stride_;
  std::uint64_t source_offset_, destination_offset_;
  std::vector<Pair> pairs_, warm_;
  std::uint64_t warm_bytes_ = 64;
  std::mt19937_64 random_{11};
  std::unordered_set<std::uint64_t> used_;
  std::uint64_t next_frame_ = 0x1'0000'0000;
};

}  // namespace gpudmar::bench
