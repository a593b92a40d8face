// SPDX-License-Identifier: Apache-2.0
// The mover against the reference: rows, slices, fills, aperture, every alignment and width.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/dma/mover_variants.h"
#include "tests/rtl/dma/mover_world.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

template <class Bench>
class MoverCopy : public ::testing::Test {};
TYPED_TEST_SUITE(MoverCopy, Movers);

template <class Bench>
void random_timing(Bench& bench, std::mt19937_64& random) {
  for (AxiMemory* port : {&bench.host, &bench.vram}) {
    port->keep_log = false;
    port->timing.read_latency = 1 + random() % 60;
    port->timing.read_jitter = random() % 40;
    port->timing.write_latency = 1 + random() % 60;
    port->timing.write_jitter = random() % 40;
    port->timing.ready_percent = random() % 2 == 0 ? 100 : 25 + random() % 75;
    port->timing.shuffle_ids = random() % 2 == 0;
  }
  bench.hint_percent = random() % 3 == 0 ? 0 : random() % 101;
}

/// A map operation over aperture pages that keep leading to sources or targets, or over pages nobody uses.
Op random_map(std::mt19937_64& random, std::uint64_t list, MoverReference& reference, SparseBytes& host) {
  Op op;
  op.dst_space = dma::space::APERTURE;
  switch (random() % 4) {
    case 0: {  // another order of some source pages, from a list
      op.kind = OpKind::MapPages;
      op.src_space = dma::space::LOGICAL;
      const std::uint64_t first = random() % kSourcePages;
      op.bytes = 1 + random() % (kSourcePages - first);
      op.dst = kApertureSources + (first << 12);
      op.src = list;
      for (unsigned i = 0; i < op.bytes; ++i) {
        const std::uint64_t page = kLogicalBase + kSource + (random() % kSourcePages << 12);
        // Bits 11:0 of an entry are not looked at.
        host.set64(list + 8 * i, page | (random() & 0xfff));
        reference.host.set64(list + 8 * i, host.get64(list + 8 * i));
      }
      break;
    }
    case 1:
      op.kind = OpKind::MapRange;
      op.src = kLogicalBase + kTarget + (random() % 32 << 12);
      op.dst = kApertureTargets + (random() % 32 << 12);
      op.bytes = 1 + random() % 32;
      break;
    case 2:
      op.kind = OpKind::MapSame;
      op.src = kLogicalBase + kTarget + (random() % kTargetPages << 12);
      op.dst = kApertureTargets + (random() % 32 << 12);
      op.bytes = 1 + random() % 8;
      break;
    default:
      op.kind = OpKind::MapInvalid;
      op.dst = std::uint64_t{200 + random() % 50} << 12;
      op.bytes = 1 + random() % 6;
  }
  return op;
}

// Operations of every kind in one queue; what a later one finds is what the earlier ones left.
TYPED_TEST(MoverCopy, RandomOperationsLeaveWhatTheReferenceLeaves) {
  covers("contract.dma.copy", "contract.dma.copy-3d", "contract.dma.fill", "contract.dma.aperture");
  const std::uint64_t seed = mover_seed(2025);
  SCOPED_TRACE(mover_rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 10; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    random_timing(bench, random);
    MoverReference reference = make_world(bench, random);
    unsigned maps = 0;
    for (unsigned i = 0; i < 120; ++i) {
      Op op = random() % 6 == 0 ? random_map(random, kLogicalBase + 0x20'0000 + 0x100 * maps++, reference,
                                             bench.host.memory)
                                : random_op(random);
      op.index = i;
      bench.push(op);
      reference.run(op);
    }
    ASSERT_TRUE(bench.finish());
    ASSERT_TRUE(bench.fails.empty()) << fmt::format("index {} code {}", bench.fails[0].index,
                                                    bench.fails[0].code);
    EXPECT_TRUE(bench.idle());
    expect_world(bench, reference);
    if (::testing::Test::HasFailure()) return;
  }
}

// With these pitches the rows of one operation go through every source offset; the targets' step goes over
// every other.
TYPED_TEST(MoverCopy, RowsOfEveryAlignment) {
  covers("contract.dma.copy-3d");
  constexpr unsigned kB = TypeParam::kBytes;
  std::mt19937_64 random(5);
  TypeParam bench;
  bench.host.keep_log = bench.vram.keep_log = false;
  MoverReference reference = make_world(bench, random);
  for (const unsigned bytes : {1U, 2U, kB - 1, kB, kB + 1, 2 * kB + 3}) {
    for (unsigned step = 0; step < kB; ++step) {
      Op op;
      op.src_space = dma::space::LOGICAL;
      op.src = kLogicalBase + kSource;
      op.dst = kTarget + random() % 64;
      op.bytes = bytes;
      op.rows = kB;
      op.src_pitch = 3 * kB + 1;
      op.dst_pitch = 3 * kB + step;
      bench.push(op);
      reference.run(op);
    }
  }
  ASSERT_TRUE(bench.finish());
  expect_world(bench, reference);
}

TYPED_TEST(MoverCopy, PatternsOfEveryLengthAtEveryOffset) {
  covers("contract.dma.fill");
  constexpr unsigned kB = TypeParam::kBytes;
  std::mt19937_64 random(6);
  TypeParam bench;
  bench.host.keep_log = bench.vram.keep_log = false;
  MoverReference reference = make_world(bench, random);
  for (unsigned length = 1; length <= 16; ++length) {
    for (unsigned offset = 0; offset < kB; ++offset) {
      Op op;
      op.kind = OpKind::Fill;
      op.dst_space = offset % 2 == 0 ? dma::space::VRAM : dma::space::APERTURE;
      // Near the end of a page: the pattern goes on over the border.
      op.dst = targets_of(op.dst_space) + 0x1000 * (1 + random() % 8) - 3 * kB + offset;
      op.bytes = 1 + random() % (6 * kB);
      op.rows = 1 + static_cast<unsigned>(random() % 3);
      op.dst_pitch = static_cast<std::uint32_t>(op.bytes + random() % 5);
      for (unsigned i = 0; i < length; ++i) op.pattern.push_back(static_cast<std::uint8_t>(random()));
      bench.push(op);
      reference.run(op);
    }
  }
  ASSERT_TRUE(bench.finish());
  expect_world(bench, reference);
}

// NO_SNOOP and PASID belong to the operation and the operand that has them.
TYPED_TEST(MoverCopy, AttributesGoWithTheOperand) {
  covers("contract.dma.no-snoop", "contract.dma.pasid");
  std::mt19937_64 random(8);
  TypeParam bench(3);
  bench.host.timing.ready_percent = 50;
  MoverReference reference = make_world(bench, random);
  ASSERT_TRUE(bench.finish());
  std::vector<Op> ops;
  constexpr unsigned kSpaces[] = {dma::space::VRAM, dma::space::APERTURE, dma::space::LOGICAL,
                                  dma::space::VIRTUAL};
  for (unsigned i = 0; i < 64; ++i) {
    Op op;
    op.src_space = kSpaces[i % 4];
    op.dst_space = kSpaces[i / 4 % 4];
    op.no_snoop = i % 3 == 0;
    op.pasid = 0x5'0000 + i;
    op.src = sources_of(op.src_space) + 0x80 * i;
    op.dst = targets_of(op.dst_space) + 0x80 * i;
    op.bytes = 0x80;
    ops.push_back(op);
    bench.push(op);
    reference.run(op);
  }
  bench.addresses.clear();
  ASSERT_TRUE(bench.finish());
  expect_world(bench, reference);
  unsigned found = 0;
  for (const Address& a : bench.addresses) {
    if (!a.host) continue;
    for (const Op& op : ops) {
      const unsigned space = a.write ? op.dst_space : op.src_space;
      const auto start =
          space == dma::space::VRAM ? std::nullopt : reference.resolve(space, a.write ? op.dst : op.src);
      if (!start || a.addr < *start || a.addr >= *start + op.bytes) continue;
      const bool pasid = space == dma::space::VIRTUAL;
      EXPECT_EQ(a.user, (op.no_snoop ? 1U << 21 : 0U) | (pasid ? 1U << 20 | op.pasid : 0U));
      ++found;
    }
  }
  EXPECT_GE(found, 96U);
}

// 4 GiB in one row: only its beginning, then it is stopped.
TYPED_TEST(MoverCopy, LongestRowStartsAndStops) {
  covers("contract.dma.copy");
  TypeParam bench;
  Op op;
  op.src_space = op.dst_space = dma::space::VIRTUAL;
  op.dst = 0x4000'0000'0000;
  op.bytes = 1ULL << 32;
  bench.push(op);
  bench.run(3000);
  std::uint64_t next = 0, longest = 0;
  for (const BusEvent& e : bench.host.log) {
    if (e.kind != BusEvent::Kind::Ar) continue;
    EXPECT_EQ(e.addr, next);
    next += (e.len + 1ULL) * TypeParam::kBytes;
    longest = std::max<std::uint64_t>(longest, e.len + 1);
  }
  EXPECT_GT(next, 1000U * TypeParam::kBytes);
  EXPECT_EQ(longest, std::min(TypeParam::kMaxBurst, 4096 / TypeParam::kBytes));
  bench.stop(true);
  EXPECT_TRUE(bench.drain());
  EXPECT_TRUE(bench.host.quiet());
}

// As many reads in flight as the parameter says, when memory is slow.
TYPED_TEST(MoverCopy, ReadsInFlightReachTheParameter) {
  covers("contract.dma.reads");
  TypeParam bench;
  bench.vram.timing.read_latency = 600;
  for (unsigned i = 0; i < 2 * TypeParam::kReads; ++i) {
    Op op;
    op.src = kSource + 64ULL * i;
    op.dst = kTarget + 64ULL * i;
    op.bytes = 1;
    bench.push(op);
  }
  unsigned most = 0;
  ASSERT_TRUE(bench.wait("all copies", [&] {
    most = std::max(most, bench.vram.reads_in_flight(0));
    return bench.done_vram == 2 * TypeParam::kReads;
  }));
  EXPECT_EQ(most, TypeParam::kReads);
}

// No read is taken: more pieces than the queues of the reads, the aligner and the hints have room for wait,
// and all of them are done when the device takes reads again.
TYPED_TEST(MoverCopy, QueuesFillWhenNoReadIsTaken) {
  covers("contract.dma.copy");
  std::mt19937_64 random(11);
  TypeParam bench;
  MoverReference reference = make_world(bench, random);
  ASSERT_TRUE(bench.finish());
  bench.host.refuse_ar = true;
  bench.hint_percent = 0;
  constexpr unsigned kJobs = std::max(TypeParam::kReads, 64U);
  for (unsigned i = 0; i < kJobs + 10; ++i) {
    Op op;
    op.src_space = dma::space::LOGICAL;
    op.src = kLogicalBase + kSource + 97ULL * i;
    op.dst = kTarget + 97ULL * i;
    op.bytes = 97;
    bench.push(op);
    reference.run(op);
  }
  const std::size_t before = bench.pushes.size();
  bench.run(4 * kJobs);
  EXPECT_GE(bench.pushes.size() - before, kJobs);
  EXPECT_LT(bench.pushes.size() - before, kJobs + 10) << "nothing was full";
  bench.host.refuse_ar = false;
  ASSERT_TRUE(bench.finish());
  expect_world(bench, reference);
}

// A fill is not taken at its destination: behind it the buffers of both ports fill to the last beat.
TYPED_TEST(MoverCopy, BuffersFillBehindAWriteThatIsNotTaken) {
  covers("contract.dma.copy");
  std::mt19937_64 random(12);
  TypeParam bench;
  MoverReference reference = make_world(bench, random);
  ASSERT_TRUE(bench.finish());
  bench.host.refuse_w = true;
  Op fill;
  fill.kind = OpKind::Fill;
  fill.pattern = {1, 2, 3};
  fill.dst_space = dma::space::LOGICAL;
  fill.dst = kLogicalBase + kTarget;
  fill.bytes = 4096;
  bench.push(fill);
  reference.run(fill);
  // Reads are in order: what fits in VRAM's buffer, then twice as much as fits in the host's.
  constexpr std::uint64_t kBuffer = TypeParam::kBytes == 8 ? 512 : 256;  // beats
  for (const bool from_host : {false, true}) {
    const std::uint64_t bytes = (from_host ? 2 : 1) * kBuffer * TypeParam::kBytes;
    for (std::uint64_t at = 0; at < bytes; at += 4096) {
      Op op = fill;
      op.kind = OpKind::Copy;
      op.pattern.clear();
      op.src_space = from_host ? dma::space::LOGICAL : dma::space::VRAM;
      op.src = sources_of(op.src_space) + at;
      op.dst_space = dma::space::VRAM;
      op.dst = kTarget + at + (from_host ? 0x1'0000 : 0);
      op.bytes = std::min<std::uint64_t>(4096, bytes - at);
      bench.push(op);
      reference.run(op);
    }
  }
  bench.run(3000);
  EXPECT_EQ(bench.done_vram, 0U);
  for (const AxiMemory* port : {&bench.host, &bench.vram}) {
    EXPECT_EQ(std::count_if(port->log.begin(), port->log.end(),
                            [](const BusEvent& e) { return e.kind == BusEvent::Kind::R; }),
              kBuffer);
  }
  bench.host.refuse_w = false;
  ASSERT_TRUE(bench.finish());
  expect_world(bench, reference);
}

// No write is answered: as many bursts go out as can wait for their answers, and no more.
TYPED_TEST(MoverCopy, UnansweredWritesReachTheirLimit) {
  covers("contract.dma.copy");
  for (const unsigned space : {dma::space::VRAM, dma::space::LOGICAL}) {
    SCOPED_TRACE(space);
    std::mt19937_64 random(13);
    TypeParam bench;
    MoverReference reference = make_world(bench, random);
    ASSERT_TRUE(bench.finish());
    AxiMemory& port = bench.memory(space);
    port.silent = [](bool write, unsigned, std::uint64_t) { return write; };
    port.log.clear();
    constexpr unsigned kLimit = std::max(TypeParam::kReads, 64U);
    for (unsigned i = 0; i < kLimit + 10; ++i) {
      Op op;
      op.kind = OpKind::Fill;
      op.pattern = {static_cast<std::uint8_t>(i)};
      op.dst_space = space;
      op.dst = targets_of(space) + 64ULL * i;
      op.bytes = 1;
      bench.push(op);
      reference.run(op);
    }
    bench.run(10 * kLimit);
    const auto sent = std::count_if(port.log.begin(), port.log.end(),
                                    [](const BusEvent& e) { return e.kind == BusEvent::Kind::Aw; });
    EXPECT_EQ(sent, kLimit);
    port.silent = nullptr;
    ASSERT_TRUE(bench.finish());
    expect_world(bench, reference);
  }
}

}  // namespace
}  // namespace gpudmar::test
