// SPDX-License-Identifier: Apache-2.0
// Operations of the mover (dma_job_pkg::op_t), and the reference that tells what they do to bytes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "driver-model/hw/regs/dma_regs.h"
#include "tests/rtl/dma/axi_memory.h"

namespace gpudmar::test {

namespace dma = regs::dma;

enum class OpKind : unsigned { Copy = 0, Fill = 1, MapPages = 4, MapRange = 5, MapSame = 6, MapInvalid = 7 };

struct Op {
  unsigned index = 0;
  OpKind kind = OpKind::Copy;
  unsigned src_space = dma::space::VRAM, dst_space = dma::space::VRAM;
  bool no_snoop = false;
  std::uint32_t pasid = 0;
  std::uint64_t src = 0, dst = 0;
  std::uint64_t bytes = 1;  ///< Of a row; MAP_*: entries.
  unsigned rows = 1, slices = 1;
  std::uint32_t src_pitch = 0, dst_pitch = 0;
  std::uint64_t src_slice = 0, dst_slice = 0;
  std::vector<std::uint8_t> pattern;  ///< FILL: 1 to 16 bytes.

  [[nodiscard]] bool is_map() const { return static_cast<unsigned>(kind) >= 4; }
  [[nodiscard]] bool reads() const { return kind == OpKind::Copy || kind == OpKind::MapPages; }
  /// Address of a row.
  [[nodiscard]] std::uint64_t src_row(unsigned slice, unsigned row) const {
    return src + slice * src_slice + std::uint64_t{row} * src_pitch;
  }
  [[nodiscard]] std::uint64_t dst_row(unsigned slice, unsigned row) const {
    return dst + slice * dst_slice + std::uint64_t{row} * dst_pitch;
  }
  /// The bits of op_t, lowest first.
  [[nodiscard]] std::array<std::uint32_t, 14> bits() const;
};

/// What the memories and the aperture hold after operations that ran one after the other.
struct MoverReference {
  explicit MoverReference(unsigned pages_log2) : aperture(std::size_t{1} << pages_log2) {}

  SparseBytes host, vram;
  std::vector<std::optional<std::uint64_t>> aperture;  ///< Logical page.

  /// The memory and the address behind an operand; nothing when the aperture has no such page.
  [[nodiscard]] std::optional<std::uint64_t> resolve(unsigned space, std::uint64_t address) const;
  SparseBytes& memory(unsigned space) { return space == dma::space::VRAM ? vram : host; }
  /// Executes `op`, at most `limit` bytes of it (entries of a map), in order.
  void run(const Op& op, std::uint64_t limit = ~0ULL);
};

}  // namespace gpudmar::test
