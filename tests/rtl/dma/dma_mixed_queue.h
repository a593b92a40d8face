// SPDX-License-Identifier: Apache-2.0
// Random work of all kinds for the channels of a bench, in groups with a fence behind each, and what memory
// must hold when a fence is known.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "tests/rtl/dma/axi_memory.h"
#include "tests/rtl/dma/dma_descriptor.h"

namespace gpudmar::test {

/// Copies, strided copies and fills between all four spaces, updates of the aperture among them. Every
/// channel has its own targets and aperture pages; virtual addresses are those of the host's memory.
template <class Bench>
class MixedQueue {
 public:
  MixedQueue(Bench& bench, std::mt19937_64& random) : bench_(bench), random_(random) {
    for (std::uint64_t i = 0; i < 4096; i += 8) {
      bench_.host.memory.set64(kSource + i, random_());
      bench_.vram.memory.set64(kSource + i, random_());
    }
  }

  /// Starts channel `ch` and queues `groups` groups; no doorbell.
  void fill(unsigned ch, unsigned groups) {
    namespace d = dma::descriptor;
    bench_.start(pick() ? dma::space::VRAM : dma::space::LOGICAL, 0x1'0000 + ch * 0x1'0000, 6, 3, ch);
    for (unsigned g = 0; g < groups; ++g) {
      groups_[ch].emplace_back();
      // This group's aperture page: before that nothing of it can be reached.
      Descriptor map;
      map.with(d::OPCODE, dma::opcode::MAP_APERTURE_RANGE).with(d::DST_SPACE, dma::space::APERTURE);
      bench_.push(map.with(d::DST, aperture(ch, g)).with(d::SRC, target(ch, g, 7)).with(d::LENGTH, 0), ch);
      const unsigned count = 2 + random_() % 4;
      for (unsigned i = 0; i < count; ++i) operation(ch, g, i);
      const unsigned spaces[] = {dma::space::VRAM, dma::space::LOGICAL, dma::space::VIRTUAL};
      const unsigned space = spaces[random_() % 3];
      Descriptor fence = Descriptor::fence(space, kFences + 64 * ch + 8 * g, g + 1, true);
      if (space == dma::space::VIRTUAL) fence.with(d::PASID, 1 + ch);
      bench_.push(fence, ch);
    }
  }

  /// The channel told of a fence: reads CH_FENCE, and everything before it must be in memory. Returns how
  /// many fences are new.
  unsigned hear(unsigned ch) {
    const auto value = static_cast<unsigned>(bench_.read64(Bench::reg(dma::CH_FENCE::kOffset, ch)));
    unsigned heard = 0;
    for (; heard_[ch] < value && heard_[ch] < groups_[ch].size(); ++heard_[ch], ++heard) {
      for (const Byte& b : groups_[ch][heard_[ch]]) {
        const unsigned is = (b.host ? bench_.host : bench_.vram).memory.get(b.addr);
        if (is != b.value) {
          ADD_FAILURE() << fmt::format("channel {} fence {}: {} {:#x} is {:#x}, not {:#x}", ch,
                                       heard_[ch] + 1, b.host ? "host" : "VRAM", b.addr, is, b.value);
          return heard;
        }
      }
    }
    return heard;
  }

 private:
  struct Byte {
    bool host;
    std::uint64_t addr;
    std::uint8_t value;
  };
  static constexpr std::uint64_t kSource = 0x8'0000, kFences = 0x9'0000;
  bool pick() { return random_() % 2 == 0; }
  static std::uint64_t target(unsigned ch, unsigned group, unsigned place) {
    return 0x100'0000 + ch * 0x10'0000ULL + group * 0x8000ULL + place * 0x1000ULL;
  }
  static std::uint64_t aperture(unsigned ch, unsigned group) { return (16 * ch + group) * 4096ULL; }

  void operation(unsigned ch, unsigned group, unsigned place) {
    namespace d = dma::descriptor;
    const unsigned kind = random_() % 3;  // copy, rows, fill
    const unsigned length = kind == 0 ? 1 + random_() % 700 : 1 + random_() % 60;
    const unsigned rows = kind == 0 ? 1 : 1 + random_() % 4, pitch = kind == 0 ? 0 : length + random_() % 40;
    const unsigned from = random_() % 3 == 0 ? dma::space::VRAM
                          : pick()           ? dma::space::LOGICAL
                                             : dma::space::VIRTUAL;
    const unsigned to = random_() % 4;  // any space
    const std::uint64_t src = kSource + random_() % 64, offset = place * 700 + random_() % 40;
    // The aperture's page of the group takes all places.
    const std::uint64_t linear = to == dma::space::APERTURE ? target(ch, group, 7) + offset % 3000
                                                            : target(ch, group, place) + offset % 64;
    const bool shared = to == dma::space::APERTURE;
    if (shared && aperture_used_[ch] == group + 1) return;  // one operation a group
    if (shared) aperture_used_[ch] = group + 1;
    Descriptor op;
    op.with(d::DST_SPACE, to).with(d::DST, shared ? aperture(ch, group) + offset % 3000 : linear);
    op.with(d::LENGTH, length - 1);
    std::array<std::uint64_t, 2> pattern{random_(), random_()};
    if (kind == 2) {
      op.with(d::OPCODE, dma::opcode::FILL)
          .with(d::PARAM, 15)
          .with(d::SRC, pattern[0])
          .with(d::SRC_SLICE, pattern[1]);
    } else {
      op.with(d::OPCODE, kind == 0 ? dma::opcode::COPY : dma::opcode::COPY_3D);
      op.with(d::SRC_SPACE, from).with(d::SRC, src);
    }
    if (kind != 0) op.with(d::ROWS, rows - 1).with(d::DST_PITCH, pitch);
    if (kind == 1) op.with(d::SRC_PITCH, 3);
    if (to == dma::space::VIRTUAL || (kind != 2 && from == dma::space::VIRTUAL)) op.with(d::PASID, 1 + ch);
    bench_.push(op, ch);
    SparseBytes& source = (from == dma::space::VRAM ? bench_.vram : bench_.host).memory;
    for (unsigned r = 0; r < rows; ++r) {
      for (unsigned i = 0; i < length; ++i) {
        const auto value = kind == 2 ? static_cast<std::uint8_t>(pattern[i % 16 / 8] >> (8 * (i % 8)))
                                     : source.get(src + (kind == 1 ? 3 * r : 0) + i);
        groups_[ch].back().push_back({to != dma::space::VRAM, linear + std::uint64_t{r} * pitch + i, value});
      }
    }
  }

  Bench& bench_;
  std::mt19937_64& random_;
  std::array<std::vector<std::vector<Byte>>, 8> groups_;
  std::array<unsigned, 8> heard_{}, aperture_used_{};
};

}  // namespace gpudmar::test
