// SPDX-License-Identifier: Apache-2.0
// Pool in memory that has page frames: whole pages come from a source, smaller blocks share them.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

namespace gpudmar::wdk {

/// Blocks of less than a page lie in pages of blocks of one size, a power of two from 16 bytes on, so that
/// none crosses a page; others have pages of their own. A page goes back to its source with its last block.
class PoolArena {
 public:
  /// `take` gives pages one behind the other, or nullptr; `give` takes back what it gave.
  using Take = std::function<void*(std::size_t pages)>;
  using Give = std::function<void(void* address, std::size_t pages)>;
  PoolArena(Take take, Give give) : take_(std::move(take)), give_(std::move(give)) {}

  /// nullptr: the source has nothing left.
  [[nodiscard]] void* allocate(std::size_t bytes);
  /// Of a block of allocate(). What the source throws passes through, and the block stays.
  void free(void* address);
  /// Bytes of a block, as they were rounded up.
  [[nodiscard]] std::size_t size_of(const void* address) const;
  /// The address is in a page that the source gave.
  [[nodiscard]] bool holds(const void* address) const;

 private:
  static constexpr std::size_t kSmallest = 16;
  static constexpr std::size_t kPage = 4096;
  struct Piece {            // what the source gave at once
    std::size_t block = 0;  // bytes of its blocks; 0: one block, of all pages
    std::size_t pages = 0;
    std::bitset<kPage / kSmallest> used;
  };

  Take take_;
  Give give_;
  std::map<std::uintptr_t, Piece> pieces_;  // by address
};

}  // namespace gpudmar::wdk
