// SPDX-License-Identifier: Apache-2.0
#include "driver-model/wdk/runtime/pool_arena.h"

namespace gpudmar::wdk {

void* PoolArena::allocate(std::size_t bytes) {
  if (bytes > kPage / 2) {
    const std::size_t pages = bytes / kPage + (bytes % kPage != 0 ? 1 : 0);
    void* address = take_(pages);
    if (address != nullptr) pieces_[reinterpret_cast<std::uintptr_t>(address)] = {0, pages, {}};
    return address;
  }
  std::size_t block = kSmallest;
  while (block < bytes) block *= 2;
  for (auto& [address, piece] : pieces_) {
    if (piece.block != block) continue;
    for (std::size_t i = 0; i < kPage / block; ++i) {
      if (piece.used[i]) continue;
      piece.used.set(i);
      return reinterpret_cast<void*>(address + i * block);
    }
  }
  void* address = take_(1);
  if (address == nullptr) return nullptr;
  Piece& piece = pieces_[reinterpret_cast<std::uintptr_t>(address)];
  piece = {block, 1, {}};
  piece.used.set(0);
  return address;
}

void PoolArena::free(void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  const auto entry = std::prev(pieces_.upper_bound(number));
  Piece& piece = entry->second;
  if (piece.block != 0) {
    const std::size_t index = (number - entry->first) / piece.block;
    if (piece.used.count() > 1) {
      piece.used.reset(index);
      return;
    }
  }
  give_(reinterpret_cast<void*>(entry->first), piece.pages);
  pieces_.erase(entry);
}

std::size_t PoolArena::size_of(const void* address) const {
  const Piece& piece = std::prev(pieces_.upper_bound(reinterpret_cast<std::uintptr_t>(address)))->second;
  return piece.block != 0 ? piece.block : piece.pages * kPage;
}

bool PoolArena::holds(const void* address) const {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  const auto next = pieces_.upper_bound(number);
  if (next == pieces_.begin()) return false;
  const auto& [first, piece] = *std::prev(next);
  return number - first < piece.pages * kPage;
}

}  // namespace gpudmar::wdk
