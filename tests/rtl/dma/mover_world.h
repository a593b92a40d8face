// SPDX-License-Identifier: Apache-2.0
// Memory contents and random operations for the mover's tests: sources and targets lie apart in every space.
#pragma once

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "tests/rtl/dma/mover_bench.h"

namespace gpudmar::test {

constexpr std::uint64_t kLogicalBase = 0xab'cd00'0000;    // below 2^40
constexpr std::uint64_t kVirtualBase = 0x7abc'0000'0000;  // below 2^48
constexpr std::uint64_t kSource = 0x10'0000, kTarget = 0x80'0000;
constexpr std::uint64_t kSourceBytes = 0x1'0000, kTargetBytes = 0x4'0000;
// Aperture pages 0 to 15 lead to logical sources, 64 to 127 to logical targets; the others nowhere at first.
constexpr std::uint64_t kApertureSources = 0, kApertureTargets = 64ULL << 12;
constexpr unsigned kSourcePages = 16, kTargetPages = 64;

inline std::uint64_t base_of(unsigned space) {
  if (space == dma::space::LOGICAL) return kLogicalBase;
  return space == dma::space::VIRTUAL ? kVirtualBase : 0;
}
inline std::uint64_t sources_of(unsigned space) {
  return space == dma::space::APERTURE ? kApertureSources : base_of(space) + kSource;
}
inline std::uint64_t targets_of(unsigned space) {
  return space == dma::space::APERTURE ? kApertureTargets : base_of(space) + kTarget;
}

inline void fill_random(SparseBytes& memory, std::uint64_t base, std::uint64_t bytes,
                        std::mt19937_64& random) {
  for (std::uint64_t i = 0; i < bytes; i += 8) memory.set64(base + i, random());
}

/// Fills the sources of `bench` and maps the aperture, its pages in a random order. The reference knows the
/// same.
template <class Bench>
MoverReference make_world(Bench& bench, std::mt19937_64& random) {
  MoverReference reference(Bench::kPagesLog2);
  fill_random(bench.vram.memory, kSource, kSourceBytes, random);
  fill_random(bench.host.memory, kLogicalBase + kSource, kSourceBytes, random);
  fill_random(bench.host.memory, kVirtualBase + kSource, kSourceBytes, random);
  reference.vram = bench.vram.memory;
  reference.host = bench.host.memory;
  const auto map = [&](std::uint64_t from, unsigned pages, std::uint64_t logical) {
    std::vector<unsigned> order(pages);
    for (unsigned i = 0; i < pages; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (unsigned i = 0; i < pages; ++i) {
      Op op;
      op.kind = OpKind::MapRange;
      op.dst_space = dma::space::APERTURE;
      op.dst = from + (std::uint64_t{i} << 12);
      op.src = logical + (std::uint64_t{order[i]} << 12);
      bench.push(op);
      reference.run(op);
    }
  };
  map(kApertureSources, kSourcePages, kLogicalBase + kSource);
  map(kApertureTargets, kTargetPages, kLogicalBase + kTarget);
  return reference;
}

/// Places rows at random within [base, base + room): sets address and slice; the pitch is given.
inline std::pair<std::uint64_t, std::uint64_t> place_rows(std::mt19937_64& random, std::uint64_t base,
                                                          std::uint64_t room, std::uint64_t bytes,
                                                          unsigned rows, unsigned slices,
                                                          std::uint32_t pitch) {
  const std::uint64_t slice_span = std::uint64_t{rows - 1} * pitch + bytes;
  const std::uint64_t most = slices == 1 ? 0 : (room - slice_span) / (slices - 1);
  const std::uint64_t stride = most == 0 ? 0 : random() % std::min<std::uint64_t>(most, 2 * slice_span + 64);
  const std::uint64_t start = base + random() % (room - slice_span - stride * (slices - 1) + 1);
  // Down as well as up.
  if (slices > 1 && random() % 3 == 0) return {start + stride * (slices - 1), 0 - stride};
  return {start, slices == 1 ? random() : stride};
}

/// A copy or fill with sources and targets as above.
inline Op random_op(std::mt19937_64& random) {
  constexpr unsigned kSpaces[] = {dma::space::VRAM, dma::space::APERTURE, dma::space::LOGICAL,
                                  dma::space::VIRTUAL};
  Op op;
  op.kind = random() % 3 == 0 ? OpKind::Fill : OpKind::Copy;
  op.src_space = op.kind == OpKind::Fill ? 0 : kSpaces[random() % 4];
  op.dst_space = kSpaces[random() % 4];
  op.no_snoop = random() % 4 == 0;
  op.pasid = static_cast<std::uint32_t>(random() % (1U << 20));
  op.bytes = 1 + random() % (random() % 6 == 0 ? 9000 : random() % 2 == 0 ? 150 : 40);
  if (random() % 2 == 0) {
    op.rows = 1 + static_cast<unsigned>(random() % (op.bytes > 1000 ? 3 : 12));
    op.slices = random() % 3 == 0 ? 1 + static_cast<unsigned>(random() % 3) : 1;
  }
  const auto pitch = [&] {
    switch (random() % 4) {
      case 0:
        return static_cast<std::uint32_t>(0);
      case 1:
        return static_cast<std::uint32_t>(random() % (op.bytes + 1));
      case 2:
        return static_cast<std::uint32_t>(op.bytes);
      default:
        return static_cast<std::uint32_t>(op.bytes + random() % 100);
    }
  };
  op.dst_pitch = pitch();
  std::tie(op.dst, op.dst_slice) =
      place_rows(random, targets_of(op.dst_space), kTargetBytes, op.bytes, op.rows, op.slices, op.dst_pitch);
  if (op.kind == OpKind::Fill) {
    op.pattern.resize(1 + random() % 16);
    for (auto& byte : op.pattern) byte = static_cast<std::uint8_t>(random());
  } else {
    op.src_pitch = pitch();
    std::tie(op.src, op.src_slice) = place_rows(random, sources_of(op.src_space), kSourceBytes, op.bytes,
                                                op.rows, op.slices, op.src_pitch);
  }
  return op;
}

/// Compares both memories with the reference, byte by byte.
template <class Bench>
void expect_world(Bench& bench, const MoverReference& reference) {
  EXPECT_EQ(bench.vram.memory.first_difference(reference.vram), ~0ULL) << "VRAM";
  EXPECT_EQ(bench.host.memory.first_difference(reference.host), ~0ULL) << "host";
}

}  // namespace gpudmar::test
