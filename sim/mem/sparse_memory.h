// SPDX-License-Identifier: Apache-2.0
// Byte-addressed sparse memory over a memfd: an address is a file offset, so several TiB of address space
// cost nothing until a page is touched, and a CPU mapping is an mmap of the same pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::sim {

/// One memory device: installed ranges of an address space, all zero at first.
class SparseMemory {
 public:
  /// `name` appears in messages; `ranges` are byte ranges in any order; `address_bits` bounds them.
  /// Throws std::invalid_argument on no range, an empty, misaligned or overlapping range, or one beyond the
  /// address bits; std::system_error when the host refuses the mapping.
  SparseMemory(std::string name, std::vector<hw::MemoryRange> ranges, unsigned address_bits);
  ~SparseMemory();
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Ascending, not overlapping.
  [[nodiscard]] const std::vector<hw::MemoryRange>& ranges() const { return ranges_; }
  /// All of [address, address + bytes) is installed, in one range.
  [[nodiscard]] bool contains(std::uint64_t address, std::uint64_t bytes) const {
    return find(address, bytes) != nullptr;
  }

  /// Device-side accesses; false, with nothing transferred, unless the whole access is installed.
  [[nodiscard]] bool read(std::uint64_t address, void* to, std::size_t bytes) const;
  [[nodiscard]] bool write(std::uint64_t address, const void* from, std::size_t bytes);
  /// Byte i is written when bit i of `strobe` is set; bytes <= 64. Only strobed bytes must be installed.
  [[nodiscard]] bool write(std::uint64_t address, const void* from, std::uint64_t strobe, std::size_t bytes);

  /// The host address of an installed run; nullptr unless the whole run is installed.
  [[nodiscard]] std::byte* at(std::uint64_t address, std::size_t bytes) const { return find(address, bytes); }
  /// Back to all zero; host memory is given back. Mappings stay valid.
  void clear();
  /// Every page that was ever written, and the first of each range, becomes `noise` from end to end.
  void spoil(std::uint8_t noise);
  /// The file whose offsets are addresses.
  [[nodiscard]] int fd() const { return fd_; }
  /// Bytes of host memory in use.
  [[nodiscard]] std::uint64_t resident_bytes() const;

 private:
  void release();
  [[nodiscard]] std::byte* find(std::uint64_t address, std::uint64_t bytes) const {
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      const std::uint64_t offset = address - ranges_[i].base;
      if (offset < ranges_[i].size && bytes <= ranges_[i].size - offset) return views_[i] + offset;
    }
    return nullptr;
  }

  std::string name_;
  std::vector<hw::MemoryRange> ranges_;
  std::vector<std::byte*> views_;  ///< one per range
  int fd_ = -1;
};

}  // namespace gpudmar::sim
