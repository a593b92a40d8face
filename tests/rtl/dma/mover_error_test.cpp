// SPDX-License-Identifier: Apache-2.0
// Failures of the mover: the exact address, and exactly the bytes before it.
#include <gtest/gtest.h>

#include "tests/rtl/dma/mover_variants.h"
#include "tests/rtl/dma/mover_world.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

template <class Bench>
class MoverError : public ::testing::Test {};
TYPED_TEST_SUITE(MoverError, Movers);

constexpr unsigned kSlverr = 2, kDecerr = 3;
constexpr unsigned kSourceOperand = 1, kTargetOperand = 2;

void expect_fail(const Fail& fail, unsigned index, unsigned code, unsigned operand, unsigned resp,
                 std::uint64_t addr) {
  EXPECT_EQ(fail.index, index);
  EXPECT_EQ(fail.code, code);
  EXPECT_EQ(fail.operand, operand);
  EXPECT_EQ(fail.resp, resp);
  EXPECT_EQ(fail.addr, addr) << fmt::format("{:#x}, not {:#x}", fail.addr, addr);
}

Op copy(unsigned src_space, std::uint64_t src, unsigned dst_space, std::uint64_t dst, std::uint64_t bytes) {
  Op op;
  op.src_space = src_space;
  op.src = src;
  op.dst_space = dst_space;
  op.dst = dst;
  op.bytes = bytes;
  return op;
}

// Every beat of a copy of rows fails once.
TYPED_TEST(MoverError, EveryBeatOfRows) {
  covers("contract.dma.error.read");
  constexpr unsigned kB = TypeParam::kBytes;
  for (const unsigned offset : {0U, 3U, kB - 1}) {
    for (unsigned beat = 0; beat < 14; ++beat) {
      SCOPED_TRACE(fmt::format("offset {} beat {}", offset, beat));
      std::mt19937_64 random(beat);
      TypeParam bench(beat + 1);
      MoverReference reference = make_world(bench, random);
      const Op before = copy(dma::space::LOGICAL, kLogicalBase + kSource + 0x4000, dma::space::LOGICAL,
                             kLogicalBase + kTarget + 0x4005, 3 * kB + 7);
      Op op = copy(dma::space::VRAM, kSource + offset, dma::space::LOGICAL, kLogicalBase + kTarget + 5,
                   3 * kB + 1);
      op.index = 77;
      op.rows = 3;
      op.src_pitch = 4 * kB + 2;
      op.dst_pitch = 4 * kB + 1;
      bench.push(before);
      bench.push(op);
      bench.push(copy(dma::space::LOGICAL, kLogicalBase + kSource, dma::space::VRAM, kTarget + 0x8000, 300));
      const std::uint64_t failed = kSource + beat * kB;
      bench.vram.read_errors[failed] = beat % 2 == 0 ? kSlverr : kDecerr;
      reference.run(before);
      bool hit = false;
      for (unsigned row = 0; row < op.rows && !hit; ++row) {
        const std::uint64_t start = op.src_row(0, row), end = start + op.bytes;
        if (failed + kB <= start || failed >= end) continue;
        hit = true;
        reference.run(op, row * op.bytes + (failed > start ? failed - start : 0));
      }
      if (!hit) continue;
      ASSERT_TRUE(bench.finish());
      ASSERT_EQ(bench.fails.size(), 1U);
      expect_fail(bench.fails[0], 77, dma::error::READ, kSourceOperand, beat % 2 == 0 ? kSlverr : kDecerr,
                  failed);
      ASSERT_TRUE(bench.drain());
      expect_world(bench, reference);
      // As good as new.
      bench.vram.read_errors.clear();
      bench.push(op);
      reference.run(op);
      ASSERT_TRUE(bench.finish());
      expect_world(bench, reference);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TYPED_TEST(MoverError, WritesOfRowsAndFills) {
  covers("contract.dma.error.write");
  for (const bool fill : {false, true}) {
    std::mt19937_64 random(1);
    TypeParam bench;
    MoverReference reference = make_world(bench, random);
    Op op = copy(dma::space::VRAM, kSource, dma::space::LOGICAL, kLogicalBase + kTarget + 0x1003, 40);
    op.index = 5;
    op.rows = 8;
    op.src_pitch = 64;
    op.dst_pitch = 0x200;
    if (fill) {
      op.kind = OpKind::Fill;
      op.pattern = {1, 2, 3};
    }
    const std::uint64_t burst =
        (kLogicalBase + kTarget + 0x1003 + 5 * 0x200) / TypeParam::kBytes * TypeParam::kBytes;
    bench.host.write_errors[burst] = kDecerr;
    bench.push(op);
    ASSERT_TRUE(bench.finish());
    ASSERT_GE(bench.fails.size(), 1U);
    expect_fail(bench.fails[0], 5, dma::error::WRITE, kTargetOperand, kDecerr, burst);
    EXPECT_EQ(bench.done_host, 0U);
    ASSERT_TRUE(bench.drain());
    // The rows before it are there, its own is not.
    reference.run(op, 5 * 40);
    for (unsigned row = 0; row < 6; ++row) {
      for (unsigned i = 0; i < 40; ++i) {
        const std::uint64_t at = op.dst_row(0, row) + i;
        ASSERT_EQ(bench.host.memory.get(at), reference.host.get(at)) << row << " " << i;
      }
    }
  }
}

struct ApertureCase {
  unsigned src_space, dst_space;
  std::uint64_t src, dst, bytes;
  unsigned operand;
  std::uint64_t address, good;
};

// A page without an entry, and one behind the table; the source counts before the destination.
TYPED_TEST(MoverError, AperturePages) {
  covers("contract.dma.error.aperture");
  constexpr unsigned kA = dma::space::APERTURE, kV = dma::space::VRAM, kL = dma::space::LOGICAL;
  constexpr std::uint64_t kEndOfSources = kApertureSources + 0x1'0000,
                          kEndOfTargets = kApertureTargets + 0x4'0000;
  constexpr std::uint64_t kEnd = 1ULL << (12 + TypeParam::kPagesLog2);
  const ApertureCase cases[] = {
      {kA, kV, kEndOfSources - 0x1005, kTarget + 3, 0x1100, kSourceOperand, kEndOfSources, 0x1005},
      {kA, kL, kEndOfSources, kLogicalBase + kTarget, 1, kSourceOperand, kEndOfSources, 0},
      {kV, kA, kSource + 1, kEndOfTargets - 0x20, 0x2000, kTargetOperand, kEndOfTargets, 0x20},
      {kL, kA, kLogicalBase + kSource, kEnd + 0x4321, 9, kTargetOperand, kEnd + 0x4321, 0},
      {kA, kV, kEnd, kTarget, 9, kSourceOperand, kEnd, 0},
      {kA, kV, 0xffff'ffff'ffff'fff0, kTarget, 0x20, kSourceOperand, 0xffff'ffff'ffff'fff0, 0},
      {kA, kA, kEndOfSources - 0x10, kEndOfTargets - 0x10, 0x20, kSourceOperand, kEndOfSources, 0x10},
      {kA, kA, kEndOfSources - 0x20, kEndOfTargets - 0x10, 0x30, kTargetOperand, kEndOfTargets, 0x10},
      {kA, kA, kEndOfSources + 1, kEnd + 2, 0x30, kSourceOperand, kEndOfSources + 1, 0},
      {kA, kA, kApertureSources, kEnd + 2, 0x30, kTargetOperand, kEnd + 2, 0},
      {kA, kA, kEnd + 1, kEnd + 2, 0x30, kSourceOperand, kEnd + 1, 0},
  };
  unsigned index = 100;
  for (const ApertureCase& c : cases) {
    SCOPED_TRACE(fmt::format("case {}", index));
    std::mt19937_64 random(1);
    TypeParam bench;
    MoverReference reference = make_world(bench, random);
    Op op = copy(c.src_space, c.src, c.dst_space, c.dst, c.bytes);
    op.index = index++;
    bench.push(op);
    bench.push(copy(kV, kSource, kV, kTarget + 0x1'0000, 5));
    ASSERT_TRUE(bench.finish());
    ASSERT_EQ(bench.fails.size(), 1U);
    expect_fail(bench.fails[0], op.index, dma::error::BAD_APERTURE, c.operand, 0, c.address);
    ASSERT_TRUE(bench.drain());
    reference.run(op, c.good);
    expect_world(bench, reference);
  }
}

// A row that leaves its space: the rows before it are complete, the address is the row's.
TYPED_TEST(MoverError, RowsBeyondTheirSpace) {
  covers("contract.dma.error.address");
  struct Case {
    unsigned src_space, dst_space;
    std::uint64_t src, dst;
    std::uint32_t src_pitch, dst_pitch;
    unsigned operand, good_rows;
  };
  constexpr unsigned kV = dma::space::VRAM, kL = dma::space::LOGICAL, kVirtual = dma::space::VIRTUAL;
  constexpr std::uint64_t kVramEnd = 1ULL << TypeParam::kVramBits, kLogicalEnd = 1ULL << TypeParam::kAddrBits;
  constexpr std::uint64_t kVirtualEnd = 1ULL << TypeParam::kVirtualBits;
  const Case cases[] = {
      {kV, kL, kVramEnd - 0x200 - 49, kLogicalBase + kTarget, 0x100, 64, kSourceOperand, 2},
      {kL, kV, kLogicalBase + kSource, kVramEnd - 0x100 - 50, 64, 0x100, kTargetOperand, 2},
      {kL, kV, kLogicalEnd - 49, kTarget, 64, 64, kSourceOperand, 0},
      {kV, kL, kSource, kLogicalEnd - 0x300 - 49, 64, 0x100, kTargetOperand, 3},
      {kVirtual, kL, kVirtualEnd - 0x100 - 49, kLogicalBase + kTarget, 0x100, 64, kSourceOperand, 1},
      {kV, kVirtual, kSource, 0xffff'ffff'ffff'fff0, 64, 64, kTargetOperand, 0},
      {kV, kL, kVramEnd - 0x100 - 49, kLogicalEnd - 0x100 - 49, 0x100, 0x100, kSourceOperand, 1},
  };
  for (const Case& c : cases) {
    std::mt19937_64 random(1);
    TypeParam bench;
    MoverReference reference = make_world(bench, random);
    Op op = copy(c.src_space, c.src, c.dst_space, c.dst, 50);
    op.index = 9;
    op.rows = 6;
    op.src_pitch = c.src_pitch;
    op.dst_pitch = c.dst_pitch;
    bench.push(op);
    ASSERT_TRUE(bench.finish());
    ASSERT_EQ(bench.fails.size(), 1U);
    const std::uint64_t row =
        c.operand == kSourceOperand ? op.src_row(0, c.good_rows) : op.dst_row(0, c.good_rows);
    expect_fail(bench.fails[0], 9, dma::error::BAD_ADDRESS, c.operand, 0, row);
    ASSERT_TRUE(bench.drain());
    reference.run(op, 50ULL * c.good_rows);
    expect_world(bench, reference);
  }
}

// A failed beat of the list, an entry that is too high: the entries before are written, no other.
TYPED_TEST(MoverError, ListsOfAperturePages) {
  covers("contract.dma.error.aperture", "contract.dma.error.read");
  constexpr std::uint64_t kList = kLogicalBase + 0x20'0008;
  for (const bool high : {false, true}) {
    for (unsigned at = 0; at < 12; ++at) {
      SCOPED_TRACE(fmt::format("{} entry {}", high ? "high" : "failed", at));
      std::mt19937_64 random(1);
      TypeParam bench;
      MoverReference reference = make_world(bench, random);
      for (unsigned i = 0; i < 12; ++i) {
        std::uint64_t entry = kLogicalBase + kTarget + (std::uint64_t{i} << 12);
        if (high && i == at) entry |= 1ULL << (TypeParam::kAddrBits + at);
        bench.host.memory.set64(kList + 8 * i, entry);
        reference.host.set64(kList + 8 * i, entry);
      }
      const std::uint64_t beat = (kList + 8 * at) / TypeParam::kBytes * TypeParam::kBytes;
      if (!high) bench.host.read_errors[beat] = kSlverr;
      Op map;
      map.index = 3;
      map.kind = OpKind::MapPages;
      map.src_space = dma::space::LOGICAL;
      map.dst_space = dma::space::APERTURE;
      map.src = kList;
      map.dst = 200ULL << 12;
      map.bytes = 12;
      bench.push(map);
      ASSERT_TRUE(bench.finish());
      ASSERT_EQ(bench.fails.size(), 1U);
      const unsigned good = high ? at : beat <= kList ? 0 : static_cast<unsigned>((beat - kList) / 8);
      expect_fail(bench.fails[0], 3, high ? dma::error::BAD_ADDRESS : dma::error::READ, kSourceOperand,
                  high ? 0 : kSlverr, high ? kList + 8 * at : beat);
      ASSERT_TRUE(bench.drain());
      // What is mapped can be written, the next page can not.
      bench.host.read_errors.clear();
      Op fill;
      fill.kind = OpKind::Fill;
      fill.pattern = {0xa5, 0x5a, 0x11};
      fill.dst_space = dma::space::APERTURE;
      fill.dst = (200ULL << 12) + 0xff0;
      fill.bytes = 12;
      fill.rows = 12;
      fill.dst_pitch = 0x1000;
      reference.run(map, good);
      reference.run(fill, 12ULL * good);
      bench.push(fill);
      ASSERT_TRUE(bench.finish());
      ASSERT_EQ(bench.fails.size(), 1U);
      expect_fail(bench.fails[0], 0, dma::error::BAD_APERTURE, kTargetOperand, 0, fill.dst_row(0, good));
      ASSERT_TRUE(bench.drain());
      expect_world(bench, reference);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Without bus mastering VRAM still works; the first burst that needs the host fails.
TYPED_TEST(MoverError, BusMasterOff) {
  covers("contract.dma.error.bus-master");
  for (const bool write : {false, true}) {
    std::mt19937_64 random(1);
    TypeParam bench;
    MoverReference reference = make_world(bench, random);
    ASSERT_TRUE(bench.finish());
    bench.bus_master(false);
    const Op local = copy(dma::space::VRAM, kSource, dma::space::VRAM, kTarget, 3000);
    Op op =
        write ? copy(dma::space::VRAM, kSource, dma::space::LOGICAL, kLogicalBase + kTarget + 9, 40)
              : copy(dma::space::LOGICAL, kLogicalBase + kSource + 9, dma::space::VRAM, kTarget + 0x4000, 40);
    op.index = 4;
    op.rows = 2;
    op.src_pitch = op.dst_pitch = 100;
    bench.addresses.clear();
    bench.hints.clear();
    bench.push(local);
    bench.push(op);
    ASSERT_TRUE(bench.finish());
    ASSERT_EQ(bench.fails.size(), 1U);
    EXPECT_EQ(bench.fails[0].code, dma::error::BUS_MASTER);
    EXPECT_EQ(bench.fails[0].operand, write ? kTargetOperand : kSourceOperand);
    ASSERT_TRUE(bench.drain());
    for (const Address& a : bench.addresses) EXPECT_FALSE(a.host);
    EXPECT_TRUE(bench.hints.empty());
    reference.run(local);
    expect_world(bench, reference);
  }
}

// What a time-out needs to know: the beat or the burst that does not come.
TYPED_TEST(MoverError, WhatIsWaitedFor) {
  covers("contract.dma.error.timeout");
  TypeParam bench;
  bench.vram.timing.read_latency = bench.host.timing.write_latency = 3000;
  Op op = copy(dma::space::VRAM, kSource + 3, dma::space::LOGICAL, kLogicalBase + kTarget + 3, 40);
  op.index = 0x1234;
  bench.push(op);
  bench.run(200);
  ASSERT_TRUE(bench.read_wait());
  EXPECT_EQ(bench.b_wait(), 0U);
  expect_fail(bench.read_wait_data(), 0x1234, dma::error::TIMEOUT, kSourceOperand, 0, kSource);
  bench.run(3200);
  EXPECT_FALSE(bench.read_wait());
  ASSERT_EQ(bench.b_wait(), 2U);
  EXPECT_EQ(bench.b_wait_data(true).index, 0x1234U);
  EXPECT_EQ(bench.b_wait_data(true).addr, kLogicalBase + kTarget);
  ASSERT_TRUE(bench.finish());
  EXPECT_EQ(bench.b_wait(), 0U);
}

// Stopped in any cycle it comes to rest, obeys the bus rules, and works again after the flush.
TYPED_TEST(MoverError, StopInAnyCycle) {
  covers("contract.dma.error.stop");
  const std::uint64_t seed = mover_seed(31);
  SCOPED_TRACE(mover_rerun(seed));
  std::mt19937_64 random(seed);
  TypeParam bench(seed);
  bench.host.keep_log = bench.vram.keep_log = false;
  for (AxiMemory* port : {&bench.host, &bench.vram}) {
    port->timing.read_latency = 9;
    port->timing.read_jitter = port->timing.write_jitter = 12;
    port->timing.ready_percent = 70;
  }
  make_world(bench, random);
  ASSERT_TRUE(bench.finish());
  for (unsigned cycle = 0; cycle < 150; ++cycle) {
    SCOPED_TRACE(fmt::format("cycle {}", cycle));
    for (unsigned i = 0; i < 6; ++i) {
      Op op = random_op(random);
      if (i == 2) {  // the entries it writes are the ones that are there
        op = Op();
        op.kind = OpKind::MapInvalid;
        op.dst_space = dma::space::APERTURE;
        op.dst = 210ULL << 12;
        op.bytes = 20;
      }
      bench.push(op);
    }
    bench.run(cycle);
    bench.stop(true);
    ASSERT_TRUE(bench.drain());
    EXPECT_TRUE(bench.host.quiet());
    EXPECT_TRUE(bench.vram.quiet());
    MoverReference reference = MoverReference(TypeParam::kPagesLog2);
    reference.host = bench.host.memory;
    reference.vram = bench.vram.memory;
    Op check =
        copy(dma::space::VRAM, kSource + random() % 999, dma::space::LOGICAL, kLogicalBase + kTarget, 777);
    bench.push(check);
    reference.run(check);
    ASSERT_TRUE(bench.finish());
    expect_world(bench, reference);
    if (::testing::Test::HasFailure()) return;
  }
}

// Nobody stops it: the burst under way ends without strobes by itself, and nothing behind it is written.
TYPED_TEST(MoverError, AFailureIsEnoughOfAStop) {
  covers("contract.dma.error.read");
  constexpr unsigned kB = TypeParam::kBytes;
  for (unsigned beat = 0; beat < 12; ++beat) {
    SCOPED_TRACE(beat);
    std::mt19937_64 random(beat);
    TypeParam bench(beat + 1);
    MoverReference reference = make_world(bench, random);
    ASSERT_TRUE(bench.finish());
    bench.stop_after_fail = false;
    bench.host.log.clear();
    bench.vram.read_errors[kSource + beat * kB] = kSlverr;
    const Op op = copy(dma::space::VRAM, kSource, dma::space::LOGICAL, kLogicalBase + kTarget, 12 * kB);
    bench.push(op);
    bench.push(copy(dma::space::LOGICAL, kLogicalBase + kSource, dma::space::VRAM, kTarget + 0x8000, 300));
    reference.run(op, std::uint64_t{beat} * kB);
    bench.run(300);
    ASSERT_EQ(bench.fails.size(), 1U);
    expect_fail(bench.fails[0], 0, dma::error::READ, kSourceOperand, kSlverr, kSource + beat * kB);
    std::uint64_t asked = 0, sent = 0;
    for (const BusEvent& e : bench.host.log) {
      if (e.kind == BusEvent::Kind::Aw) asked += e.len + 1;
      if (e.kind == BusEvent::Kind::W) sent += 1;
    }
    EXPECT_EQ(sent, asked);
    EXPECT_EQ(bench.done_vram, 0U);
    bench.stop(true);
    ASSERT_TRUE(bench.drain());
    expect_world(bench, reference);
  }
}

}  // namespace
}  // namespace gpudmar::test
