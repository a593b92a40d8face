// SPDX-License-Identifier: Apache-2.0
// Slices of Verilator ports, whatever type their width gave them.
#pragma once

#include <verilated.h>

#include <cstdint>
#include <cstring>

namespace gpudmar::sim {

[[nodiscard]] constexpr std::uint64_t low_bits(unsigned width) {
  return width >= 64 ? ~0ULL : (1ULL << width) - 1;
}

/// Bits [lsb, lsb + width), width <= 64, of a port of up to 64 bits.
template <typename T>
std::uint64_t get_bits(const T& port, unsigned lsb, unsigned width) {
  return (static_cast<std::uint64_t>(port) >> lsb) & low_bits(width);
}

template <std::size_t Words>
std::uint64_t get_bits(const VlWide<Words>& port, unsigned lsb, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned got = 0; got < width;) {
    const unsigned bit = lsb + got;
    const unsigned shift = bit % 32;
    value |= (static_cast<std::uint64_t>(port.data()[bit / 32]) >> shift) << got;
    got += 32 - shift;
  }
  return value & low_bits(width);
}

template <typename T>
void set_bits(T& port, unsigned lsb, unsigned width, std::uint64_t value) {
  const std::uint64_t mask = low_bits(width) << lsb;
  port = static_cast<T>((static_cast<std::uint64_t>(port) & ~mask) | ((value << lsb) & mask));
}

template <std::size_t Words>
void set_bits(VlWide<Words>& port, unsigned lsb, unsigned width, std::uint64_t value) {
  for (unsigned done = 0; done < width;) {
    const unsigned bit = lsb + done;
    const unsigned shift = bit % 32;
    const unsigned take = width - done < 32 - shift ? width - done : 32 - shift;
    const auto mask = static_cast<std::uint32_t>(low_bits(take) << shift);
    const auto part = static_cast<std::uint32_t>((value >> done) << shift);
    port.data()[bit / 32] = (port.data()[bit / 32] & ~mask) | (part & mask);
    done += take;
  }
}

/// Byte-aligned runs of a port; numbers and words are little-endian, as the host is.
template <typename T>
void get_bytes(const T& port, std::size_t first, std::size_t bytes, std::uint8_t* to) {
  std::memcpy(to, reinterpret_cast<const std::uint8_t*>(&port) + first, bytes);
}

template <std::size_t Words>
void get_bytes(const VlWide<Words>& port, std::size_t first, std::size_t bytes, std::uint8_t* to) {
  std::memcpy(to, reinterpret_cast<const std::uint8_t*>(port.data()) + first, bytes);
}

template <typename T>
void set_bytes(T& port, std::size_t first, std::size_t bytes, const std::uint8_t* from) {
  std::memcpy(reinterpret_cast<std::uint8_t*>(&port) + first, from, bytes);
}

template <std::size_t Words>
void set_bytes(VlWide<Words>& port, std::size_t first, std::size_t bytes, const std::uint8_t* from) {
  std::memcpy(reinterpret_cast<std::uint8_t*>(port.data()) + first, from, bytes);
}

}  // namespace gpudmar::sim
