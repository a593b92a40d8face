// SPDX-License-Identifier: Apache-2.0
// Cycle numbers of the mover, and its hints.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/rtl/dma/mover_variants.h"
#include "tests/rtl/dma/mover_world.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

template <class Bench>
class MoverTiming : public ::testing::Test {};
TYPED_TEST_SUITE(MoverTiming, Movers);

constexpr unsigned kV = dma::space::VRAM, kA = dma::space::APERTURE, kL = dma::space::LOGICAL;

// From the push to the first address: plain 1, in the aperture 3, rows 2; with Pipe 2, 4, 2.
TYPED_TEST(MoverTiming, Launch) {
  covers("contract.dma.launch", "contract.dma.launch.aperture");
  struct Case {
    unsigned src_space, dst_space, rows, cycles;
    bool fill;
  };
  constexpr unsigned kPipe = TypeParam::kPipe;
  for (const Case& c :
       {Case{kV, kV, 1, 1 + kPipe, false}, Case{kL, kV, 1, 1 + kPipe, false},
        Case{kV, kL, 1, 1 + kPipe, false}, Case{kA, kV, 1, 3 + kPipe, false},
        Case{kV, kA, 1, 3 + kPipe, false}, Case{kA, kA, 1, 3 + kPipe, false}, Case{kV, kL, 2, 2, false},
        Case{kA, kL, 2, 3 + kPipe, false}, Case{kV, kV, 1, 3 + kPipe, true}}) {
    SCOPED_TRACE(fmt::format("{} to {}, {} rows, fill {}", c.src_space, c.dst_space, c.rows, c.fill));
    std::mt19937_64 random(1);
    TypeParam bench;
    make_world(bench, random);
    ASSERT_TRUE(bench.finish());
    bench.pushes.clear();
    bench.addresses.clear();
    Op op;
    op.src_space = c.src_space;
    op.dst_space = c.dst_space;
    op.src = sources_of(c.src_space);
    op.dst = targets_of(c.dst_space);
    op.bytes = 64;
    op.rows = c.rows;
    op.src_pitch = op.dst_pitch = 128;
    if (c.fill) {  // its first AW: aligner and write stage come behind
      op.kind = OpKind::Fill;
      op.pattern = {1};
    }
    bench.push(op);
    ASSERT_TRUE(bench.finish());
    ASSERT_FALSE(bench.addresses.empty());
    EXPECT_EQ(bench.addresses[0].cycle - bench.pushes[0], c.cycles + (c.fill ? 1 : 0));
  }
}

/// Idle W beats between the first and the last of queued operations, leaving out the first `skip` beats.
template <class Bench>
std::uint64_t idle_beats(Bench& bench, unsigned space, std::size_t skip) {
  std::vector<std::uint64_t> cycles;
  for (const BusEvent& e : bench.memory(space).log) {
    if (e.kind == BusEvent::Kind::W) cycles.push_back(e.cycle);
  }
  if (cycles.size() < 2 * skip) {
    ADD_FAILURE() << "only " << cycles.size() << " beats";
    return ~0ULL;
  }
  return cycles.back() - cycles[skip] + 1 - (cycles.size() - skip);
}

TYPED_TEST(MoverTiming, NoIdleWriteBeat) {
  covers("contract.dma.gap");
  struct Case {
    const char* what;
    unsigned src_space, dst_space, bytes, rows;
    bool fill;
  };
  constexpr unsigned kB = TypeParam::kBytes;
  // With Pipe one piece in two cycles comes from the aperture.
  for (const Case& c :
       {Case{"plain", kL, kV, 2 * kB, 1, false}, Case{"rows", kV, kL, kB, 16, false},
        Case{"rows of two", kL, kV, 2 * kB, 16, false}, Case{"fills", kV, kL, kB, 1, true},
        Case{"fill of rows", kV, kV, kB, 16, true}, Case{"aperture", kA, kV, 2 * kB, 1, false},
        Case{"aperture rows", kV, kA, 2 * kB, 8, false}, Case{"both", kA, kA, 4096, 1, false}}) {
    SCOPED_TRACE(c.what);
    std::mt19937_64 random(1);
    TypeParam bench;
    make_world(bench, random);
    ASSERT_TRUE(bench.finish());
    bench.host.log.clear();
    bench.vram.log.clear();
    const unsigned span = c.rows * c.bytes;
    for (unsigned i = 0; i < 64; ++i) {
      Op op;
      op.kind = c.fill ? OpKind::Fill : OpKind::Copy;
      op.pattern = {1, 2, 3};
      op.src_space = c.src_space;
      op.dst_space = c.dst_space;
      op.src = sources_of(c.src_space) + i * span % kSourceBytes;
      op.dst = targets_of(c.dst_space) + i * span;
      op.bytes = c.bytes;
      op.rows = c.rows;
      op.src_pitch = op.dst_pitch = c.bytes;
      bench.push(op);
    }
    ASSERT_TRUE(bench.finish());
    EXPECT_EQ(idle_beats(bench, c.dst_space, 8 * c.bytes / kB), 0U);
  }
}

template <class Bench>
class MoverHints : public ::testing::Test {};
TYPED_TEST_SUITE(MoverHints, Movers);

// Each page of a stream over scattered pages is hinted once, before its first address, and not too early.
TYPED_TEST(MoverHints, PagesAhead) {
  covers("contract.dma.hints");
  for (const unsigned offset : {0U, 24U}) {
    std::mt19937_64 random(4);
    TypeParam bench;
    bench.host.timing.read_latency = 60;
    const MoverReference reference = make_world(bench, random);
    ASSERT_TRUE(bench.finish());
    bench.addresses.clear();
    bench.hints.clear();
    Op op;
    op.src_space = op.dst_space = kA;
    op.src = kApertureSources;
    op.dst = kApertureTargets + offset;
    op.bytes = 12 * 4096;
    bench.push(op);
    ASSERT_TRUE(bench.finish());
    std::map<std::uint64_t, std::uint64_t> hinted;  // page, cycle
    for (const Hint& h : bench.hints) EXPECT_TRUE(hinted.try_emplace(h.page, h.cycle).second) << "twice";
    // On 64 bytes a read of a page is one address, so that the reads are at once as far as their buffer.
    constexpr bool kReadsLead = TypeParam::kBytes == 64;
    EXPECT_TRUE(kReadsLead || hinted.size() == 24U + (offset != 0 ? 1 : 0)) << hinted.size();
    std::map<std::uint64_t, std::uint64_t> used;
    for (const Address& a : bench.addresses) used.try_emplace(a.addr >> 12, a.cycle);
    std::set<std::uint64_t> written;
    for (const Address& a : bench.addresses) {
      if (a.write) written.insert(a.addr >> 12);
    }
    for (const auto& [page, cycle] : used) {
      if (kReadsLead && written.count(page) == 0) continue;
      ASSERT_EQ(hinted.count(page), 1U) << fmt::format("page {:#x}", page);
      // The first source page is read while its hint goes out.
      EXPECT_LE(hinted[page], cycle + 1);
    }
    // Ahead by four parts: when page k is hinted, page k - 4 has been read to its end.
    for (unsigned k = 6; k < 12 && !kReadsLead; ++k) {
      const std::uint64_t page = *reference.resolve(kA, op.src + (std::uint64_t{k} << 12)) >> 12;
      const std::uint64_t back = *reference.resolve(kA, op.src + (std::uint64_t{k - 5} << 12)) >> 12;
      EXPECT_GE(hinted[page], used[back]);
      EXPECT_LT(hinted[page], used[page]);
    }
  }
}

// Pages that the IOMMU does not translate without PASID are nobody's business.
TYPED_TEST(MoverHints, OnlyLogicalPages) {
  covers("contract.dma.hints");
  std::mt19937_64 random(4);
  TypeParam bench;
  make_world(bench, random);
  ASSERT_TRUE(bench.finish());
  bench.hints.clear();
  Op op;
  op.src_space = dma::space::VIRTUAL;
  op.src = kVirtualBase + kSource;
  op.dst = kTarget;
  op.bytes = 0x3000;
  bench.push(op);
  std::swap(op.src_space, op.dst_space);
  std::swap(op.src, op.dst);
  bench.push(op);
  ASSERT_TRUE(bench.finish());
  EXPECT_TRUE(bench.hints.empty());
  op.kind = OpKind::Fill;
  op.pattern = {7};
  op.dst_space = kL;
  op.dst = kLogicalBase + kTarget + 0x800;
  bench.push(op);
  ASSERT_TRUE(bench.finish());
  ASSERT_EQ(bench.hints.size(), 4U);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(bench.hints[i].page, (kLogicalBase + kTarget) / 0x1000 + i);
}

}  // namespace
}  // namespace gpudmar::test
