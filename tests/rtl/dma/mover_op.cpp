// SPDX-License-Identifier: Apache-2.0
#include "tests/rtl/dma/mover_op.h"

namespace gpudmar::test {

std::array<std::uint32_t, 14> Op::bits() const {
  std::array<std::uint32_t, 14> out{};
  unsigned at = 0;
  const auto put = [&](std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i, ++at)
      out[at / 32] |= static_cast<std::uint32_t>(value >> i & 1) << (at % 32);
  };
  std::uint64_t low = 0, high = 0;
  for (unsigned i = 0; i < pattern.size(); ++i) {
    (i < 8 ? low : high) |= std::uint64_t{pattern[i]} << (8 * (i % 8));
  }
  const bool fill = kind == OpKind::Fill;
  put(fill ? pattern.size() - 1 : 0, 4);
  put(dst_slice, 64);
  put(fill ? high : src_slice, 64);
  put(dst_pitch, 32);
  put(src_pitch, 32);
  put(slices - 1, 16);
  put(rows - 1, 16);
  put(bytes - 1, 32);
  put(dst, 64);
  put(fill ? low : src, 64);
  put(pasid, 20);
  put(no_snoop ? 1 : 0, 1);
  put(dst_space, 3);
  put(src_space, 3);
  put(static_cast<unsigned>(kind), 3);
  put(index, 16);
  return out;
}

std::optional<std::uint64_t> MoverReference::resolve(unsigned space, std::uint64_t address) const {
  if (space != dma::space::APERTURE) return address;
  const std::uint64_t page = address >> 12;
  if (page >= aperture.size() || !aperture[page].has_value()) return std::nullopt;
  return *aperture[page] << 12 | (address & 0xfff);
}

void MoverReference::run(const Op& op, std::uint64_t limit) {
  if (op.is_map()) {
    for (std::uint64_t i = 0; i < op.bytes && i < limit; ++i) {
      auto& entry = aperture[(op.dst >> 12) + i];
      switch (op.kind) {
        case OpKind::MapPages:
          entry = memory(op.src_space).get64(op.src + 8 * i) >> 12;
          break;
        case OpKind::MapRange:
          entry = (op.src >> 12) + i;
          break;
        case OpKind::MapSame:
          entry = op.src >> 12;
          break;
        default:
          entry.reset();
          break;
      }
    }
    return;
  }
  for (unsigned slice = 0; slice < op.slices; ++slice) {
    for (unsigned row = 0; row < op.rows; ++row) {
      for (std::uint64_t i = 0; i < op.bytes; ++i) {
        if (limit-- == 0) return;
        std::uint8_t value = 0;
        if (op.kind == OpKind::Fill) {
          value = op.pattern[i % op.pattern.size()];
        } else {
          value = memory(op.src_space).get(*resolve(op.src_space, op.src_row(slice, row) + i));
        }
        memory(op.dst_space).set(*resolve(op.dst_space, op.dst_row(slice, row) + i), value);
      }
    }
  }
}

}  // namespace gpudmar::test
